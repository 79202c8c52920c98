//! From the keys of a law as written to its parameters.
//!
//! Each law is given by exactly one of its sets of keys ([`LawName::forms`]); the keys are matched against these
//! before any value is looked at, so that a fault is told in the reader's words. `median` is `p50`, and `pNN` in a set
//! stands for any quantile. Nothing here reads text: values arrive with their kind, durations as spans.

use std::fmt;

use crate::model::dist::error::{Impossibility, LawError};
use crate::model::dist::fit;
use crate::model::dist::random::Random;
use crate::time::Span;

/// The names of all laws, for suggestions.
pub const LAW_NAMES: [&str; 10] =
    ["exp", "weibull", "lognormal", "gamma", "erlang", "uniform", "pareto", "hyperexp", "empirical", "never"];

/// The placeholder for any quantile in a set of keys.
pub(crate) const QUANTILE: &str = "pNN";

/// The value of one key of a law.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ParameterValue {
    /// A duration.
    Span(Span),
    /// Events per second.
    Rate(f64),
    /// A bare number.
    Number(f64),
    /// A percentage as a share: 30 % is 0.3.
    Ratio(f64),
}

/// The kind of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A duration such as `8min`.
    Span,
    /// A rate such as `2/h`.
    Rate,
    /// A bare number such as `0.7`.
    Number,
    /// A percentage such as `30%`.
    Ratio,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::Span => "a duration",
            Kind::Rate => "a rate",
            Kind::Number => "a number",
            Kind::Ratio => "a percentage",
        })
    }
}

impl ParameterValue {
    /// Which kind of value it is.
    pub fn kind(&self) -> Kind {
        match self {
            ParameterValue::Span(_) => Kind::Span,
            ParameterValue::Rate(_) => Kind::Rate,
            ParameterValue::Number(_) => Kind::Number,
            ParameterValue::Ratio(_) => Kind::Ratio,
        }
    }

    /// The bare number: nanoseconds, events per second, the number, the share.
    fn number(self) -> f64 {
        match self {
            ParameterValue::Span(span) => span.as_nanos() as f64,
            ParameterValue::Rate(number) | ParameterValue::Number(number) | ParameterValue::Ratio(number) => number,
        }
    }
}

impl fmt::Display for ParameterValue {
    /// As the scenario language writes it; a rate in the first unit of s, min, h, d, y that makes it at least 1.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ParameterValue::Span(span) => span.fmt(f),
            ParameterValue::Number(number) => number.fmt(f),
            ParameterValue::Ratio(share) => write!(f, "{}%", tidy(share * 100.0)),
            ParameterValue::Rate(per_second) => {
                let units = [(1.0, "s"), (60.0, "min"), (3_600.0, "h"), (86_400.0, "d")];
                let unit = units.into_iter().find(|(seconds, _)| per_second * seconds >= 1.0 - 1e-12);
                let (seconds, name) = unit.unwrap_or((31_557_600.0, "y"));
                write!(f, "{}/{name}", tidy(per_second * seconds))
            }
        }
    }
}

/// `value` without the noise after its twelfth digit.
fn tidy(value: f64) -> f64 {
    format!("{value:.11e}").parse().unwrap_or(value)
}

/// `name(key=value, ..)`.
pub(crate) fn spell(name: &str, params: &[(String, ParameterValue)]) -> String {
    let list: Vec<String> = params.iter().map(|(key, value)| format!("{key}={value}")).collect();
    format!("{name}({})", list.join(", "))
}

/// The families that are given by keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LawName {
    Exp,
    Weibull,
    Lognormal,
    Gamma,
    Erlang,
    Uniform,
    Pareto,
    Hyperexp,
    Never,
}

