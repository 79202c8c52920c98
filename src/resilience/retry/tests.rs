//! One claim of the specification a test; the distributions of the waits are tested in `tests/it/backoff.rs`.

use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::SeedableRng;

use super::*;
use crate::resilience::ErrorClass;
use crate::resilience::deadline::Deadline;
use crate::resilience::retry_budget::{TokenBudget, TokenConfig};
use crate::time::Span;

fn ms(millis: u64) -> Span {
    Span::from_millis(millis)
}

fn at(millis: u64) -> Time {
    Time::ZERO + ms(millis)
}

fn rng() -> Xoshiro256PlusPlus {
    Xoshiro256PlusPlus::seed_from_u64(1)
}

/// Exponential from 1 s, no jitter, cap 60 s.
fn plain(max_attempts: u32) -> RetryConfig {
    let backoff = Backoff { base: ms(1_000), cap: ms(60_000), jitter: Jitter::None, ..Backoff::default() };
    RetryConfig { max_attempts, backoff, ..RetryConfig::default() }
}

fn retry(config: RetryConfig) -> Retry {
    Retry::new(config).expect("valid")
}

/// Feeds failures one after the other at time 0; the waits, and why it stopped.
fn run(config: RetryConfig, call: Call, failures: &[Failure]) -> (Vec<u64>, Option<Stop>) {
    let (retry, mut budget) = (retry(config), RetryBudget::Unlimited);
    let mut state = retry.start(at(0), call, &mut budget);
    let mut waits = Vec::new();
    for failure in failures {
        match retry.failed(&mut state, at(0), *failure, &mut budget, &mut rng()) {
            Decision::Retry(plan) => waits.push(plan.after.as_nanos() / 1_000_000),
            Decision::Stop(stop) => return (waits, Some(stop)),
        }
    }
    (waits, None)
}

fn fails(class: ErrorClass) -> Failure {
    Failure::from(class)
}

const ERROR: Failure = Failure { class: ErrorClass::Error, pushback: None };

#[test]
fn max_attempts_counts_the_first_call_and_nobody_sleeps_after_the_last() {
    let (waits, stop) = run(plain(5), Call::default(), &[ERROR; 9]);
    assert_eq!((waits, stop), (vec![1_000, 2_000, 4_000, 8_000], Some(Stop::Exhausted)));
    assert_eq!(run(plain(1), Call::default(), &[ERROR]), (vec![], Some(Stop::Exhausted)));
}

#[test]
fn an_error_not_worth_a_retry_is_returned_as_it_is() {
    let (waits, stop) = run(plain(3), Call::default(), &[ERROR, fails(ErrorClass::Client)]);
    assert_eq!((waits, stop), (vec![1_000], Some(Stop::NotRetryable)));
    assert_eq!(Stop::NotRetryable.error(2, DEADLINE), RetryError::Returned(DEADLINE));
}

const DEADLINE: crate::resilience::deadline::DeadlineExceeded = crate::resilience::deadline::DeadlineExceeded;

#[test]
fn an_exhausted_error_tells_attempts_and_last_cause() {
    let error = Stop::Exhausted.error(5, DEADLINE);
    assert_eq!(error, RetryError::Exhausted { attempts: 5, last: DEADLINE });
    assert_eq!(error.to_string(), "all 5 attempts failed, the last with: the deadline of the call has passed");
    assert!(std::error::Error::source(&error).is_some());
}

#[test]
fn a_breaker_rejection_is_not_retried_by_default() {
    assert_eq!(run(plain(3), Call::default(), &[fails(ErrorClass::Rejected)]), (vec![], Some(Stop::NotRetryable)));
    let config = RetryConfig { retry_on: ErrorSet::TRANSIENT.with(ErrorClass::Rejected), ..plain(3) };
    assert_eq!(run(config, Call::default(), &[fails(ErrorClass::Rejected)]), (vec![1_000], None));
}

#[test]
fn pushback_replaces_the_next_wait_and_restarts_the_schedule() {
    let pushed = Failure { pushback: Some(Pushback::After(ms(5_000))), ..ERROR };
    let (waits, _) = run(plain(9), Call::default(), &[ERROR, ERROR, pushed, ERROR, ERROR]);
    assert_eq!(waits, [1_000, 2_000, 5_000, 1_000, 2_000]);
}

