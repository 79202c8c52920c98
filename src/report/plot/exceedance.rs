//! Share of years with more downtime than so much: how bad a bad year is, and how often the objective is missed.
//!
//! Both axes are logarithmic, since what matters lies in the tail. Years without downtime cannot stand on a logarithmic
//! axis; the curve enters from the left at the share of years with any. Each curve stops at the worst year that was seen.

use super::axis::{Scale, duration_ticks};
use super::canvas::{Anchor, BLACK, Drawing, GREY, Ink, PALE, PALETTE, width_of};
use super::{EDGE, LABEL, PlotError, SUBTITLE, TICK, WIDTH, names, titles};
use crate::report::number;
use crate::results::measure::Measure;
use crate::results::{CurveKind, Results, Side};
use crate::time::YEAR_S;

const TOP: f64 = 96.0;
const BOTTOM: f64 = 470.0;
const LEFT: f64 = 104.0;
/// Dash and gap of each curve in turn, so that grey copies can be told apart.
pub const DASHES: [Option<(f64, f64)>; 4] = [None, Some((10.0, 5.0)), Some((3.0, 4.0)), Some((16.0, 4.0))];

/// The chart.
///
/// # Errors
/// If no scenario saw any downtime.
pub fn drawing(scenarios: &[Results]) -> Result<Drawing, PlotError> {
    let curves: Vec<&[(f64, f64)]> = scenarios.iter().map(curve).collect();
    let drawn = curves.iter().flat_map(|points| points.iter()).filter(|(x, y)| *x > 0.0 && *y > 0.0);
    let reach = drawn
        .fold((f64::INFINITY, 0.0_f64, 1.0_f64), |(low, high, least), &(x, y)| (low.min(x), high.max(x), least.min(y)));
    if reach.1 <= 0.0 {
        return Err(PlotError::Nothing("no run saw a year with downtime"));
    }
    let targets = targets(scenarios);
    let falls = curves.iter().map(|points| begins_to_fall(points)).fold(reach.1, f64::min);
    let low = targets.iter().map(|(x, _)| *x).fold(falls.max(reach.1 * 1e-5), f64::min) * 0.8;
    let high = targets.iter().map(|(x, _)| *x).fold(reach.1, f64::max) * 1.3;
    let least = libm::pow(10.0, libm::floor(libm::log10(reach.2) + 1e-9)).clamp(1e-9, 0.1);
    let x = Scale::log(low, high, LEFT, WIDTH - EDGE - 8.0);
    let y = Scale::log(least, 1.0, BOTTOM, TOP);
    let legend_top = BOTTOM + 74.0;
    let mut drawing = Drawing::new(WIDTH, legend_top + 24.0 * scenarios.len() as f64 + 8.0);
    titles(&mut drawing, "Downtime in a year", scenarios, "share of simulated years with more downtime than x")?;
    axes(&mut drawing, x, y, (low, high), least);
    draw_targets(&mut drawing, x, &targets, (TOP, BOTTOM), TOP + 12.0)?;
    let (names, _) = names(scenarios, WIDTH - 2.0 * EDGE - 220.0)?;
    for (index, points) in curves.iter().enumerate() {
        let (ink, dash) = (PALETTE[index % PALETTE.len()], DASHES[index % DASHES.len()]);
        let steps = steps(points, x, y, low);
        draw_curve(&mut drawing, &steps, ink, dash);
        let at = legend_top + 24.0 * index as f64;
        draw_curve(&mut drawing, &[(LEFT, at), (LEFT + 44.0, at)], ink, dash);
        let text =
            if steps.is_empty() { format!("{}  (no downtime seen)", names[index]) } else { names[index].clone() };
        drawing.text((LEFT + 56.0, at), Anchor::Start, LABEL, &text);
    }
    Ok(drawing)
}

/// The downtime up to which hardly any year gets away: what lies left of it is flat.
fn begins_to_fall(points: &[(f64, f64)]) -> f64 {
    let most = points.first().map_or(0.0, |(_, share)| *share);
    points.iter().find(|(x, share)| *x > 0.0 && *share < 0.97 * most).map_or(f64::INFINITY, |(x, _)| *x)
}

/// The curve of the system.
fn curve(results: &Results) -> &[(f64, f64)] {
    let mut curves = results.curves.iter();
    curves
        .find(|curve| curve.kind == CurveKind::Exceedance && curve.subject == "system")
        .map_or(&[], |curve| &curve.points)
}

