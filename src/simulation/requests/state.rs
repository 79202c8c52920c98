//! What is in flight: requests of users, logical calls under policies, attempts at nodes.
//!
//! Each lives in an arena and is named by its place and a serial number, so that an event about something that has ended
//! finds nothing. A user request owns one call; an attempt at a node owns the calls that it makes there, and these own
//! further attempts: a tree that ends leaf by leaf, or is cut off from its root.

use super::plan::RequestPlan;
use crate::engine::arena::Arena;
pub use crate::engine::arena::Id;
use crate::engine::streams::Numbered;
use crate::resilience::ErrorClass;
use crate::resilience::concurrency_limit::LimitPermit;
use crate::resilience::load_shedding::Criticality;
use crate::resilience::pipeline::{AttemptId, Call, PARALLEL_MAX};
use crate::time::{Span, Time};

/// How a call or an attempt has ended: well, perhaps with a worse answer, or with an error.
pub type Answer = Result<Quality, ErrorClass>;

/// What an answer is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quality {
    /// The real one.
    Full,
    /// From a tier.
    Degraded,
}

/// A request of a user.
#[derive(Clone, Copy, Debug)]
pub struct Request {
    /// The group.
    pub group: u32,
    /// The client of the group.
    pub client: u32,
    /// Its class.
    pub class: u32,
    /// When it came.
    pub arrived: Time,
    /// Its draws.
    pub key: Numbered,
}

/// Who waits for a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// A user.
    Request(Id),
    /// An attempt at a node.
    Job(Id),
    /// A tier of another call.
    Tier(Id),
}

/// What every call has, with policies or without.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct About {
    /// Who waits for it.
    pub owner: Owner,
    /// Over which edge it goes.
    pub edge: u32,
    /// From which caller.
    pub slot: u32,
    /// By which client.
    pub client: u32,
    /// Its how many-th repetition.
    pub turn: u32,
    /// Class of the request.
    pub class: u32,
    /// Its draws.
    pub key: Numbered,
    /// The root of it all, for traces.
    pub request: Id,
}

/// A logical call under policies.
#[derive(Clone, Debug)]
pub struct Logical {
    /// What it is about.
    pub about: About,
    /// The pool, by its place in the edge.
    pub pool: u32,
    /// The state machine.
    pub call: Call,
    /// Operations on it so far, which number their draws.
    pub turns: u32,
    /// The earliest instant at which it will be woken.
    pub wake: Time,
    /// Attempts that are out.
    pub out: [Option<(AttemptId, Id)>; PARALLEL_MAX],
    /// Deadline of what it belongs to.
    pub deadline: Time,
    /// Has an attempt brought a worse answer?
    pub degraded: bool,
}

/// Where an attempt comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A call without policies, which is this one attempt.
    Plain,
    /// An attempt of a logical call.
    Attempt(Id, AttemptId),
    /// A check of the node itself; by its kind.
    Check(super::health::Probe),
    /// A check of the place that the node stands for.
    Outside(super::outside::Checker),
}

impl Origin {
    /// Is it a check, not a request's?
    #[inline]
    pub const fn is_check(self) -> bool {
        matches!(self, Origin::Check(_) | Origin::Outside(_))
    }
}

/// Where an attempt stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// On its way to the node.
    Travelling,
    /// Held up, at a node that hangs or on a way that does.
    Held,
    /// Waiting for a slot.
    Queued,
    /// In work.
    Working,
    /// Waiting for its own calls.
    Calling,
    /// Its answer is on the way.
    Returning,
    /// Nothing will ever come of it.
    Lost,
}

/// An attempt at a node.
#[derive(Clone, Debug)]
pub struct Job {
    /// Where it stands.
    pub stage: Stage,
    /// Does anybody wait for it?
    pub wanted: bool,
    /// Does it hold a slot?
    pub slotted: bool,
    /// Has one of its calls been answered by a tier?
    pub degraded: bool,
    /// The node.
    pub node: u32,
    /// What it is about; `about.owner` waits for it if it is plain.
    pub about: About,
    /// Where it comes from.
    pub origin: Origin,
    /// When it was sent.
    pub sent: Time,
    /// When it came to the node.
    pub arrived: Time,
    /// When its work will be done.
    pub due: Time,
    /// When its caller gives up.
    pub deadline: Time,
    /// Work left, while it is held up.
    pub left: Span,
    /// The group of calls that it makes now.
    pub calls: u32,
    /// Calls of this group that are out.
    pub out: u32,
    /// Attempts in flight on the node when it came, itself counted, if the node is not a usual one.
    pub present: u32,
    /// A place under the adaptive limit.
    pub permit: Option<LimitPermit>,
    /// Its answer, once it is on the way.
    pub answer: Answer,
    /// The steps of its transaction, if it makes one.
    pub saga: Option<Box<super::sagas::Transaction>>,
}

