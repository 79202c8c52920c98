//! Chaos experiments: the method's faults on the request clock, run after run, and whether the steady state held.
//!
//! A run is a trial whose number is that of the run, so it can be repeated by itself. It holds if the steady state held
//! before the first fault, conditions failed for at most `tolerate` from then on, all held again within
//! `recover_within` of the end of the last fault, and every policy did what was asked of it. The verdict compares the
//! share of runs that hold, with its Clopper-Pearson interval, with `hold`.

mod acts;
mod judge;

use super::replicate::in_chunks;
use super::{Identity, Plan, Watch, attempts};
use crate::model::dist::Law;
use crate::model::experiment::{About, BucketMeasure, Experiment, RunMeasure, Statistic};
use crate::model::failover::Failback;
use crate::model::failure::{Fault, Instants, Process};
use crate::model::{Ends, Model, Start};
use crate::results::Fidelity;
use crate::results::chaos::{
    ChaosResults, ChaosUnit, ChaosVerdict, ConditionResult, ExperimentResult, Found, PhaseResult, Series, StepResult,
};
use crate::simulation::Compiled;
use crate::simulation::requests::reading::Reading;
use crate::simulation::requests::{RequestPlan, RequestWorld};
use crate::stats::Estimate;
use crate::stats::interval;
use crate::time::Span;
use judge::{Digest, Judge};
use std::ops::Range;
use std::sync::atomic::Ordering;

/// Nobody asks anything of the model, so nothing can be observed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there are no requests to observe: no group of users says how many")]
pub struct NoRequests;

/// Run the experiments of the model whose names are asked for (none: all), each `repeat` times if that is said.
///
/// # Errors
/// If the model has no requests.
pub fn chaos(
    model: &Model,
    identity: &Identity,
    plan: &Plan,
    (only, repeat): (Option<&str>, Option<u64>),
    watch: &Watch<'_>,
) -> Result<ChaosResults, NoRequests> {
    let mut experiments = Vec::new();
    let mut partial = false;
    for experiment in model.experiments.iter().filter(|experiment| only.is_none_or(|only| only == experiment.name)) {
        let runs = repeat.unwrap_or(experiment.runs);
        let plan = Plan { trials: runs, until: None, fidelity: Fidelity::Full, ..*plan };
        let result = one(model, experiment, &plan, watch)?;
        partial |= (result.runs.len() as u64) < runs;
        experiments.push(result);
    }
    Ok(ChaosResults {
        version: identity.version.clone(),
        scenario: identity.scenario.clone(),
        hash: identity.hash.clone(),
        seed: plan.seed,
        partial,
        experiments,
    })
}

fn one(model: &Model, experiment: &Experiment, plan: &Plan, watch: &Watch<'_>) -> Result<ExperimentResult, NoRequests> {
    let world = world(model, experiment);
    let compiled = Compiled::full(&world);
    let requests = compiled.requests.as_ref().ok_or(NoRequests)?;
    let of_method = |cause: &String| experiment.faults.iter().any(|fault| fault.cause == *cause);
    let causes = &compiled.layout.causes;
    let causes = (0..causes.len() as u32).filter(|&cause| of_method(&causes[cause as usize])).collect();
    let judge = Judge { experiment, model: &world, compiled: &compiled, plan: requests, causes };
    let run = |world: &mut RequestWorld<'_>, chunk: Range<u64>| {
        let mut digests = Vec::new();
        for number in chunk {
            if watch.stop.load(Ordering::Relaxed) {
                break;
            }
            let (_, trace, record) = world.run_recorded(plan.seed, number, experiment.every);
            digests.push(judge.judge(number, &trace, &record));
        }
        digests
    };
    let mut digests = Vec::new();
    let fresh = || RequestWorld::new(&compiled.layout, requests);
    in_chunks(plan, watch, 0..plan.trials, fresh, run, |chunk| digests.extend(chunk));
    Ok(result(experiment, (&world, requests), plan.confidence, &digests))
}

