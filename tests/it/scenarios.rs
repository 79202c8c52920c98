//! Whole scenarios load into the model that they describe, and no text whatever makes the reader panic.

use ninefold::model::failure::{Instants, Mode, Process, Target};
use ninefold::model::topology::{Need, PoolId, Reach, RegionId, ServiceId, Term};
use ninefold::model::{Model, Start};
use ninefold::scenario::{Diagnostics, Scenario, load, load_law, load_text};
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
    assert_eq!(model.services[0].needs, [Need::hard(Term::Service(ServiceId(1)), Reach::ByTarget)]);
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

#[test]
fn extends_merges_and_false_removes() {
    let base =
        "version = 1\nhorizon = \"2y\"\n[services.app]\nnodes = 2\nneed = 1\nhealth_check = { every = \"7s\" }\n";
    let over = "extends = \"base.toml\"\n[services.app]\nnodes = 3\nhealth_check = false\n[services.db]\n[routing]\nentry = \"app\"\n";
    let read = |path: &Path| match path.to_str() {
        Some("dir/base.toml") => Ok(base.as_bytes().to_vec()),
        _ => Ok(over.as_bytes().to_vec()),
    };
    let model = load(Path::new("dir/over.toml"), &read, &[]).unwrap().model;
    assert_eq!(model.horizon, Span::YEAR * 2);
    assert_eq!((model.pools[0].nodes, model.pools[0].need), (3, 1));
    assert_eq!(model.services[0].health_check, None);
    assert_eq!(model.services.len(), 2);
}

#[test]
fn overrides_reach_every_depth() {
    let scenario = loaded(
        "active-passive.toml",
        &[
            "services.db.failover.success=80%",
            "links.\"us-east <-> us-west\".latency = \"80ms\"",
            "simulation.trials=7",
            "services.api.nodes=8",
            "regions.us-east.zones=[\"a\", \"b\"]",
        ],
    );
    let failover = scenario.model.services[2].failover.as_ref().unwrap();
    assert!((failover.success - 0.8).abs() < 1e-15);
    assert_eq!(scenario.model.links[1].latency.is_fixed(), Some(Span::from_millis(80)));
    assert_eq!(scenario.settings.trials, 7);
    // `like` comes after the overrides, so that both regions have two zones
    assert_eq!(scenario.model.zones.len(), 4);
}

#[test]
fn overrides_make_the_tables_that_are_missing() {
    let scenario =
        loaded("single-node.toml", &["simulation.trials=7", "horizon=5y", "services.app.faults.ages=running"]);
    assert_eq!(scenario.settings.trials, 7);
    assert_eq!(scenario.model.horizon, Span::YEAR * 5);
}

#[test]
fn a_law_is_read_by_itself() {
    let read = |_: &Path| Err(io::ErrorKind::NotFound.into());
    let law = load_law("30s + weibull(shape=2, mean=1h)", &read).unwrap();
    assert_eq!(law.offset(), Span::from_secs(30));
    let problems = load_law("weibull(shape=2, maen=1h)", &read).unwrap_err();
    let place = problems.iter().next().unwrap().place.clone().unwrap();
    assert_eq!((place.line, place.column, place.width), (1, 18, 4));
}

#[test]
fn line_endings_and_byte_order_marks_of_other_systems_are_fine() {
    assert!(parsed("\u{feff}version = 1\r\n[services.app]\r\n").is_ok());
}

#[test]
fn pools_take_what_they_do_not_say_from_their_service() {
    let text = "version = 1\nregions = { a1 = {}, b1 = {} }\n[services.app]\nnodes = 4\nneed = 2\nstandby = \"warm\"\n\
                [services.app.pools]\na1 = {}\nb1 = { nodes = 6, standby = \"cold\" }\n";
    let model = model_of(text);
    assert_eq!((model.pools[0].nodes, model.pools[0].need), (4, 2));
    assert_eq!((model.pools[1].nodes, model.pools[1].need), (6, 2));
    assert!(model.pools[0].standby.running > model.pools[1].standby.running);
    assert_eq!(model.pools[1].standby.wake.is_fixed(), Some(Span::HOUR));
}

