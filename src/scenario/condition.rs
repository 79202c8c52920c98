//! Conditions such as `latency(system, p99) <= 800ms` or `opens_within(api->db) <= 5s`, with the caret under the word
//! that is wrong.
//!
//! A condition is `MEASURE(SUBJECT, STATISTIC, PHASE) >= VALUE` (or `<=`). What it may ask for is a closed list: see
//! [`crate::model::experiment::About`]. Malformed ones are E113, names that are not there E201.

use super::diagnostic::Code;
use super::fields::shorten;
use super::formula::{self, Argument, Formula, Piece};
use super::names::{Entity, Names};
use super::quantity;
use super::session::{Session, suggest};
use super::tree::Node;
use super::value::{Text, Written as _};
use crate::model::experiment::{
    About, BucketMeasure, CallEnds, Caller, Condition, Phase, RunMeasure, Statistic, Subject,
};
use crate::model::topology::ServiceId;
use std::ops::Range;

const EXAMPLE: &str = "write `success_ratio(system) >= 99%`";

/// Every measure of a condition.
const MEASURES: [&str; 13] = [
    "success_ratio",
    "degraded_ratio",
    "latency",
    "attempts_per_request",
    "shed",
    "rejected",
    "breaker_open_time",
    "queue_time",
    "opens_within",
    "closes_within",
    "fails_over_within",
    "recovers_within",
    "load_on",
];

/// The calls that there are, and whether each has a breaker.
pub(super) type Calls = [(CallEnds, bool)];

struct Reader<'a> {
    session: &'a Session<'a>,
    names: &'a Names,
    calls: &'a Calls,
    node: &'a Node,
    text: &'a str,
}

/// What kind of value a measure is compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unit {
    Share,
    Ratio,
    Seconds,
    Number,
}

/// Reads one condition.
pub(super) fn read(session: &Session<'_>, names: &Names, calls: &Calls, node: &Node) -> Option<Condition> {
    let Text(text) = Text::read(node, session)?;
    Reader { session, names, calls, node, text: &text }.condition()
}

/// Reads a call that has a breaker.
pub(super) fn breaker(session: &Session<'_>, names: &Names, calls: &Calls, node: &Node) -> Option<CallEnds> {
    let Text(text) = Text::read(node, session)?;
    Reader { session, names, calls, node, text: &text }.broken(&formula::trimmed(&text, 0..text.len()))
}

/// Reads a service that fails over.
pub(super) fn failover(session: &Session<'_>, names: &Names, calls: &Calls, node: &Node) -> Option<ServiceId> {
    let Text(text) = Text::read(node, session)?;
    Reader { session, names, calls, node, text: &text }.failover(&formula::trimmed(&text, 0..text.len()))
}

