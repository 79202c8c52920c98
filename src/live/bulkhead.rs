//! The bulkhead for async callers: a slot as a guard that gives itself back, and a layer.
//!
//! A caller that must wait sleeps until its slot or its timeout. The slot belongs to the future of the call: nothing is
//! taken in `poll_ready`, so a service that is ready and idle holds no slot (see [`guard`](super::guard)). A waiter that
//! is dropped leaves the queue; if its slot came at that very moment, the slot goes on to the next.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::sync::oneshot;
use tower::{Layer, Service};

use super::clock::Clock;
use super::refusal::{Refusal, RefusedBy};
use crate::resilience::bulkhead::{
    Admission, Ask, Bulkhead, BulkheadConfig, BulkheadConfigError, Counts, Event, Ticket,
};
use crate::resilience::registry::{Observe, Sample};
use crate::resilience::shared::Shared;
use crate::time::{Span, Time};

/// The fate of a waiter: in, or out of time.
type Waiter = oneshot::Sender<bool>;

/// A bulkhead that async callers share; cloning gives a handle to the same one.
#[derive(Clone, Debug)]
pub struct Slots {
    policy: Arc<Shared<Bulkhead<Waiter>>>,
    queue_timeout: Span,
    clock: Clock,
}

/// A slot in use; dropping it gives it back.
#[derive(Debug)]
pub struct Slot(Slots);

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.release();
    }
}

impl Slots {
    /// An empty bulkhead.
    ///
    /// # Errors
    /// If a number of `config` is out of range.
    pub fn new(config: BulkheadConfig, clock: Clock) -> Result<Self, BulkheadConfigError> {
        let policy = Arc::new(Shared::new(Bulkhead::new(config)?));
        Ok(Slots { policy, queue_timeout: config.queue_timeout, clock })
    }

    /// A slot for a caller of this class (0 is the most important, 3 the least), at once or after a wait in the queue.
    ///
    /// # Errors
    /// [`RefusedBy::BulkheadFull`] at once, [`RefusedBy::BulkheadTimeout`] after the wait.
    pub async fn acquire(&self, class: u8) -> Result<Slot, Refusal> {
        let now = self.clock.now();
        let (sender, mut fate) = oneshot::channel();
        let ask = Ask { timeout: self.queue_timeout, class };
        let ticket = match self.operate(|policy, mut on| policy.acquire_as(now, sender, ask, &mut on)) {
            Admission::Admitted => return Ok(Slot(self.clone())),
            Admission::Full => return Err(Refusal::rejected(RefusedBy::BulkheadFull, None)),
            Admission::Queued(ticket) => ticket,
        };
        let mut waiting = Waiting { slots: self, ticket, fate: &mut fate, over: false };
        let until = now + self.queue_timeout;
        let admitted = tokio::select! {
            biased;
            fate = &mut *waiting.fate => fate,
            () = self.clock.sleep_until(until) => {
                self.operate(|policy, mut on| policy.poll(self.clock.now(), &mut on));
                (&mut *waiting.fate).await
            }
        };
        waiting.over = true;
        match admitted {
            Ok(true) => Ok(Slot(self.clone())),
            Ok(false) | Err(_) => Err(Refusal::rejected(RefusedBy::BulkheadTimeout, None)),
        }
    }

    /// Numbers for metrics.
    pub fn counts(&self) -> Counts {
        self.policy.with(|policy| policy.counts())
    }

    fn release(&self) {
        let now = self.clock.now();
        self.operate(|policy, mut on| policy.release(now, &mut on));
    }

    /// One operation; who hears of it is told when the lock is free again, and a slot that nobody takes goes on.
    fn operate<R>(&self, operation: impl FnOnce(&mut Bulkhead<Waiter>, &mut dyn FnMut(Event<Waiter>)) -> R) -> R {
        let mut events = Vec::new();
        let answer = self.policy.with(|policy| operation(policy, &mut |event| events.push(event)));
        while let Some(event) = events.pop() {
            let gone = match event {
                Event::Admitted(waiter) => waiter.send(true).is_err(),
                Event::TimedOut { waiter, .. } => {
                    let _ = waiter.send(false); // nobody there: nothing to tell
                    false
                }
            };
            if gone {
                let now = self.clock.now();
                self.policy.with(|policy| policy.release(now, &mut |event| events.push(event)));
            }
        }
        answer
    }
}

impl Observe for Slots {
    fn kind(&self) -> &'static str {
        "bulkhead"
    }

    fn observe(&mut self, now: Time, on: &mut dyn FnMut(Sample)) {
        self.policy.with(|policy| policy.observe(now, on));
    }
}

/// A place in the queue; dropped early, it is left.
struct Waiting<'a> {
    slots: &'a Slots,
    ticket: Ticket,
    fate: &'a mut oneshot::Receiver<bool>,
    over: bool,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if self.over {
            return;
        }
        let now = self.slots.clock.now();
        let left = self.slots.operate(|policy, mut on| policy.cancel(now, self.ticket, &mut on));
        // decided already: from here on a sender finds nobody, and a slot sent before is ours to give back
        self.fate.close();
        if left.is_none() && self.fate.try_recv() == Ok(true) {
            self.slots.release();
        }
    }
}

/// Puts a bulkhead before a service.
#[derive(Clone, Debug)]
pub struct BulkheadLayer(pub Slots);

impl<S> Layer<S> for BulkheadLayer {
    type Service = Bulkheaded<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Bulkheaded { inner, slots: self.0.clone() }
    }
}

/// A service behind a bulkhead.
#[derive(Clone, Debug)]
pub struct Bulkheaded<S> {
    inner: S,
    slots: Slots,
}

impl<S, Request> Service<Request> for Bulkheaded<S>
where
    S: Service<Request> + Clone + Send + 'static,
    S::Error: From<Refusal>,
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
        let slots = self.slots.clone();
        let mut ready = super::take_ready(&mut self.inner);
        Box::pin(async move {
            let _slot = slots.acquire(0).await?;
            ready.call(request).await
        })
    }
}
