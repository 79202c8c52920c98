//! People who act, against histories worked out by hand: when they come, and exactly what they do then.

use crate::lab::model;
use crate::request_lab::{Counts, HEAD, counts, plan_full, trials};
use ninefold::model::operator::When;
use ninefold::report::json;
use ninefold::simulation::requests::reading::Gauge;
use ninefold::simulation::trace::OperatorStep::{self, Acts, Over, Paged};
use ninefold::simulation::trace::{TraceEvent, TraceLine};
use ninefold::simulation::{Compiled, Simulator};
use ninefold::time::{Span, Time};
use std::fmt::Write as _;

fn at(secs: u64) -> Time {
    Time::ZERO + Span::from_secs(secs)
}

fn trace(text: &str) -> Vec<TraceLine> {
    Compiled::full(&model(text)).simulator().run_traced(1, 0).1
}

fn steps(text: &str) -> Vec<(Time, OperatorStep)> {
    let step = |line: TraceLine| match line.event {
        TraceEvent::Operator { step, .. } => Some((line.at, step)),
        _ => None,
    };
    trace(text).into_iter().filter_map(step).collect()
}

/// Twenty requests a second, as regular as a clock, at a node that answers none of them though nothing is broken.
fn stuck(seconds: u32, act: &str) -> String {
    format!(
        "{HEAD}horizon = \"{seconds}s\"\n[services.app]\nerrors = \"100%\"\n\
         [users.folk]\nrate = \"20/s\"\narrivals = \"regular\"\n\
         [operators.on-call]\nafter = \"30s\"\npage = \"15s\"\n{act}\n"
    )
}

#[test]
fn somebody_comes_after_the_wait_and_the_page_and_begins_to_wait_anew_after_the_act() {
    let found = steps(&stuck(200, "share = \"30%\"\nfor = \"1min\"\nramp = \"40s\""));
    assert_eq!(found, [(at(30), Paged), (at(45), Acts), (at(145), Over), (at(175), Paged), (at(190), Acts)]);
}

#[test]
fn shedding_turns_away_all_but_its_share_and_then_less_and_less() {
    let shed = |seconds, act| counts(&stuck(seconds, act)).service("app").shed;
    let nobody = "share = \"0%\"\nfor = \"1min\"\nramp = \"0s\"";
    // those of [45 s, 105 s), and from 150 s on those of the next act: 105 + 30 + 15
    assert_eq!([45, 60, 105, 150, 160].map(|seconds| shed(seconds, nobody)), [0, 300, 1200, 1200, 1400]);
    // the share, for a minute: binomial; then request k of 800 is admitted with 0.3 + 0.7 k / 800
    let some = "share = \"30%\"\nfor = \"1min\"\nramp = \"40s\"";
    let [held, all, later] = [105, 145, 170].map(|seconds| shed(seconds, some));
    assert_eq!(all, later, "all are admitted again");
    let (held, all) = (held as f64, all as f64);
    let within = |found: f64, mean: f64, variance: f64| {
        assert!((found - mean).abs() < 3.3 * variance.sqrt(), "{found} against {mean} +- {}", variance.sqrt());
    };
    within(held, 1200.0 * 0.7, 1200.0 * 0.3 * 0.7);
    let turned_away = (0..800).map(|k| 0.7 * (1.0 - f64::from(k) / 800.0));
    let (mean, variance) = turned_away.fold((0.0, 0.0), |(mean, var), p| (mean + p, var + p * (1.0 - p)));
    within(all - held, mean, variance);
}

#[test]
fn what_is_turned_away_has_failed_and_reaches_nobody() {
    let text = stuck(105, "share = \"0%\"\nfor = \"1min\"\nramp = \"0s\"");
    let counts = counts(&text);
    let folk = counts.user("folk");
    // the last comes at 104.95 s, the first at 0.05 s
    assert_eq!((folk.arrived, folk.failures()), (2099, 2099));
    assert_eq!(counts.call("folk->app").calls, 2099 - 1200);
    assert_eq!(counts.service("app").attempts, 2099, "refused ones are attempts too");
}

