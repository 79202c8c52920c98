//! Scenario texts to histories and figures, by the road a user's file takes: `scenario::load_text`, then
//! `experiment::run` for figures or `World::run` for one history.
//!
//! `NINEFOLD_FULL=1` asks for the full size of every test that says how large it is; without it sizes are those of CI.
//! Either way the demands (4 standard errors, and how small those must be) are the same.

use crate::shell;
use ninefold::experiment::{self, Identity, Plan, Watch};
use ninefold::model::Model;
use ninefold::results::measure::Measure;
use ninefold::results::raw::Stage;
use ninefold::results::{Comparison, Results};
use ninefold::scenario::{Scenario, load, load_text};
use ninefold::simulation::layout::Layout;
use ninefold::simulation::{Outcome, World};
use ninefold::stats::Estimate;
use statrs::distribution::{ContinuousCDF as _, StudentsT};
use std::io;
use std::path::Path;
use std::sync::atomic::AtomicBool;

/// Was the full size asked for?
pub fn full() -> bool {
    std::env::var_os("NINEFOLD_FULL").is_some_and(|value| value == "1")
}

/// The scenario of a text that must be right, with these values changed.
pub fn scenario(text: &str, changes: &[&str]) -> Scenario {
    let read_nothing = |_: &Path| -> io::Result<Vec<u8>> { Err(io::ErrorKind::NotFound.into()) };
    let scenario = load_text(Path::new("x.toml"), text.as_bytes().to_vec(), &read_nothing, &owned(changes));
    scenario.unwrap_or_else(|problems| panic!("{text}\n{}", problems.render_plain()))
}

/// The model of a text that must be right.
pub fn model(text: &str) -> Model {
    scenario(text, &[]).model
}

/// The model of a file below scenarios/, named without its ending, with these values changed.
pub fn shipped(name: &str, changes: &[&str]) -> Model {
    let path = shell::root().join(format!("scenarios/{name}.toml"));
    let scenario = load(&path, &|path: &Path| std::fs::read(path), &owned(changes));
    scenario.unwrap_or_else(|problems| panic!("{}", problems.render_plain())).model
}

fn owned(changes: &[&str]) -> Vec<String> {
    changes.iter().map(|change| (*change).to_owned()).collect()
}

/// So many trials under this seed, on all cores.
pub fn plan(trials: u64, seed: u64) -> Plan {
    let jobs = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    Plan { trials, until: None, confidence: 0.95, seed, jobs, fidelity: ninefold::results::Fidelity::Structure }
}

/// Results of the plan.
pub fn run(model: &Model, plan: &Plan) -> Results {
    let stop = AtomicBool::new(false);
    let watch = Watch { stop: &stop, progress: &|_, _| {} };
    experiment::run(model, &identity(), plan, &watch).results
}

/// Results of a text.
pub fn run_text(text: &str, trials: u64) -> Results {
    run(&model(text), &plan(trials, 1))
}

/// The second and later models against the first, under the same luck.
pub fn compare(models: &[Model], plan: &Plan) -> Comparison {
    let worlds: Vec<(&Model, Identity)> = models.iter().map(|model| (model, identity())).collect();
    let stop = AtomicBool::new(false);
    experiment::compare(&worlds, plan, &Watch { stop: &stop, progress: &|_, _| {} })
}

/// Who made them does not matter here.
pub fn identity() -> Identity {
    Identity { version: "0".to_owned(), scenario: "x".to_owned(), hash: String::new() }
}

/// A figure with its interval.
#[track_caller]
pub fn value(results: &Results, measure: Measure, subject: &str, statistic: &str) -> Estimate {
    let row = results.find(measure, subject, statistic);
    row.unwrap_or_else(|| panic!("no {measure:?} of {subject}, {statistic}")).value
}

/// A figure and its standard error: half its interval over the factor of Student with (trials - 1) degrees.
pub fn figure(results: &Results, measure: Measure, subject: &str, statistic: &str) -> (f64, f64) {
    let value = value(results, measure, subject, statistic);
    let student = StudentsT::new(0.0, 1.0, (results.trials - 1) as f64).expect("two trials or more");
    let factor = student.inverse_cdf(0.5 + value.confidence / 2.0);
    let half = value.half_width().expect("both bounds");
    (value.estimate.expect("an estimate"), half / factor)
}

/// Is the figure within 4 standard errors of `expected`, and are those at most `relative` of it?
#[track_caller]
pub fn check(what: &str, (found, error): (f64, f64), expected: f64, relative: f64) {
    let off = (found - expected) / error;
    let size = error / expected;
    if full() {
        let line = format!("| {what} | {expected:.6e} | {found:.6e} | {:.3} % | {off:+.2} |\n", 100.0 * size);
        let _ = io::Write::write_all(&mut io::stderr(), line.as_bytes());
    }
    assert!(size <= relative, "{what}: the standard error is {size} of {expected}, at most {relative} is wanted");
    assert!(off.abs() <= 4.0, "{what}: {found} is {off} standard errors from {expected}");
}

/// One trial of a text, with names.
pub struct History {
    /// Names and indices.
    pub layout: Layout,
    /// What happened.
    pub outcome: Outcome,
}

/// The history of trial 0 under seed 1.
pub fn history(text: &str) -> History {
    trial(text, 0)
}

/// The history of a trial under seed 1.
pub fn trial(text: &str, trial: u64) -> History {
    let layout = Layout::new(&model(text));
    let outcome = World::new(&layout).run(1, trial);
    History { layout, outcome }
}

/// Mean and variance of figures, one from each trial.
pub fn moments(values: &[f64]) -> (f64, f64) {
    let trials = values.len() as f64;
    let mean = values.iter().sum::<f64>() / trials;
    (mean, values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (trials - 1.0))
}

/// Mean and variance of the delays to detection, of which every trial has one at least.
pub fn delays(text: &str, trials: u64) -> (f64, f64) {
    let delay = |number| trial(text, number).outcome.failovers[0].detection[0].as_secs_f64();
    moments(&(0..trials).map(delay).collect::<Vec<f64>>())
}

/// One outage, in seconds.
#[derive(Clone, Debug, PartialEq)]
pub struct Down {
    /// When it began.
    pub start_s: f64,
    /// How long it lasted.
    pub lasts_s: f64,
    /// What is blamed.
    pub cause: String,
    /// Seconds in the stages that are not empty.
    pub stages: Vec<(Stage, f64)>,
}

impl History {
    /// The index of a subject.
    pub fn subject(&self, name: &str) -> usize {
        self.layout.subjects.iter().position(|subject| subject == name).expect("a subject")
    }

    /// Outages of a subject, in order.
    pub fn outages(&self, name: &str) -> Vec<Down> {
        let subject = self.subject(name);
        let own = self.outcome.outages.iter().filter(|outage| outage.subject as usize == subject);
        own.map(|outage| Down {
            start_s: outage.start.as_secs_f64(),
            lasts_s: outage.duration.as_secs_f64(),
            cause: self.layout.causes[outage.cause as usize].clone(),
            stages: Stage::ALL
                .into_iter()
                .zip(outage.stages)
                .filter(|(_, span)| !span.is_zero())
                .map(|(stage, span)| (stage, span.as_secs_f64()))
                .collect(),
        })
        .collect()
    }
}
