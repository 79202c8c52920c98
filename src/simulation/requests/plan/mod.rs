//! What requests need of a model, compiled: dense indices, edges between callers and pools, ways between places.
//!
//! - an *edge* is a pair of caller and callee: a group of users and the service that it enters by, or a call of one
//!   service to another;
//! - a *slot* of an edge is one caller: a client of the group, or a node of the calling service;
//! - a *client* is the state of the policies of one slot towards one pool of the callee.
//!
//! Nodes have the numbers of their units in the [`Layout`]: pool by pool.

mod edges;
pub mod operators;
pub mod outside;
pub mod spill;
mod ways;

pub use edges::{EdgePlan, From, budget};
pub use ways::{Place, Ways};

use super::run_in::LONGEST;
use crate::engine::streams::{Entity, EntityKey, Purpose};
use crate::model::Model;
use crate::model::elastic::WarmUp;
use crate::model::failover::{Check, Detection, Replication};
use crate::model::traffic::{Arrivals, CallerGone, PoolWork, Saga, ServiceWork};
use crate::resilience::load_shedding::Criticality;
use crate::simulation::layout::{Layout, Process};
use crate::time::Span;

/// The compiled traffic.
#[derive(Clone, Debug)]
pub struct RequestPlan {
    /// User groups.
    pub groups: Vec<GroupPlan>,
    /// Their names.
    pub group_names: Vec<String>,
    /// Classes of requests, at least one.
    pub classes: Vec<ClassPlan>,
    /// Those of users first.
    pub edges: Vec<EdgePlan>,
    /// By service.
    pub services: Vec<ServicePlan>,
    /// By pool.
    pub pools: Vec<PoolPlan>,
    /// By node.
    pub nodes: Vec<NodePlan>,
    /// Places that are checked through the queue of a node.
    pub outside: Vec<outside::OutsidePlan>,
    /// People who act.
    pub operators: Vec<operators::OperatorPlan>,
    /// How far places are apart.
    pub ways: Ways,
    /// Where requests go that a region has no room for, if they go anywhere.
    pub spill: Option<spill::SpillPlan>,
    /// Number of clients over all edges.
    pub clients: u32,
    /// Lengths of the timeouts that occur.
    pub timeouts: Vec<Span>,
    /// Does a class make transactions?
    pub sagas: bool,
    /// Share of answered requests of a second below which that second is down.
    pub down_below: f64,
    /// Length of a trial.
    pub horizon: Span,
    /// How long requests come before counting begins.
    pub run_in: Span,
}

/// A group of users.
#[derive(Clone, Debug)]
pub struct GroupPlan {
    /// How their requests come.
    pub arrivals: Arrivals,
    /// Clients, at least 1.
    pub clients: u32,
    /// Stream of their requests.
    pub requests: EntityKey,
    /// Stream of the gaps between them.
    pub gaps: EntityKey,
    /// By class: the edge by which it enters.
    pub edges: Vec<u32>,
    /// Classes with the cumulated share, the last at 1.
    pub mix: Vec<(u32, f64)>,
}

/// A class of requests.
#[derive(Clone, Debug)]
pub struct ClassPlan {
    /// Its name; the only one of a scenario without classes has none.
    pub name: String,
    /// Who is shed first.
    pub priority: Criticality,
    /// Is it stopped where writes are?
    pub writes: bool,
    /// May it be processed twice without harm?
    pub idempotent: bool,
    /// When its users give up.
    pub deadline: Option<Span>,
    /// The steps of a transaction, and the edges that make them.
    pub saga: Option<(Saga, Vec<u32>)>,
}

/// A service.
#[derive(Clone, Debug)]
pub struct ServicePlan {
    /// Its name.
    pub name: String,
    /// Edges of its calls, stage by stage.
    pub stages: Vec<Vec<u32>>,
    /// The edge of its only call, if that is what every attempt at it makes.
    pub only_call: Option<u32>,
    /// What its nodes do.
    pub work: ServiceWork,
    /// Readiness check.
    pub check: Option<Check>,
    /// Its failover, if it has one.
    pub process: Option<u32>,
    /// Its pools.
    pub pools: Vec<u32>,
    /// How copies wait for each other.
    pub replication: Option<Replication>,
    /// First node.
    pub first_node: u32,
    /// Number of nodes.
    pub nodes: u32,
}

