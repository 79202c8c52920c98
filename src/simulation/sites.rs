//! Counts of parts: faults, repairs and time not working, from the state of clocks and units.

use super::layout::{NOT_PLAIN, UnitKind};
use super::world::{SiteCounts, World};
use crate::time::Time;

impl World<'_> {
    /// Book the time of nodes that are not working at the end.
    pub(super) fn finish_sites(&mut self, end: Time) {
        let layout = self.layout;
        for (index, clock) in self.clocks.iter().enumerate() {
            let kind = &layout.kinds[clock.kind()];
            if kind.shelf != NOT_PLAIN {
                if clock.is_broken() && !kind.shared {
                    let beyond = self.due(index as u32).since(end);
                    self.down_ns[clock.kind()] -= u128::from(beyond.as_nanos());
                }
                let site = &mut self.sites[kind.site as usize];
                let [faults, repairs] = clock.changes();
                site.changes = [site.changes[0].wrapping_add(faults), site.changes[1].wrapping_add(repairs)];
            }
        }
        for (kind, down_ns) in layout.kinds.iter().zip(&self.down_ns) {
            self.sites[kind.site as usize].down_ns += down_ns;
        }
        for (state, plan) in self.units.iter().zip(&layout.units) {
            if state.holds > 0 && matches!(plan.kind, UnitKind::Node(_)) {
                let down = end.since(state.since.max(self.counted_from));
                self.sites[plan.site as usize].down_ns += u128::from(down.as_nanos());
            }
        }
    }

    /// Counting begins: what is broken is so from now on.
    pub(super) fn begin_counting_sites(&mut self, now: Time) {
        self.sites.fill(SiteCounts::default());
        self.down_ns.fill(0);
        for (index, clock) in self.clocks.iter().enumerate() {
            let kind = &self.layout.kinds[clock.kind()];
            if kind.shelf != NOT_PLAIN {
                if clock.is_broken() && !kind.shared {
                    let ahead = self.due(index as u32).since(now);
                    self.down_ns[clock.kind()] += u128::from(ahead.as_nanos());
                }
                // below zero by what came before, so that adding all at the end leaves what came after
                let site = &mut self.sites[kind.site as usize];
                let [faults, repairs] = clock.changes();
                site.changes = [site.changes[0].wrapping_sub(faults), site.changes[1].wrapping_sub(repairs)];
            }
        }
    }
}
