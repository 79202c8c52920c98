//! Histories that can be worked out by hand: fixed laws and calendar faults leave one possible course of events.
//!
//! Start, length and every stage of each outage are compared to the nanosecond (seconds as floats are exact there);
//! where clients drain along a slope, to the microsecond. The arithmetic stands beside each case. Phases of health
//! checks are random: those cases state bounds.

use crate::lab::{Down, History, history, trial};
use ninefold::results::raw::Stage::{Deciding, FailingBack, Promoting, Repairing, Rerouting, Undetected, Warming};
use ninefold::results::raw::Stage;

/// A service `db` on `left` (primary) and `right`, noticed after 30 s, promoted in 60 s; `more` adds keys to the
/// failover, then other tables.
fn pair(failover: &str, more: &str) -> String {
    let detect = if failover.contains("health_check") || failover.contains("detect") { "" } else { "detect = \"30s\"" };
    let promote = if failover.contains("promote") { "" } else { "promote = \"60s\"" };
    format!(
        "version = 1\nhorizon = \"10000s\"\n[regions]\nleft = {{}}\nright = {{}}\n[services.db]\n\
         [services.db.failover]\norder = [\"left\", \"right\"]\n{detect}\n{promote}\n{failover}\n{more}"
    )
}

/// A fault that strikes `target` at these seconds, each time for so many.
fn fault(name: &str, target: &str, at: &[u64], lasts: u64) -> String {
    let at: Vec<String> = at.iter().map(|at| format!("\"{at}s\"")).collect();
    format!("[faults.{name}]\ntarget = \"{target}\"\nat = [{}]\nfor = \"{lasts}s\"\n", at.join(", "))
}

fn down(start_s: f64, cause: &str, stages: &[(Stage, f64)]) -> Down {
    let lasts_s = stages.iter().map(|stage| stage.1).sum();
    Down { start_s, lasts_s, cause: cause.to_owned(), stages: stages.to_vec() }
}

#[track_caller]
fn check(text: &str, subject: &str, expected: &[Down]) -> History {
    check_within(text, subject, expected, 1e-9)
}

/// As `check`, where a slope crosses the threshold: to the microsecond.
#[track_caller]
fn check_drain(text: &str, subject: &str, expected: &[Down]) -> History {
    check_within(text, subject, expected, 1e-6)
}

#[track_caller]
fn check_within(text: &str, subject: &str, expected: &[Down], tolerance: f64) -> History {
    let history = history(text);
    let found = history.outages(subject);
    let near = |a: f64, b: f64| (a - b).abs() < tolerance;
    let same = found.len() == expected.len()
        && found.iter().zip(expected).all(|(found, expected)| {
            near(found.start_s, expected.start_s)
                && near(found.lasts_s, expected.lasts_s)
                && found.cause == expected.cause
                && found.stages.len() == expected.stages.len()
                && found.stages.iter().zip(&expected.stages).all(|(a, b)| a.0 == b.0 && near(a.1, b.1))
        });
    assert!(same, "{subject}\nfound    {found:#?}\nexpected {expected:#?}");
    history
}

// ---- one service, its primary and its standby

#[test]
fn a_crash_is_noticed_then_the_standby_promoted() {
    // fault 1000, noticed 1030, in charge 1090
    let text = pair("", &fault("one", "db@left", &[1000], 5000));
    let history = check(&text, "db", &[down(1000.0, "one", &[(Undetected, 30.0), (Promoting, 60.0)])]);
    let counts = &history.outcome.failovers[0];
    assert_eq!((counts.begun, counts.automatic, counts.manual), (1, 1, 0));
    assert!(counts.lost.is_empty(), "nothing is replicated");
}

#[test]
fn users_and_the_region_in_charge_see_the_outage_of_the_entry() {
    let text = pair("", &fault("one", "db@left", &[1000], 5000));
    let expected = [down(1000.0, "one", &[(Undetected, 30.0), (Promoting, 60.0)])];
    check(&text, "system", &expected);
    check(&text, "everyone", &expected);
}

#[test]
fn a_blip_shorter_than_detection_is_no_failover() {
    let text = pair("", &fault("one", "db@left", &[1000], 20));
    let history = check(&text, "db", &[down(1000.0, "one", &[(Undetected, 20.0)])]);
    assert_eq!(history.outcome.failovers[0].begun, 0);
    assert!(history.outcome.failovers[0].detection.is_empty());
}

#[test]
fn a_repair_at_the_instant_of_detection_comes_first() {
    // ends come before checks at equal times
    let text = pair("", &fault("one", "db@left", &[1000], 30));
    let history = check(&text, "db", &[down(1000.0, "one", &[(Undetected, 30.0)])]);
    assert_eq!(history.outcome.failovers[0].begun, 0);
}

#[test]
fn without_detection_the_fault_is_noticed_at_once() {
    let text = "version = 1\nhorizon = \"10000s\"\n[regions]\nleft = {}\nright = {}\n[services.db.failover]\n\
                order = [\"left\", \"right\"]\npromote = \"60s\"\n"
        .to_owned()
        + &fault("one", "db@left", &[1000], 5000);
    check(&text, "db", &[down(1000.0, "one", &[(Promoting, 60.0)])]);
}

