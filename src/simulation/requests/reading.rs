//! What a condition reads from a bucket: a ratio or lengths of time, which add up over buckets and runs. Experiments read
//! it, and people who act.

use super::buckets::{Buckets, CallBucket};
use super::latencies::Latencies;
use super::plan::{EdgePlan, From, RequestPlan};
use crate::model::experiment::{BucketMeasure, CallEnds, Caller, Statistic, Subject};

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

/// Where buckets keep these users.
pub fn users(plan: &RequestPlan, subject: Subject) -> Option<usize> {
    match subject {
        Subject::System => Some(0),
        Subject::Group(group) => Some(1 + group.index()),
        Subject::Class(class) => Some(1 + plan.groups.len() + class.index()),
        Subject::Service(_) | Subject::Call(_) => None,
    }
}

/// Reads one measure of one subject from buckets.
#[derive(Clone, Debug)]
pub struct Gauge {
    measure: BucketMeasure,
    users: Option<usize>,
    service: Option<usize>,
    /// With the number of breakers on each.
    edges: Vec<(usize, u64)>,
}

impl Gauge {
    /// Finds where buckets keep the subject.
    pub fn new(plan: &RequestPlan, measure: BucketMeasure, subject: Subject) -> Gauge {
        let service = match subject {
            Subject::Service(service) => Some(service.index()),
            Subject::System | Subject::Group(_) | Subject::Class(_) | Subject::Call(_) => None,
        };
        let edges = edges(plan, subject).into_iter().map(|edge| (edge, plan.edges[edge].breakers(plan))).collect();
        Gauge { measure, users: users(plan, subject), service, edges }
    }

    /// Does it read nothing of services and calls?
    pub const fn is_of_users(&self) -> bool {
        self.users.is_some()
    }

    /// Does it read lengths of time?
    pub const fn is_of_lengths(&self) -> bool {
        match self.measure {
            BucketMeasure::Latency(_) | BucketMeasure::QueueTime(_) => true,
            BucketMeasure::SuccessRatio
            | BucketMeasure::DegradedRatio
            | BucketMeasure::AttemptsPerRequest
            | BucketMeasure::Shed
            | BucketMeasure::Rejected
            | BucketMeasure::BreakerOpenTime => false,
        }
    }

    /// The measure of the bucket at this place; none of nothing.
    pub fn value(&self, buckets: &Buckets, place: usize) -> Option<f64> {
        self.read(buckets, place).value(self.measure)
    }

    /// Reads the bucket at this place.
    pub fn read(&self, buckets: &Buckets, place: usize) -> Reading {
        let calls = || self.edges.iter().map(|&(edge, _)| &buckets.calls[edge][place]);
        let sum = |count: fn(&CallBucket) -> u64| calls().map(count).sum::<u64>() as f64;
        let users = self.users.map(|users| &buckets.users[users][place]);
        let service = self.service.map(|service| &buckets.services[service][place]);
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
                calls().for_each(|call| all.add(&call.latency));
                Reading::lengths(all)
            }
            BucketMeasure::AttemptsPerRequest => {
                let attempts = service.map_or_else(|| sum(|call| call.attempts), |service| service.attempts as f64);
                Reading::ratio(attempts, buckets.users[0][place].arrived as f64)
            }
            BucketMeasure::Shed => service
                .map_or_else(Reading::default, |service| Reading::ratio(service.shed as f64, service.attempts as f64)),
            BucketMeasure::Rejected => {
                Reading::ratio(sum(|call| call.rejected), sum(|call| call.attempts + call.rejected))
            }
            BucketMeasure::BreakerOpenTime => {
                let open: f64 = calls().map(|call| call.open.as_secs_f64()).sum();
                let breakers: u64 = self.edges.iter().map(|(_, breakers)| breakers).sum();
                Reading::ratio(open, breakers as f64 * buckets.width_s(place))
            }
            BucketMeasure::QueueTime(_) => {
                service.map_or_else(Reading::default, |service| Reading::lengths(service.queue.clone()))
            }
        }
    }
}
