//! Where requests go that a region has no room for: what can be full there, and who is asked next.
//!
//! A region is as full as the fullest of its pools that requests reach without leaving it, as on the structure clock. Only
//! pools that refuse somebody at some load can be full.

use super::{From, PoolPlan, RequestPlan, ServicePlan};
use crate::model::Model;
use crate::model::failover::Policy;
use crate::model::topology::{GroupId, Reach};
use crate::model::traffic::ClassId;
use crate::simulation::layout::order::callers_first;

/// Who takes what others have no room for.
#[derive(Clone, Debug)]
pub struct SpillPlan {
    /// By group: regions in the order in which they are asked.
    pub order: Vec<Vec<u32>>,
    /// By region: its pools that can be full, callers first.
    pub limited: Vec<Vec<Limited>>,
}

/// A pool that can be full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limited {
    /// Which.
    pub pool: u32,
    /// Calls that a request of the mean mix makes to it, in [`CALL`]s.
    pub calls: u64,
}

/// A call, in the integers in which calls on their way are counted; parts of one are the share of requests that make it.
pub const CALL: u64 = 1_000_000;

/// The plan, if some region can be full and another may help.
pub fn build(model: &Model, plan: &RequestPlan) -> Option<SpillPlan> {
    let spread = !matches!(model.routing.policy, Policy::ActivePassive(_));
    if !(spread && model.routing.spill && model.regions.len() > 1) {
        return None;
    }
    let usable = |region: &u32| match &model.routing.policy {
        Policy::Weighted { weights } => weights[*region as usize] > 0.0,
        Policy::Latency | Policy::Geo | Policy::ActivePassive(_) => true,
    };
    let order = |group| model.by_latency(GroupId(group)).into_iter().map(|region| region.0).filter(usable).collect();
    let limited: Vec<Vec<Limited>> =
        (0..model.regions.len() as u32).map(|region| limited(model, plan, region)).collect();
    let some = limited.iter().any(|pools| !pools.is_empty());
    some.then(|| SpillPlan { order: (0..model.groups.len() as u32).map(order).collect(), limited })
}

/// Pools of a region that can be full, with the calls of a request to them.
fn limited(model: &Model, plan: &RequestPlan, region: u32) -> Vec<Limited> {
    let classes = plan.classes.len();
    let mut calls = vec![0.0; model.services.len() * classes];
    for (group, traffic) in
        model.groups.iter().zip(&model.traffic.groups).map(|(group, traffic)| (group.share, traffic))
    {
        let whole = [(ClassId(0), 1.0)];
        let mix = if traffic.mix.is_empty() { whole.as_slice() } else { traffic.mix.as_slice() };
        for &(class, share) in mix {
            let entry = model.traffic.classes.get(class.index()).and_then(|class| class.entry);
            let entry = entry.unwrap_or(model.routing.entry).index();
            calls[entry * classes + class.index()] += group * share;
        }
    }
    let mut found = Vec::new();
    for service in callers_first(model) {
        let service = service.0;
        let here = |&&pool: &&u32| plan.pools[pool as usize].region == Some(region);
        let of_service = &plan.services[service as usize];
        let pool = of_service.pools.iter().find(here).filter(|_| of_service.process.is_none());
        let own: Vec<f64> = calls[service as usize * classes..][..classes].to_vec();
        let all: f64 = own.iter().sum();
        let Some(&pool) = pool.filter(|_| all > 0.0) else { continue };
        if can_be_full(of_service, &plan.pools[pool as usize]) {
            found.push(Limited { pool, calls: ((all * CALL as f64).round() as u64).max(1) });
        }
        let edges = of_service.stages.iter().flatten().map(|&edge| &plan.edges[edge as usize]);
        for edge in edges.filter(|edge| edge.from == From::Service(service) && edge.reach == Reach::Local) {
            for class in (0..classes).filter(|&class| edge.classes[class]) {
                calls[edge.to as usize * classes + class] += own[class] * edge.share * f64::from(edge.times);
            }
        }
    }
    found
}

/// Does it refuse anybody for load, ever?
fn can_be_full(service: &ServicePlan, pool: &PoolPlan) -> bool {
    let places = match pool.work.slots {
        Some(_) => pool.work.queue.is_some() || pool.capacity.is_some(),
        None => pool.capacity.is_some(),
    };
    places || service.work.limit.is_some() || (service.work.shedding.is_some() && pool.work.slots.is_some())
}
