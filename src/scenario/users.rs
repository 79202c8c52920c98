//! User groups with their share of the demand, and the classes of their requests.

use super::call::Policies;
use super::diagnostic::Code;
use super::fields::{Fields, not_yet, shorten, wrong_type};
use super::names::Names;
use super::policy;
use super::quantity::tidy;
use super::schema::Shape;
use super::session::{Session, suggest};
use super::source::Origin;
use super::tree::Value;
use super::value::{Count, Number, Percent, Rate, Text};
use crate::model::dist::Law;
use crate::model::topology::{RegionId, ServiceId};
use crate::model::traffic::Group;
use crate::time::Span;

/// A class of requests.
pub(super) struct Class {
    pub name: String,
    pub writes: bool,
    origin: Origin,
}

/// A group as written.
struct Written {
    group: Group,
    rate: Option<f64>,
    share: Option<f64>,
    /// Share of its requests that write.
    writes: f64,
    origin: Origin,
}

/// Reads `users`; `near` is the region next to groups that name none, `classes` the names of `requests`.
pub(super) fn read(
    root: &mut Fields<'_>,
    names: &Names,
    policies: &Policies<'_>,
    near: RegionId,
    classes: &[Class],
) -> (Vec<Group>, f64) {
    let mut written = Vec::new();
    let session = root.session;
    if !root.has("users") {
        root.show_note("users", "one group `everyone`");
    }
    root.table("users", "", |all| {
        for entry in all.entries() {
            let Value::Table(table) = &entry.node.value else {
                wrong_type(session, &entry.node, "a user group", Some(format!("write `{} = {{}}`", entry.key)));
                continue;
            };
            all.leave([entry.key.as_str()]);
            all.takes(&entry.key, [Shape::Table]);
            let merged = policies.under(session, table, true);
            let path = format!("users.{}", entry.key);
            let (group, shown) = Fields::read(session, &merged, entry.key_origin, &path, false, |fields| {
                read_one(&entry.key, fields, names, near, classes)
            });
            all.show_table(&entry.key, shown);
            written.push(group);
        }
    });
    if written.is_empty() {
        return (vec![Group { name: "everyone".to_owned(), near, share: 1.0, rate: None }], 1.0);
    }
    let writing: Vec<f64> = written.iter().map(|group| group.writes).collect();
    let groups = shares(root, written);
    let declared = classes.iter().any(|class| class.writes);
    let writes = groups.iter().zip(&writing).map(|(group, writes)| group.share * writes).sum();
    (groups, if declared { writes } else { 1.0 })
}

fn read_one(name: &str, fields: &mut Fields<'_>, names: &Names, near: RegionId, classes: &[Class]) -> Written {
    let session = fields.session;
    let region = if let Some(text) = fields.optional::<Text>("near") {
        names.region(session, &text.0, fields.origin_of("near")).unwrap_or(near)
    } else {
        fields.show("near", super::tree::quote(names.region_name(near)), true);
        near
    };
    let rate = fields.optional::<Rate>("rate").map(|rate| rate.0);
    let share = fields.optional::<Percent>("share").map(|share| share.0);
    if rate.is_some() && share.is_some() {
        let origin = fields.key_origin("share");
        session.report(
            Code::E304,
            origin,
            "`share` and `rate` both say how much the group asks",
            Some("keep one".into()),
        );
    }
    if fields.has("closed") {
        not_yet(session, fields.key_origin("closed"), "`closed`", "a closed group of clients");
    }
    fields.table("closed", "", |fields| {
        fields.required::<Count>("clients", "say how many clients there are");
        fields.or::<Law>("think", "0s");
    });
    fields.optional::<Text>("policy");
    let mut writes = 0.0;
    fields.on_request_clock(|fields| {
        fields.choice("arrivals", &[("poisson", ()), ("regular", ())], "poisson");
        policy::shape(fields);
        bursts(fields);
        fields.or::<Count>("clients", 1);
        writes = mix(fields, classes);
    });
    policy::read(fields);
    let tiers = policy::fallback(fields, names, None);
    if !tiers.is_empty() {
        not_yet(session, fields.key_origin("fallback"), "`fallback` of users", "tiers at the users");
    }
    let group = Group { name: name.to_owned(), near: region, share: 0.0, rate };
    Written { group, rate, share, writes, origin: fields.origin }
}

fn bursts(fields: &mut Fields<'_>) {
    fields.takes("bursts", [Shape::List(vec![Shape::Table])]);
    let Some(node) = fields.node("bursts") else { return };
    let Value::List(items) = &node.value else {
        wrong_type(
            fields.session,
            node,
            "a list of bursts",
            Some("write `[{ at = \"1h\", for = \"5min\", factor = 3 }]`".into()),
        );
        return;
    };
    let path = fields.path_of("bursts");
    for item in items {
        let Some(table) = item.as_table() else {
            wrong_type(fields.session, item, "a burst", None);
            continue;
        };
        Fields::read(fields.session, table, item.origin, &path, true, |fields| {
            match (fields.has("at"), fields.has("every")) {
                (true, true) => {
                    let message = "`at` and `every` both say when it comes";
                    fields.session.report(Code::E304, fields.key_origin("every"), message, Some("keep one".into()));
                }
                (false, false) => {
                    let help = Some("add `at` or `every`".to_owned());
                    fields.session.report(Code::E310, fields.origin, "the burst has no `at` or `every`", help);
                }
                (true, false) | (false, true) => {}
            }
            fields.optional::<Span>("at");
            fields.optional::<Span>("every");
            fields.optional::<Span>("first");
            fields.required::<Span>("for", "say how long it lasts");
            fields.required::<Number>("factor", "say how much more comes");
        });
    }
}

