//! Time of a trial with requests: workload W2, bare and with a breaker and a bulkhead.
//!
//! An event is counted as the workload says: arrival, service start and end, database start and end, timeout, retry.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use ninefold::simulation::layout::Layout;
use ninefold::simulation::requests::{RequestPlan, RequestWorld};

mod models;

fn requests(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("requests");
    group.sample_size(20);
    for (name, guarded) in [("w2", false), ("w2 with breaker and bulkhead", true)] {
        let model = models::w2(guarded);
        let layout = Layout::for_requests(&model);
        let Some(plan) = RequestPlan::new(&model, &layout) else { continue };
        let mut world = RequestWorld::new(&layout, &plan);
        let Some(outcome) = world.run(1, 0).requests else { continue };
        group.throughput(Throughput::Elements(outcome.events));
        let mut trial = 0;
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                trial += 1;
                black_box(world.run(1, trial))
            });
        });
    }
    group.finish();
}

criterion_group!(benches, requests);
criterion_main!(benches);
