//! Shelves, units and clocks: where nodes stand and which faults strike them.

use super::groups::{Pick, ShockPlan, group, nodes_in};
use super::{Calendar, ClockPlan, Kind, Layout, Manner, NOT_PLAIN, PoolPlan, Shelf, Unit, UnitKind, ailments};
use crate::engine::streams::{Entity, Purpose};
use crate::model::Model;
use crate::model::dist::Law;
use crate::model::failure::{Fault, Mode, Process, Role, Strikes, Target};
use crate::model::topology::{Endpoint, Pool, PoolId, ZoneId};
use crate::time::Span;
use std::collections::BTreeMap;

/// Lay out pools, then units by kind, then the faults on them.
pub fn build(model: &Model, layout: &mut Layout) {
    for (index, pool) in model.pools.iter().enumerate() {
        add_pool(model, layout, PoolId(index as u32), pool);
    }
    let places = (0..model.zones.len() as u32)
        .map(UnitKind::Zone)
        .chain((0..model.regions.len() as u32).map(UnitKind::Region))
        .chain((0..model.services.len() as u32).map(UnitKind::Service))
        .chain((0..layout.cuts.list.len() as u32).map(UnitKind::Cut))
        .chain((0..layout.grays.len() as u32).map(UnitKind::Gray));
    for kind in places {
        let name = match kind {
            UnitKind::Zone(zone) => zone_name(model, zone),
            UnitKind::Region(region) => model.regions[region as usize].name.clone(),
            UnitKind::Service(service) => model.services[service as usize].name.clone(),
            UnitKind::Cut(cut) => cut_name(model, layout.cuts.list[cut as usize].target),
            UnitKind::Gray(gray) => format!("{} slow", cut_name(model, layout.grays[gray as usize].target)),
            UnitKind::Node(_) | UnitKind::Group(_) => unreachable!("places only"),
        };
        let site = layout.sites.len() as u32;
        layout.sites.push(name);
        layout.units.push(Unit::new(kind, site));
        layout.place_shelves.push(shelves_in(model, layout, kind));
    }
    for region in &model.regions {
        layout.region_keys.push(Entity::new(&region.name).key(Purpose::Wake));
    }
    add_faults(model, layout);
}

/// What a place takes with it.
fn shelves_in(model: &Model, layout: &Layout, place: UnitKind) -> Vec<u32> {
    let stands_there = |shelf: &Shelf| {
        let pool = &model.pools[shelf.pool as usize];
        match place {
            UnitKind::Node(_) | UnitKind::Group(_) | UnitKind::Gray(_) => false,
            UnitKind::Zone(zone) => shelf.zone == Some(zone),
            // what stands in no zone of the region stands nowhere
            UnitKind::Region(region) => pool.region.is_some_and(|id| id.0 == region) && !pool.zones.is_empty(),
            UnitKind::Service(service) => pool.service.0 == service,
            UnitKind::Cut(cut) => match layout.cuts.list[cut as usize].target {
                Target::Zone(zone) => shelf.zone == Some(zone.0),
                Target::EachNode { .. } | Target::Region(_) | Target::Service(_) | Target::Link { .. } => false,
            },
        }
    };
    (0..layout.shelves.len() as u32).filter(|&shelf| stands_there(&layout.shelves[shelf as usize])).collect()
}

/// `us-east/a`.
fn zone_name(model: &Model, zone: u32) -> String {
    let zone = &model.zones[zone as usize];
    format!("{}/{}", model.regions[zone.region.index()].name, zone.name)
}

/// `us-east partition`, `us-east <-> us-west`.
fn cut_name(model: &Model, target: Target) -> String {
    let end = |end: Endpoint| match end {
        Endpoint::Region(region) => &model.regions[region.index()].name,
        Endpoint::Group(group) => &model.groups[group.index()].name,
    };
    match target {
        Target::Link { from, to, both } => format!("{} {} {}", end(from), if both { "<->" } else { "->" }, end(to)),
        Target::Zone(zone) => format!("{} partition", zone_name(model, zone.0)),
        Target::Region(region) => format!("{} partition", model.regions[region.index()].name),
        Target::EachNode { pool, .. } => pool_name(model, &model.pools[pool.index()]),
        Target::Service(service) => model.services[service.index()].name.clone(),
    }
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
    (f64::from(pool.most_nodes()) * pool.standby.running - 1e-9).ceil().max(0.0) as u32
}

