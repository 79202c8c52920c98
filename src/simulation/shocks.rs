//! Common cause: shocks that break many nodes at once, and groups of which some go out together.
//!
//! Both skip what is down already. A shock keeps coming whatever is broken; one that is a share of the nodes' own
//! rate comes as much more rarely to a waiting pool as its nodes age more slowly (thinned: exact for exponential
//! lives, for paces up to that of use).

use super::event::{Event, class};
use super::layout::{GroupPlan, Pick, UnitKind};
use super::world::World;
use crate::engine::streams::{Stream, Streams};
use crate::model::failure::{Ages, Role};
use crate::time::Time;
use rand::RngExt;

/// A shock's chance.
#[derive(Clone, Debug)]
pub struct ShockState {
    gap: Stream,
    hit: Stream,
}

/// A group's chance, and who of it is out.
#[derive(Clone, Debug)]
pub struct GroupState {
    hit: Stream,
    out: Vec<u32>,
}

/// Those of `able` units that `pick` takes; every unit has its own draw, so that who is able moves nobody else's luck.
fn picked(units: &[u32], able: impl Fn(u32) -> bool, pick: Pick, hit: &mut Stream) -> Vec<u32> {
    match pick {
        Pick::Share(share) => {
            units.iter().copied().filter(|&unit| (hit.random::<f64>() < share) & able(unit)).collect()
        }
        Pick::Nodes(count) => {
            let drawn = units.iter().map(|&unit| (hit.random::<u64>(), unit));
            let mut drawn: Vec<(u64, u32)> = drawn.filter(|&(_, unit)| able(unit)).collect();
            drawn.sort_unstable();
            drawn.truncate(count as usize);
            drawn.into_iter().map(|(_, unit)| unit).collect()
        }
        Pick::One => units.to_vec(),
    }
}

impl World<'_> {
    /// Every shock at its first time, every group whole.
    pub(super) fn start_shocks(&mut self, streams: &Streams) {
        let layout = self.layout;
        self.groups.clear();
        let group = |hit| GroupState { hit: streams.stream(hit), out: Vec::new() };
        self.groups.extend(layout.groups.iter().map(|plan| group(plan.hit)));
        self.shocks.clear();
        for (shock, plan) in layout.shocks.iter().enumerate() {
            let mut gap = streams.stream(plan.key);
            let first =
                if layout.stationary { plan.fails.sample_residual(&mut gap) } else { plan.fails.sample(&mut gap) };
            self.shocks.push(ShockState { gap, hit: streams.stream(plan.hit) });
            self.schedule(Time::ZERO + first, class::START, Event::Shock { shock: shock as u32 });
        }
    }

    /// Does the unit, a node, work and run?
    fn works(&self, unit: u32) -> bool {
        let UnitKind::Node(shelf) = self.layout.units[unit as usize].kind else { return false };
        self.units[unit as usize].holds == 0 && !self.shelves[shelf as usize].stopped && !self.is_off(unit)
    }

    /// A shock: some of the working nodes break, to be mended each by itself.
    pub(super) fn shock(&mut self, now: Time, shock: u32) -> bool {
        let layout = self.layout;
        let plan = &layout.shocks[shock as usize];
        let mut hit = self.shocks[shock as usize].hit.clone();
        let waiting = plan.pool.filter(|&pool| self.pools[pool as usize].waiting);
        let pace = waiting.map_or(1.0, |pool| layout.pools[pool as usize].ageing);
        let felt = hit.random::<f64>() < pace;
        let able = |clock: u32| {
            if self.clocks[clock as usize].is_broken() {
                return false;
            }
            let unit = layout.clocks[clock as usize].unit;
            let kind = &layout.kinds[layout.clocks[clock as usize].kind as usize];
            let UnitKind::Node(shelf) = layout.units[unit as usize].kind else { return false };
            let masked = kind.ages == Ages::Running && self.shelves[shelf as usize].out > 0;
            let waiting = self.pools[layout.shelves[shelf as usize].pool as usize].waiting;
            !masked && kind.role.includes(waiting) && self.works(unit)
        };
        let struck = picked(&plan.clocks, able, plan.pick, &mut hit);
        let state = &mut self.shocks[shock as usize];
        state.hit = hit;
        let next = now + plan.fails.sample(&mut state.gap);
        self.schedule(next, class::START, Event::Shock { shock });
        if !felt || struck.is_empty() {
            return false;
        }
        (self.cause, self.manner) = (plan.cause, plan.manner);
        for clock in struck {
            self.turn(now, clock);
        }
        true
    }

    /// Some of the group go out, perhaps unseen.
    pub(super) fn hold_group(&mut self, now: Time, group: u32, hidden: bool) {
        let plan = &self.layout.groups[group as usize];
        let mut hit = self.groups[group as usize].hit.clone();
        let in_role: Vec<&Vec<u32>> = plan.choices.iter().filter(|choice| self.is_open(plan, choice)).collect();
        let choice = if in_role.len() > 1 { hit.random_range(0..in_role.len()) } else { 0 };
        let Some(units) = in_role.get(choice) else { return };
        let able = |unit| self.works(unit) && self.is_in_role(unit, plan.role);
        let out = picked(units, able, plan.pick, &mut hit);
        for &unit in &out {
            if hidden {
                self.hold_as(now, unit, true);
            } else {
                self.strike(now, unit, plan.ailment, None);
            }
            self.retime_unit(now, unit);
        }
        let state = &mut self.groups[group as usize];
        (state.hit, state.out) = (hit, out);
    }

    /// Can this choice of the group be drawn: a piece that is all in the role, or nodes of which some are?
    fn is_open(&self, plan: &GroupPlan, choice: &[u32]) -> bool {
        let mut in_role = choice.iter().map(|&unit| self.is_in_role(unit, plan.role));
        plan.role == Role::Any || if plan.pick == Pick::One { in_role.all(|is| is) } else { in_role.any(|is| is) }
    }

    /// Is any choice of the group in the role?
    pub(super) fn is_group_open(&self, group: u32) -> bool {
        let plan = &self.layout.groups[group as usize];
        plan.choices.iter().any(|choice| self.is_open(plan, choice))
    }

    /// Who of the group is out.
    pub(super) fn out_of(&self, group: u32) -> &[u32] {
        &self.groups[group as usize].out
    }

    /// The node is no longer among those of the group that are out; was it?
    pub(super) fn leaves_group(&mut self, group: u32, node: u32) -> bool {
        let out = &mut self.groups[group as usize].out;
        let found = out.iter().position(|&unit| unit == node);
        found.map(|found| out.remove(found)).is_some()
    }

    /// They come back, from where perhaps nobody has seen them gone.
    pub(super) fn release_group(&mut self, now: Time, group: u32, hidden: bool) {
        let ailment = self.layout.groups[group as usize].ailment;
        for unit in std::mem::take(&mut self.groups[group as usize].out) {
            if hidden {
                self.release_as(now, unit, true);
            } else {
                self.relieve(now, unit, ailment);
            }
            self.retime_unit(now, unit);
        }
    }

    /// Somebody sees who of the group is out.
    pub(super) fn reveal_group(&mut self, group: u32) {
        for at in 0..self.groups[group as usize].out.len() {
            let unit = self.groups[group as usize].out[at];
            let state = &mut self.units[unit as usize];
            state.hidden -= 1;
            if state.holds - state.hidden == 1 {
                self.see(unit, false);
            }
        }
    }
}
