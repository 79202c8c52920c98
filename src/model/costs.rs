//! What things cost: prices of nodes, regions, requests and downtime, in one currency.
//!
//! Prices are plain numbers, at least 0 and finite; what has no price costs nothing. They change nothing that happens:
//! only the price of crossing requests asks the simulation to count something that it would not need otherwise. What
//! they come to is worked out in `experiment`.

use super::topology::{RegionId, ServiceId};

/// The prices of a scenario.
#[derive(Clone, Debug, PartialEq)]
pub struct Costs {
    /// What the prices are counted in, for the reader.
    pub currency: String,
    /// By service: an hour of a node that runs, whether it works or is being mended.
    pub node_hour: Vec<f64>,
    /// By service: an hour of a node that is stopped while its pool waits.
    pub stopped_node_hour: Vec<f64>,
    /// By region: an hour of having it.
    pub region_hour: Vec<f64>,
    /// A million requests of users that are served.
    pub million_requests: f64,
    /// A million calls from a service in one region to one in another.
    pub cross_region_million: f64,
    /// An hour in which the system is down.
    pub downtime_hour: f64,
}

impl Costs {
    /// Price of a node-hour of the service: running, stopped.
    pub fn of_node(&self, service: ServiceId) -> (f64, f64) {
        (self.node_hour[service.index()], self.stopped_node_hour[service.index()])
    }

    /// Price of an hour of the region.
    pub fn of_region(&self, region: RegionId) -> f64 {
        self.region_hour[region.index()]
    }
}
