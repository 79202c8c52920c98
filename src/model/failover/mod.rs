//! How a failure is noticed and what is done about it: checks, failover of a primary, replication, global routing.
//!
//! The keys are the scenario's own; what they mean in time is the simulation's business. A database promotes another
//! *pool*, active-passive routing another *region*: both are a [`Failover`] over what they choose among.

mod election;
mod run;

pub use election::Election;
pub use run::trials_until_run;

use super::dist::Law;
use super::topology::{RegionId, Service, ServiceId, ServiceKind, Term};
use crate::time::{Span, Time};

/// A health checker: how often it looks and when it believes what it sees.
#[derive(Clone, Debug, PartialEq)]
pub struct Check {
    /// Time from one check to the next.
    pub every: Span,
    /// A check without an answer fails after so long, at most `every`.
    pub timeout: Span,
    /// Failures in a row after which the target counts as down, at least 1.
    pub down_after: u32,
    /// Successes in a row after which the target counts as up again, at least 1.
    pub up_after: u32,
    /// What `every` is counted from.
    pub schedule: Schedule,
    /// Time between checks while the target counts as down.
    pub every_down: Span,
    /// Chance that a check of a healthy target fails, 0 to 1.
    pub false_fail: f64,
    /// Checkers that look, each at its own time, at least 1.
    pub checkers: u32,
    /// The target counts as down while so many of them say so, 1 to `checkers`.
    pub agree: u32,
    /// Does it wait and work in a node like a request? Only the request clock knows.
    pub through_queue: bool,
    /// What a check looks at.
    pub sees: Sees,
}

impl Check {
    /// Can a target that is well count as down: by chance, or, on the clock of `requests`, because it is busy?
    pub fn can_be_wrong(&self, requests: bool) -> bool {
        self.false_fail > 0.0 || (requests && self.through_queue)
    }

    /// When the next check is sent after one sent at `sent` that ended at `ended`, if the target then counts as down or not.
    /// One that would be due while another is out is sent as soon as that has ended.
    pub fn next(&self, down: bool, sent: Time, ended: Time) -> Time {
        let from = match self.schedule {
            Schedule::Fixed => sent,
            Schedule::AfterAnswer => ended,
        };
        (from + if down { self.every_down } else { self.every }).max(ended)
    }
}

/// What the time between checks is counted from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Schedule {
    /// Sent every `every`, whatever the answers.
    Fixed,
    /// Sent `every` after the last answer (or its timeout).
    AfterAnswer,
}

/// What a check looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sees {
    /// Whether enough nodes of the pool work.
    Node,
    /// Also what the pool needs within its region.
    Region,
    /// Also everything that it needs anywhere.
    Dependencies,
}

/// How an outage is noticed.
#[derive(Clone, Debug, PartialEq)]
pub enum Detection {
    /// At the very instant.
    Instant,
    /// After a random time.
    After(Law),
    /// By health checks.
    Check(Check),
    /// By the followers of a primary, who elect another.
    Election(Election),
}

/// What happens when the primary among `order` stops serving.
#[derive(Clone, Debug, PartialEq)]
pub struct Failover<Place> {
    /// Best first; the first is primary at the start; at least one.
    pub order: Vec<Place>,
    /// How the outage is noticed.
    pub detection: Detection,
    /// Somebody must answer a page before anything is done; none: automatic.
    pub page: Option<Law>,
    /// Time that the candidate takes to take over.
    pub promote: Law,
    /// Chance that it does, 0 to 1.
    pub success: f64,
    /// Time that people need after a promotion has failed; present if one can fail.
    pub manual: Option<Law>,
    /// What must hold for a promotion to work.
    pub needs: Vec<Term>,
    /// Is a primary that cannot be reached kept from serving on?
    pub fencing: bool,
    /// Time out of service after two primaries have found each other again.
    pub reconcile: Law,
    /// No failover for so long after one.
    pub hold_down: Span,
    /// The way back to the first in `order`, if there is one.
    pub failback: Option<Failback>,
}

impl<Place> Failover<Place> {
    /// Of places of which none is ever promoted by it: perfect, and without a wish to return.
    pub fn never(order: Vec<Place>) -> Self {
        Failover {
            order,
            detection: Detection::Instant,
            page: None,
            promote: Law::fixed(Span::ZERO),
            success: 1.0,
            manual: None,
            needs: Vec::new(),
            fencing: true,
            reconcile: Law::fixed(Span::ZERO),
            hold_down: Span::ZERO,
            failback: None,
        }
    }
}

/// The return to the first in `order`.
#[derive(Clone, Debug, PartialEq)]
pub struct Failback {
    /// After so long of its unbroken health.
    pub after: Span,
    /// Somebody must answer a page first; none: automatic.
    pub page: Option<Law>,
    /// Time out of service for the change.
    pub takes: Law,
}

