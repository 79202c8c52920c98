//! The state of one trial, and how a change in it spreads.
//!
//! A world is built once per thread and reset for each trial without allocating. Faults and repairs change counts on
//! gates; where a threshold is crossed the gates report whom it concerns, and [`World::react`] lets subjects, failover
//! processes and routing follow until nothing moves. The state is a plain value: it can be cloned at any instant.

use super::ages::Age;
use super::ailing::Ailing;
use super::calendars::CalendarState;
use super::clocks::Clock;
use super::crews::CrewState;
use super::deploys::RolloutState;
use super::event::Event;
use super::failovers::Failover;
use super::gates::{Edge, Gates};
use super::layout::{Layout, Manner, RoutingPlan};
use super::ledger::{Ledger, Level};
use super::load::Loads;
use super::routing::Routing;
use super::scaling::Scaling;
use super::shocks::{GroupState, ShockState};
use super::trace::{TraceEvent, TraceLine};
use super::usage::UsageBooks;
use super::warming::Warming;
use crate::engine::queue::{Counter, EventQueue};
use crate::engine::streams::{Family, Stream, Streams};
use crate::engine::winner::WinnerTree;
use crate::results::raw::Stage;
use crate::time::{Span, Time};

/// Nodes of one shelf, dynamically.
#[derive(Clone, Copy, Debug, Default)]
pub struct ShelfState {
    /// Nodes that no fault holds.
    pub working: u32,
    /// Nodes of which no fault is seen, where faults can be latent.
    pub apparent: u32,
    /// Reasons why none of them serves: places out.
    pub out: u32,
    /// Those of them that somebody sees.
    pub seen_out: u32,
    /// Stopped while the pool waits?
    pub stopped: bool,
    /// With fewer serving nodes in its pool than this a change in their number changes levels; kept where nodes are
    /// plain.
    pub calm: u32,
}

impl ShelfState {
    /// Do its working nodes serve?
    #[inline]
    pub fn serves(&self) -> bool {
        self.out == 0 && !self.stopped
    }

    /// One node works again or no longer; without a branch on which, since that cannot be predicted.
    #[inline]
    pub fn count(&mut self, up: bool) {
        self.working = self.working.wrapping_add(1).wrapping_sub(2 * u32::from(!up));
    }
}

/// A pool, dynamically.
#[derive(Clone, Debug)]
pub struct PoolState {
    /// Does it wait (or is it in use)?
    pub waiting: bool,
    /// Counts changes of role.
    pub generation: u32,
    /// Stream of wake times.
    pub wake: Stream,
    /// With at least so many serving nodes a change in their number changes no level, for sure.
    pub calm: u32,
    /// Do its nodes warm up?
    pub warms: bool,
}

/// A unit, dynamically.
#[derive(Clone, Copy, Debug, Default)]
pub struct UnitState {
    /// Faults that hold it now.
    pub holds: u32,
    /// Those of them that nobody sees.
    pub hidden: u32,
    /// Since when, if any does.
    pub since: Time,
    /// Does it not even refuse?
    pub silent: bool,
    /// Does it hold its work?
    pub hangs: bool,
    /// Chance that a check of it fails, 0 to 1, by the fault that is seen best.
    pub check_fails: f64,
}

impl UnitState {
    /// One more fault holds a node, or with `up` one less; answers how long it was held, if it is no longer. Without a
    /// branch on which, since that cannot be predicted. Where nothing ails nobody asks in which manner.
    #[inline]
    pub fn step(&mut self, now: Time, from: Time, up: bool) -> Span {
        let before = self.holds;
        self.holds = before.wrapping_add(1).wrapping_sub(2 * u32::from(up));
        let held = now.since(self.since.max(from));
        self.since = if before == 0 { now } else { self.since };
        if self.holds == 0 { held } else { Span::ZERO }
    }

