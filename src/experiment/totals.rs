//! What is kept of many trials: moments per figure, and single values where quantiles are asked for.
//!
//! Most trials of a good system leave zeros, so only what is not zero is added; readers pad with the zeros that are
//! missing. Merging is in a fixed order.

use super::Counted;
use super::costs::CostTotals;
use super::instants::Instants;
use super::requests::RequestTotals;
use crate::model::Model;
use crate::model::objective::{Condition, Objective};
use crate::simulation::ledger::{Outage, STAGES};
use crate::simulation::{Compiled, MoveCounts, Outcome, SiteCounts};
use crate::stats::moments::{Moments, PairMoments};
use crate::time::Span;

/// A value and the trial that it comes from.
pub type Listed = Vec<(u64, f64)>;

/// Trials before the first mark.
const FIRST_MARK: u64 = 10;

/// Totals over trials.
#[derive(Clone, Debug)]
pub struct Totals {
    /// Trials in them.
    pub trials: u64,
    /// Events that changed the state.
    pub events: u64,
    /// Longest downtime of the system, and its trial.
    pub worst: Option<(Span, u64)>,
    /// By subject.
    pub subjects: Vec<SubjectTotals>,
    /// By site.
    pub sites: Vec<SiteTotals>,
    /// Of all parts together.
    pub system: SiteTotals,
    /// By process.
    pub processes: Vec<ProcessTotals>,
    /// Moves of users off a lost region that could fail.
    pub moves: MoveCounts,
    /// By objective, where it has windows of availability.
    pub windows: Vec<Option<WindowTotals>>,
    /// What a year costs, if anything has a price.
    pub costs: Option<CostTotals>,
    /// Availability at instants, and the time to the first outage.
    pub instants: Instants,
    /// Does a trial end at the first outage?
    pub ends_early: bool,
    /// Confidence of the intervals.
    pub confidence: f64,
    /// Has the run reached its aim before its last trial?
    pub settled: bool,
    /// How the system's downtime stood after fixed numbers of trials, growing by a quarter.
    pub marks: Vec<Mark>,
    horizon_s: f64,
    years: Years,
    objectives: Vec<Objective>,
    /// Of requests, on their clock.
    pub requests: Option<Box<RequestTotals>>,
}

/// How the horizon is cut for downtime per year: into equal pieces of about a year, each scaled to 365.25 days.
#[derive(Clone, Copy, Debug)]
pub struct Years {
    /// Number of pieces, at least 1.
    pub pieces: u64,
    /// Length of one.
    pub length: Span,
}

impl Years {
    fn of(horizon: Span) -> Years {
        let pieces = (horizon.as_secs_f64() / Span::YEAR.as_secs_f64()).round().max(1.0) as u64;
        Years { pieces, length: Span::from_nanos(horizon.as_nanos().div_ceil(pieces)) }
    }
}

/// Of one subject; moments lack the trials in which all was zero.
#[derive(Clone, Debug, Default)]
pub struct SubjectTotals {
    /// Seconds down.
    pub down: Moments,
    /// Seconds degraded.
    pub degraded: Moments,
    /// By tier: seconds, while not down, in which it answers for something.
    pub tiers: Vec<Moments>,
    /// Seconds of demand lost.
    pub loss: Moments,
    /// Number of outages that began.
    pub outages: Moments,
    /// (outages that began, seconds down).
    pub repair: PairMoments,
    /// Outages in all, those too that were there when counting began.
    pub seen: u64,
    /// Those that began since.
    pub begun: u64,
    /// By cause: (seconds down, seconds down by it).
    pub causes: Vec<PairMoments>,
    /// By stage: (outages that began, seconds in it).
    pub stages: [PairMoments; STAGES],
    /// Seconds down of each piece of about a year that has any, scaled to a year.
    pub years: Listed,
    /// Seconds of each outage that began.
    pub durations: Listed,
    /// Seconds of each of them in which a failover was begun.
    pub failovers: Listed,
}

/// Of one part whose faults are counted.
#[derive(Clone, Debug, Default)]
pub struct SiteTotals {
    /// Faults in a trial.
    pub faults: Moments,
    /// Repairs in a trial.
    pub repairs: Moments,
    /// Nodes not working, in the time mean of a trial.
    pub nodes_down: Moments,
}

