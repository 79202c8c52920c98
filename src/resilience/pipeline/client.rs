//! What all calls of one caller to one callee share: the policies and what is known of the targets.

#![expect(clippy::inline_always, reason = "as in call.rs")]

use rand::Rng;

use super::evidence::Evidence;
use super::{BreakerScope, Gate, PipelineConfig, PipelineError};
use crate::resilience::adaptive_throttle::{AdaptiveThrottle, ThrottleDecision};
use crate::resilience::balancing::Balancer;
use crate::resilience::bulkhead::{Admission, Ask, Bulkhead, Event, Ticket};
use crate::resilience::circuit_breaker::{Change, CircuitBreaker, Order, Permit};
use crate::resilience::deadline::{AttemptShare, Deadline};
use crate::resilience::fallback::{Fallback, FallbackTransition, Trigger};
use crate::resilience::hedge::{HedgeBudget, HedgeConfig, HedgeDelay};
use crate::resilience::outlier_ejection::{EjectionEvent, HostState, OutlierEjection, Panic, PanicTransition, Spread};
use crate::resilience::rate_limiter::Gcra;
use crate::resilience::retry::{Retry, RetryConfig};
use crate::resilience::retry_budget::RetryBudget;
use crate::resilience::{ErrorClass, Outcome};
use crate::time::{Span, Time};

/// Who waits in the bulkhead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waiter {
    /// [`Request::id`](super::Request::id) of the call.
    pub call: u64,
    /// Number of its attempt.
    pub attempt: u32,
}

/// What a host hears on the way. Only [`queue`](Self::queue) must be acted upon.
pub trait Observer {
    /// The fate of a waiting attempt, of this call or of another: give it to that call's
    /// [`queue_event`](super::Call::queue_event) after this operation, even if that call has finished meanwhile.
    fn queue(&mut self, event: Event<Waiter>);
    /// The breaker of this target (0 if one watches all) has changed.
    fn breaker(&mut self, _target: u32, _change: Change) {}
    /// A target was ejected or has come back.
    fn ejection(&mut self, _event: EjectionEvent) {}
    /// Panic has begun or ended.
    fn panic(&mut self, _change: PanicTransition) {}
    /// An attempt, perhaps a hedge, was stopped before it was sent, by a gate or because there was no target or no time.
    fn refused(&mut self, _now: Time, _waiter: Waiter, _hedge: bool, _class: ErrorClass, _gate: Option<Gate>) {}
    /// Calls begin at another tier.
    fn fallback(&mut self, _change: FallbackTransition) {}
}

/// The world at one operation: the time, chance, and who listens.
#[derive(Debug)]
pub struct Edge<'a, R, O> {
    /// The time.
    pub now: Time,
    /// Draws.
    pub rng: &'a mut R,
    /// The listener.
    pub observer: &'a mut O,
}

/// What an attempt holds of the shared policies.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Held {
    permit: Option<Permit>,
    slot: bool,
    cell: bool,
}

/// The answer of a gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Passage {
    Open,
    WaitUntil(Time),
    Queued { ticket: Ticket, until: Time },
    Refused(Trigger),
}

/// The shared state of a pipeline.
#[derive(Clone, Debug)]
pub struct Client {
    /// Is no other policy on than timeout, retry, its budget and balancing?
    bare: bool,
    /// Those that are on, in their order.
    pub(super) gates: Vec<Gate>,
    pub(super) deadline: Option<Span>,
    pub(super) attempt_timeout: Option<Span>,
    pub(super) share: AttemptShare,
    pub(super) retry: Retry,
    pub(super) budget: RetryBudget,
    pub(super) hedge: Option<HedgeConfig>,
    pub(super) hedge_budget: HedgeBudget,
    pub(super) hedge_delay: Option<HedgeDelay>,
    pub(super) fallback: Option<Fallback>,
    throttle: Option<AdaptiveThrottle>,
    pub(super) breakers: Vec<CircuitBreaker>,
    limiter: Option<(Gcra, Span)>,
    bulkhead: Option<(Bulkhead<Waiter>, Span)>,
    balancer: Balancer,
    ejection: Option<OutlierEjection>,
    panic: Panic,
    healthy: Vec<bool>,
    /// Targets that were taken out of service: nobody is sent there, in panic neither.
    retired: Vec<bool>,
    /// The eligible targets come first; as long as there are targets, so that a clone need not grow.
    targets: Vec<u32>,
    eligible: usize,
}