    /// One more fault holds it, the first one or not, in this manner.
    #[inline]
    pub fn meet(&mut self, manner: Manner, first: bool) {
        // whoever stops it outright ends a hang
        self.silent = manner.silent && (first || self.silent);
        self.hangs = manner.hangs && (first || self.hangs);
        self.check_fails = if first { manner.check_fails } else { self.check_fails.max(manner.check_fails) };
    }
}

/// Counts of one part.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SiteCounts {
    /// Faults, repairs.
    pub changes: [u64; 2],
    /// Node-nanoseconds not working.
    pub down_ns: u128,
}

impl SiteCounts {
    /// A fault, or a repair. What plain clocks did before counting began stands below zero until the end.
    pub(super) fn change(&mut self, repair: bool) {
        let count = &mut self.changes[usize::from(repair)];
        *count = count.wrapping_add(1);
    }
}

/// One trial in progress.
#[derive(Clone, Debug)]
pub struct World<'a> {
    pub(super) layout: &'a Layout,
    pub(super) tree: WinnerTree,
    pub(super) queue: EventQueue<Event>,
    pub(super) counter: Counter,
    pub(super) gates: Gates,
    pub(super) clocks: Vec<Clock>,
    /// By clock; empty where the age of every one always runs.
    pub(super) ages: Vec<Age>,
    /// By kind of clock.
    pub(super) families: Vec<Family>,
    /// By kind of plain clock: node-nanoseconds under repair since counting began, repairs in progress booked to their
    /// ends.
    pub(super) down_ns: Vec<u128>,
    pub(super) shelves: Vec<ShelfState>,
    pub(super) pools: Vec<PoolState>,
    /// By pool: who is not yet warm.
    pub(super) warming: Vec<Warming>,
    /// By pool.
    pub(super) scaling: Vec<Scaling>,
    /// By unit: is it a node that is off? Empty where no pool scales.
    pub(super) off: Vec<bool>,
    pub(super) units: Vec<UnitState>,
    pub(super) sites: Vec<SiteCounts>,
    /// The streams of the trial.
    pub(super) streams: Streams,
    /// By clock: is its fault latent? Empty where none can be.
    pub(super) hidden: Vec<bool>,
    pub(super) crews: Vec<CrewState>,
    /// By pool: chance of its coverage, if it is imperfect.
    pub(super) coverage: Vec<Option<Stream>>,
    pub(super) rollouts: Vec<RolloutState>,
    pub(super) shocks: Vec<ShockState>,
    pub(super) groups: Vec<GroupState>,
    pub(super) calendars: Vec<CalendarState>,
    pub(super) restart_streams: Vec<Stream>,
    pub(super) processes: Vec<Failover>,
    pub(super) routing: Option<Routing>,
    pub(super) loads: Loads,
    pub(super) ledger: Ledger,
    pub(super) usage: UsageBooks,
    /// Label blamed for what begins now.
    pub(super) cause: u32,
    /// What checks meet of what breaks now.
    pub(super) manner: Manner,
    /// By pool: what is wrong with nodes that are listed for it, by unit.
    pub(super) ailing: Vec<Vec<Ailing>>,
    /// Counts these.
    pub(super) ailing_number: u32,
    /// Did the current event change what levels or stages depend on?
    pub(super) moved: bool,
    pub(super) counted_from: Time,
    /// Events of the queue that changed the state.
    pub(super) events: u64,
    pub(super) trace: Option<Vec<TraceLine>>,
    touched: Vec<Edge>,
}

