//! Pools that follow what requests bring, against histories worked out by hand.

use crate::lab::{self, model};
use crate::request_lab::{HEAD, counts, plan_full};
use ninefold::simulation::Compiled;
use ninefold::simulation::trace::TraceEvent;
use ninefold::time::{Span, Time};

/// A pool without a queue under one request a second, as regular as a clock.
fn pool(keys: &str, users: &str) -> String {
    format!(
        "{HEAD}horizon = \"10min\"\n[services.app]\nneed = 1\n{keys}\n[users.folk]\narrivals = \"regular\"\n{users}\n"
    )
}

/// When the pool changed, and from how many nodes to how many.
fn changes(compiled: &Compiled) -> Vec<(Time, u32, u32)> {
    let (_, lines) = compiled.simulator().run_traced(1, 0);
    let scaled = lines.iter().filter_map(|line| match line.event {
        TraceEvent::Scaled { from, to, .. } => Some((line.at, from, to)),
        _ => None,
    });
    scaled.collect()
}

fn at(secs: u64) -> Time {
    Time::ZERO + Span::from_secs(secs)
}

/// Work of 2.5 s and one slot: of three requests a second apart a node takes one, so that five sixths of its time it is
/// busy. Looks want ceil(0.83 / 0.3) = 3 nodes, at most twice as many as there are: that of 60 s begins a second, that of
/// 120 s a third, each serving 90 s later. With three everybody is answered, each node taking every third request.
const SLOW: &str = "slots = 1\nqueue = 0\nservice_time = \"2.5s\"";

#[test]
fn a_pool_that_is_too_small_refuses_until_the_nodes_of_its_looks_have_booted() {
    let scale = "autoscale = { min = 1, max = 3, target = \"30%\", boot = \"90s\", cooldown = \"0s\" }";
    let text = pool(&format!("{SLOW}\n{scale}"), "rate = \"1/s\"");
    assert_eq!(changes(&Compiled::full(&model(&text))), [(at(60), 1, 2), (at(120), 2, 3)]);
    let counts = counts(&text);
    // the first comes after a second
    let (came, answered) = counts.seconds(0, 150);
    assert!(came == 149 && (49..=51).contains(&answered), "{answered} of {came} before");
    // the round may begin at the node that is still at work
    let (came, answered) = counts.seconds(216, 590);
    assert_eq!((came, answered), (374, 374), "nobody is refused any more");
}

#[test]
fn a_cooldown_holds_the_next_step_back() {
    let scale =
        "autoscale = { min = 1, max = 3, target = \"30%\", boot = \"0s\", step = \"50%\", cooldown = \"150s\" }";
    let text = pool(&format!("{SLOW}\n{scale}"), "rate = \"1/s\"");
    // half of one node is one, half of two as well; the looks at 120 s and 180 s are too soon
    assert_eq!(changes(&Compiled::full(&model(&text))), [(at(60), 1, 2), (at(240), 2, 3)]);
}

#[test]
fn nodes_that_are_scaled_away_finish_what_they_have_and_are_missed_by_nobody() {
    let keys = "nodes = 5\nslots = 10\nservice_time = \"45s\"\nhealth_check = {}\nautoscale = { min = 1, max = 8 }";
    let text = pool(keys, "rate = \"0.1/s\"");
    // 4.5 slots in use at most, and fewer in the first minute: one node is enough, which five nodes have shared
    assert_eq!(changes(&Compiled::full(&model(&text))), [(at(60), 5, 1)]);
    let counts = counts(&text);
    assert_eq!(
        counts.user("folk").failed.iter().sum::<u64>(),
        0,
        "no work is lost, nobody is sent to a node that is off"
    );
    let (came, answered) = counts.seconds(0, 550);
    assert_eq!(came, answered);
}

#[test]
fn requests_and_the_fluid_scale_alike() {
    let keys = "capacity = \"10/s\"\nautoscale = { min = 1, max = 9, cooldown = \"2min\" }";
    let text = pool(keys, "rate = \"35/s\"");
    let full = changes(&Compiled::full(&model(&text)));
    let fluid = changes(&Compiled::structure(&model(&text.replace("simulation.fidelity = \"full\"\n", ""))));
    // 35 / 6 is six nodes, in steps of all that there are
    assert_eq!(full, [(at(60), 1, 2), (at(180), 2, 4), (at(300), 4, 6)]);
    assert_eq!(full, fluid);
}

#[test]
fn a_pool_that_scales_is_the_same_at_any_number_of_threads() {
    let scale = "autoscale = { min = 1, max = 3, target = \"30%\" }\nfaults = { fails = \"exp(mean=3min)\", repair = \"1min\" }";
    let model = model(&pool(&format!("{SLOW}\n{scale}"), "rate = \"1/s\""));
    let of = |jobs| format!("{:?}", lab::run(&model, &ninefold::experiment::Plan { jobs, ..plan_full(8, 1) }).rows);
    assert_eq!(of(1), of(2));
}

