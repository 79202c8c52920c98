//! Single requests of a trace: worked out by hand where arrivals are regular and work is constant; against the counts of
//! the same trial, which must not change for being watched; and whether those are chosen that were asked for.

use crate::lab::{self, shipped};
use crate::request_lab::HEAD;
use crate::shell::{Folder, ninefold_in};
use ninefold::results::requests::{AttemptTrace, Ending, Failure, RequestTrace};
use ninefold::simulation::requests::journal::Wanted;
use ninefold::simulation::requests::{RequestOutcome, RequestPlan, RequestWorld};
use ninefold::simulation::{Compiled, Outcome, Simulator};
use ninefold::time::Span;

/// A request comes each second, calls the database 20 ms later, and has its answer after 50 ms more. The database falls
/// at 2.03 s and at 4.03 s, for half a second, the second time without a word.
const GUARDED: &str = r#"horizon = "7s"
[services.web]
service_time = "20ms"
[services.web.calls.db]
timeout = "200ms"
retry = { attempts = 3, backoff = "constant(base=100ms)" }
breaker = { consecutive = 3, open_for = "1.5s" }
[services.db]
service_time = "50ms"
health_check = { every = "10s" }
[users.folk]
rate = "1/s"
arrivals = "regular"
[faults.crash]
target = "db"
at = "2.03s"
for = "0.5s"
[faults.silence]
target = "db"
silent = true
at = "4.03s"
for = "0.5s"
"#;

/// Two requests come at once to nodes with one slot, each hedged after 30 ms; what the nodes call is too slow.
const HEDGED: &str = r#"horizon = "1.5s"
[services.reads]
nodes = 2
need = 1
slots = 1
service_time = "40ms"
calls.back = { timeout = "15ms", fallback = [{ tier = "stale", takes = "5ms" }] }
[services.back]
service_time = "25ms"
[users]
one = { rate = "1/s", arrivals = "regular", hedge = { after = "30ms", budget = "100%" } }
two = { rate = "1/s", arrivals = "regular", hedge = { after = "30ms", budget = "100%" } }
"#;