impl<'a> World<'a> {
    /// A world of this layout; [`reset`](Self::reset) makes it a trial.
    pub fn new(layout: &'a Layout) -> Self {
        let streams = Streams::new(0, 0);
        let tracked = match &layout.routing {
            RoutingPlan::Direct(_) => None,
            RoutingPlan::Tracked(tracked) => Some(Routing::new(tracked, layout, &streams)),
        };
        World {
            layout,
            tree: WinnerTree::new(layout.clocks.len()),
            queue: EventQueue::default(),
            counter: Counter::default(),
            gates: Gates::new(&layout.wiring),
            clocks: Vec::with_capacity(layout.clocks.len()),
            ages: Vec::with_capacity(layout.clocks.len()),
            families: Vec::with_capacity(layout.kinds.len()),
            down_ns: vec![0; layout.kinds.len()],
            shelves: vec![ShelfState::default(); layout.shelves.len()],
            pools: Vec::with_capacity(layout.pools.len()),
            warming: Vec::new(),
            scaling: Vec::new(),
            off: Vec::new(),
            units: vec![UnitState::default(); layout.units.len()],
            sites: vec![SiteCounts::default(); layout.sites.len()],
            streams,
            hidden: Vec::new(),
            crews: Vec::with_capacity(layout.crews.len()),
            coverage: Vec::with_capacity(layout.pools.len()),
            rollouts: Vec::with_capacity(layout.rollouts.len()),
            shocks: Vec::with_capacity(layout.shocks.len()),
            groups: Vec::with_capacity(layout.groups.len()),
            calendars: Vec::with_capacity(layout.calendars.len()),
            restart_streams: Vec::with_capacity(layout.region_keys.len()),
            processes: layout.processes.iter().map(|plan| Failover::new(plan, &streams)).collect(),
            routing: tracked,
            loads: Loads::default(),
            ledger: Ledger::new(layout.subjects.len(), layout.down_below, layout.meters())
                .with_tiers(layout.tier_names().len()),
            usage: UsageBooks::new(layout.pools.len(), layout.processes.len()),
            cause: 0,
            manner: Manner::OPEN,
            ailing: vec![Vec::new(); layout.pools.len()],
            ailing_number: 0,
            moved: false,
            counted_from: Time::ZERO,
            events: 0,
            trace: None,
            touched: Vec::new(),
        }
    }

    /// Begin the trial of these streams at 0.
    pub fn reset(&mut self, streams: &Streams) {
        let layout = self.layout;
        self.streams = *streams;
        self.queue.clear();
        self.counter.reset();
        self.gates.reset(&layout.wiring);
        self.ledger.reset();
        self.usage.reset();
        self.loads.reset();
        self.sites.fill(SiteCounts::default());
        self.units.fill(UnitState::default());
        (self.cause, self.manner, self.moved, self.counted_from, self.events) = (0, Manner::OPEN, false, Time::ZERO, 0);
        self.ailing.iter_mut().for_each(Vec::clear);
        self.ailing_number = 0;
        for (state, plan) in self.shelves.iter_mut().zip(&layout.shelves) {
            let nodes = plan.nodes_at_start;
            *state = ShelfState { working: nodes, apparent: nodes, ..ShelfState::default() };
        }
        self.reset_warming();
        self.reset_scaling();
        self.pools.clear();
        self.pools.extend(layout.pools.iter().map(|plan| PoolState {
            waiting: false,
            generation: 0,
            calm: if layout.load.is_some() { u32::MAX } else { 0 },
            warms: plan.warm_up.is_some(),
            wake: streams.stream(plan.wake_key),
        }));
        self.coverage.clear();
        let chance = |plan: &super::layout::PoolPlan| plan.coverage.as_ref().map(|(_, key)| streams.stream(*key));
        self.coverage.extend(layout.pools.iter().map(chance));
        for shelf in 0..layout.shelves.len() {
            self.count_shelf(Time::ZERO, shelf, layout.shelves[shelf].nodes_at_start, true, true);
            self.count_shelf_seen(shelf, true);
        }
        for &(_, flag) in &layout.drains {
            self.gates.step(&layout.wiring, flag, true);
        }
        for cut in &layout.cuts.list {
            self.gates.step(&layout.wiring, cut.flag, true);
        }
        self.restart_streams.clear();
        self.restart_streams.extend(layout.region_keys.iter().map(|&key| streams.stream(key)));
        self.start_crews(streams);
        self.start_inspections();
        self.start_clocks(streams);
        self.start_shocks(streams);
        self.start_calendars(streams);
        self.start_rollouts(streams);
        for process in 0..self.processes.len() {
            self.processes[process].reset(&layout.processes[process], streams);
            self.start_process(process);
        }
        if let RoutingPlan::Tracked(tracked) = &layout.routing {
            if let Some(routing) = &mut self.routing {
                routing.reset(tracked, streams);
            }
            self.start_routing();
        }
        self.settle_processes();
        for (pool, plan) in layout.pools.iter().enumerate() {
            if !plan.hot || plan.scale.is_some() {
                self.retime_pool(Time::ZERO, pool as u32);
            }
        }
        self.gates.touched.clear();
        self.start_levels();
    }

