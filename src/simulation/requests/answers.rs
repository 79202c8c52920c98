//! How attempts at nodes end for whoever waits: answered, lost, or abandoned.

use super::event::{Event, Todo};
use super::state::{Answer, Id, Origin, Stage};
use super::{Caller, Requests};
use crate::model::traffic::CallerGone;
use crate::resilience::pipeline::Evidence;
use crate::resilience::{ErrorClass, Outcome};
use crate::time::{Span, Time};

/// Number of the draw of the way back.
const BACK: u32 = 17;

impl Requests<'_> {
    pub(super) fn answer(&mut self, now: Time, id: Id, answer: Answer) {
        self.answer_after(now, id, answer, Span::ZERO);
    }

    /// The answer goes back to the caller.
    pub(super) fn answer_after(&mut self, now: Time, id: Id, answer: Answer, wait: Span) {
        let Some(job) = self.flight.job_mut(id) else { return };
        job.answer = answer;
        job.stage = Stage::Returning;
        if !job.wanted {
            self.flight.jobs.leave(id);
            return;
        }
        if job.origin.is_check() || (wait.is_zero() && self.routes.at_once()) {
            return self.todo.push(Todo::Answer(id));
        }
        let (about, node) = (job.about, job.node);
        let (from, to) = (self.place_of(node), self.caller_place(&about));
        match self.routes.travel(&self.plan.ways, from, to, || about.key.draw(BACK)) {
            super::route::Travel::Takes(latency) => {
                let latency = latency + wait;
                if latency.is_zero() {
                    self.todo.push(Todo::Answer(id));
                } else {
                    self.schedule_done(now + latency, Event::Answered(id));
                }
            }
            super::route::Travel::Held(way) => self.routes.hold(way, id),
            super::route::Travel::Lost => self.lose(id),
        }
    }

    /// Whoever waits for the attempt hears how it ended.
    #[inline(always)]
    pub(super) fn give_answer(&mut self, now: Time, id: Id) {
        let Some(job) = self.flight.jobs.remove(id) else { return };
        if !job.wanted {
            return;
        }
        let (node, took, answer) = (job.node, now.since(job.sent), job.answer);
        match job.origin {
            Origin::Check(probe) => self.probe_answered(now, node, probe, answer.is_ok()),
            Origin::Outside(checker) => self.outside_answered(now, checker, answer.is_ok()),
            Origin::Attempt(call, attempt) => {
                self.tally.attempt_over(now, job.about.edge, (job.about.request, id), answer, took);
                self.attempt_ended(now, call, attempt, answer);
            }
            Origin::Plain => {
                let about = &job.about;
                self.tally.plain_over(now, about, id, answer, took);
                let (client, owner, call) = (about.client, about.owner, about.call());
                self.plain_ended(now, (node, client), answer.err(), took);
                self.tell(now, owner, call, answer);
            }
        }
    }

    /// The attempt of a caller without policies has ended after so long, well or with an error; its balancer learns from
    /// that what it would learn under policies.
    #[inline(always)]
    fn plain_ended(&mut self, now: Time, (node, client): (u32, u32), error: Option<ErrorClass>, took: Span) {
        let first = self.nodes[node as usize].pool.first_node;
        if let Caller::Plain(balancer) = &mut self.callers[client as usize] {
            balancer.ended(now, node - first, Evidence::latency(error, took));
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
        if job.origin == Origin::Plain {
            let (node, about, took) = (job.node, job.about, now.since(job.sent));
            self.tally.gave_up(about.edge);
            if let Some(journal) = self.tally.journal() {
                journal.gave_up(now, (about.request, id), false);
                journal.cancelled(now, &about);
            }
            self.plain_ended(now, (node, about.client), Some(ErrorClass::Cancelled), took);
        }
        self.leave_alone(now, id);
    }

    /// The only attempt of a call without policies has had its share of a deadline: its caller gives it up, if it has not
    /// yet been answered.
    pub(super) fn plain_late(&mut self, now: Time, id: Id) {
        let Some(job) = self.flight.job_mut(id).filter(|job| job.wanted) else { return };
        job.wanted = false;
        let (node, about, took) = (job.node, job.about, now.since(job.sent));
        self.tally.gave_up(about.edge);
        if let Some(journal) = self.tally.journal() {
            journal.gave_up(now, (about.request, id), true);
        }
        self.plain_ended(now, (node, about.client), Some(ErrorClass::Timeout), took);
        self.leave_alone(now, id);
        self.push_ended(about, Err(ErrorClass::Timeout));
    }

    /// Nobody waits for the attempt: its work is stopped, or goes on unseen.
    fn leave_alone(&mut self, now: Time, id: Id) {
        let Some(job) = self.flight.job(id) else { return };
        if job.saga.is_some() && job.stage == Stage::Calling {
            return; // a transaction goes on to its end
        }
        let (stage, node) = (job.stage, job.node as usize);
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
