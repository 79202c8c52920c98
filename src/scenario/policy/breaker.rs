//! `breaker`: when it opens, how long, and how it probes.

use super::refuse;
use crate::resilience::circuit_breaker::{BreakerConfig, Probing, Trip, Window};
use crate::scenario::diagnostic::Code;
use crate::scenario::fields::Fields;
use crate::scenario::tree::Node;
use crate::scenario::value::{BasisPoints, Count, Number};
use crate::time::Span;

/// Buckets of a window that is a time.
const BUCKETS: u32 = 10;

/// What a breaker table says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Breaker {
    pub config: BreakerConfig,
    pub per_node: bool,
}

/// Reads a breaker table.
pub(super) fn read(fields: &mut Fields<'_>) -> Breaker {
    if fields.has("failure_rate") && fields.has("consecutive") {
        let message = "`failure_rate` and `consecutive` both say when it opens";
        fields.session.report(Code::E304, fields.key_origin("consecutive"), message, Some("keep one".into()));
    } else if !fields.has("failure_rate") && !fields.has("consecutive") {
        fields.missing("failure_rate", "say when it opens: `failure_rate = \"50%\"` or `consecutive = 5`");
    }
    let default = BreakerConfig::default();
    let failure_rate = fields.optional::<BasisPoints>("failure_rate").map(|share| share.0);
    let consecutive = fields.optional::<Count>("consecutive").map(|count| count.0);
    let per_node = fields.choice("per", &[("pool", false), ("node", true)], "pool");
    let window = window(fields);
    let Count(min_calls) = fields.or("min_calls", 10);
    let slow_over = fields.optional("slow_over").unwrap_or(Span::MAX);
    let BasisPoints(slow_rate) = fields.or("slow_rate", "100%");
    let open_for = fields.or("open_for", "30s");
    let Number(open_growth) = fields.or("open_growth", 1);
    let open_max = fields.or("open_max", "10min");
    let Count(probes) = fields.or("half_open", 3);
    let half_open_max = fields.or("half_open_max", "60s");
    let (trip, half_open) = match consecutive {
        Some(failures) => {
            (Trip::Consecutive { failures }, Probing::Consecutive { successes: probes, max_in_flight: 1 })
        }
        None => (Trip::Rate { window, min_calls }, Probing::Rate { permitted: probes }),
    };
    let failure_rate = failure_rate.unwrap_or(default.failure_rate);
    let times = BreakerConfig { slow_over, open_for, open_growth, open_max, half_open_max, ..default };
    let config = BreakerConfig { trip, failure_rate, slow_rate, half_open, ..times };
    if let Err(error) = config.check() {
        refuse(fields, error.field, error.field, error.rule);
    }
    Breaker { config, per_node }
}

/// So many results, or those of so long.
fn window(fields: &mut Fields<'_>) -> Window {
    if fields.peek("window").and_then(Node::as_text).is_some() {
        let length = fields.optional::<Span>("window");
        let length = length.unwrap_or(Span::SECOND);
        return Window::Time { buckets: BUCKETS, bucket: Span::from_nanos(length.as_nanos() / u64::from(BUCKETS)) };
    }
    let Count(size) = fields.or("window", 100);
    Window::Count { size }
}
