//! The demand on its way: down from the entries as load, back up as the share that is served, class by class.
//!
//! Classes differ in where they enter, in the calls that they make and in whether they write; a station at its limit
//! serves the same share of each. What a region has room for is reckoned for the mix of classes of all users, as long as all groups
//! have the same; where they do not it depends on whose users they are (`mixed`).

use super::{Loads, answering};
use crate::simulation::ailing::Weak;
use crate::simulation::gates::Gates;
use crate::simulation::layout::load::{LoadCall, LoadPlan, LoadTier};

/// Is a station short of what arrives? Spill fills regions to the brim, where rounding decides nothing.
pub(super) fn is_short(load: f64, limit: f64) -> bool {
    load > limit * (1.0 + 1e-12)
}

impl Loads {
    /// Requests per second that the station carries: a weak node its part; `cold` nodes' worth is missing.
    pub(super) fn limit(&self, plan: &LoadPlan, gates: &Gates, index: usize, cold: f64) -> f64 {
        let station = &plan.stations[index];
        if station.capacity.is_infinite() {
            return f64::INFINITY;
        }
        let weak = self.weak.get(index).into_iter().flatten();
        let lost: f64 = weak.map(|weak| 1.0 - 1.0 / weak.factor).sum();
        (f64::from(gates.count(station.nodes)) - lost - cold).max(0.0) * station.capacity
    }

