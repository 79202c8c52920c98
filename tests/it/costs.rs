//! What a year costs, against sums made by hand.

use crate::lab;
use ninefold::report::{json, text};
use ninefold::results::measure::Measure;
use ninefold::results::{Comparison, Direction, Results};
use ninefold::stats::Estimate;

/// Hours of a year.
const YEAR_H: f64 = 8_766.0;

fn cost(results: &Results, statistic: &str) -> Estimate {
    lab::value(results, Measure::CostPerYear, "system", statistic)
}

#[track_caller]
fn is_exactly(found: Estimate, expected: f64) {
    let off = |value: Option<f64>| value.is_none_or(|value| (value - expected).abs() > 1e-9 * expected);
    assert!(!off(found.estimate) && !off(found.low) && !off(found.high), "{found:?}, not {expected}");
}

#[test]
fn what_stands_there_all_year_is_a_product() {
    let text = "version = 1\nregions = { east = {}, west = {} }\n\
        [services.api]\nnodes = 3\nneed = 1\ndepends_on = [\"mail\"]\n[services.mail]\nkind = \"dependency\"\n\
        [costs]\nnode_hour = { api = 0.25, mail = 0.125 }\nregion_hour = { east = 2, west = 0.5 }\n";
    let results = lab::run_text(text, 5);
    is_exactly(cost(&results, "nodes"), (6.0 * 0.25 + 0.125) * YEAR_H);
    is_exactly(cost(&results, "regions"), 2.5 * YEAR_H);
    is_exactly(cost(&results, "mean"), (6.0 * 0.25 + 0.125 + 2.5) * YEAR_H);
    assert!(results.find(Measure::CostPerYear, "system", "downtime").is_none(), "downtime has no price");
    assert_eq!(results.unit_of(Measure::CostPerYear, "mean"), "USD");
}

/// Four nodes of 25/s carry 60/s at 60 %. While west is out, from 5 h to 7 h, somebody wants eight in east at once, which
/// are paid while they boot.
#[test]
fn nodes_are_paid_from_their_boot_to_their_stop() {
    let text = "version = 1\nhorizon = \"10h\"\nregions = { east = {}, west = {} }\n[services.app]\nnodes = 4\nneed = 1\n\
        capacity = \"25/s\"\nautoscale = { min = 4, max = 20, every = \"1min\", boot = \"3min\", cooldown = \"0s\" }\n\
        [faults.out]\ntarget = \"west\"\nmode = \"outage\"\nat = \"5h\"\nfor = \"2h\"\n[routing]\npolicy = \"geo\"\n\
        [users]\ne = { near = \"east\", rate = \"60/s\" }\nw = { near = \"west\", rate = \"60/s\" }\n[costs]\nnode_hour = { app = 2 }\n";
    let results = lab::run_text(text, 2);
    let hours = 2.0 * 4.0 * 10.0 + 4.0 * 2.0;
    is_exactly(cost(&results, "nodes"), 2.0 * hours * YEAR_H / 10.0);
}

/// A node that is down one hour in a thousand: the year has 8.766 h of downtime and serves 99.9 % of the requests. A
/// trial of ten years sees some 88 outages, exponential in length, so its downtime has a standard deviation of
/// sqrt(2 / 88) = 15 %; over 2000 trials that leaves 0.34 %.
#[test]
fn downtime_and_lost_requests_cost_their_means() {
    let text = "version = 1\nhorizon = \"10y\"\nstart = \"stationary\"\nusers.web.rate = \"100/s\"\n\
        [services.app]\nfaults = { fails = \"exp(mean=999h)\", repair = \"exp(mean=1h)\" }\n\
        [costs]\nnode_hour = { app = 0.5 }\nmillion_requests = 4\ndowntime_hour = 1000\n";
    let results = lab::run_text(text, 2_000);
    let million = 100.0 * YEAR_H * 3_600.0 / 1e6;
    let (nodes, requests, downtime) = (0.5 * YEAR_H, 4.0 * million * 0.999, 1e-3 * YEAR_H * 1_000.0);
    is_exactly(cost(&results, "nodes"), nodes);
    let of = |statistic| lab::figure(&results, Measure::CostPerYear, "system", statistic);
    lab::check("downtime", of("downtime"), downtime, 0.005);
    lab::check("requests", of("requests"), requests, 1e-5);
    lab::check("in all", of("mean"), nodes + requests + downtime, 0.003);
    let parts: f64 = ["nodes", "requests", "downtime"].iter().map(|part| of(part).0).sum();
    assert!((parts / of("mean").0 - 1.0).abs() < 1e-12, "the parts add up");
    lab::check(
        "per nine",
        lab::figure(&results, Measure::CostPerNine, "system", "mean"),
        (nodes + requests + downtime) / 3.0,
        0.003,
    );
}

