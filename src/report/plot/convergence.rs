//! How sure the run is, and when it became so: the running estimate of the unavailability with its closing interval.
//!
//! The axis of trials is logarithmic. Intervals of the first few trials are so wide that they would hide the rest, so
//! the picture ends at three times the largest estimate; a band that reaches its edge goes on beyond.

use super::axis::{Scale, round_ticks};
use super::bars::percents;
use super::canvas::{Anchor, Drawing, GREY, Ink, PALE, PALETTE};
use super::exceedance::{DASHES, draw_curve};
use super::{EDGE, LABEL, PlotError, SUBTITLE, TICK, WIDTH, fitted, titles};
use crate::report::number;
use crate::results::measure::Measure;
use crate::results::{CurveKind, Results};

const TOP: f64 = 84.0;
const BOTTOM: f64 = 440.0;
const LEFT: f64 = 118.0;

/// The chart.
///
/// # Errors
/// If no scenario says how it converged.
pub fn drawing(scenarios: &[Results]) -> Result<Drawing, PlotError> {
    let all = |kind| scenarios.iter().flat_map(move |results| results.curve(kind, "system"));
    let estimates = all(CurveKind::Convergence);
    let most = estimates.map(|(_, y)| *y).fold(0.0, f64::max);
    let bound = all(CurveKind::ConvergenceHigh).map(|(_, y)| *y).fold(0.0, f64::max);
    let (least_trials, most_trials) = all(CurveKind::ConvergenceHigh)
        .fold((f64::INFINITY, 0.0_f64), |(low, high), (x, _)| (low.min(*x), high.max(*x)));
    if most_trials <= least_trials || bound <= 0.0 {
        return Err(PlotError::Nothing("no run has enough trials to show how its estimate settles"));
    }
    let top = if most > 0.0 { bound.min(3.0 * most) * 1.05 } else { bound };
    let x = Scale::log(least_trials, most_trials, LEFT, WIDTH - EDGE - 16.0);
    let y = Scale::linear(0.0, top, BOTTOM, TOP);
    let legend_top = BOTTOM + 74.0;
    let mut drawing = Drawing::new(WIDTH, legend_top + 24.0 * scenarios.len() as f64 + 8.0);
    let level = number::trimmed(confidence(scenarios) * 100.0);
    let what = format!("running estimate of the system's unavailability with its {level}% interval");
    titles(&mut drawing, "How the estimate settles", scenarios, &what)?;
    axes(&mut drawing, x, y, (least_trials, most_trials), top);
    for (index, results) in scenarios.iter().enumerate() {
        band(&mut drawing, results, x, y, PALETTE[index % PALETTE.len()]);
    }
    for (index, results) in scenarios.iter().enumerate() {
        let (ink, dash) = (PALETTE[index % PALETTE.len()], DASHES[index % DASHES.len()]);
        let path = |kind| results.curve(kind, "system").iter().map(|p| (x.at(p.0), y.at(p.1))).collect::<Vec<_>>();
        drawing.line(&path(CurveKind::ConvergenceLow), 1.0, ink);
        drawing.line(&path(CurveKind::ConvergenceHigh), 1.0, ink);
        draw_curve(&mut drawing, &path(CurveKind::Convergence), ink, dash);
        let at = legend_top + 24.0 * index as f64;
        draw_curve(&mut drawing, &[(LEFT, at), (LEFT + 44.0, at)], ink, dash);
        let last = results.find(Measure::AvailabilityTime, "system", "mean");
        let last = last.map_or(String::new(), |row| number::figure(row.measure, &row.value).joined());
        let text = format!("{}   {}", results.scenario, last.replace(">=", "≥"));
        drawing.text((LEFT + 56.0, at), Anchor::Start, LABEL, &fitted(&text, LABEL, WIDTH - LEFT - 56.0 - EDGE)?);
    }
    Ok(drawing)
}

fn confidence(scenarios: &[Results]) -> f64 {
    let row = scenarios.iter().find_map(|results| results.find(Measure::UnavailabilityTime, "system", "mean"));
    row.map_or(0.95, |row| row.value.confidence)
}

/// The area between the ends of the interval.
fn band(drawing: &mut Drawing, results: &Results, x: Scale, y: Scale, ink: Ink) {
    let high = results.curve(CurveKind::ConvergenceHigh, "system");
    let low = results.curve(CurveKind::ConvergenceLow, "system");
    let floor = |trials: f64| low.iter().find(|(x, _)| (x - trials).abs() < 0.5).map_or(0.0, |(_, y)| *y);
    let upper = high.iter().map(|&(trials, share)| (x.at(trials), y.at(share)));
    let lower = high.iter().rev().map(|&(trials, _)| (x.at(trials), y.at(floor(trials))));
    drawing.area(&upper.chain(lower).collect::<Vec<_>>(), pale(ink));
}

/// A light tint of a colour.
fn pale(ink: Ink) -> Ink {
    let mix = |channel: u8| 255 - (255 - channel) / 6;
    plotters::style::RGBColor(mix(ink.0), mix(ink.1), mix(ink.2))
}

fn axes(drawing: &mut Drawing, x: Scale, y: Scale, (from, to): (f64, f64), top: f64) {
    for trials in decades(from, to) {
        let at = x.at(trials);
        drawing.line(&[(at, TOP), (at, BOTTOM)], 1.0, PALE);
        drawing.text((at, BOTTOM + 16.0), Anchor::Middle, TICK, &number::whole(trials as u64));
    }
    let ticks = round_ticks(0.0, top, 6.0);
    for (share, label) in ticks.iter().zip(percents(&ticks)) {
        let at = y.at(*share);
        drawing.line(&[(LEFT, at), (x.at(to), at)], 1.0, PALE);
        drawing.text((LEFT - 10.0, at), Anchor::End, TICK, &label);
    }
    drawing.line(&[(LEFT, TOP), (LEFT, BOTTOM), (x.at(to), BOTTOM)], 1.25, GREY);
    let middle = f64::midpoint(LEFT, x.at(to));
    drawing.text((middle, BOTTOM + 40.0), Anchor::Middle, SUBTITLE, "trials so far");
    drawing.text_upwards(
        (EDGE + 6.0, f64::midpoint(TOP, BOTTOM)),
        SUBTITLE,
        "unavailability in time, share of the horizon",
    );
}

/// Round numbers between the ends: powers of ten, with 2 and 5 times these where there is room.
fn decades(from: f64, to: f64) -> Vec<f64> {
    let factors: &[f64] = if to / from > 1e4 { &[1.0] } else { &[1.0, 2.0, 5.0] };
    let powers = (0..19).map(|power| libm::pow(10.0, f64::from(power)));
    let ticks = powers.flat_map(|power| factors.iter().map(move |factor| factor * power));
    ticks.filter(|trials| *trials >= from * 0.999 && *trials <= to * 1.001).collect()
}
