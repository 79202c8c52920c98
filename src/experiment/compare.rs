//! Several models under the same luck: trial by trial, since named streams give parts that they share the same faults.

use super::replicate::in_chunks;
use super::requests::paired::{self, Figure};
use super::totals::Totals;
use super::{Counted, Identity, Plan, Watch, figures, in_batches, results};
use crate::model::Model;
use crate::results::measure::Measure;
use crate::results::{Comparison, Difference, Direction};
use crate::simulation::layout::Layout;
use crate::simulation::{Compiled, Outcome, Simulator};
use crate::stats::interval;
use crate::stats::moments::Moments;
use crate::time::YEAR_S;
use std::ops::Range;
use std::sync::atomic::Ordering;

/// What is compared of a subject, per trial.
const COMPARED: usize = 3;

/// A subject that a model has in common with the baseline.
#[derive(Clone, Copy, Debug)]
struct Shared {
    baseline: usize,
    other: usize,
}

/// One figure of two models over the same trials.
#[derive(Clone, Copy, Debug, Default)]
struct Pair {
    baseline: Moments,
    other: Moments,
    /// Other minus baseline, trial by trial: models that agree differ by exactly nothing.
    difference: Moments,
}

impl Pair {
    fn push(&mut self, baseline: f64, other: f64) {
        self.baseline.push(baseline);
        self.other.push(other);
        self.difference.push(other - baseline);
    }

    fn merge(&mut self, part: &Pair) {
        self.baseline.merge(&part.baseline);
        self.other.merge(&part.other);
        self.difference.merge(&part.difference);
    }

    /// (Var x + Var y) / Var(y - x): trials that independent seeds would need, over those that pairs need.
    fn gain(&self) -> Option<f64> {
        let (x, y, together) = (self.baseline.variance()?, self.other.variance()?, self.difference.variance()?);
        (together > 0.0).then(|| (x + y) / together)
    }
}

/// Totals of each model and of the differences to the first.
struct Joint {
    each: Vec<Totals>,
    /// By other model and shared subject: downtime, loss and outages.
    pairs: Vec<Vec<[Pair; COMPARED]>>,
    /// By other model: cost of a year, if both have prices in one currency.
    costs: Vec<Option<Pair>>,
    /// By other model: figures of requests that both have, on their clock.
    requests: Vec<Vec<RequestPair>>,
}

/// A figure of requests of two models.
#[derive(Clone, Debug)]
struct RequestPair {
    baseline: usize,
    other: usize,
    figure: Figure,
    pair: Pair,
}

impl Counted for Joint {
    fn trials(&self) -> u64 {
        self.each[0].trials
    }

    fn settle(&mut self) {
        self.each.iter_mut().for_each(Totals::settle);
    }
}

/// Run the plan on each model; differences are to the first.
pub fn compare(worlds: &[(&Model, Identity)], plan: &Plan, watch: &Watch<'_>) -> Comparison {
    let compiled: Vec<Compiled> = worlds.iter().map(|(model, _)| plan.compile(model)).collect();
    let Some(first) = compiled.first().map(|compiled| &compiled.layout) else {
        return Comparison { scenarios: Vec::new(), differences: Vec::new(), events: 0, requests: 0 };
    };
    let shared: Vec<Vec<Shared>> =
        compiled[1..].iter().map(|compiled| shared_subjects(first, &compiled.layout)).collect();
    let costs = costs_in_common(worlds);
    let requests: Vec<_> = compiled[1..].iter().map(|other| requests_in_common(&compiled[0], other)).collect();
    let fresh = || Joint {
        each: worlds
            .iter()
            .zip(&compiled)
            .map(|((model, _), compiled)| Totals::new(model, compiled, plan.confidence))
            .collect(),
        costs: costs.clone(),
        requests: requests.clone(),
        pairs: shared.iter().map(|shared| vec![Default::default(); shared.len()]).collect(),
    };
    let run = |worlds: &mut Vec<Simulator<'_>>, chunk: Range<u64>| {
        let mut joint = fresh();
        for trial in chunk {
            if watch.stop.load(Ordering::Relaxed) {
                break;
            }
            let outcomes: Vec<Outcome> = worlds.iter_mut().map(|world| world.run(plan.seed, trial)).collect();
            joint.push(trial, &outcomes, &shared);
        }
        joint
    };
    let judged = |joint: &Joint| {
        joint.each.iter().zip(worlds).map(|(totals, (model, _))| figures::judged(model, totals, plan)).collect()
    };
    let joint = in_batches(plan, fresh, judged, |from, to, joint| {
        in_chunks(
            plan,
            watch,
            from..to,
            || compiled.iter().map(Compiled::simulator).collect(),
            run,
            |part| joint.merge(part),
        );
    });
    let scenarios: Vec<_> = worlds
        .iter()
        .zip(&compiled)
        .zip(&joint.each)
        .map(|(((model, identity), compiled), totals)| results(model, compiled, identity, plan, totals))
        .collect();
    let horizon_s = worlds[0].0.horizon.as_secs_f64();
    // of trials that end at their first outage nothing can be compared pair by pair
    let whole = joint.each.iter().all(|totals| !totals.ends_early);
    let differences = (1..worlds.len())
        .filter(|_| whole)
        .flat_map(|other| {
            let names = (worlds[0].1.scenario.as_str(), worlds[other].1.scenario.as_str());
            differences(&joint, first, &shared[other - 1], other, names, horizon_s, plan.confidence)
        })
        .collect();
    let events = joint.each.iter().map(|totals| totals.events).sum();
    let requests = joint.each.iter().map(Totals::arrived).sum();
    Comparison { scenarios, differences, events, requests }
}

