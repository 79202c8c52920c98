//! Circuit breaker: stops calling a dependency that fails, and finds out carefully when to call it again.
//!
//! Closed counts results and trips on a share of failures or slow calls (or a run of failures); open refuses for a
//! while; half-open admits a few probes and judges by them. Every permit carries the generation of the state that gave
//! it, so that a result which arrives after the state has changed is only counted as stale: late failures neither keep
//! a breaker open nor reopen it, late successes do not close it. A half-open state without a verdict ends by itself.
//!
//! Invariants: an open breaker admits nobody before its time; a half-open one never admits more than it was told;
//! asking late gives the same decisions as asking in time, because what fell due is first done at its own instant.
//!
//! It classifies nothing (see [`ErrorClass::outcome`](super::ErrorClass::outcome)) and does not time calls: the caller
//! passes the latency, and must finish each permit by exactly one `record` or `release`.
//!
//! ```
//! use ninefold::resilience::circuit_breaker::{BreakerConfig, CircuitBreaker, State};
//! use ninefold::resilience::ErrorClass;
//! use ninefold::time::{Span, Time};
//!
//! let mut breaker = CircuitBreaker::new(BreakerConfig::default())?;
//! let mut now = Time::ZERO;
//! while let Ok(permit) = breaker.acquire(now) {
//!     now += Span::from_millis(500); // the call, which times out
//!     breaker.record(now, permit, ErrorClass::Timeout.outcome(), Span::from_millis(500));
//! }
//! assert_eq!(breaker.state(), State::Open { until: now + Span::from_secs(30) });
//! # Ok::<(), ninefold::resilience::circuit_breaker::BreakerConfigError>(())
//! ```

mod config;
mod state;
#[cfg(test)]
mod tests;
mod window;

pub use config::{ALWAYS, BreakerConfig, BreakerConfigError, Probing, Trip, WINDOW_MAX, Window};
pub use state::{Cause, Change, Order, Permit, Rejected, Snapshot, State};
pub use window::Tally;

use super::{Outcome, Transition};
use crate::time::{Span, Time};
use window::Memory;

#[derive(Clone, Copy, Debug)]
enum Phase {
    Closed,
    Open { until: Time },
    HalfOpen(Probes),
    ForcedOpen,
    Disabled,
    MetricsOnly,
}

#[derive(Clone, Copy, Debug)]
struct Probes {
    /// Rate: probes admitted and not given back. Consecutive: probes in flight.
    taken: u32,
    tally: Tally,
    expires: Time,
}

/// Room for state changes that nobody has read yet.
const UNREAD: usize = 4;

/// A circuit breaker; see the module.
#[derive(Clone, Debug)]
pub struct CircuitBreaker {
    phase: Phase,
    generation: u32,
    min_calls: u32,
    last_seen: Time,
    memory: Memory,
    config: BreakerConfig,
    /// Nanoseconds of the next opening, before jitter.
    next_wait: f64,
    openings: u32,
    jitter_seed: u64,
    rejected: u64,
    stale: u64,
    changes: [Option<Change>; UNREAD],
}

impl CircuitBreaker {
    /// A closed breaker.
    ///
    /// # Errors
    /// If a number of `config` is out of range.
    pub fn new(config: BreakerConfig) -> Result<Self, BreakerConfigError> {
        config.check()?;
        let min_calls = match config.trip {
            Trip::Rate { window: Window::Count { size }, min_calls } => min_calls.min(size),
            Trip::Rate { window: Window::Time { .. }, min_calls } => min_calls,
            Trip::Consecutive { failures } => failures,
        };
        Ok(CircuitBreaker {
            phase: Phase::Closed,
            generation: 0,
            min_calls,
            last_seen: Time::ZERO,
            memory: Memory::new(config.trip),
            config,
            next_wait: config.open_for.as_nanos() as f64,
            openings: 0,
            jitter_seed: 0,
            rejected: 0,
            stale: 0,
            changes: [None; UNREAD],
        })
    }

    /// The same breaker with `draw` (any 64 random bits) deciding its open jitter, so that breakers opened by the same
    /// event do not probe in step. Without jitter in the configuration it changes nothing.
    pub fn with_jitter_seed(mut self, draw: u64) -> Self {
        self.jitter_seed = draw;
        self
    }

    /// Asks for leave to call.
    ///
    /// # Errors
    /// [`Rejected`] while open, while enough probes are out, and while forced open.
    #[inline]
    pub fn acquire(&mut self, now: Time) -> Result<Permit, Rejected> {
        let now = self.clock(now);
        match self.phase {
            Phase::Closed | Phase::Disabled | Phase::MetricsOnly => Ok(Permit { generation: self.generation }),
            Phase::Open { until } if now < until => {
                self.rejected += 1;
                Err(Rejected { retry_after: Some(until.since(now)) })
            }
            Phase::Open { .. } | Phase::HalfOpen(_) | Phase::ForcedOpen => self.acquire_probe(now),
        }
    }

