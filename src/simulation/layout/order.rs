//! The order of services by their needs, which form no circle.

use super::named;
use crate::model::Model;
use crate::model::topology::{Need, ServiceId, Term};

/// Services, what is needed before who needs it.
pub fn in_order(model: &Model) -> Vec<ServiceId> {
    let mut waits_for: Vec<Vec<u32>> = Vec::new();
    let mut needed_by: Vec<Vec<u32>> = vec![Vec::new(); model.services.len()];
    for (index, service) in model.services.iter().enumerate() {
        let mut needs = needed_services(model, service.needs.iter().flat_map(Need::terms));
        needs.retain(|&need| need != index as u32);
        for &need in &needs {
            needed_by[need as usize].push(index as u32);
        }
        waits_for.push(needs);
    }
    let mut missing: Vec<usize> = waits_for.iter().map(Vec::len).collect();
    let mut ready: Vec<u32> = (0..missing.len() as u32).filter(|&service| missing[service as usize] == 0).collect();
    let mut order = Vec::with_capacity(missing.len());
    while let Some(service) = ready.pop() {
        order.push(ServiceId(service));
        for &next in &needed_by[service as usize] {
            missing[next as usize] -= 1;
            if missing[next as usize] == 0 {
                ready.push(next);
            }
        }
    }
    assert_eq!(order.len(), model.services.len(), "a valid model has no circle of needs");
    order
}

/// Services, callers before callees.
pub fn callers_first(model: &Model) -> Vec<ServiceId> {
    let mut order = in_order(model);
    order.reverse();
    order
}

/// The services behind terms, each once.
pub fn needed_services(model: &Model, terms: impl Iterator<Item = Term>) -> Vec<u32> {
    let (mut services, mut pools) = (Vec::new(), Vec::new());
    terms.for_each(|term| named(&term, &mut services, &mut pools));
    services.extend(pools.into_iter().map(|pool| model.pools[pool as usize].service.0));
    services.sort_unstable();
    services.dedup();
    services
}
