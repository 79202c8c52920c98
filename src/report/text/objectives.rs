//! What was asked and what became of it: a line per condition, with mark, figure, interval and verdict in a word.

use super::table::{Cell, Look, Table, Tone};
use super::{heading, title_with};
use crate::report::number;
use crate::results::measure::Measure;
use crate::results::{Judgement, Results, Side, Verdict};

/// All objectives, one heading each.
pub fn section(results: &Results, look: Look) -> String {
    let mut names: Vec<&str> = Vec::new();
    for verdict in &results.verdicts {
        if !names.contains(&verdict.objective.as_str()) {
            names.push(&verdict.objective);
        }
    }
    names.iter().map(|name| objective(results, name, look)).collect()
}

fn objective(results: &Results, name: &str, look: Look) -> String {
    let mut table = Table::new();
    let mut about = name.to_owned();
    for verdict in results.verdicts.iter().filter(|verdict| verdict.objective == name) {
        if verdict.subject != "system" && verdict.subject != name && about == name {
            about = format!("{name}, of {}", verdict.subject);
        }
        table.row(condition(results, verdict));
    }
    for measure in [Measure::SloAttainment, Measure::ErrorBudgetUsed] {
        let judged = results.verdicts.iter().any(|verdict| verdict.objective == name && verdict.measure == measure);
        if let Some(row) = results.find(measure, name, "mean").filter(|_| !judged) {
            let figure = number::figure(measure, &row.value);
            let what = match measure {
                Measure::SloAttainment => "windows that meet it",
                _ => "error budget used",
            };
            table.row(vec![
                Cell::left(" "),
                Cell::left(what),
                Cell::left(figure.value),
                Cell::left(figure.interval).toned(Tone::Faint),
            ]);
        }
    }
    heading("OBJECTIVE", &about, look) + &table.render(4, look)
}

fn condition(results: &Results, verdict: &Verdict) -> Vec<Cell> {
    let (mark, word, tone) = match verdict.judgement {
        Judgement::Met => ("✓", "met", Tone::Good),
        Judgement::NotMet => ("✗", "not met", Tone::Bad),
        Judgement::Undecided => ("?", "undecided", Tone::Doubt),
    };
    let side = match verdict.side {
        Side::AtLeast => ">=",
        Side::AtMost => "<=",
    };
    let target = number::target(verdict.measure, verdict.target);
    let figure = number::figure(verdict.measure, &verdict.value);
    let nines = match verdict.measure {
        Measure::AvailabilityTime => results.find(Measure::NinesTime, &verdict.subject, &verdict.statistic),
        Measure::AvailabilityRequest => results.find(Measure::NinesRequest, &verdict.subject, &verdict.statistic),
        _ => None,
    };
    vec![
        Cell::left(mark).toned(tone),
        Cell::left(format!("{} {side} {target}", title_with(verdict.measure, &verdict.statistic))),
        Cell::left(figure.value).toned(Tone::Strong),
        Cell::left(figure.interval).toned(Tone::Faint),
        Cell::left(word).toned(tone),
        Cell::left(nines.map_or(String::new(), |row| number::nines(&row.value).value)),
    ]
}
