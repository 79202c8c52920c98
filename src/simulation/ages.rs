//! Ages that do not always run: of parts that more than one fault can hold, of standbys, of what is masked or loaded.
//!
//! A clock counts down the age that is left at its pace; when the pace changes it is set anew, at pace 0 it stops.

use super::clocks::Clock;
use super::event::class;
use super::layout::{NOT_PLAIN, UnitKind};
use super::world::World;
use crate::engine::queue::Rank;
use crate::model::failure::Ages;
use crate::time::{Span, Time};

/// The rest of a clock, where a part's age does not always run.
#[derive(Clone, Copy, Debug)]
pub struct Age {
    /// Age left while the pace is not 1; length of the repair while it is suspended.
    pub(super) left: Span,
    /// When it rings, and its place among those of the same instant, while its leaf is early.
    pub(super) due: Time,
    pub(super) rank: Rank,
    pub(super) pace: f32,
}

impl Age {
    /// It runs, and its clock's leaf tells how long.
    pub(super) const RUNS: Age = Age { left: Span::ZERO, due: Time::NEVER, rank: Rank::LAST, pace: 1.0 };
}

impl World<'_> {
    /// Ages of the unit's clocks run, stop or change pace as things now stand, which none of its clocks has changed.
    pub(super) fn retime_unit(&mut self, now: Time, unit: u32) {
        if !self.layout.units[unit as usize].steady {
            self.retime_clocks(now, unit);
        }
    }

    /// The same, whether one of its own clocks has changed it or not.
    pub(super) fn retime_clocks(&mut self, now: Time, unit: u32) {
        let plan = self.layout.units[unit as usize];
        let clocks = plan.first_clock..plan.first_clock + plan.clocks;
        if plan.steady {
            let all = &self.clocks[clocks.start as usize..clocks.end as usize];
            let pace = if all.iter().any(Clock::is_broken) { 0.0 } else { 1.0 };
            for index in clocks {
                if !self.clocks[index as usize].is_broken() {
                    self.set_pace(now, index, pace);
                }
            }
            return;
        }
        for index in clocks {
            self.retime(now, index);
        }
    }

    fn retime(&mut self, now: Time, index: u32) {
        let clock = &self.clocks[index as usize];
        if clock.is_broken() || self.layout.kinds[clock.kind()].shelf != NOT_PLAIN {
            return;
        }
        let pace = self.pace(index as usize) as f32;
        self.set_pace(now, index, pace);
    }

    /// From now on the age of a live clock runs so fast.
    fn set_pace(&mut self, now: Time, index: u32, pace: f32) {
        let mut age = self.ages[index as usize];
        if pace.to_bits() == age.pace.to_bits() {
            return;
        }
        if age.pace > 0.0 {
            let due = self.due(index);
            let passing = due.since(now).as_nanos() as f64 * f64::from(age.pace);
            age.left = if due == Time::NEVER { Span::MAX } else { Span::from_nanos_f64(passing) };
        }
        age.pace = pace;
        self.ages[index as usize] = age;
        if pace == 0.0 || age.left == Span::MAX {
            self.stop_clock(index);
        } else {
            let due = now + Span::from_nanos_f64(age.left.as_nanos() as f64 / f64::from(pace));
            self.set_clock(index, due, class::START);
        }
    }

    /// How fast the age of a live clock runs.
    fn pace(&self, index: usize) -> f64 {
        let layout = self.layout;
        let (clock, unit) = (&self.clocks[index], self.layout.clocks[index].unit as usize);
        let plan = layout.units[unit];
        let siblings = plan.first_clock as usize..(plan.first_clock + plan.clocks) as usize;
        if plan.clocks > 1 && self.clocks[siblings].iter().any(Clock::is_broken) {
            return 0.0;
        }
        let running_only = layout.kinds[clock.kind()].ages == Ages::Running;
        let UnitKind::Node(shelf) = plan.kind else {
            let stands_still = running_only && self.units[unit].holds > 0;
            let in_role = self.is_in_role(unit as u32, layout.kinds[clock.kind()].role);
            return if stands_still || !in_role { 0.0 } else { 1.0 };
        };
        if self.is_off(unit as u32) {
            return 0.0;
        }
        let state = &self.shelves[shelf as usize];
        let held = self.units[unit].holds > 0;
        if running_only && (held || !state.serves()) {
            return 0.0;
        }
        let pool = layout.shelves[shelf as usize].pool as usize;
        let (waiting, kind) = (self.pools[pool].waiting, &layout.kinds[clock.kind()]);
        if !kind.role.includes(waiting) {
            return 0.0;
        }
        let pace = if waiting { layout.pools[pool].ageing } else { 1.0 };
        if kind.load_power == 0.0 { pace } else { pace * self.load(pool).powf(kind.load_power) }
    }

    /// Nodes of the pool over those that serve: how much more each of these carries.
    fn load(&self, pool: usize) -> f64 {
        f64::from(self.nodes_on(pool)) / f64::from(self.serving_nodes(pool).max(1))
    }

    /// Nodes of the pool that serve.
    pub(super) fn serving_nodes(&self, pool: usize) -> u32 {
        let states = self.layout.pools[pool].shelves.iter().map(|&shelf| &self.shelves[shelf as usize]);
        states.filter(|state| state.serves()).map(|state| state.working).sum()
    }

    /// Ages in the node's pool follow the load on it.
    pub(super) fn retime_load(&mut self, now: Time, shelf: u32) {
        let pool = self.layout.shelves[shelf as usize].pool;
        if self.layout.pools[pool as usize].loaded {
            self.retime_pool(now, pool);
        }
    }
}
