//! Law expressions: `8min`, `lognormal(median=8min, p95=1h)`, `30s + exp(mean=45s)`, `never`.
//!
//! The families and their keys belong to [`Law`]; this module turns text into keys with values, and the law's own
//! faults into diagnostics at the very key. `empirical` reads its csv file through the session.

use super::diagnostic::Code;
use super::empirical;
use super::fields::shorten;
use super::formula::{self, Argument, Formula, Malformed, Piece};
use super::quantity;
use super::session::{Session, nearest, suggest};
use super::tree::Node;
use super::value::report_bad;
use crate::model::dist::{Impossibility, LAW_NAMES, Law, LawError, ParameterValue};
use crate::time::Span;

/// Reads a law from a text.
pub(super) fn read(node: &Node, session: &Session<'_>) -> Option<Law> {
    let text = node.as_text()?;
    if text.is_empty() {
        session.report(
            Code::E101,
            node.origin,
            "there is no law in this text",
            Some("write a duration such as \"8min\"".into()),
        );
        return None;
    }
    let parts = match formula::split(text, 0..text.len(), '+') {
        Ok(parts) => parts,
        Err(bad) => return malformed(node, session, bad),
    };
    let mut fixed: Option<Span> = None;
    let mut random: Option<Law> = None;
    for part in parts {
        let numeric = part.text.starts_with(|c: char| c.is_ascii_digit() || c == '-' || c == '.');
        let (law, duration) = if numeric || part.text.is_empty() {
            let span =
                quantity::duration(part.text).map_err(|bad| report_bad(session, node, part.range.start, bad)).ok()?;
            (None, Some(span))
        } else {
            (Some(family(node, session, &part)?), None)
        };
        if (law.is_some() && random.is_some()) || (duration.is_some() && fixed.is_some()) {
            let origin = node.within(session, part.range);
            let (message, help) = match law {
                Some(_) => ("a sum has one random part, this is the second", "keep one of the two laws"),
                None => ("a sum has one fixed part, this is the second", "add the two up"),
            };
            session.report(Code::E109, origin, message, Some(help.into()));
            return None;
        }
        random = law.or(random);
        fixed = duration.or(fixed);
    }
    match (fixed, random) {
        (Some(span), Some(law)) => Some(law.with_offset(span)),
        (None, Some(law)) => Some(law),
        (span, None) => Some(Law::fixed(span?)),
    }
}

fn malformed(node: &Node, session: &Session<'_>, bad: Malformed) -> Option<Law> {
    session.report(
        Code::E107,
        node.within(session, bad.range),
        bad.message,
        Some("a law is written `exp(mean=8min)`".into()),
    );
    None
}

/// A law without a fixed part.
fn family(node: &Node, session: &Session<'_>, part: &Piece<'_>) -> Option<Law> {
    let formula = match formula::parse(node.as_text()?, part.range.clone()) {
        Ok(formula) => formula,
        Err(bad) => return malformed(node, session, bad),
    };
    let name = formula.name.text;
    if formula.arguments.is_none() && name != "never" {
        let origin = node.within(session, formula.name.range.clone());
        if LAW_NAMES.contains(&name) {
            session.report(
                Code::E107,
                origin,
                format!("`{name}` has no parameters"),
                Some(format!("write `{name}(..)`")),
            );
        } else {
            let help = suggest(name, &LAW_NAMES).or_else(|| Some("write a duration such as \"8min\"".to_owned()));
            session.report(Code::E106, origin, format!("`{}` is neither a duration nor a law", shorten(name)), help);
        }
        return None;
    }
    if name == "empirical" {
        return empirical::read(node, session, &formula);
    }
    let mut parameters = Vec::new();
    for argument in formula.arguments.iter().flatten() {
        let Some(key) = &argument.key else {
            return unnamed(node, session, &formula, argument);
        };
        parameters.push((key.text.to_owned(), parameter(node, session, &argument.value)?));
    }
    let law = Law::from_parameters(name, &parameters).map_err(|error| report(node, session, &formula, &error)).ok()?;
    Some(if law.is_never() { law } else { law.spelled(part.text) })
}

/// The law with the keys that its values without one most likely stand for.
fn with_keys(formula: &Formula<'_>) -> String {
    let keys: &[&str] = match formula.name.text {
        "lognormal" => &["median", "p95"],
        "weibull" | "gamma" | "pareto" => &["shape", "mean"],
        "erlang" => &["stages", "mean"],
        "uniform" => &["from", "to"],
        "hyperexp" => &["mean", "cv"],
        "empirical" => &["file", "column", "unit"],
        _ => &["mean"],
    };
    let mut unnamed = formula.arguments.iter().flatten().filter(|argument| argument.key.is_none());
    let argument = |key: &&str| {
        let value = unnamed.next().map_or("..", |argument| argument.value.text);
        format!("{key}={}", shorten(value))
    };
    format!("{}({})", shorten(formula.name.text), keys.iter().map(argument).collect::<Vec<_>>().join(", "))
}

