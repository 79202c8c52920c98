//! No policy allocates once it is built; counted by an allocator, so in a binary of its own.

use allocation_counter::measure;
use ninefold::resilience::bulkhead::{Bulkhead, BulkheadConfig};
use ninefold::resilience::circuit_breaker::{BreakerConfig, CircuitBreaker, Order, Trip, Window};
use ninefold::resilience::deadline::{AttemptShare, Deadline};
use ninefold::resilience::rate_limiter::{AtomicGcra, FixedCycle, Gcra, GcraConfig, KeyedGcra};
use ninefold::resilience::retry::{
    AttemptHistogram, Backoff, Call, Decision, Jitter, Retry, RetryConfig, RetryMarker, Strategy,
};
use ninefold::resilience::retry_budget::{
    ConcurrencyBudget, ConcurrencyConfig, QuotaBudget, QuotaConfig, RatioBudget, RatioConfig, RetryBudget, TokenBudget,
    TokenConfig,
};
use ninefold::resilience::{ErrorClass, Outcome};
use ninefold::time::{Span, Time};
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::SeedableRng;

const CALLS: u64 = 10_000;

/// Runs `one` at a millisecond's distance, many times, and counts the allocations.
fn counts_none(what: &str, mut one: impl FnMut(u64, Time)) {
    let info = measure(|| (0..CALLS).for_each(|i| one(i, Time::ZERO + Span::from_millis(i))));
    assert_eq!(info.count_total, 0, "{what}");
}

#[test]
fn the_counter_counts() {
    assert_eq!(measure(|| drop(std::hint::black_box(Box::new(1)))).count_total, 1);
}

#[test]
fn a_breaker_allocates_nothing_in_any_state() {
    let window = Window::Time { buckets: 10, bucket: Span::SECOND };
    for trip in [BreakerConfig::default().trip, Trip::Rate { window, min_calls: 10 }, Trip::Consecutive { failures: 5 }]
    {
        let config = BreakerConfig { trip, open_for: Span::from_millis(50), ..BreakerConfig::default() };
        let built = CircuitBreaker::new(config).expect("valid");
        // a clone is as good as new
        let mut breaker = built.clone();
        counts_none("breaker", |i, now| {
            if let Ok(permit) = breaker.acquire(now) {
                let outcome = if i % 100 < 30 { Outcome::Failure } else { Outcome::Success };
                breaker.record(now, permit, outcome, Span::MILLISECOND);
            }
            breaker.poll(now);
            if i % 1_000 == 0 {
                breaker.force(now, Order::Open);
            }
            while breaker.take_change().is_some() {}
        });
        assert!(breaker.snapshot(Time::NEVER).rejected > 0);
    }
}

#[test]
fn a_bulkhead_allocates_nothing_with_a_busy_queue() {
    let config = BulkheadConfig { max_queue: 64, queue_timeout: Span::from_millis(40), ..BulkheadConfig::new(4) };
    let mut bulkhead = Bulkhead::<u64>::new(config).expect("valid").clone();
    counts_none("bulkhead", |i, now| {
        let _ = bulkhead.acquire(now, i, &mut |_| {});
        if i % 3 == 0 {
            bulkhead.release(now, &mut |_| {});
        }
    });
    assert!(bulkhead.counts().timed_out > 0);
}

#[test]
fn limiters_allocate_nothing() {
    let config = GcraConfig { period: Span::from_millis(2), burst: 5 };
    let mut gcra = Gcra::new(config).expect("valid");
    let atomic = AtomicGcra::new(config).expect("valid");
    let mut keyed = KeyedGcra::new(config, 64, 1).expect("valid");
    let mut cycle = FixedCycle::new(Span::SECOND, 500).expect("valid");
    counts_none("limiters", |i, now| {
        let _ = gcra.acquire(now, 1);
        let _ = atomic.acquire(now, 1);
        let _ = keyed.acquire(now, &(i % 1_000), 1);
        let _ = cycle.acquire(now, 1);
    });
}

#[test]
fn retries_and_budgets_allocate_nothing() {
    let strategies = [
        (Strategy::Exponential { factor: 2.0 }, Jitter::Full),
        (Strategy::Fibonacci, Jitter::Equal),
        (Strategy::Decorrelated, Jitter::None),
        (Strategy::Smooth, Jitter::None),
    ];
    let mut budgets = [
        RetryBudget::Unlimited,
        RetryBudget::Tokens(TokenBudget::new(TokenConfig::default()).expect("valid")),
        RetryBudget::Quota(QuotaBudget::new(QuotaConfig::default()).expect("valid")),
        RetryBudget::Ratio(RatioBudget::new(RatioConfig::share(2_000)).expect("valid")),
        RetryBudget::Concurrency(ConcurrencyBudget::new(ConcurrencyConfig::default()).expect("valid")),
    ];
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(1);
    let mut histogram = AttemptHistogram::default();
    for (strategy, jitter) in strategies {
        let backoff = Backoff { strategy, jitter, ..Backoff::default() };
        let retry = Retry::new(RetryConfig { max_attempts: 5, backoff, ..RetryConfig::default() }).expect("valid");
        for budget in &mut budgets {
            counts_none("retry", |i, now| {
                let deadline = Deadline::after(now, Span::from_secs(60));
                let attempt = deadline.attempt(now, AttemptShare::default(), None);
                assert!(attempt.is_ok());
                histogram.record(now, RetryMarker { attempt: 1, retried: false });
                let mut state = retry.start(now, Call { deadline, ..Call::default() }, budget);
                for _ in 0..i % 7 {
                    let failure = ErrorClass::Timeout.into();
                    if let Decision::Stop(_) = retry.failed(&mut state, now, failure, budget, &mut rng) {
                        return;
                    }
                }
                retry.succeeded(&state, budget);
            });
        }
    }
}
