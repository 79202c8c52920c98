//! The layer of all policies that say yes or no at once: one service, one future, any [`Guard`].
//!
//! The permit is taken in `call`, lives in the future, and is given back exactly once: with the result, or as cancelled
//! when the future is dropped. `poll_ready` only asks the inner service, on purpose: a permit taken there is held by
//! every service that became ready and was never called (a pooled connection, a balancer's spare), which starves the
//! others for as long as it idles (vector#26457, tower-resilience#365); and an error from `poll_ready` means to tower
//! that the service is dead for good, which an open breaker is not. Where waiting for a place in `poll_ready` is wanted
//! as back pressure, see [`ReadyLimitLayer`](super::ready::ReadyLimitLayer), which bounds the idling.
//!
//! The clock is read at two edges: when the call comes in and when its answer does. Nothing allocates.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;
use tower::{Layer, Service};

use super::clock::Clock;
use super::refusal::{Classify, Refusal};
use crate::resilience::ErrorClass;
use crate::time::Time;

/// A shared policy that lets a call in or refuses it, and hears of its end. Cloning gives a handle to the same policy.
pub trait Guard<Request>: Clone {
    /// What a call holds while it runs.
    type Permit;

    /// Asks for leave.
    ///
    /// # Errors
    /// Why the call may not run.
    fn enter(&self, now: Time, request: &Request) -> Result<Self::Permit, Refusal>;
}

/// The other half of a [`Guard`]: gives permits back.
pub trait GiveBack<Permit>: Clone {
    /// A call that entered at `started` has ended: well, with an error, or by [`ErrorClass::Cancelled`].
    fn leave(&self, now: Time, started: Time, permit: Permit, end: Result<(), ErrorClass>);
}

/// Puts a guard before a service; see the module.
#[derive(Clone, Debug)]
pub struct GuardLayer<G, C> {
    guard: G,
    clock: Clock,
    classify: C,
}

impl<G, C> GuardLayer<G, C> {
    /// A layer for this policy, by this clock, with this opinion of answers.
    pub const fn new(guard: G, clock: Clock, classify: C) -> Self {
        GuardLayer { guard, clock, classify }
    }
}

impl<S, G: Clone, C: Clone> Layer<S> for GuardLayer<G, C> {
    type Service = Guarded<S, G, C>;

    fn layer(&self, inner: S) -> Self::Service {
        Guarded { inner, guard: self.guard.clone(), clock: self.clock, classify: self.classify.clone() }
    }
}

/// A service behind a guard.
#[derive(Clone, Debug)]
pub struct Guarded<S, G, C> {
    inner: S,
    guard: G,
    clock: Clock,
    classify: C,
}

impl<S, G, C, Request> Service<Request> for Guarded<S, G, C>
where
    S: Service<Request>,
    S::Error: From<Refusal>,
    G: Guard<Request> + GiveBack<<G as Guard<Request>>::Permit>,
    C: Classify<S::Response, S::Error>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = GuardedFuture<S::Future, G, <G as Guard<Request>>::Permit, C>;

    #[inline]
    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    #[inline]
    fn call(&mut self, request: Request) -> Self::Future {
        let now = self.clock.now();
        let entered = self.guard.enter(now, &request).map(|permit| (permit, self.inner.call(request)));
        GuardedFuture::new(entered, (self.guard.clone(), self.clock, now), self.classify.clone())
    }
}

/// A permit that goes back as cancelled unless somebody says otherwise.
#[derive(Debug)]
struct Held<G: GiveBack<P>, P> {
    guard: G,
    clock: Clock,
    started: Time,
    permit: Option<P>,
}

impl<G: GiveBack<P>, P> Held<G, P> {
    #[inline]
    fn leave(&mut self, end: Result<(), ErrorClass>) {
        if let Some(permit) = self.permit.take() {
            self.guard.leave(self.clock.now(), self.started, permit, end);
        }
    }
}

impl<G: GiveBack<P>, P> Drop for Held<G, P> {
    #[inline]
    fn drop(&mut self) {
        self.leave(Err(ErrorClass::Cancelled));
    }
}

pin_project! {
    #[project = StateProjection]
    #[derive(Debug)]
    enum State<F> {
        Running { #[pin] future: F },
        Refused { refusal: Refusal },
    }
}

pin_project! {
    /// The answer of a [`Guarded`] service.
    #[derive(Debug)]
    pub struct GuardedFuture<F, G: GiveBack<P>, P, C> {
        #[pin]
        state: State<F>,
        held: Held<G, P>,
        classify: C,
    }
}

impl<F, G: GiveBack<P>, P, C> GuardedFuture<F, G, P, C> {
    /// What was entered at the last of the three with its permit, or refused.
    #[inline]
    pub(super) fn new(
        entered: Result<(P, F), Refusal>,
        (guard, clock, started): (G, Clock, Time),
        classify: C,
    ) -> Self {
        let (state, permit) = match entered {
            Ok((permit, future)) => (State::Running { future }, Some(permit)),
            Err(refusal) => (State::Refused { refusal }, None),
        };
        GuardedFuture { state, held: Held { guard, clock, started, permit }, classify }
    }
}

impl<F, R, E, G, P, C> Future for GuardedFuture<F, G, P, C>
where
    F: Future<Output = Result<R, E>>,
    E: From<Refusal>,
    G: GiveBack<P>,
    C: Classify<R, E>,
{
    type Output = Result<R, E>;

    #[inline]
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<R, E>> {
        let this = self.project();
        match this.state.project() {
            StateProjection::Running { future } => {
                let result = ready!(future.poll(context));
                this.held.leave(this.classify.classify(&result).result);
                Poll::Ready(result)
            }
            StateProjection::Refused { refusal } => Poll::Ready(Err((*refusal).into())),
        }
    }
}
