//! Pools that change against histories worked out by hand: nodes that warm up, numbers of nodes that follow the load.

use crate::lab::history;
use ninefold::results::raw::Stage;
use ninefold::simulation::World;
use ninefold::simulation::layout::Layout;
use ninefold::simulation::trace::TraceEvent;
use ninefold::time::{Span, Time};

const HOUR: f64 = 3_600.0;

/// Two nodes of which one is out for an hour, under a load that needs both.
fn pair(keys: &str, fault: &str) -> String {
    format!(
        "version = 1\nhorizon = \"10h\"\n[services.app]\nnodes = 2\ncapacity = \"50/s\"\n{keys}\n[faults.f]\n{fault}\n\
         [users.everybody]\nrate = \"100/s\"\n"
    )
}

const ONE_NODE: &str = "target = \"1 of app\"\nat = \"1h\"\nfor = \"1h\"";
const THE_REGION: &str = "target = \"here\"\nat = \"1h\"\nfor = \"1h\"";

#[test]
fn a_mended_node_carries_more_and_more() {
    let text = pair("warm_up = { for = \"10min\" }", ONE_NODE);
    // half the demand for an hour, then a quarter of it in the mean for ten minutes; 90 % are reached after eight
    history(&text).expect_near("system", 120.0, HOUR + 480.0, 0.5 * HOUR + 150.0, 1e-6);
    let from_half = pair("warm_up = { for = \"10min\", from = \"50%\" }", ONE_NODE);
    history(&from_half).expect_near("system", 240.0, HOUR + 360.0, 0.5 * HOUR + 75.0, 1e-6);
}

#[test]
fn all_nodes_of_a_place_are_cold_when_it_returns_and_the_rest_is_warming() {
    let text = pair("warm_up = { for = \"10min\" }", THE_REGION);
    let history = history(&text);
    history.expect_near("system", 60.0, HOUR + 540.0, HOUR + 300.0, 1e-6);
    let outage = history.outcome.outages.iter().find(|outage| outage.subject == 0).expect("an outage");
    // the level reaches 90 % at the nanosecond after
    assert_eq!(outage.stages[Stage::Warming as usize], Span::from_secs(540) + Span::from_nanos(1));
    assert_eq!(outage.stages[Stage::Repairing as usize], Span::from_secs(3_600));
}

/// A third node in the pool: what is missing falls to zero before the nodes are warm.
#[test]
fn the_kink_where_cold_nodes_suffice_is_met() {
    let text = pair("warm_up = { for = \"10min\", from = \"20%\" }", THE_REGION).replace("nodes = 2", "nodes = 3");
    // 0.3 + 0.002 t of the demand, which is all of it after 350 s
    history(&text).expect_near("system", 50.0, HOUR + 300.0, HOUR + 122.5, 2e-3);
}

#[test]
fn a_node_that_breaks_while_it_warms_up_starts_anew() {
    let text = "version = 1\nhorizon = \"10h\"\n[services.app]\ncapacity = \"100/s\"\nwarm_up = { for = \"10min\" }\n\
                faults = { at = [\"1h\", \"125min\"], for = \"1h\" }\n[users.everybody]\nrate = \"100/s\"\n";
    // back at 2 h, half warm when it goes again at 125 min, back at 185 min and warm ten minutes later
    history(text).expect_loss("system", HOUR + 300.0 * 0.75 + HOUR + 300.0, 1e-6);
}

/// Slow by a factor of four from its return on, for twenty minutes: a weak node that is cold carries its part of its part.
#[test]
fn a_weak_node_that_is_cold_carries_a_part_of_what_it_could() {
    let slow = "[faults.g]\nmode = \"slow\"\nfactor = 4\nat = \"2h\"\nfor = \"20min\"";
    let alone = pair("warm_up = { for = \"10min\" }", &format!("{THE_REGION}\n{slow}\ntarget = \"app\""));
    // an eighth in the mean while it warms up, a quarter after that
    history(&alone).expect_loss("system", HOUR + 600.0 * 0.875 + 600.0 * 0.75, 1e-6);
    let beside = pair("warm_up = { for = \"10min\" }", &format!("{THE_REGION}\n{slow}\ntarget = \"1 of app\""));
    // 62.5 % of the demand, half of that in the mean while both warm up
    history(&beside).expect_loss("system", HOUR + 600.0 * (1.0 - 0.625 / 2.0) + 600.0 * 0.375, 1e-6);
}

#[test]
fn a_partition_that_heals_leaves_its_nodes_warm() {
    let text = "version = 1\nhorizon = \"10h\"\n[regions.here]\nzones = [\"a\", \"b\"]\n[services.app]\nnodes = 2\n\
                capacity = \"50/s\"\nwarm_up = { for = \"10min\" }\n[faults.f]\ntarget = \"here/a\"\nmode = \"partition\"\n\
                at = \"1h\"\nfor = \"1h\"\n[users.everybody]\nrate = \"100/s\"\n";
    history(text).expect("system", 0.0, HOUR, 0.5 * HOUR);
}

