//! Charts of one or several runs, as SVG or PNG.
//!
//! A chart is a pure function from results to a [`canvas::Drawing`]; the file format comes after. Each has a title that
//! says what is shown, units on its axes, the interval of every figure it marks, and colours that every kind of sight
//! can tell apart; scenarios also differ by place or by dash, so that a copy in grey says the same.

mod axis;
pub mod canvas;
mod exceedance;
mod nines;
#[cfg(test)]
mod tests;
mod waterfall;

use crate::results::Results;
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
}

impl PlotKind {
    /// All kinds, in the order in which help lists them.
    pub const ALL: [PlotKind; 3] = [PlotKind::Nines, PlotKind::Exceedance, PlotKind::Waterfall];

    /// The name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            PlotKind::Nines => "nines",
            PlotKind::Exceedance => "exceedance",
            PlotKind::Waterfall => "waterfall",
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
/// If the results hold nothing that the chart shows.
pub fn plot(kind: PlotKind, format: PictureFormat, scenarios: &[Results]) -> Result<Vec<u8>, PlotError> {
    let drawing = match kind {
        PlotKind::Nines => nines::drawing(scenarios)?,
        PlotKind::Exceedance => exceedance::drawing(scenarios)?,
        PlotKind::Waterfall => waterfall::drawing(scenarios)?,
    };
    Ok(match format {
        PictureFormat::Svg => drawing.svg()?,
        PictureFormat::Png => drawing.png()?,
    })
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
