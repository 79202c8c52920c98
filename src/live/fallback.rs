//! Fallback for tower: a worse answer instead of an error, and the answer says which.
//!
//! Tier 0 is the wrapped service; the tiers below are a function of tier number and request. A tier is never retried and
//! must not call the dependency that failed.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tower::{Layer, Service};

use super::clock::Clock;
use super::refusal::{Classify, Refusal, RefusedBy};
use crate::resilience::ErrorClass;
use crate::resilience::fallback::{Fallback, Trigger};
use crate::resilience::shared::Shared;

/// An answer and how good it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answered<R> {
    /// The answer.
    pub response: R,
    /// The tier that gave it: 0 is full, anything else is degraded.
    pub tier: usize,
    /// Attempts that were sent for it; 1 where nobody counts.
    pub sent: u32,
}

impl<R> Answered<R> {
    /// Is this less than the full answer?
    pub const fn degraded(&self) -> bool {
        self.tier > 0
    }
}

/// Puts tiers below a service: `tiers(tier, request)` answers, or not (`None`), for tiers 1, 2, ..
#[derive(Clone, Debug)]
pub struct FallbackLayer<C, T> {
    policy: Arc<Shared<Fallback>>,
    clock: Clock,
    classify: C,
    tiers: T,
}

impl<C, T> FallbackLayer<C, T> {
    /// A layer with this policy.
    pub const fn new(policy: Arc<Shared<Fallback>>, clock: Clock, classify: C, tiers: T) -> Self {
        FallbackLayer { policy, clock, classify, tiers }
    }
}

impl<S, C: Clone, T: Clone> Layer<S> for FallbackLayer<C, T> {
    type Service = WithFallback<S, C, T>;

    fn layer(&self, inner: S) -> Self::Service {
        WithFallback { inner, layer: self.clone() }
    }
}

/// A service with worse answers below it.
#[derive(Clone, Debug)]
pub struct WithFallback<S, C, T> {
    inner: S,
    layer: FallbackLayer<C, T>,
}

/// A call in a tier; leaves it when dropped.
struct InTier<'a>(&'a Shared<Fallback>, usize);

impl Drop for InTier<'_> {
    fn drop(&mut self) {
        self.0.with(|fallback| fallback.leave(self.1));
    }
}

impl<S, C, T, F, Request> Service<Request> for WithFallback<S, C, T>
where
    S: Service<Request> + Clone + Send + 'static,
    S::Response: Send,
    S::Error: From<Refusal> + Send,
    S::Future: Send,
    Request: Clone + Send + 'static,
    C: Classify<S::Response, S::Error> + Send + 'static,
    T: Fn(usize, Request) -> F + Clone + Send + 'static,
    F: Future<Output = Option<S::Response>> + Send,
{
    type Response = Answered<S::Response>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Answered<S::Response>, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let FallbackLayer { policy, clock, classify, tiers } = self.layer.clone();
        let mut ready = super::take_ready(&mut self.inner);
        Box::pin(async move {
            let mut tier = policy.with(|fallback| fallback.begin(clock.now(), None)).tier;
            let mut error = S::Error::from(Refusal::rejected(RefusedBy::Pipeline, None));
            if tier == Some(0) {
                let result = ready.call(request.clone()).await;
                let end = classify.classify(&result).result;
                error = match result {
                    Ok(response) if end.is_ok() => return Ok(Answered { response, tier: 0, sent: 1 }),
                    // an answer that counts as an error, such as a 503, is itself the error
                    Ok(_) => Refusal { by: RefusedBy::Pipeline, class: class_of(end), retry_after: None }.into(),
                    Err(error) => error,
                };
                let Some(trigger) = trigger(class_of(end)) else { return Err(error) };
                tier = policy.with(|fallback| fallback.fall(clock.now(), 0, trigger, None)).tier;
            }
            while let Some(number) = tier {
                let place = InTier(&policy, number);
                let answer = tiers(number, request.clone()).await;
                drop(place);
                if let Some(response) = answer {
                    return Ok(Answered { response, tier: number, sent: 1 });
                }
                tier = policy.with(|fallback| fallback.fall(clock.now(), number, Trigger::Failed, None)).tier;
            }
            Err(error)
        })
    }
}

fn class_of(end: Result<(), ErrorClass>) -> ErrorClass {
    end.err().unwrap_or(ErrorClass::Error)
}

/// A rejection by a policy below is taken for the breaker's: this layer cannot see which it was.
fn trigger(class: ErrorClass) -> Option<Trigger> {
    if class == ErrorClass::Rejected { Some(Trigger::BreakerOpen) } else { Trigger::of(class) }
}
