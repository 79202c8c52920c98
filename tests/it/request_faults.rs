//! Each way to fail, as a request feels it.
//!
//! A request comes every 100 ms (the first at 0.1 s, one at each instant of a fault) and takes 250 ms of work, so that at
//! any time two are in hand, and everything can be counted by hand: a fault from 10 s to 15 s meets the requests of 9.8 s
//! and 9.9 s in work, and 50 come while it lasts.

use crate::lab::{check, model};
use crate::request_lab::{Counts, HEAD, counts, mean, ratio, run_full, times, trials};
use ninefold::resilience::ErrorClass;
use ninefold::results::measure::Measure;
use ninefold::simulation::Compiled;
use ninefold::simulation::trace::TraceEvent;
use ninefold::time::Time;

/// Requests that come in 30 s.
const ALL: u64 = 299;
/// Of these, still in work at the end.
const LATE: u64 = 2;

/// A service with these keys, users with these, and the tables after them.
fn scene(service: &str, users: &str, tables: &str) -> String {
    format!(
        "{HEAD}horizon = \"30s\"\n[services.app]\nservice_time = \"250ms\"\n{service}\n[users.folk]\nrate = \"10/s\"\n\
         arrivals = \"regular\"\n{users}\n{tables}\n"
    )
}

/// A fault of the service from 10 s to 15 s.
fn struck(fault: &str) -> String {
    format!("[faults.f]\ntarget = \"app\"\nat = \"10s\"\nfor = \"5s\"\n{fault}")
}

fn failed(counts: &Counts, class: ErrorClass) -> u64 {
    counts.user("folk").failed[class as usize]
}

/// Everybody who did not fail was answered, but for those in work at the end.
#[track_caller]
fn all_but(counts: &Counts, class: ErrorClass, lost: u64) {
    let folk = counts.user("folk");
    assert_eq!((folk.arrived, folk.in_flight()), (ALL, LATE));
    assert_eq!((folk.failures(), failed(counts, class)), (lost, lost), "{:?}", folk.failed);
}

/// Sum of the latencies in milliseconds, and the longest.
fn latency_ms(counts: &Counts) -> (f64, f64) {
    let lengths = &counts.user("folk").latency;
    (lengths.sum_ns as f64 / 1e6, lengths.max.as_secs_f64() * 1e3)
}

#[test]
fn without_a_fault_every_request_takes_its_work() {
    let counts = counts(&scene("", "", ""));
    all_but(&counts, ErrorClass::Connect, 0);
    assert_eq!(latency_ms(&counts), ((ALL - LATE) as f64 * 250.0, 250.0));
}

#[test]
fn a_crash_loses_the_work_in_hand_and_refuses_at_once() {
    // known at once: the 50 that come are not even sent
    let counts_known = counts(&scene("", "timeout = \"1s\"", &struck("")));
    all_but(&counts_known, ErrorClass::Connect, 52);
    assert_eq!(counts_known.service("app").attempts, ALL - 50);
    // not known to the check, they are sent and refused
    let unseen = counts(&scene("health_check = { every = \"10s\" }", "timeout = \"1s\"", &struck("")));
    all_but(&unseen, ErrorClass::Connect, 52);
    assert_eq!((unseen.service("app").attempts, unseen.service("app").started), (ALL, ALL - 50));
}

#[test]
fn a_silent_crash_costs_the_timeout() {
    let check = "health_check = { every = \"10s\" }";
    let counts = counts(&scene(check, "timeout = \"1s\"", &struck("silent = true")));
    all_but(&counts, ErrorClass::Timeout, 52);
    assert_eq!(counts.call("folk->app").given_up, 52);
}

#[test]
fn a_hang_holds_all_work_and_goes_on() {
    let counts = counts(&scene("", "", &struck("mode = \"slow\"\nfactor = inf\ncheck_fails = \"0%\"")));
    all_but(&counts, ErrorClass::Timeout, 0);
    // the two in hand wait 5 s, those that come at 10 + k/10 wait 5 - k/10
    let held = 2.0 * 5_000.0 + 50.0 * 5_000.0 - 100.0 * (49.0 * 50.0 / 2.0);
    assert_eq!(latency_ms(&counts), ((ALL - LATE) as f64 * 250.0 + held, 5_250.0));
}

