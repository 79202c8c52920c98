//! The screen of chaos experiments: the verdict first, then each condition before, during and after, and who acted when.

use super::heading;
use super::table::{Cell, Look, Table, Tone, clean};
use crate::report::number;
use crate::results::chaos::{
    ActResult, ChaosResults, ChaosUnit, ChaosVerdict, ConditionResult, ExperimentResult, Found, PhaseResult,
};
use crate::time::Span;
use std::fmt::Write as _;

/// Acts shown, at most.
const ACTS: usize = 40;

/// All experiments of a scenario.
pub fn chaos(results: &ChaosResults, look: Look) -> String {
    let mut out = look.paint(Tone::Strong, &clean(&results.scenario));
    let _ = writeln!(out, "   chaos   seed {}   full", results.seed);
    if results.partial {
        let _ = writeln!(out, "  {}", look.paint(Tone::Doubt, "PARTIAL: interrupted"));
    }
    for experiment in &results.experiments {
        out.push('\n');
        out.push_str(&one(experiment, look));
    }
    out
}

fn one(experiment: &ExperimentResult, look: Look) -> String {
    let runs = experiment.runs.len();
    let about = format!(
        "{}   {runs} {} of {}, judged every {}",
        experiment.name,
        if runs == 1 { "run" } else { "runs" },
        experiment.length,
        experiment.every
    );
    let mut out = heading("EXPERIMENT", &about, look);
    let mut facts = Table::new();
    let mut fact = |name: &str, value: String| {
        facts.row(vec![Cell::left(name).toned(Tone::Faint), Cell::left(value)]);
    };
    if !experiment.hypothesis.is_empty() {
        fact("hypothesis", experiment.hypothesis.clone());
    }
    for step in &experiment.method {
        let mode = if step.mode.is_empty() { "fault" } else { &step.mode };
        fact("method", format!("{mode} of {} at {} for {}", step.target, step.at, step.lasts));
    }
    let beside = if experiment.background { ", the faults of the scenario beside" } else { "" };
    fact(
        "may show",
        format!("{} in all, over {} after the faults{beside}", experiment.tolerate, experiment.recover_within),
    );
    out.push_str(&facts.render(4, look));
    out.push_str(&verdict(experiment, look));
    out.push('\n');
    out.push_str(&buckets(&experiment.conditions, look));
    out.push_str(&policies(&experiment.conditions, look));
    out.push_str(&runs_of(experiment, look));
    out.push_str(&acts(&experiment.acts, look));
    out
}

fn verdict(experiment: &ExperimentResult, look: Look) -> String {
    let (mark, tone) = match experiment.verdict {
        ChaosVerdict::Passed => ("✓", Tone::Good),
        ChaosVerdict::Inconclusive => ("?", Tone::Doubt),
        ChaosVerdict::Deviated | ChaosVerdict::DeviatedBefore => ("✗", Tone::Bad),
    };
    let share = |value: f64| written(ChaosUnit::Share, Some(value));
    let interval = match (experiment.share.low, experiment.share.high) {
        (Some(low), Some(high)) => format!(
            "  {}% interval [{}, {}]",
            number::trimmed(experiment.share.confidence * 100.0),
            share(round(low)),
            share(round(high))
        ),
        _ => String::new(),
    };
    let line = format!(
        "{mark} {}: {} of {} runs hold{interval}, at least {} asked",
        experiment.verdict.name(),
        experiment.held(),
        experiment.runs.len(),
        share(experiment.hold)
    );
    let mut out = format!("    {}\n", look.paint(tone, &line));
    let before = experiment.deviated_before();
    if before > 0 {
        let runs = if before == 1 { "1 run".to_owned() } else { format!("{before} runs") };
        let _ = writeln!(out, "      in {runs} the steady state did not hold before the first fault");
    }
    out
}

/// To a tenth of a percent.
fn round(share: f64) -> f64 {
    (share * 1_000.0).round() / 1_000.0
}

fn buckets(conditions: &[ConditionResult], look: Look) -> String {
    let (mut table, mut notes) = (Table::new(), String::new());
    for condition in conditions {
        let Found::Buckets(phases) = &condition.found else { continue };
        if table.is_empty() {
            let heads = ["STEADY STATE", "before", "worst", "during", "worst", "after", "worst", "fails for"];
            table.row(heads.iter().map(|head| Cell::left(head).toned(Tone::Strong)).collect());
        }
        let mut row = vec![Cell::left(&condition.text)];
        for PhaseResult { value, worst, .. } in phases {
            row.push(Cell::left(written(condition.unit, *value)));
            row.push(Cell::left(written(condition.unit, worst.map(|worst| worst.value))).toned(Tone::Faint));
        }
        let failed: f64 = phases.iter().map(|phase| phase.failed_s).sum();
        row.push(Cell::left(number::duration(failed)).toned(if failed > 0.0 { Tone::Bad } else { Tone::Good }));
        table.row(row);
        for worst in phases.iter().filter(|phase| phase.failed_s > 0.0).filter_map(|phase| phase.worst) {
            let value = written(condition.unit, Some(worst.value));
            let _ = writeln!(
                notes,
                "    worst: {}  is {value} at {} of run {}",
                clean(&condition.text),
                stamp(worst.at),
                worst.run
            );
        }
    }
    if table.is_empty() { String::new() } else { table.render(4, look) + &notes }
}

