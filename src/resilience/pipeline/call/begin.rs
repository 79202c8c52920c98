//! How a call begins: from nothing, or in the place of one that has finished.

use rand::Rng;

use super::super::client::{Client, Edge, Observer};
use super::super::step::Step;
use super::super::{PARALLEL_MAX, Request};
use super::{Call, Phase};
use crate::resilience::ErrorClass;
use crate::resilience::deadline::Deadline;
use crate::resilience::retry;
use crate::time::Time;

impl Call {
    /// A call begins: with an attempt, or at the tier to which calls have fallen.
    pub fn start<R: Rng, O: Observer>(client: &mut Client, request: Request, edge: &mut Edge<'_, R, O>) -> Self {
        let mut call = Call::idle();
        call.restart(client, request, edge);
        call
    }

    /// A call that is over and has never begun: room for [`begin`](Self::begin).
    pub const fn idle() -> Self {
        Call {
            request: Request {
                id: 0,
                idempotent: false,
                retried_above: false,
                deadline: Deadline::NONE,
                key: 0,
                cached_age: None,
            },
            deadline: Deadline::NONE,
            phase: Phase::Done { tier: 0, result: Err(ErrorClass::Rejected) },
            retry: None,
            attempts: [const { None }; PARALLEL_MAX],
            places: 0,
            doomed: false,
            used: [u32::MAX; PARALLEL_MAX],
            begun: 0,
            sent: 0,
            refused_by: None,
            pushback: None,
            error: ErrorClass::Rejected,
            now: Time::ZERO,
        }
    }

    /// As [`start`](Self::start) and the first [`step`](Self::step), in the place of a call that has finished: for hosts
    /// that use places again instead of moving calls, which are large.
    #[inline(always)]
    pub fn begin<R: Rng, O: Observer>(
        &mut self,
        client: &mut Client,
        request: Request,
        edge: &mut Edge<'_, R, O>,
    ) -> Step {
        if client.is_bare()
            && request.deadline == Deadline::NONE
            && let Some(target) = client.pick(edge.now, &[], request.key, edge.rng)
        {
            return self.begin_at(client, target, request, edge.now);
        }
        self.restart(client, request, edge);
        self.step(client, edge)
    }

    #[inline(never)]
    fn restart<R: Rng, O: Observer>(&mut self, client: &mut Client, request: Request, edge: &mut Edge<'_, R, O>) {
        let call = self;
        let own = client.deadline.map_or(Deadline::NONE, |span| Deadline::after(edge.now, span));
        call.request = request;
        call.deadline = request.deadline.nested(own);
        call.phase = Phase::Done { tier: 0, result: Err(ErrorClass::Rejected) };
        call.retry = None;
        call.attempts.iter_mut().for_each(|attempt| *attempt = None);
        (call.places, call.doomed) = (0, false);
        call.used = [u32::MAX; PARALLEL_MAX];
        (call.begun, call.sent) = (0, 0);
        call.refused_by = None;
        call.pushback = None;
        call.error = ErrorClass::Rejected;
        call.now = edge.now;
        let placed = client.fallback.as_mut().map(|fallback| fallback.begin(edge.now, request.cached_age));
        if let Some(change) = placed.and_then(|placed| placed.change) {
            edge.observer.fallback(change);
        }
        match placed.map_or(Some(0), |placed| placed.tier) {
            Some(0) => {
                let Request { idempotent, retried_above, .. } = request;
                let of_retry = retry::Call { idempotent, retried_above, deadline: call.deadline };
                call.retry = Some(client.retry.start(edge.now, of_retry, &mut client.budget));
                call.phase = call.round(client);
            }
            Some(tier) => call.phase = Phase::Tier { tier, announced: false },
            None => {}
        }
    }
}
