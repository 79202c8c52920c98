//! Regions that leave the rotation of spread routing and join it again: histories worked out by hand, closed forms.

use crate::cases::{check, down, fault};
use crate::lab::history;
use crate::request_lab::trials;
use ninefold::results::measure::Measure;
use ninefold::results::raw::Stage::{Deciding, FailingBack, Promoting, Undetected};

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

// ---- moves that fail

const BY_HAND: &str = "success = \"0%\"\nmanual = \"100s\"";

#[test]
fn people_move_the_users_off_where_that_fails() {
    // noticed 1010, failed at once, done 1110; the region is out until 1300
    let text = halves(BY_HAND, &fault("one", "left", &[1000], 300));
    let history = check(&text, "system", &[down(1000.0, "one", &[(Undetected, 10.0), (Promoting, 100.0)])]);
    history.expect_loss("system", 0.5 * 110.0, 1e-6);
    assert_eq!((history.outcome.moves.begun, history.outcome.moves.automatic), (1, 0));
    // after a page of 30 s, for which they are called and then called again
    let paged = format!("mode = \"manual\"\npage = \"30s\"\n{BY_HAND}");
    let stages = [(Undetected, 10.0), (Deciding, 30.0), (Promoting, 100.0)];
    check(&halves(&paged, &fault("one", "left", &[1000], 300)), "system", &[down(1000.0, "one", &stages)]);
}

#[test]
fn a_region_that_is_well_before_people_have_moved_its_users_keeps_them() {
    // back 1090, noticed 1100, before the 1110 at which people would be done. Right, out from 1111 on, is left by its users
    // at 1111 + 10 + 100 for a left that is in rotation
    let more = fault("one", "left", &[1000], 90) + &fault("two", "right", &[1111], 5000);
    let first = down(1000.0, "one", &[(Undetected, 10.0), (Promoting, 80.0)]);
    let second = down(1111.0, "two", &[(Undetected, 10.0), (Promoting, 100.0)]);
    let history = check(&halves(BY_HAND, &more), "system", &[first, second]);
    assert_eq!((history.outcome.moves.begun, history.outcome.moves.automatic), (2, 0));
}

#[test]
fn who_was_called_in_vain_is_called_anew() {
    // failed 1040, back 1090 before the 1140 of people; lost again 2000: noticed, paged, failed and moved by people afresh
    let text = halves(
        &format!("mode = \"manual\"\npage = \"30s\"\n{BY_HAND}"),
        &(fault("one", "left", &[1000], 90) + &fault("two", "left", &[2000], 300)),
    );
    let first = down(1000.0, "one", &[(Undetected, 10.0), (Deciding, 30.0), (Promoting, 50.0)]);
    let second = down(2000.0, "two", &[(Undetected, 10.0), (Deciding, 30.0), (Promoting, 100.0)]);
    check(&text, "system", &[first, second]);
}

#[test]
fn a_move_needs_its_control_plane_when_it_is_made() {
    // control is out from 900 on, until 1020 or 1200: at 1010 people must help; with a page it is asked for at 1040 only
    let text = |page: &str, control: u64| {
        let keys = format!("entry = \"web\"\nneeds = [\"control\"]\nmanual = \"100s\"\n{page}");
        let more = fault("one", "left", &[1000], 300) + &fault("plane", "control@right", &[900], control);
        halves(&keys, &("[services.control]\npools = [\"right\"]\n".to_owned() + &more))
    };
    let out = |stages: &[_]| [down(1000.0, "one", stages)];
    let page = "mode = \"manual\"\npage = \"30s\"";
    check(&text("", 300), "system", &out(&[(Undetected, 10.0), (Promoting, 100.0)]));
    check(&text("", 50), "system", &out(&[(Undetected, 10.0)]));
    check(&text(page, 120), "system", &out(&[(Undetected, 10.0), (Deciding, 30.0)]));
    check(&text(page, 300), "system", &out(&[(Undetected, 10.0), (Deciding, 30.0), (Promoting, 100.0)]));
}

