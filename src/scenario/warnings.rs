//! What is legal but suspicious, seen over the whole model.

use super::diagnostic::Code;
use super::graph::Graph;
use super::names::Names;
use super::session::Session;
use super::source::{FileId, Origin};
use super::tree::Table;
use super::waiting;
use crate::model::Model;
use crate::model::failover::{Check, Detection, Policy, Propagation, Replication, Sees};
use crate::model::failure::{Per, Process, Strikes, Target};
use crate::model::objective::{Condition, Statistic};
use crate::model::topology::{PoolId, RegionId, ServiceId, Term};
use crate::model::traffic::{Call, ClassId};
use crate::time::Span;

/// Reports all of them; `calls` says where each call of the model stands.
pub(super) fn warn(session: &Session<'_>, root: &Table, names: &Names, model: &Model, calls: &[Origin]) {
    single_points(session, names, model);
    perfect(session, root, names, model);
    objectives(session, root, model);
    lost_region(session, root, model);
    calls_of(session, names, model, calls);
    crews(session, root, model);
    unheard_routing(session, root, names, model);
}

/// Keys of the routing that say when a region is left.
const OF_REGIONS: [&str; 12] = [
    "detect",
    "health_check",
    "page",
    "success",
    "manual",
    "needs",
    "promote",
    "hold_down",
    "failback",
    "fencing",
    "panic",
    "weights",
];

/// W410: the entry has a failover, and users follow its primary whatever the routing thinks of regions.
fn unheard_routing(session: &Session<'_>, root: &Table, names: &Names, model: &Model) {
    let entry = model.routing.entry;
    let Some(routing) = root.table("routing").filter(|_| model.services[entry.index()].failover.is_some()) else {
        return;
    };
    let name = names.service_name(entry);
    for written in OF_REGIONS.iter().filter(|written| routing.get(written).is_some()) {
        let message = format!("`{written}` of the routing changes nothing: users follow the primary of `{name}`");
        let help = format!("say it in `services.{name}.failover`, or remove it");
        session.report(Code::W410, key(root, &["routing", written]), message, Some(help));
    }
}

/// W411: more repairs than there are hands. The work is the sum over parts of mean (dispatch + repair) / mean life, as
/// many crews as it takes on average if nothing waits.
fn crews(session: &Session<'_>, root: &Table, model: &Model) {
    for (index, crew) in model.crews.iter().enumerate() {
        if crew.per != Per::All {
            continue;
        }
        let mut work = 0.0;
        for fault in &model.faults {
            let Process::Random { fails, repair, crew: Some(id), .. } = &fault.process else { continue };
            if fault.strikes == Strikes::Each && id.index() == index && fails.mean_s().is_finite() {
                work += parts(model, fault.target) * (crew.dispatch.mean_s() + repair.mean_s()) / fails.mean_s();
            }
        }
        let share = work / f64::from(crew.size);
        if share > 1.0 {
            let (name, percent) = (&crew.name, (share * 100.0).round());
            let (message, help) = if share.is_finite() {
                let message = format!("`{name}` would be busy {percent} % of the time: repairs pile up");
                (message, "raise `size`, or shorten the repairs")
            } else {
                (format!("`{name}` has a repair that on average never ends"), "shorten the repairs")
            };
            session.report(Code::W411, key(root, &["crews", name]), message, Some(help.to_owned()));
        }
    }
}

/// How many parts fail by themselves.
fn parts(model: &Model, target: Target) -> f64 {
    match target {
        Target::EachNode { pool, zone } => {
            let pool = &model.pools[pool.index()];
            f64::from(pool.nodes) / if zone.is_some() { pool.zones.len().max(1) as f64 } else { 1.0 }
        }
        Target::Region(_) | Target::Zone(_) | Target::Service(_) | Target::Link { .. } => 1.0,
    }
}

fn service_origin(names: &Names, service: ServiceId) -> Origin {
    names.services[service.index()].origin
}

/// Where the value at this path stands, or as much of the path as there is.
fn place(root: &Table, path: &[&str]) -> Origin {
    let mut origin = Origin::new(FileId::MAIN, 0..0);
    let mut table = Some(root);
    for (index, key) in path.iter().enumerate() {
        let Some(entry) = table.and_then(|table| table.entry(key)) else { break };
        origin = if index + 1 == path.len() { entry.node.origin } else { entry.key_origin };
        table = entry.node.as_table();
    }
    origin
}