impl Reader<'_> {
    fn wrong<T>(&self, range: Range<usize>, message: impl Into<String>, help: &str) -> Option<T> {
        self.session.report(Code::E113, self.node.within(self.session, range), message, Some(help.to_owned()));
        None
    }

    fn unknown<T>(&self, range: Range<usize>, message: String, help: Option<String>) -> Option<T> {
        self.session.report(Code::E201, self.node.within(self.session, range), message, help);
        None
    }

    fn condition(&self) -> Option<Condition> {
        let text = self.text;
        let Some((at, sign)) = [">=", "<="].iter().find_map(|sign| text.find(sign).map(|at| (at, *sign))) else {
            let near = ["<", ">", "="].into_iter().find_map(|sign| text.split_once(sign).map(|parts| (sign, parts)));
            let help = match near {
                Some((sign, (about, value))) if text.len() <= 80 => {
                    let sign = if sign == "<" { "<=" } else { ">=" };
                    format!("write `{} {sign} {}`", about.trim(), value.trim_start_matches('=').trim())
                }
                Some(_) | None => EXAMPLE.to_owned(),
            };
            return self.wrong(0..text.len(), "the condition has no `>=` or `<=`", &help);
        };
        let about = match formula::parse(text, 0..at) {
            Ok(formula) => self.about(&formula),
            Err(bad) => self.wrong(bad.range, bad.message, EXAMPLE),
        };
        let unit = about.map(unit_of);
        let value = self.value(&formula::trimmed(text, at + sign.len()..text.len()), unit);
        let at_least = sign == ">=";
        if let (Some(About::Run(_)), true) = (about, at_least) {
            return self.wrong(at..at + 2, "this is a limit that must not be passed", "write `<=`");
        }
        Some(Condition { text: text.trim().to_owned(), about: about?, at_least, value: value? })
    }

    fn value(&self, piece: &Piece<'_>, unit: Option<Unit>) -> Option<f64> {
        let number = piece.text.parse::<f64>().ok().filter(|value| value.is_finite() && *value >= 0.0);
        let share = quantity::percentage(piece.text).ok();
        let percent = piece.text.strip_suffix('%').and_then(|digits| digits.trim_end().parse::<f64>().ok());
        let percent = percent.filter(|value| value.is_finite() && *value >= 0.0).map(|value| value / 100.0);
        let seconds = quantity::duration(piece.text).ok().map(crate::time::Span::as_secs_f64);
        let (value, wanted) = match unit {
            Some(Unit::Share) => (share, "a percentage, such as `99.9%`"),
            Some(Unit::Ratio) => (percent.or(number), "a percentage or a number, such as `10%`"),
            Some(Unit::Seconds) => (seconds, "a duration, such as `800ms`"),
            Some(Unit::Number) => (number, "a number, such as `1.5`"),
            None => (share.or(number).or(seconds), "a percentage, a duration or a number"),
        };
        value.or_else(|| {
            let any = share.or(number).or(seconds).or(percent).is_some();
            let message = if any && unit.is_some() {
                format!("`{}` is not what this is measured in", shorten(piece.text))
            } else {
                format!("`{}` is not a value", shorten(piece.text))
            };
            self.wrong(piece.range.clone(), message, wanted)
        })
    }

    fn about(&self, formula: &Formula<'_>) -> Option<About> {
        let name = &formula.name;
        let arguments = formula.arguments.as_deref().unwrap_or_default();
        if name.text == "recovers_within" {
            let subject = match arguments.first() {
                Some(argument) => Some(self.subject(&argument.value)?),
                None => None,
            };
            self.no_phase(arguments.get(1..).unwrap_or_default(), 0)?;
            return Some(About::Run(RunMeasure::RecoversWithin(subject)));
        }
        if !MEASURES.contains(&name.text) {
            let help = suggest(name.text, &MEASURES).unwrap_or_else(|| format!("one of {}", MEASURES.join(", ")));
            return self.wrong(name.range.clone(), format!("`{}` is not a measure", shorten(name.text)), &help);
        }
        let Some(first) = arguments.first().map(|argument| &argument.value) else {
            return self.wrong(name.range.clone(), "the measure has no subject", EXAMPLE);
        };
        if let Some((measure, most)) = self.run_measure(name.text, first, arguments.get(1).map(|second| &second.value))
        {
            self.no_phase(&arguments[1..], most)?;
            return measure.map(About::Run);
        }
        let (arguments, phase) = match arguments {
            [rest @ .., last] if !rest.is_empty() => match phase_of(last.value.text) {
                Some(phase) => (rest, Some(phase)),
                None => (arguments, None),
            },
            _ => (arguments, None),
        };
        let timed = matches!(name.text, "latency" | "queue_time");
        match arguments.get(1) {
            Some(other) if !timed => self.wrong_phase(&other.value, "before, during or after")?,
            Some(early) if phase_of(early.value.text).is_some() => {
                self.wrong(early.value.range.clone(), "the phase comes last", "`latency(system, p99, after)`")?;
            }
            Some(_) | None => self.no_more(arguments, 2)?,
        }
        let second = arguments.get(1).map(|argument| &argument.value);
        let bucket = |measure: BucketMeasure, subject: Subject| Some(About::Bucket { measure, subject, phase });
        match name.text {
            "success_ratio" => bucket(BucketMeasure::SuccessRatio, self.subject(first)?),
            "degraded_ratio" => bucket(BucketMeasure::DegradedRatio, self.users(first)?),
            "latency" => bucket(BucketMeasure::Latency(self.statistic(second)?), self.subject(first)?),
            "attempts_per_request" => bucket(BucketMeasure::AttemptsPerRequest, self.called(first)?),
            "shed" => bucket(BucketMeasure::Shed, Subject::Service(self.service(first)?)),
            "queue_time" => {
                let statistic = self.statistic(second)?;
                bucket(BucketMeasure::QueueTime(statistic), Subject::Service(self.service(first)?))
            }
            "rejected" => bucket(BucketMeasure::Rejected, Subject::Call(self.call(first)?)),
            _ => bucket(BucketMeasure::BreakerOpenTime, Subject::Call(self.broken(first)?)),
        }
    }

    /// What is measured once a run, if it is such a measure, and how much it has to say beyond its subject.
    fn run_measure(
        &self,
        name: &str,
        first: &Piece<'_>,
        second: Option<&Piece<'_>>,
    ) -> Option<(Option<RunMeasure>, usize)> {
        Some(match name {
            "opens_within" => (self.broken(first).map(RunMeasure::OpensWithin), 0),
            "closes_within" => (self.broken(first).map(RunMeasure::ClosesWithin), 0),
            "fails_over_within" if first.text == "system" => (Some(RunMeasure::FailsOverWithin(None)), 0),
            "fails_over_within" => (self.failover(first).map(|service| RunMeasure::FailsOverWithin(Some(service))), 0),
            "load_on" => {
                let (service, phase) = (self.service(first), self.load_phase(second));
                (service.zip(phase).map(|(service, phase)| RunMeasure::LoadOn(service, phase)), 1)
            }
            _ => return None,
        })
    }

    /// What is measured once a run has nothing more to say, and no phase.
    fn no_phase(&self, more: &[Argument<'_>], most: usize) -> Option<()> {
        match more.get(most) {
            Some(extra) if phase_of(extra.value.text).is_some() => {
                let message = "this is measured once a run, and has no phase";
                self.wrong(extra.value.range.clone(), message, "leave it out")
            }
            Some(_) | None => self.no_more(more, most),
        }
    }

    fn no_more(&self, arguments: &[Argument<'_>], most: usize) -> Option<()> {
        match arguments.get(most) {
            Some(extra) => {
                self.wrong(extra.value.range.clone(), "this measure has nothing more to say", "leave it out")
            }
            None => Some(()),
        }
    }

    fn statistic(&self, piece: Option<&Piece<'_>>) -> Option<Statistic> {
        let Some(piece) = piece else { return Some(Statistic::Mean) };
        let digits =
            piece.text.strip_prefix('p').filter(|digits| digits.bytes().all(|b| b.is_ascii_digit() || b == b'.'));
        let quantile = digits.and_then(|digits| digits.parse::<f64>().ok()).filter(|p| *p > 0.0 && *p < 100.0);
        match (piece.text, quantile) {
            ("mean", _) => Some(Statistic::Mean),
            ("max", _) => Some(Statistic::Max),
            (_, Some(p)) if (p * 10.0).fract() == 0.0 => Some(Statistic::Quantile((p * 10.0).round() as u16)),
            _ => {
                let message = format!("`{}` is not a statistic", shorten(piece.text));
                self.wrong(piece.range.clone(), message, "mean, max, or a quantile such as p99 or p99.9")
            }
        }
    }

    /// The phase of a load, which is over that before the faults.
    fn load_phase(&self, piece: Option<&Piece<'_>>) -> Option<Phase> {
        let Some(piece) = piece else { return Some(Phase::During) };
        match phase_of(piece.text) {
            Some(phase @ (Phase::During | Phase::After)) => Some(phase),
            Some(Phase::Before) | None => self.wrong_phase(piece, "during or after"),
        }
    }

    fn wrong_phase<T>(&self, piece: &Piece<'_>, help: &str) -> Option<T> {
        self.wrong(piece.range.clone(), format!("`{}` is not a phase", shorten(piece.text)), help)
    }

    fn subject(&self, piece: &Piece<'_>) -> Option<Subject> {
        if piece.text.contains("->") {
            return self.call(piece).map(Subject::Call);
        }
        if piece.text == "system" {
            return Some(Subject::System);
        }
        let (word, whole) = (piece.text.strip_prefix("class ").unwrap_or(piece.text), piece.range.clone());
        if word.contains(' ') {
            let message = format!("`{}` is not a subject", shorten(word));
            return self.wrong(whole, message, "a comma before the statistic");
        }
        if word != piece.text {
            let origin = self.node.within(self.session, whole);
            return self.names.class(self.session, word, origin).map(Subject::Class);
        }
        match self.names.get(word) {
            Some(Entity::Group(group)) => Some(Subject::Group(group)),
            Some(Entity::Service(service)) => Some(Subject::Service(service)),
            Some(Entity::Region(_)) => {
                let message = format!("`{word}` is a region, which has no requests of its own");
                self.wrong(whole, message, "name the system, a group, a class, a service or a call")
            }
            None => self.names.find_class(word).map(Subject::Class).or_else(|| {
                let mut known = self.names.all();
                known.push("system");
                self.unknown(whole, format!("there is no `{}`", shorten(word)), suggest(word, &known))
            }),
        }
    }

    fn users(&self, piece: &Piece<'_>) -> Option<Subject> {
        match self.subject(piece)? {
            users @ (Subject::System | Subject::Group(_) | Subject::Class(_)) => Some(users),
            Subject::Service(_) | Subject::Call(_) => {
                self.wrong(piece.range.clone(), "this is about users", "name the system, a group or a class")
            }
        }
    }

    fn called(&self, piece: &Piece<'_>) -> Option<Subject> {
        match self.subject(piece)? {
            called @ (Subject::Service(_) | Subject::Call(_)) => Some(called),
            Subject::System | Subject::Group(_) | Subject::Class(_) => {
                self.wrong(piece.range.clone(), "attempts are made at a service", "name a service, or a call `api->db`")
            }
        }
    }

    fn service(&self, piece: &Piece<'_>) -> Option<ServiceId> {
        match self.subject(piece)? {
            Subject::Service(service) => Some(service),
            Subject::System | Subject::Group(_) | Subject::Class(_) | Subject::Call(_) => {
                self.wrong(piece.range.clone(), format!("`{}` is not a service", shorten(piece.text)), "name a service")
            }
        }
    }

    /// A service that fails over.
    fn failover(&self, piece: &Piece<'_>) -> Option<ServiceId> {
        let service = self.service(piece)?;
        if !self.names.services[service.index()].failover {
            let message = format!("`{}` has no failover", piece.text);
            return self.wrong(piece.range.clone(), message, "name a service with `failover`");
        }
        Some(service)
    }

    /// A call with a breaker.
    fn broken(&self, piece: &Piece<'_>) -> Option<CallEnds> {
        let call = self.call(piece)?;
        if self.calls.iter().any(|(known, breaker)| *known == call && *breaker) {
            return Some(call);
        }
        self.wrong(piece.range.clone(), format!("`{}` has no breaker", piece.text), "give the call a `breaker`")
    }

    fn call(&self, piece: &Piece<'_>) -> Option<CallEnds> {
        let Some((left, right)) = piece.text.split_once("->") else {
            let message = format!("`{}` is not a call", shorten(piece.text));
            return self.wrong(piece.range.clone(), message, "write caller and callee, such as `api->db`");
        };
        let (left, right) = (left.trim(), right.trim());
        let from = match self.names.get(left) {
            Some(Entity::Group(group)) => Caller::Group(group),
            Some(Entity::Service(service)) => Caller::Service(service),
            Some(Entity::Region(_)) | None => {
                let message = format!("there is no service or group `{}`", shorten(left));
                return self.unknown(piece.range.clone(), message, suggest(left, &self.names.all()));
            }
        };
        let Some(to) = self.names.find_service(right) else {
            let message = format!("there is no service `{}`", shorten(right));
            return self.unknown(piece.range.clone(), message, suggest(right, &self.names.service_names()));
        };
        let ends = CallEnds { from, to };
        if self.calls.iter().any(|(known, _)| *known == ends) {
            return Some(ends);
        }
        self.unknown(piece.range.clone(), format!("`{left}` does not call `{right}`"), None)
    }
}

fn phase_of(word: &str) -> Option<Phase> {
    match word {
        "before" => Some(Phase::Before),
        "during" => Some(Phase::During),
        "after" => Some(Phase::After),
        _ => None,
    }
}

fn unit_of(about: About) -> Unit {
    match about {
        About::Bucket { measure, .. } => match measure {
            BucketMeasure::SuccessRatio
            | BucketMeasure::DegradedRatio
            | BucketMeasure::Shed
            | BucketMeasure::Rejected
            | BucketMeasure::BreakerOpenTime => Unit::Share,
            BucketMeasure::Latency(_) | BucketMeasure::QueueTime(_) => Unit::Seconds,
            BucketMeasure::AttemptsPerRequest => Unit::Number,
        },
        About::Run(RunMeasure::LoadOn(..)) => Unit::Ratio,
        About::Run(
            RunMeasure::OpensWithin(_)
            | RunMeasure::ClosesWithin(_)
            | RunMeasure::FailsOverWithin(_)
            | RunMeasure::RecoversWithin(_),
        ) => Unit::Seconds,
    }
}
