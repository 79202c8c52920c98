//! Named policies, and their numbers for whoever watches.
//!
//! A registry is a list of policies by name: a second policy under a taken name is an error and never replaces the live
//! one. Numbers leave as [`Sample`]s, plain counters and gauges, so that one exporter serves every policy.
//!
//! It does not create policies, and is not on the path of a call: look a policy up once and keep it.

mod admission;

use std::collections::BTreeMap;

use super::bulkhead::Bulkhead;
use super::circuit_breaker::{CircuitBreaker, State};
use super::rate_limiter::KeyedGcra;
use super::retry_budget::RetryBudget;
use crate::time::Time;

/// One number of a policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// What it counts, in `snake_case`.
    pub name: &'static str,
    /// How much.
    pub value: Value,
}

/// The two kinds of numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value {
    /// Only grows.
    Counter(u64),
    /// Goes up and down.
    Gauge(i64),
}

/// A policy that shows its numbers.
pub trait Observe {
    /// What it is, in `snake_case`.
    fn kind(&self) -> &'static str;

    /// Tells each of its numbers as of `now`.
    fn observe(&mut self, now: Time, on: &mut dyn FnMut(Sample));
}

impl<P: Observe + ?Sized> Observe for Box<P> {
    fn kind(&self) -> &'static str {
        (**self).kind()
    }

    fn observe(&mut self, now: Time, on: &mut dyn FnMut(Sample)) {
        (**self).observe(now, on);
    }
}

/// There is already a policy of this name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is already a policy named `{0}`")]
pub struct NameTaken(pub String);

/// The numbers of one policy at one instant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    /// The name of the policy.
    pub name: String,
    /// What it is.
    pub kind: &'static str,
    /// Its numbers.
    pub samples: Vec<Sample>,
}

/// Policies by name.
#[derive(Clone, Debug)]
pub struct Registry<P> {
    policies: BTreeMap<String, P>,
}

impl<P> Default for Registry<P> {
    fn default() -> Self {
        Registry { policies: BTreeMap::new() }
    }
}

impl<P> Registry<P> {
    /// Adds a policy.
    ///
    /// # Errors
    /// If the name is taken; the policy that has it stays.
    pub fn insert(&mut self, name: &str, policy: P) -> Result<(), NameTaken> {
        if self.policies.contains_key(name) {
            return Err(NameTaken(name.to_owned()));
        }
        self.policies.insert(name.to_owned(), policy);
        Ok(())
    }

    /// The policy of this name.
    pub fn get(&self, name: &str) -> Option<&P> {
        self.policies.get(name)
    }

    /// The policy of this name, to operate it.
    pub fn get_mut(&mut self, name: &str) -> Option<&mut P> {
        self.policies.get_mut(name)
    }

    /// Takes a policy out.
    pub fn remove(&mut self, name: &str) -> Option<P> {
        self.policies.remove(name)
    }

    /// All policies in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &P)> {
        self.policies.iter().map(|(name, policy)| (name.as_str(), policy))
    }
}

impl<P: Observe> Registry<P> {
    /// The numbers of all policies as of `now`, in the order of their names.
    pub fn snapshot(&mut self, now: Time) -> Vec<Reading> {
        let read = |(name, policy): (&String, &mut P)| {
            let mut samples = Vec::new();
            policy.observe(now, &mut |sample| samples.push(sample));
            Reading { name: name.clone(), kind: policy.kind(), samples }
        };
        self.policies.iter_mut().map(read).collect()
    }
}

fn counter(name: &'static str, value: u64) -> Sample {
    Sample { name, value: Value::Counter(value) }
}

fn gauge(name: &'static str, value: impl TryInto<i64>) -> Sample {
    Sample { name, value: Value::Gauge(value.try_into().unwrap_or(i64::MAX)) }
}

