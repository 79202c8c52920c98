//! Figures of requests, on their clock: what users got, what services refused, what calls took.
//!
//! Sums over a trial are folded as pairs (what it is a share of, the part), so that every ratio has the interval of the
//! delta method over trials. Quantiles of latency come from the histogram of all trials together; their interval from the
//! spread of the quantile over trials, by Student. With a single trial there is no interval.

pub mod paired;

use super::Plan;
use crate::results::measure::Measure;
use crate::results::{Method, Row};
use crate::simulation::layout::Layout;
use crate::simulation::requests::{CallTally, Lengths, RequestOutcome, RequestPlan, ServiceTally, UserTally};
use crate::stats::moments::{Moments, PairMoments};
use crate::stats::{Estimate, interval};
use crate::time::Span;

/// Quantiles that are reported of a latency.
const QUANTILES: [(&str, f64); 3] = [("p50", 0.5), ("p95", 0.95), ("p99", 0.99)];

/// Totals over trials.
#[derive(Clone, Debug)]
pub struct RequestTotals {
    users: Vec<UserTotals>,
    services: Vec<ServiceTotals>,
    calls: Vec<CallTotals>,
    /// Requests in all.
    pub arrived: u64,
}

/// Lengths over trials.
#[derive(Clone, Debug)]
struct LengthTotals {
    all: Lengths,
    /// (count, sum in seconds).
    sums: PairMoments,
    /// Of each trial's own quantiles.
    quantiles: [Moments; QUANTILES.len()],
}

#[derive(Clone, Debug)]
struct UserTotals {
    /// (arrived, failed), in flight ones left out.
    failed: PairMoments,
    /// (arrived, answered by a tier).
    degraded: PairMoments,
    latency: LengthTotals,
    sagas: PairMoments,
    ended: u64,
    failures: u64,
}

#[derive(Clone, Debug)]
struct ServiceTotals {
    /// (requests of users, attempts).
    attempts: PairMoments,
    /// (attempts, shed).
    shed: PairMoments,
    /// (begun, waited).
    waited: PairMoments,
    queue: LengthTotals,
}

#[derive(Clone, Debug, Default)]
struct CallTotals {
    /// (requests of users, attempts).
    attempts: PairMoments,
    /// (attempts made or rejected, rejected by an own policy).
    rejected: PairMoments,
    /// (attempts, hedges).
    hedged: PairMoments,
    /// Share of the time that its breakers were open.
    open: Moments,
}

impl LengthTotals {
    fn new() -> Self {
        LengthTotals { all: Lengths::new(), sums: PairMoments::default(), quantiles: Default::default() }
    }

    fn push(&mut self, lengths: &Lengths) {
        self.sums.push(lengths.count() as f64, lengths.sum_ns as f64 / 1e9);
        self.all.add(lengths);
        if lengths.count() > 0 {
            for (moments, (_, p)) in self.quantiles.iter_mut().zip(QUANTILES) {
                moments.push(lengths.quantile_s(p));
            }
        }
    }

    fn merge(&mut self, other: &LengthTotals) {
        self.sums.merge(&other.sums);
        self.all.add(&other.all);
        for (here, there) in self.quantiles.iter_mut().zip(&other.quantiles) {
            here.merge(there);
        }
    }
}

impl RequestTotals {
    /// No trial yet.
    pub fn new(plan: &RequestPlan) -> RequestTotals {
        let user = UserTotals {
            failed: PairMoments::default(),
            degraded: PairMoments::default(),
            latency: LengthTotals::new(),
            sagas: PairMoments::default(),
            ended: 0,
            failures: 0,
        };
        let service = ServiceTotals {
            attempts: PairMoments::default(),
            shed: PairMoments::default(),
            waited: PairMoments::default(),
            queue: LengthTotals::new(),
        };
        RequestTotals {
            users: vec![user; plan.user_subjects().len()],
            services: vec![service; plan.services.len()],
            calls: vec![CallTotals::default(); plan.edges.len()],
            arrived: 0,
        }
    }

