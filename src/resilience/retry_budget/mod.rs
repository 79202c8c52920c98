//! Retry budgets: how much of a client's traffic may be retries.
//!
//! A limit per call does not bound the whole: when everything fails, three attempts each are three times the load, just
//! when the callee can bear it least. A budget is shared by all calls of a client to one callee and refuses retries
//! when there are too many of them. Four laws from the field, one closed enum:
//! - [`TokenBudget`] (gRPC A6): failures drain, successes refill; retries only above half;
//! - [`QuotaBudget`] (AWS SDKs): each retry costs, by class of error; a success pays the last cost back;
//! - [`RatioBudget`] (Finagle): so many retries per request over a window, and a reserve;
//! - [`ConcurrencyBudget`] (Envoy): so many retries at a time, as a share of the calls in progress.
//!
//! All are exact integers. [`Retry`](super::retry::Retry) calls the five operations in order; a hedge uses the same.

mod concurrency;
mod quota;
mod ratio;
#[cfg(test)]
mod tests;
mod tokens;

pub use concurrency::{ConcurrencyBudget, ConcurrencyConfig};
pub use quota::{QuotaBudget, QuotaConfig};
pub use ratio::{RatioBudget, RatioConfig};
pub use tokens::{TokenBudget, TokenConfig};

use super::ErrorClass;
use crate::time::Time;

/// A number of a budget that cannot be meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{field}` of the retry budget {rule}")]
pub struct BudgetConfigError {
    /// The field.
    pub field: &'static str,
    /// What it must be.
    pub rule: &'static str,
}

/// Leave for one retry; the call keeps it until that attempt has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Withdrawal {
    /// What it cost, in the units of the quota; 0 for the other laws.
    pub(crate) cost: u32,
}

/// A retry budget under one of four laws, or none.
#[derive(Clone, Debug)]
pub enum RetryBudget {
    /// Every retry is granted.
    Unlimited,
    /// gRPC A6.
    Tokens(TokenBudget),
    /// AWS SDKs.
    Quota(QuotaBudget),
    /// Finagle.
    Ratio(RatioBudget),
    /// Envoy.
    Concurrency(ConcurrencyBudget),
}

impl RetryBudget {
    /// A call begins.
    #[inline]
    pub fn request(&mut self, now: Time) {
        match self {
            RetryBudget::Unlimited | RetryBudget::Tokens(_) | RetryBudget::Quota(_) => {}
            RetryBudget::Ratio(budget) => budget.request(now),
            RetryBudget::Concurrency(budget) => budget.begin(),
        }
    }

    /// An attempt has failed in a way that is worth a retry, or was answered with "do not retry".
    #[inline]
    pub fn failure(&mut self) {
        match self {
            RetryBudget::Tokens(budget) => budget.failure(),
            RetryBudget::Unlimited | RetryBudget::Quota(_) | RetryBudget::Ratio(_) | RetryBudget::Concurrency(_) => {}
        }
    }

    /// Asks for leave to retry after an error of `class`; the wait before the retry belongs to it.
    #[inline]
    pub fn withdraw(&mut self, now: Time, class: ErrorClass) -> Option<Withdrawal> {
        match self {
            RetryBudget::Unlimited => Some(Withdrawal { cost: 0 }),
            RetryBudget::Tokens(budget) => budget.allows().then_some(Withdrawal { cost: 0 }),
            RetryBudget::Quota(budget) => budget.withdraw(class).map(|cost| Withdrawal { cost }),
            RetryBudget::Ratio(budget) => budget.withdraw(now).then_some(Withdrawal { cost: 0 }),
            RetryBudget::Concurrency(budget) => budget.withdraw().then_some(Withdrawal { cost: 0 }),
        }
    }

    /// The retry that was granted has ended (or was never sent); nothing if the attempt was the first.
    #[inline]
    pub fn settle(&mut self, withdrawal: Option<Withdrawal>) {
        match self {
            RetryBudget::Concurrency(budget) => {
                if withdrawal.is_some() {
                    budget.settle();
                }
            }
            RetryBudget::Unlimited | RetryBudget::Tokens(_) | RetryBudget::Quota(_) | RetryBudget::Ratio(_) => {}
        }
    }

    /// A call has succeeded, with its first attempt or with the retry that `last` paid for.
    #[inline]
    pub fn success(&mut self, last: Option<Withdrawal>) {
        match self {
            RetryBudget::Tokens(budget) => budget.success(),
            RetryBudget::Quota(budget) => budget.success(last.map(|withdrawal| withdrawal.cost)),
            RetryBudget::Unlimited | RetryBudget::Ratio(_) | RetryBudget::Concurrency(_) => {}
        }
    }

    /// A call is over, well or badly.
    #[inline]
    pub fn finish(&mut self) {
        match self {
            RetryBudget::Concurrency(budget) => budget.end(),
            RetryBudget::Unlimited | RetryBudget::Tokens(_) | RetryBudget::Quota(_) | RetryBudget::Ratio(_) => {}
        }
    }
}
