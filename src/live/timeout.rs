//! Time limits: of an attempt, and of the whole call.
//!
//! [`TimeoutLayer`] belongs inside the breaker and ends one attempt ([`RefusedBy::Timeout`](super::RefusedBy::Timeout),
//! a failure of the callee). [`DeadlineLayer`] stands outside the retries: it refuses what comes too late and ends what
//! has run out ([`RefusedBy::Deadline`](super::RefusedBy::Deadline), nobody's failure). The inner call is dropped.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;
use tokio::time::Sleep;
use tower::{Layer, Service};

use super::clock::Clock;
use super::refusal::Refusal;
use crate::resilience::ErrorClass;
use crate::resilience::deadline::Deadline;
use crate::time::Span;

/// Ends attempts after a fixed time.
#[derive(Clone, Copy, Debug)]
pub struct TimeoutLayer {
    after: Span,
    clock: Clock,
}

impl TimeoutLayer {
    /// Attempts take at most `after`.
    pub const fn new(after: Span, clock: Clock) -> Self {
        TimeoutLayer { after, clock }
    }
}

impl<S> Layer<S> for TimeoutLayer {
    type Service = TimedOut<S>;

    fn layer(&self, inner: S) -> Self::Service {
        TimedOut { inner, limit: *self }
    }
}

/// A service with a time limit per call.
#[derive(Clone, Debug)]
pub struct TimedOut<S> {
    inner: S,
    limit: TimeoutLayer,
}

impl<S, Request> Service<Request> for TimedOut<S>
where
    S: Service<Request>,
    S::Error: From<Refusal>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = InTime<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let TimeoutLayer { after, clock } = self.limit;
        let sleep = clock.sleep_until(clock.now() + after);
        InTime { state: State::Running { future: self.inner.call(request), sleep, class: ErrorClass::Timeout } }
    }
}

/// Ends calls at their deadline.
#[derive(Clone, Debug)]
pub struct DeadlineLayer<D> {
    clock: Clock,
    own: Option<Span>,
    of: D,
}

impl<D> DeadlineLayer<D> {
    /// A call has the deadline that `of` reads from its request ([`Deadline::NONE`] if there is none), and at most `own`.
    pub const fn new(clock: Clock, own: Option<Span>, of: D) -> Self {
        DeadlineLayer { clock, own, of }
    }
}

impl<S, D: Clone> Layer<S> for DeadlineLayer<D> {
    type Service = WithDeadline<S, D>;

    fn layer(&self, inner: S) -> Self::Service {
        WithDeadline { inner, limit: self.clone() }
    }
}

/// A service with a deadline per call.
#[derive(Clone, Debug)]
pub struct WithDeadline<S, D> {
    inner: S,
    limit: DeadlineLayer<D>,
}

impl<S, D, Request> Service<Request> for WithDeadline<S, D>
where
    S: Service<Request>,
    S::Error: From<Refusal>,
    D: Fn(&Request) -> Deadline,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = InTime<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let DeadlineLayer { clock, own, of } = &self.limit;
        let now = clock.now();
        let own = own.map_or(Deadline::NONE, |own| Deadline::after(now, own));
        let deadline = of(&request).nested(own);
        if deadline.expired(now) {
            return InTime { state: State::TooLate };
        }
        let (sleep, class) = (clock.sleep_until(deadline.instant()), ErrorClass::DeadlineExceeded);
        InTime { state: State::Running { future: self.inner.call(request), sleep, class } }
    }
}

pin_project! {
    #[project = StateProjection]
    #[derive(Debug)]
    enum State<F> {
        Running { #[pin] future: F, #[pin] sleep: Sleep, class: ErrorClass },
        TooLate,
    }
}

pin_project! {
    /// The answer of a service with a time limit.
    #[derive(Debug)]
    pub struct InTime<F> {
        #[pin]
        state: State<F>,
    }
}

impl<F, R, E> Future for InTime<F>
where
    F: Future<Output = Result<R, E>>,
    E: From<Refusal>,
{
    type Output = Result<R, E>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<R, E>> {
        let (future, sleep, class) = match self.project().state.project() {
            StateProjection::Running { future, sleep, class } => (future, sleep, *class),
            StateProjection::TooLate => {
                return Poll::Ready(Err(Refusal::out_of_time(ErrorClass::DeadlineExceeded).into()));
            }
        };
        if let Poll::Ready(result) = future.poll(context) {
            // deadlines are inclusive: an answer that is seen at the end or later is too late
            let late = tokio::time::Instant::now() >= sleep.deadline();
            return Poll::Ready(if late { Err(Refusal::out_of_time(class).into()) } else { result });
        }
        sleep.poll(context).map(|()| Err(Refusal::out_of_time(class).into()))
    }
}
