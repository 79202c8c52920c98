//! One claim of the specification a test; times in milliseconds.

use super::*;

fn ms(millis: u64) -> Span {
    Span::from_millis(millis)
}

fn at(millis: u64) -> Time {
    Time::ZERO + ms(millis)
}

fn by_count(size: u32, min_calls: u32) -> BreakerConfig {
    BreakerConfig {
        trip: Trip::Rate { window: Window::Count { size }, min_calls },
        open_for: ms(1_000),
        ..BreakerConfig::default()
    }
}

fn by_time(buckets: u32, bucket: u64, min_calls: u32) -> BreakerConfig {
    let window = Window::Time { buckets, bucket: ms(bucket) };
    BreakerConfig { trip: Trip::Rate { window, min_calls }, ..by_count(1, 1) }
}

fn breaker(config: BreakerConfig) -> CircuitBreaker {
    CircuitBreaker::new(config).expect("a valid configuration")
}

/// One whole call that takes 1 ms: `S`uccess, `F`ailure, `I`gnored.
fn call(breaker: &mut CircuitBreaker, t: u64, result: char) {
    let permit = breaker.acquire(at(t)).expect("admitted");
    finish(breaker, t, permit, result);
}

fn finish(breaker: &mut CircuitBreaker, t: u64, permit: Permit, result: char) {
    let outcome = match result {
        'S' => Outcome::Success,
        'F' => Outcome::Failure,
        _ => Outcome::Ignored,
    };
    breaker.record(at(t), permit, outcome, ms(1));
}

fn calls(breaker: &mut CircuitBreaker, t: u64, results: &str) {
    for result in results.chars() {
        call(breaker, t, result);
    }
}

fn tripped(config: BreakerConfig) -> CircuitBreaker {
    let mut breaker = breaker(config);
    while breaker.state() == State::Closed {
        call(&mut breaker, 0, 'F');
    }
    breaker
}

fn open_until(t: u64) -> State {
    State::Open { until: at(t) }
}

// rule 1

#[test]
fn a_count_window_really_slides() {
    let mut b = breaker(by_count(4, 4));
    calls(&mut b, 0, "FSSSSSSSF");
    assert_eq!(b.state(), State::Closed, "the first failure has left the window of 4: 1 of 4 fails");
    assert_eq!(b.snapshot(at(0)).window, Tally { total: 4, failures: 1, slow: 0 });
    call(&mut b, 0, 'F');
    assert_eq!(b.state(), open_until(1_000));
}

#[test]
fn a_time_window_covers_whole_buckets_up_to_its_length() {
    let mut b = breaker(by_time(5, 1_000, 2));
    call(&mut b, 999, 'F');
    assert_eq!(b.snapshot(at(4_999)).window.total, 1, "floor(4999/1000) - floor(999/1000) = 4 < 5");
    assert_eq!(b.snapshot(at(5_000)).window.total, 0);
    call(&mut b, 6_000, 'F');
    assert_eq!(b.snapshot(at(10_999)).window.total, 1, "an entry at the start of a bucket stays for all of W");
    assert_eq!(b.snapshot(at(11_000)).window.total, 0);
}

#[test]
fn a_gap_as_long_as_the_window_clears_it() {
    let mut b = breaker(by_time(5, 1_000, 4));
    calls(&mut b, 0, "FFF");
    call(&mut b, 60_000, 'F');
    assert_eq!(b.state(), State::Closed);
    assert_eq!(b.snapshot(at(60_000)).window, Tally { total: 1, failures: 1, slow: 0 });
}

// rule 2

#[test]
fn nothing_is_judged_before_min_calls() {
    let mut b = breaker(by_count(10, 5));
    calls(&mut b, 0, "FFFF");
    assert_eq!(b.state(), State::Closed);
    call(&mut b, 0, 'F');
    assert_eq!(b.state(), open_until(1_000));
}

#[test]
fn min_calls_is_clamped_to_a_count_window() {
    let mut b = breaker(by_count(3, 100));
    calls(&mut b, 0, "FF");
    assert_eq!(b.state(), State::Closed);
    call(&mut b, 0, 'F');
    assert_ne!(b.state(), State::Closed);
}

