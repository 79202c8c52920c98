//! The ratio law of Finagle: over a sliding window, `retries` retries for each `per_requests` requests, and a reserve so
//! that a client with little traffic can retry at all.
//!
//! A request deposits `retries`, a retry withdraws `per_requests`: exact integers, so 30 % is 3 per 10 and not a rounded
//! cost per retry. The window has ten slots by absolute index; deposits and withdrawals both leave with their slot. A
//! retry is granted iff reserve + window >= `per_requests`, with reserve = `min_per_second * window * per_requests`.

use super::BudgetConfigError;
use crate::resilience::slots::Slots;
use crate::time::{NANOS_PER_SECOND, Span, Time};

const SLOTS: u32 = 10;

/// The numbers of a [`RatioBudget`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RatioConfig {
    /// So many retries, 1 to 1 000 000 ...
    pub retries: u32,
    /// ... for so many requests, 1 to 1 000 000.
    pub per_requests: u32,
    /// Over this long, at least 10 ns; rounded down to a multiple of 10 ns. Default 10 s.
    pub window: Span,
    /// Retries a second that are granted without any request, finite, not negative, at most 1 000 000. Default 0.
    pub min_per_second: f64,
}

impl RatioConfig {
    /// A share of retries in basis points, in lowest terms, over 10 s and without reserve.
    pub fn share(basis_points: u32) -> Self {
        let (mut divisor, mut rest) = (basis_points.max(1), 10_000);
        while rest != 0 {
            (divisor, rest) = (rest, divisor % rest);
        }
        RatioConfig {
            retries: basis_points / divisor,
            per_requests: 10_000 / divisor,
            window: Span::from_secs(10),
            min_per_second: 0.0,
        }
    }
}

/// See the module.
#[derive(Clone, Debug)]
pub struct RatioBudget {
    deposit: i64,
    withdrawal: i64,
    reserve: i64,
    slots: Slots<i64>,
    last_seen: Time,
}

impl RatioBudget {
    /// A budget that has seen nothing.
    ///
    /// # Errors
    /// If a number is out of range.
    pub fn new(config: RatioConfig) -> Result<Self, BudgetConfigError> {
        let range = 1..=1_000_000;
        let slot = Span::from_nanos(config.window.as_nanos() / u64::from(SLOTS));
        // in millionths of a retry a second, so that 0.29 is 0.29
        let rate = (config.min_per_second * 1e6).round() as u128;
        let reserve = rate * u128::from(config.window.as_nanos()) * u128::from(config.per_requests)
            / (1_000_000 * u128::from(NANOS_PER_SECOND));
        let rules = [
            (range.contains(&config.retries), "retries", "must be 1 to 1000000"),
            (range.contains(&config.per_requests), "per_requests", "must be 1 to 1000000"),
            (!slot.is_zero(), "window", "must be at least 10 ns"),
            ((0.0..=1e6).contains(&config.min_per_second), "min_per_second", "must be 0 to 1000000"),
            (reserve <= 1 << 60, "window", "is too long for this reserve"),
        ];
        if let Some((_, field, rule)) = rules.into_iter().find(|(holds, _, _)| !holds) {
            return Err(BudgetConfigError { field, rule });
        }
        Ok(RatioBudget {
            deposit: i64::from(config.retries),
            withdrawal: i64::from(config.per_requests),
            reserve: reserve as i64,
            slots: Slots::new(SLOTS, slot),
            last_seen: Time::ZERO,
        })
    }

    /// A call begins.
    #[inline]
    pub fn request(&mut self, now: Time) {
        self.last_seen = self.last_seen.max(now);
        self.slots.add(self.last_seen, self.deposit);
    }

    /// Takes leave for a retry, if there is any.
    #[inline]
    pub fn withdraw(&mut self, now: Time) -> bool {
        let granted = self.balance(now) >= self.withdrawal;
        if granted {
            self.slots.add(self.last_seen, -self.withdrawal);
        }
        granted
    }

    /// Reserve and window together; a retry takes `per_requests` of it.
    #[inline]
    pub fn balance(&mut self, now: Time) -> i64 {
        self.last_seen = self.last_seen.max(now);
        self.reserve + self.slots.total_at(self.last_seen)
    }
}
