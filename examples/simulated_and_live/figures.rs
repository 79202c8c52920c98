//! What is compared of a run, and how two samples of it are compared.

use std::fmt;

use ninefold::stats::interval;
use ninefold::stats::moments::Moments;
use ninefold::time::{Span, Time};
use statrs::distribution::{ContinuousCDF, StudentsT};

/// Length of a run.
pub const LENGTH: Span = Span::from_secs(30);
/// When the fault strikes.
pub const STRIKES: Time = Time::from_nanos(5_000_000_000);
/// When it ends.
pub const ENDS: Time = Time::from_nanos(15_000_000_000);

/// The figures, in the order of a [`Sample`].
pub const FIGURES: [&str; 5] =
    ["success ratio", "attempts per request", "breaker-open share", "time to open (s)", "time to close (s)"];

/// The figures of one run; no times if its breaker has not opened.
pub type Sample = [Option<f64>; FIGURES.len()];

/// What a run has seen.
#[derive(Clone, Copy, Debug, Default)]
pub struct Seen {
    /// Requests answered well.
    pub well: u64,
    /// Requests that have failed.
    pub failed: u64,
    /// Requests begun.
    pub begun: u64,
    /// Attempts sent.
    pub attempts: u64,
    /// Time that the breaker was open.
    pub open: Span,
    /// When it first opened, and last closed, from the start.
    pub first_opened: Option<Span>,
    /// When it last closed.
    pub last_closed: Option<Span>,
}

impl Seen {
    /// Its figures. Time to open counts from the fault; time to close from the end of the fault to the last closing, 0
    /// if that came before.
    pub fn figures(&self) -> Sample {
        let ratio = |part: u64, whole: u64| (whole > 0).then(|| part as f64 / whole as f64);
        let since = |at: Option<Span>, from: Time| at.map(|at| (Time::ZERO + at).since(from).as_secs_f64());
        [
            ratio(self.well, self.well + self.failed),
            ratio(self.attempts, self.begun),
            Some(self.open.as_secs_f64() / LENGTH.as_secs_f64()),
            since(self.first_opened, STRIKES),
            since(self.last_closed, ENDS),
        ]
    }
}

/// A figure live and simulated.
pub struct Comparison {
    live: Moments,
    simulated: Moments,
    /// Half the interval of the difference.
    half_width: f64,
}

impl Comparison {
    /// One of `family` comparisons that are to hold together with `confidence`.
    pub fn new(
        live: impl Iterator<Item = f64>,
        simulated: impl Iterator<Item = f64>,
        confidence: f64,
        family: usize,
    ) -> Comparison {
        let (live, simulated) = (moments(live), moments(simulated));
        let tail = (1.0 - confidence) / (2.0 * family as f64);
        let half_width = welch(&live, &simulated, tail).unwrap_or(f64::INFINITY);
        Comparison { live, simulated, half_width }
    }

    fn difference(&self) -> Option<f64> {
        Some(self.live.mean()? - self.simulated.mean()?)
    }

    /// Does the interval of the difference hold 0? No, if there is nothing to compare.
    pub fn agrees(&self) -> bool {
        self.half_width.is_finite() && self.difference().is_some_and(|difference| difference.abs() <= self.half_width)
    }
}

fn moments(values: impl Iterator<Item = f64>) -> Moments {
    let mut moments = Moments::default();
    values.for_each(|value| moments.push(value));
    moments
}

/// Half the interval of the difference of two means whose variances may differ, with this chance on either side:
/// t(nu) sqrt(a + b), a and b the squared standard errors, nu = (a + b)^2 / (a^2 / (n - 1) + b^2 / (m - 1)).
fn welch(first: &Moments, second: &Moments, tail: f64) -> Option<f64> {
    let (a, b) = (first.standard_error()?.powi(2), second.standard_error()?.powi(2));
    let (n, m) = (first.count() as f64, second.count() as f64);
    let degrees = (a + b).powi(2) / (a * a / (n - 1.0) + b * b / (m - 1.0));
    let student = StudentsT::new(0.0, 1.0, degrees).ok()?;
    Some(student.inverse_cdf(1.0 - tail) * (a + b).sqrt())
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for moments in [&self.live, &self.simulated] {
            let (mean, half) = (moments.mean().unwrap_or(f64::NAN), interval::mean(moments, 0.95).half_width());
            write!(f, "{mean:.4} ± {:.4} | ", half.unwrap_or(f64::INFINITY))?;
        }
        let difference = self.difference().unwrap_or(f64::NAN);
        let verdict = if self.agrees() { "yes" } else { "NO" };
        write!(f, "{difference:+.4} ± {:.4} | {verdict}", self.half_width)
    }
}
