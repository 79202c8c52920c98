//! What is to blame: the share of the system's downtime by the fault that began each outage.

use super::bars::{self, Row, Words};
use super::canvas::Drawing;
use super::{PlotError, largest};
use crate::results::Results;
use crate::results::measure::Measure;

/// Causes drawn, at most.
const CAUSES: usize = 14;

/// The chart.
///
/// # Errors
/// If no scenario saw an outage.
pub fn drawing(scenarios: &[Results]) -> Result<Drawing, PlotError> {
    let mut causes: Vec<(String, f64)> = Vec::new();
    let rows = scenarios.iter().flat_map(|results| &results.rows);
    for row in rows.filter(|row| row.measure == Measure::Contribution && row.subject == "system") {
        let share = row.value.estimate.unwrap_or(0.0);
        match causes.iter_mut().find(|(cause, _)| *cause == row.statistic) {
            Some((_, most)) => *most = most.max(share),
            None => causes.push((row.statistic.clone(), share)),
        }
    }
    if causes.is_empty() {
        return Err(PlotError::Nothing("no run saw an outage"));
    }
    causes.sort_by(|a, b| b.1.total_cmp(&a.1));
    let left_out = causes.len().saturating_sub(CAUSES);
    causes.truncate(CAUSES);
    let rows: Vec<Row> = causes
        .into_iter()
        .map(|(cause, _)| {
            let find = |results: &Results| results.find(Measure::Contribution, "system", &cause).map(|row| row.value);
            Row { values: scenarios.iter().map(find).collect(), target: None, name: cause }
        })
        .collect();
    let to = bars::round_end(largest(rows.iter().flat_map(|row| &row.values).flatten()));
    let more = if left_out > 0 { format!("; {left_out} smaller causes left out") } else { String::new() };
    let what = format!("share of the downtime by the fault that began the outage{more}");
    let words = Words { title: "What causes downtime", what: &what, axis: "share of the system's downtime" };
    bars::drawing(&words, Measure::Contribution, scenarios, &rows, (0.0, to))
}
