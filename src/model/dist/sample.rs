//! Draws from a law, and from the interval of it that covers a random instant.
//!
//! The plain draw runs once per event, so it is one jump on the law and, for the exponential, one ziggurat and one
//! product. In the long run an interval covers a given instant with a chance proportional to its length; such an
//! interval has the length-biased law, and the instant lies uniform in it, so age and residual life are its two parts
//! (Cox, Renewal Theory, 1962, section 5). Both are drawn exactly, without rejection or burn-in.

use rand::{Rng, RngExt};
use rand_distr::{Distribution, Exp1, StandardNormal};

use crate::model::dist::Law;
use crate::model::dist::random::Random;
use crate::time::Span;
use libm::exp;

impl Law {
    /// One duration; [`Span::MAX`] if it never ends.
    #[expect(clippy::inline_always, reason = "the one draw of an event: a call is 1 of its 15 ns (benches/trial.rs)")]
    #[inline(always)]
    pub fn sample<R: Rng + ?Sized>(&self, rng: &mut R) -> Span {
        if let Random::Exponential { mean } = self.random {
            return self.offset + nearest(mean * exponential(rng));
        }
        self.sample_other(rng)
    }

    #[inline(never)]
    fn sample_other<R: Rng + ?Sized>(&self, rng: &mut R) -> Span {
        match self.random {
            Random::Zero => self.offset,
            Random::Lognormal { median, sigma } => self.offset + nearest(lognormal(median, sigma, rng)),
            Random::Exponential { .. }
            | Random::Never
            | Random::Weibull { .. }
            | Random::Gamma { .. }
            | Random::Erlang { .. }
            | Random::Uniform { .. }
            | Random::Pareto { .. }
            | Random::HyperExponential { .. }
            | Random::Empirical(_) => self.offset + nearest(self.random.sample(rng)),
        }
    }

    /// The full length of the interval that covers a random instant of the long run.
    ///
    /// With a fixed part c the density (c + y) f(y) / (c + E(Y)) is a mixture: plain with chance c / (c + E(Y)),
    /// else length-biased. A law without a mean gives [`Span::MAX`]: its intervals outgrow every run.
    pub fn sample_length_biased<R: Rng + ?Sized>(&self, rng: &mut R) -> Span {
        let mean = self.random.mean();
        if mean == 0.0 {
            return self.offset;
        }
        if mean == f64::INFINITY {
            return Span::MAX;
        }
        let offset = self.offset.as_nanos() as f64;
        let plain = offset > 0.0 && rng.random::<f64>() * (offset + mean) < offset;
        let random = if plain { self.random.sample(rng) } else { self.random.sample_biased(rng) };
        self.offset + nearest(random)
    }

    /// The rest of the interval that covers a random instant of the long run: where a clock stands that has been
    /// renewing itself for ever.
    pub fn sample_residual<R: Rng + ?Sized>(&self, rng: &mut R) -> Span {
        let length = self.sample_length_biased(rng);
        if length == Span::MAX {
            return length;
        }
        nearest(length.as_nanos() as f64 * rng.random::<f64>())
    }
}

/// Nanoseconds to the nearest whole one, saturating.
#[inline]
pub(super) fn nearest(nanos: f64) -> Span {
    Span::from_nanos_f64(nanos + 0.5)
}

#[inline]
fn exponential<R: Rng + ?Sized>(rng: &mut R) -> f64 {
    Exp1.sample(rng)
}

#[inline]
fn lognormal<R: Rng + ?Sized>(median: f64, sigma: f64, rng: &mut R) -> f64 {
    let z: f64 = StandardNormal.sample(rng);
    median * exp(sigma * z)
}

/// x^exponent for x >= 0 to a few ulps: three times as fast as `libm::pow`, which stays below one.
#[inline]
fn power(x: f64, exponent: f64) -> f64 {
    exp(exponent * libm::log(x))
}

