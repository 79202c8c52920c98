//! Checks that go through the node like a request: they wait, they work, they time out when it is busy.
//!
//! Readiness takes the node out of its balancers, liveness restarts it, a deep check only costs. What a check finds is
//! counted by the same code as everywhere, [`RiseFall`](crate::resilience::health::RiseFall).

use super::Requests;
use super::event::{Event, class};
use super::plan::{EdgePlan, PoolPlan, ServicePlan};
use super::state::{About, Id, Job, Origin};
use super::work::WORK;
use crate::engine::streams::Stream;
use crate::model::dist::Law;
use crate::model::failover::{Check, Sees};
use crate::model::topology::Reach;
use crate::resilience::health::{CheckResult, Health, RiseFall};
use crate::time::{Span, Time};
use rand::RngExt;

/// A kind of check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Probe {
    /// Is the node to be sent to?
    Readiness,
    /// Is it to be restarted?
    Liveness,
    /// What only observers want to know.
    Deep,
}

/// All kinds, by their number.
pub const PROBES: [Probe; 3] = [Probe::Readiness, Probe::Liveness, Probe::Deep];

/// One checker of one node.
#[derive(Clone, Debug)]
pub struct Prober {
    check: Check,
    /// Time to restart, or work of a check.
    law: Law,
    state: RiseFall,
    /// The state of a node that nobody has checked.
    fresh: RiseFall,
    phase: Span,
    /// When the last check was sent.
    sent: Time,
    /// The check that is out.
    out: Option<Id>,
}

/// The checks of a node of this service that are made one by one.
pub fn probers(service: &ServicePlan, rng: &mut Stream) -> [Option<Prober>; 3] {
    let health = &service.work.health;
    let readiness = service.check.as_ref().filter(|check| check.through_queue);
    let prober = |check: &Check, law: Law, rng: &mut Stream| {
        let state = RiseFall::new(check.up_after, check.down_after, Health::Up).ok()?;
        let phase = Span::from_nanos_f64(rng.random::<f64>() * check.every.as_nanos() as f64);
        Some(Prober { check: check.clone(), law, fresh: state.clone(), state, phase, sent: Time::ZERO, out: None })
    };
    let nothing = || Law::fixed(Span::ZERO);
    [
        readiness.and_then(|check| prober(check, nothing(), rng)),
        health.liveness.as_ref().and_then(|(check, restart)| prober(check, restart.clone(), rng)),
        health.deep.as_ref().and_then(|(check, cost)| prober(check, cost.clone(), rng)),
    ]
}

/// The work of a check at its node: as a request's for readiness and liveness, its own for a deep one.
pub fn work(service: &ServicePlan, pool: &PoolPlan, probe: Probe, job: &Job) -> Span {
    let law = match (probe, &service.work.health.deep) {
        (Probe::Deep, Some((_, cost))) => cost,
        (Probe::Deep, None) | (Probe::Readiness | Probe::Liveness, _) => &pool.work.service_time,
    };
    law.sample(&mut job.about.key.draw(WORK))
}

