//! Known answers: textbook figures, each met by a scenario text run as a user would run it.
//!
//! A figure passes within 4 standard errors, which come from the reported interval and must themselves be small enough.
//! The expected values are from closed forms named with each test (and were checked there by a second method). Seeds
//! are fixed; sizes follow from the wanted standard error. `NINEFOLD_FULL=1` runs more trials (`times`) and prints a
//! table.

use crate::lab::{check, figure, full, run_text, trial};
use ninefold::results::measure::Measure;
use std::fmt::Write as _;

const UNAVAILABLE: Measure = Measure::UnavailabilityTime;

/// So many trials in CI, 25 times as many in full.
fn times(trials: u64) -> u64 {
    if full() { trials * 25 } else { trials }
}

/// Faults that leave a part available with this probability: a repair of 1 h.
fn faults(availability: f64) -> String {
    let up_h = availability / (1.0 - availability);
    format!("{{ fails = \"exp(mean={up_h:.9}h)\", repair = \"exp(mean=1h)\" }}")
}

fn unavailability(what: &str, text: &str, trials: u64, expected: f64, relative: f64) {
    let results = run_text(text, trials);
    check(what, figure(&results, UNAVAILABLE, "system", "mean"), expected, relative);
}

// ---- A01: availability, downtime, nines. U x period; nines = -log10 U. Our year has 365.25 d, the table's 365.

#[test]
fn downtime_and_nines_follow_from_availability() {
    // (availability, minutes of a 365-day year)
    let table = [
        (0.99, 5256.0),
        (0.999, 525.6),
        (0.9995, 262.8),
        (0.9999, 52.56),
        (0.99995, 26.28),
        (0.99999, 5.256),
        (0.999_999, 0.5256),
    ];
    for (availability, minutes) in table {
        // out for exactly that share of a million seconds
        let out_ms = ((1.0 - availability) * 1e9_f64).round();
        let text = format!(
            "version = 1\nhorizon = \"1000000s\"\n[services.web]\n[faults.out]\ntarget = \"web\"\nat = [\"1000s\"]\n\
             for = \"{out_ms}ms\"\n"
        );
        let results = run_text(&text, 40);
        let mean = |measure| results.find(measure, "system", "mean").unwrap().value.estimate.unwrap();
        let near = |found: f64, expected: f64| assert!((found / expected - 1.0).abs() < 1e-9, "{found} {expected}");
        near(mean(Measure::DowntimePerYear), minutes * 60.0 * 365.25 / 365.0);
        near(mean(UNAVAILABLE), minutes / 525_600.0);
        near(mean(Measure::NinesTime), -(minutes / 525_600.0_f64).log10());
    }
}

// ---- A02, A03, A04: independent parts in series, in parallel, k of n. Products and the binomial law.

#[test]
fn parts_in_series_multiply() {
    let cases: [(&[f64], f64); 4] = [
        (&[0.999, 0.999], 0.998_001),
        (&[0.999; 5], 0.995_009_990_004_999),
        (&[0.9995, 0.999, 0.9999], 0.998_400_649_95),
        (&[0.99, 0.995, 0.999, 0.9999], 0.983_966_543_504_999_9),
    ];
    for (parts, expected) in cases {
        let mut text = "version = 1\nstart = \"stationary\"\nhorizon = \"10y\"\n".to_owned();
        for (number, part) in parts.iter().enumerate() {
            let next = number + 1;
            let needs = if next < parts.len() { format!("depends_on = [\"s{next}\"]\n") } else { String::new() };
            let _ = write!(text, "[services.s{number}]\n{needs}faults = {}\n", faults(*part));
        }
        unavailability(&format!("A02 series {parts:?}"), &text, times(400), 1.0 - expected, 0.05);
    }
}

