//! Faults of places in one role: the place must be able to have the other.

use super::diagnostic::Code;
use super::session::Session;
use super::source::Origin;
use crate::model::Model;
use crate::model::failover::Policy;
use crate::model::failure::{Fault, Process, Role, Strikes, Target};
use crate::model::topology::{Pool, PoolId};

/// Refuses the `role` of a place in which something is always in use; `faults` says where those of the model stand.
pub(super) fn roles(session: &Session<'_>, model: &Model, faults: &[Origin]) {
    for (fault, &origin) in model.faults.iter().zip(faults).filter(|(fault, _)| goes_by_role(fault)) {
        let inside = |pool: &&Pool| match fault.target {
            Target::Region(region) => pool.region == Some(region),
            Target::Zone(zone) => pool.zones.contains(&zone),
            Target::EachNode { .. } | Target::Service(_) | Target::Link { .. } => false,
        };
        let mut pools = model.pools.iter().enumerate().filter(|(_, pool)| inside(pool));
        let in_use = pools.find(|&(pool, _)| !may_wait(model, PoolId(pool as u32)));
        let Some((_, pool)) = in_use else { continue };
        let place = match fault.target {
            Target::Zone(zone) => {
                let zone = &model.zones[zone.index()];
                format!("{}/{}", model.regions[zone.region.index()].name, zone.name)
            }
            Target::Region(region) => model.regions[region.index()].name.clone(),
            Target::EachNode { .. } | Target::Service(_) | Target::Link { .. } => continue,
        };
        let service = &model.services[pool.service.index()].name;
        let message = format!("`{place}` never stands by: `{service}` is always in use there");
        let help = "leave `role` out; only `failover` or active-passive routing lets a pool wait";
        session.report(Code::E304, origin, message, Some(help.to_owned()));
    }
}

/// Is it a place as a whole that must be in a role?
fn goes_by_role(fault: &Fault) -> bool {
    let rolling = matches!(fault.process, Process::Calendar { rolling: true, .. });
    let whole = matches!(fault.strikes, Strikes::Each | Strikes::Blast(_));
    fault.role != Role::Any && whole && !rolling
}

/// Is there a time when the pool waits: for a failover of its service, or outside the active region?
fn may_wait(model: &Model, pool: PoolId) -> bool {
    let Pool { service, region, .. } = &model.pools[pool.index()];
    let entry = &model.services[model.routing.entry.index()];
    match (&model.services[service.index()].failover, &model.routing.policy) {
        (Some(failover), _) => failover.order.len() > 1 && failover.order.contains(&pool),
        (None, Policy::ActivePassive(routing)) if entry.failover.is_none() => {
            routing.order.len() > 1 && region.is_some_and(|region| routing.order.contains(&region))
        }
        (None, Policy::ActivePassive(_) | Policy::Latency | Policy::Geo | Policy::Weighted { .. }) => false,
    }
}
