//! Results made by hand, for the tests of all formats.

use crate::results::measure::Measure;
use crate::results::raw::{OutageRecord, Stage, TimelineRecord, TrialRecord};
use crate::results::replay::{BreakerStates, CloseUp, Replay, RequestBucket, Spell, Step};
use crate::results::requests::Attempts;
use crate::results::{
    Comparison, Curve, CurveKind, Difference, Direction, Fidelity, Judgement, Method, Results, Row, Side, Verdict,
};
use crate::stats::Estimate;
use crate::time::{Span, Time, YEAR_S};

/// An estimate with its interval.
pub fn estimate(estimate: f64, low: f64, high: f64) -> Estimate {
    Estimate::between(estimate, low, high, 0.95)
}

/// A bound without an estimate.
pub fn bound(low: f64, high: f64) -> Estimate {
    Estimate::between(f64::NAN, low, high, 0.95)
}

/// One row.
pub fn row(measure: Measure, subject: &str, statistic: &str, value: Estimate) -> Row {
    Row { measure, subject: subject.to_owned(), statistic: statistic.to_owned(), value, method: Method::Simulation }
}

fn availability_rows(subject: &str, down: f64, half: f64) -> Vec<Row> {
    let (low, high) = (down - half, down + half);
    let nines = |u: f64| -u.log10();
    vec![
        row(Measure::AvailabilityTime, subject, "mean", estimate(1.0 - down, 1.0 - high, 1.0 - low)),
        row(
            Measure::AvailabilityRequest,
            subject,
            "mean",
            estimate(1.0 - down * 0.9, 1.0 - high * 0.9, 1.0 - low * 0.9),
        ),
        row(Measure::UnavailabilityTime, subject, "mean", estimate(down, low, high)),
        row(Measure::UnavailabilityRequest, subject, "mean", estimate(down * 0.9, low * 0.9, high * 0.9)),
        row(Measure::NinesTime, subject, "mean", estimate(nines(down), nines(high), nines(low))),
        row(Measure::NinesRequest, subject, "mean", estimate(nines(down * 0.9), nines(high * 0.9), nines(low * 0.9))),
        row(Measure::DowntimePerYear, subject, "mean", estimate(down * YEAR_S, low * YEAR_S, high * YEAR_S)),
        row(Measure::OutagesPerYear, subject, "mean", estimate(1.91, 1.88, 1.94)),
        row(Measure::Mttr, subject, "mean", estimate(4_790.0, 4_700.0, 4_880.0)),
    ]
}

fn spread_rows() -> Vec<Row> {
    let mut rows = Vec::new();
    let spread = [
        (Measure::DowntimePerYear, "system", [0.0, 6_480.0, 22_200.0, 50_400.0, 219_600.0]),
        (Measure::OutageDuration, "system", [4_790.0, 1_300.0, 15_000.0, 31_000.0, 219_000.0]),
        (Measure::Rto, "db", [520.0, 480.0, 1_260.0, 2_000.0, 9_000.0]),
        (Measure::Rto, "system", [640.0, 500.0, 1_320.0, 2_100.0, 9_400.0]),
        (Measure::Rpo, "db", [6.1, 2.2, 21.0, 60.0, 290.0]),
        (Measure::DetectionDelay, "db", [31.0, 30.0, 41.0, 44.0, 44.9]),
    ];
    for (measure, subject, values) in spread {
        for (statistic, value) in ["mean", "p50", "p95", "p99", "max"].into_iter().zip(values) {
            if value > 0.0 {
                rows.push(row(measure, subject, statistic, estimate(value, value * 0.96, value * 1.05)));
            }
        }
    }
    rows
}

