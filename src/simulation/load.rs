//! How much of the demand is served where capacity is limited, calls are soft or only some requests make them.
//!
//! Demand is a fluid. From the entries down each station carries at most its capacity and passes on what it carries:
//! `load(callee) = sum over callers of carried x share`. Back up, a request is served with
//! `value = carried / load x min over hard calls (1 - p (1 - value)) x product over soft calls (1 - p (1 - answered))`,
//! the tightest capacity on its way, and tiers answer `hit` of what fails, each the misses of the one before. A station
//! that does not serve takes nothing; a weak node carries its capacity over its factor and fails its errors. While
//! clients move from an old answer to the new one the level is a curve; it is booked as chords that are off by less than
//! [`CLOSE`] in their middle.

use super::ailing::Weak;
use super::event::{Event, class};
use super::gates::Gates;
use super::layout::RoutingPlan;
use super::layout::load::{Candidate, LoadCall, LoadPlan, Station};
use super::ledger::Level;
use super::trace::TraceEvent;
use super::world::World;
use crate::time::{Span, Time};

/// How far the middle of a chord may be off the level.
const CLOSE: f64 = 1e-6;

/// No chord is cut shorter than this.
const SHORTEST: Span = Span::from_millis(1);

/// The loads, dynamically; memory that is kept from trial to trial.
#[derive(Clone, Debug, Default)]
pub struct Loads {
    /// By station: requests per second that arrive.
    load: Vec<f64>,
    /// By station: share of these that is served.
    value: Vec<f64>,
    /// By station: the same of what only reads.
    reads: Vec<f64>,
    /// By station: share of the writes that fail where reads do not.
    unwritten: Vec<f64>,
    /// By station: does a tier answer for it?
    tier: Vec<bool>,
    /// Calls per second from a station in one region to one in another.
    crossing: f64,
    /// The same, by sample.
    crossings: [f64; 4],
    /// By group and region: share of the group's users there.
    users: Vec<f64>,
    /// By station: its nodes that serve, but weakly.
    weak: Vec<Vec<Weak>>,
    spare: Vec<f64>,
    unit: Vec<f64>,
    over: Vec<f64>,
    levels: [Vec<Sample>; 4],
    /// Is anything at its limit, or moving?
    tight: bool,
    generation: u32,
}

/// The level of a subject at an instant.
#[derive(Clone, Copy, Debug, Default)]
struct Sample {
    value: f64,
    tier: bool,
}

/// The first candidate that answers.
fn answering(gates: &Gates, to: &[Candidate]) -> Option<usize> {
    to.iter().find(|candidate| gates.holds(candidate.gate)).map(|candidate| candidate.station as usize)
}

impl Loads {
    /// Nothing is known yet.
    pub fn reset(&mut self) {
        (self.tight, self.generation) = (true, 0);
        self.weak.iter_mut().for_each(Vec::clear);
    }

    /// Spread what the users bring over the stations, callers first.
    fn spread(&mut self, plan: &LoadPlan, gates: &Gates) {
        self.load.clear();
        self.load.resize(plan.stations.len(), 0.0);
        self.crossing = 0.0;
        let regions = plan.entries.len();
        for (region, entry) in plan.entries.iter().enumerate() {
            if let Some(station) = answering(gates, entry) {
                let groups = plan.shares.iter().enumerate();
                let users: f64 = groups.map(|(group, share)| share * self.users[group * regions + region]).sum();
                self.load[station] += users * plan.demand;
            }
        }
        for (index, station) in plan.stations.iter().enumerate() {
            let load = self.load[index];
            if load <= 0.0 {
                continue;
            }
            let limit = self.limit(index, station, gates);
            self.tight |= load > limit * (1.0 + 1e-12);
            let carried = load.min(limit);
            for call in &station.calls {
                let reads = if call.readers.is_some() { 1.0 - plan.writes } else { 0.0 };
                for (to, part) in [(Some(&call.to), 1.0 - reads), (call.readers.as_ref(), reads)] {
                    match to.and_then(|to| answering(gates, to)) {
                        Some(callee) => self.pass(plan, index, callee, carried * call.share * part),
                        None if part > 0.0 => {
                            self.spread_over_tiers(plan, index, call, gates, carried * call.share * part);
                        }
                        None => {}
                    }
                }
            }
        }
    }

    /// So many requests per second go from one station to another.
    fn pass(&mut self, plan: &LoadPlan, from: usize, to: usize, rate: f64) {
        self.load[to] += rate;
        let (from, to) = (plan.stations[from].region, plan.stations[to].region);
        if from.is_some() && to.is_some() && from != to {
            self.crossing += rate;
        }
    }

