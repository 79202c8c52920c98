//! Policies of callers on the request clock against closed forms: pauses, breakers, budgets, bulkheads, limiters, hedges.
//!
//! Figures are met within 4 standard errors of at most 2 %.

use crate::lab::{check, figure};
use crate::request_lab::{HEAD, birth_death, counts, mean, ratio, run_full, times, trials};
use ninefold::results::measure::Measure;

const REL: f64 = 0.02;

/// Users with these keys before a service with those.
fn text(seconds: u32, service: &str, users: &str) -> String {
    format!("{HEAD}horizon = \"{seconds}s\"\n[services.app]\n{service}\n[users.clients]\n{users}\n")
}

/// Half of the attempts fail, five are made: the latency of the answered is the sum of the mean pauses before attempt k,
/// weighed by 2^-k. Means of the pauses from oracle A18 (base 1 s, cap 60 s).
#[test]
fn retries_pause_as_their_backoff_says() {
    let cases = [
        ("constant(base=1s)", [1.0, 1.0, 1.0, 1.0]),
        ("linear(base=1s, cap=60s, jitter=none)", [1.0, 2.0, 3.0, 4.0]),
        ("fibonacci(base=1s, cap=60s, jitter=none)", [1.0, 2.0, 3.0, 5.0]),
        ("exponential(base=1s, cap=60s, jitter=full)", [0.5, 1.0, 2.0, 4.0]),
        ("exponential(base=1s, cap=60s, jitter=equal)", [0.75, 1.5, 3.0, 6.0]),
        ("decorrelated(base=1s, cap=60s)", [2.0, 3.5, 5.75, 9.123_112_6]),
    ];
    for (backoff, pauses) in cases {
        let (mut waited, mut sum, mut share) = (0.0, 0.0, 0.5);
        for pause in pauses {
            waited += pause;
            share /= 2.0;
            sum += share * waited;
        }
        let retry = format!("rate = \"1/s\"\nretry = {{ attempts = 5, backoff = \"{backoff}\" }}");
        let results = run_full(&text(8_000, "errors = \"50%\"", &retry), times(20, 10));
        check(
            &format!("A18 {backoff}"),
            mean(&results, Measure::Latency, "clients"),
            sum / (1.0 - 0.5_f64.powi(5)),
            REL,
        );
    }
}

/// Against a callee that fails after 1 s, the breaker is open 10 s and until the next of 2 requests a second, then one probe
/// is out for 1 s: a cycle of 11.5 s with one attempt. It trips after the fifth failure: some 3.5 s and 7 attempts.
#[test]
fn a_breaker_probes_a_dead_callee_once_a_cycle() {
    let users = "rate = \"2/s\"\nbreaker = { consecutive = 5, open_for = \"10s\" }";
    let text = text(20_000, "service_time = \"1s\"\nerrors = \"100%\"", users);
    let open = mean(&run_full(&text, times(10, 10)), Measure::BreakerOpenTime, "clients->app");
    check("share of time open", open, 10.5 / 11.5 * (20_000.0 - 3.5) / 20_000.0, REL);
    let attempts = ratio(&trials(&text, times(10, 10)), |trial| (trial.call("clients->app").attempts as f64, 20_000.0));
    check("attempts per second", attempts, (7.0 + 19_996.5 / 11.5) / 20_000.0, REL);
}

/// With a failure rate three probes go out at once as requests come: 10 s, then 3 requests of 2 a second, the answers 1 s
/// after; while they are out others are refused.
#[test]
fn a_rate_breaker_lets_three_probes_out_a_cycle() {
    let users = "rate = \"2/s\"\nbreaker = { failure_rate = \"50%\", open_for = \"10s\" }";
    let text = text(20_000, "service_time = \"1s\"\nerrors = \"100%\"", users);
    let counted = trials(&text, times(10, 10));
    let attempts = ratio(&counted, |trial| (trial.call("clients->app").attempts as f64, 20_000.0));
    // ten calls until the verdict, and the two of the second before it
    check("attempts per second", attempts, (12.0 + 3.0 * 19_994.0 / 12.5) / 20_000.0, REL);
}

#[test]
fn a_budget_bounds_the_retries_of_a_dead_callee() {
    let retry = |budget: &str| {
        let retry = format!("rate = \"50/s\"\nretry = {{ attempts = 4, backoff = \"none\", budget = \"{budget}\" }}");
        let results = run_full(&text(1_000, "errors = \"100%\"", &retry), times(10, 10));
        mean(&results, Measure::AttemptsPerRequest, "clients->app").0
    };
    let ratio = retry("ratio(share=10%, window=10s)");
    assert!((1.095..=1.1).contains(&ratio), "{ratio}");
    // ten tokens, half of them to spend once: 5 of 50000 requests; the bound is ten times as many
    let tokens = retry("tokens(max=10, ratio=0.1)");
    assert!(tokens > 1.0 && tokens < 1.001, "{tokens}");
}

/// M/M/c/c at the caller: Erlang B(5, 5).
#[test]
fn a_bulkhead_rejects_as_erlang_b_says() {
    let users = "rate = \"5/s\"\nbulkhead = { concurrent = 5 }";
    let results = run_full(&text(1_000, "service_time = \"exp(mean=1s)\"", users), times(20, 10));
    let expected = 0.284_867_788;
    check("lost", mean(&results, Measure::UnavailabilityRequest, "system"), expected, REL);
    check("rejected", mean(&results, Measure::Rejected, "clients->app"), expected, REL);
}

