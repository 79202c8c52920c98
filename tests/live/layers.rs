//! Each layer does what its policy says, gives back what it holds, and lets an idle service hold nothing.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::Poll;
use std::time::Duration;

use ninefold::live::blocking::BlockingPool;
use ninefold::live::bulkhead::{BulkheadLayer, Slots};
use ninefold::live::fallback::FallbackLayer;
use ninefold::live::guard::GuardLayer;
use ninefold::live::guards::{Breaker, Limit, Shedding, Throttle};
use ninefold::live::hedge::HedgeLayer;
use ninefold::live::rate_limit::RateLimitLayer;
use ninefold::live::ready::ReadyLimitLayer;
use ninefold::live::retry::RetryLayer;
use ninefold::live::timeout::{DeadlineLayer, TimeoutLayer};
use ninefold::live::{Clock, EveryError, Refusal, RefusedBy, draws};
use ninefold::resilience::ErrorClass;
use ninefold::resilience::adaptive_throttle::{AdaptiveThrottle, ThrottleConfig};
use ninefold::resilience::bulkhead::BulkheadConfig;
use ninefold::resilience::circuit_breaker::{BreakerConfig, CircuitBreaker, Probing, State, Trip};
use ninefold::resilience::concurrency_limit::{ConcurrencyLimit, LimitConfig, LimitLaw};
use ninefold::resilience::deadline::Deadline;
use ninefold::resilience::fallback::{Fallback, TierConfig};
use ninefold::resilience::hedge::{HedgeAfter, HedgeConfig};
use ninefold::resilience::load_shedding::{Criticality, LoadShedder, SheddingConfig};
use ninefold::resilience::rate_limiter::{AtomicGcra, GcraConfig};
use ninefold::resilience::retry::{Backoff, Call, Jitter, Retry, RetryConfig, Strategy};
use ninefold::resilience::retry_budget::{ConcurrencyBudget, ConcurrencyConfig, RetryBudget};
use ninefold::resilience::shared::Shared;
use ninefold::time::{Span, Time};
use tower::util::ServiceFn;
use tower::{Layer, Service, ServiceExt, service_fn};

fn ms(millis: u64) -> Span {
    Span::from_millis(millis)
}

fn at(millis: u64) -> Time {
    Time::ZERO + ms(millis)
}

fn error(class: ErrorClass) -> Refusal {
    // a service under test has no error type of its own: this is "the callee said so"
    Refusal { by: RefusedBy::Pipeline, class, retry_after: None }
}

type Answer = Pin<Box<dyn Future<Output = Result<u64, Refusal>> + Send>>;

/// Answers `Ok` after the milliseconds that the request says.
fn sleeper() -> ServiceFn<fn(u64) -> Answer> {
    service_fn(|millis| {
        Box::pin(async move {
            tokio::time::sleep(Duration::from_millis(millis)).await;
            Ok(millis)
        })
    })
}

fn limit(places: u32) -> ConcurrencyLimit {
    let law = LimitLaw::Aimd { backoff: 0.9, timeout: Span::HOUR };
    let config = LimitConfig { initial: places, min: places, max: places, ..LimitConfig::new(law) };
    ConcurrencyLimit::new(config).expect("valid")
}

fn shared_breaker(failures: u32) -> Arc<Shared<CircuitBreaker>> {
    let config = BreakerConfig {
        trip: Trip::Consecutive { failures },
        half_open: Probing::Rate { permitted: 1 },
        ..BreakerConfig::default()
    };
    Arc::new(Shared::new(CircuitBreaker::new(config).expect("valid")))
}

#[tokio::test(start_paused = true)]
async fn a_timeout_inside_the_breaker_trips_it_and_an_open_breaker_does_not_call() {
    let (clock, policy) = (Clock::start(), shared_breaker(1));
    let layer = GuardLayer::new(Breaker(Arc::clone(&policy)), clock, EveryError);
    let mut service = layer.layer(TimeoutLayer::new(ms(100), clock).layer(sleeper()));
    assert_eq!(service.call(99).await, Ok(99));
    let refusal = service.call(100).await.expect_err("deadlines are inclusive");
    assert_eq!((refusal.by, refusal.class), (RefusedBy::Timeout, ErrorClass::Timeout));
    assert_eq!(policy.with(|breaker| breaker.state()), State::Open { until: clock.now() + Span::from_secs(30) });
    tokio::time::sleep(Duration::from_secs(10)).await;
    let refusal = service.ready().await.expect("an open breaker is no dead service").call(0).await;
    let after = Some(Span::from_secs(20));
    assert_eq!(refusal, Err(Refusal { by: RefusedBy::Breaker, class: ErrorClass::Rejected, retry_after: after }));
    tokio::time::sleep(Duration::from_secs(20)).await;
    assert_eq!(service.call(0).await, Ok(0), "the probe");
    assert_eq!(policy.with(|breaker| breaker.state()), State::Closed);
}

