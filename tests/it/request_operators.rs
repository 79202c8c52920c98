//! People who act, against histories worked out by hand: when they come, and exactly what they do then.

use crate::lab::model;
use crate::request_lab::{Counts, HEAD, counts, plan_full, trials};
use ninefold::report::json;
use ninefold::simulation::Compiled;
use ninefold::simulation::trace::OperatorStep::{self, Acts, Over, Paged};
use ninefold::simulation::trace::{TraceEvent, TraceLine};
use ninefold::time::{Span, Time};

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
        assert_eq!(without.user("system").arrived, with.user("system").arrived, "who comes, comes");
        let [without, with] = [&without.outcome.seconds[0], &with.outcome.seconds[0]];
        assert_eq!(without[..160 - FATE], with[..160 - FATE]);
        // of the last seconds some are in flight
        let ended = |seconds: &[[u32; 3]]| seconds[..350].iter().map(|second| second[0]).collect::<Vec<_>>();
        assert_eq!(ended(without), ended(with), "and in the same seconds");
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
