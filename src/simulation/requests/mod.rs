//! Requests in the loop: arrivals, calls under the real policies, work at nodes, beside the structure of one trial.
//!
//! The structure ([`World`](super::World)) goes on as ever; after each of its events the requests look at what it has
//! become (`follow`): which nodes work, how they are slow or broken, who is primary, where users go. All else happens
//! here: an event of the requests may lead to others at the same instant, which wait in a list so that nothing recurses.
//! Policies are those of [`resilience`](crate::resilience), driven by `calls`; nodes are in `work`.
//!
//! Invariants: every request ends exactly once or is in flight at the end; every slot, place in a queue and permit
//! comes back; no event lies in the past; nothing allocates once the arenas have grown.

#![expect(
    clippy::inline_always,
    reason = "what happens once a request: a call costs a tenth of what these do (benches/requests.rs)"
)]

mod allowance;
mod answers;
mod arrivals;
mod attempts;
mod breakers;
pub mod buckets;
mod calls;
mod copies;
mod event;
mod follow;
mod forsaken;
mod health;
pub mod journal;
mod latencies;
mod lengths;
mod moves;
mod nodes;
mod operators;
mod outcome;
mod outside;
mod pace;
pub mod plan;
mod rates;
pub mod reading;
pub mod record;
mod route;
mod run;
mod run_in;
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
pub use outcome::{CallTally, RequestOutcome, Second, ServiceTally, UserTally};
pub(super) use outside::{Belief, Meets};
pub(super) use plan::outside::OutsidePlace;
pub use plan::{RequestPlan, Ways};
pub use run::RequestWorld;

use std::collections::{BTreeMap, VecDeque};

use crate::engine::queue::{Counter, EventQueue, Rank};
use crate::engine::ring::DelayRings;
use crate::engine::streams::{EntityKey, Family, Purpose, Streams};
use crate::engine::winner::WinnerTree;
use crate::resilience::balancing::Balancer;
use crate::resilience::bulkhead;
use crate::resilience::pipeline::{Client, Waiter};
use crate::resilience::retry_budget::RetryBudget;
use crate::time::Time;

use arrivals::Source;
use event::{Event, Todo, TodoList, class};
use nodes::Node;
use operators::Operators;
use outside::Outside;
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

impl Caller {
    /// The same, taking its turns from this node on.
    fn starting_at(mut self, turn: u32) -> Self {
        match &mut self {
            Caller::Plain(balancer) => balancer.start_at(turn),
            Caller::Full(client) => client.start_at(turn),
        }
        self
    }
}

/// What the bulkhead of a client has decided.
type Decided = (u32, bulkhead::Event<Waiter>);

