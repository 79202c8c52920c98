//! What is counted of requests: of users by group and class, of services, of calls.
//!
//! Failures belong to the second in which the request came. Latencies are those of answered requests
//! ([`Lengths`]); everything else is an integer.

use std::collections::BTreeMap;

use super::breakers::{BreakerEar, united};
use super::journal::Journal;
use super::lengths::Lengths;
use super::plan::RequestPlan;
use super::record::Recorder;
use super::state::{About, Answer, Id, Quality, Request};
use crate::resilience::saga::SagaEnd;
use crate::time::{Span, Time};

/// Requests of all users, of a group or of a class.
#[derive(Clone, Debug, PartialEq)]
pub struct UserTally {
    /// Requests that came.
    pub arrived: u64,
    /// Answered in full.
    pub full: u64,
    /// Answered by a tier.
    pub degraded: u64,
    /// Failed, by class of error.
    pub failed: [u64; ERRORS],
    /// Latency of the answered ones.
    pub latency: Lengths,
    /// Transactions completed, undone, stuck.
    pub sagas: [u64; 3],
}

/// Classes of errors.
pub const ERRORS: usize = 8;

impl UserTally {
    fn new() -> Self {
        UserTally { arrived: 0, full: 0, degraded: 0, failed: [0; ERRORS], latency: Lengths::new(), sagas: [0; 3] }
    }

    fn reset(&mut self) {
        (self.arrived, self.full, self.degraded, self.failed) = (0, 0, 0, [0; ERRORS]);
        self.sagas = [0; 3];
        self.latency.reset();
    }

    /// The requests of a group too, but for their latencies and transactions.
    fn add_counts(&mut self, group: &UserTally) {
        self.arrived += group.arrived;
        self.full += group.full;
        self.degraded += group.degraded;
        self.failed.iter_mut().zip(group.failed).for_each(|(sum, more)| *sum += more);
    }

    #[inline]
    fn answered(&mut self, answer: Answer) {
        match answer {
            Ok(Quality::Full) => self.full += 1,
            Ok(Quality::Degraded) => self.degraded += 1,
            Err(class) => self.failed[class as usize] += 1,
        }
    }

    /// Failed requests of all classes.
    pub fn failures(&self) -> u64 {
        self.failed.iter().sum()
    }

    /// Requests without an answer yet.
    pub fn in_flight(&self) -> u64 {
        self.arrived - self.full - self.degraded - self.failures()
    }
}

/// Attempts at the nodes of a service.
#[derive(Clone, Debug, PartialEq)]
pub struct ServiceTally {
    /// Attempts that reached a node.
    pub attempts: u64,
    /// Refused for load, or dropped from the queue.
    pub shed: u64,
    /// Left the queue out of time.
    pub left: u64,
    /// Begun to work.
    pub started: u64,
    /// Of these, after a wait.
    pub waited: u64,
    /// Wait for a slot, of those that began.
    pub queue: Lengths,
}

/// Calls over one edge.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CallTally {
    /// Calls begun.
    pub calls: u64,
    /// Calls answered, by a tier too.
    pub answered: u64,
    /// Calls failed.
    pub failed: u64,
    /// Attempts sent, and those that found nobody to be sent to; not what an own policy refused.
    pub attempts: u64,
    /// Attempts beyond the first.
    pub retries: u64,
    /// Attempts that ran beside another.
    pub hedged: u64,
    /// Attempts answered well.
    pub well: u64,
    /// Attempts that failed at the callee or on the way.
    pub bad: u64,
    /// Attempts given up: timed out, or not wanted any more.
    pub given_up: u64,
    /// Attempts refused by an own policy, and so never sent; a retry or a tier may still answer the call.
    pub rejected: u64,
    /// Calls answered by each tier.
    pub tiers: Vec<u64>,
    /// Breakers opened.
    pub opened: u64,
    /// Nodes ejected.
    pub ejected: u64,
    /// Time that breakers were open, over all of them.
    pub open: Span,
    /// Number of breakers.
    pub breakers: u64,
    /// When a breaker first opened, from the start of the trial.
    pub first_opened: Option<Span>,
    /// When one last closed, from the start of the trial.
    pub last_closed: Option<Span>,
}

