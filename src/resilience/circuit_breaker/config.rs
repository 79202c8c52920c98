//! What a breaker is told once: when to trip, how long to stay open, how to probe.
//!
//! Rates are in basis points (1/100 of a percent, 10 000 = always) and are compared as integers. Everything is checked
//! here, once; the state machine trusts it.

use crate::time::Span;

/// Ten thousand basis points: all of them.
pub const ALWAYS: u32 = 10_000;

/// The largest window, in results (count) or buckets (time).
pub const WINDOW_MAX: u32 = 10_000_000;

/// Over which results the failure rate is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Window {
    /// The last `size` results, 1 to [`WINDOW_MAX`].
    Count {
        /// Number of results.
        size: u32,
    },
    /// The results of the last `buckets` buckets of `bucket` each; the newest bucket is the running one.
    Time {
        /// Number of buckets, 1 to [`WINDOW_MAX`].
        buckets: u32,
        /// Width of one bucket, more than zero.
        bucket: Span,
    },
}

/// What makes a closed breaker trip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trip {
    /// A share of failures or of slow results among enough results of a window.
    Rate {
        /// Over which results.
        window: Window,
        /// Nothing is judged before so many results are in the window; a count window clamps it to its size.
        min_calls: u32,
    },
    /// So many failures in a row. A success resets the run, so a callee that fails every second call **never** trips
    /// it: use it only where failures are all or nothing.
    Consecutive {
        /// Length of the run, at least 1.
        failures: u32,
    },
}

/// How a half-open breaker decides between closing and reopening.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Probing {
    /// Exactly `permitted` probes; the verdict falls with the last of their results, by the thresholds of the closed
    /// state, whatever `min_calls` says.
    Rate {
        /// Number of probes, at least 1.
        permitted: u32,
    },
    /// Any failure reopens at once, `successes` in a row close.
    Consecutive {
        /// Successes needed, at least 1.
        successes: u32,
        /// Probes in flight at a time, at least 1.
        max_in_flight: u32,
    },
}

/// The numbers of a breaker.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BreakerConfig {
    /// What makes it trip. Default: rate over the last 100 results, from 10 results on.
    pub trip: Trip,
    /// Share of failures that trips, 1 to 10 000 basis points. Default 5000 (50 %).
    pub failure_rate: u32,
    /// Share of slow results that trips, 1 to 10 000 basis points. Default 10 000 (all).
    pub slow_rate: u32,
    /// A result that took strictly longer is slow. Default [`Span::MAX`]: none is.
    pub slow_over: Span,
    /// How long the first opening lasts, more than zero. Default 30 s.
    pub open_for: Span,
    /// Factor from one opening to the next while the breaker does not close, at least 1. Default 1.
    pub open_growth: f64,
    /// Longest opening, at least `open_for`. Default 10 min.
    pub open_max: Span,
    /// Each opening is stretched by U(1 - j, 1 + j), j in basis points up to 10 000, then cut at `open_max`. Default 0.
    pub open_jitter: u32,
    /// How to probe. Default: rate with 3 probes.
    pub half_open: Probing,
    /// A half-open breaker without verdict reopens after this long; more than zero and never infinite. Default 60 s.
    pub half_open_max: Span,
    /// Whether `poll` moves from open to half-open by itself; otherwise the next `acquire` does. Default no.
    pub auto_half_open: bool,
}

impl Default for BreakerConfig {
    fn default() -> Self {
        BreakerConfig {
            trip: Trip::Rate { window: Window::Count { size: 100 }, min_calls: 10 },
            failure_rate: ALWAYS / 2,
            slow_rate: ALWAYS,
            slow_over: Span::MAX,
            open_for: Span::from_secs(30),
            open_growth: 1.0,
            open_max: Span::from_secs(600),
            open_jitter: 0,
            half_open: Probing::Rate { permitted: 3 },
            half_open_max: Span::from_secs(60),
            auto_half_open: false,
        }
    }
}

/// A number of a [`BreakerConfig`] that cannot be meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{field}` of the breaker {rule}")]
pub struct BreakerConfigError {
    /// The field.
    pub field: &'static str,
    /// What it must be.
    pub rule: &'static str,
}

impl BreakerConfig {
    /// Checks every number.
    ///
    /// # Errors
    /// The first field out of range.
    pub fn check(&self) -> Result<(), BreakerConfigError> {
        let rates = 1..=ALWAYS;
        let sizes = 1..=WINDOW_MAX;
        let (window, min_calls, run) = match self.trip {
            Trip::Rate { window: Window::Count { size }, min_calls } => (sizes.contains(&size), min_calls, 1),
            Trip::Rate { window: Window::Time { buckets, bucket }, min_calls } => {
                (sizes.contains(&buckets) && !bucket.is_zero(), min_calls, 1)
            }
            Trip::Consecutive { failures } => (true, 1, failures),
        };
        let probes = match self.half_open {
            Probing::Rate { permitted } => permitted,
            Probing::Consecutive { successes, max_in_flight } => successes.min(max_in_flight),
        };
        let rules = [
            (window, "window", "must hold 1 to 10000000 results or buckets, and a bucket must have a width"),
            (min_calls >= 1, "min_calls", "must be at least 1"),
            (run >= 1, "consecutive", "must be at least 1"),
            (rates.contains(&self.failure_rate), "failure_rate", "must be above 0 % and at most 100 %"),
            (rates.contains(&self.slow_rate), "slow_rate", "must be above 0 % and at most 100 %"),
            (!self.open_for.is_zero(), "open_for", "must be more than zero"),
            (self.open_growth >= 1.0 && self.open_growth.is_finite(), "open_growth", "must be finite and at least 1"),
            (self.open_max >= self.open_for, "open_max", "must be at least `open_for`"),
            (self.open_jitter <= ALWAYS, "open_jitter", "must be at most 100 %"),
            (probes >= 1, "half_open", "must admit at least one probe and need at least one success"),
            (!self.half_open_max.is_zero(), "half_open_max", "must be more than zero"),
            (self.half_open_max < Span::MAX, "half_open_max", "must not be infinite: a lost probe would hang it"),
        ];
        match rules.into_iter().find(|(holds, _, _)| !holds) {
            None => Ok(()),
            Some((_, field, rule)) => Err(BreakerConfigError { field, rule }),
        }
    }
}
