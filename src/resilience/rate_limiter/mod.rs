//! Rate limiter: so many cells a period with a bounded burst, by the generic cell rate algorithm (GCRA).
//!
//! The whole state is one instant, the theoretical arrival time (TAT): when the bucket will be full again. With T the
//! time per cell and B the burst, n cells at `now` are admitted iff `max(TAT, now) + n T - now <= B T` (ITU-T I.371 in
//! integers); a refusal says exactly how long to wait and consumes nothing. Over any interval of length L at most
//! `B + L / T` cells pass.
//!
//! A wait is no reservation: the caller asks again when it is over and may be refused again. Who wants a place in the
//! future books it with [`Gcra::reserve`]. [`AtomicGcra`] is the same on one shared word, [`KeyedGcra`] one limiter
//! per key in bounded memory, and [`FixedCycle`] the flawed scheme that lets twice the limit through around the turn
//! of a cycle, here so that it can be modelled.
//!
//! ```
//! use ninefold::resilience::rate_limiter::{Gcra, GcraConfig, Refused};
//! use ninefold::time::{Span, Time};
//!
//! let mut limiter = Gcra::new(GcraConfig::per_second(10.0))?;
//! assert_eq!(limiter.acquire(Time::ZERO, 1), Ok(()));
//! assert_eq!(limiter.acquire(Time::ZERO, 1), Err(Refused::Wait(Span::from_millis(100))));
//! # Ok::<(), ninefold::resilience::rate_limiter::GcraConfigError>(())
//! ```

mod atomic;
mod fixed_cycle;
mod keyed;

pub use atomic::AtomicGcra;
pub use fixed_cycle::FixedCycle;
pub use keyed::{KeyedCounts, KeyedGcra};

use crate::time::{NANOS_PER_SECOND, Span, Time};

/// The numbers of a rate limiter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GcraConfig {
    /// Time per cell (the inverse of the rate), at least 1 ns.
    pub period: Span,
    /// Cells that may pass at once after a pause, at least 1.
    pub burst: u32,
}

/// A number of a rate limiter that cannot be meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{field}` of the rate limiter {rule}")]
pub struct GcraConfigError {
    /// The field.
    pub field: &'static str,
    /// What it must be.
    pub rule: &'static str,
}

impl GcraConfig {
    /// `rate` cells a second with a burst of one; the period is rounded to the nearest nanosecond. A rate that is not
    /// positive, or above 10^9, gives a period that [`Gcra::new`] refuses.
    pub fn per_second(rate: f64) -> Self {
        let period = if rate > 0.0 { (NANOS_PER_SECOND as f64 / rate).round() } else { 0.0 };
        GcraConfig { period: Span::from_nanos_f64(period), burst: 1 }
    }

    /// The same rate with another burst.
    pub const fn burst(self, burst: u32) -> Self {
        GcraConfig { burst, ..self }
    }

    fn check(self) -> Result<Rule, GcraConfigError> {
        let period = self.period.as_nanos();
        let rule = |field, rule| Err(GcraConfigError { field, rule });
        if period == 0 {
            return rule("period", "must be at least 1 ns: a rate above zero and at most 10^9 per second");
        }
        if self.burst == 0 {
            return rule("burst", "must be at least 1");
        }
        match period.checked_mul(u64::from(self.burst)) {
            Some(capacity) if capacity <= u64::MAX / 4 => Ok(Rule { period, capacity, burst: self.burst }),
            Some(_) | None => rule("burst", "times the period must be less than 146 years"),
        }
    }
}

/// Why cells may not pass now; nothing was consumed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// They may, if nobody else comes, after this time. Ask again then.
    #[error("the rate limit is reached; free again after {0}")]
    Wait(Span),
    /// More cells at once than the burst: never.
    #[error("more cells at once than the burst of the rate limiter")]
    ExceedsBurst,
}

