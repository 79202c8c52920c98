//! Bulkhead: at most so many calls at a time, and a bounded queue of callers who wait for a place, each with a timeout.
//!
//! One slow dependency must not take all workers of its caller. A call is admitted if a slot is free and nobody waits
//! for it; else it queues if there is room and it is willing to wait; else it is refused as full. A released slot goes
//! to the oldest waiter still in time. Timed out is another answer than full: the one says "slow", the other "too many".
//!
//! Invariants: `active <= max_concurrent`, `queued <= max_queue`, `admitted = released + active`, and every call ends
//! in exactly one of admitted, full, timed out, cancelled. Waiting costs no slot, and a place in the queue is freed
//! exactly once, whichever way its waiter leaves.
//!
//! Waiters are values of the caller's own (an id, a channel); the bulkhead hands them back in an [`Event`] when their
//! fate is decided. It does not run or interrupt the calls themselves.
//!
//! ```
//! use ninefold::resilience::bulkhead::{Admission, Bulkhead, BulkheadConfig, Event};
//! use ninefold::time::Time;
//!
//! let mut bulkhead = Bulkhead::new(BulkheadConfig { max_queue: 8, ..BulkheadConfig::new(1) })?;
//! let (now, mut told) = (Time::ZERO, Vec::new());
//! assert_eq!(bulkhead.acquire(now, "first", &mut |_| {}), Admission::Admitted);
//! assert!(matches!(bulkhead.acquire(now, "second", &mut |_| {}), Admission::Queued(_)));
//! bulkhead.release(now, &mut |event| told.push(event)); // the first is done
//! assert_eq!(told, [Event::Admitted("second")]);
//! # Ok::<(), ninefold::resilience::bulkhead::BulkheadConfigError>(())
//! ```

mod queue;
#[cfg(test)]
mod tests;

use crate::time::{Span, Time};
use queue::Queue;

/// Number of classes of callers.
pub const CLASSES: usize = 4;

/// The longest queue, in callers.
pub const QUEUE_MAX: u32 = 1_000_000;

/// The numbers of a bulkhead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BulkheadConfig {
    /// Calls at a time, at least 1.
    pub max_concurrent: u32,
    /// Callers waiting, 0 to [`QUEUE_MAX`]. Default 0.
    pub max_queue: u32,
    /// How long a caller waits unless it says otherwise; zero is not at all. Default 1 s.
    pub queue_timeout: Span,
    /// Slots that a class must leave free, from the most important class (always 0) to the least, never falling and
    /// below `max_concurrent`. Default 0 for all.
    pub reserved: [u32; CLASSES],
    /// With more callers waiting than this, the newest is served first: under overload the oldest are the least likely
    /// to be still of use. Default never.
    pub lifo_above: Option<u32>,
}

impl BulkheadConfig {
    /// `max_concurrent` calls at a time and no queue.
    pub const fn new(max_concurrent: u32) -> Self {
        BulkheadConfig {
            max_concurrent,
            max_queue: 0,
            queue_timeout: Span::SECOND,
            reserved: [0; CLASSES],
            lifo_above: None,
        }
    }

    fn check(&self) -> Result<(), BulkheadConfigError> {
        let reserved = self.reserved;
        let rules = [
            (self.max_concurrent >= 1, "max_concurrent", "must be at least 1"),
            (self.max_queue <= QUEUE_MAX, "max_queue", "must be at most 1000000"),
            (reserved[0] == 0 && reserved.is_sorted(), "reserved", "must start at 0 and never fall"),
            (reserved[CLASSES - 1] < self.max_concurrent, "reserved", "must leave every class at least one slot"),
        ];
        match rules.into_iter().find(|(holds, _, _)| !holds) {
            None => Ok(()),
            Some((_, field, rule)) => Err(BulkheadConfigError { field, rule }),
        }
    }
}

/// A number of a [`BulkheadConfig`] that cannot be meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{field}` of the bulkhead {rule}")]
pub struct BulkheadConfigError {
    /// The field.
    pub field: &'static str,
    /// What it must be.
    pub rule: &'static str,
}

/// How a caller asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ask {
    /// How long it will wait; zero is not at all.
    pub timeout: Span,
    /// Its class, 0 (most important) to 3; larger counts as 3.
    pub class: u8,
}

/// The answer to a caller.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// Go on; call [`Bulkhead::release`] when done.
    Admitted,
    /// Wait for an [`Event`].
    Queued(Ticket),
    /// Refused: all slots taken and no room to wait, or no will to.
    Full,
}

/// A place in the queue, to [`cancel`](Bulkhead::cancel) it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticket {
    place: u32,
    sequence: u64,
}

/// What became of a waiter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event<T> {
    /// It has a slot; [`Bulkhead::release`] it when done.
    Admitted(T),
    /// It has waited in vain until its deadline.
    TimedOut {
        /// The waiter.
        waiter: T,
        /// When its time was over.
        deadline: Time,
    },
}

