//! Chaos experiments and operators: read and checked; neither has a meaning on the structure clock.

use super::crew::Crews;
use super::diagnostic::Code;
use super::fault::read as read_fault;
use super::fields::{Fields, not_yet, shorten, wrong_type};
use super::formula;
use super::names::{Entity, Names};
use super::quantity;
use super::schema::Shape;
use super::session::{Session, suggest};
use super::term;
use super::tree::{Node, Value};
use super::value::{Count, Percent, Text, Written as _};
use crate::model::dist::Law;
use crate::time::Span;

/// Reads `experiments`.
pub(super) fn read(root: &mut Fields<'_>, names: &Names) {
    if root.has("experiments") {
        not_yet(root.session, root.key_origin("experiments"), "`experiments`", "chaos experiments");
    }
    root.tables("experiments", |_, fields| {
        fields.optional::<Text>("hypothesis");
        conditions(fields, names);
        let length: Span = fields.or("length", "1h");
        method(fields, names, length);
        if let Some(actions) = fields.list::<Text>("rollbacks") {
            for action in
                actions.iter().filter(|action| !["clear-faults", "failback"].contains(&action.value.0.as_str()))
            {
                let message = format!("`{}` is not a choice here", shorten(&action.value.0));
                fields.session.report(
                    Code::E112,
                    action.origin,
                    message,
                    Some("one of clear-faults, failback".to_owned()),
                );
            }
        }
        fields.or::<Span>("every", "10s");
        fields.or::<Span>("tolerate", "0s");
        fields.or::<Span>("recover_within", "5min");
        fields.or::<bool>("background", false);
        fields.or::<Count>("runs", 20);
        fields.or::<Percent>("hold", "80%");
    });
}

fn conditions(fields: &mut Fields<'_>, names: &Names) {
    fields.takes("steady_state", [Shape::List(vec![Shape::Text])]);
    let Some(node) = fields.node("steady_state") else {
        fields.missing("steady_state", "say what must hold, such as `success_ratio(system) >= 99%`");
        return;
    };
    let Value::List(items) = &node.value else {
        wrong_type(fields.session, node, "a list of conditions", None);
        return;
    };
    for item in items {
        condition(fields.session, names, item);
    }
}

/// Checks `measure(subject[, statistic]) >= value`.
fn condition(session: &Session<'_>, names: &Names, node: &Node) {
    let Some(Text(text)) = Text::read(node, session) else { return };
    let wrong = |range: std::ops::Range<usize>, message: String, help: &str| {
        session.report(Code::E113, node.within(session, range), message, Some(help.to_owned()));
    };
    let all = 0..text.len();
    let Some((at, sign)) = [">=", "<="].iter().find_map(|sign| text.find(sign).map(|at| (at, *sign))) else {
        wrong(all, "the condition has no `>=` or `<=`".to_owned(), "write `success_ratio(system) >= 99%`");
        return;
    };
    match formula::parse(&text, 0..at) {
        Ok(formula) => {
            let arguments = formula.arguments.unwrap_or_default();
            let Some(subject) = arguments.first().map(|argument| &argument.value) else {
                wrong(
                    formula.name.range,
                    "the measure has no subject".to_owned(),
                    "write `success_ratio(system) >= 99%`",
                );
                return;
            };
            let head = subject.text.split(['@', '/']).next().unwrap_or_default();
            if subject.text.contains(' ') {
                wrong(
                    subject.range.clone(),
                    format!("`{}` is not a subject", shorten(subject.text)),
                    "a comma before the statistic",
                );
            } else if !subject.text.contains("->") && head != "system" && names.get(head).is_none() {
                let help = suggest(head, &names.all());
                session.report(
                    Code::E201,
                    node.within(session, subject.range.clone()),
                    format!("there is no `{}`", shorten(head)),
                    help,
                );
            }
        }
        Err(bad) => wrong(bad.range, bad.message, "write `success_ratio(system) >= 99%`"),
    }
    let value = formula::trimmed(&text, at + sign.len()..text.len());
    let number = value.text.parse::<f64>().is_ok();
    if !number && quantity::percentage(value.text).is_err() && quantity::duration(value.text).is_err() {
        wrong(
            value.range.clone(),
            format!("`{}` is not a value", shorten(value.text)),
            "a percentage, a duration or a number",
        );
    }
}

fn method(fields: &mut Fields<'_>, names: &Names, length: Span) {
    fields.takes("method", [Shape::List(vec![Shape::Table])]);
    let Some(node) = fields.node("method") else { return };
    let Value::List(items) = &node.value else {
        wrong_type(fields.session, node, "a list of faults", None);
        return;
    };
    let path = fields.path_of("method");
    for item in items {
        let Some(table) = item.as_table() else {
            wrong_type(fields.session, item, "a fault", None);
            continue;
        };
        Fields::read(fields.session, table, item.origin, &path, false, |fields| {
            fields.takes("target", [Shape::Text]);
            match fields.node("target") {
                Some(target) => _ = term::selector(fields.session, names, target),
                None => fields.missing("target", "say what it strikes"),
            }
            let at = table.get("at").and_then(|node| node.as_text()).and_then(|text| quantity::duration(text).ok());
            if at.is_some_and(|at| at >= length) {
                let message = format!("`at = {}` comes when the run is over, after {length}", at.unwrap_or_default());
                fields.fault(Code::E316, "at", message, "raise `length`".to_owned());
            }
            read_fault(fields, None, &Crews::default());
        });
    }
}

/// Reads `operators`.
pub(super) fn operators(root: &mut Fields<'_>, names: &Names) {
    root.on_request_clock(|root| {
        root.tables("operators", |_, fields| {
            if let Some(when) = fields.peek("when").filter(|when| when.as_text() != Some("stuck")) {
                condition(fields.session, names, when);
            }
            fields.or::<Text>("when", "stuck");
            fields.or::<Span>("after", "5min");
            fields.or::<Law>("page", "0s");
            let acts = ["shed", "restart", "open-breaker", "fail-over"].map(|word| (word, word));
            let act = fields.choice("act", &acts, "shed");
            if act == "shed" {
                fields.or::<Percent>("share", "20%");
                fields.or::<Span>("ramp", "2min");
            } else if let Some(of) = fields.required::<Text>("of", "say on what") {
                let head = of.0.split(['@', '-']).next().unwrap_or_default().to_owned();
                if act != "open-breaker"
                    && !matches!(names.get(&of.0).or_else(|| names.get(&head)), Some(Entity::Service(_)))
                {
                    fields.fault(
                        Code::E201,
                        "of",
                        format!("there is no service `{}`", shorten(&of.0)),
                        suggest(&of.0, &names.all()),
                    );
                }
            }
            if act == "shed" || act == "open-breaker" {
                fields.or::<Law>("for", "5min");
            }
        });
    });
}
