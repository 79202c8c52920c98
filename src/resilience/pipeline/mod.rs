//! The pipeline: all policies of a call in the order in which they protect, as one state machine without I/O.
//!
//! Outside in: fallback ( deadline ( retry with budget ( hedge ( throttle, breaker, rate limit, bulkhead ( attempt
//! timeout ( call )))))). The order matters: the timeout lies inside the breaker, so that a hanging callee trips it; the
//! retry lies outside, so that each attempt asks the breaker; a rejection by an own policy is no failure of the callee
//! and is not retried; the fallback sees everything and is never retried. A target is chosen before each attempt,
//! inside the hedge. Load shedding and concurrency limits stand at the server and are no part of this.
//!
//! [`Client`] is what all calls of one caller to one callee share; [`Call`] is one logical call and asks its host to
//! send, abort or wait ([`Step`]). Invariants: what an attempt holds (a breaker's permit, a bulkhead's slot, a booking)
//! is given back exactly once, however it ends; every call finishes exactly once; nothing allocates after construction.
//!
//! ```
//! use ninefold::resilience::{ErrorClass, bulkhead::Event, deadline::Deadline, retry::RetryConfig};
//! use ninefold::resilience::pipeline::{AttemptEnd, Call, Client, Edge, Observer, PipelineConfig, Request, Step, Waiter};
//! use ninefold::time::{Span, Time};
//! use rand_xoshiro::{Xoshiro256PlusPlus, rand_core::SeedableRng};
//!
//! struct Host;
//! impl Observer for Host {
//!     fn queue(&mut self, _event: Event<Waiter>) {} // there is no bulkhead
//! }
//!
//! let (retry, deadline) = (Some(RetryConfig::default()), Some(Span::SECOND));
//! let mut client = Client::new(PipelineConfig { retry, deadline, ..PipelineConfig::new(2) }, Time::ZERO)?;
//! let mut edge = Edge { now: Time::ZERO, rng: &mut Xoshiro256PlusPlus::seed_from_u64(1), observer: &mut Host };
//! let request =
//!     Request { id: 0, idempotent: true, retried_above: false, deadline: Deadline::NONE, key: 0, cached_age: None };
//! let mut call = Call::start(&mut client, request, &mut edge);
//! let result = loop {
//!     match call.step(&mut client, &mut edge) {
//!         Step::Send { attempt, target, .. } => {
//!             // the first target is broken, the second is well
//!             let end = if target == 0 { AttemptEnd::failed(ErrorClass::Error) } else { AttemptEnd::OK };
//!             call.attempt_ended(&mut client, attempt, end, &mut edge);
//!         }
//!         Step::Wait(until) => edge.now = until.expect("there is a deadline"), // sleep
//!         Step::Abort(_) | Step::RunTier(_) => {}
//!         Step::Finish(result) => break result,
//!     }
//! };
//! assert_eq!((result.result, result.sent), (Ok(()), 2));
//! # Ok::<(), ninefold::resilience::pipeline::PipelineError>(())
//! ```

#[cfg(test)]
mod begin_tests;
mod call;
mod client;
mod evidence;
mod observe;
#[cfg(test)]
mod script_tests;
mod step;
#[cfg(test)]
mod tests;

pub use call::Call;
pub use client::{Client, Edge, Observer, Waiter};
pub use evidence::Evidence;
pub use step::{AttemptEnd, AttemptId, CallResult, Request, Step};

use crate::resilience::adaptive_throttle::ThrottleConfig;
use crate::resilience::balancing::BalancePolicy;
use crate::resilience::bulkhead::{BulkheadConfig, BulkheadConfigError};
use crate::resilience::circuit_breaker::{BreakerConfig, BreakerConfigError};
use crate::resilience::config_error::{ConfigError, require};
use crate::resilience::deadline::{AttemptShare, AttemptShareError};
use crate::resilience::fallback::{Dependency, TierConfig};
use crate::resilience::hedge::HedgeConfig;
use crate::resilience::outlier_ejection::{EjectionConfig, PanicAction};
use crate::resilience::rate_limiter::{GcraConfig, GcraConfigError};
use crate::resilience::retry::{RetryConfig, RetryConfigError};
use crate::resilience::retry_budget::RetryBudget;
use crate::time::Span;

/// Attempts of one call that can be out at a time: the first and three hedges.
pub const PARALLEL_MAX: usize = 4;

/// A policy in its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Layer {
    /// Tiers of a worse answer.
    Fallback,
    /// The time of the whole call.
    Deadline,
    /// Further attempts, within a budget.
    Retry,
    /// Parallel attempts, within a budget.
    Hedge,
    /// A check before an attempt is sent.
    Gate(Gate),
    /// The time of one attempt.
    AttemptTimeout,
}

/// A policy that lets an attempt pass, delays or refuses it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Gate {
    /// The adaptive throttle.
    Throttle,
    /// The circuit breaker.
    Breaker,
    /// The rate limiter.
    RateLimit,
    /// The bulkhead.
    Bulkhead,
}

/// The gates in their proper order.
pub const GATES: [Gate; 4] = [Gate::Throttle, Gate::Breaker, Gate::RateLimit, Gate::Bulkhead];

/// What one breaker watches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BreakerScope {
    /// All targets together.
    Pool,
    /// Each target by itself.
    Target,
}

