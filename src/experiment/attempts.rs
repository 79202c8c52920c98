//! Where attempts go: to the entry and to what fails over, by region.

use crate::model::Model;
use crate::results::requests::Attempts;
use crate::simulation::requests::RequestPlan;

/// Attempts at the entry and at services that fail over, the entry first; `rates` are those of a pool, bucket by bucket.
pub fn attempts(model: &Model, plan: &RequestPlan, rates: impl Fn(usize) -> Vec<f64>) -> Vec<Attempts> {
    let entry = model.routing.entry.index();
    let fails_over = |&service: &usize| service != entry && plan.services[service].process.is_some();
    let region = |&pool: &u32| {
        let region = plan.pools[pool as usize].region?;
        Some((model.regions[region as usize].name.clone(), rates(pool as usize)))
    };
    let of_service = |service: usize| Attempts {
        service: plan.services[service].name.clone(),
        regions: plan.services[service].pools.iter().filter_map(region).collect(),
    };
    let services = std::iter::once(entry).chain((0..plan.services.len()).filter(fails_over));
    services.map(of_service).filter(|attempts| !attempts.regions.is_empty()).collect()
}
