//! Single requests, call by call and attempt by attempt, for traces.
//!
//! A [`Recorder`](super::record::Recorder) may carry a [`Journal`]; without one nothing is kept. It only listens: the
//! same draws are made and the same things happen. Whatever is told belongs to a request (`About::request`); of
//! requests that are not chosen nothing is kept beyond their end, so that a trial of millions costs what is in flight.
//! What is told stands out of line (`cold`), so that a run that tells nothing pays a branch at most.

use std::collections::{BTreeMap, BTreeSet};

use super::plan::RequestPlan;
use super::state::{About, Answer, Id, Origin, Owner, Quality, Request};
use crate::engine::streams::Numbered;
use crate::resilience::ErrorClass;
use crate::resilience::pipeline::{Gate, Waiter};
use crate::results::requests::{self as told, AttemptTrace, CallTrace, Ending, Failure, RequestTrace, TierTrace};
use crate::time::{Span, Time};

/// Which requests are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// At most so many.
    pub most: usize,
    /// Those that came from then on, since counting began.
    pub from: Span,
    /// And before then.
    pub to: Span,
    /// Only those that failed.
    pub failed: bool,
    /// Those that took longest, instead of the first.
    pub slowest: bool,
}

/// What finds a name again: its serial number and its place.
type Key = (u32, u32);

const fn key(id: Id) -> Key {
    (id.serial(), id.index())
}

/// A request that is followed.
#[derive(Clone, Debug, PartialEq)]
struct Followed {
    trace: RequestTrace,
    /// By call.
    live: Vec<Live>,
}

/// How the world names a call and its attempts.
#[derive(Clone, Debug, PartialEq)]
struct Live {
    draws: Numbered,
    logical: Option<Id>,
    /// Is its next attempt a hedge?
    hedges: bool,
    jobs: Vec<Option<Id>>,
}

/// What is kept of single requests.
#[derive(Clone, Debug, PartialEq)]
pub struct Journal {
    wanted: Wanted,
    start: Time,
    arrived: u64,
    followed: BTreeMap<Key, Followed>,
    /// Which request a call under policies is for.
    logicals: BTreeMap<Key, Key>,
    /// Those that have ended and are wanted so far, the best of them last.
    ranks: BTreeSet<(u64, std::cmp::Reverse<u64>, Key)>,
}

impl Journal {
    /// Nothing told yet.
    pub const fn new(wanted: Wanted) -> Journal {
        Journal {
            wanted,
            start: Time::ZERO,
            arrived: 0,
            followed: BTreeMap::new(),
            logicals: BTreeMap::new(),
            ranks: BTreeSet::new(),
        }
    }

    /// Counting begins at `start`.
    pub(super) fn begin(&mut self, start: Time) {
        *self = Journal { start, ..Journal::new(self.wanted) };
    }

    fn at(&self, now: Time) -> Time {
        Time::ZERO + now.since(self.start)
    }

    /// Is it known of every request at its arrival whether it is wanted?
    const fn at_arrival(&self) -> bool {
        !self.wanted.failed && !self.wanted.slowest
    }

    /// A request came before counting began: it has a number, and nobody follows it.
    pub(super) const fn found(&mut self) {
        self.arrived += 1;
    }

    pub(super) fn arrived(&mut self, now: Time, id: Id, request: &Request) {
        self.arrived += 1;
        let since = now.since(self.start);
        let inside = self.wanted.from <= since && since < self.wanted.to;
        let full = if self.at_arrival() { self.followed.len() } else { self.ranks.len() } >= self.wanted.most;
        if !inside || (full && !self.wanted.slowest) {
            return;
        }
        let trace = RequestTrace {
            number: self.arrived,
            group: request.group,
            client: request.client,
            class: request.class,
            region: None,
            arrived: self.at(now),
            ended: None,
            ending: Ending::Pending,
            calls: Vec::new(),
        };
        self.followed.insert(key(id), Followed { trace, live: Vec::new() });
    }

