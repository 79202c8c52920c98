//! Where requests come from and go: counts of arrivals, distances, shares of regions, answers of the DNS, and the storm of
//! retries that keeps itself up.

use crate::lab::check;
use crate::request_lab::{Counts, HEAD, counts, mean, ratio, run_full, times, trials};
use ninefold::results::measure::Measure;
use std::f64::consts::TAU;

const REL: f64 = 0.02;

fn arrived(counted: &[Counts], group: &str) -> (f64, f64) {
    ratio(counted, |trial| (trial.user(group).arrived as f64, 1.0))
}

#[test]
fn as_many_come_as_the_rate_and_its_shape_say() {
    let run = |horizon: &str, users: &str| {
        trials(
            &format!("{HEAD}horizon = \"{horizon}\"\n[services.app]\n[users.folk]\nrate = \"1/s\"\n{users}\n"),
            times(10, 10),
        )
    };
    check("poisson", arrived(&run("10000s", ""), "folk"), 10_000.0, REL);
    // [0 h, 6 h) with its peak at 6 h: 1 + swing cos(2 pi (t - peak) / 24 h)
    let diurnal = 21_600.0 + 0.5 * 86_400.0 / TAU * (TAU * 0.25).sin();
    check("diurnal", arrived(&run("6h", "shape = \"diurnal(swing=50%, peak=6h)\""), "folk"), diurnal, REL);
    check("daily", arrived(&run("2h", "shape = \"daily(0h=1, 1h=3)\""), "folk"), 4.0 * 3_600.0, REL);
    let burst = "bursts = [{ every = \"1000s\", first = \"500s\", for = \"100s\", factor = 6 }]";
    check("bursts", arrived(&run("10000s", burst), "folk"), 10_000.0 + 10.0 * 100.0 * 5.0, REL);
    for trial in run("1000s", "arrivals = \"regular\"") {
        assert_eq!(trial.user("folk").arrived, 999, "one a second, the first after one, none at the end");
    }
}

#[test]
fn a_further_group_does_not_move_the_arrivals_of_the_others() {
    let one = format!(
        "{HEAD}horizon = \"1000s\"\n[services.app]\nservice_time = \"exp(mean=1s)\"\n[users.folk]\nrate = \"3/s\"\n"
    );
    let two = format!("{one}[users.more]\nrate = \"7/s\"\n");
    let (alone, beside) = (counts(&one), counts(&two));
    // the seconds in which they came, how they fared, how long each took
    assert_eq!(alone.outcome.seconds[1], beside.outcome.seconds[1]);
    assert_eq!(alone.user("folk"), beside.user("folk"));
}

#[test]
fn distances_add_up_there_and_back() {
    let text = format!(
        "{HEAD}horizon = \"1000s\"\nregions = {{ east = {{}}, west = {{}} }}\n[links]\n\
         \"folk <-> east\" = {{ latency = \"30ms\" }}\n\"folk <-> west\" = {{ latency = \"500ms\" }}\n\
         \"east <-> west\" = {{ latency = \"exp(mean=20ms)\" }}\n\
         [services.app]\npools = [\"east\"]\nservice_time = \"5ms\"\ncalls.db = {{ reach = \"any\" }}\n\
         [services.db]\npools = [\"west\"]\nservice_time = \"exp(mean=10ms)\"\n[users.folk]\nrate = \"10/s\"\n"
    );
    let results = run_full(&text, times(10, 10));
    check("there and back", mean(&results, Measure::Latency, "folk"), 0.06 + 0.005 + 0.04 + 0.01, REL);
}

#[test]
fn weights_share_the_users_out() {
    let text = format!(
        "{HEAD}horizon = \"1000s\"\nregions = {{ east = {{}}, west = {{}} }}\n[links]\n\
         \"folk <-> east\" = {{ latency = \"10ms\" }}\n\"folk <-> west\" = {{ latency = \"110ms\" }}\n\
         \"east <-> west\" = {{ latency = \"100ms\" }}\n[services.app]\n[routing]\npolicy = \"weighted\"\n\
         weights = {{ east = \"70%\", west = \"30%\" }}\n[users.folk]\nrate = \"10/s\"\n"
    );
    let results = run_full(&text, times(10, 10));
    check("shares", mean(&results, Measure::Latency, "folk"), 2.0 * (0.7 * 0.01 + 0.3 * 0.11), REL);
}

/// A region refuses from 100 s on; answers of 60 s are uniformly old: half a TTL of the requests is lost, and as many
/// requests are lost by the fluid of the structure clock.
#[test]
fn clients_follow_the_dns_over_one_time_to_live() {
    let rest = "horizon = \"400s\"\nregions = { east = {}, west = {} }\n[services.app]\n[routing]\npolicy = \"active-passive\"\n\
                order = [\"east\", \"west\"]\ndns = { ttl = \"60s\" }\n[users.folk]\nrate = \"20/s\"\n\
                [faults.out]\nmode = \"outage\"\ntarget = \"east\"\nat = \"100s\"\nfor = \"250s\"\nsilent = false\n\
                [links.\"east <-> west\"]\nlatency = \"1ms\"\n";
    let counted = trials(&format!("{HEAD}{rest}"), times(20, 10));
    let lost = ratio(&counted, |trial| (trial.user("system").failures() as f64, 1.0));
    check("requests lost", lost, 20.0 * 30.0, REL);
    let fluid = crate::lab::run_text(&format!("version = 1\n{rest}"), 2);
    let share = fluid.find(Measure::UnavailabilityRequest, "system", "mean").and_then(|row| row.value.estimate);
    assert!((share.unwrap() / (30.0 / 400.0) - 1.0).abs() < 1e-6, "{share:?}");
}

/// Two attempts for each of 270 requests a second are more than 300 a second can serve: once late, late for ever. A budget
/// of 5 % is not. (SCENARIO example 7.)
fn storm(budget: &str) -> Counts {
    counts(&format!(
        "{HEAD}horizon = \"5min\"\n[services.db]\nkind = \"database\"\nslots = 1\nservice_time = \"3.333333ms\"\n\
         on_caller_gone = \"ignore\"\n[users.clients]\nrate = \"270/s\"\narrivals = \"regular\"\ntimeout = \"1s\"\n\
         retry = {{ attempts = 2, backoff = \"none\"{budget} }}\n\
         [links.\"clients <-> here\"]\nfaults = {{ mode = \"slow\", factor = inf, at = \"30s\", for = \"10s\" }}\n"
    ))
}

#[test]
fn a_storm_of_retries_outlives_its_cause_and_a_budget_ends_it() {
    let naive = storm("");
    let (came, answered) = naive.seconds(0, 29);
    assert!(came > 7_000 && answered == came, "well before: {answered} of {came}");
    let (came, answered) = naive.seconds(280, 295);
    assert!(answered * 100 < came, "the storm goes on: {answered} of {came}");
    let cured = storm(", budget = \"ratio(share=5%, window=10s)\"");
    let (came, answered) = cured.seconds(280, 295);
    assert_eq!(answered, came, "over");
}

#[test]
fn who_is_answered_in_no_time_asks_again_a_millisecond_later() {
    let counts =
        counts(&format!("{HEAD}horizon = \"1s\"\n[users.folk]\nclosed = {{ clients = 3 }}\n[services.shop]\n"));
    assert_eq!(counts.user("system").arrived, 3 * 1_000);
}
