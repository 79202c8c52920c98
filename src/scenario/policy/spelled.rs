//! Texts that are one of a few forms, such as `linear(base=1s, cap=20s)`: a name and keys, each of its own type.
//!
//! The forms of backoffs, budgets, limits and load shapes are tables; what is read of them is a list of values, so that
//! whoever asks for a form only says what its numbers mean. All that is wrong is reported at the very key.

use crate::scenario::diagnostic::Code;
use crate::scenario::fields::{Fields, shorten};
use crate::scenario::formula::{self, Argument, Formula, Piece};
use crate::scenario::quantity::{self, BadQuantity};
use crate::scenario::schema::Shape;
use crate::scenario::session::{Session, suggest};
use crate::scenario::source::Origin;
use crate::scenario::tree::{Node, quote};
use crate::scenario::value::{Text, Written as _, report_bad};
use crate::time::Span;

/// A form: its name, its keys with their types, and how many of them, from the first on, must be there.
pub(in crate::scenario) type Form = (&'static str, &'static [(&'static str, Type)], usize);

/// The type of the value behind a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::scenario) enum Type {
    Duration,
    Share,
    /// A share in steps of 0.01%, as basis points.
    Points,
    Number,
    Whole,
    Jitter,
    Rate,
    Unit,
    Text,
}

/// A value behind a key.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::scenario) enum Given {
    Duration(Span),
    /// A share from 0 to 1, or basis points of it, a rate per second, or a number from 0 up.
    Number(f64),
    /// One of the words of a jitter, or free text.
    Word(String),
}

/// A text that has one of the forms.
#[derive(Clone, Debug)]
pub(in crate::scenario) struct Spelled {
    /// Name of the form.
    pub name: &'static str,
    /// Where the whole text stands.
    pub origin: Origin,
    /// Keys with their values and where these stand.
    given: Vec<(String, Given, Origin)>,
}

impl Spelled {
    /// Where the value of the key stands, else the whole.
    pub fn place(&self, key: &str) -> Origin {
        self.find(key).map_or(self.origin, |(_, _, origin)| *origin)
    }

    fn find(&self, key: &str) -> Option<&(String, Given, Origin)> {
        self.given.iter().find(|(known, _, _)| known == key)
    }

    /// The duration behind the key.
    pub fn duration(&self, key: &str) -> Option<Span> {
        match self.find(key) {
            Some((_, Given::Duration(span), _)) => Some(*span),
            Some((_, Given::Number(_) | Given::Word(_), _)) | None => None,
        }
    }

    /// The number behind the key.
    pub fn number(&self, key: &str) -> Option<f64> {
        match self.find(key) {
            Some((_, Given::Number(number), _)) => Some(*number),
            Some((_, Given::Duration(_) | Given::Word(_), _)) | None => None,
        }
    }

    /// The whole number behind the key, at most [`u32::MAX`].
    pub fn whole(&self, key: &str) -> Option<u32> {
        self.number(key).map(|number| number as u32)
    }

    /// The word behind the key.
    pub fn word(&self, key: &str) -> Option<&str> {
        match self.find(key) {
            Some((_, Given::Word(word), _)) => Some(word),
            Some((_, Given::Duration(_) | Given::Number(_), _)) | None => None,
        }
    }

    /// Keys that are durations themselves, with the numbers behind them: `daily(0h=1, 8h=3)`.
    pub fn times(&self) -> impl Iterator<Item = (Span, f64, Origin)> + '_ {
        self.given.iter().filter_map(|(key, value, origin)| match value {
            Given::Number(number) => Some((quantity::duration(key).ok()?, *number, *origin)),
            Given::Duration(_) | Given::Word(_) => None,
        })
    }

    /// Reports a parameter that a policy refuses.
    pub fn refuse(&self, session: &Session<'_>, key: &str, rule: &str) {
        session.report(Code::E104, self.place(key), format!("`{key}` {rule}"), None);
    }
}

/// Reads a text that is one of these forms; an empty default means absent. Nothing after reporting what is wrong.
pub(in crate::scenario) fn read(
    fields: &mut Fields<'_>,
    key: &str,
    default: &str,
    forms: &'static [Form],
) -> Option<Spelled> {
    let session = fields.session;
    fields.takes(key, [Shape::Formula(forms.iter().map(|(word, _, _)| (*word).to_owned()).collect())]);
    let written = fields.node(key);
    let Some(node) = written else {
        if default.is_empty() {
            return None;
        }
        fields.show(key, quote(default), true);
        return parse(session, &Node::text(default, fields.origin), forms);
    };
    let Text(text) = Text::read(node, session)?;
    fields.show(key, quote(&text), false);
    parse(session, node, forms)
}

