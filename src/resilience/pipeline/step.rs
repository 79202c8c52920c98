//! The words between a call and its host: what is asked for, what is to be done, how it ended.

use crate::resilience::ErrorClass;
use crate::resilience::deadline::Deadline;
use crate::resilience::retry::{Pushback, RetryMarker};
use crate::time::{Span, Time};

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// The host's name for the call, unique among those in progress.
    pub id: u64,
    /// May it be processed twice without harm?
    pub idempotent: bool,
    /// Does somebody above retry it?
    pub retried_above: bool,
    /// When its caller gives up; the client's own deadline may come earlier.
    pub deadline: Deadline,
    /// For sticky balancing.
    pub key: u64,
    /// Age of a stored answer, if there is one.
    pub cached_age: Option<Span>,
}

impl Default for Request {
    /// Sent at most once unless surely unprocessed, without a deadline of its own, nothing stored.
    fn default() -> Self {
        Request { id: 0, idempotent: false, retried_above: false, deadline: Deadline::NONE, key: 0, cached_age: None }
    }
}

/// Names an attempt within its call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AttemptId(pub u32);

/// How an attempt that was sent has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AttemptEnd {
    /// Well, or with an error of this class.
    pub result: Result<(), ErrorClass>,
    /// What the callee said about trying again.
    pub pushback: Option<Pushback>,
}

impl AttemptEnd {
    /// A good answer.
    pub const OK: AttemptEnd = AttemptEnd { result: Ok(()), pushback: None };

    /// An error without pushback.
    pub const fn failed(class: ErrorClass) -> Self {
        AttemptEnd { result: Err(class), pushback: None }
    }
}

/// How a call has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallResult {
    /// The tier that answered (or failed last): 0 is full, anything else is degraded.
    pub tier: usize,
    /// Well, or with the error of the full tier.
    pub result: Result<(), ErrorClass>,
    /// Attempts that were sent.
    pub sent: u32,
}

/// What the host does now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Send this attempt, then step again.
    Send {
        /// Its name.
        attempt: AttemptId,
        /// Where to.
        target: u32,
        /// Its time, for the callee too; none: unlimited. The call itself ends it.
        timeout: Option<Span>,
        /// What travels with it.
        marker: RetryMarker,
    },
    /// Nobody wants this attempt any more (timed out, lost, cancelled); its end need not be reported, and may have been
    /// reported too late. Step again.
    Abort(AttemptId),
    /// Answer from this fallback tier and report to [`Call::tier_ended`](super::Call::tier_ended).
    RunTier(usize),
    /// Nothing before an event or this instant.
    Wait(Option<Time>),
    /// It is over. Nothing is out.
    Finish(CallResult),
}