/// Where the key at this path stands.
fn key(root: &Table, path: &[&str]) -> Origin {
    let (last, above) = path.split_last().unwrap_or((&"", &[]));
    let table = above.iter().try_fold(root, |table, key| table.table(key));
    table.and_then(|table| table.entry(last)).map_or_else(|| place(root, path), |entry| entry.key_origin)
}

/// W401: one node that everything passes, while other things are redundant.
fn single_points(session: &Session<'_>, names: &Names, model: &Model) {
    let graph = Graph::new(&model.services, &model.pools);
    let mut seen = vec![false; model.services.len()];
    let mut on_path = vec![model.routing.entry];
    let mut at = 0;
    while at < on_path.len() {
        for need in model.services[on_path[at].index()].needs.iter().filter(|need| need.is_hard()) {
            if let Term::Service(service) = need.term
                && !std::mem::replace(&mut seen[service.index()], true)
            {
                on_path.push(service);
            }
        }
        at += 1;
    }
    if graph.reached(model.routing.entry).len() < 2 {
        return;
    }
    for service in on_path {
        let [pool] = model.services[service.index()].pools.as_slice() else { continue };
        if model.pools[pool.index()].nodes > 1 {
            continue;
        }
        let Some(availability) = availability(model, *pool) else { continue };
        let message = format!("`{}` is one node on every path", names.service_name(service));
        let help = format!("it caps you at {} %: add a node", super::quantity::tidy(round(availability * 100.0)));
        session.report(Code::W401, service_origin(names, service), message, Some(help));
    }
}

/// A percentage with five digits after the last nine.
fn round(percent: f64) -> f64 {
    let missing = 100.0 - percent;
    if missing <= 0.0 {
        return percent;
    }
    let scale = 10_f64.powf(2.0 - missing.log10().floor());
    100.0 - (missing * scale).round() / scale
}

/// Steady-state availability of a node by its random faults alone: the product of up / (up + down).
fn availability(model: &Model, pool: PoolId) -> Option<f64> {
    let mut product = None;
    for fault in &model.faults {
        let Process::Random { fails, repair, .. } = &fault.process else { continue };
        if matches!(fault.target, Target::EachNode { pool: struck, .. } if struck == pool) && fault.mode.stops() {
            let (up, down) = (fails.mean_s(), repair.mean_s());
            if up.is_finite() {
                *product.get_or_insert(1.0) *= up / (up + down);
            }
        }
    }
    product
}

/// W404 and W407: detection that no real system has, and checks that see too much.
fn perfect(session: &Session<'_>, root: &Table, names: &Names, model: &Model) {
    for service in &model.services {
        if service
            .failover
            .as_ref()
            .is_some_and(|failover| failover.detection == Detection::Instant && failover.order.len() > 1)
        {
            let message = format!("failover of `{}` has no detection: it is instant and never wrong", service.name);
            let help = "add `health_check = {}` or `detect`".to_owned();
            session.report(Code::W404, key(root, &["services", &service.name, "failover"]), message, Some(help));
        }
    }
    if root.get("routing").is_some() && model.regions.len() > 1 && model.routing.detection == Detection::Instant {
        let help = "add `health_check = {}` or `detect` to `routing`".to_owned();
        session.report(
            Code::W404,
            key(root, &["routing"]),
            "routing has no detection: it is instant and never wrong",
            Some(help),
        );
    }
    if matches!(&model.routing.detection, Detection::Check(Check { sees: Sees::Dependencies, .. }))
        && model.regions.len() > 1
    {
        let message = "routing's check sees all dependencies: one blip of a shared one empties every region";
        session.report(
            Code::W407,
            place(root, &["routing", "health_check", "sees"]),
            message,
            Some("write `sees = \"region\"`".to_owned()),
        );
    }
    let rates = model.groups.iter().any(|group| group.rate.is_some());
    if rates && model.regions.len() > 1 && model.links.is_empty() {
        let message = "the regions are 0s apart, and requests would feel their distance";
        session.report(
            Code::W409,
            service_origin(names, model.routing.entry),
            message,
            Some("add `links` with a `latency`".to_owned()),
        );
    }
}

