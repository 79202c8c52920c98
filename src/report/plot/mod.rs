//! Charts of one or several runs, as SVG or PNG.
//!
//! A chart is a pure function from results to a [`canvas::Drawing`]; the file format comes after. Each has a title that
//! says what is shown, units on its axes, the interval of every figure it marks, and colours that every kind of sight
//! can tell apart; scenarios also differ by place or by dash, so that a copy in grey says the same.

mod attainment;
mod attempts;
mod axis;
mod bars;
pub mod canvas;
mod chaos;
mod close_up;
mod contribution;
mod convergence;
mod distribution;
mod exceedance;
mod gantt;
mod marks;
mod nines;
mod panel;
mod pareto;
mod states;
#[cfg(test)]
mod tests;
mod transient;
mod waterfall;

use crate::results::Results;
use crate::results::chaos::{ChaosResults, ExperimentResult};
use crate::results::replay::{CloseUp, Replay};
use crate::stats::Estimate;
use canvas::{Anchor, BLACK, DrawError, Drawing, GREY, Type, width_of};

/// Which chart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlotKind {
    /// Nines of each scenario with their intervals.
    Nines,
    /// Share of years with more downtime than so much.
    Exceedance,
    /// Where outages spend their time.
    Waterfall,
    /// Which faults the downtime comes from.
    Contribution,
    /// What broke and who was down in one trial.
    Gantt,
    /// The longest outage of one trial, step by step.
    CloseUp,
    /// Availability against the time since the start.
    Transient,
    /// The running estimate with its closing interval.
    Convergence,
    /// How often windows keep to their objective.
    Attainment,
    /// Nines against cost.
    Pareto,
    /// How long outages with a failover take.
    Rto,
    /// How much work promotions lose.
    Rpo,
    /// A chaos experiment over time.
    Chaos,
}

impl PlotKind {
    /// All kinds, in the order in which help lists them.
    pub const ALL: [PlotKind; 13] = [
        PlotKind::Nines,
        PlotKind::Exceedance,
        PlotKind::Waterfall,
        PlotKind::Contribution,
        PlotKind::Gantt,
        PlotKind::CloseUp,
        PlotKind::Transient,
        PlotKind::Convergence,
        PlotKind::Attainment,
        PlotKind::Pareto,
        PlotKind::Rto,
        PlotKind::Rpo,
        PlotKind::Chaos,
    ];

    /// The name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            PlotKind::Nines => "nines",
            PlotKind::Exceedance => "exceedance",
            PlotKind::Waterfall => "waterfall",
            PlotKind::Contribution => "contribution",
            PlotKind::Gantt => "gantt",
            PlotKind::CloseUp => "close-up",
            PlotKind::Transient => "transient",
            PlotKind::Convergence => "convergence",
            PlotKind::Attainment => "attainment",
            PlotKind::Pareto => "pareto",
            PlotKind::Rto => "rto",
            PlotKind::Rpo => "rpo",
            PlotKind::Chaos => "chaos",
        }
    }
}

/// Which file format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PictureFormat {
    /// Scalable, as text.
    Svg,
    /// Pixels.
    Png,
}