/// A rate limit on attempts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimitConfig {
    /// The rate and its burst.
    pub rate: GcraConfig,
    /// An attempt waits at most so long for its turn, which is booked; 0: not at all.
    pub wait: Span,
}

/// Which policies a client uses. What is none is off.
#[derive(Clone, Debug)]
pub struct PipelineConfig {
    /// Number of targets, at least 1.
    pub targets: u32,
    /// Worse answers, best first; default none.
    pub tiers: Vec<TierConfig>,
    /// What the call itself calls, so that no tier calls the same.
    pub dependency: Option<Dependency>,
    /// Time of the whole call; a request may ask for less.
    pub deadline: Option<Span>,
    /// Further attempts.
    pub retry: Option<RetryConfig>,
    /// How many retries all calls together may make; default unlimited.
    pub budget: RetryBudget,
    /// Parallel attempts; at most 3 hedges.
    pub hedge: Option<HedgeConfig>,
    /// Order of the gates: each exactly once; default [`GATES`].
    pub gates: [Gate; 4],
    /// Client-side throttling.
    pub throttle: Option<ThrottleConfig>,
    /// Circuit breaker.
    pub breaker: Option<BreakerConfig>,
    /// What one breaker watches; default the pool.
    pub breaker_scope: BreakerScope,
    /// Rate limit.
    pub rate_limit: Option<RateLimitConfig>,
    /// Bulkhead.
    pub bulkhead: Option<BulkheadConfig>,
    /// Time of one attempt, > 0; with a deadline at most its share of the rest.
    pub attempt_timeout: Option<Span>,
    /// What part of the rest an attempt gets; default 90 %, at most 30 s.
    pub share: AttemptShare,
    /// How a target is chosen; default round robin.
    pub balance: BalancePolicy,
    /// At which target balancing in turn begins: the number of this client among those that call the same targets, since
    /// clients that begin alike herd ([`start_at`](crate::resilience::balancing::Balancer::start_at)); default 0.
    pub turn: u32,
    /// Ejection of outliers.
    pub ejection: Option<EjectionConfig>,
    /// With less than this share of targets healthy there is panic, in basis points; default 5000.
    pub panic: u32,
    /// What panic does; default send to all.
    pub panic_action: PanicAction,
}

impl PipelineConfig {
    /// Everything off, over so many targets.
    pub fn new(targets: u32) -> Self {
        PipelineConfig {
            targets,
            tiers: Vec::new(),
            dependency: None,
            deadline: None,
            retry: None,
            budget: RetryBudget::Unlimited,
            hedge: None,
            gates: GATES,
            throttle: None,
            breaker: None,
            breaker_scope: BreakerScope::Pool,
            rate_limit: None,
            bulkhead: None,
            attempt_timeout: None,
            share: AttemptShare::default(),
            balance: BalancePolicy::RoundRobin,
            turn: 0,
            ejection: None,
            panic: 5_000,
            panic_action: PanicAction::SendToAll,
        }
    }

    /// The policies that are on, outside in.
    pub fn layers(&self) -> impl Iterator<Item = Layer> {
        let outer = [
            (!self.tiers.is_empty(), Layer::Fallback),
            (self.deadline.is_some(), Layer::Deadline),
            (self.retry.is_some(), Layer::Retry),
            (self.hedge.is_some(), Layer::Hedge),
        ];
        let gates = self.gates.map(|gate| (self.has(gate), Layer::Gate(gate)));
        let inner = [(self.attempt_timeout.is_some(), Layer::AttemptTimeout)];
        outer.into_iter().chain(gates).chain(inner).filter(|(on, _)| *on).map(|(_, layer)| layer)
    }

    pub(super) fn has(&self, gate: Gate) -> bool {
        match gate {
            Gate::Throttle => self.throttle.is_some(),
            Gate::Breaker => self.breaker.is_some(),
            Gate::RateLimit => self.rate_limit.is_some(),
            Gate::Bulkhead => self.bulkhead.is_some(),
        }
    }

    /// The rules that no single policy knows.
    fn check(&self) -> Result<(), ConfigError> {
        require(self.targets >= 1, "targets", "must be at least 1")?;
        require(self.attempt_timeout != Some(Span::ZERO), "attempt_timeout", "must be longer than 0")?;
        require(self.deadline != Some(Span::ZERO), "deadline", "must be longer than 0")?;
        require(GATES.iter().all(|gate| self.gates.contains(gate)), "gates", "must hold each gate once")?;
        let hedges = self.hedge.map_or(0, |hedge| hedge.at_most);
        require(hedges < PARALLEL_MAX as u32, "at_most", "must be at most 3 in a pipeline")
    }
}

/// A parameter out of its range, of the pipeline or of one of its policies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PipelineError {
    /// Of the pipeline itself, throttle, hedge, balancing, ejection or fallback.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Of the breaker.
    #[error(transparent)]
    Breaker(#[from] BreakerConfigError),
    /// Of the retry.
    #[error(transparent)]
    Retry(#[from] RetryConfigError),
    /// Of the rate limiter.
    #[error(transparent)]
    RateLimit(#[from] GcraConfigError),
    /// Of the bulkhead.
    #[error(transparent)]
    Bulkhead(#[from] BulkheadConfigError),
    /// Of the share of an attempt.
    #[error(transparent)]
    Share(#[from] AttemptShareError),
}
