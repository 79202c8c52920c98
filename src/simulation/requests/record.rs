//! A finer record of one trial, for experiments: what happened bucket by bucket, and what the policies did when.
//!
//! A `Tally` keeps sums over the trial; with a [`Recorder`] in it, it also tells this one. Everything
//! belongs to the bucket in which it happened, answers too, so that a fault shows in no bucket that was over before it;
//! whoever runs the trial says when the next bucket begins. Quantiles are to one in a hundred: classes of a logarithmic
//! histogram. Plain runs have no recorder and pay one branch a count.

use std::collections::BTreeMap;

use super::journal::Journal;
use super::state::{About, Answer, Id, Origin, Quality, Request};
use crate::resilience::circuit_breaker::{Change, State};
use crate::resilience::outlier_ejection::{EjectionEvent, HostState};
use crate::time::{Span, Time};

/// Lengths of time in classes of about one percent, with exact sum and maximum.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Latencies {
    classes: BTreeMap<u32, u64>,
    count: u64,
    sum_ns: u128,
    max_ns: u64,
}

/// Binary digits of a length that its class keeps.
const DIGITS: u32 = 7;

impl Latencies {
    /// One more.
    pub fn record(&mut self, length: Span) {
        let nanos = length.as_nanos();
        *self.classes.entry(class_of(nanos)).or_default() += 1;
        self.count += 1;
        self.sum_ns += u128::from(nanos);
        self.max_ns = self.max_ns.max(nanos);
    }

    /// Those of another bucket or trial too.
    pub fn add(&mut self, other: &Latencies) {
        for (class, count) in &other.classes {
            *self.classes.entry(*class).or_default() += count;
        }
        self.count += other.count;
        self.sum_ns += other.sum_ns;
        self.max_ns = self.max_ns.max(other.max_ns);
    }

    /// The mean in seconds, if there are any.
    pub fn mean_s(&self) -> Option<f64> {
        (self.count > 0).then(|| self.sum_ns as f64 / self.count as f64 / 1e9)
    }

    /// The longest in seconds, if there are any.
    pub fn max_s(&self) -> Option<f64> {
        (self.count > 0).then_some(self.max_ns as f64 / 1e9)
    }

    /// The quantile at `share` (above 0, at most 1) in seconds: the upper end of its class, at most the longest.
    pub fn quantile_s(&self, share: f64) -> Option<f64> {
        let rank = ((share * self.count as f64).ceil() as u64).max(1);
        let mut seen = 0;
        for (class, count) in &self.classes {
            seen += count;
            if seen >= rank {
                return Some(top_of(*class).min(self.max_ns) as f64 / 1e9);
            }
        }
        None
    }
}

/// The class of a length: exact below 2^[`DIGITS`], then that many leading digits and the power of two.
const fn class_of(nanos: u64) -> u32 {
    let bits = 64 - nanos.leading_zeros();
    if bits <= DIGITS {
        return nanos as u32;
    }
    let shift = bits - DIGITS;
    (shift << DIGITS) + (nanos >> shift) as u32
}

/// The longest length in a class.
const fn top_of(class: u32) -> u64 {
    let (shift, digits) = (class >> DIGITS, (class & ((1 << DIGITS) - 1)) as u64);
    // 128-bit, since the class of the longest length ends beyond 64
    (((digits as u128 + 1) << shift) - 1) as u64
}

/// Requests of users that came, and answers that they got, in a bucket.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct UserBucket {
    /// Requests that came.
    pub arrived: u64,
    /// Answered in full.
    pub full: u64,
    /// Answered by a tier.
    pub degraded: u64,
    /// Failed.
    pub failed: u64,
    /// Latency of the answered ones.
    pub latency: Latencies,
}

/// A bucket of a service.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ServiceBucket {
    /// Attempts that reached a node.
    pub attempts: u64,
    /// Refused for load, or dropped from the queue.
    pub shed: u64,
    /// Wait for a slot, of those that began to work.
    pub queue: Latencies,
}