/// The requests of one trial in progress.
#[derive(Clone, Debug)]
pub struct Requests<'a> {
    plan: &'a RequestPlan,
    queue: EventQueue<Event>,
    /// Timers of attempts, by length.
    rings: DelayRings<Id>,
    /// By group: the next arrival.
    arrivals: WinnerTree,
    /// By group: its rank.
    ranks: Vec<Rank>,
    /// When the first of them comes, and of which group.
    coming: (Time, u32),
    counter: Counter,
    todo: TodoList,
    /// Calls that have ended, for [`Todo::Ended`].
    ended: VecDeque<(About, Answer)>,
    /// What bulkheads have just decided.
    heard: Vec<Decided>,
    /// The same, for [`Todo::Queue`].
    decided: VecDeque<Decided>,
    flight: InFlight,
    callers: Vec<Caller>,
    nodes: Vec<Node<'a>>,
    routes: Routes,
    /// What is on its way to pools that can be full.
    on_the_way: spill::OnTheWay,
    sources: Vec<Source>,
    tally: Tally,
    /// Draws of checks that go through nodes.
    checks: Family,
    /// Nodes of which a restart begins, or is over.
    restarts: Vec<(u32, bool)>,
    /// What looks at pools that scale have found.
    seen: Vec<scaling::Seen>,
    /// By class and node: what undoing transactions may still cost.
    undo_budgets: BTreeMap<(u32, u32), RetryBudget>,
    operators: Operators,
    outside: Outside,
    /// Is the structure to be looked at again?
    look: bool,
    /// When requests begin to come.
    begun: Time,
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
            rings: DelayRings::new(&plan.timeouts),
            arrivals: WinnerTree::new(plan.groups.len()),
            ranks: Vec::with_capacity(plan.groups.len()),
            coming: (Time::NEVER, 0),
            counter: Counter::default(),
            todo: TodoList::default(),
            ended: VecDeque::new(),
            heard: Vec::new(),
            decided: VecDeque::new(),
            flight: InFlight::default(),
            callers: Vec::with_capacity(plan.clients as usize),
            nodes: Vec::with_capacity(plan.nodes.len()),
            routes: Routes::new(plan),
            on_the_way: spill::OnTheWay::default(),
            sources: Vec::with_capacity(plan.groups.len()),
            tally: Tally::new(plan),
            checks: Streams::new(0, 0).family(EntityKey::new("checks", Purpose::Service)),
            restarts: Vec::new(),
            seen: Vec::new(),
            undo_budgets: BTreeMap::new(),
            operators: Operators::default(),
            outside: Outside::default(),
            look: false,
            begun: Time::ZERO,
            start: Time::ZERO,
            events: 0,
        }
    }

    /// Nothing in flight, all policies as new, the first arrivals ahead, from `begun` on; counting begins at `start`.
    pub fn reset(&mut self, streams: &Streams, begun: Time, start: Time) {
        self.queue.clear();
        self.rings.clear();
        self.counter.reset();
        self.todo.clear();
        self.ended.clear();
        self.heard.clear();
        self.decided.clear();
        self.flight.clear();
        self.undo_budgets.clear();
        self.on_the_way.reset(self.plan);
        self.tally.reset(self.plan, begun, start);
        self.restarts.clear();
        self.seen.clear();
        self.checks = streams.family(EntityKey::new("checks", Purpose::Service));
        (self.look, self.begun, self.start, self.events) = (false, begun, start, 0);
        self.start_callers();
        self.start_nodes(streams);
        self.start_arrivals(streams);
        self.start_operators(streams);
    }

    /// Has something happened that the structure must hear of, or be asked about?
    const fn wants_a_look(&self) -> bool {
        self.look
    }

    /// Restarts that have begun or ended since this was last asked.
    fn take_restarts(&mut self) -> Vec<(u32, bool)> {
        self.look = false;
        std::mem::take(&mut self.restarts)
    }

    /// What looks at pools that scale have found since this was last asked.
    fn take_seen(&mut self) -> Vec<scaling::Seen> {
        std::mem::take(&mut self.seen)
    }

    /// The counts at the end.
    pub fn finish(&mut self, end: Time) -> RequestOutcome {
        self.give_up_on_the_forsaken();
        self.tally.finish(end, self.plan, self.events)
    }

    /// When and in which rank the next event comes, and where it waits.
    #[inline]
    fn next(&mut self) -> (Time, Rank, Store) {
        let (mut at, mut rank) = self.queue.next();
        let mut store = Store::Queue;
        if !self.rings.is_quiet(at) {
            // most calls are over before their timer
            let (due, order, ring) = self.rings.next(|&call| self.flight.logicals.get(call).is_none());
            if (due, order) < (at, rank) {
                (at, rank, store) = (due, order, Store::Ring(ring));
            }
        }
        // last, since it is nobody's guess
        let (due, group) = self.coming;
        if due < at || (due == at && self.rank(group) < rank) {
            (at, rank, store) = (due, self.rank(group), Store::Arrival(group));
        }
        (at, rank, store)
    }

    /// The rank of the next arrival of a group.
    #[inline]
    fn rank(&self, group: u32) -> Rank {
        self.ranks.get(group as usize).copied().unwrap_or(Rank::LAST)
    }

    /// Let the next event happen, at `now`, and all that follows at once.
    #[inline(always)]
    fn happen(&mut self, now: Time, store: Store) {
        match store {
            Store::Queue => {
                if let Some((_, event)) = self.queue.pop() {
                    self.handle(now, event);
                }
            }
            Store::Ring(ring) => {
                if let Some((_, call)) = self.rings.pop(ring) {
                    self.wake(now, call);
                }
            }
            Store::Arrival(group) => self.arrive(now, group),
        }
        self.settle(now);
    }

    #[inline(always)]
    fn handle(&mut self, now: Time, event: Event) {
        match event {
            Event::Wake(call) => self.wake(now, call),
            Event::Late(job) => self.plain_late(now, job),
            Event::Leave(job) => self.leave_queue(now, job),
            Event::Arrive(job) => self.reach(now, job),
            Event::Done(job) => self.work_done(now, job),
            Event::Answered(job) => self.todo.push(Todo::Answer(job)),
            Event::Tier { call, hit } => self.tier_over(now, call, hit),
            Event::Think { group, client } => self.ask_again(now, group, client),
            Event::Believe { node, checker, generation } => self.believe(now, node, checker, generation),
            Event::Check { node, probe, generation } => self.check_due(now, node, probe, generation),
            Event::CheckLate { node, probe, job } => self.check_late(now, node, probe, job),
            Event::Restarted { node } => self.restarted(node),
            Event::ScaleLooks { pool } => self.scale_looks(now, pool),
            Event::Saga(job) => self.saga_goes_on(now, job),
            Event::OutsideDue(checker) => self.outside_due(now, checker),
            Event::OutsideLate(job) => self.outside_late(now, job),
            Event::OutsideSilent(checker) => self.outside_answered(now, checker, false),
            Event::Operator(step) => self.operator_steps(now, step),
        }
    }

    /// Work off what follows at once.
    #[inline(always)]
    fn settle(&mut self, now: Time) {
        while let Some(todo) = self.todo.pop() {
            match todo {
                Todo::Answer(job) => self.give_answer(now, job),
                Todo::Ended => {
                    if let Some((about, answer)) = self.ended.pop_front() {
                        self.call_ended(now, &about, answer);
                    }
                }
                Todo::Queue => {
                    if let Some(decided) = self.decided.pop_front() {
                        self.pass_on(now, decided);
                    }
                }
                Todo::Next(node) => self.next_job(now, node),
            }
        }
    }

    /// The same, for what the structure has brought about.
    #[inline(never)]
    fn settle_all(&mut self, now: Time) {
        self.settle(now);
    }

    /// A call has ended; its owner hears of it when what came up before is done.
    fn push_ended(&mut self, about: About, answer: Answer) {
        self.ended.push_back((about, answer));
        self.todo.push(Todo::Ended);
    }

    #[inline(never)]
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
