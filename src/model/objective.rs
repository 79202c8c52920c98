//! What is asked of the architecture: objectives and their conditions.

use super::topology::{GroupId, RegionId, ServiceId};
use crate::time::Span;

/// Whose level of service a figure is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// All users together.
    System,
    /// The users of one group.
    Group(GroupId),
    /// What the region's entry could serve, routed to or not.
    Region(RegionId),
    /// The service anywhere (with failover: its primary).
    Service(ServiceId),
}

/// A named set of conditions on one subject.
#[derive(Clone, Debug, PartialEq)]
pub struct Objective {
    /// Its name in the scenario.
    pub name: String,
    /// Whom it is about.
    pub subject: Subject,
    /// What must hold, at least one.
    pub conditions: Vec<Condition>,
    /// Length of one window of an availability objective; none: the horizon.
    pub window: Option<Span>,
    /// Share of windows that must meet the availability; none: the mean over the horizon is judged.
    pub attainment: Option<f64>,
}

/// One condition of an objective.
#[derive(Clone, Debug, PartialEq)]
pub enum Condition {
    /// Time availability at least so much, 0 to 1; exactly 1 asks for no downtime at all.
    Availability(f64),
    /// Request availability at least so much, 0 to 1.
    RequestAvailability(f64),
    /// Time from outage start to outage end, of outages with a failover, at most.
    Rto(Statistic, Span),
    /// Data loss of a promotion, at most.
    Rpo(Statistic, Span),
    /// Length of an outage, at most.
    OutageDuration(Statistic, Span),
    /// Downtime in a year, at most.
    DowntimePerYear(Statistic, Span),
    /// Outages in a year, at most.
    OutagesPerYear(f64),
    /// Time from arrival to answer of the requests that succeed, at most.
    Latency(Statistic, Span),
    /// Share of the requests that succeed at least so much, 0 to 1.
    SuccessRatio(f64),
}

/// Which figure of a distribution.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Statistic {
    /// The mean.
    Mean,
    /// The quantile at this probability, 0 to 1.
    Quantile(f64),
    /// The largest seen.
    Max,
}
