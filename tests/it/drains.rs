//! Maintenance that is announced: users and roles move away before anything is out. Histories by hand, as in
//! `failover_cases`.

use crate::cases::{check, down, fault, pair};
use crate::lab::history;
use ninefold::results::raw::Stage::{Promoting, Repairing};

/// Left is announced at 1000 for `drain_s`, then out for 500 s; its users are told at 1010 and gone at 1110.
fn region(drain_s: u32) -> String {
    format!(
        "version = 1\nhorizon = \"10000s\"\nregions = {{ left = {{}}, right = {{}} }}\n[services.web]\n[routing]\n\
         policy = \"active-passive\"\norder = [\"left\", \"right\"]\ndetect = \"10s\"\ndns = {{ ttl = \"100s\" }}\n\
         [faults.work]\nmode = \"maintenance\"\ntarget = \"left\"\nat = \"1000s\"\nfor = \"500s\"\ndrain = \"{drain_s}s\"\n"
    )
}

#[test]
fn users_leave_a_region_while_it_still_serves() {
    history(&region(300)).expect("system", 0.0, 0.0, 0.0);
    history(&region(300)).expect("left", 0.0, 500.0, 500.0);
}

#[test]
fn who_has_not_left_when_the_drain_is_over_is_lost() {
    // half are left at 1060, none at 1110: above 90 % after another 40 s
    history(&region(60)).expect_near("system", 10.0, 40.0, 0.5 * 50.0 / 2.0, 1e-6);
    // without a drain: 10 s unseen, then 100 s of moving
    history(&region(0)).expect_near("system", 10.0, 100.0, 10.0 + 50.0, 1e-6);
}

#[test]
fn a_primary_that_is_announced_costs_the_promotion_only() {
    let work = "[faults.work]\nmode = \"maintenance\"\ntarget = \"db@left\"\nat = \"1000s\"\nfor = \"500s\"\ndrain = \"200s\"\n";
    let history = check(&pair("", work), "db", &[down(1030.0, "planned", &[(Promoting, 60.0)])]);
    let counts = &history.outcome.failovers[0];
    assert_eq!((counts.begun, counts.unneeded, counts.automatic), (1, 0, 1));
}

#[test]
fn with_nobody_to_give_way_to_it_serves_to_the_end_of_the_drain() {
    // out 1200 to 1700, seen again 1730, in charge 1790; right is away from 900 to 3000
    let work =
        "[faults.work]\nmode = \"maintenance\"\ntarget = \"left\"\nat = \"1000s\"\nfor = \"500s\"\ndrain = \"200s\"\n"
            .to_owned()
            + &fault("away", "right", &[900], 2100);
    check(&pair("", &work), "db", &[down(1200.0, "planned", &[(Promoting, 60.0), (Repairing, 530.0)])]);
}

#[test]
fn zones_and_services_are_out_for_the_drain_too() {
    for target in ["here/a", "web"] {
        let text = format!(
            "version = 1\nhorizon = \"10000s\"\nregions = {{ here = {{}} }}\n[services.web]\n[faults.work]\n\
             mode = \"maintenance\"\ntarget = \"{target}\"\nat = \"1000s\"\nfor = \"500s\"\ndrain = \"200s\"\n"
        );
        let expected = down(1000.0, "planned", &[(Repairing, 700.0)]);
        check(&text, "web", &[expected]);
    }
}
