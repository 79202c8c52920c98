//! The waiting room of a bulkhead: bounded, in order of arrival per class, with the earliest deadline at hand.
//!
//! A slab of places, four linked lists through it (one per class) and a binary heap of places by deadline that knows
//! where each place lies, so that arriving, leaving from anywhere and timing out cost O(log n) and allocate nothing.
//! Invariant: a place is in exactly one list and in the heap, or in the free list.

use super::CLASSES;
use crate::time::Time;

/// No place.
const NONE: u32 = u32::MAX;

#[derive(Clone, Debug)]
struct Place<T> {
    waiter: Option<T>,
    sequence: u64,
    deadline: Time,
    class: u8,
    before: u32,
    after: u32,
    heap_at: u32,
}

/// See the module.
#[derive(Clone, Debug)]
pub(super) struct Queue<T> {
    places: Box<[Place<T>]>,
    heap: Box<[u32]>,
    len: u32,
    free: u32,
    oldest: [u32; CLASSES],
    newest: [u32; CLASSES],
    arrivals: u64,
}

impl<T> Queue<T> {
    pub(super) fn new(room: u32) -> Self {
        let place = |index: u32| Place {
            waiter: None,
            sequence: 0,
            deadline: Time::NEVER,
            class: 0,
            before: NONE,
            after: if index + 1 < room { index + 1 } else { NONE },
            heap_at: NONE,
        };
        Queue {
            places: (0..room).map(place).collect(),
            heap: (0..room).map(|_| NONE).collect(),
            len: 0,
            free: if room > 0 { 0 } else { NONE },
            oldest: [NONE; CLASSES],
            newest: [NONE; CLASSES],
            arrivals: 0,
        }
    }

    #[inline]
    pub(super) fn len(&self) -> u32 {
        self.len
    }

    pub(super) fn is_full(&self) -> bool {
        self.free == NONE
    }

    #[inline]
    pub(super) fn next_deadline(&self) -> Option<Time> {
        if self.len == 0 { None } else { Some(self.at(self.heap[0]).deadline) }
    }

    /// Adds a waiter; the queue must not be full. Answers with place and sequence number.
    pub(super) fn push(&mut self, waiter: T, deadline: Time, class: usize) -> (u32, u64) {
        let index = self.free;
        let sequence = self.arrivals;
        self.arrivals += 1;
        self.free = self.at(index).after;
        let before = self.newest[class];
        let heap_at = self.len;
        self.places[index as usize] =
            Place { waiter: Some(waiter), sequence, deadline, class: class as u8, before, after: NONE, heap_at };
        if before == NONE {
            self.oldest[class] = index;
        } else {
            self.places[before as usize].after = index;
        }
        self.newest[class] = index;
        self.heap[heap_at as usize] = index;
        self.len += 1;
        self.sift_up(heap_at as usize);
        (index, sequence)
    }

    /// The waiter to serve next among the first `classes` classes: the oldest, or the newest.
    pub(super) fn choose(&self, classes: usize, newest: bool) -> Option<u32> {
        let ends = if newest { &self.newest } else { &self.oldest };
        let waiting = ends.iter().take(classes).copied().filter(|index| *index != NONE);
        let order = |index: &u32| self.at(*index).sequence;
        if newest { waiting.max_by_key(order) } else { waiting.min_by_key(order) }
    }

    /// The place whose deadline comes first (of equal ones the oldest), if that is due.
    pub(super) fn due(&self, now: Time) -> Option<(u32, Time)> {
        let deadline = self.next_deadline()?;
        (now >= deadline).then(|| (self.heap[0], deadline))
    }

    /// Whether the waiter with this sequence number still waits there.
    pub(super) fn holds(&self, index: u32, sequence: u64) -> bool {
        self.places.get(index as usize).is_some_and(|place| place.waiter.is_some() && place.sequence == sequence)
    }

    /// Takes a waiter out, wherever it stands.
    pub(super) fn remove(&mut self, index: u32) -> Option<T> {
        let place = self.places.get_mut(index as usize)?;
        let waiter = place.waiter.take()?;
        let (before, after, class, heap_at) = (place.before, place.after, usize::from(place.class), place.heap_at);
        place.after = self.free;
        self.free = index;
        if before == NONE {
            self.oldest[class] = after;
        } else {
            self.places[before as usize].after = after;
        }
        if after == NONE {
            self.newest[class] = before;
        } else {
            self.places[after as usize].before = before;
        }
        self.len -= 1;
        let last = self.len as usize;
        let hole = heap_at as usize;
        if hole != last {
            self.settle(hole, self.heap[last]);
            self.sift_down(hole);
            self.sift_up(hole);
        }
        Some(waiter)
    }

    #[inline]
    fn at(&self, index: u32) -> &Place<T> {
        &self.places[index as usize]
    }

    fn settle(&mut self, heap_at: usize, index: u32) {
        self.heap[heap_at] = index;
        self.places[index as usize].heap_at = heap_at as u32;
    }

    fn earlier(&self, left: u32, right: u32) -> bool {
        let key = |index| (self.at(index).deadline, self.at(index).sequence);
        key(left) < key(right)
    }

    fn sift_up(&mut self, mut child: usize) {
        while child > 0 {
            let parent = (child - 1) / 2;
            let (low, high) = (self.heap[child], self.heap[parent]);
            if !self.earlier(low, high) {
                break;
            }
            self.settle(parent, low);
            self.settle(child, high);
            child = parent;
        }
    }

    fn sift_down(&mut self, mut parent: usize) {
        let len = self.len as usize;
        loop {
            let left = 2 * parent + 1;
            if left >= len {
                break;
            }
            let right = left + 1;
            let child = if right < len && self.earlier(self.heap[right], self.heap[left]) { right } else { left };
            let (low, high) = (self.heap[child], self.heap[parent]);
            if !self.earlier(low, high) {
                break;
            }
            self.settle(parent, low);
            self.settle(child, high);
            parent = child;
        }
    }
}