/// A bucket of a call.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CallBucket {
    /// Calls that were answered.
    pub answered: u64,
    /// Calls that failed.
    pub failed: u64,
    /// Attempts made.
    pub attempts: u64,
    /// Attempts beyond the first.
    pub retries: u64,
    /// Attempts refused by an own policy, and so never sent.
    pub rejected: u64,
    /// From sending to the answer, of attempts that were answered well.
    pub latency: Latencies,
}

/// Something that a policy did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// A breaker opened.
    Opened {
        /// It refuses until then, since the start of counting; the first call after it is a probe.
        until: Span,
    },
    /// A breaker lets probes through.
    HalfOpened,
    /// A breaker closed.
    Closed,
    /// A node is taken out of the balancing.
    Ejected,
    /// A node is back in it.
    Returned,
}

/// An act, of whom and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heard {
    /// Since the start of counting.
    pub at: Span,
    /// The edge.
    pub edge: u32,
    /// The caller's client and the target (a breaker's, or a node's).
    pub whose: (u32, u32),
    /// What.
    pub act: Act,
}

/// The record of a trial.
#[derive(Clone, Debug, PartialEq)]
pub struct Recorder {
    /// Length of a bucket.
    pub every: Span,
    start: Time,
    current: usize,
    /// All users, then by group, then by class: by bucket.
    pub users: Vec<Vec<UserBucket>>,
    /// By service, by bucket.
    pub services: Vec<Vec<ServiceBucket>>,
    /// By edge, by bucket.
    pub calls: Vec<Vec<CallBucket>>,
    /// By pool, by bucket: attempts sent to it.
    pub pools: Vec<Vec<u64>>,
    /// What policies did, in order.
    pub heard: Vec<Heard>,
    /// Single requests, if they are wanted.
    pub journal: Option<Journal>,
}

impl Recorder {
    /// Nothing yet, of so many subjects of users, services, edges and pools, over buckets of `every` in `length`.
    pub fn new(every: Span, length: Span, [users, services, calls, pools]: [usize; 4]) -> Recorder {
        let buckets = length.as_nanos().div_ceil(every.as_nanos().max(1)) as usize;
        Recorder {
            every,
            start: Time::ZERO,
            current: 0,
            users: vec![vec![UserBucket::default(); buckets]; users],
            services: vec![vec![ServiceBucket::default(); buckets]; services],
            calls: vec![vec![CallBucket::default(); buckets]; calls],
            pools: vec![vec![0; buckets]; pools],
            heard: Vec::new(),
            journal: None,
        }
    }

    /// Counting begins at `start`, in the first bucket.
    pub(super) fn begin(&mut self, start: Time) {
        (self.start, self.current) = (start, 0);
        if let Some(journal) = &mut self.journal {
            journal.begin(start);
        }
    }

    /// The next bucket begins.
    pub(super) fn turn(&mut self) {
        self.current += 1;
    }

    /// The end of the bucket in progress.
    pub(super) fn bucket_end(&self) -> Time {
        self.start + self.every * (self.current as u64 + 1)
    }

    /// A request of these subjects came before the first bucket, and is in flight.
    pub(super) fn found(&mut self, subjects: [usize; 3]) {
        if let Some(journal) = &mut self.journal {
            journal.found();
        }
        for subject in subjects {
            self.users[subject][self.current].arrived += 1;
        }
    }

    #[cold]
    pub(super) fn arrived(&mut self, now: Time, (id, request): (Id, &Request), subjects: [usize; 3]) {
        if let Some(journal) = &mut self.journal {
            journal.arrived(now, id, request);
        }
        for subject in subjects {
            self.users[subject][self.current].arrived += 1;
        }
    }

    #[cold]
    pub(super) fn answered(&mut self, now: Time, (id, request): (Id, &Request), subjects: [usize; 3], answer: Answer) {
        if let Some(journal) = &mut self.journal {
            journal.answered(now, id, answer);
        }
        let latency = now.since(request.arrived);
        for subject in subjects {
            let bucket = &mut self.users[subject][self.current];
            match answer {
                Ok(Quality::Full) => bucket.full += 1,
                Ok(Quality::Degraded) => bucket.degraded += 1,
                Err(_) => {
                    bucket.failed += 1;
                    continue;
                }
            }
            bucket.latency.record(latency);
        }
    }

