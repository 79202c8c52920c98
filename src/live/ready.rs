//! A concurrency limit that makes callers wait in `poll_ready`: back pressure for a server's accept loop or a balancer.
//!
//! The permit is taken in `poll_ready`, moves to the call, and is released when the answer or the drop comes. A service
//! that was ready and is not called keeps its permit no longer than `idle` once somebody else wants it: the next asker
//! takes it back, and the idle service asks anew when it is called (and may then be refused). So pooled connections and
//! a balancer's spares cannot starve the rest (vector#26457, tower-resilience#365). Waiters are served in their order.

use std::collections::{BTreeMap, VecDeque};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use tokio::time::Sleep;
use tower::{Layer, Service};

use super::clock::Clock;
use super::guard::{GiveBack, Guard, GuardedFuture};
use super::guards::{Draws, load};
use super::refusal::{Classify, Refusal, RefusedBy};
use crate::resilience::concurrency_limit::{ConcurrencyLimit, LimitPermit};
use crate::resilience::shared::Shared;
use crate::resilience::{ErrorClass, Outcome};
use crate::time::{Span, Time};

/// The limit, who is ready, who waits.
#[derive(Debug)]
struct Room {
    limit: ConcurrencyLimit,
    idle: Span,
    next_id: u64,
    ready: BTreeMap<u64, (Time, LimitPermit)>,
    waiting: VecDeque<(u64, Waker)>,
}

impl Room {
    fn take(&mut self, now: Time, draws: &Draws) -> Option<LimitPermit> {
        if let Some(permit) = self.limit.acquire(now) {
            return Some(permit);
        }
        let idle = self.idle;
        let (&id, _) = self.ready.iter().find(|(_, (since, _))| *since + idle <= now)?;
        let (_, permit) = self.ready.remove(&id)?;
        draws.with(|draws| self.limit.release(now, permit, Outcome::Ignored, draws));
        self.limit.acquire(now)
    }

    fn give(&mut self, now: Time, permit: LimitPermit, outcome: Outcome, draws: &Draws) -> Option<Waker> {
        draws.with(|draws| self.limit.release(now, permit, outcome, draws));
        self.waiting.pop_front().map(|(_, waker)| waker)
    }
}

/// The shared side of the layer.
#[derive(Clone, Debug)]
pub struct ReadyLimit {
    room: Arc<Shared<Room>>,
    draws: Draws,
}

impl GiveBack<LimitPermit> for ReadyLimit {
    fn leave(&self, now: Time, _: Time, permit: LimitPermit, end: Result<(), ErrorClass>) {
        let outcome = load(end);
        let waker = self.room.with(|room| room.give(now, permit, outcome, &self.draws));
        waker.into_iter().for_each(Waker::wake);
    }
}

/// The place of one service; asks for its permit when called.
#[derive(Clone, Debug)]
struct Place {
    limit: ReadyLimit,
    id: u64,
}

impl<Request> Guard<Request> for Place {
    type Permit = LimitPermit;

    fn enter(&self, now: Time, _: &Request) -> Result<LimitPermit, Refusal> {
        let ReadyLimit { room, draws } = &self.limit;
        let permit = room.with(|room| {
            // the latency of a call starts with the call, not with the wait in the ready state
            if let Some((_, permit)) = room.ready.remove(&self.id) {
                draws.with(|draws| room.limit.release(now, permit, Outcome::Ignored, draws));
            }
            room.take(now, draws)
        });
        permit.ok_or(Refusal::rejected(RefusedBy::ConcurrencyLimit, None))
    }
}

impl GiveBack<LimitPermit> for Place {
    fn leave(&self, now: Time, started: Time, permit: LimitPermit, end: Result<(), ErrorClass>) {
        self.limit.leave(now, started, permit, end);
    }
}

/// Puts the limit before a service; see the module.
#[derive(Clone, Debug)]
pub struct ReadyLimitLayer<C> {
    limit: ReadyLimit,
    clock: Clock,
    classify: C,
}