/// Numbers for metrics; the last five count since construction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Calls holding a slot.
    pub active: u32,
    /// Callers waiting.
    pub queued: u32,
    /// Calls that got a slot.
    pub admitted: u64,
    /// Slots given back.
    pub released: u64,
    /// Callers refused as full.
    pub full: u64,
    /// Waiters that timed out.
    pub timed_out: u64,
    /// Waiters that left.
    pub cancelled: u64,
}

/// A bulkhead whose waiters are `T`; see the module.
#[derive(Clone, Debug)]
pub struct Bulkhead<T> {
    config: BulkheadConfig,
    counts: Counts,
    queue: Queue<T>,
    last_seen: Time,
}

impl<T> Bulkhead<T> {
    /// An empty bulkhead.
    ///
    /// # Errors
    /// If a number of `config` is out of range.
    pub fn new(config: BulkheadConfig) -> Result<Self, BulkheadConfigError> {
        config.check()?;
        let queue = Queue::new(config.max_queue);
        Ok(Bulkhead { config, counts: Counts::default(), queue, last_seen: Time::ZERO })
    }

    /// Asks for a slot in class 0 with the timeout of the configuration. `on` hears of waiters whose time was over.
    #[inline]
    pub fn acquire(&mut self, now: Time, waiter: T, on: &mut impl FnMut(Event<T>)) -> Admission {
        let ask = Ask { timeout: self.config.queue_timeout, class: 0 };
        self.acquire_as(now, waiter, ask, on)
    }

    /// Asks for a slot.
    #[inline]
    pub fn acquire_as(&mut self, now: Time, waiter: T, ask: Ask, on: &mut impl FnMut(Event<T>)) -> Admission {
        let now = self.expire(now, on);
        let class = usize::from(ask.class).min(CLASSES - 1);
        // whoever waits is of a class that has no slot now, or would have been served: this class passes nobody
        if self.has_slot(class) {
            self.admit();
            return Admission::Admitted;
        }
        if ask.timeout.is_zero() || self.queue.is_full() {
            self.counts.full += 1;
            return Admission::Full;
        }
        let (place, sequence) = self.queue.push(waiter, now + ask.timeout, class);
        Admission::Queued(Ticket { place, sequence })
    }

    /// Gives a slot back; it goes to the next waiter. `on` hears first who timed out, then who has a slot now.
    #[inline]
    pub fn release(&mut self, now: Time, on: &mut impl FnMut(Event<T>)) {
        self.expire(now, on);
        if self.counts.active > 0 {
            self.counts.active -= 1;
            self.counts.released += 1;
        }
        if self.queue.len() > 0 {
            self.hand_over(on);
        }
    }

    /// Takes a waiter out of the queue and returns it, unless its fate was decided before. `on` hears who timed out.
    pub fn cancel(&mut self, now: Time, ticket: Ticket, on: &mut impl FnMut(Event<T>)) -> Option<T> {
        self.expire(now, on);
        if !self.queue.holds(ticket.place, ticket.sequence) {
            return None;
        }
        self.counts.cancelled += 1;
        self.queue.remove(ticket.place)
    }

    /// Lets the waiters go whose time is over.
    pub fn poll(&mut self, now: Time, on: &mut impl FnMut(Event<T>)) {
        self.expire(now, on);
    }

    /// When the next waiter times out.
    pub fn next_wake(&self) -> Option<Time> {
        self.queue.next_deadline()
    }

    /// Numbers for metrics.
    pub fn counts(&self) -> Counts {
        Counts { queued: self.queue.len(), ..self.counts }
    }

    #[inline]
    fn has_slot(&self, class: usize) -> bool {
        self.counts.active.saturating_add(self.config.reserved[class]) < self.config.max_concurrent
    }

    #[inline]
    fn admit(&mut self) {
        self.counts.active += 1;
        self.counts.admitted += 1;
    }

    /// Advances the clock; expiries come before anything else that happens at the same instant.
    #[inline]
    fn expire(&mut self, now: Time, on: &mut impl FnMut(Event<T>)) -> Time {
        self.last_seen = self.last_seen.max(now);
        if self.queue.len() > 0 {
            self.time_out(on);
        }
        self.last_seen
    }

    #[cold]
    fn time_out(&mut self, on: &mut impl FnMut(Event<T>)) {
        while let Some((place, deadline)) = self.queue.due(self.last_seen) {
            if let Some(waiter) = self.queue.remove(place) {
                self.counts.timed_out += 1;
                on(Event::TimedOut { waiter, deadline });
            }
        }
    }

    #[cold]
    fn hand_over(&mut self, on: &mut impl FnMut(Event<T>)) {
        loop {
            let classes = (0..CLASSES).take_while(|class| self.has_slot(*class)).count();
            let newest = self.config.lifo_above.is_some_and(|limit| self.queue.len() > limit);
            let Some(place) = self.queue.choose(classes, newest) else { break };
            if let Some(waiter) = self.queue.remove(place) {
                self.admit();
                on(Event::Admitted(waiter));
            }
        }
    }
}
