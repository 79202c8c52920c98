//! Tests of laws against tables, closed forms and their own definitions.
#![allow(clippy::float_cmp, reason = "infinities, zeros and values of a sample are met exactly")]

mod draws;
mod keys;
mod moments;

use crate::model::dist::{Law, LawError, ParameterValue};
use crate::time::Span;

/// `name(key=value, ..)` with values as the scenario language writes them: `8min`, `2/h`, `0.7`, `30%`.
fn written(text: &str) -> Result<Law, LawError> {
    let (name, rest) = text.split_once('(').expect("a bracket");
    let params = rest.trim_end_matches(')').split(", ").filter(|part| !part.is_empty());
    let params: Vec<(String, ParameterValue)> = params
        .map(|part| {
            let (key, value) = part.split_once('=').expect("an equals sign");
            (key.to_owned(), parameter(value))
        })
        .collect();
    Law::from_parameters(name, &params)
}

fn law(text: &str) -> Law {
    written(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn parameter(text: &str) -> ParameterValue {
    if let Ok(number) = text.parse() {
        return ParameterValue::Number(number);
    }
    if let Some(percent) = text.strip_suffix('%') {
        return ParameterValue::Ratio(percent.parse::<f64>().expect("a number") / 100.0);
    }
    if let Some((count, unit)) = text.split_once('/') {
        let unit = Span::unit(unit).expect("a unit").as_secs_f64();
        return ParameterValue::Rate(count.parse::<f64>().expect("a number") / unit);
    }
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = Span::unit(&text[digits.len()..]).expect("a unit").as_secs_f64();
    ParameterValue::Span(Span::from_nanos((digits.parse::<f64>().expect("a number") * unit * 1e9).round() as u64))
}

fn assert_close(what: &str, found: f64, expected: f64, relative: f64) {
    let fine = found == expected || (found - expected).abs() <= relative * expected.abs();
    assert!(fine, "{what}: {found}, expected {expected}");
}

/// One law of every family, and some with a fixed part.
fn zoo() -> Vec<Law> {
    let values = [3, 1, 4, 1, 5, 9, 2, 6].map(Span::from_secs).to_vec();
    vec![
        law("exp(mean=90d)"),
        law("weibull(shape=0.7, scale=1000s)"),
        law("weibull(shape=3, mean=10s)"),
        law("lognormal(median=8min, p95=20min)"),
        law("gamma(shape=0.4, mean=2h)"),
        law("gamma(shape=3, scale=2s)"),
        law("erlang(stages=3, mean=1h)"),
        law("erlang(stages=9, mean=1h)"),
        law("uniform(from=2s, to=5s)"),
        law("pareto(shape=6, min=1s)"),
        law("hyperexp(p1=30%, mean1=1s, mean2=10s)"),
        law("hyperexp(mean=1h, cv=2)"),
        Law::empirical(values).expect("values"),
        law("exp(mean=45s)").with_offset(Span::from_secs(30)),
        law("lognormal(mean=4s, cv=0.5)").with_offset(Span::from_secs(1)),
        Law::fixed(Span::from_secs(7)),
    ]
}
