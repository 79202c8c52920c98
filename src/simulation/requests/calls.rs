//! Calls: from a user or a node to a service, under the policies of the caller.
//!
//! With policies a call is a [`Call`] of the resilience library, stepped whenever something happens to it; without it is
//! a single attempt. Both end in [`Requests::call_ended`], which tells whoever waits.

use rand::RngExt;

use super::breakers::BreakerEar;
use super::event::{Event, Todo, class};
use super::state::{About, Answer, Id, Logical, Origin, Owner, Quality};
use super::{Caller, Requests};
use crate::resilience::ErrorClass;
use crate::resilience::balancing::Balancer;
use crate::resilience::bulkhead;
use crate::resilience::deadline::Deadline;
use crate::resilience::pipeline::{
    AttemptEnd, AttemptId, CallResult, Client, Edge, Gate, Observer, Request, Step, Waiter,
};
use crate::time::{Span, Time};

/// Numbers of the draws of a call; those of its policies come after them.
const SHARE: u32 = 0;
const PICK: u32 = 1;
const TIER: u32 = 2;
const POLICY: u32 = 1 << 16;

/// Children of the key of a call: its attempts, the call of its tier.
const TIER_CALL: u32 = 1 << 20;

/// Hears what policies say on the way.
struct Ear<'t> {
    heard: &'t mut Vec<bulkhead::Event<Waiter>>,
    breakers: BreakerEar<'t>,
}

impl Observer for Ear<'_> {
    fn queue(&mut self, event: bulkhead::Event<Waiter>) {
        self.heard.push(event);
    }

    fn breaker(&mut self, target: u32, change: crate::resilience::circuit_breaker::Change) {
        self.breakers.changed(target, change);
    }

    fn ejection(&mut self, event: crate::resilience::outlier_ejection::EjectionEvent) {
        self.breakers.ejected(event);
    }

    fn refused(&mut self, now: Time, waiter: Waiter, class: ErrorClass, gate: Option<Gate>) {
        if gate.is_some() {
            self.breakers.rejected();
        }
        let recorder = self.breakers.recorder.as_deref_mut();
        if let Some(journal) = recorder.and_then(|recorder| recorder.journal.as_mut()) {
            journal.refused(now, waiter, class, gate);
        }
    }
}

/// Runs `$with` on a call with its client and the world as the pipeline sees it.
macro_rules! with_call {
    ($self:ident, $now:expr, $id:expr, |$logical:ident, $client:ident, $edge:ident| $with:expr) => {{
        match $self.flight.logicals.get_mut($id) {
            None => None,
            Some($logical) => {
                $logical.turns += 1;
                let About { key, client, edge, .. } = $logical.about;
                let mut rng = key.draw(POLICY + $logical.turns);
                match &mut $self.callers[client as usize] {
                    Caller::Plain(_) => None,
                    Caller::Full($client) => {
                        let mut ear = Ear { heard: &mut $self.heard, breakers: $self.tally.breakers(edge, client) };
                        let $edge = &mut Edge { now: $now, rng: &mut rng, observer: &mut ear };
                        Some($with)
                    }
                }
            }
        }
    }};
}

