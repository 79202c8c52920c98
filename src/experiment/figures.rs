//! Totals → figures with intervals.
//!
//! The trial is the independent unit of every interval. Where fewer than [`FEW`] trials saw an outage, Student's
//! interval would be too bold: the count of outages gets its exact Poisson interval instead, times a generous length.
//! Nines come from the averaged unavailability, never from averaged nines.

use super::Plan;
use super::totals::{Listed, ProcessTotals, SubjectTotals, Totals};
use crate::model::Model;
use crate::model::dist::Law;
use crate::model::failover::{Detection, Failover, Policy};
use crate::model::failure::{Fault, Process};
use crate::results::measure::Measure;
use crate::results::raw::Stage;
use crate::results::{Fidelity, Method, Row};
use crate::simulation::MoveCounts;
use crate::simulation::layout::Layout;
use crate::stats::moments::{Moments, PairMoments};
use crate::stats::quantile::Clusters;
use crate::stats::{Estimate, interval};
use crate::time::YEAR_S;

/// With fewer trials than this that saw an outage, intervals come from the exact law of the count.
pub const FEW: u64 = 30;

/// Quantiles that are reported of a distribution.
const QUANTILES: [(&str, f64); 3] = [("p50", 0.5), ("p95", 0.95), ("p99", 0.99)];

struct Figures<'a> {
    rows: Vec<Row>,
    plan: &'a Plan,
    trials: u64,
    horizon_s: f64,
    longest_s: f64,
}

/// All figures, subject by subject.
pub fn rows(model: &Model, layout: &Layout, plan: &Plan, totals: &Totals) -> Vec<Row> {
    let mut figures = Figures {
        rows: Vec::new(),
        plan,
        trials: totals.trials,
        horizon_s: model.horizon.as_secs_f64(),
        longest_s: longest_outage_s(model),
    };
    if totals.ends_early {
        for (statistic, value) in totals.instants.to_first(model.horizon, plan.confidence) {
            figures.push(Measure::TimeToFirstOutage, &layout.subjects[0], statistic, value);
        }
        return figures.rows;
    }
    for (index, (name, subject)) in layout.subjects.iter().zip(&totals.subjects).enumerate() {
        figures.levels(name, subject);
        figures.tiers(name, layout, subject);
        for (number, point) in model.points.iter().enumerate() {
            let up = totals.instants.up_at(index, number, totals.trials, plan.confidence);
            figures.push(Measure::AvailabilityPoint, name, &point.written, up);
        }
        figures.outages(name, subject, totals);
        figures.causes(name, layout, subject);
    }
    figures.costs(totals);
    figures.naive(model, totals);
    figures.failovers(layout, totals);
    figures.windows(model, totals);
    figures.sites(layout, totals);
    figures.rows
}

/// The figure by which a run is stopped: the system's unavailability, or its time to the first outage.
pub fn judged(model: &Model, totals: &Totals, plan: &Plan) -> Estimate {
    if totals.ends_early {
        totals.instants.mean_to_first(model.horizon, plan.confidence)
    } else {
        unavailability(&totals.subjects[0], totals, plan)
    }
}

/// The system's or another subject's unavailability in time.
fn unavailability(subject: &SubjectTotals, totals: &Totals, plan: &Plan) -> Estimate {
    let moments = padded(&subject.down, totals.trials);
    interval::mean(&moments, plan.confidence)
}

/// The share of the horizon that `down` lost in `trials` trials, as its row would say it.
pub fn unavailability_after(model: &Model, plan: &Plan, trials: u64, down: &Moments, seen: u64) -> Estimate {
    let horizon_s = model.horizon.as_secs_f64();
    let rows = Figures { rows: Vec::new(), plan, trials, horizon_s, longest_s: longest_outage_s(model) };
    rows.lost_share(down, seen)
}

/// With the zeros that were left out.
fn padded(moments: &Moments, trials: u64) -> Moments {
    let mut moments = *moments;
    moments.push_many(0.0, trials - moments.count());
    moments
}

