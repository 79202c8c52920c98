//! Horizontal bars with whiskers: a row per thing, in it a bar per scenario.
//!
//! Bars begin at zero, so that lengths may be compared; the figure and its interval stand beside each. Where all that is
//! drawn is near one end, points on an axis that does not begin at zero, and says so, tell more.

use super::axis::{Scale, round_ticks};
use super::canvas::{Anchor, BLACK, Drawing, GREY, Ink, PALE, PALETTE, width_of};
use super::{EDGE, LABEL, PlotError, SUBTITLE, TICK, WIDTH, fitted, names, titles};
use crate::report::number;
use crate::results::Results;
use crate::results::measure::Measure;
use crate::stats::Estimate;

const TOP: f64 = 84.0;
const BAR: f64 = 18.0;
const GAP: f64 = 16.0;

/// One row of bars.
pub struct Row {
    /// What it is about.
    pub name: String,
    /// By scenario.
    pub values: Vec<Option<Estimate>>,
    /// What is asked for, if anything is.
    pub target: Option<f64>,
}

impl Row {
    /// How many bars it has.
    fn lanes(&self) -> usize {
        self.values.iter().flatten().count()
    }

    /// Its bars, each in the colour of its scenario, with the figure beside it.
    fn draw(&self, drawing: &mut Drawing, axis: Axis, top: f64, measure: Measure) -> Result<(), PlotError> {
        let scale = axis.scale;
        let known = self.values.iter().enumerate().filter_map(|(index, value)| value.as_ref().map(|v| (index, v)));
        for (lane, (scenario, value)) in known.enumerate() {
            let top = top + BAR * lane as f64;
            bar(drawing, axis, top, value, PALETTE[scenario % PALETTE.len()]);
            let end = value.high.into_iter().chain(value.estimate).chain(value.low).fold(0.0, f64::max);
            drawing.label((scale.at(end) + 9.0, top + BAR / 2.0), LABEL, &figure(measure, value))?;
        }
        Ok(())
    }
}

/// Where shares stand, and what those at the ends are.
#[derive(Clone, Copy)]
struct Axis {
    from: f64,
    to: f64,
    scale: Scale,
}

/// What the chart says.
pub struct Words<'a> {
    /// Its title.
    pub title: &'a str,
    /// What is drawn.
    pub what: &'a str,
    /// Under the axis.
    pub axis: &'a str,
}

/// The chart of shares; the axis goes from `from`, 0 for bars, to `to`, at most 1.
///
/// # Errors
/// If the built-in font does not load.
pub fn drawing(
    words: &Words<'_>,
    measure: Measure,
    scenarios: &[Results],
    rows: &[Row],
    (from, to): (f64, f64),
) -> Result<Drawing, PlotError> {
    let lanes: usize = rows.iter().map(Row::lanes).sum();
    let bottom = TOP + BAR * lanes as f64 + GAP * rows.len() as f64 + 4.0;
    let several = scenarios.len() > 1;
    let legend_top = bottom + 68.0;
    let below = if several { legend_top + 22.0 * scenarios.len() as f64 } else { bottom + 58.0 };
    let mut drawing = Drawing::new(WIDTH, below);
    titles(&mut drawing, words.title, scenarios, words.what)?;
    let mut widest = 0.0_f64;
    for row in rows {
        widest = widest.max(width_of(&fitted(&row.name, LABEL, 240.0)?, LABEL)?);
    }
    let mut beside = 0.0_f64;
    for value in rows.iter().flat_map(|row| &row.values).flatten() {
        beside = beside.max(width_of(&figure(measure, value), LABEL)?);
    }
    let scale = Scale::linear(from, to, EDGE + widest + 14.0, WIDTH - EDGE - beside - 16.0);
    let axis = Axis { from, to, scale };
    axis.draw(&mut drawing, bottom, words.axis);
    let mut top = TOP + GAP / 2.0;
    for row in rows {
        let height = BAR * row.lanes() as f64;
        let name = fitted(&row.name, LABEL, 240.0)?;
        drawing.text((EDGE + widest, top + height / 2.0), Anchor::End, LABEL, &name);
        row.draw(&mut drawing, axis, top, measure)?;
        if let Some(target) = row.target {
            let x = scale.at(target);
            drawing.line(&[(x, top - 5.0), (x, top + height + 5.0)], 2.5, BLACK);
        }
        top += height + GAP;
    }
    if several {
        let (names, _) = names(scenarios, WIDTH - 2.0 * EDGE - 60.0)?;
        for (index, name) in names.iter().enumerate() {
            let y = legend_top + 22.0 * index as f64;
            drawing.bar((scale.at(from), y - 7.0), (scale.at(from) + 14.0, y + 7.0), PALETTE[index % PALETTE.len()]);
            drawing.text((scale.at(from) + 24.0, y), Anchor::Start, LABEL, &fitted(name, LABEL, 560.0)?);
        }
    }
    Ok(drawing)
}

