//! A finer record of one trial, for experiments and for people who act: what happened bucket by bucket, and what the
//! policies did when.
//!
//! A `Tally` keeps sums over the trial; with a [`Recorder`] in it, it also tells this one. Everything
//! belongs to the bucket in which it happened, answers too, so that a fault shows in no bucket that was over before it.
//! An experiment wants a [`Record`]; people who act look at the last of its seconds, and at nothing else. Quantiles are to
//! one in a hundred: classes of a logarithmic histogram. Plain runs have no recorder and pay one branch a count.

use super::buckets::{Buckets, CallBucket, ServiceBucket};
use super::journal::Journal;
use super::state::{About, Answer, Id, Origin, Request};
use crate::resilience::circuit_breaker::{Change, State};
use crate::resilience::outlier_ejection::{EjectionEvent, HostState};
use crate::time::{Span, Time};

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
pub struct Record {
    /// Bucket by bucket.
    pub buckets: Buckets,
    /// What policies did, in order.
    pub heard: Vec<Heard>,
    /// Single requests, if they are wanted.
    pub journal: Option<Journal>,
}

impl Record {
    /// Nothing yet.
    pub const fn new(buckets: Buckets) -> Record {
        Record { buckets, heard: Vec::new(), journal: None }
    }
}

/// Who is told of a trial.
#[derive(Clone, Debug, Default)]
pub struct Recorder {
    start: Time,
    /// Does nobody want to know of services and calls?
    users_only: bool,
    /// What is kept of the whole of it.
    pub record: Option<Record>,
    /// What people who act look at.
    pub seconds: Option<Buckets>,
}

impl Recorder {
    /// Nothing but these seconds is kept, and perhaps nothing but users in them.
    pub fn of_seconds(seconds: Buckets, users_only: bool) -> Recorder {
        Recorder { users_only, seconds: Some(seconds), ..Recorder::default() }
    }

    /// The whole trial is kept too.
    pub(super) fn keep(&mut self, record: Record) {
        (self.record, self.users_only) = (Some(record), false);
    }

    /// Those who keep buckets.
    fn all(&mut self) -> impl Iterator<Item = &mut Buckets> {
        self.record.iter_mut().map(|record| &mut record.buckets).chain(&mut self.seconds)
    }

    /// Counting begins at `start`, in the first bucket.
    pub(super) fn begin(&mut self, start: Time) {
        self.start = start;
        self.all().for_each(|buckets| buckets.begin(start));
        if let Some(record) = &mut self.record {
            record.heard.clear();
        }
        if let Some(journal) = self.journal() {
            journal.begin(start);
        }
    }

    /// The run-in is over: who keeps the whole trial begins anew at `start`; people who act have seen what they have seen.
    pub(super) fn begin_counting(&mut self, start: Time) {
        self.start = start;
        let Some(record) = &mut self.record else { return };
        record.buckets.begin_counting(start);
        record.heard.clear();
        if let Some(journal) = &mut record.journal {
            journal.begin(start);
        }
    }

    /// The end of a bucket that is the next to end, if there are any.
    pub(super) fn next_end(&mut self) -> Option<Time> {
        self.all().map(|buckets| buckets.end()).min()
    }

    /// Buckets that end at this instant are over.
    pub(super) fn turn(&mut self, now: Time) {
        self.all().filter(|buckets| buckets.end() == now).for_each(Buckets::turn);
    }

    /// The trial is over.
    pub(super) fn close(&mut self, end: Time) {
        self.all().for_each(|buckets| buckets.settle(end));
    }

    /// Who wants to know of single requests.
    #[inline]
    pub(super) fn journal(&mut self) -> Option<&mut Journal> {
        self.record.as_mut()?.journal.as_mut()
    }

    #[cold]
    pub(super) fn arrived(&mut self, now: Time, (id, request): (Id, &Request), subjects: [usize; 3]) {
        if let Some(journal) = self.journal() {
            journal.arrived(now, id, request);
        }
        self.all().for_each(|buckets| buckets.arrived(subjects));
    }