#[test]
fn a_dependency_is_one_node_nowhere_that_goes_out() {
    let text = "version = 1\nregions = { a1 = {}, b1 = {} }\n[services.app]\ncalls.mail = {}\n[services.mail]\n\
                kind = \"dependency\"\nfaults = { fails = \"exp(mean=30d)\", repair = \"1h\" }\n";
    let model = model_of(text);
    let pool = model.services[1].pools[0];
    assert_eq!(model.pools[pool.index()].region, None);
    assert_eq!(model.faults[0].mode, Mode::Outage { silent: true });
    assert_eq!(model.faults[0].target, Target::EachNode { pool, zone: None });
}

#[test]
fn several_faults_of_a_service_are_told_apart() {
    let text = "version = 1\n[profiles]\nvm = { fails = \"exp(mean=90d)\", repair = \"1h\" }\n[services.app]\n\
                faults = [\"vm\", { every = \"30d\", for = \"5min\", cause = \"patching\" }, { at = [\"2h\", \"1h\"], for = \"1s\" }]\n";
    let model = model_of(text);
    let causes: Vec<&str> = model.faults.iter().map(|fault| fault.cause.as_str()).collect();
    assert_eq!(causes, ["app: vm", "patching", "app: crash"]);
    assert!(matches!(model.faults[1].process, Process::Calendar { .. }));
}

#[test]
fn targets_of_faults_are_resolved() {
    let fault = |target: &str, more: &str| {
        let text = format!(
            "version = 1\nregions.eu = {{ zones = [\"a\", \"b\"] }}\n[services.app]\nnodes = 2\nneed = 1\n\
             [faults.bomb]\ntarget = \"{target}\"\nat = \"1h\"\nfor = \"1h\"\n{more}"
        );
        model_of(&text).faults[0].clone()
    };
    assert_eq!(fault("eu", "").target, Target::Region(RegionId(0)));
    assert!(matches!(fault("eu/b", "").target, Target::Zone(zone) if zone.index() == 1));
    assert_eq!(fault("app", "").target, Target::EachNode { pool: PoolId(0), zone: None });
    assert_eq!(fault("app", "mode = \"outage\"\n").target, Target::Service(ServiceId(0)));
    assert!(matches!(fault("app@eu/b", "").target, Target::EachNode { zone: Some(zone), .. } if zone.index() == 1));
    assert_eq!(fault("app", "").cause, "bomb");
}

#[test]
fn terms_are_read() {
    let text = "version = 1\nregions = { a1 = {}, b1 = {} }\n[services.app]\n\
                depends_on = [\"any(db, all(mq, mq@a1))\", \"2 of (db, mq, dns)\", \"3 nodes of (db, mq@b1)\"]\n\
                [services.db]\n[services.mq]\n[services.dns]\n";
    let model = model_of(text);
    let needs = &model.services[0].needs;
    assert!(matches!(&needs[0].term, Term::AtLeast { count: 1, of } if of.len() == 2));
    assert!(matches!(&needs[1].term, Term::AtLeast { count: 2, of } if of.len() == 3));
    assert!(matches!(&needs[2].term, Term::Nodes { count: 3, of } if of.len() == 3));
}

#[test]
fn all_faults_of_a_file_come_at_once() {
    let text = "version = 1\nhorizont = \"1y\"\n[services.app]\nnodes = 6\nneed = 7\nfaults = { fails = \"exp(mean=9)\", repair = \"1M\" }\n";
    assert_eq!(codes(text), ["E002", "E301", "E101", "E103"]);
}

#[test]
fn equal_content_has_equal_hash_input() {
    let one = parsed("version = 1\nname = \"n\"\nservices.app = { nodes = 2, need = 1 }\n").unwrap();
    let other = parsed("name = \"n\" # a remark\nversion = 1\n[services.app]\nneed = 1\nnodes = 2\n").unwrap();
    let third = parsed("name = \"n\"\nversion = 1\n[services.app]\nneed = 2\nnodes = 2\n").unwrap();
    assert_eq!(one.hash_input, other.hash_input);
    assert_ne!(one.hash_input, third.hash_input);
}

#[test]
fn the_long_form_means_the_same_as_the_scenario() {
    for name in
        ["single-node.toml", "two-in-parallel.toml", "pair.toml", "active-passive.toml", "w1.toml", "everything.toml"]
    {
        let scenario = loaded(name, &[]);
        let again = parsed(&scenario.explanation.to_string());
        let again =
            again.unwrap_or_else(|problems| panic!("{name}: {}\n{}", problems.render_plain(), scenario.explanation));
        assert_eq!(again.model, scenario.model, "{name}");
        assert_eq!(
            again.explanation.to_string().replace("   # (default)", ""),
            scenario.explanation.to_string().replace("   # (default)", "")
        );
    }
}

