//! Services: what they are, what they need, how they fail over; their pools are read in `pool`.

use super::call::{Call, Policies, calls, depends_on};
use super::check;
use super::deploys;
use super::diagnostic::Code;
use super::failover;
use super::fields::Fields;
use super::policy;
use super::pool::read_pools;
use super::strike::World;
use super::value::Percent;
use crate::model::failure::Deploys;
use crate::model::topology::{Need, Pool, Reach, Service, ServiceKind, Term};

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
    pub calls: Vec<Call>,
    pub deploys: Vec<Deploys>,
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
        if called.iter().any(|(_, call)| call.to == service) {
            let other = names.service_name(service);
            let message = format!("`{other}` stands in `depends_on` and in `calls`");
            fields.session.report(Code::E307, *origin, message, Some("keep the call".to_owned()));
        }
    }
    let health_check =
        fields.table("health_check", "failing nodes stay in the balancers", |fields| check::read(fields, "node"));
    check::liveness(fields);
    let failover = failover::of_service(fields, names, id);
    let copies = names.services[id.index()].pools.len();
    let (mut replication, reads) = failover::replication(fields, copies);
    if kind == ServiceKind::Database && copies > 1 && !fields.has("replication") {
        let message = format!("`{name}` stands in {copies} regions, but how do its copies follow each other?");
        let help = "add `replication = { mode = \"async\" }` (semi-sync, sync, quorum, multi-primary)".to_owned();
        fields.session.report(Code::E308, fields.origin, message, Some(help));
    }
    all.deploys.extend(deploys::read(fields, id));
    fields.on_request_clock(requests);
    if kind == ServiceKind::Dependency {
        fields.leave(["nodes", "zones", "need"]);
        for key in ["pools", "nodes", "zones", "need"] {
            if fields.has(key) {
                let message = format!("a dependency has no `{key}`");
                fields.session.report(Code::E204, fields.key_origin(key), message, Some("leave it out".to_owned()));
            }
        }
    }
    let pools = read_pools(fields, world, id);
    failover::settle_quorum(fields, &mut replication, pools.iter().map(|pool| pool.nodes).sum());
    let mut needs: Vec<Need> = written.into_iter().map(|(need, _)| need).collect();
    for (need, call) in called {
        reachable(fields, world, &need, &call);
        needs.push(need);
        all.calls.push(call);
    }
    all.pools.extend(pools);
    let name = name.to_owned();
    all.list.push(Service { name, kind, pools: names.pools(id), needs, health_check, failover, replication, reads });
}

/// Reports a reach by which the callee is found nowhere.
fn reachable(fields: &Fields<'_>, world: &World<'_>, need: &Need, call: &Call) {
    let callee = &world.names.services[call.to.index()];
    let caller = &world.names.services[call.from.index()];
    let help = || Some("leave `reach` out".to_owned());
    match need.reach {
        Reach::Local if !callee.dependency && !caller.pools.iter().any(|region| callee.pools.contains(region)) => {
            let message = format!("`{}` has no pool in any region of `{}`", callee.name, caller.name);
            fields.session.report(Code::E309, call.origin, message, help());
        }
        Reach::Primary if !callee.failover => {
            let message = format!("`{}` has no primary: it has no `failover`", callee.name);
            fields.session.report(Code::E309, call.origin, message, help());
        }
        Reach::ByTarget | Reach::Local | Reach::Any | Reach::Primary => {}
    }
}

fn requests(fields: &mut Fields<'_>) {
    let choices = ["stop", "skip-queued", "ignore"].map(|word| (word, ()));
    fields.choice("on_caller_gone", &choices, "stop");
    fields.table("shedding", "", |fields| {
        for (key, default) in
            [("critical_plus", "100%"), ("critical", "95%"), ("sheddable_plus", "85%"), ("sheddable", "70%")]
        {
            fields.or::<Percent>(key, default);
        }
    });
    policy::concurrency_limit(fields);
}
