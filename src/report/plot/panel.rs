//! Panels one below the other over one axis of time.

use super::axis::{Scale, linear_duration_ticks, round_duration, round_ticks};
use super::canvas::{Anchor, DrawError, Drawing, GREY, Ink, PALE, PALETTE, width_of};
use super::exceedance::{DASHES, draw_curve};
use super::{EDGE, SUBTITLE, TICK, Type, WIDTH, fitted};
use crate::report::number;

/// Where the axis of time begins.
pub const LEFT: f64 = 104.0;
/// Where it ends.
pub const RIGHT: f64 = WIDTH - EDGE - 8.0;
/// Height of a panel, and room to the next.
pub const PANEL: f64 = 128.0;
/// Room between panels.
pub const GAP: f64 = 40.0;
/// How far a title stands above what it is the title of.
pub const ABOVE: f64 = 12.0;
/// Looks of the title of a panel.
pub const HEAD: Type = Type { bold: true, ..SUBTITLE };
/// The time that is shaded.
const SHADE: Ink = plotters::style::RGBColor(0xf6, 0xe8, 0xdc);
/// Lines of a panel, at most.
pub const LINES: usize = DASHES.len();
/// Length of the line in a legend, and room after an entry.
const SWATCH: f64 = 26.0;
const ROOM: f64 = 18.0;
/// Room for a name in a legend, at most.
const NAME: f64 = 190.0;

/// A line of a panel: (seconds, value), none where there is a gap.
pub struct Curve {
    /// Its name.
    pub name: String,
    /// Its points.
    pub points: Vec<(f64, Option<f64>)>,
}

/// What is drawn in one of the panels.
pub struct Panel {
    /// What it shows, and in what unit.
    pub title: String,
    /// Its lines, at most [`LINES`].
    pub curves: Vec<Curve>,
    /// The least value shown.
    pub from: f64,
    /// The largest value shown.
    pub to: f64,
    /// Equal steps for equal ratios? Then both ends are powers of ten.
    pub log: bool,
    /// Labels of ticks.
    pub label: fn(&[f64]) -> Vec<String>,
}

/// Labels of lengths of time in seconds.
pub fn durations(ticks: &[f64]) -> Vec<String> {
    ticks.iter().map(|tick| round_duration(*tick)).collect()
}

/// Labels of plain numbers.
pub fn counts(ticks: &[f64]) -> Vec<String> {
    ticks.iter().map(|tick| number::trimmed(*tick)).collect()
}

/// The colour of a line.
pub fn ink(index: usize) -> Ink {
    PALETTE[index % PALETTE.len()]
}

impl Panel {
    /// Of lengths of time in seconds: where the longest are far from the shortest, by their logarithm.
    pub fn of_durations(title: String, curves: Vec<Curve>) -> Panel {
        let values = curves.iter().flat_map(|curve| &curve.points).filter_map(|point| point.1);
        let positive = values.clone().filter(|value| *value > 0.0).fold(f64::INFINITY, f64::min);
        let most = values.fold(0.0, f64::max);
        let log = most > 20.0 * positive;
        let power = |value: f64, round: fn(f64) -> f64| libm::pow(10.0, round(libm::log10(value)));
        let (from, to) = if log {
            (power(positive, libm::floor), power(most, libm::ceil))
        } else {
            (0.0, if most > 0.0 { most * 1.1 } else { 1.0 })
        };
        let title = if log { format!("{title}, logarithmic") } else { title };
        Panel { title, curves, from, to, log, label: durations }
    }

    /// Of numbers, from none on.
    pub fn of_counts(title: String, curves: Vec<Curve>) -> Panel {
        let most = curves.iter().flat_map(|curve| &curve.points).filter_map(|point| point.1).fold(0.0, f64::max);
        Panel { title, curves, from: 0.0, to: if most > 0.0 { most * 1.1 } else { 1.0 }, log: false, label: counts }
    }

    fn ticks(&self) -> Vec<f64> {
        if !self.log {
            return round_ticks(self.from, self.to, 3.0);
        }
        let powers = |value: f64| libm::round(libm::log10(value)) as i32;
        (powers(self.from)..=powers(self.to)).map(|power| libm::pow(10.0, f64::from(power))).collect()
    }
}

/// What is behind a panel between `top` and `bottom`: the grid of an axis of time that ends at `end`, a shaded span of it.
pub fn ground(drawing: &mut Drawing, (x, end): (Scale, f64), (top, bottom): (f64, f64), shade: (f64, f64)) {
    if shade.1 > shade.0 {
        drawing.bar((shade.0, top), (shade.1, bottom), SHADE);
    }
    for (seconds, _) in linear_duration_ticks(end) {
        drawing.line(&[(x.at(seconds), top), (x.at(seconds), bottom)], 1.0, PALE);
    }
}

/// Draws it between `top` and `bottom`, over an axis of time that ends at `end`; one span of it is shaded. The title is for
/// [`title`].
pub fn draw(
    drawing: &mut Drawing,
    panel: &Panel,
    (x, end): (Scale, f64),
    (top, bottom): (f64, f64),
    shade: (f64, f64),
) {
    let scale = if panel.log { Scale::log } else { Scale::linear };
    let y = scale(panel.from, panel.to, bottom, top);
    ground(drawing, (x, end), (top, bottom), shade);
    let ticks = panel.ticks();
    for (value, label) in ticks.iter().zip((panel.label)(&ticks)) {
        let at = y.at(*value);
        drawing.line(&[(LEFT, at), (x.at(end), at)], 1.0, PALE);
        drawing.text((LEFT - 10.0, at), Anchor::End, TICK, &label);
    }
    drawing.line(&[(LEFT, top), (LEFT, bottom), (x.at(end), bottom)], 1.25, GREY);
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

/// What the panel shows, and which line is whose, in one line of text at `y`.
///
/// # Errors
/// If the built-in font does not load.
pub fn title(drawing: &mut Drawing, panel: &Panel, y: f64) -> Result<(), DrawError> {
    drawing.text((LEFT, y), Anchor::Start, HEAD, &panel.title);
    if panel.curves.len() < 2 {
        return Ok(());
    }
    // from the right, as much of each name as there is room for beside the title
    let room = RIGHT - LEFT - width_of(&panel.title, HEAD)? - ROOM;
    let each = (room / panel.curves.len() as f64 - SWATCH - 6.0 - ROOM).min(NAME);
    let mut x = RIGHT;
    for (index, curve) in panel.curves.iter().enumerate().rev() {
        let name = fitted(&curve.name, TICK, each)?;
        drawing.text((x, y), Anchor::End, TICK, &name);
        x -= width_of(&name, TICK)? + 6.0;
        draw_curve(drawing, &[(x - SWATCH, y), (x, y)], ink(index), DASHES[index % DASHES.len()]);
        x -= SWATCH + ROOM;
    }
    Ok(())
}