/// Of one failover process.
#[derive(Clone, Debug, Default)]
pub struct ProcessTotals {
    /// Failovers begun.
    pub begun: u64,
    /// Of these, of a primary that was well.
    pub unneeded: u64,
    /// The same in a trial.
    pub unneeded_by_trial: Moments,
    /// Seconds with two primaries in a trial.
    pub split: Moments,
    /// Writes that the old one of them took in a trial.
    pub divergent: Moments,
    /// Completed without people.
    pub automatic: u64,
    /// Seconds of work lost by each promotion of a lagging copy.
    pub lost: Listed,
    /// Seconds from each outage of a primary to its being noticed.
    pub detection: Listed,
}

/// The system's downtime after so many trials.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mark {
    /// Trials so far.
    pub trials: u64,
    /// Seconds down, without the trials that had none.
    pub down: Moments,
    /// Outages so far.
    pub seen: u64,
}

/// Windows of one objective.
#[derive(Clone, Debug, Default)]
pub struct WindowTotals {
    /// Share of a trial's windows that met the target.
    pub met: Moments,
    /// Mean over a trial's windows of what was lost over what may be.
    pub budget_used: Moments,
}

impl Counted for Totals {
    fn trials(&self) -> u64 {
        self.trials
    }

    fn settle(&mut self) {
        self.settled = true;
    }
}

impl Totals {
    /// No trial yet.
    pub fn new(model: &Model, compiled: &Compiled, confidence: f64) -> Totals {
        let layout = &compiled.layout;
        let subject = SubjectTotals {
            causes: vec![PairMoments::default(); layout.causes.len()],
            tiers: vec![Moments::default(); layout.tier_names().len()],
            ..Default::default()
        };
        Totals {
            trials: 0,
            events: 0,
            worst: None,
            subjects: vec![subject; layout.subjects.len()],
            sites: vec![SiteTotals::default(); layout.sites.len()],
            system: SiteTotals::default(),
            processes: vec![ProcessTotals::default(); layout.processes.len()],
            moves: MoveCounts::default(),
            windows: model
                .objectives
                .iter()
                .map(|objective| target(objective).map(|_| WindowTotals::default()))
                .collect(),
            costs: CostTotals::new(model),
            instants: Instants::new(model, layout.subjects.len()),
            ends_early: super::instants::ends_early(model),
            confidence,
            settled: false,
            marks: Vec::new(),
            horizon_s: model.horizon.as_secs_f64(),
            years: Years::of(model.horizon),
            objectives: model.objectives.clone(),
            requests: compiled.requests.as_ref().map(|plan| Box::new(RequestTotals::new(plan))),
        }
    }

    /// How the horizon is cut into years.
    pub fn years(&self) -> Years {
        self.years
    }

    /// Requests in all.
    pub fn arrived(&self) -> u64 {
        self.requests.as_ref().map_or(0, |requests| requests.arrived)
    }