/// A value without a key.
fn unnamed(node: &Node, session: &Session<'_>, formula: &Formula<'_>, argument: &Argument<'_>) -> Option<Law> {
    let (name, value) = (formula.name.text, argument.value.text);
    if name == "fixed" {
        report(node, session, formula, &LawError::FixedAsLaw);
    } else if !LAW_NAMES.contains(&name) {
        report(node, session, formula, &LawError::UnknownLaw { name: name.to_owned() });
    } else {
        let message = format!("`{}` has no key in `{}`", shorten(value), shorten(name));
        let help = Some(format!("write `{}`", with_keys(formula)));
        session.report(Code::E107, node.within(session, argument.value.range.clone()), message, help);
    }
    None
}

fn parameter(node: &Node, session: &Session<'_>, value: &Piece<'_>) -> Option<ParameterValue> {
    let text = value.text;
    let read = if text.ends_with('%') {
        quantity::percentage(text).map(ParameterValue::Ratio)
    } else if text.contains('/') {
        quantity::rate(text).map(ParameterValue::Rate)
    } else if let Some(number) = text.parse::<f64>().ok().filter(|number| number.is_finite()) {
        Ok(ParameterValue::Number(number))
    } else {
        quantity::duration(text).map(ParameterValue::Span)
    };
    read.map_err(|bad| report_bad(session, node, value.range.start, bad)).ok()
}

/// Points at the part of the formula that the error is about.
fn report(node: &Node, session: &Session<'_>, formula: &Formula<'_>, error: &LawError) {
    let at_key = |key: &str, value: bool| {
        let mut arguments = formula.arguments.iter().flatten();
        let found = arguments.rfind(|argument| argument.key.as_ref().is_some_and(|piece| piece.text == key));
        let piece = found.and_then(|argument| if value { Some(&argument.value) } else { argument.key.as_ref() });
        node.within(session, piece.unwrap_or(&formula.name).range.clone())
    };
    let at_name = node.within(session, formula.name.range.clone());
    let (code, origin, help) = match error {
        LawError::UnknownLaw { name } => {
            let near = nearest(name, LAW_NAMES)
                .or_else(|| ["normal", "gauss"].contains(&name.as_str()).then_some("lognormal"));
            let help = near.map(|near| format!("did you mean `{near}`?")).or_else(|| suggest(name, &LAW_NAMES));
            (Code::E106, at_name, help)
        }
        LawError::FixedAsLaw => {
            let inner = formula.arguments.iter().flatten().next().map_or("90s", |argument| argument.value.text);
            (Code::E109, at_name, Some(format!("write \"{}\"", shorten(inner))))
        }
        LawError::EmpiricalNeedsValues => (Code::E107, at_name, None),
        LawError::UnknownKey { key, known, .. } => (Code::E107, at_key(key, false), suggest(key, known)),
        LawError::RepeatedKey { key, .. } | LawError::ExcessKey { key, .. } => {
            (Code::E107, at_key(key, false), Some("leave it out".to_owned()))
        }
        LawError::MissingKey { wanted, .. } => (Code::E107, at_name, Some(format!("add {}", wanted.join(" or ")))),
        LawError::ClashingKeys { second, .. } => {
            (Code::E107, at_key(second, false), Some("keep one of the two".to_owned()))
        }
        LawError::WrongKind { key, found, wanted, .. } => {
            let bare = matches!((found, wanted), (crate::model::dist::Kind::Number, crate::model::dist::Kind::Span));
            let code = if bare { Code::E101 } else { Code::E107 };
            (code, at_key(key, true), bare.then(|| "write it with its unit, such as `15s`".to_owned()))
        }
        LawError::Impossible { key, why, .. } => {
            let crossed = matches!(why, Impossibility::QuantilesCross { .. });
            (Code::E108, at_key(key, true), crossed.then(|| "swap them".to_owned()))
        }
    };
    let message = match error {
        LawError::Impossible { law, why: why @ Impossibility::QuantilesCross { .. }, .. } => {
            format!("impossible `{law}`: {why}")
        }
        LawError::Impossible { law, key, why } => format!("impossible `{law}`, `{key}`: {why}"),
        other => other.to_string(),
    };
    session.report(code, origin, shorten_message(&message), help);
}

fn shorten_message(message: &str) -> String {
    message.chars().take(160).collect()
}
