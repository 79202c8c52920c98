//! Shared fate and standby: places that take their nodes with them, pools that wait and wake.

use super::event::{Event, class};
use super::layout::UnitKind;
use super::trace::TraceEvent;
use super::world::World;
use crate::model::failure::Role;
use crate::time::Time;

impl<'a> World<'a> {
    /// One node of the shelf works again or no longer.
    pub(super) fn count_node(&mut self, now: Time, shelf: usize, up: bool) {
        let layout = self.layout;
        let (state, plan) = (&mut self.shelves[shelf], &layout.shelves[shelf]);
        state.count(up);
        if state.out > 0 {
            return;
        }
        let stopped = state.stopped;
        if stopped || plan.fit != plan.serving {
            return self.count_shelf(now, shelf, 1, up, !stopped);
        }
        self.count_serving(now, shelf, 1, up);
    }

    /// `count` nodes of the shelf join or leave the gates; `serving`: those that count serving nodes too.
    pub(super) fn count_shelf(&mut self, now: Time, shelf: usize, count: u32, up: bool, serving: bool) {
        let layout = self.layout;
        let plan = &layout.shelves[shelf];
        if count == 0 {
            return;
        }
        if plan.fit != plan.serving {
            self.gates.shift(&layout.wiring, plan.fit, count, up);
        }
        if serving {
            self.count_serving(now, shelf, count, up);
        }
    }

    /// The same of the gates that count serving nodes; most often it is one.
    #[inline]
    fn count_serving(&mut self, now: Time, shelf: usize, count: u32, up: bool) {
        let layout = self.layout;
        let plan = &layout.shelves[shelf];
        if count == 0 {
            return;
        }
        self.gates.shift(&layout.wiring, plan.serving, count, up);
        for &sum in &plan.sums {
            self.gates.shift(&layout.wiring, sum, count, up);
        }
        let pool = &mut self.pools[plan.pool as usize];
        // whoever joins may not be warm
        let joined = if up && pool.warms { count } else { 0 };
        pool.calm = pool.calm.saturating_add(joined);
        if self.gates.count(plan.serving) < pool.calm {
            self.moved |= self.feels_count(now, plan.pool, joined);
        }
        if self.ails(plan.pool) {
            self.pool_ails(now, plan.pool);
        }
    }

