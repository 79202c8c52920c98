//! Places that break unseen, or in one role only: a region for disasters that is dead when it is needed. Histories by
//! hand, as in `failover_cases`, and a closed form.

use crate::cases::{check, down, fault, pair};
use crate::lab::{check as agrees, figure, history, run_text};
use crate::request_lab::{HEAD, counts};
use ninefold::results::measure::Measure;
use ninefold::results::raw::Stage::{FailingBack, Promoting, Repairing, Undetected};

/// A service in two regions, left active, an outage there noticed after 30 s; right takes over in 60 s.
fn world(routing: &str, more: &str) -> String {
    format!(
        "version = 1\nhorizon = \"10000s\"\n[regions]\nleft = {{}}\nright = {{}}\n[services.web]\n[routing]\n\
         policy = \"active-passive\"\norder = [\"left\", \"right\"]\ndetect = \"30s\"\npromote = \"60s\"\n{routing}\n{more}"
    )
}

/// A fault of `target` that strikes at an age of 1000 s and takes 100 s to mend.
fn rot(target: &str, keys: &str) -> String {
    format!("[faults.rot]\ntarget = \"{target}\"\nfails = \"1000s\"\nrepair = \"100s\"\n{keys}\n")
}

const UNSEEN: &str = "mode = \"outage\"\nrole = \"standby\"\nlatent = \"100%\"";

#[test]
fn people_take_over_where_the_standby_region_is_dead() {
    // right dies unseen at 1000, left at 5000; the promotion of 5090 lands on a dead region, people mend that by 5690
    let expected = [down(5000.0, "one", &[(Undetected, 30.0), (Promoting, 660.0)])];
    let left = fault("one", "left", &[5000], 1000);
    let away = fault("away", "right", &[2000], 100);
    let human = UNSEEN.replace("outage", "human-error");
    for keys in [UNSEEN, &human] {
        // an outage that everybody saw, and that is over, changes nothing about the one that nobody has seen
        for more in ["", &away] {
            let text = world("manual = \"600s\"", &(left.clone() + more + &rot("right", keys)));
            let history = check(&text, "system", &expected);
            let counts = &history.outcome.failovers[0];
            assert_eq!((counts.begun, counts.automatic, counts.manual), (1, 0, 1), "{keys}");
        }
    }
    // all that nobody sees is gone with it, and the region, in use from 5690, does not age
    let text = world("manual = \"600s\"", &(left + &rot("right", UNSEEN)));
    check(&text, "right", &[down(1000.0, "rot", &[(Repairing, 4690.0)])]);
}

#[test]
fn without_people_the_dead_region_is_found_by_the_failover_to_it() {
    // found 5090, mended 5190; noticed 5120, when left is no candidate either
    let text = world("", &(fault("one", "left", &[5000], 1000) + &rot("right", UNSEEN)));
    let stages = [(Undetected, 60.0), (Promoting, 60.0), (Repairing, 70.0)];
    check(&text, "system", &[down(5000.0, "one", &stages)]);
}

#[test]
fn a_region_that_was_found_dead_restarts_and_one_that_people_mend_is_fit() {
    // found 5090, mended 5190, restarted 5490; where people mend it the 600 s include all
    let text = |keys: &str| {
        world(keys, &(fault("one", "left", &[5000], 1000) + &rot("right", UNSEEN)))
            .replace("right = {}", "right = { restart = \"300s\" }")
    };
    let stages = [(Undetected, 60.0), (Promoting, 60.0), (Repairing, 370.0)];
    check(&text(""), "system", &[down(5000.0, "one", &stages)]);
    check(&text("manual = \"600s\""), "system", &[down(5000.0, "one", &[(Undetected, 30.0), (Promoting, 660.0)])]);
}

#[test]
fn a_failback_lands_on_what_is_dead_there_too() {
    // left is out 1000 to 1100, a standby from 1090 and dead unseen from an age of 500 s on; back at 2100 for 20 s, found out
    // 2120, noticed 2150, right in charge again 2210; mended meanwhile, after which left counts as healthy from 2220 on
    let back = "failback = { after = \"1000s\", takes = \"20s\" }";
    let found = [(Undetected, 30.0), (Promoting, 60.0), (FailingBack, 20.0)];
    for (target, text) in [("left", world(back, "")), ("db@left", pair(back, ""))] {
        let latent = if target == "left" { UNSEEN } else { "role = \"standby\"\nlatent = \"100%\"" };
        let faults = fault("one", target, &[1000], 100) + &rot(target, latent).replace("1000s", "500s");
        let text = text.replace("horizon = \"10000s\"", "horizon = \"3000s\"") + &faults;
        let first = down(1000.0, "one", &[(Undetected, 30.0), (Promoting, 60.0)]);
        check(&text, "system", &[first, down(2100.0, "failback", &found)]);
    }
}