    pub(super) fn answered(&mut self, now: Time, id: Id, answer: Answer) {
        let ended = self.at(now);
        let Some(followed) = self.followed.get_mut(&key(id)) else { return };
        (followed.trace.ended, followed.trace.ending) = (Some(ended), ending(answer));
        self.rank(key(id), ended);
    }

    /// A request whose end is known, or that of the trial: is it wanted, and who is not for its sake?
    fn rank(&mut self, id: Key, end: Time) {
        if self.at_arrival() {
            return;
        }
        let Some(followed) = self.followed.get(&id) else { return };
        let trace = &followed.trace;
        if self.wanted.failed && !trace.ending.failed() {
            return self.forget(id);
        }
        let score = if self.wanted.slowest { end.since(trace.arrived).as_nanos() } else { u64::MAX - trace.number };
        self.ranks.insert((score, std::cmp::Reverse(trace.number), id));
        if self.ranks.len() > self.wanted.most
            && let Some((_, _, last)) = self.ranks.pop_first()
        {
            self.forget(last);
        }
    }

    fn forget(&mut self, id: Key) {
        let Some(followed) = self.followed.remove(&id) else { return };
        for logical in followed.live.iter().filter_map(|live| live.logical) {
            self.logicals.remove(&key(logical));
        }
    }

    /// Requests that came in all, and those chosen, in the order in which they came.
    pub fn told(mut self, plan: &RequestPlan) -> (u64, Vec<RequestTrace>) {
        let end = Time::ZERO + plan.horizon;
        let open = |followed: &Followed| followed.trace.ended.is_none();
        let pending: Vec<Key> =
            self.followed.iter().filter(|(_, followed)| open(followed)).map(|(id, _)| *id).collect();
        for id in pending {
            self.rank(id, end);
        }
        let mut traces: Vec<RequestTrace> = self.followed.into_values().map(|followed| followed.trace).collect();
        traces.sort_by_key(|trace| trace.number);
        for trace in &mut traces {
            let node = trace.calls.first().and_then(|call| call.attempts.iter().find_map(|attempt| attempt.node));
            trace.region = node.and_then(|node| plan.pools[plan.nodes[node as usize].pool as usize].region);
        }
        (self.arrived, traces)
    }

    #[cold]
    pub(super) fn called(&mut self, now: Time, about: &About) {
        let began = self.at(now);
        let Some(followed) = self.followed.get_mut(&key(about.request)) else { return };
        let owner = followed.owner(about.owner);
        followed.trace.calls.push(CallTrace {
            call: about.edge,
            owner,
            began,
            ended: None,
            ending: Ending::Pending,
            attempts: Vec::new(),
            backoffs: Vec::new(),
            tiers: Vec::new(),
        });
        followed.live.push(Live { draws: about.key, logical: None, hedges: false, jobs: Vec::new() });
    }

    /// The call goes by policies under this name.
    #[cold]
    pub(super) fn under_policies(&mut self, about: &About, id: Id) {
        let Some(followed) = self.followed.get_mut(&key(about.request)) else { return };
        let Some(call) = followed.call(about) else { return };
        followed.live[call].logical = Some(id);
        self.logicals.insert(key(id), key(about.request));
    }

    #[cold]
    pub(super) fn call_over(&mut self, now: Time, about: &About, answer: Answer) {
        self.end_call(now, about, ending(answer));
    }

    #[cold]
    pub(super) fn cancelled(&mut self, now: Time, about: &About) {
        self.end_call(now, about, Ending::Failed(Failure::Cancelled));
    }

    fn end_call(&mut self, now: Time, about: &About, ending: Ending) {
        let now = self.at(now);
        let Some(followed) = self.followed.get_mut(&key(about.request)) else { return };
        let Some(index) = followed.call(about) else { return };
        let call = &mut followed.trace.calls[index];
        (call.ended, call.ending) = (Some(now), ending);
        for tier in call.tiers.iter_mut().filter(|tier| tier.ended.is_none()) {
            (tier.ended, tier.ending) = (Some(now), Ending::Failed(Failure::Cancelled));
        }
        if let Some(logical) = followed.live[index].logical {
            self.logicals.remove(&key(logical));
        }
    }