/// Three of four nodes of a waiting pool are stopped. The first region goes out at 100 h, which is noticed after half an
/// hour; the second needs 2 h to wake and is promoted after 1 h, when the first begins to wait. Back at 150 h it is
/// healthy for 10 h, wakes for 2 h, and takes over at 162 h.
#[test]
fn stopped_nodes_follow_the_roles() {
    let text = "version = 1\nhorizon = \"1000h\"\n\
        [regions]\neast = { outage = { at = \"100h\", for = \"50h\" } }\nwest = {}\n\
        [services.app]\nnodes = 4\nneed = 1\nstandby = { running = \"25%\", ageing = 1, wake = \"2h\" }\n\
        [services.app.failover]\norder = [\"east\", \"west\"]\ndetect = \"30min\"\npromote = \"1h\"\n\
        failback = { after = \"10h\" }\n\
        [costs]\nnode_hour = { app = 1 }\nstopped_node_hour = { app = 0.25 }\n";
    let (west, east) = (102.5 + (1_000.0 - 162.0), 162.0 - 101.5);
    let stopped = 3.0 * (west + east);
    let results = lab::run_text(text, 2);
    is_exactly(cost(&results, "nodes"), (8_000.0 - stopped + 0.25 * stopped) * YEAR_H / 1_000.0);
}

/// Half of the requests of the region without the primary cross: first those of the west, after the failover at 100 h
/// those of the east.
#[test]
fn calls_to_a_primary_elsewhere_cross_regions() {
    let text = "version = 1\nhorizon = \"1000h\"\nregions = { east = {}, west = {} }\n\
        users = { one = { near = \"east\", rate = \"30/s\" }, other = { near = \"west\", rate = \"10/s\" } }\n\
        [services.api.calls.db]\nshare = \"50%\"\n\
        [services.db]\nkind = \"database\"\nreplication = { mode = \"async\" }\nfailover = { order = [\"east\", \"west\"] }\n\
        [faults.lost]\ntarget = \"db@east\"\nat = \"100h\"\nfor = \"50h\"\n\
        [routing]\npolicy = \"geo\"\n\
        [costs]\ncross_region_million = 20\nmillion_requests = 3\n";
    let results = lab::run_text(text, 2);
    let crossed = 0.5 * 3_600.0 * (10.0 * 100.0 + 30.0 * 900.0) / 1e6;
    is_exactly(cost(&results, "cross-region"), 20.0 * crossed * YEAR_H / 1_000.0);
    is_exactly(cost(&results, "requests"), 3.0 * 40.0 * 3_600.0 * YEAR_H / 1e6);
}

/// A price for crossing calls makes the levels flows where they were gates; what is up stays up.
#[test]
fn a_price_moves_no_other_figure() {
    let text = |prices: &str| {
        format!(
            "version = 1\nregions = {{ east = {{ outage = \"bad\" }}, west = {{ outage = \"bad\" }} }}\n\
             profiles.bad = {{ fails = \"exp(mean=30d)\", repair = \"exp(mean=8h)\" }}\n\
             users = {{ one = {{ near = \"east\", rate = \"30/s\" }}, other = {{ near = \"west\", rate = \"10/s\" }} }}\n\
             [services.api]\ncalls.db = {{}}\nstandby = \"warm\"\nnodes = 4\nneed = 3\n\
             [services.db]\nkind = \"database\"\nreplication = {{ mode = \"async\" }}\n\
             failover = {{ order = [\"east\", \"west\"], detect = \"30s\", promote = \"5min\" }}\n\
             [routing]\npolicy = \"active-passive\"\norder = [\"east\", \"west\"]\nhealth_check = {{}}\n\
             dns = {{ ttl = \"2min\" }}\nfailback = {{ after = \"1h\" }}\n{prices}"
        )
    };
    let (free, priced) =
        (lab::run_text(&text(""), 100), lab::run_text(&text("[costs]\ncross_region_million = 1\n"), 100));
    for row in &free.rows {
        let other = priced.find(row.measure, &row.subject, &row.statistic).expect("the same row").value;
        let same = |a: Option<f64>, b: Option<f64>| a.zip(b).map_or(a == b, |(a, b)| (a - b).abs() <= 1e-6 * a.abs());
        assert!(same(row.value.estimate, other.estimate), "{row:?}, {other:?}");
    }
    assert!(cost(&priced, "cross-region").estimate.is_some_and(|cost| cost > 0.0));
}

