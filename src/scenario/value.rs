//! The types of values: how each is read from a node, and how the long form shows it.
//!
//! A type carries its range (a [`Count`] is at least 1), so that a reader cannot forget to check it.

use super::diagnostic::Code;
use super::fields::{shorten, wrong_type};
use super::law;
use super::quantity::{self, BadQuantity, tidy};
use super::schema::Shape;
use super::session::Session;
use super::tree::{Node, Value, quote};
use crate::model::dist::Law;
use crate::time::Span;

/// A value that can be read from a node.
pub(super) trait Written: Sized {
    /// The value, or nothing after reporting why.
    fn read(node: &Node, session: &Session<'_>) -> Option<Self>;
    /// The value in its long form, as TOML.
    fn show(&self) -> String;
    /// What a key of this type takes.
    fn shape() -> Shape;
}

/// A percentage as a share, 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Percent(pub f64);

/// A percentage in steps of 0.01%, as basis points, 0 to 10 000.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct BasisPoints(pub u32);

/// Events per second, above 0 and finite.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Rate(pub f64);

/// A whole number from 1 to a million.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Count(pub u32);

/// A whole number from 0 to `u64::MAX`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Whole(pub u64);

/// A factor or money, at least 0 and finite.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Number(pub f64);

/// A factor that may be infinite (a hang).
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Factor(pub f64);

/// A law that may be `never`.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct PerhapsNever(pub Law);

/// Free text.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Text(pub String);

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Value::Text(text.to_owned())
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Value::Integer(number.into())
    }
}

impl From<bool> for Value {
    fn from(truth: bool) -> Self {
        Value::Bool(truth)
    }
}

/// Reports a bad quantity that stands at byte `base` of the node's text.
pub(super) fn report_bad(session: &Session<'_>, node: &Node, base: usize, bad: BadQuantity) {
    let origin = node.within(session, base + bad.range.start..base + bad.range.end);
    session.report(bad.code, origin, shorten(&bad.message), bad.help);
}

fn quantity<T>(node: &Node, session: &Session<'_>, parse: impl FnOnce(&str) -> Result<T, BadQuantity>) -> Option<T> {
    match &node.value {
        Value::Text(text) => parse(text).map_err(|bad| report_bad(session, node, 0, bad)).ok(),
        Value::Integer(_) | Value::Float(_) => {
            let number = node.show();
            let bad = parse(&number).err()?;
            let help = bad.help.map(|help| help.replace(&format!("`{number}s`"), &format!("`\"{number}s\"`")));
            session.report(bad.code, node.origin, shorten(&bad.message), help);
            None
        }
        Value::Bool(_) | Value::Datetime(_) | Value::List(_) | Value::Table(_) => {
            wrong_type(session, node, "text with a unit", None);
            None
        }
    }
}

impl Written for Span {
    fn read(node: &Node, session: &Session<'_>) -> Option<Self> {
        quantity(node, session, quantity::duration)
    }

    fn show(&self) -> String {
        quote(&self.to_string())
    }

    fn shape() -> Shape {
        Shape::Duration
    }
}

impl Written for Percent {
    fn read(node: &Node, session: &Session<'_>) -> Option<Self> {
        quantity(node, session, quantity::percentage).map(Percent)
    }

    fn show(&self) -> String {
        format!("\"{}%\"", tidy(self.0 * 100.0))
    }

    fn shape() -> Shape {
        Shape::Percentage
    }
}

impl Written for BasisPoints {
    fn read(node: &Node, session: &Session<'_>) -> Option<Self> {
        quantity(node, session, quantity::basis_points).map(BasisPoints)
    }

    fn show(&self) -> String {
        format!("\"{}%\"", tidy(f64::from(self.0) / 100.0))
    }

    fn shape() -> Shape {
        Shape::Percentage
    }
}

impl Written for Rate {
    fn read(node: &Node, session: &Session<'_>) -> Option<Self> {
        let rate = quantity(node, session, quantity::rate)?;
        if rate > 0.0 && rate.is_finite() {
            return Some(Rate(rate));
        }
        session.report(Code::E104, node.origin, format!("the rate {} is not above 0", shorten(&node.show())), None);
        None
    }

    fn show(&self) -> String {
        format!("\"{}/s\"", tidy(self.0))
    }

    fn shape() -> Shape {
        Shape::Rate
    }
}

/// A law, `never` included.
fn any_law(node: &Node, session: &Session<'_>) -> Option<Law> {
    match &node.value {
        Value::Text(_) => law::read(node, session),
        Value::Integer(_)
        | Value::Float(_)
        | Value::Bool(_)
        | Value::Datetime(_)
        | Value::List(_)
        | Value::Table(_) => Span::read(node, session).map(Law::fixed),
    }
}

