//! Partitions against histories computed by hand: who reaches whom, fencing, two primaries, majorities.

use crate::lab::{history, run_text, value};
use crate::request_lab::{HEAD, counts};
use ninefold::results::measure::Measure;

const HOUR: f64 = 3_600.0;

/// Two regions with half of the users each; what `fault` says holds from 1 h to 2 h.
fn shop(failover: &str, fault: &str) -> String {
    format!(
        "version = 1\nhorizon = \"10h\"\nregions = {{ east = {{}}, west = {{}} }}\n[links]\n\
         \"east <-> west\" = {{ latency = \"30ms\" }}\n[services.api]\ncalls.db = {{}}\n[services.db]\nkind = \"database\"\n\
         replication = {{ mode = \"async\" }}\n[services.db.failover]\norder = [\"east\", \"west\"]\ndetect = \"30s\"\n\
         promote = \"60s\"\n{failover}\n[faults.cut]\n{fault}\nmode = \"partition\"\nat = \"1h\"\nfor = \"1h\"\n[routing]\n\
         policy = \"geo\"\n[users]\ne = {{ near = \"east\", share = \"50%\" }}\nw = {{ near = \"west\", share = \"50%\" }}\n"
    )
}

const LINK: &str = "target = \"east <-> west\"";

/// West does not reach the primary from 1 h on and has its own 90 s later; east's is fenced after the 30 s.
#[test]
fn a_cut_link_moves_a_fenced_primary() {
    let history = history(&shop("", LINK));
    history.expect("e", 0.0, HOUR - 30.0, HOUR - 30.0);
    history.expect("w", 0.0, 90.0, 90.0);
    history.expect("db", 0.0, 60.0, 60.0);
    history.expect("system", 0.0, HOUR, 0.5 * 30.0 + 60.0 + 0.5 * (HOUR - 90.0));
    assert!(history.outcome.failovers[0].split.is_zero(), "never two primaries with fencing");
}

/// Unfenced, both sides are served and diverge; when they find each other again all stops for five minutes.
#[test]
fn without_fencing_there_are_two_primaries_until_it_heals() {
    let history = history(&shop("fencing = false\nreconcile = \"5min\"", LINK));
    history.expect("e", 0.0, 300.0, 300.0);
    history.expect("w", 0.0, 390.0, 390.0);
    // the old primary serves while the new one is promoted
    history.expect("db", 0.0, 300.0, 300.0);
    let split = history.outcome.failovers[0].split.as_secs_f64();
    assert!((split - (HOUR - 90.0)).abs() < 1e-9, "two primaries for {split} s");
}

/// What east's users write on their side while both serve: theirs are 60 of 100 requests a second, of which all or one in
/// five write, wherever reads go. A share of users that nobody has counted gives no number.
#[test]
fn writes_of_the_old_side_diverge() {
    let split = HOUR - 90.0;
    let cases = [
        ("share = \"60%\"", "share = \"40%\"", "", 0.0),
        ("rate = \"60/s\"", "rate = \"40/s\"", "", 60.0 * split),
        ("rate = \"60/s\"", "rate = \"40/s\"", "requests = { buy = \"20%\", look = \"80%\" }", 12.0 * split),
    ];
    for (e, w, mix, expected) in cases {
        let classes = if mix.is_empty() { "" } else { "[requests]\nbuy = { writes = true }\nlook = {}\n" };
        let users = |own: &str| if mix.is_empty() { own.to_owned() } else { format!("{own}, {mix}") };
        for reads in ["primary", "local"] {
            let text = shop("fencing = false\nreconcile = \"5min\"", LINK)
                .replace("mode = \"async\"", &format!("mode = \"async\", reads = \"{reads}\""))
                .replacen("share = \"50%\"", &users(e), 1)
                .replace("share = \"50%\"", &users(w));
            let history = history(&(text + classes));
            let written = history.outcome.usage.divergent[0];
            assert!((written - expected).abs() <= 1e-9 * expected, "{e} {mix} {reads}: {written} for {expected}");
        }
    }
    let text = shop("fencing = false", LINK).replacen("share = \"50%\"", "rate = \"60/s\"", 1);
    let results = run_text(&text.replace("share = \"50%\"", "rate = \"40/s\""), 2);
    let a_year = value(&results, Measure::DivergentWritesPerYear, "db", "mean").estimate.unwrap();
    let expected = 60.0 * split * 8_766.0 / 10.0;
    assert!((a_year - expected).abs() < 1e-9 * expected, "{a_year} for {expected}");
    let fenced =
        shop("", LINK).replacen("share = \"50%\"", "rate = \"60/s\"", 1).replace("share = \"50%\"", "rate = \"40/s\"");
    assert!(history(&fenced).outcome.usage.divergent[0] == 0.0);
}

