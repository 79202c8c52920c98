//! Failover processes and routing, compiled.

use super::order::{in_order, needed_services};
use super::structure::{AsIf, Structure, hosts_entry, pool_in, term_gate};
use super::{Choice, Data, Layout, Place, Process, RoutingPlan, SemiSync, Tracked, drains};
use crate::engine::streams::{Entity, Purpose};
use crate::model::Model;
use crate::model::dist::Law;
use crate::model::failover::{Detection, Failover, Policy, Propagation, Replication, Sees};
use crate::model::topology::{Endpoint, GroupId, PoolId, Reach, RegionId, ServiceId, ServiceKind, Term};
use crate::simulation::gates::{Edge, GateId};

/// Processes of services, then routing.
pub fn build(model: &Model, layout: &mut Layout, structure: &Structure) {
    for index in 0..model.services.len() {
        let id = ServiceId(index as u32);
        if let Some(failover) = &model.services[index].failover {
            add_service_process(model, layout, structure, id, failover);
        } else if let Some(Replication::MultiPrimary { lag }) = &model.services[index].replication {
            add_multi_primary(model, layout, structure, id, lag);
        }
    }
    layout.service_processes = reached_processes(model, layout);
    add_subjects(model, layout);
    build_routing(model, layout, structure);
    for process in 0..layout.processes.len() {
        for place in 0..layout.processes[process].places.len() {
            let Place { fit, seen, serves, acks, .. } = layout.processes[process].places[place];
            let edge = Edge::Place { process: process as u32, place: place as u32 };
            let Place { checked, lands_on, .. } = &layout.processes[process].places[place];
            let mut pools: Vec<u32> = checked.iter().chain(lands_on).copied().collect();
            pools.sort_unstable();
            pools.dedup();
            for pool in pools.into_iter().filter(|_| !layout.ailments.is_empty()) {
                layout.watchers[pool as usize].push(edge);
            }
            let mut gates = vec![fit, seen, serves];
            gates.extend(acks);
            gates.extend(layout.processes[process].places[place].ways.iter().flatten());
            gates.extend(layout.processes[process].places[place].heard.iter().flatten());
            gates.sort_unstable();
            gates.dedup();
            for gate in gates {
                layout.wiring.connect(gate, edge);
            }
        }
    }
}

fn add_service_process(
    model: &Model,
    layout: &mut Layout,
    structure: &Structure,
    id: ServiceId,
    failover: &Failover<PoolId>,
) {
    let service = &model.services[id.index()];
    let flags = |list: &[(u32, u32, GateId)], region: Option<RegionId>| {
        let mine = |entry: &&(u32, u32, GateId)| entry.0 == id.0 && Some(RegionId(entry.1)) == region;
        list.iter().filter(mine).map(|entry| entry.2).collect::<Vec<_>>()
    };
    let place = |pool: PoolId| {
        let region = model.pools[pool.index()].region;
        let fit = structure.believed[pool.index()];
        let seen = match &failover.detection {
            Detection::Check(check) if check.sees == Sees::Node => structure.nodes[pool.index()],
            Detection::Check(check) if check.sees == Sees::Region => structure.seen_in_region[pool.index()],
            Detection::Election(_) => structure.lives[pool.index()],
            Detection::Check(_) | Detection::Instant | Detection::After(_) => fit,
        };
        let region_name = region.map_or("", |region| &model.regions[region.index()].name);
        Place {
            fit,
            truly: structure.fit[pool.index()],
            lands_on: vec![pool.0],
            drains: drains::flags(layout, Some(pool), region),
            seen,
            checked: checked_pools(model, layout, pool, &failover.detection),
            serves: structure.serves[pool.index()],
            acks: structure.acks.iter().find(|(acks, _)| *acks == pool.0).map(|&(_, gate)| gate),
            leads: structure.leads.iter().find(|(known, _)| *known == pool.0).map(|&(_, gate)| gate),
            ways: Vec::new(),
            heard: Vec::new(),
            voters: layout.first_shelf(pool.index()).serving,
            here: flags(&structure.here, region),
            elsewhere: flags(&structure.elsewhere, region),
            pools: vec![pool.0],
            detect: Entity::new(&format!("{}@{region_name}/failover", service.name)).key(Purpose::Detect),
        }
    };
    let mut places: Vec<Place> = failover.order.iter().map(|&pool| place(pool)).collect();
    let region = |pool: &PoolId| model.pools[pool.index()].region;
    let regions: Vec<Option<RegionId>> = failover.order.iter().map(region).collect();
    add_ways(layout, &regions, &mut places);
    let data = match &service.replication {
        None => Data::None,
        Some(Replication::Async { lag } | Replication::SemiSync { lag, .. } | Replication::MultiPrimary { lag }) => {
            Data::Copies { lag: Some(lag.clone()) }
        }
        Some(Replication::Sync { .. } | Replication::Quorum { .. }) => Data::Copies { lag: None },
    };
    let semi_sync = match &service.replication {
        Some(Replication::SemiSync { give_up, .. }) => {
            let flowing = structure.flowing.iter().find(|(service, _)| *service == id.0);
            flowing.map(|&(_, flowing)| SemiSync { give_up: *give_up, flowing })
        }
        Some(
            Replication::Async { .. }
            | Replication::Sync { .. }
            | Replication::Quorum { .. }
            | Replication::MultiPrimary { .. },
        )
        | None => None,
    };
    let entity = Entity::new(&format!("{}/failover", service.name));
    let available = Some(layout.service_gates[id.index()]);
    let process = compile(model, layout, structure, failover, places, data, entity);
    layout.processes.push(Process { service: Some(id.0), available, semi_sync, ..process });
}

