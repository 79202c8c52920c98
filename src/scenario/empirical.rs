//! `empirical(file, column, unit)`: a law whose values stand in a column of a csv file.
//!
//! The file is read through the session, by a path relative to the text that names it; its content enters the
//! scenario's hash.

use super::diagnostic::Code;
use super::fields::shorten;
use super::formula::{Formula, Piece};
use super::session::{Session, suggest};
use super::source::Origin;
use super::tree::Node;
use crate::model::dist::Law;
use crate::time::Span;
use std::path::Path;

/// Rows of all values of a law at most.
const ROWS: usize = 10_000_000;

/// Reads the law.
pub(super) fn read(node: &Node, session: &Session<'_>, formula: &Formula<'_>) -> Option<Law> {
    const KEYS: [&str; 3] = ["file", "column", "unit"];
    for argument in formula.arguments.iter().flatten() {
        let piece = argument.key.as_ref().filter(|key| KEYS.contains(&key.text));
        if piece.is_none() {
            let shown = argument.key.as_ref().unwrap_or(&argument.value);
            let origin = node.within(session, shown.range.clone());
            session.report(
                Code::E107,
                origin,
                format!("`empirical` has no key `{}`", shorten(shown.text)),
                suggest(shown.text, &KEYS),
            );
            return None;
        }
    }
    let [file, column, unit_name] = KEYS.map(|key| formula.get(key));
    let (Some(file), Some(column), Some(unit_name)) = (file, column, unit_name) else {
        let origin = node.within(session, formula.name.range.clone());
        session.report(Code::E107, origin, "`empirical` needs `file`, `column` and `unit`", None);
        return None;
    };
    let Some(unit) = Span::unit(unit_name.text) else {
        let origin = node.within(session, unit_name.range.clone());
        session.report(
            Code::E102,
            origin,
            format!("unknown unit `{}`", shorten(unit_name.text)),
            Some("such as `min`".into()),
        );
        return None;
    };
    let place = |piece: &Piece<'_>| node.within(session, piece.range.clone());
    let values = column_values(session, node, (file.text, place(file)), (column.text, place(column)), unit)?;
    let law = Law::empirical(values)
        .map_err(|error| session.report(Code::E110, place(file), error.to_string(), None))
        .ok()?;
    Some(law.spelled(&format!("empirical(file='{}', column='{}', unit={})", file.text, column.text, unit_name.text)))
}

fn column_values(
    session: &Session<'_>,
    node: &Node,
    (file, file_origin): (&str, Origin),
    (column, column_origin): (&str, Origin),
    unit: Span,
) -> Option<Vec<Span>> {
    let folder = session.sources().get(node.origin.file).path.parent().unwrap_or(Path::new("")).to_owned();
    let path = folder.join(file);
    let refuse = |origin: Origin, message: String, help: Option<String>| {
        session.report(Code::E110, origin, message, help);
    };
    let bytes = session
        .read_bytes(&path)
        .map_err(|error| refuse(file_origin, format!("cannot read `{file}`: {error}"), None))
        .ok()?;
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(bytes.as_slice());
    let headers =
        reader.headers().map_err(|error| refuse(file_origin, format!("`{file}`: {error}"), None)).ok()?.clone();
    let Some(index) = headers.iter().position(|header| header == column) else {
        let names: Vec<&str> = headers.iter().take(12).collect();
        refuse(column_origin, format!("`{file}` has no column `{}`", shorten(column)), suggest(column, &names));
        return None;
    };
    let mut values = Vec::new();
    for (row, record) in reader.byte_records().enumerate() {
        if row >= ROWS {
            session.report(Code::E007, file_origin, format!("`{file}` has more than {ROWS} rows"), None);
            return None;
        }
        let field = record.ok().and_then(|record| record.get(index).map(|f| String::from_utf8_lossy(f).into_owned()));
        let number = field.as_deref().and_then(|field| field.parse::<f64>().ok());
        let nanos = number.map_or(f64::NAN, |number| number * unit.as_nanos() as f64);
        if !(0.0..=super::quantity::LONGEST.as_nanos() as f64).contains(&nanos) {
            let shown = shorten(&field.unwrap_or_default());
            let help = "a number from 0 to 500 years is wanted".to_owned();
            refuse(column_origin, format!("row {} of `{file}` has `{shown}` in `{column}`", row + 1), Some(help));
            return None;
        }
        values.push(Span::from_nanos_f64(nanos.round()));
    }
    if values.is_empty() {
        refuse(file_origin, format!("`{file}` has no rows"), None);
        return None;
    }
    session.keep_file(path, bytes);
    Some(values)
}
