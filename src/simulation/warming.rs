//! Nodes that have started and are not yet warm: what their pools lack of their capacity.
//!
//! A start is a repair, a boot, a wake, or the return of the place around the node; a partition that heals or a pool
//! that goes on after a pause starts nothing, and neither does a hang that ends: what was held goes on, as warm as it would
//! be without. Nodes of a shelf that started at one instant are counted together, and
//! count while their shelf serves; who breaks or is stopped is no longer among them. Until the last is warm the level is
//! a curve, booked as chords like that of moving users.

use super::layout::UnitKind;
use super::layout::load::LoadPlan;
use super::load::Loads;
use super::world::World;
use crate::time::{Span, Time};

/// With so many cohorts somebody looks who of them is warm.
const MANY: usize = 8;

/// Nodes of one shelf that started together.
#[derive(Clone, Copy, Debug)]
struct Cohort {
    shelf: u32,
    since: Time,
    nodes: u32,
}

/// Who is warming up in one pool.
#[derive(Clone, Debug, Default)]
pub struct Warming {
    /// By node of the pool: its last start, if it has not stopped since.
    started: Vec<Option<Time>>,
    /// The same of nodes that hang.
    hung: Vec<Option<Time>>,
    cohorts: Vec<Cohort>,
}

impl Warming {
    /// So many nodes, all warm.
    pub fn reset(&mut self, nodes: u32) {
        self.started.clear();
        self.started.resize(nodes as usize, None);
        self.hung.clear();
        self.hung.resize(nodes as usize, None);
        self.cohorts.clear();
    }

    /// The node stops; among those that started before `warm` nobody is looked for. Answers when it had started.
    fn stop(&mut self, node: u32, shelf: u32, warm: Time) -> Option<Time> {
        let since = self.started.get_mut(node as usize).and_then(Option::take)?;
        if since < warm {
            return Some(since);
        }
        let mine = |cohort: &Cohort| cohort.shelf == shelf && cohort.since == since;
        if let Some(position) = self.cohorts.iter().position(mine) {
            self.cohorts[position].nodes -= 1;
            if self.cohorts[position].nodes == 0 {
                self.cohorts.remove(position);
            }
        }
        Some(since)
    }

    /// The node has started at `since`: now, or before it hung.
    fn start(&mut self, since: Time, node: u32, shelf: u32) {
        self.stop(node, shelf, Time::ZERO);
        let (Some(started), Some(hung)) = (self.started.get_mut(node as usize), self.hung.get_mut(node as usize))
        else {
            return;
        };
        (*started, *hung) = (Some(since), None);
        // who started last stands last
        let later = self.cohorts.iter().rev().take_while(|cohort| cohort.since > since).count();
        let place = self.cohorts.len() - later;
        let mut same = self.cohorts[..place].iter_mut().rev().take_while(|cohort| cohort.since == since);
        match same.find(|cohort| cohort.shelf == shelf) {
            Some(cohort) => cohort.nodes += 1,
            None => self.cohorts.insert(place, Cohort { shelf, since, nodes: 1 }),
        }
    }
}

