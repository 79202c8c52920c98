//! Timers of one constant length: a first-in, first-out ring instead of a heap.
//!
//! Whoever always waits equally long expires in the order of starting, so pushing and popping cost a few nanoseconds
//! however many are pending. The invariant is on the caller: `now` never goes back between two pushes.

use super::queue::Rank;
use crate::time::{Span, Time};
use std::collections::VecDeque;

/// Pending timers that all run for the same time.
#[derive(Clone, Debug)]
pub struct DelayRing<E> {
    delay: Span,
    pending: VecDeque<(Time, Rank, E)>,
}

impl<E> DelayRing<E> {
    /// A ring of timers of length `delay`.
    pub fn new(delay: Span) -> Self {
        DelayRing { delay, pending: VecDeque::new() }
    }

    /// Start a timer at `now`; it expires at `now` + delay.
    #[inline]
    pub fn push(&mut self, now: Time, rank: Rank, event: E) {
        let due = now + self.delay;
        debug_assert!(self.pending.back().is_none_or(|last| last.0 <= due), "a ring's clock went back");
        self.pending.push_back((due, rank, event));
    }

    /// When and in which rank the next timer expires; [`Time::NEVER`] if there is none.
    #[inline]
    pub fn next(&self) -> (Time, Rank) {
        self.pending.front().map_or((Time::NEVER, Rank::LAST), |(due, rank, _)| (*due, *rank))
    }

    /// Take the timer that expires next.
    #[inline]
    pub fn pop(&mut self) -> Option<(Time, E)> {
        self.pending.pop_front().map(|(due, _, event)| (due, event))
    }

    /// Forget the timers at the front that nobody waits for.
    #[inline]
    pub fn drop_stale(&mut self, is_stale: impl Fn(&E) -> bool) {
        while self.pending.front().is_some_and(|(_, _, event)| is_stale(event)) {
            self.pending.pop_front();
        }
    }

    /// How many timers are pending.
    pub fn len(&self) -> usize {
        self.pending.len()
    }

    /// Is nothing pending?
    pub fn is_empty(&self) -> bool {
        self.pending.is_empty()
    }

    /// Forget all timers; keeps the memory.
    pub fn clear(&mut self) {
        self.pending.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::super::queue::{Counter, EventQueue};
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_ring_expires_as_a_queue_would(gaps in prop::collection::vec(0u64..5, 0..100), delay in 0u64..20) {
            let mut counter = Counter::default();
            let mut ring = DelayRing::new(Span::from_nanos(delay));
            let mut queue = EventQueue::default();
            let mut now = Time::ZERO;
            for (event, gap) in gaps.into_iter().enumerate() {
                now += Span::from_nanos(gap);
                let rank = counter.next(0);
                ring.push(now, rank, event);
                queue.push(now + Span::from_nanos(delay), rank, event);
            }
            while !queue.is_empty() {
                prop_assert_eq!(ring.next(), queue.next());
                prop_assert_eq!(ring.pop(), queue.pop());
            }
            prop_assert!(ring.is_empty());
        }
    }
}
