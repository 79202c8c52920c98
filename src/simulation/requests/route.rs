//! Where calls go: which pool of the callee, and what the way there takes.
//!
//! The structure decides where users are (DNS, anycast, the active region) and who is primary; here its answers are kept
//! as tables that change only with it. The clients of a group are spread over its regions as the fluid says: client c
//! has a place u(c) on [0, 1] for good, and is in the region in whose interval of shares that place lies, so that as
//! shares drain from one region to another each client moves once, at a time uniform over the drain. A group of one
//! client stands for a population: each of its requests has a place of its own.

use rand::RngExt;

use super::Requests;
use super::plan::{From, Place, RequestPlan, Ways};
use super::state::{About, Id};
use crate::engine::streams::Draw;
use crate::model::topology::Reach;
use crate::time::{Span, Time};

/// A pool, as callers see it.
#[derive(Clone, Debug, Default)]
pub struct PoolRoute {
    /// Its first node.
    pub first_node: u32,
    /// Nodes believed to be well, by their place in the pool; all in panic.
    pub members: Vec<u32>,
    /// How many are believed to be.
    well: u32,
}

impl PoolRoute {
    /// Are all its nodes known to be dead?
    #[inline]
    pub const fn is_dead(&self) -> bool {
        self.well == 0
    }
}

/// The state of a way.
#[derive(Clone, Debug)]
pub struct WayState {
    /// Nothing crosses.
    pub cut: bool,
    /// So many times the latency.
    pub factor: f64,
    /// What enters is held.
    pub hung: bool,
    held: Vec<Id>,
}

/// The share of a group's users in a region: a line, as long as nothing changes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Share {
    /// The share at the last change.
    pub value: f64,
    /// Its change per nanosecond.
    pub slope: f64,
}

/// What becomes of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Travel {
    /// It arrives after so long.
    Takes(Span),
    /// It is held on this way.
    Held(usize),
    /// It never arrives.
    Lost,
}

/// Where things go now.
#[derive(Clone, Debug)]
pub struct Routes {
    pools: Vec<PoolRoute>,
    /// By way.
    pub ways: Vec<WayState>,
    /// By zone: cut off?
    pub zone_cut: Vec<bool>,
    /// Does every message arrive at once, wherever it goes?
    at_once: bool,
    /// By group and region.
    pub shares: Vec<Vec<Share>>,
    /// When the shares were looked at.
    pub shares_at: Time,
    /// By region: does it take users?
    pub open: Vec<bool>,
    /// By service with failover: the pool in charge, by its place in the service.
    pub primary: Vec<Option<u32>>,
    /// The same of an old one that was not fenced and serves beside it.
    pub beside: Vec<Option<u32>>,
    /// By edge and region of the caller: the pool, by its place in the edge.
    table: Vec<Vec<Option<u32>>>,
    /// By edge: the pool for all its calls, where that is one.
    only: Vec<Option<u32>>,
    /// The same for what only reads, where copies serve that too.
    readers: Vec<Option<Vec<Option<u32>>>>,
    regions: u32,
}

impl Routes {
    /// All ways open, nobody anywhere yet.
    pub fn new(plan: &RequestPlan) -> Routes {
        let regions = plan.ways.within.len();
        let way = WayState { cut: false, factor: 1.0, hung: false, held: Vec::new() };
        let zones = plan.nodes.iter().filter_map(|node| node.zone).max().map_or(0, |zone| zone + 1);
        Routes {
            pools: plan
                .pools
                .iter()
                .map(|pool| PoolRoute { first_node: pool.first_node, ..PoolRoute::default() })
                .collect(),
            ways: vec![way; plan.ways.count()],
            zone_cut: vec![false; zones as usize],
            at_once: false,
            shares: vec![vec![Share::default(); regions]; plan.groups.len()],
            shares_at: Time::ZERO,
            open: vec![true; regions],
            primary: vec![None; plan.services.len()],
            beside: vec![None; plan.services.len()],
            table: vec![vec![None; regions + 1]; plan.edges.len()],
            only: vec![None; plan.edges.len()],
            readers: plan.edges.iter().map(|edge| edge.reads_local.then(|| vec![None; regions + 1])).collect(),
            regions: regions as u32,
        }
    }