/// Downtime that the objectives of the system allow in a year, in seconds, with what to call it.
fn targets(scenarios: &[Results]) -> Vec<(f64, String)> {
    let mut targets: Vec<(f64, String)> = Vec::new();
    for verdict in scenarios.iter().flat_map(|results| &results.verdicts).filter(|v| v.subject == "system") {
        let label = number::target(verdict.measure, verdict.target);
        let target = match (verdict.measure, verdict.side) {
            (Measure::AvailabilityTime, Side::AtLeast) if verdict.target < 1.0 => {
                let allowed = (1.0 - verdict.target) * YEAR_S;
                (allowed, format!("objective {label} = {}", number::duration(allowed)))
            }
            (Measure::DowntimePerYear, Side::AtMost) if verdict.target > 0.0 => {
                (verdict.target, format!("objective {} {label}", verdict.statistic))
            }
            _ => continue,
        };
        if !targets.contains(&target) {
            targets.push(target);
        }
    }
    targets
}

fn axes(drawing: &mut Drawing, x: Scale, y: Scale, (low, high): (f64, f64), least: f64) {
    for (seconds, label) in duration_ticks(low, high) {
        let at = x.at(seconds);
        drawing.line(&[(at, TOP), (at, BOTTOM)], 1.0, PALE);
        drawing.text((at, BOTTOM + 16.0), Anchor::Middle, TICK, &label);
    }
    let decades = (-libm::log10(least)).round() as i32;
    let step = (decades / 6).max(1);
    for decade in (0..=decades).step_by(step as usize) {
        let share = libm::pow(10.0, f64::from(-decade));
        let at = y.at(share);
        drawing.line(&[(LEFT, at), (x.at(high), at)], 1.0, PALE);
        let label = format!("{}%", number::trimmed(share * 100.0));
        drawing.text((LEFT - 10.0, at), Anchor::End, TICK, &label);
    }
    drawing.line(&[(LEFT, TOP), (LEFT, BOTTOM), (x.at(high), BOTTOM)], 1.25, GREY);
    let middle = f64::midpoint(LEFT, x.at(high));
    drawing.text((middle, BOTTOM + 40.0), Anchor::Middle, SUBTITLE, "downtime x in one year");
    drawing.text_upwards((EDGE + 6.0, f64::midpoint(TOP, BOTTOM)), SUBTITLE, "share of years with more than x");
}

/// A broken line for each target with its label, the first at height `labels`.
pub fn draw_targets(
    drawing: &mut Drawing,
    x: Scale,
    targets: &[(f64, String)],
    (top, bottom): (f64, f64),
    labels: f64,
) -> Result<(), PlotError> {
    for (index, (seconds, label)) in targets.iter().enumerate() {
        let at = x.at(*seconds);
        drawing.dashed(&[(at, top), (at, bottom)], 1.5, (6.0, 4.0), BLACK);
        let wide = width_of(label, SUBTITLE)?;
        let height = labels + 18.0 * index as f64;
        if at + 8.0 + wide < WIDTH - EDGE {
            drawing.label((at + 8.0, height), SUBTITLE, label)?;
        } else {
            drawing.text((at - 8.0, height), Anchor::End, SUBTITLE, label);
        }
    }
    Ok(())
}

/// The curve in pixels: the share stays until the next downtime that was seen, then falls.
fn steps(points: &[(f64, f64)], x: Scale, y: Scale, low: f64) -> Vec<(f64, f64)> {
    let mut path: Vec<(f64, f64)> = Vec::new();
    let mut share = points.iter().take_while(|(seconds, _)| *seconds <= low).last().map(|(_, share)| *share);
    if let Some(share) = share.filter(|share| *share > 0.0) {
        path.push((x.at(low), y.at(share)));
    }
    for &(seconds, next) in points.iter().filter(|(seconds, _)| *seconds > low) {
        if let Some(share) = share.filter(|share| *share > 0.0) {
            path.push((x.at(seconds), y.at(share)));
        }
        if next > 0.0 {
            path.push((x.at(seconds), y.at(next)));
        }
        share = Some(next);
    }
    path.dedup_by_key(|(x, y)| ((*x * 4.0).round() as i64, (*y * 4.0).round() as i64));
    path
}

/// A curve through points in pixels, whole or broken.
pub fn draw_curve(drawing: &mut Drawing, path: &[(f64, f64)], ink: Ink, dash: Option<(f64, f64)>) {
    match dash {
        _ if path.len() < 2 => {}
        None => drawing.line(path, 2.25, ink),
        Some(dash) => drawing.dashed(path, 2.25, dash, ink),
    }
}
