//! Timers of one constant length: a first-in, first-out ring instead of a heap.
//!
//! Whoever always waits equally long expires in the order of starting, so pushing and popping cost a few nanoseconds
//! however many are pending. The invariant is on the caller: `now` never goes back between two pushes.

#![expect(clippy::inline_always, reason = "once a request: a call costs as much as the push (benches/requests.rs)")]

use super::queue::Rank;
use crate::time::{Span, Time};

/// Pending timers that all run for the same time.
#[derive(Clone, Debug)]
pub struct DelayRing<E> {
    delay: Span,
    /// Those before `head` have gone.
    pending: Vec<(Time, Rank, E)>,
    head: usize,
}

impl<E: Copy> DelayRing<E> {
    /// A ring of timers of length `delay`.
    pub fn new(delay: Span) -> Self {
        DelayRing { delay, pending: Vec::new(), head: 0 }
    }

    /// Start a timer at `now`; it expires at `now` + delay.
    #[inline(always)]
    pub fn push(&mut self, now: Time, rank: Rank, event: E) {
        let due = now + self.delay;
        debug_assert!(self.pending.last().is_none_or(|last| last.0 <= due), "a ring's clock went back");
        if self.pending.len() == self.pending.capacity() {
            self.make_room();
        }
        self.pending.push((due, rank, event));
    }

    /// Those that have gone make room, if they are many.
    #[inline(never)]
    fn make_room(&mut self) {
        if self.head * 2 >= self.pending.len() {
            self.pending.drain(..self.head);
            self.head = 0;
        }
    }

    /// When and in which rank the next timer expires; [`Time::NEVER`] if there is none.
    #[inline]
    pub fn next(&self) -> (Time, Rank) {
        self.pending.get(self.head).map_or((Time::NEVER, Rank::LAST), |(due, rank, _)| (*due, *rank))
    }

    /// Take the timer that expires next.
    #[inline]
    pub fn pop(&mut self) -> Option<(Time, E)> {
        let (due, _, event) = *self.pending.get(self.head)?;
        self.head += 1;
        Some((due, event))
    }

    /// Forget the timers at the front that nobody waits for.
    #[inline]
    pub fn drop_stale(&mut self, is_stale: impl Fn(&E) -> bool) {
        while self.pending.get(self.head).is_some_and(|(_, _, event)| is_stale(event)) {
            self.head += 1;
        }
    }

    /// How many timers are pending.
    pub fn len(&self) -> usize {
        self.pending.len() - self.head
    }

    /// Is nothing pending?
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Forget all timers; keeps the memory.
    pub fn clear(&mut self) {
        self.pending.clear();
        self.head = 0;
    }
}

/// Rings of several lengths, looked at only when one of their timers may be next.
#[derive(Clone, Debug)]
pub struct DelayRings<E> {
    rings: Vec<DelayRing<E>>,
    /// No timer expires before.
    quiet_until: Time,
}

impl<E: Copy> DelayRings<E> {
    /// A ring for each length.
    pub fn new(delays: &[Span]) -> Self {
        DelayRings { rings: delays.iter().map(|&delay| DelayRing::new(delay)).collect(), quiet_until: Time::NEVER }
    }

    /// Start a timer of the length of ring number `ring` at `now`.
    #[inline(always)]
    pub fn push(&mut self, ring: u32, now: Time, rank: Rank, event: E) {
        let ring = &mut self.rings[ring as usize];
        self.quiet_until = self.quiet_until.min(now + ring.delay);
        ring.push(now, rank, event);
    }

    /// Is there no timer before or at this time? False: perhaps.
    #[inline]
    pub fn is_quiet(&self, at: Time) -> bool {
        at < self.quiet_until
    }

    /// When, in which rank and in which ring the next timer expires; those that nobody waits for are forgotten where
    /// they stand in front.
    #[inline(never)]
    pub fn next(&mut self, is_stale: impl Fn(&E) -> bool) -> (Time, Rank, usize) {
        let mut first = (Time::NEVER, Rank::LAST, 0);
        for (index, ring) in self.rings.iter_mut().enumerate() {
            ring.drop_stale(&is_stale);
            let (at, rank) = ring.next();
            first = first.min((at, rank, index));
        }
        self.quiet_until = first.0;
        first
    }

    /// Take the next timer of ring number `ring`.
    #[inline]
    pub fn pop(&mut self, ring: usize) -> Option<(Time, E)> {
        self.rings[ring].pop()
    }

    /// Forget all timers; keeps the memory.
    pub fn clear(&mut self) {
        self.rings.iter_mut().for_each(DelayRing::clear);
        self.quiet_until = Time::NEVER;
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

        #[test]
        fn rings_expire_as_a_queue_of_those_that_somebody_waits_for(
            steps in prop::collection::vec((0u64..5, 0u32..3, prop::bool::ANY, prop::bool::ANY), 0..200),
        ) {
            let delays = [3, 7, 7].map(Span::from_nanos);
            let mut counter = Counter::default();
            let (mut rings, mut queue) = (DelayRings::new(&delays), EventQueue::default());
            let mut now = Time::ZERO;
            let stale: Vec<bool> = steps.iter().map(|step| step.2).collect();
            let is_stale = |event: &usize| stale[*event];
            for (event, (gap, ring, _, takes)) in steps.into_iter().enumerate() {
                now += Span::from_nanos(gap);
                let rank = counter.next(0);
                rings.push(ring, now, rank, event);
                if !stale[event] {
                    queue.push(now + delays[ring as usize], rank, event);
                }
                let (at, rank) = queue.next();
                prop_assert!(at == Time::NEVER || !rings.is_quiet(at), "a timer is overlooked");
                let (due, order, first) = rings.next(is_stale);
                prop_assert_eq!((due, order), (at, rank));
                prop_assert!(due == Time::ZERO || rings.is_quiet(Time::from_nanos(due.as_nanos() - 1)));
                if takes {
                    prop_assert_eq!(rings.pop(first), queue.pop());
                }
            }
        }
    }
}