    /// As new.
    pub fn reset(&mut self, plan: &RequestPlan) {
        for (pool, plan) in self.pools.iter_mut().zip(&plan.pools) {
            pool.members.clear();
            pool.members.extend(0..plan.nodes);
            pool.well = plan.nodes;
        }
        for way in &mut self.ways {
            (way.cut, way.factor, way.hung) = (false, 1.0, false);
            way.held.clear();
        }
        self.zone_cut.fill(false);
        self.primary.fill(None);
        self.beside.fill(None);
        self.refresh_ways(&plan.ways);
    }

    /// The state of the ways has changed.
    pub fn refresh_ways(&mut self, plan: &Ways) {
        let open = self.ways.iter().all(|way| !way.cut && !way.hung) && !self.zone_cut.contains(&true);
        self.at_once = open && plan.all_free();
    }

    /// Does every message arrive at once, wherever it goes? Then nobody need ask [`travel`](Self::travel).
    #[inline]
    pub const fn at_once(&self) -> bool {
        self.at_once
    }

    /// A pool, as callers see it.
    #[inline]
    pub fn pool(&self, pool: u32) -> &PoolRoute {
        &self.pools[pool as usize]
    }

    /// Are all nodes of the pool known to be dead?
    #[inline]
    pub fn known_dead(&self, pool: u32) -> bool {
        self.pools[pool as usize].is_dead()
    }

    /// Are so many of its nodes believed to be well that it serves?
    #[inline]
    pub fn has_enough(&self, plan: &RequestPlan, pool: u32) -> bool {
        self.pools[pool as usize].well >= plan.pools[pool as usize].need.max(1)
    }

    /// The members of a pool have changed; with less than half of them well all are sent to, as the pipeline does.
    pub fn set_members(&mut self, pool: u32, well: &[bool], off: &[bool]) {
        let route = &mut self.pools[pool as usize];
        route.well = well.iter().filter(|&&well| well).count() as u32;
        let on = off.iter().filter(|&&off| !off).count() as u32;
        let panic = route.well * 2 < on;
        route.members.clear();
        route
            .members
            .extend((0..well.len() as u32).filter(|&node| well[node as usize] || (panic && !off[node as usize])));
    }

    /// A message on its way from one place to another.
    #[inline]
    pub fn travel(&self, plan: &Ways, from: Place, to: Place, draw: impl Fn() -> Draw) -> Travel {
        let (one, other) = (plan.end(from), plan.end(to));
        if one == other {
            return self.travel_within(plan, from, to, draw);
        }
        if self.leaves_cut_zone(from) || self.leaves_cut_zone(to) {
            return Travel::Lost;
        }
        let number = plan.number(one, other);
        let state = &self.ways[number];
        let way = plan.way(number);
        if state.cut {
            return Travel::Lost;
        }
        if state.hung {
            return Travel::Held(number);
        }
        if way.free {
            return Travel::Takes(Span::ZERO);
        }
        let mut draw = draw();
        if way.loss > 0.0 && draw.random::<f64>() < way.loss {
            return Travel::Lost;
        }
        let latency = way.latency.sample(&mut draw);
        Travel::Takes(slowed(latency, state.factor))
    }

    fn travel_within(&self, plan: &Ways, from: Place, to: Place, draw: impl Fn() -> Draw) -> Travel {
        let (Place::Zone { region, zone: one }, Place::Zone { zone: other, .. }) = (from, to) else {
            return Travel::Takes(Span::ZERO);
        };
        if one == other {
            return Travel::Takes(Span::ZERO);
        }
        if self.leaves_cut_zone(from) || self.leaves_cut_zone(to) {
            return Travel::Lost;
        }
        let way = &plan.within[region as usize];
        if way.free { Travel::Takes(Span::ZERO) } else { Travel::Takes(way.latency.sample(&mut draw())) }
    }

    fn leaves_cut_zone(&self, place: Place) -> bool {
        match place {
            Place::Zone { zone: Some(zone), .. } => self.zone_cut[zone as usize],
            Place::Zone { zone: None, .. } | Place::Group(_) | Place::World => false,
        }
    }

    /// Holds a message up.
    pub fn hold(&mut self, way: usize, id: Id) {
        self.ways[way].held.push(id);
    }

