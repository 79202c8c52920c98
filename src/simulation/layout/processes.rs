//! Failover processes, compiled.

use super::order::{in_order, needed_services};
use super::structure::{AsIf, Structure, pool_in, term_gate};
use super::{Data, Layout, Place, Process, SemiSync, drains};
use crate::engine::streams::{Entity, Purpose};
use crate::model::Model;
use crate::model::dist::Law;
use crate::model::failover::{Detection, Failover, Replication, Sees};
use crate::model::topology::{Endpoint, PoolId, Reach, RegionId, ServiceId, Term};
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
    super::routing::build(model, layout, structure);
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
pub(super) fn checked_pools(model: &Model, layout: &Layout, pool: PoolId, detection: &Detection) -> Vec<u32> {
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

/// The ways between the places of a failover, which stand in these regions.
pub(super) fn add_ways(layout: &mut Layout, regions: &[Option<RegionId>], places: &mut [Place]) {
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

pub(super) fn compile<T>(
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
pub(super) fn all_of(model: &Model, layout: &mut Layout, structure: &Structure, terms: &[Term]) -> GateId {
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
