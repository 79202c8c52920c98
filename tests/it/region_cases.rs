//! Histories of regions and routing that can be worked out by hand: what users lose while they are sent elsewhere.
//!
//! As `failover_cases`: fixed laws, one possible course of events, the arithmetic beside each case. Where clients drain
//! along a slope, instants are compared to the microsecond.

use crate::cases::{BACK, check, check_drain, down, fault, pair};
use crate::lab::{History, history, run_text, value};
use ninefold::results::measure::Measure;
use ninefold::results::raw::Stage::{FailingBack, Promoting, Repairing, Rerouting, Undetected};

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

/// Led away, then out for the way back, then out for too short a time to be noticed: only the first is a failover.
#[test]
fn users_who_are_led_away_have_an_rto() {
    let keys = format!(
        "{HALVES}weights = {{ left = \"40%\", right = \"60%\" }}\ndns = {{ ttl = \"100s\" }}\n\
         failback = {{ after = \"100s\", takes = \"20s\" }}"
    );
    let more = fault("one", "left", &[1000], 5000) + &fault("two", "left", &[8000], 20);
    let text = world(&keys, &more);
    let history = history(&text);
    let system = history.outcome.outages.iter().filter(|outage| outage.subject == 0);
    let found: Vec<_> = system.map(|outage| (outage.duration.as_secs_f64().round(), outage.failover)).collect();
    // as above 30 s and 75 s
    assert_eq!(found, [(105.0, true), (20.0, false), (20.0, false)]);
    for subject in ["system", "everyone"] {
        let rto = value(&run_text(&text, 1), Measure::Rto, subject, "mean").estimate.expect("one");
        assert!((rto - 105.0).abs() < 1e-6, "{rto}");
    }
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
fn a_region_without_the_entry_gets_no_users() {
    // u is nearest to a region that has nothing to serve it: it uses the other one from the start
    for policy in ["geo", "latency"] {
        let text = format!(
            "version = 1\nhorizon = \"10000s\"\n[regions]\nbare = {{}}\nfull = {{}}\n[services.web]\npools = [\"full\"]\n\
             [routing]\npolicy = \"{policy}\"\ndetect = \"10s\"\n[users.u]\nnear = \"bare\"\n[links.\"u <-> full\"]\n\
             latency = \"50ms\"\n"
        );
        check(&text, "u", &[]);
    }
}

#[test]
fn an_entry_with_failover_is_followed_along_anycast_and_back() {
    // in charge 1090, converged 1135; left is back 1100, due 2100, in charge 2120, converged 2165
    let routing = "[routing]\nanycast = { converge = \"45s\" }\n".to_owned();
    let text = pair(BACK, &(routing + &fault("one", "db@left", &[1000], 100)));
    let first = down(1000.0, "one", &[(Undetected, 30.0), (Promoting, 60.0), (Rerouting, 45.0)]);
    let second = down(2100.0, "failback", &[(Rerouting, 45.0), (FailingBack, 20.0)]);
    check(&text, "system", &[first, second]);
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
    let text =
        pair("", &("[routing]\ndns = { ttl = \"100s\" }\n".to_owned() + &fault("one", "db@left", &[1000], 5000)));
    let stages = [(Undetected, 30.0), (Promoting, 60.0), (Rerouting, 90.0)];
    check_drain(&text, "system", &[down(1000.0, "one", &stages)]);
}

#[test]
fn standbys_stop_when_no_client_follows_an_old_answer_there() {
    // left out 1000 to 1100, noticed 1010, right woken 1060; clients leave left from 1010 to 1610, whose nodes go on for
    // those who are still there. Back on left 3100; right goes on until 3700, and must be woken anew for 5000.
    let text = "version = 1\nhorizon = \"10000s\"\nregions = { left = {}, right = {} }\n[services.web]\n\
                standby = { running = \"0%\", ageing = 0, wake = \"50s\" }\n[routing]\npolicy = \"active-passive\"\n\
                order = [\"left\", \"right\"]\ndetect = \"10s\"\ndns = { ttl = \"600s\" }\nfailback = { after = \"2000s\" }\n"
        .to_owned()
        + &fault("one", "left", &[1000, 5000], 100);
    let once = 60.0 + 40.0 - (90.0 * 90.0 - 50.0 * 50.0) / 1_200.0;
    crate::lab::history(&text).expect_loss("system", 2.0 * once, 1e-6);
}