/// A pool.
#[derive(Clone, Debug)]
pub struct PoolPlan {
    /// Its service.
    pub service: u32,
    /// Its region, if it stands in one.
    pub region: Option<u32>,
    /// First node.
    pub first_node: u32,
    /// Number of nodes.
    pub nodes: u32,
    /// With fewer it serves nothing.
    pub need: u32,
    /// Work of a node.
    pub work: PoolWork,
    /// How a node warms up after each start, if it does.
    pub warm_up: Option<WarmUp>,
    /// Requests per second that a node takes, where it has no slots.
    pub capacity: Option<f64>,
    /// Who looks at its load, if somebody does.
    pub scale: Option<Scaler>,
}

/// What the scaling of a pool looks at.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scaler {
    /// From one look to the next.
    pub every: Span,
    /// What a node carries: slots, or requests per second.
    pub each: f64,
    /// Is the load slots in use, rather than requests per second?
    pub by_slots: bool,
}

/// A node.
#[derive(Clone, Copy, Debug)]
pub struct NodePlan {
    /// Its pool.
    pub pool: u32,
    /// The service of that.
    pub service: u32,
    /// Its zone, if it stands in one.
    pub zone: Option<u32>,
    /// Stream of its checks.
    pub checks: EntityKey,
}

impl GroupPlan {
    fn new(model: &Model, group: usize, edges: Vec<u32>, classes: usize) -> GroupPlan {
        let traffic = &model.traffic.groups[group];
        let clients = match &traffic.arrivals {
            Arrivals::Open { clients, .. } => *clients,
            Arrivals::Closed(closed) => closed.clients,
        };
        let mut sum = 0.0;
        let mut mix: Vec<(u32, f64)> = traffic
            .mix
            .iter()
            .map(|(class, share)| {
                sum += share;
                (class.0, sum)
            })
            .collect();
        if mix.is_empty() {
            mix.push((0, 1.0));
        }
        if let Some(last) = mix.last_mut() {
            last.1 = f64::INFINITY;
        }
        debug_assert_eq!(edges.len(), classes);
        let entity = Entity::new(&model.groups[group].name);
        let (requests, gaps) = (entity.key(Purpose::Choice), entity.key(Purpose::Arrival));
        GroupPlan { arrivals: traffic.arrivals.clone(), clients, requests, gaps, edges, mix }
    }
}

impl RequestPlan {
    /// The edges of the steps of a class's transaction, if it makes one.
    pub fn steps(&self, class: u32) -> &[u32] {
        self.classes[class as usize].saga.as_ref().map_or(&[], |(_, edges)| edges)
    }

    /// Names of those who ask: `system`, the groups, the classes as `class NAME`.
    pub fn user_subjects(&self) -> Vec<String> {
        let classes =
            self.classes.iter().filter(|class| !class.name.is_empty()).map(|class| format!("class {}", class.name));
        std::iter::once("system".to_owned()).chain(self.group_names.iter().cloned()).chain(classes).collect()
    }

    /// Compile the traffic of `model`; none if it has none.
    pub fn new(model: &Model, layout: &Layout) -> Option<RequestPlan> {
        let traffic = &model.traffic;
        if traffic.groups.is_empty() {
            return None;
        }
        let mut plan = RequestPlan {
            groups: Vec::new(),
            group_names: model.groups.iter().map(|group| group.name.clone()).collect(),
            classes: classes(model),
            edges: Vec::new(),
            services: (0..model.services.len()).map(|service| service_plan(model, layout, service)).collect(),
            pools: (0..model.pools.len()).map(|pool| pool_plan(model, layout, pool)).collect(),
            nodes: nodes(model, layout),
            outside: outside::build(model, layout),
            operators: Vec::new(),
            ways: Ways::new(model),
            spill: None,
            clients: 0,
            timeouts: Vec::new(),
            sagas: model.traffic.classes.iter().any(|class| class.saga.is_some()),
            down_below: model.down_below,
            horizon: model.horizon,
            run_in: layout.warm_up.min(LONGEST),
        };
        edges::build(model, &mut plan);
        plan.operators = operators::build(model, layout, &plan);
        plan.spill = spill::build(model, &plan);
        Some(plan)
    }
}

