//! Nothing is lost and nothing is made up, in any scenario: random small systems, users who come for an hour, stay away
//! for the rest of half a day and come again, and whatever policies and faults the draw brings.
//!
//! Users exactly: arrived = answered + degraded + failed, and as many came and were answered in the seconds together. On
//! a call no more calls are answered or failed than begun, and no more attempts end (well, bad, given up) than are made;
//! without a fault, which may leave an attempt without anybody to be sent to, just as many. At a node no more attempts
//! are begun, shed or out of time than reach it: others are refused, lost or skipped.
//!
//! While nobody comes everything drains, also what a front with too few slots has piled up (an hour of requests, at ten
//! seconds and more each), so that nothing is in flight at the end. A slot, a place in a queue or a permit that did not
//! come back would prevent that in the second half of the day where users wait for ever; half of the draws let them give
//! up after 20 s.

use crate::request_lab::{Counts, HEAD, plan_full, trials};
use crate::{lab, request_lab};
use ninefold::simulation::Compiled;
use proptest::prelude::*;
use std::fmt::Write as _;

/// Choices of one scenario.
#[derive(Clone, Debug)]
struct Draw {
    shape: [u8; 4],
    policies: [u8; 6],
    fault: Option<u8>,
    impatient: bool,
    moves: bool,
}

fn draws() -> impl Strategy<Value = Draw> {
    let fault = prop_oneof![3 => Just(None), 4 => (0..FAULTS.len() as u8).prop_map(Some)];
    (any::<[u8; 4]>(), any::<[u8; 6]>(), fault, any::<[bool; 2]>())
        .prop_map(|(shape, policies, fault, [impatient, moves])| Draw { shape, policies, fault, impatient, moves })
}

const GONE: [&str; 3] = ["stop", "skip-queued", "ignore"];
const ORDERS: [&str; 4] = ["fifo", "lifo", "adaptive-lifo", "priority"];
const RETRIES: [&str; 4] = [
    "",
    "retry = { attempts = 3, backoff = \"exponential(base=1s)\" }, ",
    "retry = { attempts = 3, backoff = \"none\", budget = \"ratio(share=20%, window=10s)\" }, ",
    "retry = { attempts = 2, backoff = \"decorrelated(base=1s, cap=9s)\", on = [\"timeout\", \"error\", \"rejected\"] }, ",
];
const GUARDS: [&str; 6] = [
    "",
    "breaker = { failure_rate = \"30%\", open_for = \"20s\" }, ",
    "bulkhead = { concurrent = 3, queue = 4, queue_timeout = \"2s\" }, ",
    "rate_limit = { rate = \"1/s\", burst = 3, wait = \"1s\" }, ",
    "hedge = { after = \"2s\", budget = \"50%\" }, ",
    "throttle = {}, ",
];
const LIMITS: [&str; 3] = ["timeout = \"3s\", ", "deadline = \"5s\", ", "timeout = \"2s\", deadline = \"9s\", "];
const FALLBACKS: [&str; 3] = [
    "",
    "fallback = [{ tier = \"cached\", hit = \"50%\" }], ",
    "fallback = [{ tier = \"other\", calls = \"aside\" }], ",
];
const NODES: [&str; 6] = [
    "",
    "autoscale = { min = 1, max = 4, every = \"1min\", boot = \"2min\", cooldown = \"1min\" }",
    "queue = 5",
    "queue_timeout = \"exp(mean=3s)\"",
    "concurrency_limit = \"aimd\"",
    "codel = {}",
];
const FAULTS: [&str; 7] = [
    "mode = \"crash\"",
    "mode = \"crash\"\nsilent = true",
    "mode = \"slow\"\nfactor = inf\ncheck_fails = \"0%\"",
    "mode = \"slow\"\nfactor = 6\nerrors = \"20%\"",
    "mode = \"memory-exhaustion\"\nramp = \"10min\"",
    "mode = \"clock-skew\"\nskew = \"1s\"\nerrors = \"10%\"",
    "mode = \"maintenance\"\ndrain = \"1min\"",
];

/// The back has a primary, which moves when it breaks, and returns.
const MOVES: &str =
    "failover = { order = [\"east\", \"west\"], promote = \"2s\", failback = { after = \"20s\", takes = \"1s\" } }";

fn one<'t>(list: &[&'t str], by: u8) -> &'t str {
    list[by as usize % list.len()]
}

