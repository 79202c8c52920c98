//! The figures of the system, of recovery, of every other subject and of the parts.

use super::table::{Cell, Look, Table, Tone};
use super::{heading, title_of};
use crate::report::number::{self, Figure};
use crate::results::measure::Measure;
use crate::results::{Results, Row};

/// The subject that stands for all users.
const SYSTEM: &str = "system";

fn estimate_cells(figure: Figure) -> [Cell; 2] {
    [Cell::left(figure.value).toned(Tone::Strong), Cell::left(figure.interval).toned(Tone::Faint)]
}

/// Availability in time and of requests with nines; downtime and outages per year; times between and to repair.
pub fn availability(results: &Results, look: Look) -> String {
    let mut table = Table::new();
    let lines = [
        ("in time", Measure::AvailabilityTime, Some(Measure::NinesTime)),
        ("of requests", Measure::AvailabilityRequest, Some(Measure::NinesRequest)),
        ("degraded", Measure::DegradedTime, None),
        ("downtime per year", Measure::DowntimePerYear, None),
        ("outages per year", Measure::OutagesPerYear, None),
        ("between outages (mtbf)", Measure::Mtbf, None),
        ("per outage (mttr)", Measure::Mttr, None),
    ];
    for (label, measure, nines) in lines {
        let Some(row) = results.find(measure, SYSTEM, "mean") else { continue };
        let mut cells = vec![Cell::left(label)];
        cells.extend(estimate_cells(number::figure(measure, &row.value)));
        if let Some(row) = nines.and_then(|nines| results.find(nines, SYSTEM, "mean")) {
            cells.extend(estimate_cells(number::nines(&row.value)));
        }
        table.row(cells);
        if measure == Measure::DegradedTime {
            of_tiers(results, &mut table);
        }
    }
    let instants = [Measure::AvailabilityPoint, Measure::TimeToFirstOutage];
    for row in results.rows.iter().filter(|row| instants.contains(&row.measure) && row.subject == SYSTEM) {
        let mut cells = vec![Cell::left(format!("{} {}", title_of(row.measure), row.statistic))];
        cells.extend(estimate_cells(number::figure(row.measure, &row.value)));
        table.row(cells);
    }
    if table.is_empty() { String::new() } else { heading("AVAILABILITY", SYSTEM, look) + &table.render(4, look) }
}

/// How long each tier answered for something.
fn of_tiers(results: &Results, table: &mut Table) {
    let is_tier = |row: &&Row| row.measure == Measure::DegradedTime && row.subject == SYSTEM && row.statistic != "mean";
    for row in results.rows.iter().filter(is_tier) {
        let mut cells = vec![Cell::left(format!("on tier {}", row.statistic))];
        cells.extend(estimate_cells(number::figure(row.measure, &row.value)));
        table.row(cells);
    }
}

/// The spread of the downtime over years, and how to replay the worst trial.
pub fn downtime(results: &Results, look: Look) -> String {
    let mut parts = Vec::new();
    for (statistic, label) in [("p50", "median"), ("p95", "p95"), ("p99", "p99"), ("max", "worst")] {
        if let Some(row) = results.find(Measure::DowntimePerYear, SYSTEM, statistic) {
            let value = number::figure(Measure::DowntimePerYear, &row.value).value;
            parts.push(format!("{label} {value}"));
        }
    }
    if parts.is_empty() {
        return String::new();
    }
    if let Some(trial) = results.worst_trial {
        parts.push(format!("(replay: trace --trial {trial})"));
    }
    format!("  {}  {}\n", look.paint(Tone::Strong, "DOWNTIME per year"), parts.join("  "))
}

const SPREAD: [(&str, &str); 5] =
    [("mean", "mean"), ("p50", "median"), ("p95", "p95"), ("p99", "p99"), ("max", "worst")];

