use proptest::prelude::{prop, prop_assert, proptest};

use super::{HedgeAfter, HedgeBudget, HedgeConfig, HedgeDelay, HedgeResult, HedgeState, HedgeStep};
use crate::resilience::ErrorClass;
use crate::resilience::retry::Pushback;
use crate::time::{Span, Time};

fn at(millis: u64) -> Time {
    Time::ZERO + Span::from_millis(millis)
}

const DELAY: Span = Span::from_millis(10);

/// A call with up to `hedges` hedges 10 ms apart until 100 ms, and a budget that allows them all.
fn call(hedges: u32) -> (HedgeState, HedgeBudget) {
    let mut budget = HedgeBudget::new(10_000).unwrap();
    (0..9).for_each(|_| budget.request());
    let config = HedgeConfig { after: HedgeAfter::Fixed(DELAY), at_most: hedges, ..HedgeConfig::default() };
    (HedgeState::start(&config, at(0), Some(DELAY), at(100), true, &mut budget), budget)
}

const FAILED: HedgeResult = HedgeResult::NonFatal(ErrorClass::Error, None);

#[test]
fn the_first_goes_at_once_and_the_next_after_each_delay() {
    let (mut call, mut budget) = call(2);
    assert_eq!(call.poll(at(0), &mut budget), HedgeStep::Send(0));
    assert_eq!(call.poll(at(9), &mut budget), HedgeStep::Wait);
    assert_eq!(call.next_wake(), Some(at(10)));
    assert_eq!(call.poll(at(10), &mut budget), HedgeStep::Send(1));
    assert_eq!(call.poll(at(20), &mut budget), HedgeStep::Send(2));
    assert_eq!(call.next_wake(), None, "no more than two hedges");
    assert_eq!(call.outstanding(), 3);
}

#[test]
fn a_non_fatal_failure_sends_the_next_at_once_and_restarts_the_delay() {
    let (mut call, mut budget) = call(3);
    call.poll(at(0), &mut budget);
    assert_eq!(call.ended(at(4), FAILED), HedgeStep::Wait);
    assert_eq!(call.poll(at(4), &mut budget), HedgeStep::Send(1));
    assert_eq!(call.next_wake(), Some(at(14)));
}

#[test]
fn pushback_delays_the_next_and_never_stops_it() {
    let (mut call, mut budget) = call(3);
    call.poll(at(0), &mut budget);
    call.poll(at(10), &mut budget);
    call.ended(at(12), HedgeResult::NonFatal(ErrorClass::Overload, Some(Pushback::After(Span::from_millis(30)))));
    assert_eq!(call.next_wake(), Some(at(42)));
    assert_eq!(call.poll(at(42), &mut budget), HedgeStep::Send(2));
    let never = HedgeResult::NonFatal(ErrorClass::Overload, Some(Pushback::Never));
    assert_eq!(call.ended(at(43), never), HedgeStep::Wait);
    assert_eq!(call.next_wake(), None);
    assert_eq!(call.ended(at(44), FAILED), HedgeStep::Done(Err(ErrorClass::Error)));
}

#[test]
fn success_or_fatal_ends_the_call_and_cancels_the_rest() {
    for (result, end) in
        [(HedgeResult::Success, Ok(())), (HedgeResult::Fatal(ErrorClass::Client), Err(ErrorClass::Client))]
    {
        let (mut call, mut budget) = call(3);
        call.poll(at(0), &mut budget);
        call.poll(at(10), &mut budget);
        assert_eq!(call.ended(at(11), result), HedgeStep::Done(end));
        assert_eq!(call.outstanding(), 1, "one is left to cancel");
        assert_eq!(call.poll(at(20), &mut budget), HedgeStep::Done(end));
        assert_eq!(call.ended(at(21), FAILED), HedgeStep::Done(end));
    }
}

#[test]
fn the_last_failure_is_the_result() {
    let (mut call, mut budget) = call(1);
    call.poll(at(0), &mut budget);
    call.poll(at(10), &mut budget);
    assert_eq!(call.ended(at(11), FAILED), HedgeStep::Wait);
    let last = HedgeResult::NonFatal(ErrorClass::Timeout, None);
    assert_eq!(call.ended(at(12), last), HedgeStep::Done(Err(ErrorClass::Timeout)));
}

#[test]
fn a_hedge_never_passes_the_deadline() {
    let (mut call, mut budget) = call(20);
    let mut sent = 0;
    for ms in 0..200 {
        if matches!(call.poll(at(ms), &mut budget), HedgeStep::Send(_)) {
            sent += 1;
            assert!(ms < 100);
        }
    }
    assert_eq!(sent, 10);
}

#[test]
fn without_budget_the_first_attempt_stands_alone() {
    let mut budget = HedgeBudget::new(500).unwrap();
    let config = HedgeConfig::default();
    let mut call = HedgeState::start(&config, at(0), Some(DELAY), Time::NEVER, true, &mut budget);
    assert_eq!(call.poll(at(0), &mut budget), HedgeStep::Send(0));
    assert_eq!(call.poll(at(10), &mut budget), HedgeStep::Wait);
    assert_eq!(call.next_wake(), None);
    assert_eq!(call.ended(at(11), FAILED), HedgeStep::Done(Err(ErrorClass::Error)));
}

#[test]
fn a_denied_hedge_after_a_failure_ends_the_call_with_that_failure() {
    let mut budget = HedgeBudget::new(0).unwrap();
    let mut call = HedgeState::start(&HedgeConfig::default(), at(0), Some(DELAY), Time::NEVER, true, &mut budget);
    call.poll(at(0), &mut budget);
    assert_eq!(call.ended(at(1), FAILED), HedgeStep::Wait);
    assert_eq!(call.poll(at(1), &mut budget), HedgeStep::Done(Err(ErrorClass::Error)));
}

#[test]
fn only_idempotent_requests_with_a_known_delay_are_hedged() {
    for (delay, idempotent) in [(None, true), (Some(DELAY), false)] {
        let mut budget = HedgeBudget::new(10_000).unwrap();
        let mut call = HedgeState::start(&HedgeConfig::default(), at(0), delay, Time::NEVER, idempotent, &mut budget);
        assert_eq!(call.poll(at(0), &mut budget), HedgeStep::Send(0));
        assert_eq!(call.next_wake(), None);
    }
}

#[test]
fn a_learned_delay_is_a_quantile_once_enough_was_seen() {
    let mut delay = HedgeDelay::new(HedgeAfter::Quantile { basis_points: 9_500, min_samples: 100 }).unwrap();
    for ms in 1..=100 {
        assert_eq!(delay.get(), None);
        delay.answered(Span::from_millis(ms));
    }
    let p95 = delay.get().unwrap();
    assert!(p95 > Span::from_millis(95) && p95 <= Span::from_millis(101), "{p95}");
    assert_eq!(HedgeDelay::new(HedgeAfter::Fixed(Span::ZERO)).unwrap_err().field, "after");
}

proptest! {
    #[test]
    fn hedges_stay_below_their_share_at_every_moment(share in 0_u32..=10_000, asks in prop::collection::vec(0_u8..4, 1..500)) {
        let mut budget = HedgeBudget::new(share).unwrap();
        let (mut requests, mut hedges) = (0_u32, 0_u32);
        for ask in asks {
            budget.request();
            requests += 1;
            hedges += (0..ask).map(|_| u32::from(budget.withdraw())).sum::<u32>();
            prop_assert!(hedges * 10_000 <= requests * share);
        }
    }
}
