//! `trace`: one trial, line by line, in words, as a table, or for a trace viewer.

use super::args::{FollowArgs, Talk, TraceArgs};
use super::replay::{Which, replay};
use super::watch::catch_interrupts;
use super::{Exit, Refusal, input, output, plan, run};
use ninefold::model::Model;
use ninefold::model::operator::Operator;
use ninefold::report::{chrome, csv, json, number, text};
use ninefold::results::Fidelity;
use ninefold::results::raw::Stage;
use ninefold::results::replay::Replay;
use ninefold::scenario;
use ninefold::simulation::layout::{Choice, Layout, RoutingPlan};
use ninefold::simulation::ledger::Outage;
use ninefold::simulation::requests::journal::Wanted;
use ninefold::simulation::trace::{OperatorStep, TraceEvent};
use ninefold::time::{Span, Time};
use std::fmt::Write as _;

/// Replays the trial that was asked for, or the one with the most downtime.
///
/// # Errors
/// If the scenario is refused or a file fails.
pub fn trace(args: &TraceArgs, talk: Talk) -> anyhow::Result<Exit> {
    let loaded = input::scenario(&args.file, &args.changes, talk)?;
    let plan = plan::plan(&loaded.scenario.settings, &args.machine);
    let requests = choice(&args.follow, plan.fidelity, loaded.scenario.model.horizon)?;
    let mut trial = args.trial;
    if args.worst {
        let run = run::simulate(&loaded, &plan, catch_interrupts()?, talk);
        match run.results.worst_trial {
            Some(worst) => trial = worst,
            None if talk.quiet => {}
            None => {
                let trials = number::whole(run.results.trials);
                eprintln!("note: no downtime in {trials} trials, so none is the worst; this is trial {trial}");
            }
        }
    }
    let which = Which { fidelity: plan.fidelity, seed: plan.seed, trial, requests };
    let replay = replay(&loaded.scenario.model, which);
    let bytes = match (args.csv, args.json, args.chrome) {
        (true, ..) if asked(&args.follow).is_some() => csv::requests(&replay),
        (true, ..) => csv::steps(&replay),
        (_, true, _) => json::replay(&replay),
        (_, _, true) => chrome::trace(&replay),
        (false, false, false) => told(&replay).into_bytes(),
    };
    output::write(&bytes, args.output.as_deref())?;
    Ok(Exit::Fine)
}

/// Requests shown where nobody says how many.
const REQUESTS: u32 = 10;

/// The first of the options of single requests that is there.
fn asked(args: &FollowArgs) -> Option<&'static str> {
    let asked = [
        ("--requests", args.requests.is_some()),
        ("--from", args.from.is_some()),
        ("--to", args.to.is_some()),
        ("--failed", args.failed),
        ("--slowest", args.slowest),
    ];
    asked.into_iter().find(|(_, there)| *there).map(|(name, _)| name)
}

/// Which requests are followed: on the request clock some always are.
fn choice(args: &FollowArgs, fidelity: Fidelity, horizon: Span) -> anyhow::Result<Option<Wanted>> {
    if fidelity == Fidelity::Structure {
        let Some(option) = asked(args) else { return Ok(None) };
        anyhow::bail!(Refusal(format!(
            "error: `{option}` chooses single requests, which the structure clock does not simulate\n  \
             = help: add `--fidelity full`"
        )));
    }
    let time = |option: &str, text: &Option<String>, or: Span| {
        let read = text.as_deref().map_or(Ok(or), scenario::load_duration);
        read.map_err(|problem| Refusal(format!("error: `{option}`: {problem}")))
    };
    let (from, to) = (time("--from", &args.from, Span::ZERO)?, time("--to", &args.to, horizon)?);
    if from >= horizon {
        anyhow::bail!(Refusal(format!("error: `--from {from}` is not within the trial, which lasts {horizon}")));
    }
    if from >= to {
        anyhow::bail!(Refusal(format!("error: no request comes from {from} on and before {to}")));
    }
    let most = args.requests.unwrap_or(REQUESTS) as usize;
    Ok(Some(Wanted { most, from, to, failed: args.failed, slowest: args.slowest }))
}

/// Everything that happened in the trial, each outage at its end.
fn told(replay: &Replay) -> String {
    let Replay { scenario, trial, seed, horizon, .. } = replay;
    let mut text = format!("{scenario}   trial {trial}   seed {seed}   {horizon}\n");
    for step in &replay.steps {
        let _ = writeln!(text, "{:>18}  {:<KIND$}{}", stamp(step.at), step.kind, step.text);
    }
    if let Some(requests) = &replay.requests {
        text.push_str(&text::traced_requests(requests, stamp));
    }
    text
}

/// Width of the word that every line begins with.
pub const KIND: usize = 12;

/// Names for the numbers of a layout.
pub struct Words<'a> {
    /// The model of the layout.
    pub model: &'a Model,
    /// The layout.
    pub layout: &'a Layout,
}

