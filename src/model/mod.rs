//! WHAT the world is: the checked model of a scenario, as immutable data.
//!
//! A [`Model`] is made once (by `scenario`, or by hand) and then trusted: every index is in range, every law has a
//! finite mean where one is needed, `need` lies in 1 to `nodes`, shares add up to 1, dependencies form no circle. A
//! valid model cannot fail to simulate. Nothing here reads a clock, owns a generator or knows of text and files.

pub mod costs;
pub mod dist;
pub mod elastic;
pub mod experiment;
pub mod failover;
pub mod failure;
pub mod objective;
pub mod operator;
pub mod topology;
pub mod traffic;

use crate::time::Span;
use costs::Costs;
use experiment::Experiment;
use failover::Routing;
use failure::{Crew, Deploys, Fault};
use objective::Objective;
use operator::Operator;
use topology::{Endpoint, GroupId, Link, Pool, Region, RegionId, Service, Zone};
use traffic::{Group, Traffic};

/// The checked world: waist one of the pipeline.
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    /// Title of the scenario.
    pub name: String,
    /// Length of a trial.
    pub horizon: Span,
    /// How a trial begins.
    pub start: Start,
    /// When a trial ends.
    pub ends: Ends,
    /// Instants at which availability is asked for, ascending, none after the horizon.
    pub points: Vec<Point>,
    /// Level of service under which a subject is down, 0 to 1.
    pub down_below: f64,
    /// Regions, in the order written.
    pub regions: Vec<Region>,
    /// Zones, region by region.
    pub zones: Vec<Zone>,
    /// Services, in the order written.
    pub services: Vec<Service>,
    /// Pools, service by service.
    pub pools: Vec<Pool>,
    /// Ways between places; what is not listed takes no time.
    pub links: Vec<Link>,
    /// User groups, at least one.
    pub groups: Vec<Group>,
    /// What only requests feel.
    pub traffic: Traffic,
    /// Share of the requests that write, 0 to 1; 1 where no class of requests says that it does.
    pub writes: f64,
    /// How users find a region.
    pub routing: Routing,
    /// Failure processes.
    pub faults: Vec<Fault>,
    /// Deploys, at most one entry a service.
    pub deploys: Vec<Deploys>,
    /// Who mends what is broken.
    pub crews: Vec<Crew>,
    /// What is asked of the architecture.
    pub objectives: Vec<Objective>,
    /// People who act on what requests go through, in the order written.
    pub operators: Vec<Operator>,
    /// What things cost, if the scenario says so.
    pub costs: Option<Costs>,
    /// Chaos experiments, in the order written.
    pub experiments: Vec<Experiment>,
}

/// How a trial begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// All new and working at 0.
    Up,
    /// Parts drawn from their long-run state and age; then so much time is run and dropped.
    Stationary {
        /// The time that is dropped.
        warm_up: Span,
    },
}

/// When a trial ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ends {
    /// At the horizon.
    Horizon,
    /// At the first outage of the system, at the horizon if there is none.
    FirstOutage,
}

/// An instant at which availability is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Point {
    /// Since the start, or the end of the warm-up.
    pub at: Span,
    /// As the scenario writes it.
    pub written: String,
}

impl Model {
    /// With fewer serving nodes the pool serves nothing; of a quorum that is not asked of single pools.
    pub fn need_of(&self, pool: &Pool) -> u32 {
        if self.services[pool.service.index()].is_quorum() { 1 } else { pool.need }
    }

    /// Mean one-way latency between two ends in seconds; 0 where no link is listed.
    pub fn latency_s(&self, from: Endpoint, to: Endpoint) -> f64 {
        let link = self.links.iter().find(|link| link.from == from && link.to == to);
        link.map_or(0.0, |link| link.latency.mean_s())
    }

    /// The regions in the order in which latency sends the group there: least latency from the group (or, where the
    /// group has no links of its own, from its near region), then the near region, then by name.
    pub fn by_latency(&self, group: GroupId) -> Vec<RegionId> {
        let near = self.groups[group.index()].near;
        let own = self.links.iter().any(|link| link.from == Endpoint::Group(group));
        let from = if own { Endpoint::Group(group) } else { Endpoint::Region(near) };
        let mut order: Vec<RegionId> = (0..self.regions.len() as u32).map(RegionId).collect();
        let key = |region: RegionId| self.latency_s(from, Endpoint::Region(region));
        order.sort_by(|&a, &b| {
            let by_name = || self.regions[a.index()].name.cmp(&self.regions[b.index()].name);
            key(a).total_cmp(&key(b)).then_with(|| (a != near).cmp(&(b != near))).then_with(by_name)
        });
        order
    }
}
