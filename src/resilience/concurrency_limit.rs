//! Adaptive concurrency: a server (or client) finds by itself how much work it can have in hand.
//!
//! By Little's law the right limit is throughput times latency without queueing; nobody knows either in advance. Three
//! laws look for it, as in Netflix' concurrency-limits: AIMD (falls on drops only), Vegas (estimates the queue from the
//! least latency seen) and Gradient2 (compares the present latency with its long average).
//!
//! All laws are fed one sample per window (mean latency of the successes, largest number in flight, any drop?); a
//! window with too few samples is thrown away. Invariant: min <= limit <= max, and no law grows a limit of which less
//! than half was in use. Permits are plain values; each must come back once.
//! Limits are estimates, so the laws use floating point; nothing here compares rates.

use rand::{Rng, RngExt};

use crate::resilience::config_error::{ConfigError, require};
use crate::resilience::{Outcome, Transition};
use crate::time::{Span, Time};

/// The law that moves the limit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum LimitLaw {
    /// +1 per window; times `backoff` on a drop or a mean latency of at least `timeout`.
    Aimd {
        /// Factor on a drop; 0.5 to 1, exclusive of 1; default 0.9.
        backoff: f64,
        /// A mean latency so long counts as a drop; default 5 s.
        timeout: Span,
    },
    /// queue = limit (1 - least latency / latency); grows below 3 log10(limit), shrinks above 6 log10(limit).
    Vegas {
        /// The least latency is measured afresh about every limit x this many windows; >= 1; default 30.
        probe_multiplier: u32,
    },
    /// limit x gradient + queue, with gradient = tolerance x long latency / latency within 0.5 to 1.
    Gradient2 {
        /// Latency may rise by this factor before the limit falls; >= 1; default 1.5.
        tolerance: f64,
        /// Share of a new value in the limit; 0 to 1, exclusive of 0; default 0.2.
        smoothing: f64,
        /// Growth per window, and the queue that is tolerated; default 4.
        queue: u32,
        /// Add `queue` only when the gradient is 1. Without this the limit drifts up under mild overload
        /// (concurrency-limits, pull request 134); default off, as published.
        queue_only_when_flat: bool,
    },
}

impl LimitLaw {
    /// AIMD with its defaults.
    pub const AIMD: LimitLaw = LimitLaw::Aimd { backoff: 0.9, timeout: Span::from_secs(5) };
    /// Vegas with its defaults.
    pub const VEGAS: LimitLaw = LimitLaw::Vegas { probe_multiplier: 30 };
    /// Gradient2 with its defaults.
    pub const GRADIENT2: LimitLaw =
        LimitLaw::Gradient2 { tolerance: 1.5, smoothing: 0.2, queue: 4, queue_only_when_flat: false };

    fn check(&self) -> Result<(), ConfigError> {
        match *self {
            LimitLaw::Aimd { backoff, timeout } => {
                require((0.5..1.0).contains(&backoff), "backoff", "must be from 0.5 to below 1")?;
                require(!timeout.is_zero(), "timeout", "must be longer than 0")
            }
            LimitLaw::Vegas { probe_multiplier } => {
                require(probe_multiplier >= 1, "probe_multiplier", "must be at least 1")
            }
            LimitLaw::Gradient2 { tolerance, smoothing, .. } => {
                require(tolerance >= 1.0 && tolerance.is_finite(), "tolerance", "must be at least 1")?;
                require(smoothing > 0.0 && smoothing <= 1.0, "smoothing", "must be above 0, at most 1")
            }
        }
    }
}

/// Parameters of a concurrency limit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LimitConfig {
    /// The law.
    pub law: LimitLaw,
    /// The limit at the start; `min` to `max`; default 20.
    pub initial: u32,
    /// Never below this; at least 1; default 1.
    pub min: u32,
    /// Never above this; default 1000.
    pub max: u32,
    /// A window lasts twice the least latency of the last one, but at least this; > 0; default 1 s.
    pub window_min: Span,
    /// And at most this; default 1 s.
    pub window_max: Span,
    /// A window with fewer samples is dropped; at least 1; default 10.
    pub min_samples: u32,
}

impl LimitConfig {
    /// The defaults with this law.
    pub const fn new(law: LimitLaw) -> Self {
        LimitConfig {
            law,
            initial: 20,
            min: 1,
            max: 1_000,
            window_min: Span::SECOND,
            window_max: Span::SECOND,
            min_samples: 10,
        }
    }

