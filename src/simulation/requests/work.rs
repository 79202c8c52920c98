//! Attempts at nodes: the way there, the queue, the work, the calls made there, the way back.

use rand::RngExt;

use super::event::{Event, Todo, class};
use super::plan::{From, Place};
use super::state::{About, Answer, Id, Job, Origin, Owner, Quality, Stage};
use super::{Caller, Requests};
use crate::model::traffic::CallerGone;
use crate::resilience::load_shedding::Criticality;
use crate::resilience::{ErrorClass, Outcome};
use crate::time::{Span, Time};

/// Numbers of the draws of an attempt.
const THERE: u32 = 16;
const BACK: u32 = 17;
pub(super) const WORK: u32 = 18;
const ERROR: u32 = 19;
const PATIENCE: u32 = 20;
pub(super) const COPIES: u32 = 21;

/// Children of the key of an attempt: its calls.
const CALLS: u32 = 1 << 21;

impl Requests<'_> {
    /// An attempt goes out to the node.
    pub(super) fn send(&mut self, now: Time, node: u32, about: &About, origin: Origin, deadline: Time) -> Id {
        let serial = self.flight.serial();
        let id = self.flight.add_job(serial, node, about, origin, (now, deadline));
        if let Some(recorder) = &mut self.tally.recorder {
            recorder.sent(now, id, (node, self.plan.nodes[node as usize].pool), (about, origin));
        }
        if self.routes.at_once() {
            self.reach(now, id);
            return id;
        }
        let (from, to) = (self.caller_place(about), self.place_of(node));
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
        id
    }

    fn set_stage(&mut self, id: Id, stage: Stage) {
        if let Some(job) = self.flight.job_mut(id) {
            job.stage = stage;
        }
    }

    /// Where the caller is.
    fn caller_place(&self, about: &About) -> Place {
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
    pub(super) fn reach(&mut self, now: Time, id: Id) {
        self.has_come(id);
        let Some(job) = self.flight.job_mut(id) else { return };
        job.arrived = now;
        let (index, class, deadline) = (job.node, job.about.class, job.deadline);
        let pool = &self.plan.pools[self.plan.nodes[index as usize].pool as usize];
        let service = &self.plan.services[pool.service as usize];
        let node = &mut self.nodes[index as usize];
        let condition = &node.condition;
        if condition.up && condition.hung {
            job.stage = Stage::Held;
            node.held.push(id);
            return;
        }
        let check = matches!(job.origin, Origin::Check(_));
        if !check {
            self.tally.reached(now, pool.service, (job.about.request, id));
            if let Some(meter) = &mut node.meter {
                meter.reach();
            }
        }
        let class = &self.plan.classes[class as usize];
        let priority = if check { Criticality::Critical } else { class.priority };
        let refusal = if !condition.up {
            if condition.silent {
                return self.lose(id);
            }
            Some(ErrorClass::Connect)
        } else if condition.off && job.sent >= node.retired {
            Some(ErrorClass::Connect)
        } else if !condition.admits
            || (class.writes && !check && (condition.full || !condition.writes))
            || (service.stops() && deadline != Time::NEVER && now + condition.skew >= deadline)
        {
            Some(ErrorClass::Error)
        } else if node.refuses(now, priority, pool.work.slots) {
            self.tally.shed(pool.service);
            Some(ErrorClass::Overload)
        } else {
            None
        };
        if let Some(error) = refusal {
            return self.answer(now, id, Err(error));
        }
        if let Some(limit) = &mut node.limit {
            let Some(permit) = limit.acquire(now) else {
                self.tally.shed(pool.service);
                return self.answer(now, id, Err(ErrorClass::Overload));
            };
            job.permit = Some(permit);
        }
        if pool.work.slots.is_none_or(|slots| node.busy < slots) {
            return self.start_work(now, id);
        }
        if pool.work.queue.is_some_and(|room| node.queue.len() as u32 >= room) {
            self.tally.shed(pool.service);
            self.release_permit(now, id, Outcome::Failure);
            return self.answer(now, id, Err(ErrorClass::Overload));
        }
        self.enqueue(now, id);
    }

    fn enqueue(&mut self, now: Time, id: Id) {
        let Some(job) = self.flight.job_mut(id) else { return };
        job.stage = Stage::Queued;
        let pool = &self.plan.pools[self.plan.nodes[job.node as usize].pool as usize];
        self.nodes[job.node as usize].queue.push_back(id);
        if !pool.work.queue_timeout.is_never() {
            let patience = pool.work.queue_timeout.sample(&mut job.about.key.draw(PATIENCE));
            self.schedule(now + patience, class::TIMER, Event::Leave(id));
        }
    }

    /// The attempt has waited for its slot long enough.
    pub(super) fn leave_queue(&mut self, now: Time, id: Id) {
        let Some(job) = self.flight.job(id).filter(|job| job.stage == Stage::Queued) else { return };
        let node = job.node as usize;
        self.nodes[node].queue.retain(|&queued| queued != id);
        let service = self.service_of(node as u32);
        self.tally.left_queue(service);
        self.release_permit(now, id, Outcome::Failure);
        self.answer(now, id, Err(ErrorClass::Overload));
    }

    pub(super) fn service_of(&self, node: u32) -> u32 {
        self.plan.nodes[node as usize].service
    }

    pub(super) fn start_work(&mut self, now: Time, id: Id) {
        let Some(job) = self.flight.job_mut(id) else { return };
        let index = job.node as usize;
        let plan = &self.plan.pools[self.plan.nodes[index].pool as usize];
        let node = &mut self.nodes[index];
        let in_flight = u64::from(node.busy) + node.queue.len() as u64 + 1;
        node.count_busy(now);
        node.busy += 1;
        job.slotted = true;
        job.stage = Stage::Working;
        let mut work = match job.origin {
            Origin::Check(probe) => super::health::work(&self.plan.services[plan.service as usize], plan, probe, job),
            Origin::Plain | Origin::Attempt(..) => plan.work.service_time.sample(&mut job.about.key.draw(WORK)),
        };
        work += plan.work.contention * in_flight;
        let plain = node.condition.is_even() && plan.warm_up.is_none();
        if !plain {
            let warm =
                plan.warm_up.zip(node.started).map_or(1.0, |(warm_up, started)| warm_up.speed(now.since(started)));
            let slow = node.condition.slowness(now) / warm;
            work = super::route::slowed(work, slow);
        }
        job.due = now + work;
        self.tally.started(now, plan.service, (job.about.request, id), now.since(job.arrived));
        self.events += 1;
        if work.is_zero() { self.work_done(now, id) } else { self.schedule_done(now + work, Event::Done(id)) }
    }

    /// The attempt's own work is done: its calls come next.
    pub(super) fn work_done(&mut self, now: Time, id: Id) {
        let Some(job) = self.flight.job_mut(id) else { return };
        if job.stage != Stage::Working || job.due != now {
            return; // it was held up meanwhile
        }
        self.events += 1;
        if let Some(journal) = self.tally.journal() {
            journal.worked(now, (job.about.request, id));
        }
        let plan = &self.plan.pools[self.plan.nodes[job.node as usize].pool as usize];
        let check = matches!(job.origin, Origin::Check(_));
        let service = &self.plan.services[plan.service as usize];
        let saga = self.plan.classes[job.about.class as usize].saga.is_some() && self.makes_saga(id);
        if check || (service.stages.is_empty() && !saga) {
            return self.finish_job(now, id, Ok(Quality::Full));
        }
        if !plan.work.blocking {
            self.free_slot(now, id);
        }
        if let Some(job) = self.flight.job_mut(id) {
            job.stage = Stage::Calling;
        }
        if saga { self.start_saga(now, id) } else { self.next_calls(now, id) }
    }

    fn next_calls(&mut self, now: Time, id: Id) {
        let Some(job) = self.flight.job(id) else { return };
        let service = &self.plan.services[self.service_of(job.node) as usize];
        let mut group = job.calls;
        if group as usize >= service.stages.len() {
            return self.finish_job(now, id, Ok(Quality::Full));
        }
        let (about, node) = (job.about, job.node);
        let deadline = if service.stops() { job.deadline } else { Time::NEVER };
        let mut out = 0;
        while out == 0 {
            let Some(edges) = service.stages.get(group as usize) else { break };
            group += 1;
            for (index, &edge) in edges.iter().enumerate() {
                let key = about.key.child(CALLS + (group << 10) + index as u32);
                let call =
                    About { owner: Owner::Job(id), edge, slot: node - service.first_node, turn: 0, key, ..about };
                if self.makes(&call) {
                    out += 1;
                    self.start_call(now, call, deadline);
                }
            }
        }
        let Some(job) = self.flight.job_mut(id) else { return };
        (job.calls, job.out) = (group, out);
        if out == 0 {
            self.finish_job(now, id, Ok(Quality::Full));
        }
    }

    /// What calls made at this node may still take: nothing is passed down where work goes on unseen.
    pub(super) fn deadline_below(&self, id: Id) -> Time {
        let Some(job) = self.flight.job(id) else { return Time::NEVER };
        let stops = self.plan.services[self.service_of(job.node) as usize].stops();
        if stops { job.deadline } else { Time::NEVER }
    }

    /// A call that was made at a node has ended.
    pub(super) fn own_call_ended(&mut self, now: Time, id: Id, about: &About, answer: Answer) {
        let Some(job) = self.flight.job_mut(id) else { return };
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
        let times = self.plan.edges[about.edge as usize].times;
        if about.turn + 1 < times {
            let key = about.key.child(CALLS + about.turn);
            let deadline = self.deadline_below(id);
            return self.start_call(now, About { turn: about.turn + 1, key, ..*about }, deadline);
        }
        job.out -= 1;
        if job.out == 0 {
            self.next_calls(now, id);
        }
    }

    /// Calls made at this node that are out: nobody waits for them any more.
    pub(super) fn cancel_calls(&mut self, now: Time, id: Id) {
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
    pub(super) fn finish_job(&mut self, now: Time, id: Id, answer: Answer) {
        let Some(job) = self.flight.job_mut(id) else { return };
        let pool = &self.plan.pools[self.plan.nodes[job.node as usize].pool as usize];
        let node = &mut self.nodes[job.node as usize];
        let errors = node.condition.errors;
        let errors = pool.work.errors + errors - pool.work.errors * errors;
        let fails = errors > 0.0 && job.about.key.draw(ERROR).random::<f64>() < errors;
        let answer = match answer {
            Ok(_) if fails => Err(ErrorClass::Error),
            Ok(Quality::Full) if job.degraded => Ok(Quality::Degraded),
            Ok(_) | Err(_) => answer,
        };
        let copied = answer.is_ok() && self.plan.services[pool.service as usize].replication.is_some();
        if copied || job.permit.is_some() || !job.wanted || !self.routes.at_once() {
            return self.finish_slowly(now, id, answer, copied);
        }
        (job.answer, job.stage) = (answer, Stage::Returning);
        if std::mem::take(&mut job.slotted) {
            node.count_busy(now);
            node.busy -= 1;
            if !node.queue.is_empty() {
                self.todo.push(Todo::Next(job.node));
            }
        }
        self.todo.push(Todo::Answer(id, answer));
    }

    /// The same where more is to be done than to give a slot back and to answer at once.
    fn finish_slowly(&mut self, now: Time, id: Id, answer: Answer, copied: bool) {
        let outcome = if answer == Err(ErrorClass::Overload) { Outcome::Failure } else { Outcome::Success };
        self.release_permit(now, id, outcome);
        self.free_slot(now, id);
        let copies = if copied { self.wait_for_copies(id) } else { Span::ZERO };
        self.answer_after(now, id, answer, copies);
    }

    /// Gives the slot back, for whoever waits.
    #[inline]
    fn free_slot(&mut self, now: Time, id: Id) {
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

    pub(super) fn answer(&mut self, now: Time, id: Id, answer: Answer) {
        self.answer_after(now, id, answer, Span::ZERO);
    }

    /// The answer goes back to the caller.
    fn answer_after(&mut self, now: Time, id: Id, answer: Answer, wait: Span) {
        let Some(job) = self.flight.job_mut(id) else { return };
        job.answer = answer;
        job.stage = Stage::Returning;
        if !job.wanted {
            self.flight.jobs.leave(id);
            return;
        }
        if matches!(job.origin, Origin::Check(_)) || (wait.is_zero() && self.routes.at_once()) {
            return self.todo.push(Todo::Answer(id, answer));
        }
        let (about, node) = (job.about, job.node);
        let (from, to) = (self.place_of(node), self.caller_place(&about));
        match self.routes.travel(&self.plan.ways, from, to, || about.key.draw(BACK)) {
            super::route::Travel::Takes(latency) => {
                let latency = latency + wait;
                if latency.is_zero() {
                    self.todo.push(Todo::Answer(id, answer));
                } else {
                    self.schedule_done(now + latency, Event::Answered(id));
                }
            }
            super::route::Travel::Held(way) => self.routes.hold(way, id),
            super::route::Travel::Lost => self.lose(id),
        }
    }

    /// The answer has come back.
    pub(super) fn answered(&mut self, now: Time, id: Id) {
        if let Some(job) = self.flight.job(id) {
            let answer = job.answer;
            self.give_answer(now, id, answer);
        }
    }

    /// Whoever waits for the attempt hears how it ended.
    pub(super) fn give_answer(&mut self, now: Time, id: Id, answer: Answer) {
        let Some(job) = self.flight.job(id) else { return };
        let (wanted, origin, about, node, sent) = (job.wanted, job.origin, job.about, job.node, job.sent);
        self.flight.jobs.leave(id);
        if !wanted {
            return;
        }
        match origin {
            Origin::Check(probe) => self.probe_answered(now, node, probe, answer.is_ok()),
            Origin::Attempt(call, attempt) => {
                self.tally.attempt_over(now, about.edge, (about.request, id), answer, now.since(sent));
                self.attempt_ended(now, call, attempt, answer);
            }
            Origin::Plain => {
                self.tally.attempt_over(now, about.edge, (about.request, id), answer, now.since(sent));
                self.plain_ended(now, (node, about.client), answer.is_ok().then(|| now.since(sent)));
                self.call_ended(now, &about, answer);
            }
        }
    }

    /// The attempt of a caller without policies has ended; after how long, if that says something of the node.
    fn plain_ended(&mut self, now: Time, (node, client): (u32, u32), took: Option<Span>) {
        let first = self.plan.pools[self.plan.nodes[node as usize].pool as usize].first_node;
        if let Caller::Plain(balancer) = &mut self.callers[client as usize] {
            balancer.ended(now, node - first, took);
        }
    }

    /// Nothing will ever be heard of the attempt.
    pub(super) fn lose(&mut self, id: Id) {
        let Some(job) = self.flight.job_mut(id) else { return };
        let request = job.about.request;
        if job.wanted {
            job.stage = Stage::Lost;
        } else {
            self.flight.jobs.leave(id);
        }
        self.comes_nowhere(request);
    }

    /// Nobody waits for the attempt any more; what becomes of its work is for its service to say.
    pub(super) fn abandon(&mut self, now: Time, id: Id) {
        let Some(job) = self.flight.job_mut(id) else { return };
        job.wanted = false;
        let (stage, node, client) = (job.stage, job.node as usize, job.about.client);
        if job.origin == Origin::Plain {
            let about = job.about;
            self.tally.gave_up(about.edge);
            if let Some(journal) = self.tally.journal() {
                journal.gave_up(now, (about.request, id), false);
                journal.cancelled(now, &about);
            }
            self.plain_ended(now, (node as u32, client), None);
        }
        let gone = self.plan.services[self.service_of(node as u32) as usize].work.caller_gone;
        match (stage, gone) {
            (Stage::Lost | Stage::Returning, _) => {
                self.flight.jobs.leave(id);
            }
            (Stage::Travelling | Stage::Queued | Stage::Held, CallerGone::Stop) => {
                if stage != Stage::Travelling {
                    self.nodes[node].queue.retain(|&queued| queued != id);
                    self.nodes[node].held.retain(|&held| held != id);
                }
                self.release_permit(now, id, Outcome::Ignored);
                self.flight.jobs.leave(id);
            }
            (Stage::Working | Stage::Calling, CallerGone::Stop) => {
                self.cancel_calls(now, id);
                self.release_permit(now, id, Outcome::Ignored);
                self.free_slot(now, id);
                self.flight.jobs.leave(id);
            }
            (_, CallerGone::SkipQueued | CallerGone::Ignore) => {}
        }
    }
}