    #[cold]
    pub(super) fn call_over(&mut self, now: Time, about: &About, answer: Answer) {
        if let Some(journal) = &mut self.journal {
            journal.call_over(now, about, answer);
        }
        let call = self.call(about.edge);
        if answer.is_ok() { call.answered += 1 } else { call.failed += 1 }
    }

    /// An attempt, named by its request and itself, has ended after so long.
    #[cold]
    pub(super) fn attempt_over(&mut self, now: Time, edge: u32, names: (Id, Id), answer: Answer, took: Span) {
        if let Some(journal) = &mut self.journal {
            journal.attempt_over(now, names, answer);
        }
        if answer.is_ok() {
            self.call(edge).latency.record(took);
        }
    }

    #[cold]
    pub(super) fn reached(&mut self, now: Time, service: u32, names: (Id, Id)) {
        if let Some(journal) = &mut self.journal {
            journal.reached(now, names);
        }
        self.service(service).attempts += 1;
    }

    #[cold]
    pub(super) fn started(&mut self, now: Time, service: u32, names: (Id, Id), wait: Span) {
        if let Some(journal) = &mut self.journal {
            journal.started(now, names);
        }
        self.service(service).queue.record(wait);
    }

    /// An attempt goes out to a node of the pool.
    #[cold]
    pub(super) fn sent(&mut self, now: Time, id: Id, (node, pool): (u32, u32), whose: (&About, Origin)) {
        if let Some(journal) = &mut self.journal {
            journal.sent(now, id, node, whose);
        }
        self.pools[pool as usize][self.current] += 1;
    }

    /// The bucket of an edge.
    pub(super) fn call(&mut self, edge: u32) -> &mut CallBucket {
        &mut self.calls[edge as usize][self.current]
    }

    /// The bucket of a service.
    pub(super) fn service(&mut self, service: u32) -> &mut ServiceBucket {
        &mut self.services[service as usize][self.current]
    }

    pub(super) fn changed(&mut self, edge: u32, whose: (u32, u32), change: Change) {
        let act = match change.to {
            State::Open { until } => Act::Opened { until: until.since(self.start) },
            State::ForcedOpen => Act::Opened { until: Time::NEVER.since(self.start) },
            State::HalfOpen => Act::HalfOpened,
            State::Closed | State::Disabled | State::MetricsOnly => Act::Closed,
        };
        self.heard.push(Heard { at: change.now.since(self.start), edge, whose, act });
    }

    pub(super) fn ejected(&mut self, edge: u32, client: u32, event: EjectionEvent) {
        let act = if matches!(event.change.to, HostState::Ejected(_)) { Act::Ejected } else { Act::Returned };
        let at = event.change.now.since(self.start);
        self.heard.push(Heard { at, edge, whose: (client, event.host as u32), act });
    }
}

#[cfg(test)]
mod tests {
    use super::{Latencies, class_of, top_of};
    use crate::time::Span;

    #[test]
    fn a_class_holds_what_it_is_the_class_of_and_is_narrower_than_two_percent() {
        for nanos in [0, 1, 127, 128, 129, 1_000, 123_456_789, u64::MAX / 2, u64::MAX] {
            let top = top_of(class_of(nanos));
            assert!(top >= nanos && top as f64 <= nanos as f64 * 1.0157 + 1.0, "{nanos} in {top}");
            assert!(top == u64::MAX || class_of(top + 1) > class_of(nanos), "{nanos}");
        }
    }

    #[test]
    fn quantiles_are_those_of_the_sorted_lengths_within_a_class() {
        let mut latencies = Latencies::default();
        (1..=1_000).for_each(|millis| latencies.record(Span::from_millis(millis)));
        for (share, exact) in [(0.5, 0.5), (0.99, 0.99), (1.0, 1.0)] {
            let found = latencies.quantile_s(share).unwrap();
            assert!((exact..=exact * 1.0157).contains(&found), "{share}: {found}");
        }
        assert_eq!(latencies.mean_s(), Some(0.5005));
        assert_eq!(latencies.max_s(), Some(1.0));
        assert_eq!(Latencies::default().quantile_s(0.5), None);
    }
}
