//! Histories that can be worked out by hand: fixed laws and calendar faults leave one possible course of events.
//!
//! Start, length and every stage of each outage are compared to the nanosecond (seconds as floats are exact there);
//! where clients drain along a slope, to the microsecond. The arithmetic stands beside each case. Phases of health
//! checks are random: those cases state bounds.

use crate::cases::{BACK, check, down, fault, pair};
use crate::lab::{Down, history, trial};
use ninefold::results::raw::Stage::{Deciding, FailingBack, Promoting, Repairing, Undetected, Warming};

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
fn health_during_the_failover_counts_for_the_way_back() {
    // fault 1000, back 1050 while right is promoted until 1090; due 1050 + 1000
    let text = pair(BACK, &fault("one", "db@left", &[1000], 50));
    let first = down(1000.0, "one", &[(Undetected, 30.0), (Promoting, 60.0)]);
    let second = down(2050.0, "failback", &[(FailingBack, 20.0)]);
    check(&text, "db", &[first, second]);
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
    // without a failover: left has been well for long enough by then, and takes over
    let keys = "mode = \"manual\"\npage = \"300s\"\nfailback = { after = \"1000s\", takes = \"20s\" }";
    let more = fault("one", "db@left", &[1000], 400) + &fault("two", "db@right", &[2300], 200);
    let history = history(&pair(keys, &more));
    let found = history.outages("db");
    assert_eq!(found[1], down(2300.0, "two", &[(Undetected, 30.0), (Deciding, 170.0), (FailingBack, 20.0)]));
    assert_eq!(found.len(), 2, "one way back: {found:#?}");
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
    for (check, fault, least) in
        [(fixed, &crash, 20.0), (fixed, &silent, 24.0), (after, &crash, 20.0), (after, &silent, 32.0)]
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

// ---- services that need each other

#[test]
fn what_needs_another_service_with_a_failover_serves_from_the_start() {
    // app calls mid, which depends on db: the outage of db is all there is
    let text = "version = 1\nhorizon = \"10000s\"\n[regions]\nleft = {}\nright = {}\n\
                [services.app]\ncalls.mid = {}\n[services.app.failover]\norder = [\"left\", \"right\"]\n\
                [services.mid]\ndepends_on = [\"db\"]\n\
                [services.db.failover]\norder = [\"left\", \"right\"]\ndetect = \"30s\"\npromote = \"60s\"\n"
        .to_owned()
        + &fault("one", "db@left", &[1000], 5000);
    let expected = [down(1000.0, "one", &[(Undetected, 30.0), (Promoting, 60.0)])];
    check(&text, "db", &expected);
    check(&text, "app", &expected);
    check(&text, "system", &expected);
}

#[test]
fn users_with_an_old_answer_wait_for_it_to_expire_whatever_else_counts() {
    // with room for all of them the demand is a fluid, and says what the gates say without: half of two minutes is lost
    let text = |capacity: &str, dns: &str| {
        format!(
            "version = 1\nhorizon = \"10000s\"\n[regions]\nleft = {{}}\nright = {{}}\n[services.app]\n{capacity}\n\
             [services.app.failover]\norder = [\"left\", \"right\"]\n{dns}\n\
             [users.folk]\nnear = \"left\"\nrate = \"10/s\"\n"
        ) + &fault("one", "app@left", &[1000], 5000)
    };
    let lost = |capacity: &str, dns: &str| {
        let history = history(&text(capacity, dns));
        let system = history.subject("system");
        history.outcome.totals[system].loss_s
    };
    for capacity in ["", "capacity = \"100/s\""] {
        let cached = lost(capacity, "[routing]\ndns = { ttl = \"2min\" }");
        assert!((cached - 60.0).abs() < 1e-3, "{capacity}: {cached} s lost");
        assert!(lost(capacity, "").abs() < 1e-9, "{capacity}: nobody caches anything");
    }
}
