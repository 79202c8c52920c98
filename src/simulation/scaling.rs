//! Pools whose number of nodes follows their load: who looks when, which nodes start and stop.
//!
//! A look comes every `every` from the start of the trial; one that cannot change anything is not simulated. It finds
//! the load that arrives and the nodes that serve or boot: a broken node does not count, it comes back by its own repair
//! and is then one more. The first nodes that are off start, each after a boot of its own; the last to boot, then the
//! last that run, stop. A pool that does not serve stops nothing: no load is then no sign of too many nodes. A node that
//! is off does not age, and no fault finds it. With requests in the world they tell the load instead, at looks of their own.

use super::event::{Event, class};
use super::layout::UnitKind;
use super::layout::load::LoadPlan;
use super::trace::TraceEvent;
use super::world::World;
use crate::time::{Span, Time};

/// The scaling of one pool, dynamically.
#[derive(Clone, Debug, Default)]
pub struct Scaling {
    /// Nodes that boot, by unit, each with the number of its boot; in the order of their starts.
    booting: Vec<(u32, u32)>,
    boots: u32,
    /// After a change: until when there is no other.
    rests_until: Time,
    /// Is a look due?
    looks: bool,
}

impl World<'_> {
    /// The first nodes of each pool are on.
    pub(super) fn reset_scaling(&mut self) {
        let layout = self.layout;
        self.scaling.clear();
        self.scaling.resize(layout.pools.len(), Scaling::default());
        self.off.clear();
        if layout.pools.iter().all(|plan| plan.scale.is_none()) {
            return;
        }
        self.off.resize(layout.first_place as usize, false);
        for plan in layout.pools.iter().filter(|plan| plan.scale.is_some()) {
            plan.units().skip(plan.nodes_at_start as usize).for_each(|unit| self.off[unit as usize] = true);
        }
        for (pool, plan) in layout.pools.iter().enumerate() {
            self.usage.switch(Time::ZERO, pool, plan.nodes - plan.nodes_at_start, true);
        }
    }

    /// Is the unit a node that is off?
    #[inline]
    pub(super) fn is_off(&self, unit: u32) -> bool {
        self.off.get(unit as usize).copied().unwrap_or(false)
    }

    /// Is the unit a node that would serve if its pool did not wait: on, and neither held nor in a place that is out?
    pub(super) fn is_fit(&self, unit: u32) -> bool {
        let UnitKind::Node(shelf) = self.layout.units[unit as usize].kind else { return false };
        self.units[unit as usize].holds == 0 && self.shelves[shelf as usize].out == 0 && !self.is_off(unit)
    }

    /// Nodes of the shelf that are off.
    pub(super) fn nodes_off(&self, shelf: u32) -> u32 {
        let plan = &self.layout.pools[self.layout.shelves[shelf as usize].pool as usize];
        if plan.scale.is_none() {
            return 0;
        }
        let here = |unit: &u32| self.layout.units[*unit as usize].kind == UnitKind::Node(shelf);
        plan.units().filter(here).filter(|&unit| self.is_off(unit)).count() as u32
    }

    /// Nodes of the pool that are on, broken or not.
    pub(super) fn nodes_on(&self, pool: usize) -> u32 {
        let plan = &self.layout.pools[pool];
        if plan.scale.is_none() {
            return plan.nodes;
        }
        let off = plan.units().filter(|&unit| self.is_off(unit)).count();
        plan.nodes - off as u32
    }

    /// Does the unit belong to a pool that scales?
    fn scales(&self, unit: u32) -> bool {
        let UnitKind::Node(shelf) = self.layout.units[unit as usize].kind else { return false };
        self.layout.pools[self.layout.shelves[shelf as usize].pool as usize].scale.is_some()
    }

    /// A node that is off has been mended: it can start.
    pub(super) fn can_start(&mut self, unit: u32) {
        self.moved |= self.scales(unit);
    }

    /// A node starts to run, or stops.
    fn switch(&mut self, now: Time, unit: u32, on: bool) {
        let UnitKind::Node(shelf) = self.layout.units[unit as usize].kind else { return };
        let state = self.units[unit as usize];
        if on {
            self.off[unit as usize] = false;
        }
        if state.holds == 0 {
            self.count_node(now, shelf as usize, on);
            if on {
                self.node_starts(now, unit);
            } else {
                self.node_stops(now, unit);
            }
        } else if on {
            self.hung_node_starts(now, unit);
        }
        if state.holds == state.hidden {
            self.see(unit, on);
        }
        if !on {
            self.off[unit as usize] = true;
        }
        let pool = self.layout.shelves[shelf as usize].pool;
        if !on {
            self.usage.switch(now, pool as usize, 1, true);
        }
        if self.shelves[shelf as usize].stopped {
            self.usage.turn(now, pool as usize, 1, on);
        }
        if self.ails(pool) {
            self.pool_ails(now, pool);
        }
        self.retime_unit(now, unit);
        self.retime_load(now, shelf);
    }

    /// Nodes at hand: serving or booting.
    fn at_hand(&self, pool: u32) -> u32 {
        self.serving_nodes(pool as usize) + self.scaling[pool as usize].booting.len() as u32
    }

    /// The nodes that can start, first to last.
    fn startable(&self, pool: u32) -> impl Iterator<Item = u32> + '_ {
        let booting = &self.scaling[pool as usize].booting;
        self.layout.pools[pool as usize].units().filter(move |&unit| {
            let UnitKind::Node(shelf) = self.layout.units[unit as usize].kind else { return false };
            let free = self.is_off(unit) && booting.iter().all(|&(other, _)| other != unit);
            free && self.units[unit as usize].holds == 0 && self.shelves[shelf as usize].out == 0
        })
    }

    /// Nodes that would serve if all were on.
    pub(super) fn able_nodes(&self, pool: u32) -> u32 {
        let off = if self.off.is_empty() { 0 } else { self.startable(pool).count() };
        self.at_hand(pool) + off as u32
    }

    /// By how many nodes the pool would change at a look that finds this load.
    fn change(&self, plan: &LoadPlan, pool: u32, load: f64) -> i64 {
        let station = &plan.stations[plan.of_pool[pool as usize] as usize];
        self.change_under(pool, load, station.capacity, self.gates.holds(station.gate))
    }

    /// The same, each node carrying so much, whether the pool serves being known.
    fn change_under(&self, pool: u32, load: f64, each: f64, serves: bool) -> i64 {
        let Some(scale) = &self.layout.pools[pool as usize].scale else { return 0 };
        let current = self.at_hand(pool);
        let wanted = scale.wanted(load, each, current);
        if wanted < current && !serves {
            return 0;
        }
        let most = if wanted > current { self.startable(pool).take((wanted - current) as usize).count() } else { 0 };
        (i64::from(wanted) - i64::from(current)).min(i64::try_from(most).unwrap_or(i64::MAX))
    }

    /// Put down the next look of each pool that one may change: now, or while users move.
    pub(super) fn plan_looks(&mut self, plan: &LoadPlan, now: Time, loads: &[f64], moving: bool) {
        if self.layout.for_requests {
            return; // requests tell what arrives
        }
        for &pool in &plan.scaling {
            let Some(scale) = &self.layout.pools[pool as usize].scale else { continue };
            let load = loads[plan.of_pool[pool as usize] as usize];
            if self.scaling[pool as usize].looks || !(moving || self.change(plan, pool, load) != 0) {
                continue;
            }
            let every = scale.every.as_nanos();
            let earliest = (now + Span::from_nanos(1)).max(self.scaling[pool as usize].rests_until);
            let number = earliest.since(Time::ZERO).as_nanos().div_ceil(every);
            let at = Time::ZERO + scale.every * number;
            self.scaling[pool as usize].looks = true;
            self.schedule(at, class::CHECK, Event::ScaleLooks { pool });
        }
    }

    /// Somebody looks at the load of the pool.
    pub(super) fn scale_looks(&mut self, now: Time, pool: u32) -> bool {
        let layout = self.layout;
        let Some(plan) = &layout.load else { return false };
        self.scaling[pool as usize].looks = false;
        self.moved = true;
        let load = self.load_of(plan, pool, now);
        let change = self.change(plan, pool, load);
        self.scale_by(now, pool, change);
        true
    }

    /// Requests bring the pool this load; each node carries so much of it.
    pub(super) fn scale_to(&mut self, now: Time, pool: u32, load: f64, each: f64) {
        if now < self.scaling[pool as usize].rests_until {
            return;
        }
        let serves = self.gates.holds(self.layout.admits[pool as usize]);
        let change = self.change_under(pool, load, each, serves);
        if change != 0 {
            self.scale_by(now, pool, change);
            self.moved = true;
            self.events += 1;
            self.react(now);
        }
    }

    /// So many nodes start, or stop.
    fn scale_by(&mut self, now: Time, pool: u32, change: i64) {
        let Some(scale) = self.layout.pools[pool as usize].scale.as_ref().filter(|_| change != 0) else { return };
        let from = self.at_hand(pool);
        self.scaling[pool as usize].rests_until = now + scale.cooldown;
        if change > 0 {
            let start: Vec<u32> = self.startable(pool).take(change as usize).collect();
            for unit in start {
                let wait = scale.boot.sample(&mut self.pools[pool as usize].wake);
                let state = &mut self.scaling[pool as usize];
                state.boots += 1;
                let number = state.boots;
                state.booting.push((unit, number));
                self.usage.switch(now, pool as usize, 1, false);
                self.schedule(now + wait, class::END, Event::Booted { pool, number });
            }
        } else {
            (0..-change).for_each(|_| self.stop_one(now, pool));
        }
        self.note(now, TraceEvent::Scaled { pool, from, to: (i64::from(from) + change) as u32 });
    }

    /// The last node to boot, else the last that runs, stops.
    fn stop_one(&mut self, now: Time, pool: u32) {
        if self.scaling[pool as usize].booting.pop().is_some() {
            self.usage.switch(now, pool as usize, 1, true);
            return;
        }
        let last = self.layout.pools[pool as usize].units().rev().find(|&unit| self.is_fit(unit));
        if let Some(last) = last {
            self.switch(now, last, false);
        }
    }

    /// A node has booted, unless somebody has stopped it meanwhile.
    pub(super) fn booted(&mut self, now: Time, pool: u32, number: u32) -> bool {
        let booting = &mut self.scaling[pool as usize].booting;
        let Some(position) = booting.iter().position(|boot| boot.1 == number) else { return false };
        let (unit, _) = booting.remove(position);
        self.moved = true;
        self.switch(now, unit, true);
        true
    }
}