fn padded_pair(pair: &PairMoments, trials: u64) -> PairMoments {
    let mut pair = *pair;
    pair.push_zeros(trials - pair.count());
    pair
}

/// The same of a failover: taking over, people, and the page that calls them.
fn longest_failover_s<T>(failover: &Failover<T>) -> f64 {
    let laws = [Some(&failover.promote), failover.manual.as_ref(), failover.page.as_ref()];
    laws.into_iter().flatten().map(longest_s).sum()
}

/// What a law exceeds once in a thousand.
fn longest_s(law: &Law) -> f64 {
    if law.is_never() { f64::INFINITY } else { law.quantile_s(0.999) }
}

/// How long one fault might hold a part: the longest repair in a thousand, the wait for a crew that is at another one,
/// the time until an inspection finds it; all its nodes one after another, if it rolls.
fn longest_fault_s(model: &Model, fault: &Fault) -> f64 {
    match &fault.process {
        Process::Random { repair, crew, latent, .. } => {
            let wait = crew.map_or(0.0, |crew| longest_s(repair) + longest_s(&model.crews[crew.index()].dispatch));
            let unseen = latent.as_ref().map_or(0.0, |latent| {
                latent.inspect.as_ref().map_or(f64::INFINITY, |inspect| longest_s(&inspect.every))
            });
            longest_s(repair) + wait + unseen
        }
        Process::Calendar { lasts, rolling: true, .. } => {
            longest_s(lasts) * model.pools.iter().map(|pool| f64::from(pool.nodes)).sum::<f64>()
        }
        Process::Calendar { lasts, .. } => longest_s(lasts),
    }
}

/// How long one outage might plausibly last: the longest fault, stop or manual promotion in a thousand.
fn longest_outage_s(model: &Model) -> f64 {
    let repairs = model.faults.iter().map(|fault| longest_fault_s(model, fault));
    let stops = model.pools.iter().filter_map(|pool| pool.coverage.as_ref());
    let stops = stops.map(|coverage| longest_s(&coverage.pause).max(longest_s(&coverage.uncovered)));
    let deploys = model.deploys.iter().map(|deploys| {
        let bad = if deploys.bad > 0.0 { longest_s(&deploys.noticed) + longest_s(&deploys.rollback) } else { 0.0 };
        longest_s(&deploys.restart) + bad
    });
    let restarts = model.regions.iter().map(|region| longest_s(&region.restart));
    let failovers = model.services.iter().filter_map(|service| service.failover.as_ref()).map(longest_failover_s);
    let routing = match &model.routing.policy {
        Policy::ActivePassive(failover) => longest_failover_s(failover),
        Policy::Latency | Policy::Geo | Policy::Weighted { .. } => {
            let people = [model.routing.page.as_ref(), model.routing.moves.manual.as_ref()];
            people.into_iter().flatten().map(longest_s).sum()
        }
    };
    let longest = repairs.chain(stops).chain(deploys).chain(restarts).chain(failovers).fold(0.0, f64::max) + routing;
    longest.min(model.horizon.as_secs_f64())
}

