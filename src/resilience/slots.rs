//! A sliding window of equal time slots with a running total.
//!
//! Slot of an instant `t` is `floor(t / width)`, an absolute index, so two windows over the same clock turn over at
//! the same instants whatever they saw. An entry at `t` is in the window while `floor(now / width) - floor(t / width)
//! < slots`: the window covers more than `(slots - 1) * width` and at most `slots * width`. Adding is O(1) and divides
//! only when the slot changes; a pause longer than the window clears it in one go.
//!
//! The clock of a window never turns back: the owner clamps `now` to the last instant seen.

use std::ops::{AddAssign, SubAssign};

use crate::time::{Span, Time};

/// The last `slots` slots of `width` each, summed.
#[derive(Clone, Debug)]
pub struct Slots<T> {
    ring: Box<[T]>,
    total: T,
    width: u64,
    /// Absolute index of the newest slot.
    index: u64,
    /// Where the newest slot lies in the ring: `index % ring.len()`.
    place: usize,
    /// First nanosecond after the newest slot.
    end: u64,
}

impl<T: Copy + Default + AddAssign + SubAssign> Slots<T> {
    /// An empty window; zero slots or a zero width count as one.
    pub fn new(slots: u32, width: Span) -> Self {
        let width = width.as_nanos().max(1);
        let ring = vec![T::default(); slots.max(1) as usize].into_boxed_slice();
        Slots { ring, total: T::default(), width, index: 0, place: 0, end: width }
    }

    /// Adds `entry` to the slot of `now`.
    #[inline]
    pub fn add(&mut self, now: Time, entry: T) {
        let nanos = now.as_nanos();
        if nanos >= self.end && nanos - self.end < self.width && self.end < u64::MAX {
            self.step(entry);
            return;
        }
        self.advance(now);
        if let Some(slot) = self.ring.get_mut(self.place) {
            *slot += entry;
        }
        self.total += entry;
    }

    /// The sum over the window that ends with the slot of `now`.
    #[inline]
    pub fn total_at(&mut self, now: Time) -> T {
        self.advance(now);
        self.total
    }

    /// The sum as of the last instant seen.
    #[inline]
    pub fn total(&self) -> T {
        self.total
    }

    /// Forgets every entry.
    pub fn clear(&mut self) {
        self.ring.fill(T::default());
        self.total = T::default();
    }

    #[inline]
    fn advance(&mut self, now: Time) {
        let now = now.as_nanos();
        // a slot that reaches the end of the clock is the last
        if now >= self.end && self.end < u64::MAX {
            self.turn(now);
        }
    }

    /// To the next slot, which takes the place of the oldest and begins with `entry`.
    #[inline]
    fn step(&mut self, entry: T) {
        self.place = if self.place + 1 == self.ring.len() { 0 } else { self.place + 1 };
        if let Some(slot) = self.ring.get_mut(self.place) {
            self.total += entry;
            self.total -= *slot;
            *slot = entry;
        }
        self.index += 1;
        self.end = self.end.saturating_add(self.width);
    }

    #[cold]
    #[inline(never)]
    fn turn(&mut self, now: u64) {
        let index = now / self.width;
        let slots = self.ring.len() as u64;
        let steps = index - self.index;
        if steps >= slots {
            self.clear();
            self.place = (index % slots) as usize;
            self.index = index;
            self.end = index.saturating_add(1).saturating_mul(self.width);
        } else {
            (0..steps).for_each(|_| self.step(T::default()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Time {
        Time::ZERO + Span::from_millis(millis)
    }

    #[test]
    fn an_entry_leaves_when_its_slot_does() {
        let mut slots = Slots::new(5, Span::SECOND);
        slots.add(at(999), 1_u64);
        slots.add(at(1_000), 10);
        assert_eq!(slots.total_at(at(4_999)), 11);
        assert_eq!(slots.total_at(at(5_000)), 10);
        assert_eq!(slots.total_at(at(5_999)), 10);
        assert_eq!(slots.total_at(at(6_000)), 0);
    }

    #[test]
    fn a_long_pause_clears_the_window() {
        let mut slots = Slots::new(3, Span::SECOND);
        slots.add(at(0), 7_u64);
        slots.add(at(3_600_000), 1);
        assert_eq!(slots.total(), 1);
    }

    #[test]
    fn the_end_of_the_clock_is_no_special_case() {
        let mut slots = Slots::new(3, Span::from_nanos(1));
        slots.add(Time::NEVER, 1_u64);
        slots.add(Time::NEVER, 1);
        assert_eq!(slots.total(), 2);
    }
}
