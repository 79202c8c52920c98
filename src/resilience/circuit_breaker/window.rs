//! What a closed breaker remembers: a tally over a count window, a time window, or a run of failures.
//!
//! Recording is O(1) and allocates nothing. The count window is a ring that really slides: each result pushes out the
//! one `size` results ago.

use std::ops::{AddAssign, SubAssign};

use super::config::{Trip, Window};
use crate::resilience::slots::Slots;
use crate::time::Time;

/// Numbers of results; a slow failure is both a failure and slow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Successes and failures.
    pub total: u64,
    /// Failures among them.
    pub failures: u64,
    /// Slow ones among them.
    pub slow: u64,
}

impl Tally {
    /// The tally of one result.
    #[inline]
    pub(super) const fn one(failure: bool, slow: bool) -> Tally {
        Tally { total: 1, failures: failure as u64, slow: slow as u64 }
    }

    /// Whether failures / total >= rate / 10 000, in integers.
    #[inline]
    pub(super) const fn failing(self, rate: u32) -> bool {
        self.failures * 10_000 >= self.total * rate as u64
    }

    /// Whether slow / total >= rate / 10 000, in integers.
    #[inline]
    pub(super) const fn slowing(self, rate: u32) -> bool {
        self.slow * 10_000 >= self.total * rate as u64
    }
}

impl AddAssign for Tally {
    #[inline]
    fn add_assign(&mut self, other: Tally) {
        self.total += other.total;
        self.failures += other.failures;
        self.slow += other.slow;
    }
}

impl SubAssign for Tally {
    #[inline]
    fn sub_assign(&mut self, other: Tally) {
        self.total -= other.total;
        self.failures -= other.failures;
        self.slow -= other.slow;
    }
}

/// The memory behind [`Trip`].
#[derive(Clone, Debug)]
pub(super) enum Memory {
    Count(Ring),
    Time(Slots<Tally>),
    /// Failures in a row, and all results since the breaker closed (to report, not to judge).
    Run(u64, Tally),
}

impl Memory {
    pub(super) fn new(trip: Trip) -> Memory {
        match trip {
            Trip::Rate { window: Window::Count { size }, .. } => Memory::Count(Ring::new(size)),
            Trip::Rate { window: Window::Time { buckets, bucket }, .. } => Memory::Time(Slots::new(buckets, bucket)),
            Trip::Consecutive { .. } => Memory::Run(0, Tally::default()),
        }
    }

    pub(super) fn clear(&mut self) {
        match self {
            Memory::Count(ring) => ring.clear(),
            Memory::Time(slots) => slots.clear(),
            Memory::Run(run, tally) => (*run, *tally) = (0, Tally::default()),
        }
    }

    /// The window as it stands at `now`.
    pub(super) fn tally(&mut self, now: Time) -> Tally {
        match self {
            Memory::Count(ring) => ring.tally,
            Memory::Time(slots) => slots.total_at(now),
            Memory::Run(_, tally) => *tally,
        }
    }
}

const FAILURE: u8 = 1;
const SLOW: u8 = 2;

/// The last so many results, one byte each.
#[derive(Clone, Debug)]
pub(super) struct Ring {
    results: Box<[u8]>,
    next: usize,
    tally: Tally,
}

impl Ring {
    fn new(size: u32) -> Ring {
        Ring { results: vec![0; size.max(1) as usize].into_boxed_slice(), next: 0, tally: Tally::default() }
    }

    #[inline]
    pub(super) fn push(&mut self, failure: bool, slow: bool) -> Tally {
        let new = (u8::from(failure) * FAILURE) | (u8::from(slow) * SLOW);
        let full = self.tally.total >= self.results.len() as u64;
        if let Some(place) = self.results.get_mut(self.next) {
            let old = if full { *place } else { 0 };
            *place = new;
            self.tally.failures = self.tally.failures + u64::from(failure) - u64::from(old & FAILURE);
            self.tally.slow = self.tally.slow + u64::from(slow) - u64::from((old & SLOW) >> 1);
            self.tally.total += u64::from(!full);
        }
        self.next = if self.next + 1 == self.results.len() { 0 } else { self.next + 1 };
        self.tally
    }

    fn clear(&mut self) {
        // what the ring still holds is never read: a place counts only once the ring has filled again
        self.next = 0;
        self.tally = Tally::default();
    }
}
