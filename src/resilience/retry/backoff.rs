//! How long to wait before the next attempt: seven schedules and four kinds of jitter.
//!
//! The wait before retry k = 1, 2, .. with base b: constant b; linear b k; exponential b m^(k-1); Fibonacci b (1, 2, 3,
//! 5, 8, ..). Capped at `cap`, then jittered, then capped again: **no draw ever exceeds the cap**. Decorrelated and
//! smooth waits are random by nature and take no further jitter:
//! - decorrelated (M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015): `d = min(cap, U(b, 3
//!   previous))`, the capped d being fed back and `previous` starting at b for each call;
//! - smooth (Polly issue 530): with `f(t) = 2^t tanh(sqrt(4 t))`, `d = b / 1.4 (f(k - 1 + U) - f of the last draw)`, whose
//!   median is roughly `b 2^(k-1)` and which has no lumps.
//!
//! Sums and products saturate: the two-thousandth retry waits for the cap.

use rand::Rng;

use crate::time::Span;

/// A schedule of waits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Strategy {
    /// No wait at all.
    Immediate,
    /// b each time.
    Constant,
    /// b, 2b, 3b, ..
    Linear,
    /// b, b m, b m^2, ..
    Exponential {
        /// m, finite and at least 1.
        factor: f64,
    },
    /// b, 2b, 3b, 5b, 8b, ..
    Fibonacci,
    /// Each uniform between b and three times the last.
    Decorrelated,
    /// Exponential with the randomness built in.
    Smooth,
}

/// What chance does to a capped wait d.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Jitter {
    /// d.
    None,
    /// U(0, d): spreads the most, and is the default.
    Full,
    /// d/2 + U(0, d/2).
    Equal,
    /// d U(1 - p, 1 + p), then capped; p in basis points up to 10 000.
    Proportional(u32),
}

/// The numbers of a schedule.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Backoff {
    /// The schedule. Default exponential with factor 2.
    pub strategy: Strategy,
    /// b, more than zero. Default 100 ms.
    pub base: Span,
    /// No wait is longer; at least `base`. Default 20 s.
    pub cap: Span,
    /// Must be none for decorrelated and smooth. Default full.
    pub jitter: Jitter,
}

impl Default for Backoff {
    fn default() -> Self {
        Backoff {
            strategy: Strategy::Exponential { factor: 2.0 },
            base: Span::from_millis(100),
            cap: Span::from_secs(20),
            jitter: Jitter::Full,
        }
    }
}

impl Backoff {
    pub(super) fn check(&self) -> Result<(), (&'static str, &'static str)> {
        let random = matches!(self.strategy, Strategy::Decorrelated | Strategy::Smooth);
        if let Strategy::Exponential { factor } = self.strategy
            && !(factor >= 1.0 && factor.is_finite())
        {
            return Err(("factor", "must be finite and at least 1"));
        }
        if let Jitter::Proportional(share) = self.jitter
            && share > 10_000
        {
            return Err(("jitter", "must be at most 100 %"));
        }
        if random && self.jitter != Jitter::None {
            return Err(("jitter", "must be none: decorrelated and smooth waits are random already"));
        }
        if self.base.is_zero() && self.strategy != Strategy::Immediate {
            return Err(("base", "must be more than zero"));
        }
        if self.cap < self.base {
            return Err(("cap", "must be at least `base`"));
        }
        Ok(())
    }

    /// The wait before retry `k` = 1, 2, .. without jitter; for decorrelated and smooth, which have none such, b.
    pub fn nominal(&self, k: u32) -> Span {
        let mut state = BackoffState::new(self);
        let mut wait = Span::ZERO;
        for _ in 0..k {
            wait = state.step(self);
            if wait == self.cap {
                break;
            }
        }
        wait
    }
}

/// Where one call stands in its schedule; never shared between calls.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BackoffState {
    retries: u32,
    /// The next wait without jitter, in ns (constant, linear, exponential, Fibonacci), or the last one (decorrelated).
    wait: f64,
    /// What the next wait grows by (linear, Fibonacci), or f of the last draw (smooth).
    growth: f64,
}