#[test]
fn slowness_stretches_what_is_left_of_the_work() {
    let counts = counts(&scene("", "", &struck("mode = \"slow\"\nfactor = 4")));
    all_but(&counts, ErrorClass::Timeout, 0);
    // a quarter of the speed between 10 s and 15 s
    let done = |from_ms: f64| {
        let (mut at, mut left) = (from_ms, 250.0);
        for (until, pace) in [(10_000.0, 1.0), (15_000.0, 0.25), (f64::INFINITY, 1.0)] {
            let can = ((until - at) * pace).clamp(0.0, left);
            if can > 0.0 {
                (at, left) = (at + can / pace, left - can);
            }
        }
        at - from_ms
    };
    let expected: f64 = (1..=ALL - LATE).map(|number| done(number as f64 * 100.0)).sum();
    let (sum, longest) = latency_ms(&counts);
    assert!((sum - expected).abs() < 1e-3 && (longest - 1_000.0).abs() < 1e-3, "{sum} {expected} {longest}");
}

#[test]
fn a_share_of_the_answers_of_a_gray_node_fails() {
    let text = format!(
        "{HEAD}horizon = \"1000s\"\n[services.app]\n[users.folk]\nrate = \"20/s\"\n[faults.f]\nmode = \"slow\"\nfactor = 1\n\
         errors = \"30%\"\ntarget = \"app\"\nat = \"200s\"\nfor = \"500s\"\n"
    );
    let counted = trials(&text, times(10, 10));
    let share = ratio(&counted, |trial| (failed(trial, ErrorClass::Error) as f64, trial.user("folk").arrived as f64));
    check("errors", share, 0.5 * 0.3, 0.02);
}

#[test]
fn a_full_disk_fails_writes_only() {
    let classes = "requests = { look = \"75%\", buy = \"25%\" }";
    let tables = format!("[requests]\nlook = {{}}\nbuy = {{ writes = true }}\n{}", struck("mode = \"disk-full\""));
    let counts = counts(&scene("", classes, &tables));
    let (look, buy) = (counts.user("class look"), counts.user("class buy"));
    assert_eq!((look.failures(), look.in_flight() + buy.in_flight()), (0, LATE));
    let lost = buy.failures();
    assert!(failed(&counts, ErrorClass::Error) == lost && (4..=25).contains(&lost), "a quarter of 50, not {lost}");
}

#[test]
fn a_leak_of_memory_slows_a_node_down_until_it_falls() {
    let fault = "[faults.f]\nmode = \"memory-exhaustion\"\ntarget = \"app\"\nat = \"5s\"\nfor = \"15s\"\nramp = \"10s\"\nfactor = 5";
    let counts = counts(&scene("", "timeout = \"2s\"", fault));
    // from 15 s to 20 s it is down, whatever is in work then is lost; none fails on the ramp
    let lost = failed(&counts, ErrorClass::Connect);
    assert_eq!(counts.user("folk").failures(), lost);
    assert!((60..=64).contains(&lost), "{lost}: 50 that come, and 1.25 s worth of work in hand");
    assert_eq!(counts.seconds(0, 13), (129, 129));
    assert_eq!(counts.seconds(15, 20), (50, 0));
    let (_, longest) = latency_ms(&counts);
    assert!((1_000.0..1_250.0).contains(&longest), "up to 5 x 250 ms, not {longest}");
}

#[test]
fn a_skewed_clock_fails_a_share_and_sees_deadlines_too_early() {
    let skewed = |skew: &str, errors: &str| {
        let fault = format!("mode = \"clock-skew\"\nskew = \"{skew}\"\nerrors = \"{errors}\"");
        counts(&scene("", "deadline = \"1s\"", &struck(&fault)))
    };
    all_but(&skewed("500ms", "0%"), ErrorClass::Error, 0);
    all_but(&skewed("2s", "0%"), ErrorClass::Error, 50);
    // work in hand when it begins ends under it too
    all_but(&skewed("1ms", "100%"), ErrorClass::Error, 50);
}

/// The users' link in this direction is cut from 10 s to 15 s.
fn cut(way: &str) -> Counts {
    let fault = "faults = { mode = \"partition\", at = \"10s\", for = \"5s\" }";
    counts(&scene("", "timeout = \"1s\"", &format!("[links.\"{way}\"]\n{fault}\n")))
}

