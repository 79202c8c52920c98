//! What nines cost: each scenario by its cost per year and its nines; a line joins those that none beats in both.

use super::axis::{Scale, round_ticks};
use super::canvas::{Anchor, Drawing, GREY, PALE, PALETTE, width_of};
use super::{EDGE, LABEL, PlotError, SUBTITLE, TICK, WIDTH, fitted, titles};
use crate::report::number;
use crate::results::Results;
use crate::results::measure::Measure;
use crate::stats::Estimate;

const TOP: f64 = 84.0;
const BOTTOM: f64 = 460.0;
const LEFT: f64 = 80.0;

/// A scenario on the plane.
pub struct Point<'a> {
    /// Its title.
    pub name: &'a str,
    /// What it costs in a year.
    pub cost: f64,
    /// Its nines, or what they are at least.
    pub nines: f64,
    /// The interval of these.
    pub interval: Estimate,
    /// Is nothing known that they are at most?
    pub bound: bool,
}

/// The chart.
///
/// # Errors
/// If no scenario has both a cost and nines.
pub fn drawing(scenarios: &[Results]) -> Result<Drawing, PlotError> {
    chart(scenarios, &scenarios.iter().filter_map(point).collect::<Vec<_>>())
}

/// The chart of these points.
pub fn chart(scenarios: &[Results], points: &[Point<'_>]) -> Result<Drawing, PlotError> {
    if points.is_empty() {
        return Err(PlotError::Nothing("no scenario says what it costs; a table `costs` does"));
    }
    let dearest = points.iter().map(|point| point.cost).fold(0.0, f64::max).max(1.0) * 1.15;
    let ends = points.iter().flat_map(|p| [Some(p.nines), p.interval.low, p.interval.high]).flatten();
    let (low, high) = ends.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), y| (low.min(y), high.max(y)));
    let air = ((high - low) * 0.12).max(0.25);
    let (from, until) = ((low - air).max(0.0), high + air);
    let x = Scale::linear(0.0, dearest, LEFT, WIDTH - EDGE - 16.0);
    let y = Scale::linear(from, until, BOTTOM, TOP);
    let mut drawing = Drawing::new(WIDTH, BOTTOM + 62.0);
    let what = "up and to the left is better; the line joins scenarios that no other beats in both";
    titles(&mut drawing, "Nines and what they cost", scenarios, what)?;
    axes(&mut drawing, x, y, dearest, (from, until));
    drawing.line(&frontier(points, x, y), 1.5, GREY);
    for (index, point) in points.iter().enumerate() {
        let (at, ink) = ((x.at(point.cost), y.at(point.nines)), PALETTE[index % 6]);
        let low = point.interval.low.map_or(at.1, |nines| y.at(nines));
        let high = point.interval.high.map_or(if point.bound { y.at(f64::MAX) } else { at.1 }, |nines| y.at(nines));
        drawing.line(&[(at.0, low), (at.0, high)], 2.0, ink);
        if point.bound {
            drawing.area(&[(at.0 - 6.0, high + 9.0), (at.0, high - 1.0), (at.0 + 6.0, high + 9.0)], ink);
        }
        drawing.disc(at, 6.0, ink);
    }
    labels(&mut drawing, points, x, y)?;
    Ok(drawing)
}

fn point(results: &Results) -> Option<Point<'_>> {
    let cost = results.rows.iter().find(|row| row.measure.name() == "cost_per_year" && row.subject == "system")?;
    let interval = results.find(Measure::NinesTime, "system", "mean")?.value;
    let nines = interval.estimate.or(interval.low)?;
    let bound = interval.estimate.is_none() || interval.high.is_none();
    Some(Point { name: &results.scenario, cost: cost.value.estimate?, nines, interval, bound })
}

/// Steps through the points that are not beaten, from the cheapest on.
fn frontier(points: &[Point<'_>], x: Scale, y: Scale) -> Vec<(f64, f64)> {
    let mut sorted: Vec<&Point<'_>> = points.iter().collect();
    sorted.sort_by(|a, b| a.cost.total_cmp(&b.cost).then(b.nines.total_cmp(&a.nines)));
    let mut path: Vec<(f64, f64)> = Vec::new();
    let mut best = f64::NEG_INFINITY;
    for point in sorted {
        if point.nines > best {
            best = point.nines;
            if let Some(&(_, before)) = path.last() {
                path.push((x.at(point.cost), before));
            }
            path.push((x.at(point.cost), y.at(point.nines)));
        }
    }
    path
}

fn axes(drawing: &mut Drawing, x: Scale, y: Scale, dearest: f64, (from, until): (f64, f64)) {
    for cost in round_ticks(0.0, dearest, 6.0) {
        let at = x.at(cost);
        drawing.line(&[(at, TOP), (at, BOTTOM)], 1.0, PALE);
        let text = if cost.fract() == 0.0 { number::whole(cost as u64) } else { number::trimmed(cost) };
        drawing.text((at, BOTTOM + 16.0), Anchor::Middle, TICK, &text);
    }
    for nines in round_ticks(from, until, 6.0) {
        let at = y.at(nines);
        drawing.line(&[(LEFT, at), (x.at(dearest), at)], 1.0, PALE);
        drawing.text((LEFT - 10.0, at), Anchor::End, TICK, &number::trimmed((nines * 1e6).round() / 1e6));
    }
    drawing.line(&[(LEFT, TOP), (LEFT, BOTTOM), (x.at(dearest), BOTTOM)], 1.25, GREY);
    let middle = f64::midpoint(LEFT, x.at(dearest));
    drawing.text((middle, BOTTOM + 40.0), Anchor::Middle, SUBTITLE, "cost per year, in the scenario's money");
    drawing.text_upwards((EDGE + 6.0, f64::midpoint(TOP, BOTTOM)), SUBTITLE, "nines of availability in time");
}

/// A name beside each point, moved down where it would run into another.
fn labels(drawing: &mut Drawing, points: &[Point<'_>], x: Scale, y: Scale) -> Result<(), PlotError> {
    let mut taken: Vec<(f64, f64, f64)> = Vec::new();
    for point in points {
        let name = fitted(point.name, LABEL, 240.0)?;
        let wide = width_of(&name, LABEL)?;
        let (at, mut height) = (x.at(point.cost), y.at(point.nines) - 12.0);
        let left = if at + 12.0 + wide < WIDTH - EDGE { at + 12.0 } else { at - 12.0 - wide };
        let clash = |height: f64| {
            taken.iter().find(|(from, to, y)| left < *to && left + wide > *from && (height - y).abs() < 17.0)
        };
        while let Some((_, _, other)) = clash(height) {
            height = other + 17.5;
        }
        taken.push((left, left + wide, height));
        drawing.label((left, height.min(BOTTOM - 10.0)), LABEL, &name)?;
    }
    Ok(())
}
