//! A queue of future events in a total order: time, then class, then the order of scheduling.
//!
//! For what has no fixed place of its own: stages of a failover, pages, wake-ups. There is no cancel; whoever changes
//! his mind bumps a generation number of his own and drops the stale event when it comes. Entities with exactly one
//! pending instant belong in a [`WinnerTree`](super::winner::WinnerTree), timers of one constant length in a
//! [`DelayRing`](super::ring::DelayRing).
//!
//! The next few events lie sorted in an array, the others in a heap behind it: with few pending, as is usual, an event
//! costs one short insertion and no sifting; with many the heap does the work and the array costs little.

use crate::time::Time;
use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

/// Place of an event among those of the same instant: its class (0 to 255, lower first), then its scheduling number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rank(u64);

impl Rank {
    /// After everything of the same instant.
    pub const LAST: Rank = Rank(u64::MAX);

    /// The rank of the `number`-th scheduling (below 2^56) in `class`.
    #[inline]
    pub const fn new(class: u8, number: u64) -> Self {
        Rank((class as u64) << 56 | (number & (u64::MAX >> 8)))
    }

    /// The class.
    #[inline]
    pub const fn class(self) -> u8 {
        (self.0 >> 56) as u8
    }
}

/// Hands out scheduling numbers; one for the whole world, so that queue and tree share one order.
#[derive(Clone, Debug, Default)]
pub struct Counter(u64);

impl Counter {
    /// The rank of the next scheduling in `class`; there are fewer than 2^56 of them in a life of the machine.
    #[inline]
    pub fn next(&mut self, class: u8) -> Rank {
        self.0 += 1;
        Rank(u64::from(class) << 56 | self.0)
    }

    /// Begin again at 0.
    pub fn reset(&mut self) {
        self.0 = 0;
    }
}

#[derive(Clone, Copy, Debug)]
struct Entry<E> {
    time: Time,
    rank: Rank,
    event: E,
}

impl<E> PartialEq for Entry<E> {
    fn eq(&self, other: &Self) -> bool {
        (self.time, self.rank) == (other.time, other.rank)
    }
}
impl<E> Eq for Entry<E> {}
impl<E> PartialOrd for Entry<E> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl<E> Ord for Entry<E> {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.time, self.rank).cmp(&(other.time, other.rank))
    }
}

/// So many events at most lie in the array.
const NEAR: usize = 24;

/// Future events of type `E`, earliest first.
#[derive(Clone, Debug)]
pub struct EventQueue<E> {
    /// The next events, the earliest last; empty only if there are none.
    near: Vec<Entry<E>>,
    /// All of these come after those.
    far: BinaryHeap<Reverse<Entry<E>>>,
}

impl<E> Default for EventQueue<E> {
    fn default() -> Self {
        EventQueue { near: Vec::with_capacity(NEAR + 1), far: BinaryHeap::new() }
    }
}

impl<E: Copy> EventQueue<E> {
    /// Put `event` at `time`, among its equals by `rank`.
    #[expect(
        clippy::inline_always,
        reason = "several times a request: a call costs a tenth of it (benches/requests.rs)"
    )]
    #[inline(always)]
    pub fn push(&mut self, time: Time, rank: Rank, event: E) {
        let comes_first = |entry: &Entry<E>| entry.time < time || (entry.time == time && entry.rank < rank);
        let len = self.near.len();
        if (len >= NEAR || !self.far.is_empty()) && self.near.first().is_some_and(comes_first) {
            return self.push_far(Entry { time, rank, event });
        }
        self.near.push(Entry { time, rank, event });
        let mut places = self.near.iter_mut().rev();
        if let Some(mut place) = places.next() {
            for entry in places.take_while(|entry| comes_first(entry)) {
                *place = *entry;
                place = entry;
            }
            // field by field: a copy of what has just been put together waits for its parts
            (place.time, place.rank, place.event) = (time, rank, event);
        }
        if len >= NEAR {
            let last = self.near.remove(0);
            self.push_far(last);
        }
    }

    #[inline(never)]
    fn push_far(&mut self, entry: Entry<E>) {
        self.far.push(Reverse(entry));
    }

    /// When and in which rank the next event comes; [`Time::NEVER`] if there is none.
    #[inline]
    pub fn next(&self) -> (Time, Rank) {
        self.near.last().map_or((Time::NEVER, Rank::LAST), |entry| (entry.time, entry.rank))
    }

    /// Take the next event.
    #[inline]
    pub fn pop(&mut self) -> Option<(Time, E)> {
        let entry = self.near.pop()?;
        if self.near.is_empty() && !self.far.is_empty() {
            self.refill();
        }
        Some((entry.time, entry.event))
    }

    /// Half of the array, so that there is room for what comes before them.
    fn refill(&mut self) {
        while self.near.len() < NEAR / 2
            && let Some(Reverse(entry)) = self.far.pop()
        {
            self.near.push(entry);
        }
        self.near.reverse();
    }

    /// How many events are pending.
    pub fn len(&self) -> usize {
        self.near.len() + self.far.len()
    }

    /// Is nothing pending?
    pub fn is_empty(&self) -> bool {
        self.near.is_empty()
    }

    /// Forget all events; keeps the memory.
    pub fn clear(&mut self) {
        self.near.clear();
        self.far.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn equal_times_come_by_class_then_in_order_of_scheduling() {
        let mut counter = Counter::default();
        let mut queue = EventQueue::default();
        let t = Time::from_nanos(5);
        for (class, name) in [(2, "fault a"), (1, "repair a"), (2, "fault b"), (1, "repair b")] {
            queue.push(t, counter.next(class), name);
        }
        let order: Vec<_> = std::iter::from_fn(|| queue.pop()).map(|(_, name)| name).collect();
        assert_eq!(order, ["repair a", "repair b", "fault a", "fault b"]);
    }

    proptest! {
        #[test]
        fn pops_are_sorted_by_time_class_and_insertion(events in prop::collection::vec((0u64..20, 0u8..4), 0..200)) {
            let mut counter = Counter::default();
            let mut queue = EventQueue::default();
            let mut expected = Vec::new();
            for (number, (time, class)) in events.into_iter().enumerate() {
                queue.push(Time::from_nanos(time), counter.next(class), (class, number));
                expected.push((time, class, number));
            }
            expected.sort_unstable();
            for (time, class, number) in expected {
                prop_assert_eq!(queue.pop(), Some((Time::from_nanos(time), (class, number))));
            }
            prop_assert!(queue.is_empty());
        }

        #[test]
        fn pushes_and_pops_in_any_order_give_the_least(steps in prop::collection::vec((0u64..50, 0u8..4, 0u8..5), 0..400)) {
            let mut counter = Counter::default();
            let mut queue = EventQueue::default();
            let mut naive: Vec<(Time, Rank)> = Vec::new();
            for (time, class, what) in steps {
                if what == 0 {
                    naive.sort_unstable();
                    let first = if naive.is_empty() { None } else { Some(naive.remove(0)) };
                    prop_assert_eq!(queue.pop(), first.map(|key| (key.0, key)));
                } else {
                    let key = (Time::from_nanos(time), counter.next(class));
                    queue.push(key.0, key.1, key);
                    naive.push(key);
                }
                let least = naive.iter().min().copied();
                prop_assert_eq!(queue.next(), least.unwrap_or((Time::NEVER, Rank::LAST)));
                prop_assert_eq!(queue.len(), naive.len());
            }
        }
    }
}