/// A region fails every 30 d and is out for T = 1 h; noticed after d = 1 min, with p = 70 % its users are moved at once, else
/// people need an exponential time of a mean m = 10 min, if it is not back before. By alternating renewal half of
/// the users are lost for the share (d + (1 - p) m (1 - exp(-(T - d) / m))) / (30 d + T) of the time.
#[test]
fn moves_that_fail_cost_the_mean_of_what_people_need() {
    let text = "version = 1\nhorizon = \"50y\"\nstart = \"stationary\"\n[regions]\nleft = { outage = { fails = \"exp(mean=30d)\", \
                repair = \"1h\" } }\nright = {}\n[services.web]\n[routing]\npolicy = \"weighted\"\n\
                weights = { left = \"50%\", right = \"50%\" }\ndetect = \"1min\"\nsuccess = \"70%\"\n\
                manual = \"exp(mean=10min)\"\n";
    let results = crate::lab::run_text(text, 40);
    let people = 0.3 * 600.0 * (1.0 - (-3540.0_f64 / 600.0).exp());
    let expected = (60.0 + people) / (30.0 * 86_400.0 + 3600.0);
    let down = crate::lab::figure(&results, Measure::UnavailabilityTime, "system", "mean");
    crate::lab::check("moves that fail", down, expected, 0.02);
    let lost = crate::lab::figure(&results, Measure::UnavailabilityRequest, "system", "mean");
    crate::lab::check("moves that fail, requests", lost, 0.5 * expected, 0.02);
    // Clopper-Pearson of some 24 000 moves: a standard error of sqrt(0.21 / 24000) = 0.3 %
    let success = crate::lab::value(&results, Measure::FailoverSuccess, "system", "mean");
    let found = success.estimate.expect("moves");
    assert!((found - 0.7).abs() < 4.0 * 0.003, "{found}");
}

// ---- the same on the request clock: every request is one of ten a second, all of users near left, and is answered or not

/// Requests that arrive in these seconds fail, all others are answered; `lasts` from each of `at` left is out.
#[track_caller]
fn fail_exactly(routing: &str, more: &str, (at, lasts): (&[u64], u64), failing: &[(usize, usize)]) {
    let text = format!(
        "version = 1\nsimulation.fidelity = \"full\"\nhorizon = \"2500s\"\n[regions]\nleft = {{}}\nright = {{}}\n\
         [services.web]\n[routing]\nentry = \"web\"\npolicy = \"geo\"\ndetect = \"10s\"\n{routing}\n[users.u]\nnear = \"left\"\n\
         rate = \"10/s\"\narrivals = \"regular\"\ntimeout = \"100ms\"\n{}{more}",
        fault("one", "left", at, lasts)
    );
    let counts = &trials(&text, 1)[0];
    for second in 0..2499 {
        let fails = failing.iter().any(|&(from, to)| (from..to).contains(&second));
        let (came, answered) = counts.seconds(second, second + 1);
        let expected = if fails { 0 } else { came };
        assert!((9..=11).contains(&came) && answered == expected, "{second} s: {answered} of {came}");
    }
}

#[test]
fn requests_fail_until_the_page_is_answered() {
    let paged = "mode = \"manual\"\npage = \"30s\"";
    fail_exactly(paged, "", (&[1000], 100), &[(1000, 1040)]);
    // who is well again before that keeps them
    fail_exactly(paged, "", (&[1000], 25), &[(1000, 1025)]);
}

#[test]
fn requests_stay_away_while_a_region_is_held_down() {
    // away 1010 to 2010, as in `a_region_that_was_taken_out_is_held_down`
    fail_exactly("hold_down = \"1000s\"", "", (&[1000, 1500, 2100], 100), &[(1000, 1010), (2100, 2110)]);
    fail_exactly("", "", (&[1000, 1500, 2100], 100), &[(1000, 1010), (1500, 1510), (2100, 2110)]);
}

