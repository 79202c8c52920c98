//! A failover that somebody orders, whatever checks believe of the primary.

use super::{Phase, next_turn};
use crate::simulation::trace::TraceEvent;
use crate::simulation::world::World;
use crate::time::Time;

impl World<'_> {
    /// The best other candidate takes over; nothing happens while a failover or a way back is under way, and none is a
    /// false alarm.
    pub(in crate::simulation) fn fail_over(&mut self, now: Time, process: u32) {
        let index = process as usize;
        let state = &self.processes[index];
        if !matches!(state.phase, Phase::Steady | Phase::Held | Phase::Deciding | Phase::Doubted) {
            return;
        }
        let Some(target) = self.candidate(index, Some(state.primary)) else {
            return self.note(now, TraceEvent::NoCandidate { process });
        };
        self.cause = self.layout.request_cause;
        let state = &mut self.processes[index];
        (state.turn, state.cause) = (next_turn(state.turn), self.cause);
        state.generation += 1;
        state.back_generation += 1;
        self.moved = true;
        self.take_over(now, process, target);
        self.react(now);
    }
}
