//! The catalogue of measures: name, unit, definition. Names are a contract; one is never renamed.

/// What a figure measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Measure {
    /// Share of the horizon not down.
    AvailabilityTime,
    /// Served demand over offered demand.
    AvailabilityRequest,
    /// Share of the horizon down.
    UnavailabilityTime,
    /// Demand not served over offered demand.
    UnavailabilityRequest,
    /// -log10 of the unavailability in time.
    NinesTime,
    /// -log10 of the unavailability in requests.
    NinesRequest,
    /// Share of the horizon degraded.
    DegradedTime,
    /// Time down in a year.
    DowntimePerYear,
    /// Outages in a year.
    OutagesPerYear,
    /// Length of an outage.
    OutageDuration,
    /// Time not down per outage.
    Mtbf,
    /// Time down per outage.
    Mttr,
    /// Outage start to outage end, of outages in which a failover was begun.
    Rto,
    /// Work lost by a promotion of a lagging copy, as time.
    Rpo,
    /// Failovers completed without people, of those begun.
    FailoverSuccess,
    /// Failovers of a primary that was well, in a year.
    FalseFailoversPerYear,
    /// Share of time in which a service had two primaries.
    SplitBrainTime,
    /// Writes in a year that a primary took which was not fenced, while another was in charge.
    DivergentWritesPerYear,
    /// What multiplying the availabilities of the parts on the way would claim; `ratio`: the unavailability that it
    /// claims over the modelled one.
    NaiveComposite,
    /// Share of windows that meet the objective's availability.
    SloAttainment,
    /// Downtime of a window over the downtime that the objective allows, in the mean.
    ErrorBudgetUsed,
    /// Share of the downtime of outages that began at the start of this cause's faults.
    Contribution,
    /// Mean time an outage spends in a stage.
    Waterfall,
    /// From the start of an outage to its being noticed.
    DetectionDelay,
    /// Faults in a trial.
    Faults,
    /// Repairs in a trial.
    Repairs,
    /// Nodes that do not work, in the time mean.
    NodesDown,
    /// Chance of not being down at an instant; the statistic is the instant.
    AvailabilityPoint,
    /// From the start to the first outage.
    TimeToFirstOutage,
    /// Share of the requests that succeed.
    SuccessRatio,
    /// From the arrival of a request to its answer, of those that succeed.
    Latency,
    /// Share of the users' requests that a tier answered.
    DegradedRatio,
    /// Wait for a slot of a service, of attempts that got one; `share`: of these, those that waited.
    QueueTime,
    /// Attempts that reach a service, or are made on a call, per request of a user.
    AttemptsPerRequest,
    /// Share of time that the breakers of a call were open.
    BreakerOpenTime,
    /// Share of the attempts at a service that it refused for load.
    Shed,
    /// Share of the attempts on a call that a policy of the caller refused.
    Rejected,
    /// Share of the attempts on a call that were hedges.
    Hedged,
    /// Share of the transactions that a person must clear up.
    SagasStuck,
    /// What a year of 365.25 days costs, by the prices of `costs`; further statistics are its parts.
    CostPerYear,
    /// Mean cost of a year over the nines of the mean unavailability in time.
    CostPerNine,
}

/// What a figure is counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// A share, 0 to 1.
    Ratio,
    /// Seconds.
    Seconds,
    /// Events per year of 365.25 days.
    PerYear,
    /// Leading nines, -log10 of an unavailability.
    Nines,
    /// A number of things.
    Count,
    /// An amount of the scenario's currency.
    Money,
}

impl Unit {
    /// The unit's name in JSON and on axes.
    pub const fn name(self) -> &'static str {
        match self {
            Unit::Ratio => "ratio",
            Unit::Seconds => "s",
            Unit::PerYear => "1/y",
            Unit::Nines => "nines",
            Unit::Count => "count",
            Unit::Money => "money",
        }
    }
}

impl Measure {
    /// All measures, in the order in which they are reported.
    pub const ALL: [Measure; 41] = [
        Measure::AvailabilityTime,
        Measure::AvailabilityRequest,
        Measure::UnavailabilityTime,
        Measure::UnavailabilityRequest,
        Measure::NinesTime,
        Measure::NinesRequest,
        Measure::DegradedTime,
        Measure::DowntimePerYear,
        Measure::OutagesPerYear,
        Measure::OutageDuration,
        Measure::Mtbf,
        Measure::Mttr,
        Measure::Rto,
        Measure::Rpo,
        Measure::FailoverSuccess,
        Measure::FalseFailoversPerYear,
        Measure::SplitBrainTime,
        Measure::DivergentWritesPerYear,
        Measure::NaiveComposite,
        Measure::SloAttainment,
        Measure::ErrorBudgetUsed,
        Measure::Contribution,
        Measure::Waterfall,
        Measure::DetectionDelay,
        Measure::Faults,
        Measure::Repairs,
        Measure::NodesDown,
        Measure::AvailabilityPoint,
        Measure::TimeToFirstOutage,
        Measure::SuccessRatio,
        Measure::Latency,
        Measure::DegradedRatio,
        Measure::QueueTime,
        Measure::AttemptsPerRequest,
        Measure::BreakerOpenTime,
        Measure::Shed,
        Measure::Rejected,
        Measure::Hedged,
        Measure::SagasStuck,
        Measure::CostPerYear,
        Measure::CostPerNine,
    ];

