//! Results to JSON text: keys in the order of the contract, a line per figure.

use crate::results::{Comparison, Curve, Difference, Results, Row, Side, Verdict};
use crate::stats::Estimate;
use serde_json::{Map, Value, json};

/// One run.
pub fn run(results: &Results) -> Vec<u8> {
    text(&run_value(results))
}

/// Several runs and what differs.
pub fn comparison(comparison: &Comparison) -> Vec<u8> {
    let scenarios: Vec<Value> = comparison.scenarios.iter().map(run_value).collect();
    let differences: Vec<Value> = comparison.differences.iter().map(difference_value).collect();
    text(&json!({ "scenarios": scenarios, "differences": differences }))
}

fn run_value(results: &Results) -> Value {
    let mut value = json!({
        "ninefold": results.version,
        "scenario": { "name": results.scenario, "hash": results.hash },
        "seed": results.seed,
        "trials": results.trials,
        "horizon_s": finite(results.horizon.as_secs_f64()),
        "fidelity": results.fidelity.name(),
        "start": results.start,
        "partial": results.partial,
        "measures": results.rows.iter().map(|row| row_value(results, row)).collect::<Vec<_>>(),
        "objectives": results.verdicts.iter().map(verdict_value).collect::<Vec<_>>(),
        "curves": results.curves.iter().map(curve_value).collect::<Vec<_>>(),
        "notes": results.notes,
        "worst_trial": results.worst_trial,
    });
    if let Some(currency) = &results.currency {
        add(&mut value, "currency", currency.as_str().into());
    }
    value
}

fn row_value(results: &Results, row: &Row) -> Value {
    let mut value = json!({
        "measure": row.measure.name(),
        "subject": row.subject,
        "statistic": row.statistic,
    });
    add_estimate(&mut value, &row.value);
    add(&mut value, "confidence", finite(row.value.confidence));
    add(&mut value, "method", row.method.name().into());
    add(&mut value, "unit", results.unit_of(row.measure, &row.statistic).into());
    value
}

fn verdict_value(verdict: &Verdict) -> Value {
    let op = match verdict.side {
        Side::AtLeast => ">=",
        Side::AtMost => "<=",
    };
    let mut value = json!({
        "name": verdict.objective,
        "subject": verdict.subject,
        "measure": verdict.measure.name(),
        "statistic": verdict.statistic,
        "op": op,
        "target": finite(verdict.target),
    });
    add_estimate(&mut value, &verdict.value);
    add(&mut value, "verdict", verdict.judgement.name().into());
    add(&mut value, "confidence", finite(verdict.value.confidence));
    value
}

fn curve_value(curve: &Curve) -> Value {
    let points: Vec<Value> = curve.points.iter().map(|&(x, y)| json!([finite(x), finite(y)])).collect();
    json!({ "kind": curve.kind.name(), "subject": curve.subject, "points": points })
}

fn difference_value(difference: &Difference) -> Value {
    let mut value = json!({
        "measure": difference.measure.name(),
        "subject": difference.subject,
        "statistic": difference.statistic,
        "baseline": difference.baseline,
        "other": difference.other,
    });
    add_estimate(&mut value, &difference.value);
    add(&mut value, "verdict", difference.direction.name().into());
    add(&mut value, "confidence", finite(difference.value.confidence));
    add(&mut value, "pairing_gain", difference.pairing_gain.map_or(Value::Null, finite));
    value
}

fn add_estimate(object: &mut Value, value: &Estimate) {
    add(object, "estimate", value.estimate.map_or(Value::Null, finite));
    add(object, "low", value.low.map_or(Value::Null, finite));
    add(object, "high", value.high.map_or(Value::Null, finite));
}

fn add(object: &mut Value, key: &str, value: Value) {
    if let Value::Object(map) = object {
        map.insert(key.to_owned(), value);
    }
}

/// The number, or null where JSON has none for it.
pub(super) fn finite(number: f64) -> Value {
    if number.is_finite() { number.into() } else { Value::Null }
}

pub(super) fn text(value: &Value) -> Vec<u8> {
    let mut out = String::new();
    write(value, 0, &mut out);
    out.push('\n');
    out.into_bytes()
}

/// Objects and lists that hold lists of objects are broken over lines, everything else stands on one.
fn write(value: &Value, depth: usize, out: &mut String) {
    match value {
        Value::Object(map) => write_object(map, depth, out),
        Value::Array(items) if items.iter().any(Value::is_object) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                out.push_str(if index > 0 { ",\n" } else { "\n" });
                out.push_str(&"  ".repeat(depth + 1));
                write(item, depth + 1, out);
            }
            out.push('\n');
            out.push_str(&"  ".repeat(depth));
            out.push(']');
        }
        Value::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                out.push_str(if index > 0 { ", " } else { "" });
                write(item, depth, out);
            }
            out.push(']');
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => out.push_str(&value.to_string()),
    }
}

fn write_object(map: &Map<String, Value>, depth: usize, out: &mut String) {
    let tall = map.values().any(|value| value.as_array().is_some_and(|items| items.iter().any(Value::is_object)));
    out.push('{');
    for (index, (key, value)) in map.iter().enumerate() {
        match (index, tall) {
            (0, true) => out.push('\n'),
            (0, false) => out.push(' '),
            (_, true) => out.push_str(",\n"),
            (_, false) => out.push_str(", "),
        }
        if tall {
            out.push_str(&"  ".repeat(depth + 1));
        }
        out.push_str(&Value::String(key.clone()).to_string());
        out.push_str(": ");
        write(value, depth + 1, out);
    }
    match (map.is_empty(), tall) {
        (true, _) => {}
        (false, true) => {
            out.push('\n');
            out.push_str(&"  ".repeat(depth));
        }
        (false, false) => out.push(' '),
    }
    out.push('}');
}
