//! What the calls of a pipeline share: the policies, chance, the mail of those who wait in the bulkhead, the counts.
//!
//! Invariants: nothing but policies runs under the lock, wakers are called after it; a fate that the bulkhead decides
//! reaches its call, and a call leaves only when its mail is read.

use std::collections::BTreeMap;
use std::task::Waker;

use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::SeedableRng;
use tokio::sync::Notify;

use crate::live::clock::Clock;
use crate::resilience::bulkhead::Event;
use crate::resilience::circuit_breaker::Change;
use crate::resilience::fallback::FallbackTransition;
use crate::resilience::outlier_ejection::{EjectionEvent, PanicTransition};
use crate::resilience::pipeline::{
    AttemptEnd, AttemptId, Call, CallResult, Client, Edge, Observer, Request, Step, Waiter,
};
use crate::resilience::registry::{Observe, Sample, Value};
use crate::resilience::shared::Shared;
use crate::time::Time;

/// A change of one of the policies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PipelineEvent {
    /// The breaker of this target (0 if one watches all).
    Breaker(u32, Change),
    /// A target was ejected or has come back.
    Ejection(EjectionEvent),
    /// Panic has begun or ended.
    Panic(PanicTransition),
    /// Calls begin at another tier.
    Fallback(FallbackTransition),
}

/// What calls have made since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PipelineCounts {
    /// Calls begun.
    pub calls: u64,
    /// Attempts sent.
    pub attempts: u64,
    /// Calls with the full answer.
    pub full: u64,
    /// Calls answered by a fallback tier.
    pub degraded: u64,
    /// Calls that ended with an error.
    pub failed: u64,
    /// Calls that their callers dropped.
    pub dropped: u64,
}

/// Hears the policies.
struct Ear {
    mail: Vec<Event<Waiter>>,
    on: Box<dyn FnMut(PipelineEvent) + Send>,
    changed: bool,
}

impl std::fmt::Debug for Ear {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ear").field("mail", &self.mail).finish_non_exhaustive()
    }
}

impl Ear {
    fn tell(&mut self, event: PipelineEvent) {
        self.changed = true;
        (self.on)(event);
    }

    fn take(&mut self, call: u64) -> Option<Event<Waiter>> {
        let place = self.mail.iter().position(|event| addressee(event) == call)?;
        Some(self.mail.remove(place))
    }
}

fn addressee(event: &Event<Waiter>) -> u64 {
    let (Event::Admitted(waiter) | Event::TimedOut { waiter, .. }) = event;
    waiter.call
}

impl Observer for Ear {
    fn queue(&mut self, event: Event<Waiter>) {
        self.mail.push(event);
    }
    fn breaker(&mut self, target: u32, change: Change) {
        self.tell(PipelineEvent::Breaker(target, change));
    }
    fn ejection(&mut self, event: EjectionEvent) {
        self.tell(PipelineEvent::Ejection(event));
    }
    fn panic(&mut self, change: PanicTransition) {
        self.tell(PipelineEvent::Panic(change));
    }
    fn fallback(&mut self, change: FallbackTransition) {
        self.tell(PipelineEvent::Fallback(change));
    }
}

#[derive(Debug)]
struct Core {
    client: Client,
    rng: Xoshiro256PlusPlus,
    ear: Ear,
    wakers: BTreeMap<u64, Waker>,
    counts: PipelineCounts,
}

impl Core {
    fn act<R>(&mut self, now: Time, act: impl FnOnce(&mut Client, &mut Edge<'_, Xoshiro256PlusPlus, Ear>) -> R) -> R {
        act(&mut self.client, &mut Edge { now, rng: &mut self.rng, observer: &mut self.ear })
    }

    /// Gives a call its mail; true if there was any.
    fn deliver(&mut self, call: &mut Call, id: u64, now: Time) -> bool {
        let mut any = false;
        while let Some(event) = self.ear.take(id) {
            any = true;
            self.act(now, |client, edge| call.queue_event(client, event, edge));
        }
        any
    }

    /// One step of a call, after its mail, and again if the step itself brought mail.
    fn step(&mut self, call: &mut Call, id: u64, now: Time) -> Step {
        self.deliver(call, id, now);
        loop {
            let step = self.act(now, |client, edge| call.step(client, edge));
            let mail = !self.ear.mail.is_empty() && self.deliver(call, id, now);
            if !(mail && matches!(step, Step::Wait(_))) {
                return step;
            }
        }
    }

    fn count(&mut self, result: CallResult) {
        match (result.result, result.tier) {
            (Ok(()), 0) => self.counts.full += 1,
            (Ok(()), _) => self.counts.degraded += 1,
            (Err(_), _) => self.counts.failed += 1,
        }
    }

    /// The calls that have mail.
    fn wakers_for_mail(&mut self) -> Vec<Waker> {
        let wakers = &mut self.wakers;
        self.ear.mail.iter().filter_map(|event| wakers.remove(&addressee(event))).collect()
    }
}

/// What happened to a call since its last turn.
#[derive(Clone, Copy, Debug)]
pub(super) enum News {
    /// Nothing, or time has passed.
    None,
    /// An attempt has ended.
    Attempt(AttemptId, AttemptEnd),
    /// The tier has answered, or not.
    Tier(bool),
}

/// The shared state.
#[derive(Debug)]
pub(super) struct Hub {
    core: Shared<Core>,
    pub(super) clock: Clock,
    /// Can a call wait in the bulkhead, and so need waking by others?
    queues: bool,
    changed: Notify,
}

impl Hub {
    pub(super) fn new(
        client: Client,
        (clock, queues): (Clock, bool),
        seed: u64,
        on: Box<dyn FnMut(PipelineEvent) + Send>,
    ) -> Self {
        let ear = Ear { mail: Vec::new(), on, changed: false };
        let rng = Xoshiro256PlusPlus::seed_from_u64(seed);
        let core = Core { client, rng, ear, wakers: BTreeMap::new(), counts: PipelineCounts::default() };
        Hub { core: Shared::new(core), clock, queues, changed: Notify::new() }
    }

