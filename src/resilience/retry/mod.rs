//! Retry: whether to try again after a failure, and when.
//!
//! Retrying hides short faults and multiplies load in long ones, so every retry must pass six gates: the error is of a
//! class worth it; the request may be sent twice (or was surely not processed); nobody above retries it already; the
//! server did not forbid it; the call has attempts and time left; and the [budget](super::retry_budget) grants it.
//!
//! What one logical call remembers is a value of its own, [`RetryState`], never shared: two callers cannot disturb each
//! other's waits. `max_attempts` counts the first attempt; after the last failure nobody sleeps; an error that is not
//! worth a retry is returned as it is.
//!
//! It neither sends nor sleeps: [`Retry::failed`] answers [`Decision`], and the caller waits until [`Plan::at`].

mod backoff;
mod marker;
#[cfg(test)]
mod tests;

pub use backoff::{Backoff, BackoffState, Jitter, Strategy};
pub use marker::{AttemptHistogram, RetryMarker};

use rand::Rng;

use super::ErrorClass;
use super::deadline::Deadline;
use super::retry_budget::{RetryBudget, Withdrawal};
use crate::time::{Span, Time};

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

/// What one call remembers from attempt to attempt.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RetryState {
    call: Call,
    attempts: u32,
    backoff: BackoffState,
    withdrawal: Option<Withdrawal>,
    last_seen: Time,
}

impl RetryState {
    /// Attempts begun so far, at least 1.
    pub const fn attempts(&self) -> u32 {
        self.attempts
    }

    /// What to send along with the current attempt.
    pub const fn marker(&self) -> RetryMarker {
        RetryMarker { attempt: self.attempts, retried: true }
    }
}

/// A checked retry policy; one serves any number of calls.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Retry {
    config: RetryConfig,
}

impl Retry {
    /// Checks the numbers.
    ///
    /// # Errors
    /// The first field out of range.
    pub fn new(config: RetryConfig) -> Result<Self, RetryConfigError> {
        let error = |(field, rule)| RetryConfigError { field, rule };
        config.backoff.check().map_err(error)?;
        if config.max_attempts == 0 {
            return Err(error(("max_attempts", "must be at least 1: it counts the first attempt")));
        }
        if config.retry_on.contains(ErrorClass::Cancelled) || config.retry_on.contains(ErrorClass::DeadlineExceeded) {
            return Err(error(("retry_on", "must not hold cancelled or deadline exceeded: nobody waits any more")));
        }
        Ok(Retry { config })
    }

    /// The numbers.
    pub const fn config(&self) -> &RetryConfig {
        &self.config
    }

    /// A call begins with its first attempt.
    pub fn start(&self, now: Time, call: Call, budget: &mut RetryBudget) -> RetryState {
        budget.request(now);
        let backoff = BackoffState::new(&self.config.backoff);
        RetryState { call, attempts: 1, backoff, withdrawal: None, last_seen: now }
    }

    /// An attempt has failed: what now? After [`Decision::Stop`] the state must not be used again.
    pub fn failed(
        &self,
        state: &mut RetryState,
        now: Time,
        failure: Failure,
        budget: &mut RetryBudget,
        rng: &mut impl Rng,
    ) -> Decision {
        self.failed_observed(state, now, failure, budget, rng, |_| ())
    }

    /// As [`failed`](Self::failed), and `observe` hears of it.
    pub fn failed_observed(
        &self,
        state: &mut RetryState,
        now: Time,
        failure: Failure,
        budget: &mut RetryBudget,
        rng: &mut impl Rng,
        observe: impl FnOnce(RetryEvent),
    ) -> Decision {
        state.last_seen = state.last_seen.max(now);
        let now = state.last_seen;
        let attempt = state.attempts;
        budget.settle(state.withdrawal.take());
        let decision = match self.plan(state, now, failure, budget, rng) {
            Ok(plan) => {
                state.attempts = plan.attempt;
                Decision::Retry(plan)
            }
            Err(stop) => {
                budget.finish();
                Decision::Stop(stop)
            }
        };
        observe(RetryEvent { now, attempt, failure, decision });
        decision
    }

    /// The call has succeeded; the state is used up.
    #[allow(clippy::needless_pass_by_value)] // the state is used up
    pub fn succeeded(&self, state: RetryState, budget: &mut RetryBudget) {
        budget.settle(state.withdrawal);
        budget.success(state.withdrawal);
        budget.finish();
    }

    /// The caller has given the call up, in an attempt or between two.
    #[allow(clippy::needless_pass_by_value)] // the state is used up
    pub fn cancelled(&self, state: RetryState, budget: &mut RetryBudget) {
        budget.settle(state.withdrawal);
        budget.finish();
    }

    /// The gates, in order; the budget is asked last, so that nothing is withdrawn in vain.
    fn plan(
        &self,
        state: &mut RetryState,
        now: Time,
        failure: Failure,
        budget: &mut RetryBudget,
        rng: &mut impl Rng,
    ) -> Result<Plan, Stop> {
        let retryable = self.config.retry_on.contains(failure.class);
        if retryable || failure.pushback == Some(Pushback::Never) {
            budget.failure();
        }
        if !retryable {
            return Err(Stop::NotRetryable);
        }
        if !state.call.idempotent && !ErrorSet::UNPROCESSED.contains(failure.class) {
            return Err(Stop::NotIdempotent);
        }
        if state.call.retried_above {
            return Err(Stop::RetriedAbove);
        }
        if failure.pushback == Some(Pushback::Never) {
            return Err(Stop::ToldNotTo);
        }
        if state.attempts >= self.config.max_attempts {
            return Err(Stop::Exhausted);
        }
        let after = if let Some(Pushback::After(after)) = failure.pushback {
            state.backoff = BackoffState::new(&self.config.backoff);
            after
        } else {
            state.backoff.next_wait(&self.config.backoff, rng)
        };
        let at = now + after;
        if at >= state.call.deadline.instant() || at + self.config.min_attempt_time > state.call.deadline.instant() {
            return Err(Stop::DeadlineWouldPass);
        }
        state.withdrawal = Some(budget.withdraw(now, failure.class).ok_or(Stop::NoBudget)?);
        Ok(Plan { after, at, attempt: state.attempts + 1 })
    }
}