#[test]
fn a_cut_way_loses_what_crosses_it() {
    // those sent meanwhile, and the answers of the two in work
    let both = cut("folk <-> here");
    all_but(&both, ErrorClass::Timeout, 52);
    assert_eq!(both.service("app").started, ALL - 50);
}

#[test]
fn a_way_that_is_cut_in_one_direction_still_carries_the_other() {
    let there = cut("folk -> here");
    all_but(&there, ErrorClass::Timeout, 50);
    assert_eq!(there.service("app").started, ALL - 50);
    // the work is done, its answers are lost: of those that end from 10 s to 15 s, sent from 9.8 s to 14.7 s
    let back = cut("here -> folk");
    all_but(&back, ErrorClass::Timeout, 50);
    assert_eq!(back.service("app").started, ALL);
}

#[test]
fn a_lossy_way_loses_requests_and_answers() {
    let text = format!(
        "{HEAD}horizon = \"500s\"\n[services.app]\n[users.folk]\nrate = \"20/s\"\ntimeout = \"1s\"\n\
         [links.\"folk <-> here\"]\nloss = \"10%\"\n"
    );
    let counted = trials(&text, times(10, 10));
    let share = ratio(&counted, |trial| (failed(trial, ErrorClass::Timeout) as f64, trial.user("folk").arrived as f64));
    check("loss", share, 1.0 - 0.9 * 0.9, 0.02);
}

#[test]
fn a_region_that_goes_out_takes_its_work_along() {
    let out = |silent: bool| {
        let region = format!("[regions.here]\noutage = {{ at = \"10s\", for = \"5s\", silent = {silent} }}\n");
        counts(&scene("", "timeout = \"1s\"", &region))
    };
    all_but(&out(false), ErrorClass::Connect, 52);
    let silent = out(true);
    let folk = silent.user("folk");
    assert_eq!((folk.failures(), folk.in_flight()), (52, LATE));
    // in hand: nothing is heard; those that come find a region that routing knows to be out
    assert!(failed(&silent, ErrorClass::Timeout) >= 2, "{:?}", folk.failed);
}

#[test]
fn a_crash_gives_back_what_its_node_had_under_its_limit() {
    let limit = "concurrency_limit = \"aimd(initial=4, min=1, max=4)\"";
    // two hold a place when it falls; were these lost, three at a time would no longer be let in
    all_but(&counts(&scene(limit, "", &struck(""))), ErrorClass::Connect, 52);
}

/// One of two nodes falls ten times: half of the 20 requests a second are refused until the third failed check, 2 to 3 s
/// after; then all go to the other.
#[test]
fn balancers_meet_a_dead_node_until_its_check_knows() {
    let text = format!(
        "{HEAD}horizon = \"1050s\"\n[services.app]\nnodes = 2\nneed = 1\n\
         health_check = {{ every = \"1s\", timeout = \"500ms\", down_after = 3 }}\n[users.folk]\nrate = \"20/s\"\n\
         [faults.f]\ntarget = \"1 of app\"\nevery = \"100s\"\nfor = \"20s\"\n"
    );
    let counted = trials(&text, times(20, 10));
    let lost = ratio(&counted, |trial| (failed(trial, ErrorClass::Connect) as f64, 10.0));
    check("refused a fault", lost, 20.0 / 2.0 * 2.5, 0.02);
}

/// Two of three nodes are dead and known to be: with `panic = "0%"` nobody is sent to them, by default everybody is sent
/// everywhere.
#[test]
fn without_panic_the_one_node_that_is_well_serves_all() {
    let failures = |panic: &str| {
        let text = format!(
            "{HEAD}horizon = \"100s\"\n[services.app]\nnodes = 3\nneed = 1\n[users.folk]\nrate = \"20/s\"\n{panic}\n\
             [faults.f]\ntarget = \"2 of app\"\nat = \"50s\"\nfor = \"20s\"\n"
        );
        counts(&text).user("folk").failures()
    };
    assert_eq!(failures("panic = \"0%\""), 0);
    assert!(failures("") > 200, "two thirds of 400");
}