impl Client {
    /// A client at rest at `now`, with all targets healthy.
    ///
    /// # Errors
    /// Names the first field of `config` out of its range.
    pub fn new(config: PipelineConfig, now: Time) -> Result<Self, PipelineError> {
        config.check()?;
        let single = RetryConfig { max_attempts: 1, ..RetryConfig::default() };
        let targets = config.targets as usize;
        let breakers = match (config.breaker, config.breaker_scope) {
            (None, _) => Vec::new(),
            (Some(breaker), BreakerScope::Pool) => vec![CircuitBreaker::new(breaker)?],
            (Some(breaker), BreakerScope::Target) => vec![CircuitBreaker::new(breaker)?; targets],
        };
        if let Some(hedge) = config.hedge {
            hedge.check()?;
        }
        let fallback = (!config.tiers.is_empty()).then(|| Fallback::new(config.dependency, &config.tiers));
        let limiter = config.rate_limit.map(|limit| Gcra::new(limit.rate).map(|gcra| (gcra, limit.wait)));
        let bulkhead = match config.bulkhead {
            Some(bulkhead) => Some((Bulkhead::new(bulkhead)?, bulkhead.queue_timeout)),
            None => None,
        };
        let gates: Vec<Gate> = config.gates.into_iter().filter(|gate| config.has(*gate)).collect();
        let others = config.hedge.is_some() || config.ejection.is_some() || fallback.is_some();
        let mut balancer = Balancer::new(config.balance, targets)?;
        balancer.start_at(config.turn);
        Ok(Client {
            bare: gates.is_empty() && config.deadline.is_none() && !others,
            gates,
            deadline: config.deadline,
            attempt_timeout: config.attempt_timeout,
            share: config.share.check()?,
            retry: Retry::new(config.retry.unwrap_or(single))?,
            budget: config.budget,
            hedge: config.hedge,
            hedge_budget: HedgeBudget::new(config.hedge.map_or(0, |hedge| hedge.budget))?,
            hedge_delay: config.hedge.map(|hedge| HedgeDelay::new(hedge.after)).transpose()?,
            fallback: fallback.transpose()?,
            throttle: config.throttle.map(AdaptiveThrottle::new).transpose()?,
            breakers,
            limiter: limiter.transpose()?,
            bulkhead,
            balancer,
            ejection: config.ejection.map(|ejection| OutlierEjection::new(ejection, targets, now)).transpose()?,
            panic: Panic::new(config.panic, config.panic_action)?,
            healthy: vec![true; targets],
            retired: vec![false; targets],
            targets: (0..config.targets).collect(),
            eligible: targets,
        })
    }

    /// As [`PipelineConfig::turn`], for a client that was cloned from another.
    pub const fn start_at(&mut self, turn: u32) {
        self.balancer.start_at(turn);
    }

    /// The breaker of a target (or of all), if there are breakers.
    pub fn breaker(&mut self, target: u32) -> Option<&mut CircuitBreaker> {
        let index = if self.breakers.len() == 1 { 0 } else { target as usize };
        self.breakers.get_mut(index)
    }

    /// Puts every breaker into a state by order.
    pub fn order_breakers(&mut self, now: Time, order: Order, observer: &mut impl Observer) {
        for (target, breaker) in (0_u32..).zip(&mut self.breakers) {
            breaker.force(now, order);
            report(target, breaker, observer);
        }
    }

    /// A slot that was handed to a call which is over, or has gone to another client, goes to the next.
    pub fn take_back_slot(&mut self, now: Time, observer: &mut impl Observer) {
        if let Some((bulkhead, _)) = &mut self.bulkhead {
            bulkhead.release(now, &mut |event| observer.queue(event));
        }
    }

    /// The bulkhead, if there is one.
    pub fn bulkhead(&self) -> Option<&Bulkhead<Waiter>> {
        self.bulkhead.as_ref().map(|(bulkhead, _)| bulkhead)
    }

    /// The targets that may be sent to now.
    pub fn eligible(&self) -> &[u32] {
        &self.targets[..self.eligible]
    }

    /// What a health check believes of a target.
    pub fn set_health(&mut self, now: Time, target: u32, healthy: bool, observer: &mut impl Observer) {
        if let Some(entry) = self.healthy.get_mut(target as usize) {
            *entry = healthy;
            self.refresh(now, observer);
        }
    }

    /// The target leaves service or comes back; one that has left is no failure and does not count for panic.
    pub fn set_retired(&mut self, now: Time, target: u32, retired: bool, observer: &mut impl Observer) {
        if let Some(entry) = self.retired.get_mut(target as usize) {
            *entry = retired;
            self.refresh(now, observer);
        }
    }

