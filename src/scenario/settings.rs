//! The top level and `simulation`: how a trial begins and ends, how many there are, how sure the answer must be.

use super::diagnostic::Code;
use super::fields::Fields;
use super::objective::refuse;
use super::tree::Value;
use super::value::{Count, Percent, Text, Whole, Written as _};
use crate::model::Start;
use crate::time::Span;

/// What is simulated of the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fidelity {
    /// Faults, detection and failover; the demand is a fluid.
    Structure,
}

/// How a scenario wants to be run, beside what it is.
#[derive(Clone, Debug, PartialEq)]
pub struct RunSettings {
    /// What is simulated.
    pub fidelity: Fidelity,
    /// Number of trials; with `until` the most there may be.
    pub trials: u64,
    /// Relative half-width of the unavailability at which the run may stop, above 0.
    pub until: Option<f64>,
    /// Confidence of the intervals, between 0 and 1.
    pub confidence: f64,
    /// Seed of all random streams.
    pub seed: u64,
    /// Instants for `availability.point`.
    pub points: Vec<Span>,
}

/// The top level, as far as it is not a table.
pub(super) struct Top {
    pub name: String,
    pub horizon: Span,
    pub stationary: bool,
    pub down_below: f64,
    /// `simulation.warm_up`, if written.
    pub warm_up: Option<Span>,
    pub settings: RunSettings,
}

/// Reads the keys of the top level that are no tables, and `simulation`.
pub(super) fn read(root: &mut Fields<'_>, stem: &str) -> Top {
    version(root);
    let Text(name) = root.or("name", stem);
    root.or::<Text>("about", "");
    let horizon: Span = root.or("horizon", "1y");
    if horizon.is_zero() {
        root.fault(Code::E104, "horizon", "a trial has a length", "write a longer time".to_owned());
    }
    let start = root.choice("start", &[("up", false), ("stationary", true)], "up");
    if root.choice("ends", &[("horizon", false), ("first-outage", true)], "horizon") {
        refuse(root, "ends", "first-outage", "time to first outage");
    }
    let Percent(down_below) = root.or("down_below", "90%");
    let simulation = root.table("simulation", "", simulation);
    let (settings, warm_up) = simulation.unwrap_or_else(|| {
        let confidence = 0.95;
        let fidelity = Fidelity::Structure;
        (RunSettings { fidelity, trials: 1_000, until: None, confidence, seed: 1, points: Vec::new() }, None)
    });
    Top { name, horizon, stationary: start, down_below, warm_up, settings }
}

fn version(root: &mut Fields<'_>) {
    match root.required::<Whole>("version", "write `version = 1` at the top") {
        Some(Whole(1)) | None => {}
        Some(Whole(other)) => {
            root.fault(
                Code::E005,
                "version",
                format!("version {other} is not known"),
                "this program reads 1".to_owned(),
            );
        }
    }
}

fn simulation(fields: &mut Fields<'_>) -> (RunSettings, Option<Span>) {
    let fidelities = [("structure", None), ("windows", Some("windows")), ("full", Some("full"))];
    if let Some(word) = fields.choice("fidelity", &fidelities, "structure") {
        refuse(fields, "fidelity", word, "requests");
    }
    let until = fields.optional::<Percent>("until").map(|until| until.0);
    if until == Some(0.0) {
        fields.fault(Code::E104, "until", "no run is ever so sure", "such as `until = \"5%\"`".to_owned());
    }
    let ceiling = if until.is_some() { 1_000_000 } else { 1_000 };
    let Whole(trials) = fields.or("trials", Value::Integer(ceiling));
    if trials == 0 {
        fields.fault(Code::E104, "trials", "a run has at least one trial", None);
    }
    let Percent(confidence) = fields.or("confidence", "95%");
    if confidence <= 0.0 || confidence >= 1.0 {
        fields.fault(Code::E104, "confidence", "the confidence lies between 0% and 100%", "such as \"95%\"".to_owned());
    }
    let Whole(seed) = fields.or("seed", 1);
    let warm_up = fields.optional("warm_up");
    fields.on_request_clock(|fields| {
        fields.table("window", "", |fields| {
            fields.optional::<Span>("max");
            fields.or::<Count>("per_class", 200);
            fields.or::<Percent>("live", "5%");
        });
    });
    let points = points(fields);
    (RunSettings { fidelity: Fidelity::Structure, trials, until, confidence, seed, points }, warm_up)
}

fn points(fields: &mut Fields<'_>) -> Vec<Span> {
    let Some(node) = fields.node("points") else { return Vec::new() };
    let Value::List(items) = &node.value else {
        super::fields::wrong_type(fields.session, node, "a list of instants", None);
        return Vec::new();
    };
    if !items.is_empty() {
        super::fields::not_yet(fields.session, node.origin, "`points`", "availability at instants");
    }
    items.iter().filter_map(|item| Span::read(item, fields.session)).collect()
}

impl Top {
    /// How a trial begins, `repair` being the longest mean repair.
    pub fn start(&self, repair_s: f64) -> Start {
        let default = Span::from_secs_f64(20.0 * repair_s).min(super::quantity::LONGEST);
        if self.stationary { Start::Stationary { warm_up: self.warm_up.unwrap_or(default) } } else { Start::Up }
    }
}