    /// # Errors
    /// Names the first field out of its range.
    pub fn check(&self) -> Result<(), ConfigError> {
        self.law.check()?;
        require(self.min >= 1, "min", "must be at least 1")?;
        require(self.max >= self.min, "max", "must be at least `min`")?;
        require(self.initial >= self.min && self.initial <= self.max, "initial", "must be from `min` to `max`")?;
        require(!self.window_min.is_zero(), "window_min", "must be longer than 0")?;
        require(self.window_max >= self.window_min, "window_max", "must be at least `window_min`")?;
        require(self.min_samples >= 1, "min_samples", "must be at least 1")
    }
}

/// A place among the work in flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LimitPermit {
    started: Time,
    /// In flight when it was given, itself counted.
    in_flight: u32,
}

/// What a window saw: the input of a law and the cause of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WindowSample {
    /// Mean latency of the successes; none if there were none.
    pub latency: Option<Span>,
    /// The most that were in flight.
    pub in_flight: u32,
    /// Was anything dropped (timed out, refused)?
    pub dropped: bool,
}

/// A change of the limit.
pub type LimitTransition = Transition<u32, WindowSample>;

#[derive(Clone, Copy, Debug, PartialEq)]
struct Window {
    end: Time,
    sum: u64,
    successes: u32,
    drops: u32,
    least: Span,
    in_flight: u32,
}

impl Window {
    const fn until(end: Time) -> Self {
        Window { end, sum: 0, successes: 0, drops: 0, least: Span::MAX, in_flight: 0 }
    }
}

/// What a law remembers.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Memory {
    Nothing,
    /// The least latency in ns (0: none yet), windows since it was probed, and the jitter of the next probe.
    Vegas {
        least: f64,
        windows: u32,
        jitter: f64,
    },
    /// The long average of latency in ns and the number of samples in it while it warms up.
    Gradient2 {
        long: f64,
        samples: u32,
    },
}

/// The limit of one server or of one client towards one server.
#[derive(Clone, Debug, PartialEq)]
pub struct ConcurrencyLimit {
    config: LimitConfig,
    limit: f64,
    in_flight: u32,
    window: Window,
    memory: Memory,
    last_seen: Time,
}

impl ConcurrencyLimit {
    /// # Errors
    /// Names the first field of `config` out of its range.
    pub fn new(config: LimitConfig) -> Result<Self, ConfigError> {
        config.check()?;
        let memory = match config.law {
            LimitLaw::Aimd { .. } => Memory::Nothing,
            LimitLaw::Vegas { .. } => Memory::Vegas { least: 0.0, windows: 0, jitter: 1.0 },
            LimitLaw::Gradient2 { .. } => Memory::Gradient2 { long: 0.0, samples: 0 },
        };
        let window = Window::until(Time::ZERO + config.window_min);
        let limit = f64::from(config.initial);
        Ok(ConcurrencyLimit { config, limit, in_flight: 0, window, memory, last_seen: Time::ZERO })
    }

    /// The present limit.
    #[inline]
    pub const fn limit(&self) -> u32 {
        self.limit as u32
    }

    /// Permits that are out.
    #[inline]
    pub const fn in_flight(&self) -> u32 {
        self.in_flight
    }

    /// A place, if one is free. Give it back by [`release`](Self::release) whatever happens.
    #[inline]
    pub fn acquire(&mut self, now: Time) -> Option<LimitPermit> {
        let now = self.see(now);
        if self.in_flight >= self.limit() {
            return None;
        }
        self.in_flight += 1;
        Some(LimitPermit { started: now, in_flight: self.in_flight })
    }

    /// Gives a place back. `Success` is a latency sample, `Failure` a drop (timed out or refused for load), `Ignored`
    /// says nothing. The first result at or after the end of a window closes that window.
    pub fn release(
        &mut self,
        now: Time,
        permit: LimitPermit,
        outcome: Outcome,
        rng: &mut impl Rng,
    ) -> Option<LimitTransition> {
        let now = self.see(now);
        self.in_flight = self.in_flight.saturating_sub(1);
        match outcome {
            Outcome::Success => {
                let latency = now.since(permit.started);
                self.window.sum = self.window.sum.saturating_add(latency.as_nanos());
                self.window.successes += 1;
                self.window.least = self.window.least.min(latency);
            }
            Outcome::Failure => self.window.drops += 1,
            Outcome::Ignored => return None,
        }
        self.window.in_flight = self.window.in_flight.max(permit.in_flight);
        if now < self.window.end { None } else { self.close_window(now, rng) }
    }