/// `requests = { class = pct }`.
fn mix(fields: &mut Fields<'_>, classes: &[Class]) -> f64 {
    let mut writes = 0.0;
    fields.table("requests", "", |fields| {
        let mut sum = 0.0;
        for entry in fields.entries() {
            let known: Vec<&str> = classes.iter().map(|class| class.name.as_str()).collect();
            fields.session.mark_used("request class", &entry.key);
            if !known.contains(&entry.key.as_str()) {
                let message = format!("there is no class of requests `{}`", shorten(&entry.key));
                fields.session.report(Code::E201, entry.key_origin, message, suggest(&entry.key, &known));
            }
            let share = fields.optional::<Percent>(&entry.key).map_or(0.0, |share| share.0);
            sum += share;
            if classes.iter().any(|class| class.name == entry.key && class.writes) {
                writes += share;
            }
        }
        if (sum - 1.0).abs() > 1e-9 {
            let message = format!("the classes sum to {} %", tidy(sum * 100.0));
            fields.session.report(Code::E303, fields.origin, message, Some("make them 100 %".to_owned()));
        }
    });
    writes
}

/// Gives each group its share of the demand: from the rates, else as written.
fn shares(root: &Fields<'_>, written: Vec<Written>) -> Vec<Group> {
    let session = root.session;
    let rates = written.iter().any(|group| group.rate.is_some());
    let alone = written.len() == 1;
    let mut sum = 0.0;
    for group in &written {
        match (group.rate, group.share) {
            (Some(rate), _) => sum += rate,
            (None, Some(_)) if rates => {
                let message = format!("`{}` has a share, others have a rate", group.group.name);
                session.report(Code::E304, group.origin, message, Some("give each group a rate".to_owned()));
            }
            (None, Some(share)) => sum += share,
            (None, None) if rates => {
                let message = format!("`rate` is missing in `users.{}`", group.group.name);
                session.report(Code::E004, group.origin, message, Some("the other groups have one".to_owned()));
            }
            (None, None) => sum += if alone { 1.0 } else { 0.0 },
        }
    }
    if !rates && (sum - 1.0).abs() > 1e-9 {
        let nowhere = tidy((1.0 - sum) * 100.0);
        let help = if nowhere > 0.0 {
            format!("{nowhere} % of the users are nowhere")
        } else {
            "lower one of them".to_owned()
        };
        session.report(
            Code::E303,
            root.key_origin("users"),
            format!("the shares sum to {} %", tidy(sum * 100.0)),
            Some(help),
        );
    }
    let share = |group: &Written| group.rate.or(group.share).unwrap_or(if alone { 1.0 } else { 0.0 }) / sum;
    written.into_iter().map(|group| Group { share: share(&group), ..group.group }).collect()
}

/// Reads `requests`, the classes: felt by the request clock only, except a class with an entry of its own.
pub(super) fn classes(root: &mut Fields<'_>, names: &Names, entry: Option<ServiceId>) -> Vec<Class> {
    root.tables("requests", |name, fields| {
        let own = fields.optional::<Text>("entry");
        let own = own.and_then(|text| names.service(fields.session, &text.0, fields.origin_of("entry")));
        if own.is_some() && own != entry {
            let origin = fields.origin_of("entry");
            not_yet(fields.session, origin, "a class of requests with its own entry", "several entries");
        }
        let writes = fields.or::<bool>("writes", false);
        fields.on_request_clock(|fields| {
            let words = ["critical", "critical-plus", "sheddable-plus", "sheddable"].map(|word| (word, ()));
            fields.choice("priority", &words, "critical");
            fields.or::<bool>("idempotent", true);
            fields.optional::<Span>("deadline");
            fields.table("saga", "", |fields| saga(fields, names));
        });
        Class { name: name.to_owned(), writes, origin: fields.origin }
    })
}

/// Warns of the classes that no group asks for.
pub(super) fn warn_unused(session: &Session<'_>, classes: &[Class]) {
    for Class { name, origin, .. } in classes {
        if !session.was_used("request class", name) {
            let message = format!("request class `{}` is used nowhere", shorten(name));
            session.report(Code::W410, *origin, message, Some("remove it".to_owned()));
        }
    }
}

fn saga(fields: &mut Fields<'_>, names: &Names) {
    let steps = fields.list::<Text>("steps").unwrap_or_default();
    if !fields.has("steps") {
        fields.missing("steps", "name the services, in order");
    }
    policy::services(fields, names, &steps);
    if let Some(pivot) = fields.optional::<Text>("pivot")
        && !steps.iter().any(|step| step.value == pivot)
    {
        let words: Vec<&str> = steps.iter().map(|step| step.value.0.as_str()).collect();
        let message = format!("`{}` is not a step", shorten(&pivot.0));
        fields.fault(Code::E317, "pivot", message, format!("one of {}", words.join(", ")));
    }
    fields.table("undo", "", policy::retry);
    fields.or::<Count>("attempts", 10);
}
