//! Where outages spend their time: the mean seconds of each stage, one after the other.
//!
//! One scenario gets a step per stage with its interval's ends in figures; several get one stacked bar each, on one
//! axis, so that the eye compares totals first and stages second.

use super::axis::{Scale, linear_duration_ticks};
use super::canvas::{ASH, Anchor, BLACK, Drawing, GREY, Ink, PALE, PALETTE, Type, WHITE, WINE, width_of};
use super::{EDGE, LABEL, PlotError, SUBTITLE, TICK, WIDTH, names, titles};
use crate::report::number;
use crate::results::measure::Measure;
use crate::results::raw::Stage;
use crate::results::{Results, Row};

/// Seconds of each stage with its row.
type Stages<'a> = Vec<(Stage, f64, &'a Row)>;

/// The chart.
///
/// # Errors
/// If no scenario saw an outage.
pub fn drawing(scenarios: &[Results]) -> Result<Drawing, PlotError> {
    let stages: Vec<Stages> = scenarios.iter().map(stages_of).collect();
    let longest = stages.iter().map(total).fold(0.0, f64::max);
    if longest <= 0.0 {
        return Err(PlotError::Nothing("no run saw an outage"));
    }
    if let [only] = stages.as_slice() { steps(scenarios, only) } else { stacks(scenarios, &stages, longest) }
}

fn stages_of(results: &Results) -> Stages<'_> {
    let of = |stage: Stage| {
        let row = results.find(Measure::Waterfall, "system", stage.name())?;
        row.value.estimate.filter(|seconds| *seconds > 0.0 && seconds.is_finite()).map(|seconds| (stage, seconds, row))
    };
    Stage::ALL.into_iter().filter_map(of).collect()
}

fn total(stages: &Stages) -> f64 {
    stages.iter().map(|(_, seconds, _)| seconds).sum()
}

/// The colour of a stage.
pub fn ink(stage: Stage) -> Ink {
    match stage {
        Stage::Undetected => PALETTE[1],
        Stage::Deciding => PALETTE[6],
        Stage::Promoting => PALETTE[0],
        Stage::Rerouting => PALETTE[4],
        Stage::Warming => PALETTE[5],
        Stage::Breakers => ASH,
        Stage::FailingBack => PALETTE[3],
        Stage::Repairing => PALETTE[2],
        Stage::Overloaded => WINE,
    }
}

/// Dark fills carry white letters, light ones black.
pub fn letters(stage: Stage) -> Ink {
    match stage {
        Stage::Undetected | Stage::Promoting | Stage::Repairing | Stage::Overloaded => WHITE,
        Stage::Deciding | Stage::Rerouting | Stage::Warming | Stage::Breakers | Stage::FailingBack => BLACK,
    }
}

fn axis(drawing: &mut Drawing, scale: Scale, to: f64, (top, bottom): (f64, f64)) {
    for (seconds, label) in linear_duration_ticks(to) {
        let x = scale.at(seconds);
        drawing.line(&[(x, top), (x, bottom)], 1.0, PALE);
        drawing.text((x, bottom + 16.0), Anchor::Middle, TICK, &label);
    }
    drawing.line(&[(scale.at(0.0), bottom), (scale.at(to), bottom)], 1.25, GREY);
    let middle = f64::midpoint(scale.at(0.0), scale.at(to));
    drawing.text((middle, bottom + 42.0), Anchor::Middle, SUBTITLE, "mean time per outage");
}

