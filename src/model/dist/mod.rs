//! Laws of random durations: a fixed part, a random part, or their sum.
//!
//! A law is made once from the keys that people know (mean, quantiles, coefficient of variation), keeps how it was
//! written for printing, and is then only drawn from and asked for its exact moments. Time is [`Span`] outside and
//! `f64` nanoseconds inside; draws saturate at [`Span::MAX`], which is also "never", and are never not-a-number.
//!
//! Same generator state, same draw: on one target. Powers, exponentials and logarithms of this module are `libm`'s,
//! pure Rust and the same everywhere. The ziggurats of `rand_distr` (exponential, normal) use `num-traits`, which
//! some other dependency switches to `std`, so their rejection step and their tail (one draw in a few hundred)
//! may differ in the last bit between C libraries. This module reads no clock and owns no generator.

mod describe;
mod error;
mod fit;
mod gamma;
mod parameters;
mod random;
mod sample;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;

pub use crate::model::dist::describe::{LawDescription, Quantity};
pub use crate::model::dist::error::{Impossibility, LawError};
pub use crate::model::dist::parameters::{Kind, LAW_NAMES, ParameterValue};
pub use crate::model::dist::random::{Empirical, Random};

use crate::time::Span;

const NANOS: f64 = 1e9;

/// The law of a duration: a fixed part plus an optional random part.
#[derive(Clone, Debug, PartialEq)]
pub struct Law {
    offset: Span,
    random: Random,
    written: Option<Arc<str>>,
}

impl Law {
    /// Always exactly `span`.
    pub const fn fixed(span: Span) -> Law {
        Law { offset: span, random: Random::Zero, written: None }
    }

    /// Does not happen: every draw is [`Span::MAX`].
    pub const fn never() -> Law {
        Law { offset: Span::ZERO, random: Random::Never, written: None }
    }

    /// Exponential with this mean, which must be above zero; a mean of zero gives the fixed law of zero.
    pub fn exponential(mean: Span) -> Law {
        if mean.is_zero() {
            return Law::fixed(mean);
        }
        let random = Random::Exponential { mean: mean.as_nanos() as f64 };
        Law { offset: Span::ZERO, random, written: Some(format!("exp(mean={mean})").into()) }
    }

    /// One of `values`, each with equal chance.
    ///
    /// # Errors
    /// [`Impossibility::NoValues`] if there are none.
    pub fn empirical(values: Vec<Span>) -> Result<Law, LawError> {
        let Some(values) = Empirical::new(values) else {
            let why = Impossibility::NoValues;
            return Err(LawError::Impossible { law: "empirical", key: "file".to_owned(), why });
        };
        Ok(Law { offset: Span::ZERO, random: Random::Empirical(Arc::new(values)), written: None })
    }

    /// The law that `name(params)` says: its keys are one of the sets of keys that the scenario language knows.
    ///
    /// # Errors
    /// The first fault found, see [`LawError`]; it names the key.
    pub fn from_parameters(name: &str, params: &[(String, ParameterValue)]) -> Result<Law, LawError> {
        let random = parameters::parse(name, params)?;
        let written = if random == Random::Never { None } else { Some(parameters::spell(name, params).into()) };
        Ok(Law { offset: Span::ZERO, random, written })
    }

    /// The law with `offset` added to every draw.
    pub fn with_offset(mut self, offset: Span) -> Law {
        self.offset += offset;
        self
    }

    /// The law with this text as the printed form of its random part, such as `empirical(file=repairs.csv, ..)`.
    pub fn spelled(mut self, written: &str) -> Law {
        self.written = Some(written.into());
        self
    }

    /// The fixed part.
    pub fn offset(&self) -> Span {
        self.offset
    }

    /// The random part with its parameters in nanoseconds.
    pub fn random(&self) -> &Random {
        &self.random
    }

    /// Is it exponential, without a fixed part?
    pub fn is_exponential(&self) -> bool {
        matches!(self.random, Random::Exponential { .. }) && self.offset.is_zero()
    }

    /// The one value of a law that cannot vary.
    pub fn is_fixed(&self) -> Option<Span> {
        (self.random == Random::Zero).then_some(self.offset)
    }

    /// Is every draw [`Span::MAX`]?
    pub fn is_never(&self) -> bool {
        self.random == Random::Never
    }

    /// Events per second of an exponential law without a fixed part.
    pub fn rate_per_s(&self) -> Option<f64> {
        match self.random {
            Random::Exponential { mean } if self.offset.is_zero() => Some(NANOS / mean),
            _ => None,
        }
    }

    /// Mean in seconds; infinite for `never` and for heavy tails without a mean.
    pub fn mean_s(&self) -> f64 {
        self.offset.as_secs_f64() + self.random.mean() / NANOS
    }

    /// Standard deviation in seconds; infinite where there is none.
    pub fn sd_s(&self) -> f64 {
        self.random.sd() / NANOS
    }

    /// The time in seconds that a share `p` of draws does not pass, `p` from 0 to 1.
    pub fn quantile_s(&self, p: f64) -> f64 {
        self.offset.as_secs_f64() + self.random.quantile(p.clamp(0.0, 1.0)) / NANOS
    }

    /// P(X <= t) for t in seconds.
    pub fn cdf(&self, t_s: f64) -> f64 {
        let rest = t_s * NANOS - self.offset.as_nanos() as f64;
        if rest < 0.0 { 0.0 } else { self.random.cdf(rest) }
    }

    /// E(min(X, limit)) in seconds: the mean time lived within `limit_s` seconds, the integral of P(X > t) up to it.
    pub fn mean_within_s(&self, limit_s: f64) -> f64 {
        let offset = self.offset.as_nanos() as f64;
        let limit = limit_s * NANOS;
        if limit <= offset {
            return limit_s.max(0.0);
        }
        if limit == f64::INFINITY {
            return self.mean_s();
        }
        (offset + self.random.mean_within(limit - offset)) / NANOS
    }

    /// Mean of the residual life seen at a random instant of the long run, E(X^2) / (2 E(X)), in seconds.
    pub fn mean_residual_s(&self) -> f64 {
        let (mean, sd) = (self.mean_s(), self.sd_s());
        if mean == 0.0 {
            return 0.0;
        }
        if mean.is_infinite() || sd.is_infinite() { f64::INFINITY } else { f64::midpoint(mean, sd * sd / mean) }
    }

    /// P(residual life <= t) at a random instant of the long run, for t in seconds: E(min(X, t)) / E(X).
    pub fn residual_cdf(&self, t_s: f64) -> f64 {
        let mean = self.mean_s();
        if mean == 0.0 {
            return 1.0;
        }
        if mean.is_infinite() { 0.0 } else { (self.mean_within_s(t_s) / mean).clamp(0.0, 1.0) }
    }
}

impl fmt::Display for Law {
    /// The long form of the scenario language, the keys as they were written.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.random {
            Random::Zero => return write!(f, "{}", self.offset),
            Random::Never => return f.write_str("never"),
            Random::Exponential { .. }
            | Random::Weibull { .. }
            | Random::Lognormal { .. }
            | Random::Gamma { .. }
            | Random::Erlang { .. }
            | Random::Uniform { .. }
            | Random::Pareto { .. }
            | Random::HyperExponential { .. }
            | Random::Empirical(_) => {}
        }
        if !self.offset.is_zero() {
            write!(f, "{} + ", self.offset)?;
        }
        match (&self.written, &self.random) {
            (Some(text), _) => f.write_str(text),
            (None, Random::Empirical(values)) => write!(f, "empirical({} values)", values.count()),
            (None, random) => write!(f, "{}", random.name()),
        }
    }
}