#[test]
fn nobody_is_stuck_while_something_is_broken() {
    let broken = "\n[services.other]\ndepends_on = []\n[routing]\nentry = \"app\"\n\
                  [faults.elsewhere]\ntarget = \"other\"\nat = \"5s\"\nfor = \"15s\"";
    let text = stuck(60, &format!("share = \"50%\"{broken}"));
    let found = steps(&text);
    assert_eq!(found, [(at(50), OperatorStep::Paged)], "20 s + 30 s");
    // a condition does not ask whether anything is broken
    let text = text.replace("after =", "when = \"success_ratio(folk) >= 50%\"\nafter =");
    assert_eq!(steps(&text)[..2], [(at(30), OperatorStep::Paged), (at(45), OperatorStep::Acts)]);
}

/// Folk at a service, and a probe whose requests all fail, which somebody goes by after ten seconds.
fn probed(seconds: u32, rest: &str) -> String {
    format!(
        "{HEAD}horizon = \"{seconds}s\"\n[services.bad]\nerrors = \"100%\"\n\
         [requests.ping]\nentry = \"bad\"\n[requests.work]\n[routing]\nentry = \"app\"\n\
         [users.probe]\nrate = \"5/s\"\nrequests = {{ ping = \"100%\" }}\n{rest}\n\
         when = \"success_ratio(class ping) >= 99%\"\nafter = \"10s\"\n"
    )
}

#[test]
fn a_restart_loses_exactly_what_is_in_hand_node_by_node() {
    let text = |seconds, page| {
        probed(
            seconds,
            &format!(
                "[users.folk]\nrate = \"1/s\"\narrivals = \"regular\"\nrequests = {{ work = \"100%\" }}\n\
                 [services.app]\nnodes = 2\nneed = 1\nslots = 1\nservice_time = \"1h\"\n\
                 [operators.on-call]\nact = \"restart\"\nof = \"app\"\npage = \"{page}\""
            ),
        )
    };
    let lost = |seconds| counts(&text(seconds, "0s")).user("folk").failures();
    // at 10 s nine have come, to two nodes in turn: one of these loses five or four
    assert!([4, 5].contains(&lost(20)), "{}", lost(20));
    assert_eq!(lost(10), 0);
    // at 40 s it is back, and the other loses the rest of these nine and the thirty that came since
    assert_eq!(lost(65), 39);
    let found = steps(&text(65, "0s"));
    assert_eq!(found, [(at(10), OperatorStep::Paged), (at(10), OperatorStep::Acts)]);
    assert_eq!(steps(&text(71, "0s")).last(), Some(&(at(70), OperatorStep::Over)));
    let liveness = "service_time = \"1h\"\nliveness = { restart = \"5s\" }";
    let quicker = text(71, "2s").replace("service_time = \"1h\"", liveness);
    assert_eq!(steps(&quicker)[2], (at(22), OperatorStep::Over), "12 s and twice five");
    let quickest = quicker.replace("page = \"2s\"", "page = \"2s\"\ntakes = \"3s\"");
    assert_eq!(
        steps(&quickest)[2],
        (at(18), OperatorStep::Over),
        "12 s and twice three, whatever kills by itself takes"
    );
}

#[test]
fn a_breaker_that_is_held_open_refuses_for_exactly_so_long() {
    let text = probed(
        60,
        "[users.folk]\nrate = \"10/s\"\narrivals = \"regular\"\nrequests = { work = \"100%\" }\n\
         [services.app]\ncalls.db = { breaker = { failure_rate = \"50%\" } }\n[services.db]\n\
         [operators.on-call]\nact = \"open-breaker\"\nof = \"app->db\"\nfor = \"20s\"\npage = \"25s\"",
    );
    let counts = counts(&text);
    let call = counts.call("app->db");
    // [35 s, 55 s); then probes pass
    assert_eq!((call.rejected, call.opened, call.open), (200, 1, Span::from_secs(20)));
    assert_eq!(call.last_closed, Some(Span::from_millis(55_200)), "the third probe closes it");
    assert_eq!(counts.user("folk").failures(), 200);
}

