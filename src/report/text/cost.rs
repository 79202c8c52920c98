//! What the system costs in a year, part by part, and what each nine of it does.

use super::table::{Cell, Look, Table, Tone};
use super::{heading, title_of};
use crate::report::number;
use crate::results::measure::Measure;
use crate::results::{Results, Row};

/// The subject that costs are of.
const SYSTEM: &str = "system";

/// Parts, their sum, and the cost of a nine; nothing where no prices are given.
pub fn section(results: &Results, look: Look) -> String {
    let rows = results.rows.iter().filter(|row| row.measure == Measure::CostPerYear && row.subject == SYSTEM);
    let (whole, parts): (Vec<&Row>, Vec<&Row>) = rows.partition(|row| row.statistic == "mean");
    let nine = results.find(Measure::CostPerNine, SYSTEM, "mean");
    let whole = whole.into_iter().map(|row| ("in all", row));
    let parts = parts.into_iter().map(|row| (row.statistic.as_str(), row));
    let mut table = Table::new();
    for (label, row) in parts.chain(whole).chain(nine.map(|row| ("per nine", row))) {
        let figure = number::figure(row.measure, &row.value);
        table.row(vec![
            Cell::left(label),
            Cell::right(figure.value).toned(Tone::Strong),
            Cell::left(figure.interval).toned(Tone::Faint),
        ]);
    }
    if table.is_empty() {
        return String::new();
    }
    let about = format!("per year, in {}", results.unit_of(Measure::CostPerYear, "mean"));
    heading("COST", &about, look) + &table.render(4, look)
}

/// What a line about the measure begins with: money goes with its currency.
pub fn title_in(scenarios: &[Results], measure: Measure) -> String {
    let unit = scenarios.iter().find_map(|results| results.currency.as_deref());
    match unit.filter(|_| matches!(measure, Measure::CostPerYear | Measure::CostPerNine)) {
        Some(currency) if scenarios.iter().all(|other| other.currency.as_deref().is_none_or(|it| it == currency)) => {
            format!("{}, {}", title_of(measure), super::table::clean(currency))
        }
        Some(_) | None => title_of(measure).to_owned(),
    }
}