/// Can a node of the pool break without being seen?
fn can_hide(model: &Model, id: PoolId) -> bool {
    let hides = |fault: &&Fault| matches!(fault.process, Process::Random { latent: Some(_), .. });
    let pool = &model.pools[id.index()];
    model.faults.iter().filter(hides).any(|fault| match fault.target {
        Target::EachNode { pool, .. } => pool == id,
        Target::Region(region) => pool.region == Some(region),
        Target::Zone(zone) => pool.zones.contains(&zone),
        Target::Service(service) => pool.service == service,
        Target::Link { .. } => false,
    })
}

fn add_pool(model: &Model, layout: &mut Layout, id: PoolId, pool: &Pool) {
    let hides = can_hide(model, id);
    layout.some_hide |= hides;
    let name = pool_name(model, pool);
    let need = model.need_of(pool);
    let serving = layout.wiring.gate(need);
    let running = running(pool);
    let fit = if running < pool.most_nodes() { layout.wiring.gate(need) } else { serving };
    let seen = if hides { layout.wiring.gate(need) } else { fit };
    let first_shelf = layout.shelves.len();
    let mut shelf_at: BTreeMap<(Option<ZoneId>, bool), u32> = BTreeMap::new();
    let site = layout.sites.len() as u32;
    layout.sites.push(name.clone());
    let first_unit = layout.units.len() as u32;
    for node in 0..pool.most_nodes() {
        let zone = pool.zones.get(node as usize % pool.zones.len().max(1)).copied();
        let stoppable = node >= running;
        let shelf = *shelf_at.entry((zone, stoppable)).or_insert_with(|| {
            let zone = zone.map(|zone| zone.0);
            let (nodes, nodes_at_start, sums) = (0, 0, Vec::new());
            let shelf = Shelf { pool: id.0, zone, nodes, nodes_at_start, serving, fit, seen, sums, stoppable };
            layout.shelves.push(shelf);
            layout.shelves.len() as u32 - 1
        });
        layout.shelves[shelf as usize].nodes += 1;
        layout.shelves[shelf as usize].nodes_at_start += u32::from(node < pool.nodes);
        layout.units.push(Unit::new(UnitKind::Node(shelf), site));
    }
    layout.pools.push(PoolPlan {
        shelves: (first_shelf as u32..layout.shelves.len() as u32).collect(),
        first_unit,
        nodes: pool.most_nodes(),
        nodes_at_start: pool.nodes,
        warm_up: pool.warm_up.filter(|_| pool.capacity.is_some()),
        scale: pool.autoscale.clone().filter(|_| pool.capacity.is_some() || layout.for_requests),
        ageing: pool.standby.ageing,
        wake: pool.standby.wake.clone(),
        wake_key: Entity::new(&name).key(Purpose::Wake),
        coverage: pool.coverage.clone().map(|coverage| (coverage, Entity::new(&name).key(Purpose::Coverage))),
        loaded: false,
        hot: pool.coverage.is_none()
            && running == pool.most_nodes()
            && pool.standby.ageing.to_bits() == 1.0f64.to_bits(),
    });
}

