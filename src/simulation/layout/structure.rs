//! What needs what: the gates of pools, services and regions.

use super::order::in_order;
use super::readers::with_readers;
use super::{Layout, Shelf, copies, cuts, drains};
use crate::model::Model;
use crate::model::failover::{Detection, Sees};
use crate::model::topology::{Need, PoolId, Reach, RegionId, Service, ServiceId, ServiceKind, Term};
use crate::simulation::gates::{Edge, GateId};

/// Gates by what they stand for, for whoever watches them.
#[derive(Debug, Default)]
pub struct Structure {
    /// By pool: enough nodes, were they all running.
    pub nodes: Vec<GateId>,
    /// By pool: enough nodes serve and what it needs holds.
    pub serves: Vec<GateId>,
    /// By pool: the same, were all stopped nodes running, its own and those that it needs.
    pub fit: Vec<GateId>,
    /// By pool: as `fit`, whether or not it has a majority behind it: then it shows that it lives.
    pub lives: Vec<GateId>,
    /// By pool: as `fit`, for all that can be seen.
    pub believed: Vec<GateId>,
    /// By region: what routing's checks see.
    pub seen: Vec<GateId>,
    /// By pool: what a failover's checks see whose `sees` is the region.
    pub seen_in_region: Vec<GateId>,
    /// By service with failover and region: flag, primary stands here.
    pub here: Vec<(u32, u32, GateId)>,
    /// By service with failover and region: flag, primary stands elsewhere.
    pub elsewhere: Vec<(u32, u32, GateId)>,
    /// By pool: what writes need beside, where only they fail without it.
    pub writes: Vec<Option<GateId>>,
    /// By pool of a semi-synchronous service: enough other copies.
    pub acks: Vec<(u32, GateId)>,
    /// By semi-synchronous service: flag, writes do not wait.
    pub flowing: Vec<(u32, GateId)>,
    /// By pool of a service with failover, where ways can be cut: flag, clients find it in charge.
    pub leads: Vec<(u32, GateId)>,
    /// By pool of these: it leads and serves.
    pub led: Vec<(u32, GateId)>,
    /// By pool of a service with failover: it is primary and serves.
    pub primary: Vec<(u32, GateId)>,
}

impl Structure {
    /// Does the pool serve, or would it?
    pub fn pool_gate(&self, pool: PoolId, as_if: AsIf) -> GateId {
        match as_if {
            AsIf::Now => self.serves[pool.index()],
            AsIf::Woken => self.fit[pool.index()],
            AsIf::Believed => self.believed[pool.index()],
        }
    }
}

/// Wire the model; services in the order of their needs, since those form no circle.
pub fn build(model: &Model, layout: &mut Layout) -> Structure {
    let mut structure = Structure::default();
    for pool in 0..model.pools.len() {
        let seen = layout.first_shelf(pool).seen;
        let seen = drains::over(layout, seen, Some(PoolId(pool as u32)), model.pools[pool].region);
        structure.nodes.push(seen);
    }
    structure.serves = vec![0; model.pools.len()];
    structure.fit = vec![0; model.pools.len()];
    structure.writes = vec![None; model.pools.len()];
    layout.admits = vec![0; model.pools.len()];
    layout.takes_writes = vec![None; model.pools.len()];
    structure.believed = vec![0; model.pools.len()];
    structure.lives = vec![0; model.pools.len()];
    layout.service_gates = vec![0; model.services.len()];
    let some_stop = layout.shelves.iter().any(|shelf| shelf.stoppable);
    for service in in_order(model) {
        build_service(model, layout, &mut structure, service, some_stop);
    }
    for region in 0..model.regions.len() as u32 {
        let serves = region_gate(model, layout, &mut structure, RegionId(region), AsIf::Now);
        layout.region_gates.push(serves);
        let could = if level_differs(model, some_stop) {
            region_gate(model, layout, &mut structure, RegionId(region), AsIf::Woken)
        } else {
            serves
        };
        layout.region_levels.push(could);
    }
    let order = in_order(model);
    for region in 0..model.regions.len() as u32 {
        let gate = seen_gate(model, layout, &mut structure, RegionId(region), &order);
        let gate = cuts::over(layout, gate, Some(RegionId(region)), None);
        let gate = drains::over(layout, gate, None, Some(RegionId(region)));
        structure.seen.push(gate);
    }
    structure.seen_in_region.clone_from(&structure.fit);
    for service in &model.services {
        add_seen_in_region(model, layout, &mut structure, service, &order);
    }
    for service in 0..model.services.len() {
        layout.wiring.connect(layout.service_gates[service], Edge::Subject((layout.first_service + service) as u32));
    }
    for region in 0..model.regions.len() {
        layout.wiring.connect(layout.region_levels[region], Edge::Subject((layout.first_region + region) as u32));
    }
    structure
}

