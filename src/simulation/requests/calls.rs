//! Calls: from a user or a node to a service, under the policies of the caller.
//!
//! With policies a call is a [`Call`] of the resilience library, stepped whenever something happens to it; without it is
//! a single attempt. Both end in [`Requests::call_ended`], which tells whoever waits.

use rand::RngExt;

use super::event::{Event, Todo, class};
use super::plan::EdgePlan;
use super::state::{About, Answer, EndedCall, Id, Logical, Origin, Owner, Quality};
use super::tally::Tally;
use super::{Caller, Requests};
use crate::resilience::ErrorClass;
use crate::resilience::balancing::Balancer;
use crate::resilience::bulkhead;
use crate::resilience::deadline::Deadline;
use crate::resilience::pipeline::{
    AttemptEnd, AttemptId, CallResult, Client, Edge, Gate, Observer, Request, Step, Waiter,
};
use crate::time::Time;

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
    tally: &'t mut Tally,
    edge: u32,
    client: u32,
}

impl Observer for Ear<'_> {
    fn queue(&mut self, event: bulkhead::Event<Waiter>) {
        self.heard.push(event);
    }

    fn breaker(&mut self, target: u32, change: crate::resilience::circuit_breaker::Change) {
        self.tally.breakers(self.edge, self.client).changed(target, change);
    }

    fn ejection(&mut self, event: crate::resilience::outlier_ejection::EjectionEvent) {
        self.tally.breakers(self.edge, self.client).ejected(event);
    }

    fn refused(&mut self, now: Time, waiter: Waiter, class: ErrorClass, gate: Option<Gate>) {
        if let Some(journal) = self.tally.journal() {
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
                        let mut ear = Ear { heard: &mut $self.heard, tally: &mut $self.tally, edge, client };
                        let $edge = &mut Edge { now: $now, rng: &mut rng, observer: &mut ear };
                        Some($with)
                    }
                }
            }
        }
    }};
}

impl EdgePlan {
    /// Is the call made at all?
    #[inline]
    pub(super) fn is_made(&self, about: &About) -> bool {
        self.always || self.is_made_by(about)
    }

    #[inline(never)]
    fn is_made_by(&self, about: &About) -> bool {
        self.classes[about.class as usize] && (self.share >= 1.0 || about.key.draw(SHARE).random::<f64>() < self.share)
    }
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

    /// A call begins over its edge; its end comes by [`Todo::Ended`].
    pub(super) fn start_call(&mut self, now: Time, edge: &EdgePlan, about: &About, deadline: Time) {
        let pool = self.route(now, about);
        self.tally.called(about.edge, edge.plain);
        if let Some(journal) = self.tally.journal() {
            journal.called(now, about);
        }
        let reached = pool.is_some();
        let Some(pool) = pool.or((!edge.plain && !edge.pools.is_empty()).then_some(0)) else {
            if !edge.plain {
                self.tally.attempted(about.edge);
            }
            return self.reach_nobody(now, *about);
        };
        let client = edge.client(about.slot, pool);
        if edge.plain {
            self.start_plain(now, (about, client), edge.pools[pool], deadline);
        } else {
            self.start_full(now, edge, (about, client), (pool, reached), deadline);
        }
    }

    /// There is nobody to send the only attempt of the call to.
    fn reach_nobody(&mut self, now: Time, about: About) {
        if let Some(journal) = self.tally.journal() {
            journal.nobody(now, &about);
        }
        self.push_ended(about, Err(ErrorClass::Connect));
    }

    fn start_plain(&mut self, now: Time, (about, client): (&About, u32), pool: u32, deadline: Time) {
        let Caller::Plain(balancer) = &mut self.callers[client as usize] else { return };
        let pool = self.routes.pool(pool);
        let sticky = about.slot.into();
        let picked = balancer.pick(now, &pool.members, &[], sticky, &mut about.key.draw(PICK));
        let Some(target) = picked.filter(|_| !pool.is_dead()) else {
            return self.reach_nobody(now, About { client, ..*about });
        };
        balancer.sent(target);
        self.send(now, pool.first_node + target, About { client, ..*about }, Origin::Plain, deadline);
    }

