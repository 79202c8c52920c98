//! Services: what they are, what they need, how they fail over; their pools are read in `pool`.

use super::call::{Called, Policies, calls, depends_on};
use super::check;
use super::deploys;
use super::diagnostic::Code;
use super::failover;
use super::fields::Fields;
use super::policy::{self, refuse};
use super::pool::read_pools;
use super::source::Origin;
use super::strike::World;
use super::value::BasisPoints;
use crate::model::failure::Deploys;
use crate::model::topology::{Need, Pool, Reach, Service, ServiceKind, Term};
use crate::model::traffic::{CallerGone, PoolWork, ServiceWork};
use crate::resilience::load_shedding::SheddingConfig;

const KINDS: [(&str, ServiceKind); 4] = [
    ("server", ServiceKind::Server),
    ("load-balancer", ServiceKind::LoadBalancer),
    ("database", ServiceKind::Database),
    ("dependency", ServiceKind::Dependency),
];

/// What is read of all services.
#[derive(Default)]
pub(super) struct Services {
    pub list: Vec<Service>,
    pub pools: Vec<Pool>,
    pub calls: Vec<Called>,
    /// And where each stands.
    pub deploys: Vec<(Deploys, Origin)>,
    /// By service.
    pub work: Vec<ServiceWork>,
    /// By pool.
    pub pool_work: Vec<PoolWork>,
}

/// Reads `services`.
pub(super) fn read(root: &mut Fields<'_>, world: &mut World<'_>, policies: &Policies<'_>) -> Services {
    let mut all = Services::default();
    root.tables("services", |name, fields| read_one(name, fields, world, policies, &mut all));
    if all.list.is_empty() && !root.session.has_errors() {
        root.missing("services", "add at least one, such as `services.app = {}`");
    }
    all
}

fn read_one(name: &str, fields: &mut Fields<'_>, world: &mut World<'_>, policies: &Policies<'_>, all: &mut Services) {
    let Some(id) = world.names.find_service(name) else { return };
    let names = world.names;
    let kind = fields.choice("kind", &KINDS, "server");
    let written = depends_on(fields, names);
    let called = calls(fields, names, id, policies);
    for (need, origin) in &written {
        let Term::Service(service) = need.term else { continue };
        if called.iter().any(|(_, called)| called.call.to == service) {
            let other = names.service_name(service);
            let message = format!("`{other}` stands in `depends_on` and in `calls`");
            fields.session.report(Code::E307, *origin, message, Some("keep the call".to_owned()));
        }
    }
    let health_check =
        fields.table("health_check", "failing nodes stay in the balancers", |fields| check::read(fields, "node"));
    let health = check::beside(fields);
    let failover = failover::of_service(fields, names, id);
    let copies = names.services[id.index()].pools.len();
    let (mut replication, reads) = failover::replication(fields, copies);
    if kind == ServiceKind::Database && copies > 1 && !fields.has("replication") {
        let message = format!("`{name}` stands in {copies} regions, but how do its copies follow each other?");
        let help = "add `replication = { mode = \"async\" }` (semi-sync, sync, quorum, multi-primary)".to_owned();
        fields.session.report(Code::E308, fields.origin, message, Some(help));
    }
    all.deploys.extend(deploys::read(fields, id).map(|deploys| (deploys, fields.key_origin("deploys"))));
    let work = fields.on_request_clock(requests);
    if kind == ServiceKind::Dependency {
        fields.leave(["nodes", "zones", "need"]);
        for key in ["pools", "nodes", "zones", "need"] {
            if fields.has(key) {
                let message = format!("a dependency has no `{key}`");
                fields.session.report(Code::E204, fields.key_origin(key), message, Some("leave it out".to_owned()));
            }
        }
    }
    let (pools, pool_work) = read_pools(fields, world, id).into_iter().unzip::<_, _, Vec<Pool>, Vec<PoolWork>>();
    failover::settle_quorum(fields, &mut replication, pools.iter().map(|pool| pool.nodes).sum());
    let depends_on = written.len();
    let mut needs: Vec<Need> = written.into_iter().map(|(need, _)| need).collect();
    for (need, call) in called {
        reachable(fields, world, &need, &call);
        needs.push(need);
        all.calls.push(call);
    }
    all.work.push(ServiceWork { health, depends_on, ..work });
    all.pools.extend(pools);
    all.pool_work.extend(pool_work);
    let name = name.to_owned();
    all.list.push(Service { name, kind, pools: names.pools(id), needs, health_check, failover, replication, reads });
}

/// Reports a reach by which the callee is found nowhere.
fn reachable(fields: &Fields<'_>, world: &World<'_>, need: &Need, called: &Called) {
    let callee = &world.names.services[called.call.to.index()];
    let caller = &world.names.services[called.call.from.index()];
    let help = || Some("leave `reach` out".to_owned());
    match need.reach {
        Reach::Local if !callee.dependency && !caller.pools.iter().any(|region| callee.pools.contains(region)) => {
            let message = format!("`{}` has no pool in any region of `{}`", callee.name, caller.name);
            fields.session.report(Code::E309, called.origin, message, help());
        }
        Reach::Primary if !callee.failover => {
            let message = format!("`{}` has no primary: it has no `failover`", callee.name);
            fields.session.report(Code::E309, called.origin, message, help());
        }
        Reach::ByTarget | Reach::Local | Reach::Any | Reach::Primary => {}
    }
}

/// What only requests feel, the checks left out.
fn requests(fields: &mut Fields<'_>) -> ServiceWork {
    let choices = [("stop", CallerGone::Stop), ("skip-queued", CallerGone::SkipQueued), ("ignore", CallerGone::Ignore)];
    let caller_gone = fields.choice("on_caller_gone", &choices, "stop");
    let shedding = fields.table("shedding", "", shedding);
    let limit = policy::concurrency_limit(fields);
    ServiceWork { caller_gone, shedding, limit, ..ServiceWork::default() }
}

fn shedding(fields: &mut Fields<'_>) -> SheddingConfig {
    const KEYS: [(&str, &str); 4] =
        [("critical_plus", "100%"), ("critical", "95%"), ("sheddable_plus", "85%"), ("sheddable", "70%")];
    let thresholds = KEYS.map(|(key, default)| fields.or::<BasisPoints>(key, default).0);
    let config = SheddingConfig { thresholds, ..SheddingConfig::default() };
    if config.check().is_err() {
        let rises = (1..KEYS.len()).find(|&at| thresholds[at] > thresholds[at - 1]).unwrap_or(0);
        let key = if fields.has(KEYS[rises].0) { KEYS[rises].0 } else { KEYS[rises.saturating_sub(1)].0 };
        refuse(fields, key, KEYS[rises].0, &format!("must be at most `{}`", KEYS[rises.saturating_sub(1)].0));
    }
    config
}