#[test]
fn one_way_is_enough_to_cut_a_request_from_its_answer() {
    history(&shop("", "target = \"west -> east\"")).expect("w", 0.0, 90.0, 90.0);
}

#[test]
fn faults_may_stand_at_the_link() {
    let text = shop("", LINK)
        .replace("latency = \"30ms\" }", "latency = \"30ms\", faults = { at = \"5h\", for = \"1min\" } }");
    // a minute is longer than the detection, which begins another failover: back to east
    let history = history(&text);
    assert_eq!(history.outcome.failovers[0].begun, 2);
}

/// East is cut off from everybody: its users go to west, which has a primary 90 s later.
#[test]
fn a_region_that_is_cut_off_serves_nobody_outside() {
    let history = history(&shop("", "target = \"east\""));
    history.expect("e", 0.0, 90.0, 90.0);
    history.expect("w", 0.0, 90.0, 90.0);
}

#[test]
fn a_zone_that_is_cut_off_serves_nobody() {
    let text = "version = 1\nhorizon = \"10h\"\n[regions.here]\nzones = [\"a\", \"b\"]\n[services.app]\nnodes = 4\nneed = 3\n\
         [faults.cut]\ntarget = \"here/b\"\nmode = \"partition\"\nat = \"1h\"\nfor = \"1h\"\n";
    history(text).expect("system", 0.0, HOUR, HOUR);
}

/// Two of three regions reach each other and are a majority; the third is cut off from both, and from the dependency.
#[test]
fn a_majority_is_of_nodes_that_reach_each_other() {
    let text = "version = 1\nhorizon = \"10h\"\nregions = { a1 = {}, b1 = {}, c1 = {} }\n[services.api]\ncalls = { db = {}, mail = {} }\n\
         [services.mail]\nkind = \"dependency\"\n[services.db]\nkind = \"database\"\nreplication = { mode = \"quorum\" }\n[faults.cut]\n\
         target = \"c1\"\nmode = \"partition\"\nat = \"1h\"\nfor = \"1h\"\n[users]\nall-of-c = { near = \"c1\" }\n[routing]\npolicy = \"geo\"\n";
    let cut = history(text);
    cut.expect("system", 0.0, 0.0, 0.0);
    cut.expect("c1", 0.0, HOUR, HOUR);
    // with b1 lost as well nobody has a majority
    let more = format!("{text}[faults.more]\ntarget = \"b1\"\nmode = \"outage\"\nat = \"90min\"\nfor = \"15min\"\n");
    history(&more).expect("system", 0.0, 0.25 * HOUR, 0.25 * HOUR);
}

/// Users may be cut off from a region that is well: nobody notices, and nobody reroutes.
#[test]
fn users_that_do_not_reach_their_region_are_down() {
    let history = history(&shop("", "target = \"e <-> east\""));
    history.expect("e", 0.0, HOUR, HOUR);
    history.expect("w", 0.0, 0.0, 0.0);
}

/// The nodes of a quorum in three regions, each with users of its own; of the primary's region `ways` are cut for an hour.
fn quorum(ways: &str) -> crate::lab::History {
    history(&format!(
        "version = 1\nhorizon = \"10h\"\nregions = {{ a1 = {{}}, b1 = {{}}, c1 = {{}} }}\n[services.api]\ncalls.db = {{}}\n[services.db]\n\
         kind = \"database\"\nreplication = {{ mode = \"quorum\" }}\n[services.db.failover]\norder = [\"a1\", \"b1\", \"c1\"]\n\
         election = {{ heartbeat = \"1ns\", timeout = \"uniform(from=5s, to=6s)\" }}\n[faults.cut]\ntarget = \"a1\"\n\
         mode = \"partition\"\n{ways}\nat = \"1h\"\nfor = \"1h\"\n[users.folk]\nnear = \"b1\"\n[routing]\npolicy = \"geo\"\n"
    ))
}