/// Requests, answered in full, answered by a tier: of those that came in one second.
pub type Second = [u32; 3];

/// What a trial has counted.
#[derive(Clone, Debug, PartialEq)]
pub struct RequestOutcome {
    /// All users, then by group, then by class.
    pub users: Vec<UserTally>,
    /// By service.
    pub services: Vec<ServiceTally>,
    /// By edge.
    pub calls: Vec<CallTally>,
    /// Of all users, then by group: by second of arrival.
    pub seconds: Vec<Vec<Second>>,
    /// Events that changed the state of requests.
    pub events: u64,
    /// Length of the trial.
    pub length: Span,
    /// Spans in which a breaker was open, ascending, none touching another.
    pub open: Vec<(Time, Time)>,
}

/// The counts of a trial in progress.
#[derive(Clone, Debug)]
pub struct Tally {
    users: Vec<UserTally>,
    services: Vec<ServiceTally>,
    calls: Vec<CallTally>,
    seconds: Vec<Vec<Second>>,
    groups: usize,
    start: Time,
    /// By client: when it last had a full answer.
    fresh: Vec<Time>,
    /// Open breakers: since when.
    open: BTreeMap<(u32, u32), Time>,
    /// Spans in which one was open, as they ended.
    spans: Vec<(Time, Time)>,
    /// Who wants to know more than sums.
    pub recorder: Option<Box<Recorder>>,
}

impl Tally {
    /// Nothing counted.
    pub fn new(plan: &RequestPlan) -> Self {
        let call = |edge: &super::plan::EdgePlan| CallTally {
            tiers: vec![0; edge.tiers.len()],
            breakers: edge.breakers(plan),
            ..CallTally::default()
        };
        let service = ServiceTally { attempts: 0, shed: 0, left: 0, started: 0, waited: 0, queue: Lengths::new() };
        let seconds = plan.horizon.as_nanos().div_ceil(Span::SECOND.as_nanos()) as usize;
        Tally {
            users: vec![UserTally::new(); 1 + plan.groups.len() + plan.classes.len()],
            services: vec![service; plan.services.len()],
            calls: plan.edges.iter().map(call).collect(),
            seconds: vec![vec![[0; 3]; seconds]; 1 + plan.groups.len()],
            groups: plan.groups.len(),
            start: Time::ZERO,
            fresh: vec![Time::NEVER; plan.clients as usize],
            open: BTreeMap::new(),
            spans: Vec::new(),
            recorder: None,
        }
    }

    /// Nothing counted, from `start` on.
    pub fn reset(&mut self, start: Time) {
        self.start = start;
        if let Some(recorder) = &mut self.recorder {
            recorder.begin(start);
        }
        self.users.iter_mut().for_each(UserTally::reset);
        for service in &mut self.services {
            service.queue.reset();
            (service.attempts, service.shed, service.left, service.started, service.waited) = (0, 0, 0, 0, 0);
        }
        for call in &mut self.calls {
            let mut tiers = std::mem::take(&mut call.tiers);
            tiers.fill(0);
            *call = CallTally { tiers, breakers: call.breakers, ..CallTally::default() };
        }
        self.seconds.iter_mut().for_each(|seconds| seconds.fill([0; 3]));
        self.fresh.fill(Time::NEVER);
        self.open.clear();
        self.spans.clear();
    }

