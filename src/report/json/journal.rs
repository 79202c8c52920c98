//! Chaos experiments as journals in the shape of Chaos Toolkit's, so that its tools read them.
//!
//! Times are simulated, in seconds since the start of a run; there is no wall clock and no host in it, so that the same
//! scenario and seed give the same bytes. What the toolkit has no word for (the runs, the interval, phases, acts, series)
//! stands under `ninefold`. One experiment is one journal; several are a list of them.

use super::write::{finite, text};
use crate::results::chaos::{
    ChaosResults, ChaosUnit, ChaosVerdict, ConditionResult, ExperimentResult, Found, PhaseResult, StepResult,
};
use crate::time::Span;
use serde_json::{Value, json};

/// The journal of an experiment, or a list of them.
pub fn journal(results: &ChaosResults) -> Vec<u8> {
    match results.experiments.as_slice() {
        [only] => text(&one(results, only)),
        all => text(&all.iter().map(|experiment| one(results, experiment)).collect()),
    }
}

fn one(results: &ChaosResults, experiment: &ExperimentResult) -> Value {
    let deviated = matches!(experiment.verdict, ChaosVerdict::Deviated | ChaosVerdict::DeviatedBefore);
    let status = match (results.partial, experiment.verdict) {
        (true, _) => "interrupted",
        (false, ChaosVerdict::DeviatedBefore) => "failed",
        (false, ChaosVerdict::Passed | ChaosVerdict::Inconclusive | ChaosVerdict::Deviated) => "completed",
    };
    let end = seconds(experiment.length);
    json!({
        "chaoslib-version": format!("ninefold {}", results.version),
        "experiment": definition(results, experiment),
        "start": 0.0,
        "status": status,
        "deviated": deviated,
        "steady_states": {
            "before": state(experiment, 0),
            "after": state(experiment, 2),
            "during": [state(experiment, 1)],
        },
        "run": experiment.method.iter().map(|step| run(experiment, step)).collect::<Vec<_>>(),
        "rollbacks": experiment.rollbacks.iter().map(|name| rollback(experiment, name)).collect::<Vec<_>>(),
        "end": end,
        "duration": end,
        "ninefold": own(results, experiment),
    })
}

fn definition(results: &ChaosResults, experiment: &ExperimentResult) -> Value {
    let probe = |condition: &ConditionResult| json!({ "type": "probe", "name": condition.text, "tolerance": true });
    json!({
        "version": "1.0.0",
        "title": experiment.name,
        "description": format!("{} of {}", experiment.name, results.scenario),
        "steady-state-hypothesis": {
            "title": experiment.hypothesis,
            "probes": experiment.conditions.iter().map(probe).collect::<Vec<_>>(),
        },
        "method": experiment.method.iter().map(action).collect::<Vec<_>>(),
        "rollbacks": experiment.rollbacks.iter().map(|name| json!({ "type": "action", "name": name })).collect::<Vec<_>>(),
    })
}

fn action(step: &StepResult) -> Value {
    let mode = if step.mode.is_empty() { "fault" } else { &step.mode };
    json!({
        "type": "action",
        "name": format!("{mode} of {}", step.target),
        "provider": {
            "type": "simulation",
            "arguments": { "mode": step.mode, "target": step.target, "at": step.at.to_string(), "for": step.lasts },
        },
    })
}

fn run(experiment: &ExperimentResult, step: &StepResult) -> Value {
    let end = experiment.runs.first().map_or(experiment.length, |run| run.fault.1);
    json!({
        "activity": action(step),
        "start": seconds(step.at),
        "status": "succeeded",
        "end": seconds(end),
        "duration": seconds(end.saturating_sub(step.at)),
        "output": null,
    })
}

fn rollback(experiment: &ExperimentResult, name: &str) -> Value {
    let at = seconds(experiment.runs.first().map_or(experiment.length, |run| run.fault.1));
    json!({ "activity": { "type": "action", "name": name }, "start": at, "status": "succeeded", "end": at, "duration": 0.0 })
}

