//! What requests feel, from the scenario's text to the model: defaults, what is written, and what is refused.

use ninefold::model::Model;
use ninefold::model::dist::Law;
use ninefold::model::elastic::WarmUp;
use ninefold::model::objective::{Condition, Statistic};
use ninefold::model::topology::{Reach, ServiceId};
use ninefold::model::traffic::{
    Arrivals, Budget, Burst, CallPolicy, CallerGone, ClassId, Closed, Pattern, PoolWork, QueueOrder, ServiceWork, Shape,
};
use ninefold::resilience::ErrorClass;
use ninefold::resilience::balancing::BalancePolicy;
use ninefold::resilience::bulkhead::BulkheadConfig;
use ninefold::resilience::circuit_breaker::{Probing, Trip, Window};
use ninefold::resilience::codel::CoDelConfig;
use ninefold::resilience::concurrency_limit::{LimitConfig, LimitLaw};
use ninefold::resilience::hedge::{HedgeAfter, HedgeConfig};
use ninefold::resilience::load_shedding::Criticality;
use ninefold::resilience::retry::{Backoff, ErrorSet, Jitter, RetryConfig, Strategy};
use ninefold::resilience::retry_budget::{ConcurrencyConfig, QuotaConfig, RatioConfig, TokenConfig};
use ninefold::scenario::{Diagnostics, Fidelity, Scenario, load_text};
use ninefold::time::Span;
use std::io;
use std::path::Path;

const FULL: &str = "version = 1\nsimulation.fidelity = \"full\"\n";

fn read(path: &Path) -> io::Result<Vec<u8>> {
    match path.to_str() {
        Some("load.csv") => Ok(b"at,level\n0,1\n10,2.5\n30,0\n".to_vec()),
        Some("back.csv") => Ok(b"at,level\n10,1\n10,2\n".to_vec()),
        _ => Err(io::ErrorKind::NotFound.into()),
    }
}

fn loaded(text: &str) -> Result<Scenario, Diagnostics> {
    load_text(Path::new("x.toml"), text.as_bytes().to_vec(), &read, &[])
}

fn model(rest: &str) -> Model {
    let text = format!("{FULL}{rest}");
    loaded(&text).unwrap_or_else(|problems| panic!("{}\n{text}", problems.render_plain())).model
}

/// Codes of all that is wrong, each with the text it marks.
fn faults(text: &str) -> Vec<String> {
    let problems = loaded(text).err().unwrap_or_else(|| panic!("nothing wrong with:\n{text}"));
    let marked = |diagnostic: &ninefold::scenario::Diagnostic| {
        let span = diagnostic.place.as_ref().map(|place| place.span.clone());
        format!("{} {}", diagnostic.code.name(), span.and_then(|span| text.get(span)).unwrap_or_default())
    };
    problems.iter().map(marked).collect()
}

/// A scenario whose users have these keys.
fn users(keys: &str) -> String {
    format!("[services.app]\n[users.world]\n{keys}\n")
}

/// The policy of users with these keys.
fn policy(keys: &str) -> CallPolicy {
    model(&users(&format!("rate = \"1/s\"\n{keys}"))).traffic.groups[0].policy.clone()
}

#[test]
fn what_is_not_written_is_off() {
    let scenario = loaded(&format!("{FULL}{}", users("rate = \"20/s\""))).unwrap();
    assert_eq!(scenario.settings.fidelity, Fidelity::Full);
    let traffic = scenario.model.traffic;
    let group = &traffic.groups[0];
    let open =
        |rate| Arrivals::Open { rate, pattern: Pattern::Poisson, shape: Shape::Steady, bursts: Vec::new(), clients: 1 };
    assert_eq!(group.arrivals, open(20.0));
    assert_eq!(group.policy, CallPolicy::default());
    assert!(group.mix.is_empty() && group.tiers.is_empty() && traffic.classes.is_empty() && traffic.calls.is_empty());
    assert_eq!(traffic.services, [ServiceWork::default()]);
    assert_eq!(traffic.pools, [PoolWork::default()]);
}

#[test]
fn without_a_rate_the_structure_clock_has_no_groups_of_requests() {
    let quiet = loaded("version = 1\n[services.app]\n[users.a]\nshare = \"100%\"\n").unwrap();
    assert!(quiet.model.traffic.groups.is_empty() && quiet.model.traffic.pools.len() == 1);
    let rated = loaded("version = 1\n[services.app]\n[users.a]\nrate = \"1/s\"\ntimeout = \"1s\"\n").unwrap();
    assert_eq!(rated.model.traffic.groups.len(), 1);
    assert_eq!(rated.notes.len(), 1, "the structure clock tells of inert keys");
    let full = loaded(&format!("{FULL}{}", users("rate = \"1/s\"\ntimeout = \"1s\""))).unwrap();
    assert!(full.notes.is_empty(), "the request clock feels them");
}

