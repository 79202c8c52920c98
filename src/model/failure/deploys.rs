//! Deploys: a service changed batch by batch, now and then for the worse.
//!
//! Regions go in the order of their names. What a bad deploy has touched fails a share of its requests, by default all,
//! until somebody has noticed and rolled back; its blast says how far a bad batch reaches beyond itself.

use crate::model::dist::Law;
use crate::model::topology::ServiceId;
use crate::time::Span;

/// The deploys of one service.
#[derive(Clone, Debug, PartialEq)]
pub struct Deploys {
    /// What is deployed.
    pub service: ServiceId,
    /// From the start of one to the start of the next, which waits for the end of the one before.
    pub every: Law,
    /// Share of a pool's nodes that are changed at once, at least one node.
    pub batch: f64,
    /// A changed node is out for so long.
    pub restart: Law,
    /// Time from the return of a batch to the next.
    pub bake: Span,
    /// Chance that a deploy is bad, 0 to 1.
    pub bad: f64,
    /// Who suffers from a bad batch.
    pub blast: DeployBlast,
    /// Share of the requests that who suffers fails, 0 to 1; 1: it serves nothing.
    pub errors: f64,
    /// From the return of the first bad batch until nothing more is touched.
    pub noticed: Law,
    /// From then until all is as before.
    pub rollback: Law,
}

/// Who suffers from a bad batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeployBlast {
    /// Its nodes.
    Batch,
    /// All nodes of the service in its region.
    Region,
    /// All nodes of the service.
    Service,
}
