//! Quantities as written: durations, rates, percentages.
//!
//! Every quantity carries its unit and is read exactly: a decimal fraction is rounded once, to the nearest nanosecond
//! (or the nearest `f64`). Works on plain text and says which bytes are wrong; the caller knows the file.

use super::diagnostic::Code;
use super::session::nearest;
use crate::time::Span;
use std::ops::Range;

/// What is wrong with a quantity.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct BadQuantity {
    pub code: Code,
    pub message: String,
    pub range: Range<usize>,
    pub help: Option<String>,
}

fn bad<T>(code: Code, message: String, range: Range<usize>, help: impl Into<String>) -> Result<T, BadQuantity> {
    Err(BadQuantity { code, message, range, help: Some(help.into()) })
}

const UNITS: [&str; 10] = ["ns", "us", "ms", "s", "min", "m", "h", "d", "w", "y"];

/// The longest duration of the language.
pub(super) const LONGEST: Span = Span::from_nanos(500 * Span::YEAR.as_nanos());

/// The bytes of the number at the start of `text`: digits with at most one point.
fn number_length(text: &str) -> usize {
    let mut point = false;
    let more =
        |character: char| character.is_ascii_digit() || (character == '.' && !std::mem::replace(&mut point, true));
    text.char_indices()
        .find({
            let mut more = more;
            move |(_, character)| !more(*character)
        })
        .map_or(text.len(), |(at, _)| at)
}

/// A duration such as `1h30m`; `1.5h` is read exactly.
pub(super) fn duration(text: &str) -> Result<Span, BadQuantity> {
    let all = 0..text.len();
    if text.starts_with('-') {
        return bad(Code::E104, format!("`{text}` is negative"), all, "a duration lies between 0 and 500y");
    }
    let close: String = text.chars().filter(|character| !character.is_whitespace()).collect();
    if close != text && duration(&close).is_ok() {
        return bad(Code::E102, format!("there is a blank in `{text}`"), all, format!("write `{close}`"));
    }
    let mut total = 0.0_f64;
    let mut exact = 0_u128;
    let mut at = 0;
    while at < text.len() || at == 0 {
        let number = number_length(&text[at..]);
        let digits = &text[at..at + number];
        if !digits.bytes().any(|byte| byte.is_ascii_digit()) {
            let message = format!("`{text}` is not a duration");
            return bad(
                Code::E101,
                message,
                at.min(text.len())..text.len(),
                "write a number with its unit, such as `15min`",
            );
        }
        let unit_start = at + number;
        let rest = &text[unit_start..];
        let unit_length = rest.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(rest.len());
        let name = &rest[..unit_length];
        let unit = unit(digits, name, unit_start..unit_start + unit_length, at..unit_start)?;
        match digits.parse::<u64>() {
            Ok(whole) => exact += u128::from(whole) * u128::from(unit.as_nanos()),
            Err(_) => total += digits.parse::<f64>().unwrap_or(f64::INFINITY) * unit.as_nanos() as f64,
        }
        at = unit_start + unit_length;
    }
    let nanos = exact as f64 + total;
    if nanos > LONGEST.as_nanos() as f64 {
        return bad(Code::E104, format!("`{text}` is too long"), all, "a duration lies between 0 and 500y");
    }
    Ok(Span::from_nanos(exact as u64 + total.round() as u64))
}

fn unit(digits: &str, name: &str, range: Range<usize>, number: Range<usize>) -> Result<Span, BadQuantity> {
    if name.is_empty() {
        return bad(
            Code::E101,
            format!("`{digits}` has no unit"),
            number,
            format!("write `{digits}s` (ns us ms s min h d w y)"),
        );
    }
    let start = range.start + name.len() - name.trim_start().len();
    let name = name.trim();
    let range = start..start + name.len();
    if name == "M" || name == "mo" || name == "month" || name == "months" {
        let help = format!("write `{digits}min`, or days such as `30d`");
        return bad(Code::E103, format!("`{digits}{name}` may mean minutes or months"), range, help);
    }
    Span::unit(name).map_or_else(
        || {
            let help = match long_name(name).or_else(|| nearest(name, UNITS)) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "the units are ns us ms s min h d w y".to_owned(),
            };
            bad(Code::E102, format!("unknown unit `{name}`"), range, help)
        },
        Ok,
    )
}

