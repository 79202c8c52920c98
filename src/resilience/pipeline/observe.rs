//! The numbers of a pipeline: those of its parts, summed over its targets.

use super::client::Client;
use crate::resilience::bulkhead::Bulkhead;
use crate::resilience::circuit_breaker::State;
use crate::resilience::registry::{Observe, Sample, Value};
use crate::time::Time;

impl Observe for Client {
    fn kind(&self) -> &'static str {
        "pipeline_client"
    }

    /// `breakers_closed` counts breakers that let calls pass without limit.
    fn observe(&mut self, now: Time, on: &mut dyn FnMut(Sample)) {
        let mut gauge = |name, value: u64| {
            on(Sample { name, value: Value::Gauge(i64::try_from(value).unwrap_or(i64::MAX)) });
        };
        gauge("targets_eligible", self.eligible().len() as u64);
        gauge("fallback_level", self.fallback.as_ref().map_or(0, |fallback| fallback.level() as u64));
        let closed =
            self.breakers.iter().filter(|b| matches!(b.state(), State::Closed | State::Disabled | State::MetricsOnly));
        gauge("breakers", self.breakers.len() as u64);
        gauge("breakers_closed", closed.count() as u64);
        let counts = self.bulkhead().map(Bulkhead::counts).unwrap_or_default();
        gauge("bulkhead_active", u64::from(counts.active));
        gauge("bulkhead_queued", u64::from(counts.queued));
        let of_breakers = self.breakers.iter_mut().map(|breaker| breaker.snapshot(now).rejected).sum();
        on(Sample { name: "breaker_rejected_total", value: Value::Counter(of_breakers) });
        on(Sample { name: "bulkhead_rejected_total", value: Value::Counter(counts.full + counts.timed_out) });
    }
}