impl Job {
    /// How much it matters: a check as much as what is critical, all else by its class.
    pub fn priority(&self, plan: &RequestPlan) -> Criticality {
        if self.origin.is_check() { Criticality::Critical } else { plan.classes[self.about.class as usize].priority }
    }

    /// Room for an attempt.
    fn vacant() -> Job {
        Job {
            stage: Stage::Lost,
            wanted: false,
            slotted: false,
            degraded: false,
            node: 0,
            about: About::NOBODY,
            origin: Origin::Plain,
            sent: Time::ZERO,
            arrived: Time::ZERO,
            due: Time::ZERO,
            deadline: Time::NEVER,
            left: Span::ZERO,
            calls: 0,
            out: 0,
            present: 0,
            permit: None,
            answer: Ok(Quality::Full),
            saga: None,
        }
    }

    /// An attempt goes out to a node at `now`; field by field, since moving it costs more than what it does.
    #[inline(always)]
    fn begin(&mut self, node: u32, (about, key): (&About, Numbered), origin: Origin, (now, deadline): (Time, Time)) {
        self.stage = Stage::Travelling;
        (self.wanted, self.slotted, self.degraded) = (true, false, false);
        self.node = node;
        self.about = *about;
        self.about.key = key;
        self.origin = origin;
        (self.sent, self.arrived, self.due, self.deadline) = (now, now, now, deadline);
        self.left = Span::ZERO;
        (self.calls, self.out) = (0, 0);
        self.permit = None;
        self.answer = Ok(Quality::Full);
        if self.saga.is_some() {
            self.saga = None;
        }
    }
}

/// What whoever waits for a call wants to know of one that has ended: which it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EndedCall {
    /// Over which edge it went.
    pub edge: u32,
    /// Its how many-th repetition.
    pub turn: u32,
    /// Its draws.
    pub key: Numbered,
}

impl About {
    /// Which call it is about.
    #[inline]
    pub const fn call(&self) -> EndedCall {
        EndedCall { edge: self.edge, turn: self.turn, key: self.key }
    }

    pub(super) const NOBODY: About = About {
        owner: Owner::Request(Id::NONE),
        edge: 0,
        slot: 0,
        client: 0,
        turn: 0,
        class: 0,
        key: Numbered::NONE,
        request: Id::NONE,
    };
}

impl Logical {
    /// Room for a call.
    pub fn vacant() -> Logical {
        Logical {
            about: About::NOBODY,
            pool: 0,
            call: Call::idle(),
            turns: 0,
            wake: Time::NEVER,
            out: [const { None }; PARALLEL_MAX],
            deadline: Time::NEVER,
            degraded: false,
        }
    }
}

macro_rules! find {
    ($name:ident, $find:ident, $kind:ty, $field:ident) => {
        impl InFlight {
            /// What the name stands for, if it has not ended.
            #[inline]
            pub fn $name(&self, id: Id) -> Option<&$kind> {
                self.$field.get(id)
            }

            /// The same, to change it.
            #[inline]
            pub fn $find(&mut self, id: Id) -> Option<&mut $kind> {
                self.$field.get_mut(id)
            }
        }
    };
}

find!(logical, logical_mut, Logical, logicals);
find!(job, job_mut, Job, jobs);

/// Everything in flight.
#[derive(Clone, Debug, Default)]
pub struct InFlight {
    /// Requests of users.
    pub requests: Arena<Request>,
    /// Calls under policies.
    pub logicals: Arena<Logical>,
    /// Attempts.
    pub jobs: Arena<Job>,
    serial: u32,
}

impl InFlight {
    /// A serial number that nothing else has; never 0.
    #[inline]
    pub fn serial(&mut self) -> u32 {
        self.serial = self.serial.wrapping_add(1).max(1);
        self.serial
    }

    /// Nothing is in flight; keeps the memory.
    pub fn clear(&mut self) {
        self.requests.clear();
        self.logicals.clear();
        self.jobs.clear();
        self.serial = 0;
    }

    /// A request that has just come; field by field, as a job.
    #[inline]
    pub fn add_request(&mut self, serial: u32, request: Request) -> (Id, &Request) {
        let (id, place) = self.requests.take(serial, || request);
        (place.group, place.client, place.class) = (request.group, request.client, request.class);
        (place.arrived, place.key) = (request.arrived, request.key);
        (id, place)
    }

    /// An attempt that goes out to a node at `now`.
    #[inline(always)]
    pub fn add_job(
        &mut self,
        serial: u32,
        node: u32,
        (about, key): (&About, Numbered),
        origin: Origin,
        times: (Time, Time),
    ) -> (Id, &mut Job) {
        let (id, job) = self.jobs.take(serial, Job::vacant);
        job.begin(node, (about, key), origin, times);
        (id, job)
    }
}