/// Sixteen slots a node, all taken from the burst at 5 min on: looks ask for ceil(3 / 0.6) = 5 nodes, and for
/// ceil(5 / 0.6) = 9 at the first one, 3 min 30 s later, that has found those five full for its whole length.
#[test]
fn a_scaler_that_sees_full_slots_only_pays_its_lag_once_per_step() {
    let of = |name: &str| changes(&Compiled::full(&lab::shipped(name, &[])));
    let in_the_burst = |all: Vec<(Time, u32, u32)>| -> Vec<(Time, u32, u32)> {
        all.into_iter().filter(|&(when, ..)| when >= at(300) && when < at(700)).collect()
    };
    assert_eq!(in_the_burst(of("autoscale-lag")), [(at(330), 3, 5), (at(540), 5, 9)]);
    // four fifths of the slots in use want a third more nodes at most, where five times as many are needed
    let shed = in_the_burst(of("autoscale-lag-shedding"));
    assert!(!shed.is_empty() && shed.iter().all(|&(_, from, to)| to == from + 1), "{shed:?}");
}

#[test]
fn with_nodes_that_break_requests_and_the_fluid_scale_alike() {
    let keys = "capacity = \"10/s\"\nhealth_check = {}\nautoscale = { min = 1, max = 9, cooldown = \"2min\" }\n\
                faults = { fails = \"exp(mean=20min)\", repair = \"exp(mean=5min)\" }";
    let text = pool(keys, "rate = \"35/s\"").replace("\"10min\"", "\"3h\"");
    let full = changes(&Compiled::full(&model(&text)));
    let fluid = changes(&Compiled::structure(&model(&text.replace("simulation.fidelity = \"full\"\n", ""))));
    // broken nodes are replaced, mended ones are too many: the same faults at the same instants
    assert!(full.len() > 20, "{full:?}");
    assert_eq!(full, fluid);
}

/// Work of 1 s with 1.5 s of patience, at a node as old as `age` that is warm after 300 s: done in time where
/// (age + 0.75) / 300 x 1.5 >= 1, from an age of 199 s on. The second node serves from 120 s and takes every other request.
#[test]
fn a_node_that_was_booted_warms_up() {
    let keys = "slots = 20\nservice_time = \"1s\"\nwarm_up = { for = \"300s\" }\n\
                autoscale = { min = 1, max = 2, target = \"3%\", boot = \"60s\" }";
    let text = pool(keys, "rate = \"1/s\"\ntimeout = \"1500ms\"");
    assert_eq!(changes(&Compiled::full(&model(&text))), [(at(60), 1, 2)]);
    let counts = counts(&text);
    let (came, answered) = counts.seconds(0, 115);
    assert_eq!(came, answered, "the first node was warm");
    let (came, answered) = counts.seconds(125, 315);
    assert!((94..=96).contains(&answered), "{answered} of {came} while the second is cold");
    let (came, answered) = counts.seconds(325, 590);
    assert_eq!(came, answered, "both are warm");
}

/// Two nodes that are warm; from 60 s on a request comes every 2.5 s, the look at 70 s wants one node only, that of 100 s two
/// again, and the second, which serves 10 s later, starts anew with the minute of work that came to it at 65 s in hand. Of
/// that 15 s are left, and then nobody comes: t with 0.2 t + 0.8 t^2 / 600 = 15.
#[test]
fn a_node_that_is_back_before_its_work_is_done_goes_on_with_it_cold() {
    let keys = "nodes = 2\nservice_time = \"60s\"\ncapacity = \"2/s\"\nwarm_up = { for = \"300s\", from = \"20%\" }\n\
                autoscale = { min = 1, max = 2, target = \"30%\", every = \"10s\", boot = \"10s\", cooldown = \"0s\" }";
    let bursts =
        "bursts = [{ at = \"60s\", for = \"30s\", factor = 0.4 }, { at = \"109s\", for = \"1h\", factor = 0 }]";
    let text = pool(keys, &format!("rate = \"1/s\"\n{bursts}"));
    assert_eq!(changes(&Compiled::full(&model(&text)))[..2], [(at(70), 2, 1), (at(100), 1, 2)]);
    let longest = counts(&text).user("folk").latency.max.as_secs_f64();
    let expected = 45.0 + 375.0 * ((0.04_f64 + 4.0 * 0.8 / 600.0 * 15.0).sqrt() - 0.2);
    assert!((longest - expected).abs() < 1e-6, "{longest} s, not {expected} s");
}
