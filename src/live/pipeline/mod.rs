//! The whole pipeline as one layer: the state machine of [`resilience::pipeline`](crate::resilience::pipeline) driven
//! by tokio.
//!
//! [`Pipeline`] is what all calls share; [`PipelineLayer`] puts it before a service of [`Attempt`]s, which is told the
//! target and the time of each attempt. A call locks the shared state for some ten nanoseconds per turn, never while
//! the service or a tier runs. It sleeps on `next_wake`, and reads the clock once per edge: when it is polled, and when
//! an attempt has ended. A call that is dropped gives everything back.

mod running;
mod shared;

pub use shared::{PipelineCounts, PipelineEvent};

use std::future::{Future, Ready, poll_fn, ready};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tower::{Layer, Service};

use super::clock::Clock;
use super::fallback::Answered;
use super::refusal::{Classify, Refusal};
use crate::resilience::pipeline::{Client, PipelineConfig, PipelineError, Request};
use crate::resilience::registry::{Observe, Sample};
use crate::resilience::retry::RetryMarker;
use crate::time::{Span, Time};
use running::Running;
use shared::Hub;

/// One try at a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attempt<R> {
    /// What is asked for.
    pub request: R,
    /// Where to, from 0.
    pub target: u32,
    /// Its time, to be told to the callee; none: unlimited. The pipeline itself ends it.
    pub timeout: Option<Span>,
    /// Which attempt it is, to be told to the callee.
    pub marker: RetryMarker,
}

/// A pipeline that all calls to one callee share; cloning gives a handle to the same one.
#[derive(Clone, Debug)]
pub struct Pipeline {
    hub: Arc<Hub>,
}

impl Pipeline {
    /// A pipeline at rest; `seed` starts its draws ([`seed`](super::seed) gives one).
    ///
    /// # Errors
    /// Names the first field of `config` out of its range.
    pub fn new(config: PipelineConfig, clock: Clock, seed: u64) -> Result<Self, PipelineError> {
        Pipeline::observed(config, clock, seed, |_| {})
    }

    /// As [`new`](Self::new), and `on` hears of every change of a policy. It runs under the lock: it must be short, and
    /// must not call the pipeline.
    ///
    /// # Errors
    /// Names the first field of `config` out of its range.
    pub fn observed(
        config: PipelineConfig,
        clock: Clock,
        seed: u64,
        on: impl FnMut(PipelineEvent) + Send + 'static,
    ) -> Result<Self, PipelineError> {
        let queues = config.bulkhead.is_some_and(|bulkhead| bulkhead.max_queue > 0);
        let client = Client::new(config, clock.now())?;
        Ok(Pipeline { hub: Arc::new(Hub::new(client, (clock, queues), seed, Box::new(on))) })
    }

    /// Looks at the policies, or orders something of them, as one step.
    pub fn with<R>(&self, operate: impl FnOnce(&mut Client) -> R) -> R {
        self.hub.operate(operate)
    }

    /// What a health check believes of a target.
    pub fn set_health(&self, target: u32, healthy: bool) {
        self.hub.set_health(target, healthy);
    }

    /// What calls have made so far.
    pub fn counts(&self) -> PipelineCounts {
        self.hub.counts()
    }

    /// Does what falls due between calls (sweeps of the ejection, `auto_half_open`, tiers), for ever; spawn it. Without
    /// it the next call does what was due, with the same result.
    pub async fn drive(&self) {
        self.hub.drive().await;
    }
}

impl Observe for Pipeline {
    fn kind(&self) -> &'static str {
        "pipeline"
    }

    fn observe(&mut self, now: Time, on: &mut dyn FnMut(Sample)) {
        self.hub.observe(now, on);
    }
}

/// No fallback tiers, for [`PipelineLayer::new`].
pub fn no_tiers<Q, R>(_: usize, _: Q) -> Ready<Option<R>> {
    ready(None)
}

/// Puts a pipeline before a service.
#[derive(Clone, Debug)]
pub struct PipelineLayer<C, A, T> {
    pipeline: Pipeline,
    classify: C,
    about: A,
    tiers: T,
}

impl<C, A, T> PipelineLayer<C, A, T> {
    /// `classify` tells how an attempt ended, `about` what a request is (its `id` is ignored), `tiers(tier, request)`
    /// answers from tier 1, 2, .. or says `None`.
    pub const fn new(pipeline: Pipeline, classify: C, about: A, tiers: T) -> Self {
        PipelineLayer { pipeline, classify, about, tiers }
    }
}

impl<S, C: Clone, A: Clone, T: Clone> Layer<S> for PipelineLayer<C, A, T> {
    type Service = Pipelined<S, C, A, T>;

    fn layer(&self, inner: S) -> Self::Service {
        Pipelined { inner, layer: self.clone() }
    }
}

/// A service behind a pipeline.
#[derive(Clone, Debug)]
pub struct Pipelined<S, C, A, T> {
    inner: S,
    layer: PipelineLayer<C, A, T>,
}

impl<S, C, A, T, F, Q> Service<Q> for Pipelined<S, C, A, T>
where
    S: Service<Attempt<Q>> + Clone + Send + 'static,
    S::Response: Send,
    S::Error: From<Refusal> + Send,
    S::Future: Send,
    Q: Clone + Send + 'static,
    C: Classify<S::Response, S::Error> + Send + 'static,
    A: Fn(&Q) -> Request,
    T: Fn(usize, Q) -> F + Clone + Send + 'static,
    F: Future<Output = Option<S::Response>> + Send + 'static,
{
    type Response = Answered<S::Response>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Answered<S::Response>, S::Error>> + Send>>;

    /// Always ready: each attempt waits for the service by itself, so that a refused or cached call need not.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Q) -> Self::Future {
        let PipelineLayer { pipeline, classify, about, tiers } = &self.layer;
        let about = about(&request);
        let parts = (self.inner.clone(), classify.clone(), tiers.clone());
        let mut running = Running::new(Arc::clone(&pipeline.hub), about, request, parts);
        Box::pin(poll_fn(move |context| running.poll(context)))
    }
}
