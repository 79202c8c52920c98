//! The longest outage of a trial, with what its requests met around it.

use super::Refusal;
use super::replay::{Which, replay};
use ninefold::model::Model;
use ninefold::results::Fidelity;
use ninefold::results::replay::{CloseUp, RequestBucket};
use ninefold::simulation::requests::record::Recorder;
use ninefold::simulation::{Compiled, Simulator};
use ninefold::time::{Span, Time};

/// Share of the outage that is shown before and after it, and the least of that.
const AROUND: f64 = 0.15;
const LEAST: Span = Span::SECOND;

/// So many buckets of requests at least, and at most in the whole trial.
const BUCKETS: u64 = 80;
const MOST: u64 = 200_000;

/// Runs the trial again and looks at its longest outage.
pub fn close_up(model: &Model, which: Which) -> Result<CloseUp, Refusal> {
    let replay = replay(model, which);
    let of_system = replay.outages.iter().filter(|outage| outage.part == "system");
    // the first of those that are as long
    let longest = of_system.reduce(|longest, other| if other.duration > longest.duration { other } else { longest });
    let Some(outage) = longest.cloned() else {
        return Err(Refusal(format!("error: nothing to draw: the system was never down in trial {}", which.trial)));
    };
    let around = Span::from_secs_f64(outage.duration.as_secs_f64() * AROUND).max(LEAST);
    let from = Time::ZERO + outage.start.since(Time::ZERO + around);
    let to = (outage.end() + around).min(Time::ZERO + replay.horizon);
    let buckets = if which.fidelity == Fidelity::Full { buckets(model, which, (from, to)) } else { Vec::new() };
    Ok(CloseUp { replay, outage, from, to, buckets })
}

/// Requests from `from` to `to`, in buckets of whole milliseconds that begin with the trial.
fn buckets(model: &Model, which: Which, (from, to): (Time, Time)) -> Vec<RequestBucket> {
    let compiled = Compiled::full(model);
    let Simulator::Full(mut world) = compiled.simulator() else { return Vec::new() };
    let millis = (to.since(from).as_nanos() / BUCKETS).max(model.horizon.as_nanos() / MOST).div_ceil(1_000_000);
    let every = Span::from_millis(millis.max(1));
    let (_, _, record) = world.run_recorded(which.seed, which.trial, every);
    let first = from.since(Time::ZERO).as_nanos() / every.as_nanos();
    let end = to.since(Time::ZERO).as_nanos().div_ceil(every.as_nanos());
    (first..end).filter_map(|number| bucket(&record, every, number as usize)).collect()
}

fn bucket(record: &Recorder, every: Span, number: usize) -> Option<RequestBucket> {
    let users = record.users.first()?.get(number)?;
    let answered = users.full + users.degraded;
    let ended = answered + users.failed;
    let retries: u64 = record.calls.iter().filter_map(|call| call.get(number)).map(|call| call.retries).sum();
    Some(RequestBucket {
        from: Time::ZERO + every * number as u64,
        length: every,
        answered: (ended > 0).then(|| answered as f64 / ended as f64),
        latency_p99_s: users.latency.quantile_s(0.99),
        retries_per_s: retries as f64 / every.as_secs_f64(),
    })
}
