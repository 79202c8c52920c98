//! What a law amounts to, in numbers: the answer of `explain 'weibull(shape=0.7, scale=1000h)'`.
//!
//! Plain values with their kind; how they are printed is another module's business.

use crate::model::dist::Law;
use crate::model::dist::random::Random;

/// A number with its kind.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Quantity {
    /// A duration in seconds, maybe infinite.
    Seconds(f64),
    /// Events per second.
    PerSecond(f64),
    /// A share from 0 to 1.
    Share(f64),
    /// A bare number.
    Number(f64),
}

/// The numbers of one law; durations in seconds, infinite where there is no moment.
#[derive(Clone, Debug, PartialEq)]
pub struct LawDescription {
    /// The law in its long form.
    pub law: String,
    /// Mean.
    pub mean_s: f64,
    /// Standard deviation.
    pub sd_s: f64,
    /// Median.
    pub p50_s: f64,
    /// 90th percentile.
    pub p90_s: f64,
    /// 95th percentile.
    pub p95_s: f64,
    /// 99th percentile.
    pub p99_s: f64,
    /// The parameters of the law by name, whichever keys it was given by.
    pub parameters: Vec<(&'static str, Quantity)>,
}

impl Law {
    /// Mean, standard deviation, quantiles and parameters.
    pub fn describe(&self) -> LawDescription {
        LawDescription {
            law: self.to_string(),
            mean_s: self.mean_s(),
            sd_s: self.sd_s(),
            p50_s: self.quantile_s(0.5),
            p90_s: self.quantile_s(0.9),
            p95_s: self.quantile_s(0.95),
            p99_s: self.quantile_s(0.99),
            parameters: self.parameters(),
        }
    }

    fn parameters(&self) -> Vec<(&'static str, Quantity)> {
        let seconds = |nanos: f64| Quantity::Seconds(nanos / 1e9);
        let mut list = Vec::new();
        if !self.offset.is_zero() {
            list.push(("offset", Quantity::Seconds(self.offset.as_secs_f64())));
        }
        match *self.random() {
            Random::Zero | Random::Never => {}
            Random::Exponential { mean } => {
                list.extend([("mean", seconds(mean)), ("rate", Quantity::PerSecond(1e9 / mean))]);
            }
            Random::Weibull { scale, shape } | Random::Gamma { scale, shape } => {
                list.extend([("shape", Quantity::Number(shape)), ("scale", seconds(scale))]);
            }
            Random::Lognormal { median, sigma } => {
                list.extend([("median", seconds(median)), ("sigma", Quantity::Number(sigma))]);
            }
            Random::Erlang { scale, stages } => {
                list.extend([("stages", Quantity::Number(f64::from(stages))), ("stage mean", seconds(scale))]);
            }
            Random::Uniform { from, to } => list.extend([("from", seconds(from)), ("to", seconds(to))]),
            Random::Pareto { min, shape } => list.extend([("shape", Quantity::Number(shape)), ("min", seconds(min))]),
            Random::HyperExponential { p1, mean1, mean2 } => {
                list.extend([("p1", Quantity::Share(p1)), ("mean1", seconds(mean1)), ("mean2", seconds(mean2))]);
            }
            Random::Empirical(ref values) => list.push(("values", Quantity::Number(values.count() as f64))),
        }
        list.push(("cv", Quantity::Number(self.variation())));
        list
    }

    /// Standard deviation over mean; infinite where there is no variance, 0 of a law that is always 0.
    fn variation(&self) -> f64 {
        let (mean, sd) = (self.mean_s(), self.sd_s());
        if sd == 0.0 {
            0.0
        } else if sd.is_infinite() {
            f64::INFINITY
        } else {
            sd / mean
        }
    }
}
