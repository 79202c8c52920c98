//! Conformance traces: configuration, steps, expected decisions, replayed against the core.
//!
//! One function a component; a trace is applied step by step and every `expect` is compared. The data lies in
//! `tests/traces`, unchanged, and `every_trace_is_replayed` fails if one has no function.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use ninefold::resilience::bulkhead::{Admission, Ask, Bulkhead, BulkheadConfig, Event, Ticket};
use ninefold::resilience::circuit_breaker::{
    BreakerConfig, CircuitBreaker, Order, Permit, Probing, State, Trip, Window,
};
use ninefold::resilience::deadline::{Attempt, AttemptShare, Deadline};
use ninefold::resilience::rate_limiter::{Gcra, GcraConfig, Refused};
use ninefold::resilience::retry::{
    Backoff, Call, Decision, Failure, Jitter, Pushback, Retry, RetryConfig, Stop, Strategy,
};
use ninefold::resilience::retry_budget::RetryBudget;
use ninefold::resilience::{ErrorClass, Outcome};
use ninefold::time::{Span, Time};
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::SeedableRng;
use serde_json::{Value, json};

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/traces")
}

fn load(name: &str) -> Value {
    let text = fs::read_to_string(folder().join(format!("{name}.json"))).expect("the trace");
    serde_json::from_str(&text).expect("JSON")
}

fn list<'a>(value: &'a Value, key: &str) -> &'a Vec<Value> {
    value[key].as_array().unwrap_or_else(|| panic!("`{key}` is a list"))
}

fn int(value: &Value, key: &str) -> u64 {
    value[key].as_u64().unwrap_or_else(|| panic!("`{key}` is an integer"))
}

fn small(value: &Value, key: &str) -> u32 {
    u32::try_from(int(value, key)).expect("32 bits")
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_else(|| panic!("`{key}` is text"))
}

fn ms(value: &Value, key: &str) -> Span {
    Span::from_millis(int(value, key))
}

fn ns(value: &Value, key: &str) -> Span {
    Span::from_nanos(int(value, key))
}

/// Percent, whole or not, in basis points.
fn basis_points(value: &Value, key: &str) -> u32 {
    (value[key].as_f64().expect("percent") * 100.0).round() as u32
}

#[test]
fn every_trace_is_replayed() {
    let files = fs::read_dir(folder()).expect("the folder");
    let mut names: Vec<_> =
        files.map(|file| file.expect("readable").path().file_stem().expect("a name").to_owned()).collect();
    names.sort();
    let replayed = [
        "at01_adaptive_throttle",
        "bh01_queue_timeout_fifo",
        "cb01_count_min_calls",
        "cb06_half_open_three_probes",
        "cb15_time_window_idle_gap",
        "cb20_consecutive_profile",
        "dl01_deadline",
        "hc01_rise_fall",
        "ls01_priority_shedding",
        "rl01_gcra_basic",
        "rt01_schedules_no_jitter",
        "rt03_attempt_counting",
    ];
    assert_eq!(names, replayed);
}

// circuit breaker

fn breaker_config(config: &Value) -> BreakerConfig {
    let window = &config["window"];
    let trip = match text(config, "mode") {
        "rate" => {
            let window = match text(window, "type") {
                "count" => Window::Count { size: small(window, "size") },
                _ => Window::Time { buckets: small(window, "buckets"), bucket: ms(window, "bucket_ms") },
            };
            Trip::Rate { window, min_calls: small(config, "min_calls") }
        }
        _ => Trip::Consecutive { failures: small(config, "consecutive_failures") },
    };
    let probing = &config["half_open"];
    let half_open = match text(probing, "policy") {
        "rate" => Probing::Rate { permitted: small(probing, "permitted") },
        _ => Probing::Consecutive {
            successes: small(probing, "successes"),
            max_in_flight: small(probing, "max_inflight"),
        },
    };
    let defaults = BreakerConfig::default();
    let open_for = ms(config, "open_wait_ms");
    let half_open_max = match config.get("half_open_max_ms") {
        None => defaults.half_open_max,
        Some(Value::Null) => Span::YEAR * 500, // "none"; the clock ends soon after
        Some(_) => ms(config, "half_open_max_ms"),
    };
    BreakerConfig {
        trip,
        failure_rate: basis_points(config, "failure_rate_pct"),
        slow_rate: basis_points(config, "slow_rate_pct"),
        slow_over: ms(config, "slow_ms"),
        open_for,
        open_growth: config["open_wait_mult"].as_f64().unwrap_or(1.0),
        open_max: config["open_wait_max_ms"].as_u64().map_or(defaults.open_max.max(open_for), Span::from_millis),
        open_jitter: 0,
        half_open,
        half_open_max,
        auto_half_open: config["auto_half_open"].as_bool().unwrap_or(false),
    }
}

