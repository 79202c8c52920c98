//! Requests in the loop: arrivals, calls under the real policies, work at nodes, beside the structure of one trial.
//!
//! The structure ([`World`](super::World)) goes on as ever; after each of its events the requests look at what it has
//! become (`follow`): which nodes work, how they are slow or broken, who is primary, where users go. All else happens
//! here: an event of the requests may lead to others at the same instant, which wait in a list so that nothing recurses.
//! Policies are those of [`resilience`](crate::resilience), driven by `calls`; nodes are in `work`.
//!
//! Invariants: every request ends exactly once or is in flight at the end; every slot, place in a queue and permit
//! comes back; no event lies in the past; nothing allocates once the arenas have grown.

mod arrivals;
mod breakers;
mod calls;
mod copies;
mod event;
mod follow;
mod health;
pub mod journal;
mod lengths;
mod nodes;
pub mod plan;
mod rates;
pub mod record;
mod route;
mod run;
mod sagas;
mod scaling;
mod seconds;
pub mod spells;
mod spill;
mod state;
mod tally;
mod turns;
mod work;

pub use lengths::Lengths;
pub use nodes::Condition;
pub use plan::{RequestPlan, Ways};
pub use run::RequestWorld;
pub use tally::{CallTally, RequestOutcome, ServiceTally, UserTally};

use std::collections::VecDeque;

use crate::engine::queue::{Counter, EventQueue, Rank};
use crate::engine::ring::DelayRing;
use crate::engine::streams::{EntityKey, Family, Purpose, Streams};
use crate::engine::winner::WinnerTree;
use crate::resilience::balancing::Balancer;
use crate::resilience::bulkhead;
use crate::resilience::pipeline::{Client, Waiter};
use crate::time::Time;

use arrivals::Source;
use event::{Event, Todo, TodoList, class};
use nodes::Node;
use route::Routes;
use state::{About, Answer, Id, InFlight};
use tally::Tally;

/// The policies of one caller towards one pool.
#[derive(Clone, Debug)]
pub enum Caller {
    /// Nothing but balancing.
    Plain(Balancer),
    /// The whole pipeline.
    Full(Box<Client>),
}

/// The requests of one trial in progress.
#[derive(Clone, Debug)]
pub struct Requests<'a> {
    plan: &'a RequestPlan,
    queue: EventQueue<Event>,
    /// Timers of attempts, by length.
    rings: Vec<DelayRing<Id>>,
    /// By group: the next arrival.
    arrivals: WinnerTree,
    /// By group: its rank.
    ranks: Vec<Rank>,
    counter: Counter,
    todo: TodoList,
    /// Calls that have ended, for [`Todo::Ended`].
    ended: VecDeque<(About, Answer)>,
    /// What bulkheads have decided, until it is passed on.
    heard: Vec<bulkhead::Event<Waiter>>,
    flight: InFlight,
    callers: Vec<Caller>,
    nodes: Vec<Node>,
    routes: Routes,
    /// What is on its way to pools that can be full.
    on_the_way: spill::OnTheWay,
    sources: Vec<Source>,
    /// By group: the draws of its requests.
    families: Vec<Family>,
    tally: Tally,
    /// Draws of checks that go through nodes.
    checks: Family,
    /// Nodes that were restarted: what made them slow is over.
    mended: Vec<u32>,
    /// What looks at pools that scale have found.
    seen: Vec<scaling::Seen>,
    /// Is the structure to be looked at again?
    look: bool,
    /// When counting begins.
    start: Time,
    /// Events that changed the state, as the workloads count them.
    events: u64,
}

impl<'a> Requests<'a> {
    /// Requests of this plan; [`reset`](Self::reset) begins a trial.
    pub fn new(plan: &'a RequestPlan) -> Self {
        Requests {
            plan,
            queue: EventQueue::default(),
            rings: plan.timeouts.iter().map(|&timeout| DelayRing::new(timeout)).collect(),
            arrivals: WinnerTree::new(plan.groups.len()),
            ranks: Vec::with_capacity(plan.groups.len()),
            counter: Counter::default(),
            todo: TodoList::default(),
            ended: VecDeque::new(),
            heard: Vec::new(),
            flight: InFlight::default(),
            callers: Vec::with_capacity(plan.clients as usize),
            nodes: Vec::with_capacity(plan.nodes.len()),
            routes: Routes::new(plan),
            on_the_way: spill::OnTheWay::default(),
            sources: Vec::with_capacity(plan.groups.len()),
            families: Vec::with_capacity(plan.groups.len()),
            tally: Tally::new(plan),
            checks: Streams::new(0, 0).family(EntityKey::new("checks", Purpose::Service)),
            mended: Vec::new(),
            seen: Vec::new(),
            look: false,
            start: Time::ZERO,
            events: 0,
        }
    }