#[test]
fn arrivals_are_read() {
    let arrivals = |keys: &str| model(&users(keys)).traffic.groups[0].arrivals.clone();
    let shaped = arrivals(
        "rate = \"60/min\"\narrivals = \"regular\"\nclients = 7\nshape = \"diurnal(peak=9h)\"\n\
         bursts = [{ at = \"1h\", for = \"5min\", factor = 3 }, { every = \"1d\", for = \"1h\", factor = 0 }]",
    );
    let bursts = vec![
        Burst { first: Span::HOUR, every: None, lasts: Span::MINUTE * 5, factor: 3.0 },
        Burst { first: Span::DAY, every: Some(Span::DAY), lasts: Span::HOUR, factor: 0.0 },
    ];
    let shape = Shape::Diurnal { swing: 0.6, peak: Span::HOUR * 9 };
    assert_eq!(shaped, Arrivals::Open { rate: 1.0, pattern: Pattern::Regular, shape, bursts, clients: 7 });
    let shape = |written: &str| match arrivals(&format!("rate = \"1/s\"\nshape = \"{written}\"")) {
        Arrivals::Open { shape, .. } => shape,
        Arrivals::Closed(_) => panic!("open"),
    };
    assert_eq!(shape("daily(8h=3, 0h=1)"), Shape::Daily(vec![(Span::ZERO, 1.0), (Span::HOUR * 8, 3.0)]));
    let steps = vec![(Span::ZERO, 1.0), (Span::MINUTE * 10, 2.5), (Span::MINUTE * 30, 0.0)];
    assert_eq!(shape("trace(file=load.csv, time=at, unit=min, level=level)"), Shape::Trace(steps));
    let closed = arrivals("closed = { clients = 3, think = \"exp(mean=2s)\" }");
    let Arrivals::Closed(Closed { clients: 3, think }) = closed else { panic!("{closed:?}") };
    assert!((think.mean_s() - 2.0).abs() < 1e-12);
}

#[test]
fn backoffs_are_read() {
    let backoff =
        |written: &str| policy(&format!("retry = {{ attempts = 2, backoff = \"{written}\" }}")).retry.unwrap().backoff;
    let (base, cap) = (Span::from_secs(1), Span::from_secs(20));
    let linear = Backoff { strategy: Strategy::Linear, base, cap, jitter: Jitter::Full };
    assert_eq!(backoff("linear(base=1s)"), linear);
    assert_eq!(backoff("linear(base=1s, jitter=none)"), Backoff { jitter: Jitter::None, ..linear });
    assert_eq!(backoff("fibonacci(base=1s, jitter=equal)").jitter, Jitter::Equal);
    assert_eq!(backoff("fibonacci(base=1s, jitter=20%)").jitter, Jitter::Proportional(2_000));
    assert_eq!(backoff("none").strategy, Strategy::Immediate);
    let constant = Backoff { strategy: Strategy::Constant, base, cap: base, jitter: Jitter::None };
    assert_eq!(backoff("constant(base=1s)"), constant);
    let grows = backoff("exponential(base=1s, cap=5s, factor=3)");
    let strategy = Strategy::Exponential { factor: 3.0 };
    assert_eq!(grows, Backoff { strategy, base, cap: Span::from_secs(5), jitter: Jitter::Full });
    let random = Backoff { strategy: Strategy::Decorrelated, base, cap, jitter: Jitter::None };
    assert_eq!(backoff("decorrelated(base=1s, cap=20s)"), random);
    assert_eq!(backoff("smooth(base=1s, cap=20s)"), Backoff { strategy: Strategy::Smooth, ..random });
    assert_eq!(policy("retry = { attempts = 3 }").retry, Some(RetryConfig::default()));
    let on = policy("retry = { attempts = 3, on = [\"timeout\", \"rejected\"] }").retry.unwrap().retry_on;
    assert_eq!(on, ErrorSet::EMPTY.with(ErrorClass::Timeout).with(ErrorClass::Rejected));
}

#[test]
fn budgets_are_read() {
    let budget = |written: &str| policy(&format!("retry = {{ attempts = 2, budget = \"{written}\" }}")).budget.unwrap();
    assert_eq!(budget("tokens"), Budget::Tokens(TokenConfig::default()));
    assert_eq!(budget("tokens(max=5, ratio=0.25)"), Budget::Tokens(TokenConfig { max: 5, ratio: 250 }));
    assert_eq!(budget("quota()"), Budget::Quota(QuotaConfig::default()));
    assert_eq!(budget("ratio"), Budget::Ratio(RatioConfig::share(2_000)));
    assert_eq!(budget("concurrency"), Budget::Concurrency(ConcurrencyConfig::default()));
}

