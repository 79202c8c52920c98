//! One logical call on its way through the pipeline.
//!
//! The host drives it: [`Call::step`] until it says wait or finish, then again after each event and at
//! [`Call::next_wake`]. What was sent is answered by [`Call::attempt_ended`], a tier by [`Call::tier_ended`].

#![expect(
    clippy::inline_always,
    reason = "the way of a plain call: a function call costs a tenth of what these do (benches/requests.rs)"
)]

mod ahead;
mod bare;
mod begin;
mod moves;
mod stop;
mod tiers;

use rand::Rng;

use super::client::{Client, Edge, Held, Observer, Passage, Waiter};
use super::step::{AttemptEnd, AttemptId, CallResult, Request, Step};
use super::{Gate, PARALLEL_MAX};
use crate::resilience::ErrorClass;
use crate::resilience::bulkhead::{Event, Ticket};
use crate::resilience::deadline::Deadline;
use crate::resilience::fallback::Trigger;
use crate::resilience::hedge::{HedgeDelay, HedgeResult, HedgeState, HedgeStep};
use crate::resilience::retry::{Decision, Failure, Pushback, RetryMarker, RetryState};
use crate::time::Time;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Progress {
    /// May go on to the gate of this index.
    At(usize),
    /// Booked at the rate limiter; goes on at the gate of this index then.
    Until(Time, usize),
    /// In the queue of the bulkhead; goes on at the gate of this index.
    Queued(Ticket, Time, usize),
    /// Sent at the first instant, times out at the second.
    Sent(Time, Time),
    /// To be aborted.
    Doomed,
}

#[derive(Clone, Debug)]
struct Attempt {
    id: AttemptId,
    target: u32,
    progress: Progress,
    held: Held,
}

#[derive(Clone, Debug)]
enum Phase {
    /// An attempt is being made, or (not begun) is to be; nobody hedges.
    Alone { begun: bool },
    /// Attempts are being made, some beside others.
    Trying(HedgeState),
    /// The next attempt comes at this instant.
    BackingOff(Time),
    /// A fallback tier is to run, or runs.
    Tier { tier: usize, announced: bool },
    /// Over, but for the aborts.
    Done { tier: usize, result: Result<(), ErrorClass> },
}

/// One logical call.
#[derive(Clone, Debug)]
pub struct Call {
    request: Request,
    deadline: Deadline,
    phase: Phase,
    retry: Option<RetryState>,
    attempts: [Option<Attempt>; PARALLEL_MAX],
    /// Places of attempts that this call has used: 1 without hedges, so that nobody looks at the others.
    places: usize,
    /// May one of them be to be aborted?
    doomed: bool,
    /// Targets of this call's last attempts.
    used: [u32; PARALLEL_MAX],
    /// Attempts begun, and those of them sent.
    begun: u32,
    sent: u32,
    /// Which policy refused last, and what the callee said last.
    refused_by: Option<Trigger>,
    pushback: Option<Pushback>,
    error: ErrorClass,
    now: Time,
}

impl Call {
    /// What to do now; see [`Step`].
    #[inline(always)]
    pub fn step<R: Rng, O: Observer>(&mut self, client: &mut Client, edge: &mut Edge<'_, R, O>) -> Step {
        self.see(edge);
        client.tick(edge);
        loop {
            if let Some(step) = self.abort_one() {
                return step;
            }
            match &mut self.phase {
                Phase::Done { tier, result } => {
                    return Step::Finish(CallResult { tier: *tier, result: *result, sent: self.sent });
                }
                Phase::Tier { tier, announced: false } => {
                    let step = Step::RunTier(*tier);
                    self.phase = Phase::Tier { tier: *tier, announced: true };
                    return step;
                }
                Phase::Tier { announced: true, .. } => return Step::Wait(None),
                Phase::Alone { .. } | Phase::Trying(_) | Phase::BackingOff(_) if self.deadline.expired(self.now) => {
                    self.stop_attempts(client, edge, ErrorClass::DeadlineExceeded);
                    self.give_up_retry(client);
                    self.full_tier_failed(client, edge, ErrorClass::DeadlineExceeded);
                }
                Phase::BackingOff(until) if self.now >= *until => self.phase = self.round(client),
                Phase::BackingOff(_) => return Step::Wait(self.next_wake()),
                Phase::Alone { .. } | Phase::Trying(_) => {
                    if let Some(step) = self.try_once(client, edge) {
                        return step;
                    }
                }
            }
        }
    }

