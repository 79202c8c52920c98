//! Intervals for means, shares, rates, ratios and differences of independent trials.
//!
//! A spread of zero over two or more trials gives an interval without length: right for a figure that cannot vary,
//! and too sure of an event that has merely not been seen yet. For those count events ([`proportion`], [`rate`]) or
//! use [`share_of_time_without_events`].

use crate::stats::moments::{Moments, PairMoments};
use crate::stats::special::{beta_quantile, gamma_quantile, normal_quantile, student_quantile};
use crate::stats::{Estimate, sane};
use std::cell::Cell;

/// The mean of many values: mean -+ z s / sqrt(n).
pub fn mean_of_many(moments: &Moments, confidence: f64) -> Estimate {
    let z = normal_quantile(0.5 + sane(confidence) / 2.0);
    around(moments.mean(), moments.standard_error(), z, confidence)
}

/// The mean of values that are roughly normal, few or many: mean -+ t s / sqrt(n), Student with n - 1 degrees.
pub fn mean(moments: &Moments, confidence: f64) -> Estimate {
    around(moments.mean(), moments.standard_error(), student(moments.count(), confidence), confidence)
}

/// The exact interval of a share from `successes` of `trials` (Clopper and Pearson, Biometrika 26, 1934).
///
/// It covers at least as often as it says, whatever the share: the bounds are beta quantiles.
pub fn proportion(successes: u64, trials: u64, confidence: f64) -> Estimate {
    let successes = successes.min(trials);
    let (k, n) = (successes as f64, trials as f64);
    let tail = (1.0 - sane(confidence)) / 2.0;
    let low = if successes == 0 { 0.0 } else { beta_quantile(k, n - k + 1.0, tail) };
    let high = if successes == trials { 1.0 } else { beta_quantile(k + 1.0, n - k, 1.0 - tail) };
    Estimate::between(k / n, low, high, confidence)
}

/// The score interval of a share (Wilson, JASA 22, 1927): shorter, right on average over shares rather than for each.
pub fn proportion_wilson(successes: u64, trials: u64, confidence: f64) -> Estimate {
    if trials == 0 {
        return Estimate { low: Some(0.0), high: Some(1.0), ..Estimate::unknown(confidence) };
    }
    let (n, p) = (trials as f64, successes.min(trials) as f64 / trials as f64);
    let z = normal_quantile(0.5 + sane(confidence) / 2.0);
    let shrink = 1.0 + z * z / n;
    let centre = (p + z * z / (2.0 * n)) / shrink;
    let half = z / shrink * (p * (1.0 - p) / n + z * z / (4.0 * n * n)).sqrt();
    // at the ends of the range the two terms cancel exactly, but for rounding
    let low = if p == 0.0 { 0.0 } else { centre - half };
    let high = if p >= 1.0 { 1.0 } else { centre + half };
    Estimate::between(p, low, high, confidence).clamped(0.0, 1.0)
}

/// The exact interval of a Poisson rate from `events` in `exposure` (Garwood, Biometrika 28, 1936), per unit of exposure.
///
/// Zero events bound the rate from above by -ln(tail) / exposure; no exposure bounds it by nothing.
pub fn rate(events: u64, exposure: f64, confidence: f64) -> Estimate {
    if exposure.is_nan() || exposure <= 0.0 {
        return Estimate { low: Some(0.0), ..Estimate::unknown(confidence) };
    }
    let k = events as f64;
    let tail = (1.0 - sane(confidence)) / 2.0;
    let low = if events == 0 { 0.0 } else { gamma_quantile(k, tail) };
    let high = if events == 0 { -tail.ln() } else { gamma_quantile(k + 1.0, 1.0 - tail) };
    Estimate::between(k / exposure, low / exposure, high / exposure, confidence)
}

/// An upper bound, at one-sided `confidence`, of the share of time spent in events of which none was seen.
///
/// With confidence c the rate is at most -ln(1 - c) / exposure ("rule of three": 3.0 / exposure at 95 %); times the
/// longest plausible event that bounds the share. Both times in the same unit.
pub fn share_of_time_without_events(exposure: f64, longest: f64, confidence: f64) -> Estimate {
    let events = -(-sane(confidence)).ln_1p();
    let high = if exposure > 0.0 && longest >= 0.0 { (events / exposure * longest).min(1.0) } else { 1.0 };
    Estimate { estimate: (exposure > 0.0).then_some(0.0), low: Some(0.0), high: Some(high), confidence }
}