    /// Add a trial.
    pub fn push(&mut self, trial: &RequestOutcome) {
        let arrived = trial.users[0].arrived;
        self.arrived += arrived;
        for (totals, tally) in self.users.iter_mut().zip(&trial.users) {
            totals.push(tally);
        }
        for (totals, tally) in self.services.iter_mut().zip(&trial.services) {
            totals.push(tally, arrived);
        }
        for (totals, tally) in self.calls.iter_mut().zip(&trial.calls) {
            totals.push(tally, arrived, trial.length);
        }
    }

    /// Add the trials of `other`, which come after.
    pub fn merge(&mut self, other: &RequestTotals) {
        self.arrived += other.arrived;
        for (here, there) in self.users.iter_mut().zip(&other.users) {
            here.failed.merge(&there.failed);
            here.degraded.merge(&there.degraded);
            here.latency.merge(&there.latency);
            here.sagas.merge(&there.sagas);
            (here.ended, here.failures) = (here.ended + there.ended, here.failures + there.failures);
        }
        for (here, there) in self.services.iter_mut().zip(&other.services) {
            here.attempts.merge(&there.attempts);
            here.shed.merge(&there.shed);
            here.waited.merge(&there.waited);
            here.queue.merge(&there.queue);
        }
        for (here, there) in self.calls.iter_mut().zip(&other.calls) {
            here.attempts.merge(&there.attempts);
            here.rejected.merge(&there.rejected);
            here.hedged.merge(&there.hedged);
            here.open.merge(&there.open);
        }
    }
}

impl UserTotals {
    fn push(&mut self, tally: &UserTally) {
        let ended = tally.arrived - tally.in_flight();
        self.ended += ended;
        self.failures += tally.failures();
        self.failed.push(ended as f64, tally.failures() as f64);
        self.degraded.push(ended as f64, tally.degraded as f64);
        self.latency.push(&tally.latency);
        let [completed, undone, stuck] = tally.sagas;
        if completed + undone + stuck > 0 {
            self.sagas.push((completed + undone + stuck) as f64, stuck as f64);
        }
    }
}

impl ServiceTotals {
    fn push(&mut self, tally: &ServiceTally, arrived: u64) {
        self.attempts.push(arrived as f64, tally.attempts as f64);
        self.shed.push(tally.attempts as f64, tally.all_shed() as f64);
        self.waited.push(tally.started as f64, tally.waited as f64);
        self.queue.push(&tally.queue);
    }
}

impl CallTotals {
    fn push(&mut self, tally: &CallTally, arrived: u64, length: Span) {
        self.attempts.push(arrived as f64, tally.attempts as f64);
        self.rejected.push((tally.attempts + tally.rejected) as f64, tally.rejected as f64);
        self.hedged.push(tally.attempts as f64, tally.hedged as f64);
        if tally.breakers > 0 {
            self.open.push(tally.open.as_secs_f64() / (tally.breakers as f64 * length.as_secs_f64()));
        }
    }
}

/// The figures of requests: after those of the structure, except that what users were answered replaces what a fluid
/// would have got.
pub fn add_rows(rows: &mut Vec<Row>, layout: &Layout, traffic: &RequestPlan, totals: &RequestTotals, plan: &Plan) {
    let subjects = traffic.user_subjects();
    let users = layout.first_service;
    let fluid = [Measure::AvailabilityRequest, Measure::UnavailabilityRequest, Measure::NinesRequest];
    rows.retain(|row| !(fluid.contains(&row.measure) && layout.subjects[..users].contains(&row.subject)));
    let mut figures = Figures { rows, confidence: plan.confidence };
    for (name, totals) in subjects.iter().zip(&totals.users) {
        figures.users(name, totals);
    }
    for (plan, totals) in traffic.services.iter().zip(&totals.services) {
        figures.service(&plan.name, totals);
    }
    for (edge, totals) in traffic.edges.iter().zip(&totals.calls) {
        figures.call(&edge.name, edge.policy.breaker.is_some(), edge.policy.hedge.is_some(), totals);
    }
}