#[test]
fn parts_in_parallel_multiply_their_unavailabilities() {
    let cases: [(&[f64], f64, u64); 4] = [
        (&[0.999, 0.999], 1e-6, 9_000),
        (&[0.99, 0.99], 1e-4, 100),
        (&[0.99, 0.99, 0.99], 1e-6, 6_000),
        (&[0.99, 0.999], 1e-5, 1_000),
    ];
    for (parts, expected, trials) in cases {
        // each part a service of its own, behind one that needs any of them
        let names: Vec<String> = (0..parts.len()).map(|number| format!("s{number}")).collect();
        let mut text = format!(
            "version = 1\nstart = \"stationary\"\nhorizon = \"10y\"\n[services.entry]\npools = []\ndepends_on = [\"any({})\"]\n",
            names.join(", ")
        );
        for (name, part) in names.iter().zip(parts) {
            let _ = write!(text, "[services.{name}]\nfaults = {}\n", faults(*part));
        }
        unavailability(&format!("A03 parallel {parts:?}"), &text, times(trials), expected, 0.05);
    }
}

#[test]
fn k_of_n_is_binomial() {
    let cases = [
        (3, 2, 0.99, 2.980_000e-4, 100),
        (4, 3, 0.99, 5.920_3e-4, 100),
        (5, 3, 0.99, 9.850_6e-6, 700),
        (5, 4, 0.995, 2.475_093_625e-4, 100),
        (6, 4, 0.98, 1.529_145_6e-4, 100),
    ];
    for (nodes, need, availability, expected, trials) in cases {
        let text = format!(
            "version = 1\nstart = \"stationary\"\nhorizon = \"10y\"\n[services.web]\nnodes = {nodes}\nneed = {need}\nfaults = {}\n",
            faults(availability)
        );
        unavailability(&format!("A04 {need} of {nodes} at {availability}"), &text, times(trials), expected, 0.05);
    }
}

// ---- A05: alternating renewal, m / (m + r) for any laws of means m and r.

const RENEWALS: [(&str, &str, f64); 7] = [
    ("exp(mean=1000h)", "exp(mean=4h)", 0.003_984_063_745_019_92),
    ("exp(mean=1000h)", "4h", 0.003_984_063_745_019_92),
    ("weibull(shape=0.7, mean=720h)", "lognormal(mean=2h, cv=1.5)", 0.002_770_083_102_493_075),
    ("weibull(shape=2, mean=720h)", "lognormal(mean=2h, cv=1.5)", 0.002_770_083_102_493_075),
    ("gamma(shape=3, mean=200h)", "uniform(from=0h, to=20h)", 0.047_619_047_619_047_616),
    ("lognormal(mean=100h, cv=1.5)", "exp(mean=5h)", 0.047_619_047_619_047_616),
    ("168h", "exp(mean=30min)", 0.002_967_359_050_445_104),
];

#[test]
fn an_alternating_part_is_down_in_proportion_to_its_means_whatever_the_laws() {
    for (fails, repair, expected) in RENEWALS {
        let text = format!(
            "version = 1\nstart = \"stationary\"\nhorizon = \"10y\"\n[services.web]\n\
             faults = {{ fails = \"{fails}\", repair = \"{repair}\" }}\n"
        );
        unavailability(&format!("A05 {fails}, {repair}"), &text, times(400), expected, 0.02);
    }
}

#[test]
fn a_stationary_start_is_stationary_from_the_first_hour() {
    // a horizon of one mean repair shows any error of the start that a long one would hide; the pass beside it, with
    // two competing faults, has weights m_i / r_i
    for (fails, repair, expected) in RENEWALS {
        let text = format!(
            "version = 1\nstart = \"stationary\"\nhorizon = \"5h\"\nsimulation.warm_up = \"0s\"\n[services.web]\n\
             faults = {{ fails = \"{fails}\", repair = \"{repair}\" }}\n"
        );
        unavailability(&format!("start of {fails}, {repair}"), &text, times(500_000), expected, 0.05);
    }
}