/// One of two nodes crashes from 100 s to 200 s and no check sees it, so that half of the requests of that time fail. Where
/// each check has an even chance to fail, three in a row come soon, and the node is left out.
#[test]
fn a_crash_that_checks_do_not_see_fails_its_share_of_requests() {
    let failed = |check_fails: &str, check: &str| {
        let text = format!(
            "{HEAD}horizon = \"300s\"\n[services.app]\nnodes = 2\nneed = 1\n{check}\n[users.folk]\nrate = \"10/s\"\n\
             arrivals = \"regular\"\n[faults.f]\ntarget = \"1 of app\"\nat = \"100s\"\nfor = \"100s\"\n\
             check_fails = \"{check_fails}\"\n"
        );
        let counted = counts(&text);
        let lost = |from, to| {
            let (came, answered) = counted.seconds(from, to);
            came - answered
        };
        assert_eq!((lost(0, 100), lost(200, 299)), (0, 0), "{check_fails} {check}");
        lost(100, 200)
    };
    let quick = "health_check = { every = \"1s\", timeout = \"1s\", down_after = 3, up_after = 1000 }";
    for check in ["", quick, "health_check = { through_queue = true }"] {
        assert!((499..=501).contains(&failed("0%", check)), "{check}");
    }
    // 14 checks of a mean to three failures in a row, five requests lost a second
    assert!((5..=400).contains(&failed("50%", quick)));
    // all know at once
    assert_eq!(failed("100%", ""), 0);
}

/// Every 5 s a request whose caller asks for ten seconds of work aside, and whose user leaves after one: what was asked
/// goes with it, and the only slot aside is free for the next.
#[test]
fn the_tier_of_a_call_that_nobody_waits_for_is_given_up() {
    let text = format!(
        "{HEAD}horizon = \"1000s\"\n[services.app]\non_caller_gone = \"stop\"\n\
         calls.back = {{ fallback = [{{ tier = \"aside\", calls = \"aside\" }}] }}\n[services.back]\nerrors = \"100%\"\n\
         [services.aside]\nslots = 1\nservice_time = \"10s\"\non_caller_gone = \"stop\"\n\
         [users.folk]\nrate = \"0.2/s\"\narrivals = \"regular\"\ntimeout = \"1s\"\n"
    );
    let counted = counts(&text);
    let aside = counted.service("aside");
    assert_eq!((aside.started, aside.waited), (counted.user("folk").arrived, 0));
}

/// A node hangs 80 s after it began, is restarted, and hangs again before it has passed its checks as often as `up_after`
/// says: it is restarted again, and users wait no longer than the first time.
#[test]
fn a_node_that_hangs_again_after_its_restart_is_restarted_again() {
    let text = format!(
        "{HEAD}horizon = \"275s\"\n[services.app]\n\
         faults = {{ mode = \"slow\", factor = inf, fails = \"80s\", repair = \"500s\" }}\n\
         liveness = {{ every = \"10s\", timeout = \"1s\", down_after = 3, up_after = 6, restart = \"30s\" }}\n\
         [users.folk]\nrate = \"10/s\"\ntimeout = \"1s\"\narrivals = \"regular\"\n"
    );
    let failures = counts(&text).user("folk").failures();
    // twice 20 to 30 s until it is noticed, and 30 s of restart
    assert!((1_000..=1_200).contains(&failures), "{failures} requests failed");
}

/// A node hangs at 10 s, by the calendar, for 40 s. The third check in a row fails 2 to 3 s later, the restart takes 5 s and
/// ends the hang: 70 to 80 requests come meanwhile and fail, with the two in hand. The service is down as long as its users.
#[test]
fn a_restart_ends_what_the_calendar_has_begun() {
    let liveness = "liveness = { every = \"1s\", timeout = \"1s\", down_after = 3, restart = \"5s\" }";
    let hang = "target = \"app\"\nmode = \"slow\"\nfactor = inf\n";
    let at = "[faults.f]\nat = \"10s\"\nfor = \"40s\"\n";
    let every = "[faults.f]\nevery = \"100s\"\nfirst = \"10s\"\nfor = \"40s\"\n";
    for fault in [format!("{at}{hang}"), format!("{every}{hang}"), format!("{at}{}", hang.replace("app", "1 of app"))] {
        let text = scene(liveness, "timeout = \"1s\"", &fault);
        let failures = counts(&text).user("folk").failures();
        assert!((70..=84).contains(&failures), "{failures} requests failed\n{fault}");
        let results = run_full(&text, 4);
        let down = |subject| 30.0 * mean(&results, Measure::UnavailabilityTime, subject).0;
        let (service, system) = (down("app"), down("system"));
        assert!((7.0..=8.0).contains(&service), "{service} s down\n{fault}");
        // users count whole seconds, and that of the two in hand
        assert!((service..=service + 3.0).contains(&system), "{system} s down, the service {service}\n{fault}");
    }
}