impl Draw {
    /// A front that calls a back twice and, at times, something aside; faults strike the back.
    fn text(&self) -> String {
        let [front, back, gone, nodes] = self.shape;
        let [retry, guard, limit, fallback, order, check] = self.policies;
        let call = format!("{}{}{}", one(&LIMITS, limit), one(&RETRIES, retry), one(&GUARDS, guard));
        let mut text = format!(
            "{HEAD}horizon = \"24h\"\n[services.front]\nslots = {}\nqueue_order = \"{}\"\n",
            front % 4 + 2,
            one(&ORDERS, order)
        );
        let _ = write!(
            text,
            "service_time = \"exp(mean=500ms)\"\non_caller_gone = \"{}\"\n{}\n\
             calls.back = {{ times = 2, {call}{} }}\ncalls.aside = {{ share = \"30%\", stage = {} }}\n",
            one(&GONE, gone),
            one(&NODES, nodes),
            one(&FALLBACKS, fallback),
            check % 2 + 1,
        );
        let _ = write!(
            text,
            "[services.back]\nnodes = 2\nneed = 1\nslots = {}\nservice_time = \"lognormal(mean=700ms, cv=1)\"\nerrors = \"5%\"\n\
             on_caller_gone = \"{}\"\n{}\n{}[services.aside]\nservice_time = \"100ms\"\nerrors = \"10%\"\n",
            back % 3 + 1,
            one(&GONE, gone / 3),
            if self.moves { MOVES } else { one(&NODES, nodes / 5) },
            if check.is_multiple_of(3) { "health_check = {}\n" } else { "" },
        );
        if self.moves {
            text += "[regions.east]\n[regions.west]\n";
        }
        if let Some(fault) = self.fault {
            let (target, at) = if self.moves {
                ("back@east", "every = \"2min\"\nfirst = \"1min\"\nfor = \"30s\"")
            } else {
                ("1 of back", "at = [\"20min\", \"730min\"]\nfor = \"15min\"")
            };
            let mode = FAULTS[fault as usize];
            let _ = write!(text, "[faults.f]\ntarget = \"{target}\"\n{at}\n{mode}\n");
        }
        text + "[users.folk]\nrate = \"1/s\"\nshape = \"daily(0h=1, 1h=0, 12h=1, 13h=0)\"\n"
            + if self.impatient { "timeout = \"20s\"\n" } else { "" }
    }
}

fn conserved(text: &str, counts: &Counts, faulty: bool) {
    for user in &counts.outcome.users {
        assert_eq!(user.arrived, user.full + user.degraded + user.failures(), "all are answered\n{text}");
        assert_eq!(user.latency.count(), user.full + user.degraded);
    }
    for call in &counts.outcome.calls {
        assert!(call.calls >= call.answered + call.failed, "{call:?}\n{text}");
        let ended = call.well + call.bad + call.given_up;
        assert!(call.attempts >= ended && (faulty || call.attempts == ended), "{call:?}\n{text}");
        assert!(call.retries + call.hedged <= call.attempts, "{call:?}\n{text}");
    }
    for service in &counts.outcome.services {
        assert!(service.attempts >= service.started + service.shed + service.left, "{service:?}\n{text}");
        assert_eq!(service.queue.count(), service.started, "{text}");
    }
    let seconds = counts.outcome.seconds[0]
        .iter()
        .fold((0, 0), |sum, second| (sum.0 + u64::from(second[0]), sum.1 + u64::from(second[1] + second[2])));
    let all = counts.user("system");
    assert_eq!(seconds, (all.arrived, all.full + all.degraded), "{text}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: if lab::full() { 2_000 } else { 60 }, max_shrink_iters: 200, ..ProptestConfig::default() })]

    #[test]
    fn nothing_is_lost_or_made_up(draw in draws()) {
        let text = draw.text();
        conserved(&text, &request_lab::counts(&text), draw.fault.is_some());
    }

    #[test]
    fn single_requests_add_up_to_the_counts(draw in draws()) {
        crate::request_traces::agree(&draw.text());
    }
}

/// Everything at once.
fn busy() -> String {
    Draw { shape: [1, 1, 4, 7], policies: [1, 1, 2, 1, 3, 0], fault: Some(3), impatient: true, moves: false }.text()
}

#[test]
fn a_world_that_is_used_again_forgets_what_was() {
    let text = busy();
    let run = trials(&text, 3);
    let compiled = Compiled::full(&lab::model(&text));
    for (trial, counts) in run.iter().enumerate() {
        let fresh = compiled.simulator().run(1, trial as u64).requests.unwrap();
        assert_eq!(*fresh, counts.outcome);
    }
    assert_ne!(run[0].outcome, run[1].outcome);
}

#[test]
fn threads_change_no_figure_of_requests() {
    let model = lab::model(&busy());
    let run = |jobs| lab::run(&model, &ninefold::experiment::Plan { jobs, ..plan_full(5, 3) });
    assert_eq!(run(1), run(2));
}