    /// Share of what the station carries that goes to weak nodes and `fails` there: nodes share evenly, and what one cannot carry goes to
    /// the others.
    fn failing(&self, plan: &LoadPlan, gates: &Gates, index: usize, carried: f64, fails: fn(&Weak) -> f64) -> f64 {
        let (weak, station) = (&self.weak[index], &plan.stations[index]);
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

    /// So many requests per second of a class go from one station to another, so many of them writes.
    fn pass(&mut self, plan: &LoadPlan, from: usize, (to, class): (usize, usize), (rate, writes): (f64, f64)) {
        self.flow[to * plan.classes + class] += rate;
        self.writes[to * plan.classes + class] += writes;
        let (from, to) = (plan.stations[from].region, plan.stations[to].region);
        if from.is_some() && to.is_some() && from != to {
            self.crossing += rate;
        }
    }

    /// Share of all users that are at the region now.
    fn users_at(&self, plan: &LoadPlan, region: usize) -> f64 {
        let groups = plan.shares.iter().enumerate();
        groups.map(|(group, share)| share * self.users[group * plan.regions + region]).sum()
    }

    /// Spread what the users bring over the stations, callers first.
    pub(super) fn spread(&mut self, plan: &LoadPlan, gates: &Gates) {
        let classes = plan.classes;
        self.flow.clear();
        self.flow.resize(plan.stations.len() * classes, 0.0);
        self.load.clear();
        self.load.resize(plan.stations.len(), 0.0);
        self.writes.clear();
        self.writes.resize(plan.stations.len() * classes, 0.0);
        (self.crossing, self.carried) = (0.0, true);
        for (class, entries) in plan.entries.iter().enumerate() {
            for (region, entry) in entries.iter().enumerate() {
                if let Some(station) = answering(gates, entry) {
                    let groups = plan.shares.iter().zip(&plan.mixes).enumerate();
                    let users: f64 = groups
                        .map(|(group, (share, mix))| share * mix[class] * self.users[group * plan.regions + region])
                        .sum();
                    self.flow[station * classes + class] += users * plan.demand;
                    self.writes[station * classes + class] += users * plan.demand * plan.writes[class];
                }
            }
        }
        self.limits.clear();
        self.limits.resize(plan.stations.len(), f64::INFINITY);
        for (index, station) in plan.stations.iter().enumerate() {
            let load: f64 = self.flow[index * classes..(index + 1) * classes].iter().sum();
            self.load[index] = load;
            if load <= 0.0 {
                continue;
            }
            let limit = self.limit(plan, gates, index, self.cold[index]);
            self.limits[index] = limit;
            let short = is_short(load, limit);
            self.tight |= short;
            self.carried &= !short;
            let carried = if short { limit / load } else { 1.0 };
            for class in 0..classes {
                let arriving = if classes == 1 { load } else { self.flow[index * classes + class] };
                let amount = if short && classes == 1 { limit } else { arriving * carried };
                for call in station.calls.iter().filter(|_| amount > 0.0) {
                    self.spread_call(plan, gates, (index, class), call, amount * call.shares[class]);
                }
            }
        }
    }

    /// Calls of a class at a station: what writes to whoever answers, what reads to a copy, if copies read on.
    fn spread_call(&mut self, plan: &LoadPlan, gates: &Gates, at: (usize, usize), call: &LoadCall, amount: f64) {
        let (index, class) = at;
        let writes = plan.writes[class];
        if call.readers.is_none() {
            return match answering(gates, &call.to) {
                Some(callee) => self.pass(plan, index, (callee, class), (amount, amount * writes)),
                None => self.spread_over_tiers(plan, gates, at, call, amount),
            };
        }
        let reads = 1.0 - writes;
        for (to, part, writes) in [(Some(&call.to), 1.0 - reads, writes), (call.readers.as_ref(), reads, 0.0)] {
            match to.and_then(|to| answering(gates, to)) {
                Some(callee) => self.pass(plan, index, (callee, class), (amount * part, amount * writes)),
                None if part > 0.0 => self.spread_over_tiers(plan, gates, at, call, amount * part),
                None => {}
            }
        }
    }

    fn spread_over_tiers(
        &mut self,
        plan: &LoadPlan,
        gates: &Gates,
        (index, class): (usize, usize),
        call: &LoadCall,
        mut rest: f64,
    ) {
        for tier in &call.tiers {
            match &tier.to {
                None => rest *= 1.0 - tier.hit,
                Some(to) => {
                    if let Some(station) = answering(gates, to) {
                        self.pass(plan, index, (station, class), (rest, rest * plan.writes[class]));
                        rest *= 1.0 - tier.hit;
                    }
                }
            }
        }
    }

    /// Gather what is served, callees first.
    pub(super) fn gather(&mut self, plan: &LoadPlan, gates: &Gates) {
        self.value.clear();
        self.value.resize(plan.stations.len() * plan.classes, 0.0);
        self.reads.clear();
        self.reads.resize(plan.stations.len() * plan.classes, 0.0);
        self.unwritten.clear();
        self.unwritten.resize(plan.stations.len() * plan.classes, 0.0);
        self.tiers.clear();
        self.tiers.resize(plan.stations.len() * plan.classes, 0);
        for (index, station) in plan.stations.iter().enumerate().rev() {
            if !gates.holds(station.gate) {
                continue;
            }
            // of no load everything is carried, whatever the limit
            let (limit, load) = (self.limits[index], self.load[index]);
            let short = is_short(load, limit);
            let taken = if short { limit } else { load };
            let sound = 1.0 - self.failing(plan, gates, index, taken, |weak| weak.errors);
            let full = self.failing(plan, gates, index, taken, |weak| weak.full);
            let carried = if short { limit / load } else { 1.0 } * sound;
            let stopped = station.writes.is_some_and(|writes| !gates.holds(writes));
            let unwritten = if stopped { 1.0 } else { full };
            for class in 0..plan.classes {
                let at = index * plan.classes + class;
                let (tightest, answered) = self.gather_calls(plan, gates, index, class);
                let writes = 1.0 - plan.writes[class] * unwritten;
                self.unwritten[at] = unwritten;
                self.reads[at] = carried * tightest * answered;
                self.value[at] = carried * tightest.min(writes) * answered;
            }
        }
    }

    /// The tightest of the hard calls of a class at a station, and what its soft calls leave; notes the tiers in use.
    fn gather_calls(&mut self, plan: &LoadPlan, gates: &Gates, index: usize, class: usize) -> (f64, f64) {
        let (mut tightest, mut answered, mut used) = (1.0_f64, 1.0, 0);
        for call in plan.stations[index].calls.iter().filter(|call| call.shares[class] > 0.0) {
            let share = call.shares[class];
            let (value, helped) = self.of_call(plan, gates, call, class);
            used |= helped;
            if call.tiers.is_empty() {
                tightest = tightest.min(1.0 - share * (1.0 - value));
            } else {
                let (more, tiers) = self.tiers_answer(&call.tiers, plan, gates, class);
                answered *= 1.0 - share * (1.0 - value) * (1.0 - more);
                used |= if value < 1.0 { tiers } else { 0 };
            }
        }
        self.tiers[index * plan.classes + class] = used;
        (tightest, answered)
    }

    /// What is served of a call of a class, and which tiers of the callee had to help.
    fn of_call(&self, plan: &LoadPlan, gates: &Gates, call: &LoadCall, class: usize) -> (f64, u64) {
        let callee = answering(gates, &call.to);
        let cell = |station: usize| station * plan.classes + class;
        let of = |values: &[f64], callee: Option<usize>| callee.map_or(0.0, |callee| values[cell(callee)]);
        let tiers = |callee: Option<usize>| callee.map_or(0, |callee| self.tiers[cell(callee)]);
        let Some(readers) = &call.readers else { return (of(&self.value, callee), tiers(callee)) };
        let reader = answering(gates, readers);
        let written = callee.map(cell).map_or(0.0, |cell| self.reads[cell] * (1.0 - self.unwritten[cell]));
        let writes = plan.writes[class];
        let value = writes * written + (1.0 - writes) * of(&self.reads, reader);
        (value.min(1.0), tiers(callee) | tiers(reader))
    }

    /// Share of failing requests of a class that the tiers answer, and which of them do.
    pub(super) fn tiers_answer(&self, tiers: &[LoadTier], plan: &LoadPlan, gates: &Gates, class: usize) -> (f64, u64) {
        let (mut missed, mut used) = (1.0, 0);
        for tier in tiers {
            let value_of = |station: usize| self.value[station * plan.classes + class];
            let value = tier.to.as_ref().map_or(1.0, |to| answering(gates, to).map_or(0.0, value_of));
            used |= if missed > 0.0 && tier.hit * value > 0.0 { tier.bit } else { 0 };
            missed *= 1.0 - tier.hit * value;
        }
        (1.0 - missed, used)
    }

    /// Calls that a request of this mix makes to each station without leaving the region, class by class, in `unit`; does
    /// it enter there at all?
    pub(super) fn find_unit(&mut self, plan: &LoadPlan, gates: &Gates, region: usize, mix: &[f64]) -> bool {
        let classes = plan.classes;
        self.unit.clear();
        self.unit.resize(plan.stations.len() * classes, 0.0);
        let mut enters = false;
        for (class, entries) in plan.entries.iter().enumerate() {
            if let Some(entry) = answering(gates, &entries[region]) {
                self.unit[entry * classes + class] = mix[class];
                enters = true;
            }
        }
        if !enters {
            return false;
        }
        for &station in &plan.rooms[region] {
            let (index, station) = (station as usize, &plan.stations[station as usize]);
            if self.unit_of(plan, index) <= 0.0 {
                continue;
            }
            for call in station.calls.iter().filter(|call| call.local) {
                if let Some(callee) = answering(gates, &call.to) {
                    for class in 0..classes {
                        let passed = self.unit[index * classes + class] * call.shares[class];
                        self.unit[callee * classes + class] += passed;
                    }
                }
            }
        }
        true
    }

    /// The same, all classes together.
    pub(super) fn unit_of(&self, plan: &LoadPlan, station: usize) -> f64 {
        self.unit[station * plan.classes..(station + 1) * plan.classes].iter().sum()
    }

    /// What a region can carry with its own pools, as a share of all demand.
    fn room(&mut self, plan: &LoadPlan, gates: &Gates, region: usize) -> f64 {
        if !self.find_unit(plan, gates, region, &plan.whole_mix) {
            return 0.0;
        }
        let mut room = f64::INFINITY;
        for &station in &plan.rooms[region] {
            let station = station as usize;
            let unit = self.unit_of(plan, station);
            if unit <= 0.0 {
                continue;
            }
            let limit = self.limit(plan, gates, station, self.cold[station]);
            room = room.min(limit / (unit * plan.demand));
            self.asked.push((station, region, unit * plan.demand));
        }
        room
    }

    /// What each region can carry, as gates and warmth now stand.
    pub(super) fn find_rooms(&mut self, plan: &LoadPlan, gates: &Gates) {
        if plan.mixed {
            return self.find_costs(plan, gates);
        }
        self.rooms.clear();
        self.asked.clear();
        for region in 0..plan.regions {
            let room = self.room(plan, gates, region);
            self.rooms.push(room);
        }
    }

    /// Does every station carry what arrives, as it was spread last, and fail none of it?
    pub(super) fn all_carried(&self) -> bool {
        let fails = |weak: &Weak| weak.errors > 0.0 || weak.full > 0.0;
        self.carried && !self.weak.iter().flatten().any(fails)
    }

    /// How many sound nodes each station needs so that nothing is tight, were `margin` times as much to arrive. Where
    /// groups differ in their mix nobody reckons that: the fluid looks at every change.
    pub(super) fn find_fewest(&mut self, plan: &LoadPlan, margin: f64) {
        let tight = self.tight || plan.mixed;
        let fewest = |about: f64, carry: &dyn Fn(f64) -> bool| {
            let about = about as u32;
            let mut range = about.saturating_sub(1)..about.saturating_add(2);
            if tight { u32::MAX } else { range.find(|&nodes| carry(f64::from(nodes))).unwrap_or(u32::MAX) }
        };
        let mut of_station = std::mem::take(&mut self.fewest);
        of_station.clear();
        of_station.extend(plan.stations.iter().zip(&self.load).map(|(station, load)| {
            let (load, capacity) = (load * margin, station.capacity);
            if capacity.is_infinite() {
                return 0;
            }
            fewest(load / capacity, &|nodes| load <= nodes * capacity)
        }));
        let mut last = (usize::MAX, 0.0);
        for &(index, region, each) in self.asked.iter().filter(|asked| plan.stations[asked.0].capacity.is_finite()) {
            if last.0 != region {
                last = (region, self.users_at(plan, region) * margin);
            }
            let (users, capacity) = (last.1, plan.stations[index].capacity);
            let asked = fewest(each * users / capacity, &|nodes| nodes * capacity / each >= users);
            of_station[index] = of_station[index].max(asked);
        }
        self.fewest = of_station;
    }

    /// What a region cannot carry goes to the next of each group that has room, rank by rank in fair parts.
    pub(super) fn spill(&mut self, plan: &LoadPlan, gates: &Gates, open: impl Fn(usize) -> bool) {
        if plan.mixed {
            return self.spill_mixed(plan, gates, &open);
        }
        let mut spare = std::mem::take(&mut self.spare);
        spare.clear();
        spare.extend((0..plan.regions).map(|region| self.rooms[region] - self.users_at(plan, region)));
        for region in 0..plan.regions {
            let serves = plan.entries.iter().any(|entries| answering(gates, &entries[region]).is_some());
            if is_short(self.users_at(plan, region), self.rooms[region]) && serves {
                self.tight = true;
                self.spill_from(plan, region, &mut spare, &open);
            }
        }
        self.spare = spare;
    }

    /// Each group moves its part of the excess: first all to their best region, then the rest to their second, ..
    fn spill_from(&mut self, plan: &LoadPlan, region: usize, spare: &mut [f64], open: &impl Fn(usize) -> bool) {
        let (regions, groups) = (plan.regions, plan.shares.len());
        let part = -spare[region] / self.users_at(plan, region);
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
