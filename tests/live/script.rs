//! One random script in three hosts: the core by hand, a plain event loop, and tower on tokio's paused clock.
//!
//! All three must send the same attempts to the same targets at the same nanosecond, and end every call alike. Scripts
//! in which two calls act at the same instant are left out: their order is nobody's promise.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use ninefold::engine::queue::{Counter, EventQueue};
use ninefold::live::pipeline::{Attempt, Pipeline, PipelineLayer};
use ninefold::live::{Clock, Refusal};
use ninefold::resilience::ErrorClass;
use ninefold::resilience::adaptive_throttle::ThrottleConfig;
use ninefold::resilience::bulkhead::{BulkheadConfig, Event};
use ninefold::resilience::circuit_breaker::{BreakerConfig, Probing, Trip};
use ninefold::resilience::deadline::AttemptShare;
use ninefold::resilience::fallback::TierConfig;
use ninefold::resilience::hedge::{HedgeAfter, HedgeConfig};
use ninefold::resilience::pipeline::{
    AttemptEnd, AttemptId, BreakerScope, Call, Client, Edge, Observer, PipelineConfig, RateLimitConfig, Request, Step,
    Waiter,
};
use ninefold::resilience::rate_limiter::GcraConfig;
use ninefold::resilience::retry::{Backoff, Jitter, RetryConfig, Strategy};
use ninefold::time::{Span, Time};
use rand::RngExt;
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::SeedableRng;
use tower::{Layer, Service, service_fn};

/// A thousand times coarser than the milliseconds in which tokio's timer counts, so that ties are rare.
const UNIT: u64 = 1_024;

fn ms(millis: u64) -> Span {
    Span::from_millis(millis)
}

/// What happens to one call.
#[derive(Clone, Debug)]
struct Script {
    start: u64,
    idempotent: bool,
    /// How its attempts go, in the order of their sending: after how many ms, and how.
    attempts: Vec<(u64, Result<(), ErrorClass>)>,
    cancel_after: Option<u64>,
}

impl Script {
    fn draw(rng: &mut Xoshiro256PlusPlus) -> Script {
        let classes = [ErrorClass::Error, ErrorClass::Overload, ErrorClass::Connect, ErrorClass::Client];
        let mut attempt = || {
            let kind = rng.random_range(0..7_usize);
            (rng.random_range(1..400 * UNIT), classes.get(kind).map_or(Ok(()), |&class| Err(class)))
        };
        let attempts = vec![attempt(), attempt(), attempt(), attempt()];
        Script {
            start: rng.random_range(0..3_000 * UNIT),
            idempotent: rng.random(),
            attempts,
            cancel_after: rng.random_bool(0.2).then(|| rng.random_range(1..600 * UNIT)),
        }
    }

    fn attempt(&self, number: usize) -> (Span, Result<(), ErrorClass>) {
        let (latency, end) = self.attempts[number % self.attempts.len()];
        (ms(latency), end)
    }

    fn about(&self) -> Request {
        Request { idempotent: self.idempotent, ..Request::default() }
    }
}

/// Everything on; the throttle only in every third script and the dwell of the fallback only in every second, since both
/// keep most calls from being sent. The odd milliseconds keep the policies' own times apart.
fn config(seed: u64) -> PipelineConfig {
    let backoff =
        Backoff { strategy: Strategy::Linear, base: ms(100 * UNIT + 1), cap: ms(500 * UNIT), jitter: Jitter::None };
    let breaker = BreakerConfig {
        trip: Trip::Consecutive { failures: 3 },
        open_for: ms(300 * UNIT + 5),
        half_open: Probing::Rate { permitted: 2 },
        half_open_max: ms(900 * UNIT + 11),
        ..BreakerConfig::default()
    };
    let dwell = if seed.is_multiple_of(2) { Span::ZERO } else { ms(150 * UNIT + 17) };
    let throttle =
        seed.is_multiple_of(3).then(|| ThrottleConfig { window: ms(2_000 * UNIT), ..ThrottleConfig::default() });
    let rate = GcraConfig { period: ms(40 * UNIT + 3), burst: 4 };
    PipelineConfig {
        tiers: vec![TierConfig { dwell, ..TierConfig::default() }],
        deadline: Some(ms(2_000 * UNIT + 23)),
        retry: Some(RetryConfig { max_attempts: 3, backoff, ..RetryConfig::default() }),
        hedge: Some(HedgeConfig { after: HedgeAfter::Fixed(ms(50 * UNIT + 7)), at_most: 1, budget: 5_000 }),
        throttle,
        breaker: Some(breaker),
        breaker_scope: BreakerScope::Target,
        rate_limit: Some(RateLimitConfig { rate, wait: ms(60 * UNIT) }),
        bulkhead: Some(BulkheadConfig { max_queue: 2, queue_timeout: ms(120 * UNIT + 29), ..BulkheadConfig::new(2) }),
        attempt_timeout: Some(ms(200 * UNIT + 37)),
        // the default of at most 30 s would be nothing in these units
        share: AttemptShare { longest: Span::HOUR, ..AttemptShare::default() },
        ..PipelineConfig::new(3)
    }
}

