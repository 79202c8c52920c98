//! Attempts of a call under policies: sent to a node, given up, ended.

use super::calls::{Ear, POLICY, with_call};
use super::plan::EdgePlan;
use super::state::{About, Answer, Id, Origin, Quality};
use super::{Caller, Requests};
use crate::resilience::ErrorClass;
use crate::resilience::pipeline::{AttemptEnd, AttemptId, CallResult, Edge};
use crate::time::{Span, Time};

impl Requests<'_> {
    /// An attempt of a call with this number and target, and perhaps a timeout, goes out to the pool; answers whether the
    /// call waits then and does nothing else. Is it known to be `routed`, at this very instant?
    #[inline(always)]
    pub(super) fn send_attempt(
        &mut self,
        now: Time,
        (id, edge, routed): (Id, &EdgePlan, bool),
        (attempt, target, timeout): (AttemptId, u32, Option<Span>),
        (about, pool, deadline): (&About, u32, Time),
    ) -> bool {
        self.tally.attempted(about.edge);
        if attempt.0 > 0 {
            self.count_again(id, attempt);
        }
        let pool = self.routes.pool(edge.pools[pool as usize]);
        if pool.is_dead() || (!routed && self.is_cut_off(now, id)) {
            self.fail_unsent(now, id, attempt);
            return false;
        }
        let deadline = timeout.map_or(deadline, |timeout| deadline.min(now + timeout));
        let key = about.key.child(attempt.0);
        let job = self.send(now, pool.first_node + target, (about, key), Origin::Attempt(id, attempt), deadline);
        let Some(logical) = self.flight.logicals.get_mut(id) else { return false };
        if let Some(place) = logical.out.iter_mut().find(|place| place.is_none()) {
            *place = Some((attempt, job));
        }
        let Some(until) = logical.call.rests() else { return false };
        logical.turns += 1;
        if until < logical.wake {
            logical.wake = until;
            self.wake_at(now, edge, id, until);
        }
        true
    }

    /// Is there no pool now to which a new call like this one would go?
    #[inline(never)]
    fn is_cut_off(&self, now: Time, id: Id) -> bool {
        self.flight.logical(id).is_none_or(|logical| self.route(now, &logical.about).is_none())
    }

    /// The attempt that goes out now is not the first of its call.
    #[inline(never)]
    fn count_again(&mut self, id: Id, attempt: AttemptId) {
        let Some(logical) = self.flight.logicals.get(id) else { return };
        if logical.call.is_hedge(attempt) {
            self.tally.hedged(logical.about.edge);
            if let Some(journal) = self.tally.journal() {
                journal.hedges(&logical.about);
            }
        } else {
            self.tally.retried(logical.about.edge);
        }
        self.events += 1;
    }

    /// Everybody whom the attempt could go to is known to be dead.
    #[inline(never)]
    fn fail_unsent(&mut self, now: Time, id: Id, attempt: AttemptId) {
        if let (Some(journal), Some(logical)) = (self.tally.journal(), self.flight.logicals.get(id)) {
            journal.nobody(now, &logical.about);
        }
        let end = AttemptEnd::failed(ErrorClass::Connect);
        with_call!(self, now, id, |logical, client, edge| logical.call.attempt_ended(client, attempt, end, edge));
        self.hear();
    }

    pub(super) fn abort_attempt(&mut self, now: Time, id: Id, attempt: AttemptId) {
        let Some(logical) = self.flight.logical_mut(id) else { return };
        let about = logical.about;
        let out = logical.out.iter_mut().find(|out| out.is_some_and(|(known, _)| known == attempt));
        if let Some((_, job)) = out.and_then(Option::take) {
            self.tally.gave_up(about.edge);
            let deadline = self.flight.job(job).map_or(Time::NEVER, |job| job.deadline);
            if let Some(journal) = self.tally.journal() {
                journal.gave_up(now, (about.request, job), now >= deadline);
            }
            self.abandon(now, job);
        }
    }

    /// The attempt has ended; the call goes on.
    #[inline(always)]
    pub(super) fn attempt_ended(&mut self, now: Time, id: Id, attempt: AttemptId, answer: Answer) {
        let Some(logical) = self.flight.logicals.get_mut(id) else { return };
        if let Some(out) = logical.out.iter_mut().find(|out| out.is_some_and(|(known, _)| known == attempt)) {
            *out = None;
        }
        logical.degraded |= answer == Ok(Quality::Degraded);
        logical.turns += 1;
        let About { key, client: number, edge, .. } = logical.about;
        let Caller::Full(client) = &mut self.callers[number as usize] else { return };
        let mut ear = Ear { heard: &mut self.heard, tally: &mut self.tally, edge, client: number };
        let edge = &mut Edge { now, rng: &mut key.draw(POLICY + logical.turns), observer: &mut ear };
        let end = AttemptEnd { result: answer.map(|_| ()), pushback: None };
        logical.call.attempt_ended(client, attempt, end, edge);
        let ended = logical.call.has_ended(client);
        // nothing follows the end of a call, so that with nothing before it its turn is now
        if let Some(result) = ended
            && self.heard.is_empty()
            && self.todo.is_empty()
        {
            let answer = self.tally.finished(now, logical, result);
            self.tally.call_over(now, &logical.about, answer);
            let (owner, call) = (logical.about.owner, logical.about.call());
            self.flight.logicals.leave(id);
            return self.tell(now, owner, call, answer);
        }
        self.go_on_later(now, id, ended);
    }

    /// The same where others come first, or more is to be done.
    #[inline(never)]
    fn go_on_later(&mut self, now: Time, id: Id, ended: Option<CallResult>) {
        self.hear();
        if let Some(result) = ended.or_else(|| self.go_on(now, id)) {
            if self.todo.is_empty() {
                self.end_now(now, id, result);
            } else {
                self.end_later(now, id, result);
            }
        }
    }
}
