//! A call of a [bare](Client::is_bare) client, around which nothing stands but timeout, retries and balancing: what is usual
//! goes in one step, and is what all the steps together would do.

use super::super::client::{Client, Held};
use super::super::step::{AttemptEnd, AttemptId, Request, Step};
use super::{Attempt, Call, Phase, Progress};
use crate::resilience::retry;
use crate::time::Time;

impl Call {
    /// Begins by sending its first attempt to this target.
    #[inline(always)]
    pub(super) fn begin_at(&mut self, client: &mut Client, target: u32, request: Request, now: Time) -> Step {
        let Request { idempotent, retried_above, deadline, .. } = request;
        let retry = client.retry.start(now, retry::Call { idempotent, retried_above, deadline }, &mut client.budget);
        let (attempt, timeout, marker) = (AttemptId(0), client.attempt_timeout, retry.marker());
        let ends = timeout.map_or(Time::NEVER, |timeout| now + timeout);
        self.request = request;
        self.deadline = deadline;
        self.phase = Phase::Alone { begun: true };
        self.retry = Some(retry);
        let progress = Progress::Sent(now, ends);
        self.attempts[0] = Some(Attempt { id: attempt, target, progress, held: Held::default() });
        (self.places, self.doomed) = (1, false);
        self.used[0] = target;
        (self.begun, self.sent) = (1, 1);
        self.refused_by = None;
        self.pushback = None;
        self.now = now;
        client.sent(target);
        Step::Send { attempt, target, timeout, marker }
    }

    /// Ends well with its only attempt, if that is in time.
    #[inline(always)]
    pub(super) fn ends_well(&mut self, client: &mut Client, attempt: AttemptId, end: AttemptEnd, now: Time) -> bool {
        let now = self.now.max(now);
        let (Phase::Alone { .. }, [Some(sent), ..], Some(retry)) = (&self.phase, &self.attempts, &self.retry) else {
            return false;
        };
        let Progress::Sent(started, ends) = sent.progress else { return false };
        if sent.id != attempt || now >= ends || self.deadline.expired(now) {
            return false;
        }
        client.answered(now, sent.target, now.since(started));
        client.retry.succeeded(retry, &mut client.budget);
        self.attempts[0] = None;
        self.retry = None;
        self.refused_by = None;
        self.pushback = end.pushback;
        self.phase = Phase::Done { tier: 0, result: Ok(()) };
        self.now = now;
        true
    }
}
