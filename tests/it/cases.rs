//! Words for histories worked out by hand: a scenario of a few lines, and the outages that it must have.

use crate::lab::{Down, History, history};
use ninefold::results::raw::Stage;

/// The way back that most cases take.
pub const BACK: &str = "failback = { after = \"1000s\", takes = \"20s\" }";

/// A service `db` on `left` (primary) and `right`, noticed after 30 s, promoted in 60 s; `more` adds keys to the
/// failover, then other tables.
pub fn pair(failover: &str, more: &str) -> String {
    let detect = if failover.contains("health_check") || failover.contains("detect") { "" } else { "detect = \"30s\"" };
    let promote = if failover.contains("promote") { "" } else { "promote = \"60s\"" };
    format!(
        "version = 1\nhorizon = \"10000s\"\n[regions]\nleft = {{}}\nright = {{}}\n[services.db]\n\
         [services.db.failover]\norder = [\"left\", \"right\"]\n{detect}\n{promote}\n{failover}\n{more}"
    )
}

/// A fault that strikes `target` at these seconds, each time for so many.
pub fn fault(name: &str, target: &str, at: &[u64], lasts: u64) -> String {
    let at: Vec<String> = at.iter().map(|at| format!("\"{at}s\"")).collect();
    format!("[faults.{name}]\ntarget = \"{target}\"\nat = [{}]\nfor = \"{lasts}s\"\n", at.join(", "))
}

pub fn down(start_s: f64, cause: &str, stages: &[(Stage, f64)]) -> Down {
    let lasts_s = stages.iter().map(|stage| stage.1).sum();
    Down { start_s, lasts_s, cause: cause.to_owned(), stages: stages.to_vec() }
}

#[track_caller]
pub fn check(text: &str, subject: &str, expected: &[Down]) -> History {
    check_within(text, subject, expected, 1e-9)
}

/// As `check`, where a slope crosses the threshold: to the microsecond.
#[track_caller]
pub fn check_drain(text: &str, subject: &str, expected: &[Down]) -> History {
    check_within(text, subject, expected, 1e-6)
}

#[track_caller]
pub fn check_within(text: &str, subject: &str, expected: &[Down], tolerance: f64) -> History {
    let history = history(text);
    let found = history.outages(subject);
    let near = |a: f64, b: f64| (a - b).abs() < tolerance;
    let same = found.len() == expected.len()
        && found.iter().zip(expected).all(|(found, expected)| {
            near(found.start_s, expected.start_s)
                && near(found.lasts_s, expected.lasts_s)
                && found.cause == expected.cause
                && found.stages.len() == expected.stages.len()
                && found.stages.iter().zip(&expected.stages).all(|(a, b)| a.0 == b.0 && near(a.1, b.1))
        });
    assert!(same, "{subject}\nfound    {found:#?}\nexpected {expected:#?}");
    history
}