#[test]
fn an_inspection_finds_the_dead_region_in_time() {
    // dead 1000, found 3000, mended 3100: the failover of 3500 lands on a sound one
    let inspected = format!("{UNSEEN}\ninspect = {{ every = \"2000s\", first = \"3000s\" }}");
    let text = world("manual = \"600s\"", &(fault("one", "left", &[3500], 1000) + &rot("right", &inspected)));
    check(&text, "system", &[down(3500.0, "one", &[(Undetected, 30.0), (Promoting, 60.0)])]);
    check(&text, "right", &[down(1000.0, "rot", &[(Repairing, 2100.0)])]);
    // with an inspection that takes the region out for 50 s, at 500 and every 8000 s
    let taking = format!("{UNSEEN}\ninspect = {{ every = \"8000s\", first = \"500s\", takes = \"50s\" }}");
    let text = world("manual = \"600s\"", &rot("right", &taking));
    // 1000 to 8500 unseen, then 50 s of looking and 100 s of mending; the next at 9650
    let outages = [("inspection", 500.0, 50.0), ("rot", 1000.0, 7650.0), ("rot", 9650.0, 350.0)];
    let outages = outages.map(|(cause, start, lasts)| down(start, cause, &[(Repairing, lasts)]));
    check(&text, "right", &outages);
}

#[test]
fn a_zone_that_is_dead_unseen_is_found_by_a_promotion_into_it() {
    // the primary crashes at 5000; found 5090, noticed 5120 with nobody to take over, mended 5190, noticed 5220, promoted
    // 5280
    let crash = fault("one", "db@left", &[5000], 1000);
    let stages = [(Undetected, 60.0), (Promoting, 120.0), (Repairing, 100.0)];
    check(&pair("", &(crash + &rot("right/a", UNSEEN))), "db", &[down(5000.0, "one", &stages)]);
}

#[test]
fn a_service_that_is_out_unseen_is_nobodys_business_until_somebody_looks() {
    let keys = "mode = \"outage\"\nlatent = \"100%\"\ninspect = { every = \"9000s\", first = \"3000s\" }";
    let text = pair("", &rot("db", keys)).replace("10000s", "3500s");
    // found 3000, noticed 3030, back and fit 3100, noticed again 3130, in charge 3190
    let stages = [(Undetected, 2030.0), (Promoting, 60.0), (Repairing, 100.0)];
    check(&text, "db", &[down(1000.0, "rot", &stages)]);
}

#[test]
fn users_stay_in_a_region_that_fails_unseen() {
    // half of all from 1000 until it is found at 3000 and noticed at 3010
    let text = format!(
        "version = 1\nhorizon = \"4000s\"\n[regions]\nleft = {{}}\nright = {{}}\n[services.web]\n[routing]\n\
         policy = \"weighted\"\ndetect = \"10s\"\nweights = {{ left = \"50%\", right = \"50%\" }}\n{}",
        rot("left", "mode = \"outage\"\nlatent = \"100%\"\ninspect = { every = \"9000s\", first = \"3000s\" }")
    );
    let history = check(&text, "system", &[down(1000.0, "rot", &[(Undetected, 2010.0)])]);
    history.expect_loss("system", 0.5 * 2010.0, 1e-6);
}

#[test]
fn a_region_ages_in_its_role_only() {
    let both = |role: &str| {
        let keys = format!("mode = \"outage\"\nrole = \"{role}\"");
        rot("left", &keys) + &rot("right", &keys).replace("faults.rot", "faults.rust")
    };
    // right is active from 590, with 590 s of its age behind it for good; left stands by from then on
    let text = world("", &(fault("one", "left", &[500], 100) + &both("standby"))).replace("10000s", "3000s");
    let outages = |cause: &str, starts: &[f64]| {
        starts.iter().map(|&start| down(start, cause, &[(Repairing, 100.0)])).collect::<Vec<_>>()
    };
    let [first, later] = [outages("one", &[500.0]), outages("rot", &[1590.0, 2690.0])];
    check(&text, "left", &[first, later].concat());
    check(&text, "right", &[]);
    // left dies at 1000, right at an age of 1000 from 1090 on, left again from 2180 on
    let text = world("", &both("primary")).replace("10000s", "3250s");
    check(&text, "right", &outages("rust", &[2090.0]));
    let cut = down(3180.0, "rot", &[(Repairing, 70.0)]);
    check(&text, "left", &[outages("rot", &[1000.0]), vec![cut]].concat());
}