/// W408: what the other regions carry when the worst one is lost.
fn lost_region(session: &Session<'_>, root: &Table, model: &Model) {
    let demand: Option<f64> = model.groups.iter().map(|group| group.rate).sum();
    let limited = model.pools.iter().any(|pool| pool.capacity.is_some());
    let Some(demand) = demand.filter(|_| limited && model.regions.len() > 1) else { return };
    let entry = &model.services[model.routing.entry.index()];
    if entry.pools.iter().any(|pool| model.pools[pool.index()].region.is_none()) {
        return;
    }
    let rooms: Vec<f64> =
        (0..model.regions.len() as u32).map(|region| room(model, model.routing.entry, RegionId(region))).collect();
    let without = |lost: usize| {
        let others = rooms.iter().enumerate().filter(|(region, _)| *region != lost).map(|(_, room)| *room);
        match model.routing.policy {
            Policy::ActivePassive(_) => others.fold(0.0, f64::max),
            Policy::Latency | Policy::Geo | Policy::Weighted { .. } => others.sum::<f64>(),
        }
    };
    let worst = (0..rooms.len()).min_by(|&a, &b| without(a).total_cmp(&without(b)));
    if let Some(worst) = worst.filter(|&worst| without(worst) < demand * (1.0 - 1e-9)) {
        let carried = percent((without(worst) / demand * 1e3).round() / 1e3);
        let name = &model.regions[worst].name;
        let message = format!("without `{name}` the others carry {carried} % of the demand");
        session.report(Code::W408, key(root, &["regions", name]), message, Some("add nodes to the others".to_owned()));
    }
}

/// What the region's own pools on the way from the entry down carry with all their nodes, in requests per second.
fn room(model: &Model, entry: ServiceId, region: RegionId) -> f64 {
    let here = |service: ServiceId| {
        let pools = model.services[service.index()].pools.iter().map(|pool| &model.pools[pool.index()]);
        pools.into_iter().find(|pool| pool.region == Some(region))
    };
    if here(entry).is_none() {
        return 0.0;
    }
    let mut seen = vec![false; model.services.len()];
    let mut open = vec![(entry, 1.0)];
    let mut room = f64::INFINITY;
    while let Some((service, share)) = open.pop() {
        let Some(pool) = here(service).filter(|_| !std::mem::replace(&mut seen[service.index()], true)) else {
            continue;
        };
        if let Some(capacity) = pool.capacity.filter(|_| share > 0.0) {
            room = room.min(capacity * f64::from(pool.most_nodes()) / share);
        }
        for need in &model.services[service.index()].needs {
            if let Term::Service(callee) = need.term
                && model.services[callee.index()].failover.is_none()
            {
                open.push((callee, share * need.share));
            }
        }
    }
    room
}

/// W403 and W412: objectives that cannot be met.
fn objectives(session: &Session<'_>, root: &Table, model: &Model) {
    for objective in &model.objectives {
        for condition in &objective.conditions {
            match condition {
                Condition::Rto(Statistic::Quantile(level), limit) => {
                    if let Propagation::Dns { ttl, .. } = &model.routing.propagation
                        && ttl > limit
                    {
                        let message = format!(
                            "users may follow only after `ttl = {ttl}`, and `rto p{} = {limit}` is wanted",
                            percent(*level)
                        );
                        session.report(
                            Code::W403,
                            place(root, &["routing", "dns", "ttl"]),
                            message,
                            Some("lower `routing.dns.ttl`".to_owned()),
                        );
                    }
                }
                Condition::Rpo(Statistic::Quantile(level), limit) => lag(session, root, model, *level, *limit),
                Condition::Rto(..)
                | Condition::Rpo(..)
                | Condition::Availability(_)
                | Condition::RequestAvailability(_)
                | Condition::OutageDuration(..)
                | Condition::DowntimePerYear(..)
                | Condition::OutagesPerYear(_)
                | Condition::Latency(..)
                | Condition::SuccessRatio(_) => {}
            }
        }
    }
}

fn percent(level: f64) -> f64 {
    super::quantity::tidy(level * 100.0)
}

fn lag(session: &Session<'_>, root: &Table, model: &Model, level: f64, limit: Span) {
    for service in &model.services {
        let (lag, promoted) = match &service.replication {
            Some(Replication::Async { lag }) => (lag, service.failover.is_some()),
            Some(Replication::MultiPrimary { lag }) => (lag, true),
            Some(Replication::Sync { .. } | Replication::SemiSync { .. } | Replication::Quorum { .. }) | None => {
                continue;
            }
        };
        let behind = Span::from_secs_f64(lag.quantile_s(level));
        if promoted && behind > limit {
            let level = percent(level);
            let message =
                format!("`{}` lags by {behind} at p{level}, and `rpo p{level} = {limit}` is wanted", service.name);
            let origin = place(root, &["services", &service.name, "replication", "lag"]);
            session.report(Code::W412, origin, message, Some("ship more often".into()));
        }
    }
}