/// Why there is no chart.
#[derive(Debug, thiserror::Error)]
pub enum PlotError {
    /// The results lack what the chart shows.
    #[error("nothing to draw: {0}")]
    Nothing(&'static str),
    /// The drawing failed.
    #[error(transparent)]
    Draw(#[from] DrawError),
}

/// The chart of these scenarios in this format.
///
/// # Errors
/// If the results hold nothing that the chart shows; always of a Gantt chart, which [`gantt`] draws of one trial.
pub fn plot(kind: PlotKind, format: PictureFormat, scenarios: &[Results]) -> Result<Vec<u8>, PlotError> {
    Ok(bytes(&drawing(kind, scenarios)?, format)?)
}

/// The Gantt chart of one trial in this format.
///
/// # Errors
/// If nothing broke in it.
pub fn gantt(format: PictureFormat, replay: &Replay) -> Result<Vec<u8>, PlotError> {
    Ok(bytes(&gantt::drawing(replay)?, format)?)
}

/// The chart of one outage in this format.
///
/// # Errors
/// If the system was never down in the trial.
pub fn close_up(format: PictureFormat, close_up: &CloseUp) -> Result<Vec<u8>, PlotError> {
    Ok(bytes(&close_up::drawing(close_up)?, format)?)
}

/// The chart of one experiment in this format.
///
/// # Errors
/// If it has no runs.
pub fn chaos(
    format: PictureFormat,
    results: &ChaosResults,
    experiment: &ExperimentResult,
) -> Result<Vec<u8>, PlotError> {
    Ok(bytes(&chaos::drawing(results, experiment)?, format)?)
}

fn drawing(kind: PlotKind, scenarios: &[Results]) -> Result<Drawing, PlotError> {
    match kind {
        PlotKind::Nines => nines::drawing(scenarios),
        PlotKind::Exceedance => exceedance::drawing(scenarios),
        PlotKind::Waterfall => waterfall::drawing(scenarios),
        PlotKind::Contribution => contribution::drawing(scenarios),
        PlotKind::Gantt => Err(PlotError::Nothing("results hold no trial; a Gantt chart shows one")),
        PlotKind::CloseUp => Err(PlotError::Nothing("results hold no trial; a close-up shows one outage")),
        PlotKind::Transient => transient::drawing(scenarios),
        PlotKind::Convergence => convergence::drawing(scenarios),
        PlotKind::Attainment => attainment::drawing(scenarios),
        PlotKind::Pareto => pareto::drawing(scenarios),
        PlotKind::Rto => distribution::rto(scenarios),
        PlotKind::Rpo => distribution::rpo(scenarios),
        PlotKind::Chaos => Err(PlotError::Nothing("results hold no experiment; give a scenario with `experiments`")),
    }
}

fn bytes(drawing: &Drawing, format: PictureFormat) -> Result<Vec<u8>, DrawError> {
    match format {
        PictureFormat::Svg => drawing.svg(),
        PictureFormat::Png => drawing.png(),
    }
}

/// The largest end of any of the figures.
fn largest<'a>(values: impl Iterator<Item = &'a Estimate>) -> f64 {
    values.flat_map(|value| [value.estimate, value.low, value.high]).flatten().fold(0.0, f64::max)
}

/// Width of every chart in pixels.
const WIDTH: f64 = 960.0;
/// Room between the edge and what is drawn.
const EDGE: f64 = 24.0;
/// Looks of a title.
const TITLE: Type = Type { size: 19.0, bold: true, ink: BLACK };
/// Looks of what stands under the title.
const SUBTITLE: Type = Type { size: 12.5, bold: false, ink: GREY };
/// Looks of names and figures.
const LABEL: Type = Type { size: 13.0, bold: false, ink: BLACK };
/// Looks of the labels of an axis.
const TICK: Type = Type { size: 12.0, bold: false, ink: GREY };

/// Title and what the figures rest on.
fn titles(drawing: &mut Drawing, title: &str, scenarios: &[Results], what: &str) -> Result<(), DrawError> {
    drawing.text((EDGE, 32.0), Anchor::Start, TITLE, title);
    let mut parts = vec![what.to_owned()];
    if let Some(first) = scenarios.first() {
        let same = scenarios.iter().all(|other| other.trials == first.trials && other.horizon == first.horizon);
        if same && first.trials > 0 {
            let horizon = super::number::whole_span(first.horizon);
            parts.push(format!("{horizon} x {} trials", super::number::whole(first.trials)));
        }
        if scenarios.iter().all(|other| other.seed == first.seed) {
            parts.push(format!("seed {}", first.seed));
        }
    }
    if scenarios.iter().any(|results| results.partial) {
        parts.push("PARTIAL: interrupted".to_owned());
    }
    let line = fitted(&parts.join("  ·  "), SUBTITLE, WIDTH - 2.0 * EDGE)?;
    drawing.text((EDGE, 56.0), Anchor::Start, SUBTITLE, &line);
    Ok(())
}

/// `text`, cut with an ellipsis where it is wider than `room` pixels.
fn fitted(text: &str, style: Type, room: f64) -> Result<String, DrawError> {
    if width_of(text, style)? <= room {
        return Ok(text.to_owned());
    }
    let letters: Vec<char> = text.chars().collect();
    let cut = |length: usize| letters[..length].iter().collect::<String>().trim_end().to_owned() + "…";
    let (mut fits, mut too_long) = (0, letters.len());
    while too_long - fits > 1 {
        let middle = usize::midpoint(fits, too_long);
        if width_of(&cut(middle), style)? <= room { fits = middle } else { too_long = middle }
    }
    Ok(cut(fits))
}

/// The names of the scenarios, each at most `room` pixels wide, and the width of the widest.
fn names(scenarios: &[Results], room: f64) -> Result<(Vec<String>, f64), DrawError> {
    let mut names = Vec::new();
    let mut widest = 0.0_f64;
    for results in scenarios {
        let name = fitted(&results.scenario, LABEL, room)?;
        widest = widest.max(width_of(&name, LABEL)?);
        names.push(name);
    }
    Ok((names, widest))
}
