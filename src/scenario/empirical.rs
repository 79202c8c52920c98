//! `empirical(file, column, unit)`: a law whose values stand in a column of a csv file; and such columns for others.
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
    let longest = super::quantity::LONGEST.as_nanos() as f64;
    let name = (column.text, place(column));
    let column_wanted = Column { name, scale: unit.as_nanos() as f64, most: longest, wanted: "0 to 500 years" };
    let rows = columns(session, (file.text, place(file)), [column_wanted])?;
    let values = rows.into_iter().map(|[nanos]| Span::from_nanos_f64(nanos.round())).collect();
    let law = Law::empirical(values)
        .map_err(|error| session.report(Code::E110, place(file), error.to_string(), None))
        .ok()?;
    Some(law.spelled(&format!("empirical(file='{}', column='{}', unit={})", file.text, column.text, unit_name.text)))
}

/// A column of numbers.
#[derive(Clone, Copy)]
pub(super) struct Column<'t> {
    /// Its name, and where that stands.
    pub name: (&'t str, Origin),
    /// What its numbers are multiplied by.
    pub scale: f64,
    /// Largest product; the least is 0.
    pub most: f64,
    /// The range in words.
    pub wanted: &'t str,
}

/// The rows of these columns of a csv file, which lies beside the text that names it; at least one row.
pub(super) fn columns<const N: usize>(
    session: &Session<'_>,
    (file, file_origin): (&str, Origin),
    columns: [Column<'_>; N],
) -> Option<Vec<[f64; N]>> {
    let folder = session.sources().get(file_origin.file).path.parent().unwrap_or(Path::new("")).to_owned();
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
    let mut indices = [0; N];
    for (index, column) in indices.iter_mut().zip(&columns) {
        let (name, origin) = column.name;
        let Some(found) = headers.iter().position(|header| header == name) else {
            let names: Vec<&str> = headers.iter().take(12).collect();
            refuse(origin, format!("`{file}` has no column `{}`", shorten(name)), suggest(name, &names));
            return None;
        };
        *index = found;
    }
    let mut rows = Vec::new();
    for (row, record) in reader.byte_records().enumerate() {
        if row >= ROWS {
            session.report(Code::E007, file_origin, format!("`{file}` has more than {ROWS} rows"), None);
            return None;
        }
        let record = record.ok();
        let mut values = [0.0; N];
        for ((value, column), index) in values.iter_mut().zip(&columns).zip(indices) {
            let field = record.as_ref().and_then(|record| record.get(index));
            let field = field.map(|field| String::from_utf8_lossy(field).into_owned());
            *value = field.as_deref().and_then(|field| field.parse::<f64>().ok()).unwrap_or(f64::NAN) * column.scale;
            if !(0.0..=column.most).contains(value) {
                let (name, origin) = column.name;
                let shown = shorten(&field.unwrap_or_default());
                let help = format!("a number from {} is wanted", column.wanted);
                refuse(origin, format!("row {} of `{file}` has `{shown}` in `{name}`", row + 1), Some(help));
                return None;
            }
        }
        rows.push(values);
    }
    if rows.is_empty() {
        refuse(file_origin, format!("`{file}` has no rows"), None);
        return None;
    }
    session.keep_file(path, bytes);
    Some(rows)
}
