//! Who uses the system: user groups and their share of the demand.

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