impl Written for Law {
    fn read(node: &Node, session: &Session<'_>) -> Option<Self> {
        let law = any_law(node, session)?;
        if law.is_never() {
            let help = "`never` is for `repair`, `queue_timeout` and `ignore_for`".to_owned();
            session.report(Code::E108, node.origin, "`never` has no meaning here", Some(help));
            return None;
        }
        Some(law)
    }

    fn show(&self) -> String {
        quote(&self.to_string())
    }

    fn shape() -> Shape {
        Shape::Law
    }
}

impl Written for PerhapsNever {
    fn read(node: &Node, session: &Session<'_>) -> Option<Self> {
        any_law(node, session).map(PerhapsNever)
    }

    fn show(&self) -> String {
        self.0.show()
    }

    fn shape() -> Shape {
        Shape::Law
    }
}

fn whole(node: &Node, session: &Session<'_>, least: u64, most: u64) -> Option<u64> {
    let fits = |number: i128| u64::try_from(number).ok().filter(|number| (least..=most).contains(number));
    match node.value {
        Value::Integer(number) if fits(number).is_some() => fits(number),
        Value::Integer(number) if number > i128::from(most) => {
            session.report(Code::E007, node.origin, format!("{number} is too large, the limit is {most}"), None);
            None
        }
        Value::Integer(number) => {
            let message = format!("{number} is out of range");
            session.report(Code::E104, node.origin, message, Some(format!("from {least} to {most}")));
            None
        }
        Value::Float(_) | Value::Text(_) | Value::Bool(_) | Value::Datetime(_) | Value::List(_) | Value::Table(_) => {
            let number = node.as_text().and_then(|text| text.trim().parse::<i128>().ok());
            wrong_type(session, node, "an int", number.map(|number| format!("write `{number}`")));
            None
        }
    }
}

impl Written for Count {
    fn read(node: &Node, session: &Session<'_>) -> Option<Self> {
        whole(node, session, 1, 1_000_000).map(|number| Count(number as u32))
    }

    fn show(&self) -> String {
        self.0.to_string()
    }

    fn shape() -> Shape {
        Shape::Count
    }
}

impl Written for Whole {
    fn read(node: &Node, session: &Session<'_>) -> Option<Self> {
        whole(node, session, 0, u64::MAX).map(Whole)
    }

    fn show(&self) -> String {
        self.0.to_string()
    }

    fn shape() -> Shape {
        Shape::Whole
    }
}

fn number(node: &Node, session: &Session<'_>, infinite: bool) -> Option<f64> {
    let value = match node.value {
        Value::Integer(number) => number as f64,
        Value::Float(number) => number,
        Value::Text(_) | Value::Bool(_) | Value::Datetime(_) | Value::List(_) | Value::Table(_) => {
            wrong_type(session, node, "a number", None);
            return None;
        }
    };
    if value >= 0.0 && (infinite || value.is_finite()) {
        return Some(value);
    }
    session.report(
        Code::E104,
        node.origin,
        format!("`{}` is out of range", node.show()),
        Some("at least 0 and finite".into()),
    );
    None
}

impl Written for Number {
    fn read(node: &Node, session: &Session<'_>) -> Option<Self> {
        number(node, session, false).map(Number)
    }

    fn show(&self) -> String {
        show_number(self.0)
    }

    fn shape() -> Shape {
        Shape::Number
    }
}

/// A number as TOML writes it, whole ones without a point.
fn show_number(number: f64) -> String {
    let whole = number.fract() == 0.0 && number < 1e15;
    if whole { format!("{number:.0}") } else { format!("{number:?}") }
}

impl Written for Factor {
    fn read(node: &Node, session: &Session<'_>) -> Option<Self> {
        number(node, session, true).map(Factor)
    }

    fn show(&self) -> String {
        show_number(self.0)
    }

    fn shape() -> Shape {
        Shape::Factor
    }
}

impl Written for bool {
    fn read(node: &Node, session: &Session<'_>) -> Option<Self> {
        if let Value::Bool(truth) = node.value {
            return Some(truth);
        }
        wrong_type(session, node, "a bool", Some("write `true` or `false`".to_owned()));
        None
    }

    fn show(&self) -> String {
        self.to_string()
    }

    fn shape() -> Shape {
        Shape::Bool
    }
}

impl Written for Text {
    fn read(node: &Node, session: &Session<'_>) -> Option<Self> {
        if let Some(text) = node.as_text() {
            return Some(Text(text.to_owned()));
        }
        wrong_type(session, node, "text", Some(format!("write \"{}\"", shorten(&node.show()).replace('"', ""))));
        None
    }

    fn show(&self) -> String {
        quote(&self.0)
    }

    fn shape() -> Shape {
        Shape::Text
    }
}
