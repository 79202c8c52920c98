//! Calls: from a user or a node to a service, under the policies of the caller.
//!
//! With policies a call is a [`Call`] of the resilience library, stepped whenever something happens to it; without it is
//! a single attempt. Both end in [`Requests::call_ended`], which tells whoever waits.

use rand::RngExt;

use super::event::{Event, Todo, class};
use super::moves::Gone;
use super::plan::EdgePlan;
use super::state::{About, Answer, EndedCall, Id, Logical, Origin, Owner};
use super::tally::Tally;
use super::{Caller, Decided, Requests};
use crate::resilience::ErrorClass;
use crate::resilience::balancing::Balancer;
use crate::resilience::bulkhead;
use crate::resilience::deadline::{AttemptShare, Deadline};
use crate::resilience::pipeline::{CallResult, Client, Edge, Gate, Observer, Request, Step, Waiter};
use crate::time::Time;

/// Numbers of the draws of a call; those of its policies come after them.
const SHARE: u32 = 0;
const PICK: u32 = 1;
const TIER: u32 = 2;
pub(super) const POLICY: u32 = 1 << 16;

/// Children of the key of a call: its attempts, the call of its tier.
const TIER_CALL: u32 = 1 << 20;

/// Hears what policies say on the way.
pub(super) struct Ear<'t> {
    pub(super) heard: &'t mut Vec<Decided>,
    pub(super) tally: &'t mut Tally,
    pub(super) edge: u32,
    pub(super) client: u32,
}

