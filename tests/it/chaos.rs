//! Chaos experiments by the command: verdicts and exit codes, the journal, and cases that can be worked out by hand.

use crate::shell::{Folder, ninefold, ninefold_in};
use serde_json::Value;

/// Ten requests a second, evenly; each calls a payment service that is out from minute 2 to minute 5.
const OUTAGE: &str = r#"
version = 1
name = "breaker"
[users.clients]
rate = "10/s"
arrivals = "regular"
[services.api]
slots = 100
calls.pay = { timeout = "1s", breaker = { consecutive = 5, open_for = "30s" }, fallback = [{ tier = "later" }] }
[services.pay]
kind = "dependency"
[experiments.outage]
steady_state = [
    "success_ratio(system) >= 99%",
    "degraded_ratio(system) <= 0%",
    "breaker_open_time(api->pay) <= 0%",
    "opens_within(api->pay) <= 1s",
    "closes_within(api->pay) <= 31s",
    "load_on(pay, during) <= 1%",
    "recovers_within(api->pay) <= 40s",
]
method = [{ mode = "outage", target = "pay", at = "2min", for = "3min", silent = false }]
length = "10min"
tolerate = "4min"
runs = 3
"#;

fn journal(name: &str, text: &str, flags: &str) -> (Value, Option<i32>) {
    let folder = Folder::new(name);
    std::fs::write(folder.0.join("x.toml"), text).unwrap();
    let output = ninefold_in(&folder.0, &format!("chaos x.toml --json {flags}"));
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    let journal = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}\n{stderr}"));
    (journal, output.status.code())
}

fn condition<'j>(journal: &'j Value, start: &str) -> &'j Value {
    let conditions = journal["ninefold"]["conditions"].as_array().unwrap();
    let found = conditions.iter().find(|condition| condition["condition"].as_str().unwrap().starts_with(start));
    found.unwrap_or_else(|| panic!("no {start}"))
}

/// Requests come every 100 ms, so the fifth failure in a row is 400 ms after the first, whenever in the interval the
/// first comes. Then one probe every 30 s and the time to the next request, and all of them fail until minute 5: so
/// 5 + 5 attempts are made where there were 1800 (one more or less at the edges).
#[test]
fn a_breaker_opens_after_exactly_its_number_of_failures() {
    let (journal, _) = journal("chaos-breaker", OUTAGE, "");
    let opens = condition(&journal, "opens_within")["values"].clone();
    for value in opens.as_array().unwrap() {
        let after = value.as_f64().unwrap();
        assert!((0.4..0.5).contains(&after), "{after}");
    }
    let load = condition(&journal, "load_on")["median"].as_f64().unwrap();
    assert!((9.0 / 1_800.0..=12.0 / 1_800.0).contains(&load), "{load}");
    // open until half a minute after the last failed probe at the latest, then three probes 100 ms apart
    let closes = condition(&journal, "closes_within")["median"].as_f64().unwrap();
    assert!((0.2..=30.3).contains(&closes), "{closes}");
    // open from 2:00.4 but for the waits for probes: nearly all of the three minutes
    let open = condition(&journal, "breaker_open_time")["during"]["value"].as_f64().unwrap();
    assert!((0.99..=0.998).contains(&open), "{open}");
}

/// All requests of the outage are answered by the tier, and no others.
#[test]
fn what_a_tier_answers_is_degraded_while_the_fault_lasts() {
    let (journal, _) = journal("chaos-tier", OUTAGE, "");
    let degraded = condition(&journal, "degraded_ratio");
    let value = |phase: &str| degraded[phase]["value"].as_f64().unwrap();
    assert!(value("before").abs() < 1e-12 && (value("during") - 1.0).abs() < 1e-12);
    // at most until the breaker probes: 30 s of 300
    assert!(value("after") <= 0.11, "{}", value("after"));
    assert_eq!(condition(&journal, "success_ratio")["during"]["value"], 1.0);
}

/// Of the 1800 calls of the outage 9 to 12 reach the service, as above, and the breaker refuses the others, though a tier
/// answers them all: the share of all that was tried, not of the few that were sent.
#[test]
fn what_a_breaker_refuses_is_a_share_of_all_attempts() {
    let text = OUTAGE.replace("steady_state = [", "steady_state = [\n\"rejected(api->pay) <= 0%\",");
    let (journal, _) = journal("chaos-rejected", &text, "");
    let rejected = &condition(&journal, "rejected");
    let during = rejected["during"]["value"].as_f64().unwrap();
    assert!((1_788.0 / 1_800.0..=1_791.0 / 1_800.0).contains(&during), "{during}");
    assert!(rejected["before"]["value"].as_f64().unwrap().abs() < 1e-12);
}

