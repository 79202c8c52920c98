//! How long one waits for a run: so many of one kind in a row among independent trials.
//!
//! A checker that sees `k` false failures in a row declares a healthy target down. Simulating every check would cost
//! millions of draws for one such event, so the number of checks until then is drawn at once, exactly: attempts begin
//! afresh after each pass, an attempt succeeds with chance p^k, a failing one takes j + 1 checks with chance
//! p^j (1 - p) for j < k, and how many of the failing attempts take how long is multinomial. The mean is
//! (1 - p^k) / ((1 - p) p^k) (Feller, An Introduction to Probability Theory I, XIII.7).

use rand::{Rng, RngExt};
use rand_distr::{Binomial, Distribution as _};

/// Attempts beyond which the run is taken never to come: 1e15 checks of a millisecond are thirty thousand years.
const NEVER: f64 = 1e15;

/// The number of trials up to and with the first run of `length` (at least 1) that each have chance `p`.
pub fn trials_until_run<R: Rng + ?Sized>(length: u32, p: f64, rng: &mut R) -> Option<u64> {
    if p >= 1.0 {
        return Some(u64::from(length));
    }
    let success = p.powf(f64::from(length));
    if success <= 0.0 {
        return None;
    }
    let failed = ((1.0 - rng.random::<f64>()).ln() / (-success).ln_1p()).floor();
    if failed > NEVER {
        return None;
    }
    let (mut left, mut weight) = (failed as u64, 1.0 - success);
    let mut trials = u64::from(length);
    let mut share = 1.0 - p;
    for checks in 1..=u64::from(length) {
        if left == 0 {
            break;
        }
        let chance = (share / weight).clamp(0.0, 1.0);
        let here = if checks == u64::from(length) {
            left
        } else {
            Binomial::new(left, chance).map_or(left, |binomial| binomial.sample(rng))
        };
        trials += here * checks;
        left -= here;
        weight -= share;
        share *= p;
    }
    Some(trials)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand_xoshiro::Xoshiro256PlusPlus;

    fn moments(values: &[f64]) -> (f64, f64) {
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        let variance = values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (values.len() - 1) as f64;
        (mean, (variance / values.len() as f64).sqrt())
    }

    #[test]
    fn the_mean_wait_for_a_run_is_fellers() {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(3);
        for (length, p) in [(1, 0.3), (2, 0.1), (3, 0.02), (3, 0.9), (5, 0.5)] {
            let draws: Vec<f64> =
                (0..40_000).filter_map(|_| trials_until_run(length, p, &mut rng)).map(|n| n as f64).collect();
            let (mean, error) = moments(&draws);
            let success = p.powf(f64::from(length));
            let expected = (1.0 - success) / ((1.0 - p) * success);
            assert!((mean - expected).abs() < 4.0 * error, "{length} at {p}: {mean} against {expected}, error {error}");
        }
    }

    /// The whole law, not only its mean: P(N = n) by stepping the chain of streaks.
    #[test]
    fn the_law_of_the_wait_is_that_of_single_checks() {
        let (length, p, count) = (3, 0.4, 200_000);
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(4);
        let mut seen = [0_u32; 12];
        for _ in 0..count {
            if let Some(n) = trials_until_run(length, p, &mut rng).filter(|&n| n < 12) {
                seen[n as usize] += 1;
            }
        }
        let mut streak = [1.0, 0.0, 0.0];
        for (n, &seen) in seen.iter().enumerate().skip(1) {
            let run = streak[2] * p;
            streak = [(1.0 - p) * streak.iter().sum::<f64>(), streak[0] * p, streak[1] * p];
            let error = (run * (1.0 - run) / f64::from(count)).sqrt();
            let share = f64::from(seen) / f64::from(count);
            assert!((share - run).abs() <= 4.5 * error, "{n}: {share} against {run}");
        }
    }

    #[test]
    fn what_never_fails_never_runs() {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(5);
        assert_eq!(trials_until_run(3, 0.0, &mut rng), None);
        assert_eq!(trials_until_run(3, 1.0, &mut rng), Some(3));
    }
}
