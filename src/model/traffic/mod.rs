//! Who uses the system and how: user groups, classes of requests, the calls that a request makes, the work it costs.
//!
//! The structure clock needs the groups and their shares only; everything else is in [`Traffic`], which the request
//! clock reads. Lists run parallel to those of the [`Model`](super::Model): by group, by service, by pool.

mod arrivals;
mod call;
mod class;
mod work;

pub use super::topology::HealthPolicy;
pub use arrivals::{Arrivals, Burst, Closed, GroupTraffic, Pattern, Shape};
pub use call::{Budget, Call, CallPolicy, RequestTier};
pub use class::{Class, ClassId, Saga};
pub use work::{CallerGone, PoolWork, QueueOrder, ServiceWork};

use super::topology::RegionId;

/// A group of users.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// Its name in the scenario; the only group of a scenario without users is `everyone`.
    pub name: String,
    /// The region next to it.
    pub near: RegionId,
    /// Its share of the demand, 0 to 1; the shares of all groups add up to 1.
    pub share: f64,
    /// Requests per second, if the scenario says so.
    pub rate: Option<f64>,
}

/// What only requests feel.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Traffic {
    /// By group.
    pub groups: Vec<GroupTraffic>,
    /// Classes of requests, in the order written; empty: all requests are alike.
    pub classes: Vec<Class>,
    /// Calls between services, caller by caller in the order written.
    pub calls: Vec<Call>,
    /// By service.
    pub services: Vec<ServiceWork>,
    /// By pool.
    pub pools: Vec<PoolWork>,
}
