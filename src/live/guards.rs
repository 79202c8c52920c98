//! The policies that are guards: breaker, adaptive throttle, concurrency limit, load shedding.
//!
//! Each is a handle to one shared policy; make a layer of it with [`GuardLayer`](super::guard::GuardLayer). Shedding and
//! the concurrency limit belong before a server, breaker and throttle before a client.

use std::sync::Arc;

use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::Rng;

use super::guard::{GiveBack, Guard};
use super::refusal::{Refusal, RefusedBy};
use crate::resilience::adaptive_throttle::{AdaptiveThrottle, ThrottleDecision};
use crate::resilience::circuit_breaker::{CircuitBreaker, Permit};
use crate::resilience::concurrency_limit::{ConcurrencyLimit, LimitPermit};
use crate::resilience::load_shedding::{Criticality, LoadShedder, ShedDecision, Utilisation};
use crate::resilience::shared::Shared;
use crate::resilience::{ErrorClass, Outcome};
use crate::time::Time;

/// Random draws that layers share.
pub type Draws = Arc<Shared<Xoshiro256PlusPlus>>;

/// A shared circuit breaker.
#[derive(Clone, Debug)]
pub struct Breaker(pub Arc<Shared<CircuitBreaker>>);

impl<Request> Guard<Request> for Breaker {
    type Permit = Permit;

    #[inline]
    fn enter(&self, now: Time, _: &Request) -> Result<Permit, Refusal> {
        let answer = self.0.with(|breaker| breaker.acquire(now));
        answer.map_err(|rejected| Refusal::rejected(RefusedBy::Breaker, rejected.retry_after))
    }
}

impl GiveBack<Permit> for Breaker {
    #[inline]
    fn leave(&self, now: Time, started: Time, permit: Permit, end: Result<(), ErrorClass>) {
        self.0.with(|breaker| breaker.record(now, permit, Outcome::of(&end), now.since(started)));
    }
}

/// A shared adaptive throttle and its chance.
#[derive(Clone, Debug)]
pub struct Throttle {
    /// The policy.
    pub policy: Arc<Shared<AdaptiveThrottle>>,
    /// Its draws.
    pub draws: Draws,
}

/// Permission of a throttle; holds nothing.
#[derive(Clone, Copy, Debug)]
pub struct Throttled;

impl<Request> Guard<Request> for Throttle {
    type Permit = Throttled;

    fn enter(&self, now: Time, _: &Request) -> Result<Throttled, Refusal> {
        let draw = self.draws.with(Rng::next_u64);
        match self.policy.with(|throttle| throttle.attempt(now, draw)) {
            ThrottleDecision::Proceed => Ok(Throttled),
            ThrottleDecision::Reject => Err(Refusal::rejected(RefusedBy::Throttle, None)),
        }
    }
}

impl GiveBack<Throttled> for Throttle {
    /// What the callee answered, well or not, it has accepted; what it refused as too much, or never answered, not.
    fn leave(&self, now: Time, _: Time, _: Throttled, end: Result<(), ErrorClass>) {
        if matches!(end, Ok(()) | Err(ErrorClass::Error | ErrorClass::Client)) {
            self.policy.with(|throttle| throttle.accepted(now));
        }
    }
}

/// A shared concurrency limit and its chance.
#[derive(Clone, Debug)]
pub struct Limit {
    /// The policy.
    pub policy: Arc<Shared<ConcurrencyLimit>>,
    /// Its draws.
    pub draws: Draws,
}

impl<Request> Guard<Request> for Limit {
    type Permit = LimitPermit;

    fn enter(&self, now: Time, _: &Request) -> Result<LimitPermit, Refusal> {
        let permit = self.policy.with(|limit| limit.acquire(now));
        permit.ok_or(Refusal::rejected(RefusedBy::ConcurrencyLimit, None))
    }
}

impl GiveBack<LimitPermit> for Limit {
    fn leave(&self, now: Time, _: Time, permit: LimitPermit, end: Result<(), ErrorClass>) {
        let outcome = load(end);
        self.draws.with(|draws| self.policy.with(|limit| limit.release(now, permit, outcome, draws)));
    }
}

/// What an end tells a limit: only a sign of too much load is a drop; a wrong answer says nothing of it.
pub(super) fn load(end: Result<(), ErrorClass>) -> Outcome {
    match end {
        Ok(()) => Outcome::Success,
        Err(ErrorClass::Timeout | ErrorClass::Overload) => Outcome::Failure,
        Err(
            ErrorClass::Connect
            | ErrorClass::Error
            | ErrorClass::Client
            | ErrorClass::Cancelled
            | ErrorClass::Rejected
            | ErrorClass::DeadlineExceeded,
        ) => Outcome::Ignored,
    }
}

/// Load shedding by the calls in progress, as a share of how many the service can bear.
#[derive(Clone, Debug)]
pub struct Shedding<F> {
    state: Arc<Shared<(LoadShedder, u64)>>,
    capacity: u64,
    criticality: F,
}

impl<F> Shedding<F> {
    /// Sheds by `criticality` of the request; 100 % utilisation is `capacity` calls in progress, at least 1.
    pub fn new(shedder: LoadShedder, capacity: u32, criticality: F) -> Self {
        Shedding { state: Arc::new(Shared::new((shedder, 0))), capacity: u64::from(capacity.max(1)), criticality }
    }
}

/// A call in progress, for [`Shedding`].
#[derive(Debug)]
pub struct InProgress;

impl<Request, F: Fn(&Request) -> Criticality + Clone> Guard<Request> for Shedding<F> {
    type Permit = InProgress;

    fn enter(&self, now: Time, request: &Request) -> Result<InProgress, Refusal> {
        let class = (self.criticality)(request);
        let decision = self.state.with(|(shedder, calls)| {
            shedder.observe(now, Utilisation::of(*calls, self.capacity));
            let decision = shedder.admit(class);
            *calls += u64::from(decision == ShedDecision::Admit);
            decision
        });
        match decision {
            ShedDecision::Admit => Ok(InProgress),
            ShedDecision::Shed { retry_after } => Err(Refusal::rejected(RefusedBy::Shedding, Some(retry_after))),
        }
    }
}

impl<F: Clone> GiveBack<InProgress> for Shedding<F> {
    fn leave(&self, _: Time, _: Time, _: InProgress, _: Result<(), ErrorClass>) {
        self.state.with(|(_, calls)| *calls -= 1);
    }
}