/// How the copies of a database follow the primary.
#[derive(Clone, Debug, PartialEq)]
pub enum Replication {
    /// Work done in the last `lag` is lost when a copy is promoted.
    Async {
        /// Work not yet shipped at a random instant, as time.
        lag: Law,
    },
    /// Every write waits for `acks` copies; nothing is lost, but writes stop without them.
    Sync {
        /// Copies that must hold a write beside the primary, at least 1.
        acks: u32,
    },
    /// As sync, but after `give_up` without enough copies as async until there are enough again.
    SemiSync {
        /// Work not yet shipped at a random instant, while it does not wait.
        lag: Law,
        /// Copies that must hold a write beside the primary, at least 1.
        acks: u32,
        /// Time that writes wait for copies that do not answer.
        give_up: Span,
    },
    /// A write needs `need` nodes that can reach each other, of all pools together; nothing is lost.
    Quorum {
        /// How many, at least 1.
        need: u32,
    },
    /// Every copy takes writes and ships them to the others; nobody is promoted, and a copy that is lost loses its last.
    MultiPrimary {
        /// Work not yet shipped at a random instant, as time.
        lag: Law,
    },
}

impl Replication {
    /// Can work be lost that was acknowledged?
    pub fn loses(&self) -> bool {
        match self {
            Replication::Async { .. } | Replication::SemiSync { .. } | Replication::MultiPrimary { .. } => true,
            Replication::Sync { .. } | Replication::Quorum { .. } => false,
        }
    }
}

/// How users find a region.
#[derive(Clone, Debug, PartialEq)]
pub struct Routing {
    /// The service that users reach first.
    pub entry: ServiceId,
    /// Who goes where.
    pub policy: Policy,
    /// How a region's outage is noticed, and its return.
    pub detection: Detection,
    /// Somebody must answer a page before a region loses its users; none: automatic (latency, geo, weighted).
    pub page: Option<Law>,
    /// What the move of users off a lost region takes (latency, geo, weighted).
    pub moves: Moves,
    /// A region that lost its users does not get them back sooner (latency, geo, weighted).
    pub hold_down: Span,
    /// A region that lost its users gets them back only so long after it is healthy again, if so (latency, geo, weighted).
    pub failback: Option<Failback>,
    /// With a smaller share of healthy regions than this, but not none, all count as healthy (not active-passive).
    pub panic: f64,
    /// How a changed answer reaches the clients.
    pub propagation: Propagation,
    /// Does what a region cannot carry go to the next (latency, geo, weighted)?
    pub spill: bool,
}

impl Routing {
    /// Is there one active region that is left by a failover of its own, rather than as the entry's primary moves?
    pub fn has_active_region(&self, services: &[Service]) -> bool {
        let entry = services.get(self.entry.index());
        let own = entry.is_none_or(|entry| entry.failover.is_none() && entry.kind != ServiceKind::Dependency);
        own && matches!(self.policy, Policy::ActivePassive(_))
    }
}

/// How surely users are moved off a region that is lost.
#[derive(Clone, Debug, PartialEq)]
pub struct Moves {
    /// Chance that it works by itself, 0 to 1.
    pub success: f64,
    /// What must hold for that.
    pub needs: Vec<Term>,
    /// Time that people need where it does not; present if it can fail.
    pub manual: Option<Law>,
}

impl Moves {
    /// They never fail.
    pub const SURE: Moves = Moves { success: 1.0, needs: Vec::new(), manual: None };

    /// Can one fail?
    pub fn can_fail(&self) -> bool {
        self.success < 1.0 || !self.needs.is_empty()
    }
}

/// Who goes where.
#[derive(Clone, Debug, PartialEq)]
pub enum Policy {
    /// Each group to the healthy region of least latency.
    Latency,
    /// Each group to its near region, then as by latency.
    Geo,
    /// All groups by weight over the healthy regions.
    Weighted {
        /// One weight a region of the model, adding up to 1.
        weights: Vec<f64>,
    },
    /// All groups to the one active region.
    ActivePassive(Box<Failover<RegionId>>),
}

/// How a changed answer reaches the clients.
#[derive(Clone, Debug, PartialEq)]
pub enum Propagation {
    /// At once.
    Instant,
    /// By DNS: a client keeps its answer for the rest of its time to live, uniform on `[0, ttl]`.
    Dns {
        /// Time to live of an answer.
        ttl: Span,
        /// Share of the clients that ignore it, 0 to 1.
        ignore_ttl: f64,
        /// These keep theirs for a time uniform on `[0, ignore_for]`.
        ignore_for: Law,
    },
    /// By anycast: all clients move together after this time.
    Anycast {
        /// Time until the network has converged.
        converge: Law,
    },
}
