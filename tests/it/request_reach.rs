//! Where requests find whom they call: in their region, elsewhere, at any copy, or where there are no nodes at all.
//!
//! Users are regular, so that counts are known: `ALL` requests come in an hour, each a second after the last.

use crate::request_lab::{Counts, HEAD, counts};

const ALL: u64 = 3_600;

/// A web tier in region a, users beside it, and whatever it calls.
fn called(callee: &str, call: &str, end: &str) -> Counts {
    counts(&format!(
        "{HEAD}horizon = \"1h\"\n[regions.a]\n[regions.b]\n[regions.c]\n\
         [links.\"a <-> b\"]\nlatency = \"10ms\"\n[links.\"a <-> c\"]\nlatency = \"30ms\"\n\
         [services.web]\npools = [\"a\"]\ncalls.store = {{ {call} }}\n{callee}\n\
         [users.folk]\nnear = \"a\"\nrate = \"1/s\"\narrivals = \"regular\"\n{end}"
    ))
}

/// Requests answered, and the mean time that they took in milliseconds.
fn answered(counts: &Counts) -> (u64, f64) {
    let folk = counts.user("folk");
    (folk.full, folk.latency.sum_ns as f64 / folk.full.max(1) as f64 / 1e6)
}

#[test]
fn a_call_goes_to_the_nearest_pool_where_its_region_has_none() {
    for (pools, way_ms) in [("\"b\", \"c\"", 20.0), ("\"c\"", 60.0), ("\"a\", \"b\"", 0.0)] {
        for call in ["", "timeout = \"10s\""] {
            let found = called(&format!("[services.store]\npools = [{pools}]"), call, "");
            let (full, took_ms) = answered(&found);
            assert!(full >= ALL - 1, "{pools} {call}: {full} answered");
            assert!((took_ms - way_ms).abs() < 1e-6, "{pools} {call}: {took_ms} ms");
        }
    }
}

#[test]
fn a_pool_in_the_region_is_called_even_while_it_is_dead() {
    let dead = "[faults.dead]\ntarget = \"store@a\"\nmode = \"crash\"\nat = [\"30min\"]\nfor = \"10min\"\n";
    let local = answered(&called("[services.store]\npools = [\"a\", \"b\"]", "", dead)).0;
    assert!(local.abs_diff(ALL - 600) <= 1, "{local} answered");
    let any = answered(&called("[services.store]\npools = [\"a\", \"b\"]", "reach = \"any\"", dead)).0;
    assert!(any >= ALL - 1, "{any} answered");
}

/// A third of the hour: from 20 to 40 min.
const THIRD: &str = "at = [\"20min\"]\nfor = \"20min\"\n";

#[test]
fn a_pool_with_fewer_nodes_than_it_needs_is_gone_around() {
    let one_dies = format!("[faults.f]\ntarget = \"1 of store@a\"\n{THIRD}");
    let store = "[services.store]\nnodes = 2\nneed = 2\npools = [\"a\", \"b\"]\n";
    let any = answered(&called(store, "timeout = \"1s\", reach = \"any\"", &one_dies));
    assert!(any.0 >= ALL - 1, "{any:?}");
    // a third of the answers comes from b, 20 ms there and back
    assert!((any.1 - 20.0 / 3.0).abs() < 20.0 / 3_600.0 * 2.0, "{any:?}");
    // who checks finds out after the third check that fails, 20 to 30 s after the fault, and until the second that passes
    let checked = format!("{store}health_check = {{ every = \"10s\" }}");
    let late = ALL - answered(&called(&checked, "timeout = \"1s\", reach = \"any\"", &one_dies)).0;
    assert!((19..=33).contains(&late), "{late} lost");
    // copies that serve what only reads, of any but a quorum, where enough nodes of all pools are asked for
    let copies = |mode: &str| {
        let store = format!(
            "{store}kind = \"database\"\nreplication = {{ mode = \"{mode}\", reads = \"local\" }}\n\
             failover.order = [\"b\", \"a\"]\n[requests.read]\n[requests.write]\nwrites = true\n"
        );
        answered(&called(&store, "timeout = \"1s\"", &format!("requests = {{ read = \"100%\" }}\n{one_dies}")))
    };
    for (mode, mean_ms) in [("async", 20.0 / 3.0), ("quorum", 0.0)] {
        let found = copies(mode);
        assert!(found.0 >= ALL - 1, "{mode}: {found:?}");
        assert!((found.1 - mean_ms).abs() < 20.0 / 3_600.0 * 2.0, "{mode}: {found:?}");
    }
}

