//! Levels between nothing and everything, against histories computed by hand: soft calls, shares, capacity, spill.

use crate::lab::{History, history, run_text, value};
use ninefold::results::measure::Measure;

const HOUR: f64 = 3_600.0;

/// `app` calls `cache`, a dependency that is out for an hour.
fn with_call(call: &str) -> History {
    history(&format!(
        "version = 1\nhorizon = \"10h\"\n[services.app]\ncalls.cache = {{ {call} }}\n[services.cache]\nkind = \"dependency\"\n\
         faults = {{ at = \"1h\", for = \"1h\" }}\n[services.backup]\nkind = \"dependency\"\n\
         faults = {{ at = \"90min\", for = \"1h\" }}\n[routing]\nentry = \"app\"\n"
    ))
}

#[test]
fn a_hard_call_takes_the_caller_down() {
    let history = with_call("");
    history.expect("system", 0.0, HOUR, HOUR);
    history.expect("app", 0.0, HOUR, HOUR);
}

#[test]
fn a_tier_degrades_its_caller_even_where_it_answers_everything() {
    let history = with_call("fallback = [{ tier = \"cached\" }]");
    history.expect("system", HOUR, 0.0, 0.0);
    history.expect("app", HOUR, 0.0, 0.0);
    history.expect("cache", 0.0, HOUR, HOUR);
}

#[test]
fn a_tier_that_misses_costs_its_misses() {
    with_call("fallback = [{ tier = \"cached\", hit = \"95%\" }]").expect("system", HOUR, 0.0, 0.05 * HOUR);
    with_call("fallback = [{ tier = \"cached\", hit = \"80%\" }]").expect("system", 0.0, HOUR, 0.2 * HOUR);
    let two = "fallback = [{ tier = \"cached\", hit = \"80%\" }, { tier = \"static\", hit = \"90%\" }]";
    with_call(two).expect("system", HOUR, 0.0, 0.02 * HOUR);
}

#[test]
fn the_call_fails_with_its_last_tier() {
    let history = with_call("fallback = [{ tier = \"other\", calls = \"backup\" }]");
    history.expect("system", 0.5 * HOUR, 0.5 * HOUR, 0.5 * HOUR);
}

#[test]
fn a_call_of_a_share_costs_at_most_that_share() {
    with_call("share = \"5%\"").expect("system", HOUR, 0.0, 0.05 * HOUR);
    with_call("share = \"20%\"").expect("system", 0.0, HOUR, 0.2 * HOUR);
    let soft = "share = \"50%\", fallback = [{ tier = \"cached\", hit = \"90%\" }]";
    with_call(soft).expect("system", HOUR, 0.0, 0.05 * HOUR);
}

#[test]
fn what_the_surviving_nodes_carry_is_served() {
    let history = history(
        "version = 1\nhorizon = \"10h\"\n[regions.here]\nzones = [\"a\", \"b\"]\n[services.app]\nnodes = 4\n\
         capacity = \"30/s\"\n[faults.zone]\ntarget = \"here/b\"\nat = \"1h\"\nfor = \"1h\"\n[users.everybody]\nrate = \"100/s\"\n",
    );
    history.expect("system", 0.0, HOUR, 0.4 * HOUR);
    history.expect("app", 0.0, HOUR, 0.4 * HOUR);
    history.expect("here", 0.0, HOUR, 0.4 * HOUR);
}

#[test]
fn the_tightest_pool_on_the_way_decides() {
    let history = history(
        "version = 1\nhorizon = \"10h\"\n[regions.here]\nzones = [\"a\", \"b\"]\n[services.web]\nnodes = 4\n\
         capacity = \"40/s\"\ncalls = { api = {}, mail = { share = \"50%\" } }\n[services.api]\nnodes = 4\n\
         capacity = \"25/s\"\n[services.mail]\nnodes = 2\ncapacity = \"25/s\"\n[faults.zone]\ntarget = \"here/b\"\n\
         at = \"1h\"\nfor = \"1h\"\n[users.everybody]\nrate = \"100/s\"\n",
    );
    // in the zone outage web carries 80 of 100, api 50 of these 80; mail 25 of the 40 that half of these need
    history.expect("system", 0.0, HOUR, 0.5 * HOUR);
    history.expect("mail", 0.0, HOUR, 0.375 * HOUR);
}