#[test]
fn downtime_that_was_not_seen_may_still_cost_something() {
    let text = "version = 1\n[services.app]\nfaults = { fails = \"exp(mean=500y)\", repair = \"1h\" }\n\
        [costs]\nnode_hour = { app = 1 }\ndowntime_hour = 5000\n";
    let results = lab::run_text(text, 50);
    let (whole, downtime) = (cost(&results, "mean"), cost(&results, "downtime"));
    assert_eq!(downtime.estimate, None);
    assert_eq!((whole.estimate, whole.low), (Some(YEAR_H), Some(YEAR_H)));
    let most = downtime.high.expect("a bound");
    // rule of three: 3 / 50 outages a year of one hour at most
    assert!(most > 250.0 && most < 350.0, "{downtime:?}");
    assert!(whole.high.is_some_and(|high| (high - YEAR_H - most).abs() < 1e-6), "{whole:?}");
    let nine = results.find(Measure::CostPerNine, "system", "mean").expect("a row").value;
    assert!(nine.estimate.is_none() && nine.high.is_some() && nine.low.is_none(), "{nine:?}");
}

#[test]
fn a_saved_run_keeps_its_currency() {
    let scenario = "version = 1\n[services.app]\n[costs]\ncurrency = \"EUR\"\nnode_hour = { app = 1 }\n";
    let results = lab::run_text(scenario, 5);
    let bytes = json::run(&results);
    let saved = json::read(&bytes).expect("what was written is read");
    assert_eq!((saved[0].currency.as_deref(), &saved[0].rows), (Some("EUR"), &results.rows));
    assert!(String::from_utf8_lossy(&bytes).contains("\"unit\": \"EUR\""), "money has its currency for a unit");
    let screen = text::run(&results, text::Look::Plain);
    assert!(
        screen.contains("COST  per year, in EUR") && screen.contains("in all  ") && screen.contains(" 8766\n"),
        "{screen}"
    );
}

fn compared(texts: &[&str]) -> Comparison {
    let models: Vec<_> = texts.iter().map(|text| lab::model(text)).collect();
    lab::compare(&models, &lab::plan(200, 1))
}

#[test]
fn the_same_luck_leaves_only_the_difference_of_prices() {
    let text = |node: &str, currency: &str| {
        format!(
            "version = 1\n[services.app]\nfaults = {{ fails = \"exp(mean=99h)\", repair = \"1h\" }}\n\
             [costs]\ncurrency = \"{currency}\"\nnode_hour = {{ app = {node} }}\ndowntime_hour = 100\n"
        )
    };
    let all = compared(&[&text("1", "EUR"), &text("1.5", "EUR"), &text("1.5", "CHF")]);
    let costs: Vec<_> = all.differences.iter().filter(|it| it.measure == Measure::CostPerYear).collect();
    let [only] = costs[..] else { panic!("euros and francs are not subtracted: {costs:?}") };
    assert_eq!(only.direction, Direction::Worse);
    assert!(only.value.estimate.is_some_and(|more| (more - 0.5 * YEAR_H).abs() < 1e-6), "{only:?}");
    // equal but for rounding: a hundred thousandth of the downtime's own spread at most
    assert!(only.value.half_width().is_some_and(|half| half < 1e-6), "{only:?}");
}