fn add_faults(model: &Model, layout: &mut Layout) {
    let first_group = layout.units.len();
    let ailments: Vec<Option<u32>> = (0..model.faults.len())
        .map(|number| ailments::of_fault(model, layout, number, entity(model, number, "/ramp")))
        .collect();
    for (number, &ailment) in ailments.iter().enumerate() {
        add_group(model, layout, number, ailment);
    }
    let mut group = first_group as u32;
    let mut strikes = Vec::new();
    let mut shared = vec![false; layout.units.len()];
    for (number, fault) in model.faults.iter().enumerate() {
        if fault.is_slowness_of_a_place() && !layout.for_requests {
            continue;
        }
        let struck = if is_group(fault) {
            group += 1;
            let UnitKind::Group(plan) = layout.units[group as usize - 1].kind else { continue };
            let units = layout.groups[plan as usize].choices.iter().flatten();
            units.for_each(|&unit| shared[unit as usize] = true);
            vec![(0, group - 1)]
        } else if fault.strikes == Strikes::Each {
            struck_units(model, layout, fault)
        } else {
            nodes_in(model, layout, fault.target).into_iter().enumerate().map(|(at, unit)| (at as u32, unit)).collect()
        };
        match &fault.process {
            Process::Random { .. } => {
                let fault = number as u32;
                strikes.extend(struck.into_iter().map(|(member, unit)| Struck { unit, fault, member }));
            }
            Process::Calendar { .. } => {
                let units = struck.into_iter().map(|(_, unit)| unit).collect();
                let units = add_calendar(model, layout, number, units, ailments[number]);
                for unit in units {
                    shared[unit as usize] = true;
                }
            }
        }
    }
    for deploys in &model.deploys {
        let nodes = nodes_in(model, layout, Target::Service(deploys.service));
        for node in nodes {
            shared[node as usize] = true;
        }
    }
    for fault in &model.faults {
        if fault.role != Role::Any {
            // who waits must be known wherever somebody asks for it
            for pool in pools_in(model, layout, fault.target) {
                layout.pools[pool as usize].hot = false;
            }
        }
        let Target::EachNode { pool, .. } = fault.target else { continue };
        let plan = &mut layout.pools[pool.index()];
        plan.loaded |= matches!(fault.process, Process::Random { load_power, .. } if load_power != 0.0);
    }
    for &Struck { unit, fault, .. } in &strikes {
        let fault = &model.faults[fault as usize];
        if fault.role != Role::Any && !matches!(layout.units[unit as usize].kind, UnitKind::Node(_)) {
            for pool in pools_in(model, layout, fault.target) {
                layout.follow_role[pool as usize].push(unit);
            }
        }
    }
    strikes.sort_by_key(|struck| struck.unit);
    add_clocks(model, layout, strikes, &shared, &ailments);
}

/// The pools with nodes in the target.
fn pools_in(model: &Model, layout: &Layout, target: Target) -> Vec<u32> {
    let pool_of = |unit: u32| match layout.units[unit as usize].kind {
        UnitKind::Node(shelf) => Some(layout.shelves[shelf as usize].pool),
        UnitKind::Zone(_)
        | UnitKind::Region(_)
        | UnitKind::Service(_)
        | UnitKind::Cut(_)
        | UnitKind::Group(_)
        | UnitKind::Gray(_) => None,
    };
    let mut pools: Vec<u32> = nodes_in(model, layout, target).into_iter().filter_map(pool_of).collect();
    pools.dedup();
    pools
}

/// A fault by the calendar on these units; answers whom it strikes.
fn add_calendar(model: &Model, layout: &mut Layout, number: usize, struck: Vec<u32>, ailment: Option<u32>) -> Vec<u32> {
    let fault = &model.faults[number];
    let Process::Calendar { at, lasts, rolling, drain } = &fault.process else { return Vec::new() };
    let units = if *rolling { nodes_in(model, layout, fault.target) } else { struck };
    let cause = layout.cause(&fault.cause);
    let drain = (!drain.is_zero()).then(|| (*drain, layout.wiring.gate(1)));
    layout.drains.extend(drain.map(|(_, flag)| (fault.target, flag)));
    layout.calendars.push(Calendar {
        at: at.clone(),
        lasts: lasts.clone(),
        key: entity(model, number, "").key(Purpose::Repair),
        units: units.clone(),
        cause,
        manner: Manner::of(fault),
        // a group hands it on to whom it draws
        ailment: ailment.filter(|_| !is_group(fault)),
        role: fault.role,
        planned: fault.mode == Mode::Maintenance,
        rolling: *rolling,
        drain,
    });
    units
}

/// Has the fault one clock for what goes out and comes back together?
fn is_group(fault: &Fault) -> bool {
    match (fault.strikes, &fault.process) {
        (_, Process::Calendar { rolling: true, .. })
        | (Strikes::Each, _)
        | (Strikes::Share(_) | Strikes::Nodes(_), Process::Random { .. }) => false,
        (Strikes::Blast(_), _) | (Strikes::Share(_) | Strikes::Nodes(_), Process::Calendar { .. }) => true,
    }
}