#[test]
fn a_failover_that_takes_no_time_is_a_fault_and_no_outage() {
    let text = "version = 1\nhorizon = \"10000s\"\n[regions]\nleft = {}\nright = {}\n[services.db.failover]\n\
                order = [\"left\", \"right\"]\n"
        .to_owned()
        + &fault("one", "db@left", &[1000], 5000);
    let history = check(&text, "db", &[]);
    assert_eq!((history.outcome.failovers[0].begun, history.outcome.sites[0].changes), (1, [1, 1]));
}

#[test]
fn once_decided_the_failover_runs_to_its_end_though_the_old_primary_is_back() {
    // decided 1030; left is back at 1050 and must wait; right takes over at 1090; what then strikes right counts
    let more = fault("one", "db@left", &[1000], 50) + &fault("two", "db@right", &[5000], 1000);
    let first = down(1000.0, "one", &[(Undetected, 30.0), (Promoting, 60.0)]);
    let second = down(5000.0, "two", &[(Undetected, 30.0), (Promoting, 60.0)]);
    check(&pair("", &more), "db", &[first, second]);
}

#[test]
fn roles_stay_swapped_without_failback() {
    // left is back at 1500 as a standby: its next fault is nobody's outage
    let text = pair("", &fault("one", "db@left", &[1000, 3000], 500));
    check(&text, "db", &[down(1000.0, "one", &[(Undetected, 30.0), (Promoting, 60.0)])]);
}

#[test]
fn a_promotion_that_fails_is_finished_by_people() {
    let text = pair("success = \"0%\"\nmanual = \"600s\"", &fault("one", "db@left", &[1000], 5000));
    let history = check(&text, "db", &[down(1000.0, "one", &[(Undetected, 30.0), (Promoting, 660.0)])]);
    let counts = &history.outcome.failovers[0];
    assert_eq!((counts.begun, counts.automatic, counts.manual), (1, 0, 1));
}

#[test]
fn a_need_that_does_not_hold_at_the_end_of_promotion_fails_it() {
    let failover = "needs = [\"witness\"]\nmanual = \"600s\"";
    let witness = "[services.witness]\nkind = \"dependency\"\n[routing]\nentry = \"db\"\n";
    let one = fault("one", "db@left", &[1000], 5000);
    // the witness is out when promotion ends at 1090
    let out = pair(failover, &format!("{witness}{one}{}", fault("w", "witness", &[1080], 20)));
    check(&out, "db", &[down(1000.0, "one", &[(Undetected, 30.0), (Promoting, 660.0)])]);
    // it is back in time
    let back = pair(failover, &format!("{witness}{one}{}", fault("w", "witness", &[1040], 20)));
    check(&back, "db", &[down(1000.0, "one", &[(Undetected, 30.0), (Promoting, 60.0)])]);
}

#[test]
fn a_page_is_answered_before_anything_is_promoted() {
    let text = pair("mode = \"manual\"\npage = \"300s\"", &fault("one", "db@left", &[1000], 5000));
    let stages = [(Undetected, 30.0), (Deciding, 300.0), (Promoting, 60.0)];
    check(&text, "db", &[down(1000.0, "one", &stages)]);
}

#[test]
fn a_primary_that_is_back_before_the_decision_goes_on() {
    // noticed 1030, paged, back 1200
    let text = pair("mode = \"manual\"\npage = \"300s\"", &fault("one", "db@left", &[1000], 200));
    let history = check(&text, "db", &[down(1000.0, "one", &[(Undetected, 30.0), (Deciding, 170.0)])]);
    assert_eq!(history.outcome.failovers[0].begun, 0);
}

#[test]
fn a_primary_still_believed_down_is_noticed_at_once_when_it_fails_again() {
    // back 1200, would be believed at 1230, fails again at 1210: paged anew until 1510, promoted 1570
    let more = fault("one", "db@left", &[1000], 200) + &fault("two", "db@left", &[1210], 5000);
    let first = down(1000.0, "one", &[(Undetected, 30.0), (Deciding, 170.0)]);
    let second = down(1210.0, "two", &[(Deciding, 300.0), (Promoting, 60.0)]);
    check(&pair("mode = \"manual\"\npage = \"300s\"", &more), "db", &[first, second]);
}

#[test]
fn a_standby_that_dies_during_its_promotion_is_in_charge_and_dead() {
    // right dies 1050, noticed 1080, in charge 1090 and known to be dead: nobody is fit (left returns 1500, noticed
    // 1530, promoted 1590)
    let more = fault("one", "db@left", &[1000], 500) + &fault("two", "db@right", &[1050], 5000);
    let stages = [(Undetected, 30.0), (Promoting, 120.0), (Repairing, 440.0)];
    let history = check(&pair("", &more), "db", &[down(1000.0, "one", &stages)]);
    assert_eq!(history.outcome.failovers[0].begun, 2);
}

#[test]
fn a_standby_that_dies_late_in_its_promotion_must_be_noticed() {
    // right dies 1080, in charge 1090, noticed 1110, nobody is fit; right returns 1280, noticed 1310, promoted 1370
    let more = fault("one", "db@left", &[1000], 5000) + &fault("two", "db@right", &[1080], 200);
    let stages = [(Undetected, 50.0), (Promoting, 120.0), (Repairing, 200.0)];
    check(&pair("", &more), "db", &[down(1000.0, "one", &stages)]);
}

