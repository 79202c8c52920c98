//! Availability against the time since the start: how a system that begins all new comes to its long run.
//!
//! Drawn from the figures named `availability.point`, whose statistic is the time as the scenario wrote it.

use super::axis::{Scale, linear_duration_ticks, round_ticks};
use super::bars::percents;
use super::canvas::{Anchor, Drawing, GREY, PALE, PALETTE};
use super::exceedance::{DASHES, draw_curve};
use super::{EDGE, LABEL, PlotError, SUBTITLE, TICK, WIDTH, fitted, titles};
use crate::report::number;
use crate::results::Results;
use crate::stats::Estimate;
use crate::time::Span;

const TOP: f64 = 84.0;
const BOTTOM: f64 = 440.0;
const LEFT: f64 = 118.0;

/// The chart.
///
/// # Errors
/// If no scenario asks for the availability at any instant.
pub fn drawing(scenarios: &[Results]) -> Result<Drawing, PlotError> {
    chart(scenarios, &scenarios.iter().map(points).collect::<Vec<_>>())
}

/// The chart of these (seconds, availability), by scenario.
pub fn chart(scenarios: &[Results], curves: &[Vec<(f64, Estimate)>]) -> Result<Drawing, PlotError> {
    let all = || curves.iter().flatten();
    let to = all().map(|(seconds, _)| *seconds).fold(0.0, f64::max);
    let ends = all().flat_map(|(_, value)| [value.estimate, value.low, value.high]).flatten();
    let (low, high) = ends.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), y| (low.min(y), high.max(y)));
    if to <= 0.0 || !low.is_finite() {
        return Err(PlotError::Nothing(
            "no run has the availability at an instant; list some, such as `simulation.points = [\"1h\", \"1d\", \"30d\"]`",
        ));
    }
    let air = ((high - low) * 0.08).max((1.0 - low) * 0.05).max(1e-9);
    let (from, until) = ((low - air).max(0.0), (high + air).min(1.0));
    // the first point stands right of the axis, though it be at 0 and moved to the left of others
    let room = 8.0 + 3.0 * scenarios.len() as f64;
    let x = Scale::linear(0.0, to * 1.02, LEFT + room, WIDTH - EDGE - 16.0);
    let y = Scale::linear(from, until, BOTTOM, TOP);
    let legend_top = BOTTOM + 74.0;
    let mut drawing = Drawing::new(WIDTH, legend_top + 24.0 * scenarios.len() as f64 + 8.0);
    let level = number::trimmed(all().next().map_or(0.95, |(_, value)| value.confidence) * 100.0);
    let what = format!("share of trials in which the system is not down at the instant, {level}% intervals");
    titles(&mut drawing, "Availability since the start", scenarios, &what)?;
    axes(&mut drawing, x, y, to, (from, until));
    for (index, (points, results)) in curves.iter().zip(scenarios).enumerate() {
        let (ink, dash) = (PALETTE[index % PALETTE.len()], DASHES[index % DASHES.len()]);
        // side by side, so that whiskers do not hide each other
        let shift = 6.0 * (index as f64 - (scenarios.len() - 1) as f64 / 2.0);
        let place = |at: f64| x.at(at) + shift;
        let known = points.iter().filter_map(|(at, value)| value.estimate.map(|share| (place(*at), y.at(share))));
        let path: Vec<(f64, f64)> = known.collect();
        draw_curve(&mut drawing, &path, ink, dash);
        for (seconds, value) in points {
            if let (Some(low), Some(high)) = (value.low, value.high) {
                let at = place(*seconds);
                drawing.line(&[(at, y.at(low)), (at, y.at(high))], 1.25, ink);
                for end in [y.at(low), y.at(high)] {
                    drawing.line(&[(at - 4.0, end), (at + 4.0, end)], 1.25, ink);
                }
            }
        }
        for &at in &path {
            drawing.disc(at, 4.0, ink);
        }
        let at = legend_top + 24.0 * index as f64;
        draw_curve(&mut drawing, &[(LEFT, at), (LEFT + 44.0, at)], ink, dash);
        let none = if points.is_empty() { "  (no instants asked for)" } else { "" };
        let text = fitted(&format!("{}{none}", results.scenario), LABEL, WIDTH - LEFT - 56.0 - EDGE)?;
        drawing.text((LEFT + 56.0, at), Anchor::Start, LABEL, &text);
    }
    Ok(drawing)
}

/// (seconds, availability) of the system, by time.
fn points(results: &Results) -> Vec<(f64, Estimate)> {
    let rows = results.rows.iter().filter(|row| row.measure.name() == "availability.point" && row.subject == "system");
    let mut points: Vec<_> = rows.filter_map(|row| Some((seconds(&row.statistic)?, row.value))).collect();
    points.sort_by(|a, b| a.0.total_cmp(&b.0));
    points
}

/// A duration as a scenario writes it, such as `90d` or `1h30min`, in seconds.
fn seconds(text: &str) -> Option<f64> {
    let mut rest = text.trim();
    let mut sum = 0.0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !(c.is_ascii_digit() || c == '.'))?;
        let (value, after) = (rest[..digits].parse::<f64>().ok()?, rest[digits..].trim_start());
        let letters = after.find(|c: char| !c.is_alphabetic()).unwrap_or(after.len());
        sum += value * Span::unit(&after[..letters])?.as_secs_f64();
        rest = after[letters..].trim_start();
    }
    Some(sum)
}

fn axes(drawing: &mut Drawing, x: Scale, y: Scale, to: f64, (from, until): (f64, f64)) {
    for (seconds, label) in linear_duration_ticks(to) {
        let at = x.at(seconds);
        drawing.line(&[(at, TOP), (at, BOTTOM)], 1.0, PALE);
        drawing.text((at, BOTTOM + 16.0), Anchor::Middle, TICK, &label);
    }
    let ticks = round_ticks(from, until, 6.0);
    for (share, label) in ticks.iter().zip(percents(&ticks)) {
        let at = y.at(*share);
        drawing.line(&[(LEFT, at), (x.at(f64::MAX), at)], 1.0, PALE);
        drawing.text((LEFT - 10.0, at), Anchor::End, TICK, &label);
    }
    drawing.line(&[(LEFT, TOP), (LEFT, BOTTOM), (x.at(f64::MAX), BOTTOM)], 1.25, GREY);
    let middle = f64::midpoint(LEFT, x.at(f64::MAX));
    drawing.text((middle, BOTTOM + 40.0), Anchor::Middle, SUBTITLE, "time since the start of the trial");
    drawing.text_upwards((EDGE + 6.0, f64::midpoint(TOP, BOTTOM)), SUBTITLE, "availability at the instant");
}

#[cfg(test)]
mod tests {
    use super::seconds;

    #[test]
    fn instants_read_as_scenarios_write_them() {
        assert_eq!(seconds("30d"), Some(2_592_000.0));
        assert_eq!(seconds("1h30min"), Some(5_400.0));
        assert_eq!(seconds("1.5h"), Some(5_400.0));
        assert_eq!(seconds("0s"), Some(0.0));
        assert_eq!(seconds("soon"), None);
    }
}
