//! How much of the demand is served where capacity is limited, calls are soft or only some requests make them.
//!
//! Demand is a fluid. From the entries down each station carries at most its capacity and passes on what it carries:
//! `load(callee) = sum over callers of carried x share`. Back up, a request is served with
//! `value = carried / load x min over hard calls (1 - p (1 - value)) x product over soft calls (1 - p (1 - answered))`,
//! the tightest capacity on its way, and tiers answer `hit` of what fails, each the misses of the one before. A station
//! that does not serve takes nothing; a weak node carries its capacity over its factor and fails its errors. While clients move from an old answer to the new one the level is a curve; it is
//! booked as chords that are off by less than [`CLOSE`] in their middle; so it is while nodes warm up.

mod check;
mod flow;
mod levels;
mod mixed;

use super::ailing::Weak;
use super::event::{Event, class};
use super::gates::Gates;
use super::layout::RoutingPlan;
use super::layout::load::{Candidate, LoadPlan};
use super::ledger::Level;
use super::trace::TraceEvent;
use super::world::World;
use crate::time::{Span, Time};

/// How far the middle of a chord may be off the level.
const CLOSE: f64 = 1e-6;

/// So much more must be carried than arrives, where that is a line between two samples.
const MARGIN: f64 = 1.0 + 1e-9;

/// No chord is cut shorter than this.
const SHORTEST: Span = Span::from_millis(1);

/// The loads, dynamically; memory that is kept from trial to trial.
#[derive(Clone, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "facts about an instant, each by itself")]
pub struct Loads {
    /// By station: requests per second that arrive.
    load: Vec<f64>,
    /// By station and class: the same.
    flow: Vec<f64>,
    /// By station and class: share of these that is served.
    value: Vec<f64>,
    /// By station and class: share of the reads among these that is served.
    reads: Vec<f64>,
    /// By station and class: share of the writes that fail where reads do not.
    unwritten: Vec<f64>,
    /// By station and class: writes per second that arrive to be kept there; filled while two primaries can serve.
    writes: Vec<f64>,
    /// By sample and process: writes per second that an old primary takes.
    divergent: [Vec<f64>; 4],
    /// By station and class: which tiers answer for something, a bit each.
    tiers: Vec<u64>,
    /// By group and region: share of the group's users there.
    users: Vec<f64>,
    /// By station: requests per second that it carries.
    limits: Vec<f64>,
    /// By station: nodes' worth of capacity that it lacks, since some of its nodes are not warm.
    cold: Vec<f64>,
    /// By station: its nodes that serve, but weakly.
    weak: Vec<Vec<Weak>>,
    /// Calls per second from a station in one region to one in another.
    crossing: f64,
    /// The same, by sample.
    crossings: [f64; 4],
    /// By region: what it can carry, as a share of all demand.
    rooms: Vec<f64>,
    /// Was anything not warm when that was found?
    rooms_cold: bool,
    spare: Vec<f64>,
    unit: Vec<f64>,
    /// Where groups differ in their mix, by region, group and station: calls of a request that stays in the region.
    costs: Vec<f64>,
    /// By station: requests per second that stay, and what more it carries.
    stay: Vec<f64>,
    free: Vec<f64>,
    over: Vec<f64>,
    /// By station: does less arrive to be served than its nodes could carry, were all of them on and warm?
    short: Vec<bool>,
    levels: [Vec<Sample>; 4],
    /// Where regions spill: what a station is asked for with each share of the demand that a region has, in the mix of all.
    asked: Vec<(usize, usize, f64)>,
    /// By station: how many sound nodes carry what arrives and what its region could keep, until something changes; all
    /// there are, while anything is tight.
    fewest: Vec<u32>,
    /// Is anything at its limit, or moving?
    tight: bool,
    /// Does less arrive everywhere than is carried?
    carried: bool,
    /// Is it served whole: is it carried, and does no weak node fail any of it?
    whole: bool,
    /// Is every level full, nothing tight and nobody's writes divergent? Then only who lacks capacity or fails requests
    /// changes a level, and to work out the levels once more in between is of no consequence.
    full: bool,
    /// While users move: until when every level stays full as they go, ends of cohorts included.
    full_until: Time,
    generation: u32,
}

/// The level of a subject at an instant.
#[derive(Clone, Copy, Debug, Default)]
struct Sample {
    value: f64,
    tiers: u64,
}

/// The first candidate that answers.
fn answering(gates: &Gates, to: &[Candidate]) -> Option<usize> {
    to.iter().find(|candidate| gates.holds(candidate.gate)).map(|candidate| candidate.station as usize)
}

