//! What the demand meets on its way, compiled: pools of limited capacity, calls that only some requests make, tiers.
//!
//! A *station* is where requests arrive: a pool, or a service without pools as seen from a region. Stations stand in the
//! order of calls, callers first, so that one sweep spreads the load and one sweep back gathers what was served. Where
//! a callee is found depends on the moment: of its candidates the first whose gate holds. Models in which every call
//! is hard and no pool has a capacity have no plan: their levels are gates.

mod classes;

use super::order::{callers_first, in_order, needed_services};
use super::structure::{AsIf, Structure, needs_gate, pool_in, primary_gate};
use super::{Layout, cuts, readers};
use crate::model::Model;
use crate::model::failover::Policy;
use crate::model::failure::Fault;
use crate::model::topology::{Endpoint, GroupId, Need, PoolId, Reach, RegionId, ServiceId, ServiceKind, Term, Tier};
use crate::simulation::gates::{Edge, GateId};

/// The way of the demand.
#[derive(Clone, Debug, Default)]
pub struct LoadPlan {
    /// Requests per second of all users; 1 if that is not known.
    pub demand: f64,
    /// Is it known?
    pub knows_rates: bool,
    /// Number of classes of requests that differ, at least 1.
    pub classes: usize,
    /// Number of regions.
    pub regions: usize,
    /// By class: share of the requests that write.
    pub writes: Vec<f64>,
    /// By group: its share of the demand.
    pub shares: Vec<f64>,
    /// By group: its share of each class.
    pub mixes: Vec<Vec<f64>>,
    /// Do groups differ in their shares of classes?
    pub mixed: bool,
    /// Share of each class in all demand.
    pub whole_mix: Vec<f64>,
    /// By group: what answers at its users when requests fail.
    pub tiers: Vec<Vec<LoadTier>>,
    /// Names of all tiers, by bit; the last bit stands for all beyond it.
    pub tier_names: Vec<String>,
    /// Callers before callees.
    pub stations: Vec<Station>,
    /// By class and region: where its users arrive.
    pub entries: Vec<Vec<Vec<Candidate>>>,
    /// By pool: its station.
    pub of_pool: Vec<u32>,
    /// By service: its stations.
    pub of_service: Vec<Vec<u32>>,
    /// Does anybody ask how many calls go from one region to another?
    pub counts_crossings: bool,
    /// By service: do its copies read on without a primary?
    pub read_on: Vec<bool>,
    /// Shelves of plain nodes with a capacity, with their stations.
    pub limited: Vec<(u32, u32)>,
    /// By service: its stations and those of all that it needs.
    pub reached: Vec<Vec<u32>>,
    /// Pools whose nodes warm up, with their stations.
    pub warming: Vec<(u32, u32)>,
    /// Pools that scale.
    pub scaling: Vec<u32>,
    /// By group: regions in the order in which they take what others cannot carry; empty: none does.
    pub spill: Vec<Vec<u32>>,
    /// By region, where regions spill: the stations that those who enter there may reach by local calls, callers first.
    pub rooms: Vec<Vec<u32>>,
}

/// Where requests arrive.
#[derive(Clone, Debug)]
pub struct Station {
    /// The region, if it stands in one.
    pub region: Option<u32>,
    /// True while it serves.
    pub gate: GateId,
    /// Counts its serving nodes.
    pub nodes: GateId,
    /// Requests per second that a node carries; infinite: any number.
    pub capacity: f64,
    /// True while writes work, where they may fail alone.
    pub writes: Option<GateId>,
    /// Whom it calls.
    pub calls: Vec<LoadCall>,
}

/// A call.
#[derive(Clone, Debug)]
pub struct LoadCall {
    /// By class: share of the requests that make it.
    pub shares: Vec<f64>,
    /// Who may answer.
    pub to: Vec<Candidate>,
    /// Who answers those that only read, if others do.
    pub readers: Option<Vec<Candidate>>,
    /// Does it stay within the caller's region, whatever happens?
    pub local: bool,
    /// What answers when it fails; then the call is soft.
    pub tiers: Vec<LoadTier>,
}

/// A tier of a soft call.
#[derive(Clone, Debug)]
pub struct LoadTier {
    /// Share of the requests that it can answer.
    pub hit: f64,
    /// The bit of its name.
    pub bit: u64,
    /// Who answers; none: the caller itself.
    pub to: Option<Vec<Candidate>>,
}

