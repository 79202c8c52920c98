//! What requests feel of the structure: nodes, ways, primaries, users; and how they act back on it.
//!
//! The request clock looks through these functions only, after each event of the structure.

use super::layout::{RoutingPlan, Shelf, UnitKind};
use super::requests::{Condition, Ways};
use super::world::{ShelfState, World};
use crate::engine::queue::Rank;
use crate::engine::streams::Streams;
use crate::model::failure::Target;
use crate::time::Time;

impl World<'_> {
    /// Begin a trial; what is to be dropped is run. Answers when counting begins.
    pub(super) fn begin(&mut self, streams: &Streams) -> Time {
        self.reset(streams);
        let start = Time::ZERO + self.layout.warm_up;
        if self.layout.stationary {
            self.advance(start);
            self.begin_counting(start);
        }
        start
    }

    /// When and in which rank the next event comes.
    pub(super) fn next_event(&self) -> (Time, Rank) {
        let (queued, rank) = self.queue.next();
        match self.clock_before(queued, rank) {
            Some((at, clock)) => (at, self.clocks[clock as usize].rank()),
            None => (queued, rank),
        }
    }

    /// The clock that rings next, if it does before the queue.
    fn clock_before(&self, queued: Time, rank: Rank) -> Option<(Time, u32)> {
        let next = self.tree.next();
        let ranked = |clock: u32| self.clocks.get(clock as usize).is_some_and(|clock| clock.rank() < rank);
        (next.0 < queued || (next.0 == queued && next.0 < Time::NEVER && ranked(next.1))).then_some(next)
    }

    /// Let the next event happen.
    pub(super) fn happen(&mut self) {
        let (queued, rank) = self.queue.next();
        if let Some(next) = self.clock_before(queued, rank) {
            self.ring(next, Time::ZERO);
        } else if let Some((now, event)) = self.queue.pop() {
            self.handle(now, event);
        }
    }

    /// What is wrong with a node.
    pub(super) fn condition(&self, node: u32) -> Condition {
        let layout = self.layout;
        let UnitKind::Node(shelf) = layout.units[node as usize].kind else { return Condition::WELL };
        let plan = &layout.shelves[shelf as usize];
        let state = &self.shelves[shelf as usize];
        // a node that is only cut off lives on
        let out = state.out > plan.zone.map_or(0, |zone| self.zone_cuts(zone));
        let unit = &self.units[node as usize];
        let held = unit.holds > 0;
        let hung = held && unit.hangs && !out && !state.stopped;
        let up = (!out && !held && !state.stopped) || hung;
        let mut condition = Condition {
            up,
            silent: (held && unit.silent) || (out && self.is_out_silently(node)),
            hung,
            check_fails: if hung {
                unit.check_fails
            } else if up || self.dies_unseen(node) {
                0.0
            } else if held && !out && !state.stopped {
                unit.check_fails
            } else {
                1.0
            },
            admits: self.gates.holds(layout.admits[plan.pool as usize]),
            off: self.is_off(node),
            writes: layout.takes_writes[plan.pool as usize].is_none_or(|gate| self.gates.holds(gate)),
            ..Condition::WELL
        };
        self.add_ailments(plan.pool, node, &mut condition);
        condition
    }

    /// Is the node, which does not serve, out for nothing but what nobody sees?
    fn dies_unseen(&self, node: u32) -> bool {
        let layout = self.layout;
        let UnitKind::Node(shelf) = layout.units[node as usize].kind else { return false };
        let (state, unit) = (&self.shelves[shelf as usize], &self.units[node as usize]);
        let cuts = layout.shelves[shelf as usize].zone.map_or(0, |zone| self.zone_cuts(zone));
        layout.some_hide && !state.stopped && unit.holds == unit.hidden && state.seen_out == cuts
    }

    /// Is a place around the node out without even refusing?
    fn is_out_silently(&self, node: u32) -> bool {
        let layout = self.layout;
        let UnitKind::Node(shelf) = layout.units[node as usize].kind else { return false };
        (layout.first_place as usize..layout.units.len()).any(|unit| {
            let around = match layout.units[unit].kind {
                UnitKind::Zone(_) | UnitKind::Region(_) | UnitKind::Service(_) => {
                    layout.place_shelves[unit - layout.first_place as usize].contains(&shelf)
                }
                UnitKind::Node(_) | UnitKind::Cut(_) | UnitKind::Group(_) | UnitKind::Gray(_) => false,
            };
            self.units[unit].holds > 0 && self.units[unit].silent && around
        })
    }

    /// The pool in charge of a service's failover, if one is.
    pub(super) fn primary_pool(&self, process: u32) -> Option<u32> {
        let (plan, state) = (&self.layout.processes[process as usize], &self.processes[process as usize]);
        state.in_charge().then(|| plan.places[state.primary()].pools[0])
    }

    /// The pool of an old primary that was not fenced and serves beside the one in charge.
    pub(super) fn unfenced_pool(&self, process: u32) -> Option<u32> {
        let plan = &self.layout.processes[process as usize];
        self.processes[process as usize].beside().map(|place| plan.places[place].pools[0])
    }

    /// The share of a group's users in a region, and how it changes per nanosecond.
    pub(super) fn user_share(&self, now: Time, group: usize, region: usize) -> (f64, f64) {
        match (&self.layout.routing, &self.routing) {
            (RoutingPlan::Tracked(_), Some(routing)) if !self.is_routing_out() => routing.line(group, region, now),
            (RoutingPlan::Tracked(_), _) => (0.0, 0.0),
            (RoutingPlan::Direct(_), _) => {
                let order = &self.layout.by_latency[group];
                let serves = |&&region: &&u32| self.gates.holds(self.layout.region_gates[region as usize]);
                // with nobody to serve them users stay where they would be
                let best = order.iter().find(serves).or(order.first());
                (f64::from(u8::from(best == Some(&(region as u32)))), 0.0)
            }
        }
    }

    /// Does the routing send users to the region?
    pub(super) fn takes_users(&self, region: usize) -> bool {
        match &self.routing {
            Some(routing) => routing.is_open(region),
            None => self.gates.holds(self.layout.region_gates[region]),
        }
    }

    /// Is the zone cut off from the rest of the world?
    pub(super) fn zone_is_cut(&self, zone: u32) -> bool {
        self.zone_cuts(zone) > 0
    }

    /// How many partitions do so: one inbound and one outbound are two.
    fn zone_cuts(&self, zone: u32) -> u32 {
        let cuts = self.layout.cuts.list.iter().filter(|cut| match cut.target {
            Target::Zone(target) => target.0 == zone && !self.gates.holds(cut.flag),
            Target::EachNode { .. } | Target::Region(_) | Target::Service(_) | Target::Link { .. } => false,
        });
        cuts.count() as u32
    }

    /// Is the way cut, how many times as long does it take, does it hold what enters it?
    pub(super) fn way_state(&self, ways: &Ways, from: u32, to: u32) -> (bool, f64, bool) {
        let along = |target: &Target, back: bool, there: bool| match *target {
            Target::Link { from: one, to: other, .. } => {
                let ends = (ways.end_of(one), ways.end_of(other));
                (there && ends == (from, to)) || (back && ends == (to, from))
            }
            Target::Region(_) | Target::EachNode { .. } | Target::Zone(_) | Target::Service(_) => false,
        };
        let cut = self.layout.cuts.list.iter().filter(|cut| !self.gates.holds(cut.flag)).any(|cut| match cut.target {
            Target::Region(region) if from != to => {
                (cut.outbound && region.0 == from) || (cut.inbound && region.0 == to)
            }
            Target::Region(_)
            | Target::Link { .. }
            | Target::EachNode { .. }
            | Target::Zone(_)
            | Target::Service(_) => along(&cut.target, cut.inbound, cut.outbound),
        });
        let here = |target: &Target| along(target, matches!(target, Target::Link { both: true, .. }), true);
        let (mut factor, mut hung) = (1.0, false);
        for (index, unit) in self.layout.units.iter().enumerate().skip(self.layout.first_place as usize) {
            let state = &self.units[index];
            match unit.kind {
                UnitKind::Gray(gray) if state.holds > 0 && here(&self.layout.grays[gray as usize].target) => {
                    factor *= self.layout.grays[gray as usize].factor;
                }
                UnitKind::Cut(cut) if state.holds > 0 && here(&self.layout.cuts.list[cut as usize].target) => {
                    hung |= state.hangs;
                }
                _ => {}
            }
        }
        (cut && !hung, factor, hung)
    }

    /// Is anything broken, out or on its way, so that somebody has reason to wait for it?
    pub(super) fn is_broken(&self) -> bool {
        let starts = |(shelf, plan): (&ShelfState, &Shelf)| shelf.stopped && !self.pools[plan.pool as usize].waiting;
        self.units.iter().any(|unit| unit.holds > 0)
            || self.ailing.iter().any(|ailing| !ailing.is_empty())
            || self.shelves.iter().any(|shelf| shelf.out > 0)
            || self.shelves.iter().zip(&self.layout.shelves).any(starts)
            || self.processes.iter().any(|process| !process.in_charge())
    }

    /// The node was restarted: what only made it slow or hang is over.
    pub(super) fn mend(&mut self, now: Time, node: u32) {
        let plan = self.layout.units[node as usize];
        for clock in plan.first_clock..plan.first_clock + plan.clocks {
            let kind = &self.layout.kinds[self.layout.clocks[clock as usize].kind as usize];
            if self.clocks[clock as usize].is_broken() && (kind.ailment.is_some() || kind.manner.hangs) {
                self.cause = kind.cause;
                self.turn(now, clock);
                self.react(now);
            }
        }
    }
}