    /// Gives a permit back with the result of its call and how long the call took. A result of an earlier state counts
    /// as stale and does nothing else; an ignored one frees its place and does nothing else.
    #[inline]
    #[allow(clippy::needless_pass_by_value)] // a permit is used up
    pub fn record(&mut self, now: Time, permit: Permit, outcome: Outcome, latency: Span) {
        let now = self.clock(now);
        let failure = match outcome {
            Outcome::Success => false,
            Outcome::Failure => true,
            Outcome::Ignored => return self.ignore(now, &permit),
        };
        let slow = latency > self.config.slow_over;
        if matches!(self.phase, Phase::Closed) && permit.generation == self.generation {
            if let Some(cause) = self.remember(now, failure, slow) {
                self.open(now, cause);
            }
        } else {
            self.record_elsewhere(now, &permit, failure, slow);
        }
    }

    /// Gives a permit back unused: the call was cancelled before it had a result.
    #[allow(clippy::needless_pass_by_value)] // a permit is used up
    pub fn release(&mut self, now: Time, permit: Permit) {
        let now = self.clock(now);
        self.expire(now);
        if permit.generation == self.generation {
            self.free_probe();
        }
    }

    /// Does what has fallen due: ends a half-open state without verdict, and with `auto_half_open` ends the open state.
    pub fn poll(&mut self, now: Time) {
        let now = self.clock(now);
        self.expire(now);
        if let Phase::Open { until } = self.phase
            && self.config.auto_half_open
            && now >= until
        {
            self.half_open(now, Cause::WaitOver);
        }
    }

    /// When [`poll`](Self::poll) will next change something.
    pub fn next_wake(&self) -> Option<Time> {
        match self.phase {
            Phase::Open { until } => self.config.auto_half_open.then_some(until),
            Phase::HalfOpen(probes) => Some(probes.expires),
            Phase::Closed | Phase::ForcedOpen | Phase::Disabled | Phase::MetricsOnly => None,
        }
    }

    /// Puts the breaker into a state by order, even if it is already in it.
    pub fn force(&mut self, now: Time, order: Order) {
        let now = self.clock(now);
        self.expire(now);
        match order {
            Order::Closed => self.close(now, Cause::Forced),
            Order::Open => self.open(now, Cause::Forced),
            Order::HalfOpen => self.half_open(now, Cause::Forced),
            Order::ForcedOpen => self.enter(now, Phase::ForcedOpen, Cause::Forced),
            Order::Disabled => self.enter(now, Phase::Disabled, Cause::Forced),
            Order::MetricsOnly => {
                self.memory.clear();
                self.enter(now, Phase::MetricsOnly, Cause::Forced);
            }
        }
    }

    /// The state after the last operation; asking changes nothing.
    #[inline]
    pub fn state(&self) -> State {
        match self.phase {
            Phase::Closed => State::Closed,
            Phase::Open { until } => State::Open { until },
            Phase::HalfOpen(_) => State::HalfOpen,
            Phase::ForcedOpen => State::ForcedOpen,
            Phase::Disabled => State::Disabled,
            Phase::MetricsOnly => State::MetricsOnly,
        }
    }

    /// The oldest state change not yet taken. Read them after each operation: only the last four are kept.
    #[inline]
    pub fn take_change(&mut self) -> Option<Change> {
        let first = self.changes[0].take();
        if first.is_some() {
            self.changes.rotate_left(1);
        }
        first
    }

    /// Numbers for metrics as of `now`, or of the last operation if that was later.
    pub fn snapshot(&mut self, now: Time) -> Snapshot {
        let now = self.clock(now);
        let window = self.memory.tally(now);
        Snapshot { state: self.state(), window, openings: self.openings, rejected: self.rejected, stale: self.stale }
    }

    #[inline]
    fn clock(&mut self, now: Time) -> Time {
        self.last_seen = self.last_seen.max(now);
        self.last_seen
    }

    /// Adds a result to the memory of the closed state and judges it.
    #[inline]
    fn remember(&mut self, now: Time, failure: bool, slow: bool) -> Option<Cause> {
        let tally = match &mut self.memory {
            Memory::Count(ring) => ring.push(failure, slow),
            Memory::Time(slots) => {
                slots.add(now, Tally::one(failure, slow));
                slots.total()
            }
            Memory::Run(run, tally) => {
                *tally += Tally::one(failure, slow);
                *run = if failure { *run + 1 } else { 0 };
                return (*run >= u64::from(self.min_calls)).then_some(Cause::ConsecutiveFailures);
            }
        };
        if tally.total < u64::from(self.min_calls) { None } else { self.judge(tally) }
    }

    #[inline]
    fn judge(&self, tally: Tally) -> Option<Cause> {
        if tally.failing(self.config.failure_rate) {
            Some(Cause::FailureRate)
        } else if tally.slowing(self.config.slow_rate) {
            Some(Cause::SlowRate)
        } else {
            None
        }
    }