    fn start_levels(&mut self) {
        let layout = self.layout;
        if layout.load.is_some() {
            self.refresh_loads(Time::ZERO);
            return self.start_broken();
        }
        for (service, &gate) in layout.service_gates.iter().enumerate() {
            self.follow(layout.first_service + service, gate);
        }
        for (region, &gate) in layout.region_levels.iter().enumerate() {
            self.follow(layout.first_region + region, gate);
        }
        match &layout.routing {
            RoutingPlan::Direct(gate) => (0..layout.first_service).for_each(|user| self.follow(user, *gate)),
            RoutingPlan::Tracked(_) => self.refresh_users(Time::ZERO),
        }
        self.start_broken();
    }

    fn follow(&mut self, subject: usize, gate: u32) {
        let level = Level::all_or_nothing(self.gates.holds(gate));
        self.ledger.set_level(subject, Time::ZERO, level, self.cause);
    }

    /// Let everything follow the gates that have changed, until nothing moves.
    pub(super) fn react(&mut self, now: Time) {
        while !self.gates.touched.is_empty() {
            let mut touched = std::mem::take(&mut self.touched);
            std::mem::swap(&mut touched, &mut self.gates.touched);
            for edge in touched.drain(..) {
                // what checks meet is no news to levels that are full
                self.moved |= !(matches!(edge, Edge::Watchers(_)) && self.is_full());
                self.pass_on(now, edge);
            }
            self.touched = touched;
        }
        if self.moved {
            self.moved = false;
            if self.layout.load.is_some() {
                self.refresh_loads(now);
            } else {
                self.refresh_users(now);
            }
            self.refresh_stages(now);
        }
    }

    fn pass_on(&mut self, now: Time, edge: Edge) {
        match edge {
            Edge::Gate(_) | Edge::Load => {}
            Edge::Subject(subject) => self.follow_subject(now, subject as usize),
            Edge::Place { process, place } => self.place_changed(now, process, place),
            Edge::Region(region) => self.region_changed(now, region),
            Edge::Watchers(pool) => {
                let layout = self.layout;
                layout.watchers[pool as usize].iter().for_each(|&edge| self.pass_on(now, edge));
            }
        }
    }

    fn follow_subject(&mut self, now: Time, subject: usize) {
        let layout = self.layout;
        if layout.load.is_some() {
            return;
        }
        let gate = if subject >= layout.first_region {
            layout.region_levels[subject - layout.first_region]
        } else if subject >= layout.first_service {
            layout.service_gates[subject - layout.first_service]
        } else {
            match layout.routing {
                RoutingPlan::Direct(gate) => gate,
                RoutingPlan::Tracked(_) => return,
            }
        };
        let serves = self.gates.holds(gate);
        if serves == self.ledger.is_down(subject) {
            self.ledger.set_level(subject, now, Level::all_or_nothing(serves), self.cause);
            self.note(now, TraceEvent::Level { subject: subject as u32, level: f64::from(u8::from(serves)) });
        }
    }

    /// What holds each subject back that is down.
    fn refresh_stages(&mut self, now: Time) {
        let layout = self.layout;
        for subject in 0..layout.subjects.len() {
            if !self.ledger.is_down_or_falling(subject) {
                continue;
            }
            let service =
                subject.checked_sub(layout.first_service).filter(|&service| service < layout.service_processes.len());
            let (service, users) = match service {
                Some(service) => (service, false),
                None => (self.layout.entry, subject < layout.first_service),
            };
            let own = layout.service_processes[service].iter().map(|&process| self.process_stage(process as usize));
            let routing = users.then(|| self.routing_stage());
            let warming = self.is_warming(service).then_some(Stage::Warming);
            let stage = own.chain(routing).chain(warming).min().unwrap_or(Stage::Repairing);
            self.ledger.set_stage(subject, now, stage);
        }
    }