#[test]
fn a_standby_that_is_back_before_the_end_of_its_promotion_serves() {
    // right dies 1040, is back 1070, in charge 1090
    let more = fault("one", "db@left", &[1000], 5000) + &fault("two", "db@right", &[1040], 30);
    check(&pair("", &more), "db", &[down(1000.0, "one", &[(Undetected, 30.0), (Promoting, 60.0)])]);
}

#[test]
fn with_no_fit_candidate_the_first_that_is_noticed_to_be_back_is_promoted() {
    // right is dead from 900 to 1300: noticed 1330, promoted 1390
    let more = fault("two", "db@right", &[900], 400) + &fault("one", "db@left", &[1000], 5000);
    let stages = [(Undetected, 30.0), (Promoting, 60.0), (Repairing, 300.0)];
    check(&pair("", &more), "db", &[down(1000.0, "one", &stages)]);
}

#[test]
fn the_old_primary_may_be_that_first() {
    // left is back 1200, noticed 1230, promoted 1290
    let more = fault("two", "db@right", &[900], 5000) + &fault("one", "db@left", &[1000], 200);
    let stages = [(Undetected, 30.0), (Promoting, 60.0), (Repairing, 200.0)];
    let history = check(&pair("", &more), "db", &[down(1000.0, "one", &stages)]);
    assert_eq!(history.outcome.failovers[0].begun, 1);
}

#[test]
fn one_that_fails_again_before_it_is_noticed_is_not_promoted() {
    // right returns 1300 and fails again 1320; returns 1420, noticed 1450, promoted 1510
    let more = fault("two", "db@right", &[900], 400)
        + &fault("three", "db@right", &[1320], 100)
        + &fault("one", "db@left", &[1000], 5000);
    let stages = [(Undetected, 30.0), (Promoting, 60.0), (Repairing, 420.0)];
    check(&pair("", &more), "db", &[down(1000.0, "one", &stages)]);
}

#[test]
fn a_hold_down_delays_the_next_failover() {
    // over at 1090, held until 2090; right dies 1500, noticed 1530
    let more = fault("one", "db@left", &[1000], 300) + &fault("two", "db@right", &[1500], 5000);
    let first = down(1000.0, "one", &[(Undetected, 30.0), (Promoting, 60.0)]);
    let second = down(1500.0, "two", &[(Undetected, 30.0), (Deciding, 560.0), (Promoting, 60.0)]);
    check(&pair("hold_down = \"1000s\"", &more), "db", &[first, second]);
}

#[test]
fn a_primary_that_is_back_during_the_hold_down_goes_on() {
    let more = fault("one", "db@left", &[1000], 300) + &fault("two", "db@right", &[1500], 300);
    let first = down(1000.0, "one", &[(Undetected, 30.0), (Promoting, 60.0)]);
    let second = down(1500.0, "two", &[(Undetected, 30.0), (Deciding, 270.0)]);
    check(&pair("hold_down = \"1000s\"", &more), "db", &[first, second]);
}

#[test]
fn the_hold_down_comes_before_the_page() {
    // noticed 1530, held until 2090, paged until 2390, promoted 2450
    let more = fault("one", "db@left", &[1000], 400) + &fault("two", "db@right", &[1800], 5000);
    let first = down(1000.0, "one", &[(Undetected, 30.0), (Deciding, 300.0), (Promoting, 60.0)]);
    // over at 1390, held until 2390; right dies 1800, noticed 1830; paged 2390 to 2690
    let second = down(1800.0, "two", &[(Undetected, 30.0), (Deciding, 860.0), (Promoting, 60.0)]);
    let keys = "hold_down = \"1000s\"\nmode = \"manual\"\npage = \"300s\"";
    check(&pair(keys, &more), "db", &[first, second]);
}

#[test]
fn an_asynchronous_copy_loses_its_lag_once_per_change_of_primary() {
    let keys = "failback = { after = \"1000s\" }\n[services.db.replication]\nmode = \"async\"\nlag = \"5s\"";
    let history = history(&pair(keys, &fault("one", "db@left", &[1000], 200)));
    let lost: Vec<f64> = history.outcome.failovers[0].lost.iter().map(|lost| lost.as_secs_f64()).collect();
    assert_eq!(lost, [5.0], "the way back loses nothing");
}

// ---- the way back

const BACK: &str = "failback = { after = \"1000s\", takes = \"20s\" }";

#[test]
fn the_first_in_order_takes_over_again_after_unbroken_health() {
    // back 1100, due 2100, out of service for 20
    let first = down(1000.0, "one", &[(Undetected, 30.0), (Promoting, 60.0)]);
    let second = down(2100.0, "failback", &[(FailingBack, 20.0)]);
    check(&pair(BACK, &fault("one", "db@left", &[1000], 100)), "db", &[first, second]);
}

#[test]
fn a_fault_of_the_first_starts_the_wait_anew() {
    // back 1100, out 2000 to 2050, due 3050
    let more = fault("one", "db@left", &[1000], 100) + &fault("two", "db@left", &[2000], 50);
    let first = down(1000.0, "one", &[(Undetected, 30.0), (Promoting, 60.0)]);
    let second = down(3050.0, "failback", &[(FailingBack, 20.0)]);
    check(&pair(BACK, &more), "db", &[first, second]);
}