    /// What is due by itself: sweeps, waiters out of time, breakers, tiers.
    pub fn poll<R: Rng, O: Observer>(&mut self, edge: &mut Edge<'_, R, O>) {
        self.tick(edge);
        for (target, breaker) in (0_u32..).zip(&mut self.breakers) {
            breaker.poll(edge.now);
            report(target, breaker, edge.observer);
        }
        if let Some(change) = self.fallback.as_mut().and_then(|fallback| fallback.poll(edge.now)) {
            edge.observer.fallback(change);
        }
    }

    /// The part of [`poll`](Self::poll) that a step needs and that does not cost a walk over the breakers, which look at
    /// the time themselves when they are asked.
    #[inline(always)]
    pub(super) fn tick<R: Rng, O: Observer>(&mut self, edge: &mut Edge<'_, R, O>) {
        if let Some(ejection) = &mut self.ejection
            && ejection.next_wake().is_some_and(|at| at <= edge.now)
        {
            ejection.sweep(edge.now, edge.rng, |event| edge.observer.ejection(event));
            self.refresh(edge.now, edge.observer);
        }
        if let Some((bulkhead, _)) = &mut self.bulkhead {
            bulkhead.poll(edge.now, &mut |event| edge.observer.queue(event));
        }
    }

    /// Does [`tick`](Self::tick) ever do anything?
    #[inline]
    pub(super) const fn ticks(&self) -> bool {
        self.ejection.is_some() || self.bulkhead.is_some()
    }

    /// Does nothing stand between a call and its attempts but its timeout, the retries and their budget?
    #[inline]
    pub(super) const fn is_bare(&self) -> bool {
        self.bare
    }

    /// When something is due by itself.
    pub fn next_wake(&self) -> Option<Time> {
        let ejection = self.ejection.as_ref().and_then(OutlierEjection::next_wake);
        let bulkhead = self.bulkhead.as_ref().and_then(|(bulkhead, _)| bulkhead.next_wake());
        let fallback = self.fallback.as_ref().and_then(Fallback::next_wake);
        let breakers = self.breakers.iter().filter_map(CircuitBreaker::next_wake);
        [ejection, bulkhead, fallback].into_iter().flatten().chain(breakers).min()
    }

    /// Chooses a target; none if nobody may be sent to.
    #[inline]
    pub(super) fn pick<R: Rng>(&mut self, now: Time, avoid: &[u32], key: u64, rng: &mut R) -> Option<u32> {
        self.balancer.pick(now, &self.targets[..self.eligible], avoid, key, rng)
    }

    /// Asks one gate for an attempt at `target`; what it grants is noted in `held`.
    pub(super) fn ask<R: Rng, O: Observer>(
        &mut self,
        gate: Gate,
        (target, waiter, deadline): (u32, Waiter, Deadline),
        held: &mut Held,
        edge: &mut Edge<'_, R, O>,
    ) -> Passage {
        let now = edge.now;
        match gate {
            Gate::Throttle => {
                let Some(throttle) = &mut self.throttle else { return Passage::Open };
                match throttle.attempt(now, edge.rng.next_u64()) {
                    ThrottleDecision::Proceed => Passage::Open,
                    ThrottleDecision::Reject => Passage::Refused(Trigger::Shed),
                }
            }
            Gate::Breaker => {
                let Some(breaker) = self.breaker(target) else { return Passage::Open };
                let answer = breaker.acquire(now);
                report(target, breaker, edge.observer);
                held.permit = answer.ok();
                if held.permit.is_some() { Passage::Open } else { Passage::Refused(Trigger::BreakerOpen) }
            }
            Gate::RateLimit => {
                let Some((limiter, wait)) = &mut self.limiter else { return Passage::Open };
                match limiter.reserve(now, 1, (*wait).min(deadline.remaining(now))) {
                    Ok(wait) => {
                        held.cell = true;
                        if wait.is_zero() { Passage::Open } else { Passage::WaitUntil(now + wait) }
                    }
                    Err(_) => Passage::Refused(Trigger::Shed),
                }
            }
            Gate::Bulkhead => {
                let Some((bulkhead, timeout)) = &mut self.bulkhead else { return Passage::Open };
                let timeout = (*timeout).min(deadline.remaining(now));
                let on = &mut |event| edge.observer.queue(event);
                match bulkhead.acquire_as(now, waiter, Ask { timeout, class: 0 }, on) {
                    Admission::Admitted => {
                        held.slot = true;
                        Passage::Open
                    }
                    Admission::Queued(ticket) => Passage::Queued { ticket, until: now + timeout },
                    Admission::Full => Passage::Refused(Trigger::Shed),
                }
            }
        }
    }

