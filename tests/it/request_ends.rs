//! Where trials of requests begin and end: what is in flight then.

use crate::lab::{self, check};
use crate::request_lab::{HEAD, mean, plan_full, queue, ratio, run_full, times, trials};
use ninefold::experiment::records;
use ninefold::results::measure::Measure;
use ninefold::simulation::{Compiled, Outcome};
use ninefold::time::{Span, Time};

/// A trial on the request clock.
fn outcome(text: &str) -> Outcome {
    Compiled::full(&lab::model(text)).simulator().run(1, 0)
}

/// Ten slots of three seconds each, one request a second: nothing can fail, and some three are in flight at the end.
const NEVER_BUSY: &str =
    "horizon = \"10min\"\n[services.q]\nslots = 10\nservice_time = \"3s\"\n[users.u]\nrate = \"1/s\"\n";

#[test]
fn a_request_in_flight_at_the_end_has_not_failed() {
    let outcome = outcome(&format!("{HEAD}{NEVER_BUSY}"));
    let system = &outcome.requests.as_ref().unwrap().users[0];
    assert!(system.in_flight() > 0, "some are in flight");
    assert_eq!((system.failures(), outcome.totals[0].down, outcome.outages.len()), (0, Span::ZERO, 0));
    assert_eq!(outcome.totals[0].up, Span::MINUTE * 10);
}

/// Of a node that hangs nothing is heard, so that no request says anything: the structure does, from the very instant.
#[test]
fn a_node_that_hangs_to_the_end_is_down_though_no_request_has_failed() {
    let fault = "timeout = \"1h\"\n[faults.f]\ntarget = \"q\"\nmode = \"slow\"\nfactor = inf\ncheck_fails = \"0%\"\nat = \"5min\"\nfor = \"1h\"\n";
    let outcome = outcome(&format!("{HEAD}{NEVER_BUSY}{fault}"));
    let system = &outcome.requests.as_ref().unwrap().users[0];
    assert_eq!(system.failures(), 0);
    assert!(system.in_flight() > 250, "nobody has had an answer since");
    assert_eq!((outcome.totals[0].down, outcome.outages_begun(0)), (Span::MINUTE * 5, 1));
}

/// The text with a run-in of this length.
fn stationary(text: &str, run_in: &str) -> String {
    let line = format!("start = \"stationary\"\nsimulation.warm_up = \"{run_in}\"\nhorizon");
    text.replacen("horizon", &line, 1)
}

/// M/M/1 at 0.95: 1 / (50/s - 47.5/s), from the first second on; it forgets its start by e in 31 s. Empty at first, the mean
/// over ten seconds would be less than half of that.
#[test]
fn a_queue_is_as_long_as_ever_when_a_stationary_trial_begins() {
    let text = stationary(&queue(10, "47.5/s", 1, "exp(mean=20ms)", "", ""), "5min");
    let results = run_full(&text, times(400, 10));
    check("M/M/1 from the start", mean(&results, Measure::Latency, "system"), 0.4, 0.06);
}

/// M/M/4/4 at 4: Erlang's B from the first second on, for whoever comes. Nothing ever breaks, and the run-in is 10 min unless
/// said otherwise.
#[test]
fn slots_are_as_busy_as_ever_when_a_stationary_trial_begins() {
    let text = format!("start = \"stationary\"\n{}", queue(2, "4/s", 4, "exp(mean=1s)", "queue = 0", ""));
    let terms = [1.0, 4.0, 8.0, 32.0 / 3.0, 32.0 / 3.0];
    let shed = ratio(&trials(&text, times(2_000, 10)), |trial| {
        let app = trial.service("app");
        (app.shed as f64, app.attempts as f64)
    });
    check("Erlang B from the start", shed, terms[4] / terms.iter().sum::<f64>(), 0.03);
}