fn build_service(model: &Model, layout: &mut Layout, structure: &mut Structure, id: ServiceId, some_stop: bool) {
    let service = &model.services[id.index()];
    let copies = copies::build(model, layout, structure, id);
    if service.failover.is_some() && !layout.cuts.list.is_empty() {
        let leads = service.pools.iter().map(|pool| (pool.0, layout.wiring.gate(1))).collect::<Vec<_>>();
        structure.leads.extend(leads);
    }
    for (place, &pool) in service.pools.iter().enumerate() {
        let region = model.pools[pool.index()].region;
        let &Shelf { serving, fit, .. } = layout.first_shelf(pool.index());
        let seen = structure.nodes[pool.index()];
        let differs = layout.some_hide || !layout.drains.is_empty();
        let mut with_needs = |own: GateId, as_if: AsIf| -> Vec<GateId> {
            let needs = service.needs.iter();
            let terms = needs.filter_map(|need| need_gate(model, layout, structure, need, region, as_if));
            std::iter::once(own).chain(terms).collect()
        };
        let depends_on = model.traffic.services.get(id.index()).map_or(0, |work| work.depends_on);
        let mut now = with_needs(serving, AsIf::Now);
        let mut woken = if some_stop { with_needs(fit, AsIf::Woken) } else { now.clone() };
        let mut believed = if differs { with_needs(seen, AsIf::Believed) } else { woken.clone() };
        let (majority, writes) = (&copies.fit[place], &copies.writes[place]);
        if layout.for_requests {
            layout.takes_writes[pool.index()] = {
                let both: Vec<GateId> = majority.iter().chain(writes).copied().collect();
                (!both.is_empty()).then(|| layout.wiring.all(&both))
            };
            let needs = &service.needs[..depends_on];
            let terms = needs.iter().filter_map(|need| need_gate(model, layout, structure, need, region, AsIf::Now));
            let gates: Vec<GateId> = std::iter::once(serving).chain(terms).collect();
            layout.admits[pool.index()] = layout.wiring.all(&gates);
        }
        if model.writes < 1.0 {
            let both: Vec<GateId> = majority.iter().chain(writes).copied().collect();
            structure.writes[pool.index()] = (!both.is_empty()).then(|| layout.wiring.all(&both));
        } else {
            now.extend(majority.iter().chain(writes));
        }
        let lives = (!majority.is_empty()).then(|| layout.wiring.all(&woken));
        woken.extend(majority);
        believed.extend(majority);
        structure.serves[pool.index()] = layout.wiring.all(&now);
        if let Some(&(_, leads)) = structure.leads.iter().find(|(known, _)| *known == pool.0) {
            let led = layout.wiring.all(&[leads, structure.serves[pool.index()]]);
            structure.led.push((pool.0, led));
        }
        structure.fit[pool.index()] =
            if woken == now { structure.serves[pool.index()] } else { layout.wiring.all(&woken) };
        structure.lives[pool.index()] = lives.unwrap_or(structure.fit[pool.index()]);
        structure.believed[pool.index()] =
            if believed == woken { structure.fit[pool.index()] } else { layout.wiring.all(&believed) };
    }
    layout.service_gates[id.index()] = if service.failover.is_some() {
        layout.wiring.gate(1)
    } else if service.pools.is_empty() {
        let regions = (0..model.regions.len() as u32).map(RegionId);
        let anywhere: Vec<GateId> =
            regions.map(|region| needs_gate(model, layout, structure, id, Some(region), AsIf::Now)).collect();
        layout.wiring.at_least(1, &anywhere)
    } else {
        let pools: Vec<GateId> = service.pools.iter().map(|pool| structure.serves[pool.index()]).collect();
        if let [only] = pools[..] { only } else { layout.wiring.at_least(1, &pools) }
    };
}