    /// Add trial `trial`.
    pub fn push(&mut self, trial: u64, outcome: &Outcome) {
        self.trials += 1;
        self.events += outcome.events;
        if self.ends_early {
            self.instants.push_first(outcome);
            return;
        }
        self.instants.push(outcome);
        if let (Some(totals), Some(of_trial)) = (&mut self.requests, &outcome.requests) {
            totals.push(of_trial);
        }
        let down = outcome.totals[0].down;
        if !down.is_zero() && self.worst.is_none_or(|(most, _)| down > most) {
            self.worst = Some((down, trial));
        }
        for (totals, of_trial) in self.subjects.iter_mut().zip(&outcome.totals) {
            push_some(&mut totals.degraded, of_trial.degraded.as_secs_f64());
            push_some(&mut totals.loss, of_trial.loss_s);
        }
        for (totals, of_trial) in self.subjects.iter_mut().zip(&outcome.tiers) {
            for (tier, span) in totals.tiers.iter_mut().zip(of_trial) {
                push_some(tier, span.as_secs_f64());
            }
        }
        let mut by_subject: Vec<&Outage> = outcome.outages.iter().collect();
        by_subject.sort_by_key(|outage| outage.subject);
        for outages in by_subject.chunk_by(|a, b| a.subject == b.subject) {
            let subject = outages[0].subject as usize;
            self.subjects[subject].push(trial, self.years, outages);
        }
        for (site, of_trial) in self.sites.iter_mut().zip(&outcome.sites) {
            site.push(*of_trial, self.horizon_s);
        }
        let mut all = SiteCounts::default();
        for site in &outcome.sites {
            (all.changes[0], all.changes[1]) = (all.changes[0] + site.changes[0], all.changes[1] + site.changes[1]);
            all.down_ns += site.down_ns;
        }
        self.system.push(all, self.horizon_s);
        for (process, &writes) in self.processes.iter_mut().zip(&outcome.usage.divergent) {
            push_some(&mut process.divergent, writes);
        }
        for (process, of_trial) in self.processes.iter_mut().zip(&outcome.failovers) {
            process.begun += of_trial.begun;
            process.unneeded += of_trial.unneeded;
            push_some(&mut process.split, of_trial.split.as_secs_f64());
            push_some(&mut process.unneeded_by_trial, of_trial.unneeded as f64);
            process.automatic += of_trial.automatic;
            process.lost.extend(of_trial.lost.iter().map(|lost| (trial, lost.as_secs_f64())));
            process.detection.extend(of_trial.detection.iter().map(|delay| (trial, delay.as_secs_f64())));
        }
        self.moves.begun += outcome.moves.begun;
        self.moves.automatic += outcome.moves.automatic;
        self.push_windows(outcome);
        if let Some(costs) = &mut self.costs {
            costs.push(outcome);
        }
    }

    fn push_windows(&mut self, outcome: &Outcome) {
        for (index, objective) in self.objectives.iter().enumerate() {
            let (Some(totals), Some(target)) = (&mut self.windows[index], target(objective)) else { continue };
            let horizon = Span::from_secs_f64(self.horizon_s);
            let length = objective.window.unwrap_or(horizon).min(horizon);
            let lost = &outcome.windows[index];
            let allowed = (1.0 - target) * length.as_secs_f64();
            // half a nanosecond: what is lost is a sum of floats, and the target a rounded one
            let met = lost.iter().filter(|&&lost| lost <= allowed + 5e-10).count();
            totals.met.push(met as f64 / lost.len() as f64);
            if allowed > 0.0 {
                totals.budget_used.push(lost.iter().sum::<f64>() / (allowed * lost.len() as f64));
            }
        }
    }

    /// Add the trials of `other`, which come after.
    pub fn merge(&mut self, other: Totals) {
        self.trials += other.trials;
        self.events += other.events;
        self.instants.merge(other.instants);
        if let (Some(here), Some(there)) = (&mut self.requests, other.requests) {
            here.merge(&there);
        }
        if let Some((down, trial)) = other.worst
            && self.worst.is_none_or(|(most, _)| down > most)
        {
            self.worst = Some((down, trial));
        }
        for (here, there) in self.subjects.iter_mut().zip(other.subjects) {
            here.merge(there);
        }
        for (here, there) in self.sites.iter_mut().zip(other.sites) {
            here.merge(&there);
        }
        self.system.merge(&other.system);
        self.moves.begun += other.moves.begun;
        self.moves.automatic += other.moves.automatic;
        for (here, there) in self.processes.iter_mut().zip(other.processes) {
            here.begun += there.begun;
            here.split.merge(&there.split);
            here.divergent.merge(&there.divergent);
            here.unneeded += there.unneeded;
            here.unneeded_by_trial.merge(&there.unneeded_by_trial);
            here.automatic += there.automatic;
            here.lost.extend(there.lost);
            here.detection.extend(there.detection);
        }
        for (here, there) in self.windows.iter_mut().zip(other.windows) {
            if let (Some(here), Some(there)) = (here, there) {
                here.met.merge(&there.met);
                here.budget_used.merge(&there.budget_used);
            }
        }
        if let (Some(here), Some(there)) = (&mut self.costs, &other.costs) {
            here.merge(there);
        }
        self.mark();
    }

    /// The system's downtime as it stands.
    pub fn now(&self) -> Mark {
        let system = &self.subjects[0];
        Mark { trials: self.trials, down: system.down, seen: system.seen }
    }

