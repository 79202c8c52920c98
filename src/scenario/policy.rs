//! The policies of a call: the keys of `calls.OTHER`, `policies.NAME` and `users.NAME` that only the request clock feels.
//!
//! They are checked here and recorded for the long form; on the structure clock they are inert, and what the warnings
//! need of them comes back as [`Attempts`].

use super::diagnostic::Code;
use super::fields::{At, Fields, shorten};
use super::formula::{self, Formula};
use super::names::Names;
use super::quantity;
use super::schema::Shape;
use super::tree::{Node, Value};
use super::value::{Count, Number, Percent, Rate, Text, Whole, Written, report_bad};
use crate::model::dist::Law;
use crate::model::topology::{ServiceId, Tier};
use crate::time::Span;

/// What the warnings want to know of a call.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Attempts {
    /// Attempts at most, 1 without a retry.
    pub most: u32,
    /// Time that an attempt may take.
    pub timeout: Option<Span>,
    /// Time that the whole call may take.
    pub deadline: Option<Span>,
    /// Share of the callee's nodes that may be ejected.
    pub max_ejected: Option<f64>,
}

/// Reads the policy keys.
pub(super) fn read(fields: &mut Fields<'_>) -> Attempts {
    let before = fields.set_inert(true);
    let timeout = fields.optional("timeout");
    if !fields.has("timeout") {
        fields.show_off("timeout", "waits for ever");
    }
    let deadline = fields.optional("deadline");
    let attempts = fields.table("retry", "one attempt", retry).unwrap_or(1);
    fields.table("breaker", "never opens", breaker);
    fields.table("bulkhead", "any number at once", |fields| {
        fields.required::<Whole>("concurrent", "say how many calls may be out at once");
        fields.or::<Whole>("queue", 0);
        fields.or::<Span>("queue_timeout", "1s");
    });
    fields.table("rate_limit", "any rate", |fields| {
        fields.required::<Rate>("rate", "say how many calls a second");
        fields.or::<Count>("burst", 1);
        fields.or::<Span>("wait", "0s");
    });
    fields.table("hedge", "", |fields| {
        hedge_after(fields);
        fields.or::<Count>("at_most", 1);
        fields.or::<Percent>("budget", "5%");
    });
    fields.table("throttle", "", |fields| {
        fields.or::<Number>("k", 2);
        fields.or::<Span>("window", "2min");
    });
    let balances = ["round-robin", "random", "least-requests", "p2c", "peak-ewma", "sticky"].map(|word| (word, ()));
    fields.choice("balance", &balances, "round-robin");
    let max_ejected = fields.table("ejection", "no node is ejected", ejection);
    fields.or::<Percent>("panic", "50%");
    fields.set_inert(before);
    Attempts { most: attempts, timeout, deadline, max_ejected }
}

/// Reads a retry table; gives the number of attempts.
pub(super) fn retry(fields: &mut Fields<'_>) -> u32 {
    let attempts = fields.required::<Count>("attempts", "count the first one too: `attempts = 3`");
    spelled(fields, "backoff", "exponential(base=100ms)", &BACKOFFS);
    if let Some(classes) = fields.list::<Text>("on") {
        let known = ["timeout", "connect", "overload", "error", "rejected"];
        for class in &classes {
            if !known.contains(&class.value.0.as_str()) {
                let message = format!("`{}` is not a class of errors", shorten(&class.value.0));
                fields.session.report(Code::E112, class.origin, message, Some(format!("one of {}", known.join(", "))));
            }
        }
    } else if !fields.has("on") {
        fields.show("on", "[\"timeout\", \"connect\", \"overload\", \"error\"]".into(), true);
    }
    spelled(fields, "budget", "", &BUDGETS);
    attempts.map_or(1, |attempts| attempts.0)
}

fn breaker(fields: &mut Fields<'_>) {
    if fields.has("failure_rate") && fields.has("consecutive") {
        let message = "`failure_rate` and `consecutive` both say when it opens";
        fields.session.report(Code::E304, fields.key_origin("consecutive"), message, Some("keep one".into()));
    } else if !fields.has("failure_rate") && !fields.has("consecutive") {
        fields.missing("failure_rate", "say when it opens: `failure_rate = \"50%\"` or `consecutive = 5`");
    }
    fields.optional::<Percent>("failure_rate");
    fields.optional::<Count>("consecutive");
    fields.choice("per", &[("pool", ()), ("node", ())], "pool");
    if fields.peek("window").and_then(Node::as_text).is_some() {
        fields.optional::<Span>("window");
    } else {
        fields.or::<Count>("window", 100);
    }
    fields.or::<Count>("min_calls", 10);
    fields.optional::<Span>("slow_over");
    fields.or::<Percent>("slow_rate", "100%");
    fields.or::<Span>("open_for", "30s");
    fields.or::<Number>("open_growth", 1);
    fields.or::<Span>("open_max", "10min");
    fields.or::<Count>("half_open", 3);
    fields.or::<Span>("half_open_max", "60s");
}

