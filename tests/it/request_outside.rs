//! Checks of places that wait in a node's queue like a request, against histories worked out by hand.

use crate::lab::{model, run_text, value};
use crate::request_lab::{HEAD, run_full, trials};
use ninefold::results::measure::Measure;
use ninefold::simulation::trace::{TraceEvent, TraceLine};
use ninefold::simulation::{Compiled, Outcome};
use ninefold::time::{Span, Time};

fn traced(text: &str) -> (Outcome, Vec<TraceLine>) {
    Compiled::full(&model(text)).simulator().run_traced(1, 0)
}

/// What the routing believes of regions, and when.
fn beliefs(text: &str) -> Vec<(f64, u32, bool)> {
    let belief = |line: TraceLine| match line.event {
        TraceEvent::RegionBelieved { region, healthy } => {
            Some((line.at.since(Time::ZERO).as_secs_f64(), region, healthy))
        }
        _ => None,
    };
    traced(text).1.into_iter().filter_map(belief).collect()
}

/// Two regions of one node that does ten requests a second, each with eight a second of its own; americas ask twice as
/// much from 60 s on. A check a second, which waits for a second.
fn two_regions(keys: &str) -> String {
    format!(
        "{HEAD}horizon = \"80s\"\n[regions.us]\n[regions.eu]\n\
         [services.app]\nslots = 1\nservice_time = \"100ms\"\n\
         [users.americas]\nnear = \"us\"\nrate = \"8/s\"\narrivals = \"regular\"\n\
         bursts = [{{ at = \"60s\", for = \"1h\", factor = 2 }}]\n\
         [users.europe]\nnear = \"eu\"\nrate = \"8/s\"\narrivals = \"regular\"\n\
         [routing]\npolicy = \"geo\"\n\
         health_check = {{ every = \"1s\", timeout = \"1s\", down_after = 3, up_after = 60, {keys} }}\n"
    )
}

/// A request every 100 s keeps the only slot of the active region for 2.5 s, in which two or three checks a second apart
/// fail: the other becomes active, and is so until the next request. Nine in 1000 s, each of which gives a region up that is
/// well; the structure clock has no queue, so nothing there can be wrong.
#[test]
fn giving_a_busy_region_up_is_a_false_failover() {
    let text = format!(
        "{HEAD}horizon = \"1000s\"\nregions = {{ a = {{}}, b = {{}} }}\n[services.app]\nslots = 1\ncalls.back = {{}}\n\
         [services.back]\nservice_time = \"2500ms\"\n[users.folk]\nrate = \"0.01/s\"\narrivals = \"regular\"\n\
         [routing]\nentry = \"app\"\npolicy = \"active-passive\"\norder = [\"a\", \"b\"]\n\
         health_check = {{ every = \"1s\", timeout = \"300ms\", down_after = 2, up_after = 2, through_queue = true }}\n"
    );
    let found = value(&run_full(&text, 2), Measure::FalseFailoversPerYear, "system", "mean").estimate;
    let expected = 9.0 / (1_000.0 / ninefold::time::YEAR_S);
    assert!(found.is_some_and(|found| (found / expected - 1.0).abs() < 1e-9), "{found:?} instead of {expected}");
    let structure = run_text(&text.replace("\"full\"", "\"structure\""), 2);
    assert!(structure.find(Measure::FalseFailoversPerYear, "system", "mean").is_none());
}

#[test]
fn an_overload_that_checks_wait_in_takes_one_region_out_and_then_the_other() {
    let found = beliefs(&two_regions("through_queue = true"));
    let [(first, us, false), (second, eu, false)] = found[..] else { panic!("{found:?}") };
    assert_eq!((us, eu), (0, 1));
    // A check fails if a second does not do for what waits and its own tenth: 0.9 s of work wait. It grows by 1.6 + 0.1
    // - 1 a second from 60 s on, from nothing to two tenths; work comes in tenths. The check after that fails, and two
    // more; the last is known to have failed a second later.
    let wait = |growth: f64| (0.6 / growth, 1.0 / growth);
    let belief = |(sooner, later): (f64, f64)| (sooner + 2.0 + 1.0, later + 1.0 + 2.0 + 1.0);
    let (from, to) = belief(wait(0.7));
    assert!((60.0 + from..=60.0 + to).contains(&first), "{first} is not {from} to {to} after 60 s");
    // then 24 requests a second go to the other
    let (from, to) = belief(wait(1.5));
    assert!((first + from..=first + to).contains(&second), "{second} is not {from} to {to} after {first}");
    assert!(beliefs(&two_regions("through_queue = false")).is_empty(), "checks that do not wait see nothing");
}

/// Two regions of which the first, with all users, is out twice; the routing checks them by these keys.
fn out_twice(check: &str, silent: bool) -> String {
    format!(
        "{HEAD}horizon = \"10min\"\n[regions.us]\n[regions.eu]\n[services.app]\n\
         [users.folk]\nnear = \"us\"\nrate = \"1/s\"\n[routing]\npolicy = \"geo\"\nhealth_check = {{ {check} }}\n\
         [faults.cut]\nmode = \"outage\"\nsilent = {silent}\ntarget = \"us\"\nat = [\"2min\", \"5min\"]\nfor = \"100s\"\n"
    )
}