/// A service of which every copy takes writes: a process that never promotes anybody, but counts what is lost.
fn add_multi_primary(model: &Model, layout: &mut Layout, structure: &Structure, id: ServiceId, lag: &Law) {
    let service = &model.services[id.index()];
    let place = |&pool: &PoolId| {
        let serving = layout.first_shelf(pool.index()).serving;
        let (fit, truly, seen, serves, voters) = (serving, serving, serving, serving, serving);
        Place {
            fit,
            truly,
            lands_on: Vec::new(),
            drains: Vec::new(),
            seen,
            checked: Vec::new(),
            serves,
            acks: None,
            voters,
            leads: None,
            ways: Vec::new(),
            heard: Vec::new(),
            here: Vec::new(),
            elsewhere: Vec::new(),
            pools: Vec::new(),
            detect: Entity::new(&format!("{}/copy {}", service.name, pool.0)).key(Purpose::Detect),
        }
    };
    let places = service.pools.iter().map(place).collect();
    let never: Failover<PoolId> = Failover::never(service.pools.clone());
    let entity = Entity::new(&format!("{}/copies", service.name));
    let process = compile(model, layout, structure, &never, places, Data::MultiPrimary { lag: lag.clone() }, entity);
    layout.processes.push(Process { service: Some(id.0), ..process });
}

/// The pools whose nodes a check of the pool looks at: its own and, if it sees the region, those it needs there; none
/// where no node can ail.
fn checked_pools(model: &Model, layout: &Layout, pool: PoolId, detection: &Detection) -> Vec<u32> {
    let Detection::Check(check) = detection else { return Vec::new() };
    if layout.ailments.is_empty() {
        return Vec::new();
    }
    let mut pools = vec![pool.0];
    let mut at = 0;
    while let Some(&pool) = pools.get(at).filter(|_| check.sees != Sees::Node || at == 0) {
        let pool = &model.pools[pool as usize];
        let hard = model.services[pool.service.index()].needs.iter().filter(|need| need.is_hard());
        let needed = needed_services(model, hard.map(|need| need.term.clone()));
        let here = needed.into_iter().filter_map(|need| pool_in(model, ServiceId(need), pool.region?));
        for next in here.filter(|_| check.sees != Sees::Node) {
            if !pools.contains(&next.0) {
                pools.push(next.0);
            }
        }
        at += 1;
    }
    pools
}

/// The same for a check of the region.
fn entry_pools(model: &Model, layout: &Layout, region: RegionId, detection: &Detection) -> Vec<u32> {
    let entry = pool_in(model, model.routing.entry, region);
    entry.map_or(Vec::new(), |pool| checked_pools(model, layout, pool, detection))
}

/// The ways between the places of a failover, which stand in these regions.
fn add_ways(layout: &mut Layout, regions: &[Option<RegionId>], places: &mut [Place]) {
    if layout.cuts.list.is_empty() {
        return;
    }
    let cuts = layout.cuts.clone();
    let ends: Vec<Option<Endpoint>> = regions.iter().map(|region| region.map(Endpoint::Region)).collect();
    for (place, &one) in places.iter_mut().zip(&ends) {
        place.ways = ends.iter().map(|&other| super::cuts::between(layout, &cuts, one?, other?)).collect();
        place.heard = ends.iter().map(|&other| super::cuts::one_way(layout, &cuts, one?, other?)).collect();
    }
}

fn compile<T>(
    model: &Model,
    layout: &mut Layout,
    structure: &Structure,
    failover: &Failover<T>,
    places: Vec<Place>,
    data: Data,
    entity: Entity,
) -> Process {
    let needs = all_of(model, layout, structure, &failover.needs);
    Process {
        service: None,
        available: None,
        from_outside: false,
        places,
        detection: failover.detection.clone(),
        page: failover.page.clone(),
        promote: failover.promote.clone(),
        success: failover.success,
        manual: failover.manual.clone(),
        needs,
        fencing: failover.fencing,
        reconcile: failover.reconcile.clone(),
        hold_down: failover.hold_down,
        failback: failover.failback.clone(),
        data,
        semi_sync: None,
        entity,
        subjects: Vec::new(),
    }
}

