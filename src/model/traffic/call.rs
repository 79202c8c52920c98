//! Calls between services, and the policies of their attempts.

use super::ClassId;
use crate::model::dist::Law;
use crate::model::topology::{Reach, ServiceId};
use crate::resilience::adaptive_throttle::ThrottleConfig;
use crate::resilience::balancing::BalancePolicy;
use crate::resilience::bulkhead::BulkheadConfig;
use crate::resilience::circuit_breaker::BreakerConfig;
use crate::resilience::hedge::HedgeConfig;
use crate::resilience::outlier_ejection::EjectionConfig;
use crate::resilience::pipeline::RateLimitConfig;
use crate::resilience::retry::RetryConfig;
use crate::resilience::retry_budget::{ConcurrencyConfig, QuotaConfig, RatioConfig, TokenConfig};
use crate::time::Span;

/// A call that requests at one service make to another.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// Who calls.
    pub from: ServiceId,
    /// Whom.
    pub to: ServiceId,
    /// Where the callee is looked for.
    pub reach: Reach,
    /// Share of the requests that make it, 0 to 1.
    pub share: f64,
    /// How often, one after the other, at least 1.
    pub times: u32,
    /// Calls of one stage go out together, lower stages first.
    pub stage: u32,
    /// Only these classes make it; empty: all.
    pub only: Vec<ClassId>,
    /// Policies.
    pub policy: CallPolicy,
    /// What answers when it has failed, in turn; with any of these the call is soft.
    pub tiers: Vec<RequestTier>,
}

/// Policies of one caller towards one callee; what is none is off.
#[derive(Clone, Debug, PartialEq)]
pub struct CallPolicy {
    /// Time of one attempt.
    pub timeout: Option<Span>,
    /// Time of the whole call.
    pub deadline: Option<Span>,
    /// Further attempts.
    pub retry: Option<RetryConfig>,
    /// How many retries all calls of the caller together may make.
    pub budget: Option<Budget>,
    /// Circuit breaker.
    pub breaker: Option<BreakerConfig>,
    /// One breaker for each node of the callee, or for each pool?
    pub breaker_per_node: bool,
    /// Bulkhead.
    pub bulkhead: Option<BulkheadConfig>,
    /// Rate limit.
    pub rate_limit: Option<RateLimitConfig>,
    /// Parallel attempts.
    pub hedge: Option<HedgeConfig>,
    /// Client-side throttling.
    pub throttle: Option<ThrottleConfig>,
    /// How a node is chosen.
    pub balance: BalancePolicy,
    /// Ejection of outliers.
    pub ejection: Option<EjectionConfig>,
    /// With a smaller share of nodes believed healthy than this, but not none, all are sent to; 0 to 1. None: half where
    /// somebody checks, or nodes are ejected; whoever always knows who is well does not doubt it.
    pub panic: Option<f64>,
}

impl Default for CallPolicy {
    /// Everything off, round robin.
    fn default() -> Self {
        CallPolicy {
            timeout: None,
            deadline: None,
            retry: None,
            budget: None,
            breaker: None,
            breaker_per_node: false,
            bulkhead: None,
            rate_limit: None,
            hedge: None,
            throttle: None,
            balance: BalancePolicy::RoundRobin,
            ejection: None,
            panic: None,
        }
    }
}

/// A retry budget.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Budget {
    /// Tokens, given back by successes.
    Tokens(TokenConfig),
    /// A quota with a cost by class.
    Quota(QuotaConfig),
    /// A share of the requests within a window.
    Ratio(RatioConfig),
    /// A share of what is in progress.
    Concurrency(ConcurrencyConfig),
}

/// A worse answer.
#[derive(Clone, Debug, PartialEq)]
pub struct RequestTier {
    /// Its name in the scenario.
    pub name: String,
    /// The service that it asks; none: it answers by itself.
    pub calls: Option<ServiceId>,
    /// Time that it takes, if it asks nobody.
    pub takes: Law,
    /// Share of the requests that it can answer, 0 to 1.
    pub hit: f64,
    /// Oldest answer that it may give: since the caller's last good one; none: any.
    pub max_age: Option<Span>,
    /// Calls stay at the tier for so long once they have fallen to it.
    pub dwell: Span,
}
