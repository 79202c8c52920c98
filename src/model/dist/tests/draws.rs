//! Draws against the exact law. All seeds are fixed; each tolerance is four standard errors of what is compared.

use proptest::prelude::*;
use rand::SeedableRng;
use rand_xoshiro::Xoshiro256PlusPlus;

use crate::model::dist::Law;
use crate::model::dist::sample::nearest;
use crate::model::dist::tests::{law, zoo};
use crate::time::Span;

const COUNT: usize = 200_000;

fn generator() -> Xoshiro256PlusPlus {
    Xoshiro256PlusPlus::seed_from_u64(20)
}

/// Mean and its standard error of the draws, in seconds.
fn mean_of(draws: &[f64]) -> (f64, f64) {
    let count = draws.len() as f64;
    let mean = draws.iter().sum::<f64>() / count;
    let variance = draws.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / (count - 1.0);
    (mean, (variance / count).sqrt())
}

/// The share of draws at or below nine quantiles is binomial around the distribution function.
fn check_shares(what: &str, draws: &[f64], quantile: impl Fn(f64) -> f64, cdf: impl Fn(f64) -> f64) {
    let count = draws.len() as f64;
    for tenth in 1..10 {
        let at = quantile(f64::from(tenth) / 10.0);
        let p = cdf(at);
        let share = draws.iter().filter(|x| **x <= at).count() as f64 / count;
        assert!((share - p).abs() <= 4.0 * (p * (1.0 - p) / count).sqrt(), "{what} at {at}: {share}, expected {p}");
    }
}

#[test]
fn draws_have_the_mean_and_the_shares_of_the_law() {
    for law in zoo() {
        let mut rng = generator();
        let draws: Vec<f64> = (0..COUNT).map(|_| law.sample(&mut rng).as_secs_f64()).collect();
        let (mean, error) = mean_of(&draws);
        let exact = law.mean_s();
        // a nanosecond is the resolution of a draw
        assert!((mean - exact).abs() <= 4.0 * error + 1e-9, "{law}: mean {mean}, expected {exact}");
        // the standard error comes from the exact standard deviation as well: they must agree
        let ratio = error * (COUNT as f64).sqrt() / law.sd_s();
        assert!(law.sd_s() == 0.0 || (ratio - 1.0).abs() < 0.1, "{law}: sd ratio {ratio}");
        check_shares(&law.to_string(), &draws, |p| law.quantile_s(p), |x| law.cdf(x));
    }
}

#[test]
fn residual_draws_have_the_mean_and_the_shares_of_equilibrium() {
    for law in zoo() {
        let mut rng = generator();
        let draws: Vec<f64> = (0..COUNT).map(|_| law.sample_residual(&mut rng).as_secs_f64()).collect();
        let (mean, error) = mean_of(&draws);
        let exact = law.mean_residual_s();
        assert!((mean - exact).abs() <= 4.0 * error + 1e-9, "{law}: mean {mean}, expected {exact}");
        // any points will do, the equilibrium law is continuous
        check_shares(&law.to_string(), &draws, |p| exact * 2.0 * p, |x| law.residual_cdf(x));
    }
}

#[test]
fn length_biased_draws_have_the_mean_of_the_covering_interval() {
    for law in zoo() {
        let mut rng = generator();
        let draws: Vec<f64> = (0..COUNT).map(|_| law.sample_length_biased(&mut rng).as_secs_f64()).collect();
        let (mean, error) = mean_of(&draws);
        let exact = 2.0 * law.mean_residual_s();
        assert!((mean - exact).abs() <= 4.0 * error + 1e-9, "{law}: mean {mean}, expected {exact}");
    }
}

#[test]
fn what_never_ends_draws_for_ever() {
    let mut rng = generator();
    for law in [Law::never(), Law::never().with_offset(Span::HOUR)] {
        assert_eq!(law.sample(&mut rng), Span::MAX);
        assert_eq!(law.sample_residual(&mut rng), Span::MAX);
    }
    assert_eq!(law("pareto(shape=0.9, min=1s)").sample_residual(&mut rng), Span::MAX);
    assert_eq!(Law::fixed(Span::ZERO).sample_residual(&mut rng), Span::ZERO);
    // a tail beyond the clock saturates
    let heavy = law("pareto(shape=0.001, min=1y)");
    assert!((0..1_000).any(|_| heavy.sample(&mut rng) == Span::MAX));
}

/// Any change of these numbers changes every published result: it is a new version, not a new expectation.
#[test]
fn first_draws_of_each_law_stay_what_they_are() {
    let expected: [[u64; 3]; 16] = [
        [2_709_408_904_850_564, 11_820_126_851_794_238, 5_799_934_000_875_086],
        [221_760_038_567, 1_818_898_261_106, 657_802_361_346],
        [7_880_091_724, 12_875_985_152, 10_155_799_197],
        [371_843_255_934, 621_289_774_950, 443_459_437_971],
        [1_840_409_904_048, 5_575_824_787, 4_205_174],
        [3_972_139_668, 4_882_453_159, 7_249_552_118],
        [3_137_263_851_469, 5_622_691_345_887, 11_732_168_469_010],
        [2_954_487_621_110, 3_301_969_556_652, 4_126_085_426_097],
        [2_932_376_901, 3_861_928_839, 3_359_899_079],
        [1_059_791_336, 1_288_329_400, 1_132_369_924],
        [15_200_780_416, 3_193_514_529, 28_846_689_511],
        [3_083_675_882_387, 647_845_930_569, 5_851_925_907_425],
        [2_000_000_000, 4_000_000_000, 3_000_000_000],
        [45_679_449_681, 98_403_511_874, 63_564_432_875],
        [3_881_241_906, 5_452_703_489, 4_345_377_851],
        [7_000_000_000, 7_000_000_000, 7_000_000_000],
    ];
    let found: Vec<[u64; 3]> = zoo()
        .iter()
        .map(|law| {
            let mut rng = generator();
            std::array::from_fn(|_| law.sample(&mut rng).as_nanos())
        })
        .collect();
    assert_eq!(found, expected);
}

proptest! {
    #[test]
    fn lengths_are_rounded_half_up_whatever_their_size(whole in 0_u64..1 << 54, half in any::<bool>(), bits in any::<u64>()) {
        let tie = whole as f64 + if half { 0.5 } else { 0.0 };
        for nanos in [tie, tie.next_down(), tie.next_up(), f64::from_bits(bits), -tie] {
            prop_assert_eq!(nearest(nanos), Span::from_nanos_f64((nanos + 0.5).floor()), "{}", nanos);
        }
    }
}
