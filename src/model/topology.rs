//! Where things stand: regions, zones, services, pools, links and the terms that say what a service needs.
//!
//! Places nest, region > zone > node; a *service* is a set of *pools*, at most one a region, whose nodes are spread
//! round-robin over the pool's zones. Everything refers to everything else by a dense index, so that a trial never
//! looks up a name; the index of an entity is its place in the [`Model`](super::Model)'s list.

use super::dist::Law;
use super::elastic::{Autoscale, WarmUp};
use super::failover::{Check, Failover, Replication};

macro_rules! index {
    ($(#[$doc:meta] $name:ident;)*) => {$(
        #[$doc]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u32);

        impl $name {
            /// The place in the model's list.
            #[inline]
            pub const fn index(self) -> usize {
                self.0 as usize
            }
        }
    )*};
}

index! {
    /// A region, by its place in [`Model::regions`](super::Model::regions).
    RegionId;
    /// A zone, by its place in [`Model::zones`](super::Model::zones).
    ZoneId;
    /// A service, by its place in [`Model::services`](super::Model::services).
    ServiceId;
    /// A pool, by its place in [`Model::pools`](super::Model::pools).
    PoolId;
    /// A user group, by its place in [`Model::groups`](super::Model::groups).
    GroupId;
}

/// A region and the zones in it.
#[derive(Clone, Debug, PartialEq)]
pub struct Region {
    /// Its name in the scenario.
    pub name: String,
    /// Its zones, at least one, in the order written.
    pub zones: Vec<ZoneId>,
    /// After an outage of the region or of one of its zones: how long until the nodes there serve again.
    pub restart: Law,
    /// One-way latency between its zones; felt by requests only.
    pub zone_latency: Law,
}

/// A zone of a region.
#[derive(Clone, Debug, PartialEq)]
pub struct Zone {
    /// Its name within the region, e.g. `a`.
    pub name: String,
    /// The region it stands in.
    pub region: RegionId,
}

/// What a service is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServiceKind {
    /// Does work of its own.
    Server,
    /// Spreads requests and does no work.
    LoadBalancer,
    /// Holds one copy of the data a pool.
    Database,
    /// External: no region, one node.
    Dependency,
}

/// A set of pools under one name.
#[derive(Clone, Debug, PartialEq)]
pub struct Service {
    /// Its name in the scenario.
    pub name: String,
    /// What it is.
    pub kind: ServiceKind,
    /// Its pools; empty: only `needs` counts.
    pub pools: Vec<PoolId>,
    /// What must hold for a pool of it to serve (`depends_on` and hard calls), each as seen from the pool's region.
    pub needs: Vec<Need>,
    /// Readiness check of its nodes, if any.
    pub health_check: Option<Check>,
    /// One pool at a time is primary, if so.
    pub failover: Option<Failover<PoolId>>,
    /// How the copies of a database follow each other.
    pub replication: Option<Replication>,
    /// Who serves what only reads.
    pub reads: Reads,
}

/// Who serves requests that only read, of a service whose copies have a primary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reads {
    /// The primary.
    Primary,
    /// The copy in the caller's region, else the nearest; also while there is no primary.
    Local,
}

/// Checks of nodes beside the readiness check of the [`Service`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HealthPolicy {
    /// A node that fails it is restarted, which takes so long.
    pub liveness: Option<(Check, Law)>,
    /// For observers only: each costs so much work.
    pub deep: Option<(Check, Law)>,
}

impl Service {
    /// Do the nodes of all its pools serve together?
    pub fn is_quorum(&self) -> bool {
        matches!(self.replication, Some(Replication::Quorum { .. }))
    }
}

/// A dependency: hard, unless tiers stand in for it or only a share of the requests makes it.
#[derive(Clone, Debug, PartialEq)]
pub struct Need {
    /// What must hold.
    pub term: Term,
    /// Where the services of the term are looked for.
    pub reach: Reach,
    /// Share of the requests that depend on it, 0 to 1.
    pub share: f64,
    /// Only these classes of requests depend on it, by their places in the list; empty: all.
    pub only: Vec<u32>,
    /// What answers instead when it fails, in turn; with any of these the dependency is soft.
    pub fallback: Vec<Tier>,
}

impl Need {
    /// Every request needs it, and nothing stands in.
    pub const fn hard(term: Term, reach: Reach) -> Need {
        Need { term, reach, share: 1.0, only: Vec::new(), fallback: Vec::new() }
    }

    /// Does the caller serve nothing at all without it?
    pub fn is_hard(&self) -> bool {
        self.share >= 1.0 && self.only.is_empty() && self.fallback.is_empty()
    }