/// What `trace` says with these options.
fn trace(text: &str, options: &str) -> String {
    static COUNT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    let number = COUNT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let folder = Folder::new(&format!("request-traces-{number}"));
    std::fs::write(folder.0.join("x.toml"), format!("{HEAD}{text}")).unwrap();
    let output = ninefold_in(&folder.0, &format!("trace x.toml {options}"));
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// What the trace says of single requests, from the first on.
fn requests(text: &str, options: &str) -> String {
    let all = trace(text, options);
    let from = all.find("REQUESTS").expect("single requests");
    all[from..].to_owned()
}

#[test]
fn a_crash_three_attempts_an_open_breaker_and_a_probe_that_times_out_are_told_as_they_were() {
    // the third failure in a row opens the breaker at 2.23 s until 3.73 s; the probe of 4.02 s hears nothing and opens it
    // again at 4.22 s until 5.72 s
    let expected = "\
REQUESTS  6 of the 6 that came: the first

0d 00:00:01.000  request 1  folk, to here: ok after 70ms
          0.000ms   folk->web: ok after 70ms
          0.000ms     attempt 1 at web@here: work 20ms, ok after 70ms
         20.000ms       web->db: ok after 50ms
         20.000ms         attempt 1 at db@here: work 50ms, ok after 50ms

0d 00:00:02.000  request 2  folk, to here: error after 230ms
          0.000ms   folk->web: error after 230ms
          0.000ms     attempt 1 at web@here: work 20ms, error after 230ms
         20.000ms       web->db: refused after 210ms
         20.000ms         attempt 1 at db@here: refused after 10ms
         30.000ms         waits 100ms
        130.000ms         attempt 2 at db@here: refused after 0ms
        130.000ms         waits 100ms
        230.000ms         attempt 3 at db@here: refused after 0ms

0d 00:00:03.000  request 3  folk, to here: error after 20ms
          0.000ms   folk->web: error after 20ms
          0.000ms     attempt 1 at web@here: work 20ms, error after 20ms
         20.000ms       web->db: rejected after 0ms
         20.000ms         attempt 1: rejected by breaker after 0ms

0d 00:00:04.000  request 4  folk, to here: error after 320ms
          0.000ms   folk->web: error after 320ms
          0.000ms     attempt 1 at web@here: work 20ms, error after 320ms
         20.000ms       web->db: rejected after 300ms
         20.000ms         attempt 1 at db@here: timeout after 200ms
        220.000ms         waits 100ms
        320.000ms         attempt 2: rejected by breaker after 0ms

0d 00:00:05.000  request 5  folk, to here: error after 20ms
          0.000ms   folk->web: error after 20ms
          0.000ms     attempt 1 at web@here: work 20ms, error after 20ms
         20.000ms       web->db: rejected after 0ms
         20.000ms         attempt 1: rejected by breaker after 0ms

0d 00:00:06.000  request 6  folk, to here: ok after 70ms
          0.000ms   folk->web: ok after 70ms
          0.000ms     attempt 1 at web@here: work 20ms, ok after 70ms
         20.000ms       web->db: ok after 50ms
         20.000ms         attempt 1 at db@here: work 50ms, ok after 50ms
";
    assert_eq!(requests(GUARDED, ""), expected);
}

#[test]
fn hedges_queues_and_tiers_are_told_as_they_were() {
    // node 1 works for the first until 1.04 s and waits for its call until 1.06 s, then for the second; node 2 drops the
    // first one's hedge at 1.06 s and turns to the second one's. Both copies of the second finish at 1.12 s, the original first
    let expected = "\
REQUESTS  2 of the 2 that came: the first

0d 00:00:01.000  request 1  one, to here: degraded after 60ms
          0.000ms   one->reads: degraded after 60ms
          0.000ms     attempt 1 at reads@here 1: work 40ms, degraded after 60ms
         40.000ms       reads->back: degraded after 20ms
         40.000ms         attempt 1 at back@here: timeout after 15ms
         55.000ms         tier stale: degraded after 5ms
         30.000ms     attempt 2, a hedge, at reads@here 2: cancelled after 30ms

0d 00:00:01.000  request 2  two, to here: degraded after 120ms
          0.000ms   two->reads: degraded after 120ms
          0.000ms     attempt 1 at reads@here 1: queue 60ms, work 40ms, degraded after 120ms
        100.000ms       reads->back: degraded after 20ms
        100.000ms         attempt 1 at back@here: timeout after 15ms
        115.000ms         tier stale: degraded after 5ms
         30.000ms     attempt 2, a hedge, at reads@here 2: queue 30ms, work 40ms, cancelled after 90ms
        100.000ms       reads->back: cancelled after 20ms
        100.000ms         attempt 1 at back@here: timeout after 15ms
        115.000ms         tier stale: cancelled after 5ms
";
    assert_eq!(requests(HEDGED, ""), expected);
    let table = "\
0,1,one,0,,here,1,1.06,degraded,1 one->reads,user,attempt,1,false,reads@here 1,1,1,0,0.04,1.06,degraded
0,1,one,0,,here,1,1.06,degraded,1 one->reads,user,attempt,2,true,reads@here 2,1.03,1.03,0,,1.06,cancelled
0,1,one,0,,here,1,1.06,degraded,2 reads->back,call 1 attempt 1,attempt,1,false,back@here,1.04,1.04,0,,1.055,timeout
0,1,one,0,,here,1,1.06,degraded,2 reads->back,call 1 attempt 1,tier,1,,stale,1.055,,,,1.06,degraded
";
    let found = trace(HEDGED, "--csv --requests 1");
    assert_eq!(found.split_once('\n').map(|(_, lines)| lines), Some(table));
}

#[test]
fn gates_say_which_of_them_refused() {
    // they come every 250 ms from 0.25 s on: the limit lets every second of the five through
    let scene = |policy: &str| {
        format!(
            "horizon = \"1.5s\"\n[services.app]\nservice_time = \"10ms\"\n[users.a]\nrate = \"4/s\"\n\
             arrivals = \"regular\"\n{policy}\n"
        )
    };
    let limited = requests(&scene("rate_limit = { rate = \"2/s\" }"), "");
    assert_eq!(limited.matches("rejected by rate limit").count(), 2, "{limited}");
    let slow = scene("bulkhead = { concurrent = 1 }").replace("10ms", "600ms");
    // the first and the fourth find the slot free, and the fourth is not over at the end
    let walled = requests(&slow, "");
    assert_eq!(walled.matches("rejected by bulkhead").count(), 3, "{walled}");
    assert_eq!(walled.matches("pending").count(), 3, "{walled}");
}

fn everything(horizon: Span) -> Wanted {
    Wanted { most: usize::MAX, from: Span::ZERO, to: horizon, failed: false, slowest: false }
}

/// A run with all its requests, and the same run without.
fn watched(compiled: &Compiled, plan: &RequestPlan, wanted: Wanted) -> (Outcome, Vec<RequestTrace>) {
    let (outcome, _, (arrived, traces)) = RequestWorld::new(&compiled.layout, plan).run_followed(1, 0, wanted);
    assert_eq!(outcome.requests.as_ref().map(|requests| requests.users[0].arrived), Some(arrived));
    (outcome, traces)
}

fn attempts(traces: &[RequestTrace]) -> impl Iterator<Item = (u32, &AttemptTrace)> {
    let calls = traces.iter().flat_map(|request| &request.calls);
    calls.flat_map(|call| call.attempts.iter().map(|attempt| (call.call, attempt)))
}

/// Traces of all requests count what the run counted, and the run is what it is without them.
#[track_caller]
pub fn agree(text: &str) {
    agrees(&Compiled::full(&lab::model(text)), text);
}

#[track_caller]
fn agrees(compiled: &Compiled, what: &str) {
    let plan = compiled.requests.as_ref().expect("requests");
    let (outcome, traces) = watched(compiled, plan, everything(plan.horizon));
    let Simulator::Full(mut world) = compiled.simulator() else { panic!("requests") };
    assert_eq!(outcome, world.run(1, 0), "watching changes the run\n{what}");
    let counted = outcome.requests.expect("requests");
    let ended = |ending: fn(Ending) -> bool| traces.iter().filter(|trace| ending(trace.ending)).count() as u64;
    let users = &counted.users[0];
    assert_eq!(traces.len() as u64, users.arrived, "{what}");
    assert_eq!(ended(|ending| ending == Ending::Full), users.full, "{what}");
    assert_eq!(ended(|ending| ending == Ending::Degraded), users.degraded, "{what}");
    assert_eq!(ended(Ending::failed), users.failures(), "{what}");
    assert_eq!(ended(|ending| ending == Ending::Pending), users.in_flight(), "{what}");
    calls_agree(plan, &counted, &traces, what);
    for (index, service) in counted.services.iter().enumerate() {
        let here =
            |attempt: &AttemptTrace| attempt.node.map(|node| plan.nodes[node as usize].service) == Some(index as u32);
        let of = |there: fn(&AttemptTrace) -> bool| {
            attempts(&traces).filter(|(_, attempt)| here(attempt) && there(attempt)).count() as u64
        };
        let (reached, started) = (of(|attempt| attempt.reached.is_some()), of(|attempt| attempt.started.is_some()));
        assert_eq!((reached, started), (service.attempts, service.started), "{}\n{what}", plan.services[index].name);
    }
}

fn calls_agree(plan: &RequestPlan, counted: &RequestOutcome, traces: &[RequestTrace], what: &str) {
    for (edge, call) in counted.calls.iter().enumerate() {
        let name = &plan.edges[edge].name;
        let edge = edge as u32;
        let calls = || traces.iter().flat_map(|request| &request.calls).filter(move |call| call.call == edge);
        let count = |of: fn(Ending) -> bool| calls().filter(|call| of(call.ending)).count() as u64;
        let answered = count(|ending| matches!(ending, Ending::Full | Ending::Degraded));
        let cancelled = count(|ending| ending == Ending::Failed(Failure::Cancelled));
        assert_eq!(calls().count() as u64, call.calls, "{name}\n{what}");
        assert_eq!((answered, count(Ending::failed) - cancelled), (call.answered, call.failed), "{name}\n{what}");
        let of = |there: fn(&AttemptTrace) -> bool| {
            attempts(traces).filter(|(own, attempt)| *own == edge && there(attempt)).count() as u64
        };
        let refused = |attempt: &AttemptTrace| {
            let Ending::Failed(failure) = attempt.ending else { return false };
            matches!(failure, Failure::Throttle | Failure::Breaker | Failure::RateLimit | Failure::Bulkhead)
        };
        assert_eq!(of(refused), call.rejected, "{name}\n{what}");
        let well = of(|attempt| matches!(attempt.ending, Ending::Full | Ending::Degraded));
        let gone = |attempt: &AttemptTrace| {
            matches!(attempt.ending, Ending::Failed(Failure::Timeout | Failure::Cancelled)) && attempt.node.is_some()
        };
        let bad = of(|attempt| attempt.node.is_some() && attempt.ending.failed()) - of(gone);
        assert_eq!((well, bad, of(gone)), (call.well, call.bad, call.given_up), "{name}\n{what}");
        let sent = of(|attempt| attempt.node.is_some());
        let nobody = of(|attempt| attempt.ending == Ending::Failed(Failure::Refused) && attempt.node.is_none());
        assert!(sent <= call.attempts && call.attempts <= sent + nobody, "{name}: {sent}, {nobody}, {call:?}\n{what}");
        for (hedge, counted) in [(true, call.hedged), (false, call.retries)] {
            let again = |attempt: &AttemptTrace| attempt.hedge == hedge && (hedge || attempt.number > 1);
            let went = |(own, attempt): &(u32, &AttemptTrace)| *own == edge && again(attempt) && attempt.node.is_some();
            let nobody = |(own, attempt): &(u32, &AttemptTrace)| {
                *own == edge && again(attempt) && attempt.ending == Ending::Failed(Failure::Refused)
            };
            let sent = attempts(traces).filter(went).count() as u64;
            let most = sent + attempts(traces).filter(nobody).count() as u64;
            assert!(
                (sent..=most).contains(&counted),
                "{name}: {sent} to {most} again, hedges {hedge}, {call:?}\n{what}"
            );
        }
        for (tier, fell) in call.tiers.iter().enumerate() {
            let tried = calls().flat_map(|call| &call.tiers);
            let well = tried.filter(|tried| tried.tier == tier as u32 && tried.ending == Ending::Degraded).count();
            assert_eq!(well as u64, *fell, "{name}\n{what}");
        }
    }
}

#[test]
fn traces_count_what_the_run_counts_and_change_nothing() {
    for name in [
        "retry-storm-breaker",
        "metastable-budget",
        "bulkhead-isolation-walled",
        "hedged-reads-hedged",
        "checkout-saga",
        "dependency-outage-with-fallback",
        "load-shedding-by-class",
        "network-partition",
        "gray-failure-ejected",
        "server-crash-retried",
    ] {
        agrees(&Compiled::full(&shipped(name, &["horizon=3min"])), name);
    }
    agree(&format!("{HEAD}{GUARDED}"));
    agree(&format!("{HEAD}{HEDGED}"));
}

#[test]
fn those_are_chosen_that_were_asked_for() {
    let compiled = Compiled::full(&shipped("load-shedding-by-class", &["horizon=2min"]));
    let plan = compiled.requests.as_ref().expect("requests");
    let horizon = plan.horizon;
    let (_, all) = watched(&compiled, plan, everything(horizon));
    let (from, to) = (Span::SECOND * 40, Span::SECOND * 70);
    let mut sizes = Vec::new();
    for (failed, slowest) in [(false, false), (false, true), (true, false), (true, true)] {
        let wanted = Wanted { most: 20, from, to, failed, slowest };
        let (_, found) = watched(&compiled, plan, wanted);
        let since = |trace: &RequestTrace| trace.arrived.since(ninefold::time::Time::ZERO);
        let inside = |trace: &&RequestTrace| (from..to).contains(&since(trace));
        let mut expected: Vec<&RequestTrace> =
            all.iter().filter(inside).filter(|trace| !failed || trace.ending.failed()).collect();
        sizes.push(expected.len());
        if slowest {
            let end = ninefold::time::Time::ZERO + horizon;
            let took = |trace: &RequestTrace| trace.ended.unwrap_or(end).since(trace.arrived);
            expected.sort_by_key(|trace| (std::cmp::Reverse(took(trace)), trace.number));
        }
        expected.truncate(20);
        expected.sort_by_key(|trace| trace.number);
        let numbers = |traces: &[&RequestTrace]| traces.iter().map(|trace| trace.number).collect::<Vec<_>>();
        assert_eq!(numbers(&found.iter().collect::<Vec<_>>()), numbers(&expected), "{failed} {slowest}");
    }
    assert!(sizes.iter().all(|size| *size > 30), "{sizes:?}");
}

#[test]
fn a_trace_viewer_gets_slices_that_nest() {
    let text = trace(HEDGED, "--chrome");
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    let events = value["traceEvents"].as_array().unwrap();
    let slices: Vec<(u64, u64, u64)> = events
        .iter()
        .filter(|event| event["ph"] == "X")
        .map(|event| {
            let number = |key: &str| event[key].as_u64().unwrap();
            (number("tid"), number("ts"), number("ts") + number("dur"))
        })
        .collect();
    for (a, b) in slices.iter().flat_map(|a| slices.iter().map(move |b| (a, b))).filter(|(a, b)| a.0 == b.0) {
        let (apart, within) = (a.2 <= b.1 || b.2 <= a.1, (a.1 <= b.1 && b.2 <= a.2) || (b.1 <= a.1 && a.2 <= b.2));
        assert!(apart || within, "{a:?} {b:?}");
    }
    let of = |category: &str| events.iter().filter(|event| event["cat"] == category).count();
    assert_eq!((of("request"), of("call"), of("attempt"), of("tier"), of("queue")), (2, 5, 7, 3, 2));
    let named: Vec<&str> = events
        .iter()
        .filter(|event| event["name"] == "thread_name")
        .filter_map(|event| event["args"]["name"].as_str())
        .collect();
    assert_eq!(named, ["request 1", "request 1, beside", "request 2", "request 2, beside"]);
}

#[test]
fn json_holds_the_same_calls_and_attempts() {
    let value: serde_json::Value = serde_json::from_str(&trace(GUARDED, "--json --failed --requests 1")).unwrap();
    let requests = &value["requests"];
    assert_eq!((requests["arrived"].as_u64(), requests["choice"].as_str()), (Some(6), Some("the first that failed")));
    let request = &requests["traces"][0];
    assert_eq!((request["request"].as_u64(), request["outcome"].as_str()), (Some(2), Some("error")));
    let call = &request["calls"][1];
    assert_eq!(call["made_by"], serde_json::json!({ "call": 0, "attempt": 0 }));
    assert_eq!(call["attempts"].as_array().map(Vec::len), Some(3));
    assert_eq!(call["backoffs"][1], serde_json::json!({ "start_s": 2.13, "end_s": 2.23 }));
}
