//! What a trial costs, and the figures of it.
//!
//! cost of a year = (365.25 d / horizon) x the sum of the parts: running and stopped node-hours, region-hours, millions
//! of requests served, millions of calls between regions, hours of downtime of the system, each times its price. The
//! parts of a trial add up to its total, so the means do too. `cost_per_nine` is the mean cost of a year over the
//! nines of the mean unavailability in time.

use crate::model::Model;
use crate::model::costs::Costs;
use crate::model::topology::RegionId;
use crate::simulation::Outcome;
use crate::stats::moments::Moments;
use crate::stats::{Estimate, interval};
use crate::time::Span;

/// Hours of a year of 365.25 days.
const YEAR_H: f64 = 8_766.0;

/// The parts of a cost, by the statistic under which they are reported.
pub const PARTS: [&str; 5] = ["nodes", "regions", "requests", "cross-region", "downtime"];
/// The part that depends on rare outages.
const DOWNTIME: usize = 4;

/// Prices, ready to be multiplied with what a trial has used.
#[derive(Clone, Debug)]
pub struct Tariff {
    /// By pool: nodes, price of an hour running, of an hour stopped.
    pools: Vec<(f64, f64, f64)>,
    /// Of an hour of all regions.
    regions: f64,
    /// Requests per second of all users, in millions.
    demand_million: f64,
    costs: Costs,
    horizon_h: f64,
}

impl Tariff {
    /// That of the model, if it has prices.
    pub fn new(model: &Model) -> Option<Tariff> {
        let costs = model.costs.clone()?;
        let pools = model.pools.iter().map(|pool| {
            let (running, stopped) = costs.of_node(pool.service);
            (f64::from(pool.most_nodes()), running, stopped)
        });
        let regions = (0..model.regions.len() as u32).map(|region| costs.of_region(RegionId(region)));
        Some(Tariff {
            pools: pools.collect(),
            regions: regions.sum(),
            demand_million: model.groups.iter().filter_map(|group| group.rate).sum::<f64>() / 1e6,
            horizon_h: hours(model.horizon),
            costs,
        })
    }

    /// The parts of the trial's cost of a year.
    pub fn parts(&self, outcome: &Outcome) -> [f64; PARTS.len()] {
        let system = &outcome.totals[0];
        let usage = &outcome.usage;
        let of_pool = |(pool, &(nodes, running, stopped)): (usize, &(f64, f64, f64))| {
            let [stopped_h, off_h] = [usage.stopped_ns[pool], usage.off_ns[pool]].map(|ns| ns as f64 / 3.6e12);
            (nodes * self.horizon_h - off_h - stopped_h) * running + stopped_h * stopped
        };
        let parts = [
            self.pools.iter().enumerate().map(of_pool).sum(),
            self.regions * self.horizon_h,
            self.demand_million * (self.horizon_h * 3_600.0 - system.loss_s) * self.costs.million_requests,
            usage.crossed / 1e6 * self.costs.cross_region_million,
            hours(system.down) * self.costs.downtime_hour,
        ];
        parts.map(|part| part * YEAR_H / self.horizon_h)
    }

    /// The trial's cost of a year.
    pub fn total(&self, outcome: &Outcome) -> f64 {
        self.parts(outcome).iter().sum()
    }
}

fn hours(span: Span) -> f64 {
    span.as_secs_f64() / 3_600.0
}

/// Costs of a year, over trials.
#[derive(Clone, Debug)]
pub struct CostTotals {
    /// The prices.
    pub tariff: Tariff,
    parts: [Moments; PARTS.len()],
    total: Moments,
    /// All but the downtime.
    steady: Moments,
}

impl CostTotals {
    /// No trial yet; nothing if the model has no prices.
    pub fn new(model: &Model) -> Option<CostTotals> {
        let tariff = Tariff::new(model)?;
        Some(CostTotals {
            tariff,
            parts: [Moments::default(); PARTS.len()],
            total: Moments::default(),
            steady: Moments::default(),
        })
    }

    /// Add a trial.
    pub fn push(&mut self, outcome: &Outcome) {
        let parts = self.tariff.parts(outcome);
        for (moments, part) in self.parts.iter_mut().zip(parts) {
            moments.push(part);
        }
        self.total.push(parts.iter().sum());
        self.steady.push(parts[..DOWNTIME].iter().sum());
    }

    /// Add the trials of `other`, which come after.
    pub fn merge(&mut self, other: &CostTotals) {
        for (here, there) in self.parts.iter_mut().zip(&other.parts) {
            here.merge(there);
        }
        self.total.merge(&other.total);
        self.steady.merge(&other.steady);
    }

    /// The cost of a year and its parts that have a price. `down` is the share of time in which the system is down,
    /// `few` says that its interval is a cautious bound: then that of the cost adds it to what does not depend on it.
    pub fn per_year(&self, down: Estimate, few: bool) -> Vec<(&'static str, Estimate)> {
        let confidence = down.confidence;
        let downtime = down.scaled(YEAR_H * self.tariff.costs.downtime_hour);
        let cautious = few && self.tariff.costs.downtime_hour > 0.0;
        let total = if cautious {
            let steady = interval::mean(&self.steady, confidence);
            let both = |a: Option<f64>, b: Option<f64>| a.zip(b).map(|(a, b)| a + b);
            let low = both(steady.low, downtime.low.or(Some(0.0)));
            Estimate { estimate: self.total.mean(), low, high: both(steady.high, downtime.high), confidence }
        } else {
            interval::mean(&self.total, confidence)
        };
        let mut rows = vec![("mean", total)];
        for (index, (name, moments)) in PARTS.iter().zip(&self.parts).enumerate() {
            if index == DOWNTIME {
                rows.extend((self.tariff.costs.downtime_hour > 0.0).then_some((*name, downtime)));
            } else if moments.mean().is_some_and(|mean| mean > 0.0) {
                rows.push((name, interval::mean(moments, confidence)));
            }
        }
        rows
    }
}

/// The cost of a year over the nines of the system. The least cost goes with the most nines: exact where the cost is
/// fixed or varies with the downtime alone, cautious otherwise.
pub fn per_nine(cost: Estimate, nines: Estimate) -> Estimate {
    let over = |cost: Option<f64>, nines: Option<f64>| cost.zip(nines.filter(|&nines| nines > 0.0)).map(|(c, n)| c / n);
    Estimate {
        estimate: over(cost.estimate, nines.estimate),
        low: over(cost.low, nines.high),
        high: over(cost.high, nines.low),
        ..cost
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_nines_for_the_least_money_is_the_lower_end() {
        let cost = Estimate::between(1_200.0, 1_000.0, 1_300.0, 0.95);
        let per = per_nine(cost, Estimate::between(3.0, 2.5, 4.0, 0.95));
        assert_eq!((per.estimate, per.low, per.high), (Some(400.0), Some(250.0), Some(520.0)));
        let bound = per_nine(cost, Estimate { low: Some(6.5), ..Estimate::unknown(0.95) });
        assert_eq!((bound.estimate, bound.low, bound.high), (None, None, Some(200.0)));
        assert_eq!(per_nine(cost, Estimate::exact(0.0)).estimate, None);
    }
}
