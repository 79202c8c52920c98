//! What one operation of a policy costs, in nanoseconds: throttle, limits, CoDel, shedding, hedge, ejection, balancing,
//! fallback, health, and a whole call through the pipeline.
//!
//! Time advances by 1 us per operation, so that windows turn over as they do in life.

use std::convert::Infallible;
use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use ninefold::resilience::Outcome;
use ninefold::resilience::adaptive_throttle::{AdaptiveThrottle, ThrottleConfig};
use ninefold::resilience::balancing::{BalancePolicy, Balancer};
use ninefold::resilience::bulkhead::{BulkheadConfig, Event};
use ninefold::resilience::circuit_breaker::BreakerConfig;
use ninefold::resilience::codel::{CoDel, CoDelConfig};
use ninefold::resilience::concurrency_limit::{ConcurrencyLimit, LimitConfig, LimitLaw};
use ninefold::resilience::deadline::Deadline;
use ninefold::resilience::health::{CheckConfig, CheckStep, Health, HealthChecker};
use ninefold::resilience::latency_histogram::LatencyHistogram;
use ninefold::resilience::load_shedding::{Criticality, LoadShedder, SheddingConfig, Utilisation};
use ninefold::resilience::outlier_ejection::{EjectionConfig, OutlierEjection};
use ninefold::resilience::pipeline::{AttemptEnd, Call, Client, Edge, Observer, PipelineConfig, Request, Step, Waiter};
use ninefold::resilience::retry::RetryConfig;
use ninefold::resilience::saga::{Command, Saga, SagaConfig, StepOutcome};
use ninefold::time::{Span, Time};
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{Rng, SeedableRng};

const STEP: Span = Span::MICROSECOND;

fn rng() -> Xoshiro256PlusPlus {
    Xoshiro256PlusPlus::seed_from_u64(1)
}

fn admission(criterion: &mut Criterion) {
    let (mut now, mut rng) = (Time::ZERO, rng());
    let mut throttle = AdaptiveThrottle::new(ThrottleConfig::default()).expect("valid");
    criterion.bench_function("throttle: attempt + accepted", |bench| {
        bench.iter(|| {
            now += STEP;
            let decision = black_box(&mut throttle).attempt(now, rng.next_u64());
            throttle.accepted(now);
            decision
        });
    });
    let mut limit = ConcurrencyLimit::new(LimitConfig::new(LimitLaw::GRADIENT2)).expect("valid");
    criterion.bench_function("concurrency limit: acquire + release", |bench| {
        bench.iter(|| {
            now += STEP;
            let permit = black_box(&mut limit).acquire(now);
            permit.and_then(|permit| limit.release(now + STEP, permit, Outcome::Success, &mut rng))
        });
    });
    let mut codel = CoDel::new(CoDelConfig::default()).expect("valid");
    criterion.bench_function("codel: dequeue under load", |bench| {
        bench.iter(|| {
            now += STEP;
            black_box(&mut codel).dequeue(now, now.before(Span::from_millis(6)), 10)
        });
    });
    let mut shedder = LoadShedder::new(SheddingConfig::default()).expect("valid");
    criterion.bench_function("shedding: observe + admit", |bench| {
        bench.iter(|| {
            now += STEP;
            let change = black_box(&mut shedder).observe(now, Utilisation::of(black_box(70), 100));
            (change, shedder.admit(black_box(Criticality::Critical)))
        });
    });
}

fn targets(criterion: &mut Criterion) {
    let (mut now, mut rng) = (Time::ZERO, rng());
    let hosts: Vec<u32> = (0..100).collect();
    for (name, policy) in [
        ("balance 100: round robin", BalancePolicy::RoundRobin),
        ("balance 100: two choices", BalancePolicy::TwoChoices),
        ("balance 100: peak EWMA", BalancePolicy::PEAK_EWMA),
        ("balance 100: least outstanding", BalancePolicy::LeastOutstanding),
    ] {
        let mut balancer = Balancer::new(policy, hosts.len()).expect("valid");
        criterion.bench_function(name, |bench| {
            bench.iter(|| {
                now += STEP;
                let host = black_box(&mut balancer).pick(now, &hosts, &[], 0, &mut rng).unwrap_or(0);
                balancer.sent(host);
                balancer.ended(now, host, Some(STEP));
            });
        });
    }
    let mut ejection = OutlierEjection::new(EjectionConfig::default(), 100, now).expect("valid");
    criterion.bench_function("ejection: record", |bench| {
        bench.iter(|| black_box(&mut ejection).record(now, 7, Outcome::Success, &mut rng));
    });
    let mut histogram = LatencyHistogram::new(9_500, 100, 10_000).expect("valid");
    criterion.bench_function("histogram with p95: record", |bench| {
        bench.iter(|| {
            black_box(&mut histogram).record(Span::from_nanos(rng.next_u64() >> 40));
            histogram.quantile()
        });
    });
    let mut checker = HealthChecker::new(CheckConfig::default(), Health::Up, now).expect("valid");
    criterion.bench_function("health: one check", |bench| {
        bench.iter(|| {
            now = checker.next_wake().unwrap_or(now);
            match black_box(&mut checker).poll(now, &mut rng) {
                CheckStep::Start(id) => checker.answer(now, id, true, &mut rng),
                CheckStep::TimedOut(change) => change,
                CheckStep::Idle => None,
            }
        });
    });
    criterion.bench_function("saga: new + three steps", |bench| {
        bench.iter(|| {
            let mut saga = Saga::new(SagaConfig::new(black_box(3))).expect("valid");
            let mut records = 0;
            let log = |_| -> Result<(), Infallible> { Ok(()) };
            while let Ok((Command::Do(_) | Command::Undo(_), _)) = black_box(&mut saga).next(now, &mut rng, log) {
                records += usize::from(saga.step_ended(now, StepOutcome::Ok, log).is_ok());
            }
            records
        });
    });
}

struct Deaf;

impl Observer for Deaf {
    fn queue(&mut self, _event: Event<Waiter>) {}
}

fn pipeline(criterion: &mut Criterion) {
    let guarded = || PipelineConfig {
        deadline: Some(Span::SECOND),
        retry: Some(RetryConfig::default()),
        breaker: Some(BreakerConfig::default()),
        bulkhead: Some(BulkheadConfig::new(10)),
        attempt_timeout: Some(Span::from_millis(100)),
        ..PipelineConfig::new(3)
    };
    for (name, config) in [("pipeline: bare call", PipelineConfig::new(3)), ("pipeline: guarded call", guarded())] {
        let mut client = Client::new(config, Time::ZERO).expect("valid");
        let (mut now, mut rng, mut observer) = (Time::ZERO, rng(), Deaf);
        let request = Request {
            id: 0,
            idempotent: true,
            retried_above: false,
            deadline: Deadline::NONE,
            key: 0,
            cached_age: None,
        };
        criterion.bench_function(name, |bench| {
            bench.iter(|| {
                now += STEP;
                let edge = &mut Edge { now, rng: &mut rng, observer: &mut observer };
                let mut call = Call::start(black_box(&mut client), request, edge);
                if let Step::Send { attempt, .. } = call.step(&mut client, edge) {
                    call.attempt_ended(&mut client, attempt, AttemptEnd::OK, edge);
                }
                call.step(&mut client, edge)
            });
        });
    }
}

criterion_group!(benches, admission, targets, pipeline);
criterion_main!(benches);
