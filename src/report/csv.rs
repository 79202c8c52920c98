//! Tables for programs: raw records per trial, per outage, per step of level, and the figures themselves.
//!
//! Times are seconds, written exactly from whole nanoseconds, so that up, degraded and down still add up to the
//! horizon. A cell that has no value (requests on the structure clock, an estimate that could not be made) is empty.
//! Quoting is left to the csv crate.

use crate::results::Results;
use crate::results::raw::{OutageRecord, Stage, TimelineRecord, TrialRecord};
use crate::results::replay::Replay;
use crate::results::requests::{self, AttemptTrace, CallTrace, Ending, Names, Owner};
use crate::time::{Span, Time};

/// Which table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CsvKind {
    /// A line per trial and subject.
    Trials,
    /// A line per outage.
    Outages,
    /// A line per step of a subject's level.
    Timeline,
    /// A line per figure.
    Measures,
}

impl CsvKind {
    /// All kinds, in the order in which help lists them.
    pub const ALL: [CsvKind; 4] = [CsvKind::Trials, CsvKind::Outages, CsvKind::Timeline, CsvKind::Measures];

    /// The name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            CsvKind::Trials => "trials",
            CsvKind::Outages => "outages",
            CsvKind::Timeline => "timeline",
            CsvKind::Measures => "measures",
        }
    }
}

/// One line per trial and subject.
pub fn trials(records: &[TrialRecord]) -> Vec<u8> {
    let header = ["trial", "subject", "up_s", "degraded_s", "down_s", "outages", "offered", "served"];
    let lines = records.iter().map(|record| {
        vec![
            record.trial.to_string(),
            record.subject.clone(),
            seconds(record.up),
            seconds(record.degraded),
            seconds(record.down),
            record.outages.to_string(),
            number(record.offered),
            number(record.served),
        ]
    });
    table(&header, lines)
}

/// One line per outage, with a column per stage.
pub fn outages(records: &[OutageRecord]) -> Vec<u8> {
    let stages: Vec<String> = Stage::ALL.iter().map(|stage| format!("{}_s", stage.name())).collect();
    let mut header = vec!["trial", "subject", "start_s", "duration_s", "cause"];
    header.extend(stages.iter().map(String::as_str));
    let lines = records.iter().map(|record| {
        let mut line = vec![
            record.trial.to_string(),
            record.subject.clone(),
            seconds(record.start.since(crate::time::Time::ZERO)),
            seconds(record.duration),
            record.cause.clone(),
        ];
        line.extend(record.stages.iter().map(|&span| seconds(span)));
        line
    });
    table(&header, lines)
}

/// One line per step; the columns of requests are those of the second that begins, on their clock.
pub fn timeline(records: &[TimelineRecord]) -> Vec<u8> {
    let header = ["trial", "t_s", "subject", "level", "requests", "ok", "degraded"];
    let lines = records.iter().map(|record| {
        let count = |column: usize| record.requests.map_or_else(String::new, |counts| counts[column].to_string());
        vec![
            record.trial.to_string(),
            seconds(record.at.since(crate::time::Time::ZERO)),
            record.subject.clone(),
            number(record.level),
            count(0),
            count(1),
            count(2),
        ]
    });
    table(&header, lines)
}

/// One line per step of a trial.
pub fn steps(replay: &Replay) -> Vec<u8> {
    let header = ["trial", "t_s", "event", "subject", "text"];
    let lines = replay.steps.iter().map(|step| {
        vec![
            replay.trial.to_string(),
            seconds(step.at.since(crate::time::Time::ZERO)),
            step.kind.clone(),
            step.subject.clone(),
            step.text.clone(),
        ]
    });
    table(&header, lines)
}

/// One line per attempt of each request, or tier, or call that made neither.
pub fn requests(replay: &Replay) -> Vec<u8> {
    let header = [
        "trial",
        "request",
        "group",
        "client",
        "class",
        "region",
        "arrived_s",
        "ended_s",
        "outcome",
        "call",
        "made_by",
        "what",
        "number",
        "hedge",
        "node",
        "start_s",
        "reached_s",
        "queue_s",
        "work_s",
        "end_s",
        "result",
    ];
    let Some(requests) = &replay.requests else { return table(&header, std::iter::empty()) };
    let names = &requests.names;
    let lines = requests.requests.iter().flat_map(|request| {
        let head = vec![
            replay.trial.to_string(),
            request.number.to_string(),
            named(&names.groups, request.group),
            request.client.to_string(),
            named(&names.classes, request.class),
            request.region.map_or_else(String::new, |region| named(&names.regions, region)),
            instant(Some(request.arrived)),
            instant(request.ended),
            request.ending.name().to_owned(),
        ];
        request.calls.iter().enumerate().flat_map(move |(index, call)| {
            let call_head = vec![format!("{} {}", index + 1, named(&names.calls, call.call)), made_by(call.owner)];
            let rest = parts(call, names);
            let head = [head.clone(), call_head].concat();
            rest.into_iter().map(move |rest| [head.clone(), rest].concat())
        })
    });
    table(&header, lines)
}

