//! Scenarios of single requests teach what they say: each claim is read off runs, beyond what intervals leave to chance.
//!
//! Where a lesson is what a policy does, both scenarios run under the same luck and the interval of the difference, trial
//! by trial, must exclude zero on the right side.

use crate::lab::{self, value};
use crate::request_lab::plan_full;
use ninefold::experiment::Plan;
use ninefold::model::Model;
use ninefold::results::measure::Measure;
use ninefold::results::{Comparison, Difference, Direction, Results};

fn plan() -> Plan {
    plan_full(6, 1)
}

fn run(name: &str, changes: &[&str]) -> Results {
    lab::run(&lab::shipped(name, changes), &plan())
}

/// The second and later scenarios against the first.
fn compared(names: &[&str]) -> Comparison {
    let models: Vec<Model> = names.iter().map(|name| lab::shipped(name, &[])).collect();
    lab::compare(&models, &plan())
}

fn difference<'c>(comparison: &'c Comparison, other: usize, measure: Measure, of: (&str, &str)) -> &'c Difference {
    let found = comparison.differences.iter().find(|difference| {
        (difference.scenario, difference.measure) == (other, measure)
            && (difference.subject.as_str(), difference.statistic.as_str()) == of
    });
    found.unwrap_or_else(|| panic!("{measure:?} of {of:?} is not compared"))
}

/// Is this figure of the other scenario better, and by how much at least?
#[track_caller]
fn gains(comparison: &Comparison, other: usize, measure: Measure, of: (&str, &str), at_least: f64) {
    let found = difference(comparison, other, measure, of);
    let (low, high) = (found.value.low.expect("a bound"), found.value.high.expect("a bound"));
    assert_eq!(found.direction, Direction::Better, "{measure:?} of {of:?}: {:?}", found.value);
    assert!((low > 0.0) != (high < 0.0), "the interval excludes zero: {:?}", found.value);
    assert!(low.abs().min(high.abs()) >= at_least, "{measure:?} of {of:?}: {:?}", found.value);
}

/// The success ratio of all users is higher by this much at least.
#[track_caller]
fn saves(without: &str, with: &str, at_least: f64) {
    gains(&compared(&[without, with]), 1, Measure::SuccessRatio, ("system", "mean"), at_least);
}

fn success(results: &Results, subject: &str) -> f64 {
    let value = value(results, Measure::SuccessRatio, subject, "mean");
    value.estimate.or(value.low).expect("a figure or its bound")
}

// One for each kind of failure: without the policy that fits it, more requests fail.

#[test]
fn without_a_retry_more_requests_meet_the_crashed_server() {
    saves("server-crash", "server-crash-retried", 0.01);
}

#[test]
fn without_local_reads_a_partition_stops_those_who_only_read() {
    saves("network-partition", "network-partition-local-reads", 0.15);
}

#[test]
fn without_ejection_a_slow_server_that_passes_its_checks_goes_on_failing_requests() {
    saves("gray-failure", "gray-failure-ejected", 0.07);
}

#[test]
fn without_a_check_that_writes_a_full_disk_stays_in_service() {
    saves("disk-full", "disk-full-checked", 0.02);
}

#[test]
fn without_liveness_a_leak_slows_its_server_for_longer() {
    saves("memory-leak", "memory-leak-restarted", 0.01);
}

#[test]
fn without_ejection_a_clock_that_is_ahead_refuses_what_is_in_time() {
    saves("clock-skew-deadlines", "clock-skew-deadlines-ejected", 0.15);
}

#[test]
fn without_a_fallback_the_outage_of_a_dependency_is_the_callers() {
    saves("dependency-outage", "dependency-outage-with-fallback", 0.35);
}

#[test]
fn two_equal_scenarios_show_no_difference_anywhere() {
    for name in ["memory-leak-restarted", "hedged-reads-hedged", "network-partition"] {
        let comparison = compared(&[name, name]);
        assert!(comparison.differences.len() > 10, "{name}: all is compared");
        for difference in &comparison.differences {
            assert_eq!(difference.direction, Direction::NoDifference, "{difference:?}");
            assert!(difference.value.estimate.is_none_or(|estimate| estimate == 0.0), "{difference:?}");
        }
    }
}

#[test]
fn four_fifths_of_a_leak_are_felt_while_the_server_lives() {
    let lost = |results: &Results| 1.0 - success(results, "system");
    let all = lost(&run("memory-leak", &[]));
    let crashes = lost(&run("memory-leak", &["services.shop.faults.factor=1"]));
    assert!((0.7..0.9).contains(&(1.0 - crashes / all)), "{crashes} of {all}");
}

#[test]
fn a_retry_storm_outlives_its_cause_and_a_budget_or_a_breaker_ends_it() {
    let all = compared(&["retry-storm", "retry-storm-budget", "retry-storm-breaker"]);
    // nobody but those before the cut is served: 30 s of 240, and some of the ten seconds
    assert!(success(&all.scenarios[0], "system") < 40.0 / 240.0);
    for other in [1, 2] {
        gains(&all, other, Measure::SuccessRatio, ("system", "mean"), 0.4);
    }
    // the link is cut for ten seconds from the 30th on, all of them down; nothing is under repair after that
    for results in &all.scenarios {
        let repairing = value(results, Measure::Waterfall, "system", "repairing").estimate;
        assert_eq!(repairing.map(f64::to_bits), Some(10.0_f64.to_bits()));
    }
}

