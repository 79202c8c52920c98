//! Chaos experiments, which run on the request clock, whichever the scenario asks for.

use super::condition::{self, Calls};
use super::crew::Crews;
use super::diagnostic::Code;
use super::fault::read as read_fault;
use super::fields::{Fields, shorten, wrong_type};
use super::names::Names;
use super::schema::Shape;
use super::strike::World;
use super::term;
use super::tree::{Node, Value};
use super::value::{Count, Percent, Text};
use crate::model::experiment::{About, Condition, Experiment, Phase, RunMeasure, Step};
use crate::model::failure::{Fault, Instants, Process};
use crate::time::Span;

/// Buckets of a run at most.
const BUCKETS: u64 = 100_000;

/// Reads `experiments`; `calls` says who calls whom, and with a breaker or without.
pub(super) fn read(root: &mut Fields<'_>, world: &mut World<'_>, calls: &Calls) -> Vec<Experiment> {
    let before = std::mem::replace(&mut world.experiment, true);
    let experiments = root.tables("experiments", |name, fields| one(name, fields, world, calls));
    world.experiment = before;
    experiments
}

fn one(name: &str, fields: &mut Fields<'_>, world: &mut World<'_>, calls: &Calls) -> Experiment {
    let hypothesis = fields.optional::<Text>("hypothesis").map(|text| text.0).unwrap_or_default();
    let steady_state = conditions(fields, world.names, calls);
    let length: Span = fields.or("length", "1h");
    let every: Span = fields.or("every", "10s");
    if every.is_zero() {
        fields.fault(Code::E104, "every", "a bucket has a length", "write a longer time".to_owned());
    } else if length.as_nanos().div_ceil(every.as_nanos()) > BUCKETS {
        let message = format!("more than {BUCKETS} buckets in {length}");
        fields.fault(Code::E007, "every", message, "raise `every`".to_owned());
    }
    if length.is_zero() {
        fields.fault(Code::E104, "length", "a run has a length", "write a longer time".to_owned());
    }
    let (method, faults) = method(name, fields, world, length);
    let needs_faults = |condition: &&Condition| {
        matches!(condition.about, About::Bucket { phase: Some(Phase::During | Phase::After), .. })
    };
    if let Some(idle) = steady_state.iter().find(needs_faults).filter(|_| !fields.has("method")) {
        let message = format!("`{}` is never judged: nothing is broken", shorten(&idle.text));
        fields.fault(Code::E113, "steady_state", message, "write a `method`, or leave the phase out".to_owned());
    }
    let (clear_faults, failback) = rollbacks(fields);
    let tolerate = fields.or("tolerate", "0s");
    let recover_within = fields.or("recover_within", "5min");
    let background = fields.or("background", false);
    let Count(runs) = fields.or("runs", 20);
    let Percent(hold) = fields.or("hold", "80%");
    Experiment {
        name: name.to_owned(),
        hypothesis,
        steady_state,
        method,
        faults,
        clear_faults,
        failback,
        length,
        every,
        tolerate,
        recover_within,
        background,
        runs: u64::from(runs),
        hold,
    }
}

/// What is undone in the end: (faults, failovers).
fn rollbacks(fields: &mut Fields<'_>) -> (bool, bool) {
    let Some(actions) = fields.list::<Text>("rollbacks") else {
        fields.show("rollbacks", "[\"clear-faults\"]".to_owned(), true);
        return (true, false);
    };
    let known = ["clear-faults", "failback"];
    for action in actions.iter().filter(|action| !known.contains(&action.value.0.as_str())) {
        let message = format!("`{}` is not a choice here", shorten(&action.value.0));
        let help = Some("the choices are clear-faults, failback".to_owned());
        fields.session.report(Code::E112, action.origin, message, help);
    }
    let has = |word: &str| actions.iter().any(|action| action.value.0 == word);
    (has("clear-faults"), has("failback"))
}