#[test]
fn an_ordered_failover_moves_to_the_next_and_is_no_false_alarm() {
    let text = probed(
        60,
        "[regions.east]\n[regions.west]\n[users.folk]\nrate = \"10/s\"\nrequests = { work = \"100%\" }\n\
         [services.app]\ncalls.db = {}\n\
         [services.db]\nkind = \"database\"\nreplication = { mode = \"async\" }\n\
         failover = { order = [\"east\", \"west\"], promote = \"7s\" }\n\
         [operators.on-call]\nact = \"fail-over\"\nof = \"db\"\npage = \"1s\"",
    );
    let compiled = Compiled::full(&model(&text));
    let (outcome, lines) = compiled.simulator().run_traced(1, 0);
    let done = lines.iter().filter_map(|line| match line.event {
        TraceEvent::FailoverDone { place, .. } => Some((line.at, place)),
        _ => None,
    });
    // 10 + 1 + 7; the next act is one wait and one page later, back to the first
    assert_eq!(done.collect::<Vec<_>>(), [(at(18), 1), (at(29), 0), (at(40), 1), (at(51), 0)]);
    let counted = &outcome.failovers[0];
    assert_eq!((counted.begun, counted.unneeded), (5, 0));
}

#[test]
fn the_active_region_is_left_by_order_and_serves_until_the_other_does() {
    let text = probed(
        40,
        "[regions.east]\n[regions.west]\n[services.app]\n\
         [users.folk]\nrate = \"10/s\"\narrivals = \"regular\"\nrequests = { work = \"100%\" }\n\
         [operators.on-call]\nact = \"fail-over\"\nof = \"system\"\npage = \"1s\"",
    );
    let active = "policy = \"active-passive\"\norder = [\"east\", \"west\"]\npromote = \"7s\"\nentry = \"app\"";
    let text = text.replace("entry = \"app\"", active);
    let compiled = Compiled::full(&model(&text));
    let (outcome, lines) = compiled.simulator().run_traced(1, 0);
    let done = lines.iter().filter_map(|line| match line.event {
        TraceEvent::FailoverDone { place, .. } => Some((line.at, place)),
        _ => None,
    });
    // as a service's: 10 + 1 + 7, and the next act one wait and one page later
    assert_eq!(done.collect::<Vec<_>>(), [(at(18), 1), (at(29), 0)]);
    let counted = &outcome.failovers[0];
    assert_eq!((counted.begun, counted.unneeded), (3, 0));
    // the region that is left serves until the other does: [18 s, 29 s) is the other's, and nobody fails
    let Simulator::Full(mut world) = compiled.simulator() else { panic!("on the request clock") };
    let (_, _, record) = world.run_recorded(1, 0, Span::from_secs(40));
    let pools = &compiled.requests.as_ref().expect("requests").services[1].pools;
    assert_eq!([0, 1].map(|region| record.buckets.pools[pools[region] as usize][0]), [179 + 110, 110]);
    assert_eq!(counts(&text).user("folk").failures(), 0);
}

#[test]
fn a_latency_that_is_too_long_calls_somebody_too() {
    // Twice as many come as are done: request n comes after n twentieths of a second and is done after a twentieth and n
    // tenths, having taken a twentieth and n twentieths. In [1 s, 2 s) these are 10 to 19, none of which took more than a
    // second; in [2 s, 3 s) 20 to 29, whose mean is 1.275 s and least 1.05 s.
    let paged = |condition: &str| {
        let text = format!(
            "{HEAD}horizon = \"20s\"\n[services.app]\nslots = 1\nservice_time = \"100ms\"\n\
             [users.folk]\nrate = \"20/s\"\narrivals = \"regular\"\n\
             [operators.on-call]\nwhen = \"{condition}\"\nafter = \"10s\"\npage = \"1h\"\n"
        );
        steps(&text)
    };
    for condition in ["latency(folk, max) <= 1s", "latency(system) <= 1.2s", "latency(folk, p5) <= 1.01s"] {
        assert_eq!(paged(condition), [(at(12), Paged)], "{condition}");
    }
    assert_eq!(paged("latency(system, mean) <= 1.3s"), [(at(13), Paged)]);
}

