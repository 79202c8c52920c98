//! Ours beside recloser, failsafe, governor and tower-resilience, in one run on one machine.
//!
//! The peers read a clock inside each operation; ours is told the time, and for a fair comparison one row of ours reads
//! the clock as well. All breakers hold a count window of 100 (failsafe has none: five failures in a row), and every
//! operation is one permitted call that succeeds. The tower rows are a whole `call` and its answer of a service that is
//! ready at once: the bare service, ours, the peer's.

use std::future::{Ready, ready};
use std::hint::black_box;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use failsafe::{CircuitBreaker as _, backoff, failure_policy};
use governor::{Quota, RateLimiter, clock::FakeRelativeClock};
use ninefold::live::guard::GuardLayer;
use ninefold::live::guards::Breaker;
use ninefold::live::pipeline::{Attempt, Pipeline, PipelineLayer, no_tiers};
use ninefold::live::{Clock, EveryError, Refusal};
use ninefold::resilience::Outcome;
use ninefold::resilience::circuit_breaker::{BreakerConfig, CircuitBreaker, Order, Trip, Window};
use ninefold::resilience::pipeline::{PipelineConfig, Request};
use ninefold::resilience::rate_limiter::{AtomicGcra, GcraConfig};
use ninefold::resilience::shared::Shared;
use ninefold::time::{Span, Time};
use recloser::Recloser;
use tower::{Layer, Service};
use tower_resilience::circuitbreaker::CircuitBreakerLayer;

fn config() -> BreakerConfig {
    let trip = Trip::Rate { window: Window::Count { size: 100 }, min_calls: 100 };
    BreakerConfig { trip, open_for: Span::HOUR, open_max: Span::HOUR, ..BreakerConfig::default() }
}

fn ours() -> CircuitBreaker {
    CircuitBreaker::new(config()).expect("valid")
}

fn permitted(c: &mut Criterion) {
    let mut group = c.benchmark_group("permitted call");
    let (mut breaker, mut now) = (ours(), Time::ZERO);
    group.bench_function("ninefold", |b| {
        b.iter(|| {
            now += Span::MICROSECOND;
            if let Ok(permit) = black_box(&mut breaker).acquire(now) {
                breaker.record(now, permit, Outcome::Success, Span::ZERO);
            }
        });
    });
    let shared = Shared::new(ours());
    group.bench_function("ninefold, shared", |b| {
        b.iter(|| {
            now += Span::MICROSECOND;
            if let Ok(permit) = black_box(&shared).with(|breaker| breaker.acquire(now)) {
                shared.with(|breaker| breaker.record(now, permit, Outcome::Success, Span::ZERO));
            }
        });
    });
    let origin = Instant::now();
    let read = || Time::from_nanos(origin.elapsed().as_nanos() as u64);
    group.bench_function("ninefold, shared, reading the clock twice", |b| {
        b.iter(|| {
            let started = read();
            if let Ok(permit) = black_box(&shared).with(|breaker| breaker.acquire(started)) {
                let now = read();
                shared.with(|breaker| breaker.record(now, permit, Outcome::Success, now.since(started)));
            }
        });
    });
    let recloser = Recloser::custom().error_rate(0.5).closed_len(100).build();
    group.bench_function("recloser", |b| b.iter(|| black_box(&recloser).call(|| Ok::<_, ()>(black_box(1)))));
    let policy = failure_policy::consecutive_failures(5, backoff::constant(Duration::from_secs(3_600)));
    let failsafe = failsafe::Config::new().failure_policy(policy).build();
    group.bench_function("failsafe", |b| b.iter(|| black_box(&failsafe).call(|| Ok::<_, ()>(black_box(1)))));
    group.finish();
}

