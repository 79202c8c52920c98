//! How much may happen in a trial: a fault every nanosecond is legal grammar and an endless run.
//!
//! Events are counted as expected from means alone, fault by fault, so that the answer costs nothing and the one that
//! goes too far is shown.

use super::diagnostic::Code;
use super::session::Session;
use super::source::Origin;
use crate::model::failure::{Fault, Instants, Process, Strikes, Target};
use crate::model::{Model, Start};

/// Expected faults, repairs and inspections of a trial at most.
const EVENTS: f64 = 1e9;

/// Refuses the fault with which a trial becomes too long; `origins` are those of the model's faults.
pub(super) fn events(session: &Session<'_>, model: &Model, origins: &[Origin]) {
    let run_in_s = match model.start {
        Start::Up => 0.0,
        Start::Stationary { warm_up } => warm_up.as_secs_f64(),
    };
    let length_s = model.horizon.as_secs_f64() + run_in_s;
    let mut sum = 0.0;
    for (fault, &origin) in model.faults.iter().zip(origins) {
        let own = length_s * parts(model, fault) * rate(fault);
        sum += own;
        if sum > EVENTS {
            let message = format!("about {own:.0e} events of this fault in a trial, the limit is {EVENTS:.0e} in all");
            let help = "a rarer fault, or a shorter `horizon`".to_owned();
            session.report(Code::E007, origin, message, Some(help));
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
