use rand::SeedableRng;
use rand_xoshiro::Xoshiro256PlusPlus;

use super::{
    AttemptEnd, AttemptId, Call, CallResult, Client, Edge, Gate, Layer, Observer, PipelineConfig, Request, Step,
};
use super::{BreakerScope, RateLimitConfig, Waiter};
use crate::resilience::ErrorClass;
use crate::resilience::adaptive_throttle::ThrottleConfig;
use crate::resilience::balancing::BalancePolicy;
use crate::resilience::bulkhead::{BulkheadConfig, Event};
use crate::resilience::circuit_breaker::{BreakerConfig, Change, Probing, State, Trip};
use crate::resilience::deadline::Deadline;
use crate::resilience::fallback::{TierConfig, Trigger, Triggers};
use crate::resilience::hedge::{HedgeAfter, HedgeConfig};
use crate::resilience::outlier_ejection::EjectionConfig;
use crate::resilience::rate_limiter::GcraConfig;
use crate::resilience::retry::{Backoff, Jitter, RetryConfig, Strategy};
use crate::resilience::retry_budget::{ConcurrencyBudget, ConcurrencyConfig, RatioBudget, RatioConfig, RetryBudget};
use crate::time::{Span, Time};

pub(super) fn at(millis: u64) -> Time {
    Time::ZERO + Span::from_millis(millis)
}

pub(super) fn ms(millis: u64) -> Span {
    Span::from_millis(millis)
}

#[derive(Default)]
pub(super) struct Heard {
    pub(super) queue: Vec<Event<Waiter>>,
    breaker: Vec<Change>,
}

impl Observer for Heard {
    fn queue(&mut self, event: Event<Waiter>) {
        self.queue.push(event);
    }
    fn breaker(&mut self, _target: u32, change: Change) {
        self.breaker.push(change);
    }
}

/// A host that drives calls by hand.
pub(super) struct Host {
    pub(super) client: Client,
    rng: Xoshiro256PlusPlus,
    pub(super) heard: Heard,
}

impl Host {
    pub(super) fn new(config: PipelineConfig) -> Self {
        let client = Client::new(config, Time::ZERO).unwrap();
        Host { client, rng: Xoshiro256PlusPlus::seed_from_u64(6), heard: Heard::default() }
    }

