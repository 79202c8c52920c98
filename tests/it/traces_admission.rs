//! The conformance traces of health checks, adaptive throttle and load shedding.

use ninefold::resilience::adaptive_throttle::{AdaptiveThrottle, ThrottleConfig, ThrottleDecision};
use ninefold::resilience::adaptive_throttle::{Fraction, rejection_probability};
use ninefold::resilience::health::{CheckResult, Health, RiseFall};
use ninefold::resilience::load_shedding::{Criticality, LoadShedder, ShedDecision, SheddingConfig, Utilisation};
use ninefold::time::Time;
use serde_json::Value;

fn health(text: &str) -> Health {
    match text {
        "up" => Health::Up,
        "down" => Health::Down,
        "unknown" => Health::Unknown,
        other => panic!("no health `{other}`"),
    }
}

#[test]
fn hc01_rise_fall() {
    let trace: Value = serde_json::from_str(include_str!("../traces/hc01_rise_fall.json")).unwrap();
    for case in trace["cases"].as_array().unwrap() {
        let number = |key: &str| u32::try_from(case[key].as_u64().unwrap()).unwrap();
        let mut belief =
            RiseFall::new(number("rise"), number("fall"), health(case["initial"].as_str().unwrap())).unwrap();
        let (checks, states) = (case["checks"].as_str().unwrap(), case["states"].as_array().unwrap());
        assert_eq!(checks.len(), states.len());
        for (index, (check, state)) in checks.chars().zip(states).enumerate() {
            let before = belief.health();
            let result = if check == 'P' { CheckResult::Pass } else { CheckResult::Fail };
            let change = belief.observe(Time::ZERO, result);
            assert_eq!(belief.health(), health(state.as_str().unwrap()), "check {index} of {case}");
            assert_eq!(change.is_some(), before != belief.health());
        }
    }
}

/// The fraction that the trace writes as `a/b`, or `0`.
fn exact(text: &str) -> Fraction {
    let (of, whole) = text.split_once('/').unwrap_or((text, "1"));
    Fraction { of: of.parse().unwrap(), whole: whole.parse().unwrap() }
}

/// The formula gives the exact fraction; and a throttle that has counted so much rejects exactly the draws below it.
#[test]
fn at01_adaptive_throttle() {
    let trace: Value = serde_json::from_str(include_str!("../traces/at01_adaptive_throttle.json")).unwrap();
    for row in trace["rows"].as_array().unwrap() {
        let (requests, accepts) = (row["requests"].as_u64().unwrap(), row["accepts"].as_u64().unwrap());
        let k_thousandths = (row["K"].as_f64().unwrap() * 1_000.0).round() as u32;
        let (p, wanted) =
            (rejection_probability(requests, accepts, k_thousandths), exact(row["exact"].as_str().unwrap()));
        assert_eq!(p.of * wanted.whole, wanted.of * p.whole, "{row}");

        let config = ThrottleConfig { k_thousandths, max_rejection: 10_000, ..ThrottleConfig::default() };
        let mut throttle = AdaptiveThrottle::new(config).unwrap();
        (0..accepts).for_each(|_| throttle.accepted(Time::ZERO));
        for _ in 0..requests {
            throttle.attempt(Time::ZERO, u64::MAX);
        }
        let threshold = u64::try_from((wanted.of << 64).div_ceil(wanted.whole)).unwrap();
        assert_eq!(throttle.clone().attempt(Time::ZERO, threshold), ThrottleDecision::Proceed, "{row}");
        if threshold > 0 {
            assert_eq!(throttle.attempt(Time::ZERO, threshold - 1), ThrottleDecision::Reject, "{row}");
        }
    }
}

fn basis_points(value: &Value) -> u32 {
    (value.as_f64().unwrap() * 10_000.0).round() as u32
}

#[test]
fn ls01_priority_shedding() {
    let trace: Value = serde_json::from_str(include_str!("../traces/ls01_priority_shedding.json")).unwrap();
    let names = ["critical_plus", "critical", "sheddable_plus", "sheddable"];
    let thresholds = names.map(|name| basis_points(&trace["thresholds"][name]));
    assert_eq!(thresholds, SheddingConfig::default().thresholds);
    let mut shedder = LoadShedder::new(SheddingConfig { thresholds, ..SheddingConfig::default() }).unwrap();
    for row in trace["rows"].as_array().unwrap() {
        shedder.observe(Time::ZERO, Utilisation(basis_points(&row["utilisation"])));
        for (name, class) in names.into_iter().zip(Criticality::ALL) {
            assert_eq!(shedder.admit(class) == ShedDecision::Admit, row[name].as_bool().unwrap(), "{name} in {row}");
        }
    }
}
