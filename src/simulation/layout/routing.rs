//! How users find a region, compiled: the region in charge, or checks of each; gates alone where all is perfect.

use super::processes::{add_ways, all_of, checked_pools, compile};
use super::structure::{Structure, hosts_entry, pool_in};
use super::{Choice, Data, Layout, Place, Process, RoutingPlan, Tracked};
use crate::engine::streams::{Entity, Purpose};
use crate::model::Model;
use crate::model::failover::{Detection, Failover, Policy, Propagation};
use crate::model::topology::{GroupId, RegionId, ServiceId, ServiceKind};
use crate::simulation::gates::{Edge, GateId};

/// Of the move of users off a lost region: does it work, and how long do people need if not?
const MOVES: [Purpose; 2] = [Purpose::Success, Purpose::Manual];

/// The routing of the model; under active-passive routing also the process of the active region.
pub(super) fn build(model: &Model, layout: &mut Layout, structure: &Structure) {
    let routing = &model.routing;
    let entry = &model.services[routing.entry.index()];
    let at_once = routing.propagation == Propagation::Instant;
    if entry.kind == ServiceKind::Dependency || (entry.failover.is_some() && at_once) {
        return connect_direct(layout, layout.service_gates[routing.entry.index()]);
    }
    let (choice, process) = choice(model, layout, structure);
    // requests go where the weights say, not only where somebody serves
    let spread = layout.for_requests && matches!(choice, Choice::Weighted(_));
    if process.is_none() && is_perfect(model) && !spread && !super::load::is_needed(model) {
        let used = |region: &usize| match &choice {
            Choice::Weighted(weights) => weights[*region] > 0.0,
            Choice::Ordered(_) | Choice::Active(_) => true,
        };
        let gates: Vec<GateId> =
            (0..model.regions.len()).filter(used).map(|region| layout.region_gates[region]).collect();
        let any = layout.wiring.at_least(1, &gates);
        return connect_direct(layout, any);
    }
    track(model, layout, structure, choice, process);
}

/// Who goes where, and the process that says so, if one does.
fn choice(model: &Model, layout: &mut Layout, structure: &Structure) -> (Choice, Option<u32>) {
    let routing = &model.routing;
    let followed = model.services[routing.entry.index()].failover.as_ref();
    match (followed, &routing.policy) {
        (Some(failover), _) => {
            let primary = layout.processes.iter().position(|process| process.service == Some(routing.entry.0));
            let regions = failover.order.iter().filter_map(|pool| model.pools[pool.index()].region);
            (Choice::Active(regions.map(|region| region.0).collect()), primary.map(|process| process as u32))
        }
        (None, Policy::ActivePassive(failover)) => {
            add_region_process(model, layout, structure, failover);
            let regions = failover.order.iter().map(|region| region.0).collect();
            (Choice::Active(regions), Some(layout.processes.len() as u32 - 1))
        }
        (None, Policy::Weighted { weights }) => (Choice::Weighted(weights.clone()), None),
        (None, Policy::Latency | Policy::Geo) => {
            let groups = (0..model.groups.len() as u32).map(GroupId);
            (Choice::Ordered(groups.map(|group| preference(model, group)).collect()), None)
        }
    }
}

/// Are users always with somebody who serves, if anybody does?
fn is_perfect(model: &Model) -> bool {
    let routing = &model.routing;
    let at_once = routing.propagation == Propagation::Instant && routing.detection == Detection::Instant;
    let waits = routing.page.is_some() || !routing.hold_down.is_zero() || routing.failback.is_some();
    let hosts = (0..model.regions.len() as u32).filter(|&region| hosts_entry(model, RegionId(region))).count();
    // with one region left there may be too few
    let panics = routing.panic * hosts as f64 > 1.0;
    at_once && !waits && !panics && !routing.moves.can_fail()
}

