//! The random part of a law: its parameters in nanoseconds and its exact moments, distribution function and quantiles.
//!
//! E(min(Y, t)) follows for every law from its length-biased law (the law of the interval that covers a random
//! instant, density y f(y) / E(Y), distribution function G): E(min(Y, t)) = E(Y) G(t) + t P(Y > t). Formulas: Johnson, Kotz and
//! Balakrishnan, Continuous Univariate Distributions, 2nd ed.; limited means: Klugman, Panjer and Willmot, Loss
//! Models, appendix A. Nothing here draws; that is `sample`.

use std::sync::Arc;

use statrs::function::erf::{erfc, erfc_inv};

use crate::model::dist::gamma;
use crate::time::Span;

/// The random part of a law; durations in nanoseconds.
#[derive(Clone, Debug, PartialEq)]
pub enum Random {
    /// None: always zero.
    Zero,
    /// Always for ever.
    Never,
    /// P(Y > y) = exp(-y / mean).
    Exponential {
        /// Mean, ns.
        mean: f64,
    },
    /// P(Y > y) = exp(-(y / scale)^shape).
    Weibull {
        /// Scale, ns: the 63rd percentile.
        scale: f64,
        /// Shape; below 1 the hazard falls, above it rises.
        shape: f64,
    },
    /// ln Y is normal.
    Lognormal {
        /// Median, ns.
        median: f64,
        /// Standard deviation of ln Y.
        sigma: f64,
    },
    /// Density y^(shape-1) exp(-y / scale).
    Gamma {
        /// Scale, ns.
        scale: f64,
        /// Shape.
        shape: f64,
    },
    /// Sum of so many exponential stages.
    Erlang {
        /// Mean of one stage, ns.
        scale: f64,
        /// Number of stages, at least 1.
        stages: u32,
    },
    /// Uniform between two bounds.
    Uniform {
        /// Lower bound, ns.
        from: f64,
        /// Upper bound, ns.
        to: f64,
    },
    /// P(Y > y) = (min / y)^shape for y >= min.
    Pareto {
        /// Smallest value, ns.
        min: f64,
        /// Shape; no mean up to 1, no variance up to 2.
        shape: f64,
    },
    /// Exponential with one of two means.
    HyperExponential {
        /// Chance of the first mean.
        p1: f64,
        /// First mean, ns.
        mean1: f64,
        /// Second mean, ns.
        mean2: f64,
    },
    /// One of the values, each with equal chance.
    Empirical(Arc<Empirical>),
}

/// Sorted values with equal chances.
#[derive(Clone, Debug, PartialEq)]
pub struct Empirical {
    values: Vec<Span>,
    /// `sums[i]` is the sum of the values up to and including `i`, ns.
    sums: Vec<f64>,
}

impl Empirical {
    /// Sorted `values`; nothing if there are none.
    pub(crate) fn new(mut values: Vec<Span>) -> Option<Empirical> {
        if values.is_empty() {
            return None;
        }
        values.sort_unstable();
        let mut total = 0.0;
        let sums = values.iter().map(|value| {
            total += value.as_nanos() as f64;
            total
        });
        let sums = sums.collect();
        Some(Empirical { values, sums })
    }

    /// How many values, at least 1.
    pub fn count(&self) -> usize {
        self.values.len()
    }

    /// The values, ascending.
    pub fn values(&self) -> &[Span] {
        &self.values
    }

    /// Sum of all values, ns.
    pub(crate) fn total(&self) -> f64 {
        self.sums.last().copied().unwrap_or(0.0)
    }

    /// The value that covers the point `at` (0 up to the total, ns) when all values lie end to end.
    pub(crate) fn covering(&self, at: f64) -> f64 {
        let index = self.sums.partition_point(|sum| *sum <= at).min(self.values.len() - 1);
        self.values[index].as_nanos() as f64
    }

    fn mean(&self) -> f64 {
        self.total() / self.values.len() as f64
    }

    fn sd(&self) -> f64 {
        let mean = self.mean();
        let squares = self.values.iter().map(|value| {
            let distance = value.as_nanos() as f64 - mean;
            distance * distance
        });
        (squares.sum::<f64>() / self.values.len() as f64).sqrt()
    }

    /// How many values are at most `y`, ns.
    fn count_within(&self, y: f64) -> usize {
        self.values.partition_point(|value| value.as_nanos() as f64 <= y)
    }

    fn quantile(&self, p: f64) -> f64 {
        let rank = (p * self.values.len() as f64 * (1.0 - f64::EPSILON)).ceil() as usize;
        self.values[rank.clamp(1, self.values.len()) - 1].as_nanos() as f64
    }

