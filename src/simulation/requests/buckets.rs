//! What happened to everybody, bucket by bucket.
//!
//! Either all buckets of a trial are kept, or the one in progress and the last. Whoever runs the trial says when one ends:
//! before anything happens at that instant. Time that breakers refuse is told at both its ends, which may lie in different
//! buckets: each gets its part.

use std::collections::BTreeMap;

use super::latencies::Latencies;
use super::state::{Answer, Quality};
use crate::time::{Span, Time};

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
    /// Time that its breakers refused, all of them together.
    pub open: Span,
}

/// A breaker: its edge, the caller's client, its target.
type Breaker = (u32, (u32, u32));

/// How many of whom are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subjects {
    /// All users, groups and classes.
    pub users: usize,
    /// Services.
    pub services: usize,
    /// Edges.
    pub calls: usize,
    /// Pools.
    pub pools: usize,
}

/// The buckets of a trial, or the last of them.
#[derive(Clone, Debug, PartialEq)]
pub struct Buckets {
    every: Span,
    /// The trial ends so long after its start, and its last bucket with it.
    length: Span,
    start: Time,
    /// Of the bucket in progress.
    number: u64,
    /// Where that is kept.
    current: usize,
    /// How many are kept.
    kept: usize,
    /// Are lengths of time kept too?
    lengths: bool,
    /// Breakers that refuse: from then, or the begin of the bucket, and until when.
    refusing: BTreeMap<Breaker, (Time, Time)>,
    /// All users, then by group, then by class: by bucket.
    pub users: Vec<Vec<UserBucket>>,
    /// By service, by bucket.
    pub services: Vec<Vec<ServiceBucket>>,
    /// By edge, by bucket.
    pub calls: Vec<Vec<CallBucket>>,
    /// By pool, by bucket: attempts sent to it.
    pub pools: Vec<Vec<u64>>,
}

impl Buckets {
    /// All buckets of `every`, more than zero, in `length`.
    pub fn all(every: Span, length: Span, subjects: Subjects) -> Buckets {
        let kept = length.as_nanos().div_ceil(every.as_nanos().max(1)) as usize;
        Buckets::keeping(kept, (every, length), subjects, true)
    }

    /// The bucket in progress and the last; `lengths` of time are kept if somebody asks.
    pub fn last(every: Span, subjects: Subjects, lengths: bool) -> Buckets {
        Buckets::keeping(2, (every, Span::MAX), subjects, lengths)
    }

    fn keeping(kept: usize, (every, length): (Span, Span), subjects: Subjects, lengths: bool) -> Buckets {
        Buckets {
            every,
            length,
            start: Time::ZERO,
            number: 0,
            current: 0,
            kept,
            lengths,
            refusing: BTreeMap::new(),
            users: vec![vec![UserBucket::default(); kept]; subjects.users],
            services: vec![vec![ServiceBucket::default(); kept]; subjects.services],
            calls: vec![vec![CallBucket::default(); kept]; subjects.calls],
            pools: vec![vec![0; kept]; subjects.pools],
        }
    }

    /// Nothing yet: counting begins at `start`.
    pub(super) fn begin(&mut self, start: Time) {
        (self.start, self.number, self.current) = (start, 0, 0);
        self.refusing.clear();
        (0..self.kept).for_each(|place| self.empty(place));
    }

    /// The end of the bucket in progress.
    pub(super) fn end(&self) -> Time {
        self.start + self.every * (self.number + 1)
    }

    /// The bucket in progress is over, and the next begins.
    pub(super) fn turn(&mut self) {
        self.settle(self.end());
        self.number += 1;
        self.current = (self.number % self.kept as u64) as usize;
        if self.number >= self.kept as u64 {
            self.empty(self.current);
        }
    }

    /// Where the bucket is kept that was over last, if one was.
    pub fn last_over(&self) -> Option<usize> {
        Some((self.number.checked_sub(1)? % self.kept as u64) as usize)
    }

    /// How many buckets are kept.
    pub fn count(&self) -> usize {
        self.kept
    }

    /// Length of the bucket with this number in seconds; the last of a trial may be cut short.
    pub fn width_s(&self, number: usize) -> f64 {
        let from = self.every * number as u64;
        (from + self.every).min(self.length).saturating_sub(from).as_secs_f64()
    }

    fn empty(&mut self, place: usize) {
        self.users.iter_mut().for_each(|buckets| buckets[place] = UserBucket::default());
        self.services.iter_mut().for_each(|buckets| buckets[place] = ServiceBucket::default());
        self.calls.iter_mut().for_each(|buckets| buckets[place] = CallBucket::default());
        self.pools.iter_mut().for_each(|buckets| buckets[place] = 0);
    }

    /// A request of these users has come.
    pub(super) fn arrived(&mut self, subjects: [usize; 3]) {
        for subject in subjects {
            self.users[subject][self.current].arrived += 1;
        }
    }

    /// A request of these users has ended after so long.
    pub(super) fn answered(&mut self, subjects: [usize; 3], latency: Span, answer: Answer) {
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
            if self.lengths {
                bucket.latency.record(latency);
            }
        }
    }

    /// An attempt over the edge was answered well after so long.
    pub(super) fn took(&mut self, edge: u32, latency: Span) {
        if self.lengths {
            self.call(edge).latency.record(latency);
        }
    }

    /// An attempt has waited so long at a node of the service.
    pub(super) fn waited(&mut self, service: u32, wait: Span) {
        if self.lengths {
            self.service(service).queue.record(wait);
        }
    }

    /// An attempt goes out to the pool.
    pub(super) fn sent(&mut self, pool: u32) {
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

    /// The breaker refuses from now on until then, or (none) refuses no more.
    pub(super) fn refuses(&mut self, now: Time, breaker: Breaker, until: Option<Time>) {
        if let Some((from, end)) = self.refusing.remove(&breaker) {
            self.call(breaker.0).open += end.min(now).since(from);
        }
        if let Some(until) = until {
            self.refusing.insert(breaker, (now, until));
        }
    }

    /// What breakers have refused until `end` belongs to the bucket in progress. One that is open but whose time is up
    /// refuses nobody: it waits for a call.
    pub(super) fn settle(&mut self, end: Time) {
        let current = self.current;
        for ((edge, _), (from, until)) in &mut self.refusing {
            self.calls[*edge as usize][current].open += end.min(*until).since(*from);
            *from = end;
        }
        self.refusing.retain(|_, (from, until)| from < until);
    }
}