/// All needs of a service as seen from a region.
pub fn needs_gate(
    model: &Model,
    layout: &mut Layout,
    structure: &Structure,
    id: ServiceId,
    from: Option<RegionId>,
    as_if: AsIf,
) -> GateId {
    let needs = &model.services[id.index()].needs;
    let terms: Vec<GateId> =
        needs.iter().filter_map(|need| need_gate(model, layout, structure, need, from, as_if)).collect();
    layout.wiring.all(&terms)
}

/// What must hold for the need not to fail every request; none: it never does. A tier that asks nobody always answers.
fn need_gate(
    model: &Model,
    layout: &mut Layout,
    structure: &Structure,
    need: &Need,
    from: Option<RegionId>,
    as_if: AsIf,
) -> Option<GateId> {
    let mut tiers = need.fallback.iter().filter(|tier| tier.hit > 0.0);
    if need.share < 1.0 || !need.only.is_empty() || tiers.clone().any(|tier| tier.calls.is_none()) {
        return None;
    }
    let own = term_gate(model, layout, structure, &need.term, need.reach, from, as_if);
    if need.fallback.is_empty() {
        return Some(own);
    }
    let of_tier = |service| term_gate(model, layout, structure, &Term::Service(service), Reach::ByTarget, from, as_if);
    let mut gates: Vec<GateId> = tiers.by_ref().filter_map(|tier| tier.calls).map(of_tier).collect();
    gates.push(own);
    Some(layout.wiring.at_least(1, &gates))
}

/// True while the pool is primary and serves as such.
pub fn primary_gate(
    model: &Model,
    layout: &mut Layout,
    structure: &mut Structure,
    id: ServiceId,
    pool: PoolId,
) -> GateId {
    let Some(region) = model.pools[pool.index()].region else { return layout.service_gates[id.index()] };
    if let Some(&(_, gate)) = structure.led.iter().find(|(known, _)| *known == pool.0) {
        return gate;
    }
    let known = structure.primary.iter().find(|(known, _)| *known == pool.0).map(|(_, gate)| *gate);
    known.unwrap_or_else(|| {
        let here = layout.wiring.gate(1);
        structure.here.push((id.0, region.0, here));
        let gate = layout.wiring.all(&[here, layout.service_gates[id.index()]]);
        structure.primary.push((pool.0, gate));
        gate
    })
}

/// Which nodes of pools without failover count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AsIf {
    /// Those that run now.
    Now,
    /// Also those that are stopped while their pool waits.
    Woken,
    /// These, latent faults not counting since nobody sees them.
    Believed,
}

/// Does the term hold, seen from `from`?
pub fn term_gate(
    model: &Model,
    layout: &mut Layout,
    structure: &Structure,
    term: &Term,
    reach: Reach,
    from: Option<RegionId>,
    as_if: AsIf,
) -> GateId {
    let pool_gate = |pool: PoolId| structure.pool_gate(pool, as_if);
    match term {
        Term::Service(id) => {
            let service = &model.services[id.index()];
            let read_on = |layout: &mut Layout, gate| with_readers(model, layout, structure, gate, (*id, from), as_if);
            let local = from.and_then(|from| pool_in(model, *id, from));
            match (reach, local) {
                (Reach::ByTarget | Reach::Any | Reach::Primary, _)
                    if !layout.cuts.list.is_empty() && from.is_some() && !service.pools.is_empty() =>
                {
                    let gate = over_ways(model, layout, structure, *id, (reach, from), as_if);
                    read_on(layout, gate)
                }
                (Reach::ByTarget, Some(pool)) if service.failover.is_none() && !service.is_quorum() => pool_gate(pool),
                (Reach::Local, Some(pool)) => pool_gate(pool),
                (Reach::Local, None) if service.kind == ServiceKind::Dependency => layout.service_gates[id.index()],
                (Reach::Local, None) => layout.wiring.gate(1),
                (Reach::ByTarget | Reach::Any | Reach::Primary, _) => read_on(layout, layout.service_gates[id.index()]),
            }
        }
        Term::Pool(pool) if from.is_some() => {
            cuts::over(layout, pool_gate(*pool), from, model.pools[pool.index()].region)
        }
        Term::Pool(pool) => pool_gate(*pool),
        Term::AtLeast { count, of } => {
            let inputs: Vec<GateId> =
                of.iter().map(|term| term_gate(model, layout, structure, term, reach, from, as_if)).collect();
            layout.wiring.at_least(*count, &inputs)
        }
        Term::Nodes { count, of } => {
            let sum = layout.wiring.gate(*count);
            for &pool in of {
                copies::count_nodes(layout, pool, sum);
            }
            sum
        }
    }
}

