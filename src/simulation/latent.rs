//! Latent faults: hidden from checks and crews until an inspection or a promotion lands on them.
//!
//! A hidden fault holds its node or place like any other, so that nothing there serves; only the gate of what is seen
//! does not hear of it. Invariant: a unit's hidden holds are among its holds, a shelf's seen reasons for being out
//! among its reasons, and a clock is hidden only while it is broken.

use super::event::{Event, class};
use super::layout::{Manner, UnitKind};
use super::world::World;
use crate::time::{Span, Time};
use rand::RngExt;

impl World<'_> {
    /// Has the fault that strikes now, of this clock, struck unseen? Its draws are numbered by its state.
    pub(super) fn strikes_unseen(&self, index: u32) -> bool {
        let layout = self.layout;
        let plan = layout.clocks[index as usize];
        let Some(latent) = &layout.kinds[plan.kind as usize].latent else { return false };
        let state = self.clocks[index as usize].state();
        let draws = self.streams.family(latent.1).member(plan.member);
        draws.draw(2 * state).random::<f64>() < latent.0.share
    }

    /// The part of this clock, whose repair stands in the tree as if it began now, is dead and nobody knows.
    pub(super) fn hide(&mut self, now: Time, index: u32) {
        let unit = self.layout.clocks[index as usize].unit;
        self.suspend_repair(now, index);
        self.hidden[index as usize] = true;
        self.hold_as(now, unit, true);
    }

    /// Is the fault of this clock hidden?
    pub(super) fn is_hidden(&self, index: u32) -> bool {
        self.hidden.get(index as usize).copied().unwrap_or(false)
    }

    /// A hidden fault is mended on the spot: nobody ever saw it.
    pub(super) fn release_hidden(&mut self, now: Time, index: u32) {
        let unit = self.layout.clocks[index as usize].unit;
        self.hidden[index as usize] = false;
        self.release_as(now, unit, true);
    }

    /// Somebody has found the fault: it is seen, and its repair begins.
    pub(super) fn reveal(&mut self, now: Time, index: u32) -> bool {
        if !self.is_hidden(index) {
            return false;
        }
        let plan = self.layout.clocks[index as usize];
        let kind = &self.layout.kinds[plan.kind as usize];
        (self.cause, self.manner) = (kind.cause, kind.manner);
        self.hidden[index as usize] = false;
        let state = &mut self.units[plan.unit as usize];
        state.hidden -= 1;
        if state.holds - state.hidden == 1 {
            self.see(plan.unit, false);
        }
        if let UnitKind::Group(group) = self.layout.units[plan.unit as usize].kind {
            self.reveal_group(group);
        }
        self.resume_repair(now, index);
        self.await_crew(now, index);
        true
    }

    /// Somebody sees that something holds the unit, or that nothing does any more.
    pub(super) fn see(&mut self, unit: u32, up: bool) {
        match self.layout.units[unit as usize].kind {
            UnitKind::Node(shelf) => self.count_seen(unit, shelf, up),
            UnitKind::Zone(_) | UnitKind::Region(_) | UnitKind::Service(_) => {
                self.mask_seen(self.shelves_of(unit), !up);
            }
            // a cut masks what is behind it by itself, and of a group each part is seen by itself
            UnitKind::Cut(_) | UnitKind::Group(_) | UnitKind::Gray(_) => {}
        }
    }

    /// The last fault of the unit that somebody sees is over. A place comes back, perhaps after a restart, unless a
    /// fault that nobody sees still holds it.
    pub(super) fn see_no_more(&mut self, unit: u32, free: bool) {
        if !free || matches!(self.layout.units[unit as usize].kind, UnitKind::Node(_)) {
            self.see(unit, true);
        }
    }

    /// One node is seen to be sound again, or no longer.
    fn count_seen(&mut self, unit: u32, shelf: u32, up: bool) {
        let layout = self.layout;
        let plan = &layout.shelves[shelf as usize];
        if plan.seen == plan.fit || self.is_off(unit) {
            return;
        }
        let state = &mut self.shelves[shelf as usize];
        state.apparent = state.apparent.wrapping_add(1).wrapping_sub(2 * u32::from(!up));
        if state.seen_out == 0 {
            self.gates.shift(&layout.wiring, plan.seen, 1, up);
        }
    }

    /// One reason more, or less, for being out that is seen of these shelves.
    pub(super) fn mask_seen(&mut self, shelves: &[u32], out: bool) {
        for &shelf in shelves {
            let state = &mut self.shelves[shelf as usize];
            let before = state.seen_out;
            state.seen_out = if out { before + 1 } else { before - 1 };
            if before == 0 || state.seen_out == 0 {
                self.count_shelf_seen(shelf as usize, !out);
            }
        }
    }

    /// All nodes of the shelf are seen again, or no longer.
    pub(super) fn count_shelf_seen(&mut self, shelf: usize, up: bool) {
        let plan = &self.layout.shelves[shelf];
        if plan.seen != plan.fit && self.shelves[shelf].apparent > 0 {
            self.gates.shift(&self.layout.wiring, plan.seen, self.shelves[shelf].apparent, up);
        }
    }

    /// Inspections go on through a dropped warm-up, in step with its end.
    pub(super) fn start_inspections(&mut self) {
        let layout = self.layout;
        self.hidden.clear();
        if !layout.some_hide {
            return;
        }
        self.hidden.resize(layout.clocks.len(), false);
        for (index, plan) in layout.clocks.iter().enumerate() {
            let Some(latent) = &layout.kinds[plan.kind as usize].latent else { continue };
            let Some(inspection) = &latent.0.inspect else { continue };
            let first = inspection.first.or_else(|| inspection.every.is_fixed());
            let at = match (first, inspection.every.is_fixed()) {
                (Some(first), Some(every)) => {
                    Span::from_nanos((layout.warm_up + first).as_nanos() % every.as_nanos().max(1))
                }
                (Some(first), None) => first,
                (None, _) => self.inspection_gap(index as u32, 0),
            };
            let at = if layout.warm_up.is_zero() { first.unwrap_or(at) } else { at };
            self.schedule(Time::ZERO + at, class::CHECK, Event::Inspect { clock: index as u32, count: 1 });
        }
    }

    fn inspection_gap(&self, clock: u32, count: u32) -> Span {
        let plan = self.layout.clocks[clock as usize];
        let Some(latent) = &self.layout.kinds[plan.kind as usize].latent else { return Span::MAX };
        let Some(inspection) = &latent.0.inspect else { return Span::MAX };
        inspection.every.sample(&mut self.streams.family(latent.1).member(plan.member).draw(2 * count + 1))
    }

    /// Somebody looks at the part; one that is known to be broken is left alone.
    pub(super) fn inspect(&mut self, now: Time, clock: u32, count: u32) -> bool {
        let gap = self.inspection_gap(clock, count);
        self.schedule(now + gap, class::CHECK, Event::Inspect { clock, count: count + 1 });
        let plan = self.layout.clocks[clock as usize];
        let unit = self.units[plan.unit as usize];
        let Some(latent) = &self.layout.kinds[plan.kind as usize].latent else { return false };
        let Some(inspection) = latent.0.inspect.as_ref().filter(|_| unit.holds == unit.hidden) else { return false };
        let mut draws = self.streams.family(latent.1).member(plan.member).draw(2 * count + 1);
        let _ = draws.random::<u64>();
        let takes = inspection.takes.sample(&mut draws);
        if takes.is_zero() {
            return self.reveal(now, clock);
        }
        (self.cause, self.manner) = (self.layout.inspection_cause, Manner::OPEN);
        self.hold(now, plan.unit);
        self.retime_unit(now, plan.unit);
        self.schedule(now + takes, class::END, Event::Inspected { clock });
        true
    }

    /// The inspection is over.
    pub(super) fn inspected(&mut self, now: Time, clock: u32) -> bool {
        let unit = self.layout.clocks[clock as usize].unit;
        self.reveal(now, clock);
        self.release(now, unit);
        self.retime_unit(now, unit);
        true
    }

    /// A promotion has landed on these pools: what is hidden there is found, and with `clear` mended at once.
    pub(super) fn land_on(&mut self, now: Time, pools: &[u32], clear: bool) {
        if !self.layout.some_hide {
            return;
        }
        let layout = self.layout;
        for &pool in pools {
            layout.pools[pool as usize].units().for_each(|unit| self.find(now, unit, clear));
        }
        for unit in layout.first_place..layout.units.len() as u32 {
            if self.units[unit as usize].hidden > 0 && self.touches(unit, pools) {
                self.find(now, unit, clear);
            }
        }
    }

    /// What is hidden of the unit is found, and with `clear` mended at once.
    fn find(&mut self, now: Time, unit: u32, clear: bool) {
        let unit = self.layout.units[unit as usize];
        for index in unit.first_clock..unit.first_clock + unit.clocks {
            if self.is_hidden(index) && clear {
                self.turn(now, index);
            } else {
                self.reveal(now, index);
            }
        }
    }

    /// Does the unit, a place or a group that is out, hold nodes of these pools?
    fn touches(&self, unit: u32, pools: &[u32]) -> bool {
        let of_pools = |shelf: &u32| pools.contains(&self.layout.shelves[*shelf as usize].pool);
        match self.layout.units[unit as usize].kind {
            UnitKind::Node(shelf) => of_pools(&shelf),
            UnitKind::Group(group) => self.out_of(group).iter().any(|&unit| self.touches(unit, pools)),
            UnitKind::Zone(_) | UnitKind::Region(_) | UnitKind::Service(_) => {
                self.shelves_of(unit).iter().any(of_pools)
            }
            UnitKind::Cut(_) | UnitKind::Gray(_) => false,
        }
    }
}
