//! A chaos experiment over time: success, latency, retries and open breakers around the faults, one below the other.
//!
//! All runs together, bucket by bucket. The time in which something is broken (in the first run) is shaded; who acted is
//! marked at the median of the runs, by number.

use super::attempts;
use super::axis::{Scale, linear_duration_ticks};
use super::bars::percents;
use super::canvas::{Anchor, Drawing};
use super::marks::Marks;
use super::panel::{ABOVE, Curve, GAP, LEFT, PANEL, Panel, RIGHT, draw, title};
use super::{EDGE, LABEL, PlotError, SUBTITLE, TICK, TITLE, WIDTH, fitted};
use crate::report::number;
use crate::results::chaos::{ActResult, ChaosResults, ExperimentResult};

/// Where the title of the first panel stands.
const FIRST: f64 = 86.0;
/// Acts told, at most.
const ACTS: usize = 24;
/// Height of a line of the list of acts.
const LINE: f64 = 19.0;
/// Calls with breakers shown, at most.
const CALLS: usize = 4;

/// The chart of one experiment.
///
/// # Errors
/// If it has no runs.
pub fn drawing(results: &ChaosResults, experiment: &ExperimentResult) -> Result<Drawing, PlotError> {
    let Some(first) = experiment.runs.first() else { return Err(PlotError::Nothing("no run was made")) };
    let panels = panels(experiment);
    let end = experiment.length.as_secs_f64();
    let x = Scale::linear(0.0, end, LEFT, RIGHT);
    let acts: Vec<(f64, &ActResult)> =
        experiment.acts.iter().take(ACTS).map(|act| (act.median.as_secs_f64(), act)).collect();
    let marked: Vec<(f64, &str)> = acts.iter().map(|(at, _)| (*at, "")).collect();
    let marks = Marks::new(&marked, x)?;
    let top = FIRST + ABOVE + marks.height();
    let bottom = top + panels.len() as f64 * (PANEL + GAP) - GAP;
    let list = bottom + 72.0;
    let mut drawing = Drawing::new(WIDTH, list + LINE * acts.len() as f64);
    titles(&mut drawing, results, experiment)?;
    let shade = (x.at(first.fault.0.as_secs_f64()), x.at(first.fault.1.as_secs_f64()));
    for (index, panel) in panels.iter().enumerate() {
        let top = top + index as f64 * (PANEL + GAP);
        draw(&mut drawing, panel, (x, end), (top, top + PANEL), shade);
        title(&mut drawing, panel, if index == 0 { FIRST } else { top - ABOVE })?;
        marks.lines(&mut drawing, (top, top + PANEL));
    }
    marks.label(&mut drawing, top);
    for (seconds, label) in linear_duration_ticks(end) {
        drawing.text((x.at(seconds), bottom + 16.0), Anchor::Middle, TICK, &label);
    }
    let middle = f64::midpoint(LEFT, RIGHT);
    drawing.text((middle, bottom + 38.0), Anchor::Middle, SUBTITLE, "time since the start of the run");
    tell(&mut drawing, &acts, experiment.runs.len(), list)?;
    Ok(drawing)
}

/// Who acted when, by number.
fn tell(drawing: &mut Drawing, acts: &[(f64, &ActResult)], runs: usize, top: f64) -> Result<(), PlotError> {
    for (index, (at, act)) in acts.iter().enumerate() {
        let y = top + LINE * index as f64;
        drawing.text((EDGE + 20.0, y), Anchor::End, TICK, &(index + 1).to_string());
        drawing.text((EDGE + 110.0, y), Anchor::End, LABEL, &number::duration(*at));
        let often = if act.runs as usize == runs { String::new() } else { format!(", in {} of {runs} runs", act.runs) };
        let text = fitted(&format!("{}{often}", act.what), LABEL, WIDTH - 2.0 * EDGE - 126.0)?;
        drawing.text((EDGE + 126.0, y), Anchor::Start, LABEL, &text);
    }
    Ok(())
}

const BREAKERS: &str = "breakers open, share of all";

fn titles(drawing: &mut Drawing, results: &ChaosResults, experiment: &ExperimentResult) -> Result<(), PlotError> {
    let title = format!("{}: {}", experiment.name, experiment.verdict.name());
    drawing.text((EDGE, 32.0), Anchor::Start, TITLE, &fitted(&title, TITLE, WIDTH - 2.0 * EDGE)?);
    let runs = experiment.runs.len();
    let line = format!(
        "{}  ·  {} of {runs} runs hold  ·  buckets of {}, all runs together  ·  seed {}  ·  shaded: while something is broken",
        results.scenario,
        experiment.held(),
        experiment.every,
        results.seed
    );
    drawing.text((EDGE, 56.0), Anchor::Start, SUBTITLE, &fitted(&line, SUBTITLE, WIDTH - 2.0 * EDGE)?);
    Ok(())
}

fn panels(experiment: &ExperimentResult) -> Vec<Panel> {
    let series = &experiment.series;
    let every = experiment.every.as_secs_f64();
    let end = experiment.length.as_secs_f64();
    let middle = |bucket: usize| ((bucket as f64 + 0.5) * every).min(end);
    let curve = |name: &str, values: Vec<Option<f64>>| Curve {
        name: name.to_owned(),
        points: values.into_iter().enumerate().map(|(bucket, value)| (middle(bucket), value)).collect(),
    };
    let some = |values: &[f64]| values.iter().map(|value| Some(*value)).collect::<Vec<_>>();
    let least = series.success.iter().flatten().copied().fold(1.0, f64::min);
    let success = Panel {
        title: "answered requests, share".to_owned(),
        curves: vec![curve("", series.success.clone())],
        from: (least - (1.0 - least) * 0.1).clamp(0.0, 0.999),
        to: 1.0,
        log: false,
        label: percents,
    };
    let latency = Panel::of_durations(
        "latency of answered requests".to_owned(),
        vec![curve("p50", series.latency_p50_s.clone()), curve("p99", series.latency_p99_s.clone())],
    );
    let middles: Vec<f64> = (0..series.success.len()).map(middle).collect();
    let retried = Panel::of_counts(
        "retries per second, of all calls, in a run".to_owned(),
        vec![curve("", some(&series.retries_per_s))],
    );
    let mut panels = vec![success, latency];
    panels.extend(attempts::panels(&series.attempts, &middles));
    panels.push(retried);
    let mut calls: Vec<&(String, Vec<f64>)> = series.breakers.iter().collect();
    let sum = |open: &[f64]| open.iter().sum::<f64>();
    calls.sort_by(|a, b| sum(&b.1).total_cmp(&sum(&a.1)));
    if !calls.is_empty() {
        let curves: Vec<Curve> = calls.iter().take(CALLS).map(|(name, open)| curve(name, some(open))).collect();
        let top = calls.iter().flat_map(|(_, open)| open).copied().fold(0.0, f64::max);
        let to = if top > 0.0 { (top * 1.1).min(1.0) } else { 1.0 };
        panels.push(Panel { title: BREAKERS.to_owned(), curves, from: 0.0, to, log: false, label: percents });
    }
    panels
}
