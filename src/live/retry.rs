//! Retry for tower: further attempts, within the shared budget, after the waits of the schedule.
//!
//! It stands outside the breaker, so that every attempt asks the breaker, and only at one layer of a system: three
//! layers of three attempts are 27. The last error comes out as it is. A call that is dropped settles its budget.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tower::{Layer, Service, ServiceExt};

use super::clock::Clock;
use super::guards::Draws;
use super::refusal::Classify;
use crate::resilience::retry::{Call, Decision, Failure, Retry, RetryState};
use crate::resilience::retry_budget::RetryBudget;
use crate::resilience::shared::Shared;
use crate::time::Time;

/// Retries a service; `about` says of a request whether it may be sent twice and when its caller gives up.
#[derive(Clone, Debug)]
pub struct RetryLayer<C, A> {
    shared: Common,
    classify: C,
    about: A,
}

/// What all calls share.
#[derive(Clone, Debug)]
struct Common {
    retry: Retry,
    budget: Arc<Shared<RetryBudget>>,
    draws: Draws,
    clock: Clock,
}

impl<C, A> RetryLayer<C, A> {
    /// A layer for this policy and budget.
    pub fn new(
        (retry, budget): (Retry, Arc<Shared<RetryBudget>>),
        (draws, clock): (Draws, Clock),
        classify: C,
        about: A,
    ) -> Self {
        RetryLayer { shared: Common { retry, budget, draws, clock }, classify, about }
    }
}

impl<S, C: Clone, A: Clone> Layer<S> for RetryLayer<C, A> {
    type Service = Retried<S, C, A>;

    fn layer(&self, inner: S) -> Self::Service {
        Retried { inner, layer: self.clone() }
    }
}

/// A service with retries.
#[derive(Clone, Debug)]
pub struct Retried<S, C, A> {
    inner: S,
    layer: RetryLayer<C, A>,
}

/// A call in progress; dropped early, it counts as given up.
struct Running {
    shared: Common,
    state: Option<RetryState>,
}

impl Running {
    /// When to try again.
    fn failed(&mut self, failure: Failure) -> Option<Time> {
        let Common { retry, budget, draws, clock } = &self.shared;
        let (state, now) = (self.state.as_mut()?, clock.now());
        let decision = draws.with(|draws| budget.with(|budget| retry.failed(state, now, failure, budget, draws)));
        match decision {
            Decision::Retry(plan) => Some(plan.at),
            Decision::Stop(_) => {
                self.state = None;
                None
            }
        }
    }

    fn succeeded(&mut self) {
        if let Some(state) = self.state.take() {
            self.shared.budget.with(|budget| self.shared.retry.succeeded(&state, budget));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(state) = self.state.take() {
            self.shared.budget.with(|budget| self.shared.retry.cancelled(state, budget));
        }
    }
}

impl<S, C, A, Request> Service<Request> for Retried<S, C, A>
where
    S: Service<Request> + Clone + Send + 'static,
    S::Response: Send,
    S::Error: Send,
    S::Future: Send,
    Request: Clone + Send + 'static,
    C: Classify<S::Response, S::Error> + Send + 'static,
    A: Fn(&Request) -> Call,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let shared = self.layer.shared.clone();
        let call = (self.layer.about)(&request);
        let state = shared.budget.with(|budget| shared.retry.start(shared.clock.now(), call, budget));
        let mut running = Running { shared, state: Some(state) };
        let classify = self.layer.classify.clone();
        let again = self.inner.clone();
        let mut first = super::take_ready(&mut self.inner);
        Box::pin(async move {
            let mut result = first.call(request.clone()).await;
            loop {
                let end = classify.classify(&result);
                let Err(class) = end.result else {
                    running.succeeded();
                    return result;
                };
                let Some(at) = running.failed(Failure { class, pushback: end.pushback }) else { return result };
                running.shared.clock.sleep_until(at).await;
                result = again.clone().oneshot(request.clone()).await;
            }
        })
    }
}
