//! Where attempts go when there are several nodes, and what a balancer learns from how they end: against queues in closed
//! form and histories by hand.

use crate::lab::check;
use crate::request_lab::{HEAD, counts, mean, run_full, times, trials};
use ninefold::results::measure::Measure;

const REL: f64 = 0.02;

/// Four nodes, each half in use by what is dealt out evenly.
const NODES: &str = "[services.api]\nnodes = 4\nneed = 1\nslots = 1\nservice_time = \"exp(mean=20ms)\"\n";

/// Ten thousand users who each ask every 100 s, of whom a quarter begins at each node: that is a Poisson stream of 25/s at
/// each, M/M/1 with mean 1 / (50 - 25) s. Had all begun at the first node, it would get 100/s.
#[test]
fn many_users_who_ask_seldom_spread_over_the_nodes() {
    for keys in ["", "timeout = \"1min\"", "balance = \"least-requests\""] {
        let users = format!("rate = \"100/s\"\nclients = 10000\n{keys}\n");
        let text = format!("{HEAD}horizon = \"50s\"\nsimulation.warm_up = \"5s\"\n{NODES}[users.folk]\n{users}");
        check(&format!("latency {keys}"), mean(&run_full(&text, times(20, 10)), Measure::Latency, "folk"), 0.04, REL);
    }
}

/// A thousand nodes are asked in turn and each asks one of four: node n begins at n modulo 4, so that these get every fourth
/// of the requests. E4/M/1: a request finds a busy node with chance s = (100 / (100 + 50 (1 - s)))^4 and takes
/// 1 / (50 (1 - s)) in the mean.
#[test]
fn many_nodes_that_call_seldom_spread_over_the_nodes_that_they_call() {
    let mut busy = 0.5_f64;
    for _ in 0..100 {
        busy = (100.0 / (100.0 + 50.0 * (1.0 - busy))).powi(4);
    }
    for keys in ["", "timeout = \"1min\""] {
        let web = format!("[services.web]\nnodes = 1000\nneed = 1\ncalls.api = {{ {keys} }}\n");
        let users = "[users.folk]\nrate = \"100/s\"\n";
        let text = format!("{HEAD}horizon = \"50s\"\nsimulation.warm_up = \"5s\"\n{web}{NODES}{users}");
        let latency = mean(&run_full(&text, times(20, 10)), Measure::Latency, "folk");
        check(&format!("latency {keys}"), latency, 1.0 / (50.0 * (1.0 - busy)), REL);
    }
}

/// One node fails after 1 ms, one answers after 100 ms, one after 1 ms, and a failure is tried once more elsewhere: at each of
/// the two others with the same chance. (100 + 1 + (1 + (100 + 1) / 2)) / 3 ms.
#[test]
fn a_retry_at_random_goes_to_each_other_node_alike() {
    let faults = "[faults.bad]\nmode = \"slow\"\ntarget = \"api@here/a\"\nfactor = 1\nerrors = \"100%\"\nat = \"0s\"\n\
                  for = \"1h\"\n[faults.slow]\nmode = \"slow\"\ntarget = \"api@here/b\"\nfactor = 100\nat = \"0s\"\n\
                  for = \"1h\"\n";
    let text = format!(
        "{HEAD}horizon = \"100s\"\n[regions.here]\nzones = [\"a\", \"b\", \"c\"]\n[services.api]\nnodes = 3\nneed = 1\n\
         service_time = \"1ms\"\n{faults}[users.folk]\nrate = \"100/s\"\nbalance = \"random\"\n\
         retry = {{ attempts = 2, backoff = \"none\" }}\n"
    );
    check("latency", mean(&run_full(&text, times(20, 10)), Measure::Latency, "folk"), 0.152_5 / 3.0, REL);
}