fn classes(model: &Model) -> Vec<ClassPlan> {
    let written = &model.traffic.classes;
    if written.is_empty() {
        return vec![ClassPlan {
            name: String::new(),
            priority: Criticality::Critical,
            writes: true,
            idempotent: true,
            deadline: None,
            saga: None,
        }];
    }
    // where no class says that it writes, all do
    let declared = written.iter().any(|class| class.writes);
    let plan = |class: &crate::model::traffic::Class| ClassPlan {
        name: class.name.clone(),
        priority: class.priority,
        writes: class.writes || !declared,
        idempotent: class.idempotent,
        deadline: class.deadline,
        saga: class.saga.clone().map(|saga| (saga, Vec::new())),
    };
    written.iter().map(plan).collect()
}

fn service_plan(model: &Model, layout: &Layout, index: usize) -> ServicePlan {
    let service = &model.services[index];
    // of copies that all take writes nobody is in charge
    let leads = |process: &Process| process.service == Some(index as u32) && service.failover.is_some();
    let process = layout.processes.iter().position(leads);
    let first_node = service.pools.first().map_or(0, |pool| layout.pools[pool.index()].first_unit);
    let nodes = service.pools.iter().map(|pool| model.pools[pool.index()].most_nodes()).sum();
    ServicePlan {
        name: service.name.clone(),
        stages: Vec::new(),
        only_call: None,
        work: model.traffic.services.get(index).cloned().unwrap_or_default(),
        check: service.health_check.clone(),
        process: process.map(|process| process as u32),
        pools: service.pools.iter().map(|pool| pool.0).collect(),
        replication: service.replication.clone(),
        first_node,
        nodes,
    }
}

fn pool_plan(model: &Model, layout: &Layout, index: usize) -> PoolPlan {
    let pool = &model.pools[index];
    let work = model.traffic.pools.get(index).cloned().unwrap_or_default();
    PoolPlan {
        service: pool.service.0,
        region: pool.region.map(|region| region.0),
        first_node: layout.pools[index].first_unit,
        nodes: pool.most_nodes(),
        need: model.need_of(pool),
        scale: scaled_by(pool, &work),
        work,
        warm_up: pool.warm_up,
        capacity: pool.capacity,
    }
}

/// How the pool's scaler looks, if it has one: at slots, or at requests where there are none.
fn scaled_by(pool: &crate::model::topology::Pool, work: &PoolWork) -> Option<Scaler> {
    let every = pool.autoscale.as_ref()?.every;
    let each = work.slots.map(f64::from).or(pool.capacity)?;
    Some(Scaler { every, each, by_slots: work.slots.is_some() })
}

fn nodes(model: &Model, layout: &Layout) -> Vec<NodePlan> {
    let mut nodes = Vec::new();
    for (index, pool) in model.pools.iter().enumerate() {
        let name = &layout.sites[layout.units[layout.pools[index].first_unit as usize].site as usize];
        let entity = Entity::new(name);
        for node in 0..pool.most_nodes() {
            let zone = pool.zones.get(node as usize % pool.zones.len().max(1)).map(|zone| zone.0);
            let checks = entity.member(u64::from(node)).key(Purpose::Detect);
            nodes.push(NodePlan { pool: index as u32, service: pool.service.0, zone, checks });
        }
    }
    nodes
}

impl ServicePlan {
    /// How the state of a node reaches its balancers.
    pub fn detection(&self) -> Detection {
        self.check.clone().map_or(Detection::Instant, Detection::Check)
    }

    /// Is work that nobody waits for stopped, deadlines and all?
    pub fn stops(&self) -> bool {
        self.work.caller_gone == CallerGone::Stop
    }
}
