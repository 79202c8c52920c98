//! The models of the benchmarks: the workloads W1, W2 and W3 as they stand in scenarios/, and one of everything.

use ninefold::model::Model;
use ninefold::scenario;
use ninefold::time::Span;
use std::path::Path;

fn read(name: &str, overrides: &[String]) -> Model {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    let scenario = scenario::load(&path, &|path| std::fs::read(path), overrides);
    scenario.unwrap_or_else(|problems| panic!("{}", problems.render_plain())).model
}

/// Availability of two regions of eight independent parts, 10 years of 8760 h.
#[allow(dead_code)]
pub fn w1() -> Model {
    read("scenarios/w1.toml", &[])
}

/// An hour of requests; `guarded`: with a breaker and a bulkhead of the clients too.
#[allow(dead_code)]
pub fn w2(guarded: bool) -> Model {
    let guards = ["users.clients.breaker={failure_rate='50%'}", "users.clients.bulkhead={concurrent=64}"];
    let overrides: Vec<String> = guards.iter().filter(|_| guarded).map(|guard| (*guard).to_owned()).collect();
    read("scenarios/w2.toml", &overrides)
}

/// `parts` independent parts alike, long enough for `events` expected events.
#[allow(dead_code)]
pub fn w3(parts: u32, events: f64) -> Model {
    let mut model = read("scenarios/w3.toml", &[format!("services.part.nodes={parts}")]);
    let hours = events * 1_010.0 / (2.0 * f64::from(parts));
    model.horizon = Span::from_secs_f64(hours * 3_600.0);
    model
}

/// Some 200 parts in three regions with most mechanisms.
#[allow(dead_code)]
pub fn two_hundred_parts() -> Model {
    read("benches/two-hundred-parts.toml", &[])
}
