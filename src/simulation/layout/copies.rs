//! What the copies of a database need of each other, as gates.
//!
//! Synchronous writes stop with fewer than `acks` other copies, those of a quorum with fewer than `need` nodes over all
//! pools. Where classes of requests say which of them write, only these fail, by [`Copies::writes`]; else the pool does
//! not serve.

use super::structure::Structure;
use super::{Layout, cuts};
use crate::model::Model;
use crate::model::failover::Replication;
use crate::model::topology::{PoolId, Reads, ServiceId};
use crate::simulation::gates::GateId;

/// Gates of the copies of one service, by pool in its order.
#[derive(Clone, Debug, Default)]
pub struct Copies {
    /// What a pool needs to be promoted.
    pub fit: Vec<Vec<GateId>>,
    /// What writes to it need beside.
    pub writes: Vec<Vec<GateId>>,
}

impl Copies {
    /// Of a service of which copies do not wait for each other.
    fn none(pools: usize) -> Copies {
        Copies { fit: vec![Vec::new(); pools], writes: vec![Vec::new(); pools] }
    }
}

/// The gates of the service; its shelves must stand, its needs not.
pub fn build(model: &Model, layout: &mut Layout, structure: &mut Structure, id: ServiceId) -> Copies {
    let service = &model.services[id.index()];
    let mut copies = Copies::none(service.pools.len());
    match &service.replication {
        Some(Replication::Sync { acks }) => {
            for (place, &pool) in service.pools.iter().enumerate() {
                copies.writes[place].push(others(model, layout, id, pool, *acks));
            }
        }
        Some(Replication::SemiSync { acks, .. }) if service.failover.is_some() => {
            let flowing = layout.wiring.gate(1);
            structure.flowing.push((id.0, flowing));
            for (place, &pool) in service.pools.iter().enumerate() {
                let enough = others(model, layout, id, pool, *acks);
                structure.acks.push((pool.0, enough));
                copies.writes[place].push(flowing);
            }
        }
        None | Some(Replication::Async { .. } | Replication::SemiSync { .. } | Replication::MultiPrimary { .. }) => {}
        Some(Replication::Quorum { need }) => {
            if layout.cuts.list.is_empty() {
                let sum = layout.wiring.gate(*need);
                service.pools.iter().for_each(|pool| count_nodes(layout, *pool, sum));
                copies.fit.iter_mut().for_each(|fit| fit.push(sum));
            } else {
                reachable_majorities(model, layout, id, *need, &mut copies);
            }
        }
    }
    copies
}

/// Let `sum` count the serving nodes of the pool.
pub fn count_nodes(layout: &mut Layout, pool: PoolId, sum: GateId) {
    for shelf in layout.pools[pool.index()].shelves.clone() {
        layout.shelves[shelf as usize].sums.push(sum);
    }
}

/// From each pool: `need` nodes that it reaches. A gate counts only what crosses an open way, so each further node of a
/// pool is a gate of its own: "at least one", "at least two", ..
fn reachable_majorities(model: &Model, layout: &mut Layout, id: ServiceId, need: u32, copies: &mut Copies) {
    let pools = &model.services[id.index()].pools;
    let mut steps: Vec<(GateId, PoolId)> = Vec::new();
    for &pool in pools {
        for count in 1..=model.pools[pool.index()].nodes.min(need) {
            let step = layout.wiring.gate(count);
            count_nodes(layout, pool, step);
            steps.push((step, pool));
        }
    }
    let region = |pool: PoolId| model.pools[pool.index()].region;
    for (place, &pool) in pools.iter().enumerate() {
        let over = |&(step, other): &(GateId, PoolId)| cuts::over(layout, step, region(pool), region(other));
        let reached: Vec<GateId> = steps.iter().map(over).collect();
        copies.fit[place].push(layout.wiring.at_least(need, &reached));
    }
}

/// Enough pools of the service beside this one serve as copies.
fn others(model: &Model, layout: &mut Layout, id: ServiceId, pool: PoolId, acks: u32) -> GateId {
    let others = model.services[id.index()].pools.iter().filter(|&&other| other != pool);
    let serving = |other: &PoolId| layout.first_shelf(other.index()).serving;
    let region = |pool: PoolId| model.pools[pool.index()].region;
    let gates: Vec<(GateId, PoolId)> = others.map(|other| (serving(other), *other)).collect();
    let over = |(gate, other): (GateId, PoolId)| cuts::over(layout, gate, region(pool), region(other));
    let gates: Vec<GateId> = gates.into_iter().map(over).collect();
    layout.wiring.at_least(acks, &gates)
}

/// Do only some requests fail when the copies of a service cannot take writes?
pub fn reads_go_on(model: &Model) -> bool {
    let strict = |replication: &Option<Replication>| match replication {
        None | Some(Replication::Async { .. } | Replication::MultiPrimary { .. }) => false,
        Some(Replication::Sync { .. } | Replication::SemiSync { .. } | Replication::Quorum { .. }) => true,
    };
    let some = model.services.iter().any(|service| strict(&service.replication) || service.reads == Reads::Local);
    model.writes < 1.0 && some
}