/// The unit that a word means, if it is written out.
fn long_name(word: &str) -> Option<&'static str> {
    let singular = word.strip_suffix('s').unwrap_or(word).to_ascii_lowercase();
    match singular.as_str() {
        "sec" | "second" => Some("s"),
        "milli" | "msec" | "millisecond" => Some("ms"),
        "minute" => Some("min"),
        "hr" | "hour" => Some("h"),
        "day" => Some("d"),
        "week" => Some("w"),
        "yr" | "year" => Some("y"),
        _ => None,
    }
}

/// A percentage such as `99.95%`, as a share: the nearest number to 0.9995.
pub(super) fn percentage(text: &str) -> Result<f64, BadQuantity> {
    let all = 0..text.len();
    let Some(digits) = text.strip_suffix('%').map(str::trim_end) else {
        let help = match text.parse::<f64>() {
            Ok(share) if (0.0..=1.0).contains(&share) => format!("write `\"{}%\"`", tidy(share * 100.0)),
            Ok(number) => format!("write `\"{number}%\"`"),
            Err(_) => "write a number with `%`, such as `\"99.95%\"`".to_owned(),
        };
        return bad(Code::E105, format!("`{text}` is not a percentage"), all, help);
    };
    let plain = digits.bytes().all(|b| b.is_ascii_digit() || b == b'.' || b == b'-');
    match format!("{digits}e-2").parse::<f64>() {
        Ok(share) if plain && (0.0..=1.0).contains(&share) => Ok(share.abs()),
        Ok(_) if plain => bad(Code::E104, format!("`{text}` is out of range"), all, "from 0% to 100%"),
        _ => bad(
            Code::E105,
            format!("`{text}` is not a percentage"),
            all,
            "write a number with `%`, such as `\"99.95%\"`",
        ),
    }
}

/// A percentage in steps of 0.01%, as basis points: policies compare shares in whole numbers, and what is finer would be
/// rounded without a word.
pub(super) fn basis_points(text: &str) -> Result<u32, BadQuantity> {
    let points = percentage(text)? * 1e4;
    if (points - points.round()).abs() < 1e-6 {
        return Ok(points.round() as u32);
    }
    let [below, above] = [points.floor(), points.ceil()].map(|near| tidy(near / 100.0));
    let help = format!("steps of 0.01% are taken here: write `{below}%` or `{above}%`");
    bad(Code::E104, format!("`{text}` is finer than 0.01%"), 0..text.len(), help)
}

/// `value` without the noise after its twelfth digit.
pub(super) fn tidy(value: f64) -> f64 {
    format!("{value:.11e}").parse().unwrap_or(value)
}