/// A cycle of the breaker before a callee that always fails: 10 s, 0.5 s until somebody comes, 1 s until he fails. Open 10.5 of
/// 11.5 s, one attempt each, and the one that is in flight at the start counts too.
#[test]
fn a_breaker_is_open_as_often_as_ever_when_a_stationary_trial_begins() {
    let users = "breaker = { consecutive = 5, open_for = \"10s\" }";
    let text = stationary(&queue(30, "2/s", 10, "1s", "errors = \"100%\"", users), "3h");
    let open = mean(&run_full(&text, times(200, 10)), Measure::BreakerOpenTime, "clients->app");
    check("share of time open", open, 10.5 / 11.5, 0.01);
    let attempts = ratio(&trials(&text, times(200, 10)), |trial| (trial.call("clients->app").attempts as f64, 1.0));
    check("attempts", attempts, (30.0 + 1.0) / 11.5, 0.02);
}

/// The rate of the first second holds before it, and a burst that comes with it has not begun.
#[test]
fn a_shape_holds_before_a_stationary_trial_and_a_burst_does_not() {
    let users = "shape = \"daily(0h=3, 1h=1)\"\nbursts = [{ at = \"0s\", for = \"1h\", factor = 5 }]";
    let text = stationary(&queue(100, "1/s", 100, "10s", "", users), "10min");
    let counted = trials(&text, times(200, 10));
    // 3/s for 10 s are in flight at first; 15/s come then
    let came = ratio(&counted, |trial| (trial.user("system").arrived as f64, 1.0));
    check("in flight, and those who come", came, 30.0 + 1_500.0, 0.01);
    let first = ratio(&counted, |trial| (f64::from(trial.seconds(0, 1).0), 1.0));
    check("in the first second", first, 30.0 + 15.0, 0.03);
}

/// Whoever never answers was down before, too: no outage begins. From a start as new on one does.
#[test]
fn an_overload_that_was_there_before_a_stationary_trial_does_not_begin_in_it() {
    let text = queue(60, "5/s", 10, "100ms", "errors = \"100%\"", "arrivals = \"regular\"");
    for (text, begun) in [(stationary(&text, "5min"), 0), (text, 1)] {
        let outcome = outcome(&text);
        let of_system = outcome.outages.iter().filter(|outage| outage.subject == 0).count();
        assert_eq!((outcome.totals[0].down, of_system), (Span::MINUTE, 1), "{text}");
        assert_eq!(outcome.outages_begun(0), begun, "{text}");
    }
}

/// One request a second from 1 s on, of 3 s each; a crash at 4.5 s, for a second. Whoever is in work then, or comes to the
/// dead node, fails; of who comes at 7 s or later nothing is known at 10 s. Beside the seconds stand the two changes of the
/// level.
#[test]
fn the_timeline_has_every_second_of_users() {
    let fault = "arrivals = \"regular\"\n[faults.f]\ntarget = \"q\"\nat = \"4500ms\"\nfor = \"1s\"\n";
    let text = format!("{HEAD}{}{fault}", NEVER_BUSY.replace("10min", "10s"));
    let (_, _, timeline) = records(&lab::model(&text), &plan_full(1, 1));
    let seconds = |subject: &str| -> Vec<(u64, [u32; 3])> {
        let of_subject = timeline.iter().filter(|record| record.subject == subject);
        of_subject
            .filter_map(|record| Some((record.at.since(Time::ZERO).as_nanos() / 1_000_000_000, record.requests?)))
            .collect()
    };
    let (good, bad) = ([1, 1, 0], [1, 0, 0]);
    let expected = [(1, good), (2, bad), (3, bad), (4, bad), (5, bad), (6, good)];
    assert_eq!(seconds("system"), expected);
    assert_eq!(seconds("u"), expected);
    let levels: Vec<_> =
        timeline.iter().filter(|record| record.subject == "system").map(|record| record.level).collect();
    assert_eq!(levels, [1.0, 1.0, 1.0, 1.0, 0.0, 0.0, 1.0, 1.0]);
}
