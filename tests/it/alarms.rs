//! False alarms: how often checks of a healthy primary move it for nothing, against closed forms.

use crate::lab::{delays, history, moments, trial};

fn pair(check: &str, rest: &str) -> String {
    format!(
        "version = 1\nhorizon = \"30d\"\nregions = {{ left = {{}}, right = {{}} }}\n[services.db]\n[services.db.failover]\n\
         order = [\"left\", \"right\"]\npromote = \"1min\"\nhealth_check = {{ {check} }}\n{rest}\n"
    )
}

/// Mean and standard error of the unneeded failovers of a trial.
fn unneeded(text: &str, trials: u64) -> (f64, f64) {
    let counts: Vec<f64> = (0..trials)
        .map(|number| {
            let counts = &trial(text, number).outcome.failovers[0];
            assert_eq!(counts.begun, counts.unneeded);
            counts.unneeded as f64
        })
        .collect();
    let (mean, variance) = moments(&counts);
    (mean, (variance / trials as f64).sqrt())
}

/// A run of k failures of chance p takes (1 - p^k) / ((1 - p) p^k) checks in the mean. The checks of either side go on
/// meanwhile, so that the mean number of failovers is the horizon over that wait, less what is spent while both count as
/// down or one has not been believed again.
#[test]
fn false_failovers_come_at_the_rate_of_runs_of_failures() {
    let text = pair("every = \"10s\", false_fail = \"10%\", down_after = 3, up_after = 1", "hold_down = \"0s\"");
    let (mean, error) = unneeded(&text, 60);
    let (p, checks) = (0.1_f64, 30.0 * 86_400.0 / 10.0);
    let wait = (1.0 - p.powi(3)) / ((1.0 - p) * p.powi(3));
    let expected = checks / wait;
    // a run of three just after another, or two sides at once, is rarer than 1 in 100
    assert!((mean - expected).abs() < 4.0 * error + 0.01 * expected, "{mean} against {expected}, error {error}");
}

#[test]
fn checkers_that_must_agree_hardly_ever_err() {
    let alone = "every = \"10s\", false_fail = \"10%\", down_after = 3, up_after = 1";
    let (one, _) = unneeded(&pair(alone, ""), 10);
    let (three, _) = unneeded(&pair(&format!("{alone}, checkers = 3"), ""), 10);
    assert!(three < 0.05 * one, "{three} with three checkers, {one} with one");
}

#[test]
fn a_healthy_primary_declared_down_costs_the_promotion_at_most() {
    let text = pair("every = \"10s\", false_fail = \"100%\", down_after = 3", "");
    // both sides are believed down for ever: the primary has nobody to give way to but once at most
    let down = history(&text).totals("db").down.as_secs_f64();
    assert!(down <= 60.0, "down for {down} s");
}

/// Three checkers with phases of their own notice a crash when the second of them does: the mean of the second of three
/// uniform phases is half a period, as for one alone, and its variance T^2 / 20 instead of T^2 / 12.
#[test]
fn agreement_narrows_the_time_to_detection() {
    let fault = "[faults.crash]\ntarget = \"db@left\"\nat = \"1d\"\nfor = \"1d\"";
    let text = pair("every = \"10s\", down_after = 3, checkers = 3", fault);
    let (mean, variance) = delays(&text, 400);
    // silent or not, a crashed node refuses at once: (k - 1/2) T
    assert!((mean - 25.0).abs() < 4.0 * (5.0_f64 / 400.0).sqrt(), "mean {mean}");
    assert!((variance - 5.0).abs() < 4.0 * 5.0 * (2.0_f64 / 400.0).sqrt(), "variance {variance}");
}
