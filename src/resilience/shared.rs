//! A policy for many threads: any policy of this library behind a mutex.
//!
//! Every operation of a policy takes a few nanoseconds and never blocks, so a plain lock is held that long and no
//! longer; a policy that is one word has its own lock-free form ([`AtomicGcra`](super::rate_limiter::AtomicGcra)).
//! Nothing but the policy may run inside [`Shared::with`]: no call to the dependency, no waiting, no second lock.
//!
//! A thread that panics inside leaves the policy as it was at that moment, and the others go on with it: policies keep
//! their invariants at every step, and a protection that stops working because of a panic would be none.

use std::sync::PoisonError;

use super::registry::{Observe, Sample};
use super::sync::Mutex;
use crate::time::Time;

/// A policy behind a mutex; share it in an `Arc`.
#[derive(Debug, Default)]
pub struct Shared<P>(Mutex<P>);

impl<P> Shared<P> {
    /// Makes a policy shareable.
    #[cfg(not(loom))]
    pub const fn new(policy: P) -> Self {
        Shared(Mutex::new(policy))
    }

    /// As above; the model checker's lock cannot be made at compile time.
    #[cfg(loom)]
    pub fn new(policy: P) -> Self {
        Shared(Mutex::new(policy))
    }

    /// Runs one or more operations of the policy as one step.
    #[inline]
    pub fn with<R>(&self, operate: impl FnOnce(&mut P) -> R) -> R {
        operate(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The policy itself, once nobody else has it.
    pub fn into_inner(self) -> P {
        self.0.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<P: Observe> Observe for std::sync::Arc<Shared<P>> {
    fn kind(&self) -> &'static str {
        self.with(|policy| policy.kind())
    }

    fn observe(&mut self, now: Time, on: &mut dyn FnMut(Sample)) {
        self.with(|policy| policy.observe(now, on));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resilience::bulkhead::{Admission, Bulkhead, BulkheadConfig};

    #[test]
    fn threads_together_never_exceed_a_bulkhead() {
        let bulkhead = Shared::new(Bulkhead::<()>::new(BulkheadConfig::new(2)).expect("valid"));
        let inside = std::sync::atomic::AtomicU32::new(0);
        let most = std::sync::atomic::AtomicU32::new(0);
        let order = std::sync::atomic::Ordering::SeqCst;
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..10_000 {
                        let answer = bulkhead.with(|policy| policy.acquire(Time::ZERO, (), &mut |_| {}));
                        if answer == Admission::Admitted {
                            most.fetch_max(inside.fetch_add(1, order) + 1, order);
                            inside.fetch_sub(1, order);
                            bulkhead.with(|policy| policy.release(Time::ZERO, &mut |_| {}));
                        }
                    }
                });
            }
        });
        let counts = bulkhead.into_inner().counts();
        assert!(most.into_inner() <= 2);
        assert_eq!(counts.admitted + counts.full, 40_000);
        assert_eq!((counts.active, counts.released), (0, counts.admitted));
    }
}
