//! The screen of one run, for people: what was asked, what came out, who is to blame.
//!
//! Sections stand in the order in which a reader asks: objectives and verdicts; availability with nines; the spread of
//! the downtime; cost; recovery; culprits; the waterfall; then each group, service, region and zone; then notes. Each figure
//! stands beside its interval. A section without figures is left out. Lines keep within [`WIDTH`] columns as long as
//! names allow; what is said in colour is also said in words.

mod chaos;
mod compare;
mod cost;
mod figures;
mod objectives;
mod requests;
mod shares;
mod table;
#[cfg(test)]
mod tests;
mod trace;

pub use chaos::chaos;
pub use compare::comparison;
pub use table::Look;
pub use trace::requests as traced_requests;

use crate::report::number;
use crate::results::Results;
use crate::results::measure::Measure;
use std::fmt::Write as _;
use table::{Tone, clean};

/// Columns that a line keeps within.
pub const WIDTH: usize = 100;

/// The screen of one run.
pub fn run(results: &Results, look: Look) -> String {
    let sections = [
        objectives::section(results, look),
        figures::availability(results, look),
        requests::section(results, look),
        figures::downtime(results, look),
        cost::section(results, look),
        figures::recovery(results, look),
        shares::causes(results, look),
        shares::waterfall(results, look),
        figures::subjects(results, look),
        figures::parts(results, look),
        notes(&results.notes),
    ];
    let mut out = title(results, look);
    for section in sections.iter().filter(|section| !section.is_empty()) {
        out.push('\n');
        out.push_str(section);
    }
    out
}

/// Name, horizon x trials, seed, clock, start, confidence; on two lines where one is too narrow.
fn title(results: &Results, look: Look) -> String {
    let name = clean(&results.scenario);
    let mut facts = vec![extent(results), format!("seed {}", results.seed), results.fidelity.name().to_owned()];
    facts.push(format!("start {}", clean(&results.start)));
    if let Some(row) = results.rows.first() {
        facts.push(format!("{}% intervals", number::trimmed(row.value.confidence * 100.0)));
    }
    let facts = facts.join("   ");
    let mut out = look.paint(Tone::Strong, &name);
    let room = WIDTH.saturating_sub(name.chars().count() + facts.chars().count());
    let gap = if room >= 3 {
        " ".repeat(32_usize.saturating_sub(name.chars().count()).clamp(3, room))
    } else {
        "\n  ".to_owned()
    };
    out.push_str(&gap);
    out.push_str(&facts);
    out.push('\n');
    if results.partial {
        let text = format!("PARTIAL: interrupted; this is what {} trials say", number::whole(results.trials));
        let _ = writeln!(out, "  {}", look.paint(Tone::Doubt, &text));
    }
    out
}

fn extent(results: &Results) -> String {
    let horizon = number::whole_span(results.horizon);
    match results.trials {
        0 => horizon,
        1 => format!("{horizon} x 1 trial"),
        trials => format!("{horizon} x {} trials", number::whole(trials)),
    }
}

/// A heading and what it is about.
fn heading(name: &str, about: &str, look: Look) -> String {
    let about = if about.is_empty() { String::new() } else { format!("  {}", clean(about)) };
    format!("  {}{about}\n", look.paint(Tone::Strong, name))
}

/// Each note on lines of its own, broken at blanks.
fn notes(notes: &[String]) -> String {
    let mut out = String::new();
    for note in notes {
        let mut line = "  note:".to_owned();
        for word in clean(note).split_whitespace() {
            if line.chars().count() + 1 + word.chars().count() > WIDTH {
                out.push_str(&line);
                out.push('\n');
                " ".repeat(7).clone_into(&mut line);
            }
            line.push(' ');
            line.push_str(word);
        }
        out.push_str(&line);
        out.push('\n');
    }
    out
}

/// What people call a measure.
fn title_of(measure: Measure) -> &'static str {
    match measure {
        Measure::AvailabilityTime => "availability",
        Measure::AvailabilityRequest => "request availability",
        Measure::UnavailabilityTime => "unavailability",
        Measure::UnavailabilityRequest => "request unavailability",
        Measure::NinesTime => "nines",
        Measure::NinesRequest => "request nines",
        Measure::DegradedTime | Measure::DegradedRatio => "degraded",
        Measure::DowntimePerYear => "downtime per year",
        Measure::OutagesPerYear => "outages per year",
        Measure::OutageDuration => "outage",
        Measure::Mtbf => "mtbf",
        Measure::Mttr => "mttr",
        Measure::Rto => "rto",
        Measure::Rpo => "rpo",
        Measure::FailoverSuccess => "failover success",
        Measure::FalseFailoversPerYear => "false failovers per year",
        Measure::SplitBrainTime => "two primaries",
        Measure::DivergentWritesPerYear => "divergent writes per year",
        Measure::NaiveComposite => "naive composite",
        Measure::SloAttainment => "attainment",
        Measure::ErrorBudgetUsed => "error budget used",
        Measure::Contribution => "share of downtime",
        Measure::Waterfall => "stage",
        Measure::DetectionDelay => "detection",
        Measure::Faults => "faults",
        Measure::Repairs => "repairs",
        Measure::NodesDown => "nodes down",
        Measure::AvailabilityPoint => "available at",
        Measure::TimeToFirstOutage => "first outage",
        Measure::SuccessRatio => "success ratio",
        Measure::Latency => "latency",
        Measure::QueueTime => "queue time",
        Measure::AttemptsPerRequest => "attempts per request",
        Measure::BreakerOpenTime => "breakers open",
        Measure::Shed => "shed",
        Measure::Rejected => "rejected",
        Measure::Hedged => "hedged",
        Measure::SagasStuck => "transactions stuck",
        Measure::CostPerYear => "cost per year",
        Measure::CostPerNine => "cost per nine",
    }
}

/// The measure and, where it is not plainly the mean, the statistic: `rto p95`.
fn title_with(measure: Measure, statistic: &str) -> String {
    let plain = match measure {
        Measure::DowntimePerYear | Measure::OutageDuration | Measure::Rto | Measure::Rpo => false,
        _ => statistic == "mean",
    };
    if plain { title_of(measure).to_owned() } else { format!("{} {}", title_of(measure), clean(statistic)) }
}
