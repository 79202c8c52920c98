//! What a request costs at a node: places to work and wait in, the work itself, what is refused and skipped.

use crate::model::dist::Law;
use crate::model::topology::HealthPolicy;
use crate::resilience::codel::CoDelConfig;
use crate::resilience::concurrency_limit::LimitConfig;
use crate::resilience::load_shedding::SheddingConfig;
use crate::time::Span;

/// The work of requests at the nodes of one pool.
#[derive(Clone, Debug, PartialEq)]
pub struct PoolWork {
    /// Requests in work at a time, per node; none: any number.
    pub slots: Option<u32>,
    /// Requests waiting, per node; none: any number.
    pub queue: Option<u32>,
    /// Who is next.
    pub order: QueueOrder,
    /// Who has not started by then leaves; a law that never ends: nobody does.
    pub queue_timeout: Law,
    /// Controlled delay, if any.
    pub codel: Option<CoDelConfig>,
    /// Own work of an attempt.
    pub service_time: Law,
    /// Added for each request in flight on the node at arrival, itself counted.
    pub contention: Span,
    /// Is the slot held while the calls of the request are out?
    pub blocking: bool,
    /// Share of the attempts that fail at the end of their work though all is up, 0 to 1.
    pub errors: f64,
}

impl Default for PoolWork {
    /// No limits, no work, no errors.
    fn default() -> Self {
        PoolWork {
            slots: None,
            queue: None,
            order: QueueOrder::Fifo,
            queue_timeout: Law::never(),
            codel: None,
            service_time: Law::fixed(Span::ZERO),
            contention: Span::ZERO,
            blocking: true,
            errors: 0.0,
        }
    }
}

/// Who is next in a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QueueOrder {
    /// Who came first.
    Fifo,
    /// Who came last.
    Lifo,
    /// Who came first; while the queue is overloaded, who came last.
    AdaptiveLifo,
    /// The most critical class; among these who came first.
    Priority,
}

/// What is asked of all nodes of a service.
#[derive(Clone, Debug, PartialEq)]
pub struct ServiceWork {
    /// What becomes of work that nobody waits for.
    pub caller_gone: CallerGone,
    /// Classes refused under load.
    pub shedding: Option<SheddingConfig>,
    /// Adaptive limit of concurrency, per node.
    pub limit: Option<LimitConfig>,
    /// Checks of its nodes.
    pub health: HealthPolicy,
    /// So many of the service's needs come from `depends_on`; the others are the hard side of its calls.
    pub depends_on: usize,
}

impl Default for ServiceWork {
    fn default() -> Self {
        ServiceWork {
            caller_gone: CallerGone::Stop,
            shedding: None,
            limit: None,
            health: HealthPolicy::default(),
            depends_on: 0,
        }
    }
}

/// What becomes of work that nobody waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallerGone {
    /// It stops, and with it its own calls.
    Stop,
    /// What has begun runs to its end; what waits is dropped when its turn comes.
    SkipQueued,
    /// All of it is done.
    Ignore,
}
