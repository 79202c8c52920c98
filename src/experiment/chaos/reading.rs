//! What a condition reads from a bucket: a ratio or lengths of time, which add up over buckets and runs.

use crate::model::experiment::{BucketMeasure, CallEnds, Caller, Statistic, Subject};
use crate::simulation::requests::RequestPlan;
use crate::simulation::requests::plan::{EdgePlan, From};
use crate::simulation::requests::record::{CallBucket, Latencies, Recorder};

/// A value that can be added to others of its kind before it is looked at.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reading {
    part: f64,
    of: f64,
    lengths: Latencies,
}

impl Reading {
    fn ratio(part: f64, of: f64) -> Reading {
        Reading { part, of, lengths: Latencies::default() }
    }

    fn lengths(lengths: Latencies) -> Reading {
        Reading { part: 0.0, of: 0.0, lengths }
    }

    /// Add those of another bucket.
    pub fn add(&mut self, other: &Reading) {
        self.part += other.part;
        self.of += other.of;
        self.lengths.add(&other.lengths);
    }

    /// The measure of all that was added; none of nothing.
    pub fn value(&self, measure: BucketMeasure) -> Option<f64> {
        match measure {
            BucketMeasure::SuccessRatio
            | BucketMeasure::DegradedRatio
            | BucketMeasure::AttemptsPerRequest
            | BucketMeasure::Shed
            | BucketMeasure::Rejected
            | BucketMeasure::BreakerOpenTime => (self.of > 0.0).then(|| self.part / self.of),
            BucketMeasure::Latency(statistic) | BucketMeasure::QueueTime(statistic) => match statistic {
                Statistic::Mean => self.lengths.mean_s(),
                Statistic::Max => self.lengths.max_s(),
                Statistic::Quantile(thousandths) => self.lengths.quantile_s(f64::from(thousandths) / 1_000.0),
            },
        }
    }
}

/// Edges of a call, or to a service.
pub fn edges(plan: &RequestPlan, subject: Subject) -> Vec<usize> {
    let wanted = |edge: &EdgePlan| match subject {
        Subject::System | Subject::Group(_) | Subject::Class(_) => false,
        Subject::Service(service) => edge.to == service.0,
        Subject::Call(ends) => is(edge, ends),
    };
    (0..plan.edges.len()).filter(|&edge| wanted(&plan.edges[edge])).collect()
}

/// Does the edge have these ends?
pub fn is(edge: &EdgePlan, ends: CallEnds) -> bool {
    let from = match ends.from {
        Caller::Group(group) => From::Group(group.0),
        Caller::Service(service) => From::Service(service.0),
    };
    edge.from == from && edge.to == ends.to.0
}

/// Where the record keeps these users.
pub fn users(plan: &RequestPlan, subject: Subject) -> Option<usize> {
    match subject {
        Subject::System => Some(0),
        Subject::Group(group) => Some(1 + group.index()),
        Subject::Class(class) => Some(1 + plan.groups.len() + class.index()),
        Subject::Service(_) | Subject::Call(_) => None,
    }
}

/// Reads one measure of one subject from a record, bucket by bucket.
pub struct Gauge<'r> {
    record: &'r Recorder,
    measure: BucketMeasure,
    users: Option<usize>,
    service: Option<usize>,
    edges: Vec<usize>,
}

impl<'r> Gauge<'r> {
    /// Finds where the record keeps the subject.
    pub fn new(plan: &RequestPlan, record: &'r Recorder, measure: BucketMeasure, subject: Subject) -> Gauge<'r> {
        let service = match subject {
            Subject::Service(service) => Some(service.index()),
            Subject::System | Subject::Group(_) | Subject::Class(_) | Subject::Call(_) => None,
        };
        Gauge { record, measure, users: users(plan, subject), service, edges: edges(plan, subject) }
    }

    fn sum(&self, bucket: usize, count: fn(&CallBucket) -> u64) -> f64 {
        self.edges.iter().map(|&edge| count(&self.record.calls[edge][bucket])).sum::<u64>() as f64
    }

    /// Reads a bucket; `open_s` gives the seconds that breakers of an edge were open in it.
    pub fn read(&self, bucket: usize, open_s: &dyn Fn(usize) -> (f64, f64)) -> Reading {
        let sum = |count| self.sum(bucket, count);
        let users = self.users.map(|users| &self.record.users[users][bucket]);
        let service = self.service.map(|service| &self.record.services[service][bucket]);
        match self.measure {
            BucketMeasure::SuccessRatio => match users {
                Some(users) => {
                    let answered = users.full + users.degraded;
                    Reading::ratio(answered as f64, (answered + users.failed) as f64)
                }
                None => Reading::ratio(sum(|call| call.answered), sum(|call| call.answered + call.failed)),
            },
            BucketMeasure::DegradedRatio => users.map_or_else(Reading::default, |users| {
                Reading::ratio(users.degraded as f64, (users.full + users.degraded + users.failed) as f64)
            }),
            BucketMeasure::Latency(_) => {
                let mut all = users.map_or_else(Latencies::default, |users| users.latency.clone());
                for &edge in &self.edges {
                    all.add(&self.record.calls[edge][bucket].latency);
                }
                Reading::lengths(all)
            }
            BucketMeasure::AttemptsPerRequest => {
                let attempts = service.map_or_else(|| sum(|call| call.attempts), |service| service.attempts as f64);
                Reading::ratio(attempts, self.record.users[0][bucket].arrived as f64)
            }
            BucketMeasure::Shed => service
                .map_or_else(Reading::default, |service| Reading::ratio(service.shed as f64, service.attempts as f64)),
            BucketMeasure::Rejected => {
                Reading::ratio(sum(|call| call.rejected), sum(|call| call.attempts + call.rejected))
            }
            BucketMeasure::BreakerOpenTime => {
                self.edges.iter().map(|&edge| open_s(edge)).fold(Reading::default(), |mut all, (open, of)| {
                    all.add(&Reading::ratio(open, of));
                    all
                })
            }
            BucketMeasure::QueueTime(_) => {
                service.map_or_else(Reading::default, |service| Reading::lengths(service.queue.clone()))
            }
        }
    }
}
