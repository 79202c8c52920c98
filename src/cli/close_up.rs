//! The longest outage of a trial, with what its requests met around it.

use super::Refusal;
use super::replay::{Which, replay};
use ninefold::experiment::attempts;
use ninefold::model::Model;
use ninefold::results::Fidelity;
use ninefold::results::replay::{BreakerStates, CloseUp, Replay, RequestBucket, Spell, Step};
use ninefold::simulation::requests::RequestPlan;
use ninefold::simulation::requests::record::Record;
use ninefold::simulation::requests::spells::spells;
use ninefold::simulation::{Compiled, Simulator};
use ninefold::time::{Span, Time};
use std::collections::BTreeSet;
use std::ops::Range;

/// Share of the outage that is shown before and after it, and the least of that.
const AROUND: f64 = 0.2;
const LEAST: Span = Span::SECOND;
/// Faults before the outage and steps after it are shown up to so many times its length.
const AFTERMATH: u64 = 2;

/// So many buckets of requests at least, and at most in the whole trial; in between their length is round.
const BUCKETS: u64 = 120;
const MOST: u64 = 200_000;

/// Runs the trial again and looks at its longest outage.
pub fn close_up(model: &Model, which: Which) -> Result<CloseUp, Refusal> {
    let replay = replay(model, which);
    let of_system = replay.outages.iter().filter(|outage| outage.part == "system");
    // the first of those that are as long
    let longest = of_system.reduce(|longest, other| if other.duration > longest.duration { other } else { longest });
    let Some(outage) = longest.cloned() else {
        let help = "\n  = help: `ninefold plot chaos` shows its experiments";
        let help = if model.experiments.is_empty() { "" } else { help };
        let why = format!("error: nothing to draw: the system was never down in trial {}{help}", which.trial);
        return Err(Refusal(why));
    };
    let around = Span::from_secs_f64(outage.duration.as_secs_f64() * AROUND).max(LEAST);
    let from = Time::ZERO + since(&replay, &outage).since(Time::ZERO + around);
    let to = (until(&replay, &outage) + around).min(Time::ZERO + replay.horizon);
    let shown = CloseUp { replay, outage, from, to, buckets: Vec::new(), attempts: Vec::new(), breakers: Vec::new() };
    Ok(if which.fidelity == Fidelity::Full { with_requests(shown, model, which) } else { shown })
}

/// When the first fault struck that lasts into the outage, if it is not so far from it that it would make it small.
fn since(replay: &Replay, outage: &Spell) -> Time {
    let earliest = Time::ZERO + outage.start.since(Time::ZERO + outage.duration * AFTERMATH);
    let lasts = |fault: &&Spell| earliest <= fault.start && outage.start < fault.end();
    replay.faults.iter().filter(lasts).map(|fault| fault.start).fold(outage.start, Time::min)
}

/// The last step after the outage that is not so far from it that it would make the outage small.
fn until(replay: &Replay, outage: &Spell) -> Time {
    let latest = outage.end() + outage.duration * AFTERMATH;
    let told = |step: &&Step| !step.short.is_empty() && step.at <= latest;
    replay.steps.iter().filter(told).map(|step| step.at).fold(outage.end(), Time::max)
}

/// Lengths of buckets, in milliseconds, as people count: 1, 2, 5 and so on, beyond seconds what divides a clock.
const ROUND: [u64; 24] = [
    1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 30_000, 60_000, 120_000, 300_000, 600_000,
    1_200_000, 1_800_000, 3_600_000, 21_600_000, 86_400_000,
];

/// The longest round bucket of which this time holds at least [`BUCKETS`], but none of which the trial holds more than
/// [`MOST`].
fn round_bucket(shown: Span, horizon: Span) -> Span {
    let all = ROUND.map(Span::from_millis);
    let long = all.into_iter().rev().find(|&length| length * BUCKETS <= shown).unwrap_or(all[0]);
    let fits = |length: &Span| *length >= long && horizon.as_nanos() / length.as_nanos() <= MOST;
    all.into_iter().find(fits).unwrap_or(horizon)
}

