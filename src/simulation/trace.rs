//! What happened in one trial, line by line, as data; words are the report's.

use super::World;
use crate::time::Time;

/// One line of a trace.
#[derive(Clone, Debug, PartialEq)]
pub struct TraceLine {
    /// When.
    pub at: Time,
    /// What.
    pub event: TraceEvent,
}

/// Something worth a line; numbers are indices of the [`Layout`](super::layout::Layout).
#[derive(Clone, Debug, PartialEq)]
pub enum TraceEvent {
    /// A fault struck a unit.
    Fault {
        /// The unit.
        unit: u32,
        /// Its label.
        cause: u32,
    },
    /// A fault was mended.
    Repair {
        /// The unit.
        unit: u32,
        /// Its label.
        cause: u32,
    },
    /// A node is restarted.
    RestartBegun {
        /// The node.
        unit: u32,
    },
    /// It has started.
    RestartOver {
        /// The node.
        unit: u32,
    },
    /// A subject's level changed.
    Level {
        /// The subject.
        subject: u32,
        /// From now on, 0 to 1.
        level: f64,
    },
    /// A checker's belief about a place of a failover changed.
    Believed {
        /// The process.
        process: u32,
        /// The place in its order.
        place: u32,
        /// What is believed.
        healthy: bool,
    },
    /// A checker's belief about a region changed.
    RegionBelieved {
        /// The region.
        region: u32,
        /// What is believed.
        healthy: bool,
    },
    /// Users are not moved off a region by themselves; people are at it.
    MoveFailed {
        /// The region.
        region: u32,
    },
    /// A candidate was chosen.
    FailoverBegun {
        /// The process.
        process: u32,
        /// The candidate.
        place: u32,
    },
    /// Nobody is fit.
    NoCandidate {
        /// The process.
        process: u32,
    },
    /// The promotion failed; people are at it.
    PromotionFailed {
        /// The process.
        process: u32,
    },
    /// A place is in charge.
    FailoverDone {
        /// The process.
        process: u32,
        /// The place.
        place: u32,
    },
    /// Out of service for the way back.
    FailbackBegun {
        /// The process.
        process: u32,
    },
    /// Stopped nodes have started.
    Woken {
        /// The pool.
        pool: u32,
    },
    /// A pool follows its load: so many nodes serve or boot.
    Scaled {
        /// The pool.
        pool: u32,
        /// So far.
        from: u32,
        /// From now on.
        to: u32,
    },
    /// Somebody acts on what requests go through.
    Operator {
        /// Who, in the order of the model.
        operator: u32,
        /// What of it.
        step: OperatorStep,
    },
    /// A group is told another region.
    Rerouted {
        /// The group.
        group: u32,
    },
    /// Anycast has converged.
    Converged {
        /// The group.
        group: u32,
    },
}

/// Where somebody who acts has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OperatorStep {
    /// They are paged.
    Paged,
    /// They have come, and it is over.
    SeesNothing,
    /// They act.
    Acts,
    /// The act is over.
    Over,
}

impl World<'_> {
    /// What was traced is forgotten, but for who is not at full level.
    pub(super) fn begin_trace(&mut self, now: Time) {
        let Some(trace) = &mut self.trace else { return };
        trace.clear();
        for subject in 0..self.layout.subjects.len() {
            let level = self.ledger.level(subject);
            if level < 1.0 {
                trace.push(TraceLine { at: now, event: TraceEvent::Level { subject: subject as u32, level } });
            }
        }
    }

    /// Write a line of the trace, if one is kept.
    #[inline]
    pub(super) fn note(&mut self, now: Time, event: TraceEvent) {
        if let Some(trace) = &mut self.trace {
            trace.push(TraceLine { at: now, event });
        }
    }
}