/// The attempts and tiers of a call, from the column `what` on; one line that says how it ended if there are none.
fn parts(call: &CallTrace, names: &Names) -> Vec<Vec<String>> {
    let tiers = names.tiers(call.call);
    let attempt = |attempt: &AttemptTrace| {
        vec![
            "attempt".to_owned(),
            attempt.number.to_string(),
            attempt.hedge.to_string(),
            attempt.node.map_or_else(String::new, |node| named(&names.nodes, node)),
            instant(Some(attempt.sent)),
            instant(attempt.reached),
            attempt.queue().map_or_else(String::new, seconds),
            attempt.service().map_or_else(String::new, seconds),
            instant(attempt.ended),
            attempt.ending.name().to_owned(),
        ]
    };
    let plain = |what: &str, number: String, node: String, (from, to), ending: Ending| {
        let (from, to) = (instant(Some(from)), instant(to));
        let none = String::new;
        vec![what.to_owned(), number, none(), node, from, none(), none(), none(), to, ending.name().to_owned()]
    };
    let mut lines: Vec<Vec<String>> = call.attempts.iter().map(attempt).collect();
    lines.extend(call.tiers.iter().enumerate().map(|(place, tier)| {
        let (number, name) = ((place + 1).to_string(), named(tiers, tier.tier));
        plain("tier", number, name, (tier.began, tier.ended), tier.ending)
    }));
    if lines.is_empty() {
        lines.push(plain("call", String::new(), String::new(), (call.began, call.ended), call.ending));
    }
    lines
}

/// The user; or the number of the call, and of its attempt or tier.
fn made_by(owner: Owner) -> String {
    match owner {
        Owner::User => "user".to_owned(),
        Owner::Attempt { call, attempt } => format!("call {} attempt {}", call + 1, attempt + 1),
        Owner::Tier { call, tier } => format!("call {} tier {}", call + 1, tier + 1),
    }
}

fn named(names: &[String], index: u32) -> String {
    requests::name(names, index).to_owned()
}

/// Seconds since the start, or nothing.
fn instant(at: Option<Time>) -> String {
    at.map_or_else(String::new, |at| seconds(at.since(Time::ZERO)))
}

/// One line per figure of each scenario.
pub fn measures(scenarios: &[Results]) -> Vec<u8> {
    let header =
        ["scenario", "measure", "subject", "statistic", "estimate", "low", "high", "confidence", "method", "unit"];
    let lines = scenarios.iter().flat_map(|results| {
        results.rows.iter().map(|row| {
            vec![
                results.scenario.clone(),
                row.measure.name().to_owned(),
                row.subject.clone(),
                row.statistic.clone(),
                row.value.estimate.map_or(String::new(), number),
                row.value.low.map_or(String::new(), number),
                row.value.high.map_or(String::new(), number),
                number(row.value.confidence),
                row.method.name().to_owned(),
                results.unit_of(row.measure, &row.statistic).to_owned(),
            ]
        })
    });
    table(&header, lines)
}

fn table(header: &[&str], lines: impl Iterator<Item = Vec<String>>) -> Vec<u8> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let mut written = writer.write_record(header);
    for line in lines {
        written = written.and_then(|()| writer.write_record(&line));
    }
    assert!(written.is_ok(), "a table in memory takes every line of one length");
    writer.into_inner().unwrap_or_default()
}

/// A finite number in its shortest exact form, else nothing.
fn number(value: f64) -> String {
    if value.is_finite() { value.to_string() } else { String::new() }
}

/// Whole nanoseconds as seconds, exactly, without trailing zeros.
fn seconds(span: Span) -> String {
    let (whole, rest) =
        (span.as_nanos() / crate::time::NANOS_PER_SECOND, span.as_nanos() % crate::time::NANOS_PER_SECOND);
    if rest == 0 { whole.to_string() } else { format!("{whole}.{rest:09}").trim_end_matches('0').to_owned() }
}

#[cfg(test)]
mod tests {
    use super::{TimelineRecord, measures, outages, timeline, trials};
    use crate::report::sample;

    fn check(bytes: Vec<u8>, expected: &str) {
        assert_eq!(String::from_utf8(bytes).unwrap(), expected);
    }

    #[test]
    fn each_raw_table_has_its_columns_and_exact_seconds() {
        let (trial, outage, step) = sample::records();
        check(
            trials(&trial),
            "trial,subject,up_s,degraded_s,down_s,outages,offered,served\n\
             3,system,31557538.5,0,61.5,1,31557600,31557538.5\n",
        );
        check(
            outages(&outage),
            "trial,subject,start_s,duration_s,cause,undetected_s,deciding_s,promoting_s,rerouting_s,warming_s,\
             breakers_s,failing-back_s,repairing_s,overloaded_s\n\
             3,system,0.000000001,61.5,\"db, \"\"failover\"\"\",30,0,31.5,0,0,0,0,0,0\n",
        );
        let second = [step[0].clone(), TimelineRecord { requests: Some([9, 5, 3]), ..step[0].clone() }];
        check(
            timeline(&second),
            "trial,t_s,subject,level,requests,ok,degraded\n3,0.000000001,system,0.25,,,\n\
             3,0.000000001,system,0.25,9,5,3\n",
        );
    }

    #[test]
    fn an_unknown_figure_is_an_empty_cell() {
        let text = String::from_utf8(measures(&[sample::flawless()])).unwrap();
        assert!(text.contains(",nines.time,system,mean,,5.2,,0.95,simulation,nines\n"), "{text}");
        assert!(!text.contains("inf") && !text.contains("NaN"));
    }
}
