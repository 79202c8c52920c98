//! Controlled delay: drop queued work when a queue stands, not when it is merely long.
//!
//! A burst fills a queue for a moment and does no harm; a standing queue only adds delay. CoDel tells them apart by the
//! sojourn time of what is dequeued: once it has been at or above `target` for a whole `interval`, items are dropped,
//! the next one after interval / sqrt(count), until one is again below target (RFC 8289, section 5). Judged at
//! dequeue, item by item; the last item in the queue is never dropped.
//!
//! Option: adaptive LIFO while dropping (Facebook, "Fail at Scale", ACM Queue 13(8), 2015): the newest request, whose
//! caller is still waiting, is served first, while the oldest is still what is judged and dropped.
//! The queue belongs to the caller.

use crate::resilience::Transition;
use crate::resilience::config_error::{ConfigError, require};
use crate::time::{Span, Time};

/// Parameters of CoDel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CoDelConfig {
    /// Acceptable standing delay; > 0, at most `interval`; default 5 ms.
    pub target: Span,
    /// A delay must last so long before anything is dropped; default 100 ms.
    pub interval: Span,
    /// Serve the newest first while dropping; default off.
    pub lifo_when_overloaded: bool,
}

impl Default for CoDelConfig {
    fn default() -> Self {
        CoDelConfig { target: Span::from_millis(5), interval: Span::from_millis(100), lifo_when_overloaded: false }
    }
}

impl CoDelConfig {
    /// # Errors
    /// Names the first field out of its range.
    pub fn check(&self) -> Result<(), ConfigError> {
        require(!self.target.is_zero(), "target", "must be longer than 0")?;
        require(self.target <= self.interval, "target", "must be at most `interval`")
    }
}

/// What to do with the queue, of which the oldest item was shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CoDelVerdict {
    /// Take the oldest and work on it.
    ServeOldest,
    /// Take the newest and work on it; the oldest stays.
    ServeNewest,
    /// Take the oldest away unserved, then ask again about the next.
    DropOldest,
}

/// Whether CoDel is dropping.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CoDelState {
    /// The delay is good, or not yet bad for long.
    Calm,
    /// The queue stands.
    Dropping,
}

/// A change between calm and dropping; the cause is the sojourn time that made it.
pub type CoDelTransition = Transition<CoDelState, Span>;

/// After a drop the next item is judged inside the same dequeue, as the RFC's code does in one loop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pending {
    Nothing,
    /// The drop that began a dropping phase: the next item is served.
    Entered,
    /// A drop inside a phase: the next item decides whether the schedule goes on.
    Dropped,
}

/// The controller of one queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CoDel {
    config: CoDelConfig,
    state: CoDelState,
    pending: Pending,
    /// When the delay will have been bad for an interval; none while it is good.
    first_above: Option<Time>,
    drop_next: Time,
    /// Drops of this phase; the pace grows with it.
    count: u64,
    /// `count` at the last entry.
    last_count: u64,
    last_seen: Time,
}

impl CoDel {
    /// # Errors
    /// Names the first field of `config` out of its range.
    pub fn new(config: CoDelConfig) -> Result<Self, ConfigError> {
        config.check()?;
        Ok(CoDel {
            config,
            state: CoDelState::Calm,
            pending: Pending::Nothing,
            first_above: None,
            drop_next: Time::ZERO,
            count: 0,
            last_count: 0,
            last_seen: Time::ZERO,
        })
    }

    /// Is it dropping?
    #[inline]
    pub const fn state(&self) -> CoDelState {
        self.state
    }

    /// A worker is free and the queue holds `waiting` >= 1 items, the oldest since `enqueued`. After
    /// [`CoDelVerdict::DropOldest`] ask again at once: a queue is never emptied by drops.
    pub fn dequeue(&mut self, now: Time, enqueued: Time, waiting: usize) -> (CoDelVerdict, Option<CoDelTransition>) {
        self.last_seen = self.last_seen.max(now);
        let now = self.last_seen;
        let sojourn = now.since(enqueued);
        let may_drop = self.above_for_an_interval(now, sojourn, waiting);
        let before = self.state;
        let drops = match (self.state, std::mem::replace(&mut self.pending, Pending::Nothing)) {
            (CoDelState::Calm, _) => may_drop && self.enter(),
            (CoDelState::Dropping, Pending::Entered) => {
                self.begin_schedule(now);
                false
            }
            (CoDelState::Dropping, pending) => self.go_on(now, may_drop, pending),
        };
        let change = (before != self.state).then_some(Transition { from: before, to: self.state, cause: sojourn, now });
        let verdict = match (drops, self.state) {
            (true, _) => CoDelVerdict::DropOldest,
            (false, CoDelState::Dropping) if self.config.lifo_when_overloaded => CoDelVerdict::ServeNewest,
            (false, CoDelState::Dropping | CoDelState::Calm) => CoDelVerdict::ServeOldest,
        };
        (verdict, change)
    }

    /// The queue was found empty: the delay is good.
    pub fn emptied(&mut self, now: Time) -> Option<CoDelTransition> {
        self.last_seen = self.last_seen.max(now);
        self.first_above = None;
        self.pending = Pending::Nothing;
        let from = std::mem::replace(&mut self.state, CoDelState::Calm);
        let change = Transition { from, to: CoDelState::Calm, cause: Span::ZERO, now: self.last_seen };
        (from == CoDelState::Dropping).then_some(change)
    }

    fn above_for_an_interval(&mut self, now: Time, sojourn: Span, waiting: usize) -> bool {
        if sojourn < self.config.target || waiting <= 1 {
            self.first_above = None;
            return false;
        }
        match self.first_above {
            None => {
                self.first_above = Some(now + self.config.interval);
                false
            }
            Some(first_above) => now >= first_above,
        }
    }

    fn enter(&mut self) -> bool {
        self.state = CoDelState::Dropping;
        self.pending = Pending::Entered;
        true
    }

    /// A phase that follows the last one closely takes up its pace.
    fn begin_schedule(&mut self, now: Time) {
        let delta = self.count.saturating_sub(self.last_count);
        let recent = now.since(self.drop_next) < self.config.interval * 16;
        self.count = if delta > 1 && recent { delta } else { 1 };
        self.last_count = self.count;
        self.drop_next = self.control_law(now);
    }

    fn go_on(&mut self, now: Time, may_drop: bool, pending: Pending) -> bool {
        if !may_drop {
            self.state = CoDelState::Calm;
            return false;
        }
        if pending == Pending::Dropped {
            self.drop_next = self.control_law(self.drop_next);
        }
        if now < self.drop_next {
            return false;
        }
        self.count += 1;
        self.pending = Pending::Dropped;
        true
    }

    /// `from` + interval / sqrt(count). The square root of IEEE 754 is correctly rounded, so this is the same everywhere.
    fn control_law(&self, from: Time) -> Time {
        from + Span::from_nanos_f64(self.config.interval.as_nanos() as f64 / (self.count as f64).sqrt())
    }
}

#[cfg(test)]
#[path = "codel_tests.rs"]
mod tests;