    /// The terms of the need itself and of the services that its tiers call.
    pub fn terms(&self) -> impl Iterator<Item = Term> + '_ {
        let tiers = self.fallback.iter().filter_map(|tier| tier.calls.map(Term::Service));
        std::iter::once(self.term.clone()).chain(tiers)
    }
}

/// What answers instead of a call that has failed.
#[derive(Clone, Debug, PartialEq)]
pub struct Tier {
    /// Its name in the scenario.
    pub name: String,
    /// The service that it asks, if it asks one.
    pub calls: Option<ServiceId>,
    /// Share of the requests that it can answer, 0 to 1.
    pub hit: f64,
}

/// Where a caller finds the service that it calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Primary for a service with failover, local if it has a pool in the caller's region, else any.
    ByTarget,
    /// Only the pool in the caller's region.
    Local,
    /// This region's pool, then any other.
    Any,
    /// The promoted primary.
    Primary,
}

/// A condition on services and pools; true when what it names serves.
#[derive(Clone, Debug, PartialEq)]
pub enum Term {
    /// The service, found by the need's reach.
    Service(ServiceId),
    /// This very pool.
    Pool(PoolId),
    /// At least `count` of the terms hold; `any` is 1, `all` is their number.
    AtLeast {
        /// How many must hold.
        count: u32,
        /// Of these.
        of: Vec<Term>,
    },
    /// At least `count` nodes serve, added up over the pools of these services and pools.
    Nodes {
        /// How many nodes must serve.
        count: u32,
        /// Over these.
        of: Vec<PoolId>,
    },
}

/// The nodes of a service in one region.
#[derive(Clone, Debug, PartialEq)]
pub struct Pool {
    /// The service it belongs to.
    pub service: ServiceId,
    /// Where it stands; a dependency has no place.
    pub region: Option<RegionId>,
    /// The zones that its nodes are spread over: node `i` stands in `zones[i % zones.len()]`; empty for a dependency, and
    /// for what stands nowhere, though it is found in a region.
    pub zones: Vec<ZoneId>,
    /// Number of nodes, at least 1; of a pool that scales, those at the start.
    pub nodes: u32,
    /// So many must serve or the pool serves nothing, 1 to `nodes`.
    pub need: u32,
    /// Requests per second that one node carries, above 0; none: any number.
    pub capacity: Option<f64>,
    /// How the capacity of a node rises after a start; none: it is there at once. Only with a capacity.
    pub warm_up: Option<WarmUp>,
    /// How the number of nodes follows the load, if it does. Only with a capacity.
    pub autoscale: Option<Autoscale>,
    /// What it is while it is not primary (or outside the active region).
    pub standby: Standby,
    /// What the failure of a node does to those that remain; nothing, if not said.
    pub coverage: Option<Coverage>,
}

impl Pool {
    /// The most nodes that it can have.
    pub fn most_nodes(&self) -> u32 {
        self.autoscale.as_ref().map_or(self.nodes, |scale| scale.max)
    }
}

/// Imperfect coverage: the failure of one node stops the others for a while.
#[derive(Clone, Debug, PartialEq)]
pub struct Coverage {
    /// Chance that the pool only pauses, 0 to 1.
    pub covered: f64,
    /// For so long it stops then.
    pub pause: Law,
    /// For so long it stops otherwise.
    pub uncovered: Law,
}

/// How a pool waits while it is not in use.
#[derive(Clone, Debug, PartialEq)]
pub struct Standby {
    /// Share of the nodes that run, 0 to 1; the rest is stopped. The first nodes run.
    pub running: f64,
    /// Pace at which its nodes age while they wait: 1 as in use, 0 not at all.
    pub ageing: f64,
    /// Time from the decision to use the pool until its stopped nodes serve.
    pub wake: Law,
}

impl Standby {
    /// As good as in use: everything runs and ages.
    pub fn hot() -> Self {
        Standby { running: 1.0, ageing: 1.0, wake: Law::fixed(crate::time::Span::ZERO) }
    }
}

/// The way from one place (region or user group) to another.
#[derive(Clone, Debug, PartialEq)]
pub struct Link {
    /// Where it begins.
    pub from: Endpoint,
    /// Where it ends.
    pub to: Endpoint,
    /// One-way latency.
    pub latency: Law,
    /// Share of the messages that are lost, 0 to 1; felt by requests only.
    pub loss: f64,
}

/// An end of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// A region.
    Region(RegionId),
    /// A user group.
    Group(GroupId),
}
