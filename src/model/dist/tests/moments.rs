//! Means, quantiles and limited means, without a draw.

use crate::model::dist::tests::{assert_close, law, zoo};
use crate::model::dist::{Law, Quantity};
use crate::time::Span;

/// Mean, p95 and E(min(X, mean)) by law: closed form, inverse distribution function and integral of the survival
/// function, each confirmed by sampling in numpy. `lognormal mu 1 sigma 1` has median e, here cut to nanoseconds.
#[test]
fn textbook_moments_are_met() {
    let table = [
        ("weibull(shape=0.7, scale=1000s)", 1_265.823_506_057_283_6, 4_794.226_728_389_652, 665.111_036_541_990_4),
        ("weibull(shape=1.5, scale=8s)", 7.221_962_343_607_468, 16.624_885_100_276_45, 5.290_565_767_020_051),
        (
            "lognormal(median=2.718281828s, sigma=1)",
            4.481_689_070_338_064_5,
            14.081_383_797_195_853,
            2.765_538_630_203_416,
        ),
        ("gamma(shape=3, scale=2s)", 6.0, 12.591_587_243_743_977, 4.655_749_154_067_673),
        ("lognormal(mean=4s, cv=1.5)", 4.0, 13.233_038_937_620_874, 2.348_989_096_580_665_7),
        ("exp(mean=500s)", 500.0, 1_497.866_136_776_995, 316.060_279_414_278_85),
    ];
    for (text, mean, p95, within_mean) in table {
        let law = law(text);
        assert_close(text, law.mean_s(), mean, 1e-9);
        assert_close(text, law.quantile_s(0.95), p95, 1e-9);
        assert_close(text, law.mean_within_s(mean), within_mean, 1e-9);
    }
}

#[test]
fn quantile_inverts_the_distribution_function() {
    for law in zoo() {
        if law.is_fixed().is_some() || law.to_string().starts_with("empirical") {
            continue;
        }
        for p in [0.001, 0.05, 0.5, 0.9, 0.95, 0.99, 0.999] {
            assert_close(&format!("{law} p{p}"), law.cdf(law.quantile_s(p)), p, 1e-9);
        }
    }
}

#[test]
fn empirical_quantiles_are_values() {
    let law = Law::empirical([4, 1, 3, 2].map(Span::from_secs).to_vec()).expect("values");
    let quantiles = [0.0, 0.25, 0.26, 0.5, 0.75, 0.99, 1.0].map(|p| law.quantile_s(p));
    assert_eq!(quantiles, [1.0, 1.0, 2.0, 2.0, 3.0, 4.0, 4.0]);
    assert_close("mean", law.mean_s(), 2.5, 1e-15);
    assert_close("sd", law.sd_s(), 1.25_f64.sqrt(), 1e-15);
    assert_close("cdf", law.cdf(2.0), 0.5, 1e-15);
}

/// Simpson's rule on the survival function, in pieces between quantiles so that every scale of the law is resolved.
fn survival_integral(law: &Law, to: f64) -> f64 {
    let mut knots: Vec<f64> = (0..=400).map(|k| law.quantile_s(f64::from(k) / 400.0)).collect();
    knots.extend((3..40).map(|k| law.quantile_s(1.0 - 0.5_f64.powi(k + 6))));
    knots.push(0.0);
    knots.extend([law.offset().as_secs_f64(), to]);
    knots.retain(|t| *t <= to);
    knots.sort_by(f64::total_cmp);
    let mut sum = 0.0;
    for pair in knots.windows(2).filter(|pair| pair[0] < pair[1]) {
        let steps = 16;
        let width = (pair[1] - pair[0]) / f64::from(steps);
        // a hair inside the piece: the survival function may jump at a knot
        let at = |k: i32| 1.0 - law.cdf((pair[0] + f64::from(k) * width).clamp(pair[0], pair[1].next_down()));
        for k in (0..steps).step_by(2) {
            sum += width / 3.0 * (at(k) + 4.0 * at(k + 1) + at(k + 2));
        }
    }
    sum
}

#[test]
fn limited_mean_is_the_integral_of_survival() {
    for law in zoo().into_iter().chain([law("pareto(shape=1, min=1s)"), law("pareto(shape=0.5, min=1s)")]) {
        for p in [0.1, 0.5, 0.9, 0.99] {
            let limit = law.quantile_s(p) * 1.01;
            let integral = survival_integral(&law, limit);
            // shapes below 1 fall from infinity at zero, where Simpson's rule is at its worst
            assert_close(&format!("{law} to {limit}"), law.mean_within_s(limit), integral, 2e-6);
        }
    }
}

