//! A request allocates nothing once the arenas have grown; counted by an allocator, so in a binary of its own.

use allocation_counter::measure;
use ninefold::simulation::layout::Layout;
use ninefold::simulation::requests::{RequestPlan, RequestWorld};
use ninefold::time::Span;

#[path = "../benches/models.rs"]
mod models;

/// Allocations and requests of a trial of so many minutes, in a world that has run it before.
fn count(guarded: bool, minutes: u64) -> (u64, u64) {
    let mut model = models::w2(guarded);
    model.horizon = Span::MINUTE * minutes;
    let layout = Layout::for_requests(&model);
    let plan = RequestPlan::new(&model, &layout).expect("the model has traffic");
    let mut world = RequestWorld::new(&layout, &plan);
    world.run(1, 0);
    let mut requests = 0;
    let info = measure(|| requests = world.run(1, 0).requests.map_or(0, |outcome| outcome.users[0].arrived));
    (info.count_total, requests)
}

/// A trial allocates when it begins and when it hands over its counts, whatever its length, and its nodes' queues grow
/// to their longest: a few doublings. The second half of an hour has 180 000 requests and may add two of these.
#[test]
fn a_request_allocates_nothing_under_timeouts_and_retries_or_breakers_and_bulkheads() {
    for guarded in [false, true] {
        let (half, few) = count(guarded, 30);
        let (whole, many) = count(guarded, 60);
        assert!(many - few > 170_000, "{few} and {many} requests");
        assert!(whole.saturating_sub(half) <= 2, "{half} allocations in half an hour, {whole} in an hour");
    }
}
