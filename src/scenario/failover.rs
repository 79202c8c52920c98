//! What a service's failover and active-passive routing share, replication, and the routing table.

use super::check;
use super::diagnostic::Code;
use super::fields::{At, Fields, shorten, there_are};
use super::names::Names;
use super::schema::Shape;
use super::term;
use super::tree::Node;
use super::value::{Count, Percent, PerhapsNever, Text};
use crate::model::dist::Law;
use crate::model::failover::{Detection, Failback, Failover, Moves, Policy, Propagation, Replication, Routing};
use crate::model::topology::{PoolId, Reads, RegionId, ServiceId};
use crate::time::Span;

/// Reads `order` as regions.
fn order(fields: &mut Fields<'_>, names: &Names) -> Option<Vec<At<RegionId>>> {
    let written = fields.list::<Text>("order")?;
    let session = fields.session;
    let mut regions: Vec<At<RegionId>> = Vec::new();
    for name in &written {
        let Some(region) = names.region(session, &name.value.0, name.origin) else { continue };
        if regions.iter().any(|other| other.value == region) {
            session.report(Code::E202, name.origin, format!("`{}` is listed twice", name.value.0), None);
        } else {
            regions.push(At { value: region, origin: name.origin });
        }
    }
    if written.is_empty() {
        fields.fault(Code::E104, "order", "`order` names no region", "name the best first".to_owned());
    }
    Some(regions)
}

/// Reads the keys from `detect` to `failback`, for places in this order.
fn shared<Place>(fields: &mut Fields<'_>, names: &Names, order: Vec<Place>, sees: &str) -> Failover<Place> {
    let detection = check::detection(fields, sees, "an outage is noticed at once and never wrongly");
    let page = page(fields);
    let promote: Law = fields.or("promote", "0s");
    let Moves { success, needs, manual } = surety(fields, names, ("`promote`", "a promotion"));
    let fencing = fields.or("fencing", true);
    let reconcile = fields.or("reconcile", "0s");
    let hold_down = fields.or("hold_down", "0s");
    let failback = fields.table("failback", "roles stay swapped", failback).flatten();
    Failover { order, detection, page, promote, success, manual, needs, fencing, reconcile, hold_down, failback }
}

/// Reads `success`, `needs` and `manual` of a step under this key and name.
fn surety(fields: &mut Fields<'_>, names: &Names, (key, name): (&str, &str)) -> Moves {
    let Percent(success) = fields.or("success", "100%");
    fields.takes("needs", [Shape::List(vec![Shape::Text])]);
    let needs = fields.node("needs").map(|node| {
        fields.show("needs", node.show(), false);
        term::terms(fields.session, names, node)
    });
    let moves = Moves { success, needs: needs.unwrap_or_default(), manual: fields.optional("manual") };
    if moves.manual.is_none() && !fields.has("manual") {
        if moves.can_fail() {
            let because = if success < 1.0 { "success" } else { "needs" };
            let help = "add a law, such as `manual = \"1h\"`".to_owned();
            fields.fault(Code::E004, because, format!("{key} can fail but `manual` is missing"), help);
        }
        fields.show_off("manual", &format!("{name} never fails"));
    }
    moves
}

fn page(fields: &mut Fields<'_>) -> Option<Law> {
    let manual = fields.choice("mode", &[("automatic", false), ("manual", true)], "automatic");
    if manual {
        return fields.required("page", "say how long it takes until somebody answers");
    }
    if fields.optional::<Law>("page").is_some() {
        let origin = fields.key_origin("page");
        fields.session.report(
            Code::E304,
            origin,
            "`page` has no meaning when `mode` is automatic",
            Some("write `mode = \"manual\"`".into()),
        );
    }
    None
}

fn failback(fields: &mut Fields<'_>) -> Option<Failback> {
    let after = fields.required("after", "say how long the first must be healthy");
    let page = page(fields);
    let takes = fields.or("takes", "0s");
    Some(Failback { after: after?, page, takes })
}