impl LawName {
    fn named(name: &str) -> Result<LawName, LawError> {
        Ok(match name {
            "exp" => LawName::Exp,
            "weibull" => LawName::Weibull,
            "lognormal" => LawName::Lognormal,
            "gamma" => LawName::Gamma,
            "erlang" => LawName::Erlang,
            "uniform" => LawName::Uniform,
            "pareto" => LawName::Pareto,
            "hyperexp" => LawName::Hyperexp,
            "never" => LawName::Never,
            "fixed" => return Err(LawError::FixedAsLaw),
            "empirical" => return Err(LawError::EmpiricalNeedsValues),
            other => return Err(LawError::UnknownLaw { name: other.to_owned() }),
        })
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            LawName::Exp => "exp",
            LawName::Weibull => "weibull",
            LawName::Lognormal => "lognormal",
            LawName::Gamma => "gamma",
            LawName::Erlang => "erlang",
            LawName::Uniform => "uniform",
            LawName::Pareto => "pareto",
            LawName::Hyperexp => "hyperexp",
            LawName::Never => "never",
        }
    }

    /// The sets of keys, any one of which gives the law.
    fn forms(self) -> &'static [&'static [&'static str]] {
        match self {
            LawName::Exp => &[&["mean"], &["rate"], &[QUANTILE]],
            LawName::Weibull => &[&["shape", "mean"], &["shape", "median"], &["shape", "scale"], &[QUANTILE, QUANTILE]],
            LawName::Lognormal => &[&["median", "sigma"], &["mean", "cv"], &[QUANTILE, QUANTILE]],
            LawName::Gamma => &[&["shape", "mean"], &["shape", "scale"], &["mean", "cv"], &[QUANTILE, QUANTILE]],
            LawName::Erlang => &[&["stages", "mean"]],
            LawName::Uniform => &[&["from", "to"], &[QUANTILE, QUANTILE]],
            LawName::Pareto => &[&["shape", "min"], &["shape", "mean"], &[QUANTILE, QUANTILE]],
            LawName::Hyperexp => &[&["p1", "mean1", "mean2"], &["mean", "cv"]],
            LawName::Never => &[&[]],
        }
    }

    /// All keys of the law, `median` included where a quantile is taken.
    fn keys(self) -> Vec<&'static str> {
        let mut keys: Vec<&'static str> = Vec::new();
        for key in self.forms().iter().copied().flatten() {
            if !keys.contains(key) {
                keys.push(key);
            }
        }
        if keys.contains(&QUANTILE) && !keys.contains(&"median") {
            keys.push("median");
        }
        keys
    }
}

/// One key as given: which slot of a set of keys it can fill, and its value.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Given<'a> {
    /// The key as written.
    pub key: &'a str,
    /// The level of a quantile, above 0 and below 1.
    pub level: Option<f64>,
    /// The value: nanoseconds, events per second, number or share.
    pub value: f64,
}

impl Given<'_> {
    fn fills(&self, slot: &str) -> bool {
        match (slot, self.level) {
            (QUANTILE, level) => level.is_some(),
            ("median", level) => level == Some(0.5),
            (_, None) => self.key == slot,
            (_, Some(_)) => false,
        }
    }

    pub(crate) fn impossible(&self, law: LawName, why: Impossibility) -> LawError {
        LawError::Impossible { law: law.name(), key: self.key.to_owned(), why }
    }
}

/// The random part that `name(params)` says.
pub(crate) fn parse(name: &str, params: &[(String, ParameterValue)]) -> Result<Random, LawError> {
    let law = LawName::named(name)?;
    let mut given: Vec<Given<'_>> = Vec::with_capacity(params.len());
    for (key, value) in params {
        if given.iter().any(|earlier| earlier.key == key) {
            return Err(LawError::RepeatedKey { law: law.name(), key: key.clone() });
        }
        given.push(read(law, key, *value)?);
    }
    let filled = choose(law, &given)?;
    for one in &filled {
        check(law, one)?;
    }
    fit::random(law, &filled)
}

/// A key that the law knows, with a value of the right kind.
fn read(law: LawName, key: &str, value: ParameterValue) -> Result<Given<'_>, LawError> {
    let keys = law.keys();
    let level = if keys.contains(&QUANTILE) { level(key) } else { None };
    let known = keys.contains(&key) && key != QUANTILE;
    if !known && level.is_none() {
        return Err(LawError::UnknownKey { law: law.name(), key: key.to_owned(), known: keys });
    }
    let (wanted, found) = (kind(key, level), value.kind());
    if wanted != found {
        return Err(LawError::WrongKind { law: law.name(), key: key.to_owned(), wanted, found });
    }
    let given = Given { key, level, value: value.number() };
    match level {
        Some(level) if level <= 0.0 || level >= 1.0 => Err(given.impossible(law, Impossibility::LevelOutOfRange)),
        Some(_) | None => Ok(given),
    }
}