/// Folk at a service, looked at by somebody who is paged after ten seconds and never comes: when is he, for the first time?
fn paged(text: &str, condition: &str) -> Option<u64> {
    let looks = "after = \"10s\"\npage = \"1h\"\n";
    let found =
        steps(&format!("{HEAD}horizon = \"30s\"\n{text}\n[operators.on-call]\nwhen = \"{condition}\"\n{looks}"));
    match found.as_slice() {
        [] => None,
        [(when, Paged)] => Some(when.since(Time::ZERO).as_nanos() / Span::SECOND.as_nanos()),
        _ => panic!("{found:?}"),
    }
}

fn check_paged(text: &str, expected: &[(&str, Option<u64>)]) {
    for (condition, when) in expected {
        assert_eq!(paged(text, condition), *when, "{condition}");
    }
}

#[test]
fn a_second_of_what_is_shed_is_that_second_and_no_instant_more() {
    // One comes every 100 ms, from 0.1 s on, and works for 150 ms: every other is refused. Of the nine in [0 s, 1 s) these
    // are four, 0.2 s to 0.8 s; of the ten in each second after that five, that of its first instant among them.
    let text = "[services.app]\nslots = 1\nqueue = 0\nservice_time = \"150ms\"\n\
                [users.folk]\nrate = \"10/s\"\narrivals = \"regular\"";
    let sheds = [("shed(app) <= 44%", Some(10)), ("shed(app) <= 45%", Some(11)), ("shed(app) <= 50%", None)];
    check_paged(text, &sheds);
    // what ends in a second is as often the one as the other: the ninth is answered after it
    check_paged(text, &[("success_ratio(folk->app) >= 51%", Some(10)), ("success_ratio(app) >= 50%", None)]);
}

#[test]
fn attempts_for_each_request_are_those_of_the_second() {
    // One comes a second, from 1 s on, and fails thrice, 0.6 s apart: one and a second attempt in [1 s, 2 s), then three
    // each. In [0 s, 1 s) nobody asks, which is no value at all.
    let text = "[services.app]\nerrors = \"100%\"\n[users.folk]\nrate = \"1/s\"\narrivals = \"regular\"\n\
                retry = { attempts = 3, backoff = \"constant(base=600ms)\" }";
    for subject in ["app", "folk->app"] {
        let measure = |limit: &str| format!("attempts_per_request({subject}) <= {limit}");
        let [low, middle, high] = ["1.9", "2.9", "3"].map(measure);
        check_paged(text, &[(&low, Some(11)), (&middle, Some(12)), (&high, None)]);
    }
}

#[test]
fn waits_and_latencies_of_attempts_are_those_of_the_second() {
    // Request n comes after n twentieths of a second and begins after a twentieth and n - 1 tenths, having waited n - 1
    // twentieths: in [1 s, 2 s) 0.5 s to 0.95 s, 0.725 s in the mean, in [2 s, 3 s) 1 s to 1.45 s. What is answered in a
    // second waited a twentieth less, and took 0.1 s more: 0.55 s to 1 s in [1 s, 2 s).
    let text =
        "[services.app]\nslots = 1\nservice_time = \"100ms\"\n[users.folk]\nrate = \"20/s\"\narrivals = \"regular\"";
    let waits = [("queue_time(app) <= 720ms", Some(11)), ("queue_time(app) <= 730ms", Some(12))];
    check_paged(text, &waits);
    check_paged(text, &[("queue_time(app, max) <= 949ms", Some(11)), ("queue_time(app, max) <= 950ms", Some(12))]);
    check_paged(text, &[("latency(folk->app, max) <= 999ms", Some(11)), ("latency(app, max) <= 1s", Some(12))]);
}

