//! What a partition cuts, compiled: pairs of places that no longer reach each other.
//!
//! A request needs its answer, so that a pair is cut as soon as either way is; every cut is a flag, and a pair can talk
//! while the flags of all its cuts are up. A heartbeat needs no answer: it is heard while its one way is open. A region that is cut off reaches nobody outside, nor do users reach it; a
//! zone that is cut off serves nobody, though its nodes live on and age.

use super::Layout;
use crate::model::Model;
use crate::model::failure::{Fault, Target};
use crate::model::topology::{Endpoint, RegionId};
use crate::simulation::gates::GateId;

/// One cut.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cut {
    /// What is struck.
    pub target: Target,
    /// Does nothing get in, or back along a link?
    pub inbound: bool,
    /// Does nothing get out, or along it?
    pub outbound: bool,
    /// True while it is not cut.
    pub flag: GateId,
}

impl Cut {
    /// Does it sever this zone from the rest?
    pub fn is_around(&self, zone: u32) -> bool {
        match self.target {
            Target::Zone(target) => target.0 == zone,
            Target::EachNode { .. } | Target::Region(_) | Target::Service(_) | Target::Link { .. } => false,
        }
    }

    /// Is it the one of this fault?
    pub fn is_of(&self, fault: &Fault) -> bool {
        self.target == fault.target && (self.inbound, self.outbound) == fault.cut_ways()
    }

    /// Does it cut the way from one end to the other?
    fn severs(&self, one: Endpoint, other: Endpoint) -> bool {
        match self.target {
            Target::Link { from, to, .. } => {
                (self.outbound && (from, to) == (one, other)) || (self.inbound && (to, from) == (one, other))
            }
            Target::Region(region) => {
                let (from_here, to_here) = (one == Endpoint::Region(region), other == Endpoint::Region(region));
                (self.outbound && from_here && !to_here) || (self.inbound && to_here && !from_here)
            }
            Target::EachNode { .. } | Target::Zone(_) | Target::Service(_) => false,
        }
    }
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
        if !cuts.list.iter().any(|cut| cut.is_of(fault)) {
            let flag = layout.wiring.gate(1);
            let (inbound, outbound) = fault.cut_ways();
            cuts.list.push(Cut { target: fault.target, inbound, outbound, flag });
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

/// True while the two reach each other, there and back; none: always.
pub fn between(layout: &mut Layout, cuts: &Cuts, one: Endpoint, other: Endpoint) -> Option<GateId> {
    gate_of(layout, cuts.list.iter().filter(|cut| cut.severs(one, other) || cut.severs(other, one)))
}

/// True while what `from` says is heard at `to`; none: always.
pub fn one_way(layout: &mut Layout, cuts: &Cuts, from: Endpoint, to: Endpoint) -> Option<GateId> {
    gate_of(layout, cuts.list.iter().filter(|cut| cut.severs(from, to)))
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