/// Lengths of outages, RTO, RPO, detection and the success of failovers, each with its spread.
pub fn recovery(results: &Results, look: Look) -> String {
    let mut table = Table::new();
    for measure in [Measure::OutageDuration, Measure::Rto, Measure::Rpo, Measure::DetectionDelay] {
        let of_system = spread_cells(results, measure, SYSTEM);
        for subject in subjects_of(results, measure) {
            let cells = spread_cells(results, measure, subject);
            if subject != SYSTEM && (cells == of_system || !has_recovery(results, measure, subject)) {
                continue;
            }
            table.row([vec![Cell::left(title_of(measure)), Cell::left(subject)], cells].concat());
        }
    }
    let mut out = String::new();
    if !table.is_empty() {
        let mut header = vec![Cell::left(" "), Cell::left(" ")];
        header.extend(SPREAD.map(|(_, label)| Cell::left(label).toned(Tone::Faint)));
        let mut whole = Table::new();
        whole.row(header);
        whole.append(table);
        out = whole.render(4, look);
    }
    let mut counts = Table::new();
    for measure in [
        Measure::FailoverSuccess,
        Measure::FalseFailoversPerYear,
        Measure::SplitBrainTime,
        Measure::DivergentWritesPerYear,
    ] {
        let of_system = results.find(measure, SYSTEM, "mean").map(|row| row.value);
        for row in results.rows.iter().filter(|row| row.measure == measure && row.statistic == "mean") {
            if row.subject != SYSTEM && Some(row.value) == of_system {
                continue;
            }
            let mut cells = vec![Cell::left(title_of(measure)), Cell::left(&row.subject)];
            cells.extend(estimate_cells(number::figure(row.measure, &row.value)));
            counts.row(cells);
        }
    }
    out += &counts.render(4, look);
    if out.is_empty() { out } else { heading("RECOVERY", "", look) + &out }
}

fn spread_cells(results: &Results, measure: Measure, subject: &str) -> Vec<Cell> {
    let text = |statistic| results.find(measure, subject, statistic).map(|row| spread_text(statistic, row));
    SPREAD.map(|(statistic, _)| Cell::left(text(statistic).unwrap_or_default())).to_vec()
}

/// Whether recovery is this subject's own: the outages of others are the repair of what they stand on, and their
/// `rto` repeats that of the service which fails over. The full table is in json and csv.
fn has_recovery(results: &Results, measure: Measure, subject: &str) -> bool {
    match measure {
        Measure::OutageDuration => false,
        Measure::Rto => results.find(Measure::FailoverSuccess, subject, "mean").is_some(),
        _ => true,
    }
}

/// The mean and the 95th percentile with their intervals, the others without, for room.
fn spread_text(statistic: &str, row: &Row) -> String {
    let figure = number::figure(row.measure, &row.value);
    if matches!(statistic, "mean" | "p95") { figure.joined() } else { figure.value }
}

/// Subjects that have this measure, in the order of the rows.
fn subjects_of(results: &Results, measure: Measure) -> Vec<&str> {
    let mut subjects: Vec<&str> = Vec::new();
    for row in results.rows.iter().filter(|row| row.measure == measure) {
        if !subjects.contains(&row.subject.as_str()) {
            subjects.push(&row.subject);
        }
    }
    subjects
}

/// A line for each group, service, region, zone and pool.
pub fn subjects(results: &Results, look: Look) -> String {
    let mut table = Table::new();
    let labels = ["", "availability", "nines", "requests", "downtime/y", "outages/y", "per outage"];
    table.row(labels.map(|label| Cell::left(label).toned(Tone::Faint)).to_vec());
    let columns = [
        Measure::AvailabilityTime,
        Measure::NinesTime,
        Measure::AvailabilityRequest,
        Measure::DowntimePerYear,
        Measure::OutagesPerYear,
        Measure::Mttr,
    ];
    let mut any = false;
    for subject in subjects_of(results, Measure::AvailabilityTime) {
        if subject == SYSTEM {
            continue;
        }
        any = true;
        let mut cells = vec![Cell::left(subject)];
        for measure in columns {
            let figure = results.find(measure, subject, "mean").map(|row| number::figure(measure, &row.value));
            let text = figure.map_or(String::new(), |figure| match measure {
                Measure::NinesTime => figure.joined().replace(" nines", ""),
                _ => figure.value,
            });
            cells.push(Cell::left(text));
        }
        table.row(cells);
    }
    if any { heading("BY SUBJECT", "", look) + &table.render(4, look) } else { String::new() }
}

/// Faults, repairs and nodes down of each pool.
pub fn parts(results: &Results, look: Look) -> String {
    let columns = [Measure::Faults, Measure::Repairs, Measure::NodesDown];
    let mut subjects: Vec<&str> = Vec::new();
    for subject in columns.into_iter().flat_map(|measure| subjects_of(results, measure)) {
        if !subjects.contains(&subject) {
            subjects.push(subject);
        }
    }
    if subjects.is_empty() {
        return String::new();
    }
    let mut table = Table::new();
    let labels = ["", "faults/trial", "repairs/trial", "nodes down"];
    table.row(labels.map(|label| Cell::left(label).toned(Tone::Faint)).to_vec());
    for subject in subjects {
        let mut cells = vec![Cell::left(subject)];
        for measure in columns {
            let row = results.find(measure, subject, "mean");
            cells.push(Cell::left(row.map_or(String::new(), |row| number::figure(measure, &row.value).joined())));
        }
        table.row(cells);
    }
    heading("PARTS", "", look) + &table.render(4, look)
}
