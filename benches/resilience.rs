//! What one operation of a policy costs, in nanoseconds: breaker, limiter, bulkhead, retry, budgets, deadline.
//!
//! Time advances by 1 us per operation unless the name says otherwise, so that windows turn over as they do in life.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use ninefold::resilience::bulkhead::{Bulkhead, BulkheadConfig};
use ninefold::resilience::circuit_breaker::{BreakerConfig, CircuitBreaker, Order, Trip, Window};
use ninefold::resilience::deadline::{AttemptShare, Deadline};
use ninefold::resilience::rate_limiter::{AtomicGcra, Gcra, GcraConfig, KeyedGcra};
use ninefold::resilience::retry::{Backoff, BackoffState, Call, Jitter, Retry, RetryConfig, Strategy};
use ninefold::resilience::retry_budget::{RatioBudget, RatioConfig, RetryBudget};
use ninefold::resilience::shared::Shared;
use ninefold::resilience::{ErrorClass, Outcome};
use ninefold::time::{Span, Time};
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::SeedableRng;

const STEP: Span = Span::MICROSECOND;

fn breaker(trip: Trip) -> CircuitBreaker {
    CircuitBreaker::new(BreakerConfig { trip, slow_over: Span::SECOND, ..BreakerConfig::default() }).expect("valid")
}

fn count(size: u32) -> Trip {
    Trip::Rate { window: Window::Count { size }, min_calls: 10 }
}

/// Ten buckets of this width.
fn time(bucket: Span) -> Trip {
    Trip::Rate { window: Window::Time { buckets: 10, bucket }, min_calls: 10 }
}

/// One permitted call; every eighth fails.
fn one_call(breaker: &mut CircuitBreaker, now: &mut Time, calls: &mut u32) {
    *now += STEP;
    *calls = calls.wrapping_add(1);
    let outcome = if calls.is_multiple_of(8) { Outcome::Failure } else { Outcome::Success };
    if let Ok(permit) = black_box(&mut *breaker).acquire(*now) {
        breaker.record(*now, permit, black_box(outcome), black_box(Span::MILLISECOND));
    }
}

fn breakers(c: &mut Criterion) {
    let mut group = c.benchmark_group("breaker");
    let mut permitted = |name: &str, trip: Trip| {
        let (mut breaker, mut now, mut calls) = (breaker(trip), Time::ZERO, 0);
        group.bench_function(name, |b| b.iter(|| one_call(&mut breaker, &mut now, &mut calls)));
    };
    permitted("acquire+record, count 100", count(100));
    permitted("acquire+record, count 1000000", count(1_000_000));
    // one call a microsecond: the window of ten buckets holds ten times the bucket's microseconds
    permitted("acquire+record, time, 10 calls", time(Span::MICROSECOND));
    permitted("acquire+record, time, 1000 calls", time(Span::from_nanos(100_000)));
    permitted("acquire+record, time, 1000000 calls", time(Span::from_millis(100)));
    permitted("acquire+record, consecutive 5", Trip::Consecutive { failures: 5 });
    let mut open = breaker(count(100));
    open.force(Time::ZERO, Order::Open);
    group.bench_function("reject", |b| b.iter(|| black_box(&mut open).acquire(black_box(Time::ZERO)).is_err()));
    let shared = Shared::new(breaker(count(100)));
    let mut now = Time::ZERO;
    group.bench_function("acquire+record, count 100, behind a mutex", |b| {
        b.iter(|| {
            now += STEP;
            if let Ok(permit) = shared.with(|breaker| breaker.acquire(now)) {
                shared.with(|breaker| breaker.record(now, permit, Outcome::Success, Span::MILLISECOND));
            }
        });
    });
    group.finish();
}

