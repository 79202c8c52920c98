//! Repair crews, compiled: sets of crews, and which set each clock waits for.

use super::{Layout, UnitKind};
use crate::engine::streams::{Entity, EntityKey, Purpose};
use crate::model::Model;
use crate::model::dist::Law;
use crate::model::failure::{Crew, CrewId, Per, Process};
use std::collections::BTreeMap;

/// Crews that serve the same parts.
#[derive(Clone, Debug)]
pub struct CrewPlan {
    /// How many.
    pub size: u32,
    /// Time from the call to the beginning of work.
    pub dispatch: Law,
    /// The pools and places that may call.
    pub callers: Vec<CallerPlan>,
}

/// A pool or place that calls for crews.
#[derive(Clone, Copy, Debug)]
pub struct CallerPlan {
    /// Lower is served first.
    pub rank: u32,
    /// Stream of its dispatch times.
    pub key: EntityKey,
}

/// Who mends a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Job {
    /// The set of crews.
    pub crew: u32,
    /// Who calls it.
    pub caller: u32,
}

/// The jobs of all clocks; empty if there are no crews.
pub fn build(model: &Model, layout: &mut Layout, fault_of_clock: &[u32]) {
    let crew_of = |fault: u32| match &model.faults[fault as usize].process {
        Process::Random { crew, .. } => *crew,
        Process::Calendar { .. } => None,
    };
    if !fault_of_clock.iter().any(|&fault| crew_of(fault).is_some()) {
        return;
    }
    let mut sets: BTreeMap<(CrewId, Option<u32>), u32> = BTreeMap::new();
    let mut callers: BTreeMap<(u32, u32), u32> = BTreeMap::new();
    for (index, &fault) in fault_of_clock.iter().enumerate() {
        let Some(id) = crew_of(fault) else {
            layout.jobs.push(None);
            continue;
        };
        let crew = &model.crews[id.index()];
        let unit = layout.units[layout.clocks[index].unit as usize];
        let set = *sets.entry((id, division(model, layout, crew.per, unit.kind))).or_insert_with(|| {
            layout.crews.push(CrewPlan { size: crew.size, dispatch: crew.dispatch.clone(), callers: Vec::new() });
            layout.crews.len() as u32 - 1
        });
        let caller = *callers.entry((set, unit.site)).or_insert_with(|| {
            let path = format!("{}/{}", crew.name, layout.sites[unit.site as usize]);
            let key = Entity::new(&path).key(Purpose::Dispatch);
            let rank = rank(model, layout, crew, unit.kind);
            let callers = &mut layout.crews[set as usize].callers;
            callers.push(CallerPlan { rank, key });
            callers.len() as u32 - 1
        });
        layout.jobs.push(Some(Job { crew: set, caller }));
    }
}

/// Which of the sets of crews serves this part.
fn division(model: &Model, layout: &Layout, per: Per, unit: UnitKind) -> Option<u32> {
    let (shelf, zone, region, service) = match unit {
        UnitKind::Node(shelf) => {
            let shelf = &layout.shelves[shelf as usize];
            let pool = &model.pools[shelf.pool as usize];
            (Some(shelf), shelf.zone, pool.region.map(|region| region.0), Some(pool.service.0))
        }
        UnitKind::Zone(zone) => (None, Some(zone), Some(layout.zone_region[zone as usize]), None),
        UnitKind::Region(region) => (None, None, Some(region), None),
        UnitKind::Service(service) => (None, None, None, Some(service)),
        UnitKind::Cut(_) | UnitKind::Group(_) | UnitKind::Gray(_) => (None, None, None, None),
    };
    match per {
        Per::All => None,
        Per::Region => region,
        Per::Zone => zone,
        Per::Service => service,
        Per::Pool => shelf.map(|shelf| shelf.pool),
    }
}

/// Place in the crew's list of services; what is not in it comes after.
fn rank(model: &Model, layout: &Layout, crew: &Crew, unit: UnitKind) -> u32 {
    let service = match unit {
        UnitKind::Node(shelf) => Some(model.pools[layout.shelves[shelf as usize].pool as usize].service.0),
        UnitKind::Service(service) => Some(service),
        UnitKind::Zone(_) | UnitKind::Region(_) | UnitKind::Cut(_) | UnitKind::Group(_) | UnitKind::Gray(_) => None,
    };
    let place = crew.priority.iter().position(|listed| Some(listed.0) == service);
    place.unwrap_or(crew.priority.len()) as u32
}
