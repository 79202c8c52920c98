//! Where the users are: which region each group is told to use, and who still follows an old answer.
//!
//! Demand is a fluid. When a group's answer changes, those who must move keep their old answer for a while (DNS: each
//! for the rest of its time to live, so their number falls linearly) and then follow the newest one. With target T,
//! stale cohorts c at region r(c) and their destinations D (adding up to 1), region r holds
//! `T_r - D_r * sum c + sum of c at r`: continuous at every change, and T once all have let go.

mod rotation;

use super::event::{Event, class};
use super::layout::{Choice, Layout, RoutingPlan, Tracked};
use super::ledger::Level;
use super::trace::TraceEvent;
use super::watch::Watch;
use super::world::World;
use crate::engine::streams::{Stream, Streams};
use crate::model::failover::Propagation;
use crate::results::raw::Stage;
use crate::time::{Span, Time};

/// Clients of one group that still follow an old answer.
#[derive(Clone, Copy, Debug)]
struct Cohort {
    region: u32,
    amount: f64,
    from: Time,
    until: Time,
}

impl Cohort {
    fn at(&self, now: Time) -> f64 {
        let length = self.until.since(self.from).as_nanos() as f64;
        self.amount * self.until.since(now).as_nanos() as f64 / length
    }

    fn slope(&self) -> f64 {
        -self.amount / self.until.since(self.from).as_nanos() as f64
    }
}

/// Where the clients of one group are.
#[derive(Clone, Debug)]
struct Flow {
    target: Vec<f64>,
    destination: Vec<f64>,
    /// By region: the share of those there who are out of service, for they go back to a region that returns.
    held: Vec<f64>,
    stale: Vec<Cohort>,
    /// An answer that anycast has not converged on.
    pending: Option<Vec<f64>>,
    generation: u32,
    cause: u32,
}

impl Flow {
    fn share(&self, region: usize, now: Time) -> f64 {
        let all: f64 = self.stale.iter().map(|cohort| cohort.at(now)).sum();
        let here = self.stale.iter().filter(|cohort| cohort.region as usize == region);
        let here: f64 = here.map(|cohort| cohort.at(now)).sum();
        self.target[region] - self.destination[region] * all + here
    }

    fn slope(&self, region: usize) -> f64 {
        let all: f64 = self.stale.iter().map(Cohort::slope).sum();
        let here = self.stale.iter().filter(|cohort| cohort.region as usize == region);
        here.map(Cohort::slope).sum::<f64>() - self.destination[region] * all
    }
}

/// Counts of moves of users off a region that is lost, where these can fail.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MoveCounts {
    /// Begun.
    pub begun: u64,
    /// Of these, done without people.
    pub automatic: u64,
}

/// Routing that takes its time, dynamically.
#[derive(Clone, Debug)]
pub struct Routing {
    watches: Vec<Watch>,
    detect: Vec<Stream>,
    failback: Vec<Stream>,
    delay: Stream,
    in_rotation: Vec<bool>,
    /// Regions that take their users back, who are out of service meanwhile.
    returning: Vec<bool>,
    /// By region: when it last lost its users.
    left: Vec<Time>,
    /// By region: how often what is believed of it has changed.
    beliefs: Vec<u32>,
    /// By region: have its users not been moved off by themselves, so that people are at it?
    by_hand: Vec<bool>,
    /// What is reported of moves that can fail.
    pub moves: MoveCounts,
    flows: Vec<Flow>,
}

impl Routing {
    /// Every region healthy, every client where it belongs.
    pub fn new(plan: &Tracked, layout: &Layout, streams: &Streams) -> Self {
        let regions = layout.region_gates.len();
        let mut detect: Vec<Stream> = plan.detect.iter().map(|&key| streams.stream(key)).collect();
        let flow = Flow {
            target: vec![0.0; regions],
            destination: vec![0.0; regions],
            held: vec![0.0; regions],
            stale: Vec::new(),
            pending: None,
            generation: 0,
            cause: 0,
        };
        Routing {
            watches: detect.iter_mut().map(|stream| Watch::new(&plan.detection, stream)).collect(),
            detect,
            failback: plan.failback_keys.iter().map(|&key| streams.stream(key)).collect(),
            delay: streams.stream(plan.delay),
            in_rotation: vec![true; regions],
            returning: vec![false; regions],
            left: vec![Time::ZERO; regions],
            beliefs: vec![0; regions],
            by_hand: vec![false; regions],
            moves: MoveCounts::default(),
            flows: vec![flow; plan.shares.len()],
        }
    }