    fn start_full(
        &mut self,
        now: Time,
        plan: &EdgePlan,
        (about, number): (&About, u32),
        (pool, reached): (usize, bool),
        deadline: Time,
    ) {
        let Caller::Full(client) = &mut self.callers[number as usize] else { return };
        let serial = self.flight.serial();
        let class = &self.plan.classes[about.class as usize];
        let (id, logical) = self.flight.logicals.take(serial, Logical::vacant);
        let request = Request {
            id: id.number(),
            idempotent: class.idempotent,
            retried_above: false,
            deadline: if deadline == Time::NEVER { Deadline::NONE } else { Deadline::at(deadline) },
            key: about.slot.into(),
            cached_age: self.tally.age(now, number),
        };
        logical.about = About { client: number, ..*about };
        (logical.pool, logical.turns) = (pool as u32, 1);
        (logical.wake, logical.deadline) = (Time::NEVER, deadline);
        logical.out.iter_mut().for_each(|out| *out = None);
        logical.degraded = false;
        if let Some(journal) = self.tally.journal() {
            journal.under_policies(&logical.about, id);
        }
        let mut ear = Ear { heard: &mut self.heard, tally: &mut self.tally, edge: about.edge, client: number };
        let edge = &mut Edge { now, rng: &mut about.key.draw(POLICY), observer: &mut ear };
        logical.call.restart(client, request, edge);
        *edge.rng = about.key.draw(POLICY + 1);
        let step = logical.call.step(client, edge);
        self.hear();
        let step = match step {
            Step::Send { attempt, target, timeout, .. } => {
                let about = About { key: about.key.child(attempt.0), client: number, ..*about };
                let to = (plan.pools[pool], target);
                let deadline = timeout.map_or(deadline, |timeout| deadline.min(now + timeout));
                if let Some(until) = self.send_attempt(now, id, (attempt, about), to, (deadline, reached)) {
                    return self.wait(now, plan, id, Some(until));
                }
                self.next_step(now, id)
            }
            Step::Abort(_) | Step::RunTier(_) | Step::Wait(_) | Step::Finish(_) => Some(step),
        };
        if let Some(step) = step
            && let Some(result) = self.obey(now, id, step, reached)
        {
            self.end_later(now, id, result);
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
        if let Some(result) = self.go_on(now, id) {
            self.end_later(now, id, result);
        }
    }

    /// The same; answers how it has ended, if it has.
    #[inline]
    fn go_on(&mut self, now: Time, id: Id) -> Option<CallResult> {
        let step = self.next_step(now, id);
        self.obey(now, id, step?, false)
    }

    /// What the call does next.
    #[inline(never)]
    fn next_step(&mut self, now: Time, id: Id) -> Option<Step> {
        let step = with_call!(self, now, id, |logical, client, edge| logical.call.step(client, edge));
        self.hear();
        step
    }

    /// Does what the call says, until it waits or ends. Is it known to be `routed`, at this very instant?
    #[inline(never)]
    fn obey(&mut self, now: Time, id: Id, mut step: Step, routed: bool) -> Option<CallResult> {
        let plan = self.plan;
        loop {
            match step {
                Step::Send { attempt, target, timeout, .. } => {
                    let logical = self.flight.logical(id)?;
                    let about = About { key: logical.about.key.child(attempt.0), ..logical.about };
                    let edge = &plan.edges[about.edge as usize];
                    let to = (edge.pools[logical.pool as usize], target);
                    let deadline = timeout.map_or(logical.deadline, |timeout| logical.deadline.min(now + timeout));
                    if let Some(until) = self.send_attempt(now, id, (attempt, about), to, (deadline, routed)) {
                        self.wait(now, edge, id, Some(until));
                        return None;
                    }
                }
                Step::Abort(attempt) => self.abort_attempt(now, id, attempt),
                Step::RunTier(tier) => self.run_tier(now, id, tier),
                Step::Wait(until) => {
                    self.tell_of_backoff(now, id);
                    let edge = self.flight.logical(id)?.about.edge;
                    self.wait(now, &plan.edges[edge as usize], id, until);
                    return None;
                }
                Step::Finish(result) => return Some(result),
            }
            step = self.next_step(now, id)?;
        }
    }

    #[inline]
    fn hear(&mut self) {
        if self.heard.is_empty() {
            return;
        }
        for event in self.heard.drain(..) {
            self.decided.push_back(event);
            self.todo.push(Todo::Queue);
        }
    }

    /// A bulkhead has decided about a waiter.
    pub(super) fn pass_on(&mut self, now: Time, event: bulkhead::Event<Waiter>) {
        let waiter = match event {
            bulkhead::Event::Admitted(waiter) | bulkhead::Event::TimedOut { waiter, .. } => waiter,
        };
        let id = Id::of_number(waiter.call);
        let known = with_call!(self, now, id, |logical, client, edge| logical.call.queue_event(client, event, edge));
        self.hear();
        if known.is_some() {
            self.step(now, id);
        }
    }

    /// An attempt goes out; answers until when the call waits then (perhaps for ever), if that is all it does.
    #[inline(always)]
    fn send_attempt(
        &mut self,
        now: Time,
        id: Id,
        (attempt, about): (AttemptId, About),
        (pool, target): (u32, u32),
        (deadline, routed): (Time, bool),
    ) -> Option<Time> {
        self.tally.attempted(about.edge);
        if attempt.0 > 0 {
            self.count_again(id);
        }
        let pool = self.routes.pool(pool);
        if pool.is_dead() || (!routed && self.is_cut_off(now, id)) {
            self.fail_unsent(now, id, attempt);
            return None;
        }
        let job = self.send(now, pool.first_node + target, about, Origin::Attempt(id, attempt), deadline);
        let logical = self.flight.logical_mut(id)?;
        if let Some(place) = logical.out.iter_mut().find(|place| place.is_none()) {
            *place = Some((attempt, job));
        }
        let until = logical.call.rests()?;
        logical.turns += 1;
        Some(until)
    }

    /// Is there no pool now to which a new call like this one would go?
    #[inline(never)]
    fn is_cut_off(&self, now: Time, id: Id) -> bool {
        self.flight.logical(id).is_none_or(|logical| self.route(now, &logical.about).is_none())
    }

    /// The attempt that goes out now is not the first of its call.
    #[inline(never)]
    fn count_again(&mut self, id: Id) {
        let Some(logical) = self.flight.logical(id) else { return };
        let edge = logical.about.edge;
        if logical.out.iter().any(Option::is_some) {
            self.tally.hedged(edge);
        } else {
            self.tally.retried(edge);
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

    #[inline(always)]
    fn wait(&mut self, now: Time, edge: &EdgePlan, id: Id, until: Option<Time>) {
        let Some(logical) = self.flight.logical_mut(id) else { return };
        let Some(until) = until.filter(|&until| until < logical.wake) else { return };
        logical.wake = until;
        let timeout = edge.policy.timeout.filter(|&timeout| now + timeout == until);
        let rank = self.counter.next(class::TIMER);
        match (edge.ring, timeout) {
            (Some(ring), Some(_)) => self.rings.push(ring, now, rank, id),
            (Some(_) | None, _) => self.queue.push(until, rank, Event::Wake(id)),
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
            self.start_call(now, &self.plan.edges[edge as usize], &about, deadline);
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

    /// The call under policies has ended; who waits for it hears of it when what came up before is done.
    #[inline(never)]
    fn end_later(&mut self, now: Time, id: Id, result: CallResult) {
        let Some(logical) = self.flight.logicals.get(id) else { return };
        let answer = self.tally.finished(now, logical, result);
        let about = logical.about;
        self.flight.logicals.leave(id);
        self.push_ended(about, answer);
    }

    /// The same, at once.
    fn end_now(&mut self, now: Time, id: Id, result: CallResult) {
        let Some(logical) = self.flight.logicals.get(id) else { return };
        let answer = self.tally.finished(now, logical, result);
        let about = logical.about;
        self.flight.logicals.leave(id);
        self.call_ended(now, &about, answer);
    }

    /// A call has ended: whoever waits for it goes on.
    #[inline(never)]
    pub(super) fn call_ended(&mut self, now: Time, about: &About, answer: Answer) {
        self.tally.call_over(now, about, answer);
        self.tell(now, about.owner, about.call(), answer);
    }

    /// The owner of a call hears how it has ended.
    #[inline(always)]
    pub(super) fn tell(&mut self, now: Time, owner: Owner, call: EndedCall, answer: Answer) {
        match owner {
            Owner::Request(request) => self.request_ended(now, request, answer),
            Owner::Job(job) => self.own_call_ended(now, job, call, answer),
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
        while let Some(Step::Abort(attempt)) = self.next_step(now, id) {
            self.abort_attempt(now, id, attempt);
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