    fn close_window(&mut self, now: Time, rng: &mut impl Rng) -> Option<LimitTransition> {
        let seen = self.window;
        let twice_least = if seen.successes > 0 { seen.least * 2 } else { Span::ZERO };
        self.window = Window::until(now + twice_least.clamp(self.config.window_min, self.config.window_max));
        if seen.successes.saturating_add(seen.drops) < self.config.min_samples {
            return None;
        }
        let latency = seen.sum.checked_div(u64::from(seen.successes)).map(Span::from_nanos);
        let sample = WindowSample { latency, in_flight: seen.in_flight, dropped: seen.drops > 0 };
        let from = self.limit();
        let (min, max) = (f64::from(self.config.min), f64::from(self.config.max));
        self.limit = self.next_limit(&sample, rng).clamp(min, max);
        let to = self.limit();
        (from != to).then_some(Transition { from, to, cause: sample, now })
    }

    fn next_limit(&mut self, sample: &WindowSample, rng: &mut impl Rng) -> f64 {
        let used = f64::from(sample.in_flight) * 2.0 >= self.limit;
        match (self.config.law, &mut self.memory) {
            (LimitLaw::Vegas { probe_multiplier }, Memory::Vegas { least, windows, jitter }) => {
                *windows += 1;
                let Some(latency) = sample.latency else { return self.limit - log10_at_least_1(self.limit) };
                let latency = (latency.as_nanos() as f64).max(1.0);
                let probe = *jitter * f64::from(probe_multiplier) * self.limit <= f64::from(*windows);
                if probe {
                    *jitter = rng.random_range(0.5..1.0);
                    *windows = 0;
                }
                if probe || *least == 0.0 || latency < *least {
                    *least = latency;
                    return self.limit;
                }
                vegas(self.limit, *least, latency, used, sample.dropped)
            }
            (
                LimitLaw::Gradient2 { tolerance, smoothing, queue, queue_only_when_flat },
                Memory::Gradient2 { long, samples },
            ) => {
                let gradient = match sample.latency {
                    Some(latency) => {
                        let latency = (latency.as_nanos() as f64).max(1.0);
                        let long = long_average(long, samples, latency);
                        (tolerance * long / latency).clamp(0.5, 1.0)
                    }
                    None => 0.5,
                };
                if !used {
                    return self.limit;
                }
                let queue = if queue_only_when_flat && gradient < 1.0 { 0.0 } else { f64::from(queue) };
                self.limit * (1.0 - smoothing) + (self.limit * gradient + queue) * smoothing
            }
            (LimitLaw::Aimd { backoff, timeout }, _) => {
                if sample.dropped || sample.latency.is_some_and(|latency| latency >= timeout) {
                    libm::floor(self.limit * backoff)
                } else if used {
                    self.limit + 1.0
                } else {
                    self.limit
                }
            }
            // the memory is made for the law in `new` and never exchanged
            (LimitLaw::Vegas { .. } | LimitLaw::Gradient2 { .. }, _) => self.limit,
        }
    }

    fn see(&mut self, now: Time) -> Time {
        self.last_seen = self.last_seen.max(now);
        self.last_seen
    }
}

/// floor(log10(limit)), at least 1.
fn log10_at_least_1(limit: f64) -> f64 {
    libm::floor(libm::log10(limit)).max(1.0)
}

/// Vegas (Brakmo and Peterson 1995) on concurrency: alpha = 3 log10, beta = 6 log10, step log10.
fn vegas(limit: f64, least: f64, latency: f64, used: bool, dropped: bool) -> f64 {
    let step = log10_at_least_1(limit);
    let queue = libm::ceil(limit * (1.0 - least / latency));
    let (alpha, beta) = (3.0 * step, 6.0 * step);
    if dropped {
        limit - step
    } else if !used {
        limit
    } else if queue <= step {
        limit + beta
    } else if queue < alpha {
        limit + step
    } else if queue > beta {
        limit - step
    } else {
        limit
    }
}

/// The long average: a plain mean of the first 10, then exponential over 600. Returns the value to compare with; what
/// is stored falls by 5 % while it is more than twice the present latency, so that it recovers from an overload.
fn long_average(stored: &mut f64, samples: &mut u32, latency: f64) -> f64 {
    const WARM_UP: u32 = 10;
    const FACTOR: f64 = 2.0 / 601.0;
    if *samples < WARM_UP {
        *samples += 1;
        *stored += (latency - *stored) / f64::from(*samples);
    } else {
        *stored += (latency - *stored) * FACTOR;
    }
    let long = *stored;
    if long > 2.0 * latency {
        *stored = long * 0.95;
    }
    long
}

#[cfg(test)]
#[path = "concurrency_limit_tests.rs"]
mod tests;