    #[cold]
    pub(super) fn answered(&mut self, now: Time, (id, request): (Id, &Request), subjects: [usize; 3], answer: Answer) {
        if let Some(journal) = self.journal() {
            journal.answered(now, id, answer);
        }
        let latency = now.since(request.arrived);
        self.all().for_each(|buckets| buckets.answered(subjects, latency, answer));
    }

    #[cold]
    pub(super) fn call_over(&mut self, now: Time, about: &About, answer: Answer) {
        if self.users_only {
            return;
        }
        if let Some(journal) = self.journal() {
            journal.call_over(now, about, answer);
        }
        self.call(about.edge, |call| if answer.is_ok() { call.answered += 1 } else { call.failed += 1 });
    }

    /// An attempt, named by its request and itself, has ended after so long.
    #[cold]
    pub(super) fn attempt_over(&mut self, now: Time, edge: u32, names: (Id, Id), answer: Answer, took: Span) {
        if self.users_only {
            return;
        }
        if let Some(journal) = self.journal() {
            journal.attempt_over(now, names, answer);
        }
        if answer.is_ok() {
            self.all().for_each(|buckets| buckets.took(edge, took));
        }
    }

    #[cold]
    pub(super) fn reached(&mut self, now: Time, service: u32, names: (Id, Id)) {
        if self.users_only {
            return;
        }
        if let Some(journal) = self.journal() {
            journal.reached(now, names);
        }
        self.service(service, |service| service.attempts += 1);
    }

    #[cold]
    pub(super) fn started(&mut self, now: Time, service: u32, names: (Id, Id), wait: Span) {
        if self.users_only {
            return;
        }
        if let Some(journal) = self.journal() {
            journal.started(now, names);
        }
        self.all().for_each(|buckets| buckets.waited(service, wait));
    }

    /// An attempt goes out to a node of the pool.
    #[cold]
    pub(super) fn sent(&mut self, now: Time, id: Id, (node, pool): (u32, u32), whose: (&About, Origin)) {
        if self.users_only {
            return;
        }
        if let Some(journal) = self.journal() {
            journal.sent(now, id, node, whose);
        }
        self.all().for_each(|buckets| buckets.sent(pool));
    }

    /// Counts something of an edge.
    #[cold]
    pub(super) fn call(&mut self, edge: u32, count: impl Fn(&mut CallBucket)) {
        if self.users_only {
            return;
        }
        self.all().for_each(|buckets| count(buckets.call(edge)));
    }

    /// Counts something of a service.
    #[cold]
    pub(super) fn service(&mut self, service: u32, count: impl Fn(&mut ServiceBucket)) {
        if self.users_only {
            return;
        }
        self.all().for_each(|buckets| count(buckets.service(service)));
    }

    pub(super) fn changed(&mut self, edge: u32, whose: (u32, u32), change: Change) {
        let act = match change.to {
            State::Open { until } => Act::Opened { until: until.since(self.start) },
            State::ForcedOpen => Act::Opened { until: Time::NEVER.since(self.start) },
            State::HalfOpen => Act::HalfOpened,
            State::Closed | State::Disabled | State::MetricsOnly => Act::Closed,
        };
        let refuses = match act {
            Act::Opened { until } => Some(self.start + until),
            Act::HalfOpened | Act::Closed | Act::Ejected | Act::Returned => None,
        };
        self.all().for_each(|buckets| buckets.refuses(change.now, (edge, whose), refuses));
        let at = change.now.since(self.start);
        if let Some(record) = &mut self.record {
            record.heard.push(Heard { at, edge, whose, act });
        }
    }

    pub(super) fn ejected(&mut self, edge: u32, client: u32, event: EjectionEvent) {
        let act = if matches!(event.change.to, HostState::Ejected(_)) { Act::Ejected } else { Act::Returned };
        let at = event.change.now.since(self.start);
        if let Some(record) = &mut self.record {
            record.heard.push(Heard { at, edge, whose: (client, event.host as u32), act });
        }
    }
}
