//! Quantiles of a sample with their intervals, for independent values and for several values per trial.
//!
//! The p-quantile of a sample is its smallest value that at least the share p does not exceed: always a value that
//! occurred. Independent values: the interval ends at order statistics chosen by the binomial law, exact for any
//! continuous law. Values of one trial share its luck and count for less than as many independent ones; there the
//! trial is the unit, the share of values <= q is a ratio estimator over trials, and its interval p -+ t se is read
//! back through the sample's distribution function (Woodruff, JASA 47, 1952; Sarndal, Swensson and Wretman, Model
//! Assisted Survey Sampling, 5.11). The sample may be sparse: zeros are given by their number.

use crate::stats::interval::student;
use crate::stats::special::beta_lower;
use crate::stats::{Estimate, sane};

/// The p-quantile of ascending `sorted` values; absent without values.
pub fn sample_quantile(sorted: &[f64], p: f64) -> Option<f64> {
    at_rank(sorted, rank(sorted.len() as u64, p))
}

/// The p-quantile of independent values, ascending, with the interval between order statistics.
///
/// The number of values below the true quantile is binomial(n, p). The r-th value is a lower bound with error
/// P(count < r) and the s-th an upper one with error P(count >= s): each at most half of 1 - confidence. A bound that
/// no value can give is absent.
pub fn independent(sorted: &[f64], p: f64, confidence: f64) -> Estimate {
    let n = sorted.len() as u64;
    let tail = (1.0 - sane(confidence)) / 2.0;
    let p = p.clamp(0.0, 1.0);
    // the largest rank with P(count <= rank - 1) <= tail, by bisection; 0 if there is none
    let below = |rank: u64| rank == 0 || binomial_cdf(n, p, rank - 1) <= tail;
    let low = last_true(n, below);
    // the smallest rank with P(count <= rank - 1) >= 1 - tail
    let not_yet = |rank: u64| rank == 0 || binomial_cdf(n, p, rank - 1) < 1.0 - tail;
    let high = last_true(n, not_yet) + 1;
    Estimate {
        estimate: sample_quantile(sorted, p),
        low: at_rank(sorted, low),
        high: at_rank(sorted, high),
        confidence,
    }
}

/// Several values per trial: some listed with their trial, the rest zeros.
///
/// A few quantiles need no sorted sample: asking for a value puts it in its place, with all larger ones before it, and
/// the next question searches between places only (Hoare's selection).
#[derive(Clone, Debug, PartialEq)]
pub struct Clusters {
    /// Listed values with their trial, descending from place to place.
    listed: Vec<(usize, f64)>,
    /// Ascending: none of the values before one of these positions is less than any of those from it on.
    cuts: Vec<usize>,
    zeros: u64,
    /// Values of each trial, listed or not.
    sizes: Vec<f64>,
}

impl Clusters {
    /// `listed` values, at least 0, of trials numbered from 0 to `trials` - 1, and `zeros` more values that are 0.
    ///
    /// With zeros every trial has equally many values, such as one for each of its years; without, as many as are
    /// listed for it, maybe none. A negative value or not-a-number counts as 0.
    pub fn new(listed: &[(u64, f64)], zeros: u64, trials: u64) -> Clusters {
        let listed: Vec<(usize, f64)> = listed.iter().map(|(trial, value)| (*trial as usize, value.max(0.0))).collect();
        let count = listed.iter().map(|(trial, _)| trial + 1).max().unwrap_or(0).max(trials as usize);
        let mut sizes = vec![0.0; count];
        if zeros == 0 {
            for (trial, _) in &listed {
                sizes[*trial] += 1.0;
            }
        } else {
            sizes.fill((listed.len() as u64 + zeros) as f64 / count.max(1) as f64);
        }
        let cuts = vec![0, listed.len()];
        Clusters { listed, cuts, zeros, sizes }
    }

    /// How many values, zeros included.
    pub fn count(&self) -> u64 {
        self.listed.len() as u64 + self.zeros
    }

