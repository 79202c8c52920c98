//! One trial of W1, of W3 and of a model with most mechanisms, per event: `cargo bench --bench trial`.

mod models;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use ninefold::simulation::World;
use ninefold::simulation::layout::Layout;
use std::hint::black_box;

fn trials(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("trial");
    let cases = [
        ("w1", models::w1()),
        ("w3/10", models::w3(10, 1e6)),
        ("w3/1000", models::w3(1_000, 1e6)),
        ("w3/100000", models::w3(100_000, 1e6)),
        ("two hundred parts", models::two_hundred_parts()),
    ];
    for (name, model) in cases {
        let layout = Layout::new(&model);
        let mut world = World::new(&layout);
        let mut trial = 0;
        let events = world.run(1, 0).events;
        group.throughput(Throughput::Elements(events));
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                trial += 1;
                black_box(world.run(1, trial).events)
            });
        });
    }
    group.finish();
}

criterion_group!(benches, trials);
criterion_main!(benches);