#[test]
fn a_calendar_asks_for_the_role_of_a_region() {
    // right stands by at 1000 and is in use at 4000
    let struck = fault("drill", "right", &[1000, 4000], 100) + "role = \"standby\"\n";
    let text = world("", &(fault("one", "left", &[2000], 100) + &struck));
    check(&text, "right", &[down(1000.0, "drill", &[(Repairing, 100.0)])]);
}

#[test]
fn a_human_error_looks_for_nodes_in_the_role() {
    let slips = |role: &str| {
        let slip = fault("slip", "db", &[500, 3000], 100);
        pair("", &(fault("one", "db@left", &[1000], 100) + &slip))
            + &format!("mode = \"human-error\"\nblast = \"region\"\nrole = \"{role}\"\n")
    };
    let starts = |text: &str| history(text).outages("db").iter().map(|down| down.start_s).collect::<Vec<_>>();
    // left is struck at 500, right in use from 590 on and struck at 3000; that left crashes at 1000 is felt by nobody
    assert_eq!(starts(&slips("primary")), [500.0, 3000.0]);
    // right is struck at 500 and back, left crashes at 1000 and is struck at 3000, when it stands by
    assert_eq!(starts(&slips("standby")), [1000.0]);
}

/// As `a_latent_fault_waits_for_its_inspection` of nodes: lives of a mean of 100 h in which a region ages while it is
/// sound, seen every T = 50 h and mended at once then: dead for the share 1 - (1 - exp(-l T)) / (l T).
#[test]
fn a_standby_region_is_dead_as_long_as_nobody_looks() {
    let text = "version = 1\nhorizon = \"5000h\"\nstart = \"stationary\"\n[regions]\nleft = {}\nright = { outage = { \
                fails = \"exp(mean=100h)\", repair = \"0s\", role = \"standby\", latent = \"100%\", ages = \"running\", \
                inspect = { every = \"50h\" } } }\n[services.web]\n[routing]\npolicy = \"active-passive\"\n\
                order = [\"left\", \"right\"]\n";
    let found = figure(&run_text(text, 1000), Measure::UnavailabilityTime, "right", "mean");
    agrees("a dead standby region", found, 1.0 - 2.0 * (1.0 - f64::exp(-0.5)), 0.02);
}

/// Two nodes in turn, ten requests a second. One dies unseen at 100, alone or with its zone: half of the requests fail,
/// whatever checks look at it, until it is found at 200 and everybody knows.
#[test]
fn requests_meet_what_nobody_sees() {
    let checks = ["", "health_check = {}", "health_check = { through_queue = true }", "liveness = {}"];
    for (target, mode) in [("app@here/a", "crash"), ("here/a", "outage")] {
        for check in checks {
            let text = format!(
                "{HEAD}horizon = \"400s\"\n[regions.here]\nzones = [\"a\", \"b\"]\n[services.app]\nnodes = 2\nneed = 1\n{check}\n\
                 [users.folk]\nrate = \"10/s\"\narrivals = \"regular\"\n[faults.rot]\ntarget = \"{target}\"\nmode = \"{mode}\"\n\
                 silent = false\nfails = \"100s\"\nrepair = \"100s\"\nlatent = \"100%\"\ninspect = {{ every = \"300s\", first = \"200s\" }}\n"
            );
            let counted = counts(&text);
            let failed = |from, to| {
                let (came, answered) = counted.seconds(from, to);
                came - answered
            };
            let [before, unseen] = [failed(0, 100), failed(100, 200)];
            assert!(before == 0 && (499..=501).contains(&unseen), "{target} {check}: {before}, {unseen}");
            // without checks all know at once, with checks after 20 to 30 s; mended 300
            let found = failed(200, 300);
            let known = if check.starts_with("health_check") { 95..=150 } else { 0..=0 };
            assert!(known.contains(&found) && failed(300, 399) == 0, "{target} {check}: {found}");
        }
    }
}
