//! Edges: who calls whom, under which policies.

use super::RequestPlan;
use crate::model::Model;
use crate::model::dist::Law;
use crate::model::failover::Propagation;
use crate::model::topology::{Reach, Reads, ServiceKind};
use crate::model::traffic::{Budget, CallPolicy, RequestTier};
use crate::resilience::fallback::{Dependency, TierConfig};
use crate::resilience::pipeline::{BreakerScope, PipelineConfig};
use crate::resilience::retry_budget::{ConcurrencyBudget, QuotaBudget, RatioBudget, RetryBudget, TokenBudget};
use crate::time::Span;

/// Who calls over an edge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum From {
    /// Users.
    Group(u32),
    /// Nodes of a service.
    Service(u32),
}

/// One caller and one callee.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "facts about a call, each by itself")]
pub struct EdgePlan {
    /// `api->db`.
    pub name: String,
    /// Who calls.
    pub from: From,
    /// Whom.
    pub to: u32,
    /// Pools of the callee.
    pub pools: Vec<u32>,
    /// Where it is looked for.
    pub reach: Reach,
    /// Do all copies of the callee serve what only reads?
    pub reads_local: bool,
    /// Callers: clients of the group, nodes of the service.
    pub slots: u32,
    /// Number of the first client.
    pub first_client: u32,
    /// Is nothing but balancing on?
    pub plain: bool,
    /// The policies.
    pub policy: CallPolicy,
    /// Do users go where its failover has them go, by the answers that they have?
    pub follows: bool,
    /// Which ring of timers its attempts use, if they have a timeout and no deadline can shorten it.
    pub ring: Option<u32>,
    /// Share of the requests that make it.
    pub share: f64,
    /// How often.
    pub times: u32,
    /// By class: does it make the call?
    pub classes: Vec<bool>,
    /// Do all requests make it?
    pub always: bool,
    /// What answers instead.
    pub tiers: Vec<TierPlan>,
}

/// A tier of a fallback.
#[derive(Clone, Debug)]
pub struct TierPlan {
    /// Its name.
    pub name: String,
    /// The edge by which it asks somebody, if it does.
    pub edge: Option<u32>,
    /// Time that it takes by itself.
    pub takes: Law,
    /// Share of the requests that it can answer.
    pub hit: f64,
    /// Age of an answer that it may still give.
    pub max_age: Option<Span>,
    /// It stays for so long.
    pub dwell: Span,
}

impl EdgePlan {
    /// The client of this caller towards this pool.
    #[inline]
    pub fn client(&self, slot: u32, pool: usize) -> u32 {
        self.first_client + slot * self.pools.len() as u32 + pool as u32
    }

    /// Is it users who call?
    pub const fn is_of_users(&self) -> bool {
        matches!(self.from, From::Group(_))
    }

    /// How many breakers stand on it.
    pub fn breakers(&self, plan: &RequestPlan) -> u64 {
        let nodes =
            |&pool: &u32| if self.policy.breaker_per_node { u64::from(plan.pools[pool as usize].nodes) } else { 1 };
        let each: u64 = self.pools.iter().map(nodes).sum();
        if self.policy.breaker.is_some() { each * u64::from(self.slots) } else { 0 }
    }

    /// The policies as the pipeline takes them, over so many targets.
    pub fn pipeline(&self, targets: u32) -> PipelineConfig {
        let policy = &self.policy;
        let tier = |(index, tier): (usize, &TierPlan)| TierConfig {
            calls: tier.edge.map(|_| Dependency(index as u32 + 1)),
            max_age: tier.max_age,
            dwell: tier.dwell,
            ..TierConfig::default()
        };
        PipelineConfig {
            tiers: self.tiers.iter().enumerate().map(tier).collect(),
            dependency: Some(Dependency(0)),
            deadline: policy.deadline,
            retry: policy.retry,
            budget: budget(policy.budget),
            hedge: policy.hedge,
            throttle: policy.throttle,
            breaker: policy.breaker,
            breaker_scope: if policy.breaker_per_node { BreakerScope::Target } else { BreakerScope::Pool },
            rate_limit: policy.rate_limit,
            bulkhead: policy.bulkhead,
            attempt_timeout: policy.timeout,
            balance: policy.balance.clone(),
            ejection: policy.ejection,
            panic: (policy.panic * 10_000.0).round() as u32,
            ..PipelineConfig::new(targets)
        }
    }
}

