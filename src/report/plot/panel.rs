//! Panels one below the other over one axis of time.

use super::axis::{Scale, linear_duration_ticks, round_ticks};
use super::canvas::{Anchor, Drawing, GREY, Ink, PALE, PALETTE};
use super::exceedance::{DASHES, draw_curve};
use super::{SUBTITLE, TICK, Type};
use crate::report::number;

/// Where the axis of time begins.
pub const LEFT: f64 = 104.0;
/// Height of a panel, and room to the next.
pub const PANEL: f64 = 128.0;
/// Room between panels.
pub const GAP: f64 = 40.0;
/// The time that is shaded.
const SHADE: Ink = plotters::style::RGBColor(0xf6, 0xe8, 0xdc);

/// A line of a panel: (seconds, value), none where there is a gap.
pub struct Curve {
    /// Its name.
    pub name: String,
    /// Its points.
    pub points: Vec<(f64, Option<f64>)>,
}

/// What is drawn in one of the panels.
pub struct Panel {
    /// What it shows.
    pub title: &'static str,
    /// Its lines.
    pub curves: Vec<Curve>,
    /// The least value shown.
    pub from: f64,
    /// The largest value shown.
    pub to: f64,
    /// Labels of ticks.
    pub label: fn(&[f64]) -> Vec<String>,
}

/// Labels of lengths of time in seconds.
pub fn durations(ticks: &[f64]) -> Vec<String> {
    ticks.iter().map(|tick| number::duration(*tick)).collect()
}

/// Labels of plain numbers.
pub fn counts(ticks: &[f64]) -> Vec<String> {
    ticks.iter().map(|tick| number::trimmed(*tick)).collect()
}

/// The colour of a line.
pub fn ink(index: usize) -> Ink {
    PALETTE[index % PALETTE.len()]
}

/// Draws it between `top` and `bottom`, over an axis of time that ends at `end`; one span of it is shaded.
pub fn draw(
    drawing: &mut Drawing,
    panel: &Panel,
    (x, end): (Scale, f64),
    (top, bottom): (f64, f64),
    shade: (f64, f64),
) {
    let y = Scale::linear(panel.from, panel.to, bottom, top);
    if shade.1 > shade.0 {
        drawing.bar((shade.0, top), (shade.1, bottom), SHADE);
    }
    for (seconds, _) in linear_duration_ticks(end) {
        drawing.line(&[(x.at(seconds), top), (x.at(seconds), bottom)], 1.0, PALE);
    }
    let ticks = round_ticks(panel.from, panel.to, 3.0);
    for (value, label) in ticks.iter().zip((panel.label)(&ticks)) {
        let at = y.at(*value);
        drawing.line(&[(LEFT, at), (x.at(end), at)], 1.0, PALE);
        drawing.text((LEFT - 10.0, at), Anchor::End, TICK, &label);
    }
    drawing.line(&[(LEFT, top), (LEFT, bottom), (x.at(end), bottom)], 1.25, GREY);
    drawing.text((LEFT, top - 12.0), Anchor::Start, Type { bold: true, ..SUBTITLE }, panel.title);
    for (index, curve) in panel.curves.iter().enumerate() {
        for part in curve.points.split(|(_, value)| value.is_none()) {
            let path: Vec<(f64, f64)> =
                part.iter().filter_map(|(at, value)| Some((x.at(*at), y.at((*value)?)))).collect();
            if path.len() > 1 {
                draw_curve(drawing, &path, ink(index), DASHES[index % DASHES.len()]);
            } else if let Some(&only) = path.first() {
                drawing.disc(only, 2.0, ink(index));
            }
        }
    }
}