#[test]
fn never_stops_at_once() {
    let never = Failure { pushback: Some(Pushback::Never), ..ERROR };
    assert_eq!(run(plain(9), Call::default(), &[never]), (vec![], Some(Stop::ToldNotTo)));
}

#[test]
fn a_retry_is_scheduled_only_if_it_begins_before_the_deadline() {
    let by = |millis| Call { deadline: Deadline::at(at(millis)), ..Call::default() };
    assert_eq!(run(plain(9), by(1_001), &[ERROR]).0, [1_000]);
    assert_eq!(run(plain(9), by(1_000), &[ERROR]), (vec![], Some(Stop::DeadlineWouldPass)));
    let config = RetryConfig { min_attempt_time: ms(500), ..plain(9) };
    assert_eq!(run(config, by(1_500), &[ERROR]).0, [1_000]);
    assert_eq!(run(config, by(1_499), &[ERROR]), (vec![], Some(Stop::DeadlineWouldPass)));
}

#[test]
fn a_retry_after_beyond_the_deadline_stops_at_once() {
    let call = Call { deadline: Deadline::at(at(4_000)), ..Call::default() };
    let pushed = Failure { pushback: Some(Pushback::After(ms(5_000))), ..ERROR };
    assert_eq!(run(plain(9), call, &[pushed]), (vec![], Some(Stop::DeadlineWouldPass)));
}

#[test]
fn a_request_that_must_not_run_twice_is_retried_only_if_it_surely_has_not_run() {
    let call = Call { idempotent: false, ..Call::default() };
    assert_eq!(run(plain(3), call, &[fails(ErrorClass::Connect)]), (vec![1_000], None));
    assert_eq!(run(plain(3), call, &[fails(ErrorClass::Overload)]), (vec![1_000], None));
    assert_eq!(run(plain(3), call, &[fails(ErrorClass::Timeout)]), (vec![], Some(Stop::NotIdempotent)));
    assert_eq!(run(plain(3), call, &[ERROR]), (vec![], Some(Stop::NotIdempotent)));
}

#[test]
fn only_one_layer_retries() {
    let (policy, mut budget) = (retry(plain(3)), RetryBudget::Unlimited);
    let mut outer = policy.start(at(0), Call::default(), &mut budget);
    let _ = policy.failed(&mut outer, at(0), ERROR, &mut budget, &mut rng());
    assert_eq!(outer.marker(), RetryMarker { attempt: 2, retried: true });
    let inner = Call { retried_above: outer.marker().retried, ..Call::default() };
    assert_eq!(run(plain(3), inner, &[ERROR]), (vec![], Some(Stop::RetriedAbove)));
}

#[test]
fn many_repeated_attempts_mean_that_the_whole_group_is_overloaded() {
    let mut histogram = AttemptHistogram::default();
    let marker = |attempt| RetryMarker { attempt, retried: true };
    (0..80).for_each(|_| histogram.record(at(0), marker(1)));
    (0..19).for_each(|_| histogram.record(at(0), marker(2)));
    assert!(!histogram.group_is_overloaded(at(0)), "99 requests say nothing");
    histogram.record(at(0), marker(3));
    assert!(histogram.group_is_overloaded(at(9_999)), "20 of 100");
    assert!(!histogram.group_is_overloaded(at(10_000)), "forgotten");
}

#[test]
fn the_state_of_one_call_does_not_disturb_another() {
    let (policy, mut budget) = (retry(plain(9)), RetryBudget::Unlimited);
    let mut states = [0; 2].map(|_| policy.start(at(0), Call::default(), &mut budget));
    for expected in [1_000, 2_000, 4_000] {
        for state in &mut states {
            let decision = policy.failed(state, at(0), ERROR, &mut budget, &mut rng());
            assert!(matches!(decision, Decision::Retry(plan) if plan.after == ms(expected)));
        }
    }
}

#[test]
fn the_budget_is_asked_last_and_may_refuse() {
    let policy = retry(plain(9));
    let mut budget = RetryBudget::Tokens(TokenBudget::new(TokenConfig { max: 4, ratio: 1_000 }).expect("valid"));
    let mut state = policy.start(at(0), Call::default(), &mut budget);
    let mut decide = |budget: &mut RetryBudget| policy.failed(&mut state, at(0), ERROR, budget, &mut rng());
    assert!(matches!(decide(&mut budget), Decision::Retry(_)), "3 of 4 tokens");
    assert_eq!(decide(&mut budget), Decision::Stop(Stop::NoBudget), "2 of 4 is not more than half");
}

