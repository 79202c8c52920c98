//! Regions that leave the rotation of spread routing and join it again: histories worked out by hand, closed forms.

use crate::cases::{check, down, fault};
use crate::lab::history;
use crate::request_lab::trials;
use ninefold::results::raw::Stage::{FailingBack, Undetected};

/// Two regions with half of the users each, an outage of left from 1000 to 1100, noticed 10 s later each time.
fn halves(routing: &str, more: &str) -> String {
    format!(
        "version = 1\nhorizon = \"10000s\"\n[regions]\nleft = {{}}\nright = {{}}\n[services.web]\n[routing]\n\
         policy = \"weighted\"\ndetect = \"10s\"\nweights = {{ left = \"50%\", right = \"50%\" }}\n{routing}\n{more}"
    )
}

const BACK: &str = "failback = { after = \"600s\", takes = \"20s\" }";

#[test]
fn a_return_costs_those_who_go_back() {
    // well again 1100, noticed 1110, due 1710: the half that goes back is out until 1730
    let text = halves(BACK, &fault("one", "left", &[1000], 100));
    let first = down(1000.0, "one", &[(Undetected, 10.0)]);
    let back = down(1710.0, "failback", &[(FailingBack, 20.0)]);
    let history = check(&text, "system", &[first, back]);
    history.expect_loss("system", 0.5 * 10.0 + 0.5 * 20.0, 1e-6);
}

#[test]
fn a_return_costs_all_where_all_go_back_and_nothing_along_the_drain() {
    // geo: all of u are on right; out 1710 to 1730, then they drain to left while both serve
    let routing = format!("policy = \"geo\"\ndetect = \"10s\"\ndns = {{ ttl = \"100s\" }}\n{BACK}");
    let text = format!(
        "version = 1\nhorizon = \"10000s\"\n[regions]\nleft = {{}}\nright = {{}}\n[services.web]\n[routing]\n{routing}\n\
         [users.u]\nnear = \"left\"\n{}",
        fault("one", "left", &[1000], 100)
    );
    // 10 s of all, then the stale: 1 - s/100 from 1010 until left is back at 1100
    let history = history(&text);
    history.expect_loss("u", 10.0 + (90.0 - 90.0 * 90.0 / 200.0) + 20.0, 1e-6);
}

#[test]
fn what_breaks_a_region_that_takes_its_users_back_calls_it_off() {
    // due 1710, out again 1715 to 1815: those who were leaving stay on right; noticed 1825, due 2425, done 2445
    let text = halves(BACK, &fault("one", "left", &[1000, 1715], 100));
    let first = down(1000.0, "one", &[(Undetected, 10.0)]);
    let backs = [(1710.0, 5.0), (2425.0, 20.0)];
    let [called_off, back] = backs.map(|(start, lasts)| down(start, "failback", &[(FailingBack, lasts)]));
    check(&text, "system", &[first, called_off, back]);
}

#[test]
fn a_return_costs_the_same_where_loads_are_reckoned() {
    let capacity = "[services.web.pools.left]\ncapacity = \"100/s\"\n[services.web.pools.right]\ncapacity = \"100/s\"\n\
                    [users.u]\nrate = \"50/s\"\n";
    let text = halves(BACK, &(capacity.to_owned() + &fault("one", "left", &[1000], 100)));
    history(&text).expect_loss("system", 0.5 * 10.0 + 0.5 * 20.0, 1e-6);
}

#[test]
fn a_return_costs_requests_on_their_clock() {
    // of 50 a second, half find nobody from 1710 to 1730 (binomial: sd of the share 0.5 / sqrt(1000)), none before or after
    let more = "simulation = { fidelity = \"full\" }\nhorizon = \"2000s\"\n";
    let text = halves(BACK, &("[users.u]\nrate = \"50/s\"\n".to_owned() + &fault("one", "left", &[1000], 100)));
    let text = text.replace("horizon = \"10000s\"\n", more);
    let counts = &trials(&text, 1)[0];
    let share = |(came, answered): (u32, u32)| f64::from(answered) / f64::from(came);
    let out = share(counts.seconds(1710, 1730));
    assert!((out - 0.5).abs() < 4.0 * 0.5 / 1000_f64.sqrt(), "{out}");
    for (from, to) in [(1200, 1709), (1731, 2000)] {
        let (came, answered) = counts.seconds(from, to);
        assert_eq!(came, answered, "{from} to {to}");
    }
}