    /// An attempt that was sent has ended. At or after its timeout it counts as timed out; one that was aborted, or
    /// unknown, changes nothing.
    #[inline(always)]
    pub fn attempt_ended<R: Rng, O: Observer>(
        &mut self,
        client: &mut Client,
        attempt: AttemptId,
        end: AttemptEnd,
        edge: &mut Edge<'_, R, O>,
    ) {
        if !(end.result.is_ok() && client.is_bare() && self.ends_well(client, attempt, end, edge.now)) {
            self.attempt_ended_somehow(client, attempt, end, edge);
        }
    }

    /// The same, whatever is on and however it has ended.
    #[inline(never)]
    fn attempt_ended_somehow<R: Rng, O: Observer>(
        &mut self,
        client: &mut Client,
        attempt: AttemptId,
        end: AttemptEnd,
        edge: &mut Edge<'_, R, O>,
    ) {
        self.see(edge);
        let Some(index) = self.find(attempt) else { return };
        let Some(Attempt { progress: Progress::Sent(started, ends), .. }) = self.attempts[index] else { return };
        if self.deadline.expired(self.now) {
            return; // the next step ends the call
        }
        let end = if self.now >= ends { AttemptEnd::failed(ErrorClass::Timeout) } else { end };
        self.end_sent(client, index, (started, end), edge);
    }

    /// What the bulkhead decided of an attempt of this call ([`Observer::queue`]). A slot that is no longer wanted goes
    /// back at once, also after the end of the call.
    pub fn queue_event<R: Rng, O: Observer>(
        &mut self,
        client: &mut Client,
        event: Event<Waiter>,
        edge: &mut Edge<'_, R, O>,
    ) {
        self.see(edge);
        let (waiter, admitted) = match event {
            Event::Admitted(waiter) => (waiter, true),
            Event::TimedOut { waiter, .. } => (waiter, false),
        };
        let waiting = self.find(AttemptId(waiter.attempt)).and_then(|index| match &self.attempts[index] {
            Some(Attempt { progress: Progress::Queued(_, _, gate), .. }) => Some((index, *gate)),
            Some(_) | None => None,
        });
        match (waiting, admitted) {
            (Some((index, gate)), true) => {
                if let Some(attempt) = &mut self.attempts[index] {
                    Client::admitted(&mut attempt.held);
                    attempt.progress = Progress::At(gate);
                }
            }
            (Some((index, _)), false) => {
                self.refuse(client, index, (ErrorClass::Rejected, Some((Gate::Bulkhead, Trigger::Shed))), edge);
            }
            (None, true) => client.return_slot(edge),
            (None, false) => {}
        }
    }

    /// One thing that is due while trying; none: look again.
    #[inline(always)]
    fn try_once<R: Rng, O: Observer>(&mut self, client: &mut Client, edge: &mut Edge<'_, R, O>) -> Option<Step> {
        let due = |attempt: &Attempt| match attempt.progress {
            Progress::At(_) => true,
            Progress::Until(at, _) | Progress::Sent(_, at) => self.now >= at,
            Progress::Queued(..) | Progress::Doomed => false,
        };
        if let Some(index) = self.attempts[..self.places].iter().position(|entry| entry.as_ref().is_some_and(due)) {
            let Attempt { id, target, progress, .. } = *self.attempts[index].as_ref()?;
            return match progress {
                Progress::At(gate) | Progress::Until(_, gate) => {
                    self.pass_gates(client, (index, id, target), gate, edge)
                }
                Progress::Sent(started, _) => {
                    self.time_out(client, index, started, edge);
                    None
                }
                Progress::Queued(..) | Progress::Doomed => None,
            };
        }
        let next = match &mut self.phase {
            Phase::Alone { begun: true } => HedgeStep::Wait,
            Phase::Alone { begun } => {
                *begun = true;
                HedgeStep::Send(0)
            }
            Phase::Trying(hedge) => hedge.poll(self.now, &mut client.hedge_budget),
            Phase::BackingOff(_) | Phase::Tier { .. } | Phase::Done { .. } => return None,
        };
        match next {
            HedgeStep::Wait => Some(Step::Wait(self.next_wake())),
            HedgeStep::Send(_) => {
                let begun = self.begin_attempt(client, edge)?;
                self.pass_gates(client, begun, 0, edge)
            }
            HedgeStep::Done(result) => {
                self.round_over(client, edge, result);
                None
            }
        }
    }