/// By other model: nothing yet, where its costs can be compared with the baseline's.
fn costs_in_common(worlds: &[(&Model, Identity)]) -> Vec<Option<Pair>> {
    let currency = |world: usize| worlds[world].0.costs.as_ref().map(|costs| costs.currency.as_str());
    let same = |other: usize| currency(0).is_some() && currency(0) == currency(other);
    (1..worlds.len()).map(|other| same(other).then(Pair::default)).collect()
}

/// Figures of requests that two models have in common.
fn requests_in_common(first: &Compiled, other: &Compiled) -> Vec<RequestPair> {
    let (Some(first), Some(other)) = (&first.requests, &other.requests) else { return Vec::new() };
    let others = paired::figures(other);
    let find = |figure: &Figure| others.iter().find(|(_, other)| other == figure).map(|&(place, _)| place);
    let pair = |(baseline, figure): (usize, Figure)| {
        find(&figure).map(|other| RequestPair { baseline, other, figure, pair: Pair::default() })
    };
    paired::figures(first).into_iter().filter_map(pair).collect()
}

fn shared_subjects(first: &Layout, other: &Layout) -> Vec<Shared> {
    let find = |name: &String| first.subjects.iter().position(|subject| subject == name);
    let pairs = other.subjects.iter().enumerate();
    let mut shared: Vec<Shared> =
        pairs.filter_map(|(other, name)| find(name).map(|baseline| Shared { baseline, other })).collect();
    shared.sort_by_key(|shared| shared.baseline);
    shared
}

impl Joint {
    fn push(&mut self, trial: u64, outcomes: &[Outcome], shared: &[Vec<Shared>]) {
        for (totals, outcome) in self.each.iter_mut().zip(outcomes) {
            totals.push(trial, outcome);
        }
        for ((pairs, shared), outcome) in self.pairs.iter_mut().zip(shared).zip(&outcomes[1..]) {
            for (pairs, shared) in pairs.iter_mut().zip(shared) {
                let baseline = compared(&outcomes[0], shared.baseline);
                let other = compared(outcome, shared.other);
                for (pair, (x, y)) in pairs.iter_mut().zip(baseline.into_iter().zip(other)) {
                    pair.push(x, y);
                }
            }
        }
        self.push_requests(outcomes);
        let cost = |world: usize| {
            let tariff = self.each[world].costs.as_ref().map(|costs| &costs.tariff);
            tariff.map_or(0.0, |tariff| tariff.total(&outcomes[world]))
        };
        for (other, pair) in self.costs.iter_mut().enumerate() {
            if let Some(pair) = pair {
                pair.push(cost(0), cost(other + 1));
            }
        }
    }