/// Requests from `from` to `to`, in buckets of a round length that begin with the trial.
fn with_requests(shown: CloseUp, model: &Model, which: Which) -> CloseUp {
    let compiled = Compiled::full(model);
    let (Simulator::Full(mut world), Some(plan)) = (compiled.simulator(), &compiled.requests) else { return shown };
    let every = round_bucket(shown.to.since(shown.from), model.horizon);
    let (_, _, record) = world.run_recorded(which.seed, which.trial, every);
    let first = shown.from.since(Time::ZERO).as_nanos() / every.as_nanos();
    let end = shown.to.since(Time::ZERO).as_nanos().div_ceil(every.as_nanos());
    let buckets: Vec<RequestBucket> =
        (first..end).filter_map(|number| bucket(&record, every, number as usize)).collect();
    let numbers = first as usize..first as usize + buckets.len();
    let rates = |pool: usize| {
        let counts = record.buckets.pools[pool].get(numbers.clone()).unwrap_or_default();
        counts.iter().map(|&count| count as f64 / every.as_secs_f64()).collect()
    };
    CloseUp {
        attempts: attempts(model, plan, rates),
        breakers: breakers(plan, &record, (every, numbers), model.horizon),
        buckets,
        ..shown
    }
}

/// States of the breakers of calls that had one open, those most often open first.
fn breakers(plan: &RequestPlan, record: &Record, when: (Span, Range<usize>), length: Span) -> Vec<BreakerStates> {
    let (every, numbers) = when;
    let all: Vec<_> = spells(record, length).collect();
    let mut calls = Vec::new();
    for (edge, of) in plan.edges.iter().enumerate() {
        let own: Vec<_> = all.iter().filter(|spell| spell.edge as usize == edge).collect();
        let opened: BTreeSet<(u32, u32)> = own.iter().map(|spell| spell.whose).collect();
        let mean = |refuses: bool, number: usize| {
            let (from, to) = (every * number as u64, every * (number as u64 + 1));
            let inside = own.iter().filter(|spell| spell.refuses == refuses);
            let spans = inside.map(|spell| spell.to.min(to).saturating_sub(spell.from.max(from)).as_secs_f64());
            spans.sum::<f64>() / every.as_secs_f64()
        };
        let of_state = |refuses| numbers.clone().map(|number| mean(refuses, number)).collect::<Vec<f64>>();
        let (open, half_open) = (of_state(true), of_state(false));
        if open.iter().chain(&half_open).any(|&breakers| breakers > 0.0) {
            calls.push(BreakerStates { call: of.name.clone(), breakers: opened.len(), open, half_open });
        }
    }
    let time = |call: &BreakerStates| call.open.iter().sum::<f64>() / call.breakers as f64;
    calls.sort_by(|one, other| time(other).total_cmp(&time(one)));
    calls
}

fn bucket(record: &Record, every: Span, number: usize) -> Option<RequestBucket> {
    let users = record.buckets.users.first()?.get(number)?;
    let answered = users.full + users.degraded;
    let ended = answered + users.failed;
    let retries: u64 = record.buckets.calls.iter().filter_map(|call| call.get(number)).map(|call| call.retries).sum();
    Some(RequestBucket {
        from: Time::ZERO + every * number as u64,
        length: every,
        answered: (ended > 0).then(|| answered as f64 / ended as f64),
        latency_p50_s: users.latency.quantile_s(0.5),
        latency_p99_s: users.latency.quantile_s(0.99),
        retries_per_s: retries as f64 / every.as_secs_f64(),
    })
}

#[cfg(test)]
mod tests {
    use super::round_bucket;
    use ninefold::time::Span;

    #[test]
    fn buckets_are_as_long_as_people_count() {
        let found =
            |shown: u64, horizon: u64| round_bucket(Span::from_secs(shown), Span::from_secs(horizon)).to_string();
        // 140 s were 1s 167ms by a 120th
        assert_eq!(
            ["1s", "500ms", "20s", "1min"],
            [found(140, 300), found(119, 300), found(3_500, 3_600), found(7_200, 7_200)]
        );
        // no more than 200 000 in a trial, however short the outage is, and no less than a millisecond
        assert_eq!(["10s", "1ms"], [found(1, 1_900_000), found(0, 100)]);
    }
}