impl BackoffState {
    /// The start of a schedule.
    pub fn new(backoff: &Backoff) -> Self {
        let base = backoff.base.as_nanos() as f64;
        let growth = if backoff.strategy == Strategy::Smooth { 0.0 } else { base };
        BackoffState { retries: 0, wait: base, growth }
    }

    /// The wait before the next retry, at most the cap.
    #[inline]
    pub fn next_wait(&mut self, backoff: &Backoff, rng: &mut impl Rng) -> Span {
        match backoff.strategy {
            Strategy::Immediate
            | Strategy::Constant
            | Strategy::Linear
            | Strategy::Exponential { .. }
            | Strategy::Fibonacci => jittered(self.step(backoff), backoff, rng),
            Strategy::Decorrelated => {
                let (base, last) = (backoff.base.as_nanos(), self.wait as u64);
                let wait = (base + below(rng, last.saturating_mul(3).saturating_sub(base))).min(backoff.cap.as_nanos());
                self.wait = wait as f64;
                Span::from_nanos(wait)
            }
            Strategy::Smooth => self.smooth(backoff, rng),
        }
    }

    /// The wait before the next retry without jitter, at most the cap.
    #[inline]
    fn step(&mut self, backoff: &Backoff) -> Span {
        let wait = Span::from_nanos_f64(self.wait).min(backoff.cap);
        match backoff.strategy {
            Strategy::Immediate => return Span::ZERO,
            Strategy::Constant | Strategy::Decorrelated | Strategy::Smooth => {}
            Strategy::Linear => self.wait += self.growth,
            Strategy::Exponential { factor } => self.wait *= factor,
            Strategy::Fibonacci => (self.wait, self.growth) = (self.wait + self.growth, self.wait),
        }
        // past the cap nothing changes any more, so nothing can overflow
        self.wait = self.wait.min(backoff.cap.as_nanos() as f64);
        wait
    }

    fn smooth(&mut self, backoff: &Backoff, rng: &mut impl Rng) -> Span {
        let t = f64::from(self.retries) + unit(rng);
        // f = 2^t tanh(2 sqrt t), with tanh x = (1 - e) / (1 + e), e = exp(-2x): a second power of two costs half of a
        // tanh, and the difference is at most 1e-15 of f
        let e = libm::exp2(-4.0 * std::f64::consts::LOG2_E * t.sqrt());
        let f = libm::exp2(t) * (1.0 - e) / (1.0 + e);
        let wait = (f - self.growth) * backoff.base.as_nanos() as f64 / 1.4;
        (self.retries, self.growth) = (self.retries.saturating_add(1), f);
        // 2^t leaves the floats at t = 1024; the wait has then long been above any cap
        if wait.is_nan() { backoff.cap } else { Span::from_nanos_f64(wait).min(backoff.cap) }
    }
}

#[inline]
fn jittered(wait: Span, backoff: &Backoff, rng: &mut impl Rng) -> Span {
    let nanos = wait.as_nanos();
    match backoff.jitter {
        Jitter::None => wait,
        Jitter::Full => Span::from_nanos(below(rng, nanos)),
        Jitter::Equal => Span::from_nanos(nanos - nanos / 2 + below(rng, nanos / 2)),
        Jitter::Proportional(share) => {
            let part = (u128::from(nanos) * u128::from(share) / 10_000) as u64;
            let drawn = below(rng, part.saturating_mul(2));
            Span::from_nanos((nanos - part).saturating_add(drawn)).min(backoff.cap)
        }
    }
}

/// A uniform integer in `[0, top]`: the high word of a 128-bit product, whose bias is below 2^-64 (top + 1).
#[inline]
fn below(rng: &mut impl Rng, top: u64) -> u64 {
    ((u128::from(rng.next_u64()) * (u128::from(top) + 1)) >> 64) as u64
}

/// A uniform float in `[0, 1)`, 53 bits.
fn unit(rng: &mut impl Rng) -> f64 {
    (rng.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
}
