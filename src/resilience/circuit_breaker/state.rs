//! What a breaker says and hears: its states, the orders it takes, permits, refusals, changes and numbers.
//!
//! Plain values without behaviour; the state machine is in the parent module.

#[cfg(doc)]
use super::CircuitBreaker;
use super::Tally;
use crate::resilience::Transition;
use crate::time::{Span, Time};

/// What a breaker does with calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Admits, counts and judges.
    Closed,
    /// Refuses until the instant given; the first call at or after it is a probe.
    Open {
        /// End of the refusal, inclusive.
        until: Time,
    },
    /// Admits a few probes.
    HalfOpen,
    /// Refuses for ever, by order.
    ForcedOpen,
    /// Admits everything and counts nothing, by order.
    Disabled,
    /// Admits everything, counts, never trips, by order.
    MetricsOnly,
}

/// A state that somebody may order, see [`CircuitBreaker::force`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Close with an empty window.
    Closed,
    /// Open as if tripped now.
    Open,
    /// Start probing now.
    HalfOpen,
    /// Refuse for ever.
    ForcedOpen,
    /// Admit everything, count nothing.
    Disabled,
    /// Admit everything, count, never trip.
    MetricsOnly,
}

/// Why a breaker changed its state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// Too large a share of failures, in the window or among the probes.
    FailureRate,
    /// Too large a share of slow results, in the window or among the probes.
    SlowRate,
    /// Too many failures in a row.
    ConsecutiveFailures,
    /// A probe failed where each must succeed.
    ProbeFailed,
    /// The open time is over.
    WaitOver,
    /// The probes were good.
    ProbesPassed,
    /// No verdict within `half_open_max`.
    HalfOpenExpired,
    /// By order.
    Forced,
}

/// A state change of a breaker.
pub type Change = Transition<State, Cause>;

/// Leave for one call; give it back with [`CircuitBreaker::record`] or [`CircuitBreaker::release`].
#[must_use = "a permit that is never given back blocks a half-open breaker until `half_open_max`"]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Permit {
    pub(super) generation: u32,
}

/// The breaker refused the call; nothing was sent. A retry layer does not retry this by default.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the circuit breaker refused the call")]
pub struct Rejected {
    /// Time until the breaker will probe; none while it is half-open or forced open.
    pub retry_after: Option<Span>,
}

/// Numbers for metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// The state.
    pub state: State,
    /// What the window of the closed state holds (in consecutive mode: everything since it closed).
    pub window: Tally,
    /// Openings since the breaker was last closed.
    pub openings: u32,
    /// Calls refused, ever.
    pub rejected: u64,
    /// Results that arrived after their state had ended, ever.
    pub stale: u64,
}