    /// What is served of a call, and whether a tier of the callee had to help.
    fn of_call(&self, call: &LoadCall, plan: &LoadPlan, gates: &Gates) -> (f64, bool) {
        let callee = answering(gates, &call.to);
        let of = |values: &[f64], callee: Option<usize>| callee.map_or(0.0, |callee| values[callee]);
        let tier = |callee: Option<usize>| callee.is_some_and(|callee| self.tier[callee]);
        let Some(readers) = &call.readers else { return (of(&self.value, callee), tier(callee)) };
        let reader = answering(gates, readers);
        let written = callee.map_or(0.0, |callee| self.reads[callee] * (1.0 - self.unwritten[callee]));
        let value = plan.writes * written + (1.0 - plan.writes) * of(&self.reads, reader);
        (value.min(1.0), tier(callee) || tier(reader))
    }

    /// What the serving nodes of the station carry together, a weak one its part.
    fn limit(&self, index: usize, station: &Station, gates: &Gates) -> f64 {
        let weak = self.weak.get(index).into_iter().flatten();
        let lost: f64 = weak.map(|weak| 1.0 - 1.0 / weak.factor).sum();
        let nodes = f64::from(gates.count(station.nodes));
        if station.capacity.is_infinite() { f64::INFINITY } else { (nodes - lost) * station.capacity }
    }

    /// Share of what the station carries that goes to weak nodes and `fails` there: nodes share evenly, and what one cannot carry goes to
    /// the others.
    fn failing(&self, index: usize, station: &Station, gates: &Gates, carried: f64, fails: fn(&Weak) -> f64) -> f64 {
        let weak = &self.weak[index];
        if weak.iter().all(|weak| fails(weak) <= 0.0) {
            return 0.0;
        }
        let mut nodes = f64::from(gates.count(station.nodes));
        let mut rest = carried.min(f64::MAX);
        if rest <= 0.0 {
            return weak.iter().map(fails).sum::<f64>() / nodes;
        }
        let mut failed = 0.0;
        // the weakest first: what it cannot carry raises the part of the others
        for node in weak {
            let part = (rest / nodes).min(station.capacity / node.factor);
            failed += part * fails(node);
            rest -= part;
            nodes -= 1.0;
        }
        failed / carried
    }

    fn spread_over_tiers(&mut self, plan: &LoadPlan, from: usize, call: &LoadCall, gates: &Gates, mut rest: f64) {
        for tier in &call.tiers {
            match &tier.to {
                None => rest *= 1.0 - tier.hit,
                Some(to) => {
                    if let Some(station) = answering(gates, to) {
                        self.pass(plan, from, station, rest);
                        rest *= 1.0 - tier.hit;
                    }
                }
            }
        }
    }

    /// Gather what is served, callees first.
    fn gather(&mut self, plan: &LoadPlan, gates: &Gates) {
        self.value.resize(plan.stations.len(), 0.0);
        self.reads.resize(plan.stations.len(), 0.0);
        self.unwritten.resize(plan.stations.len(), 0.0);
        self.tier.resize(plan.stations.len(), false);
        for (index, station) in plan.stations.iter().enumerate().rev() {
            (self.value[index], self.reads[index], self.tier[index]) = (0.0, 0.0, false);
            if !gates.holds(station.gate) {
                continue;
            }
            let limit = self.limit(index, station, gates);
            let load = self.load[index];
            let carried = if load > limit { limit / load } else { 1.0 };
            let sound = 1.0 - self.failing(index, station, gates, load.min(limit), |weak| weak.errors);
            let full = self.failing(index, station, gates, load.min(limit), |weak| weak.full);
            let (mut tightest, mut answered, mut tier) = (1.0_f64, 1.0, false);
            for call in &station.calls {
                let (value, helped) = self.of_call(call, plan, gates);
                tier |= call.share > 0.0 && helped;
                if call.tiers.is_empty() {
                    tightest = tightest.min(1.0 - call.share * (1.0 - value));
                } else {
                    let more = self.tiers_answer(call, gates);
                    answered *= 1.0 - call.share * (1.0 - value) * (1.0 - more);
                    tier |= call.share > 0.0 && value < 1.0 && more > 0.0;
                }
            }
            self.reads[index] = carried * sound * tightest * answered;
            let stopped = station.writes.is_some_and(|writes| !gates.holds(writes));
            let unwritten = if stopped { 1.0 } else { full };
            self.unwritten[index] = unwritten;
            tightest = tightest.min(1.0 - plan.writes * unwritten);
            (self.value[index], self.tier[index]) = (carried * sound * tightest * answered, tier);
        }
    }