/// A station that answers while its gate holds.
#[derive(Clone, Copy, Debug)]
pub struct Candidate {
    /// Which.
    pub station: u32,
    /// Does it, as seen by the caller?
    pub gate: GateId,
}

impl LoadPlan {
    /// The station by its own gate, as if every way to it were open.
    fn own(&self, station: u32) -> Candidate {
        Candidate { station, gate: self.stations[station as usize].gate }
    }
}

/// Are levels more than gates in this model?
pub fn is_needed(model: &Model) -> bool {
    let needs = model.services.iter().flat_map(|service| &service.needs);
    model.faults.iter().any(Fault::cuts)
        || super::ailments::weaken(model)
        || needs.into_iter().any(|need| !need.is_hard())
        || model.pools.iter().any(|pool| pool.capacity.is_some())
        || model.groups.iter().any(|group| !group.fallback.is_empty())
        || classes::differ(model)
        || super::copies::reads_go_on(model)
        || counts_crossings(model)
}

/// Is there a price for calls that go from one region to another?
fn counts_crossings(model: &Model) -> bool {
    model.costs.as_ref().is_some_and(|costs| costs.cross_region_million > 0.0)
}

/// The plan of the model, if it needs one.
pub fn build(model: &Model, layout: &mut Layout, structure: &mut Structure) -> Option<LoadPlan> {
    if !is_needed(model) {
        return None;
    }
    let rates: Option<f64> = model.groups.iter().map(|group| group.rate).sum();
    let mut plan = LoadPlan {
        demand: rates.unwrap_or(1.0),
        knows_rates: rates.is_some(),
        counts_crossings: counts_crossings(model),
        regions: model.regions.len(),
        shares: model.groups.iter().map(|group| group.share).collect(),
        of_pool: vec![0; model.pools.len()],
        of_service: vec![Vec::new(); model.services.len()],
        read_on: (0..model.services.len() as u32).map(|id| readers::read_on(model, ServiceId(id))).collect(),
        ..LoadPlan::default()
    };
    classes::divide(model, &mut plan);
    let callers_first = callers_first(model);
    for &service in &callers_first {
        add_stations(model, layout, structure, &mut plan, service);
    }
    for &service in &callers_first {
        for position in 0..plan.of_service[service.index()].len() {
            let station = plan.of_service[service.index()][position] as usize;
            let from = plan.stations[station].region.map(RegionId);
            let calls = model.services[service.index()].needs.iter();
            let calls = calls.filter_map(|need| call(model, layout, structure, &mut plan, need, from)).collect();
            plan.stations[station].calls = calls;
        }
    }
    for class in 0..plan.classes {
        let regions = 0..model.regions.len() as u32;
        let entry = |region| classes::entry(model, layout, structure, &plan, class, RegionId(region));
        let entries = regions.map(entry).collect();
        plan.entries.push(entries);
    }
    for group in &model.groups {
        let from = Some(group.near);
        let tiers =
            group.fallback.iter().map(|tier| load_tier(model, layout, structure, &mut plan, tier, from)).collect();
        plan.tiers.push(tiers);
    }
    plan.reached = reached(model, &plan);
    for (pool, laid) in layout.pools.iter().enumerate() {
        plan.warming.extend(laid.warm_up.map(|_| (pool as u32, plan.of_pool[pool])));
        plan.scaling.extend(laid.scale.as_ref().map(|_| pool as u32));
    }
    if spills(model) {
        plan.rooms = (0..plan.regions).map(|region| room(&plan, region)).collect();
        plan.spill = (0..model.groups.len() as u32).map(|group| regions(model, GroupId(group))).collect();
    }
    listen(layout, &plan);
    Some(plan)
}

/// By service: its stations and those of all that it needs.
fn reached(model: &Model, plan: &LoadPlan) -> Vec<Vec<u32>> {
    let mut reached: Vec<Vec<u32>> = vec![Vec::new(); model.services.len()];
    for id in in_order(model) {
        let needs = needed_services(model, model.services[id.index()].needs.iter().flat_map(Need::terms));
        let mut all = plan.of_service[id.index()].clone();
        all.extend(needs.into_iter().flat_map(|need| reached[need as usize].clone()));
        all.sort_unstable();
        all.dedup();
        reached[id.index()] = all;
    }
    reached
}