#[test]
fn a_fault_of_the_first_while_the_page_rings_starts_all_anew() {
    // due 2100, page until 2600; out 2300 to 2310: due 3310, page until 3810
    let keys = "failback = { after = \"1000s\", mode = \"manual\", page = \"500s\", takes = \"20s\" }";
    let more = fault("one", "db@left", &[1000], 100) + &fault("two", "db@left", &[2300], 10);
    let first = down(1000.0, "one", &[(Undetected, 30.0), (Promoting, 60.0)]);
    let second = down(3810.0, "failback", &[(FailingBack, 20.0)]);
    check(&pair(keys, &more), "db", &[first, second]);
}

#[test]
fn a_failback_relieves_a_primary_that_has_just_died() {
    // right dies 2090, would be noticed 2120; the way back begins 2100 and ends 2120
    let more = fault("one", "db@left", &[1000], 100) + &fault("two", "db@right", &[2090], 1000);
    let first = down(1000.0, "one", &[(Undetected, 30.0), (Promoting, 60.0)]);
    let second = down(2090.0, "two", &[(Undetected, 10.0), (FailingBack, 20.0)]);
    let history = check(&pair(BACK, &more), "db", &[first, second]);
    assert_eq!(history.outcome.failovers[0].begun, 1);
}

#[test]
fn a_first_that_dies_on_the_way_back_is_in_charge_and_dead() {
    // the way back 2100 to 2120; left dies 2110, noticed 2140, right promoted 2200
    let more = fault("one", "db@left", &[1000], 100) + &fault("two", "db@left", &[2110], 1000);
    let first = down(1000.0, "one", &[(Undetected, 30.0), (Promoting, 60.0)]);
    let second = down(2100.0, "failback", &[(Undetected, 20.0), (Promoting, 60.0), (FailingBack, 20.0)]);
    let third = down(4110.0, "failback", &[(FailingBack, 20.0)]);
    check(&pair(BACK, &more), "db", &[first, second, third]);
}

#[test]
fn a_failover_in_progress_when_the_way_back_is_due_is_not_disturbed() {
    // right dies 2060, noticed 2090, left promoted 2150: it is back by that, nothing is due any more
    let more = fault("one", "db@left", &[1000], 100) + &fault("two", "db@right", &[2060], 1000);
    let first = down(1000.0, "one", &[(Undetected, 30.0), (Promoting, 60.0)]);
    let second = down(2060.0, "two", &[(Undetected, 30.0), (Promoting, 60.0)]);
    check(&pair(BACK, &more), "db", &[first, second]);
}

#[test]
fn a_way_back_due_while_a_page_rings_for_the_other_is_not_lost() {
    // left back 1400, healthy since; over 1390 (page 300); due 2400. Right dies 2300, noticed 2330, paged, is back 2500
    // without a failover: the way back waits again from then, and is due 3500
    let keys = "mode = \"manual\"\npage = \"300s\"\nfailback = { after = \"1000s\", takes = \"20s\" }";
    let more = fault("one", "db@left", &[1000], 400) + &fault("two", "db@right", &[2300], 200);
    let history = history(&pair(keys, &more));
    let found = history.outages("db");
    assert_eq!(found[1], down(2300.0, "two", &[(Undetected, 30.0), (Deciding, 170.0)]));
    assert_eq!(found.len(), 3, "the way back must come: {found:#?}");
    assert_eq!(found[2].stages, [(FailingBack, 20.0)]);
}

#[test]
fn a_way_back_due_while_a_need_of_the_first_is_out_comes_later() {
    // checks see nodes only. Left is back 1100, due 2100; what it needs there is out 2050 to 2200
    let more = "[services.disk]\n".to_owned()
        + &fault("one", "db@left", &[1000], 100)
        + &fault("two", "disk@left", &[2050], 150);
    let text = pair("health_check = { every = \"10s\" }\nfailback = { after = \"1000s\", takes = \"20s\" }", &more)
        .replace("[services.db]\n", "[services.db]\ndepends_on = [\"disk\"]\n");
    let found = history(&text).outages("db");
    let back: Vec<&Down> = found.iter().filter(|outage| outage.cause == "failback").collect();
    assert_eq!(back.len(), 1, "the way back must come: {found:#?}");
    assert!(back[0].start_s >= 2200.0);
}

// ---- standbys that must wake

#[test]
fn stopped_nodes_serve_their_wake_after_the_decision() {
    // decided 1030, in charge 1090, running 1330
    let standby = "[services.db]\nstandby = { running = \"0%\", ageing = 0, wake = \"300s\" }\n";
    let text = pair("", &fault("one", "db@left", &[1000], 5000)).replace("[services.db]\n", standby);
    check(&text, "db", &[down(1000.0, "one", &[(Undetected, 30.0), (Promoting, 60.0), (Warming, 240.0)])]);
    // a wake shorter than the promotion is not felt
    let quick = text.replace("300s", "50s");
    check(&quick, "db", &[down(1000.0, "one", &[(Undetected, 30.0), (Promoting, 60.0)])]);
}

#[test]
fn a_standby_that_breaks_while_it_wakes_is_down_for_its_fault_first() {
    // running 1330; broken 1200 to 1220, not noticed before it is mended
    let standby = "[services.db]\nstandby = { running = \"0%\", ageing = 0, wake = \"300s\" }\n";
    let more = fault("one", "db@left", &[1000], 5000) + &fault("two", "db@right", &[1200], 20);
    let text = pair("", &more).replace("[services.db]\n", standby);
    let stages = [(Undetected, 50.0), (Promoting, 60.0), (Warming, 220.0)];
    check(&text, "db", &[down(1000.0, "one", &stages)]);
}