/// The unit of a fault on a group.
fn add_group(model: &Model, layout: &mut Layout, number: usize, ailment: Option<u32>) {
    let fault = &model.faults[number];
    if !is_group(fault) {
        return;
    }
    let (whole, site) = match fault.target {
        Target::EachNode { pool, .. } => (None, layout.units[layout.pools[pool.index()].first_unit as usize].site),
        Target::Region(_) | Target::Zone(_) | Target::Service(_) | Target::Link { .. } => {
            let unit = struck_units(model, layout, fault)[0].1;
            (Some(unit), layout.units[unit as usize].site)
        }
    };
    let plan = group(model, layout, fault, whole, (entity(model, number, "").key(Purpose::Hit), ailment));
    let kind = UnitKind::Group(layout.groups.len() as u32);
    layout.groups.push(plan);
    layout.units.push(Unit::new(kind, site));
}

/// Clocks unit by unit, as `strikes` are; `shared` units are held by more than their own clocks.
fn add_clocks(model: &Model, layout: &mut Layout, strikes: Vec<Struck>, shared: &[bool], ailments: &[Option<u32>]) {
    for struck in &strikes {
        layout.units[struck.unit as usize].clocks += 1;
    }
    let mut first = 0;
    for unit in &mut layout.units {
        unit.first_clock = first;
        first += unit.clocks;
    }
    let plain_pools: Vec<bool> = (0..layout.pools.len())
        .map(|pool| {
            let plan = &layout.pools[pool];
            let alone = |unit: u32| {
                let plan = &layout.units[unit as usize];
                let only = (plan.clocks == 1).then(|| strikes[plan.first_clock as usize].fault);
                only.is_some_and(|fault| super::plain::is_plain(&model.faults[fault as usize]))
            };
            !layout.for_requests && plan.hot && plan.units().all(alone)
        })
        .collect();
    let others = |shelf: u32| {
        let pool = &layout.pools[layout.shelves[shelf as usize].pool as usize];
        pool.units().any(|unit| shared[unit as usize])
    };
    let others: Vec<bool> = (0..layout.shelves.len() as u32).map(others).collect();
    let mut kinds = BTreeMap::new();
    let fault_of_clock: Vec<u32> = strikes.iter().map(|struck| struck.fault).collect();
    layout.clocks.reserve_exact(strikes.len());
    for Struck { unit, fault, member } in strikes {
        let Unit { kind, site, .. } = layout.units[unit as usize];
        let shelf = match kind {
            UnitKind::Node(shelf) if plain_pools[layout.shelves[shelf as usize].pool as usize] => shelf,
            UnitKind::Node(_)
            | UnitKind::Zone(_)
            | UnitKind::Region(_)
            | UnitKind::Service(_)
            | UnitKind::Cut(_)
            | UnitKind::Group(_)
            | UnitKind::Gray(_) => NOT_PLAIN,
        };
        let kind = *kinds.entry((fault, shelf, site)).or_insert_with(|| {
            add_kind(model, layout, fault as usize, ailments[fault as usize], (shelf, site));
            if let Some(kind) = layout.kinds.last_mut() {
                kind.shared = shelf != NOT_PLAIN && others[shelf as usize];
            }
            layout.kinds.len() as u32 - 1
        });
        layout.clocks.push(ClockPlan { unit, kind, member });
    }
    super::crews::build(model, layout, &fault_of_clock);
    for number in 0..model.faults.len() {
        add_shock(model, layout, number, &fault_of_clock);
    }
}

/// The shock of a fault whose nodes are struck together, all or some.
fn add_shock(model: &Model, layout: &mut Layout, number: usize, fault_of_clock: &[u32]) {
    let fault = &model.faults[number];
    let Process::Random { fails, beta, .. } = &fault.process else { return };
    let (fails, pick) = match fault.strikes {
        Strikes::Each if *beta > 0.0 => (at_share(fails, *beta), Pick::Share(1.0)),
        Strikes::Each | Strikes::Blast(_) => return,
        Strikes::Share(share) => (fails.clone(), Pick::Share(share)),
        Strikes::Nodes(count) => (fails.clone(), Pick::Nodes(count)),
    };
    let pool = match fault.target {
        Target::EachNode { pool, .. } if *beta > 0.0 => Some(pool.0),
        Target::EachNode { .. } | Target::Region(_) | Target::Zone(_) | Target::Service(_) | Target::Link { .. } => {
            None
        }
    };
    let clocks = (0..fault_of_clock.len() as u32).filter(|&clock| fault_of_clock[clock as usize] == number as u32);
    let (entity, cause) = (entity(model, number, ""), layout.cause(&fault.cause));
    layout.shocks.push(ShockPlan {
        fails,
        key: entity.key(Purpose::Choice),
        hit: entity.key(Purpose::Hit),
        clocks: clocks.collect(),
        pick,
        pool,
        cause,
        manner: Manner::of(fault),
    });
}

