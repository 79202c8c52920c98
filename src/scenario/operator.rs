//! The tables of `operators`: people who act on what requests go through. Only the request clock knows them.

use super::condition::{self, Calls};
use super::diagnostic::Code;
use super::fields::Fields;
use super::names::Names;
use super::schema::Shape;
use super::session::Session;
use super::term::{self, Selected, Selector};
use super::tree::{Node, Value};
use super::value::{Percent, Text};
use crate::model::dist::Law;
use crate::model::experiment::{About, Condition};
use crate::model::operator::{Act, Operator, Symptom, When};
use crate::model::topology::PoolId;

/// What somebody can do, in words.
#[derive(Clone, Copy, PartialEq)]
enum Word {
    Shed,
    Restart,
    OpenBreaker,
    FailOver,
}

const WORDS: [(&str, Word); 4] = [
    ("shed", Word::Shed),
    ("restart", Word::Restart),
    ("open-breaker", Word::OpenBreaker),
    ("fail-over", Word::FailOver),
];

/// What whoever acts may name.
#[derive(Clone, Copy)]
pub(super) struct Known<'a> {
    /// Services, groups and the like.
    pub names: &'a Names,
    /// Who calls whom, and with a breaker or without.
    pub calls: &'a Calls,
    /// Is there an active region?
    pub active: bool,
}

/// Reads `operators`.
pub(super) fn read(root: &mut Fields<'_>, known: Known<'_>) -> Vec<Operator> {
    let read = root.on_request_clock(|root| root.tables("operators", |name, fields| one(name, fields, known)));
    read.into_iter().flatten().collect()
}

fn one(name: &str, fields: &mut Fields<'_>, known: Known<'_>) -> Option<Operator> {
    let Known { names, calls, .. } = known;
    let when = match fields.peek("when").filter(|when| when.as_text() != Some("stuck")) {
        Some(node) => condition::read(fields.session, names, calls, node)
            .and_then(|condition| symptom(fields.session, node, &condition))
            .map(When::Shows),
        None => Some(When::Stuck),
    };
    fields.or::<Text>("when", "stuck");
    let after = fields.or("after", "5min");
    let page = fields.or("page", "0s");
    let word = fields.choice("act", &WORDS, "shed");
    let of = if word == Word::Shed { None } else { of(fields) };
    let lasts = |fields: &mut Fields<'_>| fields.or::<Law>("for", "5min");
    let act = match word {
        Word::Shed => {
            let Percent(share) = fields.or("share", "20%");
            let lasts = lasts(fields);
            Some(Act::Shed { share, lasts, ramp: fields.or("ramp", "2min") })
        }
        Word::Restart => {
            let takes = fields.optional::<Law>("takes");
            if !fields.has("takes") {
                fields.show_off("takes", "as the `liveness` of the service says, else 30s");
            }
            of.and_then(|of| pools(fields.session, names, of)).map(|pools| Act::Restart { pools, takes })
        }
        Word::OpenBreaker => {
            let lasts = lasts(fields);
            let call = of.and_then(|of| condition::breaker(fields.session, names, calls, of));
            call.map(|call| Act::OpenBreaker { call, lasts })
        }
        Word::FailOver => of.and_then(|of| moved(fields.session, known, of)),
    };
    Some(Operator { name: name.to_owned(), when: when?, after, page, act: act? })
}

/// What the act is done to, as written.
fn of<'s>(fields: &mut Fields<'s>) -> Option<&'s Node> {
    fields.takes("of", [Shape::Text, Shape::List(vec![Shape::Text])]);
    let node = fields.node("of");
    match node {
        Some(node) => fields.show("of", node.show(), false),
        None => fields.missing("of", "say on what"),
    }
    node
}

/// A failover of a service, or of the active region.
fn moved(session: &Session<'_>, known: Known<'_>, node: &Node) -> Option<Act> {
    if node.as_text() != Some("system") {
        let service = condition::failover(session, known.names, known.calls, node)?;
        return Some(Act::FailOver { service: Some(service) });
    }
    if !known.active {
        let help = "write `routing.policy = \"active-passive\"`, or name a service with `failover`".to_owned();
        session.report(Code::E113, node.origin, "there is no active region that could be left", Some(help));
        return None;
    }
    Some(Act::FailOver { service: None })
}

/// A condition that can be judged second by second while a trial runs.
fn symptom(session: &Session<'_>, node: &Node, condition: &Condition) -> Option<Symptom> {
    let (measure, subject) = match condition.about {
        About::Bucket { measure, subject, phase: None } => (measure, subject),
        About::Bucket { phase: Some(_), .. } => {
            let message = "phases are those of an experiment; whoever acts knows of none";
            session.report(Code::E113, node.origin, message, Some("leave the phase out".to_owned()));
            return None;
        }
        About::Run(_) => {
            let message = "this is judged once a run, when nobody can act on it any more";
            let help = "a condition such as `success_ratio(system) >= 90%`, or `\"stuck\"`".to_owned();
            session.report(Code::E113, node.origin, message, Some(help));
            return None;
        }
    };
    Some(Symptom { measure, subject, at_least: condition.at_least, value: condition.value })
}

/// The pools of a service, or one of them; or of a list of these.
fn pools(session: &Session<'_>, names: &Names, node: &Node) -> Option<Vec<PoolId>> {
    let one = |node: &Node| match term::selector(session, names, node)? {
        Selector { selected: Selected::Service(service), drawn: None } => Some(names.pools(service)),
        Selector { selected: Selected::Pool(pool), drawn: None } => Some(vec![pool]),
        Selector { .. } => {
            let help = "name a service, or its pool in a region such as `api@us-east`".to_owned();
            session.report(Code::E204, node.origin, "pools are restarted, and nothing else", Some(help));
            None
        }
    };
    let written = match &node.value {
        Value::List(items) => items.as_slice(),
        _ => std::slice::from_ref(node),
    };
    let found: Option<Vec<Vec<PoolId>>> = written.iter().map(one).collect();
    let mut pools: Vec<PoolId> = Vec::new();
    for pool in found?.into_iter().flatten() {
        if !pools.contains(&pool) {
            pools.push(pool);
        }
    }
    if pools.is_empty() {
        session.report(Code::E204, node.origin, "there are no nodes to restart", None);
        return None;
    }
    Some(pools)
}
