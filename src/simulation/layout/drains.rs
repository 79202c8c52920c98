//! Maintenance that is announced before: what checks see then.

use super::Layout;
use crate::model::failure::Target;
use crate::model::topology::{PoolId, RegionId};
use crate::simulation::gates::GateId;

/// What checks see of a pool or a region, which may be announced as soon out.
pub fn over(layout: &mut Layout, seen: GateId, pool: Option<PoolId>, region: Option<RegionId>) -> GateId {
    let flags: Vec<GateId> = flags(layout, pool, region);
    if flags.is_empty() { seen } else { layout.wiring.all(&[&[seen], &flags[..]].concat()) }
}

/// The flags that are false while the pool or the region is announced as soon out.
pub fn flags(layout: &Layout, pool: Option<PoolId>, region: Option<RegionId>) -> Vec<GateId> {
    let about = |target: &Target| match *target {
        Target::EachNode { pool: drained, .. } => Some(drained) == pool,
        Target::Region(drained) => Some(drained) == region,
        Target::Zone(_) | Target::Service(_) | Target::Link { .. } => false,
    };
    layout.drains.iter().filter(|(target, _)| about(target)).map(|&(_, flag)| flag).collect()
}