#[test]
fn a_metastable_overload_ends_with_a_budget_or_short_queues_and_a_breaker_prolongs_it() {
    let all = compared(&["metastable", "metastable-budget", "metastable-shedding", "metastable-breaker"]);
    assert!(success(&all.scenarios[0], "system") < 0.25, "served before the crash, a fifth of the time");
    for other in [1, 2, 3] {
        gains(&all, other, Measure::SuccessRatio, ("system", "mean"), 0.6);
    }
    let lost = |place: usize| 1.0 - success(&all.scenarios[place], "system");
    assert!((2.0..4.0).contains(&(lost(3) / lost(1))), "{} and {}", lost(3), lost(1));
    let prolonged = compared(&["metastable-breaker", "metastable-budget"]);
    gains(&prolonged, 1, Measure::SuccessRatio, ("system", "mean"), 0.03);
}

#[test]
fn a_metastable_overload_ends_when_somebody_sheds() {
    let models = [lab::shipped("metastable", &["horizon=10min"]), lab::shipped("metastable-operator", &[])];
    gains(&lab::compare(&models, &plan()), 1, Measure::SuccessRatio, ("system", "mean"), 0.35);
}

#[test]
fn checks_that_wait_in_the_queue_make_one_busy_region_the_trouble_of_both() {
    let both = compared(&["busy-looks-dead", "busy-looks-dead-apart"]);
    gains(&both, 1, Measure::SuccessRatio, ("system", "mean"), 0.02);
    assert!(success(&both.scenarios[1], "europe") > 0.9999 && success(&both.scenarios[0], "europe") < 0.99);
}

#[test]
fn a_bulkhead_keeps_hanging_recommendations_from_the_buyers() {
    let both = compared(&["bulkhead-isolation", "bulkhead-isolation-walled"]);
    gains(&both, 1, Measure::SuccessRatio, ("buyers", "mean"), 0.4);
    assert!(success(&both.scenarios[1], "buyers") > 0.999);
}

#[test]
fn hedging_cuts_the_tail_to_less_than_a_fifth_for_a_few_per_cent_of_load() {
    let both = compared(&["hedged-reads", "hedged-reads-hedged"]);
    gains(&both, 1, Measure::Latency, ("system", "p99"), 0.1);
    let tail = |place: usize| value(&both.scenarios[place], Measure::Latency, "system", "p99").estimate.expect("seen");
    assert!(tail(1) < tail(0) / 5.0, "{} of {}", tail(1), tail(0));
    let more = difference(&both, 1, Measure::AttemptsPerRequest, ("replica", "mean")).value;
    assert!(more.low.is_some_and(|low| low > 0.01) && more.high.is_some_and(|high| high < 0.1), "{more:?}");
}

#[test]
fn turning_crawlers_away_serves_customers_as_if_there_were_none() {
    let both = compared(&["load-shedding", "load-shedding-by-class"]);
    gains(&both, 1, Measure::SuccessRatio, ("customers", "mean"), 0.6);
    assert!(success(&both.scenarios[1], "customers") > 0.99 && success(&both.scenarios[1], "crawlers") < 0.5);
}

#[test]
fn a_pool_one_lag_behind_its_load_needs_head_room_or_shedding() {
    let all = compared(&["autoscale-lag", "autoscale-lag-headroom", "autoscale-lag-shedding"]);
    gains(&all, 1, Measure::SuccessRatio, ("system", "mean"), 0.6);
    gains(&all, 2, Measure::SuccessRatio, ("class buy", "mean"), 0.6);
    // work of 800 ms on average that is not done within 3 s is lost even where nobody waits
    let in_time = 1.0 - (-3.0_f64 / 0.8).exp();
    let served = success(&all.scenarios[1], "system");
    assert!(served > in_time - 0.002 && served < in_time + 0.001, "{served} of {in_time}");
    assert!(success(&all.scenarios[0], "system") < 0.35);
    assert!(success(&all.scenarios[2], "class buy") > 0.95 && success(&all.scenarios[2], "class browse") < 0.5);
}

#[test]
fn an_undo_that_is_tried_only_twice_leaves_ten_times_as_many_transactions_stuck() {
    let stuck = |name: &str| value(&run(name, &[]), Measure::SagasStuck, "system", "mean");
    let (patient, hasty) = (stuck("checkout-saga"), stuck("checkout-saga-hasty"));
    assert!(patient.high.zip(hasty.low).is_some_and(|(high, low)| 10.0 * high < low), "{patient:?} and {hasty:?}");
    let both = compared(&["checkout-saga-hasty", "checkout-saga"]);
    gains(&both, 1, Measure::SagasStuck, ("system", "mean"), 0.01);
}

#[test]
fn a_readiness_check_of_all_dependencies_empties_both_regions() {
    let both = compared(&["deep-health-check-cascade", "deep-health-check-cascade-shallow"]);
    for subject in ["americas", "europe"] {
        // a minute of six
        gains(&both, 1, Measure::SuccessRatio, (subject, "mean"), 0.9 / 6.0);
        assert!(success(&both.scenarios[1], subject) > 0.999);
    }
}

#[test]
fn what_half_a_region_has_no_room_for_is_served_by_the_next() {
    let both = compared(&["half-a-region-kept", "half-a-region"]);
    // 40 of 180 a second for a third of the time, but for what queues take and what the checks' delay costs both
    let kept = 1.0 - success(&both.scenarios[0], "system");
    assert!((kept - 40.0 / 180.0 / 3.0).abs() < 0.005, "{kept}");
    gains(&both, 1, Measure::SuccessRatio, ("europe", "mean"), 0.1);
    assert!(success(&both.scenarios[1], "system") > 0.998);
}