    /// Begins a call, and takes its first step.
    pub(super) fn start(&self, now: Time, about: Request, waker: &Waker) -> (Call, u64, Step) {
        self.locked(|core| {
            core.counts.calls += 1;
            let id = core.counts.calls;
            let mut call = core.act(now, |client, edge| Call::start(client, Request { id, ..about }, edge));
            let step = self.step(core, (&mut call, id), now, waker);
            (call, id, step)
        })
    }

    /// Tells a call the news, and takes its next step.
    pub(super) fn turn(&self, (call, id): (&mut Call, u64), now: Time, news: News, waker: &Waker) -> Step {
        self.locked(|core| {
            core.act(now, |client, edge| match news {
                News::None => {}
                News::Attempt(attempt, end) => call.attempt_ended(client, attempt, end, edge),
                News::Tier(ok) => call.tier_ended(client, ok, edge),
            });
            self.step(core, (call, id), now, waker)
        })
    }

    fn step(&self, core: &mut Core, (call, id): (&mut Call, u64), now: Time, waker: &Waker) -> Step {
        let step = core.step(call, id, now);
        match step {
            Step::Send { .. } => core.counts.attempts += 1,
            Step::Wait(_) if self.queues => {
                core.wakers.insert(id, waker.clone());
            }
            Step::Finish(result) => {
                core.count(result);
                if self.queues {
                    core.wakers.remove(&id);
                }
            }
            Step::Wait(_) | Step::Abort(_) | Step::RunTier(_) => {}
        }
        step
    }

    /// Ends a call whose caller has gone.
    pub(super) fn give_up(&self, (call, id): (&mut Call, u64), now: Time) {
        self.locked(|core| {
            core.counts.dropped += 1;
            core.act(now, |client, edge| call.cancel(client, edge));
            while !matches!(core.step(call, id, now), Step::Finish(_)) {}
            core.wakers.remove(&id);
        });
    }

    /// As `with`, for somebody who may have changed when something is due.
    pub(super) fn operate<R>(&self, operate: impl FnOnce(&mut Client) -> R) -> R {
        let answer = self.with(operate);
        self.changed.notify_one();
        answer
    }

    fn with<R>(&self, operate: impl FnOnce(&mut Client) -> R) -> R {
        self.core.with(|core| operate(&mut core.client))
    }

    pub(super) fn counts(&self) -> PipelineCounts {
        self.core.with(|core| core.counts)
    }

    pub(super) fn set_health(&self, target: u32, healthy: bool) {
        let now = self.clock.now();
        self.locked(|core| core.act(now, |client, edge| client.set_health(now, target, healthy, edge.observer)));
    }

    pub(super) async fn drive(&self) {
        loop {
            let wake = self.with(|client| client.next_wake());
            tokio::select! {
                () = self.changed.notified() => {}
                () = self.clock.sleep_until(wake.unwrap_or(Time::NEVER)) => {
                    let now = self.clock.now();
                    self.locked(|core| core.act(now, Client::poll));
                }
            }
        }
    }

    pub(super) fn observe(&self, now: Time, on: &mut dyn FnMut(Sample)) {
        self.core.with(|core| {
            let PipelineCounts { calls, attempts, full, degraded, failed, dropped } = core.counts;
            let counters = [
                ("calls_total", calls),
                ("attempts_total", attempts),
                ("full_total", full),
                ("degraded_total", degraded),
                ("failed_total", failed),
                ("dropped_total", dropped),
            ];
            for (name, count) in counters {
                on(Sample { name, value: Value::Counter(count) });
            }
            core.client.observe(now, on);
        });
    }

    /// Operates under the lock, and wakes who is concerned after it.
    fn locked<R>(&self, operate: impl FnOnce(&mut Core) -> R) -> R {
        let (answer, wakers, changed) = self.core.with(|core| {
            let answer = operate(core);
            let wakers = if core.ear.mail.is_empty() { Vec::new() } else { core.wakers_for_mail() };
            (answer, wakers, std::mem::take(&mut core.ear.changed))
        });
        wakers.into_iter().for_each(Waker::wake);
        if changed {
            self.changed.notify_one();
        }
        answer
    }
}
