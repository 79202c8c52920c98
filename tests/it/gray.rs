//! Gray faults against histories and moments worked out by hand: nodes that are slow, err, leak memory or misread the
//! time, and checks that see only a part of what is wrong.

use crate::lab::{check, delays, figure, history, run_text};
use ninefold::results::measure::Measure;
use ninefold::time::Span;

const HOUR: f64 = 3_600.0;

/// A pool of so many nodes under `rate`, and a fault from 1 h to 2 h.
fn pool(nodes: &str, rate: &str, fault: &str) -> String {
    format!(
        "version = 1\nhorizon = \"10h\"\n[services.app]\n{nodes}\n[users.folk]\n{rate}\n[faults.gray]\nat = \"1h\"\n\
         for = \"1h\"\n{fault}\n"
    )
}

const FOUR: &str = "nodes = 4\ncapacity = \"30/s\"";

#[test]
fn a_slow_node_carries_its_capacity_over_its_factor() {
    let text = pool(FOUR, "rate = \"100/s\"", "target = \"1 of app\"\nmode = \"slow\"");
    // 3 x 30 + 30 / 10 of 100
    history(&text).expect("system", HOUR, 0.0, 0.07 * HOUR);
    let all = pool(FOUR, "rate = \"100/s\"", "target = \"app\"\nmode = \"slow\"\nfactor = 2");
    history(&all).expect("system", 0.0, HOUR, 0.4 * HOUR);
    let spare = pool(FOUR, "rate = \"90/s\"", "target = \"1 of app\"\nmode = \"slow\"");
    history(&spare).expect("system", 0.0, 0.0, 0.0);
}

/// Without a capacity only errors are felt, by the share of the slow nodes.
#[test]
fn errors_of_a_slow_node_cost_its_share() {
    let slow = "target = \"1 of app\"\nmode = \"slow\"\nerrors = \"20%\"";
    history(&pool("nodes = 4\nneed = 1", "", slow)).expect("system", HOUR, 0.0, 0.05 * HOUR);
    let one = "target = \"app\"\nmode = \"slow\"\nerrors = \"20%\"";
    history(&pool("", "", one)).expect("system", 0.0, HOUR, 0.2 * HOUR);
    // of 60 the slow node carries 3, and fails half of them
    let half = "target = \"1 of app\"\nmode = \"slow\"\nerrors = \"50%\"";
    history(&pool(FOUR, "rate = \"60/s\"", half)).expect("system", HOUR, 0.0, 0.025 * HOUR);
    // a faster one carries as much as the others, 15
    let evenly = "target = \"1 of app\"\nmode = \"slow\"\nfactor = 2\nerrors = \"50%\"";
    history(&pool(FOUR, "rate = \"60/s\"", evenly)).expect("system", 0.0, HOUR, 0.125 * HOUR);
}

/// A slow node that crashes meanwhile is not slow but gone; two faults on one node multiply.
#[test]
fn what_strikes_a_slow_node_adds_up() {
    let text = pool("nodes = 4\nneed = 1", "", "target = \"app\"\nmode = \"slow\"\nerrors = \"20%\"");
    let crash = format!("{text}[faults.crash]\ntarget = \"app\"\nat = \"90min\"\nfor = \"15min\"\n");
    history(&crash).expect("system", 0.0, HOUR, 0.2 * 0.75 * HOUR + 0.25 * HOUR);
    let twice = format!(
        "{text}[faults.more]\ntarget = \"app\"\nmode = \"clock-skew\"\nskew = \"1s\"\nerrors = \"10%\"\nat = \"90min\"\n\
         for = \"1h\"\n"
    );
    history(&twice).expect("system", 0.5 * HOUR, HOUR, (0.5 * 0.2 + 0.5 * 0.28 + 0.5 * 0.1) * HOUR);
}

/// A link that is slow is felt by requests only, one that hangs carries nothing.
#[test]
fn a_link_that_hangs_is_cut_and_a_slow_one_is_not() {
    let text = |factor: &str| {
        format!(
            "version = 1\nhorizon = \"10h\"\n[services.app]\n[users.folk]\n[links.\"folk <-> here\"]\n\
             faults = {{ mode = \"slow\", factor = {factor}, at = \"1h\", for = \"1h\" }}\n"
        )
    };
    history(&text("inf")).expect("folk", 0.0, HOUR, HOUR);
    history(&text("10")).expect("folk", 0.0, 0.0, 0.0);
}

