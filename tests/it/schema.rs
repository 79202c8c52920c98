//! `ninefold schema` and `ninefold check` agree: what the one accepts the other does, and what is plainly wrong both refuse.
//!
//! That the schema holds every key of the reader is tested beside it, in src/scenario/schema.

use crate::shell::root;
use jsonschema::Validator;
use ninefold::scenario::{json_schema, load};
use serde_json::Value as Json;
use std::path::{Path, PathBuf};

fn validator() -> Validator {
    let schema: Json = serde_json::from_str(&json_schema()).expect("the schema is JSON");
    jsonschema::meta::validate(&schema).expect("the schema is one of draft 2020-12");
    jsonschema::validator_for(&schema).expect("the schema is one")
}

/// A scenario as an editor sees it.
fn json(text: &str) -> Json {
    let table: toml::Table = text.parse().unwrap_or_else(|error| panic!("{error}\n{text}"));
    serde_json::to_value(table).expect("TOML is JSON, but for infinity")
}

fn complaints(validator: &Validator, scenario: &Json) -> Vec<String> {
    validator.iter_errors(scenario).map(|error| format!("{}: {error}", error.instance_path())).collect()
}

/// The scenarios of a folder, by name.
fn scenarios(folder: &str) -> Vec<(PathBuf, String)> {
    let files = std::fs::read_dir(root().join(folder)).expect("a folder").flatten().map(|file| file.path());
    let mut files: Vec<PathBuf> = files.filter(|path| path.extension().is_some_and(|end| end == "toml")).collect();
    files.sort();
    let text = |path: &PathBuf| std::fs::read_to_string(path).unwrap_or_default();
    files.into_iter().map(|path| (path.clone(), text(&path))).collect()
}

fn shipped() -> impl Iterator<Item = (PathBuf, String)> {
    ["scenarios", "scenarios/disaster-recovery"].into_iter().flat_map(scenarios)
}

/// What the clock of requests feels, and pools that change.
const EVERY_REQUEST: &str = r#"
version = 1
simulation.fidelity = "full"
[regions.east]
[services.web]
nodes = 3
need = 1
capacity = "100/s"
slots = "unlimited"
queue = 20
queue_order = "adaptive-lifo"
codel.target = "5ms"
service_time = "exp(mean=5ms)"
warm_up = { for = "10min", from = "20%" }
health_check.through_queue = true
liveness.restart = "30s"
deep_check.cost = "1ms"
shedding.sheddable = "50%"
concurrency_limit = "gradient2(initial=20, max=200)"
[services.web.calls.db]
only = ["read"]
timeout = "50ms"
retry = { attempts = 3, on = ["timeout"], backoff = "linear(base=10ms, jitter=equal)", budget = "ratio(share=20%)" }
breaker = { consecutive = 5, window = "10s", per = "node" }
hedge.after = "p95"
fallback = [{ tier = "cache", hit = "90%", max_age = "1h" }]
[services.db]
kind = "database"
faults = { mode = "disk-full", fails = "exp(mean=90d)", repair = "1h", check_fails = "50%" }
[requests.read]
priority = "sheddable"
deadline = "1s"
[requests.write]
writes = true
[requests.write.saga]
steps = ["web", "db"]
pivot = "db"
undo.attempts = 5
[users.shoppers]
rate = "50/s"
shape = "diurnal(swing=60%, peak=14h)"
bursts = [{ at = "1h", for = "5min", factor = 3 }]
requests = { read = "90%", write = "10%" }
[users.robots]
near = "east"
closed = { clients = 10, think = "1s" }
requests = { read = "100%" }
fallback = [{ tier = "sorry" }]
[costs]
downtime_hour = 1000
node_hour.web = 0.1
region_hour.east = 2
"#;

