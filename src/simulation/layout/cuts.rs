//! What a partition cuts, compiled: pairs of places that no longer reach each other.
//!
//! A request needs its answer, so that a pair is cut as soon as either way is; every cut is a flag, and a pair can talk
//! while the flags of all its cuts are up. A region that is cut off reaches nobody outside, nor do users reach it; a
//! zone that is cut off serves nobody, though its nodes live on and age.

use super::Layout;
use crate::model::Model;
use crate::model::failure::Target;
use crate::model::topology::{Endpoint, RegionId};
use crate::simulation::gates::GateId;

/// One cut.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cut {
    /// What is struck.
    pub target: Target,
    /// True while it is not cut.
    pub flag: GateId,
}

/// All that can be cut.
#[derive(Clone, Debug, Default)]
pub struct Cuts {
    /// By number.
    pub list: Vec<Cut>,
    /// By group and region: users reach the region; none: always.
    pub users: Vec<Option<GateId>>,
}

/// The targets of partitions, each once; their flags.
pub fn collect(model: &Model, layout: &mut Layout) -> Cuts {
    let mut cuts = Cuts::default();
    for fault in model.faults.iter().filter(|fault| fault.cuts()) {
        if cuts.list.iter().all(|cut| cut.target != fault.target) {
            let flag = layout.wiring.gate(1);
            cuts.list.push(Cut { target: fault.target, flag });
        }
    }
    if !cuts.list.is_empty() {
        for group in 0..model.groups.len() as u32 {
            for region in 0..model.regions.len() as u32 {
                let (from, to) = (Endpoint::Group(crate::model::topology::GroupId(group)), RegionId(region));
                let gate = between(layout, &cuts, from, Endpoint::Region(to));
                cuts.users.push(gate);
            }
        }
    }
    cuts
}

/// True while the two reach each other; none: always.
pub fn between(layout: &mut Layout, cuts: &Cuts, one: Endpoint, other: Endpoint) -> Option<GateId> {
    let parts = |cut: &&Cut| match cut.target {
        Target::Link { from, to } => (from, to) == (one, other) || (to, from) == (one, other),
        Target::Region(region) => (one == Endpoint::Region(region)) != (other == Endpoint::Region(region)),
        Target::EachNode { .. } | Target::Zone(_) | Target::Service(_) => false,
    };
    gate_of(layout, cuts.list.iter().filter(parts))
}

/// True while the region reaches the world; none: always.
pub fn border(layout: &mut Layout, cuts: &Cuts, region: RegionId) -> Option<GateId> {
    gate_of(layout, cuts.list.iter().filter(|cut| cut.target == Target::Region(region)))
}

fn gate_of<'c>(layout: &mut Layout, cuts: impl Iterator<Item = &'c Cut>) -> Option<GateId> {
    let mut flags: Vec<GateId> = cuts.map(|cut| cut.flag).collect();
    if flags.is_empty() {
        return None;
    }
    flags.sort_unstable();
    let known = layout.flag_gates.iter().find(|(known, _)| *known == flags).map(|&(_, gate)| gate);
    Some(known.unwrap_or_else(|| {
        let gate = layout.wiring.all(&flags);
        layout.flag_gates.push((flags, gate));
        gate
    }))
}

/// The gate, seen over the way from `from` to `to`; a place without region is out in the world.
pub fn over(layout: &mut Layout, gate: GateId, from: Option<RegionId>, to: Option<RegionId>) -> GateId {
    if layout.cuts.list.is_empty() || from == to {
        return gate;
    }
    let cuts = layout.cuts.clone();
    let way = match (from, to) {
        (Some(from), Some(to)) => between(layout, &cuts, Endpoint::Region(from), Endpoint::Region(to)),
        (Some(region), None) | (None, Some(region)) => border(layout, &cuts, region),
        (None, None) => None,
    };
    way.map_or(gate, |way| layout.wiring.all(&[gate, way]))
}