/// A hang holds work and lets go of it; nothing starts. One that falls into a warm-up leaves of that what is left by then; one
/// that a crash ends, or in which the place comes back, does not keep a node from being cold.
#[test]
fn a_node_that_hangs_goes_on_as_warm_as_it_was() {
    let hang = |at: &str, lasts: &str| {
        format!("[faults.g]\ntarget = \"1 of app\"\nmode = \"slow\"\nfactor = inf\nat = \"{at}\"\nfor = \"{lasts}\"\n")
    };
    let lost = |fault: &str, expected: f64| {
        let text = pair("warm_up = { for = \"10min\" }", fault);
        history(&text).expect_loss("system", expected, 1e-6);
    };
    let hangs = format!("{ONE_NODE}\nmode = \"slow\"\nfactor = inf");
    lost(&hangs, 0.5 * HOUR);
    // both are back at 2 h, half warm when one hangs at 125 min, and warm but for that one at 130 min, which hangs to 135 min
    let region = |hang: &str| format!("{THE_REGION}\n{hang}");
    lost(&region(&hang("125min", "10min")), HOUR + 300.0 * 0.75 + 300.0 * (0.5 + 0.5 * 0.25) + 300.0 * 0.5);
    // the same, until 127 min: the one that goes on is as warm as the other
    let others = 120.0 * (0.5 + 0.5 * 0.4) + 180.0 * 0.15;
    lost(&region(&hang("125min", "2min")), HOUR + 300.0 * 0.75 + others);
    // it hangs from before the region comes back until four minutes after, with six more to go
    let late = 240.0 * (0.5 + 0.5 * 0.8) + 360.0 * 0.3;
    lost(&region(&hang("90min", "34min")), HOUR + late);
    // a crash of the nodes from 62 to 90 min ends the hang of one, which is down until 120 min and then cold
    let keys = "warm_up = { for = \"10min\" }\nfaults = { at = \"62min\", for = \"28min\" }";
    let crashed = history(&pair(keys, &hangs));
    crashed.expect_loss("system", 120.0 * 0.5 + 1_680.0 + 1_800.0 * 0.5 + 2.0 * 600.0 * 0.5 * 0.5, 1e-6);
}

#[test]
fn standbys_that_were_stopped_warm_up_after_they_wake() {
    let text = "version = 1\nhorizon = \"10h\"\nregions = { east = {}, west = {} }\n[services.app]\nnodes = 2\n\
                capacity = \"50/s\"\nwarm_up = { for = \"10min\" }\nstandby = { running = \"0%\", ageing = 0, wake = \"5min\" }\n\
                [faults.f]\ntarget = \"east\"\nat = \"1h\"\nfor = \"30min\"\n[routing]\npolicy = \"active-passive\"\n\
                order = [\"east\", \"west\"]\n[users.everybody]\nrate = \"100/s\"\n";
    // west wakes in 5 minutes and is warm after ten more
    history(text).expect_near("system", 60.0, 300.0 + 540.0, 300.0 + 300.0, 1e-6);
}

/// East is out for two hours; west has to carry twice its load.
fn scaled(keys: &str) -> String {
    format!(
        "version = 1\nhorizon = \"10h\"\nregions = {{ east = {{}}, west = {{}} }}\n[links]\n\
         \"east <-> west\" = {{ latency = \"30ms\" }}\n[services.app]\nnodes = 13\ncapacity = \"10/s\"\n\
         autoscale = {{ min = 4, max = 30, target = \"80%\", boot = \"3min\"{keys} }}\n[faults.f]\ntarget = \"east\"\n\
         at = \"1h\"\nfor = \"2h\"\n[users.e]\nnear = \"east\"\nrate = \"100/s\"\n[users.w]\nnear = \"west\"\n\
         rate = \"100/s\"\n"
    )
}

/// (minute, pool, from, to) of every change of a number of nodes.
fn changes(text: &str) -> Vec<(f64, u32, u32, u32)> {
    let model = crate::lab::model(text);
    let layout = Layout::new(&model);
    let (_, lines) = World::new(&layout).run_traced(1, 0);
    let change = |line: &ninefold::simulation::trace::TraceLine| match line.event {
        TraceEvent::Scaled { pool, from, to } => Some((line.at.since(Time::ZERO).as_secs_f64() / 60.0, pool, from, to)),
        _ => None,
    };
    lines.iter().filter_map(change).collect()
}

