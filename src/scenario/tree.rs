//! The raw scenario: TOML as written, each key and value with the place it came from.
//!
//! The shape is TOML's own, only that tables keep the order of the text and that `merge` lays one tree over another
//! without losing where each value stood. Nothing here knows what a key means.

use super::diagnostic::Code;
use super::session::Session;
use super::source::{FileId, Origin};
use std::fmt::Write as _;
use std::ops::Range;
use toml::de::{DeTable, DeValue};

/// A value and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Node {
    /// Where it stands.
    pub origin: Origin,
    /// What it is.
    pub value: Value,
}

/// A TOML value.
#[derive(Clone, Debug)]
pub(super) enum Value {
    Text(String),
    /// Wide enough for whatever a number of 64 bits may be, with a sign or without.
    Integer(i128),
    Float(f64),
    Bool(bool),
    Datetime(String),
    List(Vec<Node>),
    Table(Table),
}

/// A table, in the order written.
#[derive(Clone, Debug, Default)]
pub(super) struct Table {
    pub entries: Vec<Entry>,
}

/// A key with its value.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub key: String,
    pub key_origin: Origin,
    pub node: Node,
}

impl Value {
    /// What a message calls it.
    pub fn kind(&self) -> &'static str {
        match self {
            Value::Text(_) => "text",
            Value::Integer(_) => "an int",
            Value::Float(_) => "a number",
            Value::Bool(_) => "a bool",
            Value::Datetime(_) => "a date",
            Value::List(_) => "a list",
            Value::Table(_) => "a table",
        }
    }
}

impl Node {
    /// A value that is written nowhere (a default), said to stand at `origin`.
    pub fn text(text: &str, origin: Origin) -> Self {
        Node { origin, value: Value::Text(text.to_owned()) }
    }

    pub fn as_text(&self) -> Option<&str> {
        if let Value::Text(text) = &self.value { Some(text) } else { None }
    }

    pub fn as_list(&self) -> Option<&[Node]> {
        if let Value::List(items) = &self.value { Some(items) } else { None }
    }

    pub fn as_table(&self) -> Option<&Table> {
        if let Value::Table(table) = &self.value { Some(table) } else { None }
    }

    /// The place of bytes `range` of this text; the whole token if escapes stand between.
    pub fn within(&self, session: &Session<'_>, range: Range<usize>) -> Origin {
        let (Value::Text(text), Some(raw)) = (&self.value, session.sources().slice(self.origin)) else {
            return self.origin;
        };
        let quote = raw.len().saturating_sub(text.len()) / 2;
        if raw.get(quote..quote + text.len()) != Some(text) || range.end > text.len() {
            return self.origin;
        }
        let base = self.origin.start as usize + quote;
        let end = range.end.max(range.start);
        Origin::new(self.origin.file, base + range.start..base + end)
    }

    /// The value as one line of TOML.
    pub fn show(&self) -> String {
        let mut out = String::new();
        self.write(&mut out, false);
        out
    }

    /// As [`Node::show`], with sorted keys: equal for equal content.
    pub fn canonical(&self) -> String {
        let mut out = String::new();
        self.write(&mut out, true);
        out
    }

    fn write(&self, out: &mut String, sorted: bool) {
        match &self.value {
            Value::Text(text) | Value::Datetime(text) => out.push_str(&quote(text)),
            Value::Integer(number) => _ = write!(out, "{number}"),
            Value::Float(number) => _ = write!(out, "{number:?}"),
            Value::Bool(truth) => _ = write!(out, "{truth}"),
            Value::List(items) => {
                out.push('[');
                for (index, item) in items.iter().enumerate() {
                    out.push_str(if index > 0 { ", " } else { "" });
                    item.write(out, sorted);
                }
                out.push(']');
            }
            Value::Table(table) => {
                let mut entries: Vec<&Entry> = table.entries.iter().collect();
                if sorted {
                    entries.sort_by(|a, b| a.key.cmp(&b.key));
                }
                out.push_str("{ ");
                for (index, entry) in entries.iter().enumerate() {
                    out.push_str(if index > 0 { ", " } else { "" });
                    let _ = write!(out, "{} = ", bare_or_quoted(&entry.key));
                    entry.node.write(out, sorted);
                }
                out.push_str(" }");
            }
        }
    }
}

/// A text as a TOML basic string.
pub(super) fn quote(text: &str) -> String {
    let mut out = String::from("\"");
    for character in text.chars() {
        match character {
            '"' | '\\' => out.extend(['\\', character]),
            control if control.is_control() => _ = write!(out, "\\u{:04X}", control as u32),
            other => out.push(other),
        }
    }
    out.push('"');
    out
}

