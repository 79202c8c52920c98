//! Histories of faults that can be worked out by hand: what never ends, what overlaps, when ages run.

use crate::cases::{check, down, fault};
use crate::lab::{Down, history};
use ninefold::results::raw::Stage::{Promoting, Repairing, Undetected};

// ---- what never ends, what overlaps

#[test]
fn a_part_that_is_never_repaired_is_down_from_its_fault_on() {
    let text =
        "version = 1\nhorizon = \"10000s\"\n[services.web]\nfaults = { fails = \"1000s\", repair = \"never\" }\n";
    let history = check(text, "system", &[down(1000.0, "web", &[(Repairing, 9000.0)])]);
    let site = &history.outcome.sites[0];
    assert_eq!((site.changes, site.down_ns), ([1, 0], 9_000_000_000_000));
}

#[test]
fn fixed_lives_and_repairs_alternate_to_the_nanosecond() {
    let text = "version = 1\nhorizon = \"10000s\"\n[services.web]\nfaults = { fails = \"1000s\", repair = \"100s\" }\n";
    let expected: Vec<Down> =
        (0..9).map(|k| down(1000.0 + 1100.0 * f64::from(k), "web", &[(Repairing, 100.0)])).collect();
    let history = check(text, "system", &expected);
    assert_eq!(history.outcome.sites[0].changes, [9, 9]);
    assert_eq!(history.outcome.sites[0].down_ns, 900_000_000_000);
}

#[test]
fn calendar_faults_may_overlap_themselves() {
    // every 1000 s for 1500 s: down from the first to the end
    let text = "version = 1\nhorizon = \"10000s\"\n[services.web]\n[faults.one]\ntarget = \"web\"\nevery = \"1000s\"\n\
                for = \"1500s\"\n";
    check(text, "system", &[down(1000.0, "one", &[(Repairing, 9000.0)])]);
}

#[test]
fn a_part_in_use_only_while_it_runs_does_not_age_under_a_mask() {
    // running age: 1000 s of it; the zone is out 500 to 700, so the crash comes at 1200 and is mended 1300
    let text = "version = 1\nhorizon = \"2000s\"\n[regions.only]\n[services.web]\n\
                faults = { fails = \"1000s\", repair = \"100s\", ages = \"running\" }\n"
        .to_owned()
        + &fault("z", "only/a", &[500], 200);
    let first = down(500.0, "z", &[(Repairing, 200.0)]);
    check(&text, "system", &[first.clone(), down(1200.0, "web", &[(Repairing, 100.0)])]);
    // always: it comes at 1000
    let always = text.replace("running", "always");
    check(&always, "system", &[first, down(1000.0, "web", &[(Repairing, 100.0)])]);
}

#[test]
fn faults_on_one_part_compete() {
    // two faults at 1000 and 1500 of age; the first holds the part 1000 to 1200, the second's clock stands still
    // meanwhile: due 1700
    let text = "version = 1\nhorizon = \"2100s\"\n[services.web]\nfaults = [\n\
                { fails = \"1000s\", repair = \"200s\", cause = \"a\" },\n\
                { fails = \"1500s\", repair = \"100s\", cause = \"b\" }]\n";
    // a: renewed at 1200, its age stands still 1700 to 1800, so its next fault is at 2300, beyond the end
    let expected = [down(1000.0, "a", &[(Repairing, 200.0)]), down(1700.0, "b", &[(Repairing, 100.0)])];
    check(text, "system", &expected);
}

#[test]
fn a_standby_ages_at_its_own_pace() {
    // right ages half as fast while it waits: by 1090 its 2000 s of life are 1090 / 2 = 545 spent; then 1455 more
    let text = "version = 1\nhorizon = \"3000s\"\n[regions]\nleft = {}\nright = {}\n[services.db]\n\
                standby = { running = \"100%\", ageing = 0.5, wake = \"0s\" }\n[services.db.pools.left]\n\
                faults = { fails = \"1000s\", repair = \"9000s\" }\n[services.db.pools.right]\n\
                faults = { fails = \"2000s\", repair = \"9000s\" }\n[services.db.failover]\n\
                order = [\"left\", \"right\"]\ndetect = \"30s\"\npromote = \"60s\"\n";
    let first = down(1000.0, "db", &[(Undetected, 30.0), (Promoting, 60.0)]);
    let second = down(2545.0, "db", &[(Undetected, 30.0), (Repairing, 425.0)]);
    let found = history(text).outages("db");
    let starts: Vec<f64> = found.iter().map(|outage| outage.start_s).collect();
    assert_eq!(starts, [first.start_s, second.start_s]);
    assert_eq!((&found[0].stages, &found[1].stages), (&first.stages, &second.stages));
}

#[test]
fn a_calendar_fault_that_is_not_covered_stops_the_others_too() {
    // of one node, by name or drawn; work on purpose is always covered
    let text = |target: &str, mode: &str| {
        format!(
            "version = 1\nhorizon = \"6h\"\n[regions.a]\n[services.s]\nnodes = 3\nneed = 1\n\
             coverage = {{ covered = \"0%\", uncovered = \"15min\" }}\n\
             [faults.f]\ntarget = \"{target}\"\nmode = \"{mode}\"\nat = [\"1h\"]\nfor = \"2h\"\n"
        )
    };
    check(&text("1 of s", "crash"), "s", &[down(3600.0, "f", &[(Repairing, 900.0)])]);
    check(&text("1 of s", "maintenance"), "s", &[]);
}
