//! The concurrency law of Envoy: a retry is granted while the retries under way are fewer than
//! `max(min, floor(share * calls))`, calls being all those in progress, waiting ones included.
//!
//! A retry is under way from the moment it is granted: one that still waits in its backoff counts, else any number of
//! them could be granted first and all be sent together later (Envoy issue 30205).

use super::BudgetConfigError;

/// The numbers of a [`ConcurrencyBudget`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConcurrencyConfig {
    /// Retries as a share of the calls in progress, in basis points, up to 10 000. Default 2000 (20 %).
    pub share: u32,
    /// So many retries are granted however few calls there are. Default 3.
    pub min: u32,
}

impl Default for ConcurrencyConfig {
    fn default() -> Self {
        ConcurrencyConfig { share: 2_000, min: 3 }
    }
}

/// See the module.
#[derive(Clone, Debug)]
pub struct ConcurrencyBudget {
    config: ConcurrencyConfig,
    calls: u64,
    retries: u64,
}

impl ConcurrencyBudget {
    /// A budget without calls.
    ///
    /// # Errors
    /// If the share is above 100 %, or both numbers are zero.
    pub fn new(config: ConcurrencyConfig) -> Result<Self, BudgetConfigError> {
        if config.share > 10_000 {
            return Err(BudgetConfigError { field: "share", rule: "must be at most 100 %" });
        }
        if config.share == 0 && config.min == 0 {
            return Err(BudgetConfigError { field: "min", rule: "must be at least 1 if the share is zero" });
        }
        Ok(ConcurrencyBudget { config, calls: 0, retries: 0 })
    }

    /// A call begins.
    pub fn begin(&mut self) {
        self.calls += 1;
    }

    /// A call is over.
    pub fn end(&mut self) {
        self.calls = self.calls.saturating_sub(1);
    }

    /// Takes leave for a retry, if there is any.
    pub fn withdraw(&mut self) -> bool {
        let limit = (self.calls * u64::from(self.config.share) / 10_000).max(u64::from(self.config.min));
        let granted = self.retries < limit;
        self.retries += u64::from(granted);
        granted
    }

    /// A retry that was granted has ended.
    pub fn settle(&mut self) {
        self.retries = self.retries.saturating_sub(1);
    }

    /// Calls in progress and retries under way.
    pub fn in_progress(&self) -> (u64, u64) {
        (self.calls, self.retries)
    }
}