#[test]
fn the_observer_hears_of_every_failed_attempt() {
    let (policy, mut budget) = (retry(plain(2)), RetryBudget::Unlimited);
    let mut state = policy.start(at(0), Call::default(), &mut budget);
    let mut heard = Vec::new();
    for t in [10, 1_020] {
        let _ = policy.failed_observed(&mut state, at(t), ERROR, &mut budget, &mut rng(), |event| heard.push(event));
    }
    let plan = Plan { after: ms(1_000), at: at(1_010), attempt: 2 };
    let event = |t, attempt, decision| RetryEvent { now: at(t), attempt, failure: ERROR, decision };
    assert_eq!(heard, [event(10, 1, Decision::Retry(plan)), event(1_020, 2, Decision::Stop(Stop::Exhausted))]);
}

fn schedule(strategy: Strategy) -> Backoff {
    Backoff { strategy, base: ms(1_000), cap: ms(60_000), jitter: Jitter::None }
}

#[test]
fn attempt_two_thousand_waits_for_the_cap_and_nothing_overflows() {
    let strategies = [
        Strategy::Linear,
        Strategy::Exponential { factor: 2.0 },
        Strategy::Exponential { factor: 1e300 },
        Strategy::Fibonacci,
        Strategy::Smooth,
    ];
    for strategy in strategies {
        for cap in [ms(60_000), Span::MAX] {
            let backoff = Backoff { cap, ..schedule(strategy) };
            let (mut state, mut rng) = (BackoffState::new(&backoff), rng());
            let mut last = Span::ZERO;
            for _ in 0..2_000 {
                last = state.next_wait(&backoff, &mut rng);
            }
            let linear = strategy == Strategy::Linear && cap == Span::MAX;
            assert_eq!(last, if linear { ms(2_000_000) } else { cap }, "{strategy:?}");
        }
    }
    assert_eq!(schedule(Strategy::Exponential { factor: 2.0 }).nominal(2_000), ms(60_000));
    assert_eq!(schedule(Strategy::Constant).nominal(2_000), ms(1_000));
}

#[test]
fn no_wait_is_longer_than_the_cap_whatever_the_jitter() {
    let jitters =
        [Jitter::None, Jitter::Full, Jitter::Equal, Jitter::Proportional(5_000), Jitter::Proportional(10_000)];
    let strategies = [Strategy::Constant, Strategy::Linear, Strategy::Exponential { factor: 3.0 }, Strategy::Fibonacci];
    let mut rng = rng();
    let mut check = |backoff: Backoff| {
        let mut state = BackoffState::new(&backoff);
        for _ in 0..5_000 {
            let wait = state.next_wait(&backoff, &mut rng);
            assert!(wait <= backoff.cap, "{backoff:?} {wait}");
        }
    };
    for cap in [ms(1_000), ms(1_001), ms(60_000), Span::MAX] {
        for jitter in jitters {
            for strategy in strategies {
                check(Backoff { cap, jitter, ..schedule(strategy) });
            }
        }
        check(Backoff { cap, ..schedule(Strategy::Decorrelated) });
        check(Backoff { cap, ..schedule(Strategy::Smooth) });
    }
}

#[test]
fn a_wrong_number_is_refused_by_name() {
    let field = |config: RetryConfig| Retry::new(config).err().map(|error| error.field);
    let with = |backoff: Backoff| RetryConfig { backoff, ..RetryConfig::default() };
    let good = Backoff::default();
    assert_eq!(field(RetryConfig::default()), None);
    assert_eq!(field(RetryConfig { max_attempts: 0, ..RetryConfig::default() }), Some("max_attempts"));
    let forever = RetryConfig { retry_on: ErrorSet::EMPTY.with(ErrorClass::Cancelled), ..RetryConfig::default() };
    assert_eq!(field(forever), Some("retry_on"));
    assert_eq!(field(with(Backoff { base: Span::ZERO, ..good })), Some("base"));
    assert_eq!(field(with(Backoff { cap: ms(1), ..good })), Some("cap"));
    assert_eq!(field(with(Backoff { jitter: Jitter::Proportional(10_001), ..good })), Some("jitter"));
    assert_eq!(field(with(Backoff { strategy: Strategy::Smooth, ..good })), Some("jitter"));
    assert_eq!(field(with(Backoff { strategy: Strategy::Exponential { factor: 0.5 }, ..good })), Some("factor"));
}