/// Service times rise linearly to five times within the hour: of a demand that fills the node ln 5 / 4 is carried.
#[test]
fn a_leak_costs_the_integral_of_its_ramp_and_ends_in_a_crash() {
    let leak = "target = \"app\"\nmode = \"memory-exhaustion\"\nramp = \"1h\"";
    let text = pool("capacity = \"100/s\"", "rate = \"100/s\"", leak).replace("for = \"1h\"", "for = \"2h\"");
    history(&text).expect_loss("system", HOUR * (1.0 - 5.0_f64.ln() / 4.0) + HOUR, 1e-6);
    // mended before the end of the ramp it never stops: the first half, to three times, carries ln 3 / 2 of itself
    let mended = text.replace("for = \"2h\"", "for = \"30min\"");
    history(&mended).expect_loss("system", 0.5 * HOUR * (1.0 - 3.0_f64.ln() / 2.0), 1e-6);
}

/// A cycle is a life, a ramp and a repair; without capacity only the last is felt.
#[test]
fn a_random_ramp_lengthens_the_life() {
    let text = "version = 1\nhorizon = \"2y\"\n[services.app]\nfaults = { mode = \"memory-exhaustion\", fails = \"exp(mean=8d)\", \
                ramp = \"exp(mean=2d)\", repair = \"exp(mean=12h)\" }\n";
    let results = run_text(text, 2_000);
    let share = figure(&results, Measure::UnavailabilityTime, "system", "mean");
    check("memory", share, expected_share(2.0 * 365.25), 0.01);
}

/// The share of the horizon down of the cycle 8 d, 2 d, 12 h, exponential each: the chain solved in small steps.
fn expected_share(horizon_d: f64) -> f64 {
    let (mut state, mut down, step) = ([1.0_f64, 0.0, 0.0], 0.0, 1e-3);
    for _ in 0..(horizon_d / step) as u64 {
        let flow = [state[0] / 8.0 * step, state[1] / 2.0 * step, state[2] / 0.5 * step];
        let next = [state[0] - flow[0] + flow[2], state[1] + flow[0] - flow[1], state[2] + flow[1] - flow[2]];
        down += 0.5 * (state[2] + next[2]) * step;
        state = next;
    }
    down / horizon_d
}

fn pair(nodes: &str, failover: &str, fault: &str) -> String {
    format!(
        "version = 1\nhorizon = \"3d\"\nregions = {{ left = {{}}, right = {{}} }}\n[services.db]\n{nodes}\n[services.db.failover]\n\
         order = [\"left\", \"right\"]\npromote = \"1min\"\n{failover}\n[faults.gray]\nat = \"1d\"\nfor = \"2h\"\n{fault}\n"
    )
}

/// The first run of k failures of chance p comes at check number N with mean (1 - p^k) / (q p^k) and variance
/// (1 - (2 k + 1) q p^k - p^(2 k + 1)) / (q p^k)^2; checks are T apart, from a phase uniform over T.
#[test]
fn a_gray_fault_half_seen_is_detected_after_a_run_of_failed_checks() {
    let (p, k, period): (f64, i32, f64) = (0.5, 3, 10.0);
    let run = (1.0 - p) * p.powi(k);
    let mean = period * ((1.0 - p.powi(k)) / run - 0.5);
    let variance =
        (1.0 - f64::from(2 * k + 1) * run - p.powi(2 * k + 1)) / run.powi(2) * period.powi(2) + period.powi(2) / 12.0;
    let trials = 4_000;
    let error = (variance / f64::from(trials)).sqrt();
    let check = "health_check = { every = \"10s\", down_after = 3 }";
    // a crash refuses at once, a slow node answers too late: 2 s more
    for (fault, late) in [("mode = \"crash\"", 0.0), ("mode = \"slow\"", 2.0)] {
        let fault = format!("target = \"db@left\"\n{fault}\ncheck_fails = \"50%\"");
        let (found, spread) = delays(&pair("", check, &fault), u64::from(trials as u32));
        assert!((found - mean - late).abs() < 4.0 * error, "{fault}: {found} against {mean} + {late}, error {error}");
        // the kurtosis of a geometric tail is near 9: its variance has a relative error of sqrt(8 / n)
        assert!(
            (spread / variance - 1.0).abs() < 4.0 * (8.0 / f64::from(trials)).sqrt(),
            "{spread} against {variance}"
        );
    }
}