/// The model with the faults of the method, and without its own unless they go on beside.
fn world(model: &Model, experiment: &Experiment) -> Model {
    let mut world = Model {
        horizon: experiment.length,
        ends: Ends::Horizon,
        points: Vec::new(),
        objectives: Vec::new(),
        costs: None,
        ..model.clone()
    };
    if !experiment.background {
        (world.start, world.faults, world.deploys) = (Start::Up, Vec::new(), Vec::new());
    }
    let longest = experiment.length.saturating_sub(experiment.recover_within);
    world.faults.extend(experiment.faults.iter().map(|fault| {
        let mut fault = fault.clone();
        if experiment.clear_faults {
            clear(&mut fault, longest);
        }
        fault
    }));
    if experiment.failback {
        let back = || Failback { after: Span::ZERO, page: None, takes: Law::fixed(Span::ZERO) };
        for service in &mut world.services {
            if let Some(failover) = &mut service.failover {
                failover.failback.get_or_insert_with(back);
            }
        }
    }
    world
}

/// A fault of a known length is over at `longest`, if it strikes before.
fn clear(fault: &mut Fault, longest: Span) {
    let Process::Calendar { at: Instants::At(at), lasts, .. } = &mut fault.process else { return };
    let known = lasts.sd_s() == 0.0 && lasts.mean_s().is_finite();
    if let (true, Some(&last)) = (known, at.last())
        && last < longest
        && Span::from_secs_f64(lasts.mean_s()) > longest.saturating_sub(last)
    {
        *lasts = Law::fixed(longest.saturating_sub(last));
    }
}

fn result(
    experiment: &Experiment,
    world: (&Model, &RequestPlan),
    confidence: f64,
    digests: &[Digest],
) -> ExperimentResult {
    let runs: Vec<_> = digests.iter().map(|digest| digest.run.clone()).collect();
    let held = runs.iter().filter(|run| run.held).count() as u64;
    let share = interval::proportion(held, runs.len() as u64, confidence);
    let before = runs.iter().filter(|run| run.deviated_before).count() as u64;
    let failed_before = 2 * before > runs.len() as u64 - held;
    let acts: Vec<_> = digests.iter().map(|digest| digest.acts.clone()).collect();
    let rollbacks = [(experiment.clear_faults, "clear-faults"), (experiment.failback, "failback")];
    let step = |step: &crate::model::experiment::Step| StepResult {
        mode: step.mode.clone(),
        target: step.target.clone(),
        at: step.at,
        lasts: step.lasts.clone(),
    };
    ExperimentResult {
        name: experiment.name.clone(),
        hypothesis: experiment.hypothesis.clone(),
        method: experiment.method.iter().map(step).collect(),
        rollbacks: rollbacks.into_iter().filter(|(on, _)| *on).map(|(_, name)| name).collect(),
        length: experiment.length,
        every: experiment.every,
        tolerate: experiment.tolerate,
        recover_within: experiment.recover_within,
        background: experiment.background,
        hold: experiment.hold,
        conditions: (0..experiment.steady_state.len()).map(|index| condition(experiment, index, digests)).collect(),
        verdict: verdict(&share, experiment.hold, failed_before),
        runs,
        share,
        acts: acts::of_all(&acts),
        series: series(experiment, world, digests),
    }
}

fn verdict(share: &Estimate, hold: f64, failed_before: bool) -> ChaosVerdict {
    if share.low.is_some_and(|low| low >= hold) {
        ChaosVerdict::Passed
    } else if share.high.is_none_or(|high| high >= hold) {
        ChaosVerdict::Inconclusive
    } else if failed_before {
        ChaosVerdict::DeviatedBefore
    } else {
        ChaosVerdict::Deviated
    }
}