/// A cut is silent whatever is written, so its long form has no key for that, with the mode written or not.
#[test]
fn the_long_form_of_a_fault_of_a_link_can_be_read() {
    for mode in ["", "mode = \"partition\", "] {
        let link = format!("{mode}fails = \"exp(mean=20d)\", repair = \"6h\"");
        let text = format!(
            "version = 1\nregions = {{ a = {{}}, b = {{}} }}\nlinks.\"a <-> b\".faults = {{ {link} }}\n[services.s]\n"
        );
        let scenario = parsed(&text).unwrap();
        let again = parsed(&scenario.explanation.to_string());
        let again = again.unwrap_or_else(|problems| panic!("{}\n{}", problems.render_plain(), scenario.explanation));
        assert_eq!(again.model, scenario.model);
    }
}

#[test]
fn hostile_texts_end_in_diagnostics() {
    let deep = format!("version = 1\nx = {}1{}\n", "[".repeat(100_000), "]".repeat(100_000));
    let term =
        format!("version = 1\n[services.app]\ndepends_on = [\"{}app{}\"]\n", "any(".repeat(50_000), ")".repeat(50_000));
    let dotted = format!("version = 1\n{}x = 1\n", "a.".repeat(100_000));
    let regions: String = (0..1_001).map(|index| format!("r{index} = {{}}\n")).collect();
    let many = format!("version = 1\n[regions]\n{regions}[services.app]\n");
    let services: String = (0..2_000).map(|index| format!("s{index} = {{}}\n")).collect();
    let regions: String = (0..1_000).map(|index| format!("r{index} = {{}}\n")).collect();
    let pools = format!("version = 1\n[regions]\n{regions}[services]\n{services}");
    let chain: String =
        (0..9_000).map(|index| format!("s{index} = {{ depends_on = [\"s{}\"] }}\n", (index + 1) % 9_000)).collect();
    let circle = format!("version = 1\n[services]\n{chain}");
    for (text, code) in
        [(deep, "E001"), (term, "E111"), (dotted, "E001"), (many, "E007"), (pools, "E007"), (circle, "E305")]
    {
        assert!(codes(&text).contains(&code), "{code}");
    }
    let big = load_text(Path::new("x"), vec![b'x'; 100 << 20], &|_| Err(io::ErrorKind::NotFound.into()), &[]);
    assert_eq!(big.unwrap_err().iter().next().unwrap().code.name(), "E007");
    let invalid = load_text(Path::new("x"), vec![b'a', 0xff, b'='], &|_| Err(io::ErrorKind::NotFound.into()), &[]);
    assert_eq!(invalid.unwrap_err().iter().next().unwrap().code.name(), "E001");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn random_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..2_000)) {
        let _ = load_text(Path::new("x"), bytes, &|_| Err(io::ErrorKind::NotFound.into()), &[]);
    }

    #[test]
    fn mutated_scenarios_never_panic(
        changes in prop::collection::vec((any::<prop::sample::Index>(), 0_usize..6, "\\PC{0,6}|[0-9a-z\"=(){}\\[\\],.% -]{1,8}"), 1..6),
        overrides in prop::collection::vec("[a-z]{1,9}(\\.[a-z-]{1,9}){0,3}=\\PC{0,9}", 0..3),
    ) {
        let mut text = std::fs::read_to_string(fixture("active-passive.toml")).unwrap();
        for (at, length, insert) in &changes {
            let mut start = at.index(text.len());
            let mut end = (start + length).min(text.len());
            while !text.is_char_boundary(start) { start -= 1; }
            while !text.is_char_boundary(end) { end += 1; }
            text.replace_range(start..end, insert);
        }
        match load_text(Path::new("x"), text.into_bytes(), &|_| Err(io::ErrorKind::NotFound.into()), &overrides) {
            Ok(scenario) => assert!(!scenario.model.services.is_empty()),
            Err(problems) => assert!(problems.has_errors() && !problems.render_plain().is_empty()),
        }
    }
}

#[test]
fn the_scenarios_of_the_manual_load() {
    let manual = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/scenario.md")).unwrap();
    let blocks: Vec<&str> = manual.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    // the others are excerpts
    let blocks: Vec<&str> = blocks.into_iter().filter(|block| block.starts_with("version")).collect();
    assert_eq!(blocks.len(), 2);
    for block in blocks {
        let scenario = parsed(block).unwrap_or_else(|problems| panic!("{}\n{block}", problems.render_plain()));
        assert!(scenario.warnings.is_empty(), "{:?}", scenario.warnings);
    }
}

