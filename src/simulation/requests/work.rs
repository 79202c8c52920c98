//! Attempts at nodes: the way there, the queue, the work, the calls made there, the way back.

use super::Requests;
use super::event::{Event, Todo, class};
use super::plan::{From, Place};
use super::state::{About, Answer, EndedCall, Id, Job, Origin, Owner, Quality, Stage};
use crate::engine::streams::Numbered;
use crate::resilience::{ErrorClass, Outcome};
use crate::time::{Span, Time};

/// Numbers of the draws of an attempt.
const THERE: u32 = 16;
pub(super) const WORK: u32 = 18;
pub(super) const ERROR: u32 = 19;
const PATIENCE: u32 = 20;
pub(super) const COPIES: u32 = 21;

/// Children of the key of an attempt: its calls.
const CALLS: u32 = 1 << 21;

/// Number of the key of an attempt's call, by its group, counted from 1, and its place there.
#[inline]
const fn call_key(group: u32, index: u32) -> u32 {
    CALLS + (group << 10) + index
}

impl Requests<'_> {
    /// An attempt goes out to the node; most reach it at once, and start to work.
    #[inline(never)]
    pub(super) fn send(
        &mut self,
        now: Time,
        node: u32,
        (about, key): (&About, Numbered),
        origin: Origin,
        deadline: Time,
    ) -> Id {
        let serial = self.flight.serial();
        let request = about.request;
        let (id, job) = self.flight.add_job(serial, node, (about, key), origin, (now, deadline));
        if let Some(recorder) = &mut self.tally.recorder {
            recorder.sent(now, id, (node, self.plan.nodes[node as usize].pool), (&job.about, origin));
        }
        let state = &mut self.nodes[node as usize];
        if !self.routes.at_once() {
            self.travel(now, id);
        } else if state.admits(job) && state.has_room() {
            let work = state.begin(now, job);
            self.tally.taken(now, state.pool.service, (request, id));
            self.has_come(id);
            self.work_for(now, id, work);
        } else {
            self.reach(now, id);
        }
        id
    }

    /// The attempt goes the way to its node.
    #[inline(never)]
    fn travel(&mut self, now: Time, id: Id) {
        let Some(job) = self.flight.job(id) else { return };
        let about = &job.about;
        let (from, to) = (self.caller_place(about), self.place_of(job.node));
        match self.routes.travel(&self.plan.ways, from, to, || about.key.draw(THERE)) {
            super::route::Travel::Takes(Span::ZERO) => self.reach(now, id),
            super::route::Travel::Takes(latency) => self.schedule_done(now + latency, Event::Arrive(id)),
            super::route::Travel::Held(way) => {
                self.comes_nowhere(about.request);
                self.set_stage(id, Stage::Held);
                self.routes.hold(way, id);
            }
            super::route::Travel::Lost => {
                self.comes_nowhere(about.request);
                self.set_stage(id, Stage::Lost);
            }
        }
    }

    fn set_stage(&mut self, id: Id, stage: Stage) {
        if let Some(job) = self.flight.job_mut(id) {
            job.stage = stage;
        }
    }

    /// Where the caller is.
    pub(super) fn caller_place(&self, about: &About) -> Place {
        match self.plan.edges[about.edge as usize].from {
            From::Group(group) => Place::Group(group),
            From::Service(service) => self.place_of(self.plan.services[service as usize].first_node + about.slot),
        }
    }

    pub(super) fn place_of(&self, node: u32) -> Place {
        let plan = self.plan.nodes[node as usize];
        let region = self.plan.pools[plan.pool as usize].region;
        region.map_or(Place::World, |region| Place::Zone { region, zone: plan.zone })
    }

    /// The attempt reaches its node: it is refused, waits, or starts.
    #[inline(never)]
    pub(super) fn reach(&mut self, now: Time, id: Id) {
        self.has_come(id);
        let Some(job) = self.flight.job_mut(id) else { return };
        job.arrived = now;
        let node = &mut self.nodes[job.node as usize];
        if node.admits(job) {
            self.tally.reached(now, node.pool.service, (job.about.request, id));
        } else if !self.is_let_in(now, id) {
            return;
        }
        if self.flight.job(id).is_some_and(|job| self.nodes[job.node as usize].has_room()) {
            self.start_work(now, id);
        } else {
            self.wait_for_slot(now, id);
        }
    }

    /// An attempt at the door of a node that may refuse it, or hang: may it work or wait there?
    fn is_let_in(&mut self, now: Time, id: Id) -> bool {
        let Some(job) = self.flight.job_mut(id) else { return false };
        let deadline = job.deadline;
        let node = &mut self.nodes[job.node as usize];
        let (pool, service) = (node.pool, node.service);
        let condition = &node.condition;
        if condition.up && condition.hung {
            job.stage = Stage::Held;
            node.held.push(id);
            return false;
        }
        let check = job.origin.is_check();
        if !check {
            self.tally.reached(now, pool.service, (job.about.request, id));
            if let Some(meter) = &mut node.meter {
                meter.reach();
            }
        }
        let writes = self.plan.classes[job.about.class as usize].writes;
        let priority = job.priority(self.plan);
        let refusal = if !condition.up {
            if condition.silent {
                self.lose(id);
                return false;
            }
            Some(ErrorClass::Connect)
        } else if condition.off && job.sent >= node.retired {
            Some(ErrorClass::Connect)
        } else if !condition.admits
            || (writes && !check && (condition.full || !condition.writes))
            || (service.stops() && deadline != Time::NEVER && now + condition.skew >= deadline)
        {
            Some(ErrorClass::Error)
        } else if node.refuses(now, priority, pool.work.slots) {
            self.shed(now, id);
            return false;
        } else {
            None
        };
        if let Some(error) = refusal {
            self.answer(now, id, Err(error));
            return false;
        }
        if let Some(limit) = &mut node.limit {
            let Some(permit) = limit.acquire(now) else {
                self.shed(now, id);
                return false;
            };
            job.permit = Some(permit);
        }
        if !node.usual {
            job.present = node.busy + node.queue.len() as u32 + 1;
        }
        true
    }

    /// The attempt is refused for load, or dropped from the queue. A check, which is no request's, is counted nowhere.
    pub(super) fn shed(&mut self, now: Time, id: Id) {
        if let Some(job) = self.flight.job(id).filter(|job| !job.origin.is_check()) {
            self.tally.shed(self.plan.nodes[job.node as usize].service);
        }
        self.answer(now, id, Err(ErrorClass::Overload));
    }

    /// All slots of the node are taken: the attempt waits, if there is room.
    #[inline(never)]
    fn wait_for_slot(&mut self, now: Time, id: Id) {
        let Some(job) = self.flight.job_mut(id) else { return };
        let node = &mut self.nodes[job.node as usize];
        let pool = node.pool;
        if pool.work.queue.is_some_and(|room| node.queue.len() as u32 >= room) {
            self.release_permit(now, id, Outcome::Failure);
            return self.shed(now, id);
        }
        job.stage = Stage::Queued;
        node.queue.push_back(id);
        if !pool.work.queue_timeout.is_never() {
            let patience = pool.work.queue_timeout.sample(&mut job.about.key.draw(PATIENCE));
            self.schedule(now + patience, class::TIMER, Event::Leave(id));
        }
    }

    /// The attempt has waited for its slot long enough.
    pub(super) fn leave_queue(&mut self, now: Time, id: Id) {
        let Some(job) = self.flight.job(id).filter(|job| job.stage == Stage::Queued) else { return };
        let (node, check) = (job.node, job.origin.is_check());
        self.nodes[node as usize].queue.retain(|&queued| queued != id);
        if !check {
            self.tally.left_queue(self.service_of(node));
        }
        self.release_permit(now, id, Outcome::Failure);
        self.answer(now, id, Err(ErrorClass::Overload));
    }

    pub(super) fn service_of(&self, node: u32) -> u32 {
        self.plan.nodes[node as usize].service
    }

    /// The attempt gets its slot.
    pub(super) fn start_work(&mut self, now: Time, id: Id) {
        let Some(job) = self.flight.job_mut(id) else { return };
        let node = &mut self.nodes[job.node as usize];
        let work = node.begin(now, job);
        if !job.origin.is_check() {
            self.tally.started(now, node.pool.service, (job.about.request, id), now.since(job.arrived));
        }
        self.work_for(now, id, work);
    }

    /// The attempt works for so long.
    #[inline(always)]
    fn work_for(&mut self, now: Time, id: Id, work: Span) {
        self.events += 1;
        if work.is_zero() {
            return self.done_at_once(now, id);
        }
        let due = now + work;
        if due < Time::NEVER {
            let rank = self.counter.next(class::DONE);
            self.queue.push(due, rank, Event::Done(id));
        }
    }

    #[inline(never)]
    fn done_at_once(&mut self, now: Time, id: Id) {
        self.work_done(now, id);
    }

    /// The attempt's own work is done: its calls come next.
    #[inline(always)]
    pub(super) fn work_done(&mut self, now: Time, id: Id) {
        let Some(job) = self.flight.jobs.get_mut(id) else { return };
        if job.stage != Stage::Working || job.due != now {
            return; // it was held up meanwhile
        }
        self.events += 1;
        if let Some(journal) = self.tally.journal() {
            journal.worked(now, (job.about.request, id));
        }
        let node = &mut self.nodes[job.node as usize];
        let check = job.origin.is_check();
        if check || (node.service.stages.is_empty() && !self.plan.sagas) {
            let at_once = self.routes.at_once();
            if let Err(answer) = node.end((id, job), at_once, &mut self.todo, Ok(Quality::Full)) {
                self.finish_slowly(now, id, answer);
            }
            return;
        }
        let at_once = node.pool.work.blocking && !self.plan.sagas;
        let Some(edge) = node.service.only_call.filter(|_| at_once) else {
            return self.call_out(now, id);
        };
        job.stage = Stage::Calling;
        (job.calls, job.out) = (1, 1);
        let About { class, key, request, .. } = job.about;
        let (slot, key) = (job.node - node.service.first_node, key.child(call_key(1, 0)));
        let deadline = if node.service.stops() { job.deadline } else { Time::NEVER };
        let call = About { owner: Owner::Job(id), edge, slot, client: 0, turn: 0, class, key, request };
        self.start_call(now, &self.plan.edges[edge as usize], call, deadline);
    }

    /// The attempt makes its calls, which are not just one that all make while they hold their slot.
    #[inline(never)]
    fn call_out(&mut self, now: Time, id: Id) {
        let saga = self.makes_saga(id);
        let Some(job) = self.flight.jobs.get_mut(id) else { return };
        let node = &self.nodes[job.node as usize];
        if node.service.stages.is_empty() && !saga {
            return self.finish_job(now, id, Ok(Quality::Full));
        }
        job.stage = Stage::Calling;
        if !node.pool.work.blocking {
            self.free_slot(now, id);
        }
        self.next_calls(now, id);
    }

    /// The calls of its service are over: the attempt is done, or its transaction begins.
    fn calls_over(&mut self, now: Time, id: Id) {
        if self.makes_saga(id) {
            self.start_saga(now, id);
        } else {
            self.finish_job(now, id, Ok(Quality::Full));
        }
    }

    #[inline(never)]
    fn next_calls(&mut self, now: Time, id: Id) {
        let plan = self.plan;
        let Some(job) = self.flight.job(id) else { return };
        let (node, mut group) = (job.node, job.calls);
        let service = self.nodes[node as usize].service;
        let About { class, key, request, .. } = job.about;
        let steps = if self.makes_saga(id) { plan.steps(class) } else { &[] };
        let slot = node - service.first_node;
        let deadline = if service.stops() { job.deadline } else { Time::NEVER };
        let mut out = 0;
        while out == 0 {
            let Some(edges) = service.stages.get(group as usize) else { break };
            group += 1;
            for (index, &edge) in edges.iter().enumerate() {
                let key = key.child(call_key(group, index as u32));
                let call = About { owner: Owner::Job(id), edge, slot, client: 0, turn: 0, class, key, request };
                let is_step = steps.contains(&edge);
                let edge = &plan.edges[edge as usize];
                if !is_step && edge.is_made(&call) {
                    out += 1;
                    self.start_other_call(now, edge, call, deadline);
                }
            }
        }
        let Some(job) = self.flight.job_mut(id) else { return };
        (job.calls, job.out) = (group, out);
        if out == 0 {
            self.calls_over(now, id);
        }
    }

    /// What calls made at this node may still take: nothing is passed down where work goes on unseen.
    pub(super) fn deadline_below(&self, id: Id) -> Time {
        let Some(job) = self.flight.job(id) else { return Time::NEVER };
        let stops = self.plan.services[self.service_of(job.node) as usize].stops();
        if stops { job.deadline } else { Time::NEVER }
    }

    /// A call that was made at a node has ended.
    #[inline(always)]
    pub(super) fn own_call_ended(&mut self, now: Time, id: Id, call: EndedCall, answer: Answer) {
        let Some(job) = self.flight.jobs.get_mut(id) else { return };
        if job.stage != Stage::Calling {
            return; // another call of it has failed at this very instant
        }
        if job.saga.is_some() {
            return self.saga_call_ended(now, id, answer);
        }
        let Ok(quality) = answer else {
            job.out -= 1;
            self.cancel_calls(now, id);
            return self.finish_job(now, id, Err(ErrorClass::Error));
        };
        job.degraded |= quality == Quality::Degraded;
        if call.turn + 1 < self.plan.edges[call.edge as usize].times {
            return self.call_again(now, id, call);
        }
        job.out -= 1;
        if job.out > 0 {
            return;
        }
        let node = &mut self.nodes[job.node as usize];
        if (job.calls as usize) < node.service.stages.len() || self.plan.sagas {
            return self.next_calls(now, id);
        }
        let at_once = self.routes.at_once();
        if let Err(answer) = node.end((id, job), at_once, &mut self.todo, Ok(Quality::Full)) {
            self.finish_slowly(now, id, answer);
        }
    }

    /// A call that is made more than once has ended well and is made again.
    #[inline(never)]
    fn call_again(&mut self, now: Time, id: Id, call: EndedCall) {
        let Some(job) = self.flight.job(id) else { return };
        let slot = job.node - self.nodes[job.node as usize].service.first_node;
        let (turn, key) = (call.turn + 1, call.key.child(CALLS + call.turn));
        let about = About { owner: Owner::Job(id), edge: call.edge, slot, turn, key, ..job.about };
        let deadline = self.deadline_below(id);
        self.start_other_call(now, &self.plan.edges[call.edge as usize], about, deadline);
    }

    /// Calls made at this node that are out: nobody waits for them any more.
    pub(super) fn cancel_calls(&mut self, now: Time, id: Id) {
        self.forget_undo(id);
        let Some(job) = self.flight.job_mut(id) else { return };
        if job.out == 0 {
            return;
        }
        job.out = 0;
        self.cancel_owned(now, Owner::Job(id));
    }

    /// Calls that this owner has made are out: nobody waits for them any more.
    pub(super) fn cancel_owned(&mut self, now: Time, owner: Owner) {
        let calls: Vec<Id> =
            self.flight.logicals.iter().filter(|(_, logical)| logical.about.owner == owner).map(|(id, _)| id).collect();
        for call in calls {
            self.cancel_call(now, call);
        }
        let plain = |job: &Job| job.about.owner == owner && job.origin == Origin::Plain && job.wanted;
        let jobs: Vec<Id> = self.flight.jobs.iter().filter(|(_, job)| plain(job)).map(|(id, _)| id).collect();
        for job in jobs {
            self.abandon(now, job);
        }
    }

    /// The node has done all it can for the attempt.
    #[inline(always)]
    pub(super) fn finish_job(&mut self, now: Time, id: Id, answer: Answer) {
        let Some(job) = self.flight.jobs.get_mut(id) else { return };
        let node = &mut self.nodes[job.node as usize];
        let at_once = self.routes.at_once();
        if let Err(answer) = node.end((id, job), at_once, &mut self.todo, answer) {
            self.finish_slowly(now, id, answer);
        }
    }

    /// The same where more is to be done than to give a slot back and to answer at once.
    #[inline(never)]
    fn finish_slowly(&mut self, now: Time, id: Id, answer: Answer) {
        let Some(job) = self.flight.job(id) else { return };
        let copied = answer.is_ok() && self.nodes[job.node as usize].service.replication.is_some();
        let outcome = if answer == Err(ErrorClass::Overload) { Outcome::Failure } else { Outcome::Success };
        self.release_permit(now, id, outcome);
        self.free_slot(now, id);
        let copies = if copied { self.wait_for_copies(id) } else { Span::ZERO };
        self.answer_after(now, id, answer, copies);
    }

    /// Gives the slot back, for whoever waits.
    #[inline]
    pub(super) fn free_slot(&mut self, now: Time, id: Id) {
        let Some(job) = self.flight.job_mut(id) else { return };
        if std::mem::take(&mut job.slotted) {
            let node = job.node;
            self.nodes[node as usize].count_busy(now);
            self.nodes[node as usize].busy -= 1;
            if !self.nodes[node as usize].queue.is_empty() {
                self.todo.push(Todo::Next(node));
            }
        }
    }

    pub(super) fn release_permit(&mut self, now: Time, id: Id, outcome: Outcome) {
        let Some(job) = self.flight.job_mut(id) else { return };
        let (node, key) = (job.node as usize, job.about.key);
        if let (Some(permit), Some(limit)) = (job.permit.take(), &mut self.nodes[node].limit) {
            limit.release(now, permit, outcome, &mut key.draw(COPIES + 1));
        }
    }
}