#[test]
fn a_warm_standby_serves_at_once_with_what_runs_if_that_is_enough() {
    let standby = "[services.db]\nnodes = 4\nneed = 2\nstandby = \"warm\"\n";
    let text = pair("", &fault("one", "db@left", &[1000], 5000)).replace("[services.db]\n", standby);
    check(&text, "db", &[down(1000.0, "one", &[(Undetected, 30.0), (Promoting, 60.0)])]);
    // 3 needed, 2 run: the rest takes the 5 min of a warm standby from 1030, until 1330
    let more = text.replace("need = 2", "need = 3");
    check(&more, "db", &[down(1000.0, "one", &[(Undetected, 30.0), (Promoting, 60.0), (Warming, 240.0)])]);
}

#[test]
fn the_nodes_of_the_first_wake_before_the_way_back_takes_service_out() {
    // back 1100, due 2100, its nodes run at 2400, out of service until 2420; right then stops
    let standby = "[services.db]\nstandby = { running = \"0%\", ageing = 0, wake = \"300s\" }\n";
    let text = pair(BACK, &fault("one", "db@left", &[1000], 100)).replace("[services.db]\n", standby);
    let first = down(1000.0, "one", &[(Undetected, 30.0), (Promoting, 60.0), (Warming, 240.0)]);
    let second = down(2400.0, "failback", &[(FailingBack, 20.0)]);
    check(&text, "db", &[first, second]);
}

// ---- health checks: the phase is random, the bounds are not

#[test]
fn three_failed_checks_ten_seconds_apart_take_twenty_to_thirty_seconds() {
    let crash = fault("one", "db@left", &[1000], 5000);
    let silent = crash.clone() + "silent = true\n";
    let fixed = "health_check = { every = \"10s\", timeout = \"4s\", down_after = 3 }";
    let after = "health_check = { every = \"10s\", timeout = \"4s\", down_after = 3, schedule = \"after-answer\" }";
    // the third check is 20 to 30 s after the fault; a silent target costs the timeout: once on a fixed schedule,
    // three times when the next check waits for the answer
    for (check, fault, least) in [(fixed, &crash, 20.0), (fixed, &silent, 24.0), (after, &crash, 20.0), (after, &silent, 32.0)]
    {
        let text = pair(check, fault);
        for number in 0..20 {
            let history = trial(&text, number);
            let outages = history.outages("db");
            let detection = history.outcome.failovers[0].detection[0].as_secs_f64();
            assert!((least..=least + 10.0).contains(&detection), "{check}: {detection}");
            assert_eq!(outages.len(), 1);
            assert_eq!(outages[0].stages, [(Undetected, detection), (Promoting, 60.0)]);
        }
    }
}

#[test]
fn a_node_check_does_not_see_what_the_node_needs() {
    let more = "[services.disk]\n".to_owned() + &fault("two", "disk@left", &[1000], 500);
    let node = pair("health_check = {}", &more).replace("[services.db]\n", "[services.db]\ndepends_on = [\"disk\"]\n");
    check(&node, "db", &[down(1000.0, "two", &[(Repairing, 500.0)])]);
    for sees in ["region", "dependencies"] {
        let text = node.replace("health_check = {}", &format!("health_check = {{ sees = \"{sees}\" }}"));
        let history = history(&text);
        assert_eq!(history.outcome.failovers[0].begun, 1, "{sees}");
        assert!(history.outages("db")[0].lasts_s <= 90.0, "{sees}");
    }
}

#[test]
fn a_region_check_does_not_see_what_stands_elsewhere() {
    // an external service is out for an hour: no region is to blame, so nothing is failed over
    let more = "[services.mail]\nkind = \"dependency\"\n".to_owned() + &fault("two", "mail", &[1000], 500);
    let text = pair("health_check = { sees = \"region\" }", &more)
        .replace("[services.db]\n", "[services.db]\ndepends_on = [\"mail\"]\n");
    let history = check(&text, "db", &[down(1000.0, "two", &[(Repairing, 500.0)])]);
    assert_eq!(history.outcome.failovers[0].begun, 0);
}

// ---- regions: routing, DNS, anycast

/// Two regions with a service `web` in each.
fn world(routing: &str, more: &str) -> String {
    format!(
        "version = 1\nhorizon = \"10000s\"\n[regions]\nleft = {{}}\nright = {{}}\n[services.web]\n[routing]\n{routing}\n{more}"
    )
}

const ORDER: &str = "policy = \"active-passive\"\norder = [\"left\", \"right\"]\ndetect = \"30s\"\n";
const HALVES: &str = "policy = \"weighted\"\ndetect = \"30s\"\n";

fn loss_s(history: &History) -> f64 {
    history.outcome.totals[0].loss_s
}

fn degraded_s(history: &History) -> f64 {
    history.outcome.totals[0].degraded.as_secs_f64()
}

#[test]
fn old_answers_drain_until_nine_in_ten_have_let_go() {
    // noticed 1030; level = s / 100 from there: 90 % at 1120, all at 1130
    let text = world(&format!("{ORDER}dns = {{ ttl = \"100s\" }}"), &fault("one", "left", &[1000], 5000));
    let history = check_drain(&text, "system", &[down(1000.0, "one", &[(Undetected, 30.0), (Rerouting, 90.0)])]);
    assert!((degraded_s(&history) - 10.0).abs() < 1e-6);
    assert!((loss_s(&history) - 80.0).abs() < 1e-6, "30 s of all, 100 s of half");
}