impl Figures<'_> {
    fn push(&mut self, measure: Measure, subject: &str, statistic: &str, value: Estimate) {
        self.rows.push(Row {
            measure,
            subject: subject.to_owned(),
            statistic: statistic.to_owned(),
            value,
            method: Method::Simulation,
        });
    }

    /// The mean of what is never negative, not even at the lower bound of few trials.
    fn mean(&self, moments: &Moments) -> Estimate {
        at_least_zero(interval::mean(&padded(moments, self.trials), self.plan.confidence))
    }

    /// A share of the horizon, lost in outages of which few or none may have been seen.
    fn lost_share(&self, seconds: &Moments, seen: u64) -> Estimate {
        let confidence = self.plan.confidence;
        let exposure = self.trials as f64 * self.horizon_s;
        let share = self.mean(seconds).scaled(1.0 / self.horizon_s);
        if seen == 0 {
            let bound = interval::share_of_time_without_events(exposure, self.longest_s, confidence);
            return Estimate { estimate: None, ..bound };
        }
        if seconds.count() >= FEW.min(self.trials) {
            return share.clamped(0.0, 1.0);
        }
        let count = interval::rate(seen, exposure, confidence);
        let length = share.estimate.unwrap_or(0.0) * exposure / seen as f64;
        let doubt = 1.0 + 2.0 / (seen as f64).sqrt();
        let longest = (length * doubt).min(self.longest_s.max(length));
        let high = count.high.map(|rate| (rate * longest).min(1.0)).zip(share.high).map(|(a, b)| a.max(b));
        let low = count.low.map(|rate| rate * length / doubt).zip(share.low.map(|low| low.max(0.0)));
        Estimate { estimate: share.estimate, low: low.map(|(a, b)| a.min(b)), high, confidence }
    }

    fn levels(&mut self, name: &str, subject: &SubjectTotals) {
        let down = self.lost_share(&subject.down, subject.seen);
        let seen_loss = if subject.loss.count() > 0 { subject.seen.max(subject.loss.count()) } else { 0 };
        let lost = self.lost_share(&subject.loss, seen_loss);
        let degraded = self.mean(&subject.degraded).scaled(1.0 / self.horizon_s).clamped(0.0, 1.0);
        self.push(Measure::AvailabilityTime, name, "mean", complement(down));
        self.push(Measure::AvailabilityRequest, name, "mean", complement(lost));
        self.push(Measure::UnavailabilityTime, name, "mean", down);
        self.push(Measure::UnavailabilityRequest, name, "mean", lost);
        self.push(Measure::NinesTime, name, "mean", nines(down));
        self.push(Measure::NinesRequest, name, "mean", nines(lost));
        self.push(Measure::DegradedTime, name, "mean", degraded);
        self.push(Measure::DowntimePerYear, name, "mean", down.scaled(YEAR_S));
    }

    /// How long each tier that was used answered for something.
    fn tiers(&mut self, name: &str, layout: &Layout, subject: &SubjectTotals) {
        for (tier, moments) in layout.tier_names().iter().zip(&subject.tiers).filter(|(_, moments)| moments.count() > 0)
        {
            let share = self.mean(moments).scaled(1.0 / self.horizon_s).clamped(0.0, 1.0);
            self.push(Measure::DegradedTime, name, tier, share);
        }
    }

    fn outages(&mut self, name: &str, subject: &SubjectTotals, totals: &Totals) {
        let zeros = self.trials * totals.years().pieces - subject.years.len() as u64;
        self.quantiles(Measure::DowntimePerYear, name, &subject.years, zeros);
        let exposure = self.trials as f64 * self.horizon_s / YEAR_S;
        let counted = self.mean(&subject.outages).scaled(YEAR_S / self.horizon_s);
        let exact = interval::rate(subject.begun, exposure, self.plan.confidence);
        let per_year = if subject.outages.count() >= FEW.min(self.trials) && subject.begun > 0 {
            counted
        } else if subject.begun == 0 {
            Estimate { estimate: None, ..exact }
        } else {
            exact
        };
        self.push(Measure::OutagesPerYear, name, "mean", per_year);
        let repair = padded_pair(&subject.repair, self.trials);
        let mttr = interval::ratio(&repair, self.plan.confidence);
        self.push(Measure::OutageDuration, name, "mean", at_least_zero(mttr));
        self.quantiles(Measure::OutageDuration, name, &subject.durations, 0);
        let between = if subject.begun == 0 {
            let low = per_year.high.map(|rate| YEAR_S / rate);
            Estimate { low, ..Estimate::unknown(self.plan.confidence) }
        } else {
            mtbf(&repair, self.horizon_s, self.plan.confidence)
        };
        self.push(Measure::Mtbf, name, "mean", between);
        self.push(Measure::Mttr, name, "mean", at_least_zero(mttr));
        if !subject.failovers.is_empty() {
            self.listed(Measure::Rto, name, &subject.failovers);
        }
    }

    /// Mean, quantiles and the largest of values that come several to a trial.
    fn listed(&mut self, measure: Measure, name: &str, values: &Listed) {
        let mut pair = PairMoments::default();
        for of_trial in values.chunk_by(|a, b| a.0 == b.0) {
            pair.push(of_trial.len() as f64, of_trial.iter().map(|value| value.1).sum());
        }
        let mean = interval::ratio(&padded_pair(&pair, self.trials), self.plan.confidence);
        self.push(measure, name, "mean", at_least_zero(mean));
        self.quantiles(measure, name, values, 0);
    }

    fn quantiles(&mut self, measure: Measure, name: &str, values: &Listed, zeros: u64) {
        if values.is_empty() && zeros == 0 {
            return;
        }
        let mut clusters = Clusters::new(values, zeros, self.trials);
        for (statistic, p) in QUANTILES {
            self.push(measure, name, statistic, clusters.quantile(p, self.plan.confidence));
        }
        let max = values.iter().map(|value| value.1).fold(0.0, f64::max);
        let max = Estimate { high: None, ..Estimate::exact(max) };
        self.push(measure, name, "max", Estimate { confidence: self.plan.confidence, ..max });
    }

    fn causes(&mut self, name: &str, layout: &Layout, subject: &SubjectTotals) {
        if subject.seen == 0 {
            return;
        }
        let mut shares: Vec<(&str, Estimate)> = Vec::new();
        for (cause, pair) in layout.causes.iter().zip(&subject.causes) {
            let share = interval::ratio(&padded_pair(pair, self.trials), self.plan.confidence).clamped(0.0, 1.0);
            if share.estimate.is_some_and(|share| share > 0.0) {
                shares.push((cause, share));
            }
        }
        shares.sort_by(|a, b| b.1.estimate.partial_cmp(&a.1.estimate).unwrap_or(std::cmp::Ordering::Equal));
        for (cause, share) in shares {
            self.push(Measure::Contribution, name, cause, share);
        }
        for (stage, pair) in Stage::ALL.iter().zip(&subject.stages) {
            let mean = interval::ratio(&padded_pair(pair, self.trials), self.plan.confidence);
            self.push(Measure::Waterfall, name, stage.name(), at_least_zero(mean));
        }
    }

    fn failovers(&mut self, layout: &Layout, totals: &Totals) {
        let named = layout.processes.iter().zip(&totals.processes);
        let of_service = named.filter_map(|(plan, process)| {
            plan.service.map(|service| (layout.subjects[layout.first_service + service as usize].as_str(), process))
        });
        let all = std::iter::once(("system", None)).chain(of_service.map(|(name, process)| (name, Some(process))));
        for (name, process) in all {
            let chosen =
                || totals.processes.iter().filter(move |other| process.is_none_or(|own| std::ptr::eq(own, *other)));
            // users that must be moved off a region are the system's
            let moves = if process.is_none() { totals.moves } else { MoveCounts::default() };
            let begun: u64 = moves.begun + chosen().map(|process| process.begun).sum::<u64>();
            let automatic: u64 = moves.automatic + chosen().map(|process| process.automatic).sum::<u64>();
            if begun > 0 {
                let success = interval::proportion(automatic, begun, self.plan.confidence);
                self.push(Measure::FailoverSuccess, name, "mean", success);
            }
            // two active regions are the system's
            let routing = layout.processes.iter().zip(&totals.processes).find(|(plan, _)| plan.service.is_none());
            let split = process.or(routing.map(|(_, process)| process));
            if let Some(process) = split.filter(|process| process.split.count() > 0) {
                let share = self.mean(&process.split).scaled(1.0 / self.horizon_s).clamped(0.0, 1.0);
                self.push(Measure::SplitBrainTime, name, "mean", share);
                if process.divergent.count() > 0 {
                    let writes = self.mean(&process.divergent).scaled(YEAR_S / self.horizon_s);
                    self.push(Measure::DivergentWritesPerYear, name, "mean", writes);
                }
            }
            let requests = self.plan.fidelity == Fidelity::Full;
            if watched(layout, &totals.processes, process, requests) {
                self.false_failovers(name, chosen());
            }
            let merged = |list: fn(&ProcessTotals) -> &Listed| {
                let mut values: Listed = chosen().flat_map(|process| list(process).iter().copied()).collect();
                values.sort_by_key(|value| value.0);
                values
            };
            let (lost, detection) = (merged(|process| &process.lost), merged(|process| &process.detection));
            if !lost.is_empty() {
                self.listed(Measure::Rpo, name, &lost);
            }
            if !detection.is_empty() {
                self.listed(Measure::DetectionDelay, name, &detection);
            }
        }
    }

    /// What a year costs, and what each nine does.
    fn costs(&mut self, totals: &Totals) {
        let Some(costs) = &totals.costs else { return };
        let system = &totals.subjects[0];
        let down = self.lost_share(&system.down, system.seen);
        let few = system.seen == 0 || system.down.count() < FEW.min(self.trials);
        let rows = costs.per_year(down, few);
        let per_nine = rows.first().map(|(_, cost)| super::costs::per_nine(*cost, nines(down)));
        for (statistic, value) in rows {
            self.push(Measure::CostPerYear, "system", statistic, value);
        }
        if let Some(value) = per_nine {
            self.push(Measure::CostPerNine, "system", "mean", value);
        }
    }

    /// What multiplying would claim, and how much of the modelled unavailability that is.
    fn naive(&mut self, model: &Model, totals: &Totals) {
        let claimed = super::naive::unavailability(model);
        let exact = Estimate { confidence: self.plan.confidence, ..Estimate::exact(1.0 - claimed) };
        self.push(Measure::NaiveComposite, "system", "mean", exact);
        let subject = &totals.subjects[0];
        let modelled = self.lost_share(&subject.down, subject.seen);
        let over = |share: f64| (share > 0.0).then(|| claimed / share);
        let ratio = Estimate {
            estimate: modelled.estimate.and_then(over),
            low: modelled.high.and_then(over),
            high: modelled.low.and_then(over),
            ..modelled
        };
        self.push(Measure::NaiveComposite, "system", "ratio", ratio);
    }

    /// Failovers that nobody needed, in a year.
    fn false_failovers<'t>(&mut self, name: &str, chosen: impl Iterator<Item = &'t ProcessTotals>) {
        let (mut seen, mut variance, mut most) = (0, 0.0, 0);
        for process in chosen {
            seen += process.unneeded;
            most = most.max(process.unneeded_by_trial.count());
            variance += padded(&process.unneeded_by_trial, self.trials).variance().unwrap_or(0.0);
        }
        let years = self.trials as f64 * self.horizon_s / YEAR_S;
        let exact = interval::rate(seen, years, self.plan.confidence);
        let rate = if seen == 0 {
            Estimate { estimate: None, ..exact }
        } else if most < FEW.min(self.trials) {
            exact
        } else {
            let error = (variance / self.trials as f64).sqrt() * YEAR_S / self.horizon_s;
            let reach = interval::student(self.trials, self.plan.confidence) * error;
            at_least_zero(Estimate::around(seen as f64 / years, reach, self.plan.confidence))
        };
        self.push(Measure::FalseFailoversPerYear, name, "mean", rate);
    }

    fn windows(&mut self, model: &Model, totals: &Totals) {
        for (objective, windows) in model.objectives.iter().zip(&totals.windows) {
            let Some(windows) = windows else { continue };
            let met = interval::mean(&windows.met, self.plan.confidence).clamped(0.0, 1.0);
            let certain = windows.met.sd().is_none_or(|sd| sd == 0.0);
            let all = met.estimate.is_some_and(|met| met >= 1.0);
            let none = met.estimate.is_some_and(|met| met <= 0.0);
            let met = if certain && (all || none) {
                let met = if all { self.trials } else { 0 };
                interval::proportion(met, self.trials, self.plan.confidence)
            } else {
                met
            };
            self.push(Measure::SloAttainment, &objective.name, "mean", met);
            if windows.budget_used.count() > 0 {
                let used = interval::mean(&windows.budget_used, self.plan.confidence);
                self.push(Measure::ErrorBudgetUsed, &objective.name, "mean", at_least_zero(used));
            }
        }
    }

    fn sites(&mut self, layout: &Layout, totals: &Totals) {
        let struck: Vec<bool> = {
            let mut struck = vec![false; layout.sites.len()];
            layout.units.iter().filter(|unit| unit.clocks > 0).for_each(|unit| struck[unit.site as usize] = true);
            let calendar = layout.calendars.iter().flat_map(|calendar| &calendar.units);
            calendar.for_each(|&unit| struck[layout.units[unit as usize].site as usize] = true);
            struck
        };
        let pools = layout.pools.len();
        for (index, (name, site)) in layout.sites.iter().zip(&totals.sites).enumerate() {
            if struck[index] {
                self.push(Measure::Faults, name, "mean", self.mean(&site.faults));
                self.push(Measure::Repairs, name, "mean", self.mean(&site.repairs));
                if index < pools {
                    self.push(Measure::NodesDown, name, "mean", at_least_zero(self.mean(&site.nodes_down)));
                }
            }
        }
        let system = &totals.system;
        let (faults, repairs) = (self.mean(&system.faults), self.mean(&system.repairs));
        let nodes_down = at_least_zero(self.mean(&system.nodes_down));
        self.push(Measure::Faults, "system", "mean", faults);
        self.push(Measure::Repairs, "system", "mean", repairs);
        self.push(Measure::NodesDown, "system", "mean", nodes_down);
    }
}