#[test]
fn a_trace_tells_of_restarts() {
    let liveness = "liveness = { every = \"1s\", timeout = \"1s\", down_after = 3, restart = \"5s\" }";
    let text = scene(liveness, "timeout = \"1s\"", &struck("mode = \"slow\"\nfactor = inf"));
    let (_, lines) = Compiled::full(&model(&text)).simulator().run_traced(1, 0);
    let at = |wanted: &dyn Fn(&TraceEvent) -> bool| {
        let found: Vec<f64> = lines
            .iter()
            .filter(|line| wanted(&line.event))
            .map(|line| line.at.since(Time::ZERO).as_secs_f64())
            .collect();
        assert_eq!(found.len(), 1, "{lines:?}");
        found[0]
    };
    let begun = at(&|event| matches!(event, TraceEvent::RestartBegun { .. }));
    assert!((12.0..=13.0).contains(&begun), "{begun}");
    assert!((at(&|event| matches!(event, TraceEvent::RestartOver { .. })) - begun - 5.0).abs() < 1e-6);
    assert!((at(&|event| matches!(event, TraceEvent::Repair { .. })) - begun).abs() < 1e-6, "mended as it begins");
}

/// It comes back once it has been mended, not again when the calendar says so: the next round strikes it anew.
#[test]
fn a_fault_that_was_mended_early_is_over_once() {
    let liveness = "liveness = { every = \"1s\", timeout = \"1s\", down_after = 3, restart = \"2s\" }";
    let fault =
        "[faults.f]\nevery = \"10s\"\nfirst = \"5s\"\nfor = \"8s\"\ntarget = \"app\"\nmode = \"slow\"\nfactor = inf\n";
    let failures = counts(&scene(liveness, "timeout = \"1s\"", fault)).user("folk").failures();
    // three rounds, the last of them in full too: 4 to 5 s each, and who is in hand
    assert!((120..=165).contains(&failures), "{failures} requests failed");
}

/// A full disk is no matter of a restart.
#[test]
fn a_restart_does_not_empty_a_disk() {
    let liveness = "liveness = { every = \"1s\", timeout = \"1s\", down_after = 1, restart = \"1s\" }";
    let fault = "mode = \"disk-full\"\ncheck_fails = \"100%\"";
    let counts = counts(&scene(liveness, "timeout = \"1s\"", &struck(fault)));
    // all that write fail while it lasts, at once or as work lost by a restart
    assert!((50..=60).contains(&counts.user("folk").failures()), "{:?}", counts.user("folk").failed);
}

/// One of three zones is cut off for 5 s: without a check everybody knows at once, and only who was in hand there is lost.
/// A check misses it three times, 2 to 3 s, a third of 10 requests a second; one that is never missed loses a third of 50.
#[test]
fn nobody_is_sent_into_a_zone_that_is_known_to_be_cut_off() {
    let failures = |check: &str, fails: &str| {
        let tables = format!(
            "[faults.f]\ntarget = \"here/x\"\nmode = \"partition\"\nat = \"10s\"\nfor = \"5s\"\n{fails}\n\
             [regions.here]\nzones = [\"x\", \"y\", \"z\"]\n"
        );
        let counts = counts(&scene(&format!("nodes = 3\nneed = 1\n{check}"), "timeout = \"1s\"", &tables));
        counts.user("folk").failures()
    };
    assert!(failures("", "") <= 1);
    let check = "health_check = { every = \"1s\", timeout = \"10ms\", down_after = 3 }";
    let noticed = failures(check, "");
    assert!((6..=12).contains(&noticed), "{noticed}");
    let unseen = failures("", "check_fails = \"0%\"");
    assert!((16..=18).contains(&unseen), "{unseen}");
}
