//! A model compiled for one of the clocks, and what runs its trials.

use super::layout::Layout;
use super::requests::{RequestPlan, RequestWorld};
use super::trace::TraceLine;
use super::{Outcome, World};
use crate::model::Model;
use crate::model::failure::{Strikes, Target};
use crate::model::topology::{Pool, PoolId, RegionId, ServiceId, Standby};

/// A compiled model, shared by all trials.
#[derive(Clone, Debug)]
pub struct Compiled {
    /// The structure.
    pub layout: Layout,
    /// The requests, on the request clock.
    pub requests: Option<RequestPlan>,
}

impl Compiled {
    /// For the structure clock: the demand is a fluid.
    pub fn structure(model: &Model) -> Compiled {
        Compiled { layout: Layout::new(model), requests: None }
    }

    /// For the request clock: every request is an event. A model without traffic has none.
    pub fn full(model: &Model) -> Compiled {
        let model = &with_nodes_everywhere(with_slow_places(model));
        let layout = Layout::for_requests(model);
        let requests = RequestPlan::new(model, &layout);
        Compiled { layout, requests }
    }

    /// What runs its trials, one after the other.
    pub fn simulator(&self) -> Simulator<'_> {
        match &self.requests {
            Some(requests) => Simulator::Full(Box::new(RequestWorld::new(&self.layout, requests))),
            None => Simulator::Structure(Box::new(World::new(&self.layout))),
        }
    }
}

/// A place that is only slow is slow in all its nodes, which the structure would not hear of.
fn with_slow_places(model: &Model) -> Model {
    let mut model = model.clone();
    for fault in &mut model.faults {
        if fault.is_slowness_of_a_place() && !matches!(fault.target, Target::Link { .. }) {
            fault.strikes = Strikes::Share(1.0);
        }
    }
    model
}

/// Where a service has no nodes, requests to it enter at one that stands nowhere, never fails and takes no time: what
/// the service depends on decides what becomes of them, as seen from each region.
fn with_nodes_everywhere(mut model: Model) -> Model {
    for service in 0..model.services.len() {
        if !model.services[service].pools.is_empty() {
            continue;
        }
        for region in 0..model.regions.len() as u32 {
            model.services[service].pools.push(PoolId(model.pools.len() as u32));
            model.pools.push(Pool {
                service: ServiceId(service as u32),
                region: Some(RegionId(region)),
                zones: Vec::new(),
                nodes: 1,
                need: 1,
                capacity: None,
                warm_up: None,
                autoscale: None,
                standby: Standby::hot(),
                coverage: None,
            });
        }
    }
    model
}

/// Runs trials; each begins anew.
#[derive(Clone, Debug)]
pub enum Simulator<'a> {
    /// On the structure clock.
    Structure(Box<World<'a>>),
    /// On the request clock.
    Full(Box<RequestWorld<'a>>),
}

impl Simulator<'_> {
    /// Run trial `trial` of `seed` from its start to its end.
    pub fn run(&mut self, seed: u64, trial: u64) -> Outcome {
        match self {
            Simulator::Structure(world) => world.run(seed, trial),
            Simulator::Full(world) => world.run(seed, trial),
        }
    }

    /// As [`run`](Self::run), with a line for everything that happened to the structure.
    pub fn run_traced(&mut self, seed: u64, trial: u64) -> (Outcome, Vec<TraceLine>) {
        match self {
            Simulator::Structure(world) => world.run_traced(seed, trial),
            Simulator::Full(world) => world.run_traced(seed, trial),
        }
    }
}
