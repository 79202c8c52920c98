//! What is counted of requests: of users by group and class, of services, of calls.
//!
//! How a request ended belongs to the second in which it came. Latencies are those of answered requests
//! ([`Lengths`]); everything else is an integer.

use std::collections::BTreeMap;

use super::breakers::{BreakerEar, united};
use super::buckets::Buckets;
use super::journal::Journal;
use super::lengths::Lengths;
use super::outcome::{CallTally, RequestOutcome, Second, ServiceTally, UserTally};
use super::plan::RequestPlan;
use super::record::Recorder;
use super::state::{About, Answer, Id, Logical, Quality, Request};
use crate::resilience::ErrorClass;
use crate::resilience::pipeline::CallResult;
use crate::resilience::saga::SagaEnd;
use crate::time::{Span, Time};

/// While requests run in, their last second has this place; all that comes before is thrown together.
const LAST: usize = 1;

/// The counts of a trial in progress.
#[derive(Clone, Debug)]
pub struct Tally {
    users: Vec<UserTally>,
    services: Vec<ServiceTally>,
    calls: Vec<CallTally>,
    seconds: Vec<Vec<Second>>,
    /// The same of the second before counting began.
    before: Vec<Second>,
    groups: usize,
    /// Are requests counted by group, by class? Both, if there are several of each; else one is the sum of the others.
    by_group: bool,
    by_class: bool,
    start: Time,
    /// By client: when it last had a full answer; of nobody if nothing has tiers.
    fresh: Vec<Time>,
    /// Open breakers: since when.
    open: BTreeMap<(u32, u32), Time>,
    /// Spans in which one was open, as they ended.
    spans: Vec<(Time, Time)>,
    /// Since when something has been broken, if it is.
    broken: Option<Time>,
    /// Spans in which something was, as they ended.
    broken_spans: Vec<(Time, Time)>,
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
        let service = ServiceTally { attempts: 0, shed: 0, left: 0, started: 0, waited: 0, queue: Lengths::counting() };
        let tiers = plan.edges.iter().any(|edge| !edge.tiers.is_empty());
        let seconds = plan.horizon.as_nanos().div_ceil(Span::SECOND.as_nanos()) as usize;
        Tally {
            users: vec![UserTally::new(); 1 + plan.groups.len() + plan.classes.len()],
            services: vec![service; plan.services.len()],
            calls: plan.edges.iter().map(call).collect(),
            seconds: vec![vec![[0; 3]; seconds]; 1 + plan.groups.len()],
            before: vec![[0; 3]; 1 + plan.groups.len()],
            groups: plan.groups.len(),
            by_group: plan.groups.len() > 1,
            by_class: plan.groups.len() == 1 || plan.classes.len() > 1,
            start: Time::ZERO,
            fresh: if tiers { vec![Time::NEVER; plan.clients as usize] } else { Vec::new() },
            open: BTreeMap::new(),
            spans: Vec::new(),
            broken: None,
            broken_spans: Vec::new(),
            recorder: plan.looker().map(Box::new),
        }
    }

    /// Nothing counted, from `start` on, and nothing known of before. After a run-in nothing counts but its last second.
    pub fn reset(&mut self, plan: &RequestPlan, begun: Time, start: Time) {
        if let Some(recorder) = &mut self.recorder {
            recorder.begin(begun);
        }
        let start = if plan.run_in.is_zero() { start } else { start.before(Span::SECOND * (1 + LAST as u64)) };
        self.before.fill([0; 3]);
        self.fresh.fill(Time::NEVER);
        self.open.clear();
        self.broken = None;
        self.count_anew(plan, start);
    }

    /// Remember how the last second of the run-in went.
    pub fn end_run_in(&mut self) {
        let (all, groups) = self.before.split_at_mut(1);
        for (before, seconds) in groups.iter_mut().zip(&self.seconds[1..]) {
            *before = seconds.get(LAST).copied().unwrap_or_default();
            all[0].iter_mut().zip(*before).for_each(|(sum, more)| *sum += more);
        }
    }

    /// Nothing counted, from `start` on. Whoever had a full answer has had it, and what is open is so from now on.
    pub fn count_anew(&mut self, plan: &RequestPlan, start: Time) {
        self.start = start;
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
        self.spans.clear();
        self.broken = self.broken.map(|_| start);
        self.broken_spans.clear();
        for (&(client, _), since) in &mut self.open {
            *since = start;
            self.calls[edge_of(plan, client)].first_opened = Some(Span::ZERO);
        }
    }

    /// The structure is broken, or whole, from `now` on.
    pub fn structure(&mut self, now: Time, broken: bool) {
        match (self.broken, broken) {
            (None, true) => self.broken = Some(now),
            (Some(since), false) => {
                self.broken_spans.push((since, now));
                self.broken = None;
            }
            (None, false) | (Some(_), true) => {}
        }
    }

    /// The counts at `end`.
    pub fn finish(&mut self, end: Time, plan: &RequestPlan, events: u64) -> RequestOutcome {
        for (&(client, _), &since) in &self.open {
            self.calls[edge_of(plan, client)].open += end.since(since);
            self.spans.push((since, end));
        }
        self.structure(end, false);
        self.sum_up();
        RequestOutcome {
            users: self.users.iter_mut().map(UserTally::told).collect(),
            services: self.services.iter_mut().map(ServiceTally::told).collect(),
            calls: self.calls.clone(),
            seconds: self.seconds.clone(),
            before: self.before.clone(),
            events,
            length: end.since(self.start),
            open: united(&mut self.spans),
            broken: united(&mut self.broken_spans),
        }
    }

    /// What was counted once, where that says all, is said of the others.
    fn sum_up(&mut self) {
        self.users.iter_mut().for_each(|user| user.latency.settle());
        self.services.iter_mut().for_each(|service| service.queue.settle());
        let (all, rest) = self.users.split_at_mut(1);
        let (groups, classes) = rest.split_at_mut(self.groups);
        let parts: &[UserTally] = if self.by_group { groups } else { classes };
        for part in parts {
            all[0].add(part);
        }
        if !self.by_group {
            groups[0].add(&all[0]);
        } else if !self.by_class {
            classes[0].add(&all[0]);
        }
        let (all_seconds, of_groups) = self.seconds.split_at_mut(1);
        for (index, sum) in all_seconds[0].iter_mut().enumerate() {
            for seconds in of_groups.iter() {
                let of_group = seconds.get(index).copied().unwrap_or_default();
                sum.iter_mut().zip(of_group).for_each(|(sum, more)| *sum += more);
            }
        }
    }

    #[inline]
    fn second(&self, at: Time) -> usize {
        (at.since(self.start).as_nanos() / Span::SECOND.as_nanos()) as usize
    }

    /// The buckets of those who keep the whole trial.
    fn record(&mut self) -> Option<&mut Buckets> {
        Some(&mut self.recorder.as_mut()?.record.as_mut()?.buckets)
    }

    /// A request came before counting began, and is in flight.
    pub fn found(&mut self, request: &Request) {
        let [group, class] = self.users_of(request);
        self.users[group].arrived += u64::from(self.by_group);
        self.users[class].arrived += u64::from(self.by_class);
        if let Some(buckets) = self.record() {
            buckets.arrived([0, group, class]);
        }
        if let Some(journal) = self.journal() {
            journal.found();
        }
    }

    /// A call under policies began before.
    pub fn found_call(&mut self, edge: u32) {
        self.calls[edge as usize].calls += 1;
    }

    /// An attempt went out before, perhaps all there is of its call.
    pub fn found_attempt(&mut self, edge: u32, plain: bool) {
        let call = &mut self.calls[edge as usize];
        call.calls += u64::from(plain);
        call.attempts += 1;
        if let Some(buckets) = self.record() {
            buckets.call(edge).attempts += 1;
        }
    }

    /// An attempt has waited for a slot since before.
    pub fn found_waiting(&mut self, service: u32) {
        self.services[service as usize].attempts += 1;
        if let Some(buckets) = self.record() {
            buckets.service(service).attempts += 1;
        }
    }

    /// Where users of this request's group and of its class are kept.
    #[inline(always)]
    fn users_of(&self, request: &Request) -> [usize; 2] {
        [1 + request.group as usize, 1 + self.groups + request.class as usize]
    }

    /// A request has come.
    #[inline(always)]
    pub fn arrived(&mut self, now: Time, id: Id, request: &Request) {
        let [group, class] = self.users_of(request);
        if self.by_group {
            self.users[group].arrived += 1;
        }
        if self.by_class {
            self.users[class].arrived += 1;
        }
        if let Some(recorder) = &mut self.recorder {
            recorder.arrived(now, (id, request), [0, group, class]);
        }
    }

    /// A request has its answer.
    #[inline(always)]
    pub fn answered(&mut self, now: Time, (id, request): (Id, &Request), answer: Answer) {
        self.ended(request, now.since(request.arrived), answer);
        let [group, class] = self.users_of(request);
        if let Some(recorder) = &mut self.recorder {
            recorder.answered(now, (id, request), [0, group, class], answer);
        }
    }

    /// A request will never have an answer; no bucket hears of it, for it ends in none.
    pub fn forsaken(&mut self, request: &Request) {
        self.ended(request, Span::MAX, Err(ErrorClass::Timeout));
    }

    /// How a request ended, and after how long. One still in flight at the end says nothing about its second.
    #[inline(always)]
    fn ended(&mut self, request: &Request, latency: Span, answer: Answer) {
        let [group, class] = self.users_of(request);
        // once where that says all; finish() sums up
        if self.by_group {
            self.users[group].answered(answer, latency);
        }
        if self.by_class {
            self.users[class].answered(answer, latency);
        }
        let second = self.second(request.arrived);
        let Some(second) = self.seconds[group].get_mut(second) else { return };
        second[0] += 1;
        match answer {
            Ok(Quality::Full) => second[1] += 1,
            Ok(Quality::Degraded) => second[2] += 1,
            Err(_) => {}
        }
    }

    /// Who wants to know of single requests.
    #[inline]
    pub fn journal(&mut self) -> Option<&mut Journal> {
        self.recorder.as_mut()?.journal()
    }

    /// A call begins; without policies it is its only attempt.
    #[inline]
    pub fn called(&mut self, edge: u32, plain: bool) {
        let call = &mut self.calls[edge as usize];
        call.calls += 1;
        call.attempts += u64::from(plain);
        if let Some(recorder) = &mut self.recorder {
            recorder.call(edge, |call| call.attempts += u64::from(plain));
        }
    }

    /// A call under policies has its result; answers what that is worth.
    #[inline(always)]
    pub fn finished(&mut self, now: Time, logical: &Logical, result: CallResult) -> Answer {
        let about = &logical.about;
        let real = result.tier == 0;
        match result.result {
            Ok(()) if real => self.fresh(now, about.client),
            Ok(()) => self.fell(about.edge, result.tier - 1),
            Err(_) => {}
        }
        let quality = if real && !logical.degraded { Quality::Full } else { Quality::Degraded };
        result.result.map(|()| quality)
    }

    /// A call is over.
    #[inline]
    pub fn call_over(&mut self, now: Time, about: &About, answer: Answer) {
        self.calls[about.edge as usize].call_over(answer);
        if let Some(recorder) = &mut self.recorder {
            recorder.call_over(now, about, answer);
        }
    }

    /// An attempt is made.
    #[inline]
    pub fn attempted(&mut self, edge: u32) {
        self.calls[edge as usize].attempts += 1;
        if let Some(recorder) = &mut self.recorder {
            recorder.call(edge, |call| call.attempts += 1);
        }
    }

    /// It begins another round.
    pub fn retried(&mut self, edge: u32) {
        self.calls[edge as usize].retries += 1;
        if let Some(recorder) = &mut self.recorder {
            recorder.call(edge, |call| call.retries += 1);
        }
    }

    /// It is not the first of its round.
    pub fn hedged(&mut self, edge: u32) {
        self.calls[edge as usize].hedged += 1;
    }

    /// An attempt, named by its request and itself, has ended.
    #[inline]
    pub fn attempt_over(&mut self, now: Time, edge: u32, names: (Id, Id), answer: Answer, took: Span) {
        self.calls[edge as usize].attempt_over(answer);
        if let Some(recorder) = &mut self.recorder {
            recorder.attempt_over(now, edge, names, answer, took);
        }
    }

    /// The attempt of this name, which is all of its call, has ended.
    #[inline(always)]
    pub fn plain_over(&mut self, now: Time, about: &About, id: Id, answer: Answer, took: Span) {
        let call = &mut self.calls[about.edge as usize];
        call.attempt_over(answer);
        call.call_over(answer);
        if let Some(recorder) = &mut self.recorder {
            recorder.attempt_over(now, about.edge, (about.request, id), answer, took);
            recorder.call_over(now, about, answer);
        }
    }

    /// An attempt is no longer waited for.
    pub fn gave_up(&mut self, edge: u32) {
        self.calls[edge as usize].given_up += 1;
    }

    /// An attempt was refused by an own policy.
    pub fn rejected(&mut self, edge: u32) {
        self.calls[edge as usize].rejected += 1;
        if let Some(recorder) = &mut self.recorder {
            recorder.call(edge, |call| call.rejected += 1);
        }
    }

    /// A tier has answered.
    pub fn fell(&mut self, edge: u32, tier: usize) {
        self.calls[edge as usize].tiers[tier] += 1;
    }

    /// An attempt, named by its request and itself, reaches a node.
    #[inline(always)]
    pub fn reached(&mut self, now: Time, service: u32, names: (Id, Id)) {
        self.services[service as usize].attempts += 1;
        if let Some(recorder) = &mut self.recorder {
            recorder.reached(now, service, names);
        }
    }

    /// An attempt, named by its request and itself, reaches a node and begins to work at once.
    #[inline(always)]
    pub fn taken(&mut self, now: Time, service: u32, names: (Id, Id)) {
        let tally = &mut self.services[service as usize];
        tally.attempts += 1;
        tally.started += 1;
        tally.queue.record(Span::ZERO);
        if let Some(recorder) = &mut self.recorder {
            recorder.reached(now, service, names);
            recorder.started(now, service, names, Span::ZERO);
        }
    }

    /// An attempt is refused for load.
    pub fn shed(&mut self, service: u32) {
        self.services[service as usize].shed += 1;
        if let Some(recorder) = &mut self.recorder {
            recorder.service(service, |service| service.shed += 1);
        }
    }

    /// A request is turned away at the service that it would enter.
    pub fn turned_away(&mut self, service: u32) {
        self.services[service as usize].attempts += 1;
        if let Some(recorder) = &mut self.recorder {
            recorder.service(service, |service| service.attempts += 1);
        }
        self.shed(service);
    }

    /// An attempt has left the queue.
    pub fn left_queue(&mut self, service: u32) {
        self.services[service as usize].left += 1;
        if let Some(recorder) = &mut self.recorder {
            recorder.service(service, |service| service.shed += 1);
        }
    }

    /// An attempt, named by its request and itself, begins to work after a wait.
    #[inline(always)]
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
        if let Some(fresh) = self.fresh.get_mut(client as usize) {
            *fresh = now;
        }
    }

    /// Age of the client's last full answer.
    #[inline]
    pub fn age(&self, now: Time, client: u32) -> Option<Span> {
        self.fresh.get(client as usize).filter(|&&at| at < Time::NEVER).map(|&at| now.since(at))
    }

    /// Who hears the breakers of a client of an edge.
    #[inline]
    pub fn breakers(&mut self, edge: u32, client: u32) -> BreakerEar<'_> {
        let (call, open, spans) = (&mut self.calls[edge as usize], &mut self.open, &mut self.spans);
        let recorder = self.recorder.as_deref_mut();
        BreakerEar { call, open, spans, recorder, edge, client, start: self.start }
    }
}

/// The edge of a client.
fn edge_of(plan: &RequestPlan, client: u32) -> usize {
    plan.edges.partition_point(|edge| edge.first_client <= client) - 1
}
