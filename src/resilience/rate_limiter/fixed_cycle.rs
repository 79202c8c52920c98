//! The fixed-cycle limiter: so many cells per cycle, all back at each turn of the cycle.
//!
//! Offered only to model systems that have it: a full load just before a turn and another just after pass together, so
//! twice the limit within a moment.

use super::{GcraConfigError, Refused};
use crate::time::{Span, Time};

/// So many cells in each cycle `[k period, (k + 1) period)`.
#[derive(Clone, Debug)]
pub struct FixedCycle {
    period: u64,
    limit: u32,
    cycle: u64,
    used: u32,
    last_seen: u64,
}

impl FixedCycle {
    /// A limiter at the start of the clock.
    ///
    /// # Errors
    /// If `period` or `limit` is zero.
    pub fn new(period: Span, limit: u32) -> Result<Self, GcraConfigError> {
        let wrong = |field| Err(GcraConfigError { field, rule: "must be more than zero" });
        if period.is_zero() {
            return wrong("period");
        }
        if limit == 0 {
            return wrong("limit");
        }
        Ok(FixedCycle { period: period.as_nanos(), limit, cycle: 0, used: 0, last_seen: 0 })
    }

    /// Lets `cells` pass now or not at all.
    ///
    /// # Errors
    /// [`Refused`], with the time to the next cycle.
    pub fn acquire(&mut self, now: Time, cells: u32) -> Result<(), Refused> {
        self.last_seen = self.last_seen.max(now.as_nanos());
        let cycle = self.last_seen / self.period;
        if cycle != self.cycle {
            (self.cycle, self.used) = (cycle, 0);
        }
        if cells > self.limit {
            return Err(Refused::ExceedsBurst);
        }
        if cells > self.limit - self.used {
            let turn = cycle.saturating_add(1).saturating_mul(self.period);
            return Err(Refused::Wait(Span::from_nanos(turn - self.last_seen)));
        }
        self.used += cells;
        Ok(())
    }

    /// The next turn, if the cycle is used up.
    pub fn next_wake(&self) -> Option<Time> {
        let turn = self.cycle.saturating_add(1).saturating_mul(self.period);
        (self.used == self.limit).then(|| Time::from_nanos(turn))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn twice_the_limit_passes_around_a_turn() {
        let mut cycle = FixedCycle::new(Span::SECOND, 10).expect("valid");
        let before = Time::ZERO + Span::from_millis(999);
        assert_eq!(cycle.acquire(before, 10), Ok(()));
        assert_eq!(cycle.acquire(before, 1), Err(Refused::Wait(Span::MILLISECOND)));
        assert_eq!(cycle.next_wake(), Some(Time::ZERO + Span::SECOND));
        assert_eq!(cycle.acquire(Time::ZERO + Span::SECOND, 10), Ok(()));
    }
}