impl Requests<'_> {
    /// All policies as new.
    pub(super) fn start_callers(&mut self) {
        self.callers.clear();
        for edge in &self.plan.edges {
            let template: Vec<Caller> = edge
                .pools
                .iter()
                .map(|&pool| {
                    let nodes = self.plan.pools[pool as usize].nodes;
                    let plain = || Balancer::new(edge.policy.balance.clone(), nodes as usize).map(Caller::Plain);
                    let full =
                        || Client::new(edge.pipeline(nodes), Time::ZERO).map(|client| Caller::Full(Box::new(client)));
                    let caller = if edge.plain { plain().ok() } else { full().ok() };
                    caller.expect("the scenario has checked the policies")
                })
                .collect();
            for _ in 0..edge.slots {
                self.callers.extend(template.iter().cloned());
            }
        }
    }

    /// Does the request make this call at all?
    pub(super) fn makes(&self, about: &About) -> bool {
        let edge = &self.plan.edges[about.edge as usize];
        edge.classes[about.class as usize] && (edge.share >= 1.0 || about.key.draw(SHARE).random::<f64>() < edge.share)
    }

    /// A call begins; its end comes by [`Todo::Ended`].
    pub(super) fn start_call(&mut self, now: Time, mut about: About, deadline: Time) {
        let edge = &self.plan.edges[about.edge as usize];
        let pool = self.route(now, &about);
        self.tally.called(about.edge);
        if let Some(journal) = self.tally.journal() {
            journal.called(now, &about);
        }
        let reached = pool.is_some();
        let Some(pool) = pool.or((!edge.plain && !edge.pools.is_empty()).then_some(0)) else {
            self.tally.attempted(about.edge);
            return self.reach_nobody(now, about);
        };
        about.client = edge.client(about.slot, pool);
        if edge.plain {
            self.start_plain(now, &about, pool, deadline);
        } else {
            self.start_full(now, &about, (pool, reached), deadline);
        }
    }

    /// There is nobody to send the only attempt of the call to.
    fn reach_nobody(&mut self, now: Time, about: About) {
        if let Some(journal) = self.tally.journal() {
            journal.nobody(now, &about);
        }
        self.push_ended(about, Err(ErrorClass::Connect));
    }

    fn start_plain(&mut self, now: Time, about: &About, pool: usize, deadline: Time) {
        let edge = &self.plan.edges[about.edge as usize];
        let number = edge.pools[pool];
        self.tally.attempted(about.edge);
        let Caller::Plain(balancer) = &mut self.callers[about.client as usize] else { return };
        let members = self.routes.members(number);
        let sticky = about.slot.into();
        let picked = balancer.pick(now, members, &[], sticky, &mut about.key.draw(PICK));
        let Some(target) = picked.filter(|_| !self.routes.known_dead(number)) else {
            return self.reach_nobody(now, *about);
        };
        balancer.sent(target);
        let node = self.plan.pools[number as usize].first_node + target;
        self.send(now, node, about, Origin::Plain, deadline);
    }

    fn start_full(&mut self, now: Time, about: &About, (pool, reached): (usize, bool), deadline: Time) {
        let Caller::Full(client) = &mut self.callers[about.client as usize] else { return };
        let serial = self.flight.serial();
        let class = &self.plan.classes[about.class as usize];
        let (id, logical) = self.flight.logicals.take(serial, Logical::vacant);
        let request = Request {
            id: u64::from(id.serial) << 32 | u64::from(id.index),
            idempotent: class.idempotent,
            retried_above: false,
            deadline: if deadline == Time::NEVER { Deadline::NONE } else { Deadline::at(deadline) },
            key: about.slot.into(),
            cached_age: self.tally.age(now, about.client),
        };
        logical.about = *about;
        (logical.pool, logical.turns) = (pool as u32, 1);
        (logical.wake, logical.deadline) = (Time::NEVER, deadline);
        logical.out.iter_mut().for_each(|out| *out = None);
        logical.degraded = false;
        if let Some(journal) = self.tally.journal() {
            journal.under_policies(about, id);
        }
        let breakers = self.tally.breakers(about.edge, about.client);
        let mut ear = Ear { heard: &mut self.heard, breakers };
        let edge = &mut Edge { now, rng: &mut about.key.draw(POLICY), observer: &mut ear };
        logical.call.restart(client, request, edge);
        *edge.rng = about.key.draw(POLICY + 1);
        let step = logical.call.step(client, edge);
        self.hear();
        if let Some((about, answer)) = self.obey(now, id, step, reached) {
            self.push_ended(about, answer);
        }
    }

    /// A timer of the call has run out.
    pub(super) fn wake(&mut self, now: Time, id: Id) {
        let Some(logical) = self.flight.logical_mut(id) else { return };
        if logical.wake <= now {
            logical.wake = Time::NEVER;
        }
        self.step(now, id);
    }

    /// Let the call go on as far as it can.
    pub(super) fn step(&mut self, now: Time, id: Id) {
        if let Some((about, answer)) = self.go_on(now, id) {
            self.push_ended(about, answer);
        }
    }

    /// The same; answers how it has ended, if it has.
    #[inline]
    fn go_on(&mut self, now: Time, id: Id) -> Option<(About, Answer)> {
        let step = with_call!(self, now, id, |logical, client, edge| logical.call.step(client, edge));
        self.hear();
        self.obey(now, id, step?, false)
    }

    /// Does what the call says, until it waits or ends. Is it known to be `routed`, at this very instant?
    fn obey(&mut self, now: Time, id: Id, mut step: Step, routed: bool) -> Option<(About, Answer)> {
        loop {
            match step {
                Step::Send { attempt, target, timeout, .. } => {
                    if let Some(until) = self.send_attempt(now, id, (attempt, target, timeout), routed) {
                        self.wait(now, id, Some(until));
                        return None;
                    }
                }
                Step::Abort(attempt) => self.abort_attempt(now, id, attempt),
                Step::RunTier(tier) => self.run_tier(now, id, tier),
                Step::Wait(until) => {
                    self.tell_of_backoff(now, id);
                    self.wait(now, id, until);
                    return None;
                }
                Step::Finish(result) => return self.finish_call(now, id, result),
            }
            let next = with_call!(self, now, id, |logical, client, edge| logical.call.step(client, edge));
            self.hear();
            step = next?;
        }
    }

    #[inline]
    fn hear(&mut self) {
        if self.heard.is_empty() {
            return;
        }
        for event in self.heard.drain(..) {
            self.todo.push(Todo::Queue(event));
        }
    }

    /// A bulkhead has decided about a waiter.
    pub(super) fn pass_on(&mut self, now: Time, event: bulkhead::Event<Waiter>) {
        let waiter = match event {
            bulkhead::Event::Admitted(waiter) | bulkhead::Event::TimedOut { waiter, .. } => waiter,
        };
        let id = Id { index: waiter.call as u32, serial: (waiter.call >> 32) as u32 };
        let known = with_call!(self, now, id, |logical, client, edge| logical.call.queue_event(client, event, edge));
        self.hear();
        if known.is_some() {
            self.step(now, id);
        }
    }

    /// An attempt goes out; answers until when the call waits then (perhaps for ever), if that is all it does.
    fn send_attempt(
        &mut self,
        now: Time,
        id: Id,
        (attempt, target, timeout): (AttemptId, u32, Option<Span>),
        routed: bool,
    ) -> Option<Time> {
        let logical = self.flight.logical(id)?;
        let (about, deadline) = (logical.about, logical.deadline);
        let edge = &self.plan.edges[about.edge as usize];
        let pool = edge.pools[logical.pool as usize];
        self.tally.attempted(about.edge);
        if attempt.0 > 0 {
            let beside = self.flight.logical(id).is_some_and(|logical| logical.out.iter().any(Option::is_some));
            if beside {
                self.tally.hedged(about.edge);
            } else {
                self.tally.retried(about.edge);
            }
            self.events += 1;
        }
        let hopeless = self.routes.known_dead(pool) || (!routed && self.route(now, &about).is_none());
        if hopeless {
            if let Some(journal) = self.tally.journal() {
                journal.nobody(now, &about);
            }
            let end = AttemptEnd::failed(ErrorClass::Connect);
            with_call!(self, now, id, |logical, client, edge| logical.call.attempt_ended(client, attempt, end, edge));
            self.hear();
            return None;
        }
        let node = self.plan.pools[pool as usize].first_node + target;
        let deadline = timeout.map_or(deadline, |timeout| deadline.min(now + timeout));
        let about = About { key: about.key.child(attempt.0), ..about };
        let job = self.send(now, node, &about, Origin::Attempt(id, attempt), deadline);
        let logical = self.flight.logical_mut(id)?;
        if let Some(place) = logical.out.iter_mut().find(|place| place.is_none()) {
            *place = Some((attempt, job));
        }
        let until = logical.call.rests()?;
        logical.turns += 1;
        Some(until)
    }

    fn abort_attempt(&mut self, now: Time, id: Id, attempt: AttemptId) {
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

    /// Does the call wait before its next attempt?
    #[inline]
    fn tell_of_backoff(&mut self, now: Time, id: Id) {
        let Some(journal) = self.tally.journal() else { return };
        let Some(logical) = self.flight.logicals.get(id) else { return };
        if let Some(until) = logical.call.backs_off() {
            journal.backs_off(now, &logical.about, until);
        }
    }

    fn wait(&mut self, now: Time, id: Id, until: Option<Time>) {
        let Some(logical) = self.flight.logical_mut(id) else { return };
        let Some(until) = until.filter(|&until| until < logical.wake) else { return };
        logical.wake = until;
        let edge = &self.plan.edges[logical.about.edge as usize];
        let timeout = edge.policy.timeout.filter(|&timeout| now + timeout == until);
        let rank = self.counter.next(class::TIMER);
        match (edge.ring, timeout) {
            (Some(ring), Some(_)) => self.rings[ring as usize].push(now, rank, id),
            (Some(_) | None, _) => self.queue.push(until, rank, Event::Wake(id)),
        }
    }

    /// The attempt has ended; the call goes on.
    pub(super) fn attempt_ended(&mut self, now: Time, id: Id, attempt: AttemptId, answer: Answer) {
        let Some(logical) = self.flight.logical_mut(id) else { return };
        if let Some(out) = logical.out.iter_mut().find(|out| out.is_some_and(|(known, _)| known == attempt)) {
            *out = None;
        }
        logical.degraded |= answer == Ok(Quality::Degraded);
        let end = AttemptEnd { result: answer.map(|_| ()), pushback: None };
        let step = with_call!(self, now, id, |logical, client, edge| {
            logical.call.attempt_ended(client, attempt, end, edge);
            logical.turns += 1;
            *edge.rng = logical.about.key.draw(POLICY + logical.turns);
            logical.call.step(client, edge)
        });
        self.hear();
        let Some(step) = step else { return };
        if let Some((about, answer)) = self.obey(now, id, step, false) {
            // nothing follows this, so that with nothing before it its turn is now
            if self.todo.is_empty() {
                return self.call_ended(now, &about, answer);
            }
            self.push_ended(about, answer);
        }
    }

    fn run_tier(&mut self, now: Time, id: Id, tier: usize) {
        let Some(logical) = self.flight.logical(id) else { return };
        let (about, deadline) = (logical.about, logical.deadline);
        if let Some(journal) = self.tally.journal() {
            journal.tier_began(now, &about, tier as u32 - 1);
        }
        // tier 0 is the real answer
        let plan = &self.plan.edges[about.edge as usize].tiers[tier - 1];
        let draws = about.key.child(TIER_CALL + tier as u32);
        let hit = plan.hit >= 1.0 || draws.draw(TIER).random::<f64>() < plan.hit;
        if let Some(edge) = plan.edge.filter(|_| hit) {
            let about = About { owner: Owner::Tier(id), edge, turn: 0, key: draws, ..about };
            self.start_call(now, about, deadline);
        } else {
            let takes = plan.takes.sample(&mut draws.draw(PICK));
            self.schedule_done(now + takes, Event::Tier { call: id, hit });
        }
    }

    /// A tier has answered, or failed.
    pub(super) fn tier_over(&mut self, now: Time, id: Id, ok: bool) {
        if let (Some(journal), Some(logical)) = (self.tally.journal(), self.flight.logicals.get(id)) {
            journal.tier_over(now, &logical.about, ok);
        }
        with_call!(self, now, id, |logical, client, edge| logical.call.tier_ended(client, ok, edge));
        self.hear();
        self.step(now, id);
    }

    #[inline]
    fn finish_call(&mut self, now: Time, id: Id, result: CallResult) -> Option<(About, Answer)> {
        let logical = self.flight.logical(id)?;
        let about = logical.about;
        let degraded = result.tier > 0 || logical.degraded;
        self.flight.logicals.leave(id);
        let quality = if degraded { Quality::Degraded } else { Quality::Full };
        if result.result.is_ok() && result.tier == 0 {
            self.tally.fresh(now, about.client);
        }
        if result.tier > 0 && result.result.is_ok() {
            self.tally.fell(about.edge, result.tier - 1);
        }
        Some((about, result.result.map(|()| quality)))
    }

    /// A call has ended: whoever waits for it goes on.
    pub(super) fn call_ended(&mut self, now: Time, about: &About, answer: Answer) {
        self.tally.call_over(now, about, answer);
        match about.owner {
            Owner::Request(request) => self.request_ended(now, request, answer),
            Owner::Job(job) => self.own_call_ended(now, job, about, answer),
            Owner::Tier(call) => self.tier_over(now, call, answer.is_ok()),
        }
    }

    /// Nobody waits for this call any more.
    pub(super) fn cancel_call(&mut self, now: Time, id: Id) {
        let cancelled = with_call!(self, now, id, |logical, client, edge| logical.call.cancel(client, edge));
        self.hear();
        if cancelled.is_none() {
            return;
        }
        loop {
            let step = with_call!(self, now, id, |logical, client, edge| logical.call.step(client, edge));
            self.hear();
            match step {
                Some(Step::Abort(attempt)) => self.abort_attempt(now, id, attempt),
                Some(Step::Finish(_) | Step::Send { .. } | Step::RunTier(_) | Step::Wait(_)) | None => break,
            }
        }
        let Some(about) = self.flight.logicals.get(id).map(|logical| logical.about) else { return };
        if let Some(journal) = self.tally.journal() {
            journal.cancelled(now, &about);
        }
        self.flight.logicals.leave(id);
        let tiers = &self.plan.edges[about.edge as usize].tiers;
        if tiers.iter().any(|tier| tier.edge.is_some()) {
            self.cancel_owned(now, Owner::Tier(id));
        }
    }
}