fn limiters(c: &mut Criterion) {
    let mut group = c.benchmark_group("limiter");
    let config = GcraConfig { period: Span::from_nanos(1_500), burst: 100 };
    let (mut gcra, mut now) = (Gcra::new(config).expect("valid"), Time::ZERO);
    group.bench_function("gcra, a third refused", |b| {
        b.iter(|| {
            now += STEP;
            black_box(&mut gcra).acquire(now, 1).is_ok()
        });
    });
    let mut now = Time::ZERO;
    let mut easy = Gcra::new(GcraConfig { period: Span::from_nanos(500), burst: 100 }).expect("valid");
    group.bench_function("gcra, all admitted", |b| {
        b.iter(|| {
            now += STEP;
            black_box(&mut easy).acquire(now, 1).is_ok()
        });
    });
    let mut now = Time::ZERO;
    let atomic = AtomicGcra::new(config).expect("valid");
    group.bench_function("atomic gcra, one thread", |b| {
        b.iter(|| {
            now += STEP;
            black_box(&atomic).acquire(now, 1).is_ok()
        });
    });
    let (mut now, mut key) = (Time::ZERO, 0_u64);
    let mut keyed = KeyedGcra::new(config, 4_096, 1).expect("valid");
    group.bench_function("keyed gcra, 2000 keys", |b| {
        b.iter(|| {
            now += STEP;
            key = (key + 1) % 2_000;
            keyed.acquire(now, &key, 1).is_ok()
        });
    });
    group.finish();
}

fn bulkheads(c: &mut Criterion) {
    let mut group = c.benchmark_group("bulkhead");
    let config = BulkheadConfig { max_queue: 128, queue_timeout: Span::MILLISECOND, ..BulkheadConfig::new(64) };
    let (mut bulkhead, mut now) = (Bulkhead::<u32>::new(config).expect("valid"), Time::ZERO);
    group.bench_function("admit+release", |b| {
        b.iter(|| {
            now += STEP;
            let answer = black_box(&mut bulkhead).acquire(now, 1, &mut |_| {});
            bulkhead.release(now, &mut |_| {});
            answer
        });
    });
    let (mut bulkhead, mut now) = (Bulkhead::<u32>::new(config).expect("valid"), Time::ZERO);
    for waiter in 0..128 {
        let _ = bulkhead.acquire(now, waiter, &mut |_| {});
    }
    group.bench_function("queue+release, 64 waiting", |b| {
        b.iter(|| {
            now += STEP;
            let answer = black_box(&mut bulkhead).acquire(now, 1, &mut |_| {});
            bulkhead.release(now, &mut |_| {});
            answer
        });
    });
    group.finish();
}

fn retries(c: &mut Criterion) {
    let mut group = c.benchmark_group("retry");
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(1);
    let mut wait = |name: &str, strategy: Strategy, jitter: Jitter| {
        let backoff = Backoff { strategy, jitter, ..Backoff::default() };
        let (start, mut turn) = (BackoffState::new(&backoff), 0);
        let mut state = start;
        group.bench_function(name, |b| {
            b.iter(|| {
                turn += 1_u32;
                if turn.is_multiple_of(8) {
                    state = start;
                }
                state.next_wait(black_box(&backoff), &mut rng)
            });
        });
    };
    wait("wait, exponential, full jitter", Strategy::Exponential { factor: 2.0 }, Jitter::Full);
    wait("wait, exponential, proportional jitter", Strategy::Exponential { factor: 2.0 }, Jitter::Proportional(2_000));
    wait("wait, fibonacci, equal jitter", Strategy::Fibonacci, Jitter::Equal);
    wait("wait, decorrelated", Strategy::Decorrelated, Jitter::None);
    wait("wait, smooth", Strategy::Smooth, Jitter::None);
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(1);
    let retry = Retry::new(RetryConfig::default()).expect("valid");
    let mut budget = RetryBudget::Ratio(RatioBudget::new(RatioConfig::share(10_000)).expect("valid"));
    let mut now = Time::ZERO;
    group.bench_function("call with one failure, ratio budget", |b| {
        b.iter(|| {
            now += STEP;
            let mut state = retry.start(now, Call::default(), &mut budget);
            let decision = retry.failed(&mut state, now, ErrorClass::Error.into(), &mut budget, &mut rng);
            retry.succeeded(&state, &mut budget);
            decision
        });
    });
    let call = Deadline::after(Time::ZERO, Span::HOUR);
    let share = AttemptShare::default();
    group.bench_function("share of a deadline", |b| {
        b.iter(|| black_box(call).attempt(black_box(Time::ZERO), black_box(share), None));
    });
    group.finish();
}

criterion_group!(benches, breakers, limiters, bulkheads, retries);
criterion_main!(benches);
