//! Regions that leave the rotation of spread routing and join it again: histories worked out by hand, closed forms.

use crate::cases::{check, down, fault};
use crate::lab::history;
use crate::request_lab::trials;
use ninefold::results::raw::Stage::{Deciding, FailingBack, Undetected};

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

#[test]
fn somebody_takes_a_region_out() {
    // noticed 1010, answered 1040, nothing lost later: on the way back nobody is asked
    let text = halves("mode = \"manual\"\npage = \"30s\"", &fault("one", "left", &[1000], 100));
    let history = check(&text, "system", &[down(1000.0, "one", &[(Undetected, 10.0), (Deciding, 30.0)])]);
    history.expect_loss("system", 0.5 * 40.0, 1e-6);
}

#[test]
fn a_region_that_is_well_before_the_page_is_answered_stays() {
    // the page of 1010 would be answered 1210; left is back 1100 and in rotation all along. At 2000 right dies for 5000 s
    // and is taken out 2210: left has all from then on
    let more = fault("one", "left", &[1000], 100) + &fault("two", "right", &[2000], 5000);
    let text = halves("mode = \"manual\"\npage = \"200s\"", &more);
    let first = down(1000.0, "one", &[(Undetected, 10.0), (Deciding, 90.0)]);
    let second = down(2000.0, "two", &[(Undetected, 10.0), (Deciding, 200.0)]);
    check(&text, "system", &[first, second]);
}

#[test]
fn a_region_that_was_taken_out_is_held_down() {
    // out of rotation 1010 to 2010: the outage of 1500 is nobody's, that of 2100 half's; well at 1110 without hold_down,
    // so that each of the three costs 10 s of half
    let faults = fault("one", "left", &[1000, 1500, 2100], 100);
    let once = |start| down(start, "one", &[(Undetected, 10.0)]);
    check(&halves("hold_down = \"1000s\"", &faults), "system", &[once(1000.0), once(2100.0)]);
    check(&halves("", &faults), "system", &[once(1000.0), once(1500.0), once(2100.0)]);
}

#[test]
fn pages_cost_their_mean() {
    // an outage of an hour every 30 days; noticed at once, half is lost until an exponential page of 10 min is answered, an
    // hour at most: 0.5 * 600 (1 - e^-6) s each
    let text = "version = 1\nhorizon = \"360d\"\n[regions]\nleft = {}\nright = {}\n[services.web]\n[routing]\n\
                policy = \"weighted\"\nweights = { left = \"50%\", right = \"50%\" }\nmode = \"manual\"\n\
                page = \"exp(mean=10min)\"\n[faults.one]\nmode = \"outage\"\ntarget = \"left\"\nevery = \"30d\"\n\
                first = \"1d\"\nfor = \"1h\"\n";
    let losses: Vec<f64> = (0..400).map(|number| crate::lab::trial(text, number).outcome.totals[0].loss_s).collect();
    let (mean, variance) = crate::lab::moments(&losses);
    let error = (variance / losses.len() as f64).sqrt();
    let expected = 12.0 * 0.5 * 600.0 * (1.0 - (-6.0_f64).exp());
    assert!((mean - expected).abs() < 4.0 * error && error < 0.02 * expected, "{mean} +- {error}, expected {expected}");
}