/// What a host did, in the order of time, call and kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Did {
    Send { target: u32, timeout: Option<Span> },
    Finish { tier: usize, result: Result<(), ErrorClass>, sent: Option<u32> },
    Cancel,
}

type Trace = Vec<(Time, usize, Did)>;

/// Those who wait in the bulkhead hear of their fate here.
#[derive(Default)]
struct Mail(Vec<Event<Waiter>>);

impl Observer for Mail {
    fn queue(&mut self, event: Event<Waiter>) {
        self.0.push(event);
    }
}

/// The core without any loop: who drives it is told what became of a call.
struct Core<'a> {
    scripts: &'a [Script],
    client: Client,
    rng: Xoshiro256PlusPlus,
    mail: Mail,
    calls: BTreeMap<usize, Call>,
    sent: BTreeMap<usize, usize>,
    trace: Trace,
}

/// What the loop has to do for a call.
enum Todo {
    EndAttempt(AttemptId, Time),
    Abort(AttemptId),
    WakeAt(Time),
    Over,
}

impl<'a> Core<'a> {
    fn new(scripts: &'a [Script], seed: u64) -> Self {
        let client = Client::new(config(seed), Time::ZERO).expect("valid");
        let rng = Xoshiro256PlusPlus::seed_from_u64(seed);
        let (calls, sent) = (BTreeMap::new(), BTreeMap::new());
        Core { scripts, client, rng, mail: Mail::default(), calls, sent, trace: Vec::new() }
    }

