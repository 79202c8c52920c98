//! Figures about instants: availability at given times, and the time to the first outage.
//!
//! A(t) is the share of trials in which the subject is not down at t; an outage is [start, end), and one that the end
//! of the trial cuts off counts there too. A trial without an outage is censored at the horizon: a quantile is given
//! as far as the order statistics reach, and of the mean only a lower bound, the mean of min(T, horizon).

use crate::model::{Ends, Model};
use crate::simulation::Outcome;
use crate::simulation::ledger::Outage;
use crate::stats::moments::Moments;
use crate::stats::{Estimate, interval, quantile};
use crate::time::{Span, Time};

/// What is kept of the trials for these figures.
#[derive(Clone, Debug)]
pub struct Instants {
    points: Vec<Time>,
    /// By subject and point: trials in which it was down.
    down: Vec<Vec<u64>>,
    /// Seconds to the first outage of each trial that saw one.
    first: Vec<f64>,
    /// Trials that saw none.
    censored: u64,
}

impl Instants {
    /// No trial yet.
    pub fn new(model: &Model, subjects: usize) -> Instants {
        let points: Vec<Time> = model.points.iter().map(|point| Time::ZERO + point.at).collect();
        Instants { down: vec![vec![0; points.len()]; subjects], points, first: Vec::new(), censored: 0 }
    }

    /// Add a trial that ran to the horizon.
    pub fn push(&mut self, outcome: &Outcome) {
        for outage in &outcome.outages {
            for (point, down) in self.points.iter().zip(&mut self.down[outage.subject as usize]) {
                *down += u64::from(holds(outage, *point));
            }
        }
    }

    /// Add a trial that ended at the first outage of the system.
    pub fn push_first(&mut self, outcome: &Outcome) {
        let of_system = outcome.outages.iter().filter(|outage| outage.subject == 0);
        match of_system.map(|outage| outage.start).min() {
            Some(start) => self.first.push(start.as_secs_f64()),
            None => self.censored += 1,
        }
    }

    /// Add the trials of `other`, which come after.
    pub fn merge(&mut self, other: Instants) {
        for (here, there) in self.down.iter_mut().flatten().zip(other.down.iter().flatten()) {
            *here += there;
        }
        self.first.extend(other.first);
        self.censored += other.censored;
    }

    /// Share of `trials` trials in which the subject is not down at point number `point`.
    pub fn up_at(&self, subject: usize, point: usize, trials: u64, confidence: f64) -> Estimate {
        interval::proportion(trials - self.down[subject][point], trials, confidence)
    }

    /// Mean and quantiles of the time to the first outage, seconds.
    pub fn to_first(&self, horizon: Span, confidence: f64) -> Vec<(&'static str, Estimate)> {
        let mut moments = Moments::default();
        self.first.iter().for_each(|&seconds| moments.push(seconds));
        moments.push_many(horizon.as_secs_f64(), self.censored);
        let restricted = interval::mean(&moments, confidence);
        let mean = if self.censored == 0 {
            restricted
        } else if self.first.is_empty() {
            let rate = interval::rate(0, moments.count() as f64 * horizon.as_secs_f64(), confidence);
            Estimate { low: rate.high.map(|rate| 1.0 / rate), ..Estimate::unknown(confidence) }
        } else {
            Estimate { low: restricted.low, ..Estimate::unknown(confidence) }
        };
        let mut sorted = self.first.clone();
        sorted.sort_by(f64::total_cmp);
        sorted.extend((0..self.censored).map(|_| f64::INFINITY));
        let quantile = |p| {
            let found = quantile::independent(&sorted, p, confidence);
            let reached = |value: Option<f64>| value.filter(|value| value.is_finite());
            let horizon = horizon.as_secs_f64();
            Estimate {
                estimate: reached(found.estimate),
                low: found.low.map(|low| low.min(horizon)),
                high: reached(found.high),
                ..found
            }
        };
        vec![("mean", mean), ("p50", quantile(0.5)), ("p95", quantile(0.95)), ("p99", quantile(0.99))]
    }

    /// What the reader must know of trials without an outage.
    pub fn note(&self, horizon: Span) -> Option<String> {
        let (seen, all) = (self.first.len() as u64, self.first.len() as u64 + self.censored);
        (self.censored > 0).then(|| {
            format!("{seen} of {all} trials saw an outage within {horizon}: the mean time to the first is only bounded from below")
        })
    }

    /// Seconds to the first outage, mean with its interval, to judge whether to stop.
    pub fn mean_to_first(&self, horizon: Span, confidence: f64) -> Estimate {
        self.to_first(horizon, confidence)[0].1
    }
}

/// Does the trial end at the first outage?
pub fn ends_early(model: &Model) -> bool {
    match model.ends {
        Ends::Horizon => false,
        Ends::FirstOutage => true,
    }
}

fn holds(outage: &Outage, at: Time) -> bool {
    let end = outage.start + outage.duration;
    outage.start <= at && (at < end || (outage.cut && at == end))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulation::ledger::STAGES;

    fn outage(start: u64, length: u64, cut: bool) -> Outage {
        Outage {
            subject: 0,
            start: Time::from_nanos(start),
            duration: Span::from_nanos(length),
            cause: 0,
            stages: [Span::ZERO; STAGES],
            failover: false,
            cut,
            early: false,
        }
    }

    #[test]
    fn an_outage_holds_its_start_but_not_its_end() {
        let at = |nanos| Time::from_nanos(nanos);
        assert!(holds(&outage(5, 3, false), at(5)) && !holds(&outage(5, 3, false), at(8)));
        assert!(holds(&outage(5, 3, true), at(8)) && !holds(&outage(5, 3, true), at(4)));
    }

    #[test]
    fn a_censored_trial_leaves_the_mean_open_above() {
        let instants = Instants { points: Vec::new(), down: Vec::new(), first: vec![1.0; 98], censored: 2 };
        let figures = instants.to_first(Span::from_secs(10), 0.95);
        assert_eq!(figures[0].1.estimate, None);
        // mean 1.18, standard deviation 9 sqrt(0.02 x 0.98 x 100 / 99): less 1.984 standard errors of 100 values
        assert!(figures[0].1.low.is_some_and(|low| (low - 0.9287).abs() < 1e-3) && figures[0].1.high.is_none());
        assert_eq!(figures[1].1.estimate, Some(1.0));
        assert_eq!(figures[3].1.estimate, None, "{:?}", figures[3]);
        assert!(instants.note(Span::from_secs(10)).is_some());
    }
}
