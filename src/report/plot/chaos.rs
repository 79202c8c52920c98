//! A chaos experiment over time: success, latency, retries and open breakers around the faults, one below the other.
//!
//! All runs together, bucket by bucket. The time in which something is broken (in the first run) is shaded.

use super::axis::{Scale, linear_duration_ticks};
use super::bars::percents;
use super::canvas::{Anchor, Drawing};
use super::exceedance::{DASHES, draw_curve};
use super::panel::{Curve, GAP, LEFT, PANEL, Panel, counts, draw, durations, ink};
use super::{EDGE, LABEL, PlotError, SUBTITLE, TICK, TITLE, WIDTH, fitted};
use crate::results::chaos::{ChaosResults, ExperimentResult};

const TOP: f64 = 106.0;
/// Calls with breakers shown, at most.
const CALLS: usize = 4;

/// The chart of one experiment.
///
/// # Errors
/// If it has no runs.
pub fn drawing(results: &ChaosResults, experiment: &ExperimentResult) -> Result<Drawing, PlotError> {
    let Some(first) = experiment.runs.first() else { return Err(PlotError::Nothing("no run was made")) };
    let panels = panels(experiment);
    let calls = panels.last().filter(|panel| panel.title == BREAKERS).map_or(0, |panel| panel.curves.len());
    let bottom = TOP + panels.len() as f64 * (PANEL + GAP);
    let mut drawing = Drawing::new(WIDTH, bottom + 36.0 + 22.0 * calls as f64);
    let x = Scale::linear(0.0, experiment.length.as_secs_f64(), LEFT, WIDTH - EDGE - 8.0);
    titles(&mut drawing, results, experiment)?;
    let shade = (x.at(first.fault.0.as_secs_f64()), x.at(first.fault.1.as_secs_f64()));
    for (index, panel) in panels.iter().enumerate() {
        let top = TOP + index as f64 * (PANEL + GAP);
        draw(&mut drawing, panel, (x, experiment.length.as_secs_f64()), (top, top + PANEL), shade);
    }
    for (seconds, label) in linear_duration_ticks(experiment.length.as_secs_f64()) {
        drawing.text((x.at(seconds), bottom - GAP + 16.0), Anchor::Middle, TICK, &label);
    }
    let middle = f64::midpoint(LEFT, WIDTH - EDGE);
    drawing.text((middle, bottom - GAP + 38.0), Anchor::Middle, SUBTITLE, "time since the start of the run");
    if let Some(panel) = panels.last().filter(|_| calls > 0) {
        for (index, curve) in panel.curves.iter().enumerate() {
            let at = bottom + 22.0 + 22.0 * index as f64;
            draw_curve(&mut drawing, &[(LEFT, at), (LEFT + 44.0, at)], ink(index), DASHES[index % DASHES.len()]);
            let name = fitted(&curve.name, LABEL, WIDTH - LEFT - 56.0 - EDGE)?;
            drawing.text((LEFT + 56.0, at), Anchor::Start, LABEL, &name);
        }
    }
    Ok(drawing)
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
    let most = |values: &[Option<f64>]| values.iter().flatten().copied().fold(0.0, f64::max);
    let least = series.success.iter().flatten().copied().fold(1.0, f64::min);
    let success = Panel {
        title: "answered requests",
        curves: vec![curve("", series.success.clone())],
        from: (least - (1.0 - least) * 0.1).clamp(0.0, 0.999),
        to: 1.0,
        label: percents,
    };
    let latency = Panel {
        title: "latency, p99",
        curves: vec![curve("", series.latency_p99_s.clone())],
        from: 0.0,
        to: (most(&series.latency_p99_s) * 1.1).max(1e-6),
        label: durations,
    };
    let retries = some(&series.retries_per_s);
    let retried = Panel {
        title: "retries per second",
        from: 0.0,
        to: if most(&retries) > 0.0 { most(&retries) * 1.1 } else { 1.0 },
        curves: vec![curve("", retries)],
        label: counts,
    };
    let mut panels = vec![success, latency, retried];
    let mut calls: Vec<&(String, Vec<f64>)> = series.breakers.iter().collect();
    let sum = |open: &[f64]| open.iter().sum::<f64>();
    calls.sort_by(|a, b| sum(&b.1).total_cmp(&sum(&a.1)));
    if !calls.is_empty() {
        let curves: Vec<Curve> = calls.iter().take(CALLS).map(|(name, open)| curve(name, some(open))).collect();
        let top = calls.iter().flat_map(|(_, open)| open).copied().fold(0.0, f64::max);
        let to = if top > 0.0 { (top * 1.1).min(1.0) } else { 1.0 };
        panels.push(Panel { title: BREAKERS, curves, from: 0.0, to, label: percents });
    }
    panels
}