/// An alternating renewal process in equilibrium: outages begin at 1 / (120 h + 6 h), however short the horizon, and time down
/// over beginnings, as time up over them, has the very mean of the law (Cox, Renewal Theory, 1962, 7.2). An outage in
/// progress at the start would be 5 % more of them.
#[test]
fn an_outage_in_progress_at_a_stationary_start_is_no_further_one() {
    for run_in in ["", "simulation.warm_up = \"0s\"\n"] {
        let text = format!(
            "version = 1\nstart = \"stationary\"\nhorizon = \"5d\"\n{run_in}[services.web]\n\
             faults = {{ fails = \"5d\", repair = \"1h + uniform(from=0s, to=10h)\" }}\n"
        );
        let results = run_text(&text, times(10_000));
        let mean = |measure| figure(&results, measure, "system", "mean");
        check("outages a year", mean(Measure::OutagesPerYear), 8_766.0 / 126.0, 0.005);
        check("mttr", mean(Measure::Mttr), 6.0 * 3600.0, 0.01);
        check("mtbf", mean(Measure::Mtbf), 120.0 * 3600.0, 0.005);
    }
}

#[test]
fn competing_faults_share_the_downtime_by_repair_over_life() {
    // clocks of both stand still while either holds the part: odds 1 : 2/100 : 10/400
    let text = "version = 1\nstart = \"stationary\"\nhorizon = \"10y\"\n[services.web]\nfaults = [\n\
                { fails = \"exp(mean=100h)\", repair = \"exp(mean=2h)\", cause = \"a\" },\n\
                { fails = \"exp(mean=400h)\", repair = \"lognormal(mean=10h, cv=1)\", cause = \"b\" }]\n";
    let results = run_text(text, times(400));
    let (a, b) = (0.02, 0.025);
    check("two faults", figure(&results, UNAVAILABLE, "system", "mean"), (a + b) / (1.0 + a + b), 0.02);
    check("share of b", figure(&results, Measure::Contribution, "system", "b"), b / (a + b), 0.02);
}

// ---- A06: moments and quantiles of laws, as the lengths of outages.

#[test]
fn lengths_of_outages_have_the_moments_and_quantiles_of_their_law() {
    // law, mean, p95, E[min(X, mean)], all in hours
    let cases = [
        ("weibull(shape=0.7, scale=1000h)", 1_265.823_506_057_283_6, 4_794.226_728_389_652, 665.111_036_541_990_4),
        ("weibull(shape=1.5, scale=8h)", 7.221_962_343_607_468, 16.624_885_100_276_45, 5.290_565_767_020_051),
        // mu = 1, sigma = 1: the median is e
        (
            "lognormal(median=2.718281828459045h, sigma=1)",
            4.481_689_070_338_064_5,
            14.081_383_797_195_853,
            2.765_538_630_203_416,
        ),
        ("gamma(shape=3, scale=2h)", 6.0, 12.591_587_243_743_977, 4.655_749_154_067_673),
        ("lognormal(mean=4h, cv=1.5)", 4.0, 13.233_038_937_620_874, 2.348_989_096_580_666_7),
        ("exp(mean=500h)", 500.0, 1_497.866_136_776_995, 316.060_279_414_278_85),
    ];
    for (law, mean, p95, limited) in cases {
        let text = format!(
            "version = 1\nhorizon = \"{}h\"\n[services.web]\nfaults = {{ fails = \"{mean}h\", repair = \"{law}\" }}\n",
            // 2000 outages a trial: that the last may be cut off weighs 1 in 4000; the longest horizon is 500 years
            f64::min(4_000.0 * mean, 4_380_000.0)
        );
        let results = run_text(&text, times(60));
        check(
            &format!("A06 mean of {law}"),
            figure(&results, Measure::OutageDuration, "system", "mean"),
            mean * 3600.0,
            0.02,
        );
        check(
            &format!("A06 p95 of {law}"),
            figure(&results, Measure::OutageDuration, "system", "p95"),
            p95 * 3600.0,
            0.02,
        );
        // out from 0 on, watched for one mean: the share of it that it is out is E[min(X, mean)] / mean
        let text = format!(
            "version = 1\nhorizon = \"{mean}h\"\n[services.web]\n[faults.out]\ntarget = \"web\"\nat = [\"0s\"]\nfor = \"{law}\"\n"
        );
        unavailability(&format!("A06 min of {law}"), &text, times(20_000), limited / mean, 0.02);
    }
}