fn conditions(fields: &mut Fields<'_>, names: &Names, calls: &Calls) -> Vec<Condition> {
    fields.takes("steady_state", [Shape::List(vec![Shape::Text])]);
    let Some(node) = fields.node("steady_state") else {
        fields.missing("steady_state", "say what must hold, such as `success_ratio(system) >= 99%`");
        return Vec::new();
    };
    let Value::List(items) = &node.value else {
        wrong_type(fields.session, node, "a list of conditions", None);
        return Vec::new();
    };
    fields.show("steady_state", node.show(), false);
    let session = fields.session;
    let found: Vec<Condition> = items.iter().filter_map(|item| condition::read(session, names, calls, item)).collect();
    if items.is_empty() {
        let help = "such as `success_ratio(system) >= 99%`".to_owned();
        fields.fault(Code::E113, "steady_state", "nothing is said to hold", help);
    }
    let unjudged = |other: &&Condition| match other.about {
        About::Run(RunMeasure::RecoversWithin(subject)) => !found.iter().any(|other| other.about.is_of(subject)),
        About::Run(_) | About::Bucket { .. } => false,
    };
    if let Some(alone) = found.iter().find(unjudged).filter(|_| found.len() == items.len()) {
        let message = format!("`{}` needs another condition that says what is well", shorten(&alone.text));
        fields.fault(Code::E113, "steady_state", message, "such as `success_ratio(system) >= 99%`".to_owned());
    }
    found
}

/// The steps of the method, and what they do to the model.
fn method(name: &str, fields: &mut Fields<'_>, world: &mut World<'_>, length: Span) -> (Vec<Step>, Vec<Fault>) {
    fields.takes("method", [Shape::List(vec![Shape::Table])]);
    let Some(node) = fields.node("method") else {
        fields.show_off("method", "nothing is broken");
        return (Vec::new(), Vec::new());
    };
    let Value::List(items) = &node.value else {
        wrong_type(fields.session, node, "a list of faults", None);
        return (Vec::new(), Vec::new());
    };
    fields.show("method", node.show(), false);
    let path = fields.path_of("method");
    let session = fields.session;
    let outer = std::mem::take(&mut world.faults);
    let mut steps = Vec::new();
    for item in items {
        let Some(table) = item.as_table() else {
            wrong_type(session, item, "a fault", None);
            continue;
        };
        Fields::read(session, table, item.origin, &path, false, |fields| {
            steps.extend(step(name, fields, world, length));
        });
    }
    (steps, std::mem::replace(&mut world.faults, outer))
}

fn step(name: &str, fields: &mut Fields<'_>, world: &mut World<'_>, length: Span) -> Option<Step> {
    let session = fields.session;
    fields.takes("target", [Shape::Text]);
    let selector = if let Some(target) = fields.node("target") {
        term::selector(session, world.names, target)
    } else {
        fields.missing("target", "say what it strikes");
        None
    };
    let text = |key: &str| fields.peek(key).and_then(Node::as_text).unwrap_or_default().to_owned();
    let (mode, target, lasts) = (text("mode"), text("target"), text("for"));
    for key in ["fails", "every"] {
        if fields.has(key) {
            let help = "write `at` and `for`".to_owned();
            fields.fault(Code::E304, key, "a step of a method strikes at an instant", help);
        }
    }
    let origin = fields.origin;
    let fault = read_fault(fields, None, &Crews::default())?;
    let Process::Calendar { at: Instants::At(at), .. } = &fault.process else { return None };
    let (first, last) = (at.first().copied()?, at.last().copied()?);
    if last >= length {
        let message = format!("`at = {last}` comes when the run is over, after {length}");
        fields.fault(Code::E316, "at", message, "raise `length`".to_owned());
    }
    let label = format!("{name}: {target}");
    world.strike(session, &fault, &label, selector?, origin);
    Some(Step { mode, target, at: first, lasts })
}
