//! One trial as data for traces and charts: faults paired with their repairs, outages, every step in words, and the
//! requests that are followed.

use super::trace::{KIND, Words};
use ninefold::model::Model;
use ninefold::results::Fidelity;
use ninefold::results::raw::TimelineRecord;
use ninefold::results::replay::{Replay, Spell, Step};
use ninefold::results::requests::{Names, Requests};
use ninefold::simulation::layout::{Layout, UnitKind};
use ninefold::simulation::requests::RequestPlan;
use ninefold::simulation::requests::journal::Wanted;
use ninefold::simulation::trace::{OperatorStep, TraceEvent, TraceLine};
use ninefold::simulation::{Compiled, Outcome, Simulator};
use ninefold::time::{Span, Time};
use std::collections::{BTreeMap, VecDeque};

/// Which trial is run again, and which of its requests are followed.
#[derive(Clone, Copy, Debug)]
pub struct Which {
    /// On which clock.
    pub fidelity: Fidelity,
    /// Seed of all random streams.
    pub seed: u64,
    /// The trial.
    pub trial: u64,
    /// Its requests, on the request clock.
    pub requests: Option<Wanted>,
}

/// Runs the trial again and tells all of it.
pub fn replay(model: &Model, which: Which) -> Replay {
    let Which { seed, trial, .. } = which;
    let compiled = match which.fidelity {
        Fidelity::Structure => Compiled::structure(model),
        Fidelity::Full => Compiled::full(model),
    };
    let (outcome, lines, followed) = match (compiled.simulator(), which.requests) {
        (Simulator::Full(mut world), Some(choice)) => {
            let (outcome, lines, followed) = world.run_followed(seed, trial, choice);
            (outcome, lines, Some((choice, followed)))
        }
        (mut simulator, _) => {
            let (outcome, lines) = simulator.run_traced(seed, trial);
            (outcome, lines, None)
        }
    };
    let places = Places { model, layout: &compiled.layout };
    let requests = followed.zip(compiled.requests.as_ref()).map(|((choice, (arrived, requests)), plan)| Requests {
        choice: in_words(choice, model.horizon),
        arrived,
        names: places.names(plan),
        requests,
    });
    Replay { requests, ..told_of(&places, (seed, trial), &outcome, lines) }
}

/// Which requests are followed, in words.
fn in_words(choice: Wanted, horizon: Span) -> String {
    let which = if choice.slowest { "the slowest" } else { "the first" };
    let failed = if choice.failed { " that failed" } else { "" };
    let when = match (choice.from, choice.to) {
        (Span::ZERO, to) if to >= horizon => String::new(),
        (from, to) if to >= horizon => format!(", from {from} on"),
        (Span::ZERO, to) => format!(", before {to}"),
        (from, to) => format!(", from {from} to {to}"),
    };
    format!("{which}{failed}{when}")
}

/// All but the requests.
fn told_of(places: &Places<'_>, (seed, trial): (u64, u64), outcome: &Outcome, mut lines: Vec<TraceLine>) -> Replay {
    let Places { model, layout } = *places;
    let words = Words { model, layout };
    let faults = places.faults(&lines);
    if layout.warm_up > Span::ZERO {
        // what happened in the warm-up is dropped
        lines.retain(|line| line.at > Time::ZERO);
    }
    let mut steps: Vec<Step> = lines.iter().map(|line| places.step(line, &words.event(&line.event))).collect();
    let mut outages: Vec<Spell> = Vec::new();
    for outage in &outcome.outages {
        let (group, part) = places.subject(outage.subject);
        let start = Time::ZERO + outage.start.since(Time::ZERO);
        let text = words.outage(outage);
        steps.push(told(start + outage.duration, &text, (group, part.clone()), ""));
        let cause = layout.causes[outage.cause as usize].clone();
        let stages = Some(outage.stages);
        outages.push(Spell { group, part, cause, start, duration: outage.duration, cut: outage.cut, stages });
    }
    steps.sort_by_key(|step| step.at);
    outages.sort_by_key(|outage| outage.start);
    let name = model.name.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    Replay {
        scenario: name,
        trial,
        seed,
        horizon: model.horizon,
        groups: places.groups(),
        faults,
        outages,
        levels: places.levels(trial, &lines),
        steps,
        requests: None,
    }
}

