//! What chaos experiments found: did the steady state hold, who acted when, and how it went bucket by bucket.
//!
//! Filled by `experiment`, read by every format; figures are final here.

use super::requests::Attempts;
use crate::stats::Estimate;
use crate::time::Span;

/// The experiments of one scenario.
#[derive(Clone, Debug, PartialEq)]
pub struct ChaosResults {
    /// Version of the program that made them.
    pub version: String,
    /// Title of the scenario.
    pub scenario: String,
    /// blake3 of the resolved scenario, in hex.
    pub hash: String,
    /// Seed of all random streams.
    pub seed: u64,
    /// Were they interrupted?
    pub partial: bool,
    /// In the order written.
    pub experiments: Vec<ExperimentResult>,
}

/// One experiment.
#[derive(Clone, Debug, PartialEq)]
pub struct ExperimentResult {
    /// Its name.
    pub name: String,
    /// What was believed.
    pub hypothesis: String,
    /// What was broken.
    pub method: Vec<StepResult>,
    /// What was undone, in words of the language.
    pub rollbacks: Vec<&'static str>,
    /// Length of a run.
    pub length: Span,
    /// Length of a bucket.
    pub every: Span,
    /// Time that conditions may fail in all.
    pub tolerate: Span,
    /// Time for all to hold again.
    pub recover_within: Span,
    /// Did the faults of the scenario go on beside?
    pub background: bool,
    /// Share of the runs that must hold.
    pub hold: f64,
    /// What had to hold.
    pub conditions: Vec<ConditionResult>,
    /// Run by run.
    pub runs: Vec<RunResult>,
    /// Share of the runs that held, by Clopper and Pearson.
    pub share: Estimate,
    /// The verdict.
    pub verdict: ChaosVerdict,
    /// Who acted when, in the order of the median.
    pub acts: Vec<ActResult>,
    /// How it went.
    pub series: Series,
}

impl ExperimentResult {
    /// Runs that held.
    pub fn held(&self) -> u64 {
        self.runs.iter().filter(|run| run.held).count() as u64
    }

    /// Runs in which the steady state did not hold before the first fault.
    pub fn deviated_before(&self) -> u64 {
        self.runs.iter().filter(|run| run.deviated_before).count() as u64
    }
}

/// How an experiment ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChaosVerdict {
    /// The interval of the share of runs that held lies above `hold`.
    Passed,
    /// It lies on both sides.
    Inconclusive,
    /// It lies below.
    Deviated,
    /// It lies below, and most runs that failed did so before anything was broken.
    DeviatedBefore,
}

impl ChaosVerdict {
    /// In words.
    pub const fn name(self) -> &'static str {
        match self {
            ChaosVerdict::Passed => "passed",
            ChaosVerdict::Inconclusive => "inconclusive",
            ChaosVerdict::Deviated => "deviated",
            ChaosVerdict::DeviatedBefore => "deviated before",
        }
    }
}

/// A step of the method.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepResult {
    /// The way it breaks.
    pub mode: String,
    /// What it strikes.
    pub target: String,
    /// When, the first time.
    pub at: Span,
    /// For how long, as written.
    pub lasts: String,
}

/// What the value of a condition is measured in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChaosUnit {
    /// A share; 1 is all.
    Share,
    /// Seconds.
    Seconds,
    /// A bare number.
    Number,
}

/// A condition and what was found of it.
#[derive(Clone, Debug, PartialEq)]
pub struct ConditionResult {
    /// As written.
    pub text: String,
    /// In what it is measured.
    pub unit: ChaosUnit,
    /// What was found.
    pub found: Found,
}

/// What was found of a condition.
#[derive(Clone, Debug, PartialEq)]
pub enum Found {
    /// Bucket by bucket: before, during and after the faults.
    Buckets([PhaseResult; 3]),
    /// Once a run; none: it never came.
    Runs {
        /// By run.
        values: Vec<Option<f64>>,
        /// Did it hold, by run.
        held: Vec<bool>,
        /// The median; none: it did not come in half of the runs.
        median: Option<f64>,
    },
}

/// A phase of all runs.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct PhaseResult {
    /// The measure over the whole phase, all runs together.
    pub value: Option<f64>,
    /// The worst bucket.
    pub worst: Option<Worst>,
    /// Time in which the condition failed, in the mean over runs, in seconds.
    pub failed_s: f64,
}

/// The worst bucket of a phase.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Worst {
    /// The measure in it.
    pub value: f64,
    /// When it began.
    pub at: Span,
    /// In which run.
    pub run: u64,
}

/// One run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunResult {
    /// Did it hold?
    pub held: bool,
    /// Did a condition fail before the first fault?
    pub deviated_before: bool,
    /// Time in which a condition failed from the first fault on.
    pub failed: Span,
    /// From the end of the last fault until all held for the rest of the run; none: never.
    pub recovered: Option<Span>,
    /// When the first fault struck and when the last was over.
    pub fault: (Span, Span),
}

/// Something that was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActResult {
    /// What, in words.
    pub what: String,
    /// In so many runs.
    pub runs: u64,
    /// When, in the median of these.
    pub median: Span,
    /// When in the first run.
    pub first_run: Option<Span>,
}

/// Bucket by bucket, all runs together.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Series {
    /// Answered requests of those that were answered or failed.
    pub success: Vec<Option<f64>>,
    /// Latency that half do not exceed, in seconds.
    pub latency_p50_s: Vec<Option<f64>>,
    /// Latency that 99 % do not exceed, in seconds.
    pub latency_p99_s: Vec<Option<f64>>,
    /// Where attempts go, in a run: to the entry, and to services that fail over.
    pub attempts: Vec<Attempts>,
    /// Retries a second in a run.
    pub retries_per_s: Vec<f64>,
    /// By call with breakers: the share of them that is open.
    pub breakers: Vec<(String, Vec<f64>)>,
}