/// Values that are wrong almost everywhere, and legal at the edge of somewhere.
const NASTY: [&str; 30] = [
    "inf",
    "nan",
    "-1",
    "0",
    "1",
    "9223372036854775807",
    "1e308",
    "true",
    "false",
    "\"\"",
    "\"never\"",
    "[]",
    "{}",
    "\"0s\"",
    "\"500y\"",
    "\"0%\"",
    "\"100%\"",
    "\"0/s\"",
    "\"1ns\"",
    "[\"\"]",
    "[{}]",
    "\"exp(mean=0s)\"",
    "\"pareto(shape=0.5, min=1s)\"",
    "\"uniform(from=0s, to=1ns)\"",
    "{ a = 1 }",
    "\"any()\"",
    "\"web\"",
    "\"eu\"",
    "1979-05-27",
    "\"\\u0000'(\"",
];

/// What everybody who gets a model relies on.
fn check_model(model: &Model) {
    let share: f64 = model.groups.iter().map(|group| group.share).sum();
    assert!((share - 1.0).abs() < 1e-9, "shares sum to {share}");
    assert!(model.groups.iter().all(|group| group.near.index() < model.regions.len()));
    assert!(!model.horizon.is_zero() && (0.0..=1.0).contains(&model.down_below));
    for (index, pool) in model.pools.iter().enumerate() {
        assert!(pool.need >= 1 && pool.need <= pool.nodes);
        assert!(model.services[pool.service.index()].pools.contains(&PoolId(index as u32)));
        assert_eq!(pool.region.is_none(), pool.zones.is_empty());
        assert!(pool.zones.iter().all(|zone| Some(model.zones[zone.index()].region) == pool.region));
    }
    for region in &model.regions {
        assert!(!region.zones.is_empty());
    }
    for service in &model.services {
        if let Some(failover) = &service.failover {
            assert!(!failover.order.is_empty() && failover.order.iter().all(|pool| service.pools.contains(pool)));
            assert!(failover.manual.is_some() || (failover.success >= 1.0 && failover.needs.is_empty()));
        }
    }
    for fault in &model.faults {
        assert!(!fault.cause.is_empty());
        match &fault.process {
            Process::Random { fails, .. } => assert!(fails.mean_s() > 0.0),
            Process::Calendar { at: Instants::Every { every, .. }, .. } => assert!(!every.is_zero()),
            Process::Calendar { at: Instants::At(instants), .. } => {
                assert!(instants.is_sorted() && !instants.is_empty());
            }
        }
    }
}

/// The first line in which two models differ, printed in full.
fn first_difference(one: &Model, other: &Model) -> Option<(String, String)> {
    let (one, other) = (format!("{one:#?}"), format!("{other:#?}"));
    let lines = one.lines().zip(other.lines());
    let first = lines.filter(|(a, b)| a != b).map(|(a, b)| (a.to_owned(), b.to_owned())).next();
    first.or_else(|| (one.len() != other.len()).then_some((one, other)))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn nasty_values_give_a_diagnostic_or_a_sound_model(
        changes in prop::collection::vec((any::<prop::sample::Index>(), prop::sample::select(NASTY.to_vec())), 1..4),
    ) {
        let text = std::fs::read_to_string(fixture("everything.toml")).unwrap();
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        let assigned: Vec<usize> = (0..lines.len()).filter(|at| lines[*at].contains(" = ")).collect();
        for (index, value) in &changes {
            let line = &mut lines[assigned[index.index(assigned.len())]];
            let places: Vec<usize> = line.match_indices(" = ").map(|(at, _)| at + 3).collect();
            let at = places[index.index(places.len())];
            let end = line[at..].find([',', '}']).filter(|_| places.len() > 1).map_or(line.len(), |end| at + end);
            line.replace_range(at..end, value);
        }
        match parsed(&lines.join("\n")) {
            Ok(scenario) => {
                check_model(&scenario.model);
                let again = parsed(&scenario.explanation.to_string());
                let again = again.unwrap_or_else(|problems| panic!("{}\n{changes:?}", problems.render_plain()));
                assert_eq!(first_difference(&again.model, &scenario.model), None, "{changes:?}");
            }
            Err(problems) => assert!(problems.has_errors()),
        }
    }
}
