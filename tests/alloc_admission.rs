//! No policy of admission, balancing and composition allocates once it is built; counted by an allocator, so in a
//! binary of its own.

use allocation_counter::measure;
use ninefold::resilience::adaptive_throttle::{AdaptiveThrottle, ThrottleConfig};
use ninefold::resilience::balancing::BalancePolicy;
use ninefold::resilience::bulkhead::{BulkheadConfig, Event};
use ninefold::resilience::circuit_breaker::BreakerConfig;
use ninefold::resilience::codel::{CoDel, CoDelConfig};
use ninefold::resilience::concurrency_limit::{ConcurrencyLimit, LimitConfig, LimitLaw};
use ninefold::resilience::deadline::Deadline;
use ninefold::resilience::fallback::TierConfig;
use ninefold::resilience::health::{CheckConfig, CheckStep, Health, HealthChecker};
use ninefold::resilience::hedge::{HedgeAfter, HedgeConfig};
use ninefold::resilience::outlier_ejection::EjectionConfig;
use ninefold::resilience::pipeline::{AttemptEnd, Call, Client, Edge, Observer};
use ninefold::resilience::pipeline::{PipelineConfig, RateLimitConfig, Request, Step, Waiter};
use ninefold::resilience::rate_limiter::GcraConfig;
use ninefold::resilience::retry::RetryConfig;
use ninefold::resilience::saga::{Command, Saga, SagaConfig, StepOutcome, UndoOutcome};
use ninefold::resilience::{ErrorClass, Outcome};
use ninefold::time::{Span, Time};
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{Rng, SeedableRng};

fn rng() -> Xoshiro256PlusPlus {
    Xoshiro256PlusPlus::seed_from_u64(1)
}

/// Runs `one` at a millisecond's distance, many times, and counts the allocations.
fn counts_none(what: &str, mut one: impl FnMut(u64, Time)) {
    let info = measure(|| (0..10_000).for_each(|i| one(i, Time::ZERO + Span::from_millis(i))));
    assert_eq!(info.count_total, 0, "{what}");
}

#[test]
fn admission_policies_allocate_nothing() {
    let mut rng = rng();
    let mut throttle = AdaptiveThrottle::new(ThrottleConfig::default()).unwrap();
    let mut limit = ConcurrencyLimit::new(LimitConfig::new(LimitLaw::GRADIENT2)).unwrap();
    let mut codel = CoDel::new(CoDelConfig::default()).unwrap();
    let mut checker = HealthChecker::new(CheckConfig::default(), Health::Unknown, Time::ZERO).unwrap();
    counts_none("admission", |i, now| {
        throttle.attempt(now, rng.next_u64());
        throttle.accepted(now);
        if let Some(permit) = limit.acquire(now) {
            limit.release(now + Span::MILLISECOND, permit, Outcome::Success, &mut rng);
        }
        codel.dequeue(now, now.before(Span::from_millis(i % 20)), 9);
        if let CheckStep::Start(id) = checker.poll(now, &mut rng) {
            checker.answer(now, id, i % 3 == 0, &mut rng);
        }
    });
}

#[test]
fn a_saga_allocates_nothing_on_its_way() {
    let mut rng = rng();
    let built = Saga::new(SagaConfig::new(4)).unwrap();
    let mut sagas = vec![built; 100];
    let mut next = sagas.iter_mut();
    let mut commands = 0_u64;
    let log = |_| Ok::<(), ()>(());
    counts_none("saga", |_, now| {
        let Some(saga) = next.next() else { return };
        loop {
            commands += 1;
            match saga.next(now, &mut rng, log) {
                Ok((Command::Do(action), _)) => {
                    let outcome = if action.step == 3 { StepOutcome::Unknown } else { StepOutcome::Ok };
                    assert!(saga.step_ended(now, outcome, log).is_ok());
                }
                Ok((Command::Undo(_), _)) => assert!(saga.undo_ended(now, UndoOutcome::Failed, log).is_ok()),
                Ok((Command::Finished(_), _)) | Err(()) => return,
            }
        }
    });
    assert_eq!(commands, 100 * (4 + 4 * 10 + 1));
}

struct Deaf;

impl Observer for Deaf {
    fn queue(&mut self, _event: Event<Waiter>) {}
}

/// Everything on; answers are good, bad, late or never, so that every layer has work.
#[test]
fn a_call_through_the_whole_pipeline_allocates_nothing() {
    let config = PipelineConfig {
        tiers: vec![TierConfig::default()],
        deadline: Some(Span::from_secs(2)),
        retry: Some(RetryConfig::default()),
        hedge: Some(HedgeConfig { after: HedgeAfter::Fixed(Span::from_millis(5)), ..HedgeConfig::default() }),
        throttle: Some(ThrottleConfig::default()),
        breaker: Some(BreakerConfig { open_for: Span::from_millis(50), ..BreakerConfig::default() }),
        rate_limit: Some(RateLimitConfig { rate: GcraConfig::per_second(900.0).burst(5), wait: Span::ZERO }),
        bulkhead: Some(BulkheadConfig::new(4)),
        attempt_timeout: Some(Span::from_millis(20)),
        balance: BalancePolicy::PEAK_EWMA,
        ejection: Some(EjectionConfig { base: Span::from_millis(100), ..EjectionConfig::default() }),
        ..PipelineConfig::new(5)
    };
    let (mut rng, mut observer) = (rng(), Deaf);
    let mut client = Client::new(config, Time::ZERO).unwrap().clone();
    let (mut full, mut degraded) = (0, 0);
    counts_none("pipeline", |i, start| {
        let mut edge = Edge { now: start, rng: &mut rng, observer: &mut observer };
        let (idempotent, retried_above, deadline) = (true, false, Deadline::NONE);
        let request = Request { id: i, idempotent, retried_above, deadline, key: i, cached_age: None };
        let mut call = Call::start(&mut client, request, &mut edge);
        loop {
            match call.step(&mut client, &mut edge) {
                Step::Send { attempt, .. } => match edge.rng.next_u64() % 8 {
                    0 => call.attempt_ended(&mut client, attempt, AttemptEnd::failed(ErrorClass::Error), &mut edge),
                    1 => {}
                    _ => call.attempt_ended(&mut client, attempt, AttemptEnd::OK, &mut edge),
                },
                Step::Abort(_) => {}
                Step::RunTier(_) => call.tier_ended(&mut client, true, &mut edge),
                Step::Wait(at) => edge.now = at.unwrap(),
                Step::Finish(result) => {
                    if result.tier == 0 {
                        full += 1;
                    } else {
                        degraded += 1;
                    }
                    return;
                }
            }
        }
    });
    assert!(full > 1_000 && degraded > 100, "{full} full, {degraded} degraded");
}
