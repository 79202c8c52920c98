//! Work at nodes: what slows it down, and checks beside it, against closed forms and a second reckoning.

use crate::lab::check;
use crate::request_lab::{HEAD, counts, queue, ratio, times, trials};
use ninefold::resilience::ErrorClass;
use std::f64::consts::E;

/// Two clients in turn at one slot: whoever comes finds the other in work, so that all work but that of the very first is
/// 10 ms + 2 x 10 ms. One who comes 1 ms after its answer waits for the 29 ms that are left of the other's: 59 ms in all.
#[test]
fn contention_counts_those_in_flight_when_an_attempt_comes() {
    let text = format!(
        "{HEAD}horizon = \"1min\"\n[services.app]\nslots = 1\nservice_time = \"10ms\"\ncontention = \"10ms\"\n\
         [users.folk.closed]\nclients = 2\nthink = \"1ms\"\n"
    );
    let counts = counts(&text);
    let latency = &counts.user("folk").latency;
    // the first takes 20 ms, the second waits for that, the third for one of 30 ms that has just begun
    let expected = 20 + 50 + 59 * (latency.count() - 2);
    assert_eq!(u128::from(expected) * 1_000_000, latency.sum_ns, "{} answers", latency.count());
}

/// One slot and one place to wait. Who comes to an idle node works for 20 ms, who finds one in work for 30 ms, whenever that
/// begins. After the first of a busy time another follows if one came in its 20 ms, with chance p, and then one more each
/// time that one came in 30 ms, with chance q: p / (1 - q) of them, in 1 / rate + 20 ms + 30 ms p / (1 - q).
#[test]
fn contention_of_who_waited_is_that_of_when_it_came() {
    let rate = 50.0;
    let [p, q] = [0.02, 0.03].map(|work: f64| 1.0 - E.powf(-rate * work));
    let further = p / (1.0 - q);
    let answered = (1.0 + further) / (rate * (1.0 / rate + 0.02 + 0.03 * further));
    let text = queue(1_000, "50/s", 1, "10ms", "queue = 1\ncontention = \"10ms\"", "");
    let counted = trials(&text, times(20, 10));
    let found = ratio(&counted, |trial| (trial.user("clients").full as f64, trial.user("clients").arrived as f64));
    check("contention", found, answered, 0.01);
}

/// A node that is asked for twice as much as it can do, by those who matter least: a check, which matters more, waits for no
/// longer than one piece of work wherever that class stands in the file, and finds the node well.
#[test]
fn a_check_in_a_priority_queue_matters_as_what_is_critical_does() {
    let (first, last) = ("first = { priority = \"critical-plus\" }\n", "last = { priority = \"sheddable\" }\n");
    for classes in [format!("{first}{last}"), format!("{last}{first}")] {
        let text = format!(
            "{HEAD}horizon = \"5min\"\n[services.app]\nslots = 1\nservice_time = \"100ms\"\nqueue_order = \"priority\"\n\
             queue_timeout = \"2s\"\nliveness = {{ every = \"1s\", timeout = \"300ms\", through_queue = true }}\n\
             [requests]\n{classes}[users.folk]\nrate = \"20/s\"\nrequests = {{ last = \"100%\" }}\n"
        );
        let counts = counts(&text);
        let folk = counts.user("folk");
        assert_eq!(folk.failed[ErrorClass::Connect as usize], 0, "restarted, with {classes}");
        assert!(folk.failed[ErrorClass::Overload as usize] > 2_000);
    }
}

/// Checks fill the queue of a node, and leave it, and are refused: what is counted at its service is what its users meet. Who
/// is shed has failed by overload, who began has waited as long as its answer took beyond the 50 ms of work, and nobody
/// else is there.
#[test]
fn checks_that_wait_in_a_node_are_counted_nowhere() {
    let every = |every: &str| {
        let keys = format!("every = \"{every}\", timeout = \"{every}\", down_after = 1000000");
        format!("health_check = {{ {keys}, through_queue = true }}")
    };
    for (keys, tables) in [
        (every("100ms"), String::new()),
        (String::new(), format!("[routing]\n{}", every("100ms"))),
        (format!("queue_timeout = \"40ms\"\n{}", every("20ms")), String::new()),
        (format!("codel = {{ interval = \"20ms\" }}\non_caller_gone = \"ignore\"\n{}", every("40ms")), String::new()),
        (format!("concurrency_limit = \"aimd(initial=2, max=2)\"\n{}", every("60ms")), String::new()),
    ] {
        let text = queue(200, "8/s", 1, "50ms", &format!("queue = 2\n{keys}"), "") + &tables;
        let counts = counts(&text);
        let (app, clients) = (counts.service("app"), counts.user("clients"));
        assert_eq!(app.all_shed(), clients.failed[ErrorClass::Overload as usize], "{text}");
        assert!(clients.failures() > 50 && clients.failures() == app.all_shed(), "{text}");
        let waiting = app.attempts - app.started - app.all_shed();
        assert!(waiting <= 2, "{waiting} still wait\n{text}");
        // who is in work at the end has waited too, at most for three pieces of work
        let waited = clients.latency.sum_ns - 50_000_000 * u128::from(clients.latency.count());
        let sum = app.queue.sum_ns;
        assert!((waited..=waited + 150_000_000).contains(&sum), "{sum} ns of waiting, {waited} of it answered\n{text}");
    }
}