/// A rate such as `200/s`, as events per second.
pub(super) fn rate(text: &str) -> Result<f64, BadQuantity> {
    let all = 0..text.len();
    let Some((digits, name)) = text.split_once('/') else {
        let digits = &text[..number_length(text)];
        let number = if digits.parse::<f64>().is_ok() { digits } else { "200" };
        let help = format!("write `\"{number}/s\"` (per s, min, h, d or y)");
        return bad(Code::E101, format!("`{text}` is not a rate"), all, help);
    };
    let Some(unit) = Span::unit(name).filter(|_| ["s", "min", "m", "h", "d", "y"].contains(&name)) else {
        let range = digits.len() + 1..text.len();
        let help = match long_name(name).filter(|unit| !["ms", "w"].contains(unit)) {
            Some(unit) => format!("did you mean `{digits}/{unit}`?"),
            None => "per s, min, h, d or y".to_owned(),
        };
        return bad(Code::E102, format!("a rate cannot be per `{name}`"), range, help);
    };
    match digits.parse::<f64>() {
        Ok(number) if digits.bytes().all(|b| b.is_ascii_digit() || b == b'.') => {
            Ok(if unit == Span::SECOND { number } else { number / unit.as_secs_f64() })
        }
        _ if digits.starts_with('-') => bad(Code::E104, format!("`{text}` is negative"), all, "a rate is above 0"),
        _ => {
            bad(Code::E101, format!("`{text}` is not a rate"), all, "write a number and its unit, such as `\"200/s\"`")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_read_to_the_nanosecond() {
        assert_eq!(duration("1h30m"), Ok(Span::from_secs(5_400)));
        assert_eq!(duration("3.333333ms"), Ok(Span::from_nanos(3_333_333)));
        assert_eq!(duration("1.5h"), Ok(Span::from_secs(5_400)));
        assert_eq!(duration("2y"), Ok(Span::YEAR * 2));
        assert_eq!(duration("500y"), Ok(LONGEST));
        assert_eq!(duration("0s"), Ok(Span::ZERO));
    }

    #[test]
    fn a_bad_duration_names_the_bytes_that_are_wrong() {
        let code = |text: &str| duration(text).map_err(|bad| (bad.code, bad.range));
        assert_eq!(code("8mins_"), Err((Code::E102, 1..6)));
        assert_eq!(code("15"), Err((Code::E101, 0..2)));
        assert_eq!(code("1M"), Err((Code::E103, 1..2)));
        assert_eq!(code("-5s"), Err((Code::E104, 0..3)));
        assert_eq!(code("501y"), Err((Code::E104, 0..4)));
        for rubbish in
            ["", "s", ".", "1h30", "1..5h", "1 h", "é", "9999999999999999999999999999999y", "1e9s", "nan", "1é"]
        {
            assert!(duration(rubbish).is_err(), "{rubbish}");
        }
    }

    #[test]
    fn what_people_write_first_is_answered_with_what_they_mean() {
        let help = |found: Result<f64, BadQuantity>| found.expect_err("it is not the language").help.expect("a remedy");
        let duration = |text: &str| help(duration(text).map(Span::as_secs_f64));
        assert_eq!(["1 h", "1h 30m"].map(duration), ["write `1h`", "write `1h30m`"]);
        assert_eq!(
            ["1 hour", "90 days", "1year"].map(duration),
            ["h", "d", "y"].map(|unit| format!("did you mean `{unit}`?"))
        );
        let rate = |text: &str| help(rate(text));
        assert_eq!(rate("100 rps"), "write `\"100/s\"` (per s, min, h, d or y)");
        assert_eq!(rate("often"), "write `\"200/s\"` (per s, min, h, d or y)");
        assert_eq!(rate("50/sec"), "did you mean `50/s`?");
    }

    #[test]
    fn a_percentage_is_the_nearest_number() {
        assert_eq!(percentage("99.95%"), Ok(0.9995));
        assert_eq!(percentage("5%"), Ok(0.05));
        assert_eq!(percentage("100%"), Ok(1.0));
        for rubbish in ["0.9995", "101%", "-1%", "%", "5e1%", "inf%", "nan%", "--5%", "1-%"] {
            assert!(percentage(rubbish).is_err(), "{rubbish}");
        }
    }

    #[test]
    fn basis_points_are_whole() {
        assert_eq!(["99.95%", "0.01%", "57%", "0.07%", "0%"].map(basis_points), [9_995, 1, 5_700, 7, 0].map(Ok));
        for every in 0..=10_000 {
            assert_eq!(basis_points(&format!("{}%", f64::from(every) / 100.0)), Ok(every));
        }
        let refused = |text: &str| basis_points(text).expect_err("it is too fine");
        assert_eq!(refused("0.004%").help.as_deref(), Some("steps of 0.01% are taken here: write `0%` or `0.01%`"));
        assert_eq!(refused("99.999%").message, "`99.999%` is finer than 0.01%");
        assert_eq!([refused("100.001%").code, refused("0.5").code], [Code::E104, Code::E105]);
    }

    #[test]
    fn a_rate_is_per_second() {
        assert_eq!(rate("200/s"), Ok(200.0));
        assert_eq!(rate("60/min"), Ok(1.0));
        for rubbish in ["200", "5/week", "-1/s", "inf/s", "/s", "1/ms"] {
            assert!(rate(rubbish).is_err(), "{rubbish}");
        }
    }
}