/// The level of a quantile key: `median`, `p95`, `p99.9`.
fn level(key: &str) -> Option<f64> {
    if key == "median" {
        return Some(0.5);
    }
    let digits = key.strip_prefix('p')?;
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let bounded = digits.starts_with(|c: char| c.is_ascii_digit()) && digits.ends_with(|c: char| c.is_ascii_digit());
    if plain && bounded { digits.parse::<f64>().ok().map(|percent| percent / 100.0) } else { None }
}

fn kind(key: &str, level: Option<f64>) -> Kind {
    match key {
        _ if level.is_some() => Kind::Span,
        "rate" => Kind::Rate,
        "shape" | "sigma" | "cv" | "stages" => Kind::Number,
        "p1" => Kind::Ratio,
        _ => Kind::Span,
    }
}

/// The given keys in the order of the set that they are, or how they miss all sets.
fn choose<'a>(law: LawName, given: &[Given<'a>]) -> Result<Vec<Given<'a>>, LawError> {
    let matches: Vec<Match<'a>> = law.forms().iter().map(|form| Match::of(form, given)).collect();
    if let Some(exact) = matches.iter().find(|m| m.missing.is_empty() && m.excess.is_empty()) {
        return Ok(exact.filled.clone());
    }
    // complete and more: keep the set with the key that was written first
    let complete = matches.iter().filter(|m| m.missing.is_empty());
    if let Some(excess) = complete.filter_map(|m| m.excess.last()).max_by_key(|one| position(given, one)) {
        return Err(LawError::ExcessKey { law: law.name(), key: excess.key.to_owned() });
    }
    let mut wanted: Vec<&'static str> = Vec::new();
    for slot in matches.iter().filter(|m| m.excess.is_empty()).flat_map(|m| &m.missing) {
        if !wanted.contains(slot) {
            wanted.push(slot);
        }
    }
    if !wanted.is_empty() {
        return Err(LawError::MissingKey { law: law.name(), wanted });
    }
    // no set holds all of them: the last key does not go with the first
    let (first, second) = clash(law, given);
    Err(LawError::ClashingKeys { law: law.name(), first: first.to_owned(), second: second.to_owned() })
}

/// The first two keys, in the order written, that no set has together.
fn clash<'a>(law: LawName, given: &[Given<'a>]) -> (&'a str, &'a str) {
    let mut pairs =
        given.iter().enumerate().flat_map(|(at, second)| given[..at].iter().map(move |first| (first, second)));
    let together = |first: &Given<'_>, second: &Given<'_>| {
        law.forms().iter().any(|form| Match::of(form, &[*first, *second]).excess.is_empty())
    };
    match pairs.find(|(first, second)| !together(first, second)) {
        Some((first, second)) => (first.key, second.key),
        None => (given.first().map_or("", |one| one.key), given.last().map_or("", |one| one.key)),
    }
}

fn position(given: &[Given<'_>], one: &Given<'_>) -> usize {
    given.iter().position(|other| other.key == one.key).unwrap_or(0)
}

/// How given keys compare with one set of keys.
struct Match<'a> {
    filled: Vec<Given<'a>>,
    missing: Vec<&'static str>,
    excess: Vec<Given<'a>>,
}

impl<'a> Match<'a> {
    fn of(form: &[&'static str], given: &[Given<'a>]) -> Match<'a> {
        let mut excess = given.to_vec();
        let (mut filled, mut missing) = (Vec::new(), Vec::new());
        for slot in form {
            match excess.iter().position(|one| one.fills(slot)) {
                Some(at) => filled.push(excess.remove(at)),
                None => missing.push(*slot),
            }
        }
        Match { filled, missing, excess }
    }
}

/// Every parameter but `from` and the share `p1` is above zero; all are finite.
fn check(law: LawName, given: &Given<'_>) -> Result<(), LawError> {
    let may_be_zero = given.level.is_none() && matches!(given.key, "from" | "p1");
    let fine = given.value.is_finite() && (given.value > 0.0 || (may_be_zero && given.value >= 0.0));
    if fine { Ok(()) } else { Err(given.impossible(law, Impossibility::NotPositive)) }
}
