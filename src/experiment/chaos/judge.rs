//! One run, judged: each condition bucket by bucket, and what the policies did.
//!
//! A bucket is before the faults if it ends before the first strikes, after them if it begins when the last is over, else
//! during. A bucket without a value (nobody asked) fails nothing, nor does one of another phase than the condition's.

use super::acts::{self, Acts};
use crate::model::Model;
use crate::model::experiment::{About, BucketMeasure, Condition, Experiment, Phase, RunMeasure, Statistic, Subject};
use crate::results::chaos::{RunResult, Worst};
use crate::simulation::Compiled;
use crate::simulation::requests::RequestPlan;
use crate::simulation::requests::reading::{self, Gauge, Reading};
use crate::simulation::requests::record::Record;
use crate::simulation::trace::{TraceEvent, TraceLine};
use crate::time::{Span, Time};

/// What is known of a run.
#[derive(Clone, Debug)]
pub struct Digest {
    pub run: RunResult,
    /// By condition: by phase, for those that are judged by buckets.
    pub phases: Vec<[PhaseDigest; 3]>,
    /// By condition: the value of a run (none: it never came), for the others.
    pub values: Vec<Option<f64>>,
    pub acts: Acts,
    /// By bucket: success and latency of all users.
    pub success: Vec<Reading>,
    pub latency: Vec<Reading>,
    pub retries: Vec<u64>,
    /// By pool, by bucket: attempts sent to it.
    pub sent: Vec<Vec<u64>>,
    /// By edge, by bucket: share of its breakers that is open.
    pub open: Vec<Vec<f64>>,
}

/// A phase of a run.
#[derive(Clone, Debug, Default)]
pub struct PhaseDigest {
    pub reading: Reading,
    pub worst: Option<Worst>,
    pub failed: Span,
}

/// What a run is judged by.
pub struct Judge<'a> {
    pub experiment: &'a Experiment,
    pub model: &'a Model,
    pub compiled: &'a Compiled,
    pub plan: &'a RequestPlan,
    /// Causes of the method, as the layout numbers them.
    pub causes: Vec<u32>,
}

/// A run in the making.
struct Case<'a> {
    judge: &'a Judge<'a>,
    record: &'a Record,
    trace: &'a [TraceLine],
    fault: (Span, Span),
    /// By condition, by bucket: does it fail?
    fails: Vec<Vec<bool>>,
}

impl Judge<'_> {
    /// Judges run `number`.
    pub fn judge(&self, number: u64, trace: &[TraceLine], record: &Record) -> Digest {
        let mut case = Case { judge: self, record, trace, fault: self.fault(trace), fails: Vec::new() };
        let conditions = &self.experiment.steady_state;
        let mut phases = Vec::new();
        for condition in conditions {
            let (digest, fails) = match condition.about {
                About::Bucket { measure, subject, phase } => case.buckets((measure, subject, phase), condition, number),
                About::Run(_) => (Default::default(), vec![false; case.count()]),
            };
            phases.push(digest);
            case.fails.push(fails);
        }
        let values: Vec<Option<f64>> = conditions
            .iter()
            .map(|condition| match condition.about {
                About::Bucket { .. } => None,
                About::Run(measure) => case.run_value(measure),
            })
            .collect();
        let policies = conditions.iter().zip(&values).all(|(condition, value)| match condition.about {
            About::Bucket { .. } => true,
            About::Run(_) => value.is_some_and(|value| condition.holds(value)),
        });
        let run = case.verdict(policies);
        let users = |measure| case.readings(measure, Subject::System).collect();
        let retries = |bucket: usize| record.buckets.calls.iter().map(|call| call[bucket].retries).sum();
        let buckets = &record.buckets;
        let share = |edge: usize, bucket: usize| {
            let of = self.plan.edges[edge].breakers(self.plan) as f64 * buckets.width_s(bucket);
            if of > 0.0 { buckets.calls[edge][bucket].open.as_secs_f64() / of } else { 0.0 }
        };
        Digest {
            run,
            phases,
            values,
            acts: acts::of_run(self.model, &self.compiled.layout, self.plan, trace, record),
            success: users(BucketMeasure::SuccessRatio),
            latency: users(BucketMeasure::Latency(Statistic::Quantile(990))),
            retries: (0..case.count()).map(retries).collect(),
            sent: record.buckets.pools.clone(),
            open: (0..self.plan.edges.len()).map(|e| (0..case.count()).map(|b| share(e, b)).collect()).collect(),
        }
    }

    /// When the first fault struck, and when the last was over.
    fn fault(&self, trace: &[TraceLine]) -> (Span, Span) {
        let length = self.experiment.length;
        let first = self.experiment.method.iter().map(|step| step.at).min().unwrap_or(length);
        let (mut open, mut end) = (0_i64, first);
        for line in trace {
            match line.event {
                TraceEvent::Fault { cause, .. } if self.causes.contains(&cause) => open += 1,
                TraceEvent::Repair { cause, .. } if self.causes.contains(&cause) => {
                    open -= 1;
                    end = end.max(line.at.since(Time::ZERO));
                }
                _ => {}
            }
        }
        (first, if open > 0 { length } else { end })
    }
}

