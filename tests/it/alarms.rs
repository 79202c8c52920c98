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

/// The chain of two healthy sides that are checked in turn, down after one bad check and up after two good ones: failovers
/// a check, if one begins as soon as the primary is held for down and the other is not, and lasts so many checks.
fn failovers_per_check(fails: f64, lasts: usize) -> f64 {
    // good checks that a side lacks
    let step = |lacks: usize, bad: bool| if bad { 2 } else { lacks.saturating_sub(1) };
    // chance of: what the primary lacks, what the other lacks, who is checked next, checks until the failover is done
    let mut now = vec![[[[0.0_f64; 2]; 3]; 3]; lasts + 1];
    now[0][0][0][0] = 1.0;
    let mut failovers = 0.0;
    // the start is forgotten at a rate of 36 % in two checks: 1000 are for ever
    for turn in 0..2000 {
        let mut next = vec![[[[0.0_f64; 2]; 3]; 3]; lasts + 1];
        for state in 0..18 * (lasts + 1) {
            let (left, primary, other, who) = (state / 18, state / 6 % 3, state / 2 % 3, state % 2);
            for (bad, chance) in [(true, fails), (false, 1.0 - fails)] {
                let weight = now[left][primary][other][who] * chance;
                let (mine, theirs) = if who == 0 { (step(primary, bad), other) } else { (primary, step(other, bad)) };
                if left <= 1 && mine > 0 && theirs == 0 {
                    failovers += if turn < 1000 { 0.0 } else { weight };
                    // with the roles swapped, whoever was not checked now is next
                    next[lasts][theirs][mine][who] += weight;
                } else {
                    next[left.saturating_sub(1)][mine][theirs][1 - who] += weight;
                }
            }
        }
        now = next;
    }
    failovers / 1000.0
}

/// Nobody is fit while both sides are held for down; the first that is believed again takes over, whether the primary is
/// truly down or only said to be. So it is for one that is declared down while it takes over: within 1 min come two
/// checks of whoever was not checked last and one of the other, whose second falls on the end and follows it.
#[test]
fn a_false_alarm_waits_for_a_candidate_too() {
    for (promote, lasts) in [("0s", 0), ("1min", 3)] {
        let text = pair("every = \"30s\", timeout = \"1s\", false_fail = \"20%\", down_after = 1", "")
            .replace("promote = \"1min\"", &format!("promote = \"{promote}\""));
        let (mean, error) = unneeded(&text, 40);
        let expected = 2.0 * 86_400.0 * failovers_per_check(0.2, lasts);
        assert!(error < 0.005 * expected, "{promote}: {expected}, error {error}");
        assert!((mean - expected).abs() < 4.0 * error, "{promote}: {mean} against {expected}, error {error}");
    }
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