    /// As new, in the same memory.
    pub fn reset(&mut self, plan: &Tracked, streams: &Streams) {
        for (stream, &key) in self.detect.iter_mut().zip(&plan.detect) {
            *stream = streams.stream(key);
        }
        for (stream, &key) in self.failback.iter_mut().zip(&plan.failback_keys) {
            *stream = streams.stream(key);
        }
        for (watch, stream) in self.watches.iter_mut().zip(&mut self.detect) {
            watch.reset(&plan.detection, stream);
        }
        self.delay = streams.stream(plan.delay);
        self.in_rotation.fill(true);
        self.returning.fill(false);
        self.left.fill(Time::ZERO);
        self.beliefs.fill(0);
        self.by_hand.fill(false);
        self.moves = MoveCounts::default();
        for flow in &mut self.flows {
            flow.target.fill(0.0);
            flow.destination.fill(0.0);
            flow.held.fill(0.0);
            flow.stale.clear();
            (flow.pending, flow.generation, flow.cause) = (None, 0, 0);
        }
    }

    /// The share of the group's clients that are at the region, and not out for the way back.
    pub fn share(&self, group: usize, region: usize, now: Time) -> f64 {
        let flow = &self.flows[group];
        flow.share(region, now) * (1.0 - flow.held[region])
    }

    /// The same as a line: the share, and its change per nanosecond.
    pub fn line(&self, group: usize, region: usize, now: Time) -> (f64, f64) {
        let flow = &self.flows[group];
        let slope = if flow.stale.is_empty() { 0.0 } else { flow.slope(region) };
        let stays = 1.0 - flow.held[region];
        (flow.share(region, now) * stays, slope * stays)
    }

    /// What is believed of this region.
    pub(super) fn watched(&self, region: usize) -> &Watch {
        &self.watches[region]
    }

    /// The same, to be told of it.
    pub(super) fn watch(&mut self, region: usize) -> &mut Watch {
        &mut self.watches[region]
    }

    /// Do users go to this region?
    pub fn is_open(&self, region: usize) -> bool {
        self.in_rotation[region]
    }

    /// Are any users out, on their way back to a region that returns?
    pub fn holds_users(&self) -> bool {
        (0..self.flows.len()).any(|group| self.holds_group(group))
    }

    /// The same of one group.
    pub fn holds_group(&self, group: usize) -> bool {
        self.flows[group].held.iter().any(|&held| held > 0.0)
    }

    /// When the next clients will have let go of an old answer, if some hold one.
    pub fn settles(&self) -> Option<Time> {
        self.settles_after(Time::ZERO)
    }

    /// The same after an instant.
    pub fn settles_after(&self, at: Time) -> Option<Time> {
        self.flows.iter().flat_map(|flow| &flow.stale).map(|cohort| cohort.until).filter(|&until| until > at).min()
    }
}

