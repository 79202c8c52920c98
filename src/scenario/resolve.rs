//! The whole walk: one raw tree in, one model out, with every table read by its own reader.

use super::call::{Called, Policies};
use super::class;
use super::costs;
use super::crew::Crews;
use super::diagnostic::Code;
use super::experiment;
use super::explanation::Explanation;
use super::failover;
use super::fault::Profiles;
use super::fields::Fields;
use super::graph::Graph;
use super::limits;
use super::names::Names;
use super::objective;
use super::operator;
use super::places;
use super::service;
use super::session::Session;
use super::settings::{self, Fidelity, RunSettings};
use super::source::{FileId, Origin};
use super::standby;
use super::strike::World;
use super::tree::{Node, Table, Value};
use super::users::{self, Users};
use super::warnings;
use crate::model::experiment::{CallEnds, Caller};
use crate::model::failure::{Fault, Latent, Process};
use crate::model::topology::{GroupId, ServiceId};
use crate::model::traffic::{GroupTraffic, Traffic};
use crate::model::{Ends, Model};
use std::path::Path;

/// What a scenario without errors becomes.
pub(super) struct Resolved {
    pub model: Model,
    pub settings: RunSettings,
    pub explanation: Explanation,
    pub canonical: Vec<u8>,
}

/// Reads the tree; nothing if it has errors, which are then in the session.
pub(super) fn resolve(session: &Session<'_>, root: &Table, path: &Path) -> Option<Resolved> {
    let names = Names::find(session, root)?;
    let origin = Origin::new(FileId::MAIN, 0..0);
    let stem = path.file_stem().map_or_else(|| "scenario".to_owned(), |stem| stem.to_string_lossy().into_owned());
    let (built, explanation) = Fields::read(session, root, origin, "", false, |fields| read(fields, &names, &stem));
    let (model, settings, calls) = built?;
    if session.has_errors() {
        return None;
    }
    warnings::warn(session, root, &names, &model, &calls);
    let tree = Node { origin, value: Value::Table(root.clone()) };
    Some(Resolved { model, settings, explanation, canonical: tree.canonical().into_bytes() })
}

fn read(root: &mut Fields<'_>, names: &Names, stem: &str) -> Option<(Model, RunSettings, Vec<Origin>)> {
    let session = root.session;
    let top = settings::read(root, stem);
    let crews = Crews::read(root, names);
    let profiles = Profiles::read(root, crews);
    let mut world = World::new(names, profiles);
    let (regions, zones) = places::regions(root, &mut world);
    let links = places::links(root, &mut world);
    let policies = Policies::read(root, names);
    let services = service::read(root, &mut world, &policies);
    let complete = services.list.len() == names.services.len() && !services.list.is_empty();
    let graph = Graph::new(&services.list, &services.pools);
    let circle = graph.report_circle(session, names);
    let free = graph.free();
    let only = if let [only] = free.as_slice() { Some(*only) } else { None };
    let (routing, first) = failover::routing(root, names, only);
    if routing.is_none() && complete && !circle && !session.has_errors() {
        failover::no_entry(session, names, &free);
    }
    let near = first.unwrap_or_else(|| names.first_region());
    let classes = class::read(root, names);
    let before = session.errors();
    let Users { groups, traffic, writes } = users::read(root, names, &policies, near, &classes);
    // a rate may be what could not be read of them
    let unasked = session.errors() == before && groups.iter().any(|group| group.rate.is_none());
    if unasked && traffic.is_empty() {
        unrated(session, &world);
    }
    world.read_faults(root);
    let objectives = objective::read(root, names);
    if top.ends == Ends::FirstOutage && !objectives.is_empty() {
        unjudged(root);
    }
    let known = known_calls(&services.calls, &traffic, &classes, routing.as_ref().map(|routing| routing.entry));
    // of a routing that is wrong nothing more is said
    let active = routing.as_ref().is_none_or(|routing| routing.has_active_region(&services.list));
    let operators = operator::read(root, operator::Known { names, calls: &known, active });
    let costs = costs::read(root, names, unasked);
    let experiments = experiment::read(root, &mut world, &known);
    warn_unused(session, &world, &policies, &classes);
    check_requests(root, top.settings.fidelity, &traffic);
    let (calls, origins) = services.calls.into_iter().map(|called| (called.call, called.origin)).unzip();
    let (deploys, deployed) = services.deploys.into_iter().unzip::<_, _, Vec<_>, Vec<Origin>>();
    let classes = classes.into_iter().map(|class| class.model).collect();
    let start = top.start(longest_repair_s(&world.faults));
    let model = Model {
        name: top.name,
        horizon: top.horizon,
        start,
        ends: top.ends,
        points: top.points,
        down_below: top.down_below,
        regions,
        zones,
        services: services.list,
        pools: services.pools,
        links,
        groups,
        traffic: Traffic { groups: traffic, classes, calls, services: services.work, pools: services.pool_work },
        writes,
        routing: routing?,
        faults: world.faults,
        deploys,
        crews: world.profiles.crews.list,
        objectives,
        operators,
        costs,
        experiments,
    };
    if complete && !session.has_errors() {
        check_whole(root, &model, &world.origins, &deployed, top.settings.fidelity);
    }
    complete.then_some((model, top.settings, origins))
}