impl Loads {
    /// Nothing is known yet.
    pub fn reset(&mut self) {
        (self.tight, self.full, self.full_until, self.generation) = (true, false, Time::ZERO, 0);
        self.weak.iter_mut().for_each(Vec::clear);
    }
}

impl World<'_> {
    /// Does a change in the number of this pool's serving nodes change any level? `joined` more of them may not be warm.
    pub(super) fn feels_count(&mut self, now: Time, pool: u32, joined: u32) -> bool {
        let Some(plan) = &self.layout.load else { return false };
        if self.loads.full {
            return self.leaves_full(plan, now, pool, joined);
        }
        let index = plan.of_pool[pool as usize] as usize;
        let station = &plan.stations[index];
        if self.ails(pool) {
            return true;
        }
        if station.capacity.is_infinite() {
            return false;
        }
        let scales = self.layout.pools[pool as usize].scale.is_some();
        scales || self.loads.tight || !self.carries_cold(plan, &self.loads, pool)
    }

    /// Does a change in what ails the pool, or in who of it serves while something does, change any level?
    pub(super) fn feels_ailing(&mut self, now: Time, pool: u32) -> bool {
        match &self.layout.load {
            Some(plan) if self.loads.full => self.leaves_full(plan, now, pool, 0),
            Some(_) | None => true,
        }
    }

    /// Is every level full, so that who else has changed is of no consequence to them?
    pub(super) fn is_full(&self) -> bool {
        self.loads.full
    }

    /// While all levels are full: may they not be, as the pool now stands?
    fn leaves_full(&mut self, plan: &LoadPlan, now: Time, pool: u32, joined: u32) -> bool {
        let calm = self.calm(plan, &self.loads, now, pool).saturating_add(joined);
        self.pools[pool as usize].calm = calm;
        self.gates.count(plan.stations[plan.of_pool[pool as usize] as usize].nodes) < calm
    }

    /// How many nodes of the pool must serve so that all levels are full, whoever ails or warms up counting as if he did
    /// nothing.
    fn calm(&self, plan: &LoadPlan, loads: &Loads, now: Time, pool: u32) -> u32 {
        let index = plan.of_pool[pool as usize] as usize;
        if self.may_fail(pool) {
            return u32::MAX;
        }
        if plan.stations[index].capacity.is_infinite() {
            return 0;
        }
        let unsound = self.ailing[pool as usize].len() as u32 + self.nodes_cold(pool, now);
        let scales = self.layout.pools[pool as usize].scale.is_some();
        if scales { u32::MAX } else { loads.fewest[index].saturating_add(unsound) }
    }

    /// Does the pool carry what arrives though none of its nodes that warm up did anything? Then their warmth changes no
    /// level, as long as nothing is tight.
    pub(super) fn carries_cold(&self, plan: &LoadPlan, loads: &Loads, pool: u32) -> bool {
        let index = plan.of_pool[pool as usize] as usize;
        let limit = loads.limit(plan, &self.gates, index, f64::from(self.nodes_warming(pool)));
        loads.load.get(index).is_some_and(|&load| !flow::is_short(load, limit))
    }

    /// Levels of all subjects, as users, capacity and tiers now stand, until something moves.
    pub(super) fn refresh_loads(&mut self, now: Time) {
        let Some(plan) = &self.layout.load else { return };
        let mut loads = std::mem::take(&mut self.loads);
        loads.tight = false;
        loads.generation += 1;
        self.find_weak(plan, &mut loads);
        self.forget_warm(plan, now);
        self.sample(plan, &mut loads, 0, now);
        self.find_short(plan, &mut loads);
        let drained = self.routing.as_ref().and_then(super::routing::Routing::settles);
        let warm = self.next_warm(plan, &loads, loads.tight || drained.is_some());
        self.plan_looks(plan, now, &loads.load, drained.is_some());
        let drained = drained.filter(|&drained| drained > now);
        let unfelt = drained.is_some() && self.stay_full(plan, &mut loads, now);
        let settled = drained.into_iter().chain(warm).min().filter(|_| !unfelt);
        let mut end = now;
        if let Some(settled) = settled {
            end = self.chord(plan, &mut loads, now, settled);
            if end < settled || warm == Some(end) {
                let generation = loads.generation;
                self.schedule(end, class::END, Event::Resample { generation });
            }
            loads.tight = true;
        }
        let length = end.since(now).as_nanos() as f64;
        let cause = self.cause;
        for subject in 0..loads.levels[0].len() {
            let Sample { value, tiers } = loads.levels[0][subject];
            let change = if length > 0.0 { loads.levels[3][subject].value - value } else { 0.0 };
            let slope = if change.abs() > 1e-15 { change / length } else { 0.0 };
            if (self.ledger.level(subject) - value).abs() > 0.0 {
                self.note(now, TraceEvent::Level { subject: subject as u32, level: value });
            }
            self.ledger.set_level(subject, now, Level { value, slope, tiers }, cause);
        }
        if plan.counts_crossings {
            let [rate, _, _, then] = loads.crossings;
            let slope = if length > 0.0 { (then - rate) / length } else { 0.0 };
            self.usage.cross(now, (rate, slope));
        }
        for process in 0..self.processes.len() {
            let [rate, then] = [0, 3].map(|sample: usize| loads.divergent[sample].get(process).copied().unwrap_or(0.0));
            let slope = if length > 0.0 { (then - rate) / length } else { 0.0 };
            self.usage.diverge(now, process, (rate, slope));
        }
        if !unfelt {
            loads.find_fewest(plan, 1.0);
        }
        loads.full = unfelt || self.are_full(plan, &loads, 0);
        self.find_calm(plan, &loads, now);
        self.loads = loads;
    }

    /// From how many sound nodes on each station carries what it must, and plain ones come and go without changing a
    /// level, as [`Self::feels_count`] says.
    fn find_calm(&mut self, plan: &LoadPlan, loads: &Loads, now: Time) {
        for pool in 0..self.pools.len() as u32 {
            let calm = if loads.full { self.calm(plan, loads, now, pool) } else { u32::MAX };
            self.pools[pool as usize].calm = calm;
        }
        for &(shelf, station) in &plan.limited {
            self.shelves[shelf as usize].calm = loads.fewest[station as usize];
        }
    }

    /// Is every level full at this sample, with nothing beside that moves?
    fn are_full(&self, plan: &LoadPlan, loads: &Loads, number: usize) -> bool {
        let full = |level: &Sample| level.value.to_bits() == 1.0f64.to_bits() && level.tiers == 0;
        let calm = !loads.tight && !plan.counts_crossings && loads.levels[number].iter().all(full);
        calm && self.processes.iter().all(super::failovers::Failover::is_whole)
    }

    /// Clients move. Is every level full as they go, as it is now, with nodes to spare? What arrives where is a line from
    /// one end of a cohort to the next, so that these tell (sample 3); the margin is for rounding in between.
    fn stay_full(&self, plan: &LoadPlan, loads: &mut Loads, now: Time) -> bool {
        let Some(routing) = self.routing.as_ref().filter(|_| self.are_full(plan, loads, 0)) else { return false };
        if routing.holds_users() {
            return false;
        }
        loads.find_fewest(plan, MARGIN);
        let mut until = now;
        while let Some(end) = routing.settles_after(until) {
            until = end;
            let before = std::mem::take(&mut loads.fewest);
            self.sample(plan, loads, 3, until);
            loads.find_fewest(plan, MARGIN);
            loads.fewest.iter_mut().zip(before).for_each(|(fewest, before)| *fewest = before.max(*fewest));
            if !self.are_full(plan, loads, 3) {
                return false;
            }
        }
        loads.full_until = until;
        (0..self.pools.len()).all(|pool| {
            let nodes = plan.stations[plan.of_pool[pool] as usize].nodes;
            self.gates.count(nodes) >= self.calm(plan, loads, now, pool as u32)
        })
    }

    /// The weak nodes of each pool, the weakest first.
    fn find_weak(&self, plan: &LoadPlan, loads: &mut Loads) {
        loads.weak.resize(plan.stations.len(), Vec::new());
        for pool in 0..plan.of_pool.len() {
            let weak = &mut loads.weak[plan.of_pool[pool] as usize];
            if weak.is_empty() && !self.ails(pool as u32) {
                continue;
            }
            self.weak_nodes(pool as u32, weak);
            weak.sort_by(|one, other| other.factor.total_cmp(&one.factor));
        }
    }

    /// Note who is short of capacity that it has in nodes which are off or not warm.
    fn find_short(&self, plan: &LoadPlan, loads: &mut Loads) {
        loads.short.clear();
        loads.short.resize(plan.stations.len(), false);
        for pool in plan.warming.iter().map(|&(pool, _)| pool).chain(plan.scaling.iter().copied()) {
            let index = plan.of_pool[pool as usize] as usize;
            let all = f64::from(self.able_nodes(pool)) * plan.stations[index].capacity;
            let load = loads.load[index];
            let limit = loads.limit(plan, &self.gates, index, loads.cold[index]);
            loads.short[index] = load > limit && load <= all * (1.0 + 1e-12);
        }
    }

    /// Is what the service needs short of capacity that is on its way?
    pub(super) fn is_warming(&self, service: usize) -> bool {
        let Some(plan) = &self.layout.load else { return false };
        plan.reached[service].iter().any(|&station| self.loads.short.get(station as usize) == Some(&true))
    }

    /// Requests per second that arrive at the pool.
    pub(super) fn load_of(&mut self, plan: &LoadPlan, pool: u32, now: Time) -> f64 {
        let mut loads = std::mem::take(&mut self.loads);
        self.find_weak(plan, &mut loads);
        self.sample(plan, &mut loads, 0, now);
        let load = loads.load[plan.of_pool[pool as usize] as usize];
        self.loads = loads;
        load
    }

    /// Some clients have let go of an old answer. Do levels feel it?
    pub(super) fn feels_drain(&self, now: Time) -> bool {
        !(self.loads.full && now <= self.loads.full_until)
    }

    pub(super) fn resampled(&mut self, generation: u32) -> bool {
        let live = self.loads.generation == generation;
        self.moved |= live;
        live
    }

    /// How long the level is as good as a line: samples 0 and 3 are its ends.
    fn chord(&self, plan: &LoadPlan, loads: &mut Loads, now: Time, settled: Time) -> Time {
        let mut length = settled.since(now);
        loop {
            let at = |part: f64| now + Span::from_nanos_f64(length.as_nanos() as f64 * part);
            self.sample(plan, loads, 1, at(0.25));
            self.sample(plan, loads, 2, at(0.5));
            self.sample(plan, loads, 3, now + length);
            let [from, quarter, half, to] = &loads.levels;
            let line = |subject: usize, part: f64| from[subject].value * (1.0 - part) + to[subject].value * part;
            let off = |samples: &[Sample], part: f64| {
                let values = samples.iter().enumerate();
                values.map(|(subject, sample)| (sample.value - line(subject, part)).abs()).fold(0.0, f64::max)
            };
            if length <= SHORTEST || off(half, 0.5).max(off(quarter, 0.25)) <= CLOSE {
                return now + length;
            }
            length = Span::from_nanos(length.as_nanos() / 2);
        }
    }

    /// Levels at an instant, were nothing to move until then but the users.
    fn sample(&self, plan: &LoadPlan, loads: &mut Loads, number: usize, at: Time) {
        let (regions, groups) = (plan.regions, plan.shares.len());
        loads.cold.clear();
        loads.cold.resize(plan.stations.len(), 0.0);
        for &(pool, station) in &plan.warming {
            loads.cold[station as usize] = self.cold(pool, at);
        }
        loads.users.clear();
        match (&self.layout.routing, &self.routing) {
            (RoutingPlan::Tracked(_), Some(routing)) => {
                let all = (0..groups).flat_map(|group| (0..regions).map(move |region| (group, region)));
                loads.users.extend(all.map(|(group, region)| routing.share(group, region, at).clamp(0.0, 1.0)));
            }
            (RoutingPlan::Direct(_) | RoutingPlan::Tracked(_), _) => {
                let first = (0..groups).flat_map(|_| (0..regions).map(|region| f64::from(u8::from(region == 0))));
                loads.users.extend(first);
            }
        }
        if let (Some(routing), false) = (&self.routing, plan.spill.is_empty()) {
            // between the samples of a chord only users move and nodes warm
            let cold = loads.cold.iter().any(|&cold| cold > 0.0);
            if number == 0 || cold || loads.rooms_cold {
                loads.find_rooms(plan, &self.gates);
                loads.rooms_cold = cold;
            }
            loads.spill(plan, &self.gates, |region| routing.is_open(region));
        }
        loads.spread(plan, &self.gates);
        // until gates or nodes change, what is carried whole is served as before
        let whole = loads.all_carried();
        let stands = std::mem::replace(&mut loads.whole, whole) && number > 0;
        if !(stands && whole) {
            loads.gather(plan, &self.gates);
        }
        loads.crossings[number] = loads.crossing;
        let mut divergent = std::mem::take(&mut loads.divergent[number]);
        divergent.clear();
        divergent.extend((0..self.processes.len()).map(|process| self.divergent(plan, loads, process)));
        loads.divergent[number] = divergent;
        let mut levels = std::mem::take(&mut loads.levels[number]);
        self.levels_of(plan, loads, &mut levels);
        loads.levels[number] = levels;
    }
}