    /// The counts at `end`.
    pub fn finish(&mut self, end: Time, plan: &RequestPlan, events: u64) -> RequestOutcome {
        for (&(client, _), &since) in &self.open {
            let edge = plan.edges.partition_point(|edge| edge.first_client <= client) - 1;
            self.calls[edge].open += end.since(since);
            self.spans.push((since, end));
        }
        self.sum_up();
        RequestOutcome {
            users: self.users.clone(),
            services: self.services.clone(),
            calls: self.calls.clone(),
            seconds: self.seconds.clone(),
            events,
            length: end.since(self.start),
            open: united(&mut self.spans),
        }
    }

    /// Requests are counted by group and by class; all together they are the sum of the groups.
    /// Latencies are recorded by class if there is one group, by group if there is one class, else by both; the others
    /// are sums of these.
    fn sum_up(&mut self) {
        let (all, rest) = self.users.split_at_mut(1);
        let (groups, classes) = rest.split_at_mut(self.groups);
        for group in groups.iter() {
            all[0].add_counts(group);
        }
        let (all_seconds, of_groups) = self.seconds.split_at_mut(1);
        for (index, sum) in all_seconds[0].iter_mut().enumerate() {
            for seconds in of_groups.iter() {
                let of_group = seconds.get(index).copied().unwrap_or_default();
                sum.iter_mut().zip(of_group).for_each(|(sum, more)| *sum += more);
            }
        }
        let parts: &[UserTally] = if groups.len() == 1 { classes } else { groups };
        for part in parts {
            all[0].latency.add(&part.latency);
        }
        if groups.len() == 1 {
            groups[0].latency.add(&all[0].latency);
        } else if classes.len() == 1 {
            classes[0].latency.add(&all[0].latency);
        }
        self.users.iter_mut().for_each(|user| user.latency.settle());
        self.services.iter_mut().for_each(|service| service.queue.settle());
    }

    #[inline]
    fn second(&self, at: Time) -> usize {
        (at.since(self.start).as_nanos() / Span::SECOND.as_nanos()) as usize
    }

    /// A request has come.
    #[inline]
    pub fn arrived(&mut self, now: Time, id: Id, request: &Request) {
        let second = self.second(now);
        let group = 1 + request.group as usize;
        self.users[group].arrived += 1;
        if let Some(second) = self.seconds[group].get_mut(second) {
            second[0] += 1;
        }
        let class = 1 + self.groups + request.class as usize;
        self.users[class].arrived += 1;
        if let Some(recorder) = &mut self.recorder {
            recorder.arrived(now, (id, request), [0, group, class]);
        }
    }

    /// A request has its answer.
    #[inline]
    pub fn answered(&mut self, now: Time, (id, request): (Id, &Request), answer: Answer) {
        let second = self.second(request.arrived);
        let latency = now.since(request.arrived);
        let [group, class] = [1 + request.group as usize, 1 + self.groups + request.class as usize];
        for subject in [group, class] {
            self.users[subject].answered(answer);
        }
        if let Some(recorder) = &mut self.recorder {
            recorder.answered(now, (id, request), [0, group, class], answer);
        }
        let Ok(quality) = answer else { return };
        // one histogram where it says all; finish() sums up
        if self.groups > 1 {
            self.users[group].latency.record(latency);
        }
        if self.groups == 1 || self.users.len() - 1 - self.groups > 1 {
            self.users[class].latency.record(latency);
        }
        let place = if quality == Quality::Full { 1 } else { 2 };
        if let Some(second) = self.seconds[group].get_mut(second) {
            second[place] += 1;
        }
    }

    /// Who wants to know of single requests.
    #[inline]
    pub fn journal(&mut self) -> Option<&mut Journal> {
        self.recorder.as_mut()?.journal.as_mut()
    }

    /// A call begins.
    #[inline]
    pub fn called(&mut self, edge: u32) {
        self.calls[edge as usize].calls += 1;
    }

    /// A call is over.
    #[inline]
    pub fn call_over(&mut self, now: Time, about: &About, answer: Answer) {
        let call = &mut self.calls[about.edge as usize];
        if answer.is_ok() {
            call.answered += 1;
        } else {
            call.failed += 1;
        }
        if let Some(recorder) = &mut self.recorder {
            recorder.call_over(now, about, answer);
        }
    }

