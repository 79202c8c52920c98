//! What a retry policy is told once: how many attempts, which errors, which waits.

use super::backoff::Backoff;
use crate::resilience::ErrorClass;
use crate::time::Span;

/// A set of classes of errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ErrorSet(u16);

impl ErrorSet {
    /// None.
    pub const EMPTY: ErrorSet = ErrorSet(0);
    /// Timeout, connect, overload, error: what the callee did, and may not do again.
    pub const TRANSIENT: ErrorSet = ErrorSet::EMPTY
        .with(ErrorClass::Timeout)
        .with(ErrorClass::Connect)
        .with(ErrorClass::Overload)
        .with(ErrorClass::Error);
    /// Errors after which the request was surely not processed: not connected, turned away by an overloaded callee, or
    /// rejected on this side.
    pub const UNPROCESSED: ErrorSet =
        ErrorSet::EMPTY.with(ErrorClass::Connect).with(ErrorClass::Overload).with(ErrorClass::Rejected);

    /// The set and this class.
    pub const fn with(self, class: ErrorClass) -> Self {
        ErrorSet(self.0 | 1 << class as u16)
    }

    /// Whether the class is in it.
    pub const fn contains(self, class: ErrorClass) -> bool {
        self.0 & 1 << class as u16 != 0
    }
}

/// The numbers of a retry policy.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RetryConfig {
    /// Attempts in all, the first included, at least 1. Default 3.
    pub max_attempts: u32,
    /// The waits between them. Default exponential from 100 ms, full jitter, cap 20 s.
    pub backoff: Backoff,
    /// Which classes of errors are worth another attempt. Default [`ErrorSet::TRANSIENT`]; a rejection by an own policy
    /// ([`ErrorClass::Rejected`]) is not.
    pub retry_on: ErrorSet,
    /// A retry is pointless with less time than this before the deadline. Default 0.
    pub min_attempt_time: Span,
}

impl Default for RetryConfig {
    fn default() -> Self {
        RetryConfig {
            max_attempts: 3,
            backoff: Backoff::default(),
            retry_on: ErrorSet::TRANSIENT,
            min_attempt_time: Span::ZERO,
        }
    }
}

/// A number of a [`RetryConfig`] that cannot be meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{field}` of the retry {rule}")]
pub struct RetryConfigError {
    /// The field.
    pub field: &'static str,
    /// What it must be.
    pub rule: &'static str,
}

impl RetryConfig {
    /// Checks every number.
    ///
    /// # Errors
    /// The first field out of range.
    pub fn check(&self) -> Result<(), RetryConfigError> {
        let error = |(field, rule)| RetryConfigError { field, rule };
        self.backoff.check().map_err(error)?;
        if self.max_attempts == 0 {
            return Err(error(("max_attempts", "must be at least 1: it counts the first attempt")));
        }
        if self.retry_on.contains(ErrorClass::Cancelled) || self.retry_on.contains(ErrorClass::DeadlineExceeded) {
            return Err(error(("retry_on", "must not hold cancelled or deadline exceeded: nobody waits any more")));
        }
        Ok(())
    }
}