    /// Share of the failing requests of a soft call that its tiers answer.
    fn tiers_answer(&self, call: &LoadCall, gates: &Gates) -> f64 {
        let misses = call.tiers.iter().map(|tier| {
            let value = tier.to.as_ref().map_or(1.0, |to| answering(gates, to).map_or(0.0, |at| self.value[at]));
            1.0 - tier.hit * value
        });
        1.0 - misses.product::<f64>()
    }

    /// What a region can carry with its own pools, as a share of all demand.
    fn room(&mut self, plan: &LoadPlan, gates: &Gates, region: usize) -> f64 {
        let Some(entry) = answering(gates, &plan.entries[region]) else { return 0.0 };
        self.unit.clear();
        self.unit.resize(plan.stations.len(), 0.0);
        self.unit[entry] = 1.0;
        let mut room = f64::INFINITY;
        for (index, station) in plan.stations.iter().enumerate().skip(entry) {
            let unit = self.unit[index];
            if unit <= 0.0 {
                continue;
            }
            let limit = self.limit(index, station, gates);
            room = room.min(limit / (unit * plan.demand));
            for call in station.calls.iter().filter(|call| call.local) {
                if let Some(callee) = answering(gates, &call.to) {
                    self.unit[callee] += unit * call.share;
                }
            }
        }
        room
    }

    /// What a region cannot carry goes to the next of each group that has room, rank by rank in fair parts.
    fn spill(&mut self, plan: &LoadPlan, gates: &Gates, open: impl Fn(usize) -> bool) {
        let (regions, groups) = (plan.entries.len(), plan.shares.len());
        let mut spare = std::mem::take(&mut self.spare);
        spare.clear();
        for region in 0..regions {
            let users: f64 = (0..groups).map(|group| plan.shares[group] * self.users[group * regions + region]).sum();
            let room = self.room(plan, gates, region);
            spare.push(room - users);
        }
        for region in 0..regions {
            if spare[region] < 0.0 && answering(gates, &plan.entries[region]).is_some() {
                self.tight = true;
                self.spill_from(plan, region, &mut spare, &open);
            }
        }
        self.spare = spare;
    }

    /// Each group moves its part of the excess: first all to their best region, then the rest to their second, ..
    fn spill_from(&mut self, plan: &LoadPlan, region: usize, spare: &mut [f64], open: &impl Fn(usize) -> bool) {
        let (regions, groups) = (plan.entries.len(), plan.shares.len());
        let here: f64 = (0..groups).map(|group| plan.shares[group] * self.users[group * regions + region]).sum();
        let part = -spare[region] / here;
        self.over.clear();
        self.over.extend((0..groups).map(|group| part * self.users[group * regions + region]));
        for rank in 0..regions {
            for next in (0..regions).filter(|&next| next != region && open(next)) {
                let asks = |group: &usize| plan.spill[*group].get(rank) == Some(&(next as u32));
                let asked: f64 = (0..groups).filter(asks).map(|group| plan.shares[group] * self.over[group]).sum();
                if asked <= 0.0 || spare[next] <= 0.0 {
                    continue;
                }
                let granted = (spare[next] / asked).min(1.0);
                for group in (0..groups).filter(asks) {
                    let moved = self.over[group] * granted;
                    self.over[group] -= moved;
                    self.users[group * regions + region] -= moved;
                    self.users[group * regions + next] += moved;
                }
                spare[region] += asked * granted;
                spare[next] -= asked * granted;
            }
        }
    }
}

