//! temp
use ninefold::simulation::layout::Layout;
use ninefold::simulation::requests::{RequestPlan, RequestWorld};
use std::path::Path;
fn main() {
    let args: Vec<String> = std::env::args().collect();
    let path = &args[1];
    let trials: u64 = args[2].parse().unwrap();
    let scenario = ninefold::scenario::load(Path::new(path), &|path| std::fs::read(path), &[]).unwrap();
    let model = &scenario.model;
    let layout = Layout::for_requests(model);
    let plan = RequestPlan::new(model, &layout).unwrap();
    let mut world = RequestWorld::new(&layout, &plan);
    let mut events = 0;
    let mut requests = 0;
    for trial in 0..trials {
        let outcome = world.run(1, trial);
        let r = outcome.requests.unwrap();
        events += r.events;
        requests += r.users[0].arrived;
        std::hint::black_box(&r);
    }
    println!("{events} {requests}");
}