fn other_rows() -> Vec<Row> {
    let mut rows = vec![
        row(Measure::DegradedTime, "system", "mean", estimate(0.0123, 0.0119, 0.0127)),
        row(Measure::Mtbf, "system", "mean", estimate(16_500_000.0, 16_300_000.0, 16_700_000.0)),
        row(Measure::FailoverSuccess, "db", "mean", estimate(0.948, 0.946, 0.95)),
        row(Measure::SloAttainment, "checkout", "mean", estimate(0.931, 0.927, 0.935)),
        row(Measure::ErrorBudgetUsed, "checkout", "mean", estimate(0.58, 0.54, 0.62)),
    ];
    for (cause, share) in [("db failover", 0.58), ("region outage", 0.27), ("zone", 0.09), ("web", 0.06)] {
        rows.push(row(Measure::Contribution, "system", cause, estimate(share, share - 0.02, share + 0.02)));
    }
    for (stage, seconds) in Stage::ALL.into_iter().zip([290.0, 0.0, 1_964.0, 1_054.0, 383.0, 0.0, 0.0, 1_099.0]) {
        rows.push(row(Measure::Waterfall, "system", stage.name(), estimate(seconds, seconds * 0.97, seconds * 1.03)));
    }
    for (part, faults) in [("system", 14.2), ("web@us-east", 6.1), ("db@us-east", 2.05)] {
        rows.push(row(Measure::Faults, part, "mean", estimate(faults, faults * 0.99, faults * 1.01)));
        rows.push(row(Measure::Repairs, part, "mean", estimate(faults, faults * 0.99, faults * 1.01)));
        rows.push(row(Measure::NodesDown, part, "mean", estimate(faults / 700.0, faults / 710.0, faults / 690.0)));
    }
    rows
}

/// A two-region scenario with everything in it.
pub fn results() -> Results {
    let mut rows = availability_rows("system", 0.000_29, 0.000_02);
    rows.extend(spread_rows());
    rows.extend(other_rows());
    rows.extend(availability_rows("eu-users", 0.000_31, 0.000_03));
    rows.extend(availability_rows("db", 0.000_17, 0.000_01));
    rows.extend(availability_rows("us-east/a", 0.002_1, 0.000_1));
    let condition = |measure, statistic: &str, side, target, value, judgement| Verdict {
        objective: "checkout".to_owned(),
        subject: "system".to_owned(),
        measure,
        statistic: statistic.to_owned(),
        side,
        target,
        value,
        judgement,
    };
    let availability = estimate(0.999_71, 0.999_69, 0.999_73);
    let rto = estimate(1_260.0, 1_200.0, 1_380.0);
    Results {
        version: "0.1.0".to_owned(),
        scenario: "checkout, active-passive".to_owned(),
        hash: "ab12".to_owned(),
        seed: 1,
        trials: 20_000,
        horizon: Span::YEAR,
        fidelity: Fidelity::Structure,
        start: "up".to_owned(),
        partial: false,
        currency: None,
        rows,
        verdicts: vec![
            condition(Measure::AvailabilityTime, "mean", Side::AtLeast, 0.9995, availability, Judgement::Met),
            condition(Measure::Rto, "p95", Side::AtMost, 900.0, rto, Judgement::NotMet),
            condition(Measure::Rpo, "mean", Side::AtMost, 6.0, estimate(6.1, 5.86, 6.4), Judgement::Undecided),
        ],
        curves: vec![exceedance(7_000.0)],
        notes: vec![
            "policies of 3 calls act only on the request clock; this run used the structure clock, so they \
                     change no figure above"
                .to_owned(),
        ],
        worst_trial: Some(18_113),
    }
}

fn exceedance(scale: f64) -> Curve {
    let point = |index: i32| {
        let x = 10.0 * 1.35_f64.powi(index);
        (x, 0.93 * (-(x / scale).powf(0.7)).exp())
    };
    let mut points = vec![(0.0, 0.93)];
    points.extend((0..36).map(point).filter(|(_, y)| *y > 5e-5));
    Curve { kind: CurveKind::Exceedance, subject: "system".to_owned(), points }
}