#[tokio::test(start_paused = true)]
async fn a_dropped_probe_gives_its_permit_back_and_a_ready_service_holds_none() {
    let (clock, policy) = (Clock::start(), shared_breaker(1));
    let layer = GuardLayer::new(Breaker(Arc::clone(&policy)), clock, EveryError);
    let mut service = layer.layer(sleeper());
    policy.with(|breaker| breaker.force(clock.now(), ninefold::resilience::circuit_breaker::Order::HalfOpen));
    let _idle = layer.layer(sleeper()).ready().await.expect("ready");
    let dropped = tokio::time::timeout(Duration::from_millis(10), service.call(1_000)).await;
    assert!(dropped.is_err());
    assert_eq!(service.call(1).await, Ok(1), "the one probe is free again");
}

#[tokio::test(start_paused = true)]
async fn a_bulkhead_serves_in_order_and_tells_timed_out_from_full() {
    let clock = Clock::start();
    let config = BulkheadConfig { max_queue: 2, queue_timeout: ms(100), ..BulkheadConfig::new(1) };
    let slots = Slots::new(config, clock).expect("valid");
    let service = BulkheadLayer(slots.clone()).layer(sleeper());
    let ask = |millis| {
        let service = service.clone();
        async move { (service.oneshot(millis).await.map_err(|refusal| refusal.by), clock.now()) }
    };
    let (first, second, third, fourth) = tokio::join!(ask(50), ask(60), ask(1), ask(1));
    assert_eq!(first, (Ok(50), at(50)));
    assert_eq!(second, (Ok(60), at(110)), "the slot at 50");
    assert_eq!(third, (Err(RefusedBy::BulkheadTimeout), at(100)));
    assert_eq!(fourth, (Err(RefusedBy::BulkheadFull), at(0)));
    let counts = slots.counts();
    assert_eq!((counts.active, counts.queued, counts.admitted, counts.released), (0, 0, 2, 2));
}

#[tokio::test(start_paused = true)]
async fn a_waiter_that_leaves_frees_its_place_and_never_its_neighbours_slot() {
    let clock = Clock::start();
    let config = BulkheadConfig { max_queue: 1, queue_timeout: ms(1_000), ..BulkheadConfig::new(1) };
    let slots = Slots::new(config, clock).expect("valid");
    let slot = slots.acquire(0).await.expect("free");
    let leaves = tokio::time::timeout(Duration::from_millis(10), slots.acquire(0)).await;
    assert!(leaves.is_err());
    assert_eq!((slots.counts().queued, slots.counts().cancelled), (0, 1));
    // the slot is handed to a waiter that is dropped before it looks: it must not be lost
    let mut waiter = Box::pin(slots.acquire(0));
    std::future::poll_fn(|context| Poll::Ready(waiter.as_mut().poll(context).is_pending())).await;
    drop(slot);
    assert_eq!(slots.counts().active, 1);
    drop(waiter);
    assert_eq!(slots.counts().active, 0);
    slots.acquire(0).await.expect("free again");
}

#[tokio::test(start_paused = true)]
async fn a_ready_service_waits_for_a_permit_and_an_idle_one_loses_it() {
    let clock = Clock::start();
    let layer = ReadyLimitLayer::new(limit(1), ms(200), draws(1), clock, EveryError);
    let mut idle = layer.layer(sleeper());
    idle.ready().await.expect("free");
    assert_eq!(layer.numbers(), (1, 1), "the permit waits in the ready service");
    let mut other = layer.layer(sleeper());
    other.ready().await.expect("the idle one loses it");
    assert_eq!(clock.now(), at(200));
    let call = other.call(50);
    assert_eq!(idle.call(1).await.map_err(|refusal| refusal.by), Err(RefusedBy::ConcurrencyLimit));
    let (answer, waited) = tokio::join!(call, async {
        idle.ready().await.expect("when the call has ended");
        clock.now()
    });
    assert_eq!((answer, waited), (Ok(50), at(250)));
    drop(idle);
    drop(other);
    assert_eq!(layer.numbers(), (1, 0), "released on drop");
}

