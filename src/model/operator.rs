//! People who act on what they see: when, after how long, and what they do.
//!
//! They look at requests only, second by second, so they exist on the request clock alone. What they may judge by is a
//! closed list, so that whatever is written can be judged while a trial runs. Nothing here looks or acts.

use super::dist::Law;
use super::experiment::{BucketMeasure, CallEnds, Subject};
use super::topology::{PoolId, ServiceId};
use crate::time::Span;

/// Somebody who acts.
#[derive(Clone, Debug, PartialEq)]
pub struct Operator {
    /// Its name in the scenario.
    pub name: String,
    /// What calls for the act.
    pub when: When,
    /// For how long without a break, before somebody is paged.
    pub after: Span,
    /// Time until the page is answered.
    pub page: Law,
    /// What is done then.
    pub act: Act,
}

/// What calls for an act.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum When {
    /// Nothing is broken, and yet too few requests are answered.
    Stuck,
    /// A symptom shows.
    Shows(Symptom),
}

/// A condition on the requests of a second that fails.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Symptom {
    /// What is measured.
    pub measure: BucketMeasure,
    /// Of whom.
    pub subject: Subject,
    /// Should it be at least this much, not at most?
    pub at_least: bool,
    /// This much: a share, seconds or a number.
    pub value: f64,
}

impl Symptom {
    /// Does it show in this value?
    pub fn shows(&self, value: f64) -> bool {
        if self.at_least { value < self.value } else { value > self.value }
    }
}

/// What somebody does.
#[derive(Clone, Debug, PartialEq)]
pub enum Act {
    /// Admit only a share of the requests, and then, little by little, all.
    Shed {
        /// The share, 0 to 1.
        share: f64,
        /// For so long.
        lasts: Law,
        /// Then so long until all are admitted.
        ramp: Span,
    },
    /// Restart the nodes of these pools, one after the other.
    Restart {
        /// The pools.
        pools: Vec<PoolId>,
        /// Each is out for so long; none: as its liveness check says.
        takes: Option<Law>,
    },
    /// Keep the breakers of a call open, whatever they have seen.
    OpenBreaker {
        /// The call.
        call: CallEnds,
        /// For so long.
        lasts: Law,
    },
    /// Fail over to the next candidate.
    FailOver {
        /// The service, which has a failover; none: the active region.
        service: Option<ServiceId>,
    },
}

impl Act {
    /// What it is called in the language.
    pub const fn name(&self) -> &'static str {
        match self {
            Act::Shed { .. } => "shed",
            Act::Restart { .. } => "restart",
            Act::OpenBreaker { .. } => "open-breaker",
            Act::FailOver { .. } => "fail-over",
        }
    }
}