#[test]
fn limited_mean_grows_to_the_mean() {
    for law in zoo() {
        assert_close(&law.to_string(), law.mean_within_s(1e12), law.mean_s(), 1e-9);
        assert_eq!(law.mean_within_s(0.0), 0.0);
    }
}

#[test]
fn residual_mean_of_known_laws() {
    assert_close("memoryless", law("exp(mean=5s)").mean_residual_s(), 5.0, 1e-14);
    assert_close("fixed", Law::fixed(Span::from_secs(8)).mean_residual_s(), 4.0, 1e-14);
    // (a^2 + a b + b^2) / 3 / (a + b)
    assert_close("uniform", law("uniform(from=2s, to=5s)").mean_residual_s(), 39.0 / 21.0, 1e-14);
    assert_close("nothing", Law::fixed(Span::ZERO).mean_residual_s(), 0.0, 0.0);
    assert_eq!(law("pareto(shape=1.5, min=1s)").mean_residual_s(), f64::INFINITY);
    assert_eq!(Law::never().mean_residual_s(), f64::INFINITY);
}

#[test]
fn heavy_tails_have_infinite_moments_not_wrong_ones() {
    let no_mean = law("pareto(shape=1, min=1s)");
    assert_eq!((no_mean.mean_s(), no_mean.sd_s()), (f64::INFINITY, f64::INFINITY));
    let no_variance = law("pareto(shape=1.5, mean=3s)");
    assert_close("mean", no_variance.mean_s(), 3.0, 1e-15);
    assert_eq!(no_variance.sd_s(), f64::INFINITY);
    assert_close("min", no_variance.quantile_s(0.0), 1.0, 1e-15);
}

#[test]
fn hyperexponential_by_cv_has_that_cv_and_balanced_means() {
    for cv in [1.0, 1.1, 2.0, 10.0, 1e4] {
        let law = law(&format!("hyperexp(mean=1h, cv={cv})"));
        assert_close("mean", law.mean_s(), 3_600.0, 1e-12);
        assert_close("cv", law.sd_s() / law.mean_s(), cv, 1e-9);
        let parameters = law.describe().parameters;
        let (Some((_, Quantity::Share(p1))), Some((_, Quantity::Seconds(mean1))), Some((_, Quantity::Seconds(mean2)))) =
            (parameters.first(), parameters.get(1), parameters.get(2))
        else {
            panic!("{parameters:?}");
        };
        assert_close("balance", p1 * mean1, 1_800.0, 1e-12);
        assert!(mean1 >= mean2);
    }
}

#[test]
fn every_number_of_every_law_is_a_number() {
    for law in zoo().into_iter().chain([Law::never(), Law::fixed(Span::ZERO), law("weibull(shape=0.01, mean=1h)")]) {
        for number in [law.mean_s(), law.sd_s(), law.mean_residual_s()] {
            assert!(!number.is_nan() && number >= 0.0, "{law}");
        }
        for x in [0.0, 1e-9, 1.0, 1e6, f64::INFINITY] {
            assert!((0.0..=1.0).contains(&law.cdf(x)), "{law} at {x}: {}", law.cdf(x));
            assert!((0.0..=1.0).contains(&law.residual_cdf(x)), "{law} at {x}");
            assert!(!law.mean_within_s(x).is_nan(), "{law} at {x}");
        }
        for p in [0.0, 1e-300, 0.5, 1.0] {
            assert!(!law.quantile_s(p).is_nan(), "{law} p {p}");
        }
    }
}

#[test]
fn a_description_tells_the_derived_parameters() {
    let description = law("weibull(shape=0.7, scale=1000h)").describe();
    assert_eq!(description.law, "weibull(shape=0.7, scale=41d16h)");
    assert_close("mean", description.mean_s, 1_265.823_506_057_283_6 * 3_600.0, 1e-12);
    assert_close("p95", description.p95_s, 4_794.226_728_389_652 * 3_600.0, 1e-12);
    assert_eq!(description.parameters[0], ("shape", Quantity::Number(0.7)));
    assert_eq!(description.parameters[1], ("scale", Quantity::Seconds(3.6e6)));
}
