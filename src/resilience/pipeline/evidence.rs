//! What the end of an attempt tells of the callee: whether it took the work on, and how long it takes.
//!
//! The one place that says so, for the policies of a client and for hosts that have no more than a
//! [`Balancer`](crate::resilience::balancing::Balancer). An answer is one, good or bad: a host that fails slowly is slow. A
//! refusal is none, however quick.

use crate::resilience::ErrorClass;
use crate::time::Span;

/// What an end tells of the time that the callee takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// It took the work on and answered.
    Accepted,
    /// It took longer than this.
    Late,
    /// It did no work: a quick refusal must not look like a fast host.
    Refused,
}

impl Evidence {
    /// Of an attempt that was sent and has ended well (none) or with an error of this class.
    #[inline]
    pub const fn of(class: Option<ErrorClass>) -> Evidence {
        match class {
            None | Some(ErrorClass::Error | ErrorClass::Client) => Evidence::Accepted,
            Some(ErrorClass::Timeout | ErrorClass::Cancelled | ErrorClass::DeadlineExceeded) => Evidence::Late,
            Some(ErrorClass::Connect | ErrorClass::Overload | ErrorClass::Rejected) => Evidence::Refused,
        }
    }

    /// What a balancer learns of the latency of its host from such an end after `latency`: nothing from a refusal, nor from
    /// an attempt that was stopped before its own time was over.
    #[inline]
    pub fn latency(class: Option<ErrorClass>, latency: Span) -> Option<Span> {
        let timed = Evidence::of(class) == Evidence::Accepted || class == Some(ErrorClass::Timeout);
        timed.then_some(latency)
    }
}