    fn mean_within(&self, y: f64) -> f64 {
        let within = self.count_within(y);
        let sum = if within == 0 { 0.0 } else { self.sums[within - 1] };
        (sum + y * (self.values.len() - within) as f64) / self.values.len() as f64
    }
}

/// P(N <= z) of the standard normal law.
pub(crate) fn normal_cdf(z: f64) -> f64 {
    0.5 * erfc(-z * std::f64::consts::FRAC_1_SQRT_2)
}

/// The z with P(N <= z) = p.
pub(crate) fn normal_quantile(p: f64) -> f64 {
    if p > 0.5 { -normal_quantile(1.0 - p) } else { -std::f64::consts::SQRT_2 * erfc_inv(2.0 * p) }
}

impl Random {
    /// The family's name in the scenario language.
    pub fn name(&self) -> &'static str {
        match self {
            Random::Zero => "fixed",
            Random::Never => "never",
            Random::Exponential { .. } => "exp",
            Random::Weibull { .. } => "weibull",
            Random::Lognormal { .. } => "lognormal",
            Random::Gamma { .. } => "gamma",
            Random::Erlang { .. } => "erlang",
            Random::Uniform { .. } => "uniform",
            Random::Pareto { .. } => "pareto",
            Random::HyperExponential { .. } => "hyperexp",
            Random::Empirical(_) => "empirical",
        }
    }

    /// Mean, ns.
    pub(crate) fn mean(&self) -> f64 {
        match *self {
            Random::Zero => 0.0,
            Random::Never => f64::INFINITY,
            Random::Exponential { mean } => mean,
            Random::Weibull { scale, shape } => scale * libm::tgamma(1.0 + 1.0 / shape),
            Random::Lognormal { median, sigma } => median * libm::exp(0.5 * sigma * sigma),
            Random::Gamma { scale, shape } => scale * shape,
            Random::Erlang { scale, stages } => scale * f64::from(stages),
            Random::Uniform { from, to } => f64::midpoint(from, to),
            Random::Pareto { shape, .. } if shape <= 1.0 => f64::INFINITY,
            Random::Pareto { min, shape } => min * shape / (shape - 1.0),
            Random::HyperExponential { p1, mean1, mean2 } => p1 * mean1 + (1.0 - p1) * mean2,
            Random::Empirical(ref values) => values.mean(),
        }
    }

    /// Standard deviation, ns; infinite where there is none.
    pub(crate) fn sd(&self) -> f64 {
        match *self {
            Random::Zero => 0.0,
            Random::Never => f64::INFINITY,
            Random::Exponential { mean } => mean,
            Random::Weibull { shape, .. } => self.mean() * weibull_cv(shape),
            Random::Lognormal { sigma, .. } => self.mean() * libm::expm1(sigma * sigma).sqrt(),
            Random::Gamma { scale, shape } => scale * shape.sqrt(),
            Random::Erlang { scale, stages } => scale * f64::from(stages).sqrt(),
            Random::Uniform { from, to } => (to - from) / 12.0_f64.sqrt(),
            Random::Pareto { shape, .. } if shape <= 2.0 => f64::INFINITY,
            Random::Pareto { min, shape } => min / (shape - 1.0) * (shape / (shape - 2.0)).sqrt(),
            Random::HyperExponential { p1, mean1, mean2 } => {
                // variance = E[mean_i^2] (within) + p1 p2 (mean1 - mean2)^2 (between)
                let within = p1 * mean1 * mean1 + (1.0 - p1) * mean2 * mean2;
                (within + p1 * (1.0 - p1) * (mean1 - mean2) * (mean1 - mean2)).sqrt()
            }
            Random::Empirical(ref values) => values.sd(),
        }
    }

    /// P(Y <= y) for y >= 0, ns.
    pub(crate) fn cdf(&self, y: f64) -> f64 {
        match *self {
            Random::Zero => 1.0,
            Random::Never => 0.0,
            Random::Exponential { mean } => -libm::expm1(-y / mean),
            Random::Weibull { scale, shape } => -libm::expm1(-libm::pow(y / scale, shape)),
            Random::Lognormal { median, sigma } => normal_cdf(libm::log(y / median) / sigma),
            Random::Gamma { scale, shape } => gamma::lower(shape, y / scale),
            Random::Erlang { scale, stages } => gamma::lower(f64::from(stages), y / scale),
            Random::Uniform { from, to } => ((y - from) / (to - from)).clamp(0.0, 1.0),
            Random::Pareto { min, .. } if y <= min => 0.0,
            Random::Pareto { min, shape } => -libm::expm1(shape * libm::log(min / y)),
            Random::HyperExponential { p1, mean1, mean2 } => {
                -(p1 * libm::expm1(-y / mean1) + (1.0 - p1) * libm::expm1(-y / mean2))
            }
            Random::Empirical(ref values) => values.count_within(y) as f64 / values.count() as f64,
        }
    }

    /// The y with P(Y <= y) = p, for p from 0 to 1, ns.
    pub(crate) fn quantile(&self, p: f64) -> f64 {
        match *self {
            Random::Zero => 0.0,
            Random::Never => f64::INFINITY,
            Random::Exponential { mean } => -mean * libm::log1p(-p),
            Random::Weibull { scale, shape } => scale * libm::pow(-libm::log1p(-p), 1.0 / shape),
            Random::Lognormal { .. } if p <= 0.0 => 0.0,
            Random::Lognormal { .. } if p >= 1.0 => f64::INFINITY,
            Random::Lognormal { median, sigma } => median * libm::exp(sigma * normal_quantile(p)),
            Random::Gamma { scale, shape } => scale * gamma::quantile(shape, p),
            Random::Erlang { scale, stages } => scale * gamma::quantile(f64::from(stages), p),
            Random::Uniform { from, to } => from + p * (to - from),
            Random::Pareto { min, shape } => min * libm::exp(-libm::log1p(-p) / shape),
            Random::HyperExponential { mean1, mean2, .. } => self.hyperexponential_quantile(p, mean1, mean2),
            Random::Empirical(ref values) => values.quantile(p),
        }
    }

    /// Bisection between the quantiles of the two exponential branches, which always enclose it.
    fn hyperexponential_quantile(&self, p: f64, mean1: f64, mean2: f64) -> f64 {
        let unit = -libm::log1p(-p);
        if unit.is_infinite() || unit == 0.0 {
            return unit;
        }
        let (mut low, mut high) = (unit * mean1.min(mean2), unit * mean1.max(mean2));
        for _ in 0..200 {
            let middle = f64::midpoint(low, high);
            if middle <= low || middle >= high {
                break;
            }
            if self.cdf(middle) < p {
                low = middle;
            } else {
                high = middle;
            }
        }
        f64::midpoint(low, high)
    }

    /// E(min(Y, limit)) for limit >= 0, ns.
    pub(crate) fn mean_within(&self, limit: f64) -> f64 {
        match *self {
            Random::Zero => 0.0,
            Random::Never => limit,
            Random::Exponential { mean } => -mean * libm::expm1(-limit / mean),
            Random::Weibull { scale, shape } => {
                let hazard = libm::pow(limit / scale, shape);
                self.limited(gamma::lower(1.0 + 1.0 / shape, hazard), limit, libm::exp(-hazard))
            }
            Random::Lognormal { median, sigma } => {
                let z = libm::log(limit / median) / sigma;
                self.limited(normal_cdf(z - sigma), limit, normal_cdf(-z))
            }
            Random::Gamma { scale, shape } => {
                let x = limit / scale;
                self.limited(gamma::lower(shape + 1.0, x), limit, gamma::upper(shape, x))
            }
            Random::Erlang { scale, stages } => {
                let (x, shape) = (limit / scale, f64::from(stages));
                self.limited(gamma::lower(shape + 1.0, x), limit, gamma::upper(shape, x))
            }
            Random::Uniform { from, to } => {
                let t = limit.clamp(from, to);
                if limit < from { limit } else { t - (t - from) * (t - from) / (2.0 * (to - from)) }
            }
            Random::Pareto { min, .. } if limit <= min => limit,
            Random::Pareto { min, shape } => {
                // min + the integral of (min / y)^shape from min to limit, written so that shape = 1 is no exception
                let grown = libm::log(limit / min);
                let bend = (1.0 - shape) * grown;
                min + min * grown * if bend == 0.0 { 1.0 } else { libm::expm1(bend) / bend }
            }
            Random::HyperExponential { p1, mean1, mean2 } => {
                -(p1 * mean1 * libm::expm1(-limit / mean1) + (1.0 - p1) * mean2 * libm::expm1(-limit / mean2))
            }
            Random::Empirical(ref values) => values.mean_within(limit),
        }
    }

    /// E(Y) G(limit) + limit P(Y > limit) with G(limit) as `biased`, for laws with a finite mean.
    fn limited(&self, biased: f64, limit: f64, survival: f64) -> f64 {
        self.mean() * biased + if survival > 0.0 { limit * survival } else { 0.0 }
    }
}

/// sqrt(Gamma(1 + 2/k) / Gamma(1 + 1/k)^2 - 1): standard deviation over mean of a Weibull law of shape k.
fn weibull_cv(shape: f64) -> f64 {
    let excess = libm::lgamma(1.0 + 2.0 / shape) - 2.0 * libm::lgamma(1.0 + 1.0 / shape);
    libm::expm1(excess).max(0.0).sqrt()
}