/// Can the checks of these processes (all of them for the system) raise a false alarm? Those that wait in a queue like
/// `requests` can without any chance: a primary that is only busy is well.
fn watched(layout: &Layout, totals: &[ProcessTotals], of: Option<&ProcessTotals>, requests: bool) -> bool {
    let chosen = layout.processes.iter().zip(totals);
    let mut chosen = chosen.filter(|(_, totals)| of.is_none_or(|of| std::ptr::eq(of, *totals)));
    chosen.any(|(plan, _)| matches!(&plan.detection, Detection::Check(check) if check.can_be_wrong(requests)))
}

/// One minus a share.
pub fn complement(share: Estimate) -> Estimate {
    Estimate {
        estimate: share.estimate.map(|share| 1.0 - share),
        low: share.high.map(|share| 1.0 - share),
        high: share.low.map(|share| 1.0 - share),
        ..share
    }
}

/// -log10 of an unavailability; nothing lost has no number of nines, only a bound.
pub fn nines(share: Estimate) -> Estimate {
    let nines = |share: f64| (share > 0.0).then(|| -share.log10() + 0.0);
    Estimate {
        estimate: share.estimate.and_then(nines),
        low: share.high.and_then(nines),
        high: share.low.and_then(nines),
        ..share
    }
}

fn at_least_zero(value: Estimate) -> Estimate {
    Estimate { low: value.low.map(|low| low.max(0.0)), ..value }
}

/// Time not down per outage: (T n - down) / outages = T / mean outages - mean down / mean outages, by the delta method
/// on the pairs (outages, T - down), which vary as (outages, -down) do.
fn mtbf(repair: &PairMoments, horizon_s: f64, confidence: f64) -> Estimate {
    let (Some(outages), Some(down)) = (repair.x().mean(), repair.y().mean()) else {
        return Estimate::unknown(confidence);
    };
    let ratio = (horizon_s - down) / outages;
    let error = repair.variance_of_residual(-ratio).map(|v| (v / repair.count() as f64).sqrt() / outages);
    match error {
        Some(error) => {
            let factor = interval::student(repair.count(), confidence);
            at_least_zero(Estimate::around(ratio, factor * error, confidence))
        }
        None => Estimate { estimate: Some(ratio), ..Estimate::unknown(confidence) },
    }
}
