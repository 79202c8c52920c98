//! What nines cost: each scenario by its cost per year and its nines; a line joins those that none beats in both.

use super::axis::{Scale, round_ticks};
use super::canvas::{Anchor, BLACK, Drawing, GREY, Ink, PALE, PALETTE, Type, WHITE};
use super::{EDGE, LABEL, PlotError, SUBTITLE, TICK, WIDTH, fitted, titles};
use crate::report::number;
use crate::results::measure::Measure;
use crate::results::{Results, Row};
use crate::stats::Estimate;

const TOP: f64 = 84.0;
const BOTTOM: f64 = 460.0;
const LEFT: f64 = 80.0;
/// Colours used, without yellow, which is hard to see as a line.
const INKS: usize = 6;

/// A scenario on the plane.
pub struct Point<'a> {
    /// Its title.
    pub name: &'a str,
    /// What it costs in a year.
    pub cost: f64,
    /// The interval of that.
    pub spread: Estimate,
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
    let currency = currency(scenarios)?;
    let ends = points.iter().flat_map(|p| [Some(p.cost), p.spread.low, p.spread.high]).flatten();
    let (cheapest, dearest) = ends.fold((f64::INFINITY, 0.0_f64), |(low, high), x| (low.min(x), high.max(x)));
    let spread = if dearest > cheapest { dearest - cheapest } else { dearest.max(1.0) };
    let costs = ((cheapest - 0.25 * spread).max(0.0), dearest + 0.15 * spread);
    let ends = points.iter().flat_map(|p| [Some(p.nines), p.interval.low, p.interval.high]).flatten();
    let (low, high) = ends.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), y| (low.min(y), high.max(y)));
    let air = ((high - low) * 0.12).max(0.25);
    let (from, until) = ((low - air).max(0.0), high + air);
    let x = Scale::linear(costs.0, costs.1, LEFT, WIDTH - EDGE - 16.0);
    let y = Scale::linear(from, until, BOTTOM, TOP);
    let mut drawing = Drawing::new(WIDTH, BOTTOM + 82.0 + 26.0 * points.len() as f64);
    let what = "up and to the left is better; bars are intervals; the line joins what no other scenario beats in both";
    titles(&mut drawing, "Nines and what they cost", scenarios, what)?;
    axes(&mut drawing, x, y, costs, (from, until));
    axis_titles(&mut drawing, x.at(costs.1), currency)?;
    drawing.line(&frontier(points, x, y), 1.5, GREY);
    for (index, point) in points.iter().enumerate() {
        let (at, ink) = ((x.at(point.cost), y.at(point.nines)), PALETTE[index % INKS]);
        let low = point.interval.low.map_or(at.1, |nines| y.at(nines));
        let high = point.interval.high.map_or(if point.bound { y.at(f64::MAX) } else { at.1 }, |nines| y.at(nines));
        drawing.line(&[(at.0, low), (at.0, high)], 2.0, ink);
        let end = |cost: Option<f64>| (cost.map_or(at.0, |cost| x.at(cost)), at.1);
        drawing.line(&[end(point.spread.low), end(point.spread.high)], 2.0, ink);
        if point.bound {
            drawing.area(&[(at.0 - 6.0, high + 9.0), (at.0, high - 1.0), (at.0 + 6.0, high + 9.0)], ink);
        }
        numbered(&mut drawing, at, index, ink);
    }
    legend(&mut drawing, points)?;
    Ok(drawing)
}

fn point(results: &Results) -> Option<Point<'_>> {
    let cost = results.rows.iter().find(|row| is_cost(row))?;
    let interval = results.find(Measure::NinesTime, "system", "mean")?.value;
    let nines = interval.estimate.or(interval.low)?;
    let bound = interval.estimate.is_none() || interval.high.is_none();
    let (spread, cost) = (cost.value, cost.value.estimate?);
    Some(Point { name: &results.scenario, cost, spread, nines, interval, bound })
}

/// The whole cost of a year.
fn is_cost(row: &Row) -> bool {
    row.measure == Measure::CostPerYear && row.subject == "system" && row.statistic == "mean"
}

/// The money that all scenarios count in.
fn currency(scenarios: &[Results]) -> Result<&str, PlotError> {
    let mut all = scenarios.iter().filter_map(|results| results.currency.as_deref());
    let first = all.next().unwrap_or("money");
    if all.any(|other| other != first) {
        return Err(PlotError::Nothing("the scenarios count in different money; give all the same `costs.currency`"));
    }
    Ok(first)
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

fn axes(drawing: &mut Drawing, x: Scale, y: Scale, (cheapest, dearest): (f64, f64), (from, until): (f64, f64)) {
    for cost in round_ticks(cheapest, dearest, 6.0) {
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
}

fn axis_titles(drawing: &mut Drawing, right: f64, currency: &str) -> Result<(), PlotError> {
    let money = fitted(&format!("cost per year, {currency}"), SUBTITLE, right - LEFT)?;
    drawing.text((f64::midpoint(LEFT, right), BOTTOM + 40.0), Anchor::Middle, SUBTITLE, &money);
    drawing.text_upwards((EDGE + 6.0, f64::midpoint(TOP, BOTTOM)), SUBTITLE, "nines of availability in time");
    Ok(())
}

/// A disc with the number of its scenario.
fn numbered(drawing: &mut Drawing, at: (f64, f64), index: usize, ink: Ink) {
    let letters = Type { size: 11.0, bold: true, ink: if index % INKS < 4 { WHITE } else { BLACK } };
    drawing.disc(at, 9.0, ink);
    drawing.text(at, Anchor::Middle, letters, &(index + 1).to_string());
}

/// Each scenario with its cost and its nines, under the chart.
fn legend(drawing: &mut Drawing, points: &[Point<'_>]) -> Result<(), PlotError> {
    for (index, point) in points.iter().enumerate() {
        let y = BOTTOM + 74.0 + 26.0 * index as f64;
        numbered(drawing, (LEFT + 9.0, y), index, PALETTE[index % INKS]);
        let nines = number::nines(&point.interval).value.replace(">=", "≥");
        let text = format!("{}/y   {nines}   {}", number::count(point.cost), point.name);
        drawing.text((LEFT + 28.0, y), Anchor::Start, LABEL, &fitted(&text, LABEL, WIDTH - LEFT - 28.0 - EDGE)?);
    }
    Ok(())
}
