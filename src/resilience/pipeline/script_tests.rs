//! Random scripts for many calls through one client, run as an event loop runs them: whatever happens, every call
//! finishes once, nothing is sent twice or too late, and everything is given back.

use std::collections::BTreeMap;

use proptest::prelude::{ProptestConfig, any, prop, proptest};

use super::tests::{Host, at, full, ms, request};
use super::{AttemptEnd, AttemptId, Call, Gate, PipelineConfig, Request, Step};
use crate::resilience::ErrorClass;
use crate::resilience::bulkhead::Event;
use crate::time::{Span, Time};

/// What happens to one call.
#[derive(Clone, Debug)]
struct Script {
    start: Time,
    idempotent: bool,
    /// How its attempts go, in turn: after how many ms, and 0 to 3 for an error, else well.
    attempts: Vec<(u64, u8)>,
    cancel_after: Option<Span>,
}

impl Script {
    fn end(&self, attempt: AttemptId) -> (Span, AttemptEnd) {
        let classes = [ErrorClass::Error, ErrorClass::Overload, ErrorClass::Connect, ErrorClass::Client];
        let (latency, kind) = self.attempts[attempt.0 as usize % self.attempts.len()];
        (ms(latency), classes.get(usize::from(kind)).map_or(AttemptEnd::OK, |&class| AttemptEnd::failed(class)))
    }
}

/// A call in progress.
struct Live<'a> {
    call: Call,
    script: &'a Script,
    out: BTreeMap<AttemptId, (Time, AttemptEnd)>,
    cancel: Option<Time>,
}

impl Live<'_> {
    fn next_wake(&self) -> Option<Time> {
        self.out.values().map(|end| end.0).chain(self.call.next_wake()).chain(self.cancel).min()
    }

    /// Everything that is due; true if the call is over.
    fn turn(&mut self, host: &mut Host, now: Time) -> bool {
        if self.cancel.is_some_and(|at| at <= now) {
            self.cancel = None;
            host.with(now, |client, edge| self.call.cancel(client, edge));
        }
        let due: Vec<_> = self.out.iter().filter(|(_, (at, _))| *at <= now).map(|(&id, end)| (id, end.1)).collect();
        for (attempt, end) in due {
            self.out.remove(&attempt);
            host.with(now, |client, edge| self.call.attempt_ended(client, attempt, end, edge));
        }
        for _ in 0..100 {
            match host.step(&mut self.call, now) {
                Step::Send { attempt, timeout, .. } => {
                    assert!(now < self.script.start + Span::from_secs(2), "sent at or after the deadline");
                    assert!(timeout.is_some_and(|timeout| timeout <= ms(200)));
                    let (latency, end) = self.script.end(attempt);
                    assert!(self.out.insert(attempt, (now + latency, end)).is_none(), "sent twice");
                    if let Some(until) = self.call.rests() {
                        let next = host.step(&mut self.call.clone(), now);
                        assert_eq!(next, Step::Wait(Some(until)), "a call that rests would only wait");
                    }
                }
                Step::Abort(attempt) => drop(self.out.remove(&attempt)),
                Step::RunTier(_) => host.with(now, |client, edge| self.call.tier_ended(client, true, edge)),
                Step::Wait(at) => {
                    assert!(at.is_some_and(|at| at < Time::NEVER), "there is a deadline");
                    return false;
                }
                Step::Finish(result) => {
                    assert!(self.out.is_empty(), "finished with attempts out");
                    assert!(result.sent <= 3 * 2, "three rounds of two");
                    return true;
                }
            }
        }
        panic!("spins at {now}");
    }
}

/// Gives the fates of waiters to their calls, also to those that are over.
fn deliver(host: &mut Host, live: &mut BTreeMap<u64, Live<'_>>, over: &mut BTreeMap<u64, Call>, now: Time) -> bool {
    let events = std::mem::take(&mut host.heard.queue);
    let any = !events.is_empty();
    for event in events {
        let (Event::Admitted(waiter) | Event::TimedOut { waiter, .. }) = event;
        let in_progress = live.get_mut(&waiter.call).map(|live| &mut live.call);
        if let Some(call) = in_progress.or(over.get_mut(&waiter.call)) {
            host.with(now, |client, edge| call.queue_event(client, event, edge));
        }
    }
    any
}

fn run(config: PipelineConfig, scripts: &[Script]) {
    let mut host = Host::new(config);
    let (mut live, mut over) = (BTreeMap::new(), BTreeMap::new());
    let mut waiting: Vec<_> = scripts.iter().enumerate().collect();
    waiting.sort_by_key(|(_, script)| std::cmp::Reverse(script.start));
    let (mut now, mut spins) = (Time::ZERO, 0);
    loop {
        while let Some((id, script)) = waiting.pop_if(|(_, script)| script.start <= now) {
            let request = Request { idempotent: script.idempotent, ..request(id as u64) };
            let call = host.with(now, |client, edge| Call::start(client, request, edge));
            let cancel = script.cancel_after.map(|after| now + after);
            live.insert(id as u64, Live { call, script, out: BTreeMap::new(), cancel });
        }
        let ended: Vec<_> = live.iter_mut().filter_map(|(&id, live)| live.turn(&mut host, now).then_some(id)).collect();
        for id in ended {
            over.extend(live.remove(&id).map(|live| (id, live.call)));
        }
        let counts = host.client.bulkhead().unwrap().counts();
        assert!(counts.active <= 2 && counts.queued <= 2);
        if deliver(&mut host, &mut live, &mut over, now) {
            continue;
        }
        let start = waiting.last().map(|(_, script)| script.start);
        let Some(wake) = live.values().filter_map(Live::next_wake).chain(start).min() else { break };
        // an answer after no time comes at the same instant; a wake that changes nothing would spin
        spins = if wake > now { 0 } else { spins + 1 };
        assert!(spins < 1_000, "a wake at {wake} that changes nothing, now {now}");
        now = now.max(wake);
    }
    assert_eq!(over.len(), scripts.len());
    let counts = host.client.bulkhead().unwrap().counts();
    assert_eq!((counts.active, counts.queued), (0, 0));
    assert_eq!(counts.admitted, counts.released);
}

fn script() -> impl prop::strategy::Strategy<Value = Script> {
    use prop::strategy::Strategy;
    let attempts = prop::collection::vec((0_u64..400, 0_u8..8), 1..5);
    (0_u64..3_000, any::<bool>(), attempts, prop::option::weighted(0.2, 0_u64..600)).prop_map(
        |(start, idempotent, attempts, cancel)| Script {
            start: at(start),
            idempotent,
            attempts,
            cancel_after: cancel.map(ms),
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn whatever_happens_every_call_finishes_once_and_everything_is_given_back(
        scripts in prop::collection::vec(script(), 1..60),
        gates in prop::sample::select(vec![
            super::GATES,
            [Gate::Bulkhead, Gate::RateLimit, Gate::Breaker, Gate::Throttle],
            [Gate::RateLimit, Gate::Bulkhead, Gate::Throttle, Gate::Breaker],
        ]),
    ) {
        run(PipelineConfig { gates, ..full(3) }, &scripts);
    }
}
