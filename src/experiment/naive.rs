//! What multiplying the availabilities of the parts would claim, as agreements on service levels do.
//!
//! Every part is taken as independent of every other, every failover as instant and sure, every crew as idle: a node has
//! U = down / (up + down) of each of its faults, its zone's too; a pool fails with more than n - need of its nodes; a region
//! with any of the pools on the way of the hard calls; the system with all regions, or with a dependency. Computed on
//! unavailabilities, so that 1e-12 keeps its digits. It is a claim to compare with, not an estimate.

use crate::model::Model;
use crate::model::failure::{Instants, Process, Target};
use crate::model::topology::{PoolId, ServiceId, Term};

/// The claimed unavailability of the system, 0 to 1.
pub fn unavailability(model: &Model) -> f64 {
    let mut on_way = vec![false; model.services.len()];
    mark(model, model.routing.entry, &mut on_way);
    let services = model.services.iter().zip(&on_way).filter(|(_, on_way)| **on_way);
    let pools: Vec<PoolId> = services.flat_map(|(service, _)| service.pools.iter().copied()).collect();
    let outside = pools.iter().filter(|pool| model.pools[pool.index()].region.is_none());
    let dependencies = any_of(outside.map(|&pool| of_pool(model, pool)));
    let regions = (0..model.regions.len() as u32).filter_map(|region| {
        let here = |pool: &&PoolId| model.pools[pool.index()].region.is_some_and(|id| id.0 == region);
        pools.iter().any(|pool| here(&pool)).then(|| {
            let own = of_faults(model, |target| matches!(target, Target::Region(id) if id.0 == region));
            any_of(pools.iter().filter(here).map(|&pool| of_pool(model, pool)).chain([own]))
        })
    });
    let regions: Vec<f64> = regions.collect();
    let all_regions = if regions.is_empty() { 0.0 } else { regions.into_iter().product() };
    any_of([dependencies, all_regions].into_iter())
}

/// Marks the service and all that it needs without a substitute.
fn mark(model: &Model, service: ServiceId, on_way: &mut [bool]) {
    let mut open = vec![service];
    while let Some(service) = open.pop() {
        if std::mem::replace(&mut on_way[service.index()], true) {
            continue;
        }
        let hard = model.services[service.index()].needs.iter().filter(|need| need.is_hard());
        open.extend(hard.filter_map(|need| match need.term {
            Term::Service(service) => Some(service),
            Term::Pool(pool) => Some(model.pools[pool.index()].service),
            Term::AtLeast { .. } | Term::Nodes { .. } => None,
        }));
    }
}

/// One minus the product of the availabilities.
fn any_of(parts: impl Iterator<Item = f64>) -> f64 {
    -parts.map(|part| (-part).ln_1p()).sum::<f64>().exp_m1()
}

/// Of a pool of independent nodes: more than n - need of them fail, by the binomial law; of a quorum's pool all of them.
fn of_pool(model: &Model, id: PoolId) -> f64 {
    let pool = &model.pools[id.index()];
    let zones = &pool.zones;
    let node = of_faults(model, |target| match target {
        Target::EachNode { pool, zone } => *pool == id && zone.is_none(),
        Target::Zone(zone) => zones.contains(zone),
        Target::Service(service) => *service == pool.service,
        Target::Region(_) | Target::Link { .. } => false,
    });
    let n = f64::from(pool.nodes);
    if node <= 0.0 || node >= 1.0 {
        return node.clamp(0.0, 1.0);
    }
    let choose = |k: f64| libm::lgamma(n + 1.0) - libm::lgamma(k + 1.0) - libm::lgamma(n - k + 1.0);
    let mut tail = 0.0;
    for failed in pool.nodes - model.need_of(pool) + 1..=pool.nodes {
        let k = f64::from(failed);
        let term = (choose(k) + k * node.ln() + (n - k) * (-node).ln_1p()).exp();
        tail += term;
        if k > n * node && term < 1e-18 * tail {
            break;
        }
    }
    tail.min(1.0)
}

/// Of all faults on such a target, each by itself.
fn of_faults(model: &Model, strikes: impl Fn(&Target) -> bool) -> f64 {
    let faults = model.faults.iter().filter(|fault| strikes(&fault.target) && fault.mode.stops());
    any_of(faults.map(|fault| match &fault.process {
        Process::Random { fails, repair, .. } if fails.mean_s().is_finite() => {
            let ratio = repair.mean_s() / (fails.mean_s() + fault.mode.mean_ramp_s());
            if ratio.is_finite() { ratio / (1.0 + ratio) } else { 1.0 }
        }
        Process::Calendar { at: Instants::Every { every, .. }, lasts, .. } => {
            (lasts.mean_s() / every.as_secs_f64()).min(1.0)
        }
        Process::Random { .. } | Process::Calendar { .. } => 0.0,
    }))
}