    /// There was nobody to send an attempt to.
    #[cold]
    pub(super) fn nobody(&mut self, now: Time, about: &About) {
        let now = self.at(now);
        let Some(followed) = self.followed.get_mut(&key(about.request)) else { return };
        let Some(call) = followed.call(about) else { return };
        followed.unsent(call, now, Failure::Refused);
    }

    /// An attempt of a call under policies was stopped before it was sent.
    #[cold]
    pub(super) fn refused(
        &mut self,
        now: Time,
        (waiter, hedge): (Waiter, bool),
        class: ErrorClass,
        gate: Option<Gate>,
    ) {
        let id = (((waiter.call >> 32) as u32), waiter.call as u32);
        let now = self.at(now);
        let Some(followed) = self.logicals.get(&id).and_then(|request| self.followed.get_mut(request)) else { return };
        let Some(call) = followed.live.iter().position(|live| live.logical.map(key) == Some(id)) else { return };
        let failure = match gate {
            None => failure(class),
            Some(Gate::Throttle) => Failure::Throttle,
            Some(Gate::Breaker) => Failure::Breaker,
            Some(Gate::RateLimit) => Failure::RateLimit,
            Some(Gate::Bulkhead) => Failure::Bulkhead,
        };
        followed.live[call].hedges = hedge;
        followed.unsent(call, now, failure);
    }

    /// The next attempt of the call is a hedge.
    #[cold]
    pub(super) fn hedges(&mut self, about: &About) {
        let Some(followed) = self.followed.get_mut(&key(about.request)) else { return };
        let Some(call) = followed.call(about) else { return };
        followed.live[call].hedges = true;
    }

    #[cold]
    pub(super) fn sent(&mut self, now: Time, id: Id, node: u32, (about, origin): (&About, Origin)) {
        let now = self.at(now);
        let Some(followed) = self.followed.get_mut(&key(about.request)) else { return };
        let call = match origin {
            Origin::Plain => followed.call(about),
            Origin::Attempt(call, _) => followed.live.iter().position(|live| live.logical == Some(call)),
            Origin::Check(_) | Origin::Outside(_) => None,
        };
        if let Some(call) = call {
            followed.attempt(call, now, (Some(node), Some(id)));
        }
    }

    pub(super) fn reached(&mut self, now: Time, (request, id): (Id, Id)) {
        self.mark(now, (request, id), |attempt, now| attempt.reached = Some(now));
    }

    pub(super) fn started(&mut self, now: Time, (request, id): (Id, Id)) {
        self.mark(now, (request, id), |attempt, now| attempt.started = Some(now));
    }

    #[cold]
    pub(super) fn worked(&mut self, now: Time, (request, id): (Id, Id)) {
        self.mark(now, (request, id), |attempt, now| attempt.worked = Some(now));
    }

    pub(super) fn attempt_over(&mut self, now: Time, (request, id): (Id, Id), answer: Answer) {
        self.end_attempt(now, (request, id), ending(answer));
    }

    /// The caller waits no longer: its time is up, or it has no use for the answer.
    #[cold]
    pub(super) fn gave_up(&mut self, now: Time, (request, id): (Id, Id), late: bool) {
        let failure = if late { Failure::Timeout } else { Failure::Cancelled };
        self.end_attempt(now, (request, id), Ending::Failed(failure));
    }

    fn end_attempt(&mut self, now: Time, (request, id): (Id, Id), ending: Ending) {
        self.mark(now, (request, id), |attempt, now| (attempt.ended, attempt.ending) = (Some(now), ending));
    }

    fn mark(&mut self, now: Time, (request, id): (Id, Id), change: impl Fn(&mut AttemptTrace, Time)) {
        let now = self.at(now);
        let Some(followed) = self.followed.get_mut(&key(request)) else { return };
        if let Some((call, attempt)) = followed.find(id) {
            change(&mut followed.trace.calls[call].attempts[attempt], now);
        }
    }

