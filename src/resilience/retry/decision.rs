//! What a retry policy hears of a call and its failures, and what it answers.
//!
//! Plain values; the gates are in the parent module.

#[cfg(doc)]
use super::RetryMarker;
use crate::resilience::ErrorClass;
use crate::resilience::deadline::Deadline;
use crate::time::{Span, Time};

/// What a call says of itself at its start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Call {
    /// Whether it may be processed twice without harm.
    pub idempotent: bool,
    /// Whether somebody above retries it, by its [`RetryMarker`].
    pub retried_above: bool,
    /// When it is given up.
    pub deadline: Deadline,
}

impl Default for Call {
    /// Idempotent, retried by nobody else, without deadline.
    fn default() -> Self {
        Call { idempotent: true, retried_above: false, deadline: Deadline::NONE }
    }
}

/// What the server said about trying again (`grpc-retry-pushback-ms`, HTTP `Retry-After`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pushback {
    /// Not before this; it replaces the next wait and restarts the schedule.
    After(Span),
    /// Do not.
    Never,
}

/// How an attempt failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Its class.
    pub class: ErrorClass,
    /// What the server said, if anything.
    pub pushback: Option<Pushback>,
}

impl From<ErrorClass> for Failure {
    fn from(class: ErrorClass) -> Self {
        Failure { class, pushback: None }
    }
}

/// The answer to a failure.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Try again.
    Retry(Plan),
    /// Do not; the call is over.
    Stop(Stop),
}

/// When to try again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// How long to wait.
    pub after: Span,
    /// The end of the wait.
    pub at: Time,
    /// Number of the attempt to come, from 2.
    pub attempt: u32,
}

/// Why there is no further attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// The error is not worth one.
    NotRetryable,
    /// The request may have been processed and must not be twice.
    NotIdempotent,
    /// Somebody above retries.
    RetriedAbove,
    /// The server said "never".
    ToldNotTo,
    /// `max_attempts` have been made.
    Exhausted,
    /// The wait would end at or past the deadline, or leave too little time.
    DeadlineWouldPass,
    /// The budget refused.
    NoBudget,
}

/// What a call ends with when it has failed for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RetryError<E> {
    /// Every attempt allowed has failed.
    #[error("all {attempts} attempts failed, the last with: {last}")]
    Exhausted {
        /// Attempts made.
        attempts: u32,
        /// The last error.
        #[source]
        last: E,
    },
    /// There were attempts left, but no time or no budget.
    #[error("gave up after {attempts} attempts ({reason:?}), the last with: {last}")]
    GaveUp {
        /// Attempts made.
        attempts: u32,
        /// Why.
        reason: Stop,
        /// The last error.
        #[source]
        last: E,
    },
    /// The error as it came: it was not to be retried.
    #[error(transparent)]
    Returned(E),
}

impl Stop {
    /// The error to return after `attempts` attempts of which the last failed with `last`.
    pub fn error<E>(self, attempts: u32, last: E) -> RetryError<E> {
        match self {
            Stop::Exhausted => RetryError::Exhausted { attempts, last },
            Stop::DeadlineWouldPass | Stop::NoBudget => RetryError::GaveUp { attempts, reason: self, last },
            Stop::NotRetryable | Stop::NotIdempotent | Stop::RetriedAbove | Stop::ToldNotTo => {
                RetryError::Returned(last)
            }
        }
    }
}

/// What an observer hears after each failed attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryEvent {
    /// When the attempt failed.
    pub now: Time,
    /// Its number, from 1.
    pub attempt: u32,
    /// How it failed.
    pub failure: Failure,
    /// What follows.
    pub decision: Decision,
}
