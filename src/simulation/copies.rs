//! Copies that lag. Where every copy takes writes, one that goes down loses what it had not shipped.
//!
//! Semi-synchronous copies: writes wait for copies that do not answer, give up on them, and are lost with the primary.
//!
//! While the primary serves and fewer than `acks` other copies do, its writes stop for `give_up` and then go on without
//! waiting; from then on a promotion loses the lag, until there are copies enough again.

use super::event::{Event, class};
use super::world::World;
use crate::model::dist::Law;
use crate::time::Time;

/// How the primary stands with its copies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Copies {
    /// Every write waits for them, and they answer.
    #[default]
    Together,
    /// Writes stop: they wait for copies that do not answer.
    Waiting,
    /// Writes go on without them.
    Behind,
}

impl World<'_> {
    /// A copy that takes writes by itself may have gone: what it had not shipped is lost.
    pub(super) fn copy_changed(&mut self, process: usize, place: usize, lag: &Law) {
        let plan = &self.layout.processes[process];
        let state = &mut self.processes[process];
        let serves = self.gates.holds(plan.places[place].fit);
        if std::mem::replace(&mut state.watches[place].healthy, serves) && !serves {
            state.turn_over();
            state.lose(Some(lag));
        }
    }

    /// The copies of the process's primary may have come or gone.
    pub(super) fn copies_changed(&mut self, now: Time, process: u32) {
        let plan = &self.layout.processes[process as usize];
        let Some(semi) = &plan.semi_sync else { return };
        let state = &mut self.processes[process as usize];
        let place = &plan.places[state.primary()];
        let alive = self.gates.holds(place.fit);
        let enough = place.acks.is_none_or(|acks| self.gates.holds(acks));
        match (state.copies, enough) {
            (Copies::Together, false) if alive => {
                state.copies = Copies::Waiting;
                state.copies_generation += 1;
                let generation = state.copies_generation;
                self.schedule(now + semi.give_up, class::TIMER, Event::GaveUp { process, generation });
                self.set_flag(semi.flowing, false);
            }
            (Copies::Waiting | Copies::Behind, true) if alive => {
                state.copies = Copies::Together;
                state.copies_generation += 1;
                self.set_flag(semi.flowing, true);
            }
            (Copies::Together | Copies::Waiting | Copies::Behind, _) => {}
        }
    }

    /// The primary has waited long enough.
    pub(super) fn gave_up(&mut self, process: u32, generation: u32) -> bool {
        let plan = &self.layout.processes[process as usize];
        let state = &mut self.processes[process as usize];
        let Some(semi) = plan.semi_sync.as_ref().filter(|_| state.copies_generation == generation) else {
            return false;
        };
        state.copies = Copies::Behind;
        self.set_flag(semi.flowing, true);
        self.moved = true;
        true
    }

    /// Another copy is primary: it begins by waiting for the others.
    pub(super) fn copies_promoted(&mut self, now: Time, process: u32) {
        let plan = &self.layout.processes[process as usize];
        let Some(semi) = &plan.semi_sync else { return };
        let state = &mut self.processes[process as usize];
        state.copies = Copies::Together;
        state.copies_generation += 1;
        self.set_flag(semi.flowing, true);
        self.copies_changed(now, process);
    }
}
