//! One trial of structure and requests together, in one order of time.

use super::buckets::Buckets;
use super::journal::{Journal, Wanted};
use super::record::{Record, Recorder};
use super::{RequestPlan, Requests, seconds};
use crate::engine::streams::Streams;
use crate::results::requests::RequestTrace;
use crate::simulation::layout::Layout;
use crate::simulation::trace::TraceLine;
use crate::simulation::{Outcome, World};
use crate::time::{Span, Time};

/// Requests that came, and those of them that were chosen.
pub type Followed = (u64, Vec<RequestTrace>);

/// A world with requests in it.
#[derive(Clone, Debug)]
pub struct RequestWorld<'a> {
    world: World<'a>,
    requests: Requests<'a>,
}

impl<'a> RequestWorld<'a> {
    /// Of this layout, compiled for requests, and this plan.
    pub fn new(layout: &'a Layout, plan: &'a RequestPlan) -> Self {
        RequestWorld { world: World::new(layout), requests: Requests::new(plan) }
    }

    /// Run trial `trial` of `seed` from its start to its end.
    pub fn run(&mut self, seed: u64, trial: u64) -> Outcome {
        let start = self.begin(&Streams::new(seed, trial));
        let end = self.world.layout.end;
        self.advance_by_buckets(end);
        let requests = self.requests.finish(end);
        let mut outcome = self.world.finish(end);
        outcome.events += requests.events;
        let since = |at: Time| Time::ZERO + at.since(start);
        let since_start = |spans: &[(Time, Time)]| -> Vec<(Time, Time)> {
            spans.iter().map(|&(from, to)| (since(from), since(to))).collect()
        };
        let (open, broken) = (since_start(&requests.open), since_start(&requests.broken));
        let layout = self.world.layout;
        let (down_below, cause) = (layout.down_below, layout.request_cause);
        let (before, end) = (&requests.before, since(end));
        let about = seconds::About { down_below, cause, open: &open, broken: &broken, before, end };
        seconds::add_bad(&mut outcome, &requests.seconds, about);
        outcome.requests = Some(Box::new(requests));
        outcome
    }

    /// As [`run`](Self::run), with a line for everything that happened to the structure.
    pub fn run_traced(&mut self, seed: u64, trial: u64) -> (Outcome, Vec<TraceLine>) {
        self.world.trace = Some(Vec::new());
        let outcome = self.run(seed, trial);
        let from = self.world.counted_from;
        let mut lines = self.world.trace.take().unwrap_or_default();
        for line in &mut lines {
            line.at = Time::ZERO + line.at.since(from);
        }
        (outcome, lines)
    }

    /// As [`run_traced`](Self::run_traced), with a record of buckets of `every`, more than zero.
    pub fn run_recorded(&mut self, seed: u64, trial: u64, every: Span) -> (Outcome, Vec<TraceLine>, Record) {
        self.recorded(seed, trial, self.record(every))
    }

    /// As [`run_traced`](Self::run_traced), with the chosen requests one by one and how many there were.
    pub fn run_followed(&mut self, seed: u64, trial: u64, wanted: Wanted) -> (Outcome, Vec<TraceLine>, Followed) {
        let plan = self.requests.plan;
        let mut record = self.record(plan.horizon);
        record.journal = Some(Journal::new(wanted));
        let (outcome, lines, record) = self.recorded(seed, trial, record);
        let followed = record.journal.map_or((0, Vec::new()), |journal| journal.told(plan));
        (outcome, lines, followed)
    }

    fn record(&self, every: Span) -> Record {
        let plan = self.requests.plan;
        Record::new(Buckets::all(every, plan.horizon, plan.subjects()))
    }

    fn recorded(&mut self, seed: u64, trial: u64, fresh: Record) -> (Outcome, Vec<TraceLine>, Record) {
        let recorder = &mut self.requests.tally.recorder;
        let own = recorder.clone();
        recorder.get_or_insert_default().keep(fresh.clone());
        let (outcome, lines) = self.run_traced(seed, trial);
        let recorder = std::mem::replace(&mut self.requests.tally.recorder, own);
        let record = recorder.and_then(|recorder| recorder.record).unwrap_or(fresh);
        (outcome, lines, record)
    }

    /// Everything before `end`, bucket by bucket if somebody counts by buckets.
    fn advance_by_buckets(&mut self, end: Time) {
        let next = |recorder: &mut Box<Recorder>| recorder.next_end().filter(|&next| next < end);
        while let Some(bucket) = self.requests.tally.recorder.as_mut().and_then(next) {
            self.advance(bucket);
            if let Some(recorder) = &mut self.requests.tally.recorder {
                recorder.turn(bucket);
            }
        }
        self.advance(end);
        if let Some(recorder) = &mut self.requests.tally.recorder {
            recorder.close(end);
        }
    }

    /// Begin a trial: the structure is run in, the requests in the last part of that. Answers when counting begins.
    fn begin(&mut self, streams: &Streams) -> Time {
        let run_in = self.requests.plan.run_in;
        let start = self.world.set_out(streams, run_in);
        let begun = start.before(run_in);
        self.requests.reset(streams, begun, start);
        self.requests.start_outside(begun, streams, &mut self.world);
        self.requests.follow(begun, &self.world);
        if !run_in.is_zero() {
            self.advance_by_buckets(start);
        }
        self.world.count_from(start);
        if !run_in.is_zero() {
            self.requests.begin_counting();
        }
        start
    }

    /// Everything before `until`: at equal times timers of policies come first, then the structure, then work and
    /// arrivals.
    fn advance(&mut self, until: Time) {
        let (mut structure, mut order) = self.world.next_event();
        loop {
            let (at, rank, store) = self.requests.next();
            if at < structure || (at == structure && rank.class() < order.class()) {
                if at >= until {
                    return;
                }
                self.requests.happen(at, store);
                if self.requests.wants_a_look() {
                    self.look(at);
                    (structure, order) = self.world.next_event();
                }
            } else {
                if structure >= until {
                    return;
                }
                self.world.happen();
                self.requests.follow(structure, &self.world);
                (structure, order) = self.world.next_event();
            }
        }
    }
}

impl RequestWorld<'_> {
    /// What requests have done to the structure: nodes that are restarted do not run, and are rid of what made them slow,
    /// pools scale, and people act.
    fn look(&mut self, now: Time) {
        for (node, begins) in self.requests.take_restarts() {
            if begins {
                self.world.restart(now, node);
            } else {
                self.world.is_restarted(now, node);
            }
        }
        for seen in self.requests.take_seen() {
            self.world.scale_to(now, seen.pool, seen.load, seen.each);
        }
        for belief in self.requests.take_beliefs() {
            self.world.told(now, belief);
        }
        for event in self.requests.take_operator_steps() {
            self.world.note(now, event);
        }
        for process in self.requests.take_ordered() {
            self.world.fail_over(now, process);
        }
        self.requests.follow(now, &self.world);
    }
}