#[tokio::test(start_paused = true)]
async fn a_concurrency_limit_refuses_what_is_too_much_at_once() {
    let clock = Clock::start();
    let policy = Arc::new(Shared::new(limit(2)));
    let guard = Limit { policy: Arc::clone(&policy), draws: draws(1) };
    let mut service = GuardLayer::new(guard, clock, EveryError).layer(sleeper());
    let calls = [service.call(10), service.call(10), service.call(10)];
    let [first, second, third] = calls;
    let (first, second, third) = tokio::join!(first, second, third);
    assert_eq!((first, second), (Ok(10), Ok(10)));
    assert_eq!(third.map_err(|refusal| refusal.by), Err(RefusedBy::ConcurrencyLimit));
    assert_eq!(policy.with(|limit| limit.in_flight()), 0);
}

#[tokio::test(start_paused = true)]
async fn a_booked_call_waits_for_its_turn() {
    let clock = Clock::start();
    let limiter = Arc::new(AtomicGcra::new(GcraConfig::per_second(10.0)).expect("valid"));
    let service = RateLimitLayer::new(limiter, ms(100), clock).layer(sleeper());
    let ask = || async { (service.clone().oneshot(0).await.map_err(|refusal| refusal.by), clock.now()) };
    let (first, second, third) = tokio::join!(ask(), ask(), ask());
    assert_eq!(first, (Ok(0), at(0)));
    assert_eq!(second, (Ok(0), at(100)));
    assert_eq!(third, (Err(RefusedBy::RateLimit), at(0)));
}

#[tokio::test(start_paused = true)]
async fn retries_come_at_the_times_of_the_schedule_and_settle_their_budget() {
    let clock = Clock::start();
    let backoff = Backoff { strategy: Strategy::Linear, base: ms(100), jitter: Jitter::None, ..Backoff::default() };
    let retry = Retry::new(RetryConfig { max_attempts: 3, backoff, ..RetryConfig::default() }).expect("valid");
    let budget = RetryBudget::Concurrency(ConcurrencyBudget::new(ConcurrencyConfig::default()).expect("valid"));
    let budget = Arc::new(Shared::new(budget));
    let times = Arc::new(Shared::new(Vec::new()));
    let log = Arc::clone(&times);
    let failing = service_fn(move |()| {
        log.with(|times| times.push(clock.now()));
        std::future::ready(Err::<(), _>(error(ErrorClass::Overload)))
    });
    let about = |(): &()| Call::default();
    let layer = RetryLayer::new((retry, Arc::clone(&budget)), (draws(1), clock), EveryError, about);
    let mut service = layer.layer(failing);
    assert_eq!(service.call(()).await, Err(error(ErrorClass::Overload)), "the last error as it is");
    assert_eq!(times.with(std::mem::take), [at(0), at(100), at(300)]);
    let dropped = tokio::time::timeout(Duration::from_millis(150), service.call(())).await;
    assert!(dropped.is_err());
    let in_progress = budget.with(|budget| match budget {
        RetryBudget::Concurrency(budget) => budget.in_progress(),
        _ => unreachable!("made above"),
    });
    assert_eq!(in_progress, (0, 0), "a dropped call is settled");
}

#[tokio::test(start_paused = true)]
async fn the_faster_of_two_attempts_answers() {
    let clock = Clock::start();
    let config = HedgeConfig { after: HedgeAfter::Fixed(ms(50)), at_most: 1, budget: 10_000 };
    let number = Arc::new(AtomicU32::new(0));
    let slow_then_fast = service_fn(move |()| {
        let number = number.fetch_add(1, Ordering::Relaxed);
        async move {
            tokio::time::sleep(Duration::from_millis(if number == 0 { 1_000 } else { 20 })).await;
            Ok::<_, Refusal>(number)
        }
    });
    let mut service = HedgeLayer::new(config, clock, EveryError, |(): &()| true).expect("valid").layer(slow_then_fast);
    assert_eq!(service.call(()).await, Ok(1));
    assert_eq!(clock.now(), at(70));
}

