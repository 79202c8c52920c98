//! People who act, compiled: what they look at and what they do, by number.

use super::super::buckets::{Buckets, Subjects};
use super::super::reading::Gauge;
use super::super::record::Recorder;
use super::RequestPlan;
use crate::engine::streams::{Entity, EntityKey, Purpose};
use crate::model::Model;
use crate::model::dist::Law;
use crate::model::experiment::{BucketMeasure, Caller, Subject};
use crate::model::operator::{Act, Operator, Symptom, When};
use crate::simulation::layout::Layout;
use crate::time::Span;

use super::From;

/// Time to restart a node if neither whoever does it nor the liveness check of its service says.
const RESTART: Span = Span::from_secs(30);

/// Somebody who acts.
#[derive(Clone, Debug)]
pub struct OperatorPlan {
    /// What calls for the act.
    pub sight: Sight,
    /// What is looked at.
    pub gauge: Gauge,
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
    Shows(Symptom),
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
        let (sight, gauge) = sight(operator, plan);
        Some(OperatorPlan {
            sight,
            gauge,
            after: operator.after,
            page: operator.page.clone(),
            act: act(operator, layout, plan)?,
            draws: Entity::new(&format!("{}/operator", operator.name)).key(Purpose::Page),
        })
    };
    model.operators.iter().filter_map(one).collect()
}

fn sight(operator: &Operator, plan: &RequestPlan) -> (Sight, Gauge) {
    match operator.when {
        When::Stuck => (Sight::Stuck, Gauge::new(plan, BucketMeasure::SuccessRatio, Subject::System)),
        When::Shows(symptom) => (Sight::Shows(symptom), Gauge::new(plan, symptom.measure, symptom.subject)),
    }
}

impl RequestPlan {
    /// Who are counted by buckets.
    pub fn subjects(&self) -> Subjects {
        Subjects {
            users: 1 + self.groups.len() + self.classes.len(),
            services: self.services.len(),
            calls: self.edges.len(),
            pools: self.pools.len(),
        }
    }

    /// What is told to people who act, if there are any.
    pub fn looker(&self) -> Option<Recorder> {
        let lengths = self.operators.iter().any(|operator| operator.gauge.is_of_lengths());
        let seconds = || Buckets::last(Span::SECOND, self.subjects(), lengths);
        let users_only = self.operators.iter().all(|operator| operator.gauge.is_of_users());
        (!self.operators.is_empty()).then(|| Recorder::of_seconds(seconds(), users_only))
    }
}

fn act(operator: &Operator, layout: &Layout, plan: &RequestPlan) -> Option<ActPlan> {
    Some(match &operator.act {
        Act::Shed { share, lasts, ramp } => ActPlan::Shed { share: *share, lasts: lasts.clone(), ramp: *ramp },
        Act::Restart { pools, takes } => {
            let nodes = pools.iter().flat_map(|pool| {
                let pool = &plan.pools[pool.index()];
                let liveness = plan.services[pool.service as usize].work.health.liveness.as_ref();
                let usual = || liveness.map_or_else(|| Law::fixed(RESTART), |(_, restart)| restart.clone());
                let takes = takes.clone().unwrap_or_else(usual);
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
            let service = service.map(|service| service.0);
            let process = layout.processes.iter().position(|process| process.service == service)?;
            ActPlan::FailOver { process: process as u32 }
        }
    })
}
