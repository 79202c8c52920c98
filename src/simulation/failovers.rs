//! Failover, step by step: noticed, decided, promoted (or mended by people), and perhaps back again.
//!
//! One machine serves the primary of a service and the active region. Until the decision a primary that comes back
//! simply goes on; after it the failover runs to its end and the old primary waits. With no fit candidate it waits for
//! one to be noticed, serving on if the alarm was false. A service serves only between failovers, and while its primary does.

mod done;
mod failback;
mod notice;
mod ordered;

use super::copies::Copies;
use super::event::{Event, class};
use super::gates::GateId;
use super::layout::Process;
use super::partitions::Split;
use super::trace::TraceEvent;
use super::watch::Watch;
use super::world::World;
use crate::engine::streams::{Numbered, Purpose, Stream, Streams};
use crate::model::dist::Law;
use crate::time::{Span, Time};
use rand::RngExt;

/// Where a failover stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// The primary is in charge, healthy or not yet known to be broken.
    Steady,
    /// Noticed; no failover before the hold-down is over.
    Held,
    /// Noticed; a page is not answered yet.
    Deciding,
    /// A candidate is taking over.
    Promoting,
    /// The promotion failed; people are at it.
    Manual,
    /// Nobody is fit to take over.
    Waiting,
    /// In charge and serving, but held for down: it gives way as soon as somebody is fit to take over.
    Doubted,
    /// Out of service for the way back.
    FailingBack,
}

/// Counts of one process over a trial.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FailoverCounts {
    /// Failovers begun: a candidate was chosen.
    pub begun: u64,
    /// Of these, of a primary that was well: false alarms.
    pub unneeded: u64,
    /// Completed without people.
    pub automatic: u64,
    /// Completed by people.
    pub manual: u64,
    /// Time with two primaries.
    pub split: Span,
    /// Work lost by each promotion of a copy, or with each copy that took writes: nothing where it did not lag.
    pub lost: Vec<Span>,
    /// From the start of each outage of the primary to its being noticed.
    pub detection: Vec<Span>,
}

impl FailoverCounts {
    /// Nothing counted, in the same memory.
    fn clear(&mut self) {
        let (mut lost, mut detection) = (std::mem::take(&mut self.lost), std::mem::take(&mut self.detection));
        lost.clear();
        detection.clear();
        *self = FailoverCounts { lost, detection, ..FailoverCounts::default() };
    }
}

/// Draws of failovers are numbered by the turn, so that what differs in one failover between two topologies leaves the
/// luck of the next one alone.
#[derive(Clone, Debug)]
pub(super) struct FailoverStreams {
    detect: Vec<Stream>,
    page: Numbered,
    election: Stream,
    promote: Numbered,
    success: Numbered,
    manual: Numbered,
    lag: Numbered,
    pub(super) failback: Stream,
}

/// Numbers of draws that one outage may use: one, and one more for each candidate that was waited for.
const TRIES: u32 = 8;

fn next_turn(turn: u32) -> u32 {
    (turn / TRIES + 1) * TRIES
}

/// A failover process, dynamically.
#[derive(Clone, Debug)]
pub struct Failover {
    pub(super) primary: usize,
    pub(super) target: usize,
    pub(super) phase: Phase,
    /// Number of the failover for its draws: each outage that is noticed begins a new block of [`TRIES`].
    turn: u32,
    pub(super) generation: u32,
    pub(super) back_generation: u32,
    pub(super) back_step: BackStep,
    /// A step of the way back came due while the first in order was not fit: of this generation.
    pub(super) back_missed: Option<u32>,
    success: bool,
    hold_until: Time,
    /// When the candidate was chosen.
    decided: Time,
    /// The first in order lost its role though it was well: its health counts from then on for the way back.
    pub(super) back_from: Time,
    pub(super) cause: u32,
    pub(super) copies: Copies,
    pub(super) copies_generation: u32,
    /// A primary that was not fenced.
    pub(super) split: Option<Split>,
    /// The place whose node won the last vote.
    elected: Option<usize>,
    pub(super) watches: Vec<Watch>,
    pub(super) streams: FailoverStreams,
    /// What is reported of it.
    pub counts: FailoverCounts,
}

/// What the pending event of a failback is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BackStep {
    /// The first in order has been healthy for long enough.
    Healthy,
    /// The page is answered.
    Answered,
    /// Its nodes are running.
    Running,
}

impl Failover {
    /// The first in order is primary.
    pub fn new(plan: &Process, streams: &Streams) -> Self {
        let mut detect: Vec<Stream> = plan.places.iter().map(|place| streams.stream(place.detect)).collect();
        let watches = detect.iter_mut().map(|stream| Watch::new(&plan.detection, stream)).collect();
        Failover::with(plan, streams, watches, detect, FailoverCounts::default())
    }