    fn act<R>(
        &mut self,
        id: usize,
        now: Time,
        act: impl FnOnce(&mut Call, &mut Client, &mut Edge<'_, Xoshiro256PlusPlus, Mail>) -> R,
    ) -> R {
        let call = self.calls.get_mut(&id).expect("began");
        act(call, &mut self.client, &mut Edge { now, rng: &mut self.rng, observer: &mut self.mail })
    }

    fn start(&mut self, id: usize, now: Time, todo: &mut impl FnMut(usize, Todo)) {
        let request = Request { id: id as u64, ..self.scripts[id].about() };
        let edge = &mut Edge { now, rng: &mut self.rng, observer: &mut self.mail };
        self.calls.insert(id, Call::start(&mut self.client, request, edge));
        self.turn(id, now, todo);
    }

    fn cancel(&mut self, id: usize, now: Time, todo: &mut impl FnMut(usize, Todo)) {
        self.trace.push((now, id, Did::Cancel));
        self.act(id, now, Call::cancel);
        while !matches!(self.act(id, now, Call::step), Step::Finish(_)) {}
        todo(id, Todo::Over);
        self.post(now, todo);
    }

    fn attempt_ended(&mut self, id: usize, attempt: AttemptId, now: Time, todo: &mut impl FnMut(usize, Todo)) {
        let number = attempt.0 as usize;
        let end = AttemptEnd { result: self.ends(id, number), pushback: None };
        self.act(id, now, |call, client, edge| call.attempt_ended(client, attempt, end, edge));
        self.turn(id, now, todo);
    }

    /// How the attempt ends that was sent as the n-th of its call; noted at its sending under its own number.
    fn ends(&self, id: usize, attempt: usize) -> Result<(), ErrorClass> {
        let number = self.sent[&(id * 100 + attempt)];
        self.scripts[id].attempt(number).1
    }

    /// Steps a call until it waits or is over, then those whose fate in the bulkhead was decided on the way.
    fn turn(&mut self, id: usize, now: Time, todo: &mut impl FnMut(usize, Todo)) {
        loop {
            match self.act(id, now, Call::step) {
                Step::Send { attempt, target, timeout, .. } => {
                    self.trace.push((now, id, Did::Send { target, timeout }));
                    let number = self.sent.range(id * 100..(id + 1) * 100).count();
                    self.sent.insert(id * 100 + attempt.0 as usize, number);
                    todo(id, Todo::EndAttempt(attempt, now + self.scripts[id].attempt(number).0));
                }
                Step::Abort(attempt) => todo(id, Todo::Abort(attempt)),
                Step::RunTier(_) => self.act(id, now, |call, client, edge| call.tier_ended(client, true, edge)),
                Step::Wait(at) => break todo(id, Todo::WakeAt(at.expect("there is a deadline"))),
                Step::Finish(end) => {
                    let sent = Some(end.sent);
                    self.trace.push((now, id, Did::Finish { tier: end.tier, result: end.result, sent }));
                    break todo(id, Todo::Over);
                }
            }
        }
        self.post(now, todo);
    }

    fn post(&mut self, now: Time, todo: &mut impl FnMut(usize, Todo)) {
        while !self.mail.0.is_empty() {
            let event = self.mail.0.remove(0);
            let (Event::Admitted(waiter) | Event::TimedOut { waiter, .. }) = event;
            let id = waiter.call as usize;
            let over = self.trace.iter().any(|(_, call, did)| *call == id && !matches!(did, Did::Send { .. }));
            self.act(id, now, |call, client, edge| call.queue_event(client, event, edge));
            if !over {
                self.turn(id, now, todo);
            }
        }
    }
}

/// The core by hand: look for whoever is next. None if two are next at the same time.
fn by_hand(scripts: &[Script], seed: u64) -> Option<Trace> {
    let mut core = Core::new(scripts, seed);
    let begin = |id: usize| Time::ZERO + ms(scripts[id].start);
    let mut starts: BTreeMap<usize, Time> = (0..scripts.len()).map(|id| (id, begin(id))).collect();
    let mut ends: BTreeMap<(usize, AttemptId), Time> = BTreeMap::new();
    let mut wakes: BTreeMap<usize, Time> = BTreeMap::new();
    let mut cancels: BTreeMap<usize, Time> =
        (0..scripts.len()).filter_map(|id| Some((id, begin(id) + ms(scripts[id].cancel_after?)))).collect();
    loop {
        let of_call = |id: usize| {
            let attempts = ends.iter().filter(move |((call, _), _)| *call == id).map(|(_, &at)| at);
            [starts.get(&id), wakes.get(&id), cancels.get(&id)].into_iter().flatten().copied().chain(attempts).min()
        };
        let next = (0..scripts.len()).filter_map(|id| Some((of_call(id)?, id))).min();
        let Some((now, id)) = next else { break };
        if (0..scripts.len()).filter(|&id| of_call(id) == Some(now)).count() > 1 {
            return None;
        }
        let mut todos = Vec::new();
        let todo = &mut |id, what| todos.push((id, what));
        let ended = ends.iter().find(|((call, _), at)| *call == id && **at == now).map(|(key, _)| *key);
        if starts.get(&id) == Some(&now) {
            starts.remove(&id);
            core.start(id, now, todo);
        } else if cancels.get(&id) == Some(&now) {
            core.cancel(id, now, todo);
        } else if let Some(key) = ended {
            ends.remove(&key);
            core.attempt_ended(id, key.1, now, todo);
        } else {
            core.turn(id, now, todo);
        }
        for (id, what) in todos {
            match what {
                Todo::EndAttempt(attempt, at) => drop(ends.insert((id, attempt), at)),
                Todo::Abort(attempt) => drop(ends.remove(&(id, attempt))),
                Todo::WakeAt(at) => drop(wakes.insert(id, at)),
                Todo::Over => {
                    ends.retain(|(call, _), _| *call != id);
                    wakes.remove(&id);
                    cancels.remove(&id);
                }
            }
        }
    }
    Some(core.trace)
}

/// What the event loop has in its queue.
#[derive(Clone, Copy)]
enum Next {
    Start(usize),
    Cancel(usize),
    Ended(usize, AttemptId),
    Wake(usize),
}

/// The core in a plain event loop, as a simulator has one: nothing is taken out of the queue, what is stale is ignored.
fn by_event_loop(scripts: &[Script], seed: u64) -> Trace {
    let mut core = Core::new(scripts, seed);
    let (mut queue, mut counter) = (EventQueue::default(), Counter::default());
    for (id, script) in scripts.iter().enumerate() {
        let start = Time::ZERO + ms(script.start);
        queue.push(start, counter.next(1), Next::Start(id));
        if let Some(after) = script.cancel_after {
            queue.push(start + ms(after), counter.next(0), Next::Cancel(id));
        }
    }
    let mut over = vec![false; scripts.len()];
    while let Some((now, event)) = queue.pop() {
        let mut todos = Vec::new();
        let todo = &mut |id, what| todos.push((id, what));
        match event {
            Next::Start(id) => core.start(id, now, todo),
            Next::Cancel(id) | Next::Ended(id, _) | Next::Wake(id) if over[id] => {}
            Next::Cancel(id) => core.cancel(id, now, todo),
            Next::Ended(id, attempt) => core.attempt_ended(id, attempt, now, todo),
            Next::Wake(id) => core.turn(id, now, todo),
        }
        for (id, what) in todos {
            match what {
                Todo::EndAttempt(attempt, at) => queue.push(at, counter.next(1), Next::Ended(id, attempt)),
                Todo::WakeAt(at) => queue.push(at, counter.next(2), Next::Wake(id)),
                Todo::Abort(_) => {}
                Todo::Over => over[id] = true,
            }
        }
    }
    core.trace
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Failed(ErrorClass);

impl From<Refusal> for Failed {
    fn from(refusal: Refusal) -> Self {
        Failed(refusal.class)
    }
}

/// Through the layer, on tokio's paused clock.
fn by_tower(scripts: &[Script], seed: u64) -> Trace {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.expect("a runtime").block_on(async {
        let clock = Clock::start();
        let trace = Arc::new(Mutex::new(Trace::new()));
        let log = {
            let trace = Arc::clone(&trace);
            move |id: usize, did: Did| trace.lock().expect("no panic").push((clock.now(), id, did))
        };
        let pipeline = Pipeline::new(config(seed), clock, seed).expect("valid");
        let classify =
            |result: &Result<(), Failed>| AttemptEnd { result: result.map_err(|failed| failed.0), pushback: None };
        let tasks: Vec<_> = scripts
            .iter()
            .cloned()
            .enumerate()
            .map(|(id, script)| {
                let (pipeline, log, of_attempt) = (pipeline.clone(), log.clone(), log.clone());
                let sent = Arc::new(Mutex::new(0));
                let about = script.about();
                tokio::spawn(async move {
                    clock.sleep_until(Time::ZERO + ms(script.start)).await;
                    let cancel = clock.now() + script.cancel_after.map_or(Span::MAX, ms);
                    let service = service_fn(move |attempt: Attempt<()>| {
                        of_attempt(id, Did::Send { target: attempt.target, timeout: attempt.timeout });
                        let mut sent = sent.lock().expect("no panic");
                        let (latency, end) = script.attempt(*sent);
                        *sent += 1;
                        async move {
                            clock.sleep_until(clock.now() + latency).await;
                            end.map_err(Failed)
                        }
                    });
                    let tiers = |_, ()| std::future::ready(Some(()));
                    let mut client = PipelineLayer::new(pipeline, classify, move |(): &()| about, tiers).layer(service);
                    tokio::select! {
                        biased;
                        () = clock.sleep_until(cancel) => log(id, Did::Cancel),
                        answer = client.call(()) => {
                            let (tier, result, sent) = match answer {
                                Ok(answer) => (answer.tier, Ok(()), Some(answer.sent)),
                                Err(failed) => (0, Err(failed.0), None),
                            };
                            log(id, Did::Finish { tier, result, sent });
                        }
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.expect("no panic");
        }
        std::mem::take(&mut *trace.lock().expect("no panic"))
    })
}

/// An error does not say how many attempts were sent, nor which tier failed: the sends are in the trace anyway.
fn comparable(mut trace: Trace) -> Trace {
    for (_, _, did) in &mut trace {
        if let Did::Finish { tier, result: Err(_), sent } = did {
            (*tier, *sent) = (0, None);
        }
    }
    trace.sort();
    trace
}

#[test]
fn one_script_has_the_same_decisions_at_the_same_times_in_three_hosts() {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(9);
    let (mut compared, mut tied) = (0, 0);
    let mut seen = BTreeMap::<String, u32>::new();
    for seed in 0..400 {
        let scripts: Vec<_> = (0..60).map(|_| Script::draw(&mut rng)).collect();
        let Some(trace) = by_hand(&scripts, seed) else {
            tied += 1;
            continue;
        };
        let by_hand = comparable(trace);
        assert_eq!(comparable(by_event_loop(&scripts, seed)), by_hand, "event loop, script {seed}");
        assert_eq!(comparable(by_tower(&scripts, seed)), by_hand, "tower, script {seed}");
        compared += 1;
        for (_, _, did) in &by_hand {
            let kind = match did {
                Did::Send { .. } => "send".to_owned(),
                Did::Finish { tier, result, .. } => format!("tier {tier}, {result:?}"),
                Did::Cancel => "cancel".to_owned(),
            };
            *seen.entry(kind).or_default() += 1;
        }
    }
    assert!(compared >= 300, "{compared} compared, {tied} with ties");
    for kind in ["send", "cancel", "tier 0, Ok(())", "tier 1, Ok(())", "tier 0, Err(Client)"] {
        assert!(seen.get(kind).is_some_and(|&count| count > 300), "too little of {kind}: {seen:?}");
    }
}
