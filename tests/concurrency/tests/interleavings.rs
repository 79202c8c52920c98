//! One test per wrapper and invariant; loom runs each in every order that its threads allow.

use std::sync::atomic::{AtomicU32, Ordering};

use loom::sync::Arc;
use loom::thread;

use concurrency::resilience::Outcome;
use concurrency::resilience::bulkhead::{Admission, Bulkhead, BulkheadConfig, Event};
use concurrency::resilience::circuit_breaker::{BreakerConfig, CircuitBreaker, Order, Probing, State};
use concurrency::resilience::rate_limiter::{AtomicGcra, GcraConfig};
use concurrency::resilience::shared::Shared;
use concurrency::time::{Span, Time};

fn at(nanos: u64) -> Time {
    Time::from_nanos(nanos)
}

/// A breaker that waits for its first probe, and lets `permitted` pass.
fn half_open(permitted: u32) -> Arc<Shared<CircuitBreaker>> {
    let config = BreakerConfig { half_open: Probing::Rate { permitted }, ..BreakerConfig::default() };
    let mut breaker = CircuitBreaker::new(config).expect("valid");
    breaker.force(at(0), Order::Open);
    Arc::new(Shared::new(breaker))
}

#[test]
fn a_half_open_breaker_admits_exactly_as_many_as_it_was_told() {
    loom::model(|| {
        let breaker = half_open(2);
        let due = at(0) + Span::from_secs(30);
        // each finds the wait over: the first to come makes it half-open, whoever that is
        let ask = move |breaker: Arc<Shared<CircuitBreaker>>| breaker.with(|breaker| breaker.acquire(due)).ok();
        let others = [breaker.clone(), breaker.clone()].map(|breaker| thread::spawn(move || ask(breaker)));
        let mut permits = vec![ask(breaker.clone())];
        permits.extend(others.map(|other| other.join().expect("no panic")));
        let permits: Vec<_> = permits.into_iter().flatten().collect();
        assert_eq!(permits.len(), 2);
        // and both results close it
        for permit in permits {
            breaker.with(|breaker| breaker.record(due, permit, Outcome::Success, Span::ZERO));
        }
        assert_eq!(breaker.with(|breaker| breaker.state()), State::Closed);
    });
}

#[test]
fn probes_that_end_together_give_one_verdict_and_a_dropped_one_frees_its_place() {
    loom::model(|| {
        let breaker = half_open(2);
        let due = at(0) + Span::from_secs(30);
        let run = move |breaker: Arc<Shared<CircuitBreaker>>, outcome: Option<Outcome>| {
            let Ok(permit) = breaker.with(|breaker| breaker.acquire(due)) else { return false };
            match outcome {
                Some(outcome) => breaker.with(|breaker| breaker.record(due, permit, outcome, Span::ZERO)),
                None => breaker.with(|breaker| breaker.release(due, permit)),
            }
            true
        };
        let (first, second) = (breaker.clone(), breaker.clone());
        let first = thread::spawn(move || run(first, Some(Outcome::Success)));
        let second = thread::spawn(move || run(second, None));
        let third = run(breaker.clone(), Some(Outcome::Success));
        let recorded = u32::from(first.join().expect("no panic")) + u32::from(third);
        second.join().expect("no panic");
        let state = breaker.with(|breaker| breaker.state());
        // two good probes close it; one leaves it half-open, with a place free for the next
        let wanted = if recorded == 2 { State::Closed } else { State::HalfOpen };
        assert_eq!(state, wanted);
        assert!(breaker.with(|breaker| breaker.acquire(due)).is_ok());
    });
}

#[test]
fn a_bulkhead_never_holds_more_than_its_slots_and_loses_none() {
    loom::model(|| {
        let config = BulkheadConfig { max_queue: 1, ..BulkheadConfig::new(1) };
        let bulkhead = Arc::new(Shared::new(Bulkhead::<u32>::new(config).expect("valid")));
        // how many are inside, kept outside the model: the order of the threads is loom's either way
        let inside = std::sync::Arc::new(AtomicU32::new(0));
        let run = |bulkhead: Arc<Shared<Bulkhead<u32>>>, inside: std::sync::Arc<AtomicU32>, id: u32| {
            match bulkhead.with(|policy| policy.acquire(at(0), id, &mut |_| {})) {
                Admission::Admitted => {
                    assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0);
                    thread::yield_now();
                    inside.fetch_sub(1, Ordering::SeqCst);
                    // a waiter that gets the slot is done at once, and gives it back in its turn
                    let mut slots = 1;
                    while slots > 0 {
                        slots -= 1;
                        let on = &mut |event| slots += u32::from(matches!(event, Event::Admitted(_)));
                        bulkhead.with(|policy| policy.release(at(0), on));
                    }
                }
                Admission::Queued(ticket) => {
                    thread::yield_now();
                    bulkhead.with(|policy| policy.cancel(at(0), ticket, &mut |_| {}));
                }
                Admission::Full => {}
            }
        };
        let others = [1, 2].map(|id| {
            let (bulkhead, inside) = (bulkhead.clone(), inside.clone());
            thread::spawn(move || run(bulkhead, inside, id))
        });
        run(bulkhead.clone(), inside.clone(), 0);
        others.into_iter().for_each(|other| other.join().expect("no panic"));
        let counts = bulkhead.with(|policy| policy.counts());
        assert_eq!((counts.active, counts.queued), (0, 0));
        assert_eq!(counts.admitted, counts.released);
        assert!(counts.admitted + counts.full + counts.cancelled >= 3);
    });
}

/// How many of three threads a limiter admits that ask at these times; a burst of 2, one more each 10 ns.
fn admitted(times: [u64; 3]) -> usize {
    let config = GcraConfig { period: Span::from_nanos(10), burst: 2 };
    let limiter = Arc::new(AtomicGcra::new(config).expect("valid"));
    let ask = |limiter: Arc<AtomicGcra>, now: u64| limiter.acquire(at(now), 1).is_ok();
    let [own, others @ ..] = times;
    let others = others.map(|now| {
        let limiter = limiter.clone();
        thread::spawn(move || ask(limiter, now))
    });
    let own = ask(limiter, own);
    others.into_iter().map(|other| other.join().expect("no panic")).chain([own]).filter(|&in_| in_).count()
}

#[test]
fn an_atomic_limiter_admits_exactly_what_one_owner_would() {
    loom::model(|| assert_eq!(admitted([100; 3]), 2));
}

#[test]
fn an_atomic_limiter_never_admits_more_for_threads_whose_clocks_differ() {
    // whoever comes late with an early time is refused rather than admitted
    loom::model(|| assert!((1..=2).contains(&admitted([100, 101, 109]))));
}

#[test]
fn booked_turns_are_a_period_apart_whoever_books_them() {
    loom::model(|| {
        let config = GcraConfig { period: Span::from_nanos(10), burst: 1 };
        let limiter = Arc::new(AtomicGcra::new(config).expect("valid"));
        let book = |limiter: Arc<AtomicGcra>| limiter.reserve(at(100), 1, Span::SECOND).expect("time enough");
        let others = [limiter.clone(), limiter.clone()].map(|limiter| thread::spawn(move || book(limiter)));
        let mut turns = vec![book(limiter)];
        turns.extend(others.map(|other| other.join().expect("no panic")));
        turns.sort();
        assert_eq!(turns, [0, 10, 20].map(Span::from_nanos));
    });
}
