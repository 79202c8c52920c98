//! Single requests of one trial on the request clock: every call that was made for them, every attempt, and what became
//! of each.
//!
//! Times are counted from the start of the trial. Names stand once, in [`Names`]; a request is a tree that is kept flat:
//! its calls in the order in which they began, each with who made it.

use crate::time::{Span, Time};

/// The requests that were chosen.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Requests {
    /// Which were asked for, in words.
    pub choice: String,
    /// Requests that came in the whole trial.
    pub arrived: u64,
    /// Names for the numbers.
    pub names: Names,
    /// Those chosen, in the order in which they came.
    pub requests: Vec<RequestTrace>,
}

/// Names for the numbers of a trace.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Names {
    /// Groups of users.
    pub groups: Vec<String>,
    /// Classes; the only one of a scenario without classes has no name.
    pub classes: Vec<String>,
    /// Regions.
    pub regions: Vec<String>,
    /// Calls, `api->db`.
    pub calls: Vec<String>,
    /// By call: its tiers.
    pub tiers: Vec<Vec<String>>,
    /// Nodes.
    pub nodes: Vec<String>,
}

impl Names {
    /// The tiers of a call.
    pub fn tiers(&self, call: u32) -> &[String] {
        self.tiers.get(call as usize).map_or(&[], Vec::as_slice)
    }
}

/// The name of this number in a list of [`Names`].
pub fn name(names: &[String], index: u32) -> &str {
    names.get(index as usize).map_or("", String::as_str)
}

/// A request of a user.
#[derive(Clone, Debug, PartialEq)]
pub struct RequestTrace {
    /// In the order of arrival, from 1.
    pub number: u64,
    /// The group.
    pub group: u32,
    /// The client of the group.
    pub client: u32,
    /// The class.
    pub class: u32,
    /// The region that it entered: that of the first node it was sent to.
    pub region: Option<u32>,
    /// When it came.
    pub arrived: Time,
    /// When it had its answer.
    pub ended: Option<Time>,
    /// What became of it.
    pub ending: Ending,
    /// All calls made for it; the first is the user's own.
    pub calls: Vec<CallTrace>,
}

/// A call.
#[derive(Clone, Debug, PartialEq)]
pub struct CallTrace {
    /// Which.
    pub call: u32,
    /// Who made it.
    pub owner: Owner,
    /// When it began.
    pub began: Time,
    /// When it was over.
    pub ended: Option<Time>,
    /// What became of it.
    pub ending: Ending,
    /// Its attempts.
    pub attempts: Vec<AttemptTrace>,
    /// Waits before a further attempt: from and until.
    pub backoffs: Vec<(Time, Time)>,
    /// Worse answers that were tried.
    pub tiers: Vec<TierTrace>,
}

/// Who made a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// The user.
    User,
    /// A node, in an attempt of an earlier call.
    Attempt {
        /// The call, an index of the request's.
        call: u32,
        /// The attempt, an index of the call's.
        attempt: u32,
    },
    /// A tier of an earlier call.
    Tier {
        /// The call, an index of the request's.
        call: u32,
        /// The tier, an index of those tried.
        tier: u32,
    },
}

/// An attempt.
#[derive(Clone, Debug, PartialEq)]
pub struct AttemptTrace {
    /// From 1.
    pub number: u32,
    /// Is it a hedge: beside another, or right after the failure of one?
    pub hedge: bool,
    /// The node; none: it was sent to nobody.
    pub node: Option<u32>,
    /// When it was sent, or refused before that.
    pub sent: Time,
    /// When it reached the node.
    pub reached: Option<Time>,
    /// When its work began.
    pub started: Option<Time>,
    /// When its own work was done; its calls come after that.
    pub worked: Option<Time>,
    /// When the caller had an answer, or stopped waiting for one.
    pub ended: Option<Time>,
    /// What became of it, for the caller.
    pub ending: Ending,
}

impl AttemptTrace {
    /// Wait for a slot, if it had one.
    pub fn queue(&self) -> Option<Span> {
        self.started.zip(self.reached).map(|(started, reached)| started.since(reached))
    }

    /// Own work at the node, if it was done.
    pub fn service(&self) -> Option<Span> {
        self.worked.zip(self.started).map(|(worked, started)| worked.since(started))
    }
}

/// A worse answer that was tried.
#[derive(Clone, Debug, PartialEq)]
pub struct TierTrace {
    /// Which, an index of the call's tiers.
    pub tier: u32,
    /// When it began.
    pub began: Time,
    /// When it was over.
    pub ended: Option<Time>,
    /// What became of it.
    pub ending: Ending,
}

/// What became of a request, a call or an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// It was not over at the end of the trial.
    Pending,
    /// A full answer.
    Full,
    /// A worse answer, by a tier.
    Degraded,
    /// None.
    Failed(Failure),
}

/// Why there was no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Its time was up.
    Timeout,
    /// The node was down, or there was nobody to send to.
    Refused,
    /// The callee had too much to do.
    Shed,
    /// The callee failed.
    Error,
    /// The request was wrong.
    Wrong,
    /// Nobody wanted the answer any more.
    Cancelled,
    /// The deadline of the whole call had passed.
    Deadline,
    /// An own policy of the caller refused; its attempts say which.
    Rejected,
    /// The adaptive throttle refused.
    Throttle,
    /// The breaker refused.
    Breaker,
    /// The rate limit refused.
    RateLimit,
    /// The bulkhead refused.
    Bulkhead,
}

impl Ending {
    /// In words.
    pub const fn name(self) -> &'static str {
        match self {
            Ending::Pending => "pending",
            Ending::Full => "ok",
            Ending::Degraded => "degraded",
            Ending::Failed(failure) => failure.name(),
        }
    }

    /// Is it over, without an answer?
    pub const fn failed(self) -> bool {
        matches!(self, Ending::Failed(_))
    }
}

impl Failure {
    /// In words.
    pub const fn name(self) -> &'static str {
        match self {
            Failure::Timeout => "timeout",
            Failure::Refused => "refused",
            Failure::Shed => "shed",
            Failure::Error => "error",
            Failure::Wrong => "wrong request",
            Failure::Cancelled => "cancelled",
            Failure::Deadline => "deadline passed",
            Failure::Rejected => "rejected",
            Failure::Throttle => "rejected by throttle",
            Failure::Breaker => "rejected by breaker",
            Failure::RateLimit => "rejected by rate limit",
            Failure::Bulkhead => "rejected by bulkhead",
        }
    }
}

/// Attempts sent to a service.
#[derive(Clone, Debug, PartialEq)]
pub struct Attempts {
    /// Its name.
    pub service: String,
    /// By region: its name, and attempts per second bucket by bucket.
    pub regions: Vec<(String, Vec<f64>)>,
}