/// A thousand requests, one a second, for two nodes of which one has a fault.
fn two_nodes(fault: &str, keys: &str) -> String {
    format!(
        "{HEAD}horizon = \"1001s\"\n[regions.here]\nzones = [\"a\", \"b\"]\n[services.api]\nnodes = 2\nneed = 1\n\
         service_time = \"10ms\"\n{fault}[users.folk]\nrate = \"1/s\"\narrivals = \"regular\"\n\
         balance = \"peak-ewma\"\n{keys}\n"
    )
}

/// A request a second for a node that answers after 10 ms and one that fails after 100 ms. A failure is an answer, so the slow
/// node costs more until its 100 ms e^-(t / 10 s) have fallen below the other's 10 ms e^-(0.99 s / 10 s): after
/// 10 ln(10 e^0.099) = 24.02 s, which is the 25th request after the one that failed. So 1 of 25 fails.
#[test]
fn peak_ewma_learns_from_failures_with_and_without_policies() {
    let slow = "[faults.slow]\nmode = \"slow\"\ntarget = \"api@here/b\"\nfactor = 10\nerrors = \"100%\"\nat = \"0s\"\n\
                for = \"1h\"\n";
    for keys in ["", "timeout = \"10min\""] {
        let counts = counts(&two_nodes(slow, keys));
        let folk = counts.user("folk");
        assert_eq!((folk.arrived, folk.failures()), (1_000, 40), "{keys}");
    }
}

/// A node that refuses at once, which checks miss, did no work: that says nothing of how fast it is. It has no sample, is as
/// good as free, and is tried always.
#[test]
fn peak_ewma_learns_nothing_from_refusals() {
    let gone =
        "[faults.gone]\nmode = \"crash\"\ntarget = \"api@here/b\"\ncheck_fails = \"0%\"\nat = \"0s\"\nfor = \"1h\"\n";
    for keys in ["", "timeout = \"10min\""] {
        let counts = counts(&two_nodes(gone, keys));
        assert!(counts.user("folk").failures() >= 999, "{keys}");
    }
}

/// All fails after 1 ms, long before the 30 ms after which a hedge is due: each failure brings the hedge at once, with nothing
/// else out. Three rounds of two attempts are 2 retries and 3 hedges.
#[test]
fn a_hedge_that_a_failure_brings_is_a_hedge() {
    let rounds = |keys: &str| {
        let text = format!(
            "{HEAD}horizon = \"100s\"\n[services.app]\nservice_time = \"1ms\"\nerrors = \"100%\"\n[users.folk]\n\
             rate = \"10/s\"\narrivals = \"regular\"\n{keys}\n"
        );
        let counts = counts(&text);
        let call = counts.call("folk->app");
        (call.calls, call.attempts, call.retries, call.hedged)
    };
    let hedge = "hedge = { after = \"30ms\", budget = \"100%\" }";
    assert_eq!(rounds(hedge), (999, 2 * 999, 0, 999));
    for backoff in ["none", "constant(base=1ms)"] {
        let retry = format!("retry = {{ attempts = 3, backoff = \"{backoff}\" }}");
        assert_eq!(rounds(&format!("{hedge}\n{retry}")), (999, 6 * 999, 2 * 999, 3 * 999), "{backoff}");
        assert_eq!(rounds(&retry), (999, 3 * 999, 2 * 999, 0), "{backoff}");
    }
}

/// Without retries every attempt but the first of a call is a hedge, whether 30 ms or a failure brought it.
#[test]
fn hedges_are_all_attempts_but_the_first_of_a_round() {
    let text = format!(
        "{HEAD}horizon = \"200s\"\n[services.app]\nservice_time = \"exp(mean=20ms)\"\nerrors = \"20%\"\n[users.folk]\n\
         rate = \"100/s\"\nhedge = {{ after = \"30ms\", at_most = 2, budget = \"40%\" }}\n"
    );
    crate::request_traces::agree(&text);
    for trial in trials(&text, 3) {
        let call = trial.call("folk->app");
        assert_eq!((call.hedged, call.retries), (call.attempts - call.calls, 0));
    }
}