/// A key as TOML writes it.
pub(super) fn bare_or_quoted(key: &str) -> String {
    let bare = !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    if bare { key.to_owned() } else { quote(key) }
}

impl Table {
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entry(key).map(|entry| &entry.node)
    }

    pub fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.key == key)
    }

    pub fn get_mut(&mut self, key: &str) -> Option<&mut Node> {
        self.entries.iter_mut().find(|entry| entry.key == key).map(|entry| &mut entry.node)
    }

    /// The table under `key`, empty if there is none.
    pub fn table(&self, key: &str) -> Option<&Table> {
        self.get(key).and_then(Node::as_table)
    }

    pub fn remove(&mut self, key: &str) -> Option<Entry> {
        let at = self.entries.iter().position(|entry| entry.key == key)?;
        Some(self.entries.remove(at))
    }

    /// Sets `key`, in its old place if it has one.
    pub fn set(&mut self, entry: Entry) {
        match self.entries.iter_mut().find(|old| old.key == entry.key) {
            Some(old) => *old = entry,
            None => self.entries.push(entry),
        }
    }

    /// Lays `over` on this table: tables merge, everything else replaces, `false` removes a table.
    pub fn merge(&mut self, over: Table) {
        let index: std::collections::BTreeMap<String, usize> =
            self.entries.iter().enumerate().map(|(at, entry)| (entry.key.clone(), at)).collect();
        let mut removed = Vec::new();
        for entry in over.entries {
            let Some(&at) = index.get(&entry.key) else {
                self.entries.push(entry);
                continue;
            };
            let old = &mut self.entries[at];
            match (&mut old.node.value, entry.node.value) {
                (Value::Table(below), Value::Table(above)) => below.merge(above),
                (Value::Bool(below), Value::Bool(above)) => {
                    *below = above;
                    old.node.origin = entry.node.origin;
                }
                (_, Value::Bool(false)) => removed.push(at),
                (_, value) => {
                    *old = Entry {
                        key: entry.key,
                        key_origin: entry.key_origin,
                        node: Node { origin: entry.node.origin, value },
                    };
                }
            }
        }
        removed.sort_unstable();
        for at in removed.into_iter().rev() {
            self.entries.remove(at);
        }
    }
}

/// The tree of a whole text; what TOML itself refuses is reported, and then there is none.
pub(super) fn parse(session: &Session<'_>, file: FileId) -> Option<Table> {
    let text = &session.sources().get(file).text;
    let (table, errors) = DeTable::parse_recoverable(text);
    for error in errors.iter().take(20) {
        let origin = Origin::new(file, error.span().unwrap_or(0..0));
        session.report(Code::E001, origin, error.message(), None);
    }
    errors.is_empty().then(|| convert_table(table.into_inner(), file, 0))
}

/// The tree of one value that stands at byte `base` of the text.
pub(super) fn parse_value(text: &str, file: FileId, base: usize) -> Option<Node> {
    let value = DeValue::parse(text).ok()?;
    Some(convert(value.into_inner(), Origin::new(file, base..base + text.len()), base))
}

fn convert_table(table: DeTable<'_>, file: FileId, base: usize) -> Table {
    let place = |span: Range<usize>| Origin::new(file, span.start + base..span.end + base);
    let mut entries: Vec<Entry> = table
        .into_iter()
        .map(|(key, value)| {
            let origin = place(value.span());
            Entry {
                key_origin: place(key.span()),
                key: key.into_inner().into_owned(),
                node: convert(value.into_inner(), origin, base),
            }
        })
        .collect();
    entries.sort_by_key(|entry| entry.key_origin);
    Table { entries }
}

fn convert(value: DeValue<'_>, origin: Origin, base: usize) -> Node {
    let value = match value {
        DeValue::String(text) => Value::Text(text.into_owned()),
        DeValue::Integer(number) => {
            let digits = number.as_str();
            let overflow = if digits.starts_with('-') { i128::MIN } else { i128::MAX };
            Value::Integer(i128::from_str_radix(digits, number.radix()).unwrap_or(overflow))
        }
        DeValue::Float(number) => Value::Float(number.as_str().parse().unwrap_or(f64::NAN)),
        DeValue::Boolean(truth) => Value::Bool(truth),
        DeValue::Datetime(date) => Value::Datetime(date.to_string()),
        DeValue::Array(items) => Value::List(
            items
                .into_iter()
                .map(|item| {
                    let span = item.span();
                    convert(item.into_inner(), Origin::new(origin.file, span.start + base..span.end + base), base)
                })
                .collect(),
        ),
        DeValue::Table(table) => Value::Table(convert_table(table, origin.file, base)),
    };
    Node { origin, value }
}
