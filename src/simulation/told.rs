//! Checks that are made on the request clock, of places that the structure watches: handed over as it begins, and what
//! they find from then on.

use super::layout::UnitKind;
use super::requests::{Belief, Meets, OutsidePlace};
use super::watch::Watch;
use super::world::World;
use crate::model::failover::Check;
use crate::time::Time;

impl World<'_> {
    fn watch_of(&mut self, place: OutsidePlace) -> Option<&mut Watch> {
        match place {
            OutsidePlace::Candidate { process, place } => {
                Some(&mut self.processes[process as usize].watches[place as usize])
            }
            OutsidePlace::Region(region) => self.routing.as_mut().map(|routing| routing.watch(region as usize)),
        }
    }

    /// From `now` on somebody else makes the checks of this place; answers when each checker is next due, and whether it
    /// believes in the place.
    pub(super) fn hand_over(&mut self, now: Time, place: OutsidePlace, check: &Check) -> Vec<(Time, bool)> {
        self.watch_of(place).map_or_else(Vec::new, |watch| watch.hand_over(now, check))
    }

    /// What checks of the place meet, which go into the nodes of this pool.
    pub(super) fn meets(&self, place: OutsidePlace, pool: u32) -> Meets {
        let watch = match place {
            OutsidePlace::Candidate { process, place } => {
                Some(&self.processes[process as usize].watches[place as usize])
            }
            OutsidePlace::Region(region) => self.routing.as_ref().map(|routing| routing.watched(region as usize)),
        };
        let (fails, silent) = watch.map_or((0.0, false), Watch::meets);
        let plan = &self.layout.pools[pool as usize];
        let units = plan.first_unit..plan.first_unit + plan.nodes;
        let runs = |unit: &u32| match self.layout.units[*unit as usize].kind {
            UnitKind::Node(shelf) => !self.shelves[shelf as usize].stopped && !self.is_off(*unit),
            UnitKind::Zone(_)
            | UnitKind::Region(_)
            | UnitKind::Service(_)
            | UnitKind::Cut(_)
            | UnitKind::Group(_)
            | UnitKind::Gray(_) => false,
        };
        let runs = units.filter(runs).collect();
        Meets { fails, silent, runs }
    }

    /// A checker has changed its mind.
    pub(super) fn told(&mut self, now: Time, belief: Belief) {
        let Belief { place, checker, healthy, agree } = belief;
        let request_cause = self.layout.request_cause;
        let Some(watch) = self.watch_of(place) else { return };
        let (since, well) = (watch.since, watch.is_well());
        if !watch.hear(now, checker, healthy, agree) {
            return;
        }
        match place {
            OutsidePlace::Candidate { process, place } => {
                let state = &mut self.processes[process as usize];
                if well && place as usize == state.primary() && state.in_charge() {
                    state.cause = request_cause;
                }
                self.place_belief_changed(now, process, place as usize, (since, well));
            }
            OutsidePlace::Region(region) => {
                if well {
                    self.cause = request_cause;
                }
                self.region_belief_changed(now, region);
            }
        }
        self.react(now);
    }
}
