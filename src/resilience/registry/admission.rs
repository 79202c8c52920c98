//! The numbers of the policies that admit, adapt or judge.

use super::{Observe, Sample, counter, gauge};
use crate::resilience::adaptive_throttle::AdaptiveThrottle;
use crate::resilience::codel::{CoDel, CoDelState};
use crate::resilience::concurrency_limit::ConcurrencyLimit;
use crate::resilience::fallback::Fallback;
use crate::resilience::health::{Health, HealthChecker, RiseFall};
use crate::resilience::load_shedding::LoadShedder;
use crate::resilience::outlier_ejection::{OutlierEjection, Panic, Spread};
use crate::resilience::rate_limiter::{AtomicGcra, Gcra};
use crate::time::Time;

impl Observe for AdaptiveThrottle {
    fn kind(&self) -> &'static str {
        "adaptive_throttle"
    }

    /// `rejection_millionths` is the present probability of a rejection.
    fn observe(&mut self, now: Time, on: &mut dyn FnMut(Sample)) {
        let (requests, accepts) = self.counts(now);
        let probability = self.probability();
        on(gauge("window_requests", requests));
        on(gauge("window_accepts", accepts));
        on(gauge("rejection_millionths", probability.of.saturating_mul(1_000_000) / probability.whole.max(1)));
    }
}

impl Observe for ConcurrencyLimit {
    fn kind(&self) -> &'static str {
        "concurrency_limit"
    }

    fn observe(&mut self, _now: Time, on: &mut dyn FnMut(Sample)) {
        on(gauge("limit", self.limit()));
        on(gauge("in_flight", self.in_flight()));
    }
}

impl Observe for LoadShedder {
    fn kind(&self) -> &'static str {
        "load_shedder"
    }

    fn observe(&mut self, _now: Time, on: &mut dyn FnMut(Sample)) {
        on(gauge("classes_shed", self.classes_shed()));
    }
}

impl Observe for CoDel {
    fn kind(&self) -> &'static str {
        "codel"
    }

    /// `dropping` is 1 while the queue is too long for too long.
    fn observe(&mut self, _now: Time, on: &mut dyn FnMut(Sample)) {
        on(gauge("dropping", i64::from(self.state() == CoDelState::Dropping)));
    }
}

impl Observe for OutlierEjection {
    fn kind(&self) -> &'static str {
        "outlier_ejection"
    }

    fn observe(&mut self, _now: Time, on: &mut dyn FnMut(Sample)) {
        on(gauge("ejected", self.ejected()));
    }
}

impl Observe for Panic {
    fn kind(&self) -> &'static str {
        "panic"
    }

    /// `spread` is 0 to the healthy, 1 to all, 2 nowhere.
    fn observe(&mut self, _now: Time, on: &mut dyn FnMut(Sample)) {
        let spread = match self.spread() {
            Spread::Healthy => 0,
            Spread::All => 1,
            Spread::Nowhere => 2,
        };
        on(gauge("spread", spread));
    }
}

impl Observe for Fallback {
    fn kind(&self) -> &'static str {
        "fallback"
    }

    /// `level` is the tier at which calls begin; 0 is full.
    fn observe(&mut self, now: Time, on: &mut dyn FnMut(Sample)) {
        self.poll(now);
        on(gauge("level", self.level() as u64));
    }
}

/// 0 unknown, 1 up, 2 down.
fn health(health: Health) -> Sample {
    let state = match health {
        Health::Unknown => 0,
        Health::Up => 1,
        Health::Down => 2,
    };
    gauge("health", state)
}

impl Observe for HealthChecker {
    fn kind(&self) -> &'static str {
        "health_check"
    }

    /// `health` is 0 unknown, 1 up, 2 down.
    fn observe(&mut self, _now: Time, on: &mut dyn FnMut(Sample)) {
        on(health(self.health()));
        on(counter("checks_total", self.started()));
    }
}

impl Observe for RiseFall {
    fn kind(&self) -> &'static str {
        "rise_fall"
    }

    /// `health` is 0 unknown, 1 up, 2 down.
    fn observe(&mut self, _now: Time, on: &mut dyn FnMut(Sample)) {
        on(health(self.health()));
    }
}

/// How long one cell would have to wait now.
fn wait(next: Option<Time>, now: Time) -> Sample {
    gauge("wait_nanoseconds", next.map_or(0, |at| at.since(now).as_nanos()))
}

impl Observe for Gcra {
    fn kind(&self) -> &'static str {
        "rate_limiter"
    }

    fn observe(&mut self, now: Time, on: &mut dyn FnMut(Sample)) {
        on(wait(self.next_wake(), now));
    }
}

impl Observe for std::sync::Arc<AtomicGcra> {
    fn kind(&self) -> &'static str {
        "rate_limiter"
    }

    fn observe(&mut self, now: Time, on: &mut dyn FnMut(Sample)) {
        on(wait(self.next_wake(), now));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::resilience::rate_limiter::GcraConfig;
    use crate::resilience::registry::Value;
    use crate::time::Span;

    #[test]
    fn a_limiter_shows_how_long_the_next_would_wait() {
        let config = GcraConfig { period: Span::SECOND, burst: 1 };
        let mut atomic = Arc::new(AtomicGcra::new(config).expect("valid"));
        let mut seen = Vec::new();
        atomic.observe(Time::ZERO, &mut |sample| seen.push(sample.value));
        atomic.acquire(Time::ZERO, 1).expect("free");
        atomic.observe(Time::ZERO, &mut |sample| seen.push(sample.value));
        assert_eq!(seen, [Value::Gauge(0), Value::Gauge(1_000_000_000)]);
    }
}
