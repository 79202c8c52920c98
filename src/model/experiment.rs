//! Chaos experiments: what must hold, what is broken on purpose, and how much of it may show.
//!
//! A [`Condition`] is either judged bucket by bucket (a measure of requests), or once a run (what a policy did: how soon
//! a breaker opened, how much load went on). Both are closed lists, so that whatever is written can be judged. Nothing
//! here runs or judges anything.

use super::failure::Fault;
use super::topology::{GroupId, ServiceId};
use super::traffic::ClassId;
use crate::time::Span;

/// One experiment.
#[derive(Clone, Debug, PartialEq)]
pub struct Experiment {
    /// Its name in the scenario.
    pub name: String,
    /// What is believed, in words.
    pub hypothesis: String,
    /// What must hold, at least one.
    pub steady_state: Vec<Condition>,
    /// What is broken, as the scenario writes it.
    pub method: Vec<Step>,
    /// What the steps do to the model: faults by the calendar.
    pub faults: Vec<Fault>,
    /// A fault of a known length that would last into the time for recovery ends before it.
    pub clear_faults: bool,
    /// What was failed over goes back as soon as it can.
    pub failback: bool,
    /// Length of a run.
    pub length: Span,
    /// Length of the buckets in which conditions are judged, more than zero.
    pub every: Span,
    /// Time that conditions may fail in all, from the first fault on.
    pub tolerate: Span,
    /// Time after the last fault from which on all must hold again.
    pub recover_within: Span,
    /// Do the faults of the scenario go on beside?
    pub background: bool,
    /// Number of runs, at least 1.
    pub runs: u64,
    /// Share of the runs that must hold, 0 to 1.
    pub hold: f64,
}

impl Experiment {
    /// Begin and end of a bucket; the last may be cut short.
    pub fn bucket(&self, index: usize) -> (Span, Span) {
        let index = index as u64;
        (self.every * index, (self.every * (index + 1)).min(self.length))
    }

    /// Length of a bucket in seconds.
    pub fn bucket_s(&self, index: usize) -> f64 {
        let (from, to) = self.bucket(index);
        to.saturating_sub(from).as_secs_f64()
    }
}

/// One step of the method, in the words of the scenario.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The way it breaks; empty: the usual one of its target.
    pub mode: String,
    /// What it strikes.
    pub target: String,
    /// When, the first time.
    pub at: Span,
    /// For how long, a law.
    pub lasts: String,
}

/// Something that must hold.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition {
    /// As written.
    pub text: String,
    /// What is compared.
    pub about: About,
    /// At least, not at most?
    pub at_least: bool,
    /// With what: a share, seconds or a number.
    pub value: f64,
}

impl Condition {
    /// Does this value satisfy it?
    pub fn holds(&self, value: f64) -> bool {
        if self.at_least { value >= self.value } else { value <= self.value }
    }

    /// Is this value worse for it than the other?
    pub fn worse(&self, value: f64, other: f64) -> bool {
        if self.at_least { value < other } else { value > other }
    }
}

/// What a condition is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About {
    /// A measure in every bucket.
    Bucket {
        /// Which.
        measure: BucketMeasure,
        /// Of whom.
        subject: Subject,
        /// In the buckets of this phase only; none: in all.
        phase: Option<Phase>,
    },
    /// What happened in the run as a whole.
    Run(RunMeasure),
}

impl About {
    /// Is it judged in the buckets after the faults, on this subject (none: on whichever)?
    pub fn is_of(self, subject: Option<Subject>) -> bool {
        match self {
            About::Bucket { subject: of, phase: None | Some(Phase::After), .. } => {
                subject.is_none_or(|subject| subject == of)
            }
            About::Bucket { phase: Some(Phase::Before | Phase::During), .. } | About::Run(_) => false,
        }
    }
}

/// A measure of the requests of a bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BucketMeasure {
    /// Answered requests (or calls), of those that were answered or failed.
    SuccessRatio,
    /// Requests answered by a tier, of those that were answered or failed.
    DegradedRatio,
    /// Time to an answer.
    Latency(Statistic),
    /// Attempts for each request of a user.
    AttemptsPerRequest,
    /// Attempts refused for load, of those that reached the service.
    Shed,
    /// Calls refused by an own policy, of the attempts.
    Rejected,
    /// Share of the time that its breakers were open.
    BreakerOpenTime,
    /// Wait for a slot.
    QueueTime(Statistic),
}

/// Which figure of many lengths of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Statistic {
    /// Their mean.
    Mean,
    /// The quantile at so many thousandths.
    Quantile(u16),
    /// The longest.
    Max,
}

/// What is measured once a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunMeasure {
    /// From the first fault to the first breaker of the call that opens.
    OpensWithin(CallEnds),
    /// From the end of the last fault until no breaker of the call refuses or probes, for the rest of the run.
    ClosesWithin(CallEnds),
    /// From the first fault until a failover of the service is done; no service: of the routing.
    FailsOverWithin(Option<ServiceId>),
    /// From the end of the last fault until all bucket conditions (on this subject) hold for the rest of the run.
    RecoversWithin(Option<Subject>),
    /// Attempts a second that callers make at the service in this phase, over those before the first fault.
    LoadOn(ServiceId, Phase),
}

/// Of whom something is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// All users.
    System,
    /// A group of users.
    Group(GroupId),
    /// A class of requests.
    Class(ClassId),
    /// A service, as its callers see it.
    Service(ServiceId),
    /// A call.
    Call(CallEnds),
}

/// Both ends of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallEnds {
    /// Who calls.
    pub from: Caller,
    /// Whom.
    pub to: ServiceId,
}

/// Who calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Caller {
    /// Users.
    Group(GroupId),
    /// Nodes of a service.
    Service(ServiceId),
}

/// A part of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Before the first fault.
    Before,
    /// From the first fault to the end of the last.
    During,
    /// After that.
    After,
}