#[test]
fn breakers_are_read() {
    let rate = policy("breaker = { failure_rate = \"40%\", window = \"30s\", per = \"node\" }");
    let breaker = rate.breaker.unwrap();
    let window = Window::Time { buckets: 10, bucket: Span::from_secs(3) };
    assert_eq!(breaker.trip, Trip::Rate { window, min_calls: 10 });
    assert_eq!((breaker.failure_rate, breaker.half_open), (4_000, Probing::Rate { permitted: 3 }));
    assert!(rate.breaker_per_node && breaker.slow_over == Span::MAX);
    let run = policy("breaker = { consecutive = 5, half_open = 2 }").breaker.unwrap();
    assert_eq!(run.trip, Trip::Consecutive { failures: 5 });
    assert_eq!(run.half_open, Probing::Consecutive { successes: 2, max_in_flight: 1 });
}

#[test]
fn the_other_policies_are_read() {
    let all = policy(
        "timeout = \"1s\"\ndeadline = \"5s\"\nbulkhead = { concurrent = 4, queue = 2 }\nhedge = { after = \"p95\" }\n\
         rate_limit = { rate = \"10/s\", burst = 3 }\nthrottle = { k = 1.5 }\nbalance = \"p2c\"\npanic = \"0%\"\n\
         ejection = { errors = 3, max_ejected = \"100%\" }",
    );
    assert_eq!((all.timeout, all.deadline), (Some(Span::SECOND), Some(Span::from_secs(5))));
    assert_eq!(all.bulkhead, Some(BulkheadConfig { max_queue: 2, ..BulkheadConfig::new(4) }));
    assert_eq!(all.hedge, Some(HedgeConfig::default()));
    let limit = all.rate_limit.unwrap();
    assert_eq!((limit.rate.period, limit.rate.burst, limit.wait), (Span::from_millis(100), 3, Span::ZERO));
    assert_eq!(all.throttle.unwrap().k_thousandths, 1_500);
    assert_eq!((all.balance, all.panic), (BalancePolicy::TwoChoices, Some(0.0)));
    assert_eq!(all.ejection.map(|ejection| (ejection.errors, ejection.max_ejected)), Some((Some(3), 10_000)));
    let fixed = policy("hedge = { after = \"50ms\" }").hedge.unwrap().after;
    assert_eq!(fixed, HedgeAfter::Fixed(Span::from_millis(50)));
}

#[test]
fn calls_classes_and_work_are_read() {
    let model = model(
        "policies.p = { timeout = \"1s\", retry = { attempts = 2 } }\n\
         [services.web]\ndepends_on = [\"dns\"]\nshedding = { sheddable = \"50%\" }\nconcurrency_limit = \"vegas(max=50)\"\n\
         on_caller_gone = \"skip-queued\"\nhealth_check = { through_queue = true }\nliveness = {}\n\
         calls.db = { policy = \"p\", timeout = \"2s\", reach = \"any\", share = \"50%\", times = 3, stage = 2, \
         only = [\"buy\"], fallback = [{ tier = \"old\", takes = \"1ms\", hit = \"90%\", max_age = \"1h\", dwell = \"5s\" }] }\n\
         [services.db]\nslots = 4\nqueue = 0\nqueue_order = \"adaptive-lifo\"\ncodel = {}\nservice_time = \"3ms\"\n\
         warm_up = { for = \"1min\", from = \"10%\" }\n[services.dns]\nkind = \"dependency\"\n\
         [requests.read]\n[requests.buy]\npriority = \"critical-plus\"\nwrites = true\nidempotent = false\n\
         entry = \"db\"\nsaga = { steps = [\"web\", \"db\"], pivot = \"db\", attempts = 4 }\n\
         [users.world]\nrate = \"1/s\"\nrequests = { read = \"75%\", buy = \"25%\" }\nfallback = [{ tier = \"sorry\" }]\n\
         [objectives.o]\nlatency = { p99 = \"1s\" }\nsuccess_ratio = \"99%\"\n",
    );
    let traffic = &model.traffic;
    let (web, db) = (ServiceId(0), ServiceId(1));
    let call = &traffic.calls[0];
    assert_eq!((call.from, call.to, call.reach), (web, db, Reach::Any));
    assert_eq!((call.share, call.times, call.stage, &call.only), (0.5, 3, 2, &vec![ClassId(1)]));
    assert_eq!(call.policy.timeout, Some(Span::from_secs(2)), "its own key lies over that of the policy");
    assert_eq!(call.policy.retry.unwrap().max_attempts, 2);
    let tier = &call.tiers[0];
    assert_eq!((tier.name.as_str(), tier.calls, tier.hit), ("old", None, 0.9));
    assert_eq!((tier.max_age, tier.dwell), (Some(Span::HOUR), Span::from_secs(5)));
    assert_eq!(tier.takes, Law::fixed(Span::MILLISECOND));
    let front = &traffic.services[0];
    assert_eq!((front.caller_gone, front.depends_on), (CallerGone::SkipQueued, 1));
    assert_eq!(front.shedding.unwrap().thresholds, [10_000, 9_500, 8_500, 5_000]);
    assert_eq!(front.limit, Some(LimitConfig { max: 50, ..LimitConfig::new(LimitLaw::VEGAS) }));
    let restart = front.health.liveness.as_ref().map(|(_, restart)| restart.clone());
    let through = model.services[0].health_check.as_ref().is_some_and(|check| check.through_queue);
    assert_eq!((through, restart), (true, Some(Law::fixed(Span::from_secs(30)))));
    let work = &traffic.pools[1];
    assert_eq!((work.slots, work.queue, work.order), (Some(4), Some(0), QueueOrder::AdaptiveLifo));
    assert_eq!(work.codel, Some(CoDelConfig { lifo_when_overloaded: true, ..CoDelConfig::default() }));
    assert_eq!(model.pools[1].warm_up, Some(WarmUp { lasts: Span::MINUTE, from: 0.1 }));
    let buy = &traffic.classes[1];
    assert_eq!((buy.priority, buy.writes, buy.idempotent), (Criticality::CriticalPlus, true, false));
    assert_eq!(buy.entry, Some(db));
    let saga = buy.saga.as_ref().unwrap();
    assert_eq!((&saga.steps, saga.pivot, saga.attempts, saga.undo.max_attempts), (&vec![web, db], Some(1), 4, 4));
    assert_eq!(traffic.groups[0].mix, [(ClassId(0), 0.75), (ClassId(1), 0.25)]);
    assert_eq!(traffic.groups[0].tiers[0].name, "sorry");
    let asked = [Condition::SuccessRatio(0.99), Condition::Latency(Statistic::Quantile(0.99), Span::SECOND)];
    assert_eq!(model.objectives[0].conditions, asked);
}