    /// What was held on a way.
    pub fn release(&mut self, way: usize) -> Vec<Id> {
        std::mem::take(&mut self.ways[way].held)
    }

    /// The region in which place `point` of a group's users lies.
    fn region(&self, group: u32, point: f64, now: Time) -> Option<u32> {
        let passed = now.since(self.shares_at).as_nanos() as f64;
        let mut sum = 0.0;
        let mut last = None;
        for (region, share) in self.shares[group as usize].iter().enumerate() {
            let here = share.value + share.slope * passed;
            if here > 1e-12 {
                sum += here;
                last = Some(region as u32);
                if point < sum {
                    return last;
                }
            }
        }
        // who is nowhere is out of service; what rounding has left of nobody is somebody's
        last.filter(|_| point < sum + 1e-9)
    }

    /// The pool that an edge goes to from a region, by its place in the edge.
    pub fn pool_from(&self, edge: u32, region: u32) -> Option<usize> {
        self.table[edge as usize][region as usize].map(|pool| pool as usize)
    }

    /// Works out where each edge goes from each region.
    pub fn refresh(&mut self, plan: &RequestPlan) {
        for (index, edge) in plan.edges.iter().enumerate() {
            for region in 0..=self.regions {
                let from = (region < self.regions).then_some(region);
                let local = || edge.pools.iter().position(|&pool| plan.pools[pool as usize].region == from);
                let pool = match edge.reach {
                    Reach::Primary if edge.follows => self.in_charge_at(plan, edge, from),
                    Reach::Primary => self.primary_for(plan, edge, from),
                    Reach::Local => local().or_else(|| of_the_world(plan, edge)).map(|pool| pool as u32),
                    Reach::ByTarget => local().map_or_else(|| self.nearest(plan, edge, from), |pool| Some(pool as u32)),
                    Reach::Any => self.nearest(plan, edge, from),
                };
                self.table[index][region as usize] = pool;
                if self.readers[index].is_some() {
                    let near = match edge.reach {
                        Reach::Local => pool,
                        Reach::Primary | Reach::ByTarget | Reach::Any => self.nearest(plan, edge, from),
                    };
                    if let Some(readers) = &mut self.readers[index] {
                        readers[region as usize] = near;
                    }
                }
            }
            self.only[index] = self.only_pool(plan, edge, index);
        }
    }

    /// The pool to which all calls over the edge go, if it is one. With more than one region users may be in none.
    fn only_pool(&self, plan: &RequestPlan, edge: &super::plan::EdgePlan, index: usize) -> Option<u32> {
        if self.readers[index].is_some() {
            return None;
        }
        let row = &self.table[index];
        let callers: &[u32] = match edge.from {
            From::Group(_) => return row[0].filter(|_| self.regions == 1),
            From::Service(service) => &plan.services[service as usize].pools,
        };
        let mut pools =
            callers.iter().map(|&pool| row[plan.pools[pool as usize].region.unwrap_or(self.regions) as usize]);
        let first = pools.next()?;
        first.filter(|_| pools.all(|pool| pool == first))
    }

    /// The pool of the region to which users have been told to go, if it is in charge, or was not fenced.
    fn in_charge_at(&self, plan: &RequestPlan, edge: &super::plan::EdgePlan, from: Option<u32>) -> Option<u32> {
        let charge = [self.primary[edge.to as usize], self.beside[edge.to as usize]];
        charge.into_iter().flatten().find(|&place| plan.pools[edge.pools[place as usize] as usize].region == from)
    }

    /// The pool in charge. Where an old one that was not fenced serves beside it, whoever reaches only that one goes on
    /// with it.
    fn primary_for(&self, plan: &RequestPlan, edge: &super::plan::EdgePlan, from: Option<u32>) -> Option<u32> {
        let primary = self.primary[edge.to as usize];
        let reached = |place: &u32| !self.is_cut(plan, edge, from, edge.pools[*place as usize]);
        let old = || self.beside[edge.to as usize].filter(reached);
        primary.filter(reached).or_else(old).or(primary)
    }