    /// The p-quantile with Woodruff's interval.
    ///
    /// The standard error is at least that of as many independent values: at the edge of the sample, where one trial
    /// or none lies beyond, the ratio estimator sees too little spread or none. The upper end is absent where
    /// p + t se reaches 1: the sample ends before the interval does.
    pub fn quantile(&mut self, p: f64, confidence: f64) -> Estimate {
        let p = p.clamp(0.0, 1.0);
        let Some((estimate, end)) = self.at(p) else { return Estimate::unknown(confidence) };
        let count = self.count() as f64;
        let error = self.share_error(estimate, end).max((p * (1.0 - p) / count).sqrt());
        let half = student(self.sizes.len() as u64, confidence) * error;
        // one trial: infinitely many standard errors, of zero at p = 0 or 1
        let half = if half.is_nan() { f64::INFINITY } else { half };
        let low = if p - half > 0.0 { self.at(p - half).map(|(low, _)| low) } else { Some(0.0) };
        let high = if p + half < 1.0 { self.at(p + half).map(|(high, _)| high) } else { None };
        Estimate { estimate: Some(estimate), low, high, confidence }
    }

    /// The p-quantile of the sample, and the position from which on no listed value is more.
    fn at(&mut self, p: f64) -> Option<(f64, usize)> {
        let rank = rank(self.count(), p);
        if rank <= self.zeros {
            return Some((0.0, self.listed.len()));
        }
        let position = self.listed.len().checked_sub((rank - self.zeros) as usize)?;
        Some((self.place(position), position))
    }

    /// The value at a position of the descending order.
    fn place(&mut self, position: usize) -> f64 {
        let next = self.cuts.partition_point(|&cut| cut <= position);
        let (from, to) = (self.cuts[next - 1], self.cuts[next]);
        if to - from > 1 {
            // of numbers that are not negative the bits are in the order of the values
            let descending = |(_, value): &(usize, f64)| std::cmp::Reverse((value + 0.0).to_bits());
            self.listed[from..to].select_nth_unstable_by_key(position - from, descending);
            let cuts = [position, position + 1].into_iter().filter(|&cut| from < cut && cut < to);
            self.cuts.splice(next..next, cuts);
        }
        self.listed[position].1
    }

    /// Standard error of the share of values <= q as a ratio over trials: with a of n values of a trial at most q
    /// and P = sum a / sum n, Var = T / (T - 1) sum (a - P n)^2 / (sum n)^2, the sums over T trials. From position `end`
    /// on no listed value is more than q.
    fn share_error(&self, q: f64, end: usize) -> f64 {
        let trials = self.sizes.len() as f64;
        if trials < 2.0 {
            return 0.0;
        }
        let total = self.count() as f64;
        let beyond = || self.listed[..end].iter().filter(|(_, value)| *value > q);
        let exceeding = beyond().count() as f64 / total;
        // a - P n = (1 - P) n - e, with e values of the trial beyond q
        let mut residuals: Vec<f64> = self.sizes.iter().map(|size| exceeding * size).collect();
        for (trial, _) in beyond() {
            residuals[*trial] -= 1.0;
        }
        let squares: f64 = residuals.iter().map(|residual| residual * residual).sum();
        (trials / (trials - 1.0) * squares).sqrt() / total
    }
}

/// The rank, from 1, of the p-quantile of `count` values: ceil(p count), against rounding in the product.
fn rank(count: u64, p: f64) -> u64 {
    let exact = p.clamp(0.0, 1.0) * count as f64;
    ((exact * (1.0 - 4.0 * f64::EPSILON)).ceil() as u64).clamp(1, count.max(1))
}

/// Value number `rank`, from 1, of `sorted`.
fn at_rank(sorted: &[f64], rank: u64) -> Option<f64> {
    sorted.get(rank.checked_sub(1)? as usize).copied()
}

/// P(B <= k) for B ~ binomial(n, p): I_{1-p}(n - k, k + 1).
fn binomial_cdf(n: u64, p: f64, k: u64) -> f64 {
    if k >= n { 1.0 } else { beta_lower((n - k) as f64, (k + 1) as f64, (1.0 - p) / p) }
}

