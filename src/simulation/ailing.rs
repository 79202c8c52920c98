//! Parts that ail: nodes that serve on though something is wrong with them, and checks that miss what is.
//!
//! Nodes are counted, not named; those that ail are listed as long as they do, pool by pool and in the order of their
//! units. A ramp is felt in [`STEPS`] steps of equal length, each with the mean capacity over it, so that its integral
//! is exact; then the node stops like any other.

use super::event::{Event, class};
use super::gates::Edge;
use super::layout::{Ailment, UnitKind};
use super::requests::Condition;
use super::world::World;
use crate::time::{Span, Time};

/// Steps of a ramp.
pub const STEPS: u32 = 8;

/// One thing that is wrong with one node.
#[derive(Clone, Copy, Debug)]
pub struct Ailing {
    unit: u32,
    ailment: u32,
    /// Since when.
    since: Time,
    /// Tells it from others, for its events.
    number: u32,
    /// Length and step of its ramp, if it has one and has not stopped the node yet.
    ramp: Option<(Span, u32)>,
    /// Did it stop the node in the end?
    stopped: bool,
    /// The clock that it comes from, if it is random.
    clock: Option<u32>,
}

/// A node that serves, but weakly.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Weak {
    /// Its work takes so many times as long.
    pub factor: f64,
    /// Share of its requests that fail.
    pub errors: f64,
    /// Share of its writes that fail beside.
    pub full: f64,
}

/// Over step `step` of a ramp on which service times rise linearly from 1 to `factor`, a node does on average
/// `ln(b / a) / (b - a)` of its work, `a` and `b` being the factors at the ends of the step; the inverse of that.
fn mean_factor(factor: f64, step: u32) -> f64 {
    let at = |step: u32| 1.0 + (factor - 1.0) * f64::from(step) / f64::from(STEPS);
    let (from, to) = (at(step), at(step + 1));
    if to > from { (to - from) / libm::log(to / from) } else { from }
}

impl Ailing {
    fn factor(&self, plan: &Ailment) -> f64 {
        self.ramp.map_or(plan.factor, |(_, step)| mean_factor(plan.factor, step))
    }
}