impl<C> ReadyLimitLayer<C> {
    /// `idle` is how long a ready service may hold a permit that somebody else wants.
    pub fn new(limit: ConcurrencyLimit, idle: Span, draws: Draws, clock: Clock, classify: C) -> Self {
        let (ready, waiting) = (BTreeMap::new(), VecDeque::new());
        let room = Arc::new(Shared::new(Room { limit, idle, next_id: 0, ready, waiting }));
        ReadyLimitLayer { limit: ReadyLimit { room, draws }, clock, classify }
    }

    /// The limit now, and the calls and ready services that hold a place.
    pub fn numbers(&self) -> (u32, u32) {
        self.limit.room.with(|room| (room.limit.limit(), room.limit.in_flight()))
    }
}

impl<S, C: Clone> Layer<S> for ReadyLimitLayer<C> {
    type Service = ReadyLimited<S, C>;

    fn layer(&self, inner: S) -> Self::Service {
        ReadyLimited::new(inner, self.limit.clone(), self.clock, self.classify.clone())
    }
}

/// A service behind a limit; every clone has its own place.
#[derive(Debug)]
pub struct ReadyLimited<S, C> {
    inner: S,
    place: Place,
    clock: Clock,
    classify: C,
    /// Wakes when the first idle permit may be taken back.
    sleep: Option<Pin<Box<Sleep>>>,
}

impl<S, C> ReadyLimited<S, C> {
    fn new(inner: S, limit: ReadyLimit, clock: Clock, classify: C) -> Self {
        let id = limit.room.with(|room| {
            room.next_id += 1;
            room.next_id
        });
        ReadyLimited { inner, place: Place { limit, id }, clock, classify, sleep: None }
    }

    /// A place; else the waker is noted, and when to look again.
    fn poll_place(&self, now: Time, waker: &Waker) -> Result<(), Option<Time>> {
        let (id, ReadyLimit { room, draws }) = (self.place.id, &self.place.limit);
        room.with(|room| {
            if room.ready.contains_key(&id) {
                return Ok(());
            }
            room.waiting.retain(|(waiting, _)| *waiting != id);
            if let Some(permit) = room.take(now, draws) {
                room.ready.insert(id, (now, permit));
                return Ok(());
            }
            room.waiting.push_back((id, waker.clone()));
            Err(room.ready.values().map(|(since, _)| *since + room.idle).min())
        })
    }
}

impl<S: Clone, C: Clone> Clone for ReadyLimited<S, C> {
    fn clone(&self) -> Self {
        Self::new(self.inner.clone(), self.place.limit.clone(), self.clock, self.classify.clone())
    }
}

impl<S, C> Drop for ReadyLimited<S, C> {
    fn drop(&mut self) {
        let (id, ReadyLimit { room, draws }) = (self.place.id, &self.place.limit);
        let now = self.clock.now();
        let waker = room.with(|room| {
            room.waiting.retain(|(waiting, _)| *waiting != id);
            match room.ready.remove(&id) {
                Some((_, permit)) => room.give(now, permit, Outcome::Ignored, draws),
                // it may have been woken and not have looked: then the place is for the next
                None => room.waiting.pop_front().map(|(_, waker)| waker),
            }
        });
        waker.into_iter().for_each(Waker::wake);
    }
}

impl<S, C, Request> Service<Request> for ReadyLimited<S, C>
where
    S: Service<Request>,
    S::Error: From<Refusal>,
    C: Classify<S::Response, S::Error>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = GuardedFuture<S::Future, ReadyLimit, LimitPermit, C>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        while let Err(look_again) = self.poll_place(self.clock.now(), context.waker()) {
            let Some(at) = look_again else { return Poll::Pending };
            let sleep = self.sleep.insert(Box::pin(self.clock.sleep_until(at)));
            if sleep.as_mut().poll(context).is_pending() {
                return Poll::Pending;
            }
        }
        self.sleep = None;
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let now = self.clock.now();
        let entered = self.place.enter(now, &request).map(|permit| (permit, self.inner.call(request)));
        GuardedFuture::new(entered, (self.place.limit.clone(), self.clock, now), self.classify.clone())
    }
}