/// Reads a service's `failover`.
pub(super) fn of_service(fields: &mut Fields<'_>, names: &Names, service: ServiceId) -> Option<Failover<PoolId>> {
    let quorum = is_quorum(fields);
    fields.table("failover", "", |fields| {
        let regions = order(fields, names);
        let mut pools = Vec::new();
        if regions.is_none() && !fields.has("order") {
            if quorum {
                pools = names.pools(service);
                pools.sort_by_key(|pool| names.pool_region(service, *pool).map(|region| names.region_name(region)));
            } else {
                fields.missing("order", "name the regions, best first");
            }
        }
        if fields.has("election") && !quorum {
            let help = "add `replication = { mode = \"quorum\" }`, or use `health_check`".to_owned();
            let message = "only the nodes of a quorum elect a primary";
            fields.session.report(Code::E308, fields.key_origin("election"), message, Some(help));
        }
        for region in regions.into_iter().flatten() {
            if let Some(pool) = names.pool(service, region.value) {
                pools.push(pool);
            } else {
                let (service, region_name) = (names.service_name(service), names.region_name(region.value));
                let message = format!("`order` names `{region_name}`, but `{service}` has no pool there");
                let help = format!("add `{region_name}` to its `pools`");
                fields.session.report(Code::E309, region.origin, message, Some(help));
            }
        }
        shared(fields, names, pools, "node")
    })
}

/// Do the nodes of this service form a quorum?
pub(super) fn is_quorum(fields: &Fields<'_>) -> bool {
    let mode = fields.peek("replication").and_then(Node::as_table).and_then(|table| table.get("mode"));
    mode.and_then(Node::as_text) == Some("quorum")
}

/// Do all classes of requests come in where the routing says?
fn one_entry(root: &Fields<'_>) -> bool {
    let classes = root.peek("requests").and_then(Node::as_table);
    classes.is_none_or(|classes| {
        let mut classes = classes.entries.iter().filter_map(|entry| entry.node.as_table());
        classes.all(|class| class.get("entry").is_none())
    })
}

/// Users can be sent only where the entry stands, if it stands anywhere.
fn stands_in(fields: &Fields<'_>, names: &Names, entry: Option<ServiceId>, order: &[At<RegionId>]) {
    let Some(entry) = entry else { return };
    if names.pools(entry).iter().all(|pool| names.pool_region(entry, *pool).is_none()) {
        return;
    }
    for region in order.iter().filter(|region| names.pool(entry, region.value).is_none()) {
        let (entry, region_name) = (names.service_name(entry), names.region_name(region.value));
        let message = format!("`order` names `{region_name}`, but `{entry}`, where users come in, has no pool there");
        let help = format!("add `{region_name}` to its `pools`, or leave it out of `order`");
        fields.session.report(Code::E309, region.origin, message, Some(help));
    }
}

#[derive(Clone, Copy)]
enum CopyMode {
    Async,
    SemiSync,
    Sync,
    Quorum,
    MultiPrimary,
}

/// Reads `replication` of a service with so many copies.
pub(super) fn replication(fields: &mut Fields<'_>, copies: usize) -> (Option<Replication>, Reads) {
    const MODES: [(&str, CopyMode); 5] = [
        ("async", CopyMode::Async),
        ("semi-sync", CopyMode::SemiSync),
        ("sync", CopyMode::Sync),
        ("quorum", CopyMode::Quorum),
        ("multi-primary", CopyMode::MultiPrimary),
    ];
    let read = |fields: &mut Fields<'_>| {
        let mode = fields.optional_choice("mode", &MODES);
        if mode.is_none() && !fields.has("mode") {
            fields.missing("mode", "async, semi-sync, sync, quorum or multi-primary");
        }
        let reads = fields.choice("reads", &[("primary", Reads::Primary), ("local", Reads::Local)], "primary");
        let replication = match mode? {
            CopyMode::Async => Some(Replication::Async { lag: fields.or("lag", "0s") }),
            CopyMode::Sync => Some(Replication::Sync { acks: acks(fields, copies) }),
            CopyMode::SemiSync => {
                let lag = fields.or("lag", "0s");
                let acks = acks(fields, copies);
                Some(Replication::SemiSync { lag, acks, give_up: fields.or("give_up", "10s") })
            }
            CopyMode::Quorum => {
                let need = fields.optional::<Count>("need").map_or(0, |need| need.0);
                Some(Replication::Quorum { need })
            }
            CopyMode::MultiPrimary => Some(Replication::MultiPrimary { lag: fields.or("lag", "0s") }),
        };
        Some((replication?, reads))
    };
    let read = fields.table("replication", "", read).flatten();
    let (replication, reads) = read.map_or((None, Reads::Primary), |(replication, reads)| (Some(replication), reads));
    if matches!(replication, Some(Replication::MultiPrimary { .. })) && fields.has("failover") {
        let help = "leave `failover` out: every copy takes writes".to_owned();
        fields.fault(Code::E304, "failover", "`multi-primary` promotes nobody", help);
    }
    (replication, reads)
}