/// One scenario: a step per stage, each beginning where the one before ended.
fn steps(scenarios: &[Results], stages: &Stages) -> Result<Drawing, PlotError> {
    const TOP: f64 = 84.0;
    const LANE: f64 = 40.0;
    let sum = total(stages);
    let bottom = TOP + LANE * (stages.len() + 1) as f64 + 8.0;
    let mut drawing = Drawing::new(WIDTH, bottom + 62.0);
    let name = scenarios.first().map_or("", |results| results.scenario.as_str());
    titles(&mut drawing, "Where an outage spends its time", scenarios, name)?;
    let scale = Scale::linear(0.0, sum, EDGE + 110.0, WIDTH - EDGE - 250.0);
    axis(&mut drawing, scale, sum, (TOP, bottom));
    let mut begun = 0.0;
    for (index, (stage, seconds, row)) in stages.iter().enumerate() {
        let top = TOP + 8.0 + LANE * index as f64;
        let (from, to) = (scale.at(begun), scale.at(begun + seconds));
        drawing.text((EDGE + 98.0, top + 13.0), Anchor::End, LABEL, stage.name());
        drawing.bar((from, top), (to.max(from + 1.0), top + 26.0), ink(*stage));
        drawing.line(&[(to, top + 26.0), (to, top + LANE)], 1.0, GREY);
        let figure = number::figure(Measure::Waterfall, &row.value).joined();
        let text = format!("{figure}   {}", number::percent(seconds / sum));
        drawing.label((to + 10.0, top + 13.0), LABEL, &text)?;
        begun += seconds;
    }
    let top = TOP + 8.0 + LANE * stages.len() as f64;
    let strong = Type { bold: true, ..LABEL };
    drawing.text((EDGE + 98.0, top + 13.0), Anchor::End, strong, "outage");
    drawing.bar((scale.at(0.0), top), (scale.at(sum), top + 26.0), GREY);
    drawing.text((scale.at(sum) + 10.0, top + 13.0), Anchor::Start, strong, &number::duration(sum));
    Ok(drawing)
}

/// Several scenarios: a stacked bar each.
fn stacks(scenarios: &[Results], stages: &[Stages], longest: f64) -> Result<Drawing, PlotError> {
    const TOP: f64 = 112.0;
    const LANE: f64 = 54.0;
    let bottom = TOP + LANE * scenarios.len() as f64 + 6.0;
    let mut drawing = Drawing::new(WIDTH, bottom + 62.0);
    let what = "mean length of an outage by stage; shorter is better";
    titles(&mut drawing, "Where outages spend their time", scenarios, what)?;
    legend(&mut drawing, stages)?;
    let (names, widest) = names(scenarios, 260.0)?;
    let scale = Scale::linear(0.0, longest, EDGE + widest + 16.0, WIDTH - EDGE - 90.0);
    axis(&mut drawing, scale, longest, (TOP, bottom));
    for (index, (name, stages)) in names.iter().zip(stages).enumerate() {
        let top = TOP + 10.0 + LANE * index as f64;
        drawing.text((EDGE + widest, top + 17.0), Anchor::End, LABEL, name);
        let mut begun = 0.0;
        for (stage, seconds, _) in stages {
            let (from, to) = (scale.at(begun), scale.at(begun + seconds));
            drawing.bar((from, top), (to, top + 34.0), ink(*stage));
            if begun > 0.0 {
                drawing.line(&[(from, top), (from, top + 34.0)], 1.0, WHITE);
            }
            let text = number::duration(*seconds);
            let style = Type { ink: letters(*stage), ..TICK };
            if width_of(&text, style)? + 10.0 < to - from {
                drawing.text((f64::midpoint(from, to), top + 17.0), Anchor::Middle, style, &text);
            }
            begun += seconds;
        }
        let text = if begun > 0.0 { number::duration(begun) } else { "no outage seen".to_owned() };
        drawing.label((scale.at(begun) + 10.0, top + 17.0), Type { bold: true, ..LABEL }, &text)?;
    }
    Ok(drawing)
}

/// The stages that any scenario spends time in.
fn legend(drawing: &mut Drawing, stages: &[Stages]) -> Result<(), PlotError> {
    let mut x = EDGE;
    let used = |stage: &Stage| stages.iter().flatten().any(|(other, _, _)| other == stage);
    for stage in Stage::ALL.into_iter().filter(used) {
        drawing.bar((x, 77.0), (x + 14.0, 91.0), ink(stage));
        drawing.text((x + 21.0, 84.0), Anchor::Start, SUBTITLE, stage.name());
        x += 21.0 + 22.0 + width_of(stage.name(), SUBTITLE)?;
    }
    Ok(())
}
