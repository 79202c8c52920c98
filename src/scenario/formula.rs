//! The little grammar inside texts: `name(key=value, value, ..)`, with the place of every piece.
//!
//! Laws, backoffs, budgets, limits, load shapes, terms and conditions are all written so. A value is bare when it has no
//! blank, comma or bracket, else 'quoted'. This module only cuts; what the pieces mean is their owner's business.

use std::ops::Range;

/// A piece of a text.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Piece<'t> {
    pub text: &'t str,
    /// Its bytes in the whole text, quotes included.
    pub range: Range<usize>,
}

/// `name` or `name(..)`.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Formula<'t> {
    pub name: Piece<'t>,
    /// What stands in the brackets; none: no brackets.
    pub arguments: Option<Vec<Argument<'t>>>,
}

/// `key=value` or `value`.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Argument<'t> {
    pub key: Option<Piece<'t>>,
    pub value: Piece<'t>,
}

/// What is wrong with a text, and where in it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Malformed {
    pub message: String,
    pub range: Range<usize>,
}

fn malformed<T>(message: impl Into<String>, range: Range<usize>) -> Result<T, Malformed> {
    Err(Malformed { message: message.into(), range })
}

/// `text[range]` without blanks at its ends.
pub(super) fn trimmed(text: &str, range: Range<usize>) -> Piece<'_> {
    let part = &text[range.clone()];
    let start = range.start + (part.len() - part.trim_start().len());
    let trimmed = part.trim();
    Piece { text: trimmed, range: start..start + trimmed.len() }
}

/// Cuts `text[range]` at every `separator` outside brackets and quotes.
pub(super) fn split(text: &str, range: Range<usize>, separator: char) -> Result<Vec<Piece<'_>>, Malformed> {
    let mut parts = Vec::new();
    let (mut depth, mut start, mut quote) = (0_u32, range.start, None);
    for (offset, character) in text[range.clone()].char_indices() {
        let at = range.start + offset;
        match (quote, character) {
            (Some(_), '\'') => quote = None,
            (Some(_), _) => {}
            (None, '\'') => quote = Some(at),
            (None, '(') => depth += 1,
            (None, ')') if depth == 0 => return malformed("`)` without `(`", at..at + 1),
            (None, ')') => depth -= 1,
            (None, other) if other == separator && depth == 0 => {
                parts.push(trimmed(text, start..at));
                start = at + other.len_utf8();
            }
            (None, _) => {}
        }
    }
    if let Some(at) = quote {
        return malformed("this quote is not closed", at..at + 1);
    }
    if depth > 0 {
        let end = trimmed(text, range.clone()).range.end;
        return malformed("`)` is missing", end..end);
    }
    parts.push(trimmed(text, start..range.end));
    Ok(parts)
}

/// Reads `text[range]` as one formula.
pub(super) fn parse(text: &str, range: Range<usize>) -> Result<Formula<'_>, Malformed> {
    let whole = trimmed(text, range);
    let Some(open) = whole.text.find('(') else {
        if whole.text.is_empty() {
            return malformed("there is nothing here", whole.range);
        }
        return Ok(Formula { name: whole, arguments: None });
    };
    let base = whole.range.start;
    let name = trimmed(text, base..base + open);
    if !whole.text.ends_with(')') {
        let Some(close) = whole.text.rfind(')') else {
            return malformed("`)` is missing", whole.range.end..whole.range.end);
        };
        return malformed("this follows the last `)`", base + close + 1..whole.range.end);
    }
    let inner = base + open + 1..whole.range.end - 1;
    let mut arguments = Vec::new();
    if !text[inner.clone()].trim().is_empty() {
        for part in split(text, inner, ',')? {
            arguments.push(argument(text, part)?);
        }
    }
    Ok(Formula { name, arguments: Some(arguments) })
}

fn argument<'t>(text: &'t str, part: Piece<'t>) -> Result<Argument<'t>, Malformed> {
    if part.text.is_empty() {
        return malformed("something is missing between the commas", part.range);
    }
    let equals = part.text.find(['=', '\'', '(']).filter(|at| part.text[*at..].starts_with('='));
    let (key, value) = match equals {
        Some(at) => {
            let middle = part.range.start + at;
            (Some(trimmed(text, part.range.start..middle)), trimmed(text, middle + 1..part.range.end))
        }
        None => (None, part),
    };
    if value.text.is_empty() {
        return malformed("a value is missing after `=`", value.range);
    }
    Ok(Argument { key, value: unquoted(value) })
}

/// The piece without the quotes around it.
fn unquoted(piece: Piece<'_>) -> Piece<'_> {
    match piece.text.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\'')) {
        Some(text) => Piece { text, range: piece.range },
        None => piece,
    }
}

impl<'t> Formula<'t> {
    /// The argument `key=..`.
    pub fn get(&self, key: &str) -> Option<&Piece<'t>> {
        let named = |argument: &&Argument<'t>| argument.key.as_ref().is_some_and(|piece| piece.text == key);
        self.arguments.iter().flatten().find(named).map(|argument| &argument.value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_formula_is_cut_into_pieces_that_know_their_place() {
        let text = " exp( mean = 8min , 'a, b') ";
        let formula = parse(text, 0..text.len()).unwrap();
        let arguments = formula.arguments.unwrap();
        assert_eq!(&text[formula.name.range], "exp");
        assert_eq!(arguments[0].key.as_ref().unwrap().text, "mean");
        assert_eq!(&text[arguments[0].value.range.clone()], "8min");
        assert_eq!(arguments[1].value.text, "a, b");
    }

    #[test]
    fn what_is_open_is_missed_at_the_end() {
        for text in ["exp(mean=1h", "exp(mean=1h)x", "a(b))", "f('x)", "f(a,,b)", "", "f(a=)"] {
            assert!(parse(text, 0..text.len()).is_err(), "{text}");
        }
    }
}
