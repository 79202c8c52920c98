//! What requests went through in the second that has just passed, for those who look at it.

use super::super::RequestPlan;
use super::super::plan::operators::Sight;
use super::super::record::UserBucket;
use super::super::state::{Answer, Quality};
use crate::model::experiment::Statistic;
use crate::model::operator::Measure;
use crate::time::{Span, Time};

/// Requests that ended in this second and in the next, by user subject; an event of the next comes before the look at
/// this one if it falls on the very instant between.
#[derive(Clone, Debug, Default)]
pub struct Recent {
    start: Time,
    seconds: [Vec<UserBucket>; 2],
    /// Does somebody ask for latencies?
    latencies: bool,
}

impl Recent {
    /// Nothing yet.
    pub fn new(start: Time, plan: &RequestPlan) -> Recent {
        let subjects = if plan.operators.is_empty() { 0 } else { 1 + plan.groups.len() + plan.classes.len() };
        let times = |sight: Sight| matches!(sight, Sight::Shows { symptom, .. } if matches!(symptom.measure, Measure::Latency(_)));
        let seconds = [(); 2].map(|()| vec![UserBucket::default(); subjects]);
        Recent { start, seconds, latencies: plan.operators.iter().any(|operator| times(operator.sight)) }
    }

    fn place(&self, second: Time) -> usize {
        (second.since(self.start).as_nanos() / Span::SECOND.as_nanos() % 2) as usize
    }

    /// A request of these subjects has ended.
    pub fn ended(&mut self, now: Time, subjects: [usize; 3], latency: Span, answer: Answer) {
        let place = self.place(now);
        for subject in subjects {
            let bucket = &mut self.seconds[place][subject];
            match answer {
                Ok(Quality::Full) => bucket.full += 1,
                Ok(Quality::Degraded) => bucket.degraded += 1,
                Err(_) => bucket.failed += 1,
            }
            if self.latencies && answer.is_ok() {
                bucket.latency.record(latency);
            }
        }
    }

    /// What somebody sees in the second that is over at `now`, if there is anything to be seen.
    pub fn value(&self, now: Time, sight: Sight) -> Option<f64> {
        let (users, measure) = match sight {
            Sight::Stuck => (0, Measure::SuccessRatio),
            Sight::Shows { users, symptom } => (users, symptom.measure),
        };
        let bucket = &self.seconds[self.place(now.before(Span::SECOND))][users];
        let (answered, failed) = (bucket.full + bucket.degraded, bucket.failed);
        let share = |part: u64| (answered + failed > 0).then(|| part as f64 / (answered + failed) as f64);
        match measure {
            Measure::SuccessRatio => share(answered),
            Measure::DegradedRatio => share(bucket.degraded),
            Measure::Latency(Statistic::Mean) => bucket.latency.mean_s(),
            Measure::Latency(Statistic::Max) => bucket.latency.max_s(),
            Measure::Latency(Statistic::Quantile(thousandths)) => {
                bucket.latency.quantile_s(f64::from(thousandths) / 1_000.0)
            }
        }
    }

    /// The second that is over at `now` has been looked at.
    pub fn turn(&mut self, now: Time) {
        let place = self.place(now.before(Span::SECOND));
        self.seconds[place].fill(UserBucket::default());
    }
}