#[test]
fn an_idle_queue_changes_no_instant_at_which_an_outage_is_seen() {
    let text = |keys: &str, silent: bool| out_twice(&format!("{keys} checkers = 3, timeout = \"4s\""), silent);
    for silent in [false, true] {
        let [plain, through] = ["", "through_queue = true, "].map(|keys| beliefs(&text(keys, silent)));
        assert_eq!(plain.len(), 4);
        assert_eq!(plain, through);
    }
}

/// The first check of what has just become down is due `every_down` after the one before, not `every`: 10 s are no multiple
/// of 3 s, so that a return is seen at another instant otherwise.
#[test]
fn checks_of_what_is_down_come_as_often_as_they_say_from_the_first_on() {
    let text = |keys: &str, silent: bool| out_twice(&format!("{keys} every_down = \"3s\", timeout = \"2s\""), silent);
    for (silent, schedule) in [(false, ""), (true, ""), (false, "after-answer"), (true, "after-answer")] {
        let schedule = if schedule.is_empty() { String::new() } else { format!("schedule = \"{schedule}\", ") };
        let [plain, through] =
            ["", "through_queue = true, "].map(|keys| beliefs(&text(&format!("{schedule}{keys}"), silent)));
        assert_eq!(plain.len(), 4);
        assert_eq!(plain, through, "{silent} {schedule}");
    }
}

/// A node that is away from 120 s to 131 s, and is known to be after at most 10 s, is asked each second from then on.
#[test]
fn a_node_that_is_down_is_asked_as_often_as_its_check_says() {
    let text = format!(
        "{HEAD}horizon = \"3min\"\n[services.app]\n\
         health_check = {{ through_queue = true, every = \"10s\", every_down = \"1s\", timeout = \"500ms\", down_after = 1, up_after = 1 }}\n\
         [users.folk]\nrate = \"10/s\"\narrivals = \"regular\"\n\
         [faults.away]\nmode = \"crash\"\ntarget = \"app\"\nat = \"2min\"\nfor = \"11s\"\n"
    );
    for counts in trials(&text, 8) {
        let (asked, answered) = counts.seconds(132, 150);
        assert_eq!((asked, answered), (180, 180));
    }
}

/// A database whose primary does ten requests a second and is asked for sixteen from 60 s on.
fn database(horizon: &str, keys: &str) -> String {
    format!(
        "{HEAD}horizon = \"{horizon}\"\n[regions.east]\n[regions.west]\n\
         [services.app]\ncalls.db = {{}}\n[services.db]\nkind = \"database\"\nslots = 1\nservice_time = \"100ms\"\n\
         replication = {{ mode = \"async\" }}\n[services.db.failover]\norder = [\"east\", \"west\"]\npromote = \"5s\"\n\
         health_check = {{ every = \"1s\", timeout = \"1s\", up_after = 60, {keys} }}\n\
         [users.folk]\nrate = \"8/s\"\narrivals = \"regular\"\nbursts = [{{ at = \"60s\", for = \"1h\", factor = 2 }}]\n"
    )
}

#[test]
fn a_primary_that_is_only_too_busy_is_failed_over_for_nothing() {
    let (outcome, lines) = traced(&database("75s", "through_queue = true"));
    let done = lines.iter().find_map(|line| match line.event {
        TraceEvent::FailoverDone { place, .. } => Some((line.at.since(Time::ZERO), place)),
        _ => None,
    });
    let (at, place) = done.expect("the checks time out");
    // as above: 3.86 to 5.43 s after the burst begins, and 5 s to promote
    assert!((Span::from_secs_f64(68.85)..Span::from_secs_f64(70.43)).contains(&at), "{at}");
    assert_eq!(place, 1);
    let counted = &outcome.failovers[0];
    assert_eq!((counted.begun, counted.unneeded), (1, 1));
    let (outcome, _) = traced(&database("75s", ""));
    assert_eq!(outcome.failovers[0].begun, 0);
}

#[test]
fn a_promoted_copy_that_the_same_load_buries_is_noticed_too() {
    // the second is asked for 16 a second from the start and falls in its turn; the first is well again after a minute
    // of passes, and takes over in the end
    let text = database("5min", "through_queue = true").replace("up_after = 60", "up_after = 3");
    let (outcome, lines) = traced(&text);
    let done: Vec<u32> = lines
        .iter()
        .filter_map(|line| match line.event {
            TraceEvent::FailoverDone { place, .. } => Some(place),
            _ => None,
        })
        .collect();
    assert!(done.starts_with(&[1, 0, 1, 0]), "{done:?}");
    assert_eq!(outcome.failovers[0].begun, outcome.failovers[0].unneeded);
}

#[test]
fn a_standby_that_does_not_run_is_as_well_as_the_structure_knows() {
    let text = format!(
        "{HEAD}horizon = \"10min\"\n[regions.east]\n[regions.west]\n[services.app]\nstandby = \"cold\"\n\
         [users.folk]\nrate = \"1/s\"\n[routing]\npolicy = \"active-passive\"\norder = [\"east\", \"west\"]\n\
         health_check = {{ through_queue = true }}\n\
         [faults.out]\nmode = \"outage\"\ntarget = \"east\"\nat = \"1min\"\nfor = \"1h\"\n"
    );
    let (_, lines) = traced(&text);
    let done = lines.iter().filter(|line| matches!(line.event, TraceEvent::FailoverDone { place: 1, .. }));
    assert_eq!(done.count(), 1);
}