/// A line of a trace, whose first word is its kind.
fn told(at: Time, line: &str, (group, subject): (usize, String), short: &'static str) -> Step {
    let (kind, text) = line.split_at(KIND.min(line.len()));
    Step { at, kind: kind.trim_end().to_owned(), group, subject, text: text.to_owned(), short }
}

/// What happened in a word or two.
const fn short(event: &TraceEvent) -> &'static str {
    match event {
        TraceEvent::Fault { .. } => "fault",
        TraceEvent::Repair { .. } => "repaired",
        TraceEvent::RestartBegun { .. } => "restart",
        TraceEvent::RestartOver { .. } => "restarted",
        TraceEvent::Level { .. } => "",
        TraceEvent::Believed { healthy, .. } | TraceEvent::RegionBelieved { healthy, .. } => {
            if *healthy {
                "well again"
            } else {
                "noticed"
            }
        }
        TraceEvent::FailoverBegun { .. } => "decided",
        TraceEvent::NoCandidate { .. } => "nobody fit",
        TraceEvent::PromotionFailed { .. } => "promotion failed",
        TraceEvent::MoveFailed { .. } => "move failed",
        TraceEvent::FailoverDone { .. } => "promoted",
        TraceEvent::FailbackBegun { .. } => "failback",
        TraceEvent::Woken { .. } => "woken",
        TraceEvent::Scaled { .. } => "scaled",
        TraceEvent::Operator { step, .. } => match step {
            OperatorStep::Paged => "paged",
            OperatorStep::SeesNothing => "saw nothing",
            OperatorStep::Acts => "acts",
            OperatorStep::Over => "act over",
        },
        TraceEvent::Rerouted { .. } => "rerouted",
        TraceEvent::Converged { .. } => "arrived",
    }
}

/// Groups and names for the numbers of a layout: users, then services, then regions.
#[derive(Clone, Copy)]
struct Places<'a> {
    model: &'a Model,
    layout: &'a Layout,
}

