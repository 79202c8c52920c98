//! Classes of requests: what they are worth, what they may do, in which steps.

use super::call::Budget;
use crate::model::topology::ServiceId;
use crate::resilience::load_shedding::Criticality;
use crate::resilience::retry::RetryConfig;
use crate::time::Span;

/// A class of requests, by its place in [`Traffic::classes`](super::Traffic::classes).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClassId(pub u32);

impl ClassId {
    /// The place in the list.
    #[inline]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// A class of requests.
#[derive(Clone, Debug, PartialEq)]
pub struct Class {
    /// Its name in the scenario.
    pub name: String,
    /// Who is shed first.
    pub priority: Criticality,
    /// Do they change data?
    pub writes: bool,
    /// May one be processed twice without harm?
    pub idempotent: bool,
    /// The service that they reach first; none: that of the routing.
    pub entry: Option<ServiceId>,
    /// When their users give up, since the arrival.
    pub deadline: Option<Span>,
    /// One call a step, each with its undoing.
    pub saga: Option<Saga>,
}

/// A business transaction over several services.
#[derive(Clone, Debug, PartialEq)]
pub struct Saga {
    /// The services, in order, at least one.
    pub steps: Vec<ServiceId>,
    /// After this step (by its place) there is only forward.
    pub pivot: Option<usize>,
    /// How an undo is tried again.
    pub undo: RetryConfig,
    /// How many such retries a node affords.
    pub budget: Option<Budget>,
    /// Attempts of a step after the pivot, and of an undo without a retry of its own, at most; at least 1.
    pub attempts: u32,
}