/// A node that began to warm up at 15 s, was three times as slow from 17 s to 21 s, and did nothing from 19 s to
/// 20.05 s and from 20.53 s to 22.05 s: its speed in a millisecond, in each of which it is a line.
fn speed(from: f64, lasts_ms: f64, at_ms: f64) -> f64 {
    let warm = if at_ms < 15_000.0 { 1.0 } else { (from + (1.0 - from) * (at_ms - 15_000.0) / lasts_ms).min(1.0) };
    let hangs = (19_000.0..20_050.0).contains(&at_ms) || (20_530.0..22_050.0).contains(&at_ms);
    let slow = (17_000.0..21_000.0).contains(&at_ms);
    if hangs { 0.0 } else { warm / if slow { 3.0 } else { 1.0 } }
}

/// When work that begins at an instant is done, all in milliseconds: the areas under the speed, one by one.
fn done(mut at: f64, mut left: f64, speed: &dyn Fn(f64) -> f64) -> f64 {
    let area = |from: f64, to: f64| (to - from) * speed(f64::midpoint(from, to));
    let next = |at: f64| at.floor() + 1.0;
    while area(at, next(at)) < left {
        (at, left) = (next(at), left - area(at, next(at)));
    }
    let (mut low, mut high) = (at, next(at));
    for _ in 0..60 {
        let middle = f64::midpoint(low, high);
        if area(at, middle) < left { low = middle } else { high = middle }
    }
    high
}

/// A request comes every 100 ms, one who finds nobody there is refused from 10 s to 15 s, when the work in hand is lost. What
/// each takes is added up in small steps, faults and contention and one after the other if there is one slot.
#[test]
fn work_at_a_node_that_warms_up_goes_faster_and_faster() {
    for (work, contention, slots, from, lasts_s) in [
        (250.0, 0.0, false, 1.0, 10),
        (250.0, 0.0, false, 0.2, 10),
        (250.0, 10.0, false, 0.0, 10),
        (3_000.0, 10.0, false, 0.2, 5),
        (60.0, 0.0, true, 0.0, 10),
        (40.0, 2.0, true, 0.2, 30),
    ] {
        let slots_key = if slots { "slots = 1" } else { "" };
        let text = format!(
            "{HEAD}horizon = \"60s\"\n[services.app]\nservice_time = \"{work}ms\"\ncontention = \"{contention}ms\"\n{slots_key}\n\
             warm_up = {{ for = \"{lasts_s}s\", from = \"{}%\" }}\n[users.folk]\nrate = \"10/s\"\narrivals = \"regular\"\n\
             [faults.crash]\ntarget = \"app\"\nat = \"10s\"\nfor = \"5s\"\n\
             [faults.slow]\ntarget = \"app\"\nmode = \"slow\"\nfactor = 3\nat = \"17s\"\nfor = \"4s\"\n\
             [faults.hang]\ntarget = \"app\"\nmode = \"slow\"\nfactor = inf\ncheck_fails = \"0%\"\nat = \"19s\"\nfor = \"1050ms\"\n\
             [faults.again]\ntarget = \"app\"\nmode = \"slow\"\nfactor = inf\ncheck_fails = \"0%\"\nat = \"20530ms\"\n\
             for = \"1520ms\"\n",
            100.0 * from
        );
        let speed = |at: f64| speed(from, f64::from(lasts_s) * 1e3, at);
        let (mut ends, mut sum, mut longest) = (Vec::new(), 0.0, 0.0_f64);
        for number in (1..600).filter(|number| !(100..150).contains(number)) {
            let came = f64::from(number) * 100.0;
            if number == 150 {
                ends.clear();
            }
            // at equal times work is done before anybody comes
            let present = 1 + ends.iter().filter(|&&end| end > came + 1e-6).count();
            let begins = ends.last().filter(|_| slots).map_or(came, |&end: &f64| end.max(came));
            let end = done(begins, work + contention * present as f64, &speed);
            ends.push(end);
            if end < 60_000.0 && !(number < 100 && end > 10_000.0) {
                (sum, longest) = (sum + end - came, longest.max(end - came));
            }
        }
        let counted = counts(&text);
        let latency = &counted.user("folk").latency;
        let (found, found_longest) = (latency.sum_ns as f64 / 1e6, latency.max.as_secs_f64() * 1e3);
        // each is off by some nanoseconds, those who wait by those of all before them
        assert!((found - sum).abs() < 0.1, "{found} ms in all, not {sum}\n{text}");
        assert!((found_longest - longest).abs() < 1e-3, "{found_longest} ms, not {longest}\n{text}");
    }
}