// ---- A07: a new part, mean availability over [0, T]: with l, m rates, m/(l+m) + l/((l+m)^2 T) (1 - e^-(l+m)T).

#[test]
fn a_new_part_is_more_available_at_first() {
    let cases = [
        (100, 10, 100, 0.917_355_233_870_241_5, 80_000),
        (100, 10, 8_760, 0.909_185_252_273_670_8, 1_000),
        (1_000, 24, 100, 0.981_978_603_392_492, 60_000),
        (1_000, 24, 8_760, 0.976_625_207_352_311_6, 4_000),
    ];
    for (fails, repair, horizon, expected, trials) in cases {
        let text = format!(
            "version = 1\nhorizon = \"{horizon}h\"\n[services.web]\n\
             faults = {{ fails = \"exp(mean={fails}h)\", repair = \"exp(mean={repair}h)\" }}\n"
        );
        let results = run_text(&text, times(trials));
        let found = figure(&results, Measure::AvailabilityTime, "system", "mean");
        check(&format!("A07 mean over {horizon} h of {fails}/{repair}"), found, expected, 5e-4);
    }
}

// ---- A11: the bridge, which is no series of parallels; conditioning on the edge between.

#[test]
fn a_bridge_is_up_along_any_path() {
    let cases = [
        ([0.99; 5], 0.999_798_049_8, 60),
        ([0.9; 5], 0.978_48, 40),
        ([0.999, 0.99, 0.95, 0.99, 0.999], 0.999_974_961_090_000_1, 400),
    ];
    for (edges, expected, trials) in cases {
        let mut text = "version = 1\nstart = \"stationary\"\nhorizon = \"10y\"\n[services.net]\npools = []\n\
                        depends_on = [\"any(all(a, d), all(b, e), all(a, c, e), all(b, c, d))\"]\n"
            .to_owned();
        for (name, edge) in ["a", "b", "c", "d", "e"].iter().zip(edges) {
            let _ = write!(text, "[services.{name}]\nfaults = {}\n", faults(edge));
        }
        unavailability(&format!("A11 bridge {edges:?}"), &text, times(trials), 1.0 - expected, 0.05);
    }
}

// ---- A13: a standby that is always ready: M / (M + E detect + E promote + (1 - c) E manual).

#[test]
fn an_always_ready_standby_is_a_renewal_process() {
    // life, detect, promote, coverage, manual, repair (past the detection and over before it matters again), expected
    let cases = [
        ("exp(mean=30d)", "30s", "60s", "95%", "lognormal(mean=30min, cv=1.5)", "31s", 6.943_962_224_845_5e-5),
        (
            "weibull(shape=0.8, mean=30d)",
            "uniform(from=20s, to=30s)",
            "exp(mean=45s)",
            "99%",
            "exp(mean=1h)",
            "31s",
            4.089_338_939_071_165_4e-5,
        ),
        (
            "exp(mean=90d)",
            "uniform(from=10s, to=20s)",
            "lognormal(mean=20s, cv=1)",
            "100%",
            "",
            "21s",
            4.501_008_547_415_231e-6,
        ),
        (
            "exp(mean=7d)",
            "15s",
            "uniform(from=5s, to=65s)",
            "90%",
            "lognormal(mean=1h, cv=2)",
            "16s",
            6.774_508_022_008_888e-4,
        ),
    ];
    for (life, detect, promote, success, manual, repair, expected) in cases {
        let manual = if manual.is_empty() { String::new() } else { format!("manual = \"{manual}\"\n") };
        let text = format!(
            "version = 1\nhorizon = \"100y\"\n[regions]\nleft = {{}}\nright = {{}}\n[services.pair]\n\
             faults = {{ fails = \"{life}\", repair = \"{repair}\" }}\n\
             standby = {{ running = \"100%\", ageing = 0, wake = \"0s\" }}\n[services.pair.failover]\n\
             order = [\"left\", \"right\"]\ndetect = \"{detect}\"\npromote = \"{promote}\"\nsuccess = \"{success}\"\n{manual}"
        );
        unavailability(&format!("A13 {life}, {detect}, {promote}, {success}"), &text, times(60), expected, 0.03);
    }
}

