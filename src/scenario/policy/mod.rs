//! The policies of a call: the keys of `calls.OTHER`, `policies.NAME` and `users.NAME` that only the request clock feels.
//!
//! Each is read into the config of its policy in `resilience`, which also says what it refuses; that becomes a
//! diagnostic at the key, so that whoever runs requests can build every policy without a fault. On the structure clock
//! the keys are inert.

mod breaker;
pub(super) mod fallback;
pub(super) mod retry;
pub(super) mod spelled;

use super::diagnostic::Code;
use super::fields::{At, Fields, shorten};
use super::names::Names;
use super::quantity;
use super::schema::Shape;
use super::tree::Node;
use super::value::{BasisPoints, Count, Number, Rate, Text, Whole};
use crate::model::topology::ServiceId;
use crate::model::traffic::CallPolicy;
use crate::resilience::adaptive_throttle::ThrottleConfig;
use crate::resilience::balancing::BalancePolicy;
use crate::resilience::bulkhead::{Bulkhead, BulkheadConfig};
use crate::resilience::concurrency_limit::{LimitConfig, LimitLaw};
use crate::resilience::hedge::{HedgeAfter, HedgeConfig};
use crate::resilience::outlier_ejection::EjectionConfig;
use crate::resilience::pipeline::RateLimitConfig;
use crate::resilience::rate_limiter::{Gcra, GcraConfig};
use crate::time::Span;
use spelled::{Form, Type};

const BALANCES: [(&str, &BalancePolicy); 6] = [
    ("round-robin", &BalancePolicy::RoundRobin),
    ("random", &BalancePolicy::Random),
    ("least-requests", &BalancePolicy::LeastOutstanding),
    ("p2c", &BalancePolicy::TwoChoices),
    ("peak-ewma", &BalancePolicy::PEAK_EWMA),
    ("sticky", &BalancePolicy::Sticky),
];

/// Reports what a policy refuses: `name` at the value of `key`.
pub(super) fn refuse(fields: &Fields<'_>, key: &str, name: &str, rule: &str) {
    fields.fault(Code::E104, key, format!("`{name}` {rule}"), None);
}

/// Reads the policy keys.
pub(super) fn read(fields: &mut Fields<'_>) -> CallPolicy {
    fields.on_request_clock(|fields| {
        let timeout = time(fields, "timeout");
        if !fields.has("timeout") {
            fields.show_off("timeout", "waits for ever");
        }
        let deadline = time(fields, "deadline");
        let retry = fields.table("retry", "one attempt", retry::read);
        let breaker = fields.table("breaker", "never opens", breaker::read);
        let bulkhead = fields.table("bulkhead", "any number at once", bulkhead);
        let rate_limit = fields.table("rate_limit", "any rate", rate_limit).flatten();
        let hedge = fields.table("hedge", "", hedge).flatten();
        let throttle = fields.table("throttle", "", throttle);
        let balance = fields.choice("balance", &BALANCES, "round-robin").clone();
        let ejection = fields.table("ejection", "no node is ejected", ejection);
        let BasisPoints(panic) = fields.or("panic", "50%");
        CallPolicy {
            timeout,
            deadline,
            retry: retry.map(|retry| retry.config),
            budget: retry.and_then(|retry| retry.budget),
            breaker: breaker.map(|breaker| breaker.config),
            breaker_per_node: breaker.is_some_and(|breaker| breaker.per_node),
            bulkhead,
            rate_limit,
            hedge,
            throttle,
            balance,
            ejection,
            panic: f64::from(panic) / 1e4,
        }
    })
}

/// A time that is longer than 0.
pub(super) fn time(fields: &mut Fields<'_>, key: &str) -> Option<Span> {
    let time = fields.optional::<Span>(key);
    if time == Some(Span::ZERO) {
        refuse(fields, key, key, "must be longer than 0");
    }
    time
}

fn bulkhead(fields: &mut Fields<'_>) -> BulkheadConfig {
    let concurrent = fields.required::<Count>("concurrent", "say how many calls may be out at once");
    let Whole(queue) = fields.or("queue", 0);
    let queue_timeout = fields.or("queue_timeout", "1s");
    let max_queue = u32::try_from(queue).unwrap_or(u32::MAX);
    let config =
        BulkheadConfig { max_queue, queue_timeout, ..BulkheadConfig::new(concurrent.map_or(1, |most| most.0)) };
    if let Err(error) = Bulkhead::<()>::new(config) {
        let key = if error.field == "max_queue" { "queue" } else { "concurrent" };
        refuse(fields, key, key, error.rule);
    }
    config
}

