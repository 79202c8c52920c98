//! Pools that change: how many nodes there are (`nodes`, `autoscale`), and how a node warms up (`warm_up`).
//!
//! On the structure clock both are felt where a node has a `capacity`; without one only requests feel them.

use super::diagnostic::Code;
use super::fields::Fields;
use super::strike::World;
use super::value::{Count, Percent};
use crate::model::dist::Law;
use crate::model::elastic::{Autoscale, WarmUp};
use crate::model::topology::Standby;
use crate::time::Span;

/// Reads `nodes` and `autoscale`: how many nodes there are at the start, and how their number changes.
pub(super) fn nodes(fields: &mut Fields<'_>) -> (u32, Option<Autoscale>) {
    let slots = fields.peek("slots").is_some_and(|slots| slots.as_text() != Some("unlimited"));
    let felt = fields.has("capacity") || (fields.session.simulates_requests() && slots);
    if !felt && fields.has("autoscale") && fields.session.simulates_requests() {
        let message = "`autoscale` without `slots` or a `capacity` does not know what a node carries";
        fields.fault(Code::E004, "autoscale", message, "give the pool `slots`".to_owned());
    }
    let scale = if felt {
        fields.table("autoscale", "the number of nodes stays", autoscale).flatten()
    } else {
        fields.on_request_clock(|fields| fields.table("autoscale", "the number of nodes stays", autoscale));
        None
    };
    let Some(scale) = scale else { return (fields.or::<Count>("nodes", 1).0, None) };
    let Some(Count(nodes)) = fields.optional("nodes") else {
        fields.show("nodes", scale.min.to_string(), true);
        return (scale.min, Some(scale));
    };
    if !(scale.min..=scale.max).contains(&nodes) {
        let message = format!("`nodes = {nodes}` at the start, with `min = {}` and `max = {}`", scale.min, scale.max);
        fields.fault(Code::E104, "nodes", message, "start within the limits".to_owned());
        return (scale.min, Some(scale));
    }
    (nodes, Some(scale))
}

fn autoscale(fields: &mut Fields<'_>) -> Option<Autoscale> {
    let min = fields.required::<Count>("min", "say how many nodes there are at least");
    let max = fields.required::<Count>("max", "say how many nodes there are at most");
    let Percent(target) = fields.or("target", "60%");
    let every = fields.or::<Span>("every", "1min");
    let boot = fields.or::<Law>("boot", "3min");
    let cooldown = fields.or::<Span>("cooldown", "5min");
    let Percent(step) = fields.or("step", "100%");
    for (key, is_zero) in [("target", target <= 0.0), ("every", every.is_zero()), ("step", step <= 0.0)] {
        if is_zero {
            fields.fault(Code::E104, key, format!("`{key}` is 0"), "write more than that".to_owned());
        }
    }
    let (Count(min), Count(max)) = (min?, max?);
    if max < min {
        let message = format!("`max = {max}` is less than `min = {min}`");
        fields.fault(Code::E104, "max", message, "swap them".to_owned());
        return None;
    }
    (target > 0.0 && !every.is_zero()).then_some(Autoscale { min, max, target, every, boot, cooldown, step })
}

/// What also says how many nodes run.
pub(super) fn refuse_beside(fields: &Fields<'_>, world: &World<'_>, standby: &Standby) {
    if standby.running < 1.0 {
        let message = "`autoscale` and a `standby` that stops nodes both say how many nodes run";
        fields.fault(Code::E304, "standby", message, "keep one".to_owned());
    }
    if world.quorum.get() {
        let message = "`autoscale` and a quorum both say how many nodes there are";
        fields.fault(Code::E304, "autoscale", message, "leave `autoscale` out".to_owned());
    }
}

/// Reads `warm_up`.
pub(super) fn warm_up(fields: &mut Fields<'_>) -> Option<WarmUp> {
    let off = "a node has its whole capacity at once";
    let read = |fields: &mut Fields<'_>| {
        let lasts = fields.required::<Span>("for", "say how long it takes");
        let Percent(from) = fields.or("from", "0%");
        lasts.filter(|lasts| !lasts.is_zero()).map(|lasts| WarmUp { lasts, from })
    };
    if fields.has("capacity") {
        return fields.table("warm_up", off, read).flatten();
    }
    fields.on_request_clock(|fields| fields.table("warm_up", off, read)).flatten()
}
