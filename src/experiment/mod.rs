//! MANY trials of one model, or of several under the same luck, folded into [`Results`].
//!
//! Trials are cut into chunks by their number alone; a thread folds the trials of a chunk in order and chunks are
//! folded in order, so every byte of the result is the same at any number of threads. `until` is looked at only after
//! fixed numbers of trials.

mod attempts;
mod chaos;
mod compare;
mod costs;
mod curves;
mod figures;
mod instants;
mod naive;
mod replicate;
mod requests;
mod totals;
mod verdicts;

pub use attempts::attempts;
pub use chaos::{NoRequests, chaos};
pub use compare::compare;
pub use naive::unavailability as naive_unavailability;
pub use replicate::records;

use crate::model::{Model, Start};
use crate::results::measure::Measure;
use crate::results::{Fidelity, Results};
use crate::simulation::Compiled;
use crate::stats::stopping;
use std::sync::atomic::AtomicBool;
use totals::Totals;

/// How many trials, how sure, with which luck.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Plan {
    /// Number of trials; with `until` the most there may be.
    pub trials: u64,
    /// Stop when the half-width of the system's unavailability is at most this share of it.
    pub until: Option<f64>,
    /// Confidence of the intervals, between 0 and 1.
    pub confidence: f64,
    /// Seed of all streams.
    pub seed: u64,
    /// Threads, at least 1.
    pub jobs: usize,
    /// Which clock answers.
    pub fidelity: Fidelity,
}

impl Plan {
    /// The model, compiled for the clock of the plan.
    pub fn compile(&self, model: &Model) -> Compiled {
        match self.fidelity {
            Fidelity::Structure => Compiled::structure(model),
            Fidelity::Full => Compiled::full(model),
        }
    }
}

/// Who made the results, and of what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Version of the program.
    pub version: String,
    /// Title of the scenario.
    pub scenario: String,
    /// blake3 of the resolved scenario, in hex.
    pub hash: String,
}

/// Who looks on: whether to stop early, and where to tell how far things are.
#[derive(Clone, Copy)]
pub struct Watch<'a> {
    /// Set it, and the run ends after the trials in progress, marked partial.
    pub stop: &'a AtomicBool,
    /// Called with (trials done, trials planned), from any thread.
    pub progress: &'a (dyn Fn(u64, u64) + Sync),
}

/// Results and the events that they took.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    /// The results.
    pub results: Results,
    /// Events that changed the state.
    pub events: u64,
    /// Requests that were simulated.
    pub requests: u64,
}

/// Run the plan on one model.
pub fn run(model: &Model, identity: &Identity, plan: &Plan, watch: &Watch<'_>) -> Run {
    let compiled = plan.compile(model);
    let fresh = || Totals::new(model, &compiled, plan.confidence);
    let totals = in_batches(
        plan,
        fresh,
        |totals| vec![figures::judged(model, totals, plan)],
        |from, to, totals| {
            replicate::replicate(&compiled, model, plan, watch, from..to, totals);
        },
    );
    let results = results(model, &compiled, identity, plan, &totals);
    Run { results, events: totals.events, requests: totals.arrived() }
}

/// Go from one fixed look to the next until the figures are narrow enough, or the trials are up, or it is stopped.
fn in_batches<T: Counted>(
    plan: &Plan,
    fresh: impl Fn() -> T,
    judged: impl Fn(&T) -> Vec<crate::stats::Estimate>,
    run: impl Fn(u64, u64, &mut T),
) -> T {
    let ends = if plan.until.is_some() { stopping::batch_ends(plan.trials) } else { vec![plan.trials] };
    let mut totals = fresh();
    for end in ends {
        let from = totals.trials();
        run(from, end, &mut totals);
        let narrow = plan
            .until
            .is_some_and(|until| judged(&totals).iter().all(|estimate| stopping::should_stop(estimate, until)));
        if narrow {
            totals.settle();
            break;
        }
        if totals.trials() < end {
            break;
        }
    }
    totals
}

/// Totals that know how many trials are in them.
trait Counted {
    fn trials(&self) -> u64;
    /// The run has reached its aim.
    fn settle(&mut self);
}

fn results(model: &Model, compiled: &Compiled, identity: &Identity, plan: &Plan, totals: &Totals) -> Results {
    let layout = &compiled.layout;
    let mut rows = figures::rows(model, layout, plan, totals);
    if let (Some(requests), Some(traffic)) = (&totals.requests, &compiled.requests) {
        requests::add_rows(&mut rows, layout, traffic, requests, plan);
    }
    let verdicts = verdicts::verdicts(model, layout, totals, &rows);
    let start = match model.start {
        Start::Up => "up",
        Start::Stationary { .. } => "stationary",
    };
    Results {
        version: identity.version.clone(),
        scenario: identity.scenario.clone(),
        hash: identity.hash.clone(),
        seed: plan.seed,
        trials: totals.trials,
        horizon: model.horizon,
        fidelity: plan.fidelity,
        start: start.to_owned(),
        partial: totals.trials < plan.trials && !totals.settled,
        currency: model.costs.as_ref().map(|costs| costs.currency.clone()),
        rows,
        verdicts,
        curves: curves::curves(model, layout, plan, totals),
        notes: notes(model, totals),
        worst_trial: totals.worst.map(|(_, trial)| trial),
    }
}

fn notes(model: &Model, totals: &Totals) -> Vec<String> {
    let seen = totals.subjects[0].outages.count();
    let mut notes: Vec<String> = totals.instants.note(model.horizon).into_iter().collect();
    if (1..figures::FEW).contains(&seen) {
        let measure = Measure::UnavailabilityTime.name();
        notes.push(format!("only {seen} trials saw an outage: the interval of `{measure}` is a cautious bound"));
    }
    notes
}
