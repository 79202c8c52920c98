//! From keys to laws, and what is refused.

use proptest::prelude::*;
use rand::SeedableRng;
use rand_xoshiro::Xoshiro256PlusPlus;

use crate::model::dist::tests::{assert_close, law, written};
use crate::model::dist::{Impossibility, Kind, LAW_NAMES, Law, LawError, ParameterValue};
use crate::time::Span;

#[test]
fn all_sets_of_keys_of_a_law_give_the_same_law() {
    let families: [&[&str]; 7] = [
        &["exp(mean=1h)", "exp(rate=1/h)", "exp(p63.2120558828558=1h)"],
        &["weibull(shape=1, mean=1h)", "weibull(shape=1, scale=1h)", "weibull(shape=1, median=2495.329850016s)"],
        &["weibull(shape=1, mean=1h)", "weibull(shape=1, p50=2495.329850016s)", "gamma(shape=1, mean=1h)"],
        &[
            "gamma(shape=4, mean=1h)",
            "gamma(shape=4, scale=15min)",
            "gamma(mean=1h, cv=0.5)",
            "erlang(stages=4, mean=1h)",
        ],
        &["uniform(from=1h, to=2h)", "uniform(median=90min, p75=105min)", "uniform(p25=75min, p50=90min)"],
        &["pareto(shape=2, min=1h)", "pareto(shape=2, mean=2h)", "pareto(p75=2h, p93.75=4h)"],
        &["hyperexp(mean=1h, cv=1)", "exp(mean=1h)", "hyperexp(p1=100%, mean1=1h, mean2=5h)"],
    ];
    for family in families {
        let first = law(family[0]);
        for other in family {
            for p in [0.01, 0.5, 0.99] {
                // spans are cut to nanoseconds
                assert_close(other, law(other).quantile_s(p), first.quantile_s(p), 1e-9);
            }
        }
    }
}

#[test]
fn two_quantiles_are_both_met() {
    let levels = [("p5", 0.05), ("median", 0.5), ("p90", 0.9), ("p95", 0.95), ("p99.9", 0.999)];
    for family in ["weibull", "lognormal", "gamma", "pareto", "uniform"] {
        for (at, (key1, p1)) in levels.iter().enumerate() {
            for (key2, p2) in &levels[at + 1..] {
                for ratio in [1.02, 1.3, 4.0, 90.0] {
                    let (x1, x2) = (480.0, 480.0 * ratio);
                    let (a, b) = (format!("{key1}={x1}s"), format!("{key2}={x2}s"));
                    let there = written(&format!("{family}({a}, {b})"));
                    if matches!(&there, Err(LawError::Impossible { why: Impossibility::BelowZero, .. })) {
                        assert!(family == "uniform" && ratio > p2 / p1);
                        continue;
                    }
                    let there = there.expect("a fit");
                    assert_close(&format!("{there}"), there.quantile_s(*p1), x1, 1e-9);
                    assert_close(&format!("{there}"), there.quantile_s(*p2), x2, 1e-9);
                    let back = law(&format!("{family}({b}, {a})"));
                    assert_close("order", back.quantile_s(0.3), there.quantile_s(0.3), 1e-12);
                }
            }
        }
    }
}

#[test]
fn a_law_prints_with_the_keys_it_was_written_with() {
    let cases = [
        "exp(mean=90d)",
        "exp(rate=2/h)",
        "exp(rate=0.5/y)",
        "exp(rate=300/s)",
        "weibull(shape=0.7, median=8min)",
        "lognormal(median=8min, p95=1h)",
        "lognormal(p99.9=1h, p50=1ms)",
        "hyperexp(p1=30%, mean1=1s, mean2=10s)",
        "erlang(stages=3, mean=1h)",
    ];
    for text in cases {
        assert_eq!(law(text).to_string(), text);
        assert_eq!(law(&law(text).to_string()), law(text));
    }
    let sum = law("lognormal(median=8min, p95=1h)").with_offset(Span::from_secs(30));
    assert_eq!(sum.to_string(), "30s + lognormal(median=8min, p95=1h)");
    assert_eq!(Law::fixed(Span::from_secs(90)).to_string(), "1min30s");
    assert_eq!(Law::never().to_string(), "never");
    assert_eq!(written("never()"), Ok(Law::never()));
    assert_eq!(Law::exponential(Span::HOUR), law("exp(mean=1h)"));
    let measured = Law::empirical(vec![Span::SECOND]).expect("values");
    assert_eq!(measured.to_string(), "empirical(1 values)");
    assert_eq!(measured.spelled("empirical(file=a.csv)").to_string(), "empirical(file=a.csv)");
}

