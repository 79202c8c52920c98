//! How things break and mend.
//!
//! A [`Fault`] is one process on one kind of target: a law of time to failure with a law of repair, or a calendar.
//! Several faults on one part compete. What a mode does to a part is one of a closed set of effects; on the structure
//! clock a crash and an outage both stop what they strike, and a gray fault only weakens it.

mod crew;
mod deploys;
mod latent;
mod mode;
mod strikes;

use super::dist::Law;
use super::topology::{Endpoint, PoolId, RegionId, ServiceId, ZoneId};
use crate::time::Span;
pub use crew::{Crew, CrewId, Per};
pub use deploys::{DeployBlast, Deploys};
pub use latent::{Inspection, Latent};
pub use mode::Mode;
pub use strikes::{Blast, Strikes};

/// One failure process.
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    /// What downtime is blamed on.
    pub cause: String,
    /// The way it breaks.
    pub mode: Mode,
    /// Chance that one check of the struck part fails, 0 to 1.
    pub check_fails: f64,
    /// What it strikes.
    pub target: Target,
    /// Whom within it.
    pub strikes: Strikes,
    /// In which role of a node or place it ages and strikes.
    pub role: Role,
    /// When it strikes, and for how long.
    pub process: Process,
}

impl Fault {
    /// Does it cut a way? A link that hangs lets nothing through either.
    pub fn cuts(&self) -> bool {
        match &self.mode {
            Mode::Partition { .. } => true,
            Mode::Slow { factor, .. } => factor.is_infinite() && matches!(self.target, Target::Link { .. }),
            Mode::Crash { .. }
            | Mode::Outage { .. }
            | Mode::MemoryExhaustion { .. }
            | Mode::ClockSkew { .. }
            | Mode::DiskFull
            | Mode::Maintenance => false,
        }
    }

    /// Which ways it cuts if it does: into the place or back along the link, and out of it or along.
    pub fn cut_ways(&self) -> (bool, bool) {
        let (inbound, outbound) = match &self.mode {
            Mode::Partition { inbound, outbound } => (*inbound, *outbound),
            Mode::Crash { .. }
            | Mode::Outage { .. }
            | Mode::Slow { .. }
            | Mode::MemoryExhaustion { .. }
            | Mode::DiskFull
            | Mode::ClockSkew { .. }
            | Mode::Maintenance => (true, true),
        };
        (inbound && !matches!(self.target, Target::Link { both: false, .. }), outbound)
    }

    /// Is it a place or a link that is only slow? Requests feel that, but nothing stops.
    pub fn is_slowness_of_a_place(&self) -> bool {
        let nodes = matches!(self.target, Target::EachNode { .. }) || self.strikes != Strikes::Each;
        !nodes && self.mode.is_gray()
    }
}

/// What a pool is doing: one that waits outside the active region, or to be promoted, is a standby.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Either.
    Any,
    /// In use.
    Primary,
    /// Waiting.
    Standby,
}

impl Role {
    /// Does a pool that waits (or is in use) have this role?
    pub const fn includes(self, waiting: bool) -> bool {
        match self {
            Role::Any => true,
            Role::Primary => !waiting,
            Role::Standby => waiting,
        }
    }
}

/// What a fault strikes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// Each node of the pool by itself, or of its part in one zone.
    EachNode {
        /// The pool.
        pool: PoolId,
        /// Only its nodes in this zone.
        zone: Option<ZoneId>,
    },
    /// The region as a whole.
    Region(RegionId),
    /// The zone as a whole.
    Zone(ZoneId),
    /// All pools of the service at once.
    Service(ServiceId),
    /// The way from one end to another.
    Link {
        /// One.
        from: Endpoint,
        /// The other.
        to: Endpoint,
        /// And back?
        both: bool,
    },
}

/// When a fault strikes, and for how long.
#[derive(Clone, Debug, PartialEq)]
pub enum Process {
    /// At random: time from new, or from the last repair of this very fault, to the next.
    Random {
        /// Time to failure, in age of the part.
        fails: Law,
        /// Time to repair.
        repair: Law,
        /// When the age runs.
        ages: Ages,
        /// Who mends it; nobody named: at once, all in parallel.
        crew: Option<CrewId>,
        /// This share of the rate, 0 to 1, strikes all working nodes of the target at once (exponential lives only).
        beta: f64,
        /// The age runs (nodes / serving nodes of the pool) to this power times as fast.
        load_power: f64,
        /// What of it stays unseen, if any does.
        latent: Option<Latent>,
    },
    /// By the calendar, over and independent of the random ones.
    Calendar {
        /// At these instants.
        at: Instants,
        /// For so long.
        lasts: Law,
        /// The nodes of the target one after another, each for so long.
        rolling: bool,
        /// Regions and whole pools: announced so long before, when checks see it as down and it goes on for whoever comes.
        drain: Span,
    },
}

/// When the age of a part runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ages {
    /// Also while its place is out.
    Always,
    /// Only while it runs: not while masked or stopped.
    Running,
}

/// Instants of a calendar.
#[derive(Clone, Debug, PartialEq)]
pub enum Instants {
    /// `first`, `first + every`, and so on.
    Every {
        /// The first one.
        first: Span,
        /// The time between two, more than zero.
        every: Span,
    },
    /// These, ascending.
    At(Vec<Span>),
}
