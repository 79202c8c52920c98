//! STAND-IN of the branch `report`, to be replaced by the real module on merge: it lets the command line be tried.
//!
//! One thread, availability of the system only.

use crate::model::{Model, Start};
use crate::results::measure::Measure;
use crate::results::raw::{OutageRecord, TimelineRecord, TrialRecord};
use crate::results::{Comparison, Fidelity, Method, Results, Row};
use crate::simulation::World;
use crate::simulation::layout::Layout;
use crate::stats::{interval, moments::Moments};
use std::sync::atomic::{AtomicBool, Ordering};

/// How many trials, how sure, with which luck.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Plan {
    /// Number of trials.
    pub trials: u64,
    /// Relative half-width to stop at.
    pub until: Option<f64>,
    /// Confidence of the intervals.
    pub confidence: f64,
    /// Seed of all streams.
    pub seed: u64,
    /// Threads.
    pub jobs: usize,
}

/// Who made the results of what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Version of the program.
    pub version: String,
    /// Title of the scenario.
    pub scenario: String,
    /// Hash of the resolved scenario.
    pub hash: String,
}

/// Results and the events that they took.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    /// The results.
    pub results: Results,
    /// Events that changed the state.
    pub events: u64,
}

/// Who looks on.
#[derive(Clone, Copy)]
pub struct Watch<'a> {
    /// Set to end early.
    pub stop: &'a AtomicBool,
    /// Told how many trials are done, of how many.
    pub progress: &'a (dyn Fn(u64, u64) + Sync),
}

/// Runs the plan.
pub fn run(model: &Model, identity: &Identity, plan: &Plan, watch: &Watch<'_>) -> Run {
    let layout = Layout::new(model);
    let mut world = World::new(&layout);
    let (mut moments, mut events, mut trials) = (Moments::default(), 0, 0);
    let mut worst = (0, None);
    while trials < plan.trials && !watch.stop.load(Ordering::Relaxed) {
        let outcome = world.run(plan.seed, trials);
        let down = outcome.totals[0].down;
        moments.push(down.as_secs_f64() / model.horizon.as_secs_f64());
        if down.as_nanos() > worst.0 {
            worst = (down.as_nanos(), Some(trials));
        }
        events += outcome.events;
        trials += 1;
        (watch.progress)(trials, plan.trials);
    }
    let value = interval::mean(&moments, plan.confidence);
    let up = crate::stats::Estimate {
        estimate: value.estimate.map(|u| 1.0 - u),
        low: value.high.map(|u| 1.0 - u),
        high: value.low.map(|u| 1.0 - u),
        ..value
    };
    let row = |measure, value| Row {
        measure,
        subject: "system".to_owned(),
        statistic: "mean".to_owned(),
        value,
        method: Method::Simulation,
    };
    let start = match model.start {
        Start::Up => "up",
        Start::Stationary { .. } => "stationary",
    };
    let results = Results {
        version: identity.version.clone(),
        scenario: identity.scenario.clone(),
        hash: identity.hash.clone(),
        seed: plan.seed,
        trials,
        horizon: model.horizon,
        fidelity: Fidelity::Structure,
        start: start.to_owned(),
        partial: trials < plan.trials,
        rows: vec![row(Measure::AvailabilityTime, up), row(Measure::UnavailabilityTime, value)],
        verdicts: Vec::new(),
        curves: Vec::new(),
        notes: Vec::new(),
        worst_trial: worst.1,
    };
    Run { results, events }
}

/// Runs the plan on each.
pub fn compare(worlds: &[(&Model, Identity)], plan: &Plan, watch: &Watch<'_>) -> Comparison {
    let scenarios = worlds.iter().map(|(model, identity)| run(model, identity, plan, watch).results).collect();
    Comparison { scenarios, differences: Vec::new() }
}

/// Raw records.
pub fn records(_: &Model, _: &Plan) -> (Vec<TrialRecord>, Vec<OutageRecord>, Vec<TimelineRecord>) {
    (Vec::new(), Vec::new(), Vec::new())
}