fn policies(conditions: &[ConditionResult], look: Look) -> String {
    let mut table = Table::new();
    for condition in conditions {
        let Found::Runs { values, held, median } = &condition.found else { continue };
        if table.is_empty() {
            let heads = ["POLICIES", "median", "least", "most", "holds in"];
            table.row(heads.iter().map(|head| Cell::left(head).toned(Tone::Strong)).collect());
        }
        let never = |value: Option<f64>| value.map_or("never".to_owned(), |value| written(condition.unit, Some(value)));
        let sorted = |pick: fn(f64, f64) -> f64, from: f64| {
            let ends = values.iter().map(|value| value.unwrap_or(f64::INFINITY)).fold(from, pick);
            never(Some(ends).filter(|value| value.is_finite()))
        };
        let count = held.iter().filter(|held| **held).count();
        let tone = if count == held.len() { Tone::Good } else { Tone::Bad };
        table.row(vec![
            Cell::left(&condition.text),
            Cell::left(never(*median)),
            Cell::left(sorted(f64::min, f64::INFINITY)).toned(Tone::Faint),
            Cell::left(sorted(f64::max, 0.0)).toned(Tone::Faint),
            Cell::left(format!("{count} of {} runs", held.len())).toned(tone),
        ]);
    }
    if table.is_empty() { String::new() } else { format!("\n{}", table.render(4, look)) }
}

/// How long conditions failed, and how soon all was well again.
fn runs_of(experiment: &ExperimentResult, look: Look) -> String {
    if experiment.runs.is_empty() {
        return String::new();
    }
    let longest = experiment.runs.iter().map(|run| run.failed).max().unwrap_or_default();
    let late = experiment.runs.iter().filter(|run| run.failed > experiment.tolerate).count();
    let never = experiment.runs.iter().filter(|run| run.recovered.is_none()).count();
    let slowest = experiment.runs.iter().filter_map(|run| run.recovered).max().unwrap_or_default();
    let slowest = number::duration(slowest.as_secs_f64());
    let recovered = match never {
        0 => format!("at most {slowest} after the faults"),
        never => format!("never in {never} of {} runs", experiment.runs.len()),
    };
    let mut table = Table::new();
    table.row(vec![Cell::left("RUNS").toned(Tone::Strong)]);
    table.row(vec![
        Cell::left("a condition fails for"),
        Cell::left(format!("at most {longest}, over the tolerance in {late} of {} runs", experiment.runs.len())),
    ]);
    table.row(vec![Cell::left("all holds again"), Cell::left(recovered)]);
    format!("\n{}", table.render(4, look))
}

fn acts(acts: &[ActResult], look: Look) -> String {
    let mut table = Table::new();
    for act in acts.iter().take(ACTS) {
        if table.is_empty() {
            let heads = ["median", "first run", "runs", "WHO ACTED WHEN"];
            table.row(heads.iter().map(|head| Cell::left(head).toned(Tone::Strong)).collect());
        }
        table.row(vec![
            Cell::right(stamp(act.median)),
            Cell::right(act.first_run.map_or_else(|| "-".to_owned(), stamp)).toned(Tone::Faint),
            Cell::right(act.runs.to_string()).toned(Tone::Faint),
            Cell::left(&act.what),
        ]);
    }
    if table.is_empty() {
        return String::new();
    }
    let more = acts.len().saturating_sub(ACTS);
    let rest = if more > 0 { format!("    and {more} more\n") } else { String::new() };
    format!("\n{}{rest}", table.render(4, look))
}

/// Minutes and seconds since the start of the run, with hours if it takes any.
fn stamp(at: Span) -> String {
    let millis = at.as_nanos() / 1_000_000;
    let (hours, minutes) = (millis / 3_600_000, millis / 60_000 % 60);
    let seconds = format!("{minutes:02}:{:02}.{:03}", millis / 1_000 % 60, millis % 1_000);
    if hours > 0 { format!("{hours}:{seconds}") } else { seconds }
}

/// A value in its unit.
fn written(unit: ChaosUnit, value: Option<f64>) -> String {
    let Some(value) = value else { return "-".to_owned() };
    match unit {
        ChaosUnit::Share => number::trimmed((value * 1e5).round() / 1e3) + "%",
        ChaosUnit::Seconds => number::duration(value),
        ChaosUnit::Number => number::count(value),
    }
}
