//! Objectives: what is asked of the architecture.

use super::diagnostic::Code;
use super::fields::{Fields, not_yet, shorten, wrong_type};
use super::names::{Entity, Names};
use super::session::suggest;
use super::value::{Number, Percent, Text};
use crate::model::objective::{Condition, Objective, Statistic, Subject};
use crate::time::Span;

/// An objective with what the warnings want to know.
pub(super) fn read(root: &mut Fields<'_>, names: &Names) -> Vec<Objective> {
    root.tables("objectives", |name, fields| read_one(name, fields, names))
}

fn read_one(name: &str, fields: &mut Fields<'_>, names: &Names) -> Objective {
    let subject = subject(fields, names);
    let mut conditions = Vec::new();
    let share = |fields: &mut Fields<'_>, key: &str| fields.optional::<Percent>(key).map(|share| share.0);
    conditions.extend(share(fields, "availability").map(Condition::Availability));
    conditions.extend(share(fields, "request_availability").map(Condition::RequestAvailability));
    needs_requests(fields, "success_ratio");
    conditions.extend(share(fields, "success_ratio").map(Condition::SuccessRatio));
    let window = fields.optional::<Span>("window");
    if window.is_some_and(Span::is_zero) {
        fields.fault(Code::E104, "window", "a window has a length", "write a longer time".to_owned());
    }
    let attainment = share(fields, "attainment");
    for (statistic, limit) in bounds(fields, "rto") {
        conditions.push(Condition::Rto(statistic, limit));
    }
    for (statistic, limit) in bounds(fields, "rpo") {
        conditions.push(Condition::Rpo(statistic, limit));
    }
    needs_requests(fields, "latency");
    for (statistic, limit) in bounds(fields, "latency") {
        conditions.push(Condition::Latency(statistic, limit));
    }
    for (statistic, limit) in bounds(fields, "outage_duration") {
        conditions.push(Condition::OutageDuration(statistic, limit));
    }
    for (statistic, limit) in bounds(fields, "downtime_per_year") {
        conditions.push(Condition::DowntimePerYear(statistic, limit));
    }
    conditions.extend(fields.optional::<Number>("outages_per_year").map(|number| Condition::OutagesPerYear(number.0)));
    let asks = ["availability", "request_availability", "success_ratio", "rto", "rpo", "latency", "outage_duration"];
    let asks = asks.iter().chain(&["downtime_per_year", "outages_per_year"]).any(|key| fields.has(key));
    if !asks {
        fields.missing("availability", "an objective asks for something, such as `availability = \"99.9%\"`");
    }
    Objective { name: name.to_owned(), subject, conditions, window, attainment }
}

fn needs_requests(fields: &Fields<'_>, key: &str) {
    if fields.has(key) && !fields.session.simulates_requests() {
        let message = format!("`{key}` needs requests, the fidelity is structure");
        let origin = fields.key_origin(key);
        fields.session.report(
            Code::E315,
            origin,
            message,
            Some("run it with `fidelity = \"full\"`, or leave it out".to_owned()),
        );
    }
}

fn subject(fields: &mut Fields<'_>, names: &Names) -> Subject {
    let Text(of) = fields.or("of", "system");
    if of == "system" {
        return Subject::System;
    }
    match names.get(&of) {
        Some(Entity::Group(group)) => Subject::Group(group),
        Some(Entity::Region(region)) => Subject::Region(region),
        Some(Entity::Service(service)) => Subject::Service(service),
        None => {
            let mut known = names.all();
            known.push("system");
            fields.fault(
                Code::E201,
                "of",
                format!("there is no group, region or service `{}`", shorten(&of)),
                suggest(&of, &known),
            );
            Subject::System
        }
    }
}

/// `{ mean | pNN | max = dur }`.
fn bounds(fields: &mut Fields<'_>, key: &str) -> Vec<(Statistic, Span)> {
    let read = |fields: &mut Fields<'_>| {
        let mut bounds = Vec::new();
        for entry in fields.entries() {
            let Some(statistic) = statistic(&entry.key) else {
                let message = format!("`{}` is not a statistic", shorten(&entry.key));
                let help = Some("mean, max, or a quantile such as p95".to_owned());
                fields.session.report(Code::E112, entry.key_origin, message, help);
                fields.leave([entry.key.as_str()]);
                continue;
            };
            bounds.extend(fields.optional::<Span>(&entry.key).map(|limit| (statistic, limit)));
        }
        bounds
    };
    if let Some((node, text)) = fields.peek(key).and_then(|node| Some((node, node.as_text()?))) {
        let help = format!("say of which statistic: `{key} = {{ p95 = \"{}\" }}`", shorten(text));
        fields.leave([key]);
        wrong_type(fields.session, node, "a table", Some(help));
        return Vec::new();
    }
    fields.table(key, "", read).unwrap_or_default()
}

fn statistic(word: &str) -> Option<Statistic> {
    match word {
        "mean" => Some(Statistic::Mean),
        "max" => Some(Statistic::Max),
        _ => {
            let level =
                word.strip_prefix('p').filter(|level| level.bytes().all(|b| b.is_ascii_digit() || b == b'.'))?;
            let share = format!("{level}e-2").parse::<f64>().ok()?;
            (share > 0.0 && share < 1.0).then_some(Statistic::Quantile(share))
        }
    }
}

/// `fidelity`, `start`, `ends` and the like name what is not built: said here once.
pub(super) fn refuse(fields: &Fields<'_>, key: &str, value: &str, what: &str) {
    not_yet(fields.session, fields.origin_of(key), &format!("`{key} = \"{value}\"`"), what);
}
