//! The screen of a comparison: scenarios side by side, then what differs, trial by trial.

use super::cost::title_in;
use super::table::{Cell, Look, Table, Tone, clean};
use super::{WIDTH, extent, heading, notes, objectives};
use crate::report::number;
use crate::results::measure::Measure;
use crate::results::{Comparison, Difference, Direction, Judgement, Results};
use std::fmt::Write as _;

/// Scenarios side by side and the paired differences to the first.
pub fn comparison(comparison: &Comparison, look: Look) -> String {
    let Some(first) = comparison.scenarios.first() else { return String::new() };
    let names = labels(&comparison.scenarios);
    let mut out = look.paint(Tone::Strong, &format!("{} scenarios, the same luck", comparison.scenarios.len()));
    let facts = [extent(first), format!("seed {}", first.seed), first.fidelity.name().to_owned()];
    let _ = writeln!(out, "   {}", facts.join("   "));
    if comparison.scenarios.iter().any(|results| results.partial) {
        let text = format!("PARTIAL: interrupted; this is what {} trials say", number::whole(first.trials));
        let _ = writeln!(out, "  {}", look.paint(Tone::Doubt, &text));
    }
    out.push('\n');
    for (name, results) in names.iter().zip(&comparison.scenarios).filter(|(name, _)| name.len() == 1) {
        let _ = writeln!(out, "  {}  {}", look.paint(Tone::Strong, name), clean(&results.scenario));
    }
    out.push_str(&side_by_side(&comparison.scenarios, &names, look));
    for index in 1..comparison.scenarios.len() {
        if comparison.differences.is_empty() {
            break;
        }
        out.push('\n');
        let about = format!("{} against {}", names[index], names[0]);
        out.push_str(&heading("DIFFERENCE", &about, look));
        out.push_str(&differences(comparison, index, look));
    }
    for (name, results) in names.iter().zip(&comparison.scenarios) {
        let section = objectives::section(results, look);
        if !section.is_empty() {
            let _ = write!(out, "\n  {}\n{section}", look.paint(Tone::Strong, name));
        }
    }
    let lines = joint_notes(&comparison.scenarios, &names);
    if !lines.is_empty() {
        out.push('\n');
        out.push_str(&notes(&lines));
    }
    out
}

/// What all scenarios note, once; then what only some do, under their names.
fn joint_notes(scenarios: &[Results], names: &[String]) -> Vec<String> {
    let shared = |note: &String| scenarios.iter().all(|results| results.notes.contains(note));
    let first = scenarios.first().map_or(&[][..], |results| &results.notes);
    let mut lines: Vec<String> = first.iter().filter(|note| shared(note)).cloned().collect();
    for (name, results) in names.iter().zip(scenarios) {
        lines.extend(results.notes.iter().filter(|note| !shared(note)).map(|note| format!("{name}: {note}")));
    }
    lines
}

/// Titles where they fit and differ, else letters that a legend explains.
fn labels(scenarios: &[Results]) -> Vec<String> {
    let room = (WIDTH - 24) / scenarios.len().max(1);
    let titles: Vec<String> = scenarios.iter().map(|results| clean(&results.scenario)).collect();
    let fit = titles.iter().all(|title| title.chars().count() + 2 <= room && title.chars().count() > 1);
    let differ = titles.iter().enumerate().all(|(index, title)| !titles[..index].contains(title));
    if fit && differ {
        return titles;
    }
    (0..scenarios.len()).map(|index| char::from(b'A' + (index % 26) as u8).to_string()).collect()
}

