//! Failover processes and routing, compiled.

use super::structure::{AsIf, Structure, in_order, needed_services, pool_in, term_gate};
use super::{Choice, Layout, Place, Process, RoutingPlan, Tracked};
use crate::engine::streams::{Entity, Purpose};
use crate::model::Model;
use crate::model::dist::Law;
use crate::model::failover::{Detection, Failover, Policy, Propagation, Replication, Sees};
use crate::model::topology::{GroupId, PoolId, Reach, RegionId, ServiceId, ServiceKind};
use crate::simulation::gates::{Edge, GateId};

/// Processes of services, then routing.
pub fn build(model: &Model, layout: &mut Layout, structure: &Structure) {
    for index in 0..model.services.len() {
        let id = ServiceId(index as u32);
        if let Some(failover) = &model.services[index].failover {
            add_service_process(model, layout, structure, id, failover);
        }
    }
    layout.service_processes = reached_processes(model, layout);
    add_subjects(model, layout);
    build_routing(model, layout, structure);
    for process in 0..layout.processes.len() {
        for place in 0..layout.processes[process].places.len() {
            let Place { fit, seen, serves, .. } = layout.processes[process].places[place];
            let edge = Edge::Place { process: process as u32, place: place as u32 };
            let mut gates = vec![fit, seen, serves];
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
            Detection::Check(_) | Detection::Instant | Detection::After(_) => fit,
        };
        let region_name = region.map_or("", |region| &model.regions[region.index()].name);
        Place {
            fit,
            truly: structure.fit[pool.index()],
            lands_on: vec![pool.0],
            seen,
            serves: structure.serves[pool.index()],
            here: flags(&structure.here, region),
            elsewhere: flags(&structure.elsewhere, region),
            pools: vec![pool.0],
            detect: Entity::new(&format!("{}@{region_name}/failover", service.name)).key(Purpose::Detect),
        }
    };
    let places = failover.order.iter().map(|&pool| place(pool)).collect();
    let lag = match &service.replication {
        Some(Replication::Async { lag }) => Some(lag.clone()),
        Some(Replication::Sync { .. }) | None => None,
    };
    let entity = Entity::new(&format!("{}/failover", service.name));
    let available = Some(layout.service_gates[id.index()]);
    let process = compile(model, layout, structure, failover, places, lag, entity);
    layout.processes.push(Process { service: Some(id.0), available, ..process });
}

fn compile<T>(
    model: &Model,
    layout: &mut Layout,
    structure: &Structure,
    failover: &Failover<T>,
    places: Vec<Place>,
    lag: Option<Law>,
    entity: Entity,
) -> Process {
    let needs: Vec<GateId> = failover
        .needs
        .iter()
        .map(|term| term_gate(model, layout, structure, term, Reach::Any, None, AsIf::Now))
        .collect();
    Process {
        service: None,
        available: None,
        places,
        detection: failover.detection.clone(),
        page: failover.page.clone(),
        promote: failover.promote.clone(),
        success: failover.success,
        manual: failover.manual.clone(),
        needs: layout.wiring.all(&needs),
        hold_down: failover.hold_down,
        failback: failover.failback.clone(),
        lag,
        entity,
        subjects: Vec::new(),
    }
}

/// By service: the processes of what it needs, itself included.
fn reached_processes(model: &Model, layout: &Layout) -> Vec<Vec<u32>> {
    let mut reached: Vec<Vec<u32>> = vec![Vec::new(); model.services.len()];
    for id in in_order(model) {
        let service = &model.services[id.index()];
        let mut all: Vec<u32> = needed_services(model, service.needs.iter().map(|need| &need.term))
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
    if entry.failover.is_some() || entry.kind == ServiceKind::Dependency {
        return connect_direct(layout, layout.service_gates[routing.entry.index()]);
    }
    let at_once = routing.propagation == Propagation::Instant && routing.detection == Detection::Instant;
    let choice = match &routing.policy {
        Policy::ActivePassive(failover) => {
            add_region_process(model, layout, structure, failover);
            Choice::Active(failover.order.iter().map(|region| region.0).collect())
        }
        Policy::Weighted { weights } => Choice::Weighted(weights.clone()),
        Policy::Latency | Policy::Geo => {
            Choice::Ordered((0..model.groups.len() as u32).map(|group| preference(model, GroupId(group))).collect())
        }
    };
    let process = match choice {
        Choice::Active(_) => Some(layout.processes.len() as u32 - 1),
        Choice::Ordered(_) | Choice::Weighted(_) => None,
    };
    if process.is_none() && at_once && routing.failback.is_none() {
        let used = |region: &usize| match &choice {
            Choice::Weighted(weights) => weights[*region] > 0.0,
            Choice::Ordered(_) | Choice::Active(_) => true,
        };
        let gates: Vec<GateId> =
            (0..model.regions.len()).filter(used).map(|region| layout.region_gates[region]).collect();
        let any = layout.wiring.at_least(1, &gates);
        return connect_direct(layout, any);
    }
    let region_key =
        |region: usize, purpose| Entity::new(&format!("routing/{}", model.regions[region].name)).key(purpose);
    for region in 0..model.regions.len() {
        let edge = Edge::Region(region as u32);
        layout.wiring.connect(layout.region_gates[region], edge);
        if structure.seen[region] != layout.region_gates[region] {
            layout.wiring.connect(structure.seen[region], edge);
        }
    }
    layout.routing = RoutingPlan::Tracked(Box::new(Tracked {
        process,
        detection: routing.detection.clone(),
        seen: structure.seen.clone(),
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
        truly: layout.region_levels[region.index()],
        lands_on: in_region(region),
        seen: structure.seen[region.index()],
        serves: layout.region_gates[region.index()],
        here: Vec::new(),
        elsewhere: Vec::new(),
        pools: waiting(region),
        detect: Entity::new(&format!("routing/{}", model.regions[region.index()].name)).key(Purpose::Detect),
    };
    let places = failover.order.iter().map(|&region| place(region)).collect();
    let process = compile(model, layout, structure, failover, places, None, Entity::new("routing/failover"));
    let users = (0..layout.first_service as u32).collect();
    layout.processes.push(Process { subjects: users, ..process });
}