#[test]
fn min_calls_of_a_time_window_is_not_clamped() {
    let mut b = breaker(by_time(2, 1_000, 100));
    calls(&mut b, 0, &"F".repeat(99));
    assert_eq!(b.state(), State::Closed);
    call(&mut b, 0, 'F');
    assert_ne!(b.state(), State::Closed);
}

#[test]
fn a_rate_equal_to_the_threshold_trips() {
    let mut b = breaker(BreakerConfig { failure_rate: 3_333, ..by_count(3, 3) });
    calls(&mut b, 0, "FSS");
    assert_eq!(b.take_change().map(|change| change.cause), Some(Cause::FailureRate), "1/3 >= 33.33 %");
    let mut b = breaker(BreakerConfig { failure_rate: 3_334, ..by_count(3, 3) });
    calls(&mut b, 0, "FSS");
    assert_eq!(b.state(), State::Closed, "1/3 < 33.34 %");
}

#[test]
fn slow_is_strictly_above_the_limit() {
    let config = BreakerConfig { slow_over: ms(100), slow_rate: 5_000, ..by_count(2, 2) };
    let mut b = breaker(config);
    for latency in [100, 100, 101] {
        let permit = b.acquire(at(0)).expect("closed");
        b.record(at(0), permit, Outcome::Success, ms(latency));
    }
    assert_eq!(b.take_change().map(|change| change.cause), Some(Cause::SlowRate));
}

#[test]
fn a_slow_failure_counts_in_both() {
    let mut b = breaker(BreakerConfig { slow_over: ms(100), ..by_count(10, 10) });
    let permit = b.acquire(at(0)).expect("closed");
    b.record(at(0), permit, Outcome::Failure, ms(101));
    assert_eq!(b.snapshot(at(0)).window, Tally { total: 1, failures: 1, slow: 1 });
}

// rule 3

#[test]
fn a_success_that_reaches_min_calls_may_trip() {
    let mut b = breaker(by_count(10, 3));
    calls(&mut b, 0, "FFS");
    assert_eq!(b.state(), open_until(1_000));
}

#[test]
fn ignored_results_touch_nothing() {
    let mut b = breaker(by_count(10, 3));
    calls(&mut b, 0, "FFIIII");
    assert_eq!(b.state(), State::Closed);
    assert_eq!(b.snapshot(at(0)).window.total, 2);
}

// rule 4

#[test]
fn consecutive_failures_trip_and_only_they() {
    let config = BreakerConfig { trip: Trip::Consecutive { failures: 3 }, ..by_count(1, 1) };
    let mut b = breaker(config);
    calls(&mut b, 0, &"FS".repeat(1_000));
    assert_eq!(b.state(), State::Closed, "half of all calls fail, and it never trips");
    calls(&mut b, 0, "FFI");
    assert_eq!(b.state(), State::Closed, "an ignored result does not count");
    call(&mut b, 0, 'F');
    assert_eq!(b.state(), open_until(1_000), "nor does it reset");
}

// rule 5

#[test]
fn the_open_state_ends_at_its_instant_inclusive() {
    let mut b = tripped(by_count(5, 5));
    assert_eq!(b.acquire(at(999)), Err(Rejected { retry_after: Some(ms(1)) }));
    assert!(b.acquire(at(1_000)).is_ok());
    assert_eq!(b.state(), State::HalfOpen);
}

#[test]
fn the_state_is_pure() {
    let b = tripped(by_count(5, 5));
    assert_eq!(b.state(), open_until(1_000), "only an operation can end the open state");
}

#[test]
fn openings_grow_until_the_longest_and_start_anew_after_a_close() {
    let config = BreakerConfig {
        open_growth: 2.0,
        open_max: ms(5_000),
        half_open: Probing::Consecutive { successes: 1, max_in_flight: 1 },
        ..by_count(5, 5)
    };
    let mut b = tripped(config);
    let mut t = 0;
    for wait in [1_000, 2_000, 4_000, 5_000, 5_000] {
        assert_eq!(b.state(), open_until(t + wait));
        t += wait;
        call(&mut b, t, 'F');
    }
    t += 5_000;
    call(&mut b, t, 'S');
    assert_eq!(b.state(), State::Closed);
    calls(&mut b, t, "FFFFF");
    assert_eq!(b.state(), open_until(t + 1_000));
}