    fn with(
        plan: &Process,
        streams: &Streams,
        watches: Vec<Watch>,
        detect: Vec<Stream>,
        counts: FailoverCounts,
    ) -> Self {
        let stream = |purpose| streams.stream(plan.entity.key(purpose));
        let numbered = |purpose| streams.family(plan.entity.key(purpose)).member(0);
        Failover {
            primary: 0,
            target: 0,
            phase: Phase::Steady,
            turn: 0,
            generation: 0,
            back_generation: 0,
            back_step: BackStep::Healthy,
            back_missed: None,
            success: true,
            hold_until: Time::ZERO,
            decided: Time::ZERO,
            back_from: Time::ZERO,
            cause: 0,
            copies: Copies::Together,
            copies_generation: 0,
            split: None,
            elected: None,
            watches,
            streams: FailoverStreams {
                detect,
                page: numbered(Purpose::Page),
                election: stream(Purpose::Election),
                promote: numbered(Purpose::Promote),
                success: numbered(Purpose::Success),
                manual: numbered(Purpose::Manual),
                lag: numbered(Purpose::Lag),
                failback: stream(Purpose::Failback),
            },
            counts,
        }
    }

    /// As new, in the same memory.
    pub fn reset(&mut self, plan: &Process, streams: &Streams) {
        let mut watches = std::mem::take(&mut self.watches);
        let mut detect = std::mem::take(&mut self.streams.detect);
        let mut counts = std::mem::take(&mut self.counts);
        detect.clear();
        detect.extend(plan.places.iter().map(|place| streams.stream(place.detect)));
        for (watch, stream) in watches.iter_mut().zip(&mut detect) {
            watch.reset(&plan.detection, stream);
        }
        counts.clear();
        *self = Failover::with(plan, streams, watches, detect, counts);
    }

    /// The place that takes over, or has.
    pub(super) fn target(&self) -> usize {
        self.target
    }

    /// Is it out of service for the way back, or to reconcile?
    pub(super) fn is_failing_back(&self) -> bool {
        self.phase == Phase::FailingBack
    }

    /// The place in charge.
    pub fn primary(&self) -> usize {
        self.primary
    }

    /// The stream of election timeouts.
    pub(super) fn election_stream(&mut self) -> &mut Stream {
        &mut self.streams.election
    }

    /// The place whose node has won the vote.
    pub(super) fn set_elected(&mut self, place: Option<usize>) {
        self.elected = place;
    }

    /// What was not yet shipped is lost: a draw of the lag, if there is one.
    pub(super) fn lose(&mut self, lag: Option<&Law>) {
        let lost = lag.map_or(Span::ZERO, |lag| lag.sample(&mut self.streams.lag.draw(self.turn)));
        self.counts.lost.push(lost);
    }

    /// The draws of the next turn are others.
    pub(super) fn turn_over(&mut self) {
        self.turn = next_turn(self.turn);
    }

    /// Forget the counts of the warm-up.
    pub fn begin_counting(&mut self) {
        self.counts.clear();
    }

    /// Does it have one primary only, whatever it does?
    pub(super) fn is_whole(&self) -> bool {
        self.split.is_none()
    }

    /// The place of an old primary that serves beside the one in charge.
    pub(super) fn beside(&self) -> Option<usize> {
        self.split.filter(|split| split.since.is_some()).map(|split| split.old)
    }

    /// May the primary serve?
    pub(super) fn in_charge(&self) -> bool {
        match self.phase {
            Phase::Steady | Phase::Held | Phase::Deciding | Phase::Doubted => true,
            Phase::Promoting | Phase::Manual | Phase::Waiting | Phase::FailingBack => false,
        }
    }
}