impl<'a> World<'a> {
    fn tracked(&self) -> Option<&'a Tracked> {
        match &self.layout.routing {
            RoutingPlan::Direct(_) => None,
            RoutingPlan::Tracked(tracked) => Some(tracked),
        }
    }

    /// Do users go where this process says?
    pub(super) fn users_follow(&self, process: u32) -> bool {
        self.tracked().is_some_and(|plan| plan.process == Some(process))
    }

    /// Everybody goes where the first answer says.
    pub(super) fn start_routing(&mut self) {
        for group in 0..self.layout.first_service - self.layout.first_group {
            let target = self.answer(group);
            if let (Some(target), Some(routing)) = (target, &mut self.routing) {
                routing.flows[group].target = target;
            }
        }
        if self.tracked().is_some_and(|plan| plan.process.is_none()) {
            (0..self.layout.region_gates.len() as u32).for_each(|region| self.schedule_region_beliefs(region));
        }
    }

    /// The shares over regions that the group is told now; none: answers stay as they were.
    fn answer(&self, group: usize) -> Option<Vec<f64>> {
        self.answer_with(group, &self.routing.as_ref()?.in_rotation)
    }

    /// The same, were these regions in rotation.
    fn answer_with(&self, group: usize, in_rotation: &[bool]) -> Option<Vec<f64>> {
        let plan = self.tracked()?;
        let regions = in_rotation.len();
        let hosts = plan.hosts.iter().filter(|&&hosts| hosts).count();
        let healthy = (0..regions).filter(|&region| plan.hosts[region] && in_rotation[region]).count();
        let panic = healthy > 0 && (healthy as f64) < plan.panic * hosts as f64;
        let open = |region: usize| plan.hosts[region] && (panic || in_rotation[region]);
        let mut shares = vec![0.0; regions];
        match &plan.choice {
            Choice::Ordered(orders) => {
                let best = orders[group].iter().find(|&&region| open(region as usize))?;
                shares[*best as usize] = 1.0;
            }
            Choice::Weighted(weights) => {
                let total: f64 = (0..regions).filter(|&region| open(region)).map(|region| weights[region]).sum();
                if total <= 0.0 {
                    return None;
                }
                let open_regions = (0..regions).filter(|&region| open(region));
                open_regions.for_each(|region| shares[region] = weights[region] / total);
            }
            Choice::Active(regions) => {
                let process = &self.processes[plan.process? as usize];
                shares[regions[process.primary()] as usize] = 1.0;
            }
        }
        Some(shares)
    }

    /// Groups whose answer differs from what they were told are told the new one.
    pub(super) fn answers_changed(&mut self, now: Time) {
        self.tell_all(now, false);
    }

    /// Each group hears its answer, if it is another one; is that a failover of its users, so that it belongs to an outage
    /// that they and the system are in?
    fn tell_all(&mut self, now: Time, failover: bool) {
        let groups = self.routing.as_ref().map_or(0, |routing| routing.flows.len());
        for group in 0..groups {
            let Some(answer) = self.answer(group) else { continue };
            if self.tell(now, group, answer) && failover {
                self.ledger.failover_begun(1 + group);
                self.ledger.failover_begun(0);
            }
        }
        self.hold_movers();
        self.moved = true;
    }

    /// Answers whether that is another answer than before.
    fn tell(&mut self, now: Time, group: usize, answer: Vec<f64>) -> bool {
        let Some(plan) = self.tracked() else { return false };
        let cause = self.cause;
        let Some(routing) = &mut self.routing else { return false };
        let flow = &mut routing.flows[group];
        let told = flow.pending.as_ref().unwrap_or(&flow.target);
        if *told == answer {
            return false;
        }
        flow.cause = cause;
        flow.generation += 1;
        let generation = flow.generation;
        match &plan.propagation {
            Propagation::Instant => flow.target = answer,
            Propagation::Anycast { converge } => {
                let at = now + converge.sample(&mut routing.delay);
                flow.pending = Some(answer);
                self.schedule(at, class::END, Event::Converged { group: group as u32, generation });
            }
            Propagation::Dns { ttl, ignore_ttl, ignore_for } => {
                let ignored = ignore_for.sample(&mut routing.delay);
                flow.leave(now, answer, [(1.0 - ignore_ttl, *ttl), (*ignore_ttl, ignored)]);
                self.schedule_drain(group);
            }
        }
        self.note(now, TraceEvent::Rerouted { group: group as u32 });
        true
    }

    fn schedule_drain(&mut self, group: usize) {
        let Some(routing) = &self.routing else { return };
        let flow = &routing.flows[group];
        let generation = flow.generation;
        if let Some(until) = flow.stale.iter().map(|cohort| cohort.until).min() {
            self.schedule(until, class::END, Event::Drained { group: group as u32, generation });
        }
    }

    pub(super) fn drained(&mut self, now: Time, group: u32, generation: u32) -> bool {
        let Some(routing) = &mut self.routing else { return false };
        let flow = &mut routing.flows[group as usize];
        if flow.generation != generation {
            return false;
        }
        flow.stale.retain(|cohort| cohort.until > now);
        self.cause = flow.cause;
        self.moved |= self.feels_drain(now);
        self.rest_standbys(now);
        self.schedule_drain(group as usize);
        true
    }

    /// Pools of places out of charge wait as soon as no client follows an old answer there.
    pub(super) fn rest_standbys(&mut self, now: Time) {
        let Some(plan) = self.tracked() else { return };
        let (Choice::Active(regions), Some(process)) = (&plan.choice, plan.process) else { return };
        let state = &self.processes[process as usize];
        // whoever is taking over is no standby any more
        let taking_over = (!state.in_charge()).then(|| state.target());
        let stands_by = |place: usize| place != state.primary() && taking_over != Some(place);
        let places: Vec<usize> = (0..regions.len()).filter(|&place| stands_by(place)).collect();
        for (place, region) in places.into_iter().map(|place| (place, regions[place])) {
            let routing = self.routing.as_ref();
            let used = routing
                .is_some_and(|routing| routing.flows.iter().any(|flow| flow.share(region as usize, now) > 1e-12));
            let pools = if used { &[][..] } else { &self.layout.processes[process as usize].places[place].pools };
            for &pool in pools {
                self.set_waiting(now, pool, true);
            }
        }
    }

    pub(super) fn converged(&mut self, now: Time, group: u32, generation: u32) -> bool {
        let Some(routing) = &mut self.routing else { return false };
        let flow = &mut routing.flows[group as usize];
        if flow.generation != generation {
            return false;
        }
        if let Some(target) = flow.pending.take() {
            flow.target = target;
        }
        self.cause = flow.cause;
        self.moved = true;
        self.rest_standbys(now);
        self.note(now, TraceEvent::Converged { group });
        true
    }

    /// Are the users out for the way back to the first region?
    pub(super) fn is_routing_out(&self) -> bool {
        let process = self.tracked().and_then(|plan| plan.process);
        process.is_some_and(|process| self.is_failing_back(process as usize))
    }

    /// Levels of the groups and of the system, as users and regions now stand.
    pub(super) fn refresh_users(&mut self, now: Time) {
        let (Some(plan), Some(routing)) = (self.tracked(), &self.routing) else { return };
        let layout = self.layout;
        let out = self.is_routing_out();
        let mut system = Level { value: 0.0, slope: 0.0, tiers: 0 };
        let mut levels = Vec::with_capacity(routing.flows.len());
        for (flow, share) in routing.flows.iter().zip(&plan.shares) {
            // one minus what is lost, so that nothing lost is exactly 1 however the clients move
            let mut level = Level::all_or_nothing(!out);
            for (region, &gate) in layout.region_gates.iter().enumerate() {
                let lost = if self.gates.holds(gate) { flow.held[region] } else { 1.0 };
                if !out && lost > 0.0 {
                    level.value -= flow.share(region, now) * lost;
                    level.slope -= flow.slope(region) * lost;
                }
            }
            if flow.stale.is_empty() {
                level.slope = 0.0;
            }
            // what rounding has left of nobody is nobody
            level.value = if level.value < 1e-12 { 0.0 } else { level.value.min(1.0) };
            system.value += share * level.value;
            system.slope += share * level.slope;
            levels.push(level);
        }
        if levels.iter().all(|level| level.slope == 0.0) {
            system.slope = 0.0;
        }
        let cause = self.cause;
        for (subject, level) in std::iter::once(system).chain(levels).enumerate() {
            self.ledger.set_level(subject, now, level, cause);
            self.note(now, TraceEvent::Level { subject: subject as u32, level: level.value });
        }
    }

    /// What stands between the users and a region that serves.
    pub(super) fn routing_stage(&self) -> Stage {
        let (Some(plan), Some(routing)) = (self.tracked(), &self.routing) else { return Stage::Repairing };
        let serves = |region: usize| self.gates.holds(self.layout.region_gates[region]);
        let regions = 0..routing.in_rotation.len();
        let mut stage = plan.process.map_or(Stage::Repairing, |process| self.process_stage(process as usize));
        for flow in &routing.flows {
            if flow.held.iter().any(|&held| held > 0.0) {
                stage = stage.min(Stage::FailingBack);
            }
            let aim = flow.pending.as_ref().unwrap_or(&flow.target);
            let served = regions.clone().any(|region| aim[region] > 0.0 && serves(region));
            let lost = flow.stale.iter().any(|cohort| !serves(cohort.region as usize)) || flow.pending.is_some();
            if served && lost {
                stage = stage.min(Stage::Rerouting);
            }
            let unseen = |region: &usize| {
                let watch = &routing.watches[*region];
                let hidden = || plan.believed[*region].is_some_and(|gate| self.gates.holds(gate) && !serves(*region));
                flow.target[*region] > 0.0 && watch.believed && (!watch.healthy || hidden())
            };
            let paged = |region: &usize| {
                flow.target[*region] > 0.0 && routing.in_rotation[*region] && !routing.watches[*region].believed
            };
            for region in regions.clone().filter(|region| plan.process.is_none() && paged(region)) {
                stage = stage.min(if routing.by_hand[region] { Stage::Promoting } else { Stage::Deciding });
            }
            if plan.process.is_none() && regions.clone().any(|region| unseen(&region)) {
                stage = Stage::Undetected;
            }
        }
        stage
    }
}