fn state_name(state: State) -> &'static str {
    match state {
        State::Closed => "closed",
        State::Open { .. } => "open",
        State::HalfOpen => "half_open",
        State::ForcedOpen => "forced_open",
        State::Disabled => "disabled",
        State::MetricsOnly => "metrics_only",
    }
}

fn order(name: &str) -> Order {
    match name {
        "closed" => Order::Closed,
        "open" => Order::Open,
        "half_open" => Order::HalfOpen,
        "forced_open" => Order::ForcedOpen,
        "disabled" => Order::Disabled,
        "metrics_only" => Order::MetricsOnly,
        other => panic!("{other}"),
    }
}

fn replay_breaker(name: &str) {
    let trace = load(name);
    let mut breaker = CircuitBreaker::new(breaker_config(&trace["config"])).expect("valid");
    let mut permits: BTreeMap<&str, Permit> = BTreeMap::new();
    let mut now = Time::ZERO;
    for step in list(&trace, "steps") {
        now = Time::ZERO + ms(step, "t");
        let expect = &step["expect"];
        match text(step, "op") {
            "acquire" => {
                let permit = breaker.acquire(now);
                assert_eq!(json!(permit.is_ok()), expect["permit"], "{name} {step}");
                if let Ok(permit) = permit {
                    permits.insert(text(step, "id"), permit);
                }
            }
            "poll" => breaker.poll(now),
            "force" => breaker.force(now, order(text(step, "to"))),
            op => {
                let permit = permits.remove(text(step, "id")).expect("a permit");
                match op {
                    "success" => breaker.record(now, permit, Outcome::Success, ms(step, "latency_ms")),
                    "failure" => breaker.record(now, permit, Outcome::Failure, ms(step, "latency_ms")),
                    "ignored" => breaker.record(now, permit, Outcome::Ignored, Span::ZERO),
                    "cancel" => breaker.release(now, permit),
                    other => panic!("{other}"),
                }
            }
        }
        assert_eq!(state_name(breaker.state()), text(expect, "state"), "{name} {step}");
    }
    let snapshot = breaker.snapshot(now);
    assert_eq!(snapshot.stale, int(&trace["totals"], "stale_outcomes"), "{name}");
    assert_eq!(snapshot.rejected, int(&trace["totals"], "rejected"), "{name}");
}

#[test]
fn cb01_count_min_calls() {
    replay_breaker("cb01_count_min_calls");
}

#[test]
fn cb06_half_open_three_probes() {
    replay_breaker("cb06_half_open_three_probes");
}

#[test]
fn cb15_time_window_idle_gap() {
    replay_breaker("cb15_time_window_idle_gap");
}

#[test]
fn cb20_consecutive_profile() {
    replay_breaker("cb20_consecutive_profile");
}

// bulkhead

fn event(event: Event<String>) -> Value {
    match event {
        Event::Admitted(waiter) => json!(["admit", waiter]),
        Event::TimedOut { waiter, deadline } => json!(["timeout", waiter, deadline.as_nanos() / 1_000_000]),
    }
}

