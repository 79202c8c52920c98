//! The quota law of the AWS SDKs: a retry costs 5, after a timeout 10, from a quota of 500; a call that succeeds after a
//! retry gets the last cost back, one that succeeds at once adds 1. A steady failure empties it after 100 retries.

use super::BudgetConfigError;
use crate::resilience::ErrorClass;

/// The numbers of a [`QuotaBudget`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuotaConfig {
    /// Quota at the start and at most, at least the larger cost. Default 500.
    pub size: u32,
    /// What a retry costs, at least 1. Default 5.
    pub cost: u32,
    /// What a retry after a timeout costs, at least 1. Default 10.
    pub timeout_cost: u32,
}

impl Default for QuotaConfig {
    fn default() -> Self {
        QuotaConfig { size: 500, cost: 5, timeout_cost: 10 }
    }
}

/// See the module.
#[derive(Clone, Debug)]
pub struct QuotaBudget {
    config: QuotaConfig,
    left: u32,
}

impl QuotaBudget {
    /// A full quota.
    ///
    /// # Errors
    /// If a number is out of range.
    pub fn new(config: QuotaConfig) -> Result<Self, BudgetConfigError> {
        let wrong = |field, rule| Err(BudgetConfigError { field, rule });
        if config.cost == 0 {
            return wrong("cost", "must be at least 1");
        }
        if config.timeout_cost == 0 {
            return wrong("timeout_cost", "must be at least 1");
        }
        if config.size < config.cost.max(config.timeout_cost) {
            return wrong("size", "must be at least the cost of one retry");
        }
        Ok(QuotaBudget { config, left: config.size })
    }

    /// Pays for a retry after an error of `class`; the cost, if there was enough.
    pub fn withdraw(&mut self, class: ErrorClass) -> Option<u32> {
        let cost = if class == ErrorClass::Timeout { self.config.timeout_cost } else { self.config.cost };
        self.left = self.left.checked_sub(cost)?;
        Some(cost)
    }

    /// A call has succeeded; `last` is what its last retry cost, none if it had no retry.
    pub fn success(&mut self, last: Option<u32>) {
        self.left = self.left.saturating_add(last.unwrap_or(1)).min(self.config.size);
    }

    /// What is left.
    pub fn left(&self) -> u32 {
        self.left
    }
}