#[test]
fn poll_half_opens_only_if_told_to() {
    let mut b = tripped(by_count(5, 5));
    assert_eq!(b.next_wake(), None);
    b.poll(at(1_000));
    assert_eq!(b.state(), open_until(1_000));
    let mut b = tripped(BreakerConfig { auto_half_open: true, ..by_count(5, 5) });
    let wake = b.next_wake().expect("the end of the open time");
    b.poll(wake);
    assert_eq!((wake, b.state()), (at(1_000), State::HalfOpen));
}

#[test]
fn open_jitter_differs_by_seed_and_never_exceeds_the_longest() {
    let config = BreakerConfig { open_jitter: 5_000, open_max: ms(1_200), ..by_count(1, 1) };
    let mut waits = Vec::new();
    for seed in 0..1_000 {
        let mut b = breaker(config).with_jitter_seed(seed);
        call(&mut b, 0, 'F');
        let State::Open { until } = b.state() else { panic!("tripped") };
        waits.push(until);
    }
    assert!(waits.iter().all(|until| (at(500)..=at(1_200)).contains(until)));
    let early = waits.iter().filter(|until| **until < at(1_000)).count();
    // half of U(0.5, 1.5) lies below 1; four standard deviations of 1000 draws are 63
    assert!((437..=563).contains(&early), "{early}");
}

// rule 6

#[test]
fn half_open_admits_exactly_its_probes_and_replaces_none_that_finished() {
    let mut b = tripped(by_count(5, 5));
    let first = b.acquire(at(1_000)).expect("probe");
    let second = b.acquire(at(1_000)).expect("probe");
    finish(&mut b, 1_001, first, 'S');
    let third = b.acquire(at(1_002)).expect("probe");
    assert_eq!(b.acquire(at(1_002)), Err(Rejected { retry_after: None }));
    finish(&mut b, 1_003, second, 'F');
    assert_eq!(b.acquire(at(1_003)), Err(Rejected { retry_after: None }));
    assert_eq!(b.state(), State::HalfOpen, "min_calls 5 is not asked, nor is a verdict given before the third");
    finish(&mut b, 1_004, third, 'S');
    assert_eq!(b.state(), State::Closed, "1/3 < 50 %");
}

#[test]
fn the_verdict_on_probes_uses_the_closed_thresholds() {
    let mut b = tripped(by_count(5, 5));
    for result in ['F', 'S', 'F'] {
        call(&mut b, 1_000, result);
    }
    assert_eq!(b.state(), open_until(2_000));
    let slow = BreakerConfig { slow_over: ms(10), ..by_count(5, 5) };
    let mut b = tripped(slow);
    for _ in 0..3 {
        let permit = b.acquire(at(1_000)).expect("probe");
        b.record(at(1_020), permit, Outcome::Success, ms(20));
    }
    assert_eq!(b.state(), open_until(2_020), "three good but slow probes");
}

#[test]
fn half_open_breaker_admits_one_probe_at_a_time_in_consecutive_probing() {
    let config = BreakerConfig { half_open: Probing::Consecutive { successes: 2, max_in_flight: 1 }, ..by_count(5, 5) };
    let mut b = tripped(config);
    let probe = b.acquire(at(1_000)).expect("probe");
    assert!(b.acquire(at(1_000)).is_err());
    finish(&mut b, 1_001, probe, 'S');
    assert_eq!(b.state(), State::HalfOpen);
    call(&mut b, 1_002, 'S');
    assert_eq!(b.state(), State::Closed);
}

#[test]
fn a_failed_probe_reopens_at_once_in_consecutive_probing() {
    let config = BreakerConfig { half_open: Probing::Consecutive { successes: 5, max_in_flight: 2 }, ..by_count(5, 5) };
    let mut b = tripped(config);
    let straggler = b.acquire(at(1_000)).expect("probe");
    call(&mut b, 1_001, 'F');
    assert_eq!(b.state(), open_until(2_001));
    finish(&mut b, 1_002, straggler, 'F');
    assert_eq!(b.state(), open_until(2_001), "the other probe's result comes too late to matter");
}

// rule 7