#[test]
fn open_breakers_are_seen_for_the_part_of_the_second_that_they_are() {
    // somebody who goes by the probe holds them open from 10 + 15.5 s on, for 2.25 s
    let text = |condition: &str| {
        probed(
            60,
            &format!(
                "[users.folk]\nrate = \"10/s\"\narrivals = \"regular\"\nrequests = {{ work = \"100%\" }}\n\
                 [services.app]\nnodes = 2\nneed = 1\ncalls.db = {{ breaker = {{ failure_rate = \"50%\" }} }}\n[services.db]\n\
                 [operators.other]\nwhen = \"{condition}\"\nafter = \"2s\"\npage = \"1h\"\n\
                 [operators.on-call]\nact = \"open-breaker\"\nof = \"app->db\"\nfor = \"2.25s\"\npage = \"15.5s\""
            ),
        )
    };
    let other = |condition: &str| {
        let paged = |line: &TraceLine| match line.event {
            TraceEvent::Operator { operator: 0, step } => Some((line.at, step)),
            _ => None,
        };
        trace(&text(condition)).iter().filter_map(paged).collect::<Vec<_>>()
    };
    // half of [25 s, 26 s), all of [26 s, 27 s), 75 % of [27 s, 28 s)
    assert_eq!(other("breaker_open_time(app->db) <= 49%"), [(at(27), Paged)]);
    assert_eq!(other("breaker_open_time(app->db) <= 50%"), [(at(28), Paged)]);
    assert_eq!(other("breaker_open_time(app->db) <= 76%"), []);
    // 25.5 s to 25.9 s are five of the ten calls of that second
    assert_eq!(other("rejected(app->db) <= 49%"), [(at(27), Paged)]);
    assert_eq!(other("rejected(app->db) <= 50%"), [(at(28), Paged)]);
    assert_eq!(other("success_ratio(app->db) >= 51%"), [(at(27), Paged)]);
    // none of [26 s, 27 s), and of [27 s, 28 s) those at 27.8 s and 27.9 s
    assert_eq!(other("success_ratio(db) >= 21%"), [(at(28), Paged)]);
    assert_eq!(other("success_ratio(db) >= 20%"), []);
}

#[test]
fn a_second_is_judged_as_a_bucket_of_an_experiment_is() {
    let conditions = [
        "success_ratio(app) >= 60%",
        "success_ratio(folk->app) >= 70%",
        "degraded_ratio(folk) <= 45%",
        "latency(folk, p90) <= 900ms",
        "latency(app->db, max) <= 700ms",
        "attempts_per_request(db) <= 2",
        "attempts_per_request(app->db) <= 2",
        "shed(db) <= 30%",
        "rejected(app->db) <= 30%",
        "breaker_open_time(app->db) <= 55%",
        "queue_time(db, p50) <= 200ms",
    ];
    let mut text = format!(
        "{HEAD}horizon = \"200s\"\n[services.app]\nnodes = 2\nneed = 1\nslots = 4\nservice_time = \"exp(mean=100ms)\"\n\
         [services.app.calls.db]\ntimeout = \"1s\"\nretry = {{ attempts = 3, backoff = \"constant(base=300ms)\" }}\n\
         breaker = {{ failure_rate = \"40%\", open_for = \"2s\" }}\n\
         [services.db]\nslots = 2\nqueue = 3\nservice_time = \"exp(mean=300ms)\"\nerrors = \"10%\"\n\
         [users.folk]\nrate = \"6/s\"\nfallback = [{{ tier = \"cached\", hit = \"80%\" }}]\n"
    );
    for (number, condition) in conditions.iter().enumerate() {
        let _ = writeln!(text, "[operators.o{number:02}]\nwhen = \"{condition}\"\nafter = \"1s\"\npage = \"1h\"");
    }
    let model = model(&text);
    let compiled = Compiled::full(&model);
    let Simulator::Full(mut world) = compiled.simulator() else { panic!("on the request clock") };
    let (_, lines, record) = world.run_recorded(1, 0, Span::SECOND);
    let plan = compiled.requests.as_ref().expect("requests");
    let mut firsts = Vec::new();
    for (number, operator) in (0_u32..).zip(&model.operators) {
        let When::Shows(symptom) = operator.when else { panic!("a condition") };
        let gauge = Gauge::new(plan, symptom.measure, symptom.subject);
        let fails = |&second: &usize| gauge.value(&record.buckets, second).is_some_and(|value| symptom.shows(value));
        let first = (0..199).find(fails);
        let paged =
            |line: &&TraceLine| matches!(line.event, TraceEvent::Operator { operator, .. } if operator == number);
        let when = lines.iter().find(paged).map(|line| line.at);
        assert_eq!(when, first.map(|first| at(first as u64 + 1)), "{}", conditions[number as usize]);
        firsts.push(first);
    }
    let telling = firsts.iter().filter(|first| first.is_some_and(|first| first > 0)).count();
    assert!(telling >= 9, "{firsts:?}");
}

