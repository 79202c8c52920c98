//! Shelves, units and clocks: where nodes stand and which faults strike them.

use super::{Calendar, ClockPlan, Layout, PoolPlan, Shelf, Spec, Unit, UnitKind};
use crate::engine::streams::{Entity, Purpose};
use crate::model::Model;
use crate::model::failure::{Ages, Fault, Process, Target};
use crate::model::topology::{Pool, PoolId};

/// Lay out pools, then units by kind, then the faults on them.
pub fn build(model: &Model, layout: &mut Layout) {
    for (index, pool) in model.pools.iter().enumerate() {
        add_pool(model, layout, PoolId(index as u32), pool);
    }
    let places = (0..model.zones.len() as u32)
        .map(UnitKind::Zone)
        .chain((0..model.regions.len() as u32).map(UnitKind::Region))
        .chain((0..model.services.len() as u32).map(UnitKind::Service));
    for kind in places {
        let name = match kind {
            UnitKind::Zone(zone) => zone_name(model, zone),
            UnitKind::Region(region) => model.regions[region as usize].name.clone(),
            UnitKind::Service(service) => model.services[service as usize].name.clone(),
            UnitKind::Node(_) => unreachable!("places only"),
        };
        let site = layout.sites.len() as u32;
        layout.sites.push(name);
        layout.units.push(Unit { kind, first_clock: 0, clocks: 0, site });
    }
    for region in &model.regions {
        layout.region_keys.push(Entity::new(&region.name).key(Purpose::Wake));
    }
    add_faults(model, layout);
}

/// `us-east/a`.
fn zone_name(model: &Model, zone: u32) -> String {
    let zone = &model.zones[zone as usize];
    format!("{}/{}", model.regions[zone.region.index()].name, zone.name)
}

/// `api@us-east`; a dependency is just its name.
fn pool_name(model: &Model, pool: &Pool) -> String {
    let service = &model.services[pool.service.index()].name;
    match pool.region {
        Some(region) => format!("{service}@{}", model.regions[region.index()].name),
        None => service.clone(),
    }
}

/// Nodes run from the first: so many of them run while the pool waits.
fn running(pool: &Pool) -> u32 {
    (f64::from(pool.nodes) * pool.standby.running - 1e-9).ceil().max(0.0) as u32
}

fn add_pool(model: &Model, layout: &mut Layout, id: PoolId, pool: &Pool) {
    let name = pool_name(model, pool);
    let serving = layout.wiring.gate(pool.need);
    let running = running(pool);
    let fit = if running < pool.nodes { layout.wiring.gate(pool.need) } else { serving };
    let zones = pool.zones.len().max(1);
    let first_shelf = layout.shelves.len() as u32;
    let shelf_of = |node: u32| {
        let stopped = u32::from(node >= running);
        first_shelf + (node % zones as u32) * 2 + stopped
    };
    for zone in 0..zones {
        for stoppable in [false, true] {
            let index = layout.shelves.len() as u32;
            layout.shelves.push(Shelf { pool: id.0, nodes: 0, serving, fit, sums: Vec::new(), stoppable });
            if let Some(zone) = pool.zones.get(zone) {
                layout.zone_shelves[zone.index()].push(index);
            }
        }
    }
    let site = layout.sites.len() as u32;
    layout.sites.push(name.clone());
    let first_unit = layout.units.len() as u32;
    for node in 0..pool.nodes {
        let shelf = shelf_of(node);
        layout.shelves[shelf as usize].nodes += 1;
        layout.units.push(Unit { kind: UnitKind::Node(shelf), first_clock: 0, clocks: 0, site });
    }
    layout.pools.push(PoolPlan {
        shelves: (first_shelf..layout.shelves.len() as u32).collect(),
        first_unit,
        nodes: pool.nodes,
        ageing: pool.standby.ageing,
        wake: pool.standby.wake.clone(),
        wake_key: Entity::new(&name).key(Purpose::Wake),
        hot: running == pool.nodes && pool.standby.ageing.to_bits() == 1.0f64.to_bits(),
    });
}