#[test]
fn the_verdict_is_the_exit_code() {
    let (passed, code) = journal("chaos-passed", OUTAGE, "--repeat 20");
    assert_eq!((passed["ninefold"]["verdict"].as_str(), code), (Some("passed"), Some(0)));
    assert_eq!(passed["deviated"], false);
    let (open, code) = journal("chaos-open", OUTAGE, "--repeat 5");
    assert_eq!((open["ninefold"]["verdict"].as_str(), code), (Some("inconclusive"), Some(3)));
    // Clopper and Pearson of 5 of 5: the low end is 2.5 % to the power of 1/5
    let low = open["ninefold"]["share"]["low"].as_f64().unwrap();
    assert!((low - 0.025_f64.powf(0.2)).abs() < 1e-9, "{low}");
    let strict = OUTAGE.replace("tolerate = \"4min\"", "tolerate = \"1min\"");
    let (deviated, code) = journal("chaos-deviated", &strict, "");
    assert_eq!((deviated["ninefold"]["verdict"].as_str(), code), (Some("deviated"), Some(1)));
    assert_eq!(deviated["deviated"], true);
    let idle = OUTAGE.replace("opens_within(api->pay) <= 1s", "latency(system, max) <= 1ms");
    let slow = idle.replace("slots = 100", "slots = 100\nservice_time = \"5ms\"");
    let (before, code) = journal("chaos-before", &slow, "");
    assert_eq!((before["ninefold"]["verdict"].as_str(), code), (Some("deviated before"), Some(1)));
    assert_eq!(before["status"], "failed");
}

#[test]
fn a_policy_that_never_acts_fails_its_test() {
    let never = OUTAGE.replace("consecutive = 5", "consecutive = 100000").replace("1%\"", "1000%\"");
    let (journal, code) = journal("chaos-never", &never, "");
    assert_eq!(code, Some(1));
    let opens = condition(&journal, "opens_within");
    assert!(opens["median"].is_null());
    assert_eq!(opens["held"], serde_json::json!([false, false, false]));
}

#[test]
fn a_journal_has_the_shape_of_chaos_toolkits() {
    let (journal, _) = journal("chaos-shape", OUTAGE, "");
    let keys = [
        "chaoslib-version",
        "experiment",
        "start",
        "status",
        "deviated",
        "steady_states",
        "run",
        "rollbacks",
        "end",
        "duration",
    ];
    for key in keys {
        assert!(journal.get(key).is_some(), "{key}");
    }
    assert_eq!((journal["start"].as_f64(), journal["end"].as_f64()), (Some(0.0), Some(600.0)));
    assert_eq!(journal["experiment"]["steady-state-hypothesis"]["probes"].as_array().unwrap().len(), 7);
    assert_eq!(journal["steady_states"]["before"]["steady_state_met"], true);
    let action = &journal["run"][0];
    assert_eq!((action["start"].as_f64(), action["end"].as_f64()), (Some(120.0), Some(300.0)));
    assert_eq!(action["activity"]["name"], "outage of pay");
}

#[test]
fn threads_change_no_byte_of_a_journal() {
    let folder = Folder::new("chaos-jobs");
    std::fs::write(folder.0.join("x.toml"), OUTAGE.replace("\"regular\"", "\"poisson\"")).unwrap();
    let bytes = |jobs: u32| ninefold_in(&folder.0, &format!("chaos x.toml --json --repeat 8 --jobs {jobs}")).stdout;
    let one = bytes(1);
    assert!(one.len() > 1_000);
    assert!(one == bytes(3));
}

#[test]
fn what_cannot_be_an_experiment_is_refused() {
    let folder = Folder::new("chaos-refused");
    let refused = |text: &str, flags: &str, says: &str| {
        std::fs::write(folder.0.join("x.toml"), text).unwrap();
        let output = ninefold_in(&folder.0, &format!("chaos x.toml {flags}"));
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{stderr}");
        assert!(stderr.contains(says), "{stderr}");
    };
    refused(&OUTAGE.replace("rate = \"10/s\"\narrivals = \"regular\"\n", ""), "", "there are no requests to simulate");
    refused("version = 1\n[users]\na = { rate = \"1/s\" }\n[services.web]\n", "", "has no experiments");
    refused(OUTAGE, "--only other", "it has outage");
    refused(&OUTAGE.replace("opens_within(api->pay)", "opens_within(clients->api)"), "", "has no breaker");
    refused(&OUTAGE.replace("opens_within(api->pay)", "opens_within(pay->api)"), "", "does not call");
    refused(&OUTAGE.replace("success_ratio(system) >= 99%", "success_rate(system) >= 99%"), "", "did you mean");
    refused(&OUTAGE.replace("success_ratio(system) >= 99%", "success_ratio(system) >= 5s"), "", "a percentage");
    refused(&OUTAGE.replace("at = \"2min\"", "fails = \"exp(mean=1h)\", repair = \"1s\""), "", "strikes at an instant");
}

