//! Failover processes and routing, as the event loop reads them; [`processes`](super::processes) fills them.

use crate::engine::streams::{Entity, EntityKey};
use crate::model::dist::Law;
use crate::model::failover::{Detection, Failback, Propagation};
use crate::simulation::gates::GateId;
use crate::time::Span;

/// A place that a failover can choose.
#[derive(Clone, Debug)]
pub struct Place {
    /// Would it serve if it were promoted and running?
    pub fit: GateId,
    /// Would it really, latent faults and all?
    pub truly: GateId,
    /// Pools whose latent faults a promotion lands on.
    pub lands_on: Vec<u32>,
    /// Flags that are false while it is announced as soon out.
    pub drains: Vec<GateId>,
    /// What checks look at.
    pub seen: GateId,
    /// Pools whose nodes checks look at, where nodes can ail.
    pub checked: Vec<u32>,
    /// Does it serve, once promoted?
    pub serves: GateId,
    /// Enough other copies for synchronous writes, if they wait.
    pub acks: Option<GateId>,
    /// Counts its serving nodes, those who vote.
    pub voters: GateId,
    /// Flag: clients find it in charge; where ways can be cut.
    pub leads: Option<GateId>,
    /// By place: the way there is open; none: always.
    pub ways: Vec<Option<GateId>>,
    /// By place: what this one says is heard there; none: always.
    pub heard: Vec<Option<GateId>>,
    /// Flags that are true while it is primary.
    pub here: Vec<GateId>,
    /// Flags that are true while it is not.
    pub elsewhere: Vec<GateId>,
    /// Pools that wait while it is not primary.
    pub pools: Vec<u32>,
    /// Stream of its detection.
    pub detect: EntityKey,
}

/// Semi-synchronous writes.
#[derive(Clone, Copy, Debug)]
pub struct SemiSync {
    /// Time that writes wait.
    pub give_up: Span,
    /// False while they wait.
    pub flowing: GateId,
}

/// What happens to data when a place takes over or goes down.
#[derive(Clone, Debug)]
pub enum Data {
    /// There are none.
    None,
    /// Copies follow the primary: a promotion loses what the new one lags by, if it can lag.
    Copies {
        /// Work not yet shipped.
        lag: Option<Law>,
    },
    /// Nobody is promoted: every place takes writes, and one that goes down loses its last.
    MultiPrimary {
        /// Work not yet shipped.
        lag: Law,
    },
}

/// A failover.
#[derive(Clone, Debug)]
pub struct Process {
    /// The service, or none: the active region.
    pub service: Option<u32>,
    /// True while the promoted primary serves; of a service.
    pub available: Option<GateId>,
    /// Is it looked at from outside, not from the next candidate?
    pub from_outside: bool,
    /// In order of preference.
    pub places: Vec<Place>,
    /// How an outage is noticed.
    pub detection: Detection,
    /// A page to be answered first.
    pub page: Option<Law>,
    /// Time to take over.
    pub promote: Law,
    /// Chance that it works.
    pub success: f64,
    /// Time that people need when it has not.
    pub manual: Option<Law>,
    /// What must hold for it to work.
    pub needs: GateId,
    /// No failover for so long after one.
    pub hold_down: Span,
    /// The way back.
    pub failback: Option<Failback>,
    /// The data that follow its primary, or have none.
    pub data: Data,
    /// How long writes wait for copies, if they then go on without.
    pub semi_sync: Option<SemiSync>,
    /// Where its streams hang.
    pub entity: Entity,
    /// Is a primary that cannot be reached kept from serving on?
    pub fencing: bool,
    /// Time out of service after two primaries.
    pub reconcile: Law,
    /// Who is down while it is: the outages that a failover of it belongs to.
    pub subjects: Vec<u32>,
}

/// How users find a region.
#[derive(Clone, Debug)]
pub enum RoutingPlan {
    /// Whoever can serve does, at once: the level of everybody is this gate.
    Direct(GateId),
    /// Answers follow the process of the active region, or checks of each region.
    Tracked(Box<Tracked>),
}

/// Routing that takes its time.
#[derive(Clone, Debug)]
pub struct Tracked {
    /// The process that chooses the active region, if one does.
    pub process: Option<u32>,
    /// Else: how a region's outage and return are noticed.
    pub detection: Detection,
    /// What checks of a region look at.
    pub seen: Vec<GateId>,
    /// By region: it would serve, were all so that nobody sees; only where faults can be latent.
    pub believed: Vec<Option<GateId>>,
    /// By region: pools whose nodes checks look at, where nodes can ail.
    pub checked: Vec<Vec<u32>>,
    /// By region: does the entry stand there at all?
    pub hosts: Vec<bool>,
    /// Who must answer before a region loses its users.
    pub page: Option<Law>,
    /// Chance that a region then loses them by itself.
    pub success: f64,
    /// What must hold for that.
    pub needs: GateId,
    /// Time that people need where it does not.
    pub manual: Option<Law>,
    /// Streams of this chance and this time, by region.
    pub moves: Vec<[EntityKey; 2]>,
    /// A region that lost its users does not get them back sooner.
    pub hold_down: Span,
    /// When a region is given its users back.
    pub failback: Option<Failback>,
    /// How answers reach the clients.
    pub propagation: Propagation,
    /// With fewer healthy regions than this share, all count as healthy.
    pub panic: f64,
    /// By group: its share of the demand.
    pub shares: Vec<f64>,
    /// By group: regions, best first; or weights.
    pub choice: Choice,
    /// Streams of detection, by region.
    pub detect: Vec<EntityKey>,
    /// Stream of the time that clients ignore a time to live, or of convergence.
    pub delay: EntityKey,
    /// Stream of pages and the like, by region.
    pub failback_keys: Vec<EntityKey>,
}

/// Who goes where.
#[derive(Clone, Debug)]
pub enum Choice {
    /// By group: regions, best first.
    Ordered(Vec<Vec<u32>>),
    /// By region: weight.
    Weighted(Vec<f64>),
    /// To the active region; by place of the process: region.
    Active(Vec<u32>),
}
