//! Who acted when, in words: faults, checks, failovers and routing from the trace, breakers and ejections from the record.
//!
//! Of what happens often, the first time counts; of what ends (faults, open breakers), the last. What falls on one instant
//! is told from cause to consequence, which need not be the order in which a trial comes to it.

use crate::model::Model;
use crate::model::experiment::CallEnds;
use crate::model::operator::Operator;
use crate::results::chaos::ActResult;
use crate::simulation::layout::{Choice, Layout, RoutingPlan};
use crate::simulation::requests::RequestPlan;
use crate::simulation::requests::reading;
use crate::simulation::requests::record::{Act, Heard, Record};
use crate::simulation::requests::spells::spells;
use crate::simulation::trace::{OperatorStep, TraceEvent, TraceLine};
use crate::time::{Span, Time};
use std::collections::{BTreeMap, BTreeSet};

/// When what was done in a run.
pub type Acts = BTreeMap<(Kind, String), Span>;

/// What acts at one instant may be owed to: each kind to those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A fault or a restart is over.
    Ends,
    /// A fault begins.
    Strikes,
    /// Somebody notices.
    Seen,
    /// Somebody begins to do something about it.
    Begun,
    /// What has come of that.
    Done,
}

impl Kind {
    /// Of a line of the trace.
    const fn of(event: &TraceEvent) -> Kind {
        match event {
            TraceEvent::Repair { .. } | TraceEvent::RestartOver { .. } => Kind::Ends,
            TraceEvent::Fault { .. } => Kind::Strikes,
            TraceEvent::Level { .. } | TraceEvent::Believed { .. } | TraceEvent::RegionBelieved { .. } => Kind::Seen,
            TraceEvent::FailoverBegun { .. } | TraceEvent::FailbackBegun { .. } => Kind::Begun,
            TraceEvent::Operator { step, .. } => match step {
                OperatorStep::Paged | OperatorStep::SeesNothing => Kind::Seen,
                OperatorStep::Acts => Kind::Begun,
                OperatorStep::Over => Kind::Done,
            },
            TraceEvent::RestartBegun { .. }
            | TraceEvent::MoveFailed { .. }
            | TraceEvent::NoCandidate { .. }
            | TraceEvent::PromotionFailed { .. }
            | TraceEvent::FailoverDone { .. }
            | TraceEvent::Woken { .. }
            | TraceEvent::Scaled { .. }
            | TraceEvent::Rerouted { .. }
            | TraceEvent::Converged { .. } => Kind::Done,
        }
    }
}

/// The acts of a run.
pub fn of_run(model: &Model, layout: &Layout, plan: &RequestPlan, trace: &[TraceLine], record: &Record) -> Acts {
    let mut acts = Acts::new();
    let words = Words { model, layout };
    for line in trace {
        let at = line.at.since(Time::ZERO);
        let kind = Kind::of(&line.event);
        match words.of(&line.event) {
            Some((what, true)) => _ = acts.insert((kind, what), at),
            Some((what, false)) => _ = acts.entry((kind, what)).or_insert(at),
            None => {}
        }
    }
    for heard in &record.heard {
        let call = &plan.edges[heard.edge as usize].name;
        let (what, last) = match heard.act {
            Act::Opened { .. } => (format!("breaker of {call} opened"), false),
            Act::HalfOpened => (format!("breaker of {call} half open"), false),
            Act::Closed => (format!("breaker of {call} closed, the last time"), true),
            Act::Ejected => (format!("node ejected by {call}"), false),
            Act::Returned => (format!("node back in {call}, the last time"), true),
        };
        let known = acts.entry((Kind::Seen, what)).or_insert(heard.at);
        if last {
            *known = heard.at;
        }
    }
    acts
}

/// All runs together, in the order of the medians, causes first.
pub fn of_all(runs: &[Acts]) -> Vec<ActResult> {
    let names: BTreeSet<&(Kind, String)> = runs.iter().flat_map(BTreeMap::keys).collect();
    let all = |name: &(Kind, String)| {
        let mut times: Vec<Span> = runs.iter().filter_map(|run| run.get(name).copied()).collect();
        times.sort_unstable();
        let first_run = runs.first().and_then(|run| run.get(name).copied());
        ActResult { what: name.1.clone(), runs: times.len() as u64, median: times[(times.len() - 1) / 2], first_run }
    };
    let mut acts: Vec<ActResult> = names.into_iter().map(all).collect();
    // what has one median stays in the order of kinds, then of words
    acts.sort_by_key(|act| act.median);
    acts
}

/// The first opening of a breaker of the call at or after `from`.
pub fn opened(plan: &RequestPlan, record: &Record, call: CallEnds, from: Span) -> Option<Span> {
    let of_call = |heard: &&Heard| reading::is(&plan.edges[heard.edge as usize], call);
    let opens = |heard: &&Heard| matches!(heard.act, Act::Opened { .. }) && heard.at >= from;
    record.heard.iter().filter(of_call).find(opens).map(|heard| heard.at)
}