/// True while all these terms hold, seen from nowhere.
fn all_of(model: &Model, layout: &mut Layout, structure: &Structure, terms: &[Term]) -> GateId {
    let gates: Vec<GateId> =
        terms.iter().map(|term| term_gate(model, layout, structure, term, Reach::Any, None, AsIf::Now)).collect();
    layout.wiring.all(&gates)
}

/// By service: the processes of what it needs, itself included.
fn reached_processes(model: &Model, layout: &Layout) -> Vec<Vec<u32>> {
    let mut reached: Vec<Vec<u32>> = vec![Vec::new(); model.services.len()];
    for id in in_order(model) {
        let service = &model.services[id.index()];
        let mut all: Vec<u32> =
            needed_services(model, service.needs.iter().filter(|need| need.is_hard()).map(|need| need.term.clone()))
                .into_iter()
                .flat_map(|need| reached[need as usize].clone())
                .collect();
        let own = layout.processes.iter().position(|process| process.service == Some(id.0));
        all.extend(own.map(|own| own as u32));
        all.sort_unstable();
        all.dedup();
        reached[id.index()] = all;
    }
    reached
}

/// Whose outage a failover of a service belongs to: the service's, of those who need it, of the users.
fn add_subjects(model: &Model, layout: &mut Layout) {
    let users: Vec<u32> = (0..layout.first_service as u32).collect();
    for process in 0..layout.processes.len() {
        let mut subjects = Vec::new();
        for (service, reached) in layout.service_processes.iter().enumerate() {
            if reached.contains(&(process as u32)) {
                subjects.push((layout.first_service + service) as u32);
                if service == model.routing.entry.index() {
                    subjects.extend(&users);
                }
            }
        }
        layout.processes[process].subjects = subjects;
    }
}

fn build_routing(model: &Model, layout: &mut Layout, structure: &Structure) {
    let routing = &model.routing;
    let entry = &model.services[routing.entry.index()];
    let followed = entry.failover.as_ref();
    let at_once = routing.propagation == Propagation::Instant;
    if entry.kind == ServiceKind::Dependency || (followed.is_some() && at_once) {
        return connect_direct(layout, layout.service_gates[routing.entry.index()]);
    }
    let primary = layout.processes.iter().position(|process| process.service == Some(routing.entry.0));
    let (choice, process) = match (followed, &routing.policy) {
        (Some(failover), _) => {
            let regions = failover.order.iter().filter_map(|pool| model.pools[pool.index()].region);
            (Choice::Active(regions.map(|region| region.0).collect()), primary)
        }
        (None, Policy::ActivePassive(failover)) => {
            add_region_process(model, layout, structure, failover);
            let regions = failover.order.iter().map(|region| region.0).collect();
            (Choice::Active(regions), Some(layout.processes.len() - 1))
        }
        (None, Policy::Weighted { weights }) => (Choice::Weighted(weights.clone()), None),
        (None, Policy::Latency | Policy::Geo) => {
            let groups = (0..model.groups.len() as u32).map(GroupId);
            (Choice::Ordered(groups.map(|group| preference(model, group)).collect()), None)
        }
    };
    let process = process.map(|process| process as u32);
    let waits = routing.page.is_some() || !routing.hold_down.is_zero() || routing.failback.is_some();
    let sure = !routing.moves.can_fail();
    let hosts = (0..model.regions.len() as u32).filter(|&region| hosts_entry(model, RegionId(region))).count();
    // with few regions left users go where nobody serves
    let panics = routing.panic * hosts as f64 > 1.0;
    let perfect = at_once && routing.detection == Detection::Instant && !waits && sure && !panics;
    // requests go where the weights say, not only where somebody serves
    let spread = layout.for_requests && matches!(choice, Choice::Weighted(_));
    if process.is_none() && perfect && !spread && !super::load::is_needed(model) {
        let used = |region: &usize| match &choice {
            Choice::Weighted(weights) => weights[*region] > 0.0,
            Choice::Ordered(_) | Choice::Active(_) => true,
        };
        let gates: Vec<GateId> =
            (0..model.regions.len()).filter(used).map(|region| layout.region_gates[region]).collect();
        let any = layout.wiring.at_least(1, &gates);
        return connect_direct(layout, any);
    }
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

/// Of the move of users off a lost region: does it work, and how long do people need if not?
const MOVES: [Purpose; 2] = [Purpose::Success, Purpose::Manual];

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
