//! GCRA for many threads: the TAT in one atomic word, one compare-and-swap per admission, no lock.
//!
//! Relaxed ordering is enough: the word guards no other memory, and all admissions are ordered by its own
//! modification order. A `now` that lies a little behind another thread's can only be refused more, never admitted
//! more, since `max(TAT, now)` does not fall.

use std::sync::atomic::Ordering;

use super::{GcraConfig, GcraConfigError, Refused, Rule};
use crate::resilience::sync::AtomicU64;
use crate::time::{Span, Time};

/// A rate limiter that is shared by reference.
#[derive(Debug)]
pub struct AtomicGcra {
    rule: Rule,
    tat: AtomicU64,
}

impl AtomicGcra {
    /// A limiter with a full bucket.
    ///
    /// # Errors
    /// As [`Gcra::new`](super::Gcra::new).
    pub fn new(config: GcraConfig) -> Result<Self, GcraConfigError> {
        Ok(AtomicGcra { rule: config.check()?, tat: AtomicU64::new(0) })
    }

    /// Lets `cells` pass now or not at all.
    ///
    /// # Errors
    /// [`Refused`], with the time to wait.
    #[inline]
    pub fn acquire(&self, now: Time, cells: u32) -> Result<(), Refused> {
        self.reserve(now, cells, Span::ZERO).map(|_| ())
    }

    /// Books `cells`, now or up to `wait` in the future; the answer is how long to wait before going on.
    ///
    /// # Errors
    /// [`Refused`] if the wait would be longer; then nothing is booked.
    #[inline]
    pub fn reserve(&self, now: Time, cells: u32, wait: Span) -> Result<Span, Refused> {
        let mut tat = self.tat.load(Ordering::Relaxed);
        loop {
            let (next, waits) = self.rule.book(tat, now.as_nanos(), cells, wait.as_nanos())?;
            match self.tat.compare_exchange_weak(tat, next, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return Ok(Span::from_nanos(waits)),
                Err(other) => tat = other,
            }
        }
    }

    /// When one cell may next pass, if nobody else comes.
    pub fn next_wake(&self) -> Option<Time> {
        self.rule.free(self.tat.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_together_get_no_more_than_one_would() {
        let gcra = AtomicGcra::new(GcraConfig { period: Span::SECOND, burst: 1_000 }).expect("valid");
        let admitted: usize = std::thread::scope(|scope| {
            let run = || (0..1_000).filter(|_| gcra.acquire(Time::ZERO, 1).is_ok()).count();
            let threads = [0; 4].map(|_| scope.spawn(run));
            threads.into_iter().map(|thread| thread.join().expect("no panic")).sum()
        });
        assert_eq!(admitted, 1_000);
    }
}