/// Mean of y over mean of x, both measured in the same trials, by the delta method (Fieller's first order).
///
/// r = mean y / mean x has standard error sqrt(Var(y - r x) / n) / |mean x|; Student with n - 1 degrees. For sums such
/// as downtime over time, where the mean of the trials' own ratios would weigh short trials too much.
pub fn ratio(pairs: &PairMoments, confidence: f64) -> Estimate {
    let (Some(x), Some(y)) = (pairs.x().mean(), pairs.y().mean()) else { return Estimate::unknown(confidence) };
    if x == 0.0 {
        return Estimate::unknown(confidence);
    }
    let ratio = y / x;
    let error = pairs.variance_of_residual(ratio).map(|v| (v / pairs.count() as f64).sqrt() / x.abs());
    around(Some(ratio), error, student(pairs.count(), confidence), confidence)
}

/// Student's factor for `count` values; infinite where there is none.
///
/// The figures of a run nearly all ask for the same one, and each search costs some 100 000 instructions: a thread
/// remembers its last answer.
pub(crate) fn student(count: u64, confidence: f64) -> f64 {
    thread_local! {
        static LAST: Cell<Option<(u64, u64, f64)>> = const { Cell::new(None) };
    }
    if count < 2 {
        return f64::INFINITY;
    }
    let confidence = sane(confidence);
    match LAST.get() {
        Some((last_count, bits, factor)) if last_count == count && bits == confidence.to_bits() => factor,
        Some(_) | None => {
            let factor = student_quantile((count - 1) as f64, 0.5 + confidence / 2.0);
            LAST.set(Some((count, confidence.to_bits(), factor)));
            factor
        }
    }
}