const TWO_REGIONS: &str = "version = 1\nhorizon = \"10h\"\n[regions]\neast = { zones = [\"a\", \"b\"] }\n\
     west = { zones = [\"a\", \"b\"] }\n[links]\n\"east <-> west\" = { latency = \"30ms\" }\n[services.app]\nnodes = 8\n\
     capacity = \"10/s\"\n[faults.zone]\ntarget = \"east/b\"\nat = \"1h\"\nfor = \"1h\"\n[users.e]\nnear = \"east\"\n\
     rate = \"80/s\"\n[users.w]\nnear = \"west\"\nrate = \"40/s\"\n";

#[test]
fn what_a_region_cannot_carry_spills_to_the_next() {
    history(TWO_REGIONS).expect("system", 0.0, 0.0, 0.0);
    let kept = history(&format!("{TWO_REGIONS}[routing]\nspill = false\n"));
    kept.expect("e", 0.0, HOUR, 0.5 * HOUR);
    kept.expect("w", 0.0, 0.0, 0.0);
    kept.expect("system", 0.0, HOUR, HOUR / 3.0);
}

/// East has writers only, who need what it has little of; the mean mix of both regions would fit.
#[test]
fn who_spills_costs_what_its_own_requests_do() {
    let history = history(&format!("horizon = \"10h\"\n{TWO_MIXES}"));
    // of 100 writes a second east carries 50; of the others 30 find room beside the 40 of west
    history.expect_loss("e", 0.2 * 10.0 * HOUR, 1e-6);
    history.expect_loss("w", 0.0, 1e-6);
    history.expect_loss("system", 0.1 * 10.0 * HOUR, 1e-6);
}

/// Two regions whose users differ in what they ask for.
pub const TWO_MIXES: &str = "version = 1\nregions = { east = {}, west = {} }\n[links]\n\"east <-> west\".latency = \"30ms\"\n\
     [services.web]\ncalls.heavy = { only = [\"write\"] }\n[services.heavy]\npools.east.capacity = \"50/s\"\n\
     pools.west.capacity = \"70/s\"\n[requests]\nread = {}\nwrite = {}\n[users.e]\nnear = \"east\"\nrate = \"100/s\"\n\
     arrivals = \"regular\"\nrequests = { write = \"100%\" }\n[users.w]\nnear = \"west\"\nrate = \"100/s\"\n\
     arrivals = \"regular\"\nrequests = { read = \"60%\", write = \"40%\" }\n";

/// East is lost for an hour; who leaves it does so over a minute, and west carries 100 of the 150.
#[test]
fn a_drain_into_a_full_region_is_booked_to_its_kink() {
    let text = "version = 1\nhorizon = \"10h\"\nregions = { east = {}, west = {} }\n[links]\n\
         \"east <-> west\" = { latency = \"30ms\" }\n[services.app]\nnodes = 10\ncapacity = \"10/s\"\n[faults.bomb]\n\
         target = \"east\"\nat = \"1h\"\nfor = \"1h\"\n[users.e]\nnear = \"east\"\nrate = \"100/s\"\n[users.w]\n\
         near = \"west\"\nrate = \"50/s\"\n[routing]\ndns.ttl = \"60s\"\n";
    // out: a minute of which the first half loses 75 of 150 in the mean and the second 50, then 50 for the rest
    let out = 60.0 * (0.5 * 0.5 + 0.5 / 3.0) + (HOUR - 60.0) / 3.0;
    history(text).expect_near("system", 0.0, HOUR, out, 1e-3);
    // and back: west is over its capacity for half a minute, by 25 in the mean
    let back = 60.0 * 0.5 * 25.0 / 150.0;
    history(&format!("{text}spill = false\n")).expect_loss("system", out + back, 1e-3);
}