    /// Put an event at `now + delay`.
    pub(super) fn schedule(&mut self, at: Time, class: u8, event: Event) {
        if at < Time::NEVER {
            let rank = self.counter.next(class);
            self.queue.push(at, rank, event);
        }
    }

    /// The dropped warm-up is over.
    pub(super) fn begin_counting(&mut self, now: Time) {
        self.ledger.open(now);
        self.usage.open(now);
        self.begin_counting_sites(now);
        self.counted_from = now;
        self.events = 0;
        self.units.iter_mut().filter(|unit| unit.holds > 0).for_each(|unit| unit.since = now);
        self.processes.iter_mut().for_each(Failover::begin_counting);
        if let Some(routing) = &mut self.routing {
            routing.moves = super::routing::MoveCounts::default();
        }
        if let Some(trace) = &mut self.trace {
            trace.clear();
        }
    }

    /// Write a line of the trace, if one is kept.
    #[inline]
    pub(super) fn note(&mut self, now: Time, event: TraceEvent) {
        if let Some(trace) = &mut self.trace {
            trace.push(TraceLine { at: now, event });
        }
    }

    /// Handle a scheduled event.
    pub(super) fn handle(&mut self, now: Time, event: Event) {
        let live = match event {
            Event::CalendarStart { calendar, count } => self.calendar_start(now, calendar, count),
            Event::CalendarDrained { calendar } => self.calendar_drained(now, calendar),
            Event::CalendarEnd { calendar } => self.calendar_end(now, calendar),
            Event::PlaceRestarted { unit } => self.place_restarted(now, unit),
            Event::Shock { shock } => self.shock(now, shock),
            Event::RampStep { pool, number } => self.ramp_step(now, pool, number),
            Event::PoolResumes { pool } => self.pool_resumes(now, pool),
            Event::Inspect { clock, count } => self.inspect(now, clock, count),
            Event::Inspected { clock } => self.inspected(now, clock),
            Event::DeployStep { rollout, generation } => self.deploy_step(now, rollout, generation),
            Event::DeployNoticed { rollout, count } => self.deploy_noticed(now, rollout, count),
            Event::DeployUndone { rollout } => self.deploy_undone(now, rollout),
            Event::CrewLooks { crew } => self.crew_looks(now, crew),
            Event::CrewCalled { crew, caller, number } => self.crew_called(now, crew, caller, number),
            Event::Woken { pool, generation } => self.woken(now, pool, generation),
            Event::PlaceBelieved { process, place, checker, generation } => {
                self.place_believed(now, process, place, checker, generation)
            }
            Event::StageOver { process, generation } => self.stage_over(now, process, generation),
            Event::GaveUp { process, generation } => self.gave_up(process, generation),
            Event::LeaseOver { process } => self.lease_over(now, process),
            Event::FailbackDue { process, generation } => self.failback_due(now, process, generation),
            Event::RegionBelieved { region, checker, generation } => {
                self.region_believed(now, region, checker, generation)
            }
            Event::RegionLeaves { region, generation } => self.region_leaves(now, region, generation),
            Event::RegionRejoins { region, generation } => self.region_rejoins(now, region, generation),
            Event::Drained { group, generation } => self.drained(now, group, generation),
            Event::Converged { group, generation } => self.converged(now, group, generation),
            Event::ScaleLooks { pool } => self.scale_looks(now, pool),
            Event::Booted { pool, number } => self.booted(now, pool, number),
            Event::Resample { generation } => self.resampled(generation),
        };
        if live {
            self.events += 1;
            self.react(now);
        }
    }

    /// Time since counting began, for what is reported.
    pub(super) fn counted(&self, at: Time) -> Span {
        at.since(self.counted_from)
    }
}