fn parse(session: &Session<'_>, node: &Node, forms: &'static [Form]) -> Option<Spelled> {
    let text = node.as_text()?;
    match formula::parse(text, 0..text.len()) {
        Ok(formula) => check(session, node, &formula, forms),
        Err(bad) => {
            session.report(Code::E107, node.within(session, bad.range), bad.message, None);
            None
        }
    }
}

fn check(session: &Session<'_>, node: &Node, formula: &Formula<'_>, forms: &'static [Form]) -> Option<Spelled> {
    let name = formula.name.text;
    let at_name = || node.within(session, formula.name.range.clone());
    let Some((name, keys, needed)) = forms.iter().find(|(word, _, _)| *word == name) else {
        let words: Vec<&str> = forms.iter().map(|(word, _, _)| *word).collect();
        let message = format!("`{}` is not a choice here", shorten(name));
        session.report(Code::E112, at_name(), message, suggest(name, &words));
        return None;
    };
    let mut given: Vec<(String, Given, Origin)> = Vec::new();
    let mut good = true;
    for argument in formula.arguments.iter().flatten() {
        match value(session, node, name, keys, argument) {
            Some((key, _, _)) if given.iter().any(|(known, _, _)| *known == key) => {
                let message = format!("`{}` is given twice", shorten(&key));
                session.report(Code::E107, node.within(session, argument.value.range.clone()), message, None);
                good = false;
            }
            Some(pair) => given.push(pair),
            None => good = false,
        }
    }
    for (missing, _) in keys.iter().take(*needed) {
        let named = |argument: &Argument<'_>| argument.key.as_ref().is_some_and(|key| key.text == *missing);
        if !formula.arguments.iter().flatten().any(named) {
            let message = format!("`{name}` needs `{missing}`");
            session.report(Code::E107, at_name(), message, Some(format!("add `{missing}=..`")));
            good = false;
        }
    }
    good.then_some(Spelled { name, origin: node.origin, given })
}

/// One `key=value` of the form `name`.
fn value(
    session: &Session<'_>,
    node: &Node,
    name: &str,
    keys: &[(&str, Type)],
    argument: &Argument<'_>,
) -> Option<(String, Given, Origin)> {
    let known: Vec<&str> = keys.iter().map(|(key, _)| *key).collect();
    let Some(key) = &argument.key else {
        let message = format!("`{}` has no key", shorten(argument.value.text));
        let origin = node.within(session, argument.value.range.clone());
        session.report(Code::E107, origin, message, Some(format!("one of {}", known.join(", "))));
        return None;
    };
    let kind = if name == "daily" {
        if let Some(bad) = quantity::duration(key.text).err() {
            report_bad(session, node, key.range.start, bad);
        }
        Type::Number
    } else if let Some((_, kind)) = keys.iter().find(|(known, _)| *known == key.text) {
        *kind
    } else {
        let message = format!("`{name}` has no key `{}`", shorten(key.text));
        let origin = node.within(session, key.range.clone());
        session.report(Code::E107, origin, message, suggest(key.text, &known));
        return None;
    };
    match typed(&argument.value, kind) {
        Ok(given) => Some((key.text.to_owned(), given, node.within(session, argument.value.range.clone()))),
        Err(bad) => {
            report_bad(session, node, argument.value.range.start, bad);
            None
        }
    }
}

fn typed(piece: &Piece<'_>, kind: Type) -> Result<Given, BadQuantity> {
    let text = piece.text;
    match kind {
        Type::Duration => quantity::duration(text).map(Given::Duration),
        Type::Rate => quantity::rate(text).map(Given::Number),
        Type::Jitter if ["none", "full", "equal"].contains(&text) => Ok(Given::Word(text.to_owned())),
        Type::Share => quantity::percentage(text).map(Given::Number),
        Type::Points | Type::Jitter => quantity::basis_points(text).map(|points| Given::Number(points.into())),
        Type::Number => number(text, f64::MAX, false).map(Given::Number),
        Type::Whole => number(text, 1e9, true).map(Given::Number),
        Type::Unit if Span::unit(text).is_none() => Err(BadQuantity {
            code: Code::E102,
            message: format!("unknown unit `{}`", shorten(text)),
            range: 0..text.len(),
            help: Some("such as `min`".to_owned()),
        }),
        Type::Unit | Type::Text => Ok(Given::Word(text.to_owned())),
    }
}

/// A number from 0 to `most`.
fn number(text: &str, most: f64, whole: bool) -> Result<f64, BadQuantity> {
    let number = text.parse::<f64>().ok();
    let fits = |number: &f64| (0.0..=most).contains(number) && (!whole || number.fract() == 0.0);
    number.filter(fits).ok_or_else(|| BadQuantity {
        code: Code::E104,
        message: format!("`{}` is not a {}number from 0 up", shorten(text), if whole { "whole " } else { "" }),
        range: 0..text.len(),
        help: None,
    })
}
