//! What a layer says when the call does not get through it, and how answers are told apart.
//!
//! Layers keep the error type of the service that they wrap: it must be able to hold a [`Refusal`]
//! (`impl From<Refusal>`; a boxed error can already). So layers stack in any number without nested error types.

use crate::resilience::ErrorClass;
use crate::resilience::pipeline::AttemptEnd;
use crate::time::Span;

/// A policy on this side has ended the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{by}{}", again(*.retry_after))]
pub struct Refusal {
    /// Which policy.
    pub by: RefusedBy,
    /// What other policies make of it: rejected (ignored by breakers, not retried), timeout, or deadline exceeded.
    pub class: ErrorClass,
    /// How long it makes no sense to ask again; none if unknown.
    pub retry_after: Option<Span>,
}

/// The policy that ended a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
pub enum RefusedBy {
    /// The breaker.
    #[error("the circuit breaker is open")]
    Breaker,
    /// The rate limiter.
    #[error("the rate limit is reached")]
    RateLimit,
    /// The bulkhead: nothing free and no room to wait.
    #[error("the bulkhead is full")]
    BulkheadFull,
    /// The bulkhead: waited in vain.
    #[error("the wait for the bulkhead has timed out")]
    BulkheadTimeout,
    /// The client-side throttle.
    #[error("the client holds back from an overloaded service")]
    Throttle,
    /// The concurrency limit.
    #[error("the concurrency limit is reached")]
    ConcurrencyLimit,
    /// Load shedding.
    #[error("the service sheds load of this criticality")]
    Shedding,
    /// The timeout of an attempt.
    #[error("the attempt has timed out")]
    Timeout,
    /// The deadline of the call.
    #[error("the deadline of the call has passed")]
    Deadline,
    /// A job of the blocking pool has panicked.
    #[error("the blocking job has panicked")]
    Panicked,
    /// A pipeline: no target left, or one of its gates.
    #[error("the pipeline refused the call")]
    Pipeline,
}

fn again(after: Option<Span>) -> String {
    after.map_or_else(String::new, |after| format!("; try again after {after}"))
}

impl Refusal {
    /// A local rejection.
    pub const fn rejected(by: RefusedBy, retry_after: Option<Span>) -> Self {
        Refusal { by, class: ErrorClass::Rejected, retry_after }
    }

    /// An end by time.
    pub const fn out_of_time(class: ErrorClass) -> Self {
        let by = if matches!(class, ErrorClass::Timeout) { RefusedBy::Timeout } else { RefusedBy::Deadline };
        Refusal { by, class, retry_after: None }
    }
}

/// Tells policies how an attempt ended. Any `Fn(&Result<R, E>) -> AttemptEnd` will do.
///
/// A refusal of an inner layer must come out with its own class, or a full bulkhead would trip the breaker around it.
pub trait Classify<R, E>: Clone {
    /// The end of the attempt that gave `result`.
    fn classify(&self, result: &Result<R, E>) -> AttemptEnd;
}

impl<F: Fn(&Result<R, E>) -> AttemptEnd + Clone, R, E> Classify<R, E> for F {
    #[inline]
    fn classify(&self, result: &Result<R, E>) -> AttemptEnd {
        self(result)
    }
}

/// The simplest classification: an answer is good, a [`Refusal`] has its class, any other error is the callee's.
#[derive(Clone, Copy, Debug, Default)]
pub struct EveryError;

impl<R> Classify<R, tower::BoxError> for EveryError {
    fn classify(&self, result: &Result<R, tower::BoxError>) -> AttemptEnd {
        match result {
            Ok(_) => AttemptEnd::OK,
            Err(error) => {
                let refusal = error.downcast_ref::<Refusal>();
                AttemptEnd::failed(refusal.map_or(ErrorClass::Error, |refusal| refusal.class))
            }
        }
    }
}

impl<R> Classify<R, Refusal> for EveryError {
    #[inline]
    fn classify(&self, result: &Result<R, Refusal>) -> AttemptEnd {
        match result {
            Ok(_) => AttemptEnd::OK,
            Err(refusal) => AttemptEnd::failed(refusal.class),
        }
    }
}
