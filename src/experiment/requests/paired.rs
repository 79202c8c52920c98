//! Figures of requests trial by trial, for comparisons under the same luck.
//!
//! Requests of two scenarios have the same numbers, draws and arrivals where the groups are the same, so that most of
//! what chance does cancels in the difference of a trial.

use crate::results::measure::Measure;
use crate::simulation::requests::{Lengths, RequestOutcome, RequestPlan};

/// A figure that each trial has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Figure {
    /// What is measured.
    pub measure: Measure,
    /// Whose.
    pub subject: String,
    /// Which figure of it.
    pub statistic: &'static str,
    /// Is more of it better?
    pub more_is_better: bool,
}

/// The quantile of latencies that is compared.
const TAIL: (&str, f64) = ("p99", 0.99);

/// All figures of a scenario, each with its place in [`values`]. Where no classes are declared there is one without a
/// name, which is counted and not shown; nor are transactions where no class is one.
pub fn figures(plan: &RequestPlan) -> Vec<(usize, Figure)> {
    let mut all = Vec::new();
    let mut add = |measure, subject: &str, statistic, more_is_better| {
        all.push(Figure { measure, subject: subject.to_owned(), statistic, more_is_better });
    };
    let unnamed = plan.classes.iter().filter(|class| class.name.is_empty()).map(|class| class.name.clone());
    for subject in plan.user_subjects().into_iter().chain(unnamed) {
        add(Measure::AvailabilityRequest, &subject, "mean", true);
        add(Measure::UnavailabilityRequest, &subject, "mean", false);
        add(Measure::SuccessRatio, &subject, "mean", true);
        add(Measure::DegradedRatio, &subject, "mean", false);
        add(Measure::Latency, &subject, "mean", false);
        add(Measure::Latency, &subject, TAIL.0, false);
    }
    for service in &plan.services {
        add(Measure::AttemptsPerRequest, &service.name, "mean", false);
        add(Measure::Shed, &service.name, "mean", false);
    }
    for edge in &plan.edges {
        add(Measure::AttemptsPerRequest, &edge.name, "mean", false);
    }
    let transacts = plan.classes.iter().any(|class| class.saga.is_some());
    add(Measure::SagasStuck, if transacts { "system" } else { "" }, "mean", false);
    all.into_iter().enumerate().filter(|(_, figure)| !figure.subject.is_empty()).collect()
}

/// The figures of one trial; not a number where it has none, such as the latency of no answer.
pub fn values(trial: &RequestOutcome) -> Vec<f64> {
    let ratio = |part: u64, whole: u64| if whole == 0 { f64::NAN } else { part as f64 / whole as f64 };
    let mean = |lengths: &Lengths| lengths.sum_ns as f64 / 1e9 / lengths.count() as f64;
    let tail = |lengths: &Lengths| if lengths.count() == 0 { f64::NAN } else { lengths.quantile_s(TAIL.1) };
    let arrived = trial.users[0].arrived;
    let mut all = Vec::new();
    for user in &trial.users {
        let ended = user.arrived - user.in_flight();
        let lost = ratio(user.failures(), ended);
        all.extend([1.0 - lost, lost, 1.0 - lost, ratio(user.degraded, ended)]);
        all.extend([mean(&user.latency), tail(&user.latency)]);
    }
    for service in &trial.services {
        all.extend([ratio(service.attempts, arrived), ratio(service.all_shed(), service.attempts)]);
    }
    all.extend(trial.calls.iter().map(|call| ratio(call.attempts, arrived)));
    let sagas = trial.users[0].sagas;
    all.push(ratio(sagas[2], sagas.iter().sum()));
    all
}
