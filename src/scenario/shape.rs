//! `shape`: a factor on the rate of a group over time.

use super::diagnostic::Code;
use super::empirical::{self, Column};
use super::fields::Fields;
use super::policy::spelled::{self, Form, Spelled, Type};
use super::session::Session;
use crate::model::traffic::Shape;
use crate::time::Span;

const SHAPES: [Form; 4] = [
    ("steady", &[], 0),
    ("diurnal", &[("swing", Type::Share), ("peak", Type::Duration)], 0),
    ("daily", &[], 0),
    ("trace", &[("file", Type::Text), ("time", Type::Text), ("unit", Type::Unit), ("level", Type::Text)], 4),
];

/// Reads `shape`.
pub(super) fn read(fields: &mut Fields<'_>) -> Shape {
    let written = spelled::read(fields, "shape", "steady", &SHAPES);
    let session = fields.session;
    let shape = written.and_then(|written| match written.name {
        "diurnal" => {
            let swing = written.number("swing").unwrap_or(0.6);
            let peak = written.duration("peak").unwrap_or(Span::HOUR * 14);
            if peak >= Span::DAY {
                written.refuse(session, "peak", "is a time of day, before 24h");
            }
            Some(Shape::Diurnal { swing, peak })
        }
        "daily" => Some(Shape::Daily(daily(session, &written))),
        "trace" => trace(session, &written).map(Shape::Trace),
        _ => Some(Shape::Steady),
    });
    shape.unwrap_or(Shape::Steady)
}

fn daily(session: &Session<'_>, written: &Spelled) -> Vec<(Span, f64)> {
    let mut steps: Vec<(Span, f64)> = Vec::new();
    for (time, level, origin) in written.times() {
        if time >= Span::DAY {
            session.report(Code::E104, origin, format!("`{time}` is no time of day"), Some("before 24h".into()));
        } else if steps.iter().any(|(other, _)| *other == time) {
            session.report(Code::E107, origin, format!("`{time}` is named twice"), Some("keep one".into()));
        }
        steps.push((time, level));
    }
    steps.sort_by_key(|(time, _)| *time);
    if steps.is_empty() {
        let help = Some("write `daily(0h=1, 8h=3)`".to_owned());
        session.report(Code::E107, written.origin, "`daily` names no time of day", help);
    } else if steps.iter().all(|(_, level)| *level <= 0.0) {
        session.report(Code::E104, written.origin, "nobody ever comes: all factors are 0", None);
    }
    steps
}

/// The rows of a csv file: an instant, and the factor from then on.
fn trace(session: &Session<'_>, written: &Spelled) -> Option<Vec<(Span, f64)>> {
    let unit = Span::unit(written.word("unit")?)?;
    let column = |key: &str| Some((written.word(key)?, written.place(key)));
    let file = column("file")?;
    let longest = super::quantity::LONGEST.as_nanos() as f64;
    let time = Column { name: column("time")?, scale: unit.as_nanos() as f64, most: longest, wanted: "0 to 500 years" };
    let level = Column { name: column("level")?, scale: 1.0, most: f64::MAX, wanted: "0 up" };
    let rows = empirical::columns(session, file, [time, level])?;
    let steps: Vec<(Span, f64)> =
        rows.into_iter().map(|[at, level]| (Span::from_nanos_f64(at.round()), level)).collect();
    if let Some(at) = (1..steps.len()).find(|&at| steps[at].0 <= steps[at - 1].0) {
        let message = format!("row {} of `{}` does not come after the row before it", at + 1, file.0);
        session.report(Code::E110, written.place("time"), message, Some("sort the rows by time".into()));
        return None;
    }
    Some(steps)
}
