//! Noticing: the health of places as gates say it, what checkers believe of it, and when that begins a failover.

use super::{Phase, next_turn};
use crate::model::failover::Detection;
use crate::simulation::event::{Event, class};
use crate::simulation::layout::Data;
use crate::simulation::trace::TraceEvent;
use crate::simulation::watch::Due;
use crate::simulation::world::World;
use crate::time::Time;

impl World<'_> {
    /// A gate of the place has changed.
    pub(in crate::simulation) fn place_changed(&mut self, now: Time, process: u32, place: u32) {
        let (index, spot) = (process as usize, place as usize);
        let plan = &self.layout.processes[index];
        if let Data::MultiPrimary { lag } = &plan.data {
            return self.copy_changed(index, spot, lag);
        }
        self.copies_changed(now, process);
        self.split_changed(now, process);
        self.end_exile(index, spot);
        let healthy = self.is_seen(index, spot);
        let lost = self.processes[index].watches[spot].healthy && !healthy;
        let elected = match &plan.detection {
            Detection::Election(election) if spot == self.processes[index].primary() && lost => {
                self.elect(now, index, election)
            }
            Detection::Election(_) | Detection::Instant | Detection::After(_) | Detection::Check(_) => None,
        };
        let (manner, cause) = (self.manner, self.cause);
        let gray = if healthy { self.check_fails(&plan.places[spot].checked) } else { 0.0 };
        let state = &mut self.processes[index];
        let watch = &mut state.watches[spot];
        let (was_healthy, was_well) = (watch.healthy, watch.is_well());
        if watch.follow(now, healthy, gray, manner, &plan.detection, &mut state.streams.detect[spot]) {
            if let Some(at) = elected {
                watch.postpone(at);
            }
            if spot == state.primary && !healthy && matches!(state.phase, Phase::Steady | Phase::Doubted) {
                state.cause = cause;
            }
            self.schedule_beliefs(process, place);
            if was_healthy != healthy {
                self.health_changed(now, process, spot, healthy);
            }
            if spot == 0 && (was_healthy != healthy || was_well != self.processes[index].watches[spot].is_well()) {
                self.first_changed(now, process);
            }
            if was_healthy != healthy {
                self.known_already(now, process, spot);
            }
        }
        self.set_available(index);
        self.catch_up_failback(now, process);
        let state = &self.processes[index];
        let known = state.watches[spot].believed && state.watches[spot].healthy;
        let fit = self.gates.holds(plan.places[spot].fit) && self.takes_writes(&plan.places[spot].lands_on);
        if matches!(state.phase, Phase::Waiting | Phase::Doubted) && known && fit {
            self.decide(now, process);
        }
    }

    /// Before the decision a primary that comes back goes on; the way back counts from the health of the first.
    fn health_changed(&mut self, now: Time, process: u32, spot: usize, healthy: bool) {
        let state = &mut self.processes[process as usize];
        let undecided = matches!(state.phase, Phase::Held | Phase::Deciding);
        if spot == state.primary && healthy && undecided {
            self.go_on(now, process);
        }
    }

    /// The primary goes on as if nothing had been noticed, and so does the way back.
    fn go_on(&mut self, now: Time, process: u32) {
        let state = &mut self.processes[process as usize];
        state.phase = Phase::Steady;
        state.generation += 1;
        if state.watches[0].is_well() {
            self.plan_failback(now, process);
        }
    }

    /// The health of the first in order has changed: the way back counts from now, if it is well.
    fn first_changed(&mut self, now: Time, process: u32) {
        let state = &mut self.processes[process as usize];
        state.back_generation += 1;
        if state.watches[0].is_well() {
            self.plan_failback(now, process);
        }
    }

    /// Whom checks hold for down, though it was well, is down.
    fn known_already(&mut self, now: Time, process: u32, spot: usize) {
        let state = &self.processes[process as usize];
        let watch = &state.watches[spot];
        if spot != state.primary || watch.healthy || watch.believed {
            return;
        }
        match state.phase {
            Phase::Steady => self.noticed(now, process),
            // the decision has been taken already, and waits on
            Phase::Doubted => self.decide(now, process),
            Phase::Held | Phase::Deciding | Phase::Promoting | Phase::Manual | Phase::Waiting | Phase::FailingBack => {}
        }
    }

    /// The belief about a place follows its health.
    pub(in crate::simulation) fn place_believed(
        &mut self,
        now: Time,
        process: u32,
        place: u32,
        checker: u32,
        generation: u32,
    ) -> bool {
        let (index, spot) = (process as usize, place as usize);
        let plan = &self.layout.processes[index];
        let state = &mut self.processes[index];
        let watch = &mut state.watches[spot];
        if !watch.expects(checker, generation) {
            return false;
        }
        let (since, well) = (watch.since, watch.is_well());
        let changed = watch.believe(now, checker, &plan.detection, &mut state.streams.detect[spot]);
        self.schedule_beliefs(process, place);
        if changed {
            self.place_belief_changed(now, process, spot, (since, well));
        }
        changed
    }

    /// What is believed of a place has changed, which is like this since then: is it well?
    pub(in crate::simulation) fn place_belief_changed(
        &mut self,
        now: Time,
        process: u32,
        spot: usize,
        (since, well): (Time, bool),
    ) {
        let state = &self.processes[process as usize];
        self.moved = true;
        let believed = state.watches[spot].believed;
        let (phase, primary) = (state.phase, state.primary);
        self.note(now, TraceEvent::Believed { process, place: spot as u32, healthy: believed });
        if !believed && spot == primary && phase == Phase::Steady {
            if !well {
                self.processes[process as usize].counts.detection.push(now.since(since));
            }
            self.noticed(now, process);
        } else if believed && spot == primary && matches!(phase, Phase::Held | Phase::Deciding | Phase::Doubted) {
            self.go_on(now, process);
        } else if believed && matches!(phase, Phase::Waiting | Phase::Doubted) {
            self.cause = self.processes[process as usize].cause;
            self.decide(now, process);
        }
    }

    /// Put down when beliefs about the place will change.
    pub(in crate::simulation) fn schedule_beliefs(&mut self, process: u32, place: u32) {
        let mut due = std::mem::take(&mut self.processes[process as usize].watches[place as usize].due);
        for Due { at, checker, generation } in due.drain(..) {
            self.schedule(at, class::CHECK, Event::PlaceBelieved { process, place, checker, generation });
        }
        self.processes[process as usize].watches[place as usize].due = due;
    }

    /// The primary is known to be down.
    pub(super) fn noticed(&mut self, now: Time, process: u32) {
        let plan = &self.layout.processes[process as usize];
        let state = &mut self.processes[process as usize];
        let cause = state.cause;
        state.turn = next_turn(state.turn);
        if now < state.hold_until {
            state.phase = Phase::Held;
            let until = state.hold_until;
            self.begin_stage(until, process);
        } else if let Some(page) = &plan.page {
            state.phase = Phase::Deciding;
            let answered = now + page.sample(&mut state.streams.page.draw(state.turn));
            self.begin_stage(answered, process);
        } else {
            self.cause = cause;
            self.decide(now, process);
        }
    }
}