    /// A new round of attempts: the first, and its hedges.
    #[inline]
    fn round(&self, client: &mut Client) -> Phase {
        let Some(config) = &client.hedge else { return Phase::Alone { begun: false } };
        let delay = client.hedge_delay.as_ref().and_then(HedgeDelay::get);
        let (deadline, idempotent) = (self.deadline.instant(), self.request.idempotent);
        Phase::Trying(HedgeState::start(config, self.now, delay, deadline, idempotent, &mut client.hedge_budget))
    }

    /// Chooses a target, one not yet used if possible; answers the place of the attempt, its number and target. With
    /// nobody to send to it fails unsent.
    #[inline(always)]
    fn begin_attempt<R: Rng, O: Observer>(
        &mut self,
        client: &mut Client,
        edge: &mut Edge<'_, R, O>,
    ) -> Option<(usize, AttemptId, u32)> {
        let id = AttemptId(self.begun);
        let avoid = &self.used[..(self.begun as usize).min(PARALLEL_MAX)];
        let target = client.pick(self.now, avoid, self.request.key, edge.rng);
        self.used[self.begun as usize % PARALLEL_MAX] = target.unwrap_or(u32::MAX);
        self.begun += 1;
        // a hedge sends at most as many as there are places
        let known = self.attempts[..self.places].iter().position(Option::is_none);
        let index = known.unwrap_or(self.places);
        if index >= PARALLEL_MAX {
            return None;
        }
        self.places = self.places.max(index + 1);
        let attempt = Attempt { id, target: target.unwrap_or(0), progress: Progress::At(0), held: Held::default() };
        self.attempts[index] = Some(attempt);
        if target.is_none() {
            self.refuse(client, index, (ErrorClass::Connect, None), edge);
        }
        target.map(|target| (index, id, target))
    }

    #[inline(always)]
    fn pass_gates<R: Rng, O: Observer>(
        &mut self,
        client: &mut Client,
        (index, id, target): (usize, AttemptId, u32),
        first: usize,
        edge: &mut Edge<'_, R, O>,
    ) -> Option<Step> {
        let (call, deadline) = (self.request.id, self.deadline);
        let attempt = self.attempts[index].as_mut()?;
        for here in first..client.gates.len() {
            let next = here + 1;
            let about = (target, Waiter { call, attempt: id.0 }, deadline);
            match client.ask(client.gates[here], about, &mut attempt.held, edge) {
                Passage::Open => {}
                Passage::WaitUntil(at) => {
                    attempt.progress = Progress::Until(at, next);
                    return None;
                }
                Passage::Queued { ticket, until } => {
                    attempt.progress = Progress::Queued(ticket, until, next);
                    return None;
                }
                Passage::Refused(by) => {
                    self.refuse(client, index, (ErrorClass::Rejected, Some((client.gates[here], by))), edge);
                    return None;
                }
            }
        }
        self.send(client, (index, id, target), edge)
    }

    #[inline(always)]
    fn send<R: Rng, O: Observer>(
        &mut self,
        client: &mut Client,
        (index, id, target): (usize, AttemptId, u32),
        edge: &mut Edge<'_, R, O>,
    ) -> Option<Step> {
        let unlimited = self.deadline == Deadline::NONE && client.attempt_timeout.is_none();
        let (timeout, ends) = if unlimited {
            (None, Time::NEVER)
        } else if let Ok(share) = self.deadline.attempt(self.now, client.share, client.attempt_timeout) {
            (Some(share.timeout()), share.deadline().instant())
        } else {
            self.refuse(client, index, (ErrorClass::DeadlineExceeded, None), edge);
            return None;
        };
        self.attempts[index].as_mut()?.progress = Progress::Sent(self.now, ends);
        client.sent(target);
        self.sent += 1;
        let marker = self.retry.as_ref().map_or(RetryMarker { attempt: 1, retried: false }, RetryState::marker);
        Some(Step::Send { attempt: id, target, timeout, marker })
    }

    /// An attempt was stopped before it was sent.
    #[inline(never)]
    fn refuse<R: Rng, O: Observer>(
        &mut self,
        client: &mut Client,
        index: usize,
        (class, by): (ErrorClass, Option<(Gate, Trigger)>),
        edge: &mut Edge<'_, R, O>,
    ) {
        let Some(attempt) = self.attempts[index].take() else { return };
        client.unsent(attempt.target, attempt.held, edge);
        let waiter = Waiter { call: self.request.id, attempt: attempt.id.0 };
        edge.observer.refused(self.now, waiter, self.is_hedge(attempt.id), class, by.map(|(gate, _)| gate));
        self.refused_by = by.map(|(_, trigger)| trigger);
        self.pushback = None;
        // what stopped this one would stop a hedge as well
        self.tell_hedge(client, edge, HedgeResult::NonFatal(class, Some(Pushback::Never)));
    }

