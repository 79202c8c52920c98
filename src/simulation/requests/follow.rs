//! What the structure has become, as requests feel it: nodes that break and mend, ways that are cut, primaries and
//! users that move.
//!
//! After each event of the structure all of it is looked at again; that is cheap, since such events are rare beside
//! requests, and leaves no change unseen. What a change does to work in hand happens here: a crash loses it, a hang
//! holds it, a node that slows down stretches what is left of it.

use super::event::{Event, Todo};
use super::nodes::{Condition, Node};
use super::pace::Pace;
use super::route::{Share, slowed};
use super::state::{Id, Origin, Stage};
use super::{Caller, Requests};
use crate::resilience::ErrorClass;
use crate::resilience::bulkhead;
use crate::resilience::pipeline::Observer;
use crate::resilience::pipeline::Waiter;
use crate::simulation::World;
use crate::simulation::layout::Manner;
use crate::simulation::watch::Due;
use crate::time::Time;

/// Hears nothing: a change of health decides about no waiter.
struct Deaf;

impl Observer for Deaf {
    fn queue(&mut self, _event: bulkhead::Event<Waiter>) {}
}

impl Requests<'_> {
    /// Look at the structure at `now`, and feel what has changed.
    pub(super) fn follow(&mut self, now: Time, world: &World<'_>) {
        self.follow_ways(now, world);
        for node in 0..self.nodes.len() as u32 {
            let condition = world.condition(node);
            if self.nodes[node as usize].condition != condition {
                self.change_condition(now, node, condition);
            }
        }
        for (service, plan) in self.plan.services.iter().enumerate() {
            if let Some(process) = plan.process {
                let place = |pool: u32| plan.pools.iter().position(|&known| known == pool).map(|place| place as u32);
                self.routes.primary[service] = world.primary_pool(process).and_then(place);
                self.routes.beside[service] = world.unfenced_pool(process).and_then(place);
            }
        }
        for group in 0..self.plan.groups.len() {
            for region in 0..self.routes.shares[group].len() {
                let (value, slope) = world.user_share(now, group, region);
                self.routes.shares[group][region] = Share { value, slope };
            }
        }
        self.routes.shares_at = now;
        self.follow_outside(world);
        let broken = world.is_broken();
        self.operators.follow(broken);
        self.tally.structure(now, broken);
        for (region, open) in self.routes.open.iter_mut().enumerate() {
            *open = world.takes_users(region);
        }
        self.look_at_dependencies(now);
        self.routes.refresh(self.plan);
        self.settle_all(now);
    }

    fn follow_ways(&mut self, now: Time, world: &World<'_>) {
        for zone in 0..self.routes.zone_cut.len() {
            self.routes.zone_cut[zone] = world.zone_is_cut(zone as u32);
        }
        let ends = self.plan.ways.ends();
        for from in 0..ends {
            for to in 0..ends {
                let number = self.plan.ways.number(from, to);
                let (cut, factor, hung) = world.way_state(&self.plan.ways, from, to);
                let way = &mut self.routes.ways[number];
                let released = way.hung && !hung;
                (way.cut, way.factor, way.hung) = (cut, factor, hung);
                if released {
                    self.release_way(now, number);
                }
            }
        }
        self.routes.refresh_ways(&self.plan.ways);
    }

    /// What was held on the way arrives, all of it at once.
    fn release_way(&mut self, now: Time, way: usize) {
        for id in self.routes.release(way) {
            let Some(job) = self.flight.job_mut(id) else { continue };
            match job.stage {
                Stage::Held => {
                    job.stage = Stage::Travelling;
                    self.schedule_done(now, Event::Arrive(id));
                }
                Stage::Returning => self.schedule_done(now, Event::Answered(id)),
                Stage::Travelling | Stage::Queued | Stage::Working | Stage::Calling | Stage::Lost => {}
            }
        }
    }

    /// The node is in another condition from now on.
    pub(super) fn change_condition(&mut self, now: Time, index: u32, condition: Condition) {
        let node = &mut self.nodes[index as usize];
        node.changes_pace(now);
        let pace = node.pace();
        let before = std::mem::replace(&mut node.condition, condition);
        let starts = (!before.up && condition.up) || (before.off && !condition.off);
        if starts {
            node.started = Some(now);
        }
        node.reckon();
        if before.up && !condition.up {
            self.lose_all(now, index, condition.silent);
        }
        if starts {
            self.forget_checks(index);
        }
        if condition.up && before.up {
            self.retime(now, index, (pace, before.hung), starts);
            if before.hung && !condition.hung {
                self.resume(now, index);
            }
        }
        if before.off != condition.off {
            self.retire(now, index, condition.off);
        }
        let found = |condition: &Condition| (condition.up, condition.hung, condition.check_fails, condition.missed);
        if found(&before) != found(&condition) {
            self.health_changed(now, index);
        }
    }

    /// All work in hand on the node is lost.
    pub(super) fn lose_all(&mut self, now: Time, index: u32, silent: bool) {
        let here = |stage: Stage| matches!(stage, Stage::Held | Stage::Queued | Stage::Working | Stage::Calling);
        let held_on_ways = |id: &Id| self.routes.ways.iter().any(|way| way.holds(*id));
        let lost: Vec<Id> = self
            .flight
            .jobs
            .iter()
            .filter(|(_, job)| job.node == index && here(job.stage))
            .map(|(id, _)| id)
            .filter(|id| !held_on_ways(id))
            .collect();
        self.forget_load(now, index);
        for id in lost {
            self.cancel_calls(now, id);
            let Some(job) = self.flight.job_mut(id) else { continue };
            job.slotted = false;
            job.permit = None;
            // nobody asks again for a check that died with its node
            if !job.wanted || (silent && matches!(job.origin, Origin::Check(_))) {
                self.flight.jobs.leave(id);
            } else if silent {
                job.stage = Stage::Lost;
            } else {
                (job.answer, job.stage) = (Err(ErrorClass::Connect), Stage::Returning);
                self.todo.push(Todo::Answer(id));
            }
        }
        self.start_probes(now, index);
    }

    /// The node has had another pace until now, or hung, or starts anew: what is left of its running work takes as long as
    /// it does now; while it hangs, for ever.
    #[expect(clippy::float_cmp, reason = "what has not changed is equal to the bit")]
    fn retime(&mut self, now: Time, index: u32, (pace, hung): (Pace, bool), starts: bool) {
        let node = &self.nodes[index as usize];
        let (new_pace, hangs) = (node.pace(), node.condition.hung);
        let ratio = new_pace.slowness(now) / pace.slowness(now);
        if ratio == 1.0 && hung == hangs && !(starts && node.pool.warm_up.is_some()) {
            return;
        }
        let mut again = Vec::new();
        for (id, job) in self.flight.jobs.iter_mut() {
            if job.node == index && job.stage == Stage::Working {
                let left = if hung { job.left } else { pace.done_in(now, job.due.since(now)) };
                job.left = slowed(left, ratio);
                job.due = if hangs { Time::NEVER } else { now + new_pace.until_done(now, job.left) };
                again.push((job.due, id));
            }
        }
        for (due, id) in again {
            self.schedule_done(due, Event::Done(id));
        }
    }

    /// A node that hung goes on with what it held.
    fn resume(&mut self, now: Time, index: u32) {
        for id in std::mem::take(&mut self.nodes[index as usize].held) {
            if let Some(job) = self.flight.job_mut(id) {
                job.stage = Stage::Travelling;
                self.schedule_done(now, Event::Arrive(id));
            }
        }
        self.todo.push(Todo::Next(index));
    }

    /// What a check would find has changed.
    pub(super) fn health_changed(&mut self, now: Time, index: u32) {
        let node = &mut self.nodes[index as usize];
        let condition = node.condition;
        let unseen = 1.0 - (1.0 - condition.check_fails) * (1.0 - condition.missed);
        let fails = if node.misses || node.restarting { 1.0 } else { unseen };
        let service = self.service_of(index);
        let node = &mut self.nodes[index as usize];
        match &mut node.watch {
            None => {
                let check = self.plan.services[service as usize].check.as_ref();
                let through = check.is_some_and(|check| check.through_queue);
                if !through {
                    self.set_member(now, index, fails < 1.0);
                }
            }
            Some(watch) => {
                let silent = condition.silent || condition.hung || condition.missed > 0.0;
                let manner = Manner { silent, check_fails: fails, hangs: false };
                watch.change(now, fails < 1.0, manner, &node.detection, &mut node.checks);
                self.schedule_beliefs(index);
            }
        }
    }

    /// Beliefs of the node's checkers that will change.
    pub(super) fn schedule_beliefs(&mut self, index: u32) {
        let Some(watch) = &mut self.nodes[index as usize].watch else { return };
        let mut due = std::mem::take(&mut watch.due);
        for Due { at, checker, generation } in due.drain(..) {
            self.schedule(at, super::event::class::CHECK, Event::Believe { node: index, checker, generation });
        }
        if let Some(watch) = &mut self.nodes[index as usize].watch {
            watch.due = due;
        }
    }

    /// A checker changes its mind about the node.
    pub(super) fn believe(&mut self, now: Time, index: u32, checker: u32, generation: u32) {
        let node = &mut self.nodes[index as usize];
        let Some(watch) = node.watch.as_mut().filter(|watch| watch.expects(checker, generation)) else { return };
        let changed = watch.believe(now, checker, &node.detection, &mut node.checks);
        let believed = watch.believed;
        self.schedule_beliefs(index);
        if changed {
            self.set_member(now, index, believed);
        }
    }

    /// The node is scaled away, or starts anew.
    fn retire(&mut self, now: Time, index: u32, off: bool) {
        let node = &mut self.nodes[index as usize];
        if off {
            node.retired = now;
        } else {
            self.forget_readiness(index);
        }
        self.tell_balancers(now, index);
    }

    /// The balancers of the node's service take it in or leave it out.
    pub(super) fn set_member(&mut self, now: Time, index: u32, member: bool) {
        if self.nodes[index as usize].member == member {
            return;
        }
        self.nodes[index as usize].member = member;
        self.tell_balancers(now, index);
    }

    fn tell_balancers(&mut self, now: Time, index: u32) {
        let Node { member, condition: Condition { off, .. }, .. } = self.nodes[index as usize];
        let number = self.plan.nodes[index as usize].pool;
        let pool = &self.plan.pools[number as usize];
        let range = pool.first_node as usize..(pool.first_node + pool.nodes) as usize;
        let nodes = &self.nodes[range];
        let well: Vec<bool> = nodes.iter().map(|node| node.member && !node.condition.off).collect();
        let gone: Vec<bool> = nodes.iter().map(|node| node.condition.off).collect();
        self.routes.set_members(number, &well, &gone);
        for edge in self.plan.edges.iter().filter(|edge| edge.to == pool.service && !edge.plain) {
            let Some(place) = edge.pools.iter().position(|&known| known == number) else { continue };
            for slot in 0..edge.slots {
                if let Caller::Full(client) = &mut self.callers[edge.client(slot, place) as usize] {
                    client.set_health(now, index - pool.first_node, member, &mut Deaf);
                    client.set_retired(now, index - pool.first_node, off, &mut Deaf);
                }
            }
        }
        self.routes.refresh(self.plan);
    }
}
