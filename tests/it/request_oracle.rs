//! Requests meet their textbook: waiting, loss, retries, and the workload that five other simulators run.
//!
//! Expected values are those of the project's oracles A15 to A17 and of workload W2, copied here with their source. A
//! figure passes within 4 standard errors, taken from the program's own trials, which must be at most the share of the
//! figure that the oracle allows (2 %). Trials begin empty; each is long enough (1000 relaxation times or more) for that
//! to weigh less than a tenth of the error. `NINEFOLD_FULL=1` runs more trials and the cases that need millions.

use crate::lab::{check, figure, full};
use crate::request_lab::{HEAD, mean, queue, ratio, run_full, times, trials};
use ninefold::results::measure::Measure;
use std::fmt::Write as _;

/// What the oracles ask of the standard error.
const REL: f64 = 0.02;

// ---- A15: M/M/c (Erlang 1917). P(wait) = C(c, a), mean wait C / (c mu - lambda), P(W > t) = C e^-(c mu - lambda) t.

fn waits(slots: u32, rate: (&str, f64), service: (&str, f64), seconds: u32, chance: f64, wait: f64) {
    let results = run_full(&queue(seconds, rate.0, slots, service.0, "", ""), times(20, 8));
    let what = format!("A15 c={slots} lambda={} mu={}", rate.1, service.1);
    let queued = |statistic| figure(&results, Measure::QueueTime, "app", statistic);
    check(&format!("{what} P(wait)"), queued("share"), chance, REL);
    check(&format!("{what} mean wait"), queued("mean"), wait, REL);
    let spare = f64::from(slots) * service.1 - rate.1;
    check(&format!("{what} p95"), queued("p95"), (chance / 0.05).ln() / spare, 1.5 * REL);
    if slots == 1 {
        // the whole stay in an M/M/1 is exponential
        let p99 = figure(&results, Measure::Latency, "clients", "p99");
        check(&format!("{what} latency p99"), p99, 100.0_f64.ln() / spare, 2.5 * REL);
    }
    // a node is entered once, and what leaves a queue that is never full was all served
    check(&format!("{what} latency"), mean(&results, Measure::Latency, "clients"), wait + 1.0 / service.1, REL);
}

#[test]
fn a_single_slot_at_half_load_waits_as_erlang_says() {
    waits(1, ("0.5/s", 0.5), ("exp(mean=1s)", 1.0), 14_000, 0.5, 1.0);
}

#[test]
fn a_single_slot_at_nine_tenths_waits_as_erlang_says() {
    waits(1, ("0.9/s", 0.9), ("exp(mean=1s)", 1.0), 80_000, 0.9, 9.0);
}

#[test]
fn two_slots_wait_as_erlang_says() {
    waits(2, ("1.5/s", 1.5), ("exp(mean=1s)", 1.0), 12_000, 0.642_857_142_857_142_8, 1.285_714_285_714_285_6);
}

#[test]
fn four_fast_slots_wait_as_erlang_says() {
    waits(4, ("300/s", 300.0), ("exp(mean=10ms)", 100.0), 90, 0.509_433_962_264_150_9, 0.005_094_339_622_641_509);
}

#[test]
fn ten_slots_wait_as_erlang_says() {
    waits(10, ("8/s", 8.0), ("exp(mean=1s)", 1.0), 7_000, 0.409_180_150_796_443_54, 0.204_590_075_398_221_77);
}

#[test]
fn fifty_slots_wait_as_erlang_says() {
    if full() {
        waits(50, ("45/s", 45.0), ("exp(mean=1s)", 1.0), 6_000, 0.363_864_467_206_988_4, 0.072_772_893_441_397_67);
    }
}

// ---- A16: c servers, K places in all; who finds K is refused (Erlang B for K = c, whatever the law of the service).

#[test]
fn a_full_node_refuses_as_erlang_says() {
    // c, K, lambda, expected, seconds a trial; the last is rare and runs in full only
    let cases = [
        (10, 10, 5, 0.018_384_570_336_648_115, "exp(mean=1s)", 6_000),
        (10, 10, 5, 0.018_384_570_336_648_115, "lognormal(mean=1s, cv=2)", 9_000),
        (20, 20, 15, 0.045_593_215_589_811_976, "uniform(from=0s, to=2s)", 800),
        (1, 5, 0, 0.126_022_549_988_368_6, "exp(mean=1s)", 8_000),
        (1, 5, 12, 0.250_588_121_555_863_46, "exp(mean=100ms)", 200),
        (4, 20, 44, 0.108_322_431_473_587_79, "exp(mean=100ms)", 600),
        (2, 10, 1, 0.000_651_465_798_045_602_6, "exp(mean=1s)", 60_000),
    ];
    for (slots, places, rate, expected, service, seconds) in cases {
        if places == 10 && slots == 2 && !full() {
            continue;
        }
        // 0.9 a second; 12 and 44 a second where a service takes a tenth of the oracle's second
        let rate = if rate == 0 { "0.9/s".to_owned() } else { format!("{rate}/s") };
        let text = queue(seconds, &rate, slots, service, &format!("queue = {}", places - slots), "");
        let results = run_full(&text, times(20, 10));
        let what = format!("A16 c={slots} K={places} lambda={rate} {service}");
        check(&what, mean(&results, Measure::Shed, "app"), expected, REL);
        check(&format!("{what}, lost"), mean(&results, Measure::UnavailabilityRequest, "system"), expected, REL);
    }
}