struct Figures<'r> {
    rows: &'r mut Vec<Row>,
    confidence: f64,
}

impl Figures<'_> {
    fn push(&mut self, measure: Measure, subject: &str, statistic: &str, value: Estimate) {
        let (subject, statistic) = (subject.to_owned(), statistic.to_owned());
        self.rows.push(Row { measure, subject, statistic, value, method: Method::Simulation });
    }

    fn ratio(&mut self, measure: Measure, subject: &str, statistic: &str, pair: &PairMoments) {
        let value = interval::ratio(pair, self.confidence);
        let value = if measure.is_share() { value.clamped(0.0, 1.0) } else { value.clamped(0.0, f64::INFINITY) };
        if value.estimate.is_some() {
            self.push(measure, subject, statistic, value);
        }
    }

    fn users(&mut self, name: &str, totals: &UserTotals) {
        if totals.ended == 0 {
            return;
        }
        let lost = self.lost(totals);
        self.push(Measure::AvailabilityRequest, name, "mean", super::figures::complement(lost));
        self.push(Measure::UnavailabilityRequest, name, "mean", lost);
        self.push(Measure::NinesRequest, name, "mean", super::figures::nines(lost));
        self.push(Measure::SuccessRatio, name, "mean", super::figures::complement(lost));
        self.ratio(Measure::DegradedRatio, name, "mean", &totals.degraded);
        self.lengths(Measure::Latency, name, &totals.latency);
        self.ratio(Measure::SagasStuck, name, "mean", &totals.sagas);
    }

    /// The share of requests that failed; of none, what so many requests can exclude, as if they were independent.
    fn lost(&self, totals: &UserTotals) -> Estimate {
        if totals.failures == 0 {
            let bound = interval::proportion(0, totals.ended, self.confidence);
            return Estimate { estimate: None, ..bound };
        }
        interval::ratio(&totals.failed, self.confidence).clamped(0.0, 1.0)
    }

    fn lengths(&mut self, measure: Measure, name: &str, totals: &LengthTotals) {
        if totals.all.count() == 0 {
            return;
        }
        self.ratio(measure, name, "mean", &totals.sums);
        for ((statistic, p), moments) in QUANTILES.into_iter().zip(&totals.quantiles) {
            let half = interval::mean(moments, self.confidence).half_width().unwrap_or(f64::INFINITY);
            let value = Estimate::around(totals.all.quantile_s(p), half, self.confidence);
            self.push(measure, name, statistic, value.clamped(0.0, f64::INFINITY));
        }
        let max = Estimate { high: None, ..Estimate::exact(totals.all.max.as_secs_f64()) };
        self.push(measure, name, "max", Estimate { confidence: self.confidence, ..max });
    }

    fn service(&mut self, name: &str, totals: &ServiceTotals) {
        self.ratio(Measure::AttemptsPerRequest, name, "mean", &totals.attempts);
        self.lengths(Measure::QueueTime, name, &totals.queue);
        let waited = interval::ratio(&totals.waited, self.confidence).clamped(0.0, 1.0);
        if waited.estimate.is_some() {
            self.push(Measure::QueueTime, name, "share", waited);
        }
        self.ratio(Measure::Shed, name, "mean", &totals.shed);
    }

    fn call(&mut self, name: &str, breaks: bool, hedges: bool, totals: &CallTotals) {
        self.ratio(Measure::AttemptsPerRequest, name, "mean", &totals.attempts);
        self.ratio(Measure::Rejected, name, "mean", &totals.rejected);
        if hedges {
            self.ratio(Measure::Hedged, name, "mean", &totals.hedged);
        }
        if breaks {
            let open = interval::mean(&totals.open, self.confidence).clamped(0.0, 1.0);
            self.push(Measure::BreakerOpenTime, name, "mean", open);
        }
    }
}