    /// An attempt has had its time.
    #[inline(never)]
    fn time_out<R: Rng, O: Observer>(
        &mut self,
        client: &mut Client,
        index: usize,
        started: Time,
        edge: &mut Edge<'_, R, O>,
    ) {
        self.end_sent(client, index, (started, AttemptEnd::failed(ErrorClass::Timeout)), edge);
    }

    /// An attempt that was sent has ended, or timed out.
    #[inline(always)]
    fn end_sent<R: Rng, O: Observer>(
        &mut self,
        client: &mut Client,
        index: usize,
        (started, end): (Time, AttemptEnd),
        edge: &mut Edge<'_, R, O>,
    ) {
        let Some(attempt) = &mut self.attempts[index] else { return };
        let (target, held) = (attempt.target, std::mem::take(&mut attempt.held));
        if end.result == Err(ErrorClass::Timeout) {
            attempt.progress = Progress::Doomed;
            self.doomed = true;
        } else {
            self.attempts[index] = None;
        }
        client.ended(target, held, (end.result.err(), self.now.since(started)), edge);
        self.refused_by = None;
        self.pushback = end.pushback;
        let result = match end.result {
            Ok(()) => HedgeResult::Success,
            Err(class) if client.retry.config().retry_on.contains(class) => HedgeResult::NonFatal(class, end.pushback),
            Err(class) => HedgeResult::Fatal(class),
        };
        self.tell_hedge(client, edge, result);
    }

    #[inline(always)]
    fn tell_hedge<R: Rng, O: Observer>(&mut self, client: &mut Client, edge: &mut Edge<'_, R, O>, result: HedgeResult) {
        let next = match &mut self.phase {
            Phase::Alone { .. } => HedgeStep::Done(result.of_the_only()),
            Phase::Trying(hedge) => hedge.ended(self.now, result),
            Phase::BackingOff(_) | Phase::Tier { .. } | Phase::Done { .. } => return,
        };
        match next {
            HedgeStep::Wait | HedgeStep::Send(_) => {}
            HedgeStep::Done(result) => self.round_over(client, edge, result),
        }
    }

    #[inline(always)]
    fn round_over<R: Rng, O: Observer>(
        &mut self,
        client: &mut Client,
        edge: &mut Edge<'_, R, O>,
        result: Result<(), ErrorClass>,
    ) {
        if self.attempts[..self.places].iter().any(Option::is_some) {
            self.stop_attempts(client, edge, ErrorClass::Cancelled);
        }
        let Some(retry) = &self.retry else { return };
        let Err(class) = result else {
            client.retry.succeeded(retry, &mut client.budget);
            self.retry = None;
            self.phase = Phase::Done { tier: 0, result: Ok(()) };
            return;
        };
        self.failed(client, edge, class);
    }

    /// A round of attempts has failed: another, or the end.
    #[inline(never)]
    fn failed<R: Rng, O: Observer>(&mut self, client: &mut Client, edge: &mut Edge<'_, R, O>, class: ErrorClass) {
        let Some(mut retry) = self.retry.take() else { return };
        let failure = Failure { class, pushback: self.pushback };
        match client.retry.failed(&mut retry, self.now, failure, &mut client.budget, edge.rng) {
            Decision::Retry(plan) => {
                self.retry = Some(retry);
                self.phase = Phase::BackingOff(plan.at);
            }
            Decision::Stop(_) => self.full_tier_failed(client, edge, class),
        }
    }

    #[inline]
    fn abort_one(&mut self) -> Option<Step> {
        if !self.doomed {
            return None;
        }
        let doomed =
            |entry: &&mut Option<Attempt>| entry.as_ref().is_some_and(|attempt| attempt.progress == Progress::Doomed);
        let found = self.attempts[..self.places].iter_mut().find(doomed).and_then(Option::take);
        self.doomed = found.is_some();
        found.map(|attempt| Step::Abort(attempt.id))
    }

    #[inline]
    fn find(&self, id: AttemptId) -> Option<usize> {
        self.attempts[..self.places].iter().position(|entry| entry.as_ref().is_some_and(|attempt| attempt.id == id))
    }

    /// Time never runs back, for this call and for what it asks of the policies.
    fn see<R, O>(&mut self, edge: &mut Edge<'_, R, O>) {
        self.now = self.now.max(edge.now);
        edge.now = self.now;
    }
}
