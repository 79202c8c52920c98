//! Nines of each scenario: a point with whiskers in time, another of requests; a bound is an arrow.
//!
//! The axis is in nines, so equal steps divide the downtime by equal factors; under each tick stands the availability
//! and the downtime in a year that it means.

use super::axis::{Scale, round_ticks};
use super::canvas::{Anchor, BLACK, Drawing, GREY, Ink, PALE, PALETTE, width_of};
use super::{EDGE, LABEL, PlotError, SUBTITLE, TICK, WIDTH, names, titles};
use crate::report::number;
use crate::results::measure::Measure;
use crate::results::{Results, Side};
use crate::stats::Estimate;
use crate::time::YEAR_S;

const TOP: f64 = 108.0;
const LANE: f64 = 30.0;
/// What is drawn: its name, the nines and the availability that an objective may ask for.
const SERIES: [(&str, Measure, Measure, Ink); 2] = [
    ("in time", Measure::NinesTime, Measure::AvailabilityTime, PALETTE[0]),
    ("of requests", Measure::NinesRequest, Measure::AvailabilityRequest, PALETTE[1]),
];

/// The chart.
///
/// # Errors
/// If no scenario has nines.
pub fn drawing(scenarios: &[Results]) -> Result<Drawing, PlotError> {
    let find = |results: &Results, measure| results.find(measure, "system", "mean").map(|row| row.value);
    let series: Vec<_> =
        SERIES.into_iter().filter(|(_, nines, _, _)| scenarios.iter().any(|r| find(r, *nines).is_some())).collect();
    let values: Vec<Estimate> =
        series.iter().flat_map(|s| scenarios.iter().filter_map(move |r| find(r, s.1))).collect();
    let targets = targets(scenarios);
    let Some((from, to)) = range(&values, &targets) else { return Err(PlotError::Nothing("no run reports nines")) };
    let (names, widest) = names(scenarios, 260.0)?;
    let lanes = LANE * series.len() as f64 + 18.0;
    let bottom = TOP + lanes * scenarios.len() as f64;
    let mut drawing = Drawing::new(WIDTH, bottom + 96.0);
    titles(&mut drawing, "Nines of availability", scenarios, &confidence(&values))?;
    let scale = Scale::linear(from, to, EDGE + widest + 24.0, WIDTH - EDGE - 96.0);
    legend(&mut drawing, &series.iter().map(|(name, _, _, ink)| (*name, *ink)).collect::<Vec<_>>())?;
    axis(&mut drawing, scale, (from, to), bottom);
    draw_targets(&mut drawing, scale, &targets, bottom)?;
    for (index, (name, results)) in names.iter().zip(scenarios).enumerate() {
        let top = TOP + lanes * index as f64;
        drawing.text((EDGE + widest, top + lanes / 2.0), Anchor::End, LABEL, name);
        for (lane, (_, measure, _, ink)) in series.iter().enumerate() {
            let y = top + 9.0 + LANE * (lane as f64 + 0.5);
            if let Some(value) = find(results, *measure) {
                whisker(&mut drawing, scale, y, &value, *ink, lane == 0)?;
            }
        }
        if index > 0 {
            drawing.line(&[(EDGE, top), (WIDTH - EDGE, top)], 1.0, PALE);
        }
    }
    Ok(drawing)
}

fn confidence(values: &[Estimate]) -> String {
    let level = values.first().map_or(0.95, |value| value.confidence);
    format!("mean over the horizon, {}% intervals; more is better", number::trimmed(level * 100.0))
}

/// The distinct availability targets of the system, as nines.
fn targets(scenarios: &[Results]) -> Vec<(f64, String)> {
    let mut targets: Vec<(f64, String)> = Vec::new();
    for verdict in scenarios.iter().flat_map(|results| &results.verdicts) {
        let availability = matches!(verdict.measure, Measure::AvailabilityTime | Measure::AvailabilityRequest);
        if availability && verdict.subject == "system" && verdict.side == Side::AtLeast && verdict.target < 1.0 {
            let target = (-libm::log10(1.0 - verdict.target), number::target(verdict.measure, verdict.target));
            if !targets.contains(&target) {
                targets.push(target);
            }
        }
    }
    targets
}

/// What the axis must hold, with a little air.
fn range(values: &[Estimate], targets: &[(f64, String)]) -> Option<(f64, f64)> {
    let ends = values.iter().flat_map(|value| [value.estimate, value.low, value.high]);
    let finite = ends.flatten().chain(targets.iter().map(|(nines, _)| *nines));
    let (low, high) = finite.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), x| (low.min(x), high.max(x)));
    let air = ((high - low) * 0.08).max(0.1);
    values.iter().any(|value| value.low.or(value.estimate).is_some()).then_some(((low - air).max(0.0), high + air))
}