/// The stations that those who enter in a region may reach by local calls.
fn room(plan: &LoadPlan, region: usize) -> Vec<u32> {
    let mut reached = vec![false; plan.stations.len()];
    let entries = plan.entries.iter().flat_map(|entries| &entries[region]);
    entries.for_each(|entry| reached[entry.station as usize] = true);
    for index in 0..plan.stations.len() {
        let calls = plan.stations[index].calls.iter().filter(|call| call.local && reached[index]);
        let to: Vec<u32> = calls.flat_map(|call| &call.to).map(|callee| callee.station).collect();
        for callee in to {
            reached[callee as usize] = true;
        }
    }
    (0..plan.stations.len() as u32).filter(|&station| reached[station as usize]).collect()
}

fn spills(model: &Model) -> bool {
    let capacity = model.pools.iter().any(|pool| pool.capacity.is_some());
    let spread = !matches!(model.routing.policy, Policy::ActivePassive(_));
    capacity && spread && model.routing.spill && model.regions.len() > 1
}

fn regions(model: &Model, group: GroupId) -> Vec<u32> {
    let usable = |region: &RegionId| match &model.routing.policy {
        Policy::Weighted { weights } => weights[region.index()] > 0.0,
        Policy::Latency | Policy::Geo | Policy::ActivePassive(_) => true,
    };
    model.by_latency(group).into_iter().filter(usable).map(|region| region.0).collect()
}

fn add_stations(model: &Model, layout: &mut Layout, structure: &Structure, plan: &mut LoadPlan, id: ServiceId) {
    let service = &model.services[id.index()];
    for &pool in &service.pools {
        let nodes = layout.first_shelf(pool.index()).serving;
        plan.of_pool[pool.index()] = plan.stations.len() as u32;
        plan.of_service[id.index()].push(plan.stations.len() as u32);
        plan.stations.push(Station {
            region: model.pools[pool.index()].region.map(|region| region.0),
            gate: structure.serves[pool.index()],
            nodes,
            capacity: model.pools[pool.index()].capacity.unwrap_or(f64::INFINITY),
            writes: structure.writes[pool.index()],
            calls: Vec::new(),
        });
    }
    if service.pools.is_empty() {
        for region in 0..model.regions.len() as u32 {
            let gate = needs_gate(model, layout, structure, id, Some(RegionId(region)), AsIf::Now);
            plan.of_service[id.index()].push(plan.stations.len() as u32);
            let (region, capacity) = (Some(region), f64::INFINITY);
            plan.stations.push(Station { region, gate, nodes: gate, capacity, writes: None, calls: Vec::new() });
        }
    }
}

/// The call that a need is, if it is one of requests: terms are structure only.
fn call(
    model: &Model,
    layout: &mut Layout,
    structure: &mut Structure,
    plan: &mut LoadPlan,
    need: &Need,
    from: Option<RegionId>,
) -> Option<LoadCall> {
    let Term::Service(callee) = need.term else { return None };
    let to = candidates(model, layout, structure, plan, callee, need.reach, from);
    let failover = model.services[callee.index()].failover.is_some();
    let local = !failover && to.len() == 1 && plan.stations[to[0].station as usize].region == from.map(|from| from.0);
    let tiers = need.fallback.iter().map(|tier| load_tier(model, layout, structure, plan, tier, from)).collect();
    let makes = |class: usize| need.only.is_empty() || need.only.contains(&(class as u32));
    let shares = (0..plan.classes).map(|class| if makes(class) { need.share } else { 0.0 }).collect();
    let readers = readers::read_on(model, callee).then(|| {
        let mut copies = readers::copies(model, callee, from);
        copies.retain(|pool| need.reach != Reach::Local || model.pools[pool.index()].region == from);
        let copies = copies.into_iter();
        copies.map(|pool| over_way(layout, plan, plan.own(plan.of_pool[pool.index()]), from)).collect()
    });
    Some(LoadCall { shares, to, readers, local, tiers })
}

