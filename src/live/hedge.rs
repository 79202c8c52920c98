//! Hedging for tower: a second attempt while the first takes long, within a budget; the first decisive answer wins.
//!
//! The losers are dropped. It stands outside the breaker, which so sees every attempt, and inside the retry.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tower::{Layer, Service, ServiceExt};

use super::clock::Clock;
use super::refusal::Classify;
use crate::resilience::ErrorClass;
use crate::resilience::config_error::ConfigError;
use crate::resilience::hedge::{HedgeBudget, HedgeConfig, HedgeDelay, HedgeResult, HedgeState, HedgeStep};
use crate::resilience::pipeline::AttemptEnd;
use crate::resilience::retry::ErrorSet;
use crate::resilience::shared::Shared;
use crate::time::Time;

/// What the calls share: what was saved up for hedges, and how long to wait for an answer.
type Common = Arc<Shared<(HedgeBudget, HedgeDelay)>>;

/// Hedges a service; `idempotent` says of a request whether it may be sent twice.
#[derive(Clone, Debug)]
pub struct HedgeLayer<C, I> {
    config: HedgeConfig,
    shared: Common,
    clock: Clock,
    classify: C,
    idempotent: I,
}

impl<C, I> HedgeLayer<C, I> {
    /// A layer with this configuration.
    ///
    /// # Errors
    /// Names the first field out of its range.
    pub fn new(config: HedgeConfig, clock: Clock, classify: C, idempotent: I) -> Result<Self, ConfigError> {
        config.check()?;
        let policies = (HedgeBudget::new(config.budget)?, HedgeDelay::new(config.after)?);
        Ok(HedgeLayer { config, shared: Arc::new(Shared::new(policies)), clock, classify, idempotent })
    }
}

impl<S, C: Clone, I: Clone> Layer<S> for HedgeLayer<C, I> {
    type Service = Hedged<S, C, I>;

    fn layer(&self, inner: S) -> Self::Service {
        Hedged { inner, layer: self.clone() }
    }
}

/// A service with hedges.
#[derive(Clone, Debug)]
pub struct Hedged<S, C, I> {
    inner: S,
    layer: HedgeLayer<C, I>,
}

type Attempt<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// The attempts that are out, with the time of their sending.
struct Out<T>(Vec<(Time, Attempt<T>)>);

impl<T> Out<T> {
    /// The next that ends; never, if none is out.
    async fn next(&mut self) -> (Time, T) {
        poll_fn(|context| {
            for (index, (started, future)) in self.0.iter_mut().enumerate() {
                if let Poll::Ready(result) = future.as_mut().poll(context) {
                    let started = *started;
                    drop(self.0.swap_remove(index));
                    return Poll::Ready((started, result));
                }
            }
            Poll::Pending
        })
        .await
    }
}

impl<S, C, I, Request> Service<Request> for Hedged<S, C, I>
where
    S: Service<Request> + Clone + Send + 'static,
    S::Response: Send,
    S::Error: Send,
    S::Future: Send,
    Request: Clone + Send + 'static,
    C: Classify<S::Response, S::Error> + Send + 'static,
    I: Fn(&Request) -> bool,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let HedgeLayer { config, shared, clock, classify, idempotent } = &self.layer;
        let (now, may_hedge) = (clock.now(), idempotent(&request));
        let mut state =
            shared.with(|(budget, delay)| HedgeState::start(config, now, delay.get(), Time::NEVER, may_hedge, budget));
        let (shared, clock, classify) = (Arc::clone(shared), *clock, classify.clone());
        let again = self.inner.clone();
        let mut ready = super::take_ready(&mut self.inner);
        Box::pin(async move {
            // the first attempt is always due, and goes to the service that is ready
            shared.with(|(budget, _)| state.poll(now, budget));
            let mut out = Out(vec![(now, Box::pin(ready.call(request.clone())) as Attempt<_>)]);
            let mut last = None;
            loop {
                let wake = state.next_wake().unwrap_or(Time::NEVER);
                tokio::select! {
                    biased;
                    (started, result) = out.next() => {
                        let (now, end) = (clock.now(), classify.classify(&result));
                        let done = state.ended(now, of_hedge(end));
                        shared.with(|(_, delay)| {
                            learn(delay, (now, started), end);
                            if matches!(done, HedgeStep::Done(_)) {
                                out.0.iter().for_each(|(started, _)| delay.cancelled(now.since(*started)));
                            }
                        });
                        if matches!(done, HedgeStep::Done(_)) {
                            return result;
                        }
                        last = Some(result);
                    }
                    () = clock.sleep_until(wake) => {}
                }
                match shared.with(|(budget, _)| state.poll(clock.now(), budget)) {
                    HedgeStep::Wait => {}
                    HedgeStep::Send(_) => {
                        let next = again.clone().oneshot(request.clone());
                        out.0.push((clock.now(), Box::pin(next)));
                    }
                    HedgeStep::Done(_) => {
                        if let Some(result) = last.take() {
                            return result;
                        }
                    }
                }
            }
        })
    }
}

/// What the attempt means for the call: another attempt may do better if the class is worth a retry.
fn of_hedge(end: AttemptEnd) -> HedgeResult {
    match end.result {
        Ok(()) => HedgeResult::Success,
        Err(class) if ErrorSet::TRANSIENT.contains(class) => HedgeResult::NonFatal(class, end.pushback),
        Err(class) => HedgeResult::Fatal(class),
    }
}

/// A quick refusal must not look like a fast answer: only answers count, and timeouts as "longer than this".
fn learn(delay: &mut HedgeDelay, (now, started): (Time, Time), end: AttemptEnd) {
    let latency = now.since(started);
    match end.result {
        Ok(()) | Err(ErrorClass::Error | ErrorClass::Client) => delay.answered(latency),
        Err(ErrorClass::Timeout | ErrorClass::Cancelled | ErrorClass::DeadlineExceeded) => delay.cancelled(latency),
        Err(ErrorClass::Connect | ErrorClass::Overload | ErrorClass::Rejected) => {}
    }
}
