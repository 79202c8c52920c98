//! Objectives → verdicts: each condition is met, not met, or undecided while its interval straddles the target.

use super::totals::Totals;
use crate::model::Model;
use crate::model::failover::Replication;
use crate::model::objective::{Condition, Objective, Statistic, Subject};
use crate::results::measure::Measure;
use crate::results::{Judgement, Row, Side, Verdict};
use crate::simulation::layout::Layout;
use crate::stats::Estimate;

/// One verdict per condition.
pub fn verdicts(model: &Model, layout: &Layout, totals: &Totals, rows: &[Row]) -> Vec<Verdict> {
    let mut verdicts = Vec::new();
    for objective in &model.objectives {
        for condition in &objective.conditions {
            verdicts.push(judge(model, layout, totals, rows, objective, condition));
        }
    }
    verdicts
}

fn judge(
    model: &Model,
    layout: &Layout,
    totals: &Totals,
    rows: &[Row],
    objective: &Objective,
    condition: &Condition,
) -> Verdict {
    let subject = subject_name(model, layout, objective.subject);
    let (measure, statistic, side, target) = asked(condition);
    let attained =
        |wanted: &f64| (Measure::SloAttainment, objective.name.clone(), "mean".to_owned(), Side::AtLeast, *wanted);
    let windowed = matches!(condition, Condition::Availability(_) | Condition::RequestAvailability(_));
    let (measure, row_subject, statistic, side, target) = match objective.attainment.as_ref().filter(|_| windowed) {
        Some(wanted) => attained(wanted),
        None => (measure, subject.clone(), statistic, side, target),
    };
    let found = |row: &&Row| row.measure == measure && row.subject == row_subject && row.statistic == statistic;
    let value = if measure == Measure::Rpo && loses_nothing(model, objective.subject) {
        Estimate { confidence: totals.confidence, ..Estimate::exact(0.0) }
    } else {
        rows.iter().find(found).map_or_else(|| Estimate::unknown(totals.confidence), |row| row.value)
    };
    Verdict {
        objective: objective.name.clone(),
        subject,
        measure,
        statistic,
        side,
        target,
        judgement: judgement(&value, side, target),
        value,
    }
}

/// Are there copies of data, and none of them can lag behind what was acknowledged? Then no promotion loses anything,
/// whether one was seen or not.
fn loses_nothing(model: &Model, subject: Subject) -> bool {
    let asked = |index: usize| match subject {
        Subject::System => true,
        Subject::Service(service) => service.index() == index,
        Subject::Group(_) | Subject::Region(_) => false,
    };
    let copies = model.services.iter().enumerate().filter(|(index, _)| asked(*index));
    let mut copies = copies.filter_map(|(_, service)| service.replication.as_ref()).peekable();
    copies.peek().is_some() && !copies.any(Replication::loses)
}

/// The whole interval on one side of the target decides; touching the target is on the right side.
fn judgement(value: &Estimate, side: Side, target: f64) -> Judgement {
    let (good, bad) = match side {
        Side::AtLeast => (value.low.is_some_and(|low| low >= target), value.high.is_some_and(|high| high < target)),
        Side::AtMost => (value.high.is_some_and(|high| high <= target), value.low.is_some_and(|low| low > target)),
    };
    match (good, bad) {
        (true, _) => Judgement::Met,
        (false, true) => Judgement::NotMet,
        (false, false) => Judgement::Undecided,
    }
}

fn subject_name(model: &Model, layout: &Layout, subject: Subject) -> String {
    layout.subjects[crate::simulation::layout::subject_number(model, subject) as usize].clone()
}

fn asked(condition: &Condition) -> (Measure, String, Side, f64) {
    let at_most = |measure, statistic: &Statistic, span: &crate::time::Span| {
        (measure, statistic_name(*statistic), Side::AtMost, span.as_secs_f64())
    };
    match condition {
        Condition::Availability(target) => (Measure::AvailabilityTime, "mean".to_owned(), Side::AtLeast, *target),
        Condition::RequestAvailability(target) => {
            (Measure::AvailabilityRequest, "mean".to_owned(), Side::AtLeast, *target)
        }
        Condition::Rto(statistic, span) => at_most(Measure::Rto, statistic, span),
        Condition::Rpo(statistic, span) => at_most(Measure::Rpo, statistic, span),
        Condition::OutageDuration(statistic, span) => at_most(Measure::OutageDuration, statistic, span),
        Condition::DowntimePerYear(statistic, span) => at_most(Measure::DowntimePerYear, statistic, span),
        Condition::Latency(statistic, span) => at_most(Measure::Latency, statistic, span),
        Condition::SuccessRatio(target) => (Measure::SuccessRatio, "mean".to_owned(), Side::AtLeast, *target),
        Condition::OutagesPerYear(most) => (Measure::OutagesPerYear, "mean".to_owned(), Side::AtMost, *most),
    }
}

/// `mean`, `p95`, `p99.9`, `max`.
pub fn statistic_name(statistic: Statistic) -> String {
    match statistic {
        Statistic::Mean => "mean".to_owned(),
        Statistic::Quantile(p) => format!("p{}", (p * 1e8).round() / 1e6),
        Statistic::Max => "max".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_that_straddles_the_target_is_undecided() {
        let value = Estimate::between(0.5, 0.4, 0.6, 0.95);
        assert_eq!(judgement(&value, Side::AtLeast, 0.4), Judgement::Met);
        assert_eq!(judgement(&value, Side::AtLeast, 0.5), Judgement::Undecided);
        assert_eq!(judgement(&value, Side::AtLeast, 0.61), Judgement::NotMet);
        assert_eq!(judgement(&value, Side::AtMost, 0.6), Judgement::Met);
        assert_eq!(judgement(&value, Side::AtMost, 0.39), Judgement::NotMet);
        assert_eq!(judgement(&Estimate::unknown(0.95), Side::AtMost, 1.0), Judgement::Undecided);
    }

    #[test]
    fn quantiles_are_named_as_they_are_written() {
        assert_eq!(statistic_name(Statistic::Quantile(0.95)), "p95");
        assert_eq!(statistic_name(Statistic::Quantile(0.999)), "p99.9");
    }
}