impl Case<'_> {
    fn count(&self) -> usize {
        self.record.buckets.count()
    }

    /// Begin and end of a bucket.
    fn ends(&self, bucket: usize) -> (Span, Span) {
        self.judge.experiment.bucket(bucket)
    }

    fn phase(&self, bucket: usize) -> Phase {
        let (from, to) = self.ends(bucket);
        if to <= self.fault.0 {
            Phase::Before
        } else if from >= self.fault.1 {
            Phase::After
        } else {
            Phase::During
        }
    }

    /// What is read from each bucket.
    fn readings(&self, measure: BucketMeasure, subject: Subject) -> impl Iterator<Item = Reading> {
        let gauge = Gauge::new(self.judge.plan, measure, subject);
        (0..self.count()).map(move |bucket| gauge.read(&self.record.buckets, bucket))
    }

    fn buckets(
        &self,
        (measure, subject, only): (BucketMeasure, Subject, Option<Phase>),
        condition: &Condition,
        run: u64,
    ) -> ([PhaseDigest; 3], Vec<bool>) {
        let mut phases: [PhaseDigest; 3] = Default::default();
        let mut fails = Vec::with_capacity(self.count());
        for (bucket, reading) in self.readings(measure, subject).enumerate() {
            let (from, to) = self.ends(bucket);
            let place = self.phase(bucket);
            let phase = &mut phases[place as usize];
            phase.reading.add(&reading);
            let value = reading.value(measure);
            let judged = only.is_none_or(|only| only == place);
            let failed = judged && value.is_some_and(|value| !condition.holds(value));
            if failed {
                phase.failed += to.saturating_sub(from);
            }
            fails.push(failed);
            let Some(value) = value else { continue };
            if phase.worst.is_none_or(|worst| condition.worse(value, worst.value)) {
                phase.worst = Some(Worst { value, at: from, run });
            }
        }
        (phases, fails)
    }

    fn verdict(&self, policies: bool) -> RunResult {
        let experiment = self.judge.experiment;
        let fails = |bucket: &usize| self.fails.iter().any(|fails| fails[*bucket]);
        let failing: Vec<usize> = (0..self.count()).filter(fails).collect();
        let deviated_before = failing.iter().any(|&bucket| self.phase(bucket) == Phase::Before);
        let mut failed = Span::ZERO;
        for &bucket in failing.iter().filter(|&&bucket| self.phase(bucket) != Phase::Before) {
            let (from, to) = self.ends(bucket);
            failed += to.saturating_sub(from);
        }
        let recovered = self.recovered(&failing);
        let in_time = recovered.is_some_and(|recovered| recovered <= experiment.recover_within);
        let held = !deviated_before && failed <= experiment.tolerate && in_time && policies;
        RunResult { held, deviated_before, failed, recovered, fault: self.fault }
    }

    /// From the end of the last fault to that of the last of these buckets; none if that is the last of the run.
    fn recovered(&self, failing: &[usize]) -> Option<Span> {
        match failing.last() {
            Some(&last) if last + 1 == self.count() => None,
            Some(&last) => Some(self.ends(last).1.saturating_sub(self.fault.1)),
            None => Some(Span::ZERO),
        }
    }

    /// The value of a run: seconds after the fault began or ended, or a ratio of loads.
    fn run_value(&self, measure: RunMeasure) -> Option<f64> {
        let (plan, record) = (self.judge.plan, self.record);
        let (begun, over) = self.fault;
        let after = |at: Span, since: Span| at.saturating_sub(since).as_secs_f64();
        match measure {
            RunMeasure::OpensWithin(call) => acts::opened(plan, record, call, begun).map(|at| after(at, begun)),
            RunMeasure::ClosesWithin(call) => {
                acts::closed(plan, record, call, (over, self.judge.experiment.length)).map(|at| after(at, over))
            }
            RunMeasure::FailsOverWithin(service) => {
                let mut processes = self.judge.compiled.layout.processes.iter();
                let process = processes.position(|process| process.service == service.map(|service| service.0))?;
                let done = |line: &&TraceLine| {
                    let whose = matches!(line.event, TraceEvent::FailoverDone { process: whose, .. } if whose as usize == process);
                    whose && line.at.since(Time::ZERO) >= begun
                };
                self.trace.iter().find(done).map(|line| after(line.at.since(Time::ZERO), begun))
            }
            RunMeasure::RecoversWithin(subject) => {
                let conditions = self.judge.experiment.steady_state.iter().zip(&self.fails);
                let of: Vec<_> = conditions.filter(|(condition, _)| condition.about.is_of(subject)).collect();
                let fails = |bucket: &usize| of.iter().any(|(_, fails)| fails[*bucket]);
                let failing: Vec<usize> = (0..self.count()).filter(fails).collect();
                self.recovered(&failing).map(Span::as_secs_f64)
            }
            RunMeasure::LoadOn(service, phase) => {
                let to_it = reading::edges(plan, Subject::Service(service));
                let rate = |wanted: Phase| {
                    let buckets = (0..self.count()).filter(|&bucket| self.phase(bucket) == wanted);
                    let (mut attempts, mut seconds) = (0, 0.0);
                    for bucket in buckets {
                        attempts += to_it.iter().map(|&edge| record.buckets.calls[edge][bucket].attempts).sum::<u64>();
                        seconds += self.judge.experiment.bucket_s(bucket);
                    }
                    (seconds > 0.0).then(|| attempts as f64 / seconds)
                };
                let before = rate(Phase::Before).filter(|rate| *rate > 0.0)?;
                rate(phase).map(|rate| rate / before)
            }
        }
    }
}
