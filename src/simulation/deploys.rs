//! Deploys: batch after batch is restarted; a bad one spreads until somebody notices, and is then rolled back.
//!
//! Each deploy has draws of its own, by its number, so that how far one gets moves no other's luck. The next waits for
//! the end of the one before. A node is out by a deploy once, however often it is reached; where a bad one fails only a
//! share of the requests, its nodes come back and ail.

use super::event::{Event, class};
use super::layout::Manner;
use super::world::World;
use crate::engine::streams::{Draw, Numbered, Streams};
use crate::time::Time;
use rand::RngExt;

/// Where a deploy stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// The next has not begun.
    Idle,
    /// A batch restarts.
    Restarting,
    /// A batch is watched.
    Baking,
    /// All batches are done, or nothing more is touched.
    Rolled,
}

/// The deploys of one service, dynamically.
#[derive(Clone, Debug)]
pub struct RolloutState {
    numbered: Numbered,
    draws: Draw,
    count: u32,
    phase: Phase,
    /// Counts steps; a step of an older generation is stale.
    generation: u32,
    batch: usize,
    bad: bool,
    /// Has a bad batch come back?
    live: bool,
    /// When the next may begin.
    next: Time,
    /// In order.
    out: Vec<u32>,
    /// Whom a bad deploy has touched that serves on, in order.
    ailing: Vec<u32>,
}

/// Put the unit into a list in order; answers whether it was not in it.
fn insert(list: &mut Vec<u32>, unit: u32) -> bool {
    let place = list.binary_search(&unit);
    if let Err(place) = place {
        list.insert(place, unit);
    }
    place.is_err()
}

impl World<'_> {
    /// The first deploy of each service is due after one gap.
    pub(super) fn start_rollouts(&mut self, streams: &Streams) {
        self.rollouts.clear();
        for (index, plan) in self.layout.rollouts.iter().enumerate() {
            let numbered = streams.family(plan.key).member(0);
            let mut draws = numbered.draw(0);
            let first = Time::ZERO + plan.deploys.every.sample(&mut draws);
            self.rollouts.push(RolloutState {
                numbered,
                draws,
                count: 0,
                phase: Phase::Idle,
                generation: 0,
                batch: 0,
                bad: false,
                live: false,
                next: first,
                out: Vec::new(),
                ailing: Vec::new(),
            });
            self.schedule(first, class::START, Event::DeployStep { rollout: index as u32, generation: 0 });
        }
    }

    fn next_step(&mut self, at: Time, class: u8, rollout: u32, phase: Phase) {
        let state = &mut self.rollouts[rollout as usize];
        state.phase = phase;
        state.generation += 1;
        let generation = state.generation;
        self.schedule(at, class, Event::DeployStep { rollout, generation });
    }

    /// The next step of a deploy is due.
    pub(super) fn deploy_step(&mut self, now: Time, rollout: u32, generation: u32) -> bool {
        let plan = &self.layout.rollouts[rollout as usize];
        let state = &mut self.rollouts[rollout as usize];
        if state.generation != generation {
            return false;
        }
        match state.phase {
            Phase::Idle => {
                state.count += 1;
                state.draws = state.numbered.draw(state.count);
                state.next = now + plan.deploys.every.sample(&mut state.draws);
                state.bad = state.draws.random::<f64>() < plan.deploys.bad;
                (state.live, state.batch) = (false, 0);
                self.restart_batch(now, rollout);
            }
            Phase::Restarting => {
                self.batch_back(now, rollout);
                let state = &mut self.rollouts[rollout as usize];
                state.batch += 1;
                if state.batch < plan.batches.len() {
                    self.next_step(now + plan.deploys.bake, class::START, rollout, Phase::Baking);
                } else {
                    state.phase = Phase::Rolled;
                    if !state.bad {
                        self.deploy_over(now, rollout);
                    }
                }
            }
            Phase::Baking => self.restart_batch(now, rollout),
            Phase::Rolled => return false,
        }
        true
    }

    /// Take the batch whose turn it is out for its restart.
    fn restart_batch(&mut self, now: Time, rollout: u32) {
        let plan = &self.layout.rollouts[rollout as usize];
        let state = &mut self.rollouts[rollout as usize];
        let restart = plan.deploys.restart.sample(&mut state.draws);
        let batch = state.batch;
        self.cause = plan.causes[0];
        self.deploy_holds(now, rollout, &plan.batches[batch]);
        self.next_step(now + restart, class::END, rollout, Phase::Restarting);
    }

    /// The batch is back, and serves if it is not bad.
    fn batch_back(&mut self, now: Time, rollout: u32) {
        let plan = &self.layout.rollouts[rollout as usize];
        let state = &mut self.rollouts[rollout as usize];
        let batch = state.batch;
        if !state.bad {
            return self.deploy_releases(now, rollout);
        }
        if !std::mem::replace(&mut state.live, true) {
            let noticed = now + plan.deploys.noticed.sample(&mut state.draws);
            let count = state.count;
            self.schedule(noticed, class::END, Event::DeployNoticed { rollout, count });
        }
        self.cause = plan.causes[1];
        if plan.ailment.is_none() {
            return self.deploy_holds(now, rollout, &plan.reach[batch]);
        }
        self.deploy_releases(now, rollout);
        for &unit in &plan.reach[batch] {
            if insert(&mut self.rollouts[rollout as usize].ailing, unit) {
                self.strike(now, unit, plan.ailment, None);
            }
        }
    }

    /// Somebody has noticed: nothing more is touched, and what was is rolled back.
    pub(super) fn deploy_noticed(&mut self, now: Time, rollout: u32, count: u32) -> bool {
        let plan = &self.layout.rollouts[rollout as usize];
        let state = &mut self.rollouts[rollout as usize];
        debug_assert_eq!(state.count, count, "a deploy waits for the end of the one before");
        state.phase = Phase::Rolled;
        state.generation += 1;
        let undone = now + plan.deploys.rollback.sample(&mut state.draws);
        self.schedule(undone, class::END, Event::DeployUndone { rollout });
        false
    }

    /// All is as before.
    pub(super) fn deploy_undone(&mut self, now: Time, rollout: u32) -> bool {
        self.deploy_releases(now, rollout);
        let ailment = self.layout.rollouts[rollout as usize].ailment;
        for unit in std::mem::take(&mut self.rollouts[rollout as usize].ailing) {
            self.relieve(now, unit, ailment);
        }
        self.deploy_over(now, rollout);
        true
    }

    fn deploy_over(&mut self, now: Time, rollout: u32) {
        let next = self.rollouts[rollout as usize].next.max(now);
        self.next_step(next, class::START, rollout, Phase::Idle);
    }

    fn deploy_holds(&mut self, now: Time, rollout: u32, units: &[u32]) {
        self.manner = Manner::OPEN;
        for &unit in units {
            if insert(&mut self.rollouts[rollout as usize].out, unit) {
                self.hold(now, unit);
                self.retime_unit(now, unit);
            }
        }
    }

    fn deploy_releases(&mut self, now: Time, rollout: u32) {
        let mut units = std::mem::take(&mut self.rollouts[rollout as usize].out);
        for unit in units.drain(..) {
            self.release(now, unit);
            self.retime_unit(now, unit);
        }
        self.rollouts[rollout as usize].out = units;
    }
}
