//! The way back: the first in order, healthy for long enough, takes over again.
//!
//! Step by step: unbroken health (also while the failover away from it was still under way), perhaps a page, its stopped nodes started, then the service out for a while. What
//! breaks the wait begins it anew; a step that comes due while the first is not fit is taken when it is.

use super::{BackStep, Phase};
use crate::simulation::event::{Event, class};
use crate::simulation::trace::TraceEvent;
use crate::simulation::world::World;
use crate::time::Time;

impl World<'_> {
    /// The first in order is healthy and not in charge: set the time of its return.
    pub(super) fn plan_failback(&mut self, now: Time, process: u32) {
        let plan = &self.layout.processes[process as usize];
        let state = &mut self.processes[process as usize];
        let Some(failback) = plan.failback.as_ref().filter(|_| state.primary != 0 && state.phase == Phase::Steady)
        else {
            return;
        };
        state.back_generation += 1;
        state.back_step = BackStep::Healthy;
        let due = (state.watches[0].since.max(state.back_from) + failback.after).max(now);
        let generation = state.back_generation;
        self.schedule(due, class::END, Event::FailbackDue { process, generation });
    }

    /// Take the step of the way back that came due while the first in order was not fit.
    pub(super) fn catch_up_failback(&mut self, now: Time, process: u32) {
        let plan = &self.layout.processes[process as usize];
        let state = &mut self.processes[process as usize];
        if !self.gates.holds(plan.places[0].fit) {
            return;
        }
        if let Some(generation) = state.back_missed.take() {
            self.schedule(now, class::END, Event::FailbackDue { process, generation });
        }
    }

    /// The next step of the way back.
    pub(in crate::simulation) fn failback_due(&mut self, now: Time, process: u32, generation: u32) -> bool {
        let index = process as usize;
        let plan = &self.layout.processes[index];
        let state = &mut self.processes[index];
        let Some(failback) = plan.failback.as_ref().filter(|_| state.back_generation == generation) else {
            return false;
        };
        if state.phase != Phase::Steady {
            return false;
        }
        if !self.gates.holds(plan.places[0].fit) {
            state.back_missed = Some(generation);
            return false;
        }
        let (step, due) = match (state.back_step, &failback.page) {
            (BackStep::Healthy, Some(page)) => (BackStep::Answered, now + page.sample(&mut state.streams.failback)),
            (BackStep::Healthy, None) | (BackStep::Answered, _) => {
                let running = plan.places[0].pools.iter().map(|&pool| self.wake(now, pool)).max().unwrap_or(now);
                (BackStep::Running, running)
            }
            (BackStep::Running, _) => {
                self.fail_back(now, process);
                return true;
            }
        };
        let state = &mut self.processes[index];
        state.back_generation += 1;
        state.back_step = step;
        let generation = state.back_generation;
        self.schedule(due, class::END, Event::FailbackDue { process, generation });
        true
    }

    /// Take the service out and give it back to the first in order.
    fn fail_back(&mut self, now: Time, process: u32) {
        let plan = &self.layout.processes[process as usize];
        let state = &mut self.processes[process as usize];
        let Some(failback) = &plan.failback else { return };
        state.phase = Phase::FailingBack;
        state.target = 0;
        state.back_generation += 1;
        self.moved = true;
        self.cause = self.layout.failback_cause;
        let takes = failback.takes.sample(&mut state.streams.failback);
        state.cause = self.cause;
        self.note(now, TraceEvent::FailbackBegun { process });
        self.set_available(process as usize);
        self.begin_stage(now + takes, process);
    }

    /// Two primaries have found each other: out of service until their writes are reconciled.
    pub(in crate::simulation) fn reconcile(&mut self, now: Time, process: u32) {
        let plan = &self.layout.processes[process as usize];
        let state = &mut self.processes[process as usize];
        if !matches!(state.phase, Phase::Steady | Phase::Doubted) {
            return;
        }
        let takes = plan.reconcile.sample(&mut state.streams.failback);
        state.phase = Phase::FailingBack;
        state.target = state.primary;
        state.cause = self.cause;
        self.moved = true;
        self.begin_stage(now + takes, process);
    }
}
