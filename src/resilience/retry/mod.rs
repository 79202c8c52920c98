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
//!
//! ```
//! use ninefold::resilience::ErrorClass;
//! use ninefold::resilience::retry::{Call, Decision, Retry, RetryConfig};
//! use ninefold::resilience::retry_budget::{RatioBudget, RatioConfig, RetryBudget};
//! use ninefold::time::Time;
//! # use rand_xoshiro::{Xoshiro256PlusPlus, rand_core::SeedableRng};
//! # let (now, mut rng) = (Time::ZERO, Xoshiro256PlusPlus::seed_from_u64(1));
//! # fn attempt() -> Result<(), ErrorClass> { Ok(()) }
//!
//! let retry = Retry::new(RetryConfig::default())?;
//! let mut budget = RetryBudget::Ratio(RatioBudget::new(RatioConfig::share(2_000))?); // shared by all calls
//! let mut state = retry.start(now, Call::default(), &mut budget);
//! loop {
//!     match attempt() {
//!         Ok(()) => break retry.succeeded(&state, &mut budget),
//!         Err(class) => match retry.failed(&mut state, now, class.into(), &mut budget, &mut rng) {
//!             Decision::Retry(plan) => { /* sleep until plan.at */ }
//!             Decision::Stop(_) => break,
//!         },
//!     }
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod backoff;
mod config;
mod decision;
mod marker;
#[cfg(test)]
mod tests;

pub use backoff::{Backoff, BackoffState, Jitter, Strategy};
pub use config::{ErrorSet, RetryConfig, RetryConfigError};
pub use decision::{Call, Decision, Failure, Plan, Pushback, RetryError, RetryEvent, Stop};
pub use marker::{AttemptHistogram, RetryMarker};

use rand::Rng;

use super::retry_budget::{RetryBudget, Withdrawal};
use crate::time::Time;

/// What one call remembers from attempt to attempt.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RetryState {
    call: Call,
    attempts: u32,
    /// None before the first wait.
    backoff: Option<BackoffState>,
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
        config.check()?;
        Ok(Retry { config })
    }

    /// The numbers.
    pub const fn config(&self) -> &RetryConfig {
        &self.config
    }

    /// A call begins with its first attempt.
    #[inline]
    pub fn start(&self, now: Time, call: Call, budget: &mut RetryBudget) -> RetryState {
        budget.request(now);
        RetryState { call, attempts: 1, backoff: None, withdrawal: None, last_seen: now }
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
    #[inline]
    pub fn succeeded(&self, state: &RetryState, budget: &mut RetryBudget) {
        budget.settle(state.withdrawal);
        budget.success(state.withdrawal);
        budget.finish();
    }

    /// A call that another client of the same policy has tried before goes on here, with the attempts and the wait that it
    /// has behind it: to this `budget` it is one that begins. The other client takes it for [`cancelled`](Self::cancelled).
    pub fn joined(&self, now: Time, state: RetryState, budget: &mut RetryBudget) -> RetryState {
        budget.request(now);
        RetryState { withdrawal: None, ..state }
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
            state.backoff = None;
            after
        } else {
            let backoff = state.backoff.get_or_insert_with(|| BackoffState::new(&self.config.backoff));
            backoff.next_wait(&self.config.backoff, rng)
        };
        let at = now + after;
        if at >= state.call.deadline.instant() || at + self.config.min_attempt_time > state.call.deadline.instant() {
            return Err(Stop::DeadlineWouldPass);
        }
        state.withdrawal = Some(budget.withdraw(now, failure.class).ok_or(Stop::NoBudget)?);
        Ok(Plan { after, at, attempt: state.attempts + 1 })
    }
}
