//! The top level and `simulation`: how a trial begins and ends, how many there are, how sure the answer must be.

use super::diagnostic::Code;
use super::fields::Fields;
use super::objective::refuse;
use super::schema::Shape;
use super::tree::Value;
use super::value::{Count, Percent, Text, Whole, Written as _};
use crate::model::{Ends, Point, Start};
use crate::time::Span;

/// What is simulated of the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fidelity {
    /// Faults, detection and failover; the demand is a fluid.
    Structure,
    /// Every request too.
    Full,
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
}

/// The top level, as far as it is not a table.
pub(super) struct Top {
    pub name: String,
    pub horizon: Span,
    pub stationary: bool,
    pub down_below: f64,
    /// When a trial ends.
    pub ends: Ends,
    /// Instants for `availability.point`.
    pub points: Vec<Point>,
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
    let ends = root.choice("ends", &[("horizon", Ends::Horizon), ("first-outage", Ends::FirstOutage)], "horizon");
    let Percent(down_below) = root.or("down_below", "90%");
    let read = |fields: &mut Fields<'_>| {
        let (settings, warm_up) = simulation(fields, start);
        (settings, warm_up, points(fields, horizon, ends))
    };
    let (settings, warm_up, points) = root.table_or_empty("simulation", read);
    Top { name, horizon, stationary: start, down_below, ends, points, warm_up, settings }
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

fn simulation(fields: &mut Fields<'_>, stationary: bool) -> (RunSettings, Option<Span>) {
    let fidelities = [("structure", Some(Fidelity::Structure)), ("windows", None), ("full", Some(Fidelity::Full))];
    let fidelity = fields.choice("fidelity", &fidelities, "structure").unwrap_or_else(|| {
        refuse(fields, "fidelity", "windows", "the windows around faults");
        Fidelity::Structure
    });
    if fidelity == Fidelity::Full {
        fields.session.simulate_requests();
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
    if stationary && !fields.has("warm_up") {
        fields.show_note(
            "warm_up",
            match fidelity {
                Fidelity::Structure => "20 times the longest mean repair",
                Fidelity::Full => "20 times the longest mean repair, at least 10min",
            },
        );
    }
    if fidelity == Fidelity::Full && fields.has("window") {
        super::fields::not_yet(fields.session, fields.key_origin("window"), "`window`", "`fidelity = \"windows\"`");
    }
    fields.on_request_clock(|fields| {
        fields.table("window", "", |fields| {
            fields.optional::<Span>("max");
            fields.or::<Count>("per_class", 200);
            fields.or::<Percent>("live", "5%");
        });
    });
    (RunSettings { fidelity, trials, until, confidence, seed }, warm_up)
}

/// `points`, ascending, each with its text, which names its figure.
fn points(fields: &mut Fields<'_>, horizon: Span, ends: Ends) -> Vec<Point> {
    fields.takes("points", [Shape::List(vec![Shape::Duration])]);
    let Some(node) = fields.node("points") else {
        fields.show("points", "[]".to_owned(), true);
        return Vec::new();
    };
    let Value::List(items) = &node.value else {
        super::fields::wrong_type(fields.session, node, "a list of instants", None);
        return Vec::new();
    };
    fields.show("points", node.show(), false);
    if ends == Ends::FirstOutage && !items.is_empty() {
        let help = "ask for points in a run to the horizon".to_owned();
        fields.fault(
            Code::E304,
            "points",
            "with `ends = \"first-outage\"` nothing is known after the first outage",
            help,
        );
    }
    let mut points = Vec::new();
    for item in items {
        let Some(at) = Span::read(item, fields.session) else { continue };
        if at > horizon {
            let message = format!("the trial ends at {horizon}, before {at}");
            fields.session.report(Code::E316, item.origin, message, Some("raise `horizon`".to_owned()));
        }
        let written = item.as_text().map_or_else(|| at.to_string(), str::to_owned);
        points.push(Point { at, written });
    }
    points.sort_by_key(|point| point.at);
    points.dedup_by_key(|point| point.at);
    points
}

impl Top {
    /// How a trial begins, `repair` being the longest mean repair.
    pub fn start(&self, repair_s: f64) -> Start {
        let least = match self.settings.fidelity {
            Fidelity::Structure => Span::ZERO,
            // queues fill where nothing ever breaks
            Fidelity::Full => Span::MINUTE * 10,
        };
        let default = Span::from_secs_f64(20.0 * repair_s).min(super::quantity::LONGEST).max(least);
        if self.stationary { Start::Stationary { warm_up: self.warm_up.unwrap_or(default) } } else { Start::Up }
    }
}
