//! Which regions users are sent to: one that is believed to be out leaves the rotation, perhaps only once people have seen
//! to it, and one that is back joins it again, perhaps after a wait and a time in which those who go back to it are out of
//! service.
//!
//! What breaks the health of a region that waits or takes its users back calls its return off; it begins anew.

use super::{Flow, Routing};
use crate::simulation::event::{Event, class};
use crate::simulation::layout::Tracked;
use crate::simulation::trace::TraceEvent;
use crate::simulation::watch::Due;
use crate::simulation::world::World;
use crate::time::{Span, Time};
use rand::RngExt;

impl Routing {
    /// How long a region that is healthy again waits for its users, if it does.
    fn wait(&mut self, now: Time, plan: &Tracked, region: usize) -> Option<Span> {
        if plan.failback.is_none() && plan.hold_down.is_zero() {
            return None;
        }
        let stream = &mut self.failback[region];
        let healthy = plan.failback.as_ref().map_or(Span::ZERO, |failback| {
            failback.after + failback.page.as_ref().map_or(Span::ZERO, |page| page.sample(stream))
        });
        let held = (self.left[region] + plan.hold_down).max(now).since(now);
        Some(healthy.max(held))
    }

    /// How long those who go back to it are out of service.
    fn takes(&mut self, plan: &Tracked, region: usize) -> Span {
        let failback = plan.failback.as_ref();
        failback.map_or(Span::ZERO, |failback| failback.takes.sample(&mut self.failback[region]))
    }
}