fn around(estimate: Option<f64>, error: Option<f64>, factor: f64, confidence: f64) -> Estimate {
    match (estimate, error) {
        (Some(estimate), Some(error)) => Estimate::around(estimate, factor * error, confidence),
        (Some(estimate), None) => Estimate::around(estimate, f64::INFINITY, confidence),
        (None, _) => Estimate::unknown(confidence),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{Rng, RngExt, SeedableRng};
    use rand_distr::{Distribution, Exp1, StandardNormal};
    use rand_xoshiro::Xoshiro256PlusPlus;

    const REPEATS: u32 = 4_000;

    #[test]
    fn a_remembered_factor_is_the_one_asked_for() {
        for (count, confidence) in [(5, 0.95), (5, 0.95), (6, 0.95), (6, 0.9), (5, 0.95), (1, 0.95), (5, 0.95)] {
            let fresh =
                if count == 1 { f64::INFINITY } else { student_quantile((count - 1) as f64, 0.5 + confidence / 2.0) };
            assert_eq!(student(count, confidence).to_bits(), fresh.to_bits(), "{count}, {confidence}");
        }
    }

    fn bounds(estimate: Estimate) -> (f64, f64) {
        (estimate.low.expect("a lower bound"), estimate.high.expect("an upper bound"))
    }

    fn assert_bounds(what: &str, estimate: Estimate, low: f64, high: f64, within: f64) {
        let found = bounds(estimate);
        assert!((found.0 - low).abs() <= within && (found.1 - high).abs() <= within, "{what}: {found:?}");
    }

    /// Share of `REPEATS` intervals that cover `truth`: binomial, so within four standard errors of 95 %.
    fn check_coverage(what: &str, truth: f64, mut interval: impl FnMut(&mut Xoshiro256PlusPlus) -> Estimate) {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(12);
        let hits = (0..REPEATS).filter(|_| interval(&mut rng).covers(truth)).count();
        let share = hits as f64 / f64::from(REPEATS);
        let error = (0.95 * 0.05 / f64::from(REPEATS)).sqrt();
        assert!((share - 0.95).abs() < 4.0 * error, "{what}: covers {share}");
    }

    fn normal(rng: &mut impl Rng) -> f64 {
        StandardNormal.sample(rng)
    }

    #[test]
    fn student_interval_of_twenty_normal_values_covers_as_it_says() {
        check_coverage("Student", 10.0, |rng| {
            let moments: Moments = (0..20).map(|_| 10.0 + 3.0 * normal(rng)).collect();
            mean(&moments, 0.95)
        });
    }

    #[test]
    fn normal_interval_of_two_thousand_values_covers_as_it_says() {
        check_coverage("normal", 0.5, |rng| mean_of_many(&(0..2_000).map(|_| rng.random::<f64>()).collect(), 0.95));
    }

    #[test]
    fn ratio_of_correlated_figures_covers_as_it_says() {
        check_coverage("ratio", 2.0, |rng| {
            let mut pairs = PairMoments::default();
            for _ in 0..200 {
                let x = 0.5 + rng.random::<f64>();
                pairs.push(x, 2.0 * x + normal(rng) * x);
            }
            ratio(&pairs, 0.95)
        });
    }

    #[test]
    fn paired_difference_covers_as_it_says_and_gains_from_pairing() {
        check_coverage("paired", 0.3, |rng| {
            let (mut alone, mut differences) = (Moments::default(), Moments::default());
            for _ in 0..30 {
                let luck = 5.0 * normal(rng);
                let (x, y) = (luck + normal(rng), luck + 0.3 + normal(rng));
                alone.push(x);
                differences.push(y - x);
            }
            let difference = mean(&differences, 0.95);
            // the shared luck is five times the own: each mean alone is far less sure than their difference
            assert!(difference.half_width() < mean(&alone, 0.95).half_width());
            difference
        });
    }

    /// The exact coverage is a finite sum over all outcomes, no simulation needed.
    #[test]
    fn exact_interval_of_a_share_never_covers_too_little() {
        let n = 20_u64;
        let intervals: Vec<Estimate> = (0..=n).map(|k| proportion(k, n, 0.95)).collect();
        for p in (1..200).map(|step| f64::from(step) / 200.0) {
            let mut chance = (1.0 - p).powi(20);
            let mut covered = 0.0;
            for k in 0..=n {
                covered += if intervals[k as usize].covers(p) { chance } else { 0.0 };
                chance *= (n - k) as f64 / (k + 1) as f64 * p / (1.0 - p);
            }
            assert!(covered >= 0.95 - 1e-9, "p {p}: {covered}");
        }
    }

    #[test]
    fn exact_interval_of_a_rate_never_covers_too_little() {
        let intervals: Vec<Estimate> = (0..200).map(|k| rate(k, 2.0, 0.95)).collect();
        for events in (1..100).map(|step| f64::from(step) / 2.0) {
            let mut chance = (-events).exp();
            let mut covered = 0.0;
            for (k, interval) in intervals.iter().enumerate() {
                covered += if interval.covers(events / 2.0) { chance } else { 0.0 };
                chance *= events / (k + 1) as f64;
            }
            assert!(covered >= 0.95 - 1e-9, "{events} events: {covered}");
        }
    }

    #[test]
    fn published_intervals_are_met() {
        // the beta quantiles and Wilson's formula by mpmath
        assert_bounds("10 of 100", proportion(10, 100, 0.95), 0.049_004_689_2, 0.176_222_597_7, 1e-9);
        assert_bounds("Wilson", proportion_wilson(10, 100, 0.95), 0.055_229_137_1, 0.174_365_661_5, 1e-9);
        // Garwood's table: 0 events (0, 3.689), 1 (0.0253, 5.572), 10 (4.795, 18.390)
        assert_bounds("0 events", rate(0, 1.0, 0.95), 0.0, 3.689, 5e-4);
        assert_bounds("1 event", rate(1, 1.0, 0.95), 0.025_3, 5.572, 5e-4);
        assert_bounds("10 events", rate(10, 1.0, 0.95), 4.795, 18.390, 5e-4);
        assert_bounds("10 in 5", rate(10, 5.0, 0.95), 0.959, 3.678, 5e-4);
    }

    #[test]
    fn shares_at_the_ends_have_closed_forms() {
        let n = 50.0;
        let high = 1.0 - 0.025_f64.powf(1.0 / n);
        assert_bounds("none", proportion(0, 50, 0.95), 0.0, high, 1e-12);
        assert_bounds("all", proportion(50, 50, 0.95), 1.0 - high, 1.0, 1e-12);
        let z = normal_quantile(0.975);
        assert_bounds("Wilson none", proportion_wilson(0, 50, 0.95), 0.0, z * z / (n + z * z), 1e-12);
        assert_bounds("Wilson all", proportion_wilson(50, 50, 0.95), n / (n + z * z), 1.0, 1e-12);
    }

    #[test]
    fn millions_of_trials_agree_with_the_normal_law() {
        let (n, p) = (40_000_000_u64, 0.25);
        let half = normal_quantile(0.975) * (p * (1.0 - p) / n as f64).sqrt();
        // both carry a continuity correction of about half a case
        assert_bounds("share", proportion(n / 4, n, 0.95), p - half, p + half, 2.0 / n as f64);
    }

    #[test]
    fn nothing_seen_bounds_the_share_of_time_by_the_rule_of_three() {
        let bound = share_of_time_without_events(1_000.0, 2.0, 0.95);
        assert_eq!((bound.estimate, bound.low), (Some(0.0), Some(0.0)));
        assert!((bound.high.unwrap_or(1.0) - 2.995_732_273_553_991 / 1_000.0 * 2.0).abs() < 1e-15);
        assert_eq!(share_of_time_without_events(1.0, 1e9, 0.95).high, Some(1.0));
        let blind = share_of_time_without_events(0.0, 1.0, 0.95);
        assert_eq!((blind.estimate, blind.high), (None, Some(1.0)));
    }

    #[test]
    fn no_data_no_bounds_and_never_a_panic() {
        let (empty, pairs) = (Moments::default(), PairMoments::default());
        for estimate in [mean(&empty, 0.95), mean_of_many(&empty, 0.95), ratio(&pairs, 0.95)] {
            assert_eq!(estimate, Estimate::unknown(0.95));
        }
        let one: Moments = [4.0].into_iter().collect();
        assert_eq!(mean(&one, 0.95), Estimate { estimate: Some(4.0), ..Estimate::unknown(0.95) });
        for share in [proportion(0, 0, 0.95), proportion_wilson(0, 0, 0.95)] {
            assert_eq!(share, Estimate { estimate: None, low: Some(0.0), high: Some(1.0), confidence: 0.95 });
        }
        assert_eq!((rate(3, 0.0, 0.95).estimate, rate(3, 0.0, 0.95).high), (None, None));
        let odd: Moments = [f64::INFINITY, 1.0, f64::NAN].into_iter().collect();
        assert_eq!(mean(&odd, 0.95), Estimate::unknown(0.95));
        for confidence in [0.0, 1.0, -3.0, f64::NAN] {
            assert!(!bounds(proportion(3, 9, confidence)).0.is_nan());
        }
    }

    #[test]
    fn what_cannot_vary_has_no_width() {
        let same: Moments = [0.25; 9].into_iter().collect();
        let expected = Estimate::around(0.25, 0.0, 0.95);
        assert_eq!(mean(&same, 0.95), expected);
        let mut pairs = PairMoments::default();
        (1..9).for_each(|x| pairs.push(4.0 * f64::from(x), f64::from(x)));
        assert_eq!(ratio(&pairs, 0.95), expected);
    }

    #[test]
    fn exponential_waits_have_the_rate_of_their_events() {
        check_coverage_at_least("rate", 3.0, |rng| {
            let mut clock: f64 = Exp1.sample(rng);
            let mut events = 0;
            while clock < 60.0 {
                events += 1;
                let wait: f64 = Exp1.sample(rng);
                clock += wait;
            }
            rate(events, 20.0, 0.95)
        });
    }

    fn check_coverage_at_least(what: &str, truth: f64, mut interval: impl FnMut(&mut Xoshiro256PlusPlus) -> Estimate) {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(13);
        let hits = (0..REPEATS).filter(|_| interval(&mut rng).covers(truth)).count();
        let error = (0.95 * 0.05 / f64::from(REPEATS)).sqrt();
        assert!(hits as f64 / f64::from(REPEATS) > 0.95 - 4.0 * error, "{what}: {hits}");
    }
}
