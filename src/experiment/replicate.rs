//! Trials over threads, in chunks that depend on nothing but their number.

use super::totals::Totals;
use super::{Plan, Watch};
use crate::model::Model;
use crate::results::raw::{OutageRecord, TimelineRecord, TrialRecord};
use crate::simulation::layout::Layout;
use crate::simulation::requests::Second;
use crate::simulation::trace::{TraceEvent, TraceLine};
use crate::simulation::{Compiled, Outcome, Simulator};
use crate::time::{Span, Time};
use rayon::prelude::*;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

/// Chunks that are in memory at once, at most.
const WAVE: u64 = 1_024;

/// Trials of one chunk: few enough that a run of few trials is spread evenly, a function of their number alone.
fn chunk_size(trials: u64) -> u64 {
    (trials / 256).clamp(1, 64)
}

/// Split `trials` into chunks, run each by `run` on some thread, and hand their results to `fold` in order; stops at
/// the first chunk that was cut short.
pub fn in_chunks<T: Send, W>(
    plan: &Plan,
    watch: &Watch<'_>,
    trials: Range<u64>,
    world: impl Fn() -> W + Sync + Send,
    run: impl Fn(&mut W, Range<u64>) -> T + Sync + Send,
    mut fold: impl FnMut(T),
) {
    let size = chunk_size(trials.end - trials.start);
    let done = AtomicU64::new(trials.start);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(plan.jobs.max(1)).build();
    let mut from = trials.start;
    while from < trials.end && !watch.stop.load(Ordering::Relaxed) {
        let to = trials.end.min(from + WAVE * size);
        let starts: Vec<u64> = (from..to).step_by(size as usize).collect();
        let one = |world: &mut W, &start: &u64| {
            let chunk = start..to.min(start + size);
            let length = chunk.end - chunk.start;
            let result = run(world, chunk);
            (watch.progress)(done.fetch_add(length, Ordering::Relaxed) + length, plan.trials);
            result
        };
        let chunks: Vec<T> = match &pool {
            Ok(pool) if plan.jobs > 1 => pool.install(|| starts.par_iter().map_init(&world, one).collect()),
            Ok(_) | Err(_) => {
                let mut world = world();
                starts.iter().map(|start| one(&mut world, start)).collect()
            }
        };
        chunks.into_iter().for_each(&mut fold);
        from = to;
    }
}

/// Run the trials of the range and fold them into `totals`.
pub fn replicate(
    compiled: &Compiled,
    model: &Model,
    plan: &Plan,
    watch: &Watch<'_>,
    trials: Range<u64>,
    totals: &mut Totals,
) {
    let run = |world: &mut Simulator<'_>, chunk: Range<u64>| {
        let mut part = Totals::new(model, compiled, plan.confidence);
        for trial in chunk {
            if watch.stop.load(Ordering::Relaxed) {
                break;
            }
            part.push(trial, &world.run(plan.seed, trial));
        }
        part
    };
    in_chunks(plan, watch, trials, || compiled.simulator(), run, |part| totals.merge(part));
}

/// Raw records of every trial of the plan.
pub fn records(model: &Model, plan: &Plan) -> (Vec<TrialRecord>, Vec<OutageRecord>, Vec<TimelineRecord>) {
    let compiled = plan.compile(model);
    let layout = &compiled.layout;
    let stop = std::sync::atomic::AtomicBool::new(false);
    let watch = Watch { stop: &stop, progress: &|_, _| {} };
    let (mut trials, mut outages, mut timeline) = (Vec::new(), Vec::new(), Vec::new());
    let run = |world: &mut Simulator<'_>, chunk: Range<u64>| {
        chunk.map(|trial| (trial, world.run_traced(plan.seed, trial))).collect::<Vec<_>>()
    };
    in_chunks(
        plan,
        &watch,
        0..plan.trials,
        || compiled.simulator(),
        run,
        |chunk| {
            for (trial, (outcome, lines)) in chunk {
                trials.extend(trial_records(model, layout, trial, &outcome));
                outages.extend(outage_records(layout, trial, &outcome));
                timeline.extend(timeline_records(layout, trial, &outcome, &lines));
            }
        },
    );
    (trials, outages, timeline)
}

/// Every change of a level and, on the request clock, every second of users of whose requests one has ended, in order.
fn timeline_records(layout: &Layout, trial: u64, outcome: &Outcome, lines: &[TraceLine]) -> Vec<TimelineRecord> {
    let changes = lines.iter().filter_map(|line| match line.event {
        TraceEvent::Level { subject, level } => Some((line.at, subject as usize, level)),
        _ => None,
    });
    let record = |(at, subject, level): (Time, usize, f64), requests| TimelineRecord {
        trial,
        at,
        subject: layout.subjects[subject].clone(),
        level,
        requests,
    };
    let seconds: &[Vec<Second>] = outcome.requests.as_ref().map_or(&[], |requests| &requests.seconds);
    let mut levels = vec![1.0; layout.subjects.len()];
    let mut records = Vec::new();
    let mut changes = changes.peekable();
    for second in 0..seconds.first().map_or(0, Vec::len) {
        let at = Time::ZERO + Span::SECOND * second as u64;
        while let Some(change) = changes.next_if(|change| change.0 <= at) {
            levels[change.1] = change.2;
            records.push(record(change, None));
        }
        let some = |(_, seconds): &(usize, &Vec<Second>)| seconds[second][0] > 0;
        for (subject, seconds) in seconds.iter().enumerate().filter(some) {
            records.push(record((at, subject, levels[subject]), Some(seconds[second])));
        }
    }
    records.extend(changes.map(|change| record(change, None)));
    records
}

/// Demand offered per second by a subject: its users' rate where every group has one, else one.
fn demand(model: &Model, layout: &Layout, subject: usize) -> f64 {
    let rates: Option<Vec<f64>> = model.groups.iter().map(|group| group.rate).collect();
    let Some(rates) = rates else { return 1.0 };
    match subject.checked_sub(layout.first_group) {
        Some(group) if group < rates.len() => rates[group],
        Some(_) | None => rates.iter().sum(),
    }
}

fn trial_records<'a>(
    model: &'a Model,
    layout: &'a Layout,
    trial: u64,
    outcome: &'a Outcome,
) -> impl Iterator<Item = TrialRecord> + 'a {
    outcome.totals.iter().enumerate().map(move |(subject, totals)| {
        let demand = demand(model, layout, subject);
        let offered = demand * model.horizon.as_secs_f64();
        TrialRecord {
            trial,
            subject: layout.subjects[subject].clone(),
            up: totals.up,
            degraded: totals.degraded,
            down: totals.down,
            outages: outcome.outages_begun(subject),
            offered,
            served: offered - demand * totals.loss_s,
        }
    })
}

fn outage_records<'a>(layout: &'a Layout, trial: u64, outcome: &'a Outcome) -> impl Iterator<Item = OutageRecord> + 'a {
    let mut sorted: Vec<_> = outcome.outages.iter().collect();
    sorted.sort_by_key(|outage| (outage.subject, outage.start));
    sorted.into_iter().map(move |outage| OutageRecord {
        trial,
        subject: layout.subjects[outage.subject as usize].clone(),
        start: Time::ZERO + outage.start.since(Time::ZERO),
        duration: outage.duration,
        cause: layout.causes[outage.cause as usize].clone(),
        stages: outage.stages,
    })
}