/// A budget as new; the scenario has checked its numbers.
pub fn budget(written: Option<Budget>) -> RetryBudget {
    match written {
        None => None,
        Some(Budget::Tokens(config)) => TokenBudget::new(config).ok().map(RetryBudget::Tokens),
        Some(Budget::Quota(config)) => QuotaBudget::new(config).ok().map(RetryBudget::Quota),
        Some(Budget::Ratio(config)) => RatioBudget::new(config).ok().map(RetryBudget::Ratio),
        Some(Budget::Concurrency(config)) => ConcurrencyBudget::new(config).ok().map(RetryBudget::Concurrency),
    }
    .unwrap_or(RetryBudget::Unlimited)
}

/// All edges: of users, then of calls, then of what only tiers and sagas ask.
pub fn build(model: &Model, plan: &mut RequestPlan) {
    let classes = plan.classes.len();
    for group in 0..model.groups.len() {
        let traffic = &model.traffic.groups[group];
        let mut edges = Vec::new();
        for class in 0..classes {
            let entry = model.traffic.classes.get(class).and_then(|class| class.entry);
            let to = entry.unwrap_or(model.routing.entry).0;
            let from = From::Group(group as u32);
            let known = plan.edges.iter().position(|edge| edge.from == from && edge.to == to);
            let edge = known.map_or_else(
                || {
                    let tiers = (traffic.policy.clone(), traffic.tiers.as_slice());
                    add(model, plan, from, to, tiers, Reach::ByTarget)
                },
                |edge| edge as u32,
            );
            edges.push(edge);
        }
        let group = super::GroupPlan::new(model, group, edges, classes);
        plan.groups.push(group);
    }
    let first_call = plan.edges.len() as u32;
    for call in &model.traffic.calls {
        let from = From::Service(call.from.0);
        let edge = add(model, plan, from, call.to.0, (call.policy.clone(), call.tiers.as_slice()), call.reach);
        let edge = &mut plan.edges[edge as usize];
        (edge.share, edge.times) = (call.share, call.times);
        if !call.only.is_empty() {
            edge.classes = (0..classes).map(|class| call.only.iter().any(|only| only.index() == class)).collect();
        }
        edge.always = edge.share >= 1.0 && !edge.classes.contains(&false);
    }
    add_stages(model, plan, first_call);
    add_tiers(model, plan);
    add_sagas(model, plan);
    for group in 0..plan.groups.len() {
        let clients = plan.groups[group].clients;
        let deadlines = plan.classes.iter().any(|class| class.deadline.is_some());
        for edge in plan.edges.iter_mut().filter(|edge| edge.from == From::Group(group as u32)) {
            edge.slots = clients;
            edge.plain &= !deadlines;
        }
    }
    add_rings(plan);
    number(plan);
}

fn add_stages(model: &Model, plan: &mut RequestPlan, first_call: u32) {
    for service in 0..plan.services.len() as u32 {
        let mut stages: Vec<(u32, Vec<u32>)> = Vec::new();
        for (index, call) in model.traffic.calls.iter().enumerate().filter(|(_, call)| call.from.0 == service) {
            match stages.iter_mut().find(|(stage, _)| *stage == call.stage) {
                Some((_, edges)) => edges.push(first_call + index as u32),
                None => stages.push((call.stage, vec![first_call + index as u32])),
            }
        }
        stages.sort_by_key(|(stage, _)| *stage);
        let stages: Vec<Vec<u32>> = stages.into_iter().map(|(_, edges)| edges).collect();
        let only_call = match stages.as_slice() {
            [edges] if edges.len() == 1 && plan.edges[edges[0] as usize].always => Some(edges[0]),
            _ => None,
        };
        let plan = &mut plan.services[service as usize];
        (plan.stages, plan.only_call) = (stages, only_call);
    }
}

/// Tiers that ask a service have an edge of their own, without policies.
fn add_tiers(model: &Model, plan: &mut RequestPlan) {
    for edge in 0..plan.edges.len() {
        for tier in 0..plan.edges[edge].tiers.len() {
            if let Some(to) = plan.edges[edge].tiers[tier].edge {
                let from = plan.edges[edge].from;
                let asks = add(model, plan, from, to, (CallPolicy::default(), &[]), Reach::ByTarget);
                plan.edges[edge].tiers[tier].edge = Some(asks);
            }
        }
    }
}