impl Observer for Ear<'_> {
    fn queue(&mut self, event: bulkhead::Event<Waiter>) {
        self.heard.push((self.client, event));
    }

    fn breaker(&mut self, target: u32, change: crate::resilience::circuit_breaker::Change) {
        self.tally.breakers(self.edge, self.client).changed(target, change);
    }

    fn ejection(&mut self, event: crate::resilience::outlier_ejection::EjectionEvent) {
        self.tally.breakers(self.edge, self.client).ejected(event);
    }

    fn refused(&mut self, now: Time, waiter: Waiter, hedge: bool, class: ErrorClass, gate: Option<Gate>) {
        if gate.is_some() {
            self.tally.rejected(self.edge);
        }
        if let Some(journal) = self.tally.journal() {
            journal.refused(now, (waiter, hedge), class, gate);
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

pub(super) use with_call;

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
    /// All policies as new. Each caller takes its turns from another node on, so that many who ask seldom do not all ask
    /// the first.
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
            for slot in 0..edge.slots {
                self.callers.extend(template.iter().cloned().map(|caller| caller.starting_at(slot)));
            }
        }
    }

    /// A call begins over its edge; its end comes by [`Todo::Ended`].
    #[inline(never)]
    pub(super) fn start_other_call(&mut self, now: Time, edge: &EdgePlan, about: About, deadline: Time) {
        self.start_call(now, edge, about, deadline);
    }

    /// The same, where most calls begin.
    #[inline(always)]
    pub(super) fn start_call(&mut self, now: Time, edge: &EdgePlan, mut about: About, deadline: Time) {
        let pool = self.route_first(now, &about);
        self.tally.called(about.edge, edge.plain);
        if let Some(journal) = self.tally.journal() {
            journal.called(now, &about);
        }
        let reached = pool.is_some();
        let Some(pool) = pool.or((!edge.plain && !edge.pools.is_empty()).then_some(0)) else {
            if !edge.plain {
                self.tally.attempted(about.edge);
            }
            return self.reach_nobody(now, about);
        };
        about.client = edge.client(about.slot, pool);
        if edge.plain {
            self.start_plain(now, &about, edge.pools[pool], deadline);
        } else {
            self.start_full(now, edge, &about, (pool, reached), deadline);
        }
    }

    /// There is nobody to send the only attempt of the call to.
    fn reach_nobody(&mut self, now: Time, about: About) {
        if let Some(journal) = self.tally.journal() {
            journal.nobody(now, &about);
        }
        self.push_ended(about, Err(ErrorClass::Connect));
    }

    #[inline(always)]
    fn start_plain(&mut self, now: Time, about: &About, pool: u32, deadline: Time) {
        let Caller::Plain(balancer) = &mut self.callers[about.client as usize] else { return };
        let pool = self.routes.pool(pool);
        let sticky = about.slot.into();
        let picked = balancer.pick(now, &pool.members, &[], sticky, &mut about.key.draw(PICK));
        let Some(target) = picked.filter(|_| !pool.is_dead()) else {
            return self.reach_nobody(now, *about);
        };
        if deadline == Time::NEVER {
            balancer.sent(target);
            self.send(now, pool.first_node + target, (about, about.key), Origin::Plain, deadline);
        } else {
            self.send_in_time(now, pool.first_node + target, about, deadline);
        }
    }

    /// The only attempt of a call without policies goes out under a deadline, of which it gets the share that any attempt
    /// gets.
    #[inline(never)]
    fn send_in_time(&mut self, now: Time, node: u32, about: &About, deadline: Time) {
        let Ok(attempt) = Deadline::at(deadline).attempt(now, AttemptShare::default(), None) else {
            return self.push_ended(*about, Err(ErrorClass::DeadlineExceeded));
        };
        let pool = &self.plan.pools[self.plan.nodes[node as usize].pool as usize];
        if let Caller::Plain(balancer) = &mut self.callers[about.client as usize] {
            balancer.sent(node - pool.first_node);
        }
        let until = now + attempt.timeout();
        let id = self.send(now, node, (about, about.key), Origin::Plain, until);
        self.schedule(until, class::TIMER, Event::Late(id));
    }

    #[inline(always)]
    fn start_full(
        &mut self,
        now: Time,
        plan: &EdgePlan,
        about: &About,
        (pool, reached): (usize, bool),
        deadline: Time,
    ) {
        let Caller::Full(client) = &mut self.callers[about.client as usize] else { return };
        let serial = self.flight.serial();
        let class = &self.plan.classes[about.class as usize];
        let (id, logical) = self.flight.logicals.take(serial, Logical::vacant);
        let request = Request {
            id: id.number(),
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
            journal.under_policies(&logical.about, id);
        }
        let mut ear = Ear { heard: &mut self.heard, tally: &mut self.tally, edge: about.edge, client: about.client };
        let edge = &mut Edge { now, rng: &mut about.key.draw(POLICY + 1), observer: &mut ear };
        let step = logical.call.begin(client, request, edge);
        self.hear();
        let step = match step {
            Step::Send { attempt, target, timeout, .. } => {
                let call = (about, pool as u32, deadline);
                if self.send_attempt(now, (id, plan, reached), (attempt, target, timeout), call) {
                    return;
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
    pub(super) fn go_on(&mut self, now: Time, id: Id) -> Option<CallResult> {
        let step = self.next_step(now, id);
        self.obey(now, id, step?, false)
    }

    /// What the call does next.
    #[inline(never)]
    fn next_step(&mut self, now: Time, id: Id) -> Option<Step> {
        self.follow_routing(now, id);
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
                    let (about, pool, deadline) = (logical.about, logical.pool, logical.deadline);
                    let edge = &plan.edges[about.edge as usize];
                    let call = (&about, pool, deadline);
                    if self.send_attempt(now, (id, edge, routed), (attempt, target, timeout), call) {
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
    pub(super) fn hear(&mut self) {
        if self.heard.is_empty() {
            return;
        }
        for decided in self.heard.drain(..) {
            self.decided.push_back(decided);
            self.todo.push(Todo::Queue);
        }
    }

    /// The bulkhead of a client has decided about a waiter; a slot that nobody waits for any more goes to the next.
    pub(super) fn pass_on(&mut self, now: Time, (of, event): Decided) {
        let (waiter, admitted) = match event {
            bulkhead::Event::Admitted(waiter) => (waiter, true),
            bulkhead::Event::TimedOut { waiter, .. } => (waiter, false),
        };
        let id = Id::of_number(waiter.call);
        if self.flight.logical(id).is_some_and(|logical| logical.about.client == of) {
            with_call!(self, now, id, |logical, client, edge| logical.call.queue_event(client, event, edge));
            self.hear();
            self.step(now, id);
        } else if let (true, Caller::Full(client)) = (admitted, &mut self.callers[of as usize]) {
            client.take_back_slot(now, &mut Gone { heard: &mut self.heard, client: of });
            self.hear();
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

    fn wait(&mut self, now: Time, edge: &EdgePlan, id: Id, until: Option<Time>) {
        let Some(logical) = self.flight.logical_mut(id) else { return };
        let Some(until) = until.filter(|&until| until < logical.wake) else { return };
        logical.wake = until;
        self.wake_at(now, edge, id, until);
    }

    /// The call is woken then, if it is still there.
    #[inline(always)]
    pub(super) fn wake_at(&mut self, now: Time, edge: &EdgePlan, id: Id, until: Time) {
        let timeout = edge.policy.timeout.filter(|&timeout| now + timeout == until);
        let rank = self.counter.next(class::TIMER);
        match (edge.ring, timeout) {
            (Some(ring), Some(_)) => self.rings.push(ring, now, rank, id),
            (Some(_) | None, _) => self.queue.push(until, rank, Event::Wake(id)),
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
            self.start_other_call(now, &self.plan.edges[edge as usize], about, deadline);
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
    pub(super) fn end_later(&mut self, now: Time, id: Id, result: CallResult) {
        let Some(logical) = self.flight.logicals.get(id) else { return };
        let answer = self.tally.finished(now, logical, result);
        let about = logical.about;
        self.flight.logicals.leave(id);
        self.push_ended(about, answer);
    }

    /// The same, at once.
    pub(super) fn end_now(&mut self, now: Time, id: Id, result: CallResult) {
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
