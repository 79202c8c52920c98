//! Queues beyond Erlang's: other laws of service and arrival, patience, priorities, closed loops, callers who leave, nodes
//! that hang. Each figure is a closed form named at its test, or a birth-death chain solved here, met within 4 standard
//! errors of at most 2 %.

use crate::lab::check;
use crate::request_lab::{HEAD, birth_death, mean, queue, ratio, run_full, times, trials};
use ninefold::results::measure::Measure;
use std::f64::consts::E;

const REL: f64 = 0.02;

/// The mean wait in a queue with one slot and so many requests a second.
fn mean_wait(seconds: u32, rate: &str, service: &str, keys: &str, users: &str) -> (f64, f64) {
    let results = run_full(&queue(seconds, rate, 1, service, keys, users), times(20, 10));
    mean(&results, Measure::QueueTime, "app")
}

/// Pollaczek and Khinchine: lambda E S^2 / 2 (1 - rho).
#[test]
fn the_wait_grows_with_the_variance_of_the_service() {
    let fixed = mean_wait(10_000, "0.7/s", "1s", "", "");
    check("M/D/1", fixed, 0.7 / 0.6, REL);
    let wide = mean_wait(25_000, "0.5/s", "lognormal(mean=1s, cv=1.5)", "", "");
    check("M/G/1 lognormal", wide, 0.5 * 3.25, 1.5 * REL);
}

/// D/M/1: who comes finds sigma = e^-(1 - sigma)/rho, wait sigma / (1 - sigma) services.
#[test]
fn regular_arrivals_wait_less() {
    let sigma = (0..200).fold(0.5, |sigma: f64, _| E.powf(-(1.0 - sigma) / 0.8));
    let wait = mean_wait(10_000, "0.8/s", "exp(mean=1s)", "", "arrivals = \"regular\"");
    check("D/M/1", wait, sigma / (1.0 - sigma), REL);
}

/// The order does not change the mean wait as long as it does not look at the service (Kleinrock's conservation).
#[test]
fn the_last_come_first_served_waits_as_long_in_the_mean() {
    let wait = mean_wait(25_000, "0.6/s", "exp(mean=1s)", "queue_order = \"lifo\"", "");
    check("LIFO", wait, 0.6 / 0.4, REL);
}

/// Erlang-A: with n in the system one leaves at min(n, c) mu + (n - c)+ theta; the abandoned are theta E Q / lambda.
#[test]
fn the_impatient_leave_as_erlang_a_says() {
    let (rate, slots, theta) = (5.0, 4_usize, 0.5);
    let down = |n: usize| n.min(slots) as f64 + n.saturating_sub(slots) as f64 * theta;
    let weights = birth_death(200, |_| rate, down);
    let queued: f64 = weights.iter().enumerate().map(|(n, weight)| n.saturating_sub(slots) as f64 * weight).sum();
    let text = queue(2_000, "5/s", slots as u32, "exp(mean=1s)", "queue_timeout = \"exp(mean=2s)\"", "");
    let counted = trials(&text, times(20, 10));
    let left = ratio(&counted, |trial| {
        let app = trial.service("app");
        (app.left as f64, app.attempts as f64)
    });
    check("Erlang-A left", left, theta * queued / rate, REL);
    let results = run_full(&text, times(20, 10));
    check("Erlang-A lost", mean(&results, Measure::UnavailabilityRequest, "system"), theta * queued / rate, REL);
    check("Erlang-A shed", mean(&results, Measure::Shed, "app"), theta * queued / rate, REL);
}

/// Cobham without preemption: W0 / (1 - rho1), W0 / (1 - rho1)(1 - rho), W0 = lambda E S^2 / 2.
#[test]
fn the_critical_overtake_the_queue_but_not_the_work() {
    let classes = "[requests]\nfirst = { priority = \"critical-plus\" }\nlast = { priority = \"sheddable\" }\n";
    let users = "requests = { first = \"50%\", last = \"50%\" }";
    let text = queue(20_000, "0.8/s", 1, "exp(mean=1s)", "queue_order = \"priority\"", users) + classes;
    let results = run_full(&text, times(20, 10));
    let latency = |class: &str| mean(&results, Measure::Latency, class);
    check("Cobham first", latency("class first"), 0.8 / 0.6 + 1.0, REL);
    check("Cobham last", latency("class last"), 0.8 / (0.6 * 0.2) + 1.0, 2.0 * REL);
}

/// The machine repairman: clients think, ask, wait. The throughput is the mean number in work times mu.
#[test]
fn a_closed_loop_asks_as_fast_as_it_is_answered() {
    let (clients, slots, think) = (10_usize, 2_usize, 4.0);
    let weights = birth_death(clients + 1, |n| (clients - n) as f64 / think, |n| n.min(slots) as f64);
    let throughput: f64 = weights.iter().enumerate().map(|(n, weight)| n.min(slots) as f64 * weight).sum();
    let text = format!(
        "{HEAD}horizon = \"2000s\"\n[services.app]\nslots = {slots}\nservice_time = \"exp(mean=1s)\"\n\
         [users.folk.closed]\nclients = {clients}\nthink = \"exp(mean=4s)\"\n"
    );
    let counted = trials(&text, times(20, 10));
    let found = ratio(&counted, |trial| (trial.user("folk").full as f64, trial.outcome.length.as_secs_f64()));
    check("repairman throughput", found, throughput, REL);
    let latency = mean(&run_full(&text, times(20, 10)), Measure::Latency, "folk");
    check("repairman latency", latency, clients as f64 / throughput - think, REL);
}

