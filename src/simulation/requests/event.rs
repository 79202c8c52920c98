//! What can happen on the request clock, and the order of it at equal times.

use std::collections::VecDeque;

use super::outside::Checker;
use super::state::Id;

/// A scheduled event; about something that has ended it is stale.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A policy of a call wants to look at the time.
    Wake(Id),
    /// The only attempt of a call without policies has had its time.
    Late(Id),
    /// An attempt has waited for its slot long enough.
    Leave(Id),
    /// A message reaches its node.
    Arrive(Id),
    /// Work at a node is done.
    Done(Id),
    /// An answer reaches who waits for it.
    Answered(Id),
    /// A tier of a call has answered by itself.
    Tier {
        /// The call.
        call: Id,
        /// Can it answer this one?
        hit: bool,
    },
    /// A client of a closed group asks again.
    Think {
        /// The group.
        group: u32,
        /// The client.
        client: u32,
    },
    /// What balancers believe of a node follows its health.
    Believe {
        /// The node.
        node: u32,
        /// Who believes.
        checker: u32,
        /// Of the checker.
        generation: u32,
    },
    /// A check that goes through the node is due.
    Check {
        /// The node.
        node: u32,
        /// Which check.
        probe: super::health::Probe,
        /// Of the node's life.
        generation: u32,
    },
    /// A check that went through the node has had its time.
    CheckLate {
        /// The node.
        node: u32,
        /// Which check.
        probe: super::health::Probe,
        /// Its attempt.
        job: Id,
    },
    /// A node that was restarted works again.
    Restarted {
        /// The node.
        node: u32,
    },
    /// Somebody looks at the load of a pool that scales.
    ScaleLooks {
        /// The pool.
        pool: u32,
    },
    /// An undo of a transaction is tried again.
    Saga(Id),
    /// The next check of a place by this checker is due.
    OutsideDue(Checker),
    /// A check of a place that went into a node, by its attempt, has had its time.
    OutsideLate(Id),
    /// A check of a place has had its time, and never came to a node.
    OutsideSilent(Checker),
    /// What is due of people who act.
    Operator(super::operators::Step),
}

/// Events are moved as often as anything: two words.
const _: () = assert!(size_of::<Event>() == 16);

/// What follows at once, in the order in which it came up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Todo {
    /// An attempt has ended for who waits for it.
    Answer(Id),
    /// A call has ended for its owner.
    Ended,
    /// A client's bulkhead has decided about a waiter.
    Queue,
    /// A node looks for work.
    Next(u32),
}

/// What follows at once, first come, first served; a single answer, as is usual, does not touch the ring.
#[derive(Clone, Debug)]
pub struct TodoList {
    /// An answer that comes before all of `rest`, or [`Id::NONE`].
    answer: Id,
    rest: VecDeque<Todo>,
}

impl Default for TodoList {
    fn default() -> Self {
        TodoList { answer: Id::NONE, rest: VecDeque::new() }
    }
}

impl TodoList {
    /// After all others.
    #[inline]
    pub fn push(&mut self, todo: Todo) {
        match todo {
            Todo::Answer(id) if self.is_empty() => self.answer = id,
            Todo::Answer(_) | Todo::Ended | Todo::Queue | Todo::Next(_) => self.rest.push_back(todo),
        }
    }

    /// The next.
    #[inline]
    pub fn pop(&mut self) -> Option<Todo> {
        match std::mem::replace(&mut self.answer, Id::NONE) {
            Id::NONE if self.rest.is_empty() => None,
            Id::NONE => self.pop_of_many(),
            answer => Some(Todo::Answer(answer)),
        }
    }

    #[inline(never)]
    fn pop_of_many(&mut self) -> Option<Todo> {
        self.rest.pop_front()
    }

    /// Is there none?
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.answer == Id::NONE && self.rest.is_empty()
    }

    /// Forget all.
    pub fn clear(&mut self) {
        self.answer = Id::NONE;
        self.rest.clear();
    }
}

/// Order of classes at equal times, beside those of the structure: timers come before all of these, work and arrivals
/// after them.
pub mod class {
    pub use crate::simulation::event::class::{CHECK, TIMER};
    /// Work that is done, messages that arrive.
    pub const DONE: u8 = 5;
    /// New requests.
    pub const ARRIVAL: u8 = 6;
}
