//! People who act, compiled: what they look at and what they do, by number.

use super::RequestPlan;
use crate::engine::streams::{Entity, EntityKey, Purpose};
use crate::model::Model;
use crate::model::dist::Law;
use crate::model::experiment::Caller;
use crate::model::operator::{Act, Operator, Symptom, Users, When};
use crate::simulation::layout::Layout;
use crate::time::Span;

use super::From;

/// Time to restart a node of a service whose liveness check does not say.
const RESTART: Span = Span::from_secs(30);

/// Somebody who acts.
#[derive(Clone, Debug)]
pub struct OperatorPlan {
    /// What calls for the act.
    pub sight: Sight,
    /// For how long without a break.
    pub after: Span,
    /// Time until the page is answered.
    pub page: Law,
    /// What is done then.
    pub act: ActPlan,
    /// Its draws.
    pub draws: EntityKey,
}

/// What calls for an act.
#[derive(Clone, Copy, Debug)]
pub enum Sight {
    /// Nothing is broken, and yet too few requests are answered.
    Stuck,
    /// A symptom shows.
    Shows {
        /// Of whom: all users, then groups, then classes.
        users: usize,
        /// Which.
        symptom: Symptom,
    },
}

/// What somebody does.
#[derive(Clone, Debug)]
pub enum ActPlan {
    /// Admit only a share of the requests, and then, little by little, all.
    Shed {
        /// The share, 0 to 1.
        share: f64,
        /// For so long.
        lasts: Law,
        /// Then so long until all are admitted.
        ramp: Span,
    },
    /// Restart these nodes, one after the other, each for so long.
    Restart(Vec<(u32, Law)>),
    /// Keep the breakers of these edges open.
    OpenBreakers {
        /// The edges.
        edges: Vec<u32>,
        /// For so long.
        lasts: Law,
    },
    /// Fail over.
    FailOver {
        /// The failover.
        process: u32,
    },
}

/// All of them, once the rest of the plan is there.
pub fn build(model: &Model, layout: &Layout, plan: &RequestPlan) -> Vec<OperatorPlan> {
    let one = |operator: &Operator| {
        Some(OperatorPlan {
            sight: sight(operator, plan),
            after: operator.after,
            page: operator.page.clone(),
            act: act(operator, layout, plan)?,
            draws: Entity::new(&format!("{}/operator", operator.name)).key(Purpose::Page),
        })
    };
    model.operators.iter().filter_map(one).collect()
}

fn sight(operator: &Operator, plan: &RequestPlan) -> Sight {
    match operator.when {
        When::Stuck => Sight::Stuck,
        When::Shows(symptom) => {
            let users = match symptom.users {
                Users::All => 0,
                Users::Group(group) => 1 + group.index(),
                Users::Class(class) => 1 + plan.groups.len() + class.index(),
            };
            Sight::Shows { users, symptom }
        }
    }
}

fn act(operator: &Operator, layout: &Layout, plan: &RequestPlan) -> Option<ActPlan> {
    Some(match &operator.act {
        Act::Shed { share, lasts, ramp } => ActPlan::Shed { share: *share, lasts: lasts.clone(), ramp: *ramp },
        Act::Restart { pools } => {
            let nodes = pools.iter().flat_map(|pool| {
                let pool = &plan.pools[pool.index()];
                let liveness = plan.services[pool.service as usize].work.health.liveness.as_ref();
                let takes = liveness.map_or_else(|| Law::fixed(RESTART), |(_, restart)| restart.clone());
                (pool.first_node..pool.first_node + pool.nodes).map(move |node| (node, takes.clone()))
            });
            ActPlan::Restart(nodes.collect())
        }
        Act::OpenBreaker { call, lasts } => {
            let from = match call.from {
                Caller::Group(group) => From::Group(group.0),
                Caller::Service(service) => From::Service(service.0),
            };
            let edges = (0_u32..).zip(&plan.edges).filter(|(_, edge)| edge.from == from && edge.to == call.to.0);
            ActPlan::OpenBreakers { edges: edges.map(|(number, _)| number).collect(), lasts: lasts.clone() }
        }
        Act::FailOver { service } => {
            let process = layout.processes.iter().position(|process| process.service == Some(service.0))?;
            ActPlan::FailOver { process: process as u32 }
        }
    })
}