#[test]
fn what_a_policy_refuses_is_told_at_the_key() {
    let cases = [
        ("timeout = \"0s\"", "E104 \"0s\""),
        ("retry = { attempts = 2, backoff = \"exponential(base=30s)\" }", "E104 \"exponential(base=30s)\""),
        ("retry = { attempts = 2, backoff = \"exponential(base=1s, factor=0.5)\" }", "E104 0.5"),
        ("retry = { attempts = 2, backoff = \"smooth(base=1s, cap=2s, jitter=full)\" }", "E107 jitter"),
        ("retry = { attempts = 2, budget = \"tokens(max=0)\" }", "E104 0"),
        ("retry = { attempts = 2, budget = \"tokens(max=2.5)\" }", "E104 2.5"),
        ("retry = { attempts = 2, budget = \"ratio(share=0%)\" }", "E104 0%"),
        ("breaker = { failure_rate = \"0%\" }", "E104 \"0%\""),
        ("breaker = { failure_rate = \"50%\", open_growth = 0.5 }", "E104 0.5"),
        ("bulkhead = { concurrent = 1, queue = 2000000 }", "E104 2000000"),
        ("rate_limit = { rate = \"9000000000/s\" }", "E104 \"9000000000/s\""),
        ("hedge = { after = \"p0\" }", "E104 \"p0\""),
        ("hedge = { after = \"1s\", at_most = 4 }", "E104 4"),
        ("throttle = { k = 0.5 }", "E104 0.5"),
        ("ejection = { every = \"0s\" }", "E104 \"0s\""),
        ("shape = \"daily(25h=1)\"", "E104 1"),
        ("shape = \"daily()\"", "E107 \"daily()\""),
        ("shape = \"trace(file=back.csv, time=at, unit=s, level=level)\"", "E110 at"),
        ("shape = \"trace(file=load.csv, time=at, unit=s, level=x)\"", "E110 x"),
        ("bursts = [{ every = \"1h\", for = \"2h\", factor = 2 }]", "E104 \"2h\""),
        ("closed = { clients = 2 }", "E304 closed"),
    ];
    for (keys, expected) in cases {
        let text = format!("{FULL}{}", users(&format!("rate = \"1/s\"\n{keys}")));
        assert_eq!(faults(&text), [expected], "{keys}");
    }
}

#[test]
fn a_full_run_needs_somebody_who_asks() {
    assert_eq!(faults(&format!("{FULL}[services.app]\n")), ["E315 \"full\""]);
    assert_eq!(faults(&format!("version = 1\n{}", users("closed = { clients = 2 }"))), ["E900 closed"]);
    let mixed = format!("{FULL}{}[users.more]\nshare = \"10%\"\n", users("closed = { clients = 2 }"));
    assert_eq!(faults(&mixed), ["E304 more"]);
}
