//! Copies that serve reads while their primary does not: where requests look for them, and when one answers.
//!
//! Only where classes of requests say which of them write, and only of services with a primary: elsewhere every copy
//! serves what it serves. A reader is the copy in the caller's region, else the nearest that serves.

use super::structure::{AsIf, Structure};
use super::{Layout, cuts};
use crate::model::Model;
use crate::model::topology::{Endpoint, PoolId, Reads, RegionId, ServiceId};
use crate::simulation::gates::GateId;

/// Do copies of the service read on without a primary?
pub fn read_on(model: &Model, id: ServiceId) -> bool {
    let service = &model.services[id.index()];
    service.reads == Reads::Local && service.failover.is_some() && model.writes < 1.0
}

/// The copies, nearest to the region first; its own before all.
pub fn copies(model: &Model, id: ServiceId, from: Option<RegionId>) -> Vec<PoolId> {
    let mut pools = model.services[id.index()].pools.clone();
    let distance = |pool: &PoolId| match (from, model.pools[pool.index()].region) {
        (Some(from), Some(to)) if from != to => model.latency_s(Endpoint::Region(from), Endpoint::Region(to)),
        (Some(_) | None, Some(_) | None) => -1.0,
    };
    pools.sort_by(|a, b| distance(a).total_cmp(&distance(b)));
    pools
}

/// The gate of the service as callers from the region see it, with its readers if it has any.
pub fn with_readers(
    model: &Model,
    layout: &mut Layout,
    structure: &Structure,
    gate: GateId,
    (id, from): (ServiceId, Option<RegionId>),
    as_if: AsIf,
) -> GateId {
    if !read_on(model, id) {
        return gate;
    }
    let mut gates = vec![gate];
    for pool in model.services[id.index()].pools.clone() {
        let serves = structure.pool_gate(pool, as_if);
        let region = model.pools[pool.index()].region;
        gates.push(if from.is_some() { cuts::over(layout, serves, from, region) } else { serves });
    }
    layout.wiring.at_least(1, &gates)
}
