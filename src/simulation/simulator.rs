//! A model compiled for one of the clocks, and what runs its trials.

use super::layout::Layout;
use super::requests::{RequestPlan, RequestWorld};
use super::trace::TraceLine;
use super::{Outcome, World};
use crate::model::Model;
use crate::model::failure::{Strikes, Target};

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
        let model = &with_slow_places(model);
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