impl World<'_> {
    /// A gate of the region has changed.
    pub(in crate::simulation) fn region_changed(&mut self, now: Time, region: u32) {
        let Some(plan) = self.tracked() else { return };
        let (index, manner) = (region as usize, self.manner);
        let healthy = self.gates.holds(plan.seen[index]);
        let gray = if healthy { self.check_fails(&plan.checked[index]) } else { 0.0 };
        let Some(routing) = self.routing.as_mut().filter(|_| plan.process.is_none()) else { return };
        let watch = &mut routing.watches[index];
        if watch.follow(now, healthy, gray, manner, &plan.detection, &mut routing.detect[index]) {
            let (generation, believed) = (watch.changes, watch.believed);
            let called_off = std::mem::take(&mut routing.returning[index]);
            let waits = healthy && believed && !routing.in_rotation[index];
            let wait = if waits { routing.wait(now, plan, index) } else { None };
            if let Some(wait) = wait {
                // a fault too short to be noticed broke the wait for its users: it begins anew
                self.schedule(now + wait, class::END, Event::RegionRejoins { region, generation });
            }
            if called_off {
                self.hold_movers();
                self.moved = true;
            }
            self.schedule_region_beliefs(region);
        }
    }

    /// The belief about a region follows its health.
    pub(in crate::simulation) fn region_believed(
        &mut self,
        now: Time,
        region: u32,
        checker: u32,
        generation: u32,
    ) -> bool {
        let Some(plan) = self.tracked() else { return false };
        let index = region as usize;
        let expects = |routing: &&mut Routing| routing.watches[index].expects(checker, generation);
        let Some(routing) = self.routing.as_mut().filter(expects) else { return false };
        let changed = routing.watches[index].believe(now, checker, &plan.detection, &mut routing.detect[index]);
        self.schedule_region_beliefs(region);
        if changed {
            self.region_belief_changed(now, region);
        }
        changed
    }

    /// What is believed of a region has changed.
    pub(in crate::simulation) fn region_belief_changed(&mut self, now: Time, region: u32) {
        let Some(plan) = self.tracked() else { return };
        let index = region as usize;
        let Some(routing) = &mut self.routing else { return };
        let (healthy, generation) = (routing.watches[index].believed, routing.watches[index].changes);
        routing.returning[index] = false;
        routing.by_hand[index] = false;
        routing.beliefs[index] += 1;
        let believed = routing.beliefs[index];
        let waits = healthy && !routing.in_rotation[index];
        let wait = if waits { routing.wait(now, plan, index) } else { None };
        let page = plan.page.as_ref().filter(|_| !healthy).map(|page| page.sample(&mut routing.failback[index]));
        self.note(now, TraceEvent::RegionBelieved { region, healthy });
        match (page, wait) {
            // whoever is well again before the page is answered stays
            (Some(page), _) => {
                self.schedule(now + page, class::END, Event::RegionLeaves { region, generation: believed });
            }
            (None, Some(wait)) => self.schedule(now + wait, class::END, Event::RegionRejoins { region, generation }),
            (None, None) if healthy => self.rotate(now, index, true, true),
            (None, None) => self.move_off(now, index),
        }
        self.moved = true;
    }

    /// The users of a region that is lost are moved off: at once, or by people if that fails.
    fn move_off(&mut self, now: Time, region: usize) {
        let Some(plan) = self.tracked() else { return };
        let Some(routing) = &mut self.routing else { return };
        let Some(manual) = plan.manual.as_ref().filter(|_| routing.in_rotation[region]) else {
            return self.rotate(now, region, false, true);
        };
        let number = routing.beliefs[region];
        let [success, time] = plan.moves[region].map(|key| self.streams.family(key).member(0).draw(number));
        let works = { success }.random::<f64>() < plan.success && self.gates.holds(plan.needs);
        routing.moves.begun += 1;
        routing.moves.automatic += u64::from(works);
        if works {
            return self.rotate(now, region, false, true);
        }
        routing.by_hand[region] = true;
        let at = now + manual.sample(&mut { time });
        self.note(now, TraceEvent::MoveFailed { region: region as u32 });
        self.schedule(at, class::END, Event::RegionLeaves { region: region as u32, generation: number });
        self.moved = true;
    }

    pub(super) fn schedule_region_beliefs(&mut self, region: u32) {
        let Some(routing) = &mut self.routing else { return };
        let mut due = std::mem::take(&mut routing.watches[region as usize].due);
        for Due { at, checker, generation } in due.drain(..) {
            self.schedule(at, class::CHECK, Event::RegionBelieved { region, checker, generation });
        }
        if let Some(routing) = &mut self.routing {
            routing.watches[region as usize].due = due;
        }
    }

    /// The page about a region is answered, or people have moved its users off.
    pub(in crate::simulation) fn region_leaves(&mut self, now: Time, region: u32, generation: u32) -> bool {
        let index = region as usize;
        let Some(routing) = self.routing.as_mut().filter(|routing| routing.beliefs[index] == generation) else {
            return false;
        };
        if std::mem::take(&mut routing.by_hand[index]) {
            self.rotate(now, index, false, true);
        } else {
            self.move_off(now, index);
        }
        true
    }

    /// A region that waited gets its users back: at once, or after a time that costs them service.
    pub(in crate::simulation) fn region_rejoins(&mut self, now: Time, region: u32, generation: u32) -> bool {
        let index = region as usize;
        let Some(plan) = self.tracked() else { return false };
        let live = |routing: &&mut Routing| routing.watches[index].changes == generation;
        let Some(routing) = self.routing.as_mut().filter(live) else { return false };
        let held = routing.returning[index];
        let takes = if held { Span::ZERO } else { routing.takes(plan, index) };
        routing.returning[index] = !takes.is_zero();
        if takes.is_zero() {
            // who was held for the way back was not down for want of it
            self.rotate(now, index, true, !held);
        } else {
            self.cause = self.layout.failback_cause;
            self.schedule(now + takes, class::END, Event::RegionRejoins { region, generation });
            self.hold_movers();
            self.moved = true;
        }
        true
    }

    /// Those whom the regions that return will be given are out of service until they are.
    pub(super) fn hold_movers(&mut self) {
        let Some(routing) = &self.routing else { return };
        let back = routing.returning.contains(&true);
        let held = |flow: &Flow| flow.held.iter().any(|&held| held > 0.0);
        if !back && !routing.flows.iter().any(held) {
            return;
        }
        let then: Vec<bool> =
            routing.in_rotation.iter().zip(&routing.returning).map(|(&open, &returns)| open || returns).collect();
        let answers: Vec<Option<Vec<f64>>> =
            (0..routing.flows.len()).map(|group| self.answer_with(group, &then).filter(|_| back)).collect();
        let Some(routing) = &mut self.routing else { return };
        for (flow, answer) in routing.flows.iter_mut().zip(answers) {
            let told = flow.pending.as_ref().unwrap_or(&flow.target);
            for (region, held) in flow.held.iter_mut().enumerate() {
                let now = told[region];
                let leaving = answer.as_ref().map_or(0.0, |answer| now - answer[region]);
                *held = if leaving > 1e-12 { leaving / now } else { 0.0 };
            }
        }
    }

    /// The region leaves or joins; for those who are told to go elsewhere, is that a failover?
    fn rotate(&mut self, now: Time, region: usize, healthy: bool, failover: bool) {
        if let Some(routing) = &mut self.routing {
            let was_open = std::mem::replace(&mut routing.in_rotation[region], healthy);
            if was_open && !healthy {
                routing.left[region] = now;
            }
        }
        self.tell_all(now, failover);
    }
}
