//! One claim of the specification a test; times in seconds.

use super::*;
use crate::time::Span;

fn at(secs: f64) -> Time {
    Time::ZERO + Span::from_secs_f64(secs)
}

#[test]
fn tokens_grant_retries_only_above_half() {
    let mut budget = TokenBudget::new(TokenConfig { max: 10, ratio: 100 }).expect("valid");
    (0..4).for_each(|_| budget.failure());
    assert!(budget.allows(), "6 of 10");
    budget.failure();
    assert!(!budget.allows(), "5 of 10 is not more than half");
    budget.success();
    assert!(budget.allows(), "5.1 of 10");
}

#[test]
fn tokens_stay_between_none_and_the_maximum() {
    let mut budget = TokenBudget::new(TokenConfig::default()).expect("valid");
    budget.success();
    assert_eq!(budget.thousandths(), 10_000);
    (0..100).for_each(|_| budget.failure());
    assert_eq!(budget.thousandths(), 0);
}

#[test]
fn fatal_errors_take_no_token() {
    use crate::resilience::retry::{Call, Retry, RetryConfig};
    use rand_xoshiro::Xoshiro256PlusPlus;
    use rand_xoshiro::rand_core::SeedableRng;
    let retry = Retry::new(RetryConfig::default()).expect("valid");
    let mut budget = RetryBudget::Tokens(TokenBudget::new(TokenConfig::default()).expect("valid"));
    let mut state = retry.start(at(0.0), Call::default(), &mut budget);
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(1);
    let _ = retry.failed(&mut state, at(0.0), ErrorClass::Client.into(), &mut budget, &mut rng);
    let RetryBudget::Tokens(tokens) = budget else { panic!("tokens") };
    assert_eq!(tokens.thousandths(), 10_000);
}

#[test]
fn a_steady_failure_empties_the_quota_after_a_hundred_retries() {
    let mut budget = QuotaBudget::new(QuotaConfig::default()).expect("valid");
    let granted = (0..1_000).filter(|_| budget.withdraw(ErrorClass::Error).is_some()).count();
    assert_eq!((granted, budget.left()), (100, 0));
}

#[test]
fn a_timeout_costs_twice_and_success_pays_the_last_cost_back() {
    let mut budget = QuotaBudget::new(QuotaConfig::default()).expect("valid");
    let first = budget.withdraw(ErrorClass::Error);
    let last = budget.withdraw(ErrorClass::Timeout);
    assert_eq!((first, last, budget.left()), (Some(5), Some(10), 485));
    budget.success(last);
    assert_eq!(budget.left(), 495, "only the last cost comes back");
    budget.success(None);
    assert_eq!(budget.left(), 496, "a success at once adds one");
}

#[test]
fn thirty_percent_are_three_retries_for_ten_requests_and_no_more() {
    let mut budget = RatioBudget::new(RatioConfig::share(3_000)).expect("valid");
    let mut granted = 0;
    for _ in 0..1_000 {
        budget.request(at(0.0));
        granted += u32::from(budget.withdraw(at(0.0)));
    }
    assert_eq!(granted, 300);
}

#[test]
fn forty_percent_are_not_turned_into_fifty() {
    let mut budget = RatioBudget::new(RatioConfig::share(4_000)).expect("valid");
    (0..1_000).for_each(|_| budget.request(at(0.0)));
    assert_eq!((0..1_000).filter(|_| budget.withdraw(at(0.0))).count(), 400);
}

#[test]
fn a_reserve_lets_a_quiet_client_retry() {
    let config = RatioConfig { min_per_second: 0.29, window: Span::from_secs(100), ..RatioConfig::share(1_000) };
    let mut budget = RatioBudget::new(config).expect("valid");
    assert_eq!(budget.balance(at(0.0)), 290, "0.29 per second, 100 s, 10 per retry: exactly");
    assert_eq!((0..1_000).filter(|_| budget.withdraw(at(0.0))).count(), 29);
}