#[test]
fn a_scenario_of_requests_is_one_by_the_schema() {
    let validator = validator();
    let read = |_: &Path| Ok(EVERY_REQUEST.as_bytes().to_vec());
    let scenario = load(Path::new("requests.toml"), &read, &[]).map_err(|problems| problems.render_plain());
    let long = scenario.map_or_else(|problems| panic!("{problems}"), |scenario| scenario.explanation.to_string());
    for text in [EVERY_REQUEST, &long] {
        assert_eq!(complaints(&validator, &json(text)), Vec::<String>::new());
    }
    with_one_key_more(&json(EVERY_REQUEST), &mut |place, changed| {
        assert!(!validator.is_valid(&changed), "{place} takes `no_key`");
    });
}

#[test]
fn every_shipped_scenario_is_one_by_the_schema_as_written_and_in_its_long_form() {
    let validator = validator();
    let mut wrong = Vec::new();
    for (path, text) in shipped() {
        let read = |path: &Path| std::fs::read(path);
        let scenario = load(&path, &read, &[]).map_err(|problems| problems.render_plain()).expect("a scenario");
        for text in [text, scenario.explanation.to_string()] {
            wrong.extend(complaints(&validator, &json(&text)).iter().map(|why| format!("{} {why}", path.display())));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_check_only_warns_of_is_a_scenario_by_the_schema() {
    let validator = validator();
    for (path, text) in scenarios("tests/bad") {
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        if name.starts_with('W') {
            let wrong = complaints(&validator, &json(&text));
            assert!(wrong.is_empty(), "{name}\n{}", wrong.join("\n"));
        }
    }
}

/// Unknown keys, wrong types, numbers without unit, unknown units, laws and words.
#[test]
fn the_schema_refuses_what_is_plainly_wrong() {
    let validator = validator();
    for code in ["E002", "E003", "E101", "E102", "E103", "E105", "E106", "E109", "E112"] {
        let text = std::fs::read_to_string(root().join(format!("tests/bad/{code}.toml"))).expect("a broken scenario");
        assert!(!validator.is_valid(&json(&text)), "{code} is accepted");
    }
}

/// Puts a key that does not exist into each table in turn.
fn with_one_key_more(value: &Json, found: &mut dyn FnMut(&str, Json)) {
    match value {
        Json::Object(table) => {
            let mut more = table.clone();
            more.insert("no_key".to_owned(), Json::from(vec![0]));
            found("", Json::Object(more));
            for (key, inner) in table {
                with_one_key_more(inner, &mut |path, changed| {
                    let mut outer = table.clone();
                    outer.insert(key.clone(), changed);
                    found(&format!(".{key}{path}"), Json::Object(outer));
                });
            }
        }
        Json::Array(items) => {
            for (index, inner) in items.iter().enumerate() {
                with_one_key_more(inner, &mut |path, changed| {
                    let mut outer = items.clone();
                    outer[index] = changed;
                    found(&format!(".{index}{path}"), Json::Array(outer));
                });
            }
        }
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => {}
    }
}

#[test]
fn no_table_of_a_shipped_scenario_takes_a_key_that_does_not_exist() {
    let validator = validator();
    let mut count = 0;
    for (path, text) in shipped() {
        with_one_key_more(&json(&text), &mut |place, changed| {
            count += 1;
            assert!(!validator.is_valid(&changed), "{}: {place} takes `no_key`", path.display());
        });
    }
    assert!(count > 200, "{count}");
}

#[test]
fn a_file_that_extends_another_may_leave_out_and_take_away() {
    let validator = validator();
    let layer = "extends = \"base.toml\"\nusers.far = false\n[services.db]\nfailover.order = [\"eu\"]\n\
                 health_check = false\ncalls = { api.retry = { backoff = \"none\" }, cache = false }\npools.us = false";
    assert_eq!(complaints(&validator, &json(layer)), Vec::<String>::new());
    assert!(!validator.is_valid(&json("services.db = {}")), "no version and nothing extended");
}

/// `inf` is no JSON: what turns TOML into it writes null.
#[test]
fn a_hang_may_be_written() {
    let hang =
        "version = 1\nfaults.x = { mode = \"slow\", target = \"db\", factor = inf, at = \"1h\", for = \"1min\" }";
    assert_eq!(complaints(&validator(), &json(hang)), Vec::<String>::new());
}