/// The largest number up to `limit` for which `holds`, which is true at 0 and once false stays so.
fn last_true(limit: u64, holds: impl Fn(u64) -> bool) -> u64 {
    let (mut low, mut high) = (0, limit + 1);
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        if holds(middle) {
            low = middle;
        } else {
            high = middle;
        }
    }
    low
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rand::{RngExt, SeedableRng};
    use rand_distr::{Distribution, Exp1};
    use rand_xoshiro::Xoshiro256PlusPlus;

    const REPEATS: u32 = 2_000;

    #[test]
    fn quantile_is_the_smallest_value_that_enough_do_not_exceed() {
        let sorted = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0];
        let quantiles = [0.0, 0.1, 0.11, 0.5, 0.95, 1.0].map(|p| sample_quantile(&sorted, p));
        assert_eq!(quantiles, [1.0, 1.0, 2.0, 5.0, 10.0, 10.0].map(Some));
        assert_eq!(sample_quantile(&sorted, 0.7), Some(7.0));
        assert_eq!(sample_quantile(&[], 0.5), None);
    }

    #[test]
    fn order_statistics_are_those_of_the_table() {
        // nonparametric 95 % limits of a median (Conover, Practical Nonparametric Statistics; Geigy): ranks 2 and 9
        // of 10, 6 and 15 of 20, 40 and 61 of 100
        for (n, low, high) in [(10, 2.0, 9.0), (20, 6.0, 15.0), (100, 40.0, 61.0)] {
            let sorted: Vec<f64> = (1..=n).map(f64::from).collect();
            let estimate = independent(&sorted, 0.5, 0.95);
            assert_eq!((estimate.low, estimate.high), (Some(low), Some(high)), "{n}");
        }
        // of 5 values even the extremes leave 1/16 outside
        let estimate = independent(&[1.0, 2.0, 3.0, 4.0, 5.0], 0.5, 0.95);
        assert_eq!((estimate.estimate, estimate.low, estimate.high), (Some(3.0), None, None));
        // the p95 has an upper bound from 1 - 0.95^n >= 0.975 on: n = 72
        let values: Vec<f64> = (1..=72).map(f64::from).collect();
        assert_eq!(independent(&values[..71], 0.95, 0.95).high, None);
        assert_eq!(independent(&values, 0.95, 0.95).high, Some(72.0));
    }

    #[test]
    fn zeros_need_not_be_listed() {
        let listed = [(0, 3.0), (0, 1.0), (2, 2.0)];
        let mut sparse = Clusters::new(&listed, 5, 4);
        let mut full: Vec<(u64, f64)> = listed.to_vec();
        full.extend([(1, 0.0), (1, 0.0), (2, 0.0), (3, 0.0), (3, 0.0)]);
        let mut full = Clusters::new(&full, 0, 4);
        assert_eq!(sparse.count(), 8);
        for p in [0.0, 0.3, 0.625, 0.7, 0.9, 1.0] {
            assert_eq!(sparse.quantile(p, 0.5), full.quantile(p, 0.5), "{p}");
        }
    }

    proptest! {
        /// Any questions in any order find what a sorted sample would say.
        #[test]
        fn selection_finds_the_values_of_the_sorted_sample(
            values in prop::collection::vec((0u64..6, 0u32..9), 0..40),
            zeros in 0u64..9,
            questions in prop::collection::vec(0.0f64..=1.0, 1..9),
        ) {
            let listed: Vec<(u64, f64)> = values.iter().map(|&(trial, value)| (trial, f64::from(value))).collect();
            let mut sorted: Vec<f64> = vec![0.0; zeros as usize];
            sorted.extend(listed.iter().map(|(_, value)| *value));
            sorted.sort_by(f64::total_cmp);
            let mut clusters = Clusters::new(&listed, zeros, 6);
            for p in questions {
                prop_assert_eq!(clusters.at(p).map(|(value, _)| value), sample_quantile(&sorted, p));
                let (q, end) = clusters.at(p).unwrap_or_default();
                prop_assert!(clusters.listed[end..].iter().all(|(_, value)| *value <= q));
            }
        }
    }

    /// Four trials of two values; q = 1: a = (1, 2, 2, 2), P = 7/8, residuals (-3/4, 1/4, 1/4, 1/4), sum of squares
    /// 3/4, so the variance is 4/3 * 3/4 / 64 = 1/64.
    #[test]
    fn standard_error_of_the_share_by_hand() {
        let clusters = Clusters::new(&[(0, 3.0), (0, 1.0)], 6, 4);
        assert!((clusters.share_error(1.0, 2) - 0.125).abs() < 1e-15);
    }

    /// Share of intervals that cover `truth`, for 400 trials of five values that share half of their luck: each is the
    /// sum of an exponential of the trial and one of its own, so gamma with shape 2.
    fn coverage(p: f64, truth: f64, interval: impl Fn(&[(u64, f64)]) -> Estimate) -> f64 {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(31);
        let mut hits = 0;
        for _ in 0..REPEATS {
            let mut values = Vec::with_capacity(2_000);
            for trial in 0..400 {
                let shared: f64 = Exp1.sample(&mut rng);
                values.extend((0..5).map(|_| {
                    let own: f64 = Exp1.sample(&mut rng);
                    (trial, shared + own)
                }));
            }
            hits += u32::from(interval(&values).covers(truth));
        }
        assert!((0.0..=1.0).contains(&p));
        f64::from(hits) / f64::from(REPEATS)
    }

    #[test]
    fn woodruff_covers_as_it_says_where_independence_would_not() {
        let error = (0.95 * 0.05 / f64::from(REPEATS)).sqrt();
        // quantiles of 1 - (1 + x) exp(-x)
        for (p, truth) in [(0.5, 1.678_346_990_016_661), (0.9, 3.889_720_169_867_429)] {
            let clustered = coverage(p, truth, |values| Clusters::new(values, 0, 400).quantile(p, 0.95));
            assert!((clustered - 0.95).abs() < 4.0 * error, "p {p}: {clustered}");
            let naive = coverage(p, truth, |values| {
                let mut sorted: Vec<f64> = values.iter().map(|(_, value)| *value).collect();
                sorted.sort_by(f64::total_cmp);
                independent(&sorted, p, 0.95)
            });
            assert!(naive < 0.95 - 4.0 * error, "p {p}: {naive}");
        }
    }

    /// 400 trials of five years; in one trial of five a year has an exponential downtime with chance 1/2, in the others
    /// all are zero. A year exceeds q with chance exp(-q) / 10, so the 95 % quantile is ln 2.
    #[test]
    fn woodruff_covers_as_it_says_for_sparse_years() {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(33);
        let mut hits = 0;
        for _ in 0..REPEATS {
            let mut listed: Vec<(u64, f64)> = Vec::new();
            for trial in 0..400 {
                let bad = rng.random::<f64>() < 0.2;
                for _ in 0..5 {
                    if bad && rng.random::<f64>() < 0.5 {
                        listed.push((trial, Exp1.sample(&mut rng)));
                    }
                }
            }
            let zeros = 2_000 - listed.len() as u64;
            let estimate = Clusters::new(&listed, zeros, 400).quantile(0.95, 0.95);
            hits += u32::from(estimate.covers(std::f64::consts::LN_2));
        }
        let share = f64::from(hits) / f64::from(REPEATS);
        assert!((share - 0.95).abs() < 4.0 * (0.95 * 0.05 / f64::from(REPEATS)).sqrt(), "{share}");
    }

    #[test]
    fn order_statistic_interval_covers_at_least_as_it_says() {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(32);
        let truth = 20.0_f64.ln();
        let mut hits = 0;
        for _ in 0..REPEATS {
            let mut sorted: Vec<f64> = (0..200).map(|_| Exp1.sample(&mut rng)).collect();
            sorted.sort_by(f64::total_cmp);
            hits += u32::from(independent(&sorted, 0.95, 0.95).covers(truth));
        }
        let error = (0.95 * 0.05 / f64::from(REPEATS)).sqrt();
        assert!(f64::from(hits) / f64::from(REPEATS) > 0.95 - 4.0 * error, "{hits}");
    }

    #[test]
    fn the_edge_of_the_sample_gives_no_false_certainty() {
        let values: Vec<(u64, f64)> = (0..50).map(|trial| (trial, trial as f64)).collect();
        let estimate = Clusters::new(&values, 0, 50).quantile(0.99, 0.95);
        assert_eq!((estimate.estimate, estimate.high), (Some(49.0), None));
        assert!(estimate.low < Some(49.0));
    }

    #[test]
    fn mostly_zero_years_have_a_sure_median_and_no_panic() {
        let estimate = Clusters::new(&[(3, 9.0)], 999, 100).quantile(0.5, 0.95);
        assert_eq!(estimate, Estimate::between(0.0, 0.0, 0.0, 0.95));
        assert_eq!(Clusters::new(&[], 0, 0).quantile(0.5, 0.95), Estimate::unknown(0.95));
        assert_eq!(Clusters::new(&[], 0, 10).quantile(0.5, 0.95), Estimate::unknown(0.95));
        let one = Clusters::new(&[(0, 2.0)], 0, 1).quantile(1.0, 0.95);
        assert_eq!((one.estimate, one.low, one.high), (Some(2.0), Some(0.0), None));
        assert_eq!(Clusters::new(&[(0, f64::NAN)], 0, 1).quantile(0.5, 0.95).estimate, Some(0.0));
        assert_eq!(independent(&[], 0.5, 0.95), Estimate::unknown(0.95));
    }
}
