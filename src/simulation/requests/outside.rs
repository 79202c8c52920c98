//! Checks of a failover or of the routing that go into a node of the watched pool: they wait and work there like a
//! request, so that a place which is only too busy looks as dead as one that is down.
//!
//! A check fails by what the structure knows to be wrong, as every check does, or else in the node: it is refused, or
//! not answered in time. The way there takes no time. The structure has a belief a checker, which follows what is found
//! here ([`World::told`](crate::simulation::World)); everything after that is the same as ever.

use rand::RngExt;

use super::Requests;
use super::event::{Event, class};
use super::plan::outside::{OutsidePlace, OutsidePlan};
use super::state::{About, Id, Origin};
use crate::engine::streams::{Family, Streams};
use crate::resilience::health::{CheckResult, Health, RiseFall};
use crate::simulation::World;
use crate::time::Time;

/// Who checks what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checker {
    /// The place, as the plan numbers them.
    pub target: u32,
    /// Which of its checkers.
    pub number: u32,
}

/// A checker has changed its mind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Belief {
    /// About which place.
    pub place: OutsidePlace,
    /// Which of its checkers.
    pub checker: u32,
    /// What it holds it for.
    pub healthy: bool,
    /// So many must hold it for down.
    pub agree: u32,
}

/// What is wrong with a place as the structure knows it.
#[derive(Clone, Debug, Default)]
pub struct Meets {
    /// Chance that a check fails by it, 0 to 1.
    pub fails: f64,
    /// Does nothing come back then?
    pub silent: bool,
    /// Nodes that run: those of a standby may not.
    pub runs: Vec<u32>,
}

/// A place that is checked.
#[derive(Clone, Debug)]
struct Target {
    meets: Meets,
    checkers: Vec<RiseFall>,
    /// By checker: when its last check was sent.
    sent: Vec<Time>,
    draws: Family,
    /// Checks so far, which number their draws.
    checks: u32,
}

/// All places that are checked so.
#[derive(Clone, Debug, Default)]
pub struct Outside {
    targets: Vec<Target>,
    beliefs: Vec<Belief>,
}

/// Numbers of the draws of a check beside those of an attempt.
const FAILS: u32 = 0;
const NODE: u32 = 1;

impl Requests<'_> {
    /// From `now` on the checks are made here.
    pub(super) fn start_outside(&mut self, now: Time, streams: &Streams, world: &mut World<'_>) {
        self.outside = Outside::default();
        for (target, plan) in (0_u32..).zip(&self.plan.outside) {
            let OutsidePlan { check, place, .. } = plan;
            let mut checkers = Vec::new();
            for (number, (first, believed)) in (0_u32..).zip(world.hand_over(now, *place, check)) {
                let health = if believed { Health::Up } else { Health::Down };
                checkers.extend(RiseFall::new(check.up_after, check.down_after, health));
                self.schedule(first, class::CHECK, Event::OutsideDue(Checker { target, number }));
            }
            let draws = streams.family(plan.draws);
            let sent = vec![now; checkers.len()];
            self.outside.targets.push(Target { meets: Meets::default(), checkers, sent, draws, checks: 0 });
        }
    }

    /// What checks meet from now on.
    pub(super) fn follow_outside(&mut self, world: &World<'_>) {
        for (target, plan) in self.outside.targets.iter_mut().zip(&self.plan.outside) {
            target.meets = world.meets(plan.place, plan.pool);
        }
    }

    /// A check that went into a node has had its time.
    pub(super) fn outside_late(&mut self, now: Time, id: Id) {
        let Some(job) = self.flight.job(id).filter(|job| job.wanted) else { return };
        let Origin::Outside(checker) = job.origin else { return };
        self.abandon(now, id);
        self.outside_answered(now, checker, false);
    }

    /// The next check of this checker.
    pub(super) fn outside_due(&mut self, now: Time, checker: Checker) {
        let check = &self.plan.outside[checker.target as usize].check;
        let target = &mut self.outside.targets[checker.target as usize];
        target.checks += 1;
        target.sent[checker.number as usize] = now;
        let key = target.draws.member(target.checks);
        let meets = &target.meets;
        let fails = 1.0 - (1.0 - check.false_fail) * (1.0 - meets.fails);
        let by_chance = fails > 0.0 && key.draw(FAILS).random::<f64>() < fails;
        let (silent, asleep) = (meets.silent, meets.runs.is_empty());
        let late = now + check.timeout;
        if by_chance && silent {
            return self.schedule(late, class::TIMER, Event::OutsideSilent(checker));
        }
        let node = if by_chance || asleep { None } else { self.outside_node(checker, key.draw(NODE).random()) };
        let Some(node) = node else {
            // a standby that does not run is as well as the structure knows
            return self.outside_answered(now, checker, asleep && !by_chance);
        };
        let serial = self.flight.serial();
        let about = About { key, ..About::NOBODY };
        let (id, _) = self.flight.add_job(serial, node, (&about, about.key), Origin::Outside(checker), (now, late));
        self.schedule(late, class::TIMER, Event::OutsideLate(id));
        self.reach(now, id);
    }

    /// A node that balancers believe in and that runs, by a draw from [0, 1); none if there is none.
    fn outside_node(&self, checker: Checker, point: f64) -> Option<u32> {
        let number = self.plan.outside[checker.target as usize].pool;
        let first = self.plan.pools[number as usize].first_node;
        let runs = &self.outside.targets[checker.target as usize].meets.runs;
        let members = self.routes.pool(number).members.iter().map(|member| first + member);
        let fit: Vec<u32> = members.filter(|node| runs.contains(node)).collect();
        fit.get((point * fit.len() as f64) as usize).copied()
    }

    /// A check has been answered, or has failed; the next one follows.
    pub(super) fn outside_answered(&mut self, now: Time, checker: Checker, well: bool) {
        let plan = &self.plan.outside[checker.target as usize];
        let target = &mut self.outside.targets[checker.target as usize];
        let state = &mut target.checkers[checker.number as usize];
        let change = state.observe(now, if well { CheckResult::Pass } else { CheckResult::Fail });
        let next = plan.check.next(state.health() == Health::Down, target.sent[checker.number as usize], now);
        if let Some(change) = change {
            let healthy = change.to == Health::Up;
            let (place, agree) = (plan.place, plan.check.agree);
            self.outside.beliefs.push(Belief { place, checker: checker.number, healthy, agree });
            self.look = true;
        }
        self.schedule(next, class::CHECK, Event::OutsideDue(checker));
    }

    /// Who has changed their mind since this was last asked.
    pub(super) fn take_beliefs(&mut self) -> Vec<Belief> {
        std::mem::take(&mut self.outside.beliefs)
    }
}
