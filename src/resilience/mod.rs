//! The policies of a resilient call, sans-IO: breaker, retry, budget, bulkhead, limiter, deadline and friends.
//!
//! A policy here never reads a clock, sleeps, spawns, owns a generator or allocates after construction: `now` and
//! randomness are arguments, decisions are return values, and a timed policy says when it wants to be asked again
//! (`next_wake`). So the code that a live service links is the code that the simulator runs inside its event loop.
//!
//! # Protect an HTTP client
//!
//! A breaker and a retry around a blocking `get`, which takes its timeout from the caller:
//!
//! ```
//! use ninefold::resilience::circuit_breaker::{BreakerConfig, CircuitBreaker};
//! use ninefold::resilience::retry::{Call, Decision, Retry, RetryConfig};
//! use ninefold::resilience::{ErrorClass, Outcome, retry_budget::RetryBudget};
//! use ninefold::time::{Span, Time};
//! # use rand_xoshiro::{Xoshiro256PlusPlus, rand_core::SeedableRng};
//! # let mut rng = Xoshiro256PlusPlus::seed_from_u64(1);
//! # let now = || Time::ZERO;
//! # let sleep_until = |_: Time| ();
//! # let mut answers = [Err(ErrorClass::Overload), Ok("prices")].into_iter();
//! # let mut get = |_: &str, _: Span| answers.next().unwrap();
//!
//! let mut breaker = CircuitBreaker::new(BreakerConfig::default())?;
//! let (retry, mut budget) = (Retry::new(RetryConfig::default())?, RetryBudget::Unlimited);
//! let mut state = retry.start(now(), Call::default(), &mut budget);
//! let answer = loop {
//!     let sent = now();
//!     let Ok(permit) = breaker.acquire(sent) else { break Err(ErrorClass::Rejected) }; // open: fail fast
//!     let result = get("http://prices/", Span::from_millis(500));
//!     breaker.record(now(), permit, Outcome::of(&result), now().since(sent));
//!     let Err(class) = result else { break result };
//!     match retry.failed(&mut state, now(), class.into(), &mut budget, &mut rng) {
//!         Decision::Retry(plan) => sleep_until(plan.at),
//!         Decision::Stop(_) => break result,
//!     }
//! };
//! assert_eq!(answer, Ok("prices"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! With all policies in their proper order that loop is [`pipeline`]; in an async service it is one tower layer of the
//! module `live` (cargo feature `live`), where the same client is ten lines without a loop.
//!
//! # Which policy
//!
//! | trouble | policy |
//! |---|---|
//! | a callee fails, and every call waits to find out | [`circuit_breaker`], with the timeout inside it |
//! | a single attempt fails now and then | [`retry`] at one layer, with a [`retry_budget`] |
//! | nobody knows when to give up | [`deadline`], handed on as what is left |
//! | one slow callee takes all workers | [`bulkhead`] |
//! | a quota, or a caller that asks too often | [`rate_limiter`] |
//! | the callee says "too much" | [`adaptive_throttle`] at the client; [`concurrency_limit`], [`codel`], [`load_shedding`] at the server |
//! | the slowest hundredth is far slower than the rest | [`hedge`] |
//! | one host of many is bad | [`outlier_ejection`], [`balancing`], [`health`] |
//! | no answer is worse than an old one | [`fallback`] |
//! | a change over several services stops half-way | [`saga`] |
//!
//! Numbers and traps are in `docs/resilience.md`. To look at policies while they work: [`registry`]; to use one from
//! many threads: [`shared`].
//!
//! # Conventions
//!
//! The same in every file:
//! - time is [`Time`] and [`Span`](crate::time::Span) (u64 nanoseconds); a `now` before the last one seen counts as the last one seen;
//! - **deadlines are inclusive**: at `now >= t` the thing has happened; at equal times expiries come before the event;
//! - every state change is a [`Transition`] value for metrics, logs and traces;
//! - rates are compared in integers (basis points times counts), never in floating point;
//! - a wrong number in a configuration is refused by the constructor, with the name of the field and the rule.

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

impl Outcome {
    /// What a result means by the default classification.
    #[inline]
    pub fn of<T>(result: &Result<T, ErrorClass>) -> Outcome {
        result.as_ref().err().map_or(Outcome::Success, |class| class.outcome())
    }
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
