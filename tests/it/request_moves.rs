//! Retries that follow what moves between two attempts, against histories worked out by hand.
//!
//! One request comes a second, on the second; something breaks at 10.5 s and has moved at 15.5 s; whoever fails tries again
//! four seconds later, once. Those of 11 s to 15 s fail at first, and that of 11 s again, at 15 s: the others come to the
//! place that has taken over.

use crate::lab;
use crate::request_lab::{Counts, HEAD, counts};
use ninefold::simulation::requests::CallTally;
use ninefold::simulation::{Compiled, Simulator};
use ninefold::time::Span;

const RETRY: &str = "retry = { attempts = 2, backoff = \"constant(base=4s)\" }";

/// Two regions, and folk in the east.
const PLACES: &str = "horizon = \"40s\"\n[regions.east]\n[regions.west]\n\
                      [users.folk]\nnear = \"east\"\nrate = \"1/s\"\narrivals = \"regular\"\n";

/// What is broken from 10.5 s to 30.5 s.
fn broken(target: &str) -> String {
    format!("[faults.f]\ntarget = \"{target}\"\nat = \"10500ms\"\nfor = \"20s\"\n")
}

/// The database's primary moves within five seconds.
fn database(call: &str, more: &str) -> Counts {
    counts(&format!(
        "{HEAD}{PLACES}[services.app]\ncalls.db = {{ {call} }}\n\
         [services.db]\nkind = \"database\"\nreplication = {{ mode = \"async\" }}\n\
         failover = {{ order = [\"east\", \"west\"], promote = \"5s\" }}\n{more}{}",
        broken("db@east")
    ))
}

fn tries(call: &CallTally) -> [u64; 4] {
    [call.calls, call.failed, call.retries, call.attempts]
}

#[test]
fn a_retry_goes_to_the_new_primary() {
    assert_eq!(database("", "").user("folk").failures(), 5, "without retries all of these fail");
    let counts = database(RETRY, "");
    assert_eq!(counts.user("folk").failures(), 1);
    assert_eq!(tries(counts.call("app->db")), [39, 1, 5, 44]);
}

#[test]
fn a_call_that_began_when_there_was_nobody_goes_to_who_is_there_next() {
    // the first in order is never there; those of 1 s to 5 s begin without a primary, and that of 1 s ends without
    let fault = "[faults.early]\ntarget = \"db@east\"\nat = \"500ms\"\nfor = \"1h\"\n";
    let counts = database(RETRY, fault);
    assert_eq!(counts.user("folk").failures(), 1);
    assert_eq!(tries(counts.call("app->db")), [39, 1, 5, 44]);
}

#[test]
fn a_retry_of_users_goes_to_the_region_that_is_active_now() {
    let text = |retry: &str| {
        let users = format!("arrivals = \"regular\"\n{retry}\n");
        format!(
            "{HEAD}{}[services.app]\n[routing]\npolicy = \"active-passive\"\norder = [\"east\", \"west\"]\npromote = \"5s\"\n{}",
            PLACES.replace("arrivals = \"regular\"\n", &users),
            broken("east")
        )
    };
    assert_eq!(counts(&text("")).user("folk").failures(), 5);
    let counts = counts(&text(RETRY));
    assert_eq!(counts.user("folk").failures(), 1);
    assert_eq!(tries(counts.call("folk->app")), [39, 1, 5, 44]);
}

#[test]
fn the_breaker_of_the_new_pool_has_seen_nothing_of_the_old() {
    // the first failure opens that of the old pool, for good, which refuses the calls that begin there after that; their
    // second attempts it does not see
    let breaker = "breaker = { consecutive = 1, open_for = \"1min\" }";
    let on = RETRY.replace("attempts = 2", "on = [\"connect\", \"rejected\"], attempts = 2");
    let counts = database(&format!("{on}, {breaker}"), "");
    let call = counts.call("app->db");
    assert_eq!((counts.user("folk").failures(), call.opened), (1, 1));
    // 12 s to 15 s, and the second attempt of 11 s; where nobody is primary calls begin at the first in order
    assert_eq!((call.rejected, call.retries, call.answered), (5, 4, 38));
}

/// Attempts sent to the pools of the service that is entered, from east to west.
fn sent(text: &str) -> [u64; 2] {
    let compiled = Compiled::full(&lab::model(text));
    let Simulator::Full(mut world) = compiled.simulator() else { panic!("on the request clock") };
    let (_, _, record) = world.run_recorded(1, 0, Span::from_secs(40));
    let pools = &compiled.requests.as_ref().expect("requests").services[0].pools;
    [0, 1].map(|region| record.buckets.pools[pools[region] as usize][0])
}

/// Somebody takes the only slot of the east at 0.7 s and keeps it as `patience` has it, so that all others go west. They
/// give up after half a second, and try again at 4.7 s.
fn spilled(patience: &str, fault: &str) -> [u64; 2] {
    sent(&format!(
        "{HEAD}{PLACES}timeout = \"500ms\"\nretry = {{ attempts = 2, backoff = \"constant(base=4200ms)\", on = [\"timeout\"] }}\n\
         [users.first]\nnear = \"east\"\nclosed = {{ clients = 1, think = \"700ms\" }}\n{patience}\n\
         [services.app]\nqueue = 0\nservice_time = \"1h\"\npools = {{ east = {{ slots = 1 }}, west = {{ slots = 100 }} }}\n\
         [routing]\npolicy = \"latency\"\n{fault}"
    ))
}

#[test]
fn a_retry_of_a_spilled_request_stays_in_its_region_though_there_is_room_at_home() {
    // for good: the requests of 1 s to 35 s are tried twice, the rest once
    assert_eq!(spilled("", ""), [1, 35 * 2 + 4]);
    // Until 20.7 s; he comes again at 21.4 s, into the first half second of the request of 21 s, and goes west. East: the
    // requests of 21 s to 25 s, and their retries, which are there when those of 26 s to 30 s come; these go west, so that
    // those of 31 s to 35 s find room again. West: he, the requests of 1 s to 20 s, 26 s to 30 s and 36 s to 39 s, and the
    // retries of all of these before the end, those of 17 s to 20 s too, which would have found room in the east.
    assert_eq!(spilled("timeout = \"20s\"", ""), [1 + 5 + 5 + 5 + 5, 1 + (20 + 5 + 4) + (20 + 5)]);
}

#[test]
fn a_retry_of_a_spilled_request_leaves_a_region_that_takes_no_users() {
    // From 10.6 s to 30.6 s nobody is sent west. East: the retries of 6 s to 10 s, and the requests of 11 s to 30 s, all of
    // which are refused. West: 1 s to 10 s, the retries of 1 s to 5 s, 31 s to 39 s and the retries of 31 s to 35 s.
    let fault = broken("west").replace("10500ms", "10600ms");
    assert_eq!(spilled("", &fault), [1 + 5 + 20, 10 + 5 + 9 + 5]);
}
