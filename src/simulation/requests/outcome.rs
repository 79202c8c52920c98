//! What a trial has counted of requests; latencies are those of answered ones, everything else is an integer.

use super::lengths::Lengths;
use super::state::{Answer, Quality};
use crate::time::{Span, Time};

/// Requests of all users, of a group or of a class.
#[derive(Clone, Debug, PartialEq)]
pub struct UserTally {
    /// Requests that came.
    pub arrived: u64,
    /// Answered in full.
    pub full: u64,
    /// Answered by a tier.
    pub degraded: u64,
    /// Failed, by class of error.
    pub failed: [u64; ERRORS],
    /// Latency of the answered ones.
    pub latency: Lengths,
    /// Transactions completed, undone, stuck.
    pub sagas: [u64; 3],
}

/// Classes of errors.
pub const ERRORS: usize = 8;

impl UserTally {
    pub(super) fn new() -> Self {
        UserTally { arrived: 0, full: 0, degraded: 0, failed: [0; ERRORS], latency: Lengths::counting(), sagas: [0; 3] }
    }

    /// A copy to keep.
    pub(super) fn told(&mut self) -> UserTally {
        let latency = self.latency.told();
        UserTally { latency, ..*self }
    }

    pub(super) fn reset(&mut self) {
        (self.arrived, self.full, self.degraded, self.failed) = (0, 0, 0, [0; ERRORS]);
        self.sagas = [0; 3];
        self.latency.reset();
    }

    /// The requests of these too, but for their transactions.
    pub(super) fn add(&mut self, part: &UserTally) {
        self.arrived += part.arrived;
        self.full += part.full;
        self.degraded += part.degraded;
        self.failed.iter_mut().zip(part.failed).for_each(|(sum, more)| *sum += more);
        self.latency.add(&part.latency);
    }

    #[inline]
    pub(super) fn answered(&mut self, answer: Answer, latency: Span) {
        if answer.is_ok() {
            self.latency.record(latency);
        }
        match answer {
            Ok(Quality::Full) => self.full += 1,
            Ok(Quality::Degraded) => self.degraded += 1,
            Err(class) => self.failed[class as usize] += 1,
        }
    }

    /// Failed requests of all classes.
    pub fn failures(&self) -> u64 {
        self.failed.iter().sum()
    }

    /// Requests without an answer yet.
    pub fn in_flight(&self) -> u64 {
        self.arrived - self.full - self.degraded - self.failures()
    }
}

/// Attempts at the nodes of a service.
#[derive(Clone, Debug, PartialEq)]
pub struct ServiceTally {
    /// Attempts that reached a node.
    pub attempts: u64,
    /// Refused for load, or dropped from the queue when their turn came.
    pub shed: u64,
    /// Left the queue by its `queue_timeout`.
    pub left: u64,
    /// Begun to work.
    pub started: u64,
    /// Of these, after a wait.
    pub waited: u64,
    /// Wait for a slot, of those that began.
    pub queue: Lengths,
}

impl ServiceTally {
    /// A copy to keep.
    pub(super) fn told(&mut self) -> ServiceTally {
        let queue = self.queue.told();
        ServiceTally { queue, ..*self }
    }

    /// Refused for load, or gone from the queue without having begun, in whatever way.
    pub fn all_shed(&self) -> u64 {
        self.shed + self.left
    }
}

/// Calls over one edge.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CallTally {
    /// Calls begun.
    pub calls: u64,
    /// Calls answered, by a tier too.
    pub answered: u64,
    /// Calls failed.
    pub failed: u64,
    /// Attempts sent, and those that found nobody to be sent to; not what an own policy refused.
    pub attempts: u64,
    /// Attempts that began another round.
    pub retries: u64,
    /// Attempts beyond the first of their round, beside another or right after its failure.
    pub hedged: u64,
    /// Attempts answered well.
    pub well: u64,
    /// Attempts that failed at the callee or on the way.
    pub bad: u64,
    /// Attempts given up: timed out, or not wanted any more.
    pub given_up: u64,
    /// Attempts refused by an own policy, and so never sent; a retry or a tier may still answer the call.
    pub rejected: u64,
    /// Calls answered by each tier.
    pub tiers: Vec<u64>,
    /// Breakers opened.
    pub opened: u64,
    /// Nodes ejected.
    pub ejected: u64,
    /// Time that breakers were open, over all of them.
    pub open: Span,
    /// Number of breakers.
    pub breakers: u64,
    /// When a breaker first opened, from the start of the trial.
    pub first_opened: Option<Span>,
    /// When one last closed, from the start of the trial.
    pub last_closed: Option<Span>,
}

impl CallTally {
    /// An attempt has ended.
    #[inline]
    pub(super) fn attempt_over(&mut self, answer: Answer) {
        if answer.is_ok() { self.well += 1 } else { self.bad += 1 }
    }

    /// A call is over.
    #[inline]
    pub(super) fn call_over(&mut self, answer: Answer) {
        if answer.is_ok() { self.answered += 1 } else { self.failed += 1 }
    }
}

/// Requests that have ended, answered in full, answered by a tier: of those that came in one second.
pub type Second = [u32; 3];

/// What a trial has counted.
#[derive(Clone, Debug, PartialEq)]
pub struct RequestOutcome {
    /// All users, then by group, then by class.
    pub users: Vec<UserTally>,
    /// By service.
    pub services: Vec<ServiceTally>,
    /// By edge.
    pub calls: Vec<CallTally>,
    /// Of all users, then by group: by second of arrival.
    pub seconds: Vec<Vec<Second>>,
    /// The same of the last second before counting began.
    pub before: Vec<Second>,
    /// Events that changed the state of requests.
    pub events: u64,
    /// Length of the trial.
    pub length: Span,
    /// Spans in which a breaker was open, ascending, none touching another.
    pub open: Vec<(Time, Time)>,
    /// The same, in which something was broken, out or on its way.
    pub broken: Vec<(Time, Time)>,
}