impl Words<'_> {
    /// What happened, its kind in the first [`KIND`] characters.
    pub fn event(&self, event: &TraceEvent) -> String {
        let level = |healthy: bool| if healthy { "healthy" } else { "down" };
        match *event {
            TraceEvent::Fault { unit, cause } => format!("fault       {}: {}", self.site(unit), self.cause(cause)),
            TraceEvent::Repair { unit, cause } => format!("repair      {}: {}", self.site(unit), self.cause(cause)),
            TraceEvent::RestartBegun { unit } => format!("restart     {} begins", self.site(unit)),
            TraceEvent::RestartOver { unit } => format!("restart     {} runs again", self.site(unit)),
            TraceEvent::Level { subject, level } => {
                format!("level       {} {}", self.layout.subjects[subject as usize], percent(level))
            }
            TraceEvent::Believed { process, place, healthy } => {
                format!(
                    "check       {} takes {} for {}",
                    self.process(process),
                    self.place(process, place),
                    level(healthy)
                )
            }
            TraceEvent::RegionBelieved { region, healthy } => {
                format!("check       routing takes {} for {}", self.model.regions[region as usize].name, level(healthy))
            }
            TraceEvent::MoveFailed { region } => {
                format!("reroute     {} keeps its users, people take over", self.model.regions[region as usize].name)
            }
            TraceEvent::FailoverBegun { process, place } => {
                format!("failover    {} begins, to {}", self.process(process), self.place(process, place))
            }
            TraceEvent::NoCandidate { process } => {
                format!("failover    {} finds nobody fit to take over", self.process(process))
            }
            TraceEvent::PromotionFailed { process } => {
                format!("failover    {} fails to promote, people take over", self.process(process))
            }
            TraceEvent::FailoverDone { process, place } => {
                format!("failover    {} done, {} is in charge", self.process(process), self.place(process, place))
            }
            TraceEvent::FailbackBegun { process } => format!("failback    {} begins", self.process(process)),
            TraceEvent::Woken { pool } => format!("woken       {}", self.pool(pool as usize)),
            TraceEvent::Scaled { pool, from, to } => {
                format!("scaled      {}  {from} to {to} nodes", self.pool(pool as usize))
            }
            TraceEvent::Operator { operator, step } => self.operator(operator, step),
            TraceEvent::Rerouted { group } => format!("reroute     {} is told another region", self.group(group)),
            TraceEvent::Converged { group } => format!("reroute     {} has arrived there", self.group(group)),
        }
    }

    /// Who was down, how long and why, as [`event`](Self::event).
    pub fn outage(&self, outage: &Outage) -> String {
        let mut text = format!(
            "outage      {} was down for {}, from {}",
            self.layout.subjects[outage.subject as usize],
            number::duration(outage.duration.as_secs_f64()),
            self.cause(outage.cause),
        );
        let spent = Stage::ALL.iter().zip(outage.stages).filter(|(_, span)| !span.is_zero());
        let stages: Vec<String> =
            spent.map(|(stage, span)| format!("{} {}", stage.name(), number::duration(span.as_secs_f64()))).collect();
        if !stages.is_empty() {
            let _ = write!(text, " ({})", stages.join(", "));
        }
        if outage.cut {
            text.push_str(", still down at the end");
        }
        text
    }

    fn operator(&self, operator: u32, step: OperatorStep) -> String {
        let Operator { name, act, .. } = &self.model.operators[operator as usize];
        match step {
            OperatorStep::Paged => format!("operator    {name} is paged"),
            OperatorStep::SeesNothing => format!("operator    {name} finds all well again"),
            OperatorStep::Acts => format!("operator    {name} begins to {}", act.name()),
            OperatorStep::Over => format!("operator    {name} is done: {}", act.name()),
        }
    }

    fn site(&self, unit: u32) -> &str {
        &self.layout.sites[self.layout.units[unit as usize].site as usize]
    }

    fn cause(&self, cause: u32) -> &str {
        &self.layout.causes[cause as usize]
    }

    fn group(&self, group: u32) -> &str {
        &self.model.groups[group as usize].name
    }

    fn process(&self, process: u32) -> &str {
        let service = self.layout.processes[process as usize].service;
        service.map_or("routing", |service| &self.model.services[service as usize].name)
    }

    /// The region of a place, which is what a reader knows it by.
    fn place(&self, process: u32, place: u32) -> &str {
        let tracked = match &self.layout.routing {
            RoutingPlan::Tracked(tracked) if tracked.process == Some(process) => Some(tracked),
            RoutingPlan::Tracked(_) | RoutingPlan::Direct(_) => None,
        };
        if let Some(Choice::Active(regions)) = tracked.map(|tracked| &tracked.choice) {
            return &self.model.regions[regions[place as usize] as usize].name;
        }
        let pools = &self.layout.processes[process as usize].places[place as usize].pools;
        pools.first().map_or("nowhere", |&pool| self.region_of(pool as usize))
    }

    fn pool(&self, pool: usize) -> String {
        let service = &self.model.services[self.model.pools[pool].service.index()].name;
        format!("{service}@{}", self.region_of(pool))
    }

    fn region_of(&self, pool: usize) -> &str {
        self.model.pools[pool].region.map_or("everywhere", |region| &self.model.regions[region.index()].name)
    }
}

/// A level of service as a percentage that is exact at both ends.
fn percent(level: f64) -> String {
    format!("{}%", number::trimmed((level * 1e6).round() / 1e4))
}

/// Days and the time of day since the start of the trial, to the millisecond.
fn stamp(at: Time) -> String {
    let millis = at.as_nanos() / 1_000_000;
    let (seconds, rest) = (millis / 1_000, millis % 1_000);
    let (days, day) = (seconds / 86_400, seconds % 86_400);
    format!("{days}d {:02}:{:02}:{:02}.{rest:03}", day / 3_600, day / 60 % 60, day % 60)
}

#[cfg(test)]
mod tests {
    use super::stamp;
    use ninefold::time::{Span, Time};

    #[test]
    fn a_stamp_counts_days_from_the_start() {
        assert_eq!(stamp(Time::ZERO), "0d 00:00:00.000");
        assert_eq!(stamp(Time::ZERO + Span::DAY * 400 + Span::from_millis(3_723_004)), "400d 01:02:03.004");
    }
}