/// The exponential law with this share of the rate.
fn at_share(law: &Law, share: f64) -> Law {
    if share <= 0.0 { Law::never() } else { Law::exponential(Span::from_secs_f64(law.mean_s() / share)) }
}

/// A random fault on a unit, by its place in the model and the unit's number among those that it strikes.
#[derive(Clone, Copy, Debug)]
struct Struck {
    unit: u32,
    fault: u32,
    member: u32,
}

fn add_kind(model: &Model, layout: &mut Layout, number: usize, ailment: Option<u32>, (shelf, site): (u32, u32)) {
    let fault = &model.faults[number];
    let Process::Random { fails, repair, ages, crew: _, beta, load_power, latent } = &fault.process else { return };
    let entity = entity(model, number, "");
    let fails = match fault.strikes {
        Strikes::Each if *beta > 0.0 => at_share(fails, 1.0 - beta),
        Strikes::Each | Strikes::Blast(_) => fails.clone(),
        Strikes::Share(_) | Strikes::Nodes(_) => Law::never(),
    };
    let kind = Kind {
        laws: [repair.clone(), fails],
        shelf,
        shared: false,
        gate: 0,
        site,
        cause: layout.cause(&fault.cause),
        manner: Manner::of(fault),
        ailment,
        ages: *ages,
        role: fault.role,
        load_power: *load_power,
        latent: latent.clone().map(|latent| Box::new((latent, entity.key(Purpose::Latent)))),
        key: entity.key(Purpose::Life),
        start: entity.key(Purpose::Start),
    };
    layout.kinds.push(kind);
}

/// Where the streams of a fault hang: its target, and which of the faults on it this is.
fn entity(model: &Model, number: usize, part: &str) -> Entity {
    let fault = &model.faults[number];
    let same = model.faults[..number].iter().filter(|other| other.target == fault.target).count();
    Entity::new(&(target_path(model, fault) + part)).member(same as u64)
}

/// (number within the target, unit) of everything that the fault strikes by itself.
fn struck_units(model: &Model, layout: &Layout, fault: &Fault) -> Vec<(u32, u32)> {
    let first_place = layout.first_place;
    let first_region = first_place + model.zones.len() as u32;
    let first_service = first_region + model.regions.len() as u32;
    let first_cut = first_service + model.services.len() as u32;
    if fault.cuts() {
        let cut = layout.cuts.list.iter().position(|cut| cut.is_of(fault));
        return cut.map(|cut| (0, first_cut + cut as u32)).into_iter().collect();
    }
    match fault.target {
        Target::EachNode { pool, zone } => {
            let plan = &layout.pools[pool.index()];
            let zones = &model.pools[pool.index()].zones;
            let in_zone = |node: u32| zone.is_none_or(|zone| zones[node as usize % zones.len()] == zone);
            (0..).zip(plan.units()).filter(|&(node, _)| in_zone(node)).collect()
        }
        Target::Region(region) => vec![(0, first_region + region.0)],
        Target::Zone(zone) => vec![(0, first_place + zone.0)],
        Target::Service(service) => vec![(0, first_service + service.0)],
        Target::Link { .. } => {
            let first_gray = first_cut + layout.cuts.list.len() as u32;
            let slow = |gray: &super::Gray| {
                gray.target == fault.target
                    && matches!(fault.mode, Mode::Slow { factor, .. } if factor.to_bits() == gray.factor.to_bits())
            };
            let gray = layout.grays.iter().position(slow);
            gray.map(|gray| (0, first_gray + gray as u32)).into_iter().collect()
        }
    }
}

fn target_path(model: &Model, fault: &Fault) -> String {
    if fault.cuts() {
        return format!("{}/partition", cut_name(model, fault.target));
    }
    match fault.target {
        Target::EachNode { pool, .. } => format!("{}/node", pool_name(model, &model.pools[pool.index()])),
        Target::Region(region) => format!("{}/outage", model.regions[region.index()].name),
        Target::Zone(zone) => format!("{}/outage", zone_name(model, zone.0)),
        Target::Link { .. } => cut_name(model, fault.target),
        Target::Service(service) => format!("{}/outage", model.services[service.index()].name),
    }
}