/// Gamma with scale 1, by Marsaglia and Tsang, "A simple method for generating gamma variables", ACM TOMS 26 (2000):
/// d v with v = (1 + x / sqrt(9 d))^3, x normal, accepted against the squeezed density. Shapes below 1 are drawn one
/// higher and multiplied by U^(1/shape), here exp(-Exp1 / shape).
fn gamma<R: Rng + ?Sized>(shape: f64, rng: &mut R) -> f64 {
    if shape < 1.0 {
        return gamma(shape + 1.0, rng) * exp(-exponential(rng) / shape);
    }
    let d = shape - 1.0 / 3.0;
    let c = 1.0 / (9.0 * d).sqrt();
    loop {
        let x: f64 = StandardNormal.sample(rng);
        let root = 1.0 + c * x;
        if root <= 0.0 {
            continue;
        }
        let v = root * root * root;
        let u: f64 = rng.random();
        let squared = x * x;
        if u < 1.0 - 0.0331 * squared * squared || libm::log(u) < 0.5 * squared + d * (1.0 - v + libm::log(v)) {
            return d * v;
        }
    }
}

/// Sum of so many unit exponentials; past a handful of stages the gamma method is faster.
fn erlang<R: Rng + ?Sized>(stages: u32, rng: &mut R) -> f64 {
    if stages <= 4 { (0..stages).map(|_| exponential(rng)).sum() } else { gamma(f64::from(stages), rng) }
}

impl Random {
    /// One draw, ns.
    fn sample<R: Rng + ?Sized>(&self, rng: &mut R) -> f64 {
        match *self {
            Random::Zero => 0.0,
            Random::Never => f64::INFINITY,
            Random::Exponential { mean } => mean * exponential(rng),
            Random::Weibull { scale, shape } => scale * power(exponential(rng), 1.0 / shape),
            Random::Lognormal { median, sigma } => lognormal(median, sigma, rng),
            Random::Gamma { scale, shape } => scale * gamma(shape, rng),
            Random::Erlang { scale, stages } => scale * erlang(stages, rng),
            Random::Uniform { from, to } => from + (to - from) * rng.random::<f64>(),
            Random::Pareto { min, shape } => min * exp(exponential(rng) / shape),
            Random::HyperExponential { p1, mean1, mean2 } => {
                let mean = if rng.random::<f64>() < p1 { mean1 } else { mean2 };
                mean * exponential(rng)
            }
            Random::Empirical(ref values) => {
                let values = values.values();
                values[rng.random_range(0..values.len())].as_nanos() as f64
            }
        }
    }

    /// One draw with density y f(y) / E(Y), ns, for laws with a mean that is finite and not zero.
    fn sample_biased<R: Rng + ?Sized>(&self, rng: &mut R) -> f64 {
        match *self {
            Random::Zero => 0.0,
            Random::Never => f64::INFINITY,
            Random::Exponential { mean } => mean * erlang(2, rng),
            // with g = (y / scale)^shape the biased density becomes g^(1/shape) exp(-g)
            Random::Weibull { scale, shape } => scale * power(gamma(1.0 + 1.0 / shape, rng), 1.0 / shape),
            Random::Lognormal { median, sigma } => {
                let z: f64 = StandardNormal.sample(rng);
                median * exp(sigma * (z + sigma))
            }
            Random::Gamma { scale, shape } => scale * gamma(shape + 1.0, rng),
            Random::Erlang { scale, stages } => scale * erlang(stages.saturating_add(1), rng),
            Random::Uniform { from, to } => (from * from + rng.random::<f64>() * (to - from) * (to + from)).sqrt(),
            Random::Pareto { min, shape } => min * exp(exponential(rng) / (shape - 1.0)),
            Random::HyperExponential { p1, mean1, mean2 } => {
                let first = p1 * mean1;
                let mean = if rng.random::<f64>() * (first + (1.0 - p1) * mean2) < first { mean1 } else { mean2 };
                mean * erlang(2, rng)
            }
            Random::Empirical(ref values) => values.covering(rng.random::<f64>() * values.total()),
        }
    }
}
