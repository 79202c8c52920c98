//! Blocking work on threads of its own: the bulkhead over threads.
//!
//! Work that blocks (a driver without async, a large computation) must not run on the runtime's workers, and an unbounded
//! pool only moves the queue out of sight. Here `max_concurrent` threads run jobs, `max_queue` callers wait, each at most
//! its timeout, and the rest are refused at once.
//!
//! A job that has begun cannot be stopped: if its caller goes away it runs to its end, and its thread counts as busy
//! until then. A caller that leaves while it waits never starts its job.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError, mpsc};

use tokio::sync::oneshot;

use super::bulkhead::{Slot, Slots};
use super::clock::Clock;
use super::refusal::{Refusal, RefusedBy};
use crate::resilience::ErrorClass;
use crate::resilience::bulkhead::{BulkheadConfig, BulkheadConfigError, Counts};

type Job = Box<dyn FnOnce() + Send>;

/// A bounded pool of threads; they end when the last handle is dropped.
#[derive(Clone, Debug)]
pub struct BlockingPool {
    slots: Slots,
    jobs: mpsc::Sender<Job>,
}

/// Why there is no pool.
#[derive(Debug, thiserror::Error)]
pub enum BlockingPoolError {
    /// A number out of range.
    #[error(transparent)]
    Config(#[from] BulkheadConfigError),
    /// The system gave no thread.
    #[error("no thread for the pool: {0}")]
    Thread(#[from] std::io::Error),
}

impl BlockingPool {
    /// Starts `max_concurrent` threads named `name`.
    ///
    /// # Errors
    /// If a number of `config` is out of range, or the system gives no thread.
    pub fn new(name: &str, config: BulkheadConfig, clock: Clock) -> Result<Self, BlockingPoolError> {
        let slots = Slots::new(config, clock)?;
        let (jobs, queue) = mpsc::channel::<Job>();
        let queue = Arc::new(Mutex::new(queue));
        for _ in 0..config.max_concurrent {
            let queue = Arc::clone(&queue);
            let next = move || queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
            let work = move || {
                while let Ok(job) = next() {
                    job();
                }
            };
            std::thread::Builder::new().name(name.to_owned()).spawn(work)?;
        }
        Ok(BlockingPool { slots, jobs })
    }

    /// Runs `work` on a thread of the pool.
    ///
    /// # Errors
    /// [`RefusedBy::BulkheadFull`] or [`RefusedBy::BulkheadTimeout`] if it never ran, [`RefusedBy::Panicked`] if it did
    /// not come back.
    pub async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Refusal> {
        let slot = self.slots.acquire(0).await?;
        let (sender, answer) = oneshot::channel();
        let panicked = Refusal { by: RefusedBy::Panicked, class: ErrorClass::Error, retry_after: None };
        // a slot was free, so a thread is, and the job does not wait in the channel
        self.jobs.send(job(work, slot, sender)).map_err(|_| panicked)?;
        answer.await.map_err(|_| panicked)
    }

    /// Numbers for metrics.
    pub fn counts(&self) -> Counts {
        self.slots.counts()
    }

    /// The bulkhead of the pool, for a registry.
    pub fn slots(&self) -> Slots {
        self.slots.clone()
    }
}

fn job<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static, slot: Slot, sender: oneshot::Sender<T>) -> Job {
    Box::new(move || {
        let result = catch_unwind(AssertUnwindSafe(work));
        drop(slot);
        if let Ok(result) = result {
            let _ = sender.send(result); // the caller may have gone
        }
    })
}