    /// The next attempt of the call comes at `until`.
    #[cold]
    pub(super) fn backs_off(&mut self, now: Time, about: &About, until: Time) {
        let (now, until) = (self.at(now), self.at(until));
        let Some(followed) = self.followed.get_mut(&key(about.request)) else { return };
        let Some(call) = followed.call(about) else { return };
        let backoffs = &mut followed.trace.calls[call].backoffs;
        if backoffs.last().is_none_or(|last| last.1 != until) {
            backoffs.push((now, until));
        }
    }

    #[cold]
    pub(super) fn tier_began(&mut self, now: Time, about: &About, tier: u32) {
        let began = self.at(now);
        let Some(followed) = self.followed.get_mut(&key(about.request)) else { return };
        let Some(call) = followed.call(about) else { return };
        followed.trace.calls[call].tiers.push(TierTrace { tier, began, ended: None, ending: Ending::Pending });
    }

    #[cold]
    pub(super) fn tier_over(&mut self, now: Time, about: &About, well: bool) {
        let now = self.at(now);
        let Some(followed) = self.followed.get_mut(&key(about.request)) else { return };
        let Some(call) = followed.call(about) else { return };
        if let Some(tier) = followed.trace.calls[call].tiers.last_mut().filter(|tier| tier.ended.is_none()) {
            let ending = if well { Ending::Degraded } else { Ending::Failed(Failure::Error) };
            (tier.ended, tier.ending) = (Some(now), ending);
        }
    }
}

impl Followed {
    /// The call, while it is not over: no two in progress have the same draws.
    fn call(&self, about: &About) -> Option<usize> {
        let open = |index: &usize| self.trace.calls[*index].ended.is_none();
        (0..self.live.len()).rev().filter(open).find(|&index| self.live[index].draws == about.key)
    }

    /// The attempt of this name, by call and place in it.
    fn find(&self, id: Id) -> Option<(usize, usize)> {
        let of = |live: &Live| live.jobs.iter().position(|job| *job == Some(id));
        self.live.iter().enumerate().rev().find_map(|(call, live)| of(live).map(|attempt| (call, attempt)))
    }

    fn owner(&self, owner: Owner) -> told::Owner {
        match owner {
            Owner::Request(_) => told::Owner::User,
            Owner::Job(id) => self.find(id).map_or(told::Owner::User, |(call, attempt)| told::Owner::Attempt {
                call: call as u32,
                attempt: attempt as u32,
            }),
            Owner::Tier(id) => {
                let call = self.live.iter().position(|live| live.logical == Some(id)).unwrap_or(0);
                let tier = self.trace.calls[call].tiers.len().saturating_sub(1);
                told::Owner::Tier { call: call as u32, tier: tier as u32 }
            }
        }
    }

    fn attempt(&mut self, call: usize, now: Time, (node, id): (Option<u32>, Option<Id>)) -> &mut AttemptTrace {
        let attempts = &mut self.trace.calls[call].attempts;
        self.live[call].jobs.push(id);
        attempts.push(AttemptTrace {
            number: attempts.len() as u32 + 1,
            hedge: std::mem::take(&mut self.live[call].hedges),
            node,
            sent: now,
            reached: None,
            started: None,
            worked: None,
            ended: None,
            ending: Ending::Pending,
        });
        let last = attempts.len() - 1;
        &mut attempts[last]
    }

    fn unsent(&mut self, call: usize, now: Time, failure: Failure) {
        let attempt = self.attempt(call, now, (None, None));
        (attempt.ended, attempt.ending) = (Some(now), Ending::Failed(failure));
    }
}

const fn ending(answer: Answer) -> Ending {
    match answer {
        Ok(Quality::Full) => Ending::Full,
        Ok(Quality::Degraded) => Ending::Degraded,
        Err(class) => Ending::Failed(failure(class)),
    }
}

const fn failure(class: ErrorClass) -> Failure {
    match class {
        ErrorClass::Timeout => Failure::Timeout,
        ErrorClass::Connect => Failure::Refused,
        ErrorClass::Overload => Failure::Shed,
        ErrorClass::Error => Failure::Error,
        ErrorClass::Client => Failure::Wrong,
        ErrorClass::Cancelled => Failure::Cancelled,
        ErrorClass::Rejected => Failure::Rejected,
        ErrorClass::DeadlineExceeded => Failure::Deadline,
    }
}
