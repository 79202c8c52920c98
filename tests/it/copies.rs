//! Copies of a database against histories computed by hand.

use crate::lab::{history, run_text, value};
use crate::request_lab::{HEAD, run_full};
use ninefold::results::Judgement;
use ninefold::results::measure::Measure;
use ninefold::time::Span;

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
    // west is lost at 1 h, too
    assert_eq!(lost("30min"), [Span::ZERO; 2]);
    assert_eq!(lost("105min"), [Span::from_secs(4)]);
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
    crate::lab::history(&text).expect("db", 0.0, down, down);
}

/// Copies in step lose nothing, so that an objective on what is lost is met, whether or not anybody was promoted.
#[test]
fn an_objective_on_lost_work_is_met_by_copies_in_step() {
    let judged = |replication: &str, at: &str| {
        let text = database(replication, FAILOVER);
        let text = format!("{text}[faults.east]\ntarget = \"db@east\"\nat = \"{at}\"\nfor = \"20min\"\n");
        let results = run_text(&format!("{text}[objectives.data]\nrpo = {{ p95 = \"1s\" }}\n"), 20);
        (results.verdicts[0].judgement, results.find(Measure::Rpo, "db", "mean").and_then(|row| row.value.estimate))
    };
    assert_eq!(judged("mode = \"sync\"", "30min"), (Judgement::Met, Some(0.0)));
    assert_eq!(judged("mode = \"sync\"", "11h"), (Judgement::Met, None));
    assert_eq!(judged("mode = \"async\", lag = \"4s\"", "30min"), (Judgement::NotMet, Some(4.0)));
    assert_eq!(judged("mode = \"async\", lag = \"4s\"", "11h"), (Judgement::Undecided, None));
}

/// West and south go down once each: both lose their last four seconds, and nobody is promoted; the service goes on.
#[test]
fn every_lost_copy_that_takes_writes_loses_its_last() {
    let history = history(&database("mode = \"multi-primary\", lag = \"4s\"", ""));
    history.expect("db", 0.0, 0.0, 0.0);
    let counts = &history.outcome.failovers[0];
    assert_eq!((counts.lost.as_slice(), counts.begun), ([Span::from_secs(4); 2].as_slice(), 0));
}

/// An application in each region over a database whose primary is out for an hour, with nobody to be promoted for 40 min.
fn shop(reads: &str, classes: &str) -> String {
    format!(
        "version = 1\nhorizon = \"10h\"\nregions = {{ east = {{}}, west = {{}} }}\n[services.api]\ncalls.db = {{}}\n[services.db]\n\
         kind = \"database\"\nreplication = {{ mode = \"async\", reads = \"{reads}\" }}\nfailover = {{ order = [\"east\", \"west\"], \
         detect = \"40min\", promote = \"5min\" }}\n[faults.primary]\ntarget = \"db@east\"\nat = \"1h\"\nfor = \"1h\"\n{classes}\n"
    )
}

const FIFTH: &str = "[requests]\nbuy = { writes = true }\nlook = {}\n[users.folk]\nnear = \"west\"\n\
                     requests = { buy = \"20%\", look = \"80%\" }";

#[test]
fn copies_read_on_while_the_primary_is_lost() {
    let lost = 0.75 * HOUR;
    history(&shop("primary", FIFTH)).expect("system", 0.0, lost, lost);
    let local = history(&shop("local", FIFTH));
    local.expect("system", 0.0, lost, 0.2 * lost);
    local.expect("db", 0.0, lost, 0.2 * lost);
    // with classes of requests none of which is said to write all might
    history(&shop("local", "")).expect("system", 0.0, lost, lost);
}

/// While both copies are lost nobody reads.
#[test]
fn nobody_reads_from_copies_that_are_gone() {
    let text =
        format!("{}\n[faults.other]\ntarget = \"db@west\"\nat = \"75min\"\nfor = \"15min\"\n", shop("local", FIFTH));
    history(&text).expect("system", 0.0, 0.75 * HOUR, 0.2 * 0.5 * HOUR + 0.25 * HOUR);
}

/// Reads stay local and writes go to the primary: of 100/s, east's copy gets 20 and west's 80, of which it carries 60.
#[test]
fn reads_load_the_local_copy_and_writes_the_primary() {
    let text = shop("local", FIFTH)
        .replace(
            "kind = \"database\"",
            "kind = \"database\"\npools = { east = { capacity = \"20/s\" }, west = { capacity = \"60/s\" } }",
        )
        .replace("near = \"west\"", "near = \"west\"\nrate = \"100/s\"")
        + "[routing]\nentry = \"api\"\npolicy = \"geo\"\nspill = false\n";
    let whole = text.replace("at = \"1h\"", "at = \"11h\"");
    history(&whole).expect("system", 0.0, 10.0 * HOUR, 0.2 * 10.0 * HOUR);
}

/// `reach = "local"` keeps all calls in their region, those that read too: without a copy there nobody is served. Without
/// it reads go to the nearest copy and writes to the primary. So on both clocks, with `capacity` (the fluid) and without.
#[test]
fn a_call_that_stays_in_its_region_reads_no_copy_elsewhere() {
    let served = |reach: &str, capacity: &str| {
        let text = format!(
            "{HEAD}horizon = \"30s\"\nregions = {{ a = {{}}, b = {{}}, c = {{}} }}\n[services.w]\ncalls.db = {{ {reach} }}\n{capacity}\n\
             [services.db]\nkind = \"database\"\npools = [\"a\", \"b\"]\n\
             replication = {{ mode = \"async\", reads = \"local\" }}\nfailover = {{ order = [\"b\", \"a\"] }}\n\
             [users.u]\nrate = \"20/s\"\nnear = \"c\"\nrequests = {{ r = \"50%\", w = \"50%\" }}\n\
             [requests]\nr = {{}}\nw = {{ writes = true }}\n[routing]\npolicy = \"geo\"\n"
        );
        let both = [run_full(&text, 2), run_text(&text, 2)];
        both.map(|results| value(&results, Measure::AvailabilityRequest, "system", "mean").estimate.unwrap_or(1.0))
    };
    for capacity in ["", "capacity = \"100/s\""] {
        assert!(served("reach = \"local\"", capacity).into_iter().all(|served| served < 1e-12), "{capacity}");
        assert!(served("", capacity).into_iter().all(|served| served > 1.0 - 1e-12), "{capacity}");
    }
}
