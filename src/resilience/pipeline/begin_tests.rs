//! A call that begins and sends at once, in the place of another, does what one does that starts and is then stepped.

use std::collections::BTreeMap;

use proptest::prelude::{any, prop, prop_assert_eq, proptest};

use super::tests::{Host, at, ms, request};
use super::{AttemptEnd, AttemptId, Call, PipelineConfig, Request, Step};
use crate::resilience::ErrorClass;
use crate::resilience::balancing::BalancePolicy;
use crate::resilience::deadline::Deadline;
use crate::resilience::hedge::{HedgeAfter, HedgeConfig};
use crate::resilience::retry::RetryConfig;
use crate::resilience::retry_budget::{RatioBudget, RatioConfig, RetryBudget};
use crate::time::Time;

/// A call: after how many ms it comes and its deadline, how its attempts go.
type Script = (u64, Option<u64>, Vec<(u64, bool)>);

/// All that the calls of the scripts do, one after another, and when.
fn told(config: &PipelineConfig, scripts: &[Script], at_once: bool) -> Vec<(Time, Step)> {
    let mut host = Host::new(config.clone());
    let mut told = Vec::new();
    let mut place = Call::idle();
    let mut now = at(1);
    for (id, (gap, deadline, attempts)) in (0..).zip(scripts) {
        now += ms(*gap);
        host.with(now, |client, edge| client.set_health(now, 0, id % 3 > 0, edge.observer));
        let deadline = deadline.map_or(Deadline::NONE, |span| Deadline::after(now, ms(span)));
        let request = Request { deadline, ..request(id) };
        let mut step = if at_once {
            host.with(now, |client, edge| place.begin(client, request, edge))
        } else {
            place = host.with(now, |client, edge| Call::start(client, request, edge));
            host.step(&mut place, now)
        };
        let mut out: BTreeMap<AttemptId, (Time, AttemptEnd)> = BTreeMap::new();
        loop {
            told.push((now, step));
            match step {
                Step::Send { attempt, .. } => {
                    let (takes, well) = attempts[attempt.0 as usize % attempts.len()];
                    let end = if well { AttemptEnd::OK } else { AttemptEnd::failed(ErrorClass::Error) };
                    out.insert(attempt, (now + ms(takes), end));
                }
                Step::Abort(attempt) => drop(out.remove(&attempt)),
                Step::RunTier(_) => unreachable!("there are no tiers"),
                Step::Finish(_) => break,
                Step::Wait(until) => {
                    let first = out.iter().map(|(&attempt, &(at, _))| (at, attempt)).min();
                    match first.filter(|(at, _)| until.is_none_or(|until| *at < until)) {
                        Some((at, attempt)) => {
                            now = at;
                            let end = out.remove(&attempt).map_or(AttemptEnd::OK, |(_, end)| end);
                            host.with(now, |client, edge| place.attempt_ended(client, attempt, end, edge));
                            assert_eq!(place.has_ended(&host.client).is_some(), is_over(&mut host, &place, now));
                        }
                        None => now = until.expect("nothing is out: there is a wake"),
                    }
                }
            }
            step = host.step(&mut place, now);
        }
    }
    told
}

/// Would the next step do nothing but end the call?
fn is_over(host: &mut Host, call: &Call, now: Time) -> bool {
    matches!(host.step(&mut call.clone(), now), Step::Finish(_))
}

proptest! {
    #[test]
    fn to_begin_at_once_is_to_start_and_to_step(
        targets in 1_u32..4,
        timeout in prop::option::of(1_u64..200),
        attempts in 1_u32..4,
        balance in prop::sample::select(vec![BalancePolicy::RoundRobin, BalancePolicy::Random, BalancePolicy::TwoChoices]),
        (budget, hedged, own) in (any::<bool>(), prop::bool::weighted(0.2), prop::option::weighted(0.2, 1_u64..500)),
        scripts in prop::collection::vec(
            (0_u64..50, prop::option::weighted(0.3, 0_u64..300), prop::collection::vec((0_u64..250, any::<bool>()), 1..4)),
            1..20,
        ),
    ) {
        let ratio = RatioBudget::new(RatioConfig::share(2_000)).unwrap();
        let config = PipelineConfig {
            balance,
            attempt_timeout: timeout.map(ms),
            deadline: own.map(ms),
            retry: Some(RetryConfig { max_attempts: attempts, ..RetryConfig::default() }),
            budget: if budget { RetryBudget::Ratio(ratio) } else { RetryBudget::Unlimited },
            hedge: hedged.then_some(HedgeConfig { after: HedgeAfter::Fixed(ms(30)), at_most: 1, budget: 10_000 }),
            ..PipelineConfig::new(targets)
        };
        prop_assert_eq!(told(&config, &scripts, true), told(&config, &scripts, false));
    }
}