fn rejected(c: &mut Criterion) {
    let mut group = c.benchmark_group("rejected call");
    let mut breaker = ours();
    breaker.force(Time::ZERO, Order::Open);
    group.bench_function("ninefold", |b| b.iter(|| black_box(&mut breaker).acquire(black_box(Time::ZERO)).is_err()));
    let recloser =
        Recloser::custom().error_rate(0.1).closed_len(2).open_wait(Duration::from_secs(3_600)).build();
    for _ in 0..10 {
        let _ = recloser.call(|| Err::<(), _>(()));
    }
    group.bench_function("recloser", |b| b.iter(|| black_box(&recloser).call(|| Ok::<_, ()>(1)).is_err()));
    let policy = failure_policy::consecutive_failures(1, backoff::constant(Duration::from_secs(3_600)));
    let failsafe = failsafe::Config::new().failure_policy(policy).build();
    let _ = failsafe.call(|| Err::<(), _>(()));
    group.bench_function("failsafe", |b| b.iter(|| black_box(&failsafe).call(|| Ok::<_, ()>(1)).is_err()));
    group.finish();
}

fn limiters(c: &mut Criterion) {
    let mut group = c.benchmark_group("limiter, a third refused");
    let atomic = AtomicGcra::new(GcraConfig { period: Span::from_nanos(1_500), burst: 100 }).expect("valid");
    let mut now = Time::ZERO;
    group.bench_function("ninefold, atomic", |b| {
        b.iter(|| {
            now += Span::MICROSECOND;
            black_box(&atomic).acquire(now, 1).is_ok()
        });
    });
    let quota = Quota::with_period(Duration::from_nanos(1_500)).expect("not zero");
    let quota = quota.allow_burst(NonZeroU32::new(100).expect("not zero"));
    let clock = FakeRelativeClock::default();
    let governor = RateLimiter::direct_with_clock(quota, clock.clone());
    group.bench_function("governor, with a clock that is set", |b| {
        b.iter(|| {
            clock.advance(Duration::from_micros(1));
            black_box(&governor).check().is_ok()
        });
    });
    group.finish();
}

/// A service that answers at once.
#[derive(Clone, Copy)]
struct Echo;

impl Service<u64> for Echo {
    type Response = u64;
    type Error = Refusal;
    type Future = Ready<Result<u64, Refusal>>;
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Refusal>> {
        Poll::Ready(Ok(()))
    }
    fn call(&mut self, number: u64) -> Self::Future {
        ready(Ok(number))
    }
}

impl Service<Attempt<u64>> for Echo {
    type Response = u64;
    type Error = Refusal;
    type Future = Ready<Result<u64, Refusal>>;
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Refusal>> {
        Poll::Ready(Ok(()))
    }
    fn call(&mut self, attempt: Attempt<u64>) -> Self::Future {
        ready(Ok(attempt.request))
    }
}

/// One call that is answered in its first poll.
fn call<S: Service<u64>>(service: &mut S) -> bool {
    let mut context = Context::from_waker(Waker::noop());
    let is_ready = service.poll_ready(&mut context).is_ready();
    let mut future = std::pin::pin!(service.call(black_box(7)));
    is_ready && future.as_mut().poll(&mut context).is_ready()
}

fn layers(c: &mut Criterion) {
    let mut group = c.benchmark_group("tower call");
    group.bench_function("bare service", |b| b.iter(|| call(black_box(&mut Echo))));
    let clock = Clock::start();
    group.bench_function("two readings of the clock", |b| b.iter(|| black_box(clock.now()) <= black_box(clock.now())));
    let breaker = Breaker(Arc::new(Shared::new(ours())));
    let mut guarded = GuardLayer::new(breaker, clock, EveryError).layer(Echo);
    group.bench_function("ninefold breaker", |b| b.iter(|| call(black_box(&mut guarded))));
    let peer = CircuitBreakerLayer::builder().failure_rate_threshold(0.5).sliding_window_size(100).build();
    let mut peer = Layer::<Echo>::layer(&peer.expect("valid"), Echo);
    group.bench_function("tower-resilience breaker", |b| b.iter(|| call(black_box(&mut peer))));
    let pipeline = PipelineConfig { breaker: Some(config()), ..PipelineConfig::new(1) };
    let pipeline = Pipeline::new(pipeline, clock, 1).expect("valid");
    let mut pipeline = PipelineLayer::new(pipeline, EveryError, |_: &u64| Request::default(), no_tiers).layer(Echo);
    group.bench_function("ninefold pipeline with a breaker", |b| b.iter(|| call(black_box(&mut pipeline))));
    group.finish();
}

criterion_group!(benches, permitted, rejected, limiters, layers);
criterion_main!(benches);