    /// The name in JSON, csv and conditions.
    pub const fn name(self) -> &'static str {
        match self {
            Measure::AvailabilityTime => "availability.time",
            Measure::AvailabilityRequest => "availability.request",
            Measure::UnavailabilityTime => "unavailability.time",
            Measure::UnavailabilityRequest => "unavailability.request",
            Measure::NinesTime => "nines.time",
            Measure::NinesRequest => "nines.request",
            Measure::DegradedTime => "degraded.time",
            Measure::DowntimePerYear => "downtime_per_year",
            Measure::OutagesPerYear => "outages_per_year",
            Measure::OutageDuration => "outage_duration",
            Measure::Mtbf => "mtbf",
            Measure::Mttr => "mttr",
            Measure::Rto => "rto",
            Measure::Rpo => "rpo",
            Measure::FailoverSuccess => "failover_success",
            Measure::FalseFailoversPerYear => "false_failovers_per_year",
            Measure::SplitBrainTime => "split_brain_time",
            Measure::DivergentWritesPerYear => "divergent_writes_per_year",
            Measure::NaiveComposite => "naive_composite",
            Measure::SloAttainment => "slo_attainment",
            Measure::ErrorBudgetUsed => "error_budget_used",
            Measure::Contribution => "contribution",
            Measure::Waterfall => "waterfall",
            Measure::DetectionDelay => "detection_delay",
            Measure::Faults => "faults",
            Measure::Repairs => "repairs",
            Measure::NodesDown => "nodes_down",
            Measure::AvailabilityPoint => "availability.point",
            Measure::TimeToFirstOutage => "time_to_first_outage",
            Measure::SuccessRatio => "success_ratio",
            Measure::DegradedRatio => "degraded_ratio",
            Measure::Latency => "latency",
            Measure::QueueTime => "queue_time",
            Measure::AttemptsPerRequest => "attempts_per_request",
            Measure::BreakerOpenTime => "breaker_open_time",
            Measure::Shed => "shed",
            Measure::Rejected => "rejected",
            Measure::Hedged => "hedged",
            Measure::SagasStuck => "sagas_stuck",
            Measure::CostPerYear => "cost_per_year",
            Measure::CostPerNine => "cost_per_nine",
        }
    }

    /// What the figure is counted in.
    pub const fn unit(self) -> Unit {
        match self {
            Measure::AvailabilityTime
            | Measure::AvailabilityRequest
            | Measure::UnavailabilityTime
            | Measure::UnavailabilityRequest
            | Measure::DegradedTime
            | Measure::FailoverSuccess
            | Measure::SplitBrainTime
            | Measure::NaiveComposite
            | Measure::SloAttainment
            | Measure::ErrorBudgetUsed
            | Measure::Contribution
            | Measure::AvailabilityPoint
            | Measure::SuccessRatio
            | Measure::DegradedRatio
            | Measure::BreakerOpenTime
            | Measure::Shed
            | Measure::Rejected
            | Measure::Hedged
            | Measure::SagasStuck => Unit::Ratio,
            Measure::NinesTime | Measure::NinesRequest => Unit::Nines,
            Measure::DowntimePerYear
            | Measure::OutageDuration
            | Measure::Mtbf
            | Measure::Mttr
            | Measure::Rto
            | Measure::Rpo
            | Measure::Waterfall
            | Measure::DetectionDelay
            | Measure::TimeToFirstOutage
            | Measure::Latency
            | Measure::QueueTime => Unit::Seconds,
            Measure::OutagesPerYear | Measure::FalseFailoversPerYear | Measure::DivergentWritesPerYear => Unit::PerYear,
            Measure::Faults | Measure::Repairs | Measure::NodesDown | Measure::AttemptsPerRequest => Unit::Count,
            Measure::CostPerYear | Measure::CostPerNine => Unit::Money,
        }
    }

    /// What a statistic of it is counted in: the share of those that waited is no time.
    pub fn unit_of(self, statistic: &str) -> Unit {
        if self == Measure::QueueTime && statistic == "share" { Unit::Ratio } else { self.unit() }
    }

    /// Is it a share, 0 to 1?
    pub fn is_share(self) -> bool {
        self.unit() == Unit::Ratio
    }

    /// The measure with this name.
    pub fn by_name(name: &str) -> Option<Measure> {
        Measure::ALL.into_iter().find(|measure| measure.name() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_measure_is_found_by_its_name() {
        for measure in Measure::ALL {
            assert_eq!(Measure::by_name(measure.name()), Some(measure));
        }
    }
}
