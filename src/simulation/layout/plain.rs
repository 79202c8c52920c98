//! Which clocks are plain, and which units simple: whatever can happen to them is counted and nothing looked at.

use super::{ClockPlan, Layout, NOT_PLAIN, UnitKind};
use crate::model::failure::{Ages, Fault, Process, Role, Strikes};
use std::collections::BTreeSet;

/// Can its clocks run without a look at anything else? A repair that never ends cannot be booked when it begins.
pub fn is_plain(fault: &Fault) -> bool {
    match &fault.process {
        Process::Random { repair, ages: Ages::Always, crew: None, beta, load_power, latent: None, .. } => {
            let alone = fault.strikes == Strikes::Each && fault.role == Role::Any && !fault.mode.is_gray();
            alone && !repair.is_never() && *beta == 0.0 && *load_power == 0.0
        }
        Process::Random { .. } | Process::Calendar { .. } => false,
    }
}

/// By pool: can any of its nodes ail?
fn pools_that_ail(layout: &Layout) -> Vec<bool> {
    let mut ail = vec![false; layout.pools.len()];
    let mut mark = |unit: u32| {
        if let UnitKind::Node(shelf) = layout.units[unit as usize].kind {
            ail[layout.shelves[shelf as usize].pool as usize] = true;
        }
    };
    let ails = |clock: &&ClockPlan| layout.kinds[clock.kind as usize].ailment.is_some();
    layout.clocks.iter().filter(ails).for_each(|clock| mark(clock.unit));
    let groups = layout.groups.iter().filter(|group| group.ailment.is_some());
    groups.for_each(|group| group.choices.iter().flatten().for_each(|&unit| mark(unit)));
    let calendars = layout.calendars.iter().filter(|calendar| calendar.ailment.is_some());
    calendars.for_each(|calendar| calendar.units.iter().for_each(|&unit| mark(unit)));
    let rollouts = layout.rollouts.iter().filter(|rollout| rollout.ailment.is_some());
    rollouts.for_each(|rollout| rollout.reach.iter().flatten().for_each(|&unit| mark(unit)));
    ail
}

/// A plain kind's nodes count on one gate, all alike; where they count on more or change, the kind is not plain.
pub fn find_plain_gates(layout: &mut Layout) {
    let ailing = pools_that_ail(layout);
    for kind in layout.kinds.iter_mut().filter(|kind| kind.shelf != NOT_PLAIN) {
        let shelf = &layout.shelves[kind.shelf as usize];
        kind.gate = shelf.serving;
        let pool = &layout.pools[shelf.pool as usize];
        let varies = pool.warm_up.is_some() || pool.scale.is_some();
        let listed = kind.shared && (ailing[shelf.pool as usize] || shelf.seen != shelf.fit);
        if shelf.fit != shelf.serving || !shelf.sums.is_empty() || varies || listed {
            (kind.shelf, kind.shared) = (NOT_PLAIN, false);
        }
    }
    let plain: BTreeSet<u32> = layout.kinds.iter().map(|kind| kind.shelf).filter(|&shelf| shelf != NOT_PLAIN).collect();
    if let Some(load) = &mut layout.load {
        let of_shelf = |shelf: u32| load.of_pool[layout.shelves[shelf as usize].pool as usize];
        let stations = plain.into_iter().map(|shelf| (shelf, of_shelf(shelf)));
        load.limited = stations.filter(|&(_, to)| load.stations[to as usize].capacity.is_finite()).collect();
    }
}

/// Once others may hold nodes of any plain kind, holds are counted for all of them.
pub fn find_shared(layout: &mut Layout) {
    layout.some_share = layout.kinds.iter().any(|kind| kind.shared);
    for kind in layout.kinds.iter_mut().filter(|kind| kind.shelf != NOT_PLAIN) {
        kind.shared = layout.some_share;
    }
}

/// Whose ages run whatever else happens, and which nodes are only held and let go.
pub fn find_simple(layout: &mut Layout) {
    for index in 0..layout.units.len() {
        let unit = layout.units[index];
        let clocks = &layout.clocks[unit.first_clock as usize..(unit.first_clock + unit.clocks) as usize];
        let always = clocks.iter().all(|clock| layout.kinds[clock.kind as usize].ages == Ages::Always);
        let UnitKind::Node(shelf) = unit.kind else {
            layout.units[index].steady = always;
            continue;
        };
        let shelf = &layout.shelves[shelf as usize];
        let pool = &layout.pools[shelf.pool as usize];
        let stays = pool.scale.is_none() && !pool.loaded;
        layout.units[index].steady = always && stays && pool.hot;
        layout.units[index].simple = stays && pool.coverage.is_none() && shelf.seen == shelf.fit;
        layout.units[index].warms = pool.warm_up.is_some();
    }
}
