//! Which services pass a deadline on with everything that they do, so that none of their calls can wait for ever.

use crate::model::Model;
use crate::model::topology::ServiceId;
use crate::model::traffic::{CallPolicy, CallerGone};

/// By service: does every request that comes to it bring a deadline that its own calls inherit?
pub(super) fn bounded(model: &Model) -> Vec<bool> {
    let mut bounded: Vec<bool> = (0..model.services.len()).map(|service| passes_on(model, service)).collect();
    let ways = ways(model);
    // who is asked without one passes none on, and so forth
    for _ in 0..model.services.len() {
        let loose = |way: &&Way| !way.in_time && way.from.is_none_or(|from| !bounded[from.index()]);
        let open: Vec<usize> = ways.iter().filter(loose).map(|way| way.to.index()).collect();
        if open.iter().all(|&service| !bounded[service]) {
            break;
        }
        for service in open {
            bounded[service] = false;
        }
    }
    bounded
}

/// Someone comes to a service: with a deadline of his own, or with what he has from the service that he comes from.
struct Way {
    from: Option<ServiceId>,
    to: ServiceId,
    in_time: bool,
}

/// Where work ends when nobody waits for it, deadlines are passed on.
fn passes_on(model: &Model, service: usize) -> bool {
    model.traffic.services.get(service).is_none_or(|work| work.caller_gone == CallerGone::Stop)
}

fn is_bounded(policy: &CallPolicy) -> bool {
    policy.timeout.is_some() || policy.deadline.is_some()
}

fn ways(model: &Model) -> Vec<Way> {
    let classes = &model.traffic.classes;
    let mut ways = Vec::new();
    for group in &model.traffic.groups {
        let mut comes = |to: ServiceId, patient: bool| {
            ways.push(Way { from: None, to, in_time: !patient || is_bounded(&group.policy) });
            // what a tier asks has the deadline of the request, not that of the call
            let tiers = group.tiers.iter().filter_map(|tier| tier.calls);
            ways.extend(tiers.map(|to| Way { from: None, to, in_time: !patient }));
        };
        for class in classes {
            comes(class.entry.unwrap_or(model.routing.entry), class.deadline.is_none());
        }
        if classes.is_empty() {
            comes(model.routing.entry, true);
        }
    }
    for call in &model.traffic.calls {
        ways.push(Way { from: Some(call.from), to: call.to, in_time: is_bounded(&call.policy) });
        let tiers = call.tiers.iter().filter_map(|tier| tier.calls);
        ways.extend(tiers.map(|to| Way { from: Some(call.from), to, in_time: false }));
    }
    for class in classes {
        // undoing has no deadline
        let steps = class.saga.iter().flat_map(|saga| &saga.steps);
        ways.extend(steps.map(|&to| Way { from: None, to, in_time: false }));
    }
    ways
}
