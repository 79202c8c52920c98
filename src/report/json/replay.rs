//! One trial as JSON: its faults, outages and steps, and single requests where they are simulated.

use super::write::{finite, text};
use crate::results::raw::Stage;
use crate::results::replay::{Replay, Spell};
use crate::results::requests::{AttemptTrace, CallTrace, Names, Owner, RequestTrace, Requests, TierTrace, name};
use crate::time::{Span, Time};
use serde_json::{Map, Value, json};

/// The trial.
pub fn replay(replay: &Replay) -> Vec<u8> {
    let steps = replay
        .steps
        .iter()
        .map(|step| json!({ "t_s": seconds(step.at), "event": step.kind, "subject": step.subject, "text": step.text }));
    let mut value = json!({
        "scenario": replay.scenario,
        "trial": replay.trial,
        "seed": replay.seed,
        "horizon_s": finite(replay.horizon.as_secs_f64()),
        "faults": replay.faults.iter().map(spell).collect::<Vec<_>>(),
        "outages": replay.outages.iter().map(spell).collect::<Vec<_>>(),
        "steps": steps.collect::<Vec<_>>(),
    });
    if let (Some(requests), Value::Object(map)) = (&replay.requests, &mut value) {
        map.insert("requests".to_owned(), chosen(requests));
    }
    text(&value)
}

fn spell(spell: &Spell) -> Value {
    let mut value = json!({
        "subject": spell.part,
        "cause": spell.cause,
        "start_s": seconds(spell.start),
        "duration_s": length(spell.duration),
        "cut": spell.cut,
    });
    if let (Some(stages), Value::Object(map)) = (spell.stages, &mut value) {
        let spent = Stage::ALL.iter().zip(stages).filter(|(_, span)| !span.is_zero());
        let stages: Map<String, Value> = spent.map(|(stage, span)| (stage.name().to_owned(), length(span))).collect();
        map.insert("stages_s".to_owned(), Value::Object(stages));
    }
    value
}

fn chosen(requests: &Requests) -> Value {
    let names = &requests.names;
    json!({
        "choice": requests.choice,
        "arrived": requests.arrived,
        "traces": requests.requests.iter().map(|trace| request(names, trace)).collect::<Vec<_>>(),
    })
}

fn request(names: &Names, trace: &RequestTrace) -> Value {
    json!({
        "request": trace.number,
        "group": name(&names.groups, trace.group),
        "client": trace.client,
        "class": name(&names.classes, trace.class),
        "region": trace.region.map(|region| name(&names.regions, region)),
        "arrived_s": seconds(trace.arrived),
        "ended_s": trace.ended.map(seconds),
        "outcome": trace.ending.name(),
        "calls": trace.calls.iter().map(|trace| call(names, trace)).collect::<Vec<_>>(),
    })
}

/// Calls, attempts and tiers are named by their place in these lists, from 0.
fn call(names: &Names, trace: &CallTrace) -> Value {
    let tiers = names.tiers(trace.call);
    let made_by = match trace.owner {
        Owner::User => Value::Null,
        Owner::Attempt { call, attempt } => json!({ "call": call, "attempt": attempt }),
        Owner::Tier { call, tier } => json!({ "call": call, "tier": tier }),
    };
    let backoff = |(from, until): &(Time, Time)| json!({ "start_s": seconds(*from), "end_s": seconds(*until) });
    json!({
        "call": name(&names.calls, trace.call),
        "made_by": made_by,
        "start_s": seconds(trace.began),
        "end_s": trace.ended.map(seconds),
        "outcome": trace.ending.name(),
        "attempts": trace.attempts.iter().map(|trace| attempt(names, trace)).collect::<Vec<_>>(),
        "backoffs": trace.backoffs.iter().map(backoff).collect::<Vec<_>>(),
        "tiers": trace.tiers.iter().map(|trace| tier(tiers, trace)).collect::<Vec<_>>(),
    })
}

fn attempt(names: &Names, trace: &AttemptTrace) -> Value {
    json!({
        "attempt": trace.number,
        "hedge": trace.hedge,
        "node": trace.node.map(|node| name(&names.nodes, node)),
        "start_s": seconds(trace.sent),
        "reached_s": trace.reached.map(seconds),
        "queue_s": trace.queue().map(length),
        "work_s": trace.service().map(length),
        "end_s": trace.ended.map(seconds),
        "outcome": trace.ending.name(),
    })
}

fn tier(names: &[String], trace: &TierTrace) -> Value {
    json!({
        "tier": name(names, trace.tier),
        "start_s": seconds(trace.began),
        "end_s": trace.ended.map(seconds),
        "outcome": trace.ending.name(),
    })
}

fn seconds(at: Time) -> Value {
    length(at.since(Time::ZERO))
}

fn length(span: Span) -> Value {
    finite(span.as_secs_f64())
}
