//! Deploys, compiled: the batches in their order, and how far a bad one reaches.

use super::{Layout, ailments};
use crate::engine::streams::{Entity, EntityKey, Purpose};
use crate::model::Model;
use crate::model::failure::{DeployBlast, Deploys};
use crate::model::topology::PoolId;

/// The deploys of one service.
#[derive(Clone, Debug)]
pub struct RolloutPlan {
    /// As the model says.
    pub deploys: Deploys,
    /// Units of each batch, in order.
    pub batches: Vec<Vec<u32>>,
    /// Units that suffer when the batch is bad.
    pub reach: Vec<Vec<u32>>,
    /// Stream of everything.
    pub key: EntityKey,
    /// The labels of downtime for restarts and for bad deploys.
    pub causes: [u32; 2],
    /// What is wrong with what a bad deploy has touched, if it serves on.
    pub ailment: Option<u32>,
}

/// Compile all deploys.
pub fn build(model: &Model, layout: &mut Layout) {
    for deploys in &model.deploys {
        let service = &model.services[deploys.service.index()];
        let mut pools = service.pools.clone();
        let region = |pool: &PoolId| model.pools[pool.index()].region;
        pools.sort_by_key(|pool| region(pool).map(|region| model.regions[region.index()].name.as_str()));
        let nodes = |pool: &PoolId| layout.pools[pool.index()].units().collect::<Vec<u32>>();
        let all: Vec<u32> = pools.iter().flat_map(nodes).collect();
        let (mut batches, mut reach) = (Vec::new(), Vec::new());
        for pool in &pools {
            let nodes = nodes(pool);
            let size = (deploys.batch * nodes.len() as f64 - 1e-9).ceil().max(1.0) as usize;
            for batch in nodes.chunks(size) {
                batches.push(batch.to_vec());
                reach.push(match deploys.blast {
                    DeployBlast::Batch => batch.to_vec(),
                    DeployBlast::Region => nodes.clone(),
                    DeployBlast::Service => all.clone(),
                });
            }
        }
        let key = Entity::new(&service.name).key(Purpose::Deploy);
        let causes = ["deploy", "bad deploy"].map(|what| layout.cause(&format!("{}: {what}", service.name)));
        let ailment = ailments::of_deploy(layout, deploys.errors, causes[1]);
        layout.rollouts.push(RolloutPlan { deploys: deploys.clone(), batches, reach, key, causes, ailment });
    }
}
