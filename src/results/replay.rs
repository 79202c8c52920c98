//! One trial told in full: who failed, who was down, and each step of every failover; for traces and Gantt charts.
//!
//! Times are counted from the start of the trial. What happened belongs to a group (users, a service, a region), and in
//! it to a part.

use super::raw::{Stage, TimelineRecord};
use super::requests::{Attempts, Requests};
use crate::time::{Span, Time};

/// One trial.
#[derive(Clone, Debug, PartialEq)]
pub struct Replay {
    /// Title of the scenario.
    pub scenario: String,
    /// Which trial.
    pub trial: u64,
    /// Seed of all random streams.
    pub seed: u64,
    /// Length of the trial.
    pub horizon: Span,
    /// Names of the groups; the first holds the system and its users.
    pub groups: Vec<String>,
    /// Faults with their repairs, by start.
    pub faults: Vec<Spell>,
    /// Outages, by start.
    pub outages: Vec<Spell>,
    /// Changes of the levels of the system and its users.
    pub levels: Vec<TimelineRecord>,
    /// Everything that happened, a line each, in the order of time.
    pub steps: Vec<Step>,
    /// Single requests, on the request clock.
    pub requests: Option<Requests>,
}

/// A stretch of time in which something was wrong.
#[derive(Clone, Debug, PartialEq)]
pub struct Spell {
    /// The group, an index.
    pub group: usize,
    /// What was wrong: a node, zone, region or service; of an outage its subject.
    pub part: String,
    /// Why.
    pub cause: String,
    /// From when on.
    pub start: Time,
    /// How long.
    pub duration: Span,
    /// Did the trial end before it did?
    pub cut: bool,
    /// Of an outage: time in each stage, in the order of [`Stage::ALL`].
    pub stages: Option<[Span; Stage::ALL.len()]>,
}

impl Spell {
    /// When it is over.
    pub fn end(&self) -> Time {
        self.start + self.duration
    }
}

/// An outage of the system, from a little before it to a little after.
#[derive(Clone, Debug, PartialEq)]
pub struct CloseUp {
    /// The trial.
    pub replay: Replay,
    /// The outage.
    pub outage: Spell,
    /// From when on it is shown.
    pub from: Time,
    /// Until when.
    pub to: Time,
    /// What its requests met, on the request clock.
    pub buckets: Vec<RequestBucket>,
    /// Where attempts went meanwhile: to the entry, and to services that fail over.
    pub attempts: Vec<Attempts>,
    /// What breakers did meanwhile: by call, those that did anything.
    pub breakers: Vec<BreakerStates>,
}

/// How many breakers of a call refuse and how many probe, in the mean over each bucket.
#[derive(Clone, Debug, PartialEq)]
pub struct BreakerStates {
    /// Its name, `api->db`.
    pub call: String,
    /// Its breakers that opened at some time in the trial.
    pub breakers: usize,
    /// Those that refuse.
    pub open: Vec<f64>,
    /// Those that let probes through.
    pub half_open: Vec<f64>,
}

/// Requests of a stretch of time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RequestBucket {
    /// From when on.
    pub from: Time,
    /// How long.
    pub length: Span,
    /// Share answered of those that ended in it, if any did.
    pub answered: Option<f64>,
    /// Latency of the answered ones that one in two exceeds.
    pub latency_p50_s: Option<f64>,
    /// Latency of the answered ones that only one in a hundred exceeds.
    pub latency_p99_s: Option<f64>,
    /// Attempts beyond the first, per second.
    pub retries_per_s: f64,
}

/// Something that happened at an instant.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// When.
    pub at: Time,
    /// Of what kind, a word: `fault`, `check`, `failover`.
    pub kind: String,
    /// The group, an index.
    pub group: usize,
    /// To whom.
    pub subject: String,
    /// In words.
    pub text: String,
    /// In a word or two, for a mark on an axis of time; empty: it is not marked.
    pub short: &'static str,
}