fn figure(measure: Measure, value: &Estimate) -> String {
    number::figure(measure, value).joined().replace(">=", "≥").replace("<=", "≤")
}

impl Axis {
    fn draw(&self, drawing: &mut Drawing, bottom: f64, text: &str) {
        let Axis { from, to, scale } = *self;
        let ticks = round_ticks(from, to, 5.0);
        let labels = percents(&ticks);
        for (share, label) in ticks.iter().zip(&labels) {
            let x = scale.at(*share);
            drawing.line(&[(x, TOP), (x, bottom)], 1.0, PALE);
            drawing.text((x, bottom + 16.0), Anchor::Middle, TICK, label);
        }
        let side = [(scale.at(from), TOP), (scale.at(from), bottom)];
        let text = if from > 0.0 {
            drawing.dashed(&side, 1.25, (3.0, 4.0), GREY);
            format!("{text}; the axis begins at {}, not at 0%", labels[0])
        } else {
            drawing.line(&side, 1.25, GREY);
            text.to_owned()
        };
        let middle = f64::midpoint(scale.at(from), scale.at(to));
        drawing.text((middle, bottom + 40.0), Anchor::Middle, SUBTITLE, &text);
    }
}

/// Ticks of shares, all with as many decimals as the finest needs.
pub fn percents(ticks: &[f64]) -> Vec<String> {
    let decimals = |share: f64| {
        let text = number::trimmed((share * 1e12).round() / 1e10);
        text.split_once('.').map_or(0, |(_, decimals)| decimals.len())
    };
    let most = ticks.iter().map(|share| decimals(*share)).max().unwrap_or(0);
    let label = |share: &f64| if *share == 0.0 { "0%".to_owned() } else { format!("{:.most$}%", share * 100.0) };
    ticks.iter().map(label).collect()
}

/// The least round share to end an axis with that holds `most`.
pub fn round_end(most: f64) -> f64 {
    let step = round_ticks(0.0, most, 5.0).get(1).copied().unwrap_or(most);
    (libm::ceil(most / step - 1e-9) * step).min(1.0)
}

/// The round share to begin an axis with that ends at 1 and holds `least`: 0 if that is far from 1 or is 1.
pub fn round_start(least: f64) -> f64 {
    if !(0.5..1.0 - 1e-9).contains(&least) {
        return 0.0;
    }
    // with some air, so that nothing lies on the edge
    let least = least - 0.04 * (1.0 - least);
    let ticks = round_ticks(least, 1.0, 5.0);
    let step = ticks.windows(2).map(|pair| pair[1] - pair[0]).next().unwrap_or(1.0);
    1.0 - libm::ceil((1.0 - least) / step - 1e-9) * step
}

/// The bar to the estimate, or a point where bars would not begin at zero, its interval as a whisker; without an estimate
/// only the whisker.
fn bar(drawing: &mut Drawing, axis: Axis, top: f64, value: &Estimate, ink: Ink) {
    let (middle, Axis { from, scale, .. }) = (top + BAR / 2.0, axis);
    if let Some(estimate) = value.estimate.filter(|_| from <= 0.0) {
        drawing.bar((scale.at(0.0), top + 2.0), (scale.at(estimate).max(scale.at(0.0) + 1.5), top + BAR - 2.0), ink);
    }
    if let (Some(low), Some(high)) = (value.low, value.high) {
        let (low, high) = (scale.at(low), scale.at(high));
        if high - low > 1.0 {
            drawing.line(&[(low, middle), (high, middle)], 1.5, BLACK);
            for x in [low, high].into_iter().filter(|_| high - low > 7.0) {
                drawing.line(&[(x, middle - 4.0), (x, middle + 4.0)], 1.5, BLACK);
            }
        }
    }
    if let Some(estimate) = value.estimate.filter(|_| from > 0.0) {
        drawing.disc((scale.at(estimate), middle), 5.0, ink);
    }
}

#[cfg(test)]
mod tests {
    use super::{percents, round_start};

    #[test]
    fn an_axis_of_shares_begins_where_the_differences_are() {
        let found = [0.2, 0.49, 0.7, 0.93, 0.99, 0.995, 0.9995, 1.0].map(round_start);
        assert_eq!(percents(&found), ["0%", "0%", "60.00%", "92.00%", "98.50%", "99.40%", "99.94%", "0%"]);
    }
}
