//! The windows of objectives: into what the horizon is cut, and what is counted in a piece.

use crate::model::Model;
use crate::model::objective::{Condition, Objective, Subject};
use crate::time::Span;

/// What is counted in a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lost {
    /// The objective asks for no availability.
    Nothing,
    /// Time down.
    Time,
    /// Demand not served, by this meter of the ledger.
    Demand {
        /// Which meter.
        meter: usize,
    },
}

/// The windows of one objective.
#[derive(Clone, Copy, Debug)]
pub struct WindowPlan {
    /// Whose.
    pub subject: u32,
    /// What is counted.
    pub of: Lost,
    /// Length of one.
    pub length: Span,
    /// Number of whole ones in the horizon, at least 1.
    pub count: usize,
}

/// By objective of the model.
pub fn plans(model: &Model) -> Vec<WindowPlan> {
    let mut meters = 0;
    let mut plan = |objective: &Objective| {
        let length = objective.window.unwrap_or(model.horizon).min(model.horizon);
        let asks = |wanted: fn(&Condition) -> bool| objective.conditions.iter().any(wanted);
        let of = if asks(|condition| matches!(condition, Condition::Availability(_))) {
            Lost::Time
        } else if asks(|condition| matches!(condition, Condition::RequestAvailability(_))) {
            meters += 1;
            Lost::Demand { meter: meters - 1 }
        } else {
            Lost::Nothing
        };
        let count = (model.horizon.as_nanos() / length.as_nanos().max(1)).max(1) as usize;
        WindowPlan { subject: subject_number(model, objective.subject), of, length, count }
    };
    model.objectives.iter().map(&mut plan).collect()
}

/// The number of a subject among those with a level.
pub fn subject_number(model: &Model, subject: Subject) -> u32 {
    let groups = model.groups.len() as u32;
    let services = model.services.len() as u32;
    match subject {
        Subject::System => 0,
        Subject::Group(group) => 1 + group.0,
        Subject::Service(service) => 1 + groups + service.0,
        Subject::Region(region) => 1 + groups + services + region.0,
    }
}
