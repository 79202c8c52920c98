//! How long failovers take, and how much work they lose: the share that is over within so much.
//!
//! Time is logarithmic, since failovers take seconds when all goes well and hours when it does not. The median and the
//! 95th percentile stand in the legend with what an objective asks of them on the axis.

use super::axis::{Scale, duration_ticks};
use super::bars::percents;
use super::canvas::{Anchor, Drawing, GREY, PALE, PALETTE};
use super::exceedance::{DASHES, draw_curve, draw_targets};
use super::{EDGE, LABEL, PlotError, SUBTITLE, TICK, WIDTH, fitted, titles};
use crate::report::number;
use crate::results::measure::Measure;
use crate::results::{CurveKind, Results, Side};

const TOP: f64 = 96.0;
const BOTTOM: f64 = 440.0;
const LEFT: f64 = 96.0;

/// What is drawn.
struct Kind {
    measure: Measure,
    curve: CurveKind,
    title: &'static str,
    what: &'static str,
    x: &'static str,
    y: &'static str,
    nothing: &'static str,
}

/// Outages with a failover, by length.
///
/// # Errors
/// If no scenario saw one.
pub fn rto(scenarios: &[Results]) -> Result<Drawing, PlotError> {
    let kind = Kind {
        measure: Measure::Rto,
        curve: CurveKind::Rto,
        title: "Time to recover (RTO)",
        what: "share of outages with a failover that are over within x",
        x: "time x from the start of the outage to its end",
        y: "share over within x",
        nothing: "no run saw an outage with a failover",
    };
    drawing(&kind, scenarios)
}

/// Promotions, by the work that they lost.
///
/// # Errors
/// If no scenario saw one that may lose any.
pub fn rpo(scenarios: &[Results]) -> Result<Drawing, PlotError> {
    let kind = Kind {
        measure: Measure::Rpo,
        curve: CurveKind::Rpo,
        title: "Work lost by a failover (RPO)",
        what: "share of promotions of a lagging copy that lose at most x",
        x: "work x that is lost, as time",
        y: "share that loses at most x",
        nothing: "no run saw a promotion of a lagging copy",
    };
    drawing(&kind, scenarios)
}

fn drawing(kind: &Kind, scenarios: &[Results]) -> Result<Drawing, PlotError> {
    let curves: Vec<&[(f64, f64)]> = scenarios.iter().map(|results| results.curve(kind.curve, "system")).collect();
    let seen = || curves.iter().flat_map(|points| points.iter()).map(|(x, _)| *x).filter(|x| *x > 0.0);
    if seen().next().is_none() {
        return Err(PlotError::Nothing(kind.nothing));
    }
    let targets = targets(kind.measure, scenarios);
    let asked = || targets.iter().map(|(x, _)| *x);
    // the first in a thousand would only stretch the axis
    let begin = curves.iter().filter_map(|points| points.iter().find(|(x, over)| *x > 0.0 && *over < 0.999));
    let low = begin.map(|(x, _)| *x).chain(asked()).fold(f64::INFINITY, f64::min) * 0.8;
    let high = seen().chain(asked()).fold(0.0, f64::max) * 1.25;
    let low = if low.is_finite() { low } else { high / 10.0 };
    let x = Scale::log(low, high, LEFT, WIDTH - EDGE - 8.0);
    let y = Scale::linear(0.0, 1.0, BOTTOM, TOP);
    let legend_top = BOTTOM + 74.0;
    let mut drawing = Drawing::new(WIDTH, legend_top + 24.0 * scenarios.len() as f64 + 8.0);
    titles(&mut drawing, kind.title, scenarios, kind.what)?;
    axes(&mut drawing, x, y, (low, high), kind);
    // a distribution function leaves the lower right free
    let labels = BOTTOM - 18.0 * targets.len() as f64;
    draw_targets(&mut drawing, x, &targets, (TOP, BOTTOM), labels)?;
    for (index, (points, results)) in curves.iter().zip(scenarios).enumerate() {
        let (ink, dash) = (PALETTE[index % PALETTE.len()], DASHES[index % DASHES.len()]);
        draw_curve(&mut drawing, &steps(points, x, y, low), ink, dash);
        let at = legend_top + 24.0 * index as f64;
        draw_curve(&mut drawing, &[(LEFT, at), (LEFT + 44.0, at)], ink, dash);
        let text = legend(kind.measure, results, points.is_empty());
        drawing.text((LEFT + 56.0, at), Anchor::Start, LABEL, &fitted(&text, LABEL, WIDTH - LEFT - 56.0 - EDGE)?);
    }
    Ok(drawing)
}