fn load_tier(
    model: &Model,
    layout: &mut Layout,
    structure: &mut Structure,
    plan: &mut LoadPlan,
    tier: &Tier,
    from: Option<RegionId>,
) -> LoadTier {
    let known = plan.tier_names.iter().position(|name| *name == tier.name);
    let number = known.unwrap_or_else(|| {
        plan.tier_names.push(tier.name.clone());
        plan.tier_names.len() - 1
    });
    let to = tier.calls.map(|calls| candidates(model, layout, structure, plan, calls, Reach::ByTarget, from));
    LoadTier { hit: tier.hit, bit: 1 << number.min(63), to }
}

/// Who may answer a call from the region, best first.
fn candidates(
    model: &Model,
    layout: &mut Layout,
    structure: &mut Structure,
    plan: &LoadPlan,
    callee: ServiceId,
    reach: Reach,
    from: Option<RegionId>,
) -> Vec<Candidate> {
    let all = answering_pools(model, layout, structure, plan, callee, reach, from).into_iter();
    all.map(|candidate| over_way(layout, plan, candidate, from)).collect()
}

/// The candidate as whoever calls from the region reaches it.
fn over_way(layout: &mut Layout, plan: &LoadPlan, candidate: Candidate, from: Option<RegionId>) -> Candidate {
    let to = plan.stations[candidate.station as usize].region.map(RegionId);
    Candidate { gate: cuts::over(layout, candidate.gate, from, to), ..candidate }
}

/// The same, were every way open.
pub(super) fn answering_pools(
    model: &Model,
    layout: &mut Layout,
    structure: &mut Structure,
    plan: &LoadPlan,
    callee: ServiceId,
    reach: Reach,
    from: Option<RegionId>,
) -> Vec<Candidate> {
    let service = &model.services[callee.index()];
    if service.pools.is_empty() {
        let region = from.map_or(0, RegionId::index);
        return vec![plan.own(plan.of_service[callee.index()][region])];
    }
    let own = |pool: &PoolId| plan.own(plan.of_pool[pool.index()]);
    let local = from.and_then(|from| pool_in(model, callee, from));
    if let Some(pool) = local.filter(|_| reach == Reach::Local || service.failover.is_none()) {
        let here = own(&pool);
        let others = other_pools(model, callee, from);
        let others = others.into_iter().filter(|_| reach == Reach::Any).map(|pool| own(&pool));
        return std::iter::once(here).chain(others).collect();
    }
    if reach == Reach::Local && service.kind != ServiceKind::Dependency {
        return Vec::new();
    }
    if service.failover.is_some() {
        let primary = |pool: &PoolId| Candidate {
            station: plan.of_pool[pool.index()],
            gate: primary_gate(model, layout, structure, callee, *pool),
        };
        return service.pools.iter().map(primary).collect();
    }
    other_pools(model, callee, from).iter().map(own).collect()
}

/// Pools of the service in other regions, nearest first.
fn other_pools(model: &Model, service: ServiceId, from: Option<RegionId>) -> Vec<PoolId> {
    let mut pools = model.services[service.index()].pools.clone();
    pools.retain(|pool| from.is_none() || model.pools[pool.index()].region != from);
    let distance = |pool: &PoolId| match (from, model.pools[pool.index()].region) {
        (Some(from), Some(to)) => model.latency_s(Endpoint::Region(from), Endpoint::Region(to)),
        (Some(_) | None, Some(_) | None) => 0.0,
    };
    pools.sort_by(|a, b| distance(a).total_cmp(&distance(b)));
    pools
}

/// Whatever decides who answers is heard of.
fn listen(layout: &mut Layout, plan: &LoadPlan) {
    let calls = plan.stations.iter().flat_map(|station| &station.calls);
    let tiers = calls.clone().flat_map(|call| &call.tiers).filter_map(|tier| tier.to.as_ref());
    let readers = calls.clone().filter_map(|call| call.readers.as_ref());
    let own = plan.tiers.iter().flatten().filter_map(|tier| tier.to.as_ref());
    let lists = calls.map(|call| &call.to).chain(readers).chain(tiers).chain(own).chain(plan.entries.iter().flatten());
    let mut gates: Vec<GateId> = lists.flatten().map(|candidate| candidate.gate).collect();
    gates.extend(plan.stations.iter().map(|station| station.gate));
    gates.extend(plan.stations.iter().filter_map(|station| station.writes));
    gates.extend(layout.cuts.users.iter().flatten());
    gates.sort_unstable();
    gates.dedup();
    for gate in gates {
        layout.wiring.connect(gate, Edge::Load);
    }
}