    /// The ways to a probe, off the path of a closed or open breaker.
    #[cold]
    fn acquire_probe(&mut self, now: Time) -> Result<Permit, Rejected> {
        self.expire(now);
        if let Phase::Open { until } = self.phase {
            if now < until {
                self.rejected += 1;
                return Err(Rejected { retry_after: Some(until.since(now)) });
            }
            self.half_open(now, Cause::WaitOver);
        }
        if let Phase::HalfOpen(probes) = &mut self.phase {
            let room = match self.config.half_open {
                Probing::Rate { permitted } => permitted,
                Probing::Consecutive { max_in_flight, .. } => max_in_flight,
            };
            if probes.taken < room {
                probes.taken += 1;
                return Ok(Permit { generation: self.generation });
            }
        }
        self.rejected += 1;
        Err(Rejected { retry_after: None })
    }

    #[cold]
    fn record_elsewhere(&mut self, now: Time, permit: &Permit, failure: bool, slow: bool) {
        self.expire(now);
        if permit.generation != self.generation {
            self.stale += 1;
            return;
        }
        match &mut self.phase {
            Phase::HalfOpen(probes) => {
                probes.tally += Tally::one(failure, slow);
                let probes = *probes;
                self.judge_probes(now, probes, failure);
            }
            Phase::MetricsOnly => {
                self.remember(now, failure, slow);
            }
            Phase::Closed | Phase::Open { .. } | Phase::ForcedOpen | Phase::Disabled => {}
        }
    }

    fn judge_probes(&mut self, now: Time, probes: Probes, failure: bool) {
        match self.config.half_open {
            Probing::Rate { permitted } => {
                if probes.tally.total >= u64::from(permitted) {
                    match self.judge(probes.tally) {
                        Some(cause) => self.open(now, cause),
                        None => self.close(now, Cause::ProbesPassed),
                    }
                }
            }
            Probing::Consecutive { successes, .. } => {
                self.free_probe();
                if failure {
                    self.open(now, Cause::ProbeFailed);
                } else if probes.tally.total >= u64::from(successes) {
                    self.close(now, Cause::ProbesPassed);
                }
            }
        }
    }

    fn ignore(&mut self, now: Time, permit: &Permit) {
        self.expire(now);
        if permit.generation == self.generation {
            self.free_probe();
        } else {
            self.stale += 1;
        }
    }

    fn free_probe(&mut self) {
        if let Phase::HalfOpen(probes) = &mut self.phase {
            probes.taken = probes.taken.saturating_sub(1);
        }
    }

    /// Reopens a half-open state that has had its time, at the instant when that time was over.
    fn expire(&mut self, now: Time) {
        if let Phase::HalfOpen(Probes { expires, .. }) = self.phase
            && now >= expires
        {
            self.open(expires, Cause::HalfOpenExpired);
        }
    }

    #[cold]
    fn open(&mut self, at: Time, cause: Cause) {
        let longest = self.config.open_max.as_nanos() as f64;
        let wait = self.next_wait.min(longest);
        self.next_wait = (wait * self.config.open_growth).min(longest);
        self.openings = self.openings.saturating_add(1);
        let jitter = f64::from(self.config.open_jitter) / f64::from(ALWAYS);
        // 53 bits of a mixed counter: uniform on [0, 1), another one at each opening
        let uniform = (mix(self.jitter_seed ^ u64::from(self.generation)) >> 11) as f64 / (1_u64 << 53) as f64;
        let wait = Span::from_nanos_f64(wait * (1.0 + jitter * (2.0 * uniform - 1.0)));
        let wait = wait.min(self.config.open_max);
        self.enter(at, Phase::Open { until: at + wait }, cause);
    }

    fn half_open(&mut self, at: Time, cause: Cause) {
        let expires = at + self.config.half_open_max;
        self.enter(at, Phase::HalfOpen(Probes { taken: 0, tally: Tally::default(), expires }), cause);
    }

    fn close(&mut self, at: Time, cause: Cause) {
        self.memory.clear();
        self.openings = 0;
        self.next_wait = self.config.open_for.as_nanos() as f64;
        self.enter(at, Phase::Closed, cause);
    }

    fn enter(&mut self, at: Time, phase: Phase, cause: Cause) {
        let from = self.state();
        self.phase = phase;
        self.generation = self.generation.wrapping_add(1);
        let change = Transition { from, to: self.state(), cause, now: at };
        if self.changes[UNREAD - 1].is_some() {
            self.changes.rotate_left(1);
            self.changes[UNREAD - 1] = Some(change);
        } else if let Some(free) = self.changes.iter_mut().find(|slot| slot.is_none()) {
            *free = Some(change);
        }
    }
}

/// The finalizer of `SplitMix64` (Steele, Lea, Flood 2014): spreads each input bit over all output bits.
const fn mix(bits: u64) -> u64 {
    let z = bits.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