fn add_faults(model: &Model, layout: &mut Layout) {
    let mut on_unit: Vec<Vec<(u32, Entity)>> = vec![Vec::new(); layout.units.len()];
    let mut calendar_units = vec![false; layout.units.len()];
    for (number, fault) in model.faults.iter().enumerate() {
        let cause = layout.cause(&fault.cause);
        let struck = struck_units(model, layout, fault);
        let same = model.faults[..number].iter().filter(|other| other.target == fault.target).count();
        let entity = Entity::new(&target_path(model, fault)).member(same as u64);
        match &fault.process {
            Process::Random { fails, repair, ages } => {
                let spec = layout.specs.len() as u32;
                let (fails, repair) = (fails.clone(), repair.clone());
                layout.specs.push(Spec { fails, repair, cause, silent: fault.mode.silent(), ages: *ages });
                for (member, unit) in struck {
                    on_unit[unit as usize].push((spec, entity.member(u64::from(member))));
                }
            }
            Process::Calendar { at, lasts } => {
                let units: Vec<u32> = struck.into_iter().map(|(_, unit)| unit).collect();
                units.iter().for_each(|&unit| calendar_units[unit as usize] = true);
                let (at, lasts, silent) = (at.clone(), lasts.clone(), fault.mode.silent());
                let key = entity.key(Purpose::Repair);
                layout.calendars.push(Calendar { at, lasts, key, units, cause, silent });
            }
        }
    }
    for (unit, faults) in on_unit.into_iter().enumerate() {
        let UnitKind::Node(shelf) = layout.units[unit].kind else {
            add_clocks(layout, unit, &faults, false);
            continue;
        };
        let alone = faults.len() == 1 && !calendar_units[unit];
        let steady = layout.pools[layout.shelves[shelf as usize].pool as usize].hot;
        let always = faults.iter().all(|(spec, _)| layout.specs[*spec as usize].ages == Ages::Always);
        add_clocks(layout, unit, &faults, alone && steady && always);
    }
}

fn add_clocks(layout: &mut Layout, unit: usize, faults: &[(u32, Entity)], plain: bool) {
    layout.units[unit].first_clock = layout.clocks.len() as u32;
    layout.units[unit].clocks = faults.len() as u32;
    for &(spec, entity) in faults {
        let key = |purpose| entity.key(purpose);
        let (life, repair, start) = (key(Purpose::Life), key(Purpose::Repair), key(Purpose::Start));
        layout.clocks.push(ClockPlan { unit: unit as u32, spec, life, repair, start, plain });
    }
}

/// (number within the target, unit) of everything that the fault strikes by itself.
fn struck_units(model: &Model, layout: &Layout, fault: &Fault) -> Vec<(u32, u32)> {
    let first_place: u32 = model.pools.iter().map(|pool| pool.nodes).sum();
    let first_region = first_place + model.zones.len() as u32;
    let first_service = first_region + model.regions.len() as u32;
    match fault.target {
        Target::EachNode { pool, zone } => {
            let plan = &layout.pools[pool.index()];
            let zones = &model.pools[pool.index()].zones;
            let in_zone = |node: u32| zone.is_none_or(|zone| zones[node as usize % zones.len()] == zone);
            (0..plan.nodes).filter(|&node| in_zone(node)).map(|node| (node, plan.first_unit + node)).collect()
        }
        Target::Region(region) => vec![(0, first_region + region.0)],
        Target::Zone(zone) => vec![(0, first_place + zone.0)],
        Target::Service(service) => vec![(0, first_service + service.0)],
    }
}

fn target_path(model: &Model, fault: &Fault) -> String {
    match fault.target {
        Target::EachNode { pool, .. } => format!("{}/node", pool_name(model, &model.pools[pool.index()])),
        Target::Region(region) => format!("{}/outage", model.regions[region.index()].name),
        Target::Zone(zone) => format!("{}/outage", zone_name(model, zone.0)),
        Target::Service(service) => format!("{}/outage", model.services[service.index()].name),
    }
}
