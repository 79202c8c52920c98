//! How requests of a group come: at a rate of their own, or one after another from clients that wait for the answer.

use super::call::CallPolicy;
use super::{ClassId, RequestTier};
use crate::model::dist::Law;
use crate::time::Span;

/// How the users of one group behave.
#[derive(Clone, Debug, PartialEq)]
pub struct GroupTraffic {
    /// How their requests come.
    pub arrivals: Arrivals,
    /// Share of each class of requests, adding up to 1; empty: all are alike.
    pub mix: Vec<(ClassId, f64)>,
    /// Policies of their own attempts.
    pub policy: CallPolicy,
    /// What answers when an attempt has failed for good, in turn.
    pub tiers: Vec<RequestTier>,
}

/// How requests come.
#[derive(Clone, Debug, PartialEq)]
pub enum Arrivals {
    /// At a rate, whatever becomes of those before.
    Open {
        /// Requests per second, above 0, before shape and bursts.
        rate: f64,
        /// How they are spread in time.
        pattern: Pattern,
        /// Factor on the rate over time.
        shape: Shape,
        /// Further factors for a while.
        bursts: Vec<Burst>,
        /// Clients that share them, each with breakers, budgets and answers of its own, at least 1; a single one stands
        /// for a whole population where routing is concerned.
        clients: u32,
    },
    /// Each client asks again a while after its last answer.
    Closed(Closed),
}

/// Clients that wait for their answers.
#[derive(Clone, Debug, PartialEq)]
pub struct Closed {
    /// How many, at least 1.
    pub clients: u32,
    /// Time from an answer to the next request.
    pub think: Law,
}

/// How arrivals are spread in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pattern {
    /// Independent of each other.
    Poisson,
    /// Evenly, from one period after the start.
    Regular,
}

/// A factor on the rate over time; 0 is midnight.
#[derive(Clone, Debug, PartialEq)]
pub enum Shape {
    /// Always 1.
    Steady,
    /// 1 + swing cos(2 pi (t - peak) / 1 d).
    Diurnal {
        /// 0 to 1.
        swing: f64,
        /// Time of day of the peak.
        peak: Span,
    },
    /// From each time of day to the next that is named, day after day; ascending.
    Daily(Vec<(Span, f64)>),
    /// From each instant to the next; ascending, 0 before the first, the last for ever.
    Trace(Vec<(Span, f64)>),
}

/// More (or less) for a while.
#[derive(Clone, Debug, PartialEq)]
pub struct Burst {
    /// When it begins the first time.
    pub first: Span,
    /// Time from one beginning to the next; none: once.
    pub every: Option<Span>,
    /// How long it lasts.
    pub lasts: Span,
    /// Factor on the rate meanwhile, at least 0.
    pub factor: f64,
}