impl World<'_> {
    /// All nodes have been running for long.
    pub(super) fn reset_warming(&mut self) {
        self.warming.resize(self.layout.pools.len(), Warming::default());
        for (warming, plan) in self.warming.iter_mut().zip(&self.layout.pools) {
            warming.reset(if plan.warm_up.is_some() { plan.nodes } else { 0 });
        }
    }

    /// (pool, its shelf, number in the pool) of a node whose starts count.
    fn warms_up(&self, unit: u32) -> Option<(usize, u32, u32)> {
        let UnitKind::Node(shelf) = self.layout.units[unit as usize].kind else { return None };
        let pool = self.layout.shelves[shelf as usize].pool as usize;
        let plan = &self.layout.pools[pool];
        plan.warm_up.is_some().then_some((pool, shelf, unit - plan.first_unit))
    }

    /// The node begins to run.
    pub(super) fn node_starts(&mut self, now: Time, unit: u32) {
        if let Some((pool, shelf, node)) = self.warms_up(unit) {
            if self.is_full() && self.warming[pool].cohorts.len() >= MANY {
                self.forget_warm_of(pool, now);
            }
            self.warming[pool].start(now, node, shelf);
        }
    }

    /// The node no longer runs.
    pub(super) fn node_stops(&mut self, now: Time, unit: u32) {
        if let Some((pool, shelf, node)) = self.warms_up(unit) {
            // while levels are full whoever is warm is no longer counted, though he may be listed
            let lasts = self.layout.pools[pool].warm_up.map_or(Span::MAX, |warm_up| warm_up.lasts);
            let warm = if self.is_full() { now.before(lasts) } else { Time::ZERO };
            let since = self.warming[pool].stop(node, shelf, warm);
            self.warming[pool].hung[node as usize] = since.filter(|_| self.hangs(unit));
        }
    }

    /// Is the node held by nothing but hangs?
    fn hangs(&self, unit: u32) -> bool {
        let state = &self.units[unit as usize];
        state.holds > 0 && state.hangs
    }

    /// Nothing holds the node any more: it begins to run, or goes on if it only hung.
    pub(super) fn node_is_free(&mut self, now: Time, unit: u32) {
        if !self.units[unit as usize].hangs {
            return self.node_starts(now, unit);
        }
        let Some((pool, shelf, node)) = self.warms_up(unit) else { return };
        let lasts = self.layout.pools[pool].warm_up.map_or(Span::ZERO, |warm_up| warm_up.lasts);
        let since = self.warming[pool].hung[node as usize].take();
        if let Some(since) = since.filter(|&since| since + lasts > now) {
            self.warming[pool].start(since, node, shelf);
        }
    }

    /// The node begins to run in a place, or in a pool, in which it hangs.
    pub(super) fn hung_node_starts(&mut self, now: Time, unit: u32) {
        if let Some((pool, _, node)) = self.warms_up(unit).filter(|_| self.hangs(unit)) {
            self.warming[pool].hung[node as usize] = Some(now);
        }
    }

    /// All working nodes of the shelf begin to run.
    pub(super) fn shelf_starts(&mut self, now: Time, shelf: u32) {
        let plan = &self.layout.pools[self.layout.shelves[shelf as usize].pool as usize];
        if plan.warm_up.is_none() {
            return;
        }
        for unit in plan.units() {
            let here = self.layout.units[unit as usize].kind == UnitKind::Node(shelf);
            if here && !self.is_off(unit) {
                if self.units[unit as usize].holds == 0 {
                    self.node_starts(now, unit);
                } else {
                    self.hung_node_starts(now, unit);
                }
            }
        }
    }

    /// Forget who is warm.
    pub(super) fn forget_warm(&mut self, plan: &LoadPlan, now: Time) {
        for &(pool, _) in &plan.warming {
            self.forget_warm_of(pool as usize, now);
        }
    }

    fn forget_warm_of(&mut self, pool: usize, now: Time) {
        if let Some(warm_up) = self.layout.pools[pool].warm_up {
            self.warming[pool].cohorts.retain(|cohort| cohort.since + warm_up.lasts > now);
        }
    }

    /// When the next of those who serve will be warm: of `all` pools, or of those where that changes a level.
    pub(super) fn next_warm(&self, plan: &LoadPlan, loads: &Loads, all: bool) -> Option<Time> {
        let pools = plan.warming.iter().map(|&(pool, _)| pool);
        let felt = pools.filter(|&pool| all || !self.carries_cold(plan, loads, pool));
        let ends = felt.flat_map(|pool| {
            let lasts = self.layout.pools[pool as usize].warm_up.map_or(Span::ZERO, |warm_up| warm_up.lasts);
            self.serving_cohorts(pool).map(move |cohort| cohort.since + lasts)
        });
        ends.min()
    }

    fn serving_cohorts(&self, pool: u32) -> impl Iterator<Item = &Cohort> {
        let cohorts = self.warming[pool as usize].cohorts.iter();
        cohorts.filter(|cohort| self.shelves[cohort.shelf as usize].serves())
    }

    /// Nodes of the pool that serve and are not known to be warm.
    pub(super) fn nodes_warming(&self, pool: u32) -> u32 {
        self.serving_cohorts(pool).map(|cohort| cohort.nodes).sum()
    }

    /// Nodes of the pool that serve and are not warm.
    pub(super) fn nodes_cold(&self, pool: u32, now: Time) -> u32 {
        let Some(warm_up) = self.layout.pools[pool as usize].warm_up else { return 0 };
        let cold = self.serving_cohorts(pool).filter(|cohort| cohort.since + warm_up.lasts > now);
        cold.map(|cohort| cohort.nodes).sum()
    }

    /// How many nodes' worth of capacity the pool lacks at an instant, since some of its serving nodes are not warm.
    pub(super) fn cold(&self, pool: u32, at: Time) -> f64 {
        let Some(warm_up) = self.layout.pools[pool as usize].warm_up else { return 0.0 };
        let missing = |cohort: &Cohort| f64::from(cohort.nodes) * warm_up.missing(at.since(cohort.since));
        let cold: f64 = self.serving_cohorts(pool).map(missing).sum();
        if cold > 0.0 && self.ails(pool) { cold - self.lost_twice(pool, at) } else { cold }
    }

    /// What of that weak nodes have lost already: of a node that carries a quarter a cold one lacks a quarter of what
    /// others lack.
    #[cold]
    fn lost_twice(&self, pool: u32, at: Time) -> f64 {
        let plan = &self.layout.pools[pool as usize];
        let Some(warm_up) = plan.warm_up else { return 0.0 };
        let started = &self.warming[pool as usize].started;
        let missing = |unit: u32| {
            let since = started.get((unit - plan.first_unit) as usize).copied().flatten();
            since.map_or(0.0, |since| warm_up.missing(at.since(since)))
        };
        self.weak_units(pool).map(|(unit, weak)| (1.0 - 1.0 / weak.factor) * missing(unit)).sum()
    }
}