    /// A waiting attempt got its slot.
    pub(super) fn admitted(held: &mut Held) {
        held.slot = true;
    }

    /// Takes a waiter out of the bulkhead.
    pub(super) fn leave_queue<R, O: Observer>(&mut self, ticket: Ticket, edge: &mut Edge<'_, R, O>) {
        if let Some((bulkhead, _)) = &mut self.bulkhead {
            bulkhead.cancel(edge.now, ticket, &mut |event| edge.observer.queue(event));
        }
    }

    /// Gives a slot back that was handed to an attempt which no longer wants it.
    pub(super) fn return_slot<R, O: Observer>(&mut self, edge: &mut Edge<'_, R, O>) {
        self.take_back_slot(edge.now, edge.observer);
    }

    /// An attempt that was never sent gives back what it holds.
    pub(super) fn unsent<R, O: Observer>(&mut self, target: u32, held: Held, edge: &mut Edge<'_, R, O>) {
        if let (true, Some((limiter, _))) = (held.cell, &mut self.limiter) {
            limiter.give_back(1);
        }
        if held.slot {
            self.return_slot(edge);
        }
        if let (Some(permit), Some(breaker)) = (held.permit, self.breaker(target)) {
            breaker.release(edge.now, permit);
            report(target, breaker, edge.observer);
        }
    }

    /// An attempt goes out.
    #[inline]
    pub(super) fn sent(&mut self, target: u32) {
        self.balancer.sent(target);
    }

    /// An attempt of a bare client has been answered well after `latency`.
    #[inline(always)]
    pub(super) fn answered(&mut self, now: Time, target: u32, latency: Span) {
        self.balancer.ended(now, target, Some(latency));
    }

    /// An attempt that was sent has ended after `latency`, well or with an error of `class`.
    #[inline(always)]
    pub(super) fn ended<R: Rng, O: Observer>(
        &mut self,
        target: u32,
        held: Held,
        (class, latency): (Option<ErrorClass>, Span),
        edge: &mut Edge<'_, R, O>,
    ) {
        let now = edge.now;
        let answer = Evidence::of(class);
        self.balancer.ended(now, target, Evidence::latency(class, latency));
        if self.bare {
            return;
        }
        let outcome = class.map_or(Outcome::Success, ErrorClass::outcome);
        if held.slot {
            self.return_slot(edge);
        }
        if let (Some(permit), Some(breaker)) = (held.permit, self.breaker(target)) {
            breaker.record(now, permit, outcome, latency);
            report(target, breaker, edge.observer);
        }
        if let (Evidence::Accepted, Some(throttle)) = (answer, &mut self.throttle) {
            throttle.accepted(now);
        }
        match (answer, &mut self.hedge_delay) {
            (Evidence::Accepted, Some(delay)) => delay.answered(latency),
            (Evidence::Late, Some(delay)) => delay.cancelled(latency),
            (Evidence::Refused, Some(_)) | (_, None) => {}
        }
        if let Some(ejection) = &mut self.ejection
            && let Some(event) = ejection.record(now, target as usize, outcome, edge.rng)
        {
            edge.observer.ejection(event);
            self.refresh(now, edge.observer);
        }
    }

    /// Lists the eligible targets anew.
    fn refresh(&mut self, now: Time, observer: &mut impl Observer) {
        let ejection = &self.ejection;
        let present =
            |target: usize| ejection.as_ref().is_none_or(|ejection| ejection.state(target) == HostState::Present);
        let retired = &self.retired;
        let fit = |target: usize, healthy: bool| healthy && !retired[target] && present(target);
        let total = retired.iter().filter(|&&retired| !retired).count();
        let count = self.healthy.iter().enumerate().filter(|&(target, &healthy)| fit(target, healthy)).count();
        if let Some(change) = self.panic.update(now, count as u32, total as u32) {
            observer.panic(change);
        }
        let spread = self.panic.spread();
        let wanted = |target: usize, healthy: bool| match spread {
            Spread::Healthy => fit(target, healthy),
            Spread::All => !retired[target],
            Spread::Nowhere => false,
        };
        self.eligible = 0;
        for (target, &healthy) in self.healthy.iter().enumerate() {
            if wanted(target, healthy) {
                self.targets[self.eligible] = target as u32;
                self.eligible += 1;
            }
        }
    }
}

/// Passes on what a breaker has gone through.
fn report(target: u32, breaker: &mut CircuitBreaker, observer: &mut impl Observer) {
    while let Some(change) = breaker.take_change() {
        observer.breaker(target, change);
    }
}