// ---- A17: attempts and failures under retries, truncated geometric; layers multiply (SRE book, cascading failures).

#[test]
fn retries_multiply_attempts_as_a_truncated_geometric() {
    // p, retries, attempts, failures
    let cases = [
        (10, 3, 1.111, 1e-4),
        (50, 3, 1.875, 0.0625),
        (90, 2, 2.71, 0.729),
        (1, 1, 1.01, 1e-4),
        (30, 5, 1.427_530, 7.29e-4),
    ];
    for (p, retries, attempts, failures) in cases {
        let users = format!("retry = {{ attempts = {}, backoff = \"none\" }}", retries + 1);
        let text = format!(
            "{HEAD}horizon = \"1000s\"\n[services.app]\nerrors = \"{p}%\"\n[users.clients]\nrate = \"20/s\"\n{users}\n"
        );
        let rare = failures < 0.01;
        let results = run_full(&text, times(20, if rare { 80 } else { 5 }));
        let what = format!("A17 p={p}% r={retries}");
        check(
            &format!("{what} attempts"),
            mean(&results, Measure::AttemptsPerRequest, "clients->app"),
            attempts,
            0.005,
        );
        check(&format!("{what} at the node"), mean(&results, Measure::AttemptsPerRequest, "app"), attempts, 0.005);
        if !rare || full() {
            let lost = mean(&results, Measure::UnavailabilityRequest, "system");
            check(&format!("{what} failures"), lost, failures, if rare { 0.03 } else { REL });
        }
    }
}

/// Layers that each retry so often, above a leaf that fails.
fn layers(count: u32, retries: u32, errors: u32) -> String {
    let retry = format!("retry = {{ attempts = {}, backoff = \"none\" }}", retries + 1);
    let mut text = format!("{HEAD}horizon = \"500s\"\n[users.clients]\nrate = \"20/s\"\n{retry}\n");
    for layer in 1..count {
        let _ = write!(text, "[services.s{layer}]\ncalls.s{} = {{ {retry} }}\n", layer + 1);
    }
    let _ = write!(text, "[services.s{count}]\nerrors = \"{errors}%\"\n");
    text
}

#[test]
fn retries_at_several_layers_multiply() {
    // layers, retries, p, attempts at the leaf
    for (count, retries, errors, expected) in
        [(3, 3, 100, 64.0), (2, 2, 100, 9.0), (4, 1, 100, 16.0), (3, 3, 50, 2.0), (2, 2, 30, 1.428_543_31)]
    {
        let results = run_full(&layers(count, retries, errors), times(20, 5));
        let leaf = format!("s{count}");
        let found = mean(&results, Measure::AttemptsPerRequest, &leaf);
        if errors == 100 {
            assert!((found.0 - expected).abs() < 1e-9, "{count} layers, {retries} retries: {found:?}");
        } else {
            check(&format!("A17 {count} layers, {retries} retries at {errors}%"), found, expected, 0.005);
        }
    }
}

// ---- W2: the workload of the peers. Without queueing (which costs a hundredth of a millisecond) a request is at most 4
// attempts of Exp(50 ms) + Exp(10 ms), cut at 500 ms, and pauses of 100 ms 2^k U(0, 1); mean and p99 by convolution.

#[test]
fn an_hour_of_requests_is_that_of_the_peers() {
    let text = include_str!("../../scenarios/w2.toml").replace("\"1h\"", "\"10min\"");
    let results = run_full(&text, times(12, 12));
    let latency = |statistic| figure(&results, Measure::Latency, "system", statistic);
    check("W2 mean", latency("mean"), 0.062_27, 0.002);
    check("W2 p99", latency("p99"), 0.256_76, 0.005);
    // in an hour 7350 retries and 21 timeouts: P(Exp(50) + Exp(10) > 500) = (50 e^-10 - 10 e^-50) / 40
    let counted = trials(&text, times(12, 12));
    let late = 50.0 * (-10.0_f64).exp() / 40.0;
    let fails = late + (1.0 - late) * 0.02;
    let retries = fails + fails.powi(2) + fails.powi(3);
    let of = |count: &dyn Fn(&crate::request_lab::Counts) -> u64| {
        ratio(&counted, |trial| (count(trial) as f64, trial.user("system").arrived as f64))
    };
    check("W2 retries", of(&|trial| trial.call("clients->server").retries), retries, 0.01);
    check("W2 timeouts", of(&|trial| trial.call("clients->server").given_up), late * (1.0 + retries), 0.2);
}