    /// An attempt is made.
    #[inline]
    pub fn attempted(&mut self, edge: u32) {
        self.calls[edge as usize].attempts += 1;
        if let Some(recorder) = &mut self.recorder {
            recorder.call(edge).attempts += 1;
        }
    }

    /// It is not the first.
    pub fn retried(&mut self, edge: u32) {
        self.calls[edge as usize].retries += 1;
        if let Some(recorder) = &mut self.recorder {
            recorder.call(edge).retries += 1;
        }
    }

    /// It runs beside another.
    pub fn hedged(&mut self, edge: u32) {
        self.calls[edge as usize].hedged += 1;
    }

    /// An attempt, named by its request and itself, has ended.
    #[inline]
    pub fn attempt_over(&mut self, now: Time, edge: u32, names: (Id, Id), answer: Answer, took: Span) {
        let call = &mut self.calls[edge as usize];
        if answer.is_ok() {
            call.well += 1;
        } else {
            call.bad += 1;
        }
        if let Some(recorder) = &mut self.recorder {
            recorder.attempt_over(now, edge, names, answer, took);
        }
    }

    /// An attempt is no longer waited for.
    pub fn gave_up(&mut self, edge: u32) {
        self.calls[edge as usize].given_up += 1;
    }

    /// A tier has answered.
    pub fn fell(&mut self, edge: u32, tier: usize) {
        self.calls[edge as usize].tiers[tier] += 1;
    }

    /// An attempt, named by its request and itself, reaches a node.
    #[inline]
    pub fn reached(&mut self, now: Time, service: u32, names: (Id, Id)) {
        self.services[service as usize].attempts += 1;
        if let Some(recorder) = &mut self.recorder {
            recorder.reached(now, service, names);
        }
    }

    /// An attempt is refused for load.
    pub fn shed(&mut self, service: u32) {
        self.services[service as usize].shed += 1;
        if let Some(recorder) = &mut self.recorder {
            recorder.service(service).shed += 1;
        }
    }

    /// An attempt has left the queue.
    pub fn left_queue(&mut self, service: u32) {
        self.services[service as usize].left += 1;
    }

    /// An attempt, named by its request and itself, begins to work after a wait.
    #[inline]
    pub fn started(&mut self, now: Time, service: u32, names: (Id, Id), wait: Span) {
        if let Some(recorder) = &mut self.recorder {
            recorder.started(now, service, names, wait);
        }
        let service = &mut self.services[service as usize];
        service.started += 1;
        service.waited += u64::from(!wait.is_zero());
        service.queue.record(wait);
    }

    /// A transaction of a class has ended.
    pub fn saga(&mut self, class: u32, end: SagaEnd) {
        let place = match end {
            SagaEnd::Completed => 0,
            SagaEnd::Compensated => 1,
            SagaEnd::Stuck => 2,
        };
        for subject in [0, 1 + self.groups + class as usize] {
            self.users[subject].sagas[place] += 1;
        }
    }

    /// A client has had a full answer.
    #[inline]
    pub fn fresh(&mut self, now: Time, client: u32) {
        self.fresh[client as usize] = now;
    }

    /// Age of the client's last full answer.
    #[inline]
    pub fn age(&self, now: Time, client: u32) -> Option<Span> {
        Some(self.fresh[client as usize]).filter(|&at| at < Time::NEVER).map(|at| now.since(at))
    }

    /// Who hears the breakers of a client of an edge.
    #[inline]
    pub fn breakers(&mut self, edge: u32, client: u32) -> BreakerEar<'_> {
        let (call, open, spans) = (&mut self.calls[edge as usize], &mut self.open, &mut self.spans);
        let recorder = self.recorder.as_deref_mut();
        BreakerEar { call, open, spans, recorder, edge, client, start: self.start }
    }
}