/// The steady state in a phase: what policies did belongs to the end.
fn state(experiment: &ExperimentResult, phase: usize) -> Value {
    let probe = |condition: &ConditionResult| {
        let (met, output) = match &condition.found {
            Found::Buckets(phases) => (phases[phase].failed_s == 0.0, optional(phases[phase].value)),
            Found::Runs { held, median, .. } if phase == 2 => (held.iter().all(|held| *held), optional(*median)),
            Found::Runs { .. } => return None,
        };
        let activity = json!({ "type": "probe", "name": condition.text });
        Some((met, json!({ "activity": activity, "status": "succeeded", "output": output, "tolerance_met": met })))
    };
    let probes: Vec<(bool, Value)> = experiment.conditions.iter().filter_map(probe).collect();
    let met = probes.iter().all(|(met, _)| *met);
    json!({ "steady_state_met": met, "probes": probes.into_iter().map(|(_, probe)| probe).collect::<Vec<_>>() })
}

fn own(results: &ChaosResults, experiment: &ExperimentResult) -> Value {
    let share = &experiment.share;
    let acts = experiment.acts.iter().map(|act| {
        json!({ "what": act.what, "runs": act.runs, "median_s": seconds(act.median), "first_run_s": act.first_run.map(seconds) })
    });
    let runs = experiment.runs.iter().map(|run| {
        json!({
            "held": run.held,
            "deviated_before": run.deviated_before,
            "failed_s": seconds(run.failed),
            "recovered_s": run.recovered.map(seconds),
            "fault_s": [seconds(run.fault.0), seconds(run.fault.1)],
        })
    });
    let series = &experiment.series;
    let attempts = series.attempts.iter().flat_map(|attempts| {
        let region = |(region, rates): &(String, Vec<f64>)| {
            json!({ "service": attempts.service, "region": region, "per_s": rates })
        };
        attempts.regions.iter().map(region).collect::<Vec<_>>()
    });
    let breakers = series.breakers.iter().map(|(call, open)| json!({ "call": call, "open": open }));
    json!({
        "scenario": { "name": results.scenario, "hash": results.hash },
        "seed": results.seed,
        "verdict": experiment.verdict.name(),
        "hold": experiment.hold,
        "share": {
            "estimate": share.estimate, "low": share.low, "high": share.high, "confidence": share.confidence,
        },
        "every_s": seconds(experiment.every),
        "tolerate_s": seconds(experiment.tolerate),
        "recover_within_s": seconds(experiment.recover_within),
        "background": experiment.background,
        "runs": runs.collect::<Vec<_>>(),
        "conditions": experiment.conditions.iter().map(condition).collect::<Vec<_>>(),
        "acts": acts.collect::<Vec<_>>(),
        "series": {
            "success_ratio": series.success,
            "latency_p50_s": series.latency_p50_s,
            "latency_p99_s": series.latency_p99_s,
            "attempts_per_s": attempts.collect::<Vec<_>>(),
            "retries_per_s": series.retries_per_s,
            "breakers": breakers.collect::<Vec<_>>(),
        },
    })
}

fn condition(condition: &ConditionResult) -> Value {
    let unit = match condition.unit {
        ChaosUnit::Share => "ratio",
        ChaosUnit::Seconds => "s",
        ChaosUnit::Number => "1",
    };
    match &condition.found {
        Found::Buckets([before, during, after]) => json!({
            "condition": condition.text,
            "unit": unit,
            "before": phase(before),
            "during": phase(during),
            "after": phase(after),
        }),
        Found::Runs { values, held, median } => json!({
            "condition": condition.text,
            "unit": unit,
            "median": optional(*median),
            "values": values.iter().map(|value| optional(*value)).collect::<Vec<_>>(),
            "held": held,
        }),
    }
}

fn phase(phase: &PhaseResult) -> Value {
    json!({
        "value": optional(phase.value),
        "worst": phase.worst.map(|worst| worst.value),
        "worst_at_s": phase.worst.map(|worst| seconds(worst.at)),
        "worst_run": phase.worst.map(|worst| worst.run),
        "failed_s": finite(phase.failed_s),
    })
}

fn optional(value: Option<f64>) -> Value {
    value.map_or(Value::Null, finite)
}

fn seconds(span: Span) -> f64 {
    span.as_secs_f64()
}