impl World<'_> {
    /// A fault strikes the unit, coming from this clock if it is random.
    pub(super) fn strike(&mut self, now: Time, unit: u32, ailment: Option<u32>, clock: Option<u32>) {
        let layout = self.layout;
        let (Some(ailment), UnitKind::Node(shelf)) = (ailment, layout.units[unit as usize].kind) else {
            return self.hold(now, unit);
        };
        let pool = layout.shelves[shelf as usize].pool;
        self.ailing_number += 1;
        let ramp = self.ramp_of(ailment, clock);
        if let (Some(ramp), Some(clock)) = (ramp, clock) {
            let repaired = self.due(clock);
            if repaired < Time::NEVER {
                self.set_clock(clock, repaired + ramp, class::END);
            }
        }
        let ramp = ramp.map(|ramp| (ramp, 0));
        let new = Ailing { unit, ailment, since: now, number: self.ailing_number, ramp, stopped: false, clock };
        let list = &mut self.ailing[pool as usize];
        let place = list.partition_point(|ailing| ailing.unit <= unit);
        list.insert(place, new);
        self.schedule_ramp(now, pool, new);
        self.pool_ails(now, pool);
    }

    /// The fault is over.
    pub(super) fn relieve(&mut self, now: Time, unit: u32, ailment: Option<u32>) {
        let (Some(ailment), UnitKind::Node(shelf)) = (ailment, self.layout.units[unit as usize].kind) else {
            return self.release(now, unit);
        };
        let pool = self.layout.shelves[shelf as usize].pool;
        let list = &mut self.ailing[pool as usize];
        let found = list.iter().position(|ailing| ailing.unit == unit && ailing.ailment == ailment);
        let Some(found) = found else { return };
        let gone = list.remove(found);
        if gone.stopped {
            self.release(now, unit);
        }
        self.pool_ails(now, pool);
    }

    /// How long it gets worse, if it does; random faults draw by the number of their state, others in turn.
    fn ramp_of(&mut self, ailment: u32, clock: Option<u32>) -> Option<Span> {
        let (law, key) = self.layout.ailments[ailment as usize].ramp.as_ref()?;
        let family = self.streams.family(*key);
        let mut draw = match clock {
            Some(clock) => {
                let member = self.layout.clocks[clock as usize].member;
                family.member(member).draw(self.clocks[clock as usize].state())
            }
            None => family.member(u32::MAX).draw(self.ailing_number),
        };
        Some(law.sample(&mut draw))
    }

    fn schedule_ramp(&mut self, now: Time, pool: u32, ailing: Ailing) {
        let Some((ramp, step)) = ailing.ramp else { return };
        // whole nanoseconds that add up to the ramp
        let until = |step: u32| Span::from_nanos(ramp.as_nanos() / u64::from(STEPS)) * u64::from(step);
        let end = if step + 1 == STEPS { ramp } else { until(step + 1) };
        let at = now + end.saturating_sub(until(step));
        self.schedule(at, class::START, Event::RampStep { pool, number: ailing.number });
    }

    /// A step of a ramp is over; after the last the node stops.
    pub(super) fn ramp_step(&mut self, now: Time, pool: u32, number: u32) -> bool {
        let list = &mut self.ailing[pool as usize];
        let Some(found) = list.iter_mut().find(|ailing| ailing.number == number) else { return false };
        let Some((ramp, step)) = found.ramp else { return false };
        let plan = &self.layout.ailments[found.ailment as usize];
        (self.cause, self.manner) = (plan.cause, plan.manner);
        found.stopped = step + 1 == STEPS;
        found.ramp = (!found.stopped).then_some((ramp, step + 1));
        let ailing = *found;
        if ailing.stopped {
            self.stop_ailing(now, ailing);
        } else {
            self.schedule_ramp(now, pool, ailing);
        }
        self.pool_ails(now, pool);
        true
    }

    fn stop_ailing(&mut self, now: Time, ailing: Ailing) {
        self.hold(now, ailing.unit);
        if self.units[ailing.unit as usize].holds == 1 {
            self.cover(now, ailing.unit);
        }
        if let Some(clock) = ailing.clock {
            self.await_crew(now, clock);
        }
        self.retime_unit(now, ailing.unit);
    }

    /// Drawn as broken at the start: past its ramp, if it has one.
    pub(super) fn start_ailing(&mut self, unit: u32, ailment: Option<u32>, clock: u32) {
        self.strike(Time::ZERO, unit, ailment, None);
        let layout = self.layout;
        let (Some(_), UnitKind::Node(shelf)) = (ailment, layout.units[unit as usize].kind) else { return };
        let list = &mut self.ailing[layout.shelves[shelf as usize].pool as usize];
        let Some(found) = list.iter_mut().rev().find(|ailing| ailing.number == self.ailing_number) else { return };
        found.clock = Some(clock);
        if found.ramp.take().is_some() {
            found.stopped = true;
            self.hold(Time::ZERO, unit);
        }
    }

    /// What ails in the pool, or who serves in a pool where something does, has changed.
    pub(super) fn pool_ails(&mut self, now: Time, pool: u32) {
        self.moved |= self.feels_ailing(now, pool);
        if !self.layout.watchers[pool as usize].is_empty() {
            self.gates.touched.push(Edge::Watchers(pool));
        }
    }

    /// Does any of what ails in the pool fail requests, if its node serves?
    pub(super) fn may_fail(&self, pool: u32) -> bool {
        let fails = |ailing: &Ailing| {
            let plan = &self.layout.ailments[ailing.ailment as usize];
            plan.errors > 0.0 || plan.full
        };
        self.ailing[pool as usize].iter().any(fails)
    }

    /// Does the node go on getting worse before somebody mends it?
    pub(super) fn gets_worse(&self, ailment: Option<u32>) -> bool {
        ailment.is_some_and(|ailment| self.layout.ailments[ailment as usize].ramp.is_some())
    }

    /// Does anything ail in the pool?
    pub(super) fn ails(&self, pool: u32) -> bool {
        !self.ailing[pool as usize].is_empty()
    }

    /// The nodes of the pool that serve, but weakly.
    pub(super) fn weak_nodes(&self, pool: u32, weak: &mut Vec<Weak>) {
        weak.clear();
        weak.extend(self.weak_units(pool).map(|(_, weak)| weak));
    }

    /// The same, each with its unit.
    pub(super) fn weak_units(&self, pool: u32) -> impl Iterator<Item = (u32, Weak)> {
        let by_unit = self.ailing[pool as usize].chunk_by(|one, other| one.unit == other.unit);
        by_unit.filter(|of_unit| self.node_serves(of_unit[0].unit)).map(|of_unit| {
            let (mut factor, mut good, mut full) = (1.0, 1.0, 0.0);
            for ailing in of_unit {
                let plan = &self.layout.ailments[ailing.ailment as usize];
                factor *= ailing.factor(plan);
                good *= 1.0 - plan.errors;
                full = if plan.full { 1.0 } else { full };
            }
            (of_unit[0].unit, Weak { factor, errors: 1.0 - good, full })
        })
    }

    /// What ails a node, as its requests feel it.
    pub(super) fn add_ailments(&self, pool: u32, unit: u32, condition: &mut Condition) {
        for ailing in self.ailing[pool as usize].iter().filter(|ailing| ailing.unit == unit && !ailing.stopped) {
            let plan = &self.layout.ailments[ailing.ailment as usize];
            if let Some((length, _)) = ailing.ramp {
                condition.ramp = Some((ailing.since, length, plan.factor));
            } else {
                condition.factor *= plan.factor;
                condition.check_fails = 1.0 - (1.0 - condition.check_fails) * (1.0 - plan.manner.check_fails);
            }
            if !plan.full {
                condition.errors = 1.0 - (1.0 - condition.errors) * (1.0 - plan.errors);
            }
            condition.full |= plan.full;
            condition.skew = condition.skew.max(plan.skew);
        }
    }

    fn node_serves(&self, unit: u32) -> bool {
        let UnitKind::Node(shelf) = self.layout.units[unit as usize].kind else { return false };
        self.is_fit(unit) && self.shelves[shelf as usize].serves()
    }

    /// Have enough nodes of each of these pools room for writes?
    pub(super) fn takes_writes(&self, pools: &[u32]) -> bool {
        pools.iter().all(|&pool| {
            if !self.ails(pool) {
                return true;
            }
            let of_units = self.ailing[pool as usize].chunk_by(|one, other| one.unit == other.unit);
            let full = |ailing: &Ailing| self.layout.ailments[ailing.ailment as usize].full;
            // of the nodes that `fit` counts
            let full = of_units.filter(|of_unit| self.is_fit(of_unit[0].unit) && of_unit.iter().any(full));
            let fit = self.layout.first_shelf(pool as usize).fit;
            self.gates.count(fit).saturating_sub(full.count() as u32) >= self.gates.need(fit)
        })
    }

    /// By how much the clocks of serving nodes of these pools are off at most.
    pub(super) fn skew(&self, pools: &[u32]) -> Span {
        let all = pools.iter().flat_map(|&pool| &self.ailing[pool as usize]);
        let serving = all.filter(|ailing| self.node_serves(ailing.unit));
        let skews = serving.map(|ailing| self.layout.ailments[ailing.ailment as usize].skew);
        skews.max().unwrap_or(Span::ZERO)
    }

    /// Chance that a check fails that wants enough nodes of each of these pools, all of which have enough.
    pub(super) fn check_fails(&self, pools: &[u32]) -> f64 {
        let passes = pools.iter().filter(|&&pool| self.ails(pool)).map(|&pool| 1.0 - self.pool_check_fails(pool));
        1.0 - passes.product::<f64>()
    }

    /// Fewer than `need` nodes of the pool pass, each that ails passing by chance: the Poisson binomial law.
    fn pool_check_fails(&self, pool: u32) -> f64 {
        let layout = self.layout;
        let seen = layout.first_shelf(pool as usize).seen;
        let mut unsure: Vec<f64> = Vec::new();
        for of_unit in self.ailing[pool as usize].chunk_by(|one, other| one.unit == other.unit) {
            let number = of_unit[0].unit;
            let UnitKind::Node(shelf) = layout.units[number as usize].kind else { continue };
            let unit = &self.units[number as usize];
            // by `seen`, which hears nothing of hidden faults
            let counted =
                self.shelves[shelf as usize].seen_out == 0 && unit.holds == unit.hidden && !self.is_off(number);
            let fails = |ailing: &Ailing| {
                let plan = &layout.ailments[ailing.ailment as usize];
                if plan.ramp.is_some() { 0.0 } else { plan.manner.check_fails }
            };
            let pass: f64 = of_unit.iter().map(|ailing| 1.0 - fails(ailing)).product();
            if counted && pass < 1.0 {
                unsure.push(pass);
            }
        }
        let sure = self.gates.count(seen) as usize - unsure.len();
        let missing = (self.gates.need(seen) as usize).saturating_sub(sure);
        // chance[n]: n of those looked at so far pass, for n < missing
        let mut chance = vec![0.0; missing];
        if let Some(none) = chance.first_mut() {
            *none = 1.0;
        }
        for pass in unsure {
            for passed in (0..missing).rev() {
                let before = if passed > 0 { chance[passed - 1] } else { 0.0 };
                chance[passed] = chance[passed] * (1.0 - pass) + before * pass;
            }
        }
        chance.iter().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The harmonic mean of the steps' factors is that of the whole ramp: ln f / (f - 1) of the work is done.
    #[test]
    fn the_steps_of_a_ramp_add_up_to_its_integral() {
        for factor in [1.0, 1.5, 5.0, 100.0] {
            let work: f64 = (0..STEPS).map(|step| 1.0 / mean_factor(factor, step)).sum::<f64>() / f64::from(STEPS);
            let exact = if factor > 1.0 { f64::ln(factor) / (factor - 1.0) } else { 1.0 };
            assert!((work - exact).abs() < 1e-12, "{factor}: {work} against {exact}");
        }
    }
}
