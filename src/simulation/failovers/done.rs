//! A failover that is done, and what stage one is in.

use super::{Copies, Phase};
use crate::results::raw::Stage;
use crate::simulation::layout::{Data, Place};
use crate::simulation::trace::TraceEvent;
use crate::simulation::world::World;
use crate::time::Time;

impl World<'_> {
    /// The target is in charge.
    pub(super) fn complete(&mut self, now: Time, process: u32, unplanned: bool) {
        let layout = self.layout;
        let index = process as usize;
        let plan = &layout.processes[index];
        let state = &mut self.processes[index];
        let (old, new) = (state.primary, state.target);
        state.primary = new;
        state.phase = Phase::Steady;
        state.generation += 1;
        if old == 0 && new != 0 {
            state.back_from = if state.watches[0].since < state.decided { now } else { Time::ZERO };
        }
        state.hold_until = now + plan.hold_down;
        let lags = plan.semi_sync.is_none() || state.copies == Copies::Behind;
        if let (Data::Copies { lag }, true) = (&plan.data, unplanned && old != new) {
            state.lose(lag.as_ref().filter(|_| lags));
        }
        self.begin_split(now, process, old, unplanned);
        self.note(now, TraceEvent::FailoverDone { process, place: new as u32 });
        if old != new {
            for (place, in_charge) in [(old, false), (new, true)] {
                let place_plan = &plan.places[place];
                place_plan.here.iter().for_each(|&flag| self.set_flag(flag, in_charge));
                place_plan.elsewhere.iter().for_each(|&flag| self.set_flag(flag, !in_charge));
                // who was not fenced goes on as it was
                let waits = !in_charge && !self.is_unfenced(index, place);
                if !waits || !self.users_follow(process) {
                    place_plan.pools.iter().for_each(|&pool| self.set_waiting(now, pool, waits));
                }
            }
        }
        if old != new {
            self.copies_promoted(now, process);
        }
        self.set_available(index);
        if self.users_follow(process) {
            self.answers_changed(now);
            self.rest_standbys(now);
        }
        if old != new && !plan.from_outside && !plan.places[new].ways.is_empty() {
            self.exile(index, old);
            // who is primary is seen over the way from the next, who waits is not
            self.place_changed(now, process, old as u32);
            self.place_changed(now, process, new as u32);
        }
        if self.processes[index].watches[0].is_well() {
            self.plan_failback(now, process);
        }
        let watch = &self.processes[index].watches[new];
        // what a check meets in a queue shows on no gate
        if !watch.believed && (!watch.healthy || watch.is_told() || watch.is_belied()) {
            self.processes[index].cause = self.cause;
            self.noticed(now, process);
        }
    }

    /// Are stopped nodes of the place in charge still starting?
    fn is_waking(&self, place: &Place) -> bool {
        let shelves = place.pools.iter().flat_map(|&pool| &self.layout.pools[pool as usize].shelves);
        shelves
            .into_iter()
            .any(|&shelf| self.shelves[shelf as usize].stopped && self.shelves[shelf as usize].working > 0)
    }

    /// Is the service of the process out for the way back?
    pub(in crate::simulation) fn is_failing_back(&self, process: usize) -> bool {
        self.processes[process].phase == Phase::FailingBack
    }

    /// What stands in the way of this process's service now.
    pub(in crate::simulation) fn process_stage(&self, process: usize) -> Stage {
        let plan = &self.layout.processes[process];
        let state = &self.processes[process];
        let nobody_leads = matches!(plan.data, Data::MultiPrimary { .. });
        // whom an unfenced primary does not serve waits for the other
        if nobody_leads || (plan.available.is_some() && self.primary_serves(process)) {
            return Stage::Repairing;
        }
        let primary = &plan.places[state.primary];
        match state.phase {
            Phase::Steady | Phase::Doubted if self.gates.holds(primary.fit) && !self.gates.holds(primary.truly) => {
                Stage::Undetected
            }
            Phase::Steady if !self.gates.holds(primary.fit) => {
                let watch = &state.watches[state.primary];
                if watch.believed && !watch.healthy { Stage::Undetected } else { Stage::Repairing }
            }
            Phase::Steady | Phase::Doubted if self.is_waking(primary) => Stage::Warming,
            Phase::Steady | Phase::Doubted | Phase::Waiting => Stage::Repairing,
            Phase::Held | Phase::Deciding => Stage::Deciding,
            Phase::Promoting | Phase::Manual => Stage::Promoting,
            Phase::FailingBack => Stage::FailingBack,
        }
    }
}