fn rate_limit(fields: &mut Fields<'_>) -> Option<RateLimitConfig> {
    let rate = fields.required::<Rate>("rate", "say how many calls a second");
    let Count(burst) = fields.or("burst", 1);
    let wait = fields.or("wait", "0s");
    let config = RateLimitConfig { rate: GcraConfig::per_second(rate?.0).burst(burst), wait };
    if let Err(error) = Gcra::new(config.rate) {
        let key = if error.field == "period" { "rate" } else { "burst" };
        let rule = if key == "rate" { "must be at most 1000000000/s" } else { error.rule };
        refuse(fields, key, key, rule);
    }
    Some(config)
}

fn hedge(fields: &mut Fields<'_>) -> Option<HedgeConfig> {
    let after = hedge_after(fields);
    let Count(at_most) = fields.or("at_most", 1);
    let BasisPoints(budget) = fields.or("budget", "5%");
    let config = HedgeConfig { after: after?, at_most, budget };
    if at_most >= crate::resilience::pipeline::PARALLEL_MAX as u32 {
        refuse(fields, "at_most", "at_most", "must be at most 3");
    }
    if let Err(error) = config.check() {
        refuse(fields, error.field, error.field, error.rule);
    }
    Some(config)
}

fn hedge_after(fields: &mut Fields<'_>) -> Option<HedgeAfter> {
    fields.takes("after", [Shape::Quantile]);
    let written = fields.peek("after").and_then(Node::as_text).unwrap_or_default();
    let Some(level) = written.strip_prefix('p').filter(|level| level.parse::<f64>().is_ok()) else {
        let hint = "say after how long, or after which quantile: `after = \"p95\"`";
        return fields.required::<Span>("after", hint).map(HedgeAfter::Fixed);
    };
    let shown = fields.node("after").map(Node::show).unwrap_or_default();
    match quantity::basis_points(&format!("{level}%")) {
        Ok(basis_points @ 1..10_000) => {
            fields.show("after", shown, false);
            Some(HedgeAfter::Quantile { basis_points, min_samples: 100 })
        }
        Err(_) if level.parse().is_ok_and(|level: f64| 0.0 < level && level < 100.0) => {
            let message = format!("`{}` has more than two decimals", shorten(written));
            fields.fault(Code::E104, "after", message, "`p99.99` is the last before p100".to_owned());
            None
        }
        Ok(_) | Err(_) => {
            refuse(fields, "after", "after", "must be a quantile above p0 and below p100");
            None
        }
    }
}

fn throttle(fields: &mut Fields<'_>) -> ThrottleConfig {
    let Number(k) = fields.or("k", 2);
    let window = fields.or("window", "2min");
    let config = ThrottleConfig { k_thousandths: (k * 1e3).round() as u32, window, ..ThrottleConfig::default() };
    if let Err(error) = config.check() {
        let (key, rule) = if error.field == "window" { ("window", error.rule) } else { ("k", "must be at least 1") };
        refuse(fields, key, key, rule);
    }
    config
}

fn ejection(fields: &mut Fields<'_>) -> EjectionConfig {
    let default = EjectionConfig::default();
    let Count(errors) = fields.or("errors", 5);
    let every = fields.or("every", "10s");
    let base: Span = fields.or("base", "30s");
    let BasisPoints(max_ejected) = fields.or("max_ejected", "50%");
    let max = default.max.max(base);
    let config = EjectionConfig { errors: Some(errors), every, base, max, max_ejected, ..default };
    if let Err(error) = config.check() {
        refuse(fields, error.field, error.field, error.rule);
    }
    config
}

const LIMIT_KEYS: &[(&str, Type)] = &[("initial", Type::Whole), ("min", Type::Whole), ("max", Type::Whole)];

/// Adaptive limits of concurrency.
const LIMITS: [Form; 3] = [("aimd", LIMIT_KEYS, 0), ("vegas", LIMIT_KEYS, 0), ("gradient2", LIMIT_KEYS, 0)];

/// Reads `concurrency_limit`.
pub(super) fn concurrency_limit(fields: &mut Fields<'_>) -> Option<LimitConfig> {
    let written = spelled::read(fields, "concurrency_limit", "", &LIMITS)?;
    let law = match written.name {
        "aimd" => LimitLaw::AIMD,
        "vegas" => LimitLaw::VEGAS,
        _ => LimitLaw::GRADIENT2,
    };
    let default = LimitConfig::new(law);
    let whole = |key: &str, default: u32| written.whole(key).unwrap_or(default);
    let (initial, min) = (whole("initial", default.initial), whole("min", default.min));
    let config = LimitConfig { initial, min, max: whole("max", default.max), ..default };
    if let Err(error) = config.check() {
        written.refuse(fields.session, error.field, error.rule);
    }
    Some(config)
}

/// Checks that every name in the list is a service, and gives those that are.
pub(super) fn services(fields: &Fields<'_>, names: &Names, list: &[At<Text>]) -> Vec<ServiceId> {
    list.iter().filter_map(|name| names.service(fields.session, &name.value.0, name.origin)).collect()
}
