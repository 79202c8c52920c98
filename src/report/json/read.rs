//! A saved run's JSON back to results.
//!
//! Fields that are not known are skipped, since later versions may add some; a measure, method or clock that is not
//! known is refused, since nothing could be said about it.

use crate::results::measure::Measure;
use crate::results::{Curve, CurveKind, Fidelity, Judgement, Method, Results, Row, Side, Verdict};
use crate::stats::Estimate;
use crate::time::Span;
use serde::Deserialize;

/// Why some bytes are no saved run.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// Not JSON, or not of this shape.
    #[error("not the JSON of a run: {0}")]
    Shape(#[from] serde_json::Error),
    /// A word that this version does not know.
    #[error("{what} `{word}` is not known to this version")]
    Unknown {
        /// What kind of word.
        what: &'static str,
        /// The word.
        word: String,
    },
    /// A comparison of nothing.
    #[error("no scenario in it")]
    Empty,
}

/// The runs in the JSON of `run` or of `compare`.
///
/// # Errors
/// If the bytes are not JSON of that shape or name a measure, method or clock that this version does not know.
pub fn read(bytes: &[u8]) -> Result<Vec<Results>, ReadError> {
    let value: serde_json::Value = serde_json::from_slice(bytes)?;
    let runs: Vec<Run> = match value.get("scenarios") {
        Some(scenarios) => Vec::deserialize(scenarios)?,
        None => vec![Run::deserialize(value)?],
    };
    if runs.is_empty() {
        return Err(ReadError::Empty);
    }
    runs.into_iter().map(Run::results).collect()
}

#[derive(Deserialize)]
struct Run {
    ninefold: String,
    scenario: Named,
    seed: u64,
    trials: u64,
    horizon_s: f64,
    fidelity: String,
    #[serde(default)]
    start: String,
    #[serde(default)]
    partial: bool,
    measures: Vec<Figure>,
    objectives: Vec<Condition>,
    #[serde(default)]
    curves: Vec<Line>,
    #[serde(default)]
    notes: Vec<String>,
    #[serde(default)]
    worst_trial: Option<u64>,
    #[serde(default)]
    currency: Option<String>,
}

#[derive(Deserialize)]
struct Named {
    name: String,
    hash: String,
}

#[derive(Deserialize)]
struct Figure {
    measure: String,
    subject: String,
    statistic: String,
    estimate: Option<f64>,
    low: Option<f64>,
    high: Option<f64>,
    confidence: f64,
    method: String,
}

#[derive(Deserialize)]
struct Condition {
    name: String,
    subject: String,
    measure: String,
    statistic: String,
    op: String,
    target: f64,
    estimate: Option<f64>,
    low: Option<f64>,
    high: Option<f64>,
    verdict: String,
    #[serde(default = "usual_confidence")]
    confidence: f64,
}

#[derive(Deserialize)]
struct Line {
    kind: String,
    subject: String,
    points: Vec<(f64, f64)>,
}

fn usual_confidence() -> f64 {
    0.95
}

fn unknown(what: &'static str, word: &str) -> ReadError {
    ReadError::Unknown { what, word: word.to_owned() }
}

fn measure(name: &str) -> Result<Measure, ReadError> {
    Measure::by_name(name).ok_or_else(|| unknown("measure", name))
}

impl Run {
    fn results(self) -> Result<Results, ReadError> {
        let fidelity = [Fidelity::Structure, Fidelity::Full].into_iter().find(|known| known.name() == self.fidelity);
        Ok(Results {
            version: self.ninefold,
            scenario: self.scenario.name,
            hash: self.scenario.hash,
            seed: self.seed,
            trials: self.trials,
            horizon: Span::from_nanos_f64((self.horizon_s * 1e9).round()),
            fidelity: fidelity.ok_or_else(|| unknown("fidelity", &self.fidelity))?,
            start: self.start,
            partial: self.partial,
            currency: self.currency,
            rows: self.measures.into_iter().map(Figure::row).collect::<Result<_, _>>()?,
            verdicts: self.objectives.into_iter().map(Condition::verdict).collect::<Result<_, _>>()?,
            curves: self.curves.into_iter().map(Line::curve).collect::<Result<_, _>>()?,
            notes: self.notes,
            worst_trial: self.worst_trial,
        })
    }
}

impl Figure {
    fn row(self) -> Result<Row, ReadError> {
        let method = [Method::Simulation].into_iter().find(|known| known.name() == self.method);
        Ok(Row {
            measure: measure(&self.measure)?,
            subject: self.subject,
            statistic: self.statistic,
            value: Estimate { estimate: self.estimate, low: self.low, high: self.high, confidence: self.confidence },
            method: method.ok_or_else(|| unknown("method", &self.method))?,
        })
    }
}

impl Condition {
    fn verdict(self) -> Result<Verdict, ReadError> {
        let judgement = [Judgement::Met, Judgement::Undecided, Judgement::NotMet]
            .into_iter()
            .find(|known| known.name() == self.verdict)
            .ok_or_else(|| unknown("verdict", &self.verdict))?;
        let side = match self.op.as_str() {
            ">=" => Side::AtLeast,
            "<=" => Side::AtMost,
            other => return Err(unknown("op", other)),
        };
        Ok(Verdict {
            objective: self.name,
            subject: self.subject,
            measure: measure(&self.measure)?,
            statistic: self.statistic,
            side,
            target: self.target,
            value: Estimate { estimate: self.estimate, low: self.low, high: self.high, confidence: self.confidence },
            judgement,
        })
    }
}

impl Line {
    fn curve(self) -> Result<Curve, ReadError> {
        let kind = CurveKind::ALL.into_iter().find(|known| known.name() == self.kind);
        let kind = kind.ok_or_else(|| unknown("curve", &self.kind))?;
        Ok(Curve { kind, subject: self.subject, points: self.points })
    }
}
