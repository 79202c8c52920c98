//! User groups: their share of the demand, and how their requests come.

use super::call::Policies;
use super::class::Class;
use super::diagnostic::Code;
use super::fields::{Fields, not_yet, wrong_type};
use super::names::Names;
use super::policy::{self, fallback};
use super::quantity::tidy;
use super::schema;
use super::shape;
use super::source::Origin;
use super::tree::Value;
use super::value::{Count, Number, Percent, Rate, Text};
use crate::model::dist::Law;
use crate::model::topology::RegionId;
use crate::model::traffic::{Arrivals, Burst, ClassId, Closed, Group, GroupTraffic, Pattern, Shape};
use crate::time::Span;

/// All groups.
pub(super) struct Users {
    pub groups: Vec<Group>,
    /// By group, if each says how its requests come; else none.
    pub traffic: Vec<GroupTraffic>,
    /// Share of the requests that write, 0 to 1.
    pub writes: f64,
}

/// A group as written.
struct Written {
    group: Group,
    share: Option<f64>,
    traffic: Option<GroupTraffic>,
    /// Share of its requests that write.
    writes: f64,
    origin: Origin,
}

/// Reads `users`; `near` is the region next to groups that name none, `classes` those of `requests`.
pub(super) fn read(
    root: &mut Fields<'_>,
    names: &Names,
    policies: &Policies<'_>,
    near: RegionId,
    classes: &[Class],
) -> Users {
    let mut written = Vec::new();
    let session = root.session;
    if !root.has("users") {
        root.show_note("users", "one group `everyone`");
    }
    root.table("users", "", |all| {
        for entry in all.entries() {
            let Value::Table(table) = &entry.node.value else {
                let help = format!(
                    "users come in groups: `users.NAME.{0} = ..`, or `{0} = {{}}` for one of that name",
                    entry.key
                );
                wrong_type(session, &entry.node, "a user group", Some(help));
                all.leave([entry.key.as_str()]);
                continue;
            };
            all.leave([entry.key.as_str()]);
            all.takes(&entry.key, [schema::Shape::Table]);
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
        let groups = vec![Group {
            name: "everyone".to_owned(),
            near,
            share: 1.0,
            rate: None,
            mix: Vec::new(),
            fallback: Vec::new(),
        }];
        return Users { groups, traffic: Vec::new(), writes: 1.0 };
    }
    let shares = shares(root, &written);
    let declared = classes.iter().any(|class| class.model.writes);
    let writes = written.iter().zip(&shares).map(|(group, share)| share * group.writes).sum();
    let traffic = written.iter().map(|group| group.traffic.clone()).collect::<Option<_>>().unwrap_or_default();
    let groups = written.into_iter().zip(shares).map(|(written, share)| Group { share, ..written.group }).collect();
    Users { groups, traffic, writes: if declared { writes } else { 1.0 } }
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
    let closed = closed(fields);
    one_of(fields, &["share", "rate"], "`share` and `rate` both say how much the group asks");
    one_of(fields, &["closed", "rate"], "a closed group asks as fast as it is answered, it has no `rate`");
    one_of(fields, &["closed", "share"], "a closed group asks as fast as it is answered, it has no `share`");
    fields.optional::<Text>("policy");
    let (open, mix, writes) = fields.on_request_clock(|fields| {
        let open = open(fields, rate);
        let (mix, writes) = mix(fields, names, classes);
        (open, mix, writes)
    });
    let policy = policy::read(fields);
    let (fallback, tiers) = fallback::read(fields, names, None).into_iter().unzip();
    let arrivals = closed.map(Arrivals::Closed).or(open);
    let own_mix = mix.clone();
    let traffic = arrivals.map(|arrivals| GroupTraffic { arrivals, mix, policy, tiers });
    let group = Group { name: name.to_owned(), near: region, share: 0.0, rate, mix: own_mix, fallback };
    Written { group, share, traffic, writes, origin: fields.origin }
}

/// Reports two keys of which only one may stand.
fn one_of(fields: &Fields<'_>, keys: &[&str; 2], message: &str) {
    if keys.iter().all(|key| fields.has(key)) {
        fields.session.report(Code::E304, fields.key_origin(keys[0]), message, Some("keep one".into()));
    }
}

/// `closed`, which has a meaning where requests are simulated only.
fn closed(fields: &mut Fields<'_>) -> Option<Closed> {
    if fields.has("closed") && !fields.session.simulates_requests() {
        let origin = fields.key_origin("closed");
        not_yet(fields.session, origin, "`closed` on the structure clock, which knows rates only,", "such a group");
    }
    for key in ["arrivals", "shape", "bursts", "clients"] {
        one_of(fields, &[key, "closed"], &format!("a closed group has no `{key}`: each client waits for its answer"));
    }
    let read = |fields: &mut Fields<'_>| {
        let clients = fields.required::<Count>("clients", "say how many clients there are");
        let think = fields.or::<Law>("think", "0s");
        Some(Closed { clients: clients?.0, think })
    };
    fields.table("closed", "", read).flatten()
}

/// Arrivals at a rate, if there is one.
fn open(fields: &mut Fields<'_>, rate: Option<f64>) -> Option<Arrivals> {
    let patterns = [("poisson", Pattern::Poisson), ("regular", Pattern::Regular)];
    let pattern = fields.choice("arrivals", &patterns, "poisson");
    let shape: Shape = shape::read(fields);
    let bursts = bursts(fields);
    let Count(clients) = fields.or("clients", 1);
    Some(Arrivals::Open { rate: rate?, pattern, shape, bursts, clients })
}

fn bursts(fields: &mut Fields<'_>) -> Vec<Burst> {
    let mut found = Vec::new();
    fields.takes("bursts", [schema::Shape::List(vec![schema::Shape::Table])]);
    let Some(node) = fields.node("bursts") else { return found };
    let Value::List(items) = &node.value else {
        wrong_type(
            fields.session,
            node,
            "a list of bursts",
            Some("write `[{ at = \"1h\", for = \"5min\", factor = 3 }]`".into()),
        );
        return found;
    };
    fields.show("bursts", node.show(), false);
    let path = fields.path_of("bursts");
    for item in items {
        let Some(table) = item.as_table() else {
            wrong_type(fields.session, item, "a burst", None);
            continue;
        };
        found.extend(Fields::read(fields.session, table, item.origin, &path, true, burst).0);
    }
    found
}

fn burst(fields: &mut Fields<'_>) -> Option<Burst> {
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
    one_of(fields, &["first", "at"], "`first` and `at` both say when it comes");
    let at = fields.optional::<Span>("at");
    let every = policy::time(fields, "every");
    let first = fields.optional::<Span>("first");
    let lasts = fields.required::<Span>("for", "say how long it lasts");
    let factor = fields.required::<Number>("factor", "say how much more comes");
    if let (Some(lasts), Some(every)) = (lasts, every)
        && lasts > every
    {
        let message = format!("`for = {lasts}` is longer than `every = {every}`");
        fields.fault(Code::E104, "for", message, "lower it: a burst ends before the next begins".to_owned());
    }
    Some(Burst { first: at.or(first).or(every)?, every, lasts: lasts?, factor: factor?.0 })
}

/// `requests = { class = pct }`: the shares, and that of the classes that write.
fn mix(fields: &mut Fields<'_>, names: &Names, classes: &[Class]) -> (Vec<(ClassId, f64)>, f64) {
    let read = |fields: &mut Fields<'_>| {
        let (mut mix, mut writes, mut sum) = (Vec::new(), 0.0, 0.0);
        for entry in fields.entries() {
            fields.session.mark_used("request class", &entry.key);
            let found = names.class(fields.session, &entry.key, entry.key_origin);
            let share = fields.optional::<Percent>(&entry.key).map_or(0.0, |share| share.0);
            sum += share;
            let Some(id) = found else { continue };
            mix.push((id, share));
            writes += if classes.get(id.index()).is_some_and(|class| class.model.writes) { share } else { 0.0 };
        }
        if (sum - 1.0).abs() > 1e-9 {
            let message = format!("the classes sum to {} %", tidy(sum * 100.0));
            fields.session.report(Code::E303, fields.origin, message, Some("make them 100 %".to_owned()));
        }
        (mix, writes)
    };
    fields.table("requests", "", read).unwrap_or_default()
}

/// The share of each group of the demand: from the rates, else as written. A client of a closed group counts as one
/// request per mean time to think, or per second where it does not think.
fn shares(root: &Fields<'_>, written: &[Written]) -> Vec<f64> {
    let session = root.session;
    let nominal = |group: &Written| {
        let Some(Arrivals::Closed(closed)) = group.traffic.as_ref().map(|traffic| &traffic.arrivals) else {
            return group.group.rate;
        };
        let think_s = closed.think.mean_s();
        Some(f64::from(closed.clients) / if think_s > 0.0 && think_s.is_finite() { think_s } else { 1.0 })
    };
    let rates = written.iter().any(|group| nominal(group).is_some());
    let alone = written.len() == 1;
    let mut sum = 0.0;
    for group in written {
        match (nominal(group), group.share) {
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
    let share = |group: &Written| nominal(group).or(group.share).unwrap_or(if alone { 1.0 } else { 0.0 }) / sum;
    written.iter().map(share).collect()
}