/// The checked numbers and the arithmetic, shared by all forms of the limiter.
#[derive(Clone, Copy, Debug)]
struct Rule {
    period: u64,
    capacity: u64,
    burst: u32,
}

impl Rule {
    /// The new TAT if `cells` may pass at `now` after waiting at most `wait`, and how long they wait.
    #[inline]
    fn book(self, tat: u64, now: u64, cells: u32, wait: u64) -> Result<(u64, u64), Refused> {
        if cells > self.burst {
            return Err(Refused::ExceedsBurst);
        }
        let next = tat.max(now).saturating_add(u64::from(cells) * self.period);
        let excess = (next - now).saturating_sub(self.capacity);
        if excess <= wait { Ok((next, excess)) } else { Err(Refused::Wait(Span::from_nanos(excess))) }
    }

    /// When one cell may pass at this TAT; none if it always could.
    fn free(self, tat: u64) -> Option<Time> {
        let free = tat.saturating_add(self.period).saturating_sub(self.capacity);
        (free > 0).then(|| Time::from_nanos(free))
    }
}

/// A rate limiter for one owner.
#[derive(Clone, Debug)]
pub struct Gcra {
    rule: Rule,
    tat: u64,
    last_seen: u64,
}

impl Gcra {
    /// A limiter with a full bucket.
    ///
    /// # Errors
    /// If the period or the burst is zero, or their product is too long for the clock.
    pub fn new(config: GcraConfig) -> Result<Self, GcraConfigError> {
        Ok(Gcra { rule: config.check()?, tat: 0, last_seen: 0 })
    }

    /// Lets `cells` pass now or not at all.
    ///
    /// # Errors
    /// [`Refused`], with the time to wait.
    #[inline]
    pub fn acquire(&mut self, now: Time, cells: u32) -> Result<(), Refused> {
        self.reserve(now, cells, Span::ZERO).map(|_| ())
    }

    /// Books `cells`, now or up to `wait` in the future; the answer is how long to wait before going on, without
    /// asking again.
    ///
    /// # Errors
    /// [`Refused`] if the wait would be longer; then nothing is booked.
    #[inline]
    pub fn reserve(&mut self, now: Time, cells: u32, wait: Span) -> Result<Span, Refused> {
        self.last_seen = self.last_seen.max(now.as_nanos());
        let (tat, waits) = self.rule.book(self.tat, self.last_seen, cells, wait.as_nanos())?;
        self.tat = tat;
        Ok(Span::from_nanos(waits))
    }

    /// Cells that may pass at `now`.
    pub fn available(&self, now: Time) -> u32 {
        let now = self.last_seen.max(now.as_nanos());
        let taken = self.tat.saturating_sub(now);
        (self.rule.capacity.saturating_sub(taken) / self.rule.period) as u32
    }

    /// Gives back `cells` that were admitted or booked and will not be used. Later bookings keep their times.
    pub fn give_back(&mut self, cells: u32) {
        self.tat = self.tat.saturating_sub(u64::from(cells) * self.rule.period);
    }