#[test]
fn the_scenarios_of_the_project_end_as_they_say() {
    let code = |args: &str| ninefold(args).status.code();
    assert_eq!(code("chaos scenarios/lose-a-region.toml"), Some(0));
    assert_eq!(code("chaos scenarios/slow-promotion.toml"), Some(1));
    assert_eq!(code("chaos scenarios/gray-database.toml --only gray-database"), Some(3));
}

/// A service that is out from minute 2 to minute 3, and says so at once.
fn phased(conditions: &str) -> String {
    format!(
        "version = 1\n[users.clients]\nrate = \"10/s\"\narrivals = \"regular\"\n[services.api]\n[experiments.out]\n\
         steady_state = [{conditions}]\nlength = \"10min\"\nruns = 1\n\
         method = [{{ mode = \"crash\", target = \"api\", at = \"2min\", for = \"1min\" }}]\n"
    )
}

#[test]
fn a_condition_with_a_phase_is_judged_in_that_phase_only() {
    let run = |name: &str, conditions: &str| {
        let (journal, _) = journal(&format!("chaos-phase-{name}"), &phased(conditions), "");
        let of = |phase: &str| journal["ninefold"]["conditions"][0][phase]["failed_s"].as_f64().unwrap();
        let held = journal["ninefold"]["runs"][0]["held"].as_bool().unwrap();
        (held, ["before", "during", "after"].map(of))
    };
    assert_eq!(run("all", "\"success_ratio(system) >= 99%\""), (false, [0.0, 60.0, 0.0]));
    assert_eq!(run("during", "\"success_ratio(system, during) >= 99%\""), (false, [0.0, 60.0, 0.0]));
    assert_eq!(run("after", "\"success_ratio(system, after) >= 99%\""), (true, [0.0; 3]));
    assert_eq!(run("before", "\"success_ratio(system, before) >= 99%\""), (true, [0.0; 3]));
    // what cannot hold anywhere fails where it is looked at: 2, 1 and 7 minutes
    for (phase, failed) in [("before", [120.0, 0.0, 0.0]), ("after", [0.0, 0.0, 420.0])] {
        let condition = format!("\"latency(system, p99, {phase}) >= 1s\"");
        assert_eq!(run(&format!("never-{phase}"), &condition), (false, failed));
    }
    // the mean is the statistic that goes without saying; nobody is answered meanwhile
    assert_eq!(
        run("mean", "\"latency(clients, during) <= 1s\", \"success_ratio(system, after) >= 99%\""),
        (true, [0.0; 3])
    );
}

#[test]
fn people_act_in_experiments_and_are_told_of() {
    let text = phased("\"success_ratio(system, before) >= 99%\"");
    let text = format!(
        "{text}[operators.on-call]\nwhen = \"success_ratio(system) >= 99%\"\nafter = \"10s\"\npage = \"20s\"\n\
         share = \"0%\"\nfor = \"1min\"\nramp = \"0s\"\n"
    );
    let (journal, _) = journal("chaos-operator", &text, "");
    let acts = journal["ninefold"]["acts"].as_array().unwrap();
    let at = |what: &str| {
        let act = acts.iter().find(|act| act["what"] == what).unwrap_or_else(|| panic!("no {what} in {acts:?}"));
        act["median_s"].as_f64().unwrap()
    };
    let told = ["on-call is paged", "on-call begins to shed", "on-call is done: shed, the last time"];
    assert_eq!(told.map(|what| at(what).to_string()), ["130", "150", "210"]);
}

/// A failback that a repair sets off at once is told after it, though a trial comes to it first.
#[test]
fn what_falls_on_one_instant_is_told_from_cause_to_consequence() {
    let text = "version = 1\nregions = { a1 = {}, b1 = {} }\n[users.clients]\nnear = \"a1\"\nrate = \"10/s\"\n\
                arrivals = \"regular\"\n[services.db]\nkind = \"database\"\nreplication = { mode = \"async\" }\n\
                failover = { order = [\"a1\", \"b1\"], detect = \"0s\", failback = { after = \"0s\" } }\n\
                [experiments.out]\nsteady_state = [\"success_ratio(system, before) >= 99%\"]\nlength = \"5min\"\nruns = 1\n\
                method = [{ mode = \"crash\", target = \"db@a1\", at = \"1min\", for = \"1min\" }]\n";
    let (journal, _) = journal("chaos-instant", text, "");
    let acts = journal["ninefold"]["acts"].as_array().unwrap();
    let told = |second: f64| {
        let of_then = acts.iter().filter(|act| act["median_s"].as_f64() == Some(second));
        of_then.map(|act| act["what"].as_str().unwrap()).collect::<Vec<_>>()
    };
    let begin = ["fault strikes db@a1", "db takes a1 for down", "failover of db decided"];
    assert_eq!(told(60.0), [&begin[..], &["failover of db done, b1 is in charge"]].concat());
    let end = ["fault on db@a1 is over", "db takes a1 for healthy", "failback of db begun"];
    assert_eq!(told(120.0), [&end[..], &["failover of db done, a1 is in charge"]].concat());
}
