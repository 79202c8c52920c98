//! Faults as they run: by chance on one unit, or by the calendar.

use super::ailments::Manner;
use crate::engine::streams::EntityKey;
use crate::model::dist::Law;
use crate::model::failure::{Ages, Instants, Latent, Role};
use crate::simulation::gates::GateId;
use crate::time::Span;

/// A random fault on one unit.
#[derive(Clone, Copy, Debug)]
pub struct ClockPlan {
    /// The unit.
    pub unit: u32,
    /// What it has in common with others.
    pub kind: u32,
    /// Its number among those that the fault strikes.
    pub member: u32,
}

/// What the clocks of one fault on one shelf have in common.
#[derive(Clone, Debug)]
pub struct Kind {
    /// Time to repair, time to failure.
    pub laws: [Law; 2],
    /// The shelf, if each node of the pool has this one clock, which just stops it, and ages always run at the same
    /// pace; else [`NOT_PLAIN`].
    pub shelf: u32,
    /// Of a plain kind: may others hold its nodes, too? Of all plain ones alike, so that nobody has to guess.
    pub shared: bool,
    /// The one gate that counts the nodes of a plain kind.
    pub gate: GateId,
    /// Where its faults are counted.
    pub site: u32,
    /// Index of the label that downtime is blamed on.
    pub cause: u32,
    /// What checks of what it strikes meet.
    pub manner: Manner,
    /// What it does to it, if that is more than to stop it.
    pub ailment: Option<u32>,
    /// When the age runs.
    pub ages: Ages,
    /// In which role it does.
    pub role: Role,
    /// How much faster under more load.
    pub load_power: f64,
    /// What of it stays unseen, and the stream of that.
    pub latent: Option<Box<(Latent, EntityKey)>>,
    /// Of its lives and repairs, in turn.
    pub key: EntityKey,
    /// Of the draw that puts a part into its long run.
    pub start: EntityKey,
}

/// The shelf of a clock whose unit has others, or whose age does not always run.
pub const NOT_PLAIN: u32 = u32::MAX;

/// A calendar fault.
#[derive(Clone, Debug)]
pub struct Calendar {
    /// When it strikes.
    pub at: Instants,
    /// For how long.
    pub lasts: Law,
    /// Stream of the lengths.
    pub key: EntityKey,
    /// The units it strikes.
    pub units: Vec<u32>,
    /// Index of the label that downtime is blamed on.
    pub cause: u32,
    /// What checks of what it strikes meet.
    pub manner: Manner,
    /// What it does to its units, if that is more than to stop them.
    pub ailment: Option<u32>,
    /// Strikes units of pools in this role only.
    pub role: Role,
    /// Is it done on purpose?
    pub planned: bool,
    /// One unit after another?
    pub rolling: bool,
    /// Announced so long before, by this flag, which checks see.
    pub drain: Option<(Span, GateId)>,
}
