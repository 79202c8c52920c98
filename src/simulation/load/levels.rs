//! The levels of all subjects, once it is known what each station serves.

use super::{Loads, Sample};
use crate::simulation::layout::load::{Candidate, LoadPlan};
use crate::simulation::world::World;

impl World<'_> {
    /// Do the users of the group reach the region?
    fn reach(&self, group: usize, region: Option<u32>) -> bool {
        let regions = self.layout.region_gates.len();
        let way = region.and_then(|region| self.layout.cuts.users.get(group * regions + region as usize));
        way.copied().flatten().is_none_or(|way| self.gates.holds(way))
    }

    /// Writes per second that the old primary of a service takes which was not fenced, beside the one that is in charge.
    /// Of two active regions each has its own users, and what they write is not known to be one.
    pub(super) fn divergent(&self, plan: &LoadPlan, loads: &Loads, process: usize) -> f64 {
        let Some(old) = self.processes[process].beside().filter(|_| plan.knows_rates) else { return 0.0 };
        let process = &self.layout.processes[process];
        let stations = process.places[old].lands_on.iter().map(|&pool| plan.of_pool[pool as usize] as usize);
        let cells = stations.flat_map(|station| station * plan.classes..(station + 1) * plan.classes);
        let written = |cell: usize| loads.writes[cell] * loads.reads[cell] * (1.0 - loads.unwritten[cell]);
        cells.filter(|_| process.service.is_some()).map(written).sum()
    }

    pub(super) fn levels_of(&self, plan: &LoadPlan, loads: &Loads, levels: &mut Vec<Sample>) {
        levels.clear();
        levels.push(Sample::default());
        for (group, share) in plan.shares.iter().enumerate() {
            let level = self.level_of_group(plan, loads, group);
            levels[0].value += share * level.value;
            levels[0].tiers |= level.tiers;
            levels.push(level);
        }
        if levels[1..].iter().all(|level| level.value >= 1.0) {
            levels[0].value = 1.0;
        }
        let services = plan.of_service.iter().zip(&self.layout.service_gates).zip(&plan.read_on);
        levels.extend(services.map(|((stations, &gate), read_on)| {
            if self.gates.holds(gate) {
                of_stations(plan, loads, stations)
            } else if *read_on {
                readers_of(plan, loads, stations)
            } else {
                Sample::default()
            }
        }));
        for (region, &gate) in self.layout.region_levels.iter().enumerate() {
            let level =
                if self.gates.holds(gate) { self.level_of_region(plan, loads, region) } else { Sample::default() };
            levels.push(level);
        }
    }

    /// What the users of a group get, class by class, their own tiers included.
    fn level_of_group(&self, plan: &LoadPlan, loads: &Loads, group: usize) -> Sample {
        let out = self.is_routing_out();
        let held = self.routing.as_ref().is_some_and(|routing| routing.holds_group(group));
        // one minus what is lost, so that shares that add up to all give exactly all
        let mut level = Sample { value: 1.0, tiers: 0 };
        for (class, entries) in plan.entries.iter().enumerate() {
            let part = plan.mixes[group][class];
            if part <= 0.0 {
                continue;
            }
            let mut served = Sample::default();
            let (mut some, mut whole) = (false, !held);
            for (region, entry) in entries.iter().enumerate() {
                let users = loads.users[group * plan.regions + region];
                if out || users <= 0.0 {
                    continue;
                }
                let answers = |candidate: &&Candidate| {
                    self.gates.holds(candidate.gate)
                        && self.reach(group, plan.stations[candidate.station as usize].region)
                };
                let station = entry.iter().find(answers).map(|candidate| candidate.station as usize);
                let cell = station.map(|station| station * plan.classes + class);
                let value = cell.map_or(0.0, |cell| loads.value[cell]);
                served.value += users * value;
                served.tiers |= cell.map_or(0, |cell| loads.tiers[cell]);
                (some, whole) = (true, whole && value >= 1.0);
            }
            // wherever they are, all are served: shares that move do not add up to exactly one
            served.value = if some && whole { 1.0 } else { served.value.min(1.0) };
            let own = &plan.tiers[group];
            if served.value < 1.0 - 1e-12 && !own.is_empty() {
                let (more, tiers) = loads.tiers_answer(own, plan, &self.gates, class);
                served.value = 1.0 - (1.0 - served.value) * (1.0 - more);
                served.tiers |= tiers;
            }
            level.value = if part < 1.0 { level.value - part * (1.0 - served.value) } else { served.value };
            level.tiers |= served.tiers;
        }
        level
    }

    /// What the region serves of what the users of all groups would ask of it.
    fn level_of_region(&self, plan: &LoadPlan, loads: &Loads, region: usize) -> Sample {
        let mut level = Sample { value: 1.0, tiers: 0 };
        for (class, entries) in plan.entries.iter().enumerate().filter(|&(class, _)| plan.whole_mix[class] > 0.0) {
            if let Some(station) = super::answering(&self.gates, &entries[region]) {
                let (part, value) = (plan.whole_mix[class], loads.value[station * plan.classes + class]);
                level.value = if part < 1.0 { level.value - part * (1.0 - value) } else { value };
                level.tiers |= loads.tiers[station * plan.classes + class];
            }
        }
        level
    }
}

/// Of a service without a primary, what its best copy reads: the writes fail.
fn readers_of(plan: &LoadPlan, loads: &Loads, stations: &[u32]) -> Sample {
    let read = |station: &u32| -> f64 {
        let cells = (0..plan.classes).map(|class| (class, *station as usize * plan.classes + class));
        cells.map(|(class, cell)| plan.whole_mix[class] * (1.0 - plan.writes[class]) * loads.reads[cell]).sum()
    };
    Sample { value: stations.iter().map(read).fold(0.0, f64::max), tiers: 0 }
}

/// Of all that arrives at a service's stations, the share that is served; the best of them if nothing arrives.
fn of_stations(plan: &LoadPlan, loads: &Loads, stations: &[u32]) -> Sample {
    let cells = |station: u32| station as usize * plan.classes..(station as usize + 1) * plan.classes;
    let (mut load, mut served, mut tiers) = (0.0, 0.0, 0);
    for cells in stations.iter().map(|&station| cells(station)) {
        let arriving = loads.flow[cells.clone()].iter().zip(&loads.value[cells.clone()]).zip(&loads.tiers[cells]);
        for ((&flow, value), used) in arriving {
            load += flow;
            served += flow * value;
            tiers |= if flow > 0.0 { *used } else { 0 };
        }
    }
    if load > 0.0 {
        return Sample { value: if load - served > 1e-12 * load { served / load } else { 1.0 }, tiers };
    }
    let idle = |station: u32| {
        let classes = cells(station).zip(&plan.whole_mix);
        let lost: f64 = classes.clone().map(|(cell, part)| part * (1.0 - loads.value[cell])).sum();
        let tiers = classes.fold(0, |tiers, (cell, _)| tiers | loads.tiers[cell]);
        Sample { value: if plan.classes > 1 { 1.0 - lost } else { loads.value[cells(station).start] }, tiers }
    };
    let best = stations.iter().map(|&station| idle(station)).max_by(|a, b| a.value.total_cmp(&b.value));
    best.unwrap_or_default()
}
