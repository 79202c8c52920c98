//! Partitions: a primary that checks cannot see, and two primaries where nothing fences the old one.
//!
//! The checks of a failover look at the primary from the next candidate, over the link. When they miss it, another is
//! promoted. The old primary is fenced, unless `fencing` is off: then it goes on for whoever still reaches it, and both
//! take writes, until the two reach each other again; then the service stops for `reconcile`. A primary whose clock is
//! off by `skew` holds on to its lease for so long after another has been promoted. Two primaries are counted while
//! both serve.

use super::event::{Event, class};
use super::layout::{Place, Process};
use super::world::World;
use crate::model::failover::Detection;
use crate::time::{Span, Time};

/// A primary that was not fenced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Split {
    /// Its place.
    pub old: usize,
    /// Is another in charge by now?
    pub begun: bool,
    /// Since when there are two that serve, if there are.
    pub since: Option<Time>,
    /// When it knows by its own, wrong clock that it is primary no longer; none: when the two reach each other again.
    pub lease: Option<Time>,
}

impl World<'_> {
    /// The pair or border is cut, or open again; a zone that is cut off serves nobody.
    pub(super) fn set_cut(&mut self, now: Time, unit: u32, cut: u32, is_cut: bool) {
        self.set_flag(self.layout.cuts.list[cut as usize].flag, !is_cut);
        if is_cut {
            self.mask(now, self.shelves_of(unit));
        } else {
            self.place_back(now, unit);
        }
    }

    /// Do checks find the place well? The primary is looked at from the next candidate, or heard there if its followers
    /// elect; who lost its role while out of reach must first be reached again. Routing looks from outside.
    pub(super) fn is_seen(&self, process: usize, spot: usize) -> bool {
        let (plan, state) = (&self.layout.processes[process], &self.processes[process]);
        let seen = self.gates.holds(plan.places[spot].seen);
        if plan.places[spot].ways.is_empty() || plan.from_outside || spot != state.primary() {
            return seen && !state.watches[spot].exiled;
        }
        let next = (0..plan.places.len()).find(|&other| other != spot && !state.watches[other].exiled);
        let found = |next: usize| match plan.detection {
            Detection::Election(_) => {
                let heard = plan.places[spot].heard.get(next).copied().flatten();
                heard.is_none_or(|heard| self.gates.holds(heard))
            }
            Detection::Instant | Detection::After(_) | Detection::Check(_) => self.reaches(plan, spot, next),
        };
        seen && next.is_none_or(found)
    }

    /// The place has lost its role; out of reach of the primary it is not asked again.
    pub(super) fn exile(&mut self, process: usize, old: usize) {
        let new = self.processes[process].primary();
        let reached = self.reaches(&self.layout.processes[process], old, new);
        self.processes[process].watches[old].exiled = !reached;
    }

    /// The place can be reached again?
    pub(super) fn end_exile(&mut self, process: usize, spot: usize) {
        let primary = self.processes[process].primary();
        let state = &self.processes[process];
        if state.watches[spot].exiled && self.reaches(&self.layout.processes[process], spot, primary) {
            self.processes[process].watches[spot].exiled = false;
        }
    }

    fn reaches(&self, plan: &Process, one: usize, other: usize) -> bool {
        let way = plan.places[one].ways.get(other).copied().flatten();
        way.is_none_or(|way| self.gates.holds(way))
    }

    /// A failover to `target` begins: does the old primary go on unfenced?
    pub(super) fn leave_unfenced(&mut self, process: usize, target: usize) {
        let plan = &self.layout.processes[process];
        let old = self.processes[process].primary();
        let cut = !self.reaches(plan, old, target);
        let alive = self.gates.holds(plan.places[old].serves);
        if !plan.fencing && cut && alive && old != target {
            self.processes[process].split = Some(Split { old, begun: false, since: None, lease: None });
        }
    }

    /// Another than `old` is in charge. Does the old primary go on: unfenced, or by a clock that is off, for so long
    /// holding a lease that is over?
    pub(super) fn begin_split(&mut self, now: Time, process: u32, old: usize, unplanned: bool) {
        let index = process as usize;
        let plan = &self.layout.processes[index];
        let new = self.processes[index].primary();
        let alive = self.gates.holds(plan.places[old].serves);
        let skew = if unplanned && old != new && alive { self.skew(&plan.places[old].pools) } else { Span::ZERO };
        if let Some(Split { since: Some(since), .. }) = self.processes[index].split.filter(|split| split.old == new) {
            self.book_split(now, index, since);
        }
        let state = &mut self.processes[index];
        if let Some(split) = state.split.as_mut().filter(|split| split.old != new) {
            split.begun = true;
            split.since = split.since.or(alive.then_some(now));
        } else if skew.is_zero() {
            state.split = None;
        } else {
            let lease = Some(now + skew);
            state.split = Some(Split { old, begun: true, since: Some(now), lease });
            self.schedule(now + skew, class::TIMER, Event::LeaseOver { process });
        }
    }

    /// Does the place serve on as a primary though another is?
    pub(super) fn is_unfenced(&self, process: usize, place: usize) -> bool {
        self.processes[process].split.is_some_and(|split| split.old == place)
    }

    /// The lease of the old primary is over by its own clock, too.
    pub(super) fn lease_over(&mut self, now: Time, process: u32) -> bool {
        let split = self.processes[process as usize].split;
        let over = split.is_some_and(|split| split.lease == Some(now));
        if over {
            self.end_split(now, process);
        }
        over
    }

    /// The two sides of a split may reach each other again, or the old one may serve no longer.
    pub(super) fn split_changed(&mut self, now: Time, process: u32) {
        let index = process as usize;
        let plan = &self.layout.processes[index];
        let Some(split) = self.processes[index].split else { return };
        let new = if split.begun { self.processes[index].primary() } else { self.processes[index].target() };
        if split.lease.is_none() && self.reaches(plan, split.old, new) {
            return self.end_split(now, process);
        }
        let alive = self.gates.holds(plan.places[split.old].serves);
        match split.since {
            Some(since) if !alive => self.book_split(now, index, since),
            None if alive && split.begun => self.set_split_since(index, Some(now)),
            Some(_) | None => {}
        }
    }

    fn set_split_since(&mut self, process: usize, since: Option<Time>) {
        if let Some(split) = &mut self.processes[process].split {
            split.since = since;
        }
    }

    fn book_split(&mut self, now: Time, process: usize, since: Time) {
        self.processes[process].counts.split += now.since(since.max(self.counted_from));
        self.set_split_since(process, None);
    }

    /// There is one primary again; what both have written must be reconciled.
    fn end_split(&mut self, now: Time, process: u32) {
        let index = process as usize;
        let Some(split) = self.processes[index].split else { return };
        if let Some(since) = split.since {
            self.book_split(now, index, since);
        }
        self.processes[index].split = None;
        self.set_leads(index);
        if split.begun {
            if self.processes[index].primary() != split.old {
                let pools = &self.layout.processes[index].places[split.old].pools;
                for &pool in pools {
                    self.set_waiting(now, pool, true);
                }
            }
            self.reconcile(now, process);
        }
    }

    /// Time with two primaries that has not ended by the end of the trial.
    pub(super) fn finish_splits(&mut self, end: Time) {
        for state in &mut self.processes {
            if let Some(Split { since: Some(since), .. }) = state.split {
                state.counts.split += end.since(since.max(self.counted_from));
            }
        }
    }

    /// Whom clients find in charge: the primary between failovers, and one that was not fenced.
    pub(super) fn set_leads(&mut self, process: usize) {
        let plan = &self.layout.processes[process];
        for (spot, place) in plan.places.iter().enumerate() {
            if let Place { leads: Some(flag), .. } = place {
                let state = &self.processes[process];
                let alone = state.in_charge() && spot == state.primary();
                let beside = self.goes_on_beside(process, spot);
                self.set_flag(*flag, alone || beside);
            }
        }
    }

    /// Does nothing stop this place from serving as a primary beside the one in charge?
    pub(super) fn goes_on_beside(&self, process: usize, spot: usize) -> bool {
        self.is_unfenced(process, spot) && !self.processes[process].is_failing_back()
    }
}