fn side_by_side(scenarios: &[Results], names: &[String], look: Look) -> String {
    let mut table = Table::new();
    let mut header = vec![Cell::left(" ")];
    header.extend(names.iter().map(|name| Cell::left(name).toned(Tone::Strong)));
    table.row(header);
    let lines = [
        (Measure::AvailabilityTime, "system", "mean"),
        (Measure::NinesTime, "system", "mean"),
        (Measure::AvailabilityRequest, "system", "mean"),
        (Measure::NinesRequest, "system", "mean"),
        (Measure::DowntimePerYear, "system", "mean"),
        (Measure::DowntimePerYear, "system", "p95"),
        (Measure::DowntimePerYear, "system", "p99"),
        (Measure::OutagesPerYear, "system", "mean"),
        (Measure::OutageDuration, "system", "mean"),
        (Measure::OutageDuration, "system", "p95"),
        (Measure::Rto, "system", "p95"),
        (Measure::Rpo, "system", "p95"),
        (Measure::SuccessRatio, "system", "mean"),
        (Measure::DegradedRatio, "system", "mean"),
        (Measure::Latency, "system", "mean"),
        (Measure::Latency, "system", "p99"),
        (Measure::CostPerYear, "system", "mean"),
        (Measure::CostPerNine, "system", "mean"),
    ];
    for (measure, subject, statistic) in lines {
        let values = scenarios.iter().map(|results| results.find(measure, subject, statistic));
        let mut cells = vec![Cell::left(label(scenarios, measure, statistic))];
        if values.clone().all(|row| row.is_none()) {
            continue;
        }
        let text = |figure: number::Figure| if scenarios.len() <= 3 { figure.joined() } else { figure.value };
        cells.extend(values.map(|row| {
            Cell::left(
                row.map_or("-".to_owned(), |row| text(number::figure(measure, &row.value)).replace(" nines", "")),
            )
        }));
        table.row(cells);
    }
    let judged = |results: &Results| results.verdicts.iter().map(|v| v.judgement).max();
    if scenarios.iter().any(|results| !results.verdicts.is_empty()) {
        let mut cells = vec![Cell::left("objectives")];
        cells.extend(scenarios.iter().map(|results| match judged(results) {
            Some(Judgement::Met) => Cell::left("✓ all met").toned(Tone::Good),
            Some(Judgement::Undecided) => Cell::left("? undecided").toned(Tone::Doubt),
            Some(Judgement::NotMet) => Cell::left("✗ not met").toned(Tone::Bad),
            None => Cell::left("none"),
        }));
        table.row(cells);
    }
    table.render(2, look)
}

fn label(scenarios: &[Results], measure: Measure, statistic: &str) -> String {
    let title = title_in(scenarios, measure);
    if statistic == "mean" { title } else { format!("{title} {statistic}") }
}

/// How scenario number `other` differs from the first; titles may be equal, numbers are not.
fn differences(comparison: &Comparison, other: usize, look: Look) -> String {
    let mut table = Table::new();
    let (mut gains, mut left_out) = (false, false);
    for difference in comparison.differences.iter().filter(|difference| difference.scenario == other) {
        if !is_shown(difference) {
            left_out = true;
            continue;
        }
        gains |= difference.pairing_gain.is_some();
        table.row(difference_cells(&comparison.scenarios, difference));
    }
    let mut out = table.render(4, look);
    if left_out {
        out.push_str("    (more measures of every subject: --json)\n");
    }
    if gains {
        out.push_str("    (pairing: how many times more trials independent seeds would need for the same interval)\n");
    }
    out
}

/// Unavailability only mirrors availability, and of other subjects one figure says enough for a screen.
fn is_shown(difference: &Difference) -> bool {
    match difference.measure {
        // success is request availability under its other name
        Measure::UnavailabilityTime | Measure::UnavailabilityRequest | Measure::SuccessRatio => false,
        Measure::AttemptsPerRequest => !difference.subject.contains("->"),
        Measure::DowntimePerYear => true,
        _ => difference.subject == "system",
    }
}

fn difference_cells(scenarios: &[Results], difference: &Difference) -> Vec<Cell> {
    let (word, tone) = match difference.direction {
        Direction::Better => ("better", Tone::Good),
        Direction::Worse => ("worse", Tone::Bad),
        Direction::NoDifference => ("no difference found", Tone::Plain),
    };
    let mut name = label(scenarios, difference.measure, &difference.statistic);
    if difference.subject != "system" {
        name = format!("{name}, {}", difference.subject);
    }
    let figure = number::signed(difference.measure, &difference.value);
    let gain = difference.pairing_gain.filter(|gain| gain.is_finite());
    vec![
        Cell::left(name),
        Cell::left(figure.value).toned(Tone::Strong),
        Cell::left(figure.interval).toned(Tone::Faint),
        Cell::left(word).toned(tone),
        Cell::left(gain.map_or(String::new(), |gain| format!("pairing x{}", number::count(gain)))).toned(Tone::Faint),
    ]
}