#[test]
fn ignored_and_released_probes_give_the_permit_back() {
    let mut b = tripped(by_count(5, 5));
    let [first, second, third] = [0; 3].map(|_| b.acquire(at(1_000)).expect("probe"));
    assert!(b.acquire(at(1_000)).is_err());
    finish(&mut b, 1_001, first, 'I');
    b.release(at(1_001), second);
    assert_eq!(b.state(), State::HalfOpen, "an ignored probe is no verdict");
    let again = [0; 2].map(|_| b.acquire(at(1_002)).expect("probe"));
    assert!(b.acquire(at(1_002)).is_err());
    finish(&mut b, 1_003, third, 'S');
    for probe in again {
        finish(&mut b, 1_003, probe, 'S');
    }
    assert_eq!(b.state(), State::Closed);
}

// rule 8

#[test]
fn a_lost_probe_does_not_hang_the_breaker() {
    let mut b = tripped(BreakerConfig { open_growth: 2.0, ..by_count(5, 5) });
    let _lost = b.acquire(at(1_000)).expect("probe");
    assert_eq!(b.next_wake(), Some(at(61_000)), "60 s by default");
    b.poll(at(60_999));
    assert_eq!(b.state(), State::HalfOpen);
    b.poll(at(61_000));
    assert_eq!(b.state(), open_until(63_000), "the second opening in a row");
}

#[test]
fn asking_late_is_like_asking_in_time() {
    let mut in_time = tripped(by_count(5, 5));
    let _lost = in_time.acquire(at(1_000));
    let mut late = in_time.clone();
    in_time.poll(at(61_000));
    assert_eq!(in_time.acquire(at(61_500)), late.acquire(at(61_500)));
    assert_eq!(in_time.state(), late.state());
    while let Some(change) = in_time.take_change() {
        assert_eq!(late.take_change(), Some(change));
    }
    let mut very_late = tripped(by_count(5, 5));
    let _lost = very_late.acquire(at(1_000));
    assert!(very_late.acquire(at(62_000)).is_ok(), "reopened at 61 s and open until 62 s");
}

#[test]
fn an_infinite_half_open_state_is_refused() {
    let error = CircuitBreaker::new(BreakerConfig { half_open_max: Span::MAX, ..BreakerConfig::default() });
    assert_eq!(error.err().map(|error| error.field), Some("half_open_max"));
}

// rule 9

#[test]
fn results_of_an_earlier_generation_change_only_the_stale_counter() {
    let mut b = breaker(by_count(5, 5));
    let [one, two, three, four, five] = [0; 5].map(|_| b.acquire(at(0)).expect("closed"));
    calls(&mut b, 0, "FFFFF");
    finish(&mut b, 900, one, 'F');
    assert_eq!(b.state(), open_until(1_000), "a straggler does not lengthen the open time");
    let probe = b.acquire(at(1_000)).expect("probe");
    finish(&mut b, 1_001, two, 'F');
    finish(&mut b, 1_001, three, 'S');
    b.release(at(1_001), four);
    assert!(b.acquire(at(1_001)).is_ok());
    assert!(b.acquire(at(1_001)).is_ok());
    assert!(b.acquire(at(1_001)).is_err(), "old results and releases free no probe");
    finish(&mut b, 1_002, probe, 'S');
    assert_eq!(b.state(), State::HalfOpen, "old results are no probe results");
    b.force(at(1_003), Order::Closed);
    finish(&mut b, 1_004, five, 'F');
    assert_eq!(b.snapshot(at(1_004)).window.total, 0);
    assert_eq!(b.snapshot(at(1_004)).stale, 4);
}

// rule 10

#[test]
fn a_closed_breaker_starts_with_an_empty_window() {
    let mut b = tripped(by_count(5, 5));
    for _ in 0..3 {
        call(&mut b, 1_000, 'S');
    }
    assert_eq!(b.state(), State::Closed);
    let snapshot = b.snapshot(at(1_000));
    assert_eq!((snapshot.window, snapshot.openings), (Tally::default(), 0));
    calls(&mut b, 1_001, "FFFF");
    assert_eq!(b.state(), State::Closed);
}

