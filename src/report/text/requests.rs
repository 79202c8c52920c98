//! What users got and what it took: success and latency by user, load by service, policies by call.

use super::heading;
use super::table::{Cell, Look, Table, Tone};
use crate::report::number;
use crate::results::Results;
use crate::results::measure::Measure;

type Column = (&'static str, Measure, &'static str);

/// Users, services and calls, each in a table of its own; nothing on the structure clock.
pub fn section(results: &Results, look: Look) -> String {
    let users = [
        ("success", Measure::SuccessRatio, "mean"),
        ("degraded", Measure::DegradedRatio, "mean"),
        ("latency mean", Measure::Latency, "mean"),
        ("median", Measure::Latency, "p50"),
        ("p95", Measure::Latency, "p95"),
        ("p99", Measure::Latency, "p99"),
        ("stuck", Measure::SagasStuck, "mean"),
    ];
    let services = [
        ("attempts/request", Measure::AttemptsPerRequest, "mean"),
        ("waited", Measure::QueueTime, "share"),
        ("queue mean", Measure::QueueTime, "mean"),
        ("p99", Measure::QueueTime, "p99"),
        ("shed", Measure::Shed, "mean"),
    ];
    let calls = [
        ("attempts/request", Measure::AttemptsPerRequest, "mean"),
        ("rejected", Measure::Rejected, "mean"),
        ("hedged", Measure::Hedged, "mean"),
        ("breakers open", Measure::BreakerOpenTime, "mean"),
    ];
    [
        ("REQUESTS", table(results, look, &users, Measure::SuccessRatio)),
        ("SERVICES", table(results, look, &services, Measure::Shed)),
        ("CALLS", table(results, look, &calls, Measure::Rejected)),
    ]
    .into_iter()
    .filter(|(_, table)| !table.is_empty())
    .map(|(name, table)| heading(name, "", look) + &table)
    .collect::<Vec<_>>()
    .join("\n")
}

/// A line for each subject that has `key`; columns that nobody fills are left out.
fn table(results: &Results, look: Look, columns: &[Column], key: Measure) -> String {
    let filled = |column: &&Column| {
        let mut rows = results.rows.iter().filter(|row| row.measure == key);
        rows.any(|row| results.find(column.1, &row.subject, column.2).is_some())
    };
    let columns: Vec<&Column> = columns.iter().filter(filled).collect();
    let mut table = Table::new();
    let labels = std::iter::once("").chain(columns.iter().map(|(label, _, _)| *label));
    table.row(labels.map(|label| Cell::left(label).toned(Tone::Faint)).collect());
    let mut any = false;
    for subject in results.rows.iter().filter(|row| row.measure == key && row.statistic == "mean") {
        any = true;
        let cell = |(_, measure, statistic): &&Column| {
            let row = results.find(*measure, &subject.subject, statistic);
            let wide = *statistic == "mean" && *measure != Measure::QueueTime;
            let text = row.map(number::of_row);
            Cell::left(text.map_or(String::new(), |figure| if wide { figure.joined() } else { figure.value }))
        };
        table.row(std::iter::once(Cell::left(&subject.subject)).chain(columns.iter().map(cell)).collect());
    }
    if any { table.render(4, look) } else { String::new() }
}
