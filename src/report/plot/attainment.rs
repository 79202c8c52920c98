//! How often a window keeps to its objective: the chance that one meets its target, by objective.

use super::PlotError;
use super::bars::{self, Row, Words};
use super::canvas::Drawing;
use crate::results::Results;
use crate::results::measure::Measure;
use crate::stats::Estimate;

/// The chart.
///
/// # Errors
/// If no scenario has an objective on availability.
pub fn drawing(scenarios: &[Results]) -> Result<Drawing, PlotError> {
    let mut objectives: Vec<&str> = Vec::new();
    let rows = scenarios.iter().flat_map(|results| &results.rows);
    for row in rows.filter(|row| row.measure == Measure::SloAttainment) {
        if !objectives.contains(&row.subject.as_str()) {
            objectives.push(&row.subject);
        }
    }
    if objectives.is_empty() {
        return Err(PlotError::Nothing("no scenario has an objective with an availability"));
    }
    let row = |objective: &str| {
        let find = |results: &Results| results.find(Measure::SloAttainment, objective, "mean").map(|row| row.value);
        let mut verdicts = scenarios.iter().flat_map(|results| &results.verdicts);
        let asked = verdicts.find(|v| v.objective == objective && v.measure == Measure::SloAttainment);
        Row {
            name: objective.to_owned(),
            values: scenarios.iter().map(find).collect(),
            target: asked.map(|verdict| verdict.target),
        }
    };
    let rows: Vec<Row> = objectives.into_iter().map(row).collect();
    let asked = if rows.iter().any(|row| row.target.is_some()) { "; a black line is what is asked for" } else { "" };
    let what = format!("share of the objective's windows that meet its availability{asked}");
    let words = Words { title: "How often objectives are kept", what: &what, axis: "share of windows that meet it" };
    let ends = |value: &Estimate| [value.estimate, value.low, value.high];
    let drawn = rows.iter().flat_map(|row| row.values.iter().flatten().flat_map(ends).chain([row.target]));
    let from = bars::round_start(drawn.flatten().fold(1.0, f64::min));
    bars::drawing(&words, Measure::SloAttainment, scenarios, &rows, (from, 1.0))
}
