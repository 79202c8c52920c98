//! The policies in a live service: tower layers, tokio's timer, blocking work, metrics, HTTP (feature `live`).
//!
//! Everything that decides is in [`resilience`](crate::resilience) and knows no clock; this is the edge where its
//! decisions meet sockets and sleeping tasks. One [`Clock`] per service; one layer per policy, or the whole
//! [`Pipeline`] in its proper order in one layer. Layers keep the error type of the wrapped service, which must be able
//! to hold a [`Refusal`]; a boxed error can.
//!
//! A client in ten lines:
//!
//! ```
//! use ninefold::live::pipeline::{Attempt, Pipeline, PipelineLayer, no_tiers};
//! use ninefold::live::{Clock, EveryError, seed};
//! use ninefold::resilience::{circuit_breaker::BreakerConfig, pipeline::PipelineConfig, pipeline::Request, retry::RetryConfig};
//! use ninefold::time::Span;
//! use tower::{BoxError, Layer, Service, service_fn};
//!
//! # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
//! let config = PipelineConfig {
//!     deadline: Some(Span::from_secs(2)),
//!     retry: Some(RetryConfig::default()),
//!     breaker: Some(BreakerConfig::default()),
//!     attempt_timeout: Some(Span::from_millis(500)),
//!     ..PipelineConfig::new(1)
//! };
//! let pipeline = Pipeline::new(config, Clock::start(), seed())?;
//! let get = service_fn(async |attempt: Attempt<&'static str>| Ok::<_, BoxError>(attempt.request.len())); // your client
//! let idempotent = |_: &&str| Request { idempotent: true, ..Request::default() };
//! let mut client = PipelineLayer::new(pipeline, EveryError, idempotent, no_tiers).layer(get);
//! let answer = client.call("/prices").await?;
//! assert_eq!((answer.response, answer.tier, answer.sent), (7, 0, 1));
//! # Ok::<(), BoxError>(())
//! # })?;
//! # Ok::<(), BoxError>(())
//! ```
//!
//! What is where: [`guard`] (breaker, throttle, concurrency limit, shedding), [`ready`] (a limit with back pressure),
//! [`bulkhead`], [`blocking`], [`rate_limit`], [`timeout`], [`retry`], [`hedge`], [`fallback`], [`pipeline`],
//! [`http`], [`prometheus`].

pub mod blocking;
pub mod bulkhead;
pub mod clock;
pub mod fallback;
pub mod guard;
pub mod guards;
pub mod hedge;
pub mod http;
pub mod pipeline;
pub mod prometheus;
pub mod rate_limit;
pub mod ready;
mod refusal;
pub mod retry;
pub mod timeout;

pub use clock::Clock;
pub use pipeline::Pipeline;
pub use refusal::{Classify, EveryError, Refusal, RefusedBy};

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::SeedableRng;

use crate::resilience::shared::Shared;

/// A seed that differs from process to process, from the randomness that the standard library takes for its hashes.
pub fn seed() -> u64 {
    RandomState::new().hash_one(0_u8)
}

/// Draws for layers to share.
pub fn draws(seed: u64) -> guards::Draws {
    Arc::new(Shared::new(Xoshiro256PlusPlus::seed_from_u64(seed)))
}

/// The service that was polled ready; a clone, which was not, stays behind.
fn take_ready<S: Clone>(service: &mut S) -> S {
    let clone = service.clone();
    std::mem::replace(service, clone)
}
