//! Checks of a failover or of the routing that wait in a node like a request, compiled: of which place, at which pool.

use crate::engine::streams::{Entity, EntityKey, Purpose};
use crate::model::Model;
use crate::model::failover::{Check, Detection};
use crate::simulation::layout::{Choice, Layout, RoutingPlan};

/// One place that is checked so.
#[derive(Clone, Debug)]
pub struct OutsidePlan {
    /// Which.
    pub place: OutsidePlace,
    /// Into whose nodes the checks go.
    pub pool: u32,
    /// The check.
    pub check: Check,
    /// Its draws.
    pub draws: EntityKey,
}

/// A place that somebody watches from elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutsidePlace {
    /// A candidate of a failover.
    Candidate {
        /// The failover.
        process: u32,
        /// The place in its order.
        place: u32,
    },
    /// A region, for the routing.
    Region(u32),
}

/// All of them.
pub fn build(model: &Model, layout: &Layout) -> Vec<OutsidePlan> {
    let through = |detection: &Detection| match detection {
        Detection::Check(check) => Some(check.clone()).filter(|check| check.through_queue),
        Detection::Instant | Detection::After(_) | Detection::Election(_) => None,
    };
    let tracked = match &layout.routing {
        RoutingPlan::Tracked(tracked) => Some(tracked),
        RoutingPlan::Direct(_) => None,
    };
    let entry = |region: u32| {
        let pools = &model.services[model.routing.entry.index()].pools;
        pools
            .iter()
            .find(|pool| model.pools[pool.index()].region.is_some_and(|here| here.0 == region))
            .map(|pool| pool.0)
    };
    let mut all = Vec::new();
    for (process, plan) in (0_u32..).zip(&layout.processes) {
        let Some(check) = through(&plan.detection) else { continue };
        for (place, spot) in (0_u32..).zip(&plan.places) {
            // the active region is seen at the entry there
            let region = match (plan.service, tracked.map(|tracked| &tracked.choice)) {
                (None, Some(Choice::Active(regions))) => regions.get(place as usize).copied(),
                (Some(_) | None, _) => None,
            };
            let pool = region.map_or_else(|| spot.pools.first().copied(), entry);
            all.extend(pool.map(|pool| (OutsidePlace::Candidate { process, place }, pool, check.clone())));
        }
    }
    if let Some((tracked, check)) = tracked.and_then(|plan| through(&plan.detection).map(|check| (plan, check)))
        && tracked.process.is_none()
    {
        let hosts = (0_u32..).zip(&tracked.hosts).filter(|(_, hosts)| **hosts).map(|(region, _)| region);
        all.extend(hosts.filter_map(|region| Some((OutsidePlace::Region(region), entry(region)?, check.clone()))));
    }
    let named = |(place, pool, check)| {
        let name = match place {
            OutsidePlace::Candidate { process, place } => format!("{process}/{place}/outside"),
            OutsidePlace::Region(region) => format!("{}/outside", model.regions[region as usize].name),
        };
        OutsidePlan { place, pool, check, draws: Entity::new(&name).key(Purpose::Check) }
    };
    all.into_iter().map(named).collect()
}