#[test]
fn the_exponential_knows_itself() {
    let law_ = law("exp(rate=2/s)");
    assert!(law_.is_exponential());
    assert_close("rate", law_.rate_per_s().expect("a rate"), 2.0, 1e-15);
    let shifted = law_.with_offset(Span::SECOND);
    assert!(!shifted.is_exponential() && shifted.rate_per_s().is_none());
    assert_eq!(Law::fixed(Span::HOUR).is_fixed(), Some(Span::HOUR));
    assert!(Law::never().is_never() && Law::never().is_fixed().is_none());
}

fn check(text: &str, expected: &str) {
    let error = written(text).expect_err(text);
    assert_eq!(error.to_string(), expected, "{text}");
}

#[test]
fn names_are_checked() {
    check("normal(mean=1h)", "unknown law `normal`");
    check("fixed(mean=1h)", "a fixed law is written as the bare duration");
    check("empirical()", "`empirical` takes its values from a file");
    for name in LAW_NAMES {
        let unknown = matches!(written(&format!("{name}()")), Err(LawError::UnknownLaw { .. }));
        assert!(!unknown, "{name}");
    }
}

#[test]
fn keys_are_checked() {
    check("exp(p95=1h, mean=2h)", "`mean` is one key too many for `exp`");
    check("exp(mean=2h, p95=1h)", "`p95` is one key too many for `exp`");
    check("exp()", "`exp` also needs mean or rate or pNN");
    check("exp(mean=1h, mean=2h)", "`mean` stands twice in `exp`");
    check("exp(meen=1h)", "`exp` has no key `meen`; it has mean, rate, pNN, median");
    check("exp(pNN=1h)", "`exp` has no key `pNN`; it has mean, rate, pNN, median");
    check("weibull(shape=2)", "`weibull` also needs mean or median or scale");
    check("weibull(scale=1h)", "`weibull` also needs shape");
    check("weibull(shape=2, p95=1h)", "`shape` and `p95` do not go together in `weibull`");
    check("weibull(shape=2, mean=1h, scale=2h)", "`scale` is one key too many for `weibull`");
    check("lognormal(median=1h)", "`lognormal` also needs sigma or pNN");
    check("lognormal(median=1h, cv=2)", "`median` and `cv` do not go together in `lognormal`");
    check("lognormal(p10=1h, p50=2h, p95=3h)", "`p95` is one key too many for `lognormal`");
    check("gamma(scale=1h, mean=2h)", "`scale` and `mean` do not go together in `gamma`");
    check("hyperexp(p1=30%, mean=2h)", "`p1` and `mean` do not go together in `hyperexp`");
    check("hyperexp(p1=30%, mean1=2h)", "`hyperexp` also needs mean2");
    check("erlang(p50=1h, p95=2h)", "`erlang` has no key `p50`; it has stages, mean");
    check("never(mean=1h)", "`never` has no key `mean`; it has ");
}

#[test]
fn kinds_are_checked() {
    let error = written("exp(mean=5)").expect_err("a number");
    let (law, key) = ("exp", "mean".to_owned());
    assert_eq!(error, LawError::WrongKind { law, key, wanted: Kind::Span, found: Kind::Number });
    check("exp(rate=1h)", "`rate` of `exp` is a duration, a rate is wanted");
    check("weibull(shape=2s, mean=1h)", "`shape` of `weibull` is a duration, a number is wanted");
    check("hyperexp(p1=0.3, mean1=1s, mean2=2s)", "`p1` of `hyperexp` is a number, a percentage is wanted");
    check("exp(p95=95%)", "`p95` of `exp` is a percentage, a duration is wanted");
}