fn hedge_after(fields: &mut Fields<'_>) {
    fields.takes("after", [Shape::Quantile]);
    let quantile = fields.peek("after").and_then(Node::as_text);
    match quantile.and_then(|text| text.strip_prefix('p')).and_then(|level| level.parse::<f64>().ok()) {
        Some(level) if (0.0..100.0).contains(&level) => {
            let written = fields.node("after").map(Node::show).unwrap_or_default();
            fields.show("after", written, false);
        }
        _ => _ = fields.required::<Span>("after", "say after how long, or after which quantile: `after = \"p95\"`"),
    }
}

fn ejection(fields: &mut Fields<'_>) -> f64 {
    fields.or::<Count>("errors", 5);
    fields.or::<Span>("every", "10s");
    fields.or::<Span>("base", "30s");
    fields.or::<Percent>("max_ejected", "50%").0
}

/// Reads the tiers of a fallback, which make the call soft; `failed` is the service that the call is to.
pub(super) fn fallback(fields: &mut Fields<'_>, names: &Names, failed: Option<ServiceId>) -> Vec<Tier> {
    let mut found = Vec::new();
    fields.takes("fallback", [Shape::List(vec![Shape::Table])]);
    let Some(entry) = fields.entry("fallback") else { return found };
    let session = fields.session;
    let Value::List(tiers) = &entry.node.value else {
        super::fields::wrong_type(
            session,
            &entry.node,
            "a list of tiers",
            Some("write `[{ tier = \"cached\" }]`".into()),
        );
        return found;
    };
    let path = fields.path_of("fallback");
    for tier in tiers {
        let Some(table) = tier.as_table() else {
            super::fields::wrong_type(session, tier, "a tier", Some("write `{ tier = \"cached\" }`".into()));
            continue;
        };
        let (tier, _) = Fields::read(session, table, tier.origin, &path, false, |fields| {
            let name = fields.required::<Text>("tier", "give the tier a name");
            let mut calls = None;
            if let Some(name) = fields.optional::<Text>("calls") {
                let origin = fields.origin_of("calls");
                let called = names.service(session, &name.0, origin);
                if called.is_some() && called == failed {
                    let message = format!("the tier calls `{}`, which has just failed", name.0);
                    session.report(Code::E318, origin, message, Some("call another service".into()));
                }
                calls = called;
            }
            let Percent(hit) = fields.or("hit", "100%");
            fields.on_request_clock(|fields| {
                fields.optional::<Law>("takes");
                fields.optional::<Span>("max_age");
                fields.or::<Span>("dwell", "0s");
            });
            Some(Tier { name: name?.0, calls, hit })
        });
        found.extend(tier);
    }
    fields.show("fallback", entry.node.show(), false);
    found
}