fn condition(experiment: &Experiment, index: usize, digests: &[Digest]) -> ConditionResult {
    let condition = &experiment.steady_state[index];
    let (unit, found) = match condition.about {
        About::Bucket { measure, .. } => {
            let phases = std::array::from_fn(|phase| {
                let mut all = Reading::default();
                let (mut worst, mut failed) = (None, Span::ZERO);
                for digest in digests.iter().map(|digest| &digest.phases[index][phase]) {
                    all.add(&digest.reading);
                    failed += digest.failed;
                    worst = match (worst, digest.worst) {
                        (None, other) | (other, None) => other,
                        (Some(a), Some(b)) => Some(if condition.worse(b.value, a.value) { b } else { a }),
                    };
                }
                let failed_s = failed.as_secs_f64() / digests.len().max(1) as f64;
                PhaseResult { value: all.value(measure), worst, failed_s }
            });
            (unit_of(measure), Found::Buckets(phases))
        }
        About::Run(measure) => {
            let unit = if matches!(measure, RunMeasure::LoadOn(..)) { ChaosUnit::Share } else { ChaosUnit::Seconds };
            let values: Vec<Option<f64>> = digests.iter().map(|digest| digest.values[index]).collect();
            let held = values.iter().map(|value| value.is_some_and(|value| condition.holds(value))).collect();
            (unit, Found::Runs { median: median(&values), values, held })
        }
    };
    ConditionResult { text: condition.text.clone(), unit, found }
}

const fn unit_of(measure: BucketMeasure) -> ChaosUnit {
    match measure {
        BucketMeasure::SuccessRatio
        | BucketMeasure::DegradedRatio
        | BucketMeasure::Shed
        | BucketMeasure::Rejected
        | BucketMeasure::BreakerOpenTime => ChaosUnit::Share,
        BucketMeasure::Latency(_) | BucketMeasure::QueueTime(_) => ChaosUnit::Seconds,
        BucketMeasure::AttemptsPerRequest => ChaosUnit::Number,
    }
}

/// The lower median, what never came being the largest.
fn median(values: &[Option<f64>]) -> Option<f64> {
    let mut sorted: Vec<f64> = values.iter().map(|value| value.unwrap_or(f64::INFINITY)).collect();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len().saturating_sub(1) / 2).copied().filter(|value| value.is_finite())
}

fn series(experiment: &Experiment, (model, plan): (&Model, &RequestPlan), digests: &[Digest]) -> Series {
    let Some(first) = digests.first() else { return Series::default() };
    let runs = digests.len() as f64;
    let buckets = first.success.len();
    let merged = |of: fn(&Digest) -> &Vec<Reading>, measure: BucketMeasure| {
        let all = |bucket: usize| {
            let mut all = Reading::default();
            for digest in digests {
                all.add(&of(digest)[bucket]);
            }
            all.value(measure)
        };
        (0..buckets).map(all).collect()
    };
    let per_second = |count: &dyn Fn(&Digest) -> u64, bucket: usize| {
        digests.iter().map(count).sum::<u64>() as f64 / runs / experiment.bucket_s(bucket)
    };
    let retries = |bucket: usize| per_second(&|digest| digest.retries[bucket], bucket);
    let sent =
        |pool: usize| (0..buckets).map(|bucket| per_second(&|digest| digest.sent[pool][bucket], bucket)).collect();
    let open = |edge: usize| {
        let mean = |bucket: usize| digests.iter().map(|digest| digest.open[edge][bucket]).sum::<f64>() / runs;
        (plan.edges[edge].name.clone(), (0..buckets).map(mean).collect())
    };
    let breaks = |edge: &usize| plan.edges[*edge].policy.breaker.is_some();
    Series {
        success: merged(|digest| &digest.success, BucketMeasure::SuccessRatio),
        latency_p99_s: merged(|digest| &digest.latency, BucketMeasure::Latency(Statistic::Quantile(990))),
        latency_p50_s: merged(|digest| &digest.latency, BucketMeasure::Latency(Statistic::Quantile(500))),
        attempts: attempts(model, plan, sent),
        retries_per_s: (0..buckets).map(retries).collect(),
        breakers: (0..plan.edges.len()).filter(breaks).map(open).collect(),
    }
}