/// Does the service serve, as far as the region reaches it?
fn over_ways(
    model: &Model,
    layout: &mut Layout,
    structure: &Structure,
    id: ServiceId,
    (reach, from): (Reach, Option<RegionId>),
    as_if: AsIf,
) -> GateId {
    let service = &model.services[id.index()];
    let local = from.and_then(|from| pool_in(model, id, from));
    let only = local.filter(|_| reach == Reach::ByTarget && service.failover.is_none() && !service.is_quorum());
    let pools = only.map_or(service.pools.clone(), |local| vec![local]);
    let gates: Vec<GateId> = pools
        .iter()
        .map(|pool| {
            let led = structure.led.iter().find(|(known, _)| *known == pool.0).map(|&(_, gate)| gate);
            let serves = structure.pool_gate(*pool, as_if);
            cuts::over(layout, led.unwrap_or(serves), from, model.pools[pool.index()].region)
        })
        .collect();
    layout.wiring.at_least(1, &gates)
}

/// Does the region's entry serve? Or, `as_if` woken, could it?
fn region_gate(model: &Model, layout: &mut Layout, structure: &mut Structure, region: RegionId, as_if: AsIf) -> GateId {
    let entry = model.routing.entry;
    let service = &model.services[entry.index()];
    if service.kind == ServiceKind::Dependency {
        return layout.service_gates[entry.index()];
    }
    if service.failover.is_some() && as_if == AsIf::Now {
        let here = layout.wiring.gate(1);
        structure.here.push((entry.0, region.0, here));
        return layout.wiring.all(&[here, layout.service_gates[entry.index()]]);
    }
    if service.pools.is_empty() {
        return needs_gate(model, layout, structure, entry, Some(region), as_if);
    }
    match pool_in(model, entry, region) {
        Some(pool) if as_if == AsIf::Woken => structure.fit[pool.index()],
        Some(pool) => structure.serves[pool.index()],
        None => layout.wiring.gate(1),
    }
}

/// Can a region's entry be out of service that could serve: not promoted, or stopped while it waits?
fn level_differs(model: &Model, some_stop: bool) -> bool {
    let entry = &model.services[model.routing.entry.index()];
    entry.kind != ServiceKind::Dependency && (some_stop || entry.failover.is_some())
}

/// The service's pool in the region.
pub fn pool_in(model: &Model, service: ServiceId, region: RegionId) -> Option<PoolId> {
    let pools = &model.services[service.index()].pools;
    pools.iter().copied().find(|pool| model.pools[pool.index()].region == Some(region))
}

/// Can users enter in the region? A service without pools is everywhere.
pub fn hosts_entry(model: &Model, region: RegionId) -> bool {
    let entry = model.routing.entry;
    model.services[entry.index()].pools.is_empty() || pool_in(model, entry, region).is_some()
}

/// What a check of the region sees, by the routing's `sees`.
fn seen_gate(
    model: &Model,
    layout: &mut Layout,
    structure: &mut Structure,
    region: RegionId,
    order: &[ServiceId],
) -> GateId {
    let routing = &model.routing;
    let detection = match &routing.policy {
        crate::model::failover::Policy::ActivePassive(failover) => &failover.detection,
        _ => &routing.detection,
    };
    let sees = match detection {
        Detection::Check(check) => check.sees,
        Detection::Instant | Detection::After(_) | Detection::Election(_) => Sees::Region,
    };
    let Some(entry) = pool_in(model, routing.entry, region) else {
        return layout.region_gates[region.index()];
    };
    match sees {
        Sees::Node => structure.nodes[entry.index()],
        Sees::Dependencies => structure.believed[entry.index()],
        Sees::Region => {
            let seen = seen_services(model, layout, structure, region, order);
            seen[routing.entry.index()].unwrap_or(structure.nodes[entry.index()])
        }
    }
}