#[test]
fn a_cut_is_gone_around() {
    let cut = format!("[faults.f]\ntarget = \"a <-> b\"\n{THIRD}");
    let found =
        answered(&called("[services.store]\npools = [\"b\", \"c\"]", "timeout = \"1s\", reach = \"any\"", &cut));
    // all but the one that is on its way when the cut begins
    assert!(found.0 >= ALL - 2, "{found:?}");
    // two thirds at 20 ms, one at 60
    assert!((found.1 - 100.0 / 3.0).abs() < 60.0 / 3_600.0 * 2.0, "{found:?}");
}

#[test]
fn a_primary_that_was_not_fenced_goes_on_for_those_on_its_side() {
    let answered = |fencing: bool| {
        let found = counts(&format!(
            "{HEAD}horizon = \"1h\"\n[regions.a]\n[regions.b]\n[services.web.calls.store]\ntimeout = \"200ms\"\n\
             [services.store.failover]\norder = [\"a\", \"b\"]\nfencing = {fencing}\n\
             [users.left]\nnear = \"a\"\nrate = \"1/s\"\narrivals = \"regular\"\n\
             [users.right]\nnear = \"b\"\nrate = \"1/s\"\narrivals = \"regular\"\n\
             [links.\"left <-> a\"]\n[links.\"right <-> b\"]\n\
             [links.\"left <-> b\"]\nlatency = \"1ms\"\n[links.\"right <-> a\"]\nlatency = \"1ms\"\n\
             [faults.f]\ntarget = \"a <-> b\"\n{THIRD}"
        ));
        (found.user("left").full, found.user("right").full)
    };
    let (left, right) = answered(true);
    assert!(left.abs_diff(ALL - 1_200) <= 1 && right >= ALL - 1, "fenced: {left}, {right}");
    let (left, right) = answered(false);
    assert!(left >= ALL - 1 && right >= ALL - 1, "two primaries: {left}, {right}");
}

#[test]
fn users_who_cache_nothing_find_the_primary_that_they_reach() {
    let lost = |fencing: bool| {
        let found = counts(&format!(
            "{HEAD}horizon = \"1h\"\n[regions.a]\n[regions.b]\n\
             [services.web.failover]\norder = [\"b\", \"a\"]\nfencing = {fencing}\n\
             [users.folk]\nrate = \"1/s\"\narrivals = \"regular\"\ntimeout = \"200ms\"\n\
             [faults.f]\ntarget = \"a\"\nmode = \"partition\"\n{THIRD}"
        ));
        ALL - answered(&found).0
    };
    // b looks dead from a, which is promoted, cut off from everybody
    assert!(lost(true).abs_diff(1_200) <= 1, "fenced: {} lost", lost(true));
    assert!(lost(false) <= 1, "two primaries: {} lost", lost(false));
}

#[test]
fn copies_that_all_take_writes_are_called_where_the_caller_is() {
    let copies = |pools: &str| {
        let store = format!(
            "[services.store]\nkind = \"database\"\npools = [{pools}]\nreplication = {{ mode = \"multi-primary\" }}"
        );
        answered(&called(&store, "", ""))
    };
    for (pools, way_ms) in [("\"a\", \"b\"", 0.0), ("\"b\", \"c\"", 20.0)] {
        let (full, took_ms) = copies(pools);
        assert!(full >= ALL - 1, "{pools}: {full} answered");
        assert!((took_ms - way_ms).abs() < 1e-6, "{pools}: {took_ms} ms");
    }
}

/// Regions a and b, a service with a failover from a to b, whose region a is out for ten minutes from 30 min on.
fn pair(keys: &str, end: &str) -> Counts {
    counts(&format!(
        "{HEAD}horizon = \"1h\"\n[regions.a]\n[regions.b]\n[services.store.failover]\norder = [\"a\", \"b\"]\n{keys}\n\
         [users.folk]\nnear = \"a\"\nrate = \"1/s\"\narrivals = \"regular\"\n{end}\
         [faults.out]\ntarget = \"store@a\"\nmode = \"crash\"\nat = [\"30min\"]\nfor = \"10min\"\n"
    ))
}