#[test]
fn the_region_that_is_left_grows_with_a_lag() {
    let text = scaled("");
    // seen a minute after the fault, served three minutes later: 130 of 200 until then
    let history = history(&text);
    history.expect("system", 0.0, 240.0, 240.0 * 0.35);
    let outage = history.outcome.outages.iter().find(|outage| outage.subject == 0).expect("an outage");
    assert_eq!(outage.stages[Stage::Warming as usize], Span::from_secs(240));
    // 200 / (0.8 x 10) = 25; a minute after the return of east 13 are enough
    assert_eq!(changes(&text), [(61.0, 1, 13, 25), (181.0, 1, 25, 13)]);
}

#[test]
fn steps_and_the_cooldown_slow_the_growth() {
    let text = scaled(", step = \"25%\"");
    // a quarter of 13 are three: 160 of 200 for five minutes, then a quarter of 16 make all of them
    history(&text).expect("system", 0.0, 240.0 + 300.0, 240.0 * 0.35 + 300.0 * 0.2);
    let all = changes(&text);
    assert_eq!(all[..3], [(61.0, 1, 13, 16), (66.0, 1, 16, 20), (71.0, 1, 20, 25)]);
    assert_eq!(all[3..], [(181.0, 1, 25, 19), (186.0, 1, 19, 15), (191.0, 1, 15, 13)]);
}

#[test]
fn new_nodes_warm_up_after_they_have_booted() {
    let text = scaled("").replace("capacity = \"10/s\"", "capacity = \"10/s\"\nwarm_up = { for = \"10min\" }");
    // the 70 that are missing come from 12 nodes that grow to 120: after 7/12 of ten minutes
    history(&text).expect_loss("system", 240.0 * 0.35 + 350.0 * 0.35 / 2.0, 1e-3);
}

/// Within its region a pool replaces the nodes that are out, and takes one back too many out again.
#[test]
fn a_spare_node_stands_in_for_a_broken_one() {
    let text = "version = 1\nhorizon = \"10h\"\n[services.app]\ncapacity = \"10/s\"\nnodes = 4\n\
                autoscale = { min = 2, max = 6, target = \"100%\", boot = \"2min\", every = \"1min\", cooldown = \"0s\" }\n\
                [faults.f]\ntarget = \"1 of app\"\nat = \"90s\"\nfor = \"1h\"\n[users.everybody]\nrate = \"40/s\"\n";
    // one of four is out from 90 s to 4 min
    history(text).expect("system", 0.0, 150.0, 150.0 * 0.25);
    assert_eq!(changes(text), [(2.0, 0, 3, 4), (62.0, 0, 5, 4)]);
}

/// All nodes are slow for ten days: those that are off weaken nobody, those that are switched on meanwhile are slow too.
#[test]
fn slow_nodes_that_are_off_weaken_nobody() {
    let text = |nodes: &str, rate: u32, more: &str| {
        format!(
            "version = 1\nhorizon = \"30d\"\n[services.app]\ncapacity = \"100/s\"\n{nodes}\n[users.folk]\n\
             rate = \"{rate}/s\"\n[faults.gray]\ntarget = \"app\"\nmode = \"slow\"\nfactor = 2\nat = \"1d\"\nfor = \"10d\"\n{more}"
        )
    };
    let scale = |target: &str| format!("autoscale = {{ min = 2, max = 6, target = \"{target}\", boot = \"2min\" }}");
    history(&text(&scale("100%"), 80, "")).expect("system", 0.0, 0.0, 0.0);
    // one of three crashes; the fourth serves three minutes later, and carries 50 of 155 as they do
    let crash = "[faults.crash]\ntarget = \"1 of app\"\nat = \"2d\"\nfor = \"20d\"\n";
    let (slow, out) = (240.0 * HOUR, 180.0);
    let grown = text(&format!("nodes = 3\n{}", scale("52%")), 155, crash);
    history(&grown).expect("system", slow - out, out, slow * 5.0 / 155.0 + out * 50.0 / 155.0);
}

/// A region whose nodes are gray loses the same users whether others of its nodes are off or there are none.
#[test]
fn checks_look_at_the_nodes_that_are_on() {
    let lost = |nodes: &str| {
        let text = format!(
            "version = 1\nhorizon = \"2d\"\nregions = {{ east = {{}}, west = {{}} }}\n[services.app]\ncapacity = \"100/s\"\n\
             {nodes}\n[routing]\npolicy = \"geo\"\nhealth_check = {{ down_after = 4 }}\n[users.folk]\nnear = \"east\"\n\
             rate = \"80/s\"\n[faults.gray]\ntarget = \"app@east\"\nmode = \"slow\"\nfactor = 1\nerrors = \"50%\"\n\
             check_fails = \"50%\"\nat = \"1d\"\nfor = \"1h\"\n"
        );
        history(&text).totals("folk").loss_s
    };
    let of_scaled = lost("need = 2\nautoscale = { min = 2, max = 6, target = \"100%\" }");
    let of_two = lost("need = 2\nnodes = 2");
    assert!(of_two > 0.0 && (of_scaled - of_two).abs() < 1e-6, "{of_scaled} s lost, not {of_two} s");
}