#[tokio::test(start_paused = true)]
async fn a_failing_call_is_answered_by_a_tier_that_says_so() {
    let clock = Clock::start();
    let fallback = Fallback::new(None, &[TierConfig::default(), TierConfig::default()]).expect("valid");
    let policy = Arc::new(Shared::new(fallback));
    let failing = service_fn(|class: ErrorClass| std::future::ready(Err::<&str, _>(error(class))));
    let tiers = |tier, _| async move { (tier == 2).then_some("constant") };
    let mut service = FallbackLayer::new(policy, clock, EveryError, tiers).layer(failing);
    let answer = service.call(ErrorClass::Timeout).await.expect("tier 2");
    assert_eq!((answer.response, answer.tier, answer.degraded()), ("constant", 2, true));
    assert_eq!(service.call(ErrorClass::Client).await, Err(error(ErrorClass::Client)), "a wrong request falls nowhere");
}

#[tokio::test(start_paused = true)]
async fn a_deadline_refuses_what_comes_too_late_and_ends_what_takes_too_long() {
    let clock = Clock::start();
    let layer =
        DeadlineLayer::new(
            clock,
            Some(ms(100)),
            |millis: &u64| {
                if *millis == 7 { Deadline::at(Time::ZERO) } else { Deadline::NONE }
            },
        );
    let mut service = layer.layer(sleeper());
    assert_eq!(service.call(99).await, Ok(99));
    assert_eq!(service.call(500).await.map_err(|refusal| refusal.class), Err(ErrorClass::DeadlineExceeded));
    assert_eq!(clock.now(), at(199));
    assert_eq!(service.call(7).await.map_err(|refusal| refusal.by), Err(RefusedBy::Deadline));
}

#[tokio::test(start_paused = true)]
async fn the_least_important_calls_are_shed_first() {
    let clock = Clock::start();
    let shedder = LoadShedder::new(SheddingConfig::default()).expect("valid");
    let class = |millis: &u64| if *millis == 1 { Criticality::Sheddable } else { Criticality::CriticalPlus };
    let mut service = GuardLayer::new(Shedding::new(shedder, 4, class), clock, EveryError).layer(sleeper());
    let held = [service.call(10), service.call(10), service.call(10)];
    assert_eq!(service.call(1).await.map_err(|refusal| refusal.by), Err(RefusedBy::Shedding), "at 75 %");
    assert_eq!(service.call(2).await, Ok(2));
    drop(held);
    assert_eq!(service.call(1).await, Ok(1), "dropped calls are no load");
}

#[tokio::test(start_paused = true)]
async fn a_client_holds_back_from_a_service_that_refuses() {
    let clock = Clock::start();
    let policy = Arc::new(Shared::new(AdaptiveThrottle::new(ThrottleConfig::default()).expect("valid")));
    let sent = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&sent);
    let overloaded = service_fn(move |()| {
        count.fetch_add(1, Ordering::Relaxed);
        std::future::ready(Err::<(), _>(error(ErrorClass::Overload)))
    });
    let mut service = GuardLayer::new(Throttle { policy, draws: draws(1) }, clock, EveryError).layer(overloaded);
    for _ in 0..1_000 {
        assert!(service.call(()).await.is_err());
    }
    // the probability of a rejection is capped at 90 %: 100 of 1000 in the long run, and the first few more
    let sent = sent.load(Ordering::Relaxed);
    assert!((70..200).contains(&sent), "{sent}");
}

#[tokio::test]
async fn the_blocking_pool_runs_no_more_than_it_has_threads_and_survives_a_panic() {
    let clock = Clock::start();
    let config = BulkheadConfig { max_queue: 6, queue_timeout: Span::from_secs(30), ..BulkheadConfig::new(2) };
    let pool = BlockingPool::new("test", config, clock).expect("threads");
    let (inside, most) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
    let job = |number| {
        let (inside, most, pool) = (Arc::clone(&inside), Arc::clone(&most), pool.clone());
        tokio::spawn(async move {
            let work = move || {
                most.fetch_max(inside.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                std::thread::sleep(Duration::from_millis(5));
                inside.fetch_sub(1, Ordering::SeqCst);
                assert!(number != 3, "the job that panics");
                number
            };
            pool.run(work).await
        })
    };
    let jobs: Vec<_> = (0..8).map(job).collect();
    for (number, job) in jobs.into_iter().enumerate() {
        let answer = job.await.expect("no panic here");
        let wanted = if number == 3 { Err(RefusedBy::Panicked) } else { Ok(number) };
        assert_eq!(answer.map_err(|refusal| refusal.by), wanted);
    }
    assert_eq!(most.load(Ordering::SeqCst), 2);
    assert_eq!(pool.counts().active, 0);
}
