//! Faults in one role: a place must be able to have the other, and somebody must be able to stand by.

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

/// W410: a fault of standbys, of which nobody in its target is ever one.
pub(super) fn nobody(session: &Session<'_>, model: &Model, faults: &[Origin]) {
    let mut seen: Vec<(Origin, &str, bool)> = Vec::new();
    for (fault, &origin) in model.faults.iter().zip(faults).filter(|(fault, _)| fault.role == Role::Standby) {
        for pool in struck(model, fault.target) {
            let waits = may_wait(model, pool);
            match seen.iter_mut().find(|(known, ..)| *known == origin) {
                Some((.., any)) => *any |= waits,
                None => seen.push((origin, &model.services[model.pools[pool.index()].service.index()].name, waits)),
            }
        }
    }
    for (origin, service, _) in seen.into_iter().filter(|(.., any)| !any) {
        let message = format!("the fault strikes standbys only, and `{service}` never stands by: it strikes nobody");
        let help = "leave `role` out; only `failover` or active-passive routing lets a pool wait";
        session.report(Code::W410, origin, message, Some(help.to_owned()));
    }
}

/// The pools in the target.
fn struck(model: &Model, target: Target) -> impl Iterator<Item = PoolId> {
    let inside = move |index: PoolId, pool: &Pool| match target {
        Target::EachNode { pool, .. } => pool == index,
        Target::Region(region) => pool.region == Some(region),
        Target::Zone(zone) => pool.zones.contains(&zone),
        Target::Service(service) => pool.service == service,
        Target::Link { .. } => false,
    };
    let numbered = (0..).map(PoolId).zip(&model.pools);
    numbered.filter(move |(index, pool)| inside(*index, pool)).map(|(index, _)| index)
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