    /// When one cell may next pass; none if it may pass already.
    pub fn next_wake(&self) -> Option<Time> {
        let free = self.tat.saturating_add(self.rule.period).saturating_sub(self.rule.capacity);
        (free > self.last_seen).then(|| Time::from_nanos(free))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = NANOS_PER_SECOND;

    fn limiter(burst: u32) -> Gcra {
        Gcra::new(GcraConfig::per_second(10.0).burst(burst)).expect("valid")
    }

    #[test]
    fn as_many_are_available_as_then_pass() {
        let mut bucket = limiter(7);
        for millis in [0, 0, 0, 130, 250, 251, 3_000, 3_000, 3_001] {
            let now = at(millis * 1_000_000);
            let cells = bucket.available(now);
            let mut taken = bucket.clone();
            assert!((0..cells).all(|_| taken.acquire(now, 1).is_ok()) && taken.acquire(now, 1).is_err(), "{cells}");
            let _ = bucket.acquire(now, 2);
        }
        assert_eq!(bucket.available(at(3_001_000_000)), 1, "two of seven, three times");
    }

    fn at(nanos: u64) -> Time {
        Time::from_nanos(nanos)
    }

    #[test]
    fn a_burst_passes_and_the_refusal_says_the_exact_wait() {
        let mut gcra = limiter(3);
        for _ in 0..3 {
            assert_eq!(gcra.acquire(at(SECOND), 1), Ok(()));
        }
        assert_eq!(gcra.acquire(at(SECOND), 1), Err(Refused::Wait(Span::from_millis(100))));
        assert_eq!(gcra.acquire(at(SECOND + 99_999_999), 1), Err(Refused::Wait(Span::from_nanos(1))));
        assert_eq!(gcra.next_wake(), Some(at(SECOND + 100_000_000)));
        assert_eq!(gcra.acquire(at(SECOND + 100_000_000), 1), Ok(()));
    }

    #[test]
    fn a_refusal_consumes_nothing() {
        let mut gcra = limiter(3);
        assert_eq!(gcra.acquire(at(0), 2), Ok(()));
        for _ in 0..100 {
            assert_eq!(gcra.acquire(at(0), 2), Err(Refused::Wait(Span::from_millis(100))));
        }
        assert_eq!(gcra.acquire(at(0), 1), Ok(()));
    }

    #[test]
    fn more_cells_than_the_burst_are_an_error() {
        assert_eq!(limiter(3).acquire(at(0), 4), Err(Refused::ExceedsBurst));
        assert_eq!(limiter(3).acquire(at(0), u32::MAX), Err(Refused::ExceedsBurst));
    }

    #[test]
    fn a_reservation_books_the_future_up_to_its_wait() {
        let mut gcra = limiter(1);
        let wait = Span::from_millis(200);
        let waits: Vec<_> = (0..4).map(|_| gcra.reserve(at(0), 1, wait)).collect();
        let ms = Span::from_millis;
        assert_eq!(waits, [Ok(ms(0)), Ok(ms(100)), Ok(ms(200)), Err(Refused::Wait(ms(300)))]);
        gcra.give_back(1);
        assert_eq!(gcra.reserve(at(0), 1, wait), Ok(ms(200)));
    }

    #[test]
    fn a_caller_that_waited_must_ask_again() {
        let mut gcra = limiter(1);
        assert_eq!(gcra.acquire(at(0), 1), Ok(()));
        let waits = [0; 2].map(|_| gcra.acquire(at(0), 1));
        assert_eq!(waits[0], waits[1], "both are told to come at 100 ms");
        assert_eq!(gcra.acquire(at(100_000_000), 1), Ok(()));
        assert!(gcra.acquire(at(100_000_000), 1).is_err(), "the second finds the cell taken");
    }

    #[test]
    fn a_clock_that_turns_back_stands_still() {
        let mut gcra = limiter(1);
        assert_eq!(gcra.acquire(at(SECOND), 1), Ok(()));
        assert_eq!(gcra.acquire(at(0), 1), Err(Refused::Wait(Span::from_millis(100))));
    }

    #[test]
    fn the_end_of_the_clock_neither_wraps_nor_panics() {
        let mut gcra = limiter(3);
        for _ in 0..10 {
            let _any = gcra.acquire(Time::NEVER, 3);
        }
    }

    #[test]
    fn a_wrong_number_is_refused_by_name() {
        let field = |config: GcraConfig| Gcra::new(config).err().map(|error| error.field);
        assert_eq!(field(GcraConfig::per_second(0.0)), Some("period"));
        assert_eq!(field(GcraConfig::per_second(f64::NAN)), Some("period"));
        assert_eq!(field(GcraConfig::per_second(1.0).burst(0)), Some("burst"));
        assert_eq!(field(GcraConfig { period: Span::YEAR, burst: 1_000 }), Some("burst"));
    }
}