    /// The shelves in the place.
    pub(super) fn shelves_of(&self, place: u32) -> &'a [u32] {
        &self.layout.place_shelves[(place - self.layout.first_place) as usize]
    }

    /// One more reason, for all to see, why none of the nodes on these shelves serves.
    pub(super) fn mask(&mut self, now: Time, shelves: &[u32]) {
        self.mask_unseen(now, shelves);
        self.mask_seen(shelves, true);
    }

    /// The same, and nobody sees it.
    pub(super) fn mask_unseen(&mut self, now: Time, shelves: &[u32]) {
        for &shelf in shelves {
            let state = &mut self.shelves[shelf as usize];
            state.out += 1;
            if state.out == 1 {
                let (working, stopped) = (state.working, state.stopped);
                self.count_shelf(now, shelf as usize, working, false, !stopped);
                self.retime_shelf(now, shelf);
            }
        }
    }

    /// The outage of the place is over; its nodes may need time to restart.
    pub(super) fn place_back(&mut self, now: Time, unit: u32) {
        let layout = self.layout;
        let (region, starts) = match layout.units[unit as usize].kind {
            UnitKind::Zone(zone) => (Some(layout.zone_region[zone as usize] as usize), true),
            UnitKind::Region(region) => (Some(region as usize), true),
            // behind a border that was cut everything has gone on running
            UnitKind::Node(_) | UnitKind::Cut(_) | UnitKind::Gray(_) => (None, false),
            UnitKind::Service(_) | UnitKind::Group(_) => (None, true),
        };
        let restart = region.map(|region| layout.restart[region].sample(&mut self.restart_streams[region]));
        match restart.filter(|restart| !restart.is_zero()) {
            Some(restart) => self.schedule(now + restart, class::END, Event::PlaceRestarted { unit }),
            None => self.unmask(now, self.shelves_of(unit), starts),
        }
    }

    pub(super) fn place_restarted(&mut self, now: Time, unit: u32) -> bool {
        self.unmask(now, self.shelves_of(unit), true);
        true
    }

    /// One reason less, for all to see; with `starts` what had stopped begins to run.
    pub(super) fn unmask(&mut self, now: Time, shelves: &[u32], starts: bool) {
        self.unmask_unseen(now, shelves, starts);
        self.mask_seen(shelves, false);
    }

    /// The same of a reason that nobody saw.
    pub(super) fn unmask_unseen(&mut self, now: Time, shelves: &[u32], starts: bool) {
        for &shelf in shelves {
            if starts {
                self.shelf_starts(now, shelf);
            }
            let state = &mut self.shelves[shelf as usize];
            state.out -= 1;
            if state.out == 0 {
                let (working, stopped) = (state.working, state.stopped);
                self.count_shelf(now, shelf as usize, working, true, !stopped);
                self.retime_shelf(now, shelf);
            }
        }
    }

    /// Ages that depend on the shelf's state follow it.
    fn retime_shelf(&mut self, now: Time, shelf: u32) {
        let pool = self.layout.shelves[shelf as usize].pool;
        if self.layout.masks_stop_ages || self.layout.pools[pool as usize].loaded {
            self.retime_pool(now, pool);
        }
    }

    /// Ages in the pool follow its state, and those of places that follow its role.
    pub(super) fn retime_pool(&mut self, now: Time, pool: u32) {
        for unit in self.layout.pools[pool as usize].units() {
            self.retime_unit(now, unit);
        }
        for &unit in &self.layout.follow_role[pool as usize] {
            self.retime_unit(now, unit);
        }
    }

    /// Is the unit in this role? A place stands by while all that is in it does.
    pub(super) fn is_in_role(&self, unit: u32, role: Role) -> bool {
        if role == Role::Any {
            return true;
        }
        let waits = |shelf: &u32| self.pools[self.layout.shelves[*shelf as usize].pool as usize].waiting;
        match self.layout.units[unit as usize].kind {
            UnitKind::Node(shelf) => role.includes(waits(&shelf)),
            UnitKind::Zone(_) | UnitKind::Region(_) | UnitKind::Service(_) => {
                let shelves = self.shelves_of(unit);
                role.includes(!shelves.is_empty() && shelves.iter().all(waits))
            }
            UnitKind::Group(group) => self.is_group_open(group),
            UnitKind::Cut(_) | UnitKind::Gray(_) => true,
        }
    }

    /// The pool waits from now on (its stoppable nodes stop), or is in use.
    pub(super) fn set_waiting(&mut self, now: Time, pool: u32, waiting: bool) {
        let layout = self.layout;
        let state = &mut self.pools[pool as usize];
        if state.waiting == waiting {
            return;
        }
        state.waiting = waiting;
        if waiting {
            state.generation += 1;
            self.set_stopped(now, pool, true);
        }
        if !layout.pools[pool as usize].hot {
            self.retime_pool(now, pool);
        }
    }

    fn set_stopped(&mut self, now: Time, pool: u32, stopped: bool) {
        let layout = self.layout;
        for &shelf in &layout.pools[pool as usize].shelves {
            let state = &mut self.shelves[shelf as usize];
            if layout.shelves[shelf as usize].stoppable && state.stopped != stopped {
                state.stopped = stopped;
                let (working, out) = (state.working, state.out > 0);
                let nodes = layout.shelves[shelf as usize].nodes - self.nodes_off(shelf);
                self.usage.turn(now, pool as usize, nodes, stopped);
                if !out {
                    self.count_serving(now, shelf as usize, working, !stopped);
                }
                if !stopped {
                    self.shelf_starts(now, shelf);
                }
                self.retime_shelf(now, shelf);
            }
        }
    }

    /// Start the stopped nodes of the pool; answers when they will serve.
    pub(super) fn wake(&mut self, now: Time, pool: u32) -> Time {
        let layout = self.layout;
        let plan = &layout.pools[pool as usize];
        let stopped =
            |shelf: &&u32| self.shelves[**shelf as usize].stopped && layout.shelves[**shelf as usize].nodes > 0;
        if plan.shelves.iter().find(stopped).is_none() {
            return now;
        }
        let state = &mut self.pools[pool as usize];
        let at = now + plan.wake.sample(&mut state.wake);
        let generation = state.generation;
        self.schedule(at, class::END, Event::Woken { pool, generation });
        at
    }

    pub(super) fn woken(&mut self, now: Time, pool: u32, generation: u32) -> bool {
        if self.pools[pool as usize].generation != generation {
            return false;
        }
        self.set_stopped(now, pool, false);
        self.note(now, TraceEvent::Woken { pool });
        true
    }
}