fn acks(fields: &mut Fields<'_>, copies: usize) -> u32 {
    let Count(acks) = fields.or("acks", 1);
    if acks as usize >= copies {
        let others = match copies {
            0 | 1 => "there is no other copy".to_owned(),
            2 => "there is only 1 other copy".to_owned(),
            _ => format!("there are only {} other copies", copies - 1),
        };
        let message = format!("`acks = {acks}`, but {others}");
        let help = "writes would never be acknowledged: lower `acks` or add a region".to_owned();
        fields.fault(Code::E314, "acks", message, help);
    }
    acks
}

/// The majority of all nodes, unless `need` says otherwise.
pub(super) fn settle_quorum(fields: &Fields<'_>, replication: &mut Option<Replication>, nodes: u32) {
    let Some(Replication::Quorum { need }) = replication else { return };
    if *need == 0 {
        *need = nodes / 2 + 1;
    } else if *need > nodes {
        let origin = fields.peek("replication").and_then(Node::as_table).and_then(|table| table.get("need"));
        let origin = origin.map_or(fields.origin, |node| node.origin);
        let message = format!("`need = {need}`, but {} in all", there_are(nodes, "node"));
        fields.session.report(Code::E314, origin, message, Some(format!("at most {nodes}")));
    }
}

#[derive(Clone, Copy, PartialEq)]
enum PolicyName {
    Latency,
    Geo,
    Weighted,
    ActivePassive,
}

/// Reads `routing`; `entry` is the only service that nobody needs, if there is one.
pub(super) fn routing(
    root: &mut Fields<'_>,
    names: &Names,
    entry: Option<ServiceId>,
) -> (Option<Routing>, Option<RegionId>) {
    let off = "users go to the region of least latency, at once and without fault";
    let one_entry = one_entry(root);
    let read = root.table("routing", off, |fields| {
        let policies = [
            ("latency", PolicyName::Latency),
            ("geo", PolicyName::Geo),
            ("weighted", PolicyName::Weighted),
            ("active-passive", PolicyName::ActivePassive),
        ];
        let policy = fields.choice("policy", &policies, "latency");
        let written = fields.optional::<Text>("entry");
        let entry = match written {
            Some(name) => names.service(fields.session, &name.0, fields.origin_of("entry")),
            None => entry,
        };
        if let Some(entry) = entry.filter(|_| !fields.has("entry")) {
            fields.show("entry", super::tree::quote(names.service_name(entry)), true);
        }
        if fields.has("election") {
            let message = "`election` chooses a primary among nodes, a region is chosen by checkers";
            let help = Some("use `health_check`".to_owned());
            fields.session.report(Code::E204, fields.key_origin("election"), message, help);
        }
        let order = order(fields, names);
        let first = order.as_ref().and_then(|order| order.first()).map(|region| region.value);
        let entered = entry.filter(|_| policy == PolicyName::ActivePassive && one_entry);
        stands_in(fields, names, entered, order.as_deref().unwrap_or_default());
        let (mut page, mut moves, mut hold_down) = (None, Moves::SURE, Span::ZERO);
        let (policy, detection, failback) = if policy == PolicyName::ActivePassive {
            if order.is_none() && !fields.has("order") {
                fields.missing("order", "name the regions, the active one first");
            }
            let regions = order.into_iter().flatten().map(|region| region.value).collect();
            let failover = shared(fields, names, regions, "region");
            let detection = failover.detection.clone();
            (Policy::ActivePassive(Box::new(failover)), detection, None)
        } else {
            let policy = match policy {
                PolicyName::Weighted => Policy::Weighted { weights: weights(fields, names) },
                PolicyName::Geo => Policy::Geo,
                PolicyName::Latency | PolicyName::ActivePassive => Policy::Latency,
            };
            let detection = spread_detection(fields);
            page = self::page(fields);
            moves = surety(fields, names, ("moving users off a lost region", "moving users off a lost region"));
            hold_down = fields.or("hold_down", "0s");
            let failback = fields.table("failback", "users return when `up_after` checks pass", failback).flatten();
            (policy, detection, failback)
        };
        let propagation = propagation(fields);
        let spill = fields.or("spill", true);
        // who always knows who is well has no reason to doubt it
        let sure = detection == Detection::Instant && !matches!(policy, Policy::ActivePassive(_));
        let Percent(panic) = fields.or("panic", if sure { "0%" } else { "50%" });
        (
            entry.map(|entry| Routing {
                entry,
                policy,
                detection,
                page,
                moves,
                hold_down,
                failback,
                panic,
                propagation,
                spill,
            }),
            first,
        )
    });
    read.unwrap_or_else(|| (entry.map(nearest_at_once), None))
}