#[test]
fn those_who_ignore_the_time_to_live_drain_more_slowly() {
    // stale: 0.8 (1 - s/60) + 0.2 (1 - s/600); at s > 60 it is 0.1 when s = 300. Loss 30 + 0.8 x 30 + 0.2 x 300
    let dns = "dns = { ttl = \"60s\", ignore_ttl = \"20%\", ignore_for = \"600s\" }";
    let text = world(&format!("{ORDER}{dns}"), &fault("one", "left", &[1000], 5000));
    let history = check_drain(&text, "system", &[down(1000.0, "one", &[(Undetected, 30.0), (Rerouting, 300.0)])]);
    assert!((degraded_s(&history) - 300.0).abs() < 1e-6);
    assert!((loss_s(&history) - 114.0).abs() < 1e-6);
}

#[test]
fn the_crossing_may_lie_before_the_time_to_live_is_over() {
    // 5 % ignore it: stale = 0.95 (1 - s/60) + 0.05 (1 - s/600) = 0.1 at s = 0.9 / (0.95/60 + 0.05/600)
    let crossing = 0.9 / (0.95 / 60.0 + 0.05 / 600.0);
    let dns = "dns = { ttl = \"60s\", ignore_ttl = \"5%\", ignore_for = \"600s\" }";
    let text = world(&format!("{ORDER}{dns}"), &fault("one", "left", &[1000], 5000));
    check_drain(&text, "system", &[down(1000.0, "one", &[(Undetected, 30.0), (Rerouting, crossing)])]);
}

#[test]
fn anycast_moves_all_once_it_has_converged() {
    let text = world(&format!("{ORDER}anycast = {{ converge = \"45s\" }}"), &fault("one", "left", &[1000], 5000));
    check(&text, "system", &[down(1000.0, "one", &[(Undetected, 30.0), (Rerouting, 45.0)])]);
}

#[test]
fn the_old_region_serves_its_stale_clients_when_it_is_back() {
    // noticed 1030, left is back 1060 at level 0.3: those who still hold its answer are served
    let text = world(&format!("{ORDER}dns = {{ ttl = \"100s\" }}"), &fault("one", "left", &[1000], 60));
    let history = check_drain(&text, "system", &[down(1000.0, "one", &[(Undetected, 30.0), (Rerouting, 30.0)])]);
    assert!((loss_s(&history) - (30.0 + 30.0 - 4.5)).abs() < 1e-6, "30 + integral of 1 - s/100 over 30 s");
    assert!(degraded_s(&history) < 1e-6, "from 1060 on all are served: {}", degraded_s(&history));
}

#[test]
fn active_active_loses_only_the_share_of_the_lost_region() {
    // level 0.6 until 1030, then 0.6 + 0.4 s / 100: 90 % at 1105, all at 1130
    let keys = format!("{HALVES}weights = {{ left = \"40%\", right = \"60%\" }}\ndns = {{ ttl = \"100s\" }}");
    let text = world(&keys, &fault("one", "left", &[1000], 5000));
    let history = check_drain(&text, "system", &[down(1000.0, "one", &[(Undetected, 30.0), (Rerouting, 75.0)])]);
    assert!((degraded_s(&history) - 25.0).abs() < 1e-6, "and none on the way back");
    assert!((loss_s(&history) - 32.0).abs() < 1e-6, "0.4 x 30 + 0.4 x 50");
}

#[test]
fn a_small_share_lost_is_degraded_and_not_down() {
    let keys = format!("{HALVES}weights = {{ left = \"5%\", right = \"95%\" }}\ndns = {{ ttl = \"100s\" }}");
    let history = check(&world(&keys, &fault("one", "left", &[1000], 5000)), "system", &[]);
    assert!((degraded_s(&history) - 130.0).abs() < 1e-6);
    assert!((loss_s(&history) - 0.05 * 80.0).abs() < 1e-6);
}

#[test]
fn clients_that_move_between_regions_that_serve_lose_nothing() {
    // after the drain away from c, its users come back at 6030 over 100 s (7 % over 600 s) while all regions serve
    let text = "version = 1\nhorizon = \"10000s\"\n[regions]\na = {}\nb = {}\nc = {}\n[services.web]\n[routing]\n\
                policy = \"weighted\"\ndetect = \"30s\"\nweights = { a = \"23%\", b = \"59%\", c = \"18%\" }\n\
                dns = { ttl = \"100s\", ignore_ttl = \"7%\", ignore_for = \"600s\" }\n"
        .to_owned()
        + &fault("one", "c", &[1000], 5000);
    let history = history(&text);
    // down until 0.18 x stale = 0.1, degraded until 1630; nothing later
    let totals = &history.outcome.totals[0];
    let lost = totals.degraded.as_secs_f64() + totals.down.as_secs_f64();
    assert!((lost - 630.0).abs() < 1e-6, "{lost}");
}