/// When, at or after `from`, breakers of the call refuse and probe for the last time in a run of `length`.
pub fn closed(plan: &RequestPlan, record: &Record, call: CallEnds, (from, length): (Span, Span)) -> Option<Span> {
    let of_call = |edge: u32| reading::is(&plan.edges[edge as usize], call);
    let ends = spells(record, length).filter(|spell| of_call(spell.edge)).map(|spell| spell.to);
    Some(ends.fold(from, Span::max)).filter(|last| *last <= length)
}

/// Names of the things in a trace.
struct Words<'a> {
    model: &'a Model,
    layout: &'a Layout,
}

impl Words<'_> {
    /// What happened, and whether the last time counts; nothing that would only repeat the table.
    fn of(&self, event: &TraceEvent) -> Option<(String, bool)> {
        let level = |healthy: bool| if healthy { "healthy" } else { "down" };
        Some(match *event {
            TraceEvent::Fault { unit, .. } => (format!("fault strikes {}", self.site(unit)), false),
            TraceEvent::Repair { unit, .. } => (format!("fault on {} is over", self.site(unit)), true),
            TraceEvent::RestartBegun { unit } => (format!("restart of {} begun", self.site(unit)), false),
            TraceEvent::RestartOver { unit } => (format!("restart of {} over", self.site(unit)), true),
            TraceEvent::Level { .. } => return None,
            TraceEvent::Believed { process, place, healthy } => {
                let (whose, place) = (self.process(process), self.place(process, place));
                (format!("{whose} takes {place} for {}", level(healthy)), healthy)
            }
            TraceEvent::RegionBelieved { region, healthy } => {
                let region = &self.model.regions[region as usize].name;
                (format!("routing takes {region} for {}", level(healthy)), healthy)
            }
            TraceEvent::MoveFailed { region } => {
                let region = &self.model.regions[region as usize].name;
                (format!("users of {region} not moved off, people take over"), false)
            }
            TraceEvent::FailoverBegun { process, .. } => {
                (format!("failover of {} decided", self.process(process)), false)
            }
            TraceEvent::NoCandidate { process } => {
                (format!("failover of {} finds nobody fit", self.process(process)), false)
            }
            TraceEvent::PromotionFailed { process } => {
                (format!("promotion of {} failed, people take over", self.process(process)), false)
            }
            TraceEvent::FailoverDone { process, place } => {
                let (whose, place) = (self.process(process), self.place(process, place));
                (format!("failover of {whose} done, {place} is in charge"), false)
            }
            TraceEvent::FailbackBegun { process } => (format!("failback of {} begun", self.process(process)), false),
            TraceEvent::Woken { pool } => {
                let pool = &self.model.pools[pool as usize];
                let service = &self.model.services[pool.service.index()].name;
                let region = pool.region.map_or("everywhere", |region| &self.model.regions[region.index()].name);
                (format!("nodes of {service}@{region} woken"), false)
            }
            TraceEvent::Scaled { pool, from, to } => {
                let service = self.model.pools[pool as usize].service;
                let name = &self.model.services[service.index()].name;
                (format!("{name} scales from {from} to {to} nodes"), true)
            }
            TraceEvent::Operator { operator, step } => self.operator(operator, step),
            TraceEvent::Rerouted { group } => {
                (format!("{} is told another region", self.model.groups[group as usize].name), false)
            }
            TraceEvent::Converged { group } => {
                (format!("{} has arrived there", self.model.groups[group as usize].name), false)
            }
        })
    }

    fn operator(&self, operator: u32, step: OperatorStep) -> (String, bool) {
        let Operator { name, act, .. } = &self.model.operators[operator as usize];
        match step {
            OperatorStep::Paged => (format!("{name} is paged"), false),
            OperatorStep::SeesNothing => (format!("{name} finds all well again"), true),
            OperatorStep::Acts => (format!("{name} begins to {}", act.name()), false),
            OperatorStep::Over => (format!("{name} is done: {}, the last time", act.name()), true),
        }
    }

    fn site(&self, unit: u32) -> &str {
        &self.layout.sites[self.layout.units[unit as usize].site as usize]
    }

    fn process(&self, process: u32) -> &str {
        let service = self.layout.processes[process as usize].service;
        service.map_or("routing", |service| &self.model.services[service as usize].name)
    }

    fn place(&self, process: u32, place: u32) -> &str {
        if let RoutingPlan::Tracked(tracked) = &self.layout.routing
            && tracked.process == Some(process)
            && let Choice::Active(regions) = &tracked.choice
        {
            return &self.model.regions[regions[place as usize] as usize].name;
        }
        let pools = &self.layout.processes[process as usize].places[place as usize].pools;
        let region = pools.first().and_then(|&pool| self.model.pools[pool as usize].region);
        region.map_or("everywhere", |region| &self.model.regions[region.index()].name)
    }
}
