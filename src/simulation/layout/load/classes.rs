//! Classes of requests, where they differ: in the service that they enter at, or in the calls that they make.
//!
//! Where they do not all demand is one class. A group that names no classes asks for one of its own, which makes the
//! calls that are for everybody.

use super::{Candidate, LoadPlan, answering_pools};
use crate::model::Model;
use crate::model::failover::Propagation;
use crate::model::topology::{Reach, RegionId, ServiceKind};
use crate::simulation::layout::Layout;
use crate::simulation::layout::structure::Structure;

/// Do classes enter elsewhere or make calls of their own?
pub(super) fn differ(model: &Model) -> bool {
    let entry = Some(model.routing.entry);
    let mut needs = model.services.iter().flat_map(|service| &service.needs);
    model.traffic.classes.iter().any(|class| class.entry.is_some() && class.entry != entry)
        || needs.any(|need| !need.only.is_empty())
}

/// Can writes fail alone, and do groups differ in how much they write?
fn write_differently(model: &Model) -> bool {
    let classes = &model.traffic.classes;
    let written = |group: &crate::model::traffic::Group| -> f64 {
        group.mix.iter().filter(|(class, _)| classes[class.index()].writes).map(|(_, share)| share).sum()
    };
    let mut shares = model.groups.iter().map(written);
    let first = shares.next();
    let alone = super::super::ailments::weaken(model) || super::super::copies::reads_go_on(model);
    alone && shares.any(|share| first.is_some_and(|first| (first - share).abs() > 0.0))
}

/// The classes of the demand, with the mix of each group.
pub(super) fn divide(model: &Model, plan: &mut LoadPlan) {
    let classes = &model.traffic.classes;
    if !differ(model) && !write_differently(model) {
        (plan.classes, plan.writes, plan.whole_mix) = (1, vec![model.writes], vec![1.0]);
        plan.mixes = vec![vec![1.0]; model.groups.len()];
        return;
    }
    // the last one is of those that name none
    plan.classes = classes.len() + 1;
    let declared = classes.iter().any(|class| class.writes);
    let writes = |writes: bool| if writes || !declared { 1.0 } else { 0.0 };
    plan.writes = classes.iter().map(|class| writes(class.writes)).chain([writes(false)]).collect();
    for group in &model.groups {
        let mut mix = vec![0.0; plan.classes];
        group.mix.iter().for_each(|&(class, share)| mix[class.index()] += share);
        mix[classes.len()] = if group.mix.is_empty() { 1.0 } else { 0.0 };
        plan.mixes.push(mix);
    }
    let differs = |one: &f64, other: &f64| (one - other).abs() > 0.0;
    let first = plan.mixes.first().cloned().unwrap_or_default();
    plan.mixed = plan.mixes.iter().any(|mix| mix.iter().zip(&first).any(|(one, other)| differs(one, other)));
    let of_class =
        |class: usize| model.groups.iter().zip(&plan.mixes).map(|(group, mix)| group.share * mix[class]).sum();
    plan.whole_mix = (0..plan.classes).map(of_class).collect();
}

/// Where requests of the class arrive in the region: at the entry of the routing, or at their own; one that has no pool
/// there is found elsewhere.
pub(super) fn entry(
    model: &Model,
    layout: &mut Layout,
    structure: &mut Structure,
    plan: &LoadPlan,
    class: usize,
    region: RegionId,
) -> Vec<Candidate> {
    let of_routing = model.routing.entry;
    let own = model.traffic.classes.get(class).filter(|_| plan.classes > 1).and_then(|class| class.entry);
    let entry = own.unwrap_or(of_routing);
    let service = &model.services[entry.index()];
    let anywhere = service.failover.is_some() || service.kind == ServiceKind::Dependency || entry != of_routing;
    let reach = if anywhere { Reach::ByTarget } else { Reach::Local };
    let mut found = answering_pools(model, layout, structure, plan, entry, reach, Some(region));
    if service.failover.is_some() && entry == of_routing && model.routing.propagation != Propagation::Instant {
        // users go where they have been told to, in charge or not; else they find whoever is
        found.retain(|candidate| plan.stations[candidate.station as usize].region == Some(region.0));
    }
    found
}