/// A scenario in which no outage was seen.
pub fn flawless() -> Results {
    Results {
        scenario: "three regions <sync> & \"quorum\"".to_owned(),
        trials: 1_000,
        rows: vec![
            row(Measure::AvailabilityTime, "system", "mean", bound(0.999_993_7, 1.0)),
            row(Measure::UnavailabilityTime, "system", "mean", bound(0.0, 6.3e-6)),
            row(Measure::NinesTime, "system", "mean", bound(5.2, f64::INFINITY)),
            row(Measure::DowntimePerYear, "system", "mean", bound(0.0, 198.8)),
            row(Measure::OutagesPerYear, "system", "mean", bound(0.0, 0.0037)),
            row(Measure::Rto, "system", "p95", bound(f64::NAN, f64::NAN)),
        ],
        verdicts: Vec::new(),
        curves: Vec::new(),
        notes: Vec::new(),
        worst_trial: None,
        ..results()
    }
}

/// The passive scenario against an active one.
pub fn comparison() -> Comparison {
    let mut active = results();
    active.scenario = "checkout, active-active".to_owned();
    active.rows = availability_rows("system", 0.000_083, 0.000_009);
    for (stage, seconds) in Stage::ALL.into_iter().zip([40.0, 0.0, 0.0, 154.0, 83.0, 60.0, 499.0]) {
        active.rows.push(row(Measure::Waterfall, "system", stage.name(), estimate(seconds, seconds, seconds)));
    }
    active.curves = vec![exceedance(1_700.0)];
    active.verdicts.truncate(1);
    active.verdicts[0].value = estimate(0.999_917, 0.999_908, 0.999_926);
    let difference = |measure, value, direction, gain| Difference {
        measure,
        subject: "system".to_owned(),
        statistic: "mean".to_owned(),
        baseline: "checkout, active-passive".to_owned(),
        other: "checkout, active-active".to_owned(),
        scenario: 1,
        value,
        direction,
        pairing_gain: gain,
    };
    Comparison {
        events: 0,
        requests: 0,
        scenarios: vec![results(), active],
        differences: vec![
            difference(Measure::AvailabilityTime, estimate(2.07e-4, 1.9e-4, 2.24e-4), Direction::Better, Some(3.71)),
            difference(Measure::DowntimePerYear, estimate(-6_532.0, -7_069.0, -5_996.0), Direction::Better, Some(3.71)),
            difference(Measure::OutagesPerYear, estimate(0.01, -0.02, 0.04), Direction::NoDifference, None),
        ],
    }
}

/// A trial, two outages and a step, as raw records.
pub fn records() -> (Vec<TrialRecord>, Vec<OutageRecord>, Vec<TimelineRecord>) {
    let subject = "system".to_owned();
    let down = Span::from_millis(61_500);
    let trial = TrialRecord {
        trial: 3,
        subject: subject.clone(),
        up: Span::YEAR - down,
        degraded: Span::ZERO,
        down,
        outages: 1,
        offered: YEAR_S,
        served: 31_557_538.5,
    };
    let mut stages = [Span::ZERO; Stage::ALL.len()];
    stages[0] = Span::from_secs(30);
    stages[2] = Span::from_millis(31_500);
    let start = Time::ZERO + Span::from_nanos(1);
    let cause = "db, \"failover\"".to_owned();
    let outage = OutageRecord { trial: 3, subject: subject.clone(), start, duration: down, cause, stages };
    let step = TimelineRecord { trial: 3, at: start, subject, level: 0.25, requests: None };
    (vec![trial], vec![outage], vec![step])
}

/// Curves of every kind beside the exceedance.
pub fn curves() -> Vec<Curve> {
    let curve = |kind, points: Vec<(f64, f64)>| Curve { kind, subject: "system".to_owned(), points };
    let tail = |scale: f64| {
        let falling = (0..40).map(|index| scale * 1.2_f64.powi(index - 10));
        let mut points: Vec<(f64, f64)> = falling.map(|x| (x, (-(x / scale).powf(0.8)).exp())).collect();
        points.insert(0, (0.0, 1.0));
        points.push((scale * 1_500.0, 0.0));
        points
    };
    let marks: Vec<f64> = (0..24).map(|index| (10.0 * 1.25_f64.powi(index)).round()).collect();
    let settling = |side: f64| {
        let share = |trials: f64| 0.000_29 * (1.0 + (0.3 * trials.ln().sin() + 3.0 * side) / trials.sqrt());
        marks.iter().map(|&trials| (trials, share(trials).max(0.0))).collect()
    };
    vec![
        curve(CurveKind::Rto, tail(520.0)),
        curve(CurveKind::Rpo, tail(6.1)),
        curve(CurveKind::Convergence, settling(0.0)),
        curve(CurveKind::ConvergenceLow, settling(-1.0)),
        curve(CurveKind::ConvergenceHigh, settling(1.0)),
    ]
}