#[test]
fn who_acts_sees_the_same_beside_an_experiment() {
    let text = stuck(200, "when = \"shed(app) <= 10%\"\nact = \"restart\"\nof = \"app\"\ntakes = \"4s\"")
        .replace("errors = \"100%\"", "slots = 1\nqueue = 0\nservice_time = \"exp(mean=1s)\"");
    let compiled = Compiled::full(&model(&text));
    let Simulator::Full(mut world) = compiled.simulator() else { panic!("on the request clock") };
    let (alone, lines) = world.run_traced(1, 0);
    // buckets that never end with a second but for the tenth
    let (beside, recorded, record) = world.run_recorded(1, 0, Span::from_millis(700));
    assert!(alone == beside && lines == recorded && lines.len() > 2);
    assert_eq!(record.buckets.count(), 286);
    // and whoever kept the record has not blinded them
    let (again, lines_again) = world.run_traced(1, 0);
    assert!(alone == again && lines == lines_again);
}

#[test]
fn who_comes_when_all_is_well_again_does_nothing() {
    let text = probed(
        60,
        "[services.app]\n[faults.gray]\ntarget = \"bad\"\nmode = \"slow\"\nerrors = \"100%\"\nat = \"1s\"\nfor = \"12s\"\n\
         [operators.on-call]\nact = \"restart\"\nof = \"app\"\npage = \"5s\"",
    );
    let text = text.replace("[services.bad]\nerrors = \"100%\"", "[services.bad]");
    // 1 + 10, and 5 more
    assert_eq!(steps(&text), [(at(11), OperatorStep::Paged), (at(16), OperatorStep::SeesNothing)]);
}

/// Seconds in which requests came that have no fate yet when somebody acts.
const FATE: usize = 2;

#[test]
fn who_acts_moves_nobody_elses_luck() {
    let text = |name: &str| {
        let text = std::fs::read_to_string(format!("scenarios/{name}.toml")).expect("shipped");
        (name.to_owned(), text)
    };
    let [(_, base), (_, acting)] = ["metastable", "metastable-operator"].map(text);
    let (_, operator) = acting.split_once("[operators.on-call]").expect("somebody acts");
    let base = base.replace("5min", "6min");
    let [without, with]: [Vec<Counts>; 2] =
        [base.clone(), format!("{base}\n[operators.on-call]{operator}")].map(|text| trials(&text, 2));
    for (without, with) in without.iter().zip(&with) {
        let [without, with] = [&without.outcome.seconds[0], &with.outcome.seconds[0]];
        assert_eq!(without[..160 - FATE], with[..160 - FATE]);
        let arrived = |seconds: &[[u32; 3]]| seconds.iter().map(|second| second[0]).collect::<Vec<_>>();
        assert_eq!(arrived(without), arrived(with), "who comes, comes");
        // the act is over at 160 s + 3 min + 1 min, and everybody is served again
        assert!(without[340..355].iter().all(|[_, full, _]| *full == 0));
        let [asked, full, _] =
            with[340..355].iter().fold([0; 3], |sum, second| [0, 1, 2].map(|at| sum[at] + second[at]));
        assert!(f64::from(full) > 0.95 * f64::from(asked) * 0.1, "{full} of {asked}: a tenth and more is let in");
    }
}

#[test]
fn threads_do_not_change_a_byte_of_what_people_do() {
    let model =
        model(&stuck(100, "share = \"30%\"\nfor = \"20s\"\nramp = \"10s\"\n").replace("\"15s\"", "\"exp(mean=15s)\""));
    let bytes = |jobs| json::run(&crate::lab::run(&model, &ninefold::experiment::Plan { jobs, ..plan_full(20, 1) }));
    assert!(bytes(1) == bytes(2));
}
