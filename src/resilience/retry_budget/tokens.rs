//! The token law of gRPC proposal A6: a failure takes one token, a success gives a part of one back, and retries are
//! granted only while more than half of the tokens are there. So they stop when about `ratio` of the attempts or more
//! fail, whatever the rate of calls. Counted in thousandths of a token, which is exact for the ratios that A6 allows.

use super::BudgetConfigError;

const TOKEN: u32 = 1_000;

/// The numbers of a [`TokenBudget`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenConfig {
    /// Tokens at the start and at most, 1 to 1 000 000. Default 10.
    pub max: u32,
    /// What a success gives back, in thousandths of a token, at least 1. Default 100.
    pub ratio: u32,
}

impl Default for TokenConfig {
    fn default() -> Self {
        TokenConfig { max: 10, ratio: 100 }
    }
}

/// See the module.
#[derive(Clone, Debug)]
pub struct TokenBudget {
    tokens: u32,
    max: u32,
    ratio: u32,
}

impl TokenBudget {
    /// A full budget.
    ///
    /// # Errors
    /// If a number is out of range.
    pub fn new(config: TokenConfig) -> Result<Self, BudgetConfigError> {
        if config.max == 0 || config.max > 1_000_000 {
            return Err(BudgetConfigError { field: "max", rule: "must be 1 to 1000000 tokens" });
        }
        if config.ratio == 0 {
            return Err(BudgetConfigError { field: "ratio", rule: "must be at least a thousandth" });
        }
        let max = config.max * TOKEN;
        Ok(TokenBudget { tokens: max, max, ratio: config.ratio })
    }

    /// Takes a token.
    pub fn failure(&mut self) {
        self.tokens = self.tokens.saturating_sub(TOKEN);
    }

    /// Gives the part of a success.
    pub fn success(&mut self) {
        self.tokens = self.tokens.saturating_add(self.ratio).min(self.max);
    }

    /// Whether a retry is granted: strictly more than half of the tokens are there.
    pub fn allows(&self) -> bool {
        2 * u64::from(self.tokens) > u64::from(self.max)
    }

    /// What is there, in thousandths of a token.
    pub fn thousandths(&self) -> u32 {
        self.tokens
    }
}