impl Places<'_> {
    /// Names for the numbers of requests.
    fn names(&self, plan: &RequestPlan) -> Names {
        let nodes = (0..plan.nodes.len() as u32).map(|node| self.unit(node).1);
        Names {
            groups: plan.group_names.clone(),
            classes: plan.classes.iter().map(|class| class.name.clone()).collect(),
            regions: self.model.regions.iter().map(|region| region.name.clone()).collect(),
            calls: plan.edges.iter().map(|edge| edge.name.clone()).collect(),
            tiers: plan.edges.iter().map(|edge| edge.tiers.iter().map(|tier| tier.name.clone()).collect()).collect(),
            nodes: nodes.collect(),
        }
    }

    fn groups(&self) -> Vec<String> {
        let services = self.model.services.iter().map(|service| format!("service {}", service.name));
        let regions = self.model.regions.iter().map(|region| format!("region {}", region.name));
        std::iter::once("system".to_owned()).chain(services).chain(regions).collect()
    }

    fn service(service: u32) -> usize {
        1 + service as usize
    }

    fn region(&self, region: u32) -> usize {
        1 + self.model.services.len() + region as usize
    }

    fn subject(&self, subject: u32) -> (usize, String) {
        let (name, subject) = (self.layout.subjects[subject as usize].clone(), subject as usize);
        let group = if subject < self.layout.first_service {
            0
        } else if subject < self.layout.first_region {
            Self::service((subject - self.layout.first_service) as u32)
        } else {
            self.region((subject - self.layout.first_region) as u32)
        };
        (group, name)
    }

    fn pool(&self, pool: u32) -> usize {
        let pool = &self.model.pools[pool as usize];
        pool.region.map_or_else(|| Self::service(pool.service.0), |region| self.region(region.0))
    }

    fn unit(&self, unit: u32) -> (usize, String) {
        let laid = &self.layout.units[unit as usize];
        let site = &self.layout.sites[laid.site as usize];
        match laid.kind {
            UnitKind::Node(shelf) => {
                let pool = self.layout.shelves[shelf as usize].pool;
                let plan = &self.layout.pools[pool as usize];
                let part =
                    if plan.nodes == 1 { site.clone() } else { format!("{site} {}", unit - plan.first_unit + 1) };
                (self.pool(pool), part)
            }
            UnitKind::Zone(zone) => (self.region(self.layout.zone_region[zone as usize]), site.clone()),
            UnitKind::Region(region) => (self.region(region), site.clone()),
            UnitKind::Service(service) => (Self::service(service), site.clone()),
            UnitKind::Cut(_) | UnitKind::Group(_) | UnitKind::Gray(_) => (0, site.clone()),
        }
    }

    fn process(&self, process: u32) -> (usize, String) {
        match self.layout.processes[process as usize].service {
            Some(service) => (Self::service(service), self.model.services[service as usize].name.clone()),
            None => (0, "routing".to_owned()),
        }
    }

    /// Whom an event is about.
    fn step(&self, line: &TraceLine, words: &str) -> Step {
        let (group, subject) = match line.event {
            TraceEvent::Fault { unit, .. }
            | TraceEvent::Repair { unit, .. }
            | TraceEvent::RestartBegun { unit }
            | TraceEvent::RestartOver { unit } => self.unit(unit),
            TraceEvent::Level { subject, .. } => self.subject(subject),
            TraceEvent::Believed { process, .. }
            | TraceEvent::FailoverBegun { process, .. }
            | TraceEvent::NoCandidate { process }
            | TraceEvent::PromotionFailed { process }
            | TraceEvent::FailoverDone { process, .. }
            | TraceEvent::FailbackBegun { process } => self.process(process),
            TraceEvent::RegionBelieved { region, .. } | TraceEvent::MoveFailed { region } => {
                (self.region(region), self.model.regions[region as usize].name.clone())
            }
            TraceEvent::Woken { pool } | TraceEvent::Scaled { pool, .. } => {
                let service = self.model.pools[pool as usize].service.index();
                (self.pool(pool), self.model.services[service].name.clone())
            }
            TraceEvent::Operator { operator, .. } => (0, self.model.operators[operator as usize].name.clone()),
            TraceEvent::Rerouted { group } | TraceEvent::Converged { group } => {
                (0, self.model.groups[group as usize].name.clone())
            }
        };
        told(line.at, words, (group, subject), short(&line.event))
    }

    fn levels(&self, trial: u64, lines: &[TraceLine]) -> Vec<TimelineRecord> {
        let level = |line: &TraceLine| match line.event {
            TraceEvent::Level { subject, level } if (subject as usize) < self.layout.first_service => {
                let subject = self.layout.subjects[subject as usize].clone();
                Some(TimelineRecord { trial, at: line.at, subject, level, requests: None })
            }
            _ => None,
        };
        lines.iter().filter_map(level).collect()
    }

    /// Each fault with the repair that ends it; those that were over before counting began are dropped.
    fn faults(&self, lines: &[TraceLine]) -> Vec<Spell> {
        let mut open: BTreeMap<(u32, u32), VecDeque<usize>> = BTreeMap::new();
        let end = Time::ZERO + self.model.horizon;
        let mut faults: Vec<Spell> = Vec::new();
        for line in lines {
            match line.event {
                TraceEvent::Fault { unit, cause } => {
                    open.entry((unit, cause)).or_default().push_back(faults.len());
                    let (group, part) = self.unit(unit);
                    let cause = self.layout.causes[cause as usize].clone();
                    let duration = end.since(line.at);
                    faults.push(Spell { group, part, cause, start: line.at, duration, cut: true, stages: None });
                }
                TraceEvent::Repair { unit, cause } => {
                    if let Some(index) = open.get_mut(&(unit, cause)).and_then(VecDeque::pop_front) {
                        let fault = &mut faults[index];
                        (fault.duration, fault.cut) = (line.at.since(fault.start), false);
                    }
                }
                _ => {}
            }
        }
        faults.retain(|fault| fault.start > Time::ZERO || !fault.duration.is_zero());
        faults
    }
}