#[test]
fn deposits_and_withdrawals_leave_with_their_slot() {
    let config = RatioConfig { min_per_second: 1.0, ..RatioConfig::share(5_000) };
    let mut budget = RatioBudget::new(config).expect("valid");
    assert_eq!(budget.balance(at(0.0)), 20, "10 retries at 2 each");
    (0..4).for_each(|_| budget.request(at(0.999)));
    assert!(budget.withdraw(at(1.0)));
    assert_eq!(budget.balance(at(9.999)), 20 + 4 - 2);
    assert_eq!(budget.balance(at(10.0)), 20 - 2, "the deposits were in slot 0");
    assert_eq!(budget.balance(at(11.0)), 20, "the withdrawal was in slot 1");
}

#[test]
fn concurrent_retries_are_a_share_of_the_calls_in_progress() {
    let mut budget = ConcurrencyBudget::new(ConcurrencyConfig::default()).expect("valid");
    (0..19).for_each(|_| budget.begin());
    assert_eq!((0..99).filter(|_| budget.withdraw()).count(), 3, "floor(0.2 * 19) = 3, and at least 3");
    budget.begin();
    assert!(budget.withdraw(), "floor(0.2 * 20) = 4");
    assert!(!budget.withdraw());
    budget.settle();
    assert!(budget.withdraw());
    assert_eq!(budget.in_progress(), (20, 4));
}

#[test]
fn a_retry_that_waits_in_its_backoff_counts_as_under_way() {
    use crate::resilience::retry::{Call, Decision, Retry, RetryConfig, Stop};
    use rand_xoshiro::Xoshiro256PlusPlus;
    use rand_xoshiro::rand_core::SeedableRng;
    let retry = Retry::new(RetryConfig::default()).expect("valid");
    let budget = ConcurrencyBudget::new(ConcurrencyConfig { share: 0, min: 1 }).expect("valid");
    let mut budget = RetryBudget::Concurrency(budget);
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(1);
    let mut states = [0; 2].map(|_| retry.start(at(0.0), Call::default(), &mut budget));
    let failure = ErrorClass::Error.into();
    let first = retry.failed(&mut states[0], at(0.0), failure, &mut budget, &mut rng);
    assert!(matches!(first, Decision::Retry(_)));
    let second = retry.failed(&mut states[1], at(0.0), failure, &mut budget, &mut rng);
    assert_eq!(second, Decision::Stop(Stop::NoBudget), "the first has not been sent yet");
    retry.succeeded(&states[0], &mut budget);
    let RetryBudget::Concurrency(budget) = budget else { panic!("concurrency") };
    assert_eq!(budget.in_progress(), (0, 0));
}

#[test]
fn a_wrong_number_is_refused_by_name() {
    let tokens = |max, ratio| TokenBudget::new(TokenConfig { max, ratio }).err().map(|error| error.field);
    assert_eq!((tokens(0, 1), tokens(1, 0)), (Some("max"), Some("ratio")));
    let quota = |size, cost, timeout_cost| {
        QuotaBudget::new(QuotaConfig { size, cost, timeout_cost }).err().map(|error| error.field)
    };
    assert_eq!((quota(5, 0, 1), quota(5, 1, 0), quota(5, 1, 6)), (Some("cost"), Some("timeout_cost"), Some("size")));
    let ratio = |config| RatioBudget::new(config).err().map(|error| error.field);
    let good = RatioConfig::share(2_000);
    assert_eq!(ratio(good), None);
    assert_eq!(ratio(RatioConfig::share(0)), Some("retries"));
    assert_eq!(ratio(RatioConfig { window: Span::from_nanos(9), ..good }), Some("window"));
    assert_eq!(ratio(RatioConfig { min_per_second: f64::NAN, ..good }), Some("min_per_second"));
    let concurrency = |share, min| ConcurrencyBudget::new(ConcurrencyConfig { share, min }).err().map(|e| e.field);
    assert_eq!((concurrency(10_001, 1), concurrency(0, 0)), (Some("share"), Some("min")));
}