/// Routing that nobody has written: it knows who is well, so it never panics.
fn nearest_at_once(entry: ServiceId) -> Routing {
    Routing {
        entry,
        policy: Policy::Latency,
        detection: Detection::Instant,
        page: None,
        moves: Moves::SURE,
        hold_down: Span::ZERO,
        failback: None,
        panic: 0.0,
        propagation: Propagation::Instant,
        spill: true,
    }
}

/// Active-active routing: it only notices; a change of roles has no meaning there.
fn spread_detection(fields: &mut Fields<'_>) -> Detection {
    let detection = check::detection(fields, "region", "an outage is noticed at once and never wrongly");
    for key in ["promote", "fencing", "reconcile"] {
        if fields.entry(key).is_some() {
            let message = format!("`{key}` has no meaning where every region serves: nobody is promoted");
            let help = "leave it out, or write `policy = \"active-passive\"`".to_owned();
            fields.session.report(Code::E304, fields.key_origin(key), message, Some(help));
        }
    }
    detection
}

fn weights(fields: &mut Fields<'_>, names: &Names) -> Vec<f64> {
    let mut weights = vec![0.0; names.regions.len()];
    if !fields.has("weights") {
        fields.missing("weights", "give each region a percentage");
    }
    fields.table("weights", "", |fields| {
        for entry in fields.entries() {
            let region = names.region(fields.session, &entry.key, entry.key_origin);
            let share = fields.optional::<Percent>(&entry.key);
            if let (Some(region), Some(Percent(share))) = (region, share) {
                weights[region.index()] = share;
            }
        }
        let sum: f64 = weights.iter().sum();
        if (sum - 1.0).abs() > 1e-9 {
            let message = format!("the weights sum to {} %", super::quantity::tidy(sum * 100.0));
            fields.session.report(Code::E303, fields.origin, message, Some("make them 100 %".to_owned()));
        }
        for weight in &mut weights {
            *weight /= sum;
        }
    });
    weights
}

fn propagation(fields: &mut Fields<'_>) -> Propagation {
    if fields.has("dns") && fields.has("anycast") {
        let origin = fields.key_origin("anycast");
        fields.session.report(
            Code::E304,
            origin,
            "`dns` and `anycast` both say how users follow",
            Some("keep one".into()),
        );
    }
    let off = if fields.has("anycast") { "" } else { "users follow a change at once" };
    let dns = fields.table("dns", off, |fields| {
        let ttl = fields.required::<Span>("ttl", "say how long an answer is kept, such as `ttl = \"60s\"`");
        let Percent(ignore_ttl) = fields.or("ignore_ttl", "0%");
        let PerhapsNever(ignore_for) = fields.or("ignore_for", "1h");
        Some(Propagation::Dns { ttl: ttl?, ignore_ttl, ignore_for })
    });
    let anycast = fields.table("anycast", "", |fields| {
        let converge = fields.required("converge", "say how long the network needs, such as `converge = \"30s\"`");
        Some(Propagation::Anycast { converge: converge? })
    });
    dns.flatten().or(anycast.flatten()).unwrap_or(Propagation::Instant)
}

/// Reports an entry that cannot be told.
pub(super) fn no_entry(session: &super::session::Session<'_>, names: &Names, free: &[ServiceId]) {
    let Some(first) = free.first() else { return };
    let shown: Vec<String> =
        free.iter().take(5).map(|service| format!("`{}`", shorten(names.service_name(*service)))).collect();
    let message = format!("nobody needs {}: at which of them do users enter?", shown.join(" or "));
    let help = format!("say so, such as `routing.entry = \"{}\"`", names.service_name(*first));
    session.report(Code::E306, names.services[first.index()].origin, message, Some(help));
}