    /// Does nothing get from the callers of the edge in a region to the pool?
    fn is_cut(&self, plan: &RequestPlan, edge: &super::plan::EdgePlan, from: Option<u32>, pool: u32) -> bool {
        let from = match edge.from {
            From::Group(group) => Some(plan.ways.end(Place::Group(group))),
            From::Service(_) => from,
        };
        let to = plan.pools[pool as usize].region;
        from.zip(to).is_some_and(|(from, to)| from != to && self.ways[plan.ways.number(from, to)].cut)
    }

    /// This region's pool if enough there are believed to be well, then others by latency. Where no pool that is reached
    /// has enough, one in which somebody is: that one fails the call.
    fn nearest(&self, plan: &RequestPlan, edge: &super::plan::EdgePlan, from: Option<u32>) -> Option<u32> {
        let distance = |pool: u32| match (from, plan.pools[pool as usize].region) {
            (Some(from), Some(to)) if from != to => plan.ways.way(plan.ways.number(from, to)).latency.mean_s(),
            (Some(_), Some(_) | None) | (None, _) => -1.0,
        };
        let nearer = |one: &usize, other: &usize| distance(edge.pools[*one]).total_cmp(&distance(edge.pools[*other]));
        // whoever has no check knows at once what is cut
        let knows = plan.services[edge.to as usize].check.is_none();
        let serves = |pool: u32| self.has_enough(plan, pool) && !(knows && self.is_cut(plan, edge, from, pool));
        let places = 0..edge.pools.len();
        let best = places.clone().filter(|&place| serves(edge.pools[place])).min_by(nearer);
        let best = best.or_else(|| places.filter(|&place| !self.known_dead(edge.pools[place])).min_by(nearer));
        best.map(|place| place as u32)
    }
}

/// So many times as long; exactly the same if the factor is 1.
#[expect(clippy::float_cmp, reason = "a factor that nobody has touched is 1 to the bit")]
pub fn slowed(span: Span, factor: f64) -> Span {
    if factor == 1.0 { span } else { Span::from_nanos_f64(span.as_nanos() as f64 * factor) }
}

/// The only pool of a dependency, which has no region.
fn of_the_world(plan: &RequestPlan, edge: &super::plan::EdgePlan) -> Option<usize> {
    edge.pools.iter().position(|&pool| plan.pools[pool as usize].region.is_none())
}

/// Number of the draw of a call's place among the users of its group.
const WHERE: u32 = 7;

impl Requests<'_> {
    /// The pool that the call goes to, by its place in the edge; none: nobody is there.
    #[inline]
    pub(super) fn route(&self, now: Time, about: &About) -> Option<usize> {
        match self.routes.only[about.edge as usize] {
            Some(pool) => Some(pool as usize),
            None => self.route_by_place(now, about),
        }
    }

    #[inline(never)]
    fn route_by_place(&self, now: Time, about: &About) -> Option<usize> {
        let edge = &self.plan.edges[about.edge as usize];
        let region = match edge.from {
            From::Service(service) => {
                let node = self.plan.services[service as usize].first_node + about.slot;
                self.plan.pools[self.plan.nodes[node as usize].pool as usize].region
            }
            From::Group(group) => Some(self.home_of(now, group, about)?),
        };
        self.pool_for(about, region)
    }

    /// The region in which the user of the call is; none: out of service.
    #[inline]
    pub(super) fn home_of(&self, now: Time, group: u32, about: &About) -> Option<u32> {
        if self.routes.regions == 1 {
            return Some(0);
        }
        let clients = self.plan.groups[group as usize].clients;
        let mut draw = if clients == 1 {
            about.key.draw(WHERE)
        } else {
            self.sources[group as usize].of_client(about.slot).draw(WHERE)
        };
        self.routes.region(group, draw.random(), now)
    }

    /// The pool that the call goes to from a region, by its place in the edge.
    #[inline]
    pub(super) fn pool_for(&self, about: &About, region: Option<u32>) -> Option<usize> {
        let reads = self.routes.readers[about.edge as usize].as_ref();
        let reads = reads.filter(|_| !self.plan.classes[about.class as usize].writes);
        let table = reads.unwrap_or(&self.routes.table[about.edge as usize]);
        table[region.unwrap_or(self.routes.regions) as usize].map(|pool| pool as usize)
    }
}

impl WayState {
    /// Is this message held on it?
    pub fn holds(&self, id: Id) -> bool {
        self.held.contains(&id)
    }
}
