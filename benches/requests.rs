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
        let users = &outcome.users[0];
        println!(
            "{name}: {} events, {} requests, {} answered, {} failed, calls {:?}, mean {:.3} ms, p99 {:.1} ms",
            outcome.events,
            users.arrived,
            users.full,
            users.failures(),
            outcome.calls.iter().map(|call| (call.attempts, call.retries, call.given_up)).collect::<Vec<_>>(),
            users.latency.sum_ns as f64 / users.full as f64 / 1e6,
            users.latency.histogram.value_at_quantile(0.99) as f64 / 1e6
        );
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
