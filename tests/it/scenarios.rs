//! Whole scenarios load into the model that they describe, and no text whatever makes the reader panic.

use ninefold::model::failure::{Mode, Process, Target};
use ninefold::model::topology::{Need, PoolId, Reach, RegionId, ServiceId, Term};
use ninefold::model::{Model, Start};
use ninefold::scenario::{Diagnostics, Scenario, load, load_text};
use ninefold::time::Span;
use proptest::prelude::{ProptestConfig, any, prop, proptest};
use std::io;
use std::path::{Path, PathBuf};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios").join(name)
}

fn read_file(path: &Path) -> io::Result<Vec<u8>> {
    std::fs::read(path)
}

fn loaded(name: &str, overrides: &[&str]) -> Scenario {
    let overrides: Vec<String> = overrides.iter().map(|text| (*text).to_owned()).collect();
    load(&fixture(name), &read_file, &overrides).unwrap_or_else(|problems| panic!("{}", problems.render_plain()))
}

fn model_of(text: &str) -> Model {
    parsed(text).unwrap_or_else(|problems| panic!("{}", problems.render_plain())).model
}

fn parsed(text: &str) -> Result<Scenario, Diagnostics> {
    load_text(Path::new("x.toml"), text.as_bytes().to_vec(), &|_| Err(io::ErrorKind::NotFound.into()), &[])
}

fn codes(text: &str) -> Vec<&'static str> {
    let problems = parsed(text).expect_err("the scenario is broken");
    problems.iter().map(|problem| problem.code.name()).collect()
}

#[test]
fn a_single_node_needs_three_lines() {
    let model = loaded("single-node.toml", &[]).model;
    assert_eq!(model.name, "single-node");
    assert_eq!(model.horizon, Span::YEAR);
    assert_eq!(model.start, Start::Up);
    assert_eq!(model.regions[0].name, "here");
    assert_eq!(model.groups[0].name, "everyone");
    assert_eq!(model.faults[0].cause, "app");
    assert_eq!(model.faults[0].mode, Mode::Crash { silent: false });
    assert_eq!(model.faults[0].target, Target::EachNode { pool: PoolId(0), zone: None });
}

#[test]
fn a_stationary_start_warms_up_for_twenty_repairs() {
    let model = loaded("two-in-parallel.toml", &[]).model;
    assert_eq!(model.start, Start::Stationary { warm_up: Span::HOUR * 20 });
    assert_eq!(model.objectives.len(), 1);
    assert_eq!((model.pools[0].nodes, model.pools[0].need), (2, 1));
}

#[test]
fn failover_of_a_pair_is_read_in_full() {
    let model = loaded("pair.toml", &[]).model;
    let failover = model.services[0].failover.as_ref().unwrap();
    assert_eq!(failover.order, [PoolId(0), PoolId(1)]);
    assert!((failover.success - 0.95).abs() < 1e-15);
    assert_eq!(failover.promote.is_fixed(), Some(Span::MINUTE));
    assert!((model.pools[1].standby.ageing).abs() < 1e-15);
}

#[test]
fn two_regions_with_everything_that_is_built() {
    let scenario = loaded("active-passive.toml", &[]);
    let model = &scenario.model;
    assert_eq!(model.zones.len(), 6);
    assert_eq!(model.pools.len(), 6);
    assert_eq!(model.services[0].needs, [Need { term: Term::Service(ServiceId(1)), reach: Reach::ByTarget }]);
    assert_eq!(model.routing.entry, ServiceId(0));
    let causes: Vec<&str> = model.faults.iter().map(|fault| fault.cause.as_str()).collect();
    assert!(causes.contains(&"us-west outage") && causes.contains(&"us-west/b outage") && causes.contains(&"db"));
    assert_eq!(model.groups[0].near, RegionId(0));
    assert_eq!(scenario.notes.len(), 1, "{:?}", scenario.notes);
}

#[test]
fn the_workloads_load() {
    let model = loaded("w1.toml", &[]).model;
    assert_eq!(model.pools.iter().map(|pool| pool.nodes).sum::<u32>(), 14);
    assert_eq!(model.routing.entry, ServiceId(0));
    let model = loaded("w3.toml", &["services.fleet.nodes=100000"]).model;
    assert_eq!(model.pools[0].nodes, 100_000);
}