    pub(super) fn with<T>(
        &mut self,
        now: Time,
        act: impl FnOnce(&mut Client, &mut Edge<'_, Xoshiro256PlusPlus, Heard>) -> T,
    ) -> T {
        act(&mut self.client, &mut Edge { now, rng: &mut self.rng, observer: &mut self.heard })
    }

    fn start(&mut self, now: Time) -> Call {
        self.with(now, |client, edge| Call::start(client, request(0), edge))
    }

    pub(super) fn step(&mut self, call: &mut Call, now: Time) -> Step {
        self.with(now, |client, edge| call.step(client, edge))
    }

    fn end(&mut self, call: &mut Call, attempt: u32, result: Result<(), ErrorClass>, now: Time) {
        let end = AttemptEnd { result, pushback: None };
        self.with(now, |client, edge| call.attempt_ended(client, AttemptId(attempt), end, edge));
    }

    /// Steps that must be a send; its target.
    fn sent(&mut self, call: &mut Call, now: Time) -> u32 {
        match self.step(call, now) {
            Step::Send { target, .. } => target,
            other => panic!("{other:?} instead of a send"),
        }
    }

    /// A whole call whose only attempt ends like this, at once.
    fn quick(&mut self, now: Time, result: Result<(), ErrorClass>) -> Step {
        let mut call = self.start(now);
        match self.step(&mut call, now) {
            Step::Send { .. } => {
                self.end(&mut call, 0, result, now);
                self.step(&mut call, now)
            }
            other => other,
        }
    }
}

pub(super) fn request(id: u64) -> Request {
    Request { id, idempotent: true, retried_above: false, deadline: Deadline::NONE, key: id, cached_age: None }
}

fn finish(tier: usize, result: Result<(), ErrorClass>, sent: u32) -> Step {
    Step::Finish(CallResult { tier, result, sent })
}

fn retry(max_attempts: u32) -> RetryConfig {
    let backoff = Backoff { strategy: Strategy::Constant, base: ms(100), jitter: Jitter::None, ..Backoff::default() };
    RetryConfig { max_attempts, backoff, ..RetryConfig::default() }
}

fn breaker(failures: u32) -> BreakerConfig {
    BreakerConfig { trip: Trip::Consecutive { failures }, ..BreakerConfig::default() }
}

fn hedge() -> HedgeConfig {
    HedgeConfig { after: HedgeAfter::Fixed(ms(50)), at_most: 1, budget: 10_000 }
}

/// Everything on, generously.
pub(super) fn full(targets: u32) -> PipelineConfig {
    PipelineConfig {
        tiers: vec![TierConfig::default()],
        deadline: Some(Span::from_secs(2)),
        retry: Some(retry(3)),
        hedge: Some(hedge()),
        throttle: Some(ThrottleConfig::default()),
        breaker: Some(breaker(5)),
        breaker_scope: BreakerScope::Target,
        rate_limit: Some(RateLimitConfig { rate: GcraConfig::per_second(100.0).burst(5), wait: ms(40) }),
        bulkhead: Some(BulkheadConfig { max_queue: 2, queue_timeout: ms(60), ..BulkheadConfig::new(2) }),
        attempt_timeout: Some(ms(200)),
        balance: BalancePolicy::PEAK_EWMA,
        ejection: Some(EjectionConfig::default()),
        ..PipelineConfig::new(targets)
    }
}

#[test]
fn the_composition_order_is_that_of_the_specification() {
    let layers: Vec<_> = full(3).layers().collect();
    let gates = [Gate::Throttle, Gate::Breaker, Gate::RateLimit, Gate::Bulkhead].map(Layer::Gate);
    let outer = [Layer::Fallback, Layer::Deadline, Layer::Retry, Layer::Hedge];
    assert_eq!(layers, [&outer[..], &gates[..], &[Layer::AttemptTimeout][..]].concat());
}

#[test]
fn a_bare_call_is_one_attempt() {
    let mut host = Host::new(PipelineConfig::new(1));
    assert_eq!(host.quick(at(0), Ok(())), finish(0, Ok(()), 1));
    assert_eq!(host.quick(at(0), Err(ErrorClass::Error)), finish(0, Err(ErrorClass::Error), 1));
}

#[test]
fn an_attempt_timeout_trips_the_breaker() {
    let mut host = Host::new(PipelineConfig {
        breaker: Some(breaker(1)),
        attempt_timeout: Some(ms(200)),
        ..PipelineConfig::new(1)
    });
    let mut call = host.start(at(0));
    host.sent(&mut call, at(0));
    assert_eq!(host.step(&mut call, at(0)), Step::Wait(Some(at(200))));
    assert_eq!(host.step(&mut call, at(200)), Step::Abort(AttemptId(0)));
    assert_eq!(host.step(&mut call, at(200)), finish(0, Err(ErrorClass::Timeout), 1));
    assert_eq!(host.heard.breaker.len(), 1);
    assert!(matches!(host.client.breaker(0).unwrap().state(), State::Open { .. }));
}

#[test]
fn an_answer_at_the_instant_of_the_timeout_is_too_late() {
    let mut host = Host::new(PipelineConfig { attempt_timeout: Some(ms(200)), ..PipelineConfig::new(1) });
    let mut call = host.start(at(0));
    host.sent(&mut call, at(0));
    host.end(&mut call, 0, Ok(()), at(200));
    assert_eq!(host.step(&mut call, at(200)), Step::Abort(AttemptId(0)));
    assert_eq!(host.step(&mut call, at(200)), finish(0, Err(ErrorClass::Timeout), 1));
}

#[test]
fn a_retry_waits_goes_elsewhere_and_counts_the_first_attempt() {
    let mut host = Host::new(PipelineConfig { retry: Some(retry(2)), ..PipelineConfig::new(2) });
    let mut call = host.start(at(0));
    assert_eq!(host.sent(&mut call, at(0)), 0);
    host.end(&mut call, 0, Err(ErrorClass::Error), at(10));
    assert_eq!(host.step(&mut call, at(10)), Step::Wait(Some(at(110))));
    assert_eq!(host.sent(&mut call, at(110)), 1);
    host.end(&mut call, 1, Err(ErrorClass::Error), at(120));
    assert_eq!(host.step(&mut call, at(120)), finish(0, Err(ErrorClass::Error), 2));
}

#[test]
fn a_breaker_rejection_is_not_retried_and_does_not_count() {
    let mut host = Host::new(PipelineConfig {
        breaker: Some(breaker(1)),
        retry: Some(RetryConfig { max_attempts: 1, ..retry(1) }),
        ..PipelineConfig::new(1)
    });
    host.quick(at(0), Err(ErrorClass::Error));
    let mut call = host.start(at(1));
    assert_eq!(host.step(&mut call, at(1)), finish(0, Err(ErrorClass::Rejected), 0));
    // the rejection neither moved the opening nor counted: the probe comes 30 s after the trip
    assert_eq!(host.quick(at(30_000), Ok(())), finish(0, Ok(()), 1));
}

#[test]
fn each_retry_asks_the_breaker_again() {
    let mut host =
        Host::new(PipelineConfig { breaker: Some(breaker(2)), retry: Some(retry(5)), ..PipelineConfig::new(1) });
    let mut call = host.start(at(0));
    for (attempt, now) in [(0, 0), (1, 100)] {
        host.sent(&mut call, at(now));
        host.end(&mut call, attempt, Err(ErrorClass::Error), at(now));
    }
    assert_eq!(host.step(&mut call, at(200)), finish(0, Err(ErrorClass::Rejected), 2));
}

#[test]
fn the_deadline_ends_the_call_whatever_is_out() {
    // without own timeout the first attempt has 90 % of 1 s, the second 90 % of nothing but 50 ms
    let mut host = Host::new(PipelineConfig {
        deadline: Some(Span::SECOND),
        retry: Some(RetryConfig { backoff: Backoff { base: ms(50), ..retry(2).backoff }, ..retry(2) }),
        ..PipelineConfig::new(1)
    });
    let mut call = host.start(at(0));
    let Step::Send { timeout, .. } = host.step(&mut call, at(0)) else { panic!("no send") };
    assert_eq!(timeout, Some(ms(900)));
    assert_eq!(host.step(&mut call, at(900)), Step::Abort(AttemptId(0)));
    assert_eq!(host.step(&mut call, at(900)), Step::Wait(Some(at(950))));
    let Step::Send { timeout, .. } = host.step(&mut call, at(950)) else { panic!("no send") };
    assert_eq!(timeout, Some(ms(45)));
    // nobody looked at 995 ms
    assert_eq!(host.step(&mut call, at(1_000)), Step::Abort(AttemptId(1)));
    assert_eq!(host.step(&mut call, at(1_000)), finish(0, Err(ErrorClass::DeadlineExceeded), 2));
}

#[test]
fn a_hedge_goes_to_another_target_and_the_loser_is_ignored() {
    let mut host =
        Host::new(PipelineConfig { hedge: Some(hedge()), breaker: Some(breaker(1)), ..PipelineConfig::new(2) });
    let mut call = host.start(at(0));
    assert_eq!(host.sent(&mut call, at(0)), 0);
    assert_eq!(host.step(&mut call, at(0)), Step::Wait(Some(at(50))));
    assert_eq!(host.sent(&mut call, at(50)), 1);
    host.end(&mut call, 1, Ok(()), at(60));
    assert_eq!(host.step(&mut call, at(60)), Step::Abort(AttemptId(0)));
    assert_eq!(host.step(&mut call, at(60)), finish(0, Ok(()), 2));
    assert_eq!(host.client.breaker(0).unwrap().state(), State::Closed);
    assert_eq!(host.client.breaker(0).unwrap().snapshot(at(60)).window.total, 1);
}

#[test]
fn a_refused_hedge_leaves_the_first_attempt_alone() {
    let bulkhead = Some(BulkheadConfig::new(1));
    let mut host = Host::new(PipelineConfig { hedge: Some(hedge()), bulkhead, ..PipelineConfig::new(2) });
    let mut call = host.start(at(0));
    host.sent(&mut call, at(0));
    assert_eq!(host.step(&mut call, at(50)), Step::Wait(None));
    host.end(&mut call, 0, Ok(()), at(60));
    assert_eq!(host.step(&mut call, at(60)), finish(0, Ok(()), 1));
}

#[test]
fn a_later_gate_that_refuses_gives_back_what_earlier_gates_granted() {
    // bulkhead first, breaker last, open: the slot must come back
    let gates = [Gate::Bulkhead, Gate::Throttle, Gate::RateLimit, Gate::Breaker];
    let mut host = Host::new(PipelineConfig {
        gates,
        bulkhead: Some(BulkheadConfig::new(1)),
        breaker: Some(breaker(1)),
        ..PipelineConfig::new(1)
    });
    host.quick(at(0), Err(ErrorClass::Error));
    assert_eq!(host.quick(at(1), Ok(())), finish(0, Err(ErrorClass::Rejected), 0));
    let counts = host.client.bulkhead().unwrap().counts();
    assert_eq!((counts.active, counts.admitted, counts.released), (0, 2, 2));
}

#[test]
fn a_probe_that_the_bulkhead_refuses_is_given_back_to_the_breaker() {
    let half_open = Probing::Rate { permitted: 1 };
    let mut host = Host::new(PipelineConfig {
        bulkhead: Some(BulkheadConfig::new(1)),
        breaker: Some(BreakerConfig { half_open, ..breaker(1) }),
        breaker_scope: BreakerScope::Target,
        ..PipelineConfig::new(2)
    });
    host.quick(at(0), Err(ErrorClass::Error)); // opens the breaker of target 0
    let mut blocker = host.start(at(1)); // holds the only slot with target 1
    assert_eq!(host.sent(&mut blocker, at(1)), 1);
    assert_eq!(host.quick(at(40_000), Ok(())), finish(0, Err(ErrorClass::Rejected), 0));
    assert_eq!(host.client.breaker(0).unwrap().state(), State::HalfOpen);
    host.end(&mut blocker, 0, Ok(()), at(40_001));
    host.quick(at(40_002), Ok(())); // target 1
    assert_eq!(host.quick(at(40_003), Ok(())), finish(0, Ok(()), 1), "the one probe is still to be had");
    assert_eq!(host.client.breaker(0).unwrap().state(), State::Closed);
}

#[test]
fn a_waiting_attempt_goes_out_when_a_slot_is_released() {
    let bulkhead = Some(BulkheadConfig { max_queue: 1, ..BulkheadConfig::new(1) });
    let mut host = Host::new(PipelineConfig { bulkhead, ..PipelineConfig::new(1) });
    let mut first = host.start(at(0));
    host.sent(&mut first, at(0));
    let mut second = host.with(at(1), |client, edge| Call::start(client, request(1), edge));
    assert_eq!(host.step(&mut second, at(1)), Step::Wait(Some(at(1_001))));
    host.end(&mut first, 0, Ok(()), at(5));
    let event = host.heard.queue.pop().unwrap();
    assert_eq!(event, Event::Admitted(Waiter { call: 1, attempt: 0 }));
    host.with(at(5), |client, edge| second.queue_event(client, event, edge));
    host.sent(&mut second, at(5));
    assert_eq!(host.client.bulkhead().unwrap().counts().active, 1);
}

#[test]
fn a_queue_timeout_is_a_local_rejection() {
    let bulkhead = Some(BulkheadConfig { max_queue: 1, ..BulkheadConfig::new(1) });
    let mut host = Host::new(PipelineConfig { bulkhead, ..PipelineConfig::new(1) });
    let mut first = host.start(at(0));
    host.sent(&mut first, at(0));
    let mut second = host.with(at(1), |client, edge| Call::start(client, request(1), edge));
    host.step(&mut second, at(1));
    host.step(&mut second, at(1_001));
    let event = host.heard.queue.pop().unwrap();
    host.with(at(1_001), |client, edge| second.queue_event(client, event, edge));
    assert_eq!(host.step(&mut second, at(1_001)), finish(0, Err(ErrorClass::Rejected), 0));
}

#[test]
fn a_cancelled_waiter_leaves_the_queue_at_once() {
    let bulkhead = Some(BulkheadConfig { max_queue: 1, ..BulkheadConfig::new(1) });
    let mut host = Host::new(PipelineConfig { bulkhead, ..PipelineConfig::new(1) });
    let mut first = host.start(at(0));
    host.sent(&mut first, at(0));
    let mut second = host.with(at(1), |client, edge| Call::start(client, request(1), edge));
    host.step(&mut second, at(1));
    host.with(at(2), |client, edge| second.cancel(client, edge));
    let counts = host.client.bulkhead().unwrap().counts();
    assert_eq!((counts.active, counts.queued, counts.cancelled), (1, 0, 1));
}

#[test]
fn a_cell_that_was_not_used_is_given_back() {
    let rate_limit = Some(RateLimitConfig { rate: GcraConfig::per_second(10.0), wait: Span::ZERO });
    let bulkhead = Some(BulkheadConfig::new(1));
    let mut host = Host::new(PipelineConfig { rate_limit, bulkhead, ..PipelineConfig::new(1) });
    let mut blocker = host.start(at(0));
    host.sent(&mut blocker, at(0));
    assert_eq!(host.quick(at(100), Ok(())), finish(0, Err(ErrorClass::Rejected), 0), "by the bulkhead");
    host.end(&mut blocker, 0, Ok(()), at(100));
    assert_eq!(host.quick(at(100), Ok(())), finish(0, Ok(()), 1));
}

#[test]
fn a_booked_attempt_waits_for_its_turn() {
    let rate_limit = Some(RateLimitConfig { rate: GcraConfig::per_second(10.0), wait: ms(100) });
    let mut host = Host::new(PipelineConfig { rate_limit, ..PipelineConfig::new(1) });
    host.quick(at(0), Ok(()));
    let mut booked = host.start(at(30));
    assert_eq!(host.step(&mut booked, at(30)), Step::Wait(Some(at(100))));
    assert_eq!(host.quick(at(31), Ok(())), finish(0, Err(ErrorClass::Rejected), 0));
    host.sent(&mut booked, at(100));
}

#[test]
fn the_fallback_is_tried_once_and_the_result_names_its_tier() {
    let open_only = TierConfig { triggers: Triggers::of(&[Trigger::BreakerOpen]), ..TierConfig::default() };
    let mut host = Host::new(PipelineConfig {
        tiers: vec![open_only, TierConfig::default()],
        breaker: Some(breaker(1)),
        retry: Some(retry(1)),
        ..PipelineConfig::new(1)
    });
    let mut call = host.start(at(0));
    host.sent(&mut call, at(0));
    host.end(&mut call, 0, Err(ErrorClass::Error), at(0));
    assert_eq!(host.step(&mut call, at(0)), Step::RunTier(2), "a plain error is no open breaker");
    host.with(at(1), |client, edge| call.tier_ended(client, false, edge));
    assert_eq!(host.step(&mut call, at(1)), finish(2, Err(ErrorClass::Error), 1));

    let mut call = host.start(at(2));
    assert_eq!(host.step(&mut call, at(2)), Step::RunTier(1));
    host.with(at(3), |client, edge| call.tier_ended(client, true, edge));
    assert_eq!(host.step(&mut call, at(3)), finish(1, Ok(()), 0));
}

#[test]
fn a_wrong_request_falls_nowhere() {
    let mut host = Host::new(full(2));
    assert_eq!(host.quick(at(0), Err(ErrorClass::Client)), finish(0, Err(ErrorClass::Client), 1));
}

#[test]
fn with_every_target_known_dead_the_call_fails_unsent() {
    let mut host = Host::new(PipelineConfig { panic: 0, ..PipelineConfig::new(2) });
    for target in 0..2 {
        let Host { client, heard, .. } = &mut host;
        client.set_health(at(0), target, false, heard);
    }
    assert_eq!(host.quick(at(1), Ok(())), finish(0, Err(ErrorClass::Connect), 0));
}

#[test]
fn health_ejection_and_panic_decide_who_is_eligible() {
    let ejection = Some(EjectionConfig { errors: Some(1), ..EjectionConfig::default() });
    let mut host = Host::new(PipelineConfig { ejection, ..PipelineConfig::new(4) });
    let set = |host: &mut Host, target, healthy| host.client.set_health(at(0), target, healthy, &mut host.heard);
    set(&mut host, 3, false);
    assert_eq!(host.client.eligible(), [0, 1, 2]);
    host.quick(at(0), Err(ErrorClass::Error));
    assert_eq!(host.client.eligible(), [1, 2], "target 0 is ejected; half are left, which is no panic");
    set(&mut host, 2, false);
    assert_eq!(host.client.eligible(), [0, 1, 2, 3], "panic: all");
    set(&mut host, 2, true);
    host.with(at(30_000), Client::poll);
    assert_eq!(host.client.eligible(), [0, 1, 2]);
}

#[test]
fn a_cancelled_call_gives_everything_back() {
    // without the throttle, which may refuse the hedge: after one request without answer its p is 1/2
    let mut host = Host::new(PipelineConfig { throttle: None, ..full(2) });
    let mut call = host.start(at(0));
    host.sent(&mut call, at(0));
    host.sent(&mut call, at(50));
    host.with(at(60), |client, edge| call.cancel(client, edge));
    assert_eq!(host.step(&mut call, at(60)), Step::Abort(AttemptId(0)));
    assert_eq!(host.step(&mut call, at(60)), Step::Abort(AttemptId(1)));
    assert_eq!(host.step(&mut call, at(60)), finish(0, Err(ErrorClass::Cancelled), 2));
    assert_eq!(host.client.bulkhead().unwrap().counts().active, 0);
}

#[test]
fn a_call_that_moves_between_attempts_is_over_for_one_client_and_begins_for_the_other() {
    let concurrency = ConcurrencyConfig { share: 0, min: 1 };
    let config = || {
        let budget = RetryBudget::Concurrency(ConcurrencyBudget::new(concurrency).unwrap());
        PipelineConfig { retry: Some(retry(3)), budget, breaker: Some(breaker(1)), ..PipelineConfig::new(1) }
    };
    let in_progress = |host: &Host| match &host.client.budget {
        RetryBudget::Concurrency(budget) => budget.in_progress(),
        other => panic!("{other:?}"),
    };
    let [mut old, mut new] = [Host::new(config()), Host::new(config())];
    let mut call = old.start(at(0));
    old.sent(&mut call, at(0));
    old.end(&mut call, 0, Err(ErrorClass::Connect), at(10));
    assert_eq!((in_progress(&old), call.backs_off()), ((1, 1), Some(at(110))));
    call.move_over(&mut old.client, &mut new.client, at(110));
    assert_eq!((in_progress(&old), in_progress(&new)), ((0, 0), (1, 0)), "nothing is left behind");
    // the old breaker is open, the new one has seen nothing; the same target is another's
    assert!(matches!(old.client.breaker(0).unwrap().state(), State::Open { .. }));
    assert_eq!(new.sent(&mut call, at(110)), 0);
    // it goes on counting: a third attempt, which the new budget grants, and no fourth
    new.end(&mut call, 1, Err(ErrorClass::Connect), at(120));
    assert_eq!((in_progress(&new), call.backs_off()), ((1, 1), Some(at(220))));
    assert_eq!(new.step(&mut call, at(220)), finish(0, Err(ErrorClass::Rejected), 2), "its breaker is open now");
    assert_eq!(in_progress(&new), (0, 0));
    // not between two attempts it stays
    let [mut old, mut new] = [Host::new(config()), Host::new(config())];
    let mut call = old.start(at(0));
    call.move_over(&mut old.client, &mut new.client, at(0));
    assert_eq!((in_progress(&old), in_progress(&new)), ((1, 0), (0, 0)));
}

#[test]
fn a_call_that_has_moved_brings_to_the_other_budget_what_a_request_brings() {
    let budget = || RetryBudget::Ratio(RatioBudget::new(RatioConfig::share(5_000)).unwrap());
    let host = || Host::new(PipelineConfig { retry: Some(retry(3)), budget: budget(), ..PipelineConfig::new(1) });
    let [mut old, mut new] = [host(), host()];
    let balance = |host: &mut Host| match &mut host.client.budget {
        RetryBudget::Ratio(budget) => budget.balance(at(100)),
        other => panic!("{other:?}"),
    };
    // a request brings 1, a retry costs 2: of two requests one may be tried again, and is paid for here
    let [mut call, _] = [old.start(at(0)), old.start(at(0))];
    old.sent(&mut call, at(0));
    old.end(&mut call, 0, Err(ErrorClass::Error), at(0));
    call.move_over(&mut old.client, &mut new.client, at(100));
    assert_eq!((balance(&mut old), balance(&mut new)), (0, 1));
}

#[test]
fn a_wrong_config_names_its_field() {
    let wrong = |config| Client::new(config, Time::ZERO).unwrap_err().to_string();
    let hedges = HedgeConfig { at_most: 4, ..hedge() };
    assert!(wrong(PipelineConfig { hedge: Some(hedges), ..full(2) }).starts_with("`at_most`"));
    let gates = [Gate::Breaker, Gate::Breaker, Gate::RateLimit, Gate::Bulkhead];
    assert!(wrong(PipelineConfig { gates, ..full(2) }).starts_with("`gates`"));
    assert!(wrong(PipelineConfig { targets: 0, ..full(2) }).starts_with("`targets`"));
    assert!(wrong(PipelineConfig { breaker: Some(breaker(0)), ..full(2) }).contains("breaker"));
}