/// Faults by chance in three regions of a service with capacity: the same luck for every size of the nodes.
#[test]
fn more_capacity_never_lowers_the_level() {
    let text = |capacity: u32| {
        format!(
            "version = 1\nhorizon = \"2y\"\n[profiles]\nvm = {{ fails = \"exp(mean=20d)\", repair = \"exp(mean=1d)\" }}\n[regions]\n\
             us = {{ outage = {{ fails = \"exp(mean=90d)\", repair = \"exp(mean=1d)\" }} }}\neu = {{ like = \"us\" }}\n\
             asia = {{ like = \"us\" }}\n[services.web]\nnodes = 4\ncapacity = \"{capacity}/s\"\nfaults = \"vm\"\ncalls.api = {{}}\n\
             [services.api]\nnodes = 3\ncapacity = \"50/s\"\nfaults = \"vm\"\n[routing]\npolicy = \"geo\"\ndns.ttl = \"5min\"\n[users]\n\
             a = {{ near = \"us\", rate = \"100/s\" }}\nb = {{ near = \"eu\", rate = \"60/s\" }}\nc = {{ near = \"asia\", rate = \"40/s\" }}\n"
        )
    };
    for number in 0..20 {
        let loss: Vec<f64> = [10, 20, 30, 60, 200]
            .iter()
            .map(|&capacity| {
                let trial = crate::lab::trial(&text(capacity), number);
                for totals in &trial.outcome.totals {
                    let all = (totals.up + totals.degraded + totals.down).as_nanos();
                    assert_eq!(all, ninefold::time::Span::YEAR.as_nanos() * 2, "time adds up");
                }
                trial.totals("system").loss_s
            })
            .collect();
        assert!(loss.is_sorted_by(|more, less| *less <= more + 1e-6 * more), "trial {number} lost {loss:?}");
        assert!(loss[0] > 2.0 * loss[4], "capacity is felt: {loss:?}");
    }
}

/// Whether the nodes are plain parts, which the engine only counts, or parts of which it keeps books, is the same to the
/// answer: a second fault that never strikes makes them the latter.
#[test]
fn a_fault_that_never_strikes_changes_no_level_of_a_limited_pool() {
    let text = |second: &str| {
        format!(
            "version = 1\nhorizon = \"20y\"\n[regions.a]\nzones = [\"x\", \"y\"]\n\
             zone_outage = {{ fails = \"exp(mean=1y)\", repair = \"3h\" }}\n[regions.b]\nlike = \"a\"\n\
             [services.app]\nnodes = 6\ncapacity = \"10/s\"\nfaults = [\"vm\"{second}]\ncalls.api = {{}}\n\
             [services.api]\nnodes = 4\ncapacity = \"18/s\"\nfaults = [\"vm\"{second}]\n\
             [profiles.vm]\nfails = \"exp(mean=20d)\"\nrepair = \"lognormal(median=4h, p95=2d)\"\n\
             [profiles.idle]\nat = \"30y\"\nfor = \"1h\"\n\
             [routing]\npolicy = \"geo\"\ndns = {{ ttl = \"60s\" }}\n[users.people]\nrate = \"90/s\"\n"
        )
    };
    let (plain, booked) = (run_text(&text(""), 40), run_text(&text(", \"idle\""), 40));
    let lost = value(&plain, Measure::UnavailabilityRequest, "system", "mean").estimate.unwrap();
    assert!(lost > 1e-4, "{lost}");
    for subject in ["system", "app", "api", "a", "b"] {
        for measure in [Measure::UnavailabilityRequest, Measure::UnavailabilityTime, Measure::OutagesPerYear] {
            let [one, other] =
                [&plain, &booked].map(|results| value(results, measure, subject, "mean").estimate.unwrap());
            assert!((one - other).abs() <= 1e-12 * one, "{measure:?} of {subject}: {one} and {other}");
        }
    }
}