#[test]
fn forced_open_rejects_for_ever() {
    let mut b = breaker(by_count(5, 5));
    b.force(at(0), Order::ForcedOpen);
    b.poll(at(u64::MAX / 2_000_000));
    assert_eq!(b.acquire(Time::NEVER), Err(Rejected { retry_after: None }));
    assert_eq!(b.next_wake(), None);
}

#[test]
fn disabled_permits_and_records_nothing() {
    let mut b = breaker(by_count(5, 5));
    b.force(at(0), Order::Disabled);
    calls(&mut b, 0, &"F".repeat(100));
    let snapshot = b.snapshot(at(0));
    assert_eq!((snapshot.state, snapshot.window, snapshot.stale), (State::Disabled, Tally::default(), 0));
}

#[test]
fn metrics_only_records_and_never_trips() {
    let mut b = breaker(by_count(5, 5));
    b.force(at(0), Order::MetricsOnly);
    calls(&mut b, 0, "FFFFFFF");
    let snapshot = b.snapshot(at(0));
    assert_eq!(snapshot.state, State::MetricsOnly);
    assert_eq!(snapshot.window, Tally { total: 5, failures: 5, slow: 0 });
}

// rule 11

#[test]
fn what_the_caller_did_is_no_failure_of_the_callee() {
    use crate::resilience::ErrorClass::{
        Cancelled, Client, Connect, DeadlineExceeded, Error, Overload, Rejected, Timeout,
    };
    for class in [Timeout, Connect, Overload, Error] {
        assert_eq!(class.outcome(), Outcome::Failure);
    }
    for class in [Client, Cancelled, Rejected, DeadlineExceeded] {
        assert_eq!(class.outcome(), Outcome::Ignored);
    }
}

// rule 12

#[test]
fn a_rejection_says_when_to_come_back_if_it_knows() {
    let mut b = tripped(by_count(5, 5));
    assert_eq!(b.acquire(at(250)), Err(Rejected { retry_after: Some(ms(750)) }));
    for _ in 0..3 {
        let _probe = b.acquire(at(1_000));
    }
    assert_eq!(b.acquire(at(1_000)), Err(Rejected { retry_after: None }));
}

// general

#[test]
fn a_clock_that_turns_back_stands_still() {
    let mut b = tripped(by_count(5, 5));
    assert!(b.acquire(at(1_000)).is_ok());
    b.force(at(5_000), Order::Open);
    assert_eq!(b.acquire(at(1)), Err(Rejected { retry_after: Some(ms(1_000)) }), "seen as 5 s");
}

#[test]
fn every_change_is_reported_once_with_its_cause_and_time() {
    let mut b = tripped(by_count(5, 5));
    for _ in 0..3 {
        call(&mut b, 1_500, 'S');
    }
    let until = open_until(1_000);
    let expected = [
        (State::Closed, until, Cause::FailureRate, 0),
        (until, State::HalfOpen, Cause::WaitOver, 1_500),
        (State::HalfOpen, State::Closed, Cause::ProbesPassed, 1_500),
    ];
    for (from, to, cause, t) in expected {
        assert_eq!(b.take_change(), Some(Transition { from, to, cause, now: at(t) }));
    }
    assert_eq!(b.take_change(), None);
}

#[test]
fn a_wrong_number_is_refused_by_name() {
    let good = BreakerConfig::default();
    assert_eq!(good.check(), Ok(()));
    let field = |config: BreakerConfig| config.check().err().map(|error| error.field);
    assert_eq!(field(BreakerConfig { failure_rate: 0, ..good }), Some("failure_rate"));
    assert_eq!(field(BreakerConfig { slow_rate: 10_001, ..good }), Some("slow_rate"));
    assert_eq!(field(BreakerConfig { open_for: Span::ZERO, ..good }), Some("open_for"));
    assert_eq!(field(BreakerConfig { open_growth: f64::NAN, ..good }), Some("open_growth"));
    assert_eq!(field(BreakerConfig { open_max: ms(1), ..good }), Some("open_max"));
    assert_eq!(field(BreakerConfig { half_open: Probing::Rate { permitted: 0 }, ..good }), Some("half_open"));
    assert_eq!(field(by_count(0, 1)), Some("window"));
    assert_eq!(field(by_count(1, 0)), Some("min_calls"));
}