#[test]
fn whoever_is_not_in_charge_answers_nobody() {
    for reach in ["", "reach = \"any\"", "reach = \"primary\""] {
        let web = format!("[services.web]\npools = [\"b\"]\ncalls.store = {{ {reach} }}\n[routing]\nentry = \"web\"\n");
        // a promotion of five minutes
        let found = answered(&pair("promote = \"5min\"", &web)).0;
        assert!(found.abs_diff(ALL - 300) <= 1, "{reach}: {found} answered");
    }
}

#[test]
fn users_find_the_region_in_charge_by_the_answers_that_they_have() {
    // Cached for up to two minutes, uniform: half of them are lost. Each of the users, who are as many as requests, is
    // late or not by a draw of his own: 120 draws with a mean of a half, sd at most a half each.
    let lost = ALL - answered(&pair("", "[routing]\ndns = { ttl = \"2min\" }\n")).0;
    let se = (120.0 / 6.0_f64).sqrt(); // sum of t (1 - t) over the drain
    assert!((lost as f64 - 60.0).abs() <= 4.0 * se, "{lost} lost");
    assert!(ALL - answered(&pair("", "")).0 <= 1, "nobody caches anything");
}

#[test]
fn a_service_without_nodes_is_what_it_depends_on() {
    let faults = |which: &str| {
        let fault = |name: &str| {
            format!("[faults.{name}]\ntarget = \"{name}\"\nmode = \"crash\"\nat = [\"30min\"]\nfor = \"10min\"\n")
        };
        which.split_whitespace().map(fault).collect::<String>()
    };
    let facade = "[services.store]\npools = []\ndepends_on = [\"any(left, right)\"]\n[services.left]\n[services.right]";
    for (dead, lost) in [("", 0), ("left", 0), ("right", 0), ("left right", 600)] {
        let found = answered(&called(facade, "", &faults(dead))).0;
        assert!(found.abs_diff(ALL - lost) <= 1, "without {dead:?}: {found} answered");
    }
    // as the entry, and in a region that is out: it stands nowhere, and what it needs stands elsewhere
    let entry = |outage: &str| {
        counts(&format!(
            "{HEAD}horizon = \"1h\"\n[regions.a]\n[regions.b]\n\
             [services.front]\npools = []\ndepends_on = [\"back\"]\n[services.back]\npools = [\"b\"]\n\
             [users.folk]\nnear = \"a\"\nrate = \"1/s\"\narrivals = \"regular\"\n[routing]\nentry = \"front\"\n\
             [faults.out]\nmode = \"outage\"\ntarget = \"{outage}\"\nat = [\"30min\"]\nfor = \"10min\"\n"
        ))
    };
    for (outage, lost) in [("a", 0), ("b", 600)] {
        let found = answered(&entry(outage)).0;
        assert!(found.abs_diff(ALL - lost) <= 1, "without {outage}: {found} answered");
    }
}

/// The way to the store is cut for ten minutes, and nobody gives up: what was asked then is never answered, and failed.
/// Whoever waits for a timer at the end of the trial has not ended.
#[test]
fn who_waits_for_ever_has_failed() {
    let cut = "[faults.cut]\ntarget = \"a <-> b\"\nmode = \"partition\"\nat = [\"50min\"]\nfor = \"10min\"\n";
    for (call, failed) in [("", 600), ("retry = { attempts = 1 }", 600), ("timeout = \"20min\"", 0)] {
        let found = called("[services.store]\npools = [\"b\"]", call, cut);
        let folk = found.user("folk");
        assert!(folk.failures().abs_diff(failed) <= 1, "{call}: {} failed", folk.failures());
        assert_eq!(folk.full + folk.failures() + folk.in_flight(), folk.arrived);
        assert!((folk.in_flight() + folk.failures()).abs_diff(600) <= 1, "{call}: {} in flight", folk.in_flight());
        let (ended, answered) = found.seconds(3_001, 3_599);
        assert_eq!((u64::from(ended), answered), (if failed > 0 { 598 } else { 0 }, 0), "{call}");
    }
}
