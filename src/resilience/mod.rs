//! The policies of a resilient call, sans-IO: breaker, retry, budget, bulkhead, limiter, deadline and friends.
//!
//! A policy here never reads a clock, sleeps, spawns, owns a generator or allocates after construction: `now` and
//! randomness are arguments, decisions are return values, and a timed policy says when it wants to be asked again
//! (`next_wake`). So the code that a live service links is the code that the simulator runs inside its event loop.
//!
//! Conventions, the same in every file:
//! - time is [`Time`] and [`Span`](crate::time::Span) (u64 nanoseconds); a `now` before the last one seen counts as the last one seen;
//! - **deadlines are inclusive**: at `now >= t` the thing has happened; at equal times expiries come before the event;
//! - every state change is a [`Transition`] value for metrics, logs and traces;
//! - rates are compared in integers (basis points times counts), never in floating point.

pub mod adaptive_throttle;
pub mod balancing;
pub mod bulkhead;
pub mod circuit_breaker;
pub mod codel;
pub mod concurrency_limit;
pub mod config_error;
pub mod deadline;
pub mod fallback;
pub mod health;
pub mod health_endpoint;
pub mod hedge;
pub mod latency_histogram;
pub mod load_shedding;
pub mod outlier_ejection;
pub mod pipeline;
pub mod rate_limiter;
pub mod registry;
pub mod retry;
pub mod retry_budget;
pub mod saga;
pub mod shared;
mod slots;
mod sync;

use crate::time::Time;

/// A state change of a policy: what metrics, logs and the simulator's trace all see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transition<State, Cause> {
    /// The state before.
    pub from: State,
    /// The state after.
    pub to: State,
    /// What made it change.
    pub cause: Cause,
    /// When it changed.
    pub now: Time,
}

/// How an attempt ended, by the classes that policies tell apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ErrorClass {
    /// The attempt's own timeout fired.
    Timeout,
    /// Nothing was sent: refused or unreachable.
    Connect,
    /// The callee said that it has too much work (HTTP 429, 503).
    Overload,
    /// The callee failed (other HTTP 5xx).
    Error,
    /// The request itself was wrong (other HTTP 4xx).
    Client,
    /// The caller no longer wants the answer.
    Cancelled,
    /// Refused on this side before anything was sent: breaker, bulkhead, limiter, throttle.
    Rejected,
    /// The deadline of the whole call had passed.
    DeadlineExceeded,
}

/// What a breaker, throttle or ejector should make of a finished attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    /// Counts as good.
    Success,
    /// Counts as bad.
    Failure,
    /// Says nothing about the callee; gives its permit back.
    Ignored,
}

impl ErrorClass {
    /// The default classification: what the callee did wrong is a failure; what the caller did (bad request,
    /// cancellation, local rejection, spent deadline) is ignored.
    pub const fn outcome(self) -> Outcome {
        match self {
            ErrorClass::Timeout | ErrorClass::Connect | ErrorClass::Overload | ErrorClass::Error => Outcome::Failure,
            ErrorClass::Client | ErrorClass::Cancelled | ErrorClass::Rejected | ErrorClass::DeadlineExceeded => {
                Outcome::Ignored
            }
        }
    }
}