impl Observe for CircuitBreaker {
    fn kind(&self) -> &'static str {
        "circuit_breaker"
    }

    /// `state` is 0 closed, 1 open, 2 half-open, 3 forced open, 4 disabled, 5 metrics only.
    fn observe(&mut self, now: Time, on: &mut dyn FnMut(Sample)) {
        let snapshot = self.snapshot(now);
        let state = match snapshot.state {
            State::Closed => 0,
            State::Open { .. } => 1,
            State::HalfOpen => 2,
            State::ForcedOpen => 3,
            State::Disabled => 4,
            State::MetricsOnly => 5,
        };
        on(gauge("state", state));
        on(gauge("window_calls", snapshot.window.total));
        on(gauge("window_failures", snapshot.window.failures));
        on(gauge("window_slow", snapshot.window.slow));
        on(gauge("openings", snapshot.openings));
        on(counter("rejected_total", snapshot.rejected));
        on(counter("stale_total", snapshot.stale));
    }
}

impl<T> Observe for Bulkhead<T> {
    fn kind(&self) -> &'static str {
        "bulkhead"
    }

    fn observe(&mut self, _now: Time, on: &mut dyn FnMut(Sample)) {
        let counts = self.counts();
        on(gauge("active", counts.active));
        on(gauge("queued", counts.queued));
        on(counter("admitted_total", counts.admitted));
        on(counter("released_total", counts.released));
        on(counter("full_total", counts.full));
        on(counter("timed_out_total", counts.timed_out));
        on(counter("cancelled_total", counts.cancelled));
    }
}

impl<K: std::hash::Hash + Eq + Clone> Observe for KeyedGcra<K> {
    fn kind(&self) -> &'static str {
        "rate_limiter"
    }

    fn observe(&mut self, _now: Time, on: &mut dyn FnMut(Sample)) {
        let counts = self.counts();
        on(gauge("keys", counts.keys));
        on(counter("evicted_early_total", counts.evicted_early));
    }
}

impl Observe for RetryBudget {
    fn kind(&self) -> &'static str {
        "retry_budget"
    }

    fn observe(&mut self, now: Time, on: &mut dyn FnMut(Sample)) {
        match self {
            RetryBudget::Unlimited => {}
            RetryBudget::Tokens(budget) => on(gauge("token_thousandths", budget.thousandths())),
            RetryBudget::Quota(budget) => on(gauge("quota_left", budget.left())),
            RetryBudget::Ratio(budget) => on(gauge("balance", budget.balance(now))),
            RetryBudget::Concurrency(budget) => {
                let (calls, retries) = budget.in_progress();
                on(gauge("calls", calls));
                on(gauge("retries", retries));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resilience::bulkhead::BulkheadConfig;
    use crate::resilience::circuit_breaker::BreakerConfig;

    #[test]
    fn a_taken_name_never_replaces_a_live_policy() {
        let mut registry = Registry::default();
        assert_eq!(registry.insert("db", 1), Ok(()));
        assert_eq!(registry.insert("db", 2), Err(NameTaken("db".to_owned())));
        assert_eq!(registry.get("db"), Some(&1));
    }

    #[test]
    fn a_snapshot_lists_all_policies_by_name() {
        let mut registry: Registry<Box<dyn Observe>> = Registry::default();
        let breaker = CircuitBreaker::new(BreakerConfig::default()).expect("valid");
        let bulkhead = Bulkhead::<u32>::new(BulkheadConfig::new(1)).expect("valid");
        registry.insert("to-db", Box::new(breaker)).expect("free");
        registry.insert("jobs", Box::new(bulkhead)).expect("free");
        let readings = registry.snapshot(Time::ZERO);
        let kinds: Vec<_> = readings.iter().map(|reading| (reading.name.as_str(), reading.kind)).collect();
        assert_eq!(kinds, [("jobs", "bulkhead"), ("to-db", "circuit_breaker")]);
        assert!(readings.iter().all(|reading| reading.samples.len() == 7));
    }
}