/// What only the whole model tells of faults and deploys, which stand at these places, and of its length.
fn check_whole(root: &Fields<'_>, model: &Model, faults: &[Origin], deploys: &[Origin], fidelity: Fidelity) {
    standby::roles(root.session, model, faults);
    standby::nobody(root.session, model, faults);
    limits::events(root.session, model, faults, deploys);
    check_length(root, model, fidelity);
}

/// Is every request of the horizon too much? Experiments have a length of their own.
fn check_length(root: &Fields<'_>, model: &Model, fidelity: Fidelity) {
    let written = root.peek("horizon").map(|horizon| horizon.origin);
    if fidelity == Fidelity::Full && (written.is_some() || model.experiments.is_empty()) {
        limits::requests(root.session, model, written.unwrap_or_else(|| fidelity_origin(root)));
    }
}

/// Where the request clock is asked for.
fn fidelity_origin(root: &Fields<'_>) -> Origin {
    let simulation = root.peek("simulation").and_then(Node::as_table);
    let written = simulation.and_then(|table| table.get("fidelity"));
    written.filter(|node| !root.session.is_flag(node.origin)).map_or(root.origin, |node| node.origin)
}

/// Warns of names that nobody uses.
fn warn_unused(session: &Session<'_>, world: &World<'_>, policies: &Policies<'_>, classes: &[class::Class]) {
    if !session.has_errors() {
        world.profiles.warn_unused(session);
        policies.warn_unused(session);
        class::warn_unused(session, classes);
    }
}

/// What a node carries means nothing where nobody says how much they ask.
fn unrated(session: &Session<'_>, world: &World<'_>) {
    if let Some(origin) = world.capacity.get() {
        let message = "`capacity` says what a node carries, but not every group of users has a `rate`".to_owned();
        session.report(Code::E312, origin, message, Some("give each group a rate".to_owned()));
    }
}

/// Objectives need the whole horizon.
fn unjudged(root: &Fields<'_>) {
    let help = Some("judge them in a run to the horizon".to_owned());
    let message = "objectives are judged over the horizon, and the trial ends at the first outage";
    root.session.report(Code::E304, root.key_origin("objectives"), message, help);
}

/// Who calls whom, and whether by way of a breaker.
fn known_calls(
    called: &[Called],
    traffic: &[GroupTraffic],
    classes: &[class::Class],
    entry: Option<ServiceId>,
) -> Vec<(CallEnds, bool)> {
    let of_services = called.iter().map(|called| {
        let call = &called.call;
        (CallEnds { from: Caller::Service(call.from), to: call.to }, call.policy.breaker.is_some())
    });
    let entries: Vec<ServiceId> =
        entry.into_iter().chain(classes.iter().filter_map(|class| class.model.entry)).collect();
    let of_users = traffic.iter().enumerate().flat_map(|(group, traffic)| {
        let from = Caller::Group(GroupId(group as u32));
        entries.iter().map(move |&to| (CallEnds { from, to }, traffic.policy.breaker.is_some()))
    });
    of_services.chain(of_users).collect()
}

/// Reports what keeps the request clock from running: nobody who asks, or keys that it does not know yet.
fn check_requests(root: &Fields<'_>, fidelity: Fidelity, traffic: &[GroupTraffic]) {
    let session = root.session;
    if fidelity == Fidelity::Structure {
        return;
    }
    if traffic.is_empty() && !session.has_errors() {
        let origin = fidelity_origin(root);
        let help = "give each group of users a `rate`, or `closed` clients".to_owned();
        session.report(Code::E315, origin, "there are no requests to simulate: no group says how many", Some(help));
    }
}

/// The longest mean time that a fault lasts, in seconds; or half an inspection period, since ten of these and twenty of
/// the others are a run-in.
fn longest_repair_s(faults: &[Fault]) -> f64 {
    let mean = |fault: &Fault| match &fault.process {
        Process::Random { repair, .. } => repair.mean_s(),
        Process::Calendar { lasts, .. } => lasts.mean_s(),
    };
    let period = |fault: &Fault| match &fault.process {
        Process::Random { latent: Some(Latent { inspect: Some(inspect), .. }), .. } => inspect.every.mean_s() / 2.0,
        Process::Random { .. } | Process::Calendar { .. } => 0.0,
    };
    let mean = |fault: &Fault| mean(fault).max(period(fault));
    faults.iter().map(mean).filter(|mean| mean.is_finite()).fold(0.0, f64::max)
}

/// Content of the further files, for the hash.
pub(super) fn file_digests(session: &Session<'_>) -> Vec<u8> {
    let mut digests = Vec::new();
    for bytes in session.kept_files().values() {
        digests.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
        digests.extend_from_slice(bytes);
    }
    digests
}