/// For a failover whose checks see the region: the nodes of each pool and what they need there.
fn add_seen_in_region(
    model: &Model,
    layout: &mut Layout,
    structure: &mut Structure,
    service: &Service,
    order: &[ServiceId],
) {
    let detection = service.failover.as_ref().map(|failover| &failover.detection);
    let Some(Detection::Check(check)) = detection else { return };
    for &pool in service.pools.iter().filter(|_| check.sees == Sees::Region) {
        let Some(region) = model.pools[pool.index()].region else { continue };
        let seen = seen_services(model, layout, structure, region, order);
        let terms =
            service.needs.iter().filter_map(|need| seen_term(model, layout, structure, region, &need.term, &seen));
        let mut inputs: Vec<GateId> = terms.collect();
        inputs.push(structure.nodes[pool.index()]);
        structure.seen_in_region[pool.index()] = layout.wiring.all(&inputs);
    }
}

/// By service: what a check of the region sees of it.
fn seen_services(
    model: &Model,
    layout: &mut Layout,
    structure: &mut Structure,
    region: RegionId,
    order: &[ServiceId],
) -> Vec<Option<GateId>> {
    let mut seen: Vec<Option<GateId>> = vec![None; model.services.len()];
    for &service in order {
        seen[service.index()] = seen_service(model, layout, structure, region, service, &seen);
    }
    seen
}

/// What a check of the region sees of one service: its pool there and what that needs there; nothing if it is not
/// there. A pool of a service with failover counts only while it is primary.
fn seen_service(
    model: &Model,
    layout: &mut Layout,
    structure: &mut Structure,
    region: RegionId,
    id: ServiceId,
    seen: &[Option<GateId>],
) -> Option<GateId> {
    let service = &model.services[id.index()];
    let hard = service.needs.iter().filter(|need| need.is_hard());
    let terms = hard.filter_map(|need| seen_term(model, layout, structure, region, &need.term, seen));
    let mut inputs: Vec<GateId> = terms.collect();
    let Some(pool) = pool_in(model, id, region) else {
        return (service.pools.is_empty() && !inputs.is_empty()).then(|| layout.wiring.all(&inputs));
    };
    inputs.push(structure.nodes[pool.index()]);
    let own = layout.wiring.all(&inputs);
    if service.failover.is_none() {
        return Some(own);
    }
    let elsewhere = layout.wiring.gate(1);
    structure.elsewhere.push((id.0, region.0, elsewhere));
    Some(layout.wiring.at_least(1, &[elsewhere, own]))
}

fn seen_term(
    model: &Model,
    layout: &mut Layout,
    structure: &Structure,
    region: RegionId,
    term: &Term,
    seen: &[Option<GateId>],
) -> Option<GateId> {
    match term {
        Term::Service(service) => seen[service.index()],
        Term::Pool(pool) if model.pools[pool.index()].region == Some(region) => Some(structure.nodes[pool.index()]),
        Term::Pool(_) => None,
        Term::AtLeast { count, of } => {
            let inputs: Vec<Option<GateId>> =
                of.iter().map(|term| seen_term(model, layout, structure, region, term, seen)).collect();
            let unseen = inputs.iter().filter(|input| input.is_none()).count() as u32;
            let inputs: Vec<GateId> = inputs.into_iter().flatten().collect();
            (*count > unseen).then(|| layout.wiring.at_least(count - unseen, &inputs))
        }
        Term::Nodes { of, .. } => {
            let all_here = of.iter().all(|pool| model.pools[pool.index()].region == Some(region));
            all_here.then(|| term_gate(model, layout, structure, term, Reach::Local, Some(region), AsIf::Woken))
        }
    }
}