impl World<'_> {
    /// Does a change in the number of this pool's serving nodes change any level?
    pub(super) fn feels_count(&self, pool: u32) -> bool {
        let Some(plan) = &self.layout.load else { return false };
        let index = plan.of_pool[pool as usize] as usize;
        let station = &plan.stations[index];
        if self.ails(pool) {
            return true;
        }
        if station.capacity.is_infinite() {
            return false;
        }
        let limit = self.loads.limit(index, station, &self.gates);
        self.loads.tight || self.loads.load.get(index).is_none_or(|&load| load > limit)
    }

    /// Levels of all subjects, as users, capacity and tiers now stand, until something moves.
    pub(super) fn refresh_loads(&mut self, now: Time) {
        let Some(plan) = &self.layout.load else { return };
        let mut loads = std::mem::take(&mut self.loads);
        loads.tight = false;
        loads.generation += 1;
        self.find_weak(plan, &mut loads);
        self.sample(plan, &mut loads, 0, now);
        let settled = self.routing.as_ref().and_then(super::routing::Routing::settles);
        let mut end = now;
        if let Some(settled) = settled.filter(|&settled| settled > now) {
            end = self.chord(plan, &mut loads, now, settled);
            if end < settled {
                let generation = loads.generation;
                self.schedule(end, class::END, Event::Resample { generation });
            }
            loads.tight = true;
        }
        let length = end.since(now).as_nanos() as f64;
        let cause = self.cause;
        for subject in 0..loads.levels[0].len() {
            let Sample { value, tier } = loads.levels[0][subject];
            let change = if length > 0.0 { loads.levels[3][subject].value - value } else { 0.0 };
            let slope = if change.abs() > 1e-15 { change / length } else { 0.0 };
            if (self.ledger.level(subject) - value).abs() > 0.0 {
                self.note(now, TraceEvent::Level { subject: subject as u32, level: value });
            }
            self.ledger.set_level(subject, now, Level { value, slope, tier }, cause);
        }
        if plan.counts_crossings {
            let [rate, _, _, then] = loads.crossings;
            let slope = if length > 0.0 { (then - rate) / length } else { 0.0 };
            self.usage.cross(now, rate, slope);
        }
        self.loads = loads;
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
        let (regions, groups) = (plan.entries.len(), plan.shares.len());
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
            loads.spill(plan, &self.gates, |region| routing.is_open(region));
        }
        loads.spread(plan, &self.gates);
        loads.gather(plan, &self.gates);
        loads.crossings[number] = loads.crossing;
        let mut levels = std::mem::take(&mut loads.levels[number]);
        self.levels_of(plan, loads, &mut levels);
        loads.levels[number] = levels;
    }

    /// Do the users of the group reach the region?
    fn reach(&self, group: usize, region: Option<u32>) -> bool {
        let regions = self.layout.region_gates.len();
        let way = region.and_then(|region| self.layout.cuts.users.get(group * regions + region as usize));
        way.copied().flatten().is_none_or(|way| self.gates.holds(way))
    }

    fn levels_of(&self, plan: &LoadPlan, loads: &Loads, levels: &mut Vec<Sample>) {
        let regions = plan.entries.len();
        let out = self.is_routing_out();
        levels.clear();
        levels.push(Sample::default());
        for (group, share) in plan.shares.iter().enumerate() {
            let mut level = Sample::default();
            for (region, entry) in plan.entries.iter().enumerate() {
                let users = loads.users[group * regions + region];
                if out || users <= 0.0 {
                    continue;
                }
                let answers = |candidate: &&Candidate| {
                    self.gates.holds(candidate.gate)
                        && self.reach(group, plan.stations[candidate.station as usize].region)
                };
                if let Some(station) = entry.iter().find(answers).map(|candidate| candidate.station as usize) {
                    level.value += users * loads.value[station];
                    level.tier |= loads.tier[station];
                }
            }
            level.value = level.value.min(1.0);
            levels[0].value += share * level.value;
            levels[0].tier |= level.tier;
            levels.push(level);
        }
        if levels[1..].iter().all(|level| level.value >= 1.0) {
            levels[0].value = 1.0;
        }
        let services = plan.of_service.iter().zip(&self.layout.service_gates).zip(&plan.read_on);
        levels.extend(services.map(|((stations, &gate), read_on)| {
            if self.gates.holds(gate) {
                of_stations(loads, stations)
            } else if *read_on {
                readers_of(plan, loads, stations)
            } else {
                Sample::default()
            }
        }));
        for (entry, &gate) in plan.entries.iter().zip(&self.layout.region_levels) {
            let station = answering(&self.gates, entry);
            let serves = Sample { value: 1.0, tier: false };
            let now = |station: usize| Sample { value: loads.value[station], tier: loads.tier[station] };
            levels.push(if self.gates.holds(gate) { station.map_or(serves, now) } else { Sample::default() });
        }
    }
}

/// Of a service without a primary, what its best copy reads: the writes fail.
fn readers_of(plan: &LoadPlan, loads: &Loads, stations: &[u32]) -> Sample {
    let best = stations.iter().map(|&station| loads.reads[station as usize]).fold(0.0, f64::max);
    Sample { value: (1.0 - plan.writes) * best, tier: false }
}

/// Of all that arrives at a service's stations, the share that is served; the best of them if nothing arrives.
fn of_stations(loads: &Loads, stations: &[u32]) -> Sample {
    let stations = stations.iter().map(|&station| station as usize);
    let load: f64 = stations.clone().map(|station| loads.load[station]).sum();
    if load > 0.0 {
        let served: f64 = stations.clone().map(|station| loads.load[station] * loads.value[station]).sum();
        let tier = stations.into_iter().any(|station| loads.load[station] > 0.0 && loads.tier[station]);
        return Sample { value: if load - served > 1e-12 * load { served / load } else { 1.0 }, tier };
    }
    let best = stations.max_by(|&a, &b| loads.value[a].total_cmp(&loads.value[b]));
    best.map_or(Sample::default(), |station| Sample { value: loads.value[station], tier: loads.tier[station] })
}
