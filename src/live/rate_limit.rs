//! The rate limit for async callers: a call passes, waits for its booked turn, or is refused.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tower::{Layer, Service};

use super::clock::Clock;
use super::refusal::{Refusal, RefusedBy};
use crate::resilience::rate_limiter::{AtomicGcra, Refused};
use crate::time::{Span, Time};

/// Puts a rate limit before a service.
///
/// A call that is dropped while it waits for its turn has used its turn: the word of the limiter only moves forward.
#[derive(Clone, Debug)]
pub struct RateLimitLayer {
    limiter: Arc<AtomicGcra>,
    wait: Span,
    clock: Clock,
}

impl RateLimitLayer {
    /// Calls wait at most `wait` for their turn; 0: not at all.
    pub const fn new(limiter: Arc<AtomicGcra>, wait: Span, clock: Clock) -> Self {
        RateLimitLayer { limiter, wait, clock }
    }

    fn book(&self, now: Time) -> Result<Span, Refusal> {
        self.limiter.reserve(now, 1, self.wait).map_err(|refused| {
            let retry_after = match refused {
                Refused::Wait(after) => Some(after),
                Refused::ExceedsBurst => None,
            };
            Refusal::rejected(RefusedBy::RateLimit, retry_after)
        })
    }
}

impl<S> Layer<S> for RateLimitLayer {
    type Service = RateLimited<S>;

    fn layer(&self, inner: S) -> Self::Service {
        RateLimited { inner, limit: self.clone() }
    }
}

/// A service behind a rate limit.
#[derive(Clone, Debug)]
pub struct RateLimited<S> {
    inner: S,
    limit: RateLimitLayer,
}

impl<S, Request> Service<Request> for RateLimited<S>
where
    S: Service<Request> + Clone + Send + 'static,
    S::Error: From<Refusal> + Send,
    S::Response: Send,
    S::Future: Send,
    Request: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let clock = self.limit.clock;
        let now = clock.now();
        match self.limit.book(now) {
            Err(refusal) => Box::pin(std::future::ready(Err(refusal.into()))),
            Ok(Span::ZERO) => Box::pin(self.inner.call(request)),
            Ok(wait) => {
                let mut ready = super::take_ready(&mut self.inner);
                Box::pin(async move {
                    clock.sleep_until(now + wait).await;
                    ready.call(request).await
                })
            }
        }
    }
}