/// One permit a second, none saved: after each admission the limiter is dead for a second, which loses a / (1 + a) of the
/// requests (Erlang B with one server and a service of 1 s).
#[test]
fn a_rate_limit_refuses_what_comes_too_soon() {
    let users = "rate = \"2/s\"\nrate_limit = { rate = \"1/s\" }";
    let results = run_full(&text(2_000, "", users), times(20, 10));
    check("lost", mean(&results, Measure::UnavailabilityRequest, "system"), 2.0 / 3.0, REL);
    check("refused", mean(&results, Measure::Rejected, "clients->app"), 2.0 / 3.0, REL);
}

/// Ten requests a second for 100 s, of which one a second is let through: what the limiter refuses is refused whoever answers
/// in the end, and asks it as often as it is tried again.
#[test]
fn rejections_count_though_a_tier_answers_or_a_retry_follows() {
    let limited = "rate = \"10/s\"\narrivals = \"regular\"\nrate_limit = { rate = \"1/s\" }";
    let refused = |more: &str| {
        let counts = counts(&text(100, "", &format!("{limited}\n{more}")));
        let call = counts.call("clients->app").clone();
        assert!((999..=1001).contains(&call.calls) && (99..=101).contains(&call.attempts), "{call:?}");
        (call.rejected, call.calls - call.attempts, counts.user("clients").failures())
    };
    let (rejected, others, failures) = refused("");
    assert_eq!((rejected, failures), (others, others));
    let (rejected, others, failures) = refused("fallback = [{ tier = \"cached\" }]");
    assert_eq!((rejected, failures), (others, 0));
    let (rejected, others, failures) = refused(
        "retry = { attempts = 3, backoff = \"none\", on = [\"rejected\"] }\nfallback = [{ tier = \"cached\" }]",
    );
    assert_eq!((rejected, failures), (3 * others, 0));
}

/// A request a second; the service is down. Two failures open the breaker for 9.5 s: nine are refused, the next one probes
/// and opens it again. A cache answers them all.
#[test]
fn what_a_breaker_rejects_counts_though_a_cache_answers() {
    let users = "rate = \"1/s\"\narrivals = \"regular\"\nfallback = [{ tier = \"cached\" }]\n\
                 breaker = { consecutive = 2, open_for = \"9.5s\" }";
    let down = "errors = \"100%\"";
    let counts = counts(&text(1_000, down, users));
    let call = counts.call("clients->app");
    // of n calls the first goes to the service, then every tenth from the second on
    let attempts = 1 + (call.calls - 1).div_ceil(10);
    assert_eq!((call.attempts, call.rejected), (attempts, call.calls - attempts), "{call:?}");
    assert!((999..=1001).contains(&call.calls) && counts.user("clients").failures() == 0);
}

/// Exp(1) and, from `after` on, a second one beside it: mean 1 - e^-d / 2, quantile (d + ln 1/(1 - p)) / 2 beyond d.
#[test]
fn a_hedge_is_answered_by_the_faster_of_two() {
    for after in [0.001_f64, 1.0] {
        let users =
            format!("rate = \"20/s\"\nhedge = {{ after = \"{}ms\", budget = \"100%\" }}", (after * 1e3).round());
        let text = text(500, "nodes = 2\nneed = 1\nservice_time = \"exp(mean=1s)\"", &users);
        let results = run_full(&text, times(20, 10));
        let beside = (-after).exp();
        check(&format!("hedge after {after}"), mean(&results, Measure::Latency, "clients"), 1.0 - beside / 2.0, REL);
        let p99 = figure(&results, Measure::Latency, "clients", "p99");
        check(&format!("hedge after {after} p99"), p99, f64::midpoint(after, 100.0_f64.ln()), REL);
        let hedged = mean(&results, Measure::Hedged, "clients->app");
        check(&format!("hedges after {after}"), hedged, beside / (1.0 + beside), REL);
    }
}

/// M/M/c/K at the caller: who finds c in work and the queue full is rejected. Birth and death with 2.5 a second, 2 at a
/// time, 3 waiting.
#[test]
fn a_bulkhead_with_a_queue_rejects_who_finds_it_full() {
    let expected = birth_death(6, |_| 2.5, |n| n.min(2) as f64)[5];
    let users = "rate = \"2.5/s\"\nbulkhead = { concurrent = 2, queue = 3, queue_timeout = \"1h\" }";
    let results = run_full(&text(2_000, "service_time = \"exp(mean=1s)\"", users), times(20, 10));
    check("rejected", mean(&results, Measure::Rejected, "clients->app"), expected, REL);
}

/// Of 30 % failures a cache knows half.
#[test]
fn a_tier_answers_what_it_knows_and_the_rest_fails() {
    let users = "rate = \"20/s\"\nfallback = [{ tier = \"cached\", hit = \"50%\", takes = \"5ms\" }]";
    let results = run_full(&text(500, "errors = \"30%\"", users), times(20, 10));
    check("degraded", mean(&results, Measure::DegradedRatio, "system"), 0.15, REL);
    check("failed", mean(&results, Measure::UnavailabilityRequest, "system"), 0.15, REL);
}