#[test]
fn two_failures_within_one_time_to_live() {
    // Left out 1000 to 1050, noticed 1010: answer right, level s/100 until left is back at 1050 (0.4 by then), which
    // serves the rest. Noticed 1060: answer left; half follow right, over 100 s. Right dies 1080 when 0.4 still follow
    // it: 0.5 (1 - s/100) = 0.1 at s = 80, 1140.
    let keys = "policy = \"geo\"\ndetect = \"10s\"\ndns = { ttl = \"100s\" }";
    let more = "[users.u]\nnear = \"left\"\n".to_owned()
        + &fault("one", "left", &[1000], 50)
        + &fault("two", "right", &[1080], 1000);
    let first = down(1000.0, "one", &[(Undetected, 10.0), (Rerouting, 40.0)]);
    let second = down(1080.0, "two", &[(Rerouting, 60.0)]);
    let history = check_drain(&world(keys, &more), "u", &[first, second]);
    // 10 + (40 - 8) + 0.5 (80 - 48)
    assert!((loss_s(&history) - 58.0).abs() < 1e-6, "{}", loss_s(&history));
    assert!((degraded_s(&history) - 20.0).abs() < 1e-6, "1140 to 1160: {}", degraded_s(&history));
}

#[test]
fn an_outage_that_begins_along_a_slope_begins_in_the_stage_that_holds_then() {
    // Left out 1000 to 1200, noticed 1010, all on right by 1110; noticed back 1210, they drain back over 100 s.
    // Left dies again 1215 with 5 % on it; level 0.95 - s/100 falls below 90 % at 1220; noticed 1225 at 0.85: answer
    // right again, the 0.15 that had moved follow over 100 s: 90 % when 0.15 (1 - s/100) = 0.1, s = 100/3.
    let keys = "policy = \"geo\"\ndetect = \"10s\"\ndns = { ttl = \"100s\" }";
    let more = "[users.u]\nnear = \"left\"\n".to_owned()
        + &fault("one", "left", &[1000], 200)
        + &fault("two", "left", &[1215], 1000);
    let first = down(1000.0, "one", &[(Undetected, 10.0), (Rerouting, 90.0)]);
    let second = down(1220.0, "two", &[(Undetected, 5.0), (Rerouting, 100.0 / 3.0)]);
    check_drain(&world(keys, &more), "u", &[first, second]);
}

#[test]
fn a_region_that_blips_while_it_waits_for_its_users_gets_them_later() {
    // Left out 1000 to 1100, noticed 1010 and 1110, due 1710; out again 1300 to 1305, too short to be noticed. When
    // right dies at 3000, left must have its half: level 0.5 until 3010, then all on left.
    let keys = "policy = \"weighted\"\ndetect = \"10s\"\nweights = { left = \"50%\", right = \"50%\" }\n\
                failback = { after = \"600s\" }";
    let more = fault("one", "left", &[1000], 100)
        + &fault("two", "left", &[1300], 5)
        + &fault("three", "right", &[3000], 1000);
    let first = down(1000.0, "one", &[(Undetected, 10.0)]);
    let last = down(3000.0, "three", &[(Undetected, 10.0)]);
    check(&world(keys, &more), "system", &[first, last]);
}

#[test]
fn users_return_after_the_failback_wait_only() {
    // left healthy again 1100, noticed 1110, users back 1710: its second outage at 1500 is nobody's, that at 2000 half's
    let keys = "policy = \"weighted\"\ndetect = \"10s\"\nweights = { left = \"50%\", right = \"50%\" }\n\
                failback = { after = \"600s\" }";
    let early = world(keys, &fault("one", "left", &[1000, 1500], 100));
    check(&early, "system", &[down(1000.0, "one", &[(Undetected, 10.0)])]);
    let late = world(keys, &fault("one", "left", &[1000, 2000], 100));
    let halves = [1000.0, 2000.0].map(|start| down(start, "one", &[(Undetected, 10.0)]));
    check(&late, "system", &halves);
}

#[test]
fn with_no_region_healthy_answers_stay_as_they_were() {
    // left out 1000 to 2000 (noticed 1010 to 2010), right out 1500 to 1600: users on right wait for right
    let keys = "policy = \"geo\"\ndetect = \"10s\"";
    let more = "[users.u]\nnear = \"left\"\n".to_owned()
        + &fault("one", "left", &[1000], 1000)
        + &fault("two", "right", &[1500], 100);
    let first = down(1000.0, "one", &[(Undetected, 10.0)]);
    let second = down(1500.0, "two", &[(Undetected, 10.0), (Repairing, 90.0)]);
    check(&world(keys, &more), "u", &[first, second]);
}

#[test]
fn nodes_restart_after_the_outage_of_their_region() {
    let text = "version = 1\nhorizon = \"10000s\"\nregions.only.restart = \"120s\"\n[services.web]\n".to_owned()
        + &fault("one", "only", &[1000], 200);
    check(&text, "system", &[down(1000.0, "one", &[(Repairing, 320.0)])]);
    // an outage during the restart: 1250 to 1300, then 120 more
    let twice = text.clone() + &fault("two", "only", &[1250], 50);
    check(&twice, "system", &[down(1000.0, "one", &[(Repairing, 420.0)])]);
    // one while it is still out: 1100 to 1150 changes nothing
    let within = text + &fault("two", "only", &[1100], 50);
    check(&within, "system", &[down(1000.0, "one", &[(Repairing, 320.0)])]);
}

