//! Imperfect coverage: the failure of one node stops the nodes that remain, for a pause or until people step in.
//!
//! The pool is masked like a place that is out. A node that fails in a pool of which nothing serves stops nothing
//! more; work on purpose is always covered.

use super::event::{Event, class};
use super::layout::UnitKind;
use super::world::World;
use crate::time::Time;
use rand::RngExt;

impl World<'_> {
    /// The node, or the nodes drawn from a group, have just failed, unplanned: do the others go on?
    pub(super) fn cover(&mut self, now: Time, unit: u32) {
        let layout = self.layout;
        let shelf = match layout.units[unit as usize].kind {
            UnitKind::Node(shelf) => shelf,
            UnitKind::Group(group) => return self.cover_group(now, group),
            UnitKind::Zone(_) | UnitKind::Region(_) | UnitKind::Service(_) | UnitKind::Cut(_) | UnitKind::Gray(_) => {
                return;
            }
        };
        if self.is_off(unit) {
            return;
        }
        let pool = layout.shelves[shelf as usize].pool;
        let Some((coverage, _)) = &layout.pools[pool as usize].coverage else { return };
        let Some(draws) = self.coverage[pool as usize].as_mut() else { return };
        let covered = draws.random::<f64>() < coverage.covered;
        let stop = if covered { &coverage.pause } else { &coverage.uncovered }.sample(draws);
        if stop.is_zero() || self.serving_nodes(pool as usize) == 0 {
            return;
        }
        self.mask(now, &layout.pools[pool as usize].shelves);
        self.schedule(now + stop, class::END, Event::PoolResumes { pool });
    }

    fn cover_group(&mut self, now: Time, group: u32) {
        if self.layout.groups[group as usize].ailment.is_some() {
            return;
        }
        for unit in self.out_of(group).to_vec() {
            if self.units[unit as usize].holds == 1 {
                self.cover(now, unit);
            }
        }
    }

    /// The pool goes on.
    pub(super) fn pool_resumes(&mut self, now: Time, pool: u32) -> bool {
        self.unmask(now, &self.layout.pools[pool as usize].shelves, false);
        true
    }
}
