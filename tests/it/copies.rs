//! Copies of a database against histories computed by hand.

use crate::history::history;

const HOUR: f64 = 3_600.0;

/// A database in three regions, of which `west` is out from 1 h to 2 h and `south` from 1 h 30 min to 2 h 30 min.
fn database(replication: &str, rest: &str) -> String {
    format!(
        "version = 1\nhorizon = \"10h\"\nregions = {{ east = {{}}, west = {{}}, south = {{}} }}\n[services.db]\n\
         kind = \"database\"\nreplication = {{ {replication} }}\n{rest}\n[faults.one]\ntarget = \"db@west\"\nat = \"1h\"\n\
         for = \"1h\"\n[faults.two]\ntarget = \"db@south\"\nat = \"90min\"\nfor = \"1h\"\n"
    )
}

const FAILOVER: &str = "failover = { order = [\"east\", \"west\", \"south\"], detect = \"30s\", promote = \"1min\" }";

#[test]
fn synchronous_writes_stop_without_enough_copies() {
    history(&database("mode = \"sync\", acks = 1", FAILOVER)).expect("db", 0.0, 0.5 * HOUR, 0.5 * HOUR);
    history(&database("mode = \"sync\", acks = 2", FAILOVER)).expect("db", 0.0, 1.5 * HOUR, 1.5 * HOUR);
    history(&database("mode = \"async\"", FAILOVER)).expect("db", 0.0, 0.0, 0.0);
}

#[test]
fn semi_synchronous_writes_stop_until_they_give_up() {
    let text = database("mode = \"semi-sync\", acks = 1, lag = \"4s\", give_up = \"10s\"", FAILOVER);
    history(&text).expect("db", 0.0, 10.0, 10.0);
}

/// The primary is lost once with its copies in step and once behind them: only then something is lost.
#[test]
fn semi_synchronous_work_is_lost_only_after_giving_up() {
    let lost = |at: &str| {
        let text = database("mode = \"semi-sync\", acks = 1, lag = \"4s\"", FAILOVER);
        let text = format!("{text}[faults.east]\ntarget = \"db@east\"\nat = \"{at}\"\nfor = \"20min\"\n");
        history(&text).outcome.failovers[0].lost.clone()
    };
    assert!(lost("30min").is_empty());
    assert_eq!(lost("105min").len(), 1);
}

#[test]
fn a_quorum_serves_while_a_majority_of_its_nodes_does() {
    let two_of_three = database("mode = \"quorum\"", "");
    history(&two_of_three).expect("db", 0.0, 0.5 * HOUR, 0.5 * HOUR);
    let all = database("mode = \"quorum\", need = 3", "");
    history(&all).expect("db", 0.0, 1.5 * HOUR, 1.5 * HOUR);
    let more_nodes = database("mode = \"quorum\", need = 2", "nodes = 2");
    history(&more_nodes).expect("db", 0.0, 0.0, 0.0);
}

#[test]
fn a_lost_majority_fails_only_what_writes() {
    let text = database("mode = \"quorum\"", "");
    let text = format!(
        "{text}[requests]\nbuy = {{ writes = true }}\nlook = {{}}\n[users.shop]\nrequests = {{ buy = \"5%\", look = \"95%\" }}\n"
    );
    history(&text).expect("system", 0.5 * HOUR, 0.0, 0.05 * 0.5 * HOUR);
}

/// Timeouts are 5 s for all, a vote 1 s: two followers split it for ever, one alone is elected after 6 s less the age
/// of the last heartbeat; the election is run when the primary is lost.
#[test]
fn the_last_follower_but_one_elects_itself() {
    let election =
        "failover = { election = { heartbeat = \"1ns\", timeout = \"5s\", vote = \"1s\" }, promote = \"2s\" }";
    let text = database("mode = \"quorum\", need = 1", election);
    let text = format!("{text}[faults.first]\ntarget = \"db@east\"\nat = \"100min\"\nfor = \"3h\"\n");
    let history = history(&text);
    // all three are out from 1 h 40 min until west returns at 2 h, which then takes 2 s
    history.expect("db", 0.0, HOUR / 3.0 + 2.0, HOUR / 3.0 + 2.0);
    let text = database("mode = \"quorum\", need = 1", election);
    let text = format!("{text}[faults.first]\ntarget = \"db@east\"\nat = \"80min\"\nfor = \"3h\"\n");
    // south elects itself within 6 s and takes over in 2; it goes out at 1 h 30 min, and west returns at 2 h
    let down = 8.0 + 0.5 * HOUR + 2.0;
    crate::history::history(&text).expect("db", 0.0, down, down);
}