#[test]
fn requests_fail_until_people_have_moved_them() {
    fail_exactly(BY_HAND, "", (&[1000], 300), &[(1000, 1110)]);
    let control =
        |lasts| "[services.control]\npools = [\"right\"]\n".to_owned() + &fault("plane", "control", &[900], lasts);
    let needs = "needs = [\"control\"]\nmanual = \"100s\"";
    fail_exactly(needs, &control(300), (&[1000], 300), &[(1000, 1110)]);
    fail_exactly(needs, &control(105), (&[1000], 300), &[(1000, 1010)]);
}

// ---- panic

/// Two of three regions, and with them all users, from 1000 to 1100.
fn thirds(routing: &str, more: &str) -> String {
    let faults = fault("one", "left", &[1000], 100) + &fault("two", "mid", &[1000], 100);
    format!(
        "version = 1\nhorizon = \"2000s\"\n[regions]\nleft = {{}}\nmid = {{}}\nright = {{}}\n[services.web]\n{routing}\n\
         [users]\nl = {{ near = \"left\", rate = \"10/s\", arrivals = \"regular\", timeout = \"100ms\" }}\n\
         m = {{ near = \"mid\", rate = \"10/s\", arrivals = \"regular\", timeout = \"100ms\" }}\n{more}{faults}"
    )
}

#[test]
fn with_one_of_three_regions_left_panic_sends_users_where_nobody_serves() {
    let geo = "[routing]\npolicy = \"geo\"";
    let weights = "[routing]\npolicy = \"weighted\"\nweights = { left = \"30%\", mid = \"30%\", right = \"40%\" }";
    // who has a capacity is reckoned by flows: the same must come out
    let capacity = "[services.web.pools]\nleft = { capacity = \"50/s\" }\nmid = { capacity = \"50/s\" }\n\
                    right = { capacity = \"50/s\" }\n";
    for more in ["", capacity] {
        let lost = |routing: &str, loss_s: f64| history(&thirds(routing, more)).expect_loss("system", loss_s, 1e-6);
        let with = |routing: &str, key: &str| format!("{routing}\n{key}");
        lost(&with(geo, "panic = \"50%\""), 100.0);
        lost(&with(weights, "panic = \"50%\""), 60.0);
        // who is told who serves does as those who know it, unless told otherwise
        lost(&with(geo, "detect = \"0s\""), 100.0);
        lost(&with(geo, "detect = \"0s\"\npanic = \"0%\""), 0.0);
        // what is not written is perfect
        lost(geo, 0.0);
        lost("", 0.0);
    }
}

#[test]
fn with_two_of_three_regions_left_nobody_panics() {
    let text = thirds("[routing]\npolicy = \"geo\"\npanic = \"50%\"", "").replace(
        "[faults.two]\ntarget = \"mid\"\nat = [\"1000s\"]",
        "[faults.two]\ntarget = \"mid\"\nat = [\"1500s\"]",
    );
    check(&text, "system", &[]);
}

#[test]
fn panic_fails_requests_as_it_fails_users() {
    let failed = |routing: &str| {
        let text = thirds(routing, "").replace("version = 1\n", "version = 1\nsimulation.fidelity = \"full\"\n");
        let counts = &trials(&text, 1)[0];
        let (came, answered) = counts.seconds(1000, 1100);
        let others = [counts.seconds(0, 1000), counts.seconds(1100, 1999)];
        assert!(others.iter().all(|(came, answered)| came == answered), "{others:?}");
        (came, answered)
    };
    let geo = "[routing]\npolicy = \"geo\"";
    assert_eq!(failed(&format!("{geo}\npanic = \"50%\"")), (2000, 0));
    assert_eq!(failed(geo), (2000, 2000));
}
