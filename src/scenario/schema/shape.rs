//! What a key takes, as far as a JSON Schema can say it.
//!
//! A value type of the language has one [`Shape`]; a key may take several. Patterns are as wide as the reader: what it
//! accepts they accept, and of the rest they refuse what is plain to see (a bare number, an unknown unit, an unknown
//! law). What needs arithmetic or names is left to the reader.

use super::super::tree::Value;
use crate::model::dist::LAW_NAMES;
use serde_json::{Map, Value as Json, json};

/// One kind of value that a key takes.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::scenario) enum Shape {
    Duration,
    Percentage,
    Rate,
    Law,
    /// A whole number from 1 to a million.
    Count,
    /// A whole number from 0.
    Whole,
    /// A number from 0.
    Number,
    /// A number from 0, or `inf`.
    Factor,
    Bool,
    Text,
    /// A quantile such as `p95`.
    Quantile,
    /// One of these words.
    Words(Vec<String>),
    /// A text that is one of these words, or one of them with arguments in brackets.
    Formula(Vec<String>),
    /// A table whose keys are read one by one.
    Table,
    /// A list whose items are each one of these; tables in it are read one by one.
    List(Vec<Shape>),
    /// A table from names to one of these.
    Each(Vec<Shape>),
}

/// A name as `check_name` wants it.
pub(super) const NAME: &str = "^[a-z0-9][a-z0-9_-]{0,62}$";
/// Two places and the way between them.
pub(super) const WAY: &str = "^[^<>]*[^<> -] *<?-> *[^<> -][^<>]*$";
/// A quantile as a key.
pub(super) const QUANTILE: &str = "^p[0-9.]+$";

const DIGITS: &str = r"([0-9]+\.?[0-9]*|\.[0-9]+)";

fn duration() -> String {
    format!("({DIGITS}(ns|us|ms|s|min|m|h|d|w|y))+")
}

/// One or two parts, of which each is a duration or a family.
fn law() -> String {
    let families: Vec<&str> = LAW_NAMES.into_iter().filter(|name| *name != "never").collect();
    let part = format!(r"({}|({}) *\(.*\)|never)", duration(), families.join("|"));
    format!(r"^ *{part} *(\+ *{part} *)?$")
}

/// The definitions that shapes refer to.
pub(super) fn definitions() -> Map<String, Json> {
    let named = [
        (
            "duration",
            json!({ "type": "string", "pattern": format!("^{}$", duration()),
                "description": "A duration: numbers with ns us ms s min (or m) h d w y; a year is 365.25 days.",
                "examples": ["30s", "15min", "1h30m", "90d"] }),
        ),
        (
            "percentage",
            json!({ "type": "string", "pattern": format!("^{DIGITS} *%$"),
                "description": "A share from 0% to 100%.", "examples": ["99.95%"] }),
        ),
        (
            "rate",
            json!({ "type": "string", "pattern": "^[0-9.]+/(s|min|m|h|d|y)$",
                "description": "A rate above 0, per s, min, h, d or y.", "examples": ["200/s"] }),
        ),
        (
            "law",
            json!({ "type": "string", "pattern": law(),
                "description": "How long something takes: a duration, a law, or the sum of both.",
                "examples": ["8min", "exp(mean=90d)", "lognormal(median=8min, p95=1h)", "30s + exp(mean=45s)"] }),
        ),
        ("removed", json!({ "const": false, "description": "In a file that extends another: takes the key away." })),
    ];
    named.into_iter().map(|(name, schema)| (name.to_owned(), schema)).collect()
}

/// A reference to a definition.
pub(super) fn reference(name: &str) -> Json {
    json!({ "$ref": format!("#/$defs/{name}") })
}

impl Shape {
    /// The schema of the value; `table` is that of tables in its place.
    pub(super) fn schema(&self, table: &mut dyn FnMut(Place) -> Json) -> Json {
        match self {
            Shape::Duration => reference("duration"),
            Shape::Percentage => reference("percentage"),
            Shape::Rate => reference("rate"),
            Shape::Law => reference("law"),
            Shape::Count => json!({ "type": "integer", "minimum": 1, "maximum": 1_000_000 }),
            Shape::Whole => json!({ "type": "integer", "minimum": 0 }),
            Shape::Number => json!({ "type": "number", "minimum": 0 }),
            // JSON has no infinity: what turns TOML into it writes null
            Shape::Factor => json!({ "type": ["number", "null"], "minimum": 0 }),
            Shape::Bool => json!({ "type": "boolean" }),
            Shape::Text => json!({ "type": "string" }),
            Shape::Quantile => json!({ "type": "string", "pattern": QUANTILE, "examples": ["p95"] }),
            Shape::Words(words) => json!({ "enum": words }),
            Shape::Formula(words) => {
                let pattern = format!(r"^ *({}) *(\(.*\) *)?$", words.join("|"));
                json!({ "type": "string", "pattern": pattern, "examples": words })
            }
            Shape::Table => table(Place::Here),
            Shape::List(items) => {
                let items: Vec<Json> = items.iter().map(|item| item.schema(table)).collect();
                json!({ "type": "array", "items": any_of(items) })
            }
            Shape::Each(values) => {
                let mut below = |_| table(Place::Below);
                let mut values: Vec<Json> = values.iter().map(|value| value.schema(&mut below)).collect();
                values.push(reference("removed"));
                json!({ "type": "object", "patternProperties": { NAME: any_of(values) },
                    "additionalProperties": false })
            }
        }
    }

    /// Values to try, by which a reader may be led to ask for other keys.
    pub(super) fn examples(&self) -> Vec<Value> {
        match self {
            Shape::Duration => vec!["1s".into()],
            Shape::Percentage => vec!["50%".into()],
            Shape::Rate => vec!["1/s".into()],
            Shape::Law => vec!["exp(mean=1s)".into()],
            Shape::Count | Shape::Whole | Shape::Number | Shape::Factor => vec![Value::Integer(2)],
            Shape::Bool => vec![Value::Bool(true), Value::Bool(false)],
            Shape::Text => vec!["a-text".into()],
            Shape::Quantile => vec!["p95".into()],
            Shape::Words(words) | Shape::Formula(words) => words.iter().map(|word| word.as_str().into()).collect(),
            Shape::Table | Shape::Each(_) => vec![Value::Table(super::super::tree::Table::default())],
            Shape::List(_) => vec![Value::List(Vec::new())],
        }
    }
}

/// Where the keys of a table are recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// At the key itself.
    Here,
    /// At the names below the key.
    Below,
}

/// One of these.
pub(super) fn any_of(mut all: Vec<Json>) -> Json {
    if all.len() == 1 { all.remove(0) } else { json!({ "anyOf": all }) }
}

/// The value as JSON.
pub(super) fn json_of(value: &Value) -> Json {
    match value {
        Value::Text(text) | Value::Datetime(text) => json!(text),
        Value::Integer(number) => json!(i64::try_from(*number).unwrap_or(i64::MAX)),
        Value::Float(number) => json!(number),
        Value::Bool(truth) => json!(truth),
        Value::List(items) => items.iter().map(|item| json_of(&item.value)).collect(),
        Value::Table(table) => {
            let entries = table.entries.iter().map(|entry| (entry.key.clone(), json_of(&entry.node.value)));
            Json::Object(entries.collect())
        }
    }
}
