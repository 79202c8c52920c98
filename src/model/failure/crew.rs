//! Repair crews: whoever mends what is broken, when there are fewer of them than broken parts.
//!
//! A crew serves one part at a time and never interrupts; a part that waits for one counts as being repaired. Without
//! a crew every repair begins at once. Who is served next is the simulation's business.

use crate::model::dist::Law;
use crate::model::topology::ServiceId;

/// A kind of crew, by its place in [`Model::crews`](crate::model::Model::crews).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CrewId(pub u32);

impl CrewId {
    /// The place in the model's list.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// Crews of one kind.
#[derive(Clone, Debug, PartialEq)]
pub struct Crew {
    /// Its name in the scenario.
    pub name: String,
    /// So many of them, at least 1.
    pub size: u32,
    /// For what there are so many each.
    pub per: Per,
    /// Parts of these services are served first, in this order; then first failed, first served.
    pub priority: Vec<ServiceId>,
    /// While a crew is idle each pool or place with something broken calls it after a time of this law; the first
    /// call wins.
    pub dispatch: Law,
}

/// For what there is a set of crews.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Per {
    /// One set for everything.
    All,
    /// One set a region, and one for what stands in none.
    Region,
    /// One set a zone, and one for what stands in none.
    Zone,
    /// One set a service, and one for places.
    Service,
    /// One set a pool, and one for places.
    Pool,
}