#[test]
fn bh01_queue_timeout_fifo() {
    let trace = load("bh01_queue_timeout_fifo");
    let max_queue = small(&trace, "max_queue");
    let config = BulkheadConfig { max_queue, ..BulkheadConfig::new(small(&trace, "max_concurrent")) };
    let mut bulkhead = Bulkhead::new(config).expect("valid");
    let mut tickets: BTreeMap<String, Ticket> = BTreeMap::new();
    for step in list(&trace, "steps") {
        let now = Time::ZERO + ms(step, "t");
        let mut events = Vec::new();
        let mut on = |told| events.push(event(told));
        match text(step, "op") {
            "acquire" => {
                let id = text(step, "id").to_owned();
                let ask = Ask { timeout: ms(step, "timeout_ms"), class: 0 };
                let answer = match bulkhead.acquire_as(now, id.clone(), ask, &mut on) {
                    Admission::Admitted => "admit",
                    Admission::Full => "reject_full",
                    Admission::Queued(ticket) => {
                        tickets.insert(id.clone(), ticket);
                        "queued"
                    }
                };
                events.push(json!([answer, id]));
            }
            "release" => bulkhead.release(now, &mut on),
            "poll" => bulkhead.poll(now, &mut on),
            "cancel" => {
                bulkhead.cancel(now, tickets[text(step, "id")], &mut on).expect("still waiting");
            }
            other => panic!("{other}"),
        }
        let expect = &step["expect"];
        assert_eq!(&events, list(expect, "events"), "{step}");
        let counts = bulkhead.counts();
        assert_eq!((counts.active, counts.queued), (small(expect, "active"), small(expect, "queued")), "{step}");
    }
}

// deadline

#[test]
fn dl01_deadline() {
    let trace = load("dl01_deadline");
    let share = AttemptShare::default();
    let now = Time::ZERO + Span::from_secs(77);
    for row in list(&trace, "rows") {
        let attempt = Deadline::after(now, ns(row, "remaining_ns")).attempt(now, share, None);
        match row["error"].as_str() {
            None => assert_eq!(attempt.map(Attempt::timeout), Ok(ns(row, "attempt_timeout_ns")), "{row}"),
            Some(error) => {
                assert_eq!(error, "deadline_exceeded");
                assert!(attempt.is_err(), "{row}");
            }
        }
        let timeout = row["attempt_timeout_ns"].as_u64().unwrap_or(0);
        assert_eq!(share.of(ns(row, "remaining_ns")), Span::from_nanos(timeout), "{row}");
    }
    let mut remaining = Span::from_secs(60);
    for hop in list(&trace, "chain_from_60s_with_5ms_per_hop") {
        assert_eq!(remaining, ns(hop, "remaining_on_entry_ns"));
        let attempt = Deadline::after(now, remaining).attempt(now, share, None).expect("time left");
        assert_eq!(attempt.timeout(), ns(hop, "timeout_for_child_ns"));
        remaining = attempt.timeout() - Span::from_millis(5);
    }
    let instant = |value: &Value| value.as_u64().map_or(Deadline::NONE, |at| Deadline::at(Time::from_nanos(at)));
    for row in list(&trace, "nesting") {
        let effective = instant(&row["parent_deadline"]).nested(instant(&row["requested"]));
        assert_eq!(effective, instant(&row["effective"]), "{row}");
    }
    assert_eq!(text(&trace, "expiry_is_inclusive"), "now >= deadline is expired");
    assert!(Deadline::at(now).expired(now));
}

// rate limiter

#[test]
fn rl01_gcra_basic() {
    let trace = load("rl01_gcra_basic");
    let config = GcraConfig { period: ns(&trace, "period_ns_per_cell"), burst: small(&trace, "burst") };
    let mut limiter = Gcra::new(config).expect("valid");
    for step in list(&trace, "steps") {
        let answer = limiter.acquire(Time::ZERO + ns(step, "t_ns"), small(step, "cells"));
        let expected = if step["admit"] == json!(true) { Ok(()) } else { Err(Refused::Wait(ns(step, "wait_ns"))) };
        assert_eq!(answer, expected, "{step}");
    }
}

// retry

fn strategy(name: &str) -> Strategy {
    match name {
        "constant" => Strategy::Constant,
        "linear" => Strategy::Linear,
        "exponential" => Strategy::Exponential { factor: 2.0 },
        "exponential_x1_5" => Strategy::Exponential { factor: 1.5 },
        "fibonacci" => Strategy::Fibonacci,
        other => panic!("{other}"),
    }
}