impl World<'_> {
    /// The first in order is in charge, the others wait.
    pub(super) fn start_process(&mut self, process: usize) {
        let plan = &self.layout.processes[process];
        for (place, place_plan) in plan.places.iter().enumerate() {
            for &pool in &place_plan.pools {
                self.set_waiting(Time::ZERO, pool, place != 0);
            }
            for &flag in if place == 0 { &place_plan.here } else { &place_plan.elsewhere } {
                self.gates.step(&self.layout.wiring, flag, true);
            }
        }
        if let Some(semi) = &plan.semi_sync {
            self.set_flag(semi.flowing, true);
        }
        self.set_available(process);
        for place in 0..plan.places.len() as u32 {
            self.schedule_beliefs(process as u32, place);
        }
    }

    /// Who serves at the start: one that needs another does once that does, in whatever order they stand.
    pub(super) fn settle_processes(&mut self) {
        for _ in 0..self.processes.len() {
            self.gates.touched.clear();
            (0..self.processes.len()).for_each(|process| self.set_available(process));
            if self.gates.touched.is_empty() {
                return;
            }
        }
    }

    /// The service's gate follows its primaries, the one in charge and one that was not fenced.
    pub(super) fn set_available(&mut self, process: usize) {
        self.set_leads(process);
        let plan = &self.layout.processes[process];
        let Some(gate) = plan.available else { return };
        let unfenced = (0..plan.places.len())
            .any(|spot| self.goes_on_beside(process, spot) && self.gates.holds(plan.places[spot].serves));
        let serves = unfenced || self.primary_serves(process);
        self.set_flag(gate, serves);
    }

    /// Does whoever is in charge serve?
    fn primary_serves(&self, process: usize) -> bool {
        let state = &self.processes[process];
        let place = &self.layout.processes[process].places[state.primary];
        // with nobody to give way to, one that is only announced as soon out goes on
        let lingers = state.phase == Phase::Waiting && place.drains.iter().any(|&flag| !self.gates.holds(flag));
        (state.in_charge() || lingers) && self.gates.holds(place.serves)
    }

    pub(super) fn set_flag(&mut self, gate: GateId, on: bool) {
        if self.gates.holds(gate) != on {
            self.gates.shift(&self.layout.wiring, gate, 1, on);
        }
    }

    pub(super) fn begin_stage(&mut self, until: Time, process: u32) {
        let state = &mut self.processes[process as usize];
        state.generation += 1;
        let generation = state.generation;
        self.schedule(until, class::END, Event::StageOver { process, generation });
    }

    /// The best candidate that is fit, `but` for one.
    fn candidate(&self, index: usize, but: Option<usize>) -> Option<usize> {
        let plan = &self.layout.processes[index];
        let state = &self.processes[index];
        let fit = |&place: &usize| {
            let watch = &state.watches[place];
            let fit = self.gates.holds(plan.places[place].fit) && self.takes_writes(&plan.places[place].lands_on);
            watch.believed && watch.healthy && fit && but != Some(place)
        };
        state.elected.filter(fit).or_else(|| (0..plan.places.len()).find(fit))
    }

    /// Choose the best candidate that is fit, and let it take over.
    fn decide(&mut self, now: Time, process: u32) {
        let index = process as usize;
        let candidate = self.candidate(index, None);
        let state = &mut self.processes[index];
        if matches!(state.phase, Phase::Waiting | Phase::Doubted) {
            state.turn += 1;
        }
        state.generation += 1;
        state.back_generation += 1;
        let unneeded = state.watches[state.primary].is_well();
        let serves_on = state.watches[state.primary].healthy;
        let Some(target) = candidate else {
            // whoever is well and has nobody to give way to goes on meanwhile
            state.phase = if serves_on { Phase::Doubted } else { Phase::Waiting };
            self.note(now, TraceEvent::NoCandidate { process });
            self.set_available(index);
            return;
        };
        self.processes[index].counts.unneeded += u64::from(unneeded);
        self.take_over(now, process, target);
    }

    /// This candidate begins to take over.
    fn take_over(&mut self, now: Time, process: u32, target: usize) {
        let index = process as usize;
        let plan = &self.layout.processes[index];
        let state = &mut self.processes[index];
        (state.target, state.decided) = (target, now);
        self.leave_unfenced(index, target);
        let state = &mut self.processes[index];
        state.phase = Phase::Promoting;
        state.counts.begun += 1;
        let promote = plan.promote.sample(&mut state.streams.promote.draw(state.turn));
        state.success = state.streams.success.draw(state.turn).random::<f64>() < plan.success;
        self.note(now, TraceEvent::FailoverBegun { process, place: target as u32 });
        for &subject in &plan.subjects {
            self.ledger.failover_begun(subject as usize);
        }
        self.set_available(index);
        for &pool in &plan.places[target].pools {
            self.wake(now, pool);
        }
        self.begin_stage(now + promote, process);
    }

    /// The timer of the current stage has run out.
    pub(super) fn stage_over(&mut self, now: Time, process: u32, generation: u32) -> bool {
        let index = process as usize;
        let plan = &self.layout.processes[index];
        let state = &mut self.processes[index];
        if state.generation != generation {
            return false;
        }
        self.moved = true;
        self.cause = state.cause;
        match state.phase {
            Phase::Steady | Phase::Waiting | Phase::Doubted => {}
            Phase::Held => self.noticed(now, process),
            Phase::Deciding => self.decide(now, process),
            Phase::Promoting => {
                let target = &plan.places[state.target];
                let landed_well = self.gates.holds(target.truly) || !self.gates.holds(target.fit);
                let works = state.success && self.gates.holds(plan.needs) && landed_well;
                match &plan.manual {
                    Some(manual) if !works => {
                        state.phase = Phase::Manual;
                        let done = now + manual.sample(&mut state.streams.manual.draw(state.turn));
                        self.note(now, TraceEvent::PromotionFailed { process });
                        self.begin_stage(done, process);
                    }
                    Some(_) | None => {
                        state.counts.automatic += 1;
                        self.complete(now, process, true);
                        self.land_on(now, &target.lands_on, false);
                    }
                }
            }
            Phase::Manual => {
                state.counts.manual += 1;
                let target = state.target;
                self.land_on(now, &plan.places[target].lands_on, true);
                self.complete(now, process, true);
            }
            Phase::FailingBack => {
                let returns = state.target != state.primary;
                let target = &plan.places[state.target];
                self.complete(now, process, false);
                if returns {
                    self.land_on(now, &target.lands_on, false);
                }
            }
        }
        true
    }
}