impl Requests<'_> {
    /// The first checks of a node that begins a life.
    pub(super) fn start_probes(&mut self, now: Time, index: u32) {
        for (number, probe) in PROBES.into_iter().enumerate() {
            let node = &mut self.nodes[index as usize];
            let generation = node.life;
            let Some(prober) = &mut node.probes[number] else { continue };
            prober.out = None;
            let at = now + prober.phase;
            self.schedule(at, class::CHECK, Event::Check { node: index, probe, generation });
        }
    }

    /// The next check is due.
    pub(super) fn check_due(&mut self, now: Time, index: u32, probe: Probe, generation: u32) {
        let node = &mut self.nodes[index as usize];
        if node.life != generation {
            return;
        }
        let condition = node.condition;
        // a node that does not run may pass all the same
        let dead = !condition.up
            && (node.restarting
                || condition.check_fails >= 1.0
                || (condition.check_fails > 0.0 && node.checks.random::<f64>() < condition.check_fails));
        let Some(prober) = &mut node.probes[probe as usize] else { return };
        prober.sent = now;
        // whoever restarts a node stands beside it
        let missed = if probe == Probe::Readiness { condition.missed } else { 0.0 };
        let gray = if condition.up { 1.0 - (1.0 - condition.check_fails) * (1.0 - missed) } else { 0.0 };
        let fails = 1.0 - (1.0 - prober.check.false_fail) * (1.0 - gray);
        let by_chance = fails > 0.0 && node.checks.random::<f64>() < fails;
        if condition.off {
            return self.next_probe(now, index, probe); // nobody asks for it
        }
        if !condition.up || by_chance {
            return self.probe_answered(now, index, probe, !dead && !by_chance);
        }
        if !prober.check.through_queue {
            return match probe {
                Probe::Readiness | Probe::Liveness => self.probe_answered(now, index, probe, !condition.hung),
                Probe::Deep => self.next_probe(now, index, probe),
            };
        }
        let timeout = prober.check.timeout;
        let id = self.send_probe(now, index, probe, now + timeout);
        if let Some(prober) = &mut self.nodes[index as usize].probes[probe as usize] {
            prober.out = Some(id);
        }
        self.schedule(now + timeout, class::TIMER, Event::CheckLate { node: index, probe, job: id });
    }

    fn send_probe(&mut self, now: Time, index: u32, probe: Probe, deadline: Time) -> Id {
        let serial = self.flight.serial();
        let key = self.checks.member(serial);
        let about = About { key, ..About::NOBODY };
        let (id, _) = self.flight.add_job(serial, index, (&about, about.key), Origin::Check(probe), (now, deadline));
        self.reach(now, id);
        id
    }

    /// A check that went through the node has had its time: if it is still out, it has failed.
    pub(super) fn check_late(&mut self, now: Time, index: u32, probe: Probe, job: Id) {
        let Some(prober) = &self.nodes[index as usize].probes[probe as usize] else { return };
        if prober.out == Some(job) {
            self.abandon(now, job);
            self.probe_answered(now, index, probe, false);
        }
    }

    /// A check is over: the next one follows.
    fn next_probe(&mut self, now: Time, index: u32, probe: Probe) {
        let node = &self.nodes[index as usize];
        let Some(prober) = &node.probes[probe as usize] else { return };
        let at = prober.check.next(prober.state.health() == Health::Down, prober.sent, now);
        self.schedule(at, class::CHECK, Event::Check { node: index, probe, generation: node.life });
    }

    /// A check has been answered, or has failed.
    pub(super) fn probe_answered(&mut self, now: Time, index: u32, probe: Probe, well: bool) {
        let node = &mut self.nodes[index as usize];
        let Some(prober) = &mut node.probes[probe as usize] else { return };
        prober.out = None;
        let result = if well { CheckResult::Pass } else { CheckResult::Fail };
        let change = prober.state.observe(now, result);
        // before what follows may begin another life, with checks of its own
        self.next_probe(now, index, probe);
        let Some(change) = change else { return };
        let node = &mut self.nodes[index as usize];
        match (probe, change.to) {
            (Probe::Readiness, to) => self.set_member(now, index, to == Health::Up),
            (Probe::Liveness, Health::Down) if node.condition.up => {
                let Some(prober) = &node.probes[probe as usize] else { return };
                let takes = prober.law.sample(&mut node.checks);
                self.restart(now, index, takes);
            }
            (Probe::Liveness | Probe::Deep, _) => {}
        }
    }

    /// A node is restarted, for one: what it works on is lost, and what made it slow is over.
    pub(super) fn restart(&mut self, now: Time, index: u32, takes: Span) {
        let node = &mut self.nodes[index as usize];
        node.restarting = true;
        let condition = super::nodes::Condition { up: false, silent: false, ..node.condition };
        self.change_condition(now, index, condition);
        self.restarts.push((index, true));
        self.look = true;
        self.schedule(now + takes, crate::simulation::event::class::END, Event::Restarted { node: index });
    }

    /// Who restarts a node that does not answer knows nothing of its life before.
    pub(super) fn forget_checks(&mut self, index: u32) {
        if let Some(prober) = &mut self.nodes[index as usize].probes[Probe::Liveness as usize] {
            prober.state = prober.fresh.clone();
        }
    }

    /// A node that starts anew counts as ready until a check through its queue fails.
    pub(super) fn forget_readiness(&mut self, index: u32) {
        let node = &mut self.nodes[index as usize];
        if let Some(prober) = &mut node.probes[Probe::Readiness as usize] {
            prober.state = prober.fresh.clone();
            node.member = true;
        }
    }

    /// A restarted node works again.
    pub(super) fn restarted(&mut self, index: u32) {
        self.nodes[index as usize].restarting = false;
        self.restarts.push((index, false));
        self.look = true;
    }

    /// What a check of each node finds that looks beyond it, at all that its service calls, softly too.
    pub(super) fn look_at_dependencies(&mut self, now: Time) {
        let plan = self.plan;
        for service in &plan.services {
            if service.check.as_ref().is_none_or(|check| check.sees != Sees::Dependencies) {
                continue;
            }
            for index in service.first_node..service.first_node + service.nodes {
                let region = plan.pools[plan.nodes[index as usize].pool as usize].region;
                let admits = self.nodes[index as usize].condition.admits;
                let mut edges = service.stages.iter().flatten().map(|&edge| &plan.edges[edge as usize]);
                let misses = !admits || edges.any(|edge| !self.finds(edge, region));
                let node = &mut self.nodes[index as usize];
                if std::mem::replace(&mut node.misses, misses) != misses {
                    self.health_changed(now, index);
                }
            }
        }
    }

    /// Does somebody at the other end of the edge serve whoever calls from this region?
    fn finds(&self, edge: &EdgePlan, region: Option<u32>) -> bool {
        let plan = self.plan;
        let cut = |to: Option<u32>| match (region, to) {
            (Some(from), Some(to)) if from != to => self.routes.ways[plan.ways.number(from, to)].cut,
            (Some(_) | None, Some(_) | None) => false,
        };
        let region_of = |number: u32| plan.pools[number as usize].region;
        let some_here = edge.pools.iter().any(|&number| region_of(number) == region);
        let mut pools = edge.pools.iter().enumerate().filter(|&(place, &number)| {
            let at = region_of(number);
            let asked = match edge.reach {
                Reach::Primary => self.routes.primary[edge.to as usize] == Some(place as u32),
                Reach::Local => at == region || at.is_none(),
                Reach::ByTarget => !some_here || at == region,
                Reach::Any => true,
            };
            asked && !cut(at)
        });
        pools.any(|(_, &number)| {
            let pool = &plan.pools[number as usize];
            let nodes = &self.nodes[pool.first_node as usize..(pool.first_node + pool.nodes) as usize];
            nodes
                .iter()
                .any(|node| node.condition.up && !node.condition.off && !node.condition.hung && node.condition.admits)
        })
    }
}