/// A check of a pool wants two of three nodes; two of these pass every other check, so that a quarter of its checks fail.
#[test]
fn a_check_of_a_pool_fails_by_the_poisson_binomial_law() {
    let check = "health_check = { every = \"10s\", timeout = \"0s\", down_after = 1 }";
    let fault = "target = \"2 of db@left\"\nmode = \"slow\"\ncheck_fails = \"50%\"";
    let trials = 4_000;
    let (found, _) = delays(&pair("nodes = 3\nneed = 2", check, fault), trials);
    let (mean, variance) = (10.0 * (4.0 - 0.5), 100.0 * (0.75 / 0.0625) + 100.0 / 12.0);
    assert!((found - mean).abs() < 4.0 * f64::sqrt(variance / trials as f64), "{found} against {mean}");
}

#[test]
fn what_checks_never_see_is_never_failed_over() {
    let check = "health_check = {}";
    let unseen = pair("", check, "target = \"db@left\"\nmode = \"slow\"");
    assert_eq!(history(&unseen).outcome.failovers[0].begun, 0);
    let dead = pair("", check, "target = \"db@left\"\ncheck_fails = \"0%\"");
    let dead = history(&dead);
    assert_eq!(dead.outcome.failovers[0].begun, 0);
    dead.expect("db", 0.0, 2.0 * HOUR, 2.0 * HOUR);
    let seen = pair("", check, "target = \"db@left\"\nmode = \"slow\"\ncheck_fails = \"100%\"");
    let counts = history(&seen).outcome.failovers[0].clone();
    assert_eq!((counts.begun, counts.unneeded), (1, 0), "not a false alarm");
}

/// Routing sees through the same checks: half of the users leave a region whose only node is gray.
#[test]
fn routing_leaves_a_region_that_checks_find_gray() {
    let text = |check_fails: &str| {
        format!(
            "version = 1\nhorizon = \"10h\"\nregions = {{ a1 = {{}}, b1 = {{}} }}\n[services.app]\n[routing]\npolicy = \"geo\"\n\
             health_check = {{ every = \"10s\", timeout = \"0s\", down_after = 1, up_after = 1 }}\n[users]\n\
             a = {{ near = \"a1\", share = \"50%\" }}\nb = {{ near = \"b1\", share = \"50%\" }}\n[faults.gray]\ntarget = \"app@a1\"\n\
             mode = \"slow\"\nerrors = \"50%\"\nat = \"1h\"\nfor = \"1h\"\ncheck_fails = \"{check_fails}\"\n"
        )
    };
    history(&text("0%")).expect("a", 0.0, HOUR, 0.5 * HOUR);
    let lost = history(&text("100%")).totals("a").loss_s;
    assert!(lost <= 0.5 * 10.0, "{lost} s lost in the first ten seconds at most");
}

/// The old primary, well but for its clock, holds on to its lease five seconds longer than the new one waits.
#[test]
fn a_clock_that_is_off_leaves_two_primaries_for_as_long() {
    let skew = "target = \"db@left\"\nmode = \"clock-skew\"\nskew = \"5s\"\nerrors = \"10%\"\ncheck_fails = \"100%\"";
    let skewed = history(&pair("", "health_check = {}", skew));
    assert_eq!(skewed.outcome.failovers[0].split, Span::from_secs(5));
    // dead it writes nothing: it crashes before the promotion is over, a minute after it was noticed
    let dead = format!(
        "{}[faults.dead]\ntarget = \"db@left\"\nat = [\"86460s\"]\nfor = \"1h\"\n",
        pair("", "health_check = {}", skew)
    );
    assert!(history(&dead).outcome.failovers[0].split.is_zero());
}