/// Followers that hear no heartbeat elect another within 6 s. A primary that nobody can answer is heard all the same: it
/// has no majority, and nobody knows that another is wanted.
#[test]
fn a_primary_that_is_heard_but_hears_nobody_is_not_replaced() {
    let lost = quorum("").totals("folk").down.as_secs_f64();
    assert!((5.0..6.0).contains(&lost), "{lost} s");
    let mute = quorum("inbound = false");
    let lost = mute.totals("folk").down.as_secs_f64();
    assert!((5.0..6.0).contains(&lost), "{lost} s");
    let deaf = quorum("outbound = false");
    deaf.expect("folk", 0.0, HOUR, HOUR);
    assert_eq!(deaf.outcome.failovers[0].begun, 0);
}

/// A way is cut for those who need it there or back, and for nobody else.
#[test]
fn a_cut_one_way_is_one_cut() {
    for ways in
        ["target = \"west -> east\"", "target = \"east -> west\"", "target = \"east <-> west\"\ninbound = false"]
    {
        history(&shop("", ways)).expect("w", 0.0, 90.0, 90.0);
    }
}

/// The active region is cut off and goes on unfenced: two are active from the end of the promotion until it heals, and
/// then all stops for five minutes.
#[test]
fn without_fencing_two_regions_are_active_until_it_heals() {
    let text = |fencing: &str| {
        format!(
            "version = 1\nhorizon = \"10h\"\nregions = {{ east = {{}}, west = {{}} }}\n[services.app]\n[faults.cut]\ntarget = \"east\"\n\
             mode = \"partition\"\nat = \"1h\"\nfor = \"1h\"\n[routing]\npolicy = \"active-passive\"\norder = [\"east\", \"west\"]\n\
             detect = \"30s\"\npromote = \"60s\"\n{fencing}\n"
        )
    };
    let fenced = history(&text(""));
    fenced.expect("system", 0.0, 90.0, 90.0);
    assert!(fenced.outcome.failovers[0].split.is_zero());
    let unfenced = history(&text("fencing = false\nreconcile = \"5min\""));
    unfenced.expect("system", 0.0, 390.0, 390.0);
    let split = unfenced.outcome.failovers[0].split.as_secs_f64();
    assert!((split - (HOUR - 90.0)).abs() < 1e-9, "two active regions for {split} s");
}

/// Two primaries are counted while both serve: the old one is down for a quarter of an hour of it.
#[test]
fn a_dead_primary_is_no_second_one() {
    let text = shop("fencing = false", LINK) + "[faults.dead]\ntarget = \"db@east\"\nat = \"75min\"\nfor = \"15min\"\n";
    let split = history(&text).outcome.failovers[0].split.as_secs_f64();
    assert!((split - (0.75 * HOUR - 90.0)).abs() < 1e-9, "two primaries for {split} s");
}

/// Requests to a zone that is cut off from 10 s to 15 s by these faults: those that start there, and how those fail that do.
fn cut_zone(ways: &[&str]) -> (u64, Vec<u64>) {
    let fault = |(number, ways): (usize, &&str)| {
        format!("[faults.f{number}]\ntarget = \"here/a\"\nmode = \"partition\"\n{ways}\nat = \"10s\"\nfor = \"5s\"\n")
    };
    let faults: String = ways.iter().enumerate().map(fault).collect();
    let counts = counts(&format!(
        "{HEAD}horizon = \"30s\"\n[regions.here]\nzones = [\"a\"]\n[services.app]\nservice_time = \"8s\"\n\
         [users.folk]\nrate = \"10/s\"\narrivals = \"regular\"\n{faults}"
    ));
    (counts.service("app").started, counts.user("folk").failed.to_vec())
}

/// A zone that is cut off both ways lives on, whether by one partition or by two: work in hand for 8 s is done after it.
#[test]
fn two_cuts_of_a_zone_leave_its_nodes_alive() {
    let once = cut_zone(&[""]);
    assert_eq!(cut_zone(&["inbound = false", "outbound = false"]), once);
    assert_eq!(cut_zone(&["", "outbound = false"]), once);
}