impl Flow {
    /// The answer changes to `answer` at `now`: who must move keeps the old one for the rest of a time that is
    /// uniform up to each of `keeps` (share of the clients, longest time).
    fn leave(&mut self, now: Time, answer: Vec<f64>, keeps: [(f64, Span); 2]) {
        let regions = 0..answer.len();
        let stale = |flow: &Flow, region: usize| -> f64 {
            flow.stale.iter().filter(|cohort| cohort.region as usize == region).map(|cohort| cohort.at(now)).sum()
        };
        let fresh: Vec<f64> = regions.clone().map(|region| self.share(region, now) - stale(self, region)).collect();
        for region in regions.clone() {
            let leaving = fresh[region] - answer[region];
            for (share, longest) in keeps {
                let amount = leaving * share;
                if amount > 1e-12 && !longest.is_zero() {
                    let until = now + longest;
                    self.stale.push(Cohort { region: region as u32, amount, from: now, until });
                }
            }
        }
        let moving: f64 = self.stale.iter().map(|cohort| cohort.at(now)).sum();
        let missing: Vec<f64> =
            regions.clone().map(|region| (answer[region] - fresh[region].max(0.0)).max(0.0)).collect();
        let total: f64 = missing.iter().sum();
        self.destination = if moving > 0.0 && total > 0.0 {
            missing.iter().map(|part| part / total).collect()
        } else {
            answer.clone()
        };
        self.target = answer;
    }
}
