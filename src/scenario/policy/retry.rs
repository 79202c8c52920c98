//! `retry`: how many attempts, after which errors, how long apart, and out of which budget.

use super::refuse;
use super::spelled::{self, Form, Spelled, Type};
use crate::model::traffic::Budget;
use crate::resilience::ErrorClass;
use crate::resilience::retry::{Backoff, ErrorSet, Jitter, RetryConfig, Strategy};
use crate::resilience::retry_budget::{
    BudgetConfigError, ConcurrencyBudget, ConcurrencyConfig, QuotaBudget, QuotaConfig, RatioBudget, RatioConfig,
    TokenBudget, TokenConfig,
};
use crate::scenario::diagnostic::Code;
use crate::scenario::fields::{Fields, shorten};
use crate::scenario::session::Session;
use crate::scenario::value::{Count, Text};
use crate::time::Span;

const BACKOFFS: [Form; 7] = [
    ("none", &[], 0),
    ("constant", &[("base", Type::Duration)], 0),
    ("linear", &[("base", Type::Duration), ("cap", Type::Duration), ("jitter", Type::Jitter)], 1),
    ("fibonacci", &[("base", Type::Duration), ("cap", Type::Duration), ("jitter", Type::Jitter)], 1),
    (
        "exponential",
        &[("base", Type::Duration), ("cap", Type::Duration), ("jitter", Type::Jitter), ("factor", Type::Number)],
        1,
    ),
    ("decorrelated", &[("base", Type::Duration), ("cap", Type::Duration)], 2),
    ("smooth", &[("base", Type::Duration), ("cap", Type::Duration)], 2),
];

const BUDGETS: [Form; 4] = [
    ("tokens", &[("max", Type::Whole), ("ratio", Type::Number)], 0),
    ("quota", &[("size", Type::Whole), ("cost", Type::Whole), ("timeout_cost", Type::Whole)], 0),
    ("ratio", &[("share", Type::Points), ("window", Type::Duration), ("reserve", Type::Rate)], 0),
    ("concurrency", &[("share", Type::Points), ("min", Type::Whole)], 0),
];

/// The classes of errors that `on` may name.
const CLASSES: [(&str, ErrorClass); 5] = [
    ("timeout", ErrorClass::Timeout),
    ("connect", ErrorClass::Connect),
    ("overload", ErrorClass::Overload),
    ("error", ErrorClass::Error),
    ("rejected", ErrorClass::Rejected),
];

/// What a retry table says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::scenario) struct Retry {
    pub config: RetryConfig,
    pub budget: Option<Budget>,
}

/// Reads a retry table.
pub(in crate::scenario) fn read(fields: &mut Fields<'_>) -> Retry {
    let attempts = fields.required::<Count>("attempts", "count the first one too: `attempts = 3`");
    let written = spelled::read(fields, "backoff", "exponential(base=100ms)", &BACKOFFS);
    let backoff = written.as_ref().map_or_else(Backoff::default, backoff);
    let config = RetryConfig {
        max_attempts: attempts.map_or(1, |attempts| attempts.0),
        backoff,
        retry_on: classes(fields),
        ..RetryConfig::default()
    };
    if let Err(error) = config.check() {
        match &written {
            Some(written) if error.field != "max_attempts" => written.refuse(fields.session, error.field, error.rule),
            Some(_) | None => refuse(fields, "attempts", "attempts", error.rule),
        }
    }
    let written = spelled::read(fields, "budget", "", &BUDGETS);
    Retry { config, budget: written.and_then(|written| budget(fields.session, &written)) }
}

fn classes(fields: &mut Fields<'_>) -> ErrorSet {
    let Some(classes) = fields.list::<Text>("on") else {
        if !fields.has("on") {
            fields.show("on", "[\"timeout\", \"connect\", \"overload\", \"error\"]".into(), true);
        }
        return ErrorSet::TRANSIENT;
    };
    let mut set = ErrorSet::EMPTY;
    for class in &classes {
        if let Some((_, known)) = CLASSES.iter().find(|(word, _)| *word == class.value.0) {
            set = set.with(*known);
        } else {
            let message = format!("`{}` is not a class of errors", shorten(&class.value.0));
            let help = format!("one of {}", CLASSES.map(|(word, _)| word).join(", "));
            fields.session.report(Code::E112, class.origin, message, Some(help));
        }
    }
    set
}

/// The schedule that these words mean.
fn backoff(written: &Spelled) -> Backoff {
    let default = Backoff::default();
    let base = written.duration("base").unwrap_or(Span::SECOND);
    let cap = written.duration("cap").unwrap_or(default.cap);
    let jitter = match (written.word("jitter"), written.whole("jitter")) {
        (Some("none"), _) => Jitter::None,
        (Some("equal"), _) => Jitter::Equal,
        (None, Some(points)) => Jitter::Proportional(points),
        (Some(_) | None, _) => Jitter::Full,
    };
    match written.name {
        "none" => Backoff { strategy: Strategy::Immediate, base: Span::ZERO, cap: Span::ZERO, jitter: Jitter::None },
        "constant" => Backoff { strategy: Strategy::Constant, base, cap: base, jitter: Jitter::None },
        "linear" => Backoff { strategy: Strategy::Linear, base, cap, jitter },
        "fibonacci" => Backoff { strategy: Strategy::Fibonacci, base, cap, jitter },
        "decorrelated" => Backoff { strategy: Strategy::Decorrelated, base, cap, jitter: Jitter::None },
        "smooth" => Backoff { strategy: Strategy::Smooth, base, cap, jitter: Jitter::None },
        _ => {
            let factor = written.number("factor").unwrap_or(2.0);
            Backoff { strategy: Strategy::Exponential { factor }, base, cap, jitter }
        }
    }
}

/// The budget that these words mean, if its policy takes the numbers.
fn budget(session: &Session<'_>, written: &Spelled) -> Option<Budget> {
    let whole = |key: &str, default: u32| written.whole(key).unwrap_or(default);
    let (budget, checked) = match written.name {
        "tokens" => {
            let ratio = written.number("ratio").map_or(100, |ratio| (ratio * 1e3).round() as u32);
            let config = TokenConfig { max: whole("max", 10), ratio };
            (Budget::Tokens(config), TokenBudget::new(config).map(drop))
        }
        "quota" => {
            let (size, cost) = (whole("size", 500), whole("cost", 5));
            let config = QuotaConfig { size, cost, timeout_cost: whole("timeout_cost", 10) };
            (Budget::Quota(config), QuotaBudget::new(config).map(drop))
        }
        "ratio" => {
            let window = written.duration("window").unwrap_or(Span::from_secs(10));
            let min_per_second = written.number("reserve").unwrap_or(0.0);
            let config = RatioConfig { window, min_per_second, ..RatioConfig::share(whole("share", 2_000)) };
            (Budget::Ratio(config), RatioBudget::new(config).map(drop))
        }
        _ => {
            let config = ConcurrencyConfig { share: whole("share", 2_000), min: whole("min", 3) };
            (Budget::Concurrency(config), ConcurrencyBudget::new(config).map(drop))
        }
    };
    match checked {
        Ok(()) => Some(budget),
        Err(BudgetConfigError { field, rule }) => {
            let (key, rule) = match field {
                "retries" | "per_requests" => ("share", "must be at least 0.01%"),
                "min_per_second" => ("reserve", "must be at most 1000000/s"),
                other => (other, rule),
            };
            written.refuse(session, key, rule);
            None
        }
    }
}