/// So many layers of calls are looked at for retries over retries.
const LAYERS: u32 = 16;

/// W405, W406 and W413: calls that wait for ever, or retry over each other.
fn calls_of(session: &Session<'_>, names: &Names, model: &Model, origins: &[Origin]) {
    let calls = &model.traffic.calls;
    let most = |call: &Call| call.policy.retry.map_or(1, |retry| retry.max_attempts);
    let rates = model.groups.iter().any(|group| group.rate.is_some());
    let mut into: Vec<Option<usize>> = vec![None; model.services.len()];
    let bounded = waiting::bounded(model);
    let mut patience: Vec<Option<Span>> = vec![None; model.services.len()];
    for (at, call) in calls.iter().enumerate() {
        into[call.to.index()].get_or_insert(at);
        patience[call.from.index()] = patience[call.from.index()].max(call.policy.timeout);
    }
    let by_users = users_attempts(model);
    for (call, &origin) in calls.iter().zip(origins) {
        let (from, to) = (names.service_name(call.from), names.service_name(call.to));
        let waits = call.policy.timeout.or(call.policy.deadline);
        if rates && waits.is_none() && !bounded[call.from.index()] {
            let message = format!("`{from}` waits for `{to}` for ever");
            session.report(Code::W405, origin, message, Some("add `timeout`".to_owned()));
        }
        ejects_nobody(session, names, model, call, origin);
        let mut product = u64::from(most(call));
        let mut layers = u32::from(product > 1);
        let mut above = call.from;
        // the most of the ways up that end at users or go on
        let mut worst = (product, layers);
        for _ in 0..LAYERS {
            let asked = by_users[above.index()];
            worst = worst.max((product.saturating_mul(u64::from(asked)), layers + u32::from(asked > 1)));
            let Some(upper) = into[above.index()].map(|at| &calls[at]) else { break };
            product = product.saturating_mul(u64::from(most(upper)));
            layers += u32::from(most(upper) > 1);
            above = upper.from;
            worst = worst.max((product, layers));
        }
        let (product, layers) = worst;
        if layers > 1 && most(call) > 1 {
            let message = format!("retries at {layers} layers: up to {product} attempts at `{to}`");
            session.report(Code::W406, origin, message, Some("retry at one layer".to_owned()));
        }
        if let (Some(own), Some(below)) = (call.policy.timeout, patience[call.to.index()])
            && own < below
        {
            let message =
                format!("`{from}` waits {own} for `{to}`, which itself waits up to {below} for what it calls");
            session.report(Code::W413, origin, message, Some("let the outer timeout be the longer one".into()));
        }
    }
}

/// By service: the most attempts that users make at it for one request.
fn users_attempts(model: &Model) -> Vec<u32> {
    let mut most = vec![1; model.services.len()];
    for group in &model.traffic.groups {
        let attempts = group.policy.retry.map_or(1, |retry| retry.max_attempts);
        let of_class = |&(class, _): &(ClassId, f64)| model.traffic.classes[class.index()].entry;
        let mut entries: Vec<ServiceId> =
            group.mix.iter().map(|part| of_class(part).unwrap_or(model.routing.entry)).collect();
        if entries.is_empty() {
            entries.push(model.routing.entry);
        }
        for entry in entries {
            most[entry.index()] = attempts.max(most[entry.index()]);
        }
    }
    most
}

/// W414: a share of so few nodes that it comes to none.
fn ejects_nobody(session: &Session<'_>, names: &Names, model: &Model, call: &Call, origin: Origin) {
    let Some(ejection) = call.policy.ejection else { return };
    let share = f64::from(ejection.max_ejected) / 1e4;
    let pools = &model.services[call.to.index()].pools;
    let Some(nodes) = pools.iter().map(|pool| model.pools[pool.index()].nodes).max() else { return };
    if nodes > 1 && share * f64::from(nodes) < 1.0 - 1e-9 {
        let message =
            format!("{} % of {nodes} nodes of `{}` ejects nobody", percent(share), names.service_name(call.to));
        let least = (100.0 / f64::from(nodes)).ceil();
        session.report(Code::W414, origin, message, Some(format!("`max_ejected` of {least} % at least")));
    }
}