    /// Nothing in flight, all policies as new, the first arrivals ahead.
    pub fn reset(&mut self, streams: &Streams, start: Time) {
        self.queue.clear();
        self.rings.iter_mut().for_each(DelayRing::clear);
        self.counter.reset();
        self.todo.clear();
        self.ended.clear();
        self.heard.clear();
        self.flight.clear();
        self.on_the_way.reset(self.plan);
        self.tally.reset(start);
        self.mended.clear();
        self.seen.clear();
        self.checks = streams.family(EntityKey::new("checks", Purpose::Service));
        (self.look, self.start, self.events) = (false, start, 0);
        self.start_callers();
        self.start_nodes(streams);
        self.start_arrivals(streams);
    }

    /// Has something happened that the structure must hear of, or be asked about?
    const fn wants_a_look(&self) -> bool {
        self.look
    }

    /// Nodes that were restarted since this was last asked.
    fn take_mended(&mut self) -> Vec<u32> {
        self.look = false;
        std::mem::take(&mut self.mended)
    }

    /// What looks at pools that scale have found since this was last asked.
    fn take_seen(&mut self) -> Vec<scaling::Seen> {
        std::mem::take(&mut self.seen)
    }

    /// The counts at the end.
    pub fn finish(&mut self, end: Time) -> RequestOutcome {
        self.tally.finish(end, self.plan, self.events)
    }

    /// When and in which rank the next event comes.
    #[inline]
    fn next(&mut self) -> (Time, Rank, Store) {
        let (at, rank) = self.queue.next();
        let mut first = (at, rank, Store::Queue);
        let (at, group) = self.arrivals.next();
        if at <= first.0 {
            let rank = self.ranks.get(group as usize).copied().unwrap_or(Rank::LAST);
            if (at, rank) < (first.0, first.1) {
                first = (at, rank, Store::Arrival(group));
            }
        }
        for (index, ring) in self.rings.iter_mut().enumerate() {
            if ring.next().0 > first.0 {
                continue;
            }
            // most calls are over before their timer
            ring.drop_stale(|&call| self.flight.logicals.get(call).is_none());
            let (at, rank) = ring.next();
            if (at, rank) < (first.0, first.1) {
                first = (at, rank, Store::Ring(index));
            }
        }
        first
    }

    /// Let the next event happen, and all that follows at once.
    fn happen(&mut self, store: Store) {
        match store {
            Store::Queue => {
                if let Some((now, event)) = self.queue.pop() {
                    self.handle(now, event);
                    self.settle(now);
                }
            }
            Store::Ring(ring) => {
                if let Some((now, call)) = self.rings[ring].pop() {
                    self.wake(now, call);
                    self.settle(now);
                }
            }
            Store::Arrival(group) => {
                let now = self.arrivals.time(group);
                self.arrive(now, group);
                self.settle(now);
            }
        }
    }

    fn handle(&mut self, now: Time, event: Event) {
        match event {
            Event::Wake(call) => self.wake(now, call),
            Event::Leave(job) => self.leave_queue(now, job),
            Event::Arrive(job) => self.reach(now, job),
            Event::Done(job) => self.work_done(now, job),
            Event::Answered(job) => self.answered(now, job),
            Event::Tier { call, hit } => self.tier_over(now, call, hit),
            Event::Think { group, client } => self.begin(now, group, client),
            Event::Believe { node, checker, generation } => self.believe(now, node, checker, generation),
            Event::Check { node, probe, generation } => self.check_due(now, node, probe, generation),
            Event::CheckLate { node, probe, job } => self.check_late(now, node, probe, job),
            Event::Restarted { node } => self.restarted(node),
            Event::ScaleLooks { pool } => self.scale_looks(now, pool),
            Event::Saga(job) => self.saga_goes_on(now, job),
        }
    }

    /// Work off what follows at once.
    fn settle(&mut self, now: Time) {
        while let Some(todo) = self.todo.pop() {
            match todo {
                Todo::Answer(job, answer) => self.give_answer(now, job, answer),
                Todo::Ended => {
                    if let Some((about, answer)) = self.ended.pop_front() {
                        self.call_ended(now, &about, answer);
                    }
                }
                Todo::Queue(event) => self.pass_on(now, event),
                Todo::Next(node) => self.next_job(now, node),
            }
        }
    }

    /// A call has ended; its owner hears of it when what came up before is done.
    fn push_ended(&mut self, about: About, answer: Answer) {
        self.ended.push_back((about, answer));
        self.todo.push(Todo::Ended);
    }

    #[inline]
    fn schedule(&mut self, at: Time, class: u8, event: Event) {
        if at < Time::NEVER {
            let rank = self.counter.next(class);
            self.queue.push(at, rank, event);
        }
    }

    #[inline]
    fn schedule_done(&mut self, at: Time, event: Event) {
        self.schedule(at, class::DONE, event);
    }
}

/// Where the next event waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Store {
    Queue,
    Ring(usize),
    Arrival(u32),
}