    /// Remembers how things stand if there are a quarter more trials than at the mark before. Parts are merged in the
    /// order of their trials and end at fixed numbers of them, so marks do not depend on the number of threads.
    fn mark(&mut self) {
        let due = self.marks.last().map_or(FIRST_MARK, |mark| mark.trials + mark.trials.div_ceil(4));
        if self.trials >= due {
            self.marks.push(self.now());
        }
    }
}

impl SiteTotals {
    fn push(&mut self, counts: SiteCounts, horizon_s: f64) {
        push_some(&mut self.faults, counts.changes[0] as f64);
        push_some(&mut self.repairs, counts.changes[1] as f64);
        push_some(&mut self.nodes_down, counts.down_ns as f64 / 1e9 / horizon_s);
    }

    fn merge(&mut self, other: &SiteTotals) {
        self.faults.merge(&other.faults);
        self.repairs.merge(&other.repairs);
        self.nodes_down.merge(&other.nodes_down);
    }
}

impl SubjectTotals {
    fn push(&mut self, trial: u64, years: Years, outages: &[&Outage]) {
        let seconds = |outage: &&Outage| outage.duration.as_secs_f64();
        let down: f64 = outages.iter().map(seconds).sum();
        // of one that was there before nobody knows how long it has lasted; its end makes up for those that the horizon cuts
        let begun = || outages.iter().filter(|outage| !outage.early);
        let count = begun().count() as f64;
        self.begun += begun().count() as u64;
        self.seen += outages.len() as u64;
        self.down.push(down);
        self.outages.push(count);
        self.repair.push(count, down);
        for (cause, pair) in self.causes.iter_mut().enumerate() {
            pair.push(down, outages.iter().filter(|outage| outage.cause as usize == cause).map(seconds).sum());
        }
        for (stage, pair) in self.stages.iter_mut().enumerate() {
            pair.push(count, outages.iter().map(|outage| outage.stages[stage].as_secs_f64()).sum());
        }
        self.durations.extend(begun().map(|outage| (trial, seconds(outage))));
        let with_failover = begun().filter(|outage| outage.failover);
        self.failovers.extend(with_failover.map(|outage| (trial, seconds(outage))));
        let scale = Span::YEAR.as_secs_f64() / years.length.as_secs_f64();
        let mut piece_down = 0.0;
        let mut piece = 0;
        for outage in outages {
            let mut from = outage.start.as_nanos();
            let end = from + outage.duration.as_nanos();
            while from < end {
                let at = from / years.length.as_nanos();
                if at != piece && piece_down > 0.0 {
                    self.years.push((trial, piece_down * scale));
                    piece_down = 0.0;
                }
                piece = at;
                let until = end.min((at + 1) * years.length.as_nanos());
                piece_down += Span::from_nanos(until - from).as_secs_f64();
                from = until;
            }
        }
        if piece_down > 0.0 {
            self.years.push((trial, piece_down * scale));
        }
    }

    fn merge(&mut self, other: SubjectTotals) {
        self.down.merge(&other.down);
        self.degraded.merge(&other.degraded);
        for (here, there) in self.tiers.iter_mut().zip(&other.tiers) {
            here.merge(there);
        }
        self.loss.merge(&other.loss);
        self.outages.merge(&other.outages);
        self.repair.merge(&other.repair);
        self.seen += other.seen;
        self.begun += other.begun;
        for (here, there) in self.causes.iter_mut().zip(&other.causes) {
            here.merge(there);
        }
        for (here, there) in self.stages.iter_mut().zip(&other.stages) {
            here.merge(there);
        }
        self.years.extend(other.years);
        self.durations.extend(other.durations);
        self.failovers.extend(other.failovers);
    }
}

/// The availability that the objective asks of each window, if it asks for one.
pub fn target(objective: &Objective) -> Option<f64> {
    objective.conditions.iter().find_map(|condition| match condition {
        Condition::Availability(target) | Condition::RequestAvailability(target) => Some(*target),
        _ => None,
    })
}

fn push_some(moments: &mut Moments, value: f64) {
    if value != 0.0 {
        moments.push(value);
    }
}
