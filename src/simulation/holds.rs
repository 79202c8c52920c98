//! What faults hold: a node, or a place with all that stands in it, is out from the first hold to the last release.
//!
//! A node of which nothing but its being held decides whether it works is only counted; others may be off, hidden, or
//! share the load with those that remain.

use super::layout::UnitKind;
use super::world::World;
use crate::time::Time;

impl World<'_> {
    /// One more fault holds a simple node.
    pub(super) fn hold_node(&mut self, now: Time, unit: u32, shelf: u32) {
        let state = &mut self.units[unit as usize];
        state.holds += 1;
        let first = state.holds == 1;
        state.meet(self.manner, first);
        if first {
            state.since = now;
            if self.layout.units[unit as usize].warms {
                self.node_stops(now, unit);
            }
            self.count_node(now, shelf as usize, false);
        }
    }

    /// One fault less holds a simple node.
    pub(super) fn release_node(&mut self, now: Time, unit: u32, shelf: u32) {
        let state = &mut self.units[unit as usize];
        state.holds -= 1;
        if state.holds == 0 {
            let down = now.since(state.since.max(self.counted_from));
            let plan = &self.layout.units[unit as usize];
            self.sites[plan.site as usize].down_ns += u128::from(down.as_nanos());
            self.count_node(now, shelf as usize, true);
            if plan.warms {
                self.node_is_free(now, unit);
            }
        }
    }

    /// One more fault holds the unit.
    pub(super) fn hold(&mut self, now: Time, unit: u32) {
        self.hold_as(now, unit, false);
    }

    /// One more fault holds the unit, which can be hidden.
    pub(super) fn hold_as(&mut self, now: Time, unit: u32, hidden: bool) {
        let plan = &self.layout.units[unit as usize];
        if let (UnitKind::Node(shelf), true) = (plan.kind, plan.simple) {
            debug_assert!(!hidden, "what hides is not simple");
            return self.hold_node(now, unit, shelf);
        }
        let state = &mut self.units[unit as usize];
        state.holds += 1;
        state.hidden += u32::from(hidden);
        let (first, seen) = (state.holds == 1, state.holds - state.hidden == 1);
        state.meet(self.manner, first);
        if seen && !hidden {
            self.see(unit, false);
        }
        if first {
            self.units[unit as usize].since = now;
            match self.layout.units[unit as usize].kind {
                UnitKind::Node(_) if self.is_off(unit) => {}
                UnitKind::Node(shelf) => {
                    self.node_stops(now, unit);
                    self.count_node(now, shelf as usize, false);
                    self.retime_load(now, shelf);
                }
                UnitKind::Zone(_) | UnitKind::Region(_) | UnitKind::Service(_) => {
                    self.mask_unseen(now, self.shelves_of(unit));
                }
                UnitKind::Cut(cut) => self.set_cut(now, unit, cut, true),
                UnitKind::Group(group) => self.hold_group(now, group, hidden),
                UnitKind::Gray(_) => {}
            }
        }
    }

    /// One fault less holds the unit.
    pub(super) fn release(&mut self, now: Time, unit: u32) {
        self.release_as(now, unit, false);
    }

    /// One fault less holds the unit, which can have been hidden.
    pub(super) fn release_as(&mut self, now: Time, unit: u32, hidden: bool) {
        let plan = &self.layout.units[unit as usize];
        if let (UnitKind::Node(shelf), true) = (plan.kind, plan.simple) {
            return self.release_node(now, unit, shelf);
        }
        let state = &mut self.units[unit as usize];
        state.holds -= 1;
        state.hidden -= u32::from(hidden);
        let (last, unseen) = (state.holds == 0, state.holds == state.hidden);
        if unseen && !hidden {
            self.see_no_more(unit, last);
        }
        if last {
            let state = self.units[unit as usize];
            let plan = self.layout.units[unit as usize];
            let down = now.since(state.since.max(self.counted_from));
            match plan.kind {
                UnitKind::Node(shelf) => {
                    self.sites[plan.site as usize].down_ns += u128::from(down.as_nanos());
                    if self.is_off(unit) {
                        self.can_start(unit);
                    } else {
                        self.count_node(now, shelf as usize, true);
                        self.node_is_free(now, unit);
                        self.retime_load(now, shelf);
                    }
                }
                UnitKind::Zone(_) | UnitKind::Region(_) | UnitKind::Service(_) if hidden => {
                    self.unmask_unseen(now, self.shelves_of(unit), true);
                }
                UnitKind::Zone(_) | UnitKind::Region(_) | UnitKind::Service(_) => self.place_back(now, unit),
                UnitKind::Cut(cut) => self.set_cut(now, unit, cut, false),
                UnitKind::Group(group) => self.release_group(now, group, hidden),
                UnitKind::Gray(_) => {}
            }
        }
    }
}