/// Steps of a transaction use the call of its entry to the service, if there is one; else one without policies.
fn add_sagas(model: &Model, plan: &mut RequestPlan) {
    for class in 0..plan.classes.len() {
        let Some((saga, _)) = plan.classes[class].saga.clone() else { continue };
        let entry = model.traffic.classes[class].entry.unwrap_or(model.routing.entry).0;
        let mut edges = Vec::new();
        for step in &saga.steps {
            let from = From::Service(entry);
            let known = plan.edges.iter().position(|edge| edge.from == from && edge.to == step.0);
            let edge = known.map_or_else(
                || add(model, plan, from, step.0, (CallPolicy::default(), &[]), Reach::ByTarget),
                |edge| edge as u32,
            );
            edges.push(edge);
        }
        plan.classes[class].saga = Some((saga, edges));
    }
}

fn add(
    model: &Model,
    plan: &mut RequestPlan,
    from: From,
    to: u32,
    (policy, tiers): (CallPolicy, &[RequestTier]),
    reach: Reach,
) -> u32 {
    let callee = &plan.services[to as usize];
    let (caller, slots) = match from {
        From::Group(group) => (model.groups[group as usize].name.as_str(), 0),
        From::Service(service) => {
            let service = &plan.services[service as usize];
            (service.name.as_str(), service.nodes)
        }
    };
    let of_callee = &model.services[to as usize];
    let reach = match reach {
        // whoever is not in charge answers nobody
        Reach::ByTarget | Reach::Any | Reach::Primary if callee.process.is_some() => Reach::Primary,
        Reach::ByTarget if of_callee.kind == ServiceKind::Dependency || of_callee.is_quorum() => Reach::Any,
        // of copies among which nobody leads each is a primary
        Reach::Primary => Reach::Any,
        Reach::ByTarget | Reach::Local | Reach::Any => reach,
    };
    // who caches nothing finds any primary: the old one, too, that was not fenced
    let split = of_callee.failover.as_ref().is_some_and(|failover| !failover.fencing);
    let finds_all = split && model.routing.propagation == Propagation::Instant;
    let is_entry = matches!(from, From::Group(_)) && to == model.routing.entry.0;
    let caller_follows = is_entry && callee.process.is_some() && !finds_all;
    let off = CallPolicy { balance: policy.balance.clone(), ..CallPolicy::default() };
    let tiers: Vec<TierPlan> = tiers
        .iter()
        .map(|tier| TierPlan {
            name: tier.name.clone(),
            edge: tier.calls.map(|service| service.0),
            takes: tier.takes.clone(),
            hit: tier.hit,
            max_age: tier.max_age,
            dwell: tier.dwell,
        })
        .collect();
    let edge = EdgePlan {
        name: format!("{caller}->{}", plan.services[to as usize].name),
        from,
        to,
        pools: plan.services[to as usize].pools.clone(),
        reach,
        reads_local: model.services[to as usize].reads == Reads::Local,
        slots,
        first_client: 0,
        plain: policy == off && tiers.is_empty(),
        follows: caller_follows,
        policy,
        ring: None,
        share: 1.0,
        times: 1,
        classes: vec![true; plan.classes.len()],
        always: true,
        tiers,
    };
    plan.edges.push(edge);
    plan.edges.len() as u32 - 1
}

/// Each length of timeout has a ring, where no deadline can shorten it.
fn add_rings(plan: &mut RequestPlan) {
    for edge in 0..plan.edges.len() {
        let policy = &plan.edges[edge].policy;
        if let Some(timeout) = policy.timeout.filter(|_| policy.deadline.is_none()) {
            plan.edges[edge].ring = Some(ring(plan, timeout));
        }
    }
}

fn ring(plan: &mut RequestPlan, timeout: Span) -> u32 {
    let known = plan.timeouts.iter().position(|&known| known == timeout);
    known.unwrap_or_else(|| {
        plan.timeouts.push(timeout);
        plan.timeouts.len() - 1
    }) as u32
}

fn number(plan: &mut RequestPlan) {
    for edge in &mut plan.edges {
        edge.first_client = plan.clients;
        plan.clients += edge.slots * edge.pools.len() as u32;
    }
}