/// Answers that follow beliefs, and users who follow answers.
fn track(model: &Model, layout: &mut Layout, structure: &Structure, choice: Choice, process: Option<u32>) {
    let routing = &model.routing;
    let regions = (0..model.regions.len() as u32).map(RegionId);
    let checked: Vec<Vec<u32>> =
        regions.clone().map(|region| entry_pools(model, layout, region, &routing.detection)).collect();
    for (region, pools) in checked.iter().enumerate() {
        let watcher = Edge::Region(region as u32);
        for &pool in pools {
            layout.watchers[pool as usize].push(watcher);
        }
    }
    let region_key =
        |region: usize, purpose| Entity::new(&format!("routing/{}", model.regions[region].name)).key(purpose);
    connect_regions(layout, structure);
    let believed = |region: RegionId| {
        let entry = pool_in(model, model.routing.entry, region).filter(|_| layout.some_hide);
        entry.map(|pool| structure.believed[pool.index()])
    };
    let believed = regions.clone().map(believed).collect();
    let needs = all_of(model, layout, structure, &routing.moves.needs);
    layout.routing = RoutingPlan::Tracked(Box::new(Tracked {
        process,
        detection: routing.detection.clone(),
        seen: structure.seen.clone(),
        believed,
        checked,
        hosts: regions.map(|region| hosts_entry(model, region)).collect(),
        page: routing.page.clone(),
        success: routing.moves.success,
        needs,
        manual: routing.moves.manual.clone(),
        moves: (0..model.regions.len()).map(|region| MOVES.map(|purpose| region_key(region, purpose))).collect(),
        hold_down: routing.hold_down,
        failback: routing.failback.clone(),
        propagation: routing.propagation.clone(),
        panic: routing.panic,
        shares: model.groups.iter().map(|group| group.share).collect(),
        choice,
        detect: (0..model.regions.len()).map(|region| region_key(region, Purpose::Detect)).collect(),
        delay: Entity::new("routing").key(Purpose::Dns),
        failback_keys: (0..model.regions.len()).map(|region| region_key(region, Purpose::Failback)).collect(),
    }));
}

fn connect_regions(layout: &mut Layout, structure: &Structure) {
    for (region, &seen) in structure.seen.iter().enumerate() {
        let edge = Edge::Region(region as u32);
        layout.wiring.connect(layout.region_gates[region], edge);
        if seen != layout.region_gates[region] {
            layout.wiring.connect(seen, edge);
        }
    }
}

fn connect_direct(layout: &mut Layout, gate: GateId) {
    for subject in 0..layout.first_service {
        layout.wiring.connect(gate, Edge::Subject(subject as u32));
    }
    layout.routing = RoutingPlan::Direct(gate);
}

/// Regions for a group, best first.
fn preference(model: &Model, group: GroupId) -> Vec<u32> {
    let mut order = model.by_latency(group);
    if model.routing.policy == Policy::Geo {
        let near = model.groups[group.index()].near;
        order.retain(|&region| region != near);
        order.insert(0, near);
    }
    order.into_iter().map(|region| region.0).collect()
}

fn add_region_process(model: &Model, layout: &mut Layout, structure: &Structure, failover: &Failover<RegionId>) {
    let waiting = |region: RegionId| {
        let in_region = |service: &usize| model.services[*service].failover.is_none();
        let services = (0..model.services.len()).filter(in_region);
        let pools = services.filter_map(|service| pool_in(model, ServiceId(service as u32), region));
        pools.map(|pool| pool.0).filter(|&pool| !layout.pools[pool as usize].hot).collect::<Vec<_>>()
    };
    let in_region = |region: RegionId| {
        let here = |pool: &usize| {
            let pool = &model.pools[*pool];
            pool.region == Some(region) && model.services[pool.service.index()].failover.is_none()
        };
        (0..model.pools.len()).filter(here).map(|pool| pool as u32).collect()
    };
    let place = |region: RegionId| Place {
        fit: structure.seen[region.index()],
        // where nothing can break unseen, what is seen is so
        truly: if layout.some_hide { layout.region_levels[region.index()] } else { structure.seen[region.index()] },
        lands_on: in_region(region),
        drains: Vec::new(),
        seen: structure.seen[region.index()],
        checked: entry_pools(model, layout, region, &failover.detection),
        serves: layout.region_gates[region.index()],
        acks: None,
        leads: None,
        ways: Vec::new(),
        heard: Vec::new(),
        voters: layout.region_gates[region.index()],
        here: Vec::new(),
        elsewhere: Vec::new(),
        pools: waiting(region),
        detect: Entity::new(&format!("routing/{}", model.regions[region.index()].name)).key(Purpose::Detect),
    };
    let mut places: Vec<Place> = failover.order.iter().map(|&region| place(region)).collect();
    if !failover.fencing {
        let regions: Vec<Option<RegionId>> = failover.order.iter().copied().map(Some).collect();
        add_ways(layout, &regions, &mut places);
    }
    let process = compile(model, layout, structure, failover, places, Data::None, Entity::new("routing/failover"));
    let users = (0..layout.first_service as u32).collect();
    layout.processes.push(Process { subjects: users, from_outside: true, ..process });
}

/// The same for a check of the region.
fn entry_pools(model: &Model, layout: &Layout, region: RegionId, detection: &Detection) -> Vec<u32> {
    let entry = pool_in(model, model.routing.entry, region);
    entry.map_or(Vec::new(), |pool| checked_pools(model, layout, pool, detection))
}
