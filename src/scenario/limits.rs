//! How much may happen in a trial: a fault every nanosecond is legal grammar and an endless run, and so is every request
//! of a century.
//!
//! Events are counted as expected from means alone, fault by fault and service by service that is deployed, so that the
//! answer costs nothing and the one that goes too far is shown.

use super::diagnostic::Code;
use super::session::Session;
use super::source::Origin;
use crate::model::failure::{Deploys, Fault, Instants, Process, Strikes, Target};
use crate::model::traffic::{Arrivals, GroupTraffic};
use crate::model::{Model, Start};

/// Expected faults, repairs, inspections and steps of deploys of a trial at most.
const EVENTS: f64 = 1e9;

/// Expected requests of a trial at most: hours of computing.
const REQUESTS: f64 = 1e11;

/// Memory for the seconds of a trial at most: every thread has its own.
const SECONDS_GIB: f64 = 2.0;

/// Bytes that the request clock keeps for a second of a group, and for one of all of them.
const SECOND_BYTES: f64 = 12.0;

/// Somebody who thinks less than that waits for the answer rather than for himself.
const THINKS_S: f64 = 0.01;

/// Refuses a horizon that is too long to simulate every request of it.
pub(super) fn requests(session: &Session<'_>, model: &Model, horizon: Origin) {
    let seconds = model.horizon.as_secs_f64();
    let rate = |group: &GroupTraffic| match &group.arrivals {
        Arrivals::Open { rate, .. } => *rate,
        Arrivals::Closed(closed) => f64::from(closed.clients) / closed.think.mean_s().max(THINKS_S),
    };
    let count = seconds * model.traffic.groups.iter().map(rate).sum::<f64>();
    let gib = SECOND_BYTES * seconds * (1.0 + model.traffic.groups.len() as f64) / (1_u64 << 30) as f64;
    let what = if count > REQUESTS {
        format!("about {count:.0e} requests in a trial, the limit is {REQUESTS:.0e}")
    } else if gib > SECONDS_GIB {
        let limit = format!("the limit is {SECONDS_GIB:.0} GiB");
        format!("the counts of {seconds:.0e} seconds take {gib:.1} GiB in every thread, {limit}")
    } else {
        return;
    };
    let help = "every request of hours or days: write a shorter `horizon`; for years take `fidelity = \"structure\"`";
    session.report(Code::E007, horizon, what, Some(help.to_owned()));
}

/// Refuses the fault, or the deploys, with which a trial becomes too long; `faults` and `deploys` say where those of the
/// model stand.
pub(super) fn events(session: &Session<'_>, model: &Model, faults: &[Origin], deploys: &[Origin]) {
    let run_in_s = match model.start {
        Start::Up => 0.0,
        Start::Stationary { warm_up } => warm_up.as_secs_f64(),
    };
    let length_s = model.horizon.as_secs_f64() + run_in_s;
    let of_fault = |(fault, &origin)| {
        let own = length_s * (parts(model, fault) * rate(fault) + shocks(fault));
        (own, origin, "events of this fault", "a rarer fault, or a shorter `horizon`")
    };
    let of_deploys = |(deploys, &origin)| {
        let own = steps(model, deploys, length_s);
        (own, origin, "steps of these deploys", "rarer deploys, or a shorter `horizon`")
    };
    let all = model.faults.iter().zip(faults).map(of_fault);
    let mut sum = 0.0;
    for (own, origin, what, help) in all.chain(model.deploys.iter().zip(deploys).map(of_deploys)) {
        sum += own;
        if sum > EVENTS {
            let message = format!("about {own:.0e} {what} in a trial, the limit is {EVENTS:.0e} in all");
            session.report(Code::E007, origin, message, Some(help.to_owned()));
            return;
        }
    }
}

/// How many clocks the fault has; struck nodes that share a clock are events, too.
fn parts(model: &Model, fault: &Fault) -> f64 {
    let nodes = match fault.target {
        Target::EachNode { pool, .. } => f64::from(model.pools[pool.index()].most_nodes()),
        Target::Region(_) | Target::Zone(_) | Target::Service(_) | Target::Link { .. } => 1.0,
    };
    match fault.strikes {
        Strikes::Each | Strikes::Blast(_) => nodes,
        Strikes::Share(share) => 1.0 + share * nodes,
        Strikes::Nodes(count) => f64::from(count),
    }
}

/// Events of one part per second.
fn rate(fault: &Fault) -> f64 {
    match &fault.process {
        Process::Random { fails, repair, latent, .. } => {
            let shared = !matches!(fault.strikes, Strikes::Each);
            let cycle_s = fails.mean_s() + if shared { 0.0 } else { repair.mean_s() };
            let inspect = latent.as_ref().and_then(|latent| latent.inspect.as_ref());
            2.0 / cycle_s + inspect.map_or(0.0, |inspect| 2.0 / inspect.every.mean_s())
        }
        Process::Calendar { at: Instants::Every { every, .. }, .. } => 2.0 / every.as_secs_f64(),
        Process::Calendar { at: Instants::At(_), .. } => 0.0,
    }
}

/// Common causes per second: they keep coming while all nodes are down.
fn shocks(fault: &Fault) -> f64 {
    match &fault.process {
        Process::Random { fails, beta, .. } => beta / fails.mean_s(),
        Process::Calendar { .. } => 0.0,
    }
}

/// Steps of the deploys in a trial: each batch goes and comes back, a bad deploy is noticed and undone, and the next one
/// waits for the end of the one before.
fn steps(model: &Model, deploys: &Deploys, length_s: f64) -> f64 {
    let pools = model.services[deploys.service.index()].pools.iter();
    let batches: f64 = pools.map(|pool| batches(model.pools[pool.index()].most_nodes(), deploys.batch)).sum();
    let (restart_s, bad) = (deploys.restart.mean_s(), deploys.bad);
    let good_s = batches * restart_s + (batches - 1.0) * deploys.bake.as_secs_f64();
    let bad_s = restart_s + deploys.noticed.mean_s() + deploys.rollback.mean_s();
    // one that never ends lasts for the rest of the trial
    let cycle_s = |lasts_s: f64| lasts_s.max(deploys.every.mean_s()).min(length_s);
    length_s * (2.0 * batches + 2.0 * bad) / ((1.0 - bad) * cycle_s(good_s) + bad * cycle_s(bad_s))
}

/// Batches of a pool.
fn batches(nodes: u32, share: f64) -> f64 {
    let nodes = f64::from(nodes);
    (nodes / (share * nodes - 1e-9).ceil().max(1.0)).ceil()
}