/// An outage of that trial, with requests around it.
pub fn close_up() -> CloseUp {
    let replay = replay();
    let outage = replay.outages.iter().find(|outage| outage.part == "system").expect("an outage").clone();
    let around = Span::from_secs(60);
    let (from, to) = (Time::ZERO + outage.start.since(Time::ZERO + around), outage.end() + around);
    let bucket = |number: u64| RequestBucket {
        from: from + Span::SECOND * number,
        length: Span::SECOND,
        answered: (!number.is_multiple_of(9)).then_some(0.97),
        latency_p50_s: (!number.is_multiple_of(7)).then_some(0.02),
        latency_p99_s: (!number.is_multiple_of(7)).then_some(0.2 + 0.01 * number as f64),
        retries_per_s: number as f64,
    };
    let rates = |rate: f64| (0..60).map(|number| rate + f64::from(number)).collect();
    let region = |name: &str, rate| (name.to_owned(), rates(rate));
    let regions = vec![region("us-east", 10.0), region("a region with quite a long name, and more", 0.0)];
    let attempts = ["api", "db"].map(|service| Attempts { service: service.to_owned(), regions: regions.clone() });
    let states =
        |call: &str| BreakerStates { call: call.to_owned(), breakers: 90, open: rates(0.0), half_open: vec![5.0; 60] };
    let breakers = vec![states("api->db"), states("a service with a long name->another one")];
    CloseUp { buckets: (0..60).map(bucket).collect(), replay, outage, from, to, attempts: attempts.to_vec(), breakers }
}

/// A trial in which a region fails and the database fails over.
pub fn replay() -> Replay {
    let at = |minutes: u64| Time::ZERO + Span::from_secs(60 * minutes);
    let spell = |group, part: &str, start, minutes: u64, stages| Spell {
        group,
        part: part.to_owned(),
        cause: "us-east <outage> & \"more\"".to_owned(),
        start: at(start),
        duration: Span::from_secs(60 * minutes),
        cut: false,
        stages,
    };
    let mut stages = [Span::ZERO; Stage::ALL.len()];
    (stages[0], stages[2]) = (Span::from_secs(60), Span::from_secs(180));
    let step = |minutes, kind: &'static str, group, subject: &str, text: &str| Step {
        at: at(minutes),
        kind: kind.to_owned(),
        group,
        subject: subject.to_owned(),
        text: text.to_owned(),
        short: kind,
    };
    let level = |minutes, level| {
        let (subject, requests) = ("system".to_owned(), None);
        TimelineRecord { trial: 3, at: at(minutes), subject, level, requests }
    };
    Replay {
        scenario: "checkout, active-passive".to_owned(),
        trial: 3,
        seed: 1,
        horizon: Span::DAY,
        groups: vec!["system".to_owned(), "service db".to_owned(), "region us-east".to_owned()],
        faults: vec![
            spell(2, "us-east", 600, 120, None),
            spell(2, "db@us-east 2", 200, 30, None),
            spell(2, "db@us-east 2", 210, 40, None),
            spell(2, "db@us-east 10", 700, 30, None),
        ],
        outages: vec![spell(0, "system", 600, 4, Some(stages)), spell(1, "db", 600, 4, Some(stages))],
        levels: vec![level(0, 1.0), level(600, 0.0), level(604, 1.0)],
        steps: vec![
            step(600, "fault", 2, "us-east", "us-east: outage"),
            step(601, "failover", 1, "db", "db begins, to us-west"),
            step(604, "failover", 1, "db", "db done, us-west is in charge"),
            step(604, "outage", 0, "system", "system was down for 4min, from \"us-east\""),
        ],
        requests: None,
    }
}
