//! Totals → points of curves, for charts.
//!
//! Tails have a point per value near their end, where few values say much, and fewer before. The curve of convergence
//! has a point per mark of [`Totals`], each the figure that a run of so many trials would have reported.

use super::Plan;
use super::figures;
use super::totals::{Listed, Totals};
use crate::model::Model;
use crate::results::{Curve, CurveKind};
use crate::simulation::layout::Layout;
use crate::stats::Estimate;

/// Points of a curve, at most.
const POINTS: usize = 200;

/// All curves; those without a point are left out.
pub fn curves(model: &Model, layout: &Layout, plan: &Plan, totals: &Totals) -> Vec<Curve> {
    let system = &totals.subjects[0];
    let values = |listed: &Listed| listed.iter().map(|value| value.1).collect::<Vec<f64>>();
    let lost: Vec<f64> = totals.processes.iter().flat_map(|process| values(&process.lost)).collect();
    let years = totals.trials * totals.years().pieces;
    let mut curves = vec![
        (CurveKind::Exceedance, tail(values(&system.years), years)),
        (CurveKind::Rto, tail(values(&system.failovers), system.failovers.len() as u64)),
        (CurveKind::Rpo, tail(lost.clone(), lost.len() as u64)),
    ];
    curves.extend(convergence(model, plan, totals));
    let subject = &layout.subjects[0];
    let curves = curves.into_iter().filter(|(_, points)| !points.is_empty());
    curves.map(|(kind, points)| Curve { kind, subject: subject.clone(), points }).collect()
}

/// The share of `all` with more than x; what is not among `values` is 0.
fn tail(mut values: Vec<f64>, all: u64) -> Vec<(f64, f64)> {
    if values.is_empty() {
        return Vec::new();
    }
    values.sort_by(f64::total_cmp);
    let count = values.len();
    let mut points = vec![(0.0, count as f64 / all as f64)];
    let step = count.div_ceil(POINTS - 1);
    let mut at = 0;
    while at < count {
        points.push((values[at], (count - at - 1) as f64 / all as f64));
        at += if count - at > POINTS / 4 { step } else { 1 };
    }
    points.truncate(POINTS + POINTS / 4);
    points
}

/// The system's unavailability and the ends of its interval against the number of trials.
fn convergence(model: &Model, plan: &Plan, totals: &Totals) -> Vec<(CurveKind, Vec<(f64, f64)>)> {
    let mut marks = totals.marks.clone();
    if totals.trials > 0 && marks.last().is_none_or(|mark| mark.trials < totals.trials) {
        marks.push(totals.now());
    }
    let after = |mark: &super::totals::Mark| {
        let value = figures::unavailability_after(model, plan, mark.trials, &mark.down, mark.seen);
        (mark.trials as f64, value)
    };
    let values: Vec<(f64, Estimate)> = marks.iter().map(after).collect();
    let points = |of: fn(&Estimate) -> Option<f64>| {
        values.iter().filter_map(|(trials, value)| of(value).map(|y| (*trials, y))).collect()
    };
    vec![
        (CurveKind::Convergence, points(|value| value.estimate)),
        (CurveKind::ConvergenceLow, points(|value| value.low)),
        (CurveKind::ConvergenceHigh, points(|value| value.high)),
    ]
}

#[cfg(test)]
mod tests {
    use super::tail;

    #[test]
    fn a_tail_falls_from_the_share_with_any_to_nothing() {
        assert_eq!(tail(vec![3.0, 1.0], 4), [(0.0, 0.5), (1.0, 0.25), (3.0, 0.0)]);
        assert!(tail(Vec::new(), 4).is_empty());
        let many = tail((0..100_000).map(f64::from).collect(), 100_000);
        assert!(many.len() <= 250 && many.windows(2).all(|pair| pair[0].0 <= pair[1].0 && pair[0].1 >= pair[1].1));
    }
}