#[test]
fn a_lost_region_takes_database_and_users_each_on_its_own_way() {
    // db noticed 1020, promoted 1120; users noticed 1030, moved at once: nothing serves before 1120
    let text = format!(
        "version = 1\nhorizon = \"10000s\"\n[regions]\nleft = {{}}\nright = {{}}\n[services.web]\n\
         depends_on = [\"db\"]\n[services.db.failover]\norder = [\"left\", \"right\"]\ndetect = \"20s\"\n\
         promote = \"100s\"\n[routing]\n{ORDER}{}",
        fault("one", "left", &[1000], 5000)
    );
    check(&text, "system", &[down(1000.0, "one", &[(Undetected, 30.0), (Promoting, 90.0)])]);
    check(&text, "db", &[down(1000.0, "one", &[(Undetected, 20.0), (Promoting, 100.0)])]);
}

#[test]
fn an_entry_with_failover_is_followed_along_dns() {
    // in charge 1090; clients then let go of left over 100 s
    let text = pair("", &("[routing]\ndns = { ttl = \"100s\" }\n".to_owned() + &fault("one", "db@left", &[1000], 5000)));
    let stages = [(Undetected, 30.0), (Promoting, 60.0), (Rerouting, 90.0)];
    check_drain(&text, "system", &[down(1000.0, "one", &stages)]);
}

// ---- what never ends, what overlaps

#[test]
fn a_part_that_is_never_repaired_is_down_from_its_fault_on() {
    let text = "version = 1\nhorizon = \"10000s\"\n[services.web]\nfaults = { fails = \"1000s\", repair = \"never\" }\n";
    let history = check(text, "system", &[down(1000.0, "web", &[(Repairing, 9000.0)])]);
    let site = &history.outcome.sites[0];
    assert_eq!((site.changes, site.down_ns), ([1, 0], 9_000_000_000_000));
}

#[test]
fn fixed_lives_and_repairs_alternate_to_the_nanosecond() {
    let text = "version = 1\nhorizon = \"10000s\"\n[services.web]\nfaults = { fails = \"1000s\", repair = \"100s\" }\n";
    let expected: Vec<Down> =
        (0..9).map(|k| down(1000.0 + 1100.0 * f64::from(k), "web", &[(Repairing, 100.0)])).collect();
    let history = check(text, "system", &expected);
    assert_eq!(history.outcome.sites[0].changes, [9, 9]);
    assert_eq!(history.outcome.sites[0].down_ns, 900_000_000_000);
}

#[test]
fn calendar_faults_may_overlap_themselves() {
    // every 1000 s for 1500 s: down from the first to the end
    let text = "version = 1\nhorizon = \"10000s\"\n[services.web]\n[faults.one]\ntarget = \"web\"\nevery = \"1000s\"\n\
                for = \"1500s\"\n";
    check(text, "system", &[down(1000.0, "one", &[(Repairing, 9000.0)])]);
}

#[test]
fn a_part_in_use_only_while_it_runs_does_not_age_under_a_mask() {
    // running age: 1000 s of it; the zone is out 500 to 700, so the crash comes at 1200 and is mended 1300
    let text = "version = 1\nhorizon = \"2000s\"\n[regions.only]\n[services.web]\n\
                faults = { fails = \"1000s\", repair = \"100s\", ages = \"running\" }\n"
        .to_owned()
        + &fault("z", "only/a", &[500], 200);
    let first = down(500.0, "z", &[(Repairing, 200.0)]);
    check(&text, "system", &[first.clone(), down(1200.0, "web", &[(Repairing, 100.0)])]);
    // always: it comes at 1000
    let always = text.replace("running", "always");
    check(&always, "system", &[first, down(1000.0, "web", &[(Repairing, 100.0)])]);
}

#[test]
fn faults_on_one_part_compete() {
    // two faults at 1000 and 1500 of age; the first holds the part 1000 to 1200, the second's clock stands still
    // meanwhile: due 1700
    let text = "version = 1\nhorizon = \"2100s\"\n[services.web]\nfaults = [\n\
                { fails = \"1000s\", repair = \"200s\", cause = \"a\" },\n\
                { fails = \"1500s\", repair = \"100s\", cause = \"b\" }]\n";
    // a: renewed at 1200, its age stands still 1700 to 1800, so its next fault is at 2300, beyond the end
    let expected = [down(1000.0, "a", &[(Repairing, 200.0)]), down(1700.0, "b", &[(Repairing, 100.0)])];
    check(text, "system", &expected);
}

#[test]
fn a_standby_ages_at_its_own_pace() {
    // right ages half as fast while it waits: by 1090 its 2000 s of life are 1090 / 2 = 545 spent; then 1455 more
    let text = "version = 1\nhorizon = \"3000s\"\n[regions]\nleft = {}\nright = {}\n[services.db]\n\
                standby = { running = \"100%\", ageing = 0.5, wake = \"0s\" }\n[services.db.pools.left]\n\
                faults = { fails = \"1000s\", repair = \"9000s\" }\n[services.db.pools.right]\n\
                faults = { fails = \"2000s\", repair = \"9000s\" }\n[services.db.failover]\n\
                order = [\"left\", \"right\"]\ndetect = \"30s\"\npromote = \"60s\"\n";
    let first = down(1000.0, "db", &[(Undetected, 30.0), (Promoting, 60.0)]);
    let second = down(2545.0, "db", &[(Undetected, 30.0), (Repairing, 425.0)]);
    let found = history(text).outages("db");
    let starts: Vec<f64> = found.iter().map(|outage| outage.start_s).collect();
    assert_eq!(starts, [first.start_s, second.start_s]);
    assert_eq!((&found[0].stages, &found[1].stages), (&first.stages, &second.stages));
}