/// M/M/1 with callers who give up after tau: the work in front of who comes has density lambda p0 e^-(mu - lambda) x below
/// tau; what lies above depends on what becomes of work that nobody waits for. (mu = 1, lambda = 0.8, tau = 3.)
#[test]
fn work_that_nobody_waits_for_is_stopped_or_skipped_or_done() {
    let (rate, tau) = (0.8_f64, 3.0_f64);
    let rest = E.powf(-(1.0 - rate) * tau);
    let below = rate * (1.0 - rest) / (1.0 - rate);
    let users = "timeout = \"3s\"";
    let run = |gone: &str| {
        let keys = format!("on_caller_gone = \"{gone}\"");
        trials(&queue(10_000, "0.8/s", 1, "exp(mean=1s)", &keys, users), times(20, 10))
    };
    let late = |counted: &[crate::request_lab::Counts]| {
        ratio(counted, |trial| (trial.user("system").failures() as f64, trial.user("system").arrived as f64))
    };
    // stopped: the work never exceeds tau
    let idle = 1.0 / (1.0 + below);
    check("stop", late(&run("stop")), idle * rest, REL);
    // skipped: whoever has begun goes on, so that above tau it falls as e^-mu x
    let idle = 1.0 / (1.0 + below + rate * rest);
    let skipped = run("skip-queued");
    check("skip-queued", late(&skipped), idle * rest * (1.0 + rate), REL);
    let begun = ratio(&skipped, |trial| {
        let app = trial.service("app");
        (app.started as f64, app.attempts as f64)
    });
    check("skip-queued begun", begun, 1.0 - idle * rest * rate, REL);
    // ignored: an M/M/1 in which e^-(mu - lambda) tau of the answers come too late
    check("ignore", late(&run("ignore")), rest, 1.5 * REL);
}

/// M/M/1 whose server stops at rate xi for 1/eta, idle or not, and goes on with what it had (White and Christie 1958):
/// E N = lambda ((xi + eta)^2 + mu xi) / (xi + eta)(mu eta - lambda (xi + eta)).
#[test]
fn a_node_that_hangs_now_and_then_holds_its_work_and_goes_on() {
    let (rate, mu, xi, eta) = (0.4, 1.0, 0.05, 0.2);
    let sum: f64 = xi + eta;
    let expected = (sum.powi(2) + mu * xi) / (sum * (mu * eta - rate * sum));
    let keys = "faults = { mode = \"slow\", factor = inf, check_fails = \"0%\", fails = \"exp(mean=20s)\", \
                repair = \"exp(mean=5s)\" }";
    let text = queue(40_000, "0.4/s", 1, "exp(mean=1s)", keys, "");
    let results = run_full(&text, times(20, 10));
    check("breakdowns", mean(&results, Measure::Latency, "clients"), expected, REL);
}

/// Two queues in a row are M/M/1 each (Burke, Jackson): 1 / (mu1 - lambda) + 1 / (mu2 - lambda).
#[test]
fn a_tandem_of_queues_takes_the_sum_of_both() {
    let keys = "blocking = false\ncalls.db = {}\n[services.db]\nslots = 1\nservice_time = \"exp(mean=500ms)\"";
    let text = queue(10_000, "0.6/s", 1, "exp(mean=1s)", keys, "");
    let results = run_full(&text, times(20, 10));
    check("tandem", mean(&results, Measure::Latency, "clients"), 1.0 / 0.4 + 1.0 / 1.4, REL);
}

/// Two Exp(1) together take 1.5, one after the other 2, and so does one call made twice.
#[test]
fn calls_of_a_stage_go_out_together_and_stages_wait() {
    for (calls, expected) in [
        ("calls.a = {}\ncalls.b = {}", 1.5),
        ("calls.a = {}\ncalls.b = { stage = 2 }", 2.0),
        ("calls.a = { times = 2 }\ncalls.b = { share = \"0%\" }", 2.0),
        ("calls.a = { share = \"25%\" }\ncalls.b = { stage = 2 }", 1.25),
    ] {
        let text = format!(
            "{HEAD}horizon = \"1000s\"\n[services.app]\n{calls}\n[services.a]\nservice_time = \"exp(mean=1s)\"\n\
             [services.b]\nservice_time = \"exp(mean=1s)\"\n[users.folk]\nrate = \"5/s\"\n"
        );
        let results = run_full(&text, times(10, 10));
        check(calls, mean(&results, Measure::Latency, "folk"), expected, REL);
    }
}