#[test]
fn impossible_laws_are_refused() {
    check("lognormal(median=1h, p95=8min)", "impossible `lognormal`: `p95`: `p95` must be above `median`");
    check("lognormal(p95=8min, p50=1h)", "impossible `lognormal`: `p50`: `p95` must be above `p50`");
    check("lognormal(median=1h, p50=2h)", "impossible `lognormal`: `p50`: `p50` must be above `median`");
    check("lognormal(p0=1h, p50=2h)", "impossible `lognormal`: `p0`: a quantile lies between p0 and p100");
    check("exp(p100=1h)", "impossible `exp`: `p100`: a quantile lies between p0 and p100");
    check("exp(mean=0s)", "impossible `exp`: `mean`: must be above zero and finite");
    check("weibull(p1=0s, p99=1h)", "impossible `weibull`: `p1`: must be above zero and finite");
    check("gamma(shape=inf, mean=1h)", "impossible `gamma`: `shape`: must be above zero and finite");
    check("hyperexp(mean=1h, cv=0.9)", "impossible `hyperexp`: `cv`: must be at least 1");
    check("pareto(shape=1, mean=1h)", "impossible `pareto`: `shape`: the law has a mean only if `shape` is above 1");
    check("uniform(from=2s, to=2s)", "impossible `uniform`: `to`: `to` must be above `from`");
    check("uniform(p50=1s, p90=10s)", "impossible `uniform`: `p90`: the law would start below zero");
    check("erlang(stages=2.5, mean=1h)", "impossible `erlang`: `stages`: must be a whole number from 1 to 1000000");
    check(
        "weibull(shape=0.001, scale=1h)",
        "impossible `weibull`: `scale`: no law of this family comes near these values",
    );
    check(
        "gamma(p50=1000000000ns, p50.1=1000000001ns)",
        "impossible `gamma`: `p50.1`: no law of this family comes near these values",
    );
    check("gamma(mean=1h, cv=0.0001)", "impossible `gamma`: `cv`: no law of this family comes near these values");
    assert!(matches!(Law::empirical(vec![]), Err(LawError::Impossible { why: Impossibility::NoValues, .. })));
}

const FORMS: [&str; 19] = [
    "exp mean",
    "exp rate",
    "exp p99.9",
    "weibull shape mean",
    "weibull shape median",
    "weibull shape scale",
    "weibull p10 p95",
    "lognormal median sigma",
    "lognormal mean cv",
    "lognormal p10 p95",
    "gamma shape mean",
    "gamma mean cv",
    "gamma p10 p95",
    "erlang stages mean",
    "uniform from to",
    "pareto shape min",
    "pareto p10 p95",
    "hyperexp p1 mean1 mean2",
    "hyperexp mean cv",
];

/// Values of a kind, the far ends of its range and beyond among them.
fn value_for(key: &str, number: f64, nanos: u64) -> ParameterValue {
    match key {
        "rate" => ParameterValue::Rate(number),
        "p1" => ParameterValue::Ratio(number),
        "shape" | "sigma" | "cv" | "stages" => ParameterValue::Number(number),
        _ => ParameterValue::Span(Span::from_nanos(nanos)),
    }
}

fn any_number() -> impl Strategy<Value = f64> {
    prop_oneof![
        1 => prop::sample::select(vec![0.0, -1.0, f64::NAN, f64::INFINITY, 1e300, 1e-300, 1.0]),
        3 => (-7.0..7.0_f64).prop_map(|digits| 10.0_f64.powf(digits)),
        2 => (1..9_u32).prop_map(f64::from),
        2 => 0.0..1.0_f64,
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    /// Whatever the values: a refusal, or a law all of whose numbers are numbers.
    #[test]
    fn any_values_give_a_refusal_or_a_sound_law(
        form in prop::sample::select(FORMS.to_vec()),
        numbers in prop::array::uniform3(any_number()),
        spans in prop::array::uniform3((0..64_u32, any::<u64>()).prop_map(|(shift, nanos)| nanos >> shift)),
        offset in prop_oneof![Just(0), 1..1_000_000_000_000_u64],
    ) {
        let mut words = form.split(' ');
        let name = words.next().unwrap_or_default();
        let values = numbers.into_iter().zip(spans);
        let params: Vec<_> =
            words.zip(values).map(|(key, (number, nanos))| (key.to_owned(), value_for(key, number, nanos))).collect();
        let law = match Law::from_parameters(name, &params) {
            Ok(law) => law.with_offset(Span::from_nanos(offset)),
            Err(error) => {
                prop_assert!(matches!(error, LawError::Impossible { .. }), "{form}: {error}");
                return Ok(());
            }
        };
        let description = law.describe();
        let numbers = [
            description.mean_s, description.sd_s, description.p50_s, description.p99_s, law.mean_residual_s(),
            law.cdf(1.0), law.mean_within_s(1.0), law.mean_within_s(1e9), law.residual_cdf(1.0),
        ];
        prop_assert!(numbers.iter().all(|number| *number >= 0.0), "{law}: {numbers:?}");
        prop_assert!(description.p50_s <= description.p99_s, "{law}");
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(1);
        for _ in 0..10 {
            prop_assert!(law.sample(&mut rng) >= law.offset());
            law.sample_residual(&mut rng);
        }
    }
}
