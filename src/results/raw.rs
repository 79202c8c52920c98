//! Raw material, a record per trial, per outage, per change of level, so that any other figure can be had.

use crate::time::{Span, Time};

/// What stands in the way of service at an instant of an outage; each instant belongs to the first that holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Nobody knows yet.
    Undetected,
    /// A page is not answered yet.
    Deciding,
    /// A candidate is taking over, or people are after it failed to.
    Promoting,
    /// Clients still hold the old answer.
    Rerouting,
    /// Stopped nodes are starting.
    Warming,
    /// Nothing is broken any more, but breakers are still open; on the request clock only.
    Breakers,
    /// Out of service for the way back.
    FailingBack,
    /// Nothing but the repair will help.
    Repairing,
    /// Nothing is broken, and yet too few requests are answered, mostly since there are too many; on the request clock only.
    Overloaded,
}

impl Stage {
    /// All stages in their order.
    pub const ALL: [Stage; 9] = [
        Stage::Undetected,
        Stage::Deciding,
        Stage::Promoting,
        Stage::Rerouting,
        Stage::Warming,
        Stage::Breakers,
        Stage::FailingBack,
        Stage::Repairing,
        Stage::Overloaded,
    ];

    /// The name in JSON, csv and charts.
    pub const fn name(self) -> &'static str {
        match self {
            Stage::Undetected => "undetected",
            Stage::Deciding => "deciding",
            Stage::Promoting => "promoting",
            Stage::Rerouting => "rerouting",
            Stage::Warming => "warming",
            Stage::Breakers => "breakers",
            Stage::FailingBack => "failing-back",
            Stage::Repairing => "repairing",
            Stage::Overloaded => "overloaded",
        }
    }
}

/// One subject in one trial.
#[derive(Clone, Debug, PartialEq)]
pub struct TrialRecord {
    /// The trial.
    pub trial: u64,
    /// Whose level.
    pub subject: String,
    /// Time at full level.
    pub up: Span,
    /// Time at less, but not down.
    pub degraded: Span,
    /// Time down; the three add up to the horizon.
    pub down: Span,
    /// Outages that began in it: not one that was there when counting began.
    pub outages: u64,
    /// Demand offered: requests where the scenario gives rates, else seconds.
    pub offered: f64,
    /// Demand served, in the same unit.
    pub served: f64,
}

/// One outage.
#[derive(Clone, Debug, PartialEq)]
pub struct OutageRecord {
    /// The trial.
    pub trial: u64,
    /// Who was down.
    pub subject: String,
    /// When it began.
    pub start: Time,
    /// How long it lasted.
    pub duration: Span,
    /// The fault that began it.
    pub cause: String,
    /// Time in each stage, in the order of [`Stage::ALL`]; they add up to the duration.
    pub stages: [Span; Stage::ALL.len()],
}

/// One change of a subject's level, or one second of its requests.
#[derive(Clone, Debug, PartialEq)]
pub struct TimelineRecord {
    /// The trial.
    pub trial: u64,
    /// When.
    pub at: Time,
    /// Whose level.
    pub subject: String,
    /// The level from then on, 0 to 1.
    pub level: f64,
    /// Of the requests that came in the second from then on: those that have ended, in full, by a tier.
    pub requests: Option<[u32; 3]>,
}