    fn push_requests(&mut self, outcomes: &[Outcome]) {
        let of = |outcome: &Outcome| outcome.requests.as_deref().map(paired::values).unwrap_or_default();
        let first = of(&outcomes[0]);
        for (pairs, outcome) in self.requests.iter_mut().zip(&outcomes[1..]) {
            let other = of(outcome);
            for pair in pairs {
                let (x, y) = (first[pair.baseline], other[pair.other]);
                if x.is_finite() && y.is_finite() {
                    pair.pair.push(x, y);
                }
            }
        }
    }

    fn merge(&mut self, other: Joint) {
        for (here, there) in self.each.iter_mut().zip(other.each) {
            here.merge(there);
        }
        for (here, there) in self.costs.iter_mut().flatten().zip(other.costs.iter().flatten()) {
            here.merge(there);
        }
        for (here, there) in self.requests.iter_mut().flatten().zip(other.requests.iter().flatten()) {
            here.pair.merge(&there.pair);
        }
        for (here, there) in self.pairs.iter_mut().flatten().zip(other.pairs.iter().flatten()) {
            for (here, there) in here.iter_mut().zip(there) {
                here.merge(there);
            }
        }
    }
}

/// Seconds down, seconds of demand lost, outages that began.
fn compared(outcome: &Outcome, subject: usize) -> [f64; COMPARED] {
    let totals = &outcome.totals[subject];
    [totals.down.as_secs_f64(), totals.loss_s, outcome.outages_begun(subject) as f64]
}

fn differences(
    joint: &Joint,
    first: &Layout,
    shared: &[Shared],
    other: usize,
    names: (&str, &str),
    horizon_s: f64,
    confidence: f64,
) -> Vec<Difference> {
    let figures = [
        (Measure::AvailabilityTime, 0, -1.0 / horizon_s, true),
        (Measure::AvailabilityRequest, 1, -1.0 / horizon_s, true),
        (Measure::UnavailabilityTime, 0, 1.0 / horizon_s, false),
        (Measure::UnavailabilityRequest, 1, 1.0 / horizon_s, false),
        (Measure::DowntimePerYear, 0, YEAR_S / horizon_s, false),
        (Measure::OutagesPerYear, 2, YEAR_S / horizon_s, false),
    ];
    let difference = |measure, subject: &str, pair: &Pair, factor: f64, more_is_better: bool| {
        let value = interval::mean(&pair.difference, confidence).scaled(factor);
        Difference {
            measure,
            subject: subject.to_owned(),
            statistic: "mean".to_owned(),
            baseline: names.0.to_owned(),
            other: names.1.to_owned(),
            scenario: other,
            direction: direction(value.low, value.high, more_is_better),
            value,
            pairing_gain: pair.gain(),
        }
    };
    let mut differences = Vec::new();
    for (pairs, shared) in joint.pairs[other - 1].iter().zip(shared) {
        let subject = &first.subjects[shared.baseline];
        // on the request clock users have figures of their own, below
        let fluid = joint.requests[other - 1].is_empty() || shared.baseline >= first.first_service;
        let demand = [Measure::AvailabilityRequest, Measure::UnavailabilityRequest];
        for (measure, index, factor, more_is_better) in figures {
            if !fluid && demand.contains(&measure) {
                continue;
            }
            differences.push(difference(measure, subject, &pairs[index], factor, more_is_better));
        }
        if let Some(pair) = joint.costs[other - 1].as_ref().filter(|_| shared.baseline == 0) {
            differences.push(difference(Measure::CostPerYear, subject, pair, 1.0, false));
        }
    }
    for RequestPair { figure, pair, .. } in &joint.requests[other - 1] {
        let mut found = difference(figure.measure, &figure.subject, pair, 1.0, figure.more_is_better);
        figure.statistic.clone_into(&mut found.statistic);
        if found.value.estimate.is_some() {
            differences.push(found);
        }
    }
    differences
}

/// Beyond zero on one side or the other; an interval that touches zero shows no difference.
fn direction(low: Option<f64>, high: Option<f64>, more_is_better: bool) -> Direction {
    let more = low.is_some_and(|low| low > 0.0);
    let less = high.is_some_and(|high| high < 0.0);
    match (more, less, more_is_better) {
        (true, _, true) | (false, true, false) => Direction::Better,
        (true, _, false) | (false, true, true) => Direction::Worse,
        (false, false, _) => Direction::NoDifference,
    }
}