/// The scenario with its median and 95th percentile.
fn legend(measure: Measure, results: &Results, none: bool) -> String {
    if none {
        return format!("{}  (none seen)", results.scenario);
    }
    let of = |statistic: &str| {
        let value = results.find(measure, "system", statistic).and_then(|row| row.value.estimate);
        value.map_or(String::new(), |seconds| format!("   {statistic} {}", number::duration(seconds)))
    };
    format!("{}{}{}", results.scenario, of("p50"), of("p95"))
}

/// What the objectives of the system ask for, in seconds.
fn targets(measure: Measure, scenarios: &[Results]) -> Vec<(f64, String)> {
    let mut targets: Vec<(f64, String)> = Vec::new();
    let verdicts = scenarios.iter().flat_map(|results| &results.verdicts);
    for verdict in verdicts.filter(|v| v.subject == "system" && v.measure == measure && v.side == Side::AtMost) {
        let label = format!("objective: {} at most {}", verdict.statistic, number::target(measure, verdict.target));
        if verdict.target > 0.0 && !targets.iter().any(|(_, other)| *other == label) {
            targets.push((verdict.target, label));
        }
    }
    targets
}

fn axes(drawing: &mut Drawing, x: Scale, y: Scale, (low, high): (f64, f64), kind: &Kind) {
    for (seconds, label) in duration_ticks(low, high) {
        let at = x.at(seconds);
        drawing.line(&[(at, TOP), (at, BOTTOM)], 1.0, PALE);
        drawing.text((at, BOTTOM + 16.0), Anchor::Middle, TICK, &label);
    }
    let ticks = [0.0, 0.25, 0.5, 0.75, 0.95, 1.0];
    for (share, label) in ticks.into_iter().zip(percents(&ticks)) {
        let at = y.at(share);
        drawing.line(&[(LEFT, at), (x.at(high), at)], 1.0, PALE);
        drawing.text((LEFT - 10.0, at), Anchor::End, TICK, &label);
    }
    drawing.line(&[(LEFT, TOP), (LEFT, BOTTOM), (x.at(high), BOTTOM)], 1.25, GREY);
    let middle = f64::midpoint(LEFT, x.at(high));
    drawing.text((middle, BOTTOM + 40.0), Anchor::Middle, SUBTITLE, kind.x);
    drawing.text_upwards((EDGE + 6.0, f64::midpoint(TOP, BOTTOM)), SUBTITLE, kind.y);
}

/// The share up to x in pixels: it stays until the next value that was seen, then rises.
fn steps(points: &[(f64, f64)], x: Scale, y: Scale, low: f64) -> Vec<(f64, f64)> {
    let Some(first) = points.first() else { return Vec::new() };
    let mut share = 1.0 - points.iter().take_while(|(at, _)| *at <= low).last().unwrap_or(first).1;
    let mut path = vec![(x.at(low), y.at(share))];
    for &(at, over) in points.iter().filter(|(at, _)| *at > low) {
        path.push((x.at(at), y.at(share)));
        share = 1.0 - over;
        path.push((x.at(at), y.at(share)));
    }
    path.push((x.at(f64::MAX), y.at(share)));
    path
}
