//! Requests on their clock, from scenario texts: figures of a run, and what single trials counted, by name.

use crate::lab::{self, full, model};
use ninefold::experiment::Plan;
use ninefold::results::measure::Measure;
use ninefold::results::{Fidelity, Results};
use ninefold::simulation::Compiled;
use ninefold::simulation::requests::{CallTally, RequestOutcome, ServiceTally, UserTally};

/// The head of every text: an hour-less scenario in which each request is an event.
pub const HEAD: &str = "version = 1\nsimulation.fidelity = \"full\"\n";

/// So many trials in CI, `more` times as many in full.
pub fn times(trials: u64, more: u64) -> u64 {
    if full() { trials * more } else { trials }
}

/// A plan on the request clock.
pub fn plan_full(trials: u64, seed: u64) -> Plan {
    Plan { fidelity: Fidelity::Full, ..lab::plan(trials, seed) }
}

/// Results of a text on the request clock.
pub fn run_full(text: &str, trials: u64) -> Results {
    lab::run(&model(text), &plan_full(trials, 1))
}

/// A measure of a run with its standard error.
pub fn mean(results: &Results, measure: Measure, subject: &str) -> (f64, f64) {
    lab::figure(results, measure, subject, "mean")
}

/// What one trial counted, by name.
pub struct Counts {
    users: Vec<String>,
    services: Vec<String>,
    edges: Vec<String>,
    /// The counts.
    pub outcome: RequestOutcome,
}

impl Counts {
    /// Of `system`, a group, or `class NAME`.
    pub fn user(&self, name: &str) -> &UserTally {
        &self.outcome.users[place(&self.users, name)]
    }

    /// Of a service.
    pub fn service(&self, name: &str) -> &ServiceTally {
        &self.outcome.services[place(&self.services, name)]
    }

    /// Of an edge, `caller->callee`.
    pub fn call(&self, name: &str) -> &CallTally {
        &self.outcome.calls[place(&self.edges, name)]
    }

    /// Requests that came in these seconds, and those of them that were answered.
    pub fn seconds(&self, from: usize, to: usize) -> (u32, u32) {
        let seconds = &self.outcome.seconds[0][from..to];
        (seconds.iter().map(|second| second[0]).sum(), seconds.iter().map(|second| second[1] + second[2]).sum())
    }
}

fn place(names: &[String], name: &str) -> usize {
    names.iter().position(|known| known == name).unwrap_or_else(|| panic!("no {name} in {names:?}"))
}

/// What each of the first trials under seed 1 counted, all run in one world.
pub fn trials(text: &str, trials: u64) -> Vec<Counts> {
    let compiled = Compiled::full(&model(text));
    let plan = compiled.requests.as_ref().expect("users with requests");
    let mut simulator = compiled.simulator();
    let counts = |trial| Counts {
        users: plan.user_subjects(),
        services: plan.services.iter().map(|service| service.name.clone()).collect(),
        edges: plan.edges.iter().map(|edge| edge.name.clone()).collect(),
        outcome: *simulator.run(1, trial).requests.expect("requests are counted"),
    };
    (0..trials).map(counts).collect()
}

/// What trial 0 counted.
pub fn counts(text: &str) -> Counts {
    trials(text, 1).remove(0)
}

/// A ratio of two counts over trials, and its standard error by the delta method.
pub fn ratio(trials: &[Counts], count: impl Fn(&Counts) -> (f64, f64)) -> (f64, f64) {
    let pairs: Vec<(f64, f64)> = trials.iter().map(count).collect();
    let n = pairs.len() as f64;
    let (parts, wholes) = pairs.iter().fold((0.0, 0.0), |sum, pair| (sum.0 + pair.0, sum.1 + pair.1));
    let ratio = parts / wholes;
    let residuals: f64 = pairs.iter().map(|(part, whole)| (part - ratio * whole).powi(2)).sum();
    (ratio, (residuals / (n - 1.0) / n).sqrt() / (wholes / n))
}

/// Weights of the states of a birth-death chain, adding up to 1.
pub fn birth_death(states: usize, up: impl Fn(usize) -> f64, down: impl Fn(usize) -> f64) -> Vec<f64> {
    let mut weights = vec![1.0];
    for state in 1..states {
        weights.push(weights[state - 1] * up(state - 1) / down(state));
    }
    let sum: f64 = weights.iter().sum();
    weights.into_iter().map(|weight| weight / sum).collect()
}

/// A queue with one node: so long, so many requests a second, so many slots, this law of service, further keys of
/// the service and of the users.
pub fn queue(seconds: u32, rate: &str, slots: u32, service: &str, keys: &str, users: &str) -> String {
    format!(
        "{HEAD}horizon = \"{seconds}s\"\n[services.app]\nslots = {slots}\nservice_time = \"{service}\"\n{keys}\n\
         [users.clients]\nrate = \"{rate}\"\n{users}\n"
    )
}