/// Half of the nodes of a bad deploy that fails a tenth of their requests; it is noticed before the other half.
#[test]
fn a_deploy_that_fails_a_share_costs_that_share() {
    let text = "version = 1\nhorizon = \"10h\"\n[services.app]\nnodes = 4\nneed = 1\n[services.app.deploys]\nevery = \"6h\"\n\
                batch = \"50%\"\nrestart = \"0s\"\nbake = \"1h\"\nbad = \"100%\"\nerrors = \"10%\"\nnoticed = \"20min\"\nrollback = \"10min\"\n";
    history(text).expect("system", 0.5 * HOUR, 0.0, 0.05 * 0.5 * HOUR);
    let all = text.replace("noticed = \"20min\"", "noticed = \"80min\"");
    history(&all).expect("system", 1.5 * HOUR, 0.0, (0.05 + 0.1 * 0.5) * HOUR);
}

/// In the long run a node is slow for r / (f + r) of the time, and past its ramp for r / (f + ramp + r); a shock finds those
/// that are not slow already.
#[test]
fn the_long_run_of_gray_faults_is_that_of_renewal() {
    let text = |fault: &str| {
        format!(
            "version = 1\nhorizon = \"1y\"\nstart = \"stationary\"\n[services.app]\ncapacity = \"1/s\"\n[users.folk]\nrate = \"1/s\"\n\
             [services.app.faults]\n{fault}\n"
        )
    };
    let half = text(
        "mode = \"slow\"\nfactor = 2\nfails = \"exp(mean=8d)\"\nrepair = \"exp(mean=2d)\"\ncrew = \"ops\"\n[crews.ops]\n",
    );
    let results = run_text(&half, 1_000);
    let lost = figure(&results, Measure::UnavailabilityRequest, "system", "mean");
    check("slow, stationary", lost, 0.5 * 2.0 / 10.0, 0.02);
    let leak = text(
        "mode = \"memory-exhaustion\"\nfactor = 1\nfails = \"exp(mean=8d)\"\nramp = \"exp(mean=1d)\"\nrepair = \"exp(mean=1d)\"",
    );
    let lost = figure(&run_text(&leak, 1_000), Measure::UnavailabilityRequest, "system", "mean");
    check("memory, stationary", lost, 0.1, 0.02);
    let shock =
        text("mode = \"slow\"\nfactor = 2\nfails = \"exp(mean=8d)\"\nrepair = \"exp(mean=2d)\"\nhits = \"100%\"");
    let lost = figure(&run_text(&shock, 1_000), Measure::UnavailabilityRequest, "system", "mean");
    check("slow by shocks, stationary", lost, 0.1, 0.02);
}

/// A database of four nodes, of which one has no room: a quarter of the writes fails, and all requests where none is said
/// to write; reads go on.
#[test]
fn a_full_disk_fails_writes() {
    let full = "target = \"1 of app\"\nmode = \"disk-full\"";
    history(&pool("nodes = 4\nneed = 1", "", full)).expect("system", 0.0, HOUR, 0.25 * HOUR);
    let classes = "requests = { buy = \"20%\", look = \"80%\" }\n[requests]\nbuy = { writes = true }\nlook = {}";
    history(&pool("nodes = 4\nneed = 1", classes, full)).expect("system", HOUR, 0.0, 0.05 * HOUR);
    let all = full.replace("1 of ", "");
    history(&pool("nodes = 4\nneed = 1", classes, &all)).expect("system", 0.0, HOUR, 0.2 * HOUR);
}

/// The standby has no room for an hour, the primary dies within it: it is promoted when it has.
#[test]
fn a_full_disk_is_no_candidate() {
    let text = pair("", "detect = \"0s\"", "target = \"db@right\"\nmode = \"disk-full\"");
    let text = format!("{text}[faults.dead]\ntarget = \"db@left\"\nat = \"25h\"\nfor = \"10h\"\n");
    history(&text).expect_near("db", 0.0, HOUR + 60.0, HOUR + 60.0, 1e-3);
}

/// A node without room in a zone that is out is not missing twice: the other zone's is enough for a promotion.
#[test]
fn a_full_disk_in_a_place_that_is_out_counts_once() {
    let full = pair("nodes = 2\nneed = 1", "detect = \"0s\"", "target = \"db@right/a\"\nmode = \"disk-full\"")
        .replace("right = {}", "right = { zones = [\"a\", \"b\"] }");
    let text = format!(
        "{full}[faults.out]\ntarget = \"right/a\"\nat = \"1d\"\nfor = \"2h\"\n[faults.dead]\ntarget = \"db@left\"\n\
         at = \"25h\"\nfor = \"10h\"\n"
    );
    history(&text).expect("db", 0.0, 60.0, 60.0);
}
