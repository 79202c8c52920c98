//! Shares with bars: who caused the downtime, and in which stages outages spend their time.

use super::heading;
use super::table::{Cell, Look, Table, Tone};
use crate::report::number;
use crate::results::measure::Measure;
use crate::results::raw::Stage;
use crate::results::{Results, Row};
use std::fmt::Write as _;

/// Causes that get a line of their own.
const CAUSES_MAX: usize = 10;
/// Length of the bar of all downtime.
const BAR: f64 = 40.0;
/// Characters of a cause that are shown.
const NAME_MAX: usize = 34;

/// Shares of the downtime by initiating fault, the largest first.
pub fn causes(results: &Results, look: Look) -> String {
    let mut rows: Vec<&Row> = results.rows.iter().filter(|row| row.measure == Measure::Contribution).collect();
    rows.retain(|row| row.subject == "system" && row.value.estimate.is_some_and(|share| share > 0.0));
    let share = |row: &Row| row.value.estimate.unwrap_or(0.0);
    rows.sort_by(|a, b| share(b).total_cmp(&share(a)).then_with(|| a.statistic.cmp(&b.statistic)));
    if rows.is_empty() {
        return String::new();
    }
    let mut table = Table::new();
    for row in rows.iter().take(CAUSES_MAX) {
        let figure = number::figure(row.measure, &row.value);
        table.row(vec![
            Cell::left(shortened(&row.statistic)),
            Cell::right(figure.value).toned(Tone::Strong),
            Cell::left(figure.interval).toned(Tone::Faint),
            Cell::left(bar(share(row))),
        ]);
    }
    let mut out = heading("BY CAUSE", "share of the downtime", look) + &table.render(4, look);
    if let Some(next) = rows.get(CAUSES_MAX) {
        let more = rows.len() - CAUSES_MAX;
        let _ = writeln!(out, "    and {more} more, none above {}", number::percent(share(next)));
    }
    out
}

/// Shares of the mean outage by stage, in the order of the stages.
pub fn waterfall(results: &Results, look: Look) -> String {
    let mean = |stage: Stage| {
        results.find(Measure::Waterfall, "system", stage.name()).and_then(|row| row.value.estimate.map(|s| (row, s)))
    };
    let total: f64 = Stage::ALL.into_iter().filter_map(mean).map(|(_, seconds)| seconds).sum();
    if total <= 0.0 {
        return String::new();
    }
    let mut table = Table::new();
    for (row, seconds) in Stage::ALL.into_iter().filter_map(mean).filter(|(_, seconds)| *seconds > 0.0) {
        let figure = number::figure(Measure::Waterfall, &row.value);
        table.row(vec![
            Cell::left(&row.statistic),
            Cell::right(number::percent(seconds / total)).toned(Tone::Strong),
            Cell::left(figure.value),
            Cell::left(figure.interval).toned(Tone::Faint),
            Cell::left(bar(seconds / total)),
        ]);
    }
    heading("WATERFALL", &format!("mean outage {}", number::duration(total)), look) + &table.render(4, look)
}

fn bar(share: f64) -> String {
    "▇".repeat((share.clamp(0.0, 1.0) * BAR + 0.5) as usize)
}

fn shortened(name: &str) -> String {
    if name.chars().count() <= NAME_MAX {
        return name.to_owned();
    }
    name.chars().take(NAME_MAX - 1).chain(['…']).collect()
}