/// A form such as `linear(base, cap=20s)`: name, keys with their types, and how many of them must be there.
type Form = (&'static str, &'static [(&'static str, Type)], usize);

#[derive(Clone, Copy)]
enum Type {
    Duration,
    Share,
    Number,
    Jitter,
    Rate,
    Anything,
}

const BACKOFFS: [Form; 7] = [
    ("none", &[], 0),
    ("constant", &[("base", Type::Duration)], 1),
    ("linear", &[("base", Type::Duration), ("cap", Type::Duration), ("jitter", Type::Jitter)], 1),
    ("fibonacci", &[("base", Type::Duration), ("cap", Type::Duration), ("jitter", Type::Jitter)], 1),
    (
        "exponential",
        &[("base", Type::Duration), ("cap", Type::Duration), ("jitter", Type::Jitter), ("factor", Type::Number)],
        1,
    ),
    ("decorrelated", &[("base", Type::Duration), ("cap", Type::Duration)], 2),
    ("smooth", &[("base", Type::Duration), ("cap", Type::Duration)], 2),
];

const BUDGETS: [Form; 4] = [
    ("tokens", &[("max", Type::Number), ("ratio", Type::Number)], 0),
    ("quota", &[("size", Type::Number), ("cost", Type::Number), ("timeout_cost", Type::Number)], 0),
    ("ratio", &[("share", Type::Share), ("window", Type::Duration), ("reserve", Type::Rate)], 0),
    ("concurrency", &[("share", Type::Share), ("min", Type::Number)], 0),
];

/// Adaptive limits of concurrency.
const LIMITS: [Form; 3] = [
    ("aimd", &[("initial", Type::Number), ("min", Type::Number), ("max", Type::Number)], 0),
    ("vegas", &[("initial", Type::Number), ("min", Type::Number), ("max", Type::Number)], 0),
    ("gradient2", &[("initial", Type::Number), ("min", Type::Number), ("max", Type::Number)], 0),
];

/// Shapes of the load over time.
const SHAPES: [Form; 4] = [
    ("steady", &[], 0),
    ("diurnal", &[("swing", Type::Share), ("peak", Type::Duration)], 0),
    ("daily", &[], 0),
    (
        "trace",
        &[("file", Type::Anything), ("time", Type::Anything), ("unit", Type::Anything), ("level", Type::Anything)],
        4,
    ),
];

/// Reads `concurrency_limit`.
pub(super) fn concurrency_limit(fields: &mut Fields<'_>) {
    spelled(fields, "concurrency_limit", "", &LIMITS);
}

/// Reads `shape`.
pub(super) fn shape(fields: &mut Fields<'_>) {
    spelled(fields, "shape", "steady", &SHAPES);
}

/// Reads a text that is one of these forms; an empty default means absent.
fn spelled(fields: &mut Fields<'_>, key: &str, default: &str, forms: &[Form]) {
    fields.takes(key, [Shape::Formula(forms.iter().map(|(word, _, _)| (*word).to_owned()).collect())]);
    let Some(node) = fields.node(key) else {
        if !default.is_empty() {
            fields.show(key, super::tree::quote(default), true);
        }
        return;
    };
    let session = fields.session;
    let Some(Text(text)) = Text::read(node, session) else { return };
    fields.show(key, super::tree::quote(&text), false);
    match formula::parse(&text, 0..text.len()) {
        Ok(formula) => check_form(fields, node, &formula, forms),
        Err(bad) => session.report(Code::E107, node.within(session, bad.range), bad.message, None),
    }
}

fn check_form(fields: &Fields<'_>, node: &Node, formula: &Formula<'_>, forms: &[Form]) {
    let session = fields.session;
    let words: Vec<&str> = forms.iter().map(|(word, _, _)| *word).collect();
    let name = formula.name.text;
    let Some((_, keys, needed)) = forms.iter().find(|(word, _, _)| *word == name) else {
        let help = super::session::suggest(name, &words);
        session.report(
            Code::E112,
            node.within(session, formula.name.range.clone()),
            format!("`{}` is not a choice here", shorten(name)),
            help,
        );
        return;
    };
    let known: Vec<&str> = keys.iter().map(|(key, _)| *key).collect();
    let mut given = Vec::new();
    for argument in formula.arguments.iter().flatten() {
        let Some(key) = &argument.key else {
            let message = format!("`{}` has no key", shorten(argument.value.text));
            session.report(
                Code::E107,
                node.within(session, argument.value.range.clone()),
                message,
                Some(format!("one of {}", known.join(", "))),
            );
            continue;
        };
        given.push(key.text);
        if name == "daily" {
            if let Some(bad) = quantity::duration(key.text).err() {
                report_bad(session, node, key.range.start, bad);
            }
            check_type(fields, node, &argument.value, Type::Number);
        } else if let Some((_, kind)) = keys.iter().find(|(known, _)| *known == key.text) {
            check_type(fields, node, &argument.value, *kind);
        } else {
            let message = format!("`{name}` has no key `{}`", shorten(key.text));
            session.report(
                Code::E107,
                node.within(session, key.range.clone()),
                message,
                super::session::suggest(key.text, &known),
            );
        }
    }
    for missing in known.iter().take(*needed).filter(|key| !given.contains(key)) {
        let message = format!("`{name}` needs `{missing}`");
        session.report(
            Code::E107,
            node.within(session, formula.name.range.clone()),
            message,
            Some(format!("add `{missing}=..`")),
        );
    }
}

fn check_type(fields: &Fields<'_>, node: &Node, piece: &formula::Piece<'_>, kind: Type) {
    let text = piece.text;
    let bad = match kind {
        Type::Duration => quantity::duration(text).err(),
        Type::Rate => quantity::rate(text).err(),
        Type::Jitter if ["none", "full", "equal"].contains(&text) => None,
        Type::Share | Type::Jitter => quantity::percentage(text).err(),
        Type::Number if text.parse::<f64>().is_ok_and(|number| number >= 0.0 && number.is_finite()) => None,
        Type::Number => Some(quantity::BadQuantity {
            code: Code::E104,
            message: format!("`{}` is not a number from 0 up", shorten(text)),
            range: 0..text.len(),
            help: None,
        }),
        Type::Anything => None,
    };
    if let Some(bad) = bad {
        report_bad(fields.session, node, piece.range.start, bad);
    }
}

/// Checks that every name in the list is a service, and gives those that are.
pub(super) fn services(fields: &Fields<'_>, names: &Names, list: &[At<Text>]) -> Vec<ServiceId> {
    list.iter().filter_map(|name| names.service(fields.session, &name.value.0, name.origin)).collect()
}