// ---- A14: k failed checks T apart, each answered after tau: uniform on [(k-1)T + tau, kT + tau] on a fixed schedule;
// (k-1)(T + tau) + tau + uniform(0, T) when the next check waits for the answer.

#[test]
fn detection_takes_k_checks_from_a_uniform_phase() {
    // T, k, tau, mean and p99 on a fixed schedule, mean when it waits for the answer
    let cases = [
        (10.0, 3, 0.0, 25.0, 29.9, 25.0),
        (10.0, 3, 5.0, 30.0, 34.9, 40.0),
        (30.0, 2, 4.0, 49.0, 63.7, 53.0),
        (5.0, 5, 2.0, 24.5, 26.95, 32.5),
        (1.0, 3, 0.5, 3.0, 3.49, 4.0),
        (30.0, 3, 10.0, 85.0, 99.7, 105.0),
    ];
    for (every, count, timeout, mean, p99, mean_after) in cases {
        for (schedule, mean, p99) in [("fixed", mean, Some(p99)), ("after-answer", mean_after, None)] {
            let written = if timeout > 0.0 { timeout } else { every / 5.0 };
            let text = format!(
                "version = 1\nhorizon = \"1y\"\n[regions]\nleft = {{}}\nright = {{}}\n[services.pair]\n\
                 faults = {{ fails = \"exp(mean=1d)\", repair = \"10min\", silent = {} }}\n[services.pair.failover]\n\
                 order = [\"left\", \"right\"]\npromote = \"1s\"\n\
                 health_check = {{ every = \"{every}s\", timeout = \"{written}s\", down_after = {count}, schedule = \"{schedule}\" }}\n",
                timeout > 0.0
            );
            let results = run_text(&text, times(60));
            let what = format!("T={every} k={count} tau={timeout} {schedule}");
            let delay = |statistic| figure(&results, Measure::DetectionDelay, "pair", statistic);
            check(&format!("A14 mean {what}"), delay("mean"), mean, 0.02);
            if let Some(p99) = p99 {
                check(&format!("A14 p99 {what}"), delay("p99"), p99, 0.02);
            }
            let detection = trial(&text, 0).outcome.failovers[0].detection.clone();
            let seconds: Vec<f64> = detection.iter().map(|delay| delay.as_secs_f64()).collect();
            let (least, most) = (mean - every / 2.0, mean + every / 2.0);
            assert!(seconds.len() > 200 && seconds.iter().all(|delay| (least..=most).contains(delay)), "{what}");
        }
    }
}

// ---- W1: two regions of load balancers, servers and databases; mean over 87600 h from all up, by the product form.

#[test]
fn two_regions_of_three_tiers_meet_the_product_form() {
    let text = include_str!("../scenarios/w1.toml");
    let results = run_text(text, times(30_000));
    check("W1 system", figure(&results, UNAVAILABLE, "system", "mean"), 1.283_906_892e-7, 0.1);
    check("W1 region", figure(&results, UNAVAILABLE, "one", "mean"), 3.583_133_453e-4, 0.01);
    check("W1 other region", figure(&results, UNAVAILABLE, "two", "mean"), 3.583_133_453e-4, 0.01);
    // the mean number of events of the README of the workload: failures and repairs before the end
    let count = |measure| figure(&results, measure, "system", "mean");
    let ((faults, faults_error), (repairs, repairs_error)) = (count(Measure::Faults), count(Measure::Repairs));
    check("W1 events", (faults + repairs, faults_error + repairs_error), 1_613.9, 0.01);
}
