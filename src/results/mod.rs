//! Waist two of the pipeline: what a run found, as a table of (measure, subject, statistic, estimate with interval).
//!
//! Whoever answers (simulation or exact solver) fills the same [`Results`]; every output format reads only this.
//! Figures are final here: formats compute no statistic.

pub mod chaos;
pub mod measure;
pub mod raw;
pub mod replay;
pub mod requests;

use crate::stats::Estimate;
use crate::time::Span;
use measure::Measure;

/// What one scenario gave.
#[derive(Clone, Debug, PartialEq)]
pub struct Results {
    /// Version of the program that made them.
    pub version: String,
    /// Title of the scenario.
    pub scenario: String,
    /// blake3 of the resolved scenario, in hex.
    pub hash: String,
    /// Seed of all random streams.
    pub seed: u64,
    /// Trials that were run; 0 for an exact answer.
    pub trials: u64,
    /// Length of a trial.
    pub horizon: Span,
    /// Which clock answered.
    pub fidelity: Fidelity,
    /// How a trial began: `up` or `stationary`.
    pub start: String,
    /// Was the run interrupted before its end?
    pub partial: bool,
    /// What money is counted in, if the scenario has prices.
    pub currency: Option<String>,
    /// The figures, sorted as reported.
    pub rows: Vec<Row>,
    /// One verdict per condition of an objective.
    pub verdicts: Vec<Verdict>,
    /// Curves for charts.
    pub curves: Vec<Curve>,
    /// What the reader must know beside the figures, a line each.
    pub notes: Vec<String>,
    /// The trial with the most downtime of `system`, to be replayed.
    pub worst_trial: Option<u64>,
}

/// Which clock answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fidelity {
    /// Faults, detection and failover; demand as a fluid.
    Structure,
    /// Every request too.
    Full,
}

impl Fidelity {
    /// The name in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Fidelity::Structure => "structure",
            Fidelity::Full => "full",
        }
    }
}

/// How a figure was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Over simulated trials.
    Simulation,
}

impl Method {
    /// The name in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Method::Simulation => "simulation",
        }
    }
}

/// One figure.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// What is measured.
    pub measure: Measure,
    /// Whose: `system`, a group, service, region, zone, pool, objective.
    pub subject: String,
    /// Which figure of it: `mean`, `p95`, `max`, a stage, a cause.
    pub statistic: String,
    /// The figure and its interval.
    pub value: Estimate,
    /// How it was found.
    pub method: Method,
}

/// Does a condition hold?
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Judgement {
    /// The whole interval is on the right side.
    Met,
    /// The interval straddles the target.
    Undecided,
    /// The whole interval is on the wrong side.
    NotMet,
}

impl Judgement {
    /// The name in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Judgement::Met => "met",
            Judgement::Undecided => "undecided",
            Judgement::NotMet => "not_met",
        }
    }
}

/// Which side of the target is right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// At least the target.
    AtLeast,
    /// At most the target.
    AtMost,
}

/// One condition of an objective and what became of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// The objective's name.
    pub objective: String,
    /// Whom it is about.
    pub subject: String,
    /// What is judged.
    pub measure: Measure,
    /// Which figure of it.
    pub statistic: String,
    /// Which side is right.
    pub side: Side,
    /// The target, in the measure's unit.
    pub target: f64,
    /// The figure and its interval.
    pub value: Estimate,
    /// The verdict.
    pub judgement: Judgement,
}

/// Points of a curve for a chart.
#[derive(Clone, Debug, PartialEq)]
pub struct Curve {
    /// Which chart it is for.
    pub kind: CurveKind,
    /// Whose.
    pub subject: String,
    /// (x, y), x ascending.
    pub points: Vec<(f64, f64)>,
}

/// Which chart a curve is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CurveKind {
    /// x: seconds of downtime in a year, y: share of years with more.
    Exceedance,
    /// x: seconds from the start of an outage with a failover to its end, y: share of such outages that take longer.
    Rto,
    /// x: seconds of work lost by a promotion, y: share of promotions that lose more.
    Rpo,
    /// x: trials, y: unavailability in time estimated from so many.
    Convergence,
    /// As [`Convergence`](CurveKind::Convergence), the lower end of the interval.
    ConvergenceLow,
    /// As [`Convergence`](CurveKind::Convergence), the upper end of the interval.
    ConvergenceHigh,
}

impl CurveKind {
    /// All kinds.
    pub const ALL: [CurveKind; 6] = [
        CurveKind::Exceedance,
        CurveKind::Rto,
        CurveKind::Rpo,
        CurveKind::Convergence,
        CurveKind::ConvergenceLow,
        CurveKind::ConvergenceHigh,
    ];

    /// The name in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            CurveKind::Exceedance => "exceedance",
            CurveKind::Rto => "rto",
            CurveKind::Rpo => "rpo",
            CurveKind::Convergence => "convergence",
            CurveKind::ConvergenceLow => "convergence.low",
            CurveKind::ConvergenceHigh => "convergence.high",
        }
    }
}

/// What a comparison of scenarios gave; the first scenario is the baseline.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// What each gave by itself.
    pub scenarios: Vec<Results>,
    /// Each against the first.
    pub differences: Vec<Difference>,
    /// Events that changed a state, of all scenarios.
    pub events: u64,
    /// Requests that were simulated, of all scenarios.
    pub requests: u64,
}

/// Is the other better than the baseline?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// The whole interval of the difference is on the good side.
    Better,
    /// The whole interval of the difference is on the bad side.
    Worse,
    /// The interval holds zero.
    NoDifference,
}

impl Direction {
    /// The name in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Direction::Better => "better",
            Direction::Worse => "worse",
            Direction::NoDifference => "no_difference",
        }
    }
}

/// Other minus baseline of one figure, trial by trial under common random numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// What is measured.
    pub measure: Measure,
    /// Whose.
    pub subject: String,
    /// Which figure of it.
    pub statistic: String,
    /// Title of the baseline.
    pub baseline: String,
    /// Title of the other.
    pub other: String,
    /// Place of the other among the scenarios compared, from 1: titles may be equal.
    pub scenario: usize,
    /// The difference and its interval.
    pub value: Estimate,
    /// Which way.
    pub direction: Direction,
    /// How many times more trials independent seeds would need for this interval.
    pub pairing_gain: Option<f64>,
}

impl Results {
    /// The points of the curve of this kind and subject; none if there is no such curve.
    pub fn curve(&self, kind: CurveKind, subject: &str) -> &[(f64, f64)] {
        let found = self.curves.iter().find(|curve| curve.kind == kind && curve.subject == subject);
        found.map_or(&[], |curve| &curve.points)
    }

    /// The name of the unit of a measure's statistic; money goes by its currency.
    pub fn unit_of(&self, measure: Measure, statistic: &str) -> &str {
        match (measure.unit_of(statistic), &self.currency) {
            (measure::Unit::Money, Some(currency)) => currency,
            (unit, _) => unit.name(),
        }
    }

    /// The figure of this measure, subject and statistic.
    pub fn find(&self, measure: Measure, subject: &str, statistic: &str) -> Option<&Row> {
        self.rows.iter().find(|row| row.measure == measure && row.subject == subject && row.statistic == statistic)
    }
}