/// Beside the title, from the right edge inwards.
fn legend(drawing: &mut Drawing, entries: &[(&str, Ink)]) -> Result<(), PlotError> {
    let mut x = WIDTH - EDGE;
    for (index, (name, ink)) in entries.iter().enumerate().rev() {
        drawing.text((x, 32.0), Anchor::End, SUBTITLE, name);
        x -= 12.0 + width_of(name, SUBTITLE)?;
        point(drawing, (x, 32.0), *ink, index == 0);
        x -= 28.0;
    }
    Ok(())
}

fn axis(drawing: &mut Drawing, scale: Scale, (from, to): (f64, f64), bottom: f64) {
    let ticks = round_ticks(from, to, 6.0);
    let decimals = usize::from(ticks.iter().any(|nines| (nines - nines.round()).abs() > 1e-6))
        + usize::from(ticks.iter().any(|nines| (nines * 10.0 - (nines * 10.0).round()).abs() > 1e-6));
    for nines in ticks {
        let x = scale.at(nines);
        drawing.line(&[(x, TOP), (x, bottom)], 1.0, PALE);
        let down = libm::pow(10.0, -nines);
        let lines = [
            format!("{nines:.decimals$}"),
            without_zeros(&number::availability(&Estimate::around(1.0 - down, f64::NAN, 0.95)).value),
            format!("{}/y", number::duration(down * YEAR_S)),
        ];
        for (index, line) in lines.iter().enumerate() {
            let style = if index == 0 { LABEL } else { TICK };
            drawing.text((x, bottom + 16.0 + 17.0 * index as f64), Anchor::Middle, style, line);
        }
    }
    drawing.line(&[(scale.at(from), bottom), (scale.at(to), bottom)], 1.25, GREY);
    let middle = f64::midpoint(scale.at(from), scale.at(to));
    let text = "nines = -log10(unavailability); below: availability, downtime per year";
    drawing.text((middle, bottom + 76.0), Anchor::Middle, SUBTITLE, text);
}

/// `99.9900%` as `99.99%`: a tick is exact.
fn without_zeros(percentage: &str) -> String {
    let digits = percentage.trim_end_matches('%');
    if digits.contains('.') {
        digits.trim_end_matches('0').trim_end_matches('.').to_owned() + "%"
    } else {
        percentage.to_owned()
    }
}

fn draw_targets(drawing: &mut Drawing, scale: Scale, targets: &[(f64, String)], bottom: f64) -> Result<(), PlotError> {
    for (index, (nines, label)) in targets.iter().enumerate() {
        let x = scale.at(*nines);
        // two rows of labels, so that close neighbours stay readable
        let row = TOP - 12.0 - 16.0 * (index % 2) as f64;
        drawing.dashed(&[(x, TOP - 3.0), (x, bottom)], 1.5, (6.0, 4.0), BLACK);
        let text = format!("objective {label}");
        let half = width_of(&text, SUBTITLE)? / 2.0;
        drawing.text((x.clamp(EDGE + half, WIDTH - EDGE - half), row), Anchor::Middle, SUBTITLE, &text);
    }
    Ok(())
}

/// A disc for the first series, a square for the second.
fn point(drawing: &mut Drawing, (x, y): (f64, f64), ink: Ink, round: bool) {
    if round {
        drawing.disc((x, y), 5.0, ink);
    } else {
        drawing.bar((x - 4.5, y - 4.5), (x + 4.5, y + 4.5), ink);
    }
}

/// The interval with its caps and the estimate on it; an end without bound is an arrow.
fn whisker(
    drawing: &mut Drawing,
    scale: Scale,
    y: f64,
    value: &Estimate,
    ink: Ink,
    round: bool,
) -> Result<(), PlotError> {
    let Some(low) = value.low.or(value.estimate).map(|nines| scale.at(nines)) else { return Ok(()) };
    let mut high = value.high.map_or(low, |nines| scale.at(nines));
    if value.low.is_some() && value.high.is_none() {
        high = scale.at(f64::MAX);
        drawing.line(&[(low, y), (high - 6.0, y)], 2.0, ink);
        drawing.area(&[(high - 9.0, y - 6.0), (high + 1.0, y), (high - 9.0, y + 6.0)], ink);
    } else if high > low {
        drawing.line(&[(low, y), (high, y)], 2.0, ink);
        drawing.line(&[(high, y - 6.0), (high, y + 6.0)], 2.0, ink);
    }
    if high > low {
        drawing.line(&[(low, y - 6.0), (low, y + 6.0)], 2.0, ink);
    }
    if let Some(estimate) = value.estimate {
        point(drawing, (scale.at(estimate), y), ink, round);
    }
    let text = number::nines(value).value.replace(" nines", "").replace(">=", "≥");
    drawing.label((high + 10.0, y), LABEL, &text)?;
    Ok(())
}