#[test]
fn rt01_schedules_no_jitter() {
    let trace = load("rt01_schedules_no_jitter");
    let (base, cap, jitter) = (ms(&trace, "base_ms"), ms(&trace, "cap_ms"), Jitter::None);
    for (name, delays) in trace["delays_ms"].as_object().expect("schedules") {
        let backoff = Backoff { strategy: strategy(name), base, cap, jitter };
        for (k, delay) in (1..).zip(delays.as_array().expect("a list")) {
            assert_eq!(json!(backoff.nominal(k).as_nanos() / 1_000_000), *delay, "{name} {k}");
        }
    }
    let backoff = Backoff { strategy: strategy("exponential"), base, cap, jitter };
    assert_eq!(backoff.nominal(2_000), ms(&trace["also"], "attempt_2000_exponential_ms"));
}

fn failure(outcome: &str) -> Failure {
    let (class, pushback) = match outcome {
        "F" => (ErrorClass::Error, None),
        "permanent" => (ErrorClass::Client, None),
        "breaker_open" => (ErrorClass::Rejected, None),
        "F(pushback=never)" => (ErrorClass::Error, Some(Pushback::Never)),
        other => {
            let after = other.strip_prefix("F(retry_after=").and_then(|rest| rest.strip_suffix(')'));
            let after = after.and_then(|digits| digits.parse().ok()).expect("milliseconds");
            (ErrorClass::Error, Some(Pushback::After(Span::from_millis(after))))
        }
    };
    Failure { class, pushback }
}

/// What the trace calls the end of a call, by its first words.
fn result_name(stop: Stop) -> &'static str {
    match stop {
        Stop::Exhausted => "exhausted(attempts=",
        Stop::NotRetryable => "error returned unwrapped",
        Stop::ToldNotTo => "error",
        Stop::DeadlineWouldPass => "last error, deadline_would_pass",
        Stop::NotIdempotent | Stop::RetriedAbove | Stop::NoBudget => "not in these traces",
    }
}

fn replay_retry(case: &Value) {
    let base = case["base_ms"].as_u64().map_or(Span::SECOND, Span::from_millis);
    let cap = case["cap_ms"].as_u64().map_or(Span::MINUTE, Span::from_millis);
    let backoff = Backoff {
        strategy: strategy(case["strategy"].as_str().unwrap_or("exponential")),
        base,
        cap,
        jitter: Jitter::None,
    };
    let config = RetryConfig { max_attempts: small(case, "max_attempts"), backoff, ..RetryConfig::default() };
    let retry = Retry::new(config).expect("valid");
    let deadline = case["deadline_ms"]
        .as_u64()
        .map_or(Deadline::NONE, |millis| Deadline::after(Time::ZERO, Span::from_millis(millis)));
    let takes = Span::from_millis(case["call_ms"].as_u64().unwrap_or(0));
    let (mut budget, mut rng) = (RetryBudget::Unlimited, Xoshiro256PlusPlus::seed_from_u64(1));
    let mut now = Time::ZERO;
    let mut state = retry.start(now, Call { deadline, ..Call::default() }, &mut budget);
    let (mut sleeps, mut calls, mut result) = (Vec::new(), 0, "ok");
    for outcome in list(case, "outcomes") {
        let outcome = outcome.as_str().expect("text");
        calls += 1;
        now += takes;
        if outcome == "S" {
            retry.succeeded(&state, &mut budget);
            break;
        }
        match retry.failed(&mut state, now, failure(outcome), &mut budget, &mut rng) {
            Decision::Retry(plan) => {
                sleeps.push(json!(plan.after.as_nanos() / 1_000_000));
                now = plan.at;
            }
            Decision::Stop(stop) => {
                result = if outcome == "breaker_open" { "breaker_open is not retried" } else { result_name(stop) };
                break;
            }
        }
    }
    let expect = &case["expect"];
    assert_eq!(json!(calls), expect["calls"], "{case}");
    assert_eq!(&sleeps, list(expect, "sleeps_ms"), "{case}");
    assert!(text(expect, "result").starts_with(result), "{result}: {case}");
    assert_eq!(state.attempts(), calls);
    if let Some(millis) = expect["gave_up_at_ms"].as_u64() {
        assert_eq!(now, Time::ZERO + Span::from_millis(millis), "{case}");
    }
}

#[test]
fn rt03_attempt_counting() {
    list(&load("rt03_attempt_counting"), "cases").iter().for_each(replay_retry);
}
