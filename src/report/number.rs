//! Numbers as people read them: percentages, nines, durations, intervals.
//!
//! A figure gets as many digits as its interval deserves: at least two significant ones, more where the interval is
//! narrow, never more than four. The interval follows with the same digits, so that both can
//! be compared at a glance; a bound without an estimate prints as `>= bound` or `<= bound`. What is not finite prints
//! as a word or `∞`, never as `inf` or `NaN`. Nothing here computes a statistic.

use crate::results::Row;
use crate::results::measure::{Measure, Unit};
use crate::stats::Estimate;
use crate::time::Span;

const MINUTE: f64 = 60.0;
const HOUR: f64 = 3_600.0;
const DAY: f64 = 86_400.0;
const YEAR: f64 = 31_557_600.0;

/// A figure in words and its interval beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Figure {
    /// The estimate with its unit, or a bound such as `>= 5.2 nines`.
    pub value: String,
    /// The interval, such as `[3.51, 3.57]`; empty where a bound says it all or nothing can vary.
    pub interval: String,
}

impl Figure {
    /// Both, parted by a blank.
    pub fn joined(&self) -> String {
        if self.interval.is_empty() { self.value.clone() } else { format!("{} {}", self.value, self.interval) }
    }
}

/// How a number of one kind is written at a given resolution.
type Write = fn(f64, f64) -> String;

/// The figure of a row, written as its statistic asks: some are shares of what the measure counts otherwise.
pub fn of_row(row: &Row) -> Figure {
    let is_share = row.measure.unit_of(&row.statistic) == Unit::Ratio && !row.measure.is_share();
    if is_share { share(&row.value) } else { figure(row.measure, &row.value) }
}

/// The mean or a quantile, written as its measure asks.
pub fn figure(measure: Measure, value: &Estimate) -> Figure {
    match measure {
        Measure::AvailabilityTime
        | Measure::AvailabilityRequest
        | Measure::AvailabilityPoint
        | Measure::NaiveComposite
        | Measure::SuccessRatio => availability(value),
        Measure::UnavailabilityTime | Measure::UnavailabilityRequest => written(value, scientific, true),
        Measure::NinesTime | Measure::NinesRequest => nines(value),
        Measure::DegradedTime
        | Measure::FailoverSuccess
        | Measure::SplitBrainTime
        | Measure::SloAttainment
        | Measure::ErrorBudgetUsed
        | Measure::Contribution
        | Measure::DegradedRatio
        | Measure::BreakerOpenTime
        | Measure::Shed
        | Measure::Rejected
        | Measure::Hedged
        | Measure::SagasStuck => share(value),
        Measure::DowntimePerYear
        | Measure::OutagesPerYear
        | Measure::FalseFailoversPerYear
        | Measure::DivergentWritesPerYear
        | Measure::OutageDuration
        | Measure::Mtbf
        | Measure::Mttr
        | Measure::Rto
        | Measure::Rpo
        | Measure::Waterfall
        | Measure::DetectionDelay
        | Measure::Faults
        | Measure::Repairs
        | Measure::NodesDown
        | Measure::TimeToFirstOutage
        | Measure::Latency
        | Measure::QueueTime
        | Measure::AttemptsPerRequest
        | Measure::CostPerYear
        | Measure::CostPerNine => plain(measure, value),
    }
}

fn plain(measure: Measure, value: &Estimate) -> Figure {
    match measure.unit() {
        Unit::Seconds => written(value, duration_at, measure != Measure::Mtbf),
        Unit::Ratio | Unit::PerYear | Unit::Nines | Unit::Count | Unit::Money => written(value, count_at, true),
    }
}

/// The target of a condition, exactly as far as the unit allows.
pub fn target(measure: Measure, value: f64) -> String {
    match measure.unit() {
        Unit::Ratio => format!("{}%", trimmed(value * 100.0)),
        Unit::Seconds => crate::time::Span::from_secs_f64(value + 0.5e-9).to_string(),
        Unit::PerYear => format!("{}/y", trimmed(value)),
        Unit::Nines => format!("{} nines", trimmed(value)),
        Unit::Count | Unit::Money => trimmed(value),
    }
}

/// Up to twelve decimals without trailing zeros: the shortest form of what a person wrote.
pub fn trimmed(value: f64) -> String {
    let text = format!("{value:.12}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// An availability as a percentage with two digits after its nines: `99.971% [99.969, 99.973]`. All up in what was
/// seen, but not surely so, prints as its lower bound.
pub fn availability(value: &Estimate) -> Figure {
    let sure = value.low.is_some_and(|low| low >= 1.0);
    let Some(estimate) = value.estimate.filter(|estimate| *estimate < 1.0 || sure) else {
        return Figure {
            value: bound(value, |x| percentage(x, second_digit(1.0 - x)), false),
            interval: String::new(),
        };
    };
    let step = resolution(1.0 - estimate, value);
    let within = value.clamped(0.0, 1.0);
    Figure { value: percentage(estimate, step), interval: interval(estimate, &within, |x| percentage(x, step)) }
}

/// Nines: `3.54 nines [3.51, 3.57]`, or `>= 5.2 nines` where only a bound is known.
pub fn nines(value: &Estimate) -> Figure {
    let Some(estimate) = value.estimate else {
        let unit = if value.low.is_some() { " nines" } else { "" };
        return Figure { value: bound(value, |x| format!("{x:.1}"), false) + unit, interval: String::new() };
    };
    Figure { value: format!("{estimate:.2} nines"), interval: interval(estimate, value, |x| format!("{x:.2}")) }
}

/// A share as a percentage with two significant digits: `58% [55, 61]`.
pub fn share(value: &Estimate) -> Figure {
    written(value, percentage, true)
}

/// A duration in seconds by itself: `1h 48m`, `21min`, `6.1s`.
pub fn duration(seconds: f64) -> String {
    duration_at(seconds, second_digit(seconds))
}

/// The span in the largest unit of which it is a whole number, so that ten years of 365 days read `3650d`.
pub fn whole_span(span: Span) -> String {
    let whole = ["y", "d", "h"].into_iter().find_map(|name| {
        let unit = Span::unit(name)?.as_nanos();
        (!span.is_zero() && span.as_nanos().is_multiple_of(unit)).then(|| format!("{}{name}", span.as_nanos() / unit))
    });
    whole.unwrap_or_else(|| span.to_string())
}

/// A number in three significant digits, thousands apart: `0.00312`, `2.41`, `18 300`.
pub fn count(value: f64) -> String {
    count_at(value, value.abs() / 99.0)
}

/// A whole number with thousands apart: `20 000`.
pub fn whole(value: u64) -> String {
    grouped(&value.to_string())
}

/// A fraction in whole percents, for a bar's label: `58%`, `0.4%`, `<0.1%`.
pub fn percent(fraction: f64) -> String {
    let percent = fraction * 100.0;
    if !percent.is_finite() {
        return "-".to_owned();
    }
    if percent >= 0.95 || percent == 0.0 {
        format!("{percent:.0}%")
    } else if percent >= 0.05 {
        format!("{percent:.1}%")
    } else {
        "<0.1%".to_owned()
    }
}

/// A difference of a measure with its sign: `+0.012%`, `-1h 2m`.
pub fn signed(measure: Measure, value: &Estimate) -> Figure {
    let Some(estimate) = value.estimate else {
        return Figure { value: "unknown".to_owned(), interval: String::new() };
    };
    let step = resolution(estimate.abs(), value);
    let size = |x: f64| match measure.unit() {
        Unit::Ratio => percentage_points(x, step),
        Unit::Seconds => duration_at(x, step),
        Unit::Nines => format!("{x:.2}"),
        Unit::PerYear | Unit::Count | Unit::Money => count_at(x, step),
    };
    let write = |x: f64| match x {
        x if x < 0.0 => format!("-{}", size(-x)),
        x if x > 0.0 => format!("+{}", size(x)),
        _ => "0".to_owned(),
    };
    Figure { value: write(estimate), interval: interval(estimate, value, write) }
}

/// The figure through `write`; `upper` says on which side a bound without an estimate lies.
fn written(value: &Estimate, write: Write, upper: bool) -> Figure {
    let Some(estimate) = value.estimate else {
        return Figure { value: bound(value, |x| write(x, second_digit(x)), upper), interval: String::new() };
    };
    let step = resolution(estimate, value);
    Figure { value: write(estimate, step), interval: interval(estimate, value, |x| write(x, step)) }
}

/// The bound that stands for an estimate that could not be made.
fn bound(value: &Estimate, write: impl Fn(f64) -> String, upper: bool) -> String {
    let (sign, end) = if upper { ("<=", value.high) } else { (">=", value.low) };
    end.map_or("none seen".to_owned(), |end| format!("{sign} {}", write(end)))
}

/// `[low, high]`, without the unit where the estimate and both ends have the same one; empty where nothing can vary.
fn interval(estimate: f64, value: &Estimate, write: impl Fn(f64) -> String) -> String {
    if value.low == Some(estimate) && value.high == Some(estimate) {
        return String::new();
    }
    if value.low.is_none() && value.high.is_none() {
        return "[unknown]".to_owned();
    }
    let middle = write(estimate);
    let (low, high) = (value.low.map_or("-∞".to_owned(), &write), value.high.map_or("∞".to_owned(), &write));
    match unit_of(&middle) {
        Some(unit) if unit_of(&low) == Some(unit) && unit_of(&high) == Some(unit) => {
            format!("[{}, {}]", low.trim_end_matches(unit), high.trim_end_matches(unit))
        }
        Some(_) | None => format!("[{low}, {high}]"),
    }
}

/// The unit of one number with one unit, such as `21min` or `99.9%`.
fn unit_of(text: &str) -> Option<&str> {
    let unit = text.trim_start_matches(|c: char| c.is_ascii_digit() || matches!(c, '.' | ' ' | '+' | '-'));
    (!unit.is_empty() && unit.chars().all(|c| c.is_ascii_alphabetic() || c == '%')).then_some(unit)
}

/// The smallest step worth showing: half the interval, between the second and the fourth significant digit.
fn resolution(size: f64, value: &Estimate) -> f64 {
    let coarsest = second_digit(size);
    value.half_width().map_or(coarsest, |half| half.clamp(coarsest / 100.0, coarsest))
}

/// One in the second significant digit of `size`; a thousandth more, so that rounding does not add a digit.
fn second_digit(size: f64) -> f64 {
    let size = size.abs();
    if size > 0.0 && size.is_finite() { libm::pow(10.0, libm::floor(libm::log10(size)) - 1.0) * 1.001 } else { size }
}

/// Decimals that show a step of `step` to the nearest half.
fn decimals(step: f64) -> usize {
    if step > 0.0 && step.is_finite() { (-libm::floor(libm::log10(step * 2.0))).clamp(0.0, 15.0) as usize } else { 0 }
}

fn percentage(x: f64, step: f64) -> String {
    match x {
        x if !x.is_finite() => "∞".to_owned(),
        x if x.abs() >= 1e5 => format!("{:.1e}%", x.abs().min(1e300) * x.signum() * 100.0),
        x if x == 0.0 || (x - 1.0).abs() < f64::EPSILON => format!("{:.0}%", x * 100.0),
        x => {
            let text = format!("{:.*}", decimals(step * 100.0).min(13), x * 100.0);
            // what rounds to the whole is the whole: `100%` beside `[100.0, 100]` would claim a difference
            if text.starts_with("100.") && x < 1.0 { "100%".to_owned() } else { text + "%" }
        }
    }
}

fn percentage_points(x: f64, step: f64) -> String {
    if x < 1e-6 { format!("{:.1e}%", x * 100.0) } else { percentage(x, step) }
}

fn scientific(x: f64, _step: f64) -> String {
    match x {
        x if !x.is_finite() => "∞".to_owned(),
        0.0 => "0".to_owned(),
        x => format!("{x:.2e}"),
    }
}

fn count_at(x: f64, step: f64) -> String {
    match x {
        x if !x.is_finite() => "∞".to_owned(),
        0.0 => "0".to_owned(),
        x if x.abs() < 1e-3 || x.abs() >= 1e7 => format!("{x:.1e}"),
        x => grouped(&format!("{:.*}", decimals(step.max(x.abs() / 999.0)), x)),
    }
}

/// Thousands of the integer part, parted by blanks from five digits on.
fn grouped(number: &str) -> String {
    let (integer, fraction) = number.split_at(number.find('.').unwrap_or(number.len()));
    if integer.len() < 5 {
        return number.to_owned();
    }
    let mut text = String::new();
    for (index, digit) in integer.chars().enumerate() {
        if index > 0 && (integer.len() - index).is_multiple_of(3) {
            text.push(' ');
        }
        text.push(digit);
    }
    text + fraction
}

/// A duration to the nearest `step` seconds or so, in at most three units.
fn duration_at(seconds: f64, step: f64) -> String {
    match seconds {
        s if !s.is_finite() => "∞".to_owned(),
        s if s < 0.0 => format!("-{}", duration_at(-s, step)),
        0.0 => "0s".to_owned(),
        s if s < 1e-6 => format!("{}ns", decimal(s * 1e9, step * 1e9)),
        s if s < 1e-3 => format!("{}us", decimal(s * 1e6, step * 1e6)),
        s if s < 1.0 => format!("{}ms", decimal(s * 1e3, step * 1e3)),
        s if s < 59.95 => format!("{}s", decimal(s, step)),
        s if s < 0.9999 * HOUR => compound(s, [MINUTE, 1.0, 1.0], ["min", "s", ""], step),
        s if s < 4.0 * DAY => compound(s, [HOUR, MINUTE, 1.0], ["h", "m", "s"], step),
        s if s < YEAR => compound(s, [DAY, HOUR, MINUTE], ["d", "h", "m"], step),
        s => format!("{}y", count_at(s / YEAR, step / YEAR)),
    }
}

fn decimal(x: f64, step: f64) -> String {
    format!("{:.*}", decimals(step.max(x / 999.0)).min(3), x)
}

/// `seconds` in the first unit and as many smaller ones as a step of `step` seconds shows; zero parts are left out.
fn compound(seconds: f64, units: [f64; 3], names: [&str; 3], step: f64) -> String {
    let parts = units.iter().position(|&unit| step >= unit / 2.0).map_or(3, |index| index + 1);
    let smallest = units[parts - 1];
    let mut rest = libm::round(seconds / smallest) * smallest;
    let mut text = Vec::new();
    for (unit, name) in units.iter().zip(names).take(parts) {
        let number = libm::floor((rest + 1e-6) / unit);
        rest -= number * unit;
        if number > 0.0 && !name.is_empty() {
            text.push(format!("{number:.0}{name}"));
        }
    }
    if text.len() > 1 { text.join(" ").replace("min", "m") } else { text.concat() }
}

#[cfg(test)]
mod tests {
    use super::{
        Figure, availability, count, duration, figure, nines, percent, share, signed, target, whole, whole_span,
    };
    use crate::results::measure::Measure;
    use crate::stats::Estimate;
    use crate::time::Span;

    fn estimate(estimate: f64, low: f64, high: f64) -> Estimate {
        Estimate::between(estimate, low, high, 0.95)
    }

    fn bound(low: f64, high: f64) -> Estimate {
        Estimate::between(f64::NAN, low, high, 0.95)
    }

    fn check(figure: &Figure, expected: &str) {
        assert_eq!(figure.joined(), expected);
    }

    #[test]
    fn a_percentage_shows_two_digits_after_its_nines() {
        check(&availability(&estimate(0.99971, 0.99969, 0.99973)), "99.971% [99.969, 99.973]");
        check(&availability(&estimate(0.5, 0.4, 0.6)), "50% [40, 60]");
        check(
            &availability(&estimate(0.999_999_999_71, 0.999_999_999_6, 0.999_999_999_8)),
            "99.999999971% [99.999999960, 99.999999980]",
        );
        check(&availability(&estimate(1.0, 1.0, 1.0)), "100%");
    }

    #[test]
    fn no_outage_seen_prints_a_bound_and_never_a_hundred_percent() {
        check(&availability(&bound(0.999_993_7, 1.0)), ">= 99.99937%");
        check(&nines(&bound(5.2, f64::INFINITY)), ">= 5.2 nines");
        check(&figure(Measure::DowntimePerYear, &bound(0.0, 198.0)), "<= 3m 18s");
        check(&figure(Measure::Mtbf, &bound(31_557_600.0 * 66.0, f64::INFINITY)), ">= 66y");
        check(&figure(Measure::Rto, &bound(f64::NAN, f64::NAN)), "none seen");
    }

    #[test]
    fn an_interval_that_is_not_known_says_so() {
        check(&figure(Measure::Rto, &estimate(1_260.0, f64::NAN, f64::NAN)), "21min [unknown]");
        check(&figure(Measure::Mtbf, &estimate(1_260.0, 600.0, f64::INFINITY)), "21min [10min, ∞]");
        check(&availability(&estimate(1.0, 0.999, 1.0)), ">= 99.90%");
    }

    #[test]
    fn durations_read_like_a_person_says_them() {
        for (seconds, expected) in [
            (6_480.0, "1h 48m"),
            (1_260.0, "21min"),
            (6.1, "6.1s"),
            (219_600.0, "61h"),
            (22_200.0, "6h 10m"),
            (50_400.0, "14h"),
            (0.0, "0s"),
            (0.35, "350ms"),
            (42.3e-6, "42us"),
            (59.97, "1min"),
            (3_599.99, "1h"),
            (31_557_600.0 * 12_345.0, "12 345y"),
            (f64::INFINITY, "∞"),
        ] {
            assert_eq!(duration(seconds), expected, "{seconds}");
        }
    }

    #[test]
    fn an_interval_drops_the_unit_it_shares() {
        check(&figure(Measure::Rto, &estimate(1_260.0, 1_200.0, 1_380.0)), "21min [20, 23]");
        check(&figure(Measure::Rto, &estimate(6_480.0, 6_360.0, 6_600.0)), "1h 48m [1h 46m, 1h 50m]");
        check(&share(&estimate(0.58, 0.55, 0.61)), "58% [55, 61]");
    }

    #[test]
    fn a_narrow_interval_earns_more_digits() {
        check(&figure(Measure::Rto, &estimate(1_278.0, 1_277.0, 1_279.0)), "21m 18s [21m 17s, 21m 19s]");
        check(&figure(Measure::OutagesPerYear, &estimate(2.4137, 2.41, 2.4174)), "2.414 [2.410, 2.417]");
    }

    proptest::proptest! {
        #[test]
        fn no_figure_ever_prints_what_is_no_number(
            value in proptest::option::of(proptest::num::f64::ANY),
            low in proptest::option::of(proptest::num::f64::ANY),
            high in proptest::option::of(proptest::num::f64::ANY),
        ) {
            let finite = |x: Option<f64>| x.filter(|x| x.is_finite());
            let value = Estimate { estimate: finite(value), low: finite(low), high: finite(high), confidence: 0.95 };
            for measure in Measure::ALL {
                for figure in [figure(measure, &value), signed(measure, &value)] {
                    let text = figure.joined();
                    proptest::prop_assert!(!text.contains("inf") && !text.contains("NaN"), "{}", text);
                }
            }
        }
    }

    #[test]
    fn a_horizon_stands_in_one_unit_where_it_can() {
        let texts = [87_600 * 3_600, 31_557_600, 90 * 60, 0].map(|secs| whole_span(Span::from_secs(secs)));
        assert_eq!(texts, ["3650d", "1y", "1h30min", "0s"]);
    }

    #[test]
    fn targets_print_as_written() {
        assert_eq!(target(Measure::AvailabilityTime, 0.9995), "99.95%");
        assert_eq!(target(Measure::Rto, 900.0), "15min");
        assert_eq!(target(Measure::Rto, 5_400.0), "1h30min");
        assert_eq!(target(Measure::OutagesPerYear, 2.5), "2.5/y");
    }

    #[test]
    fn counts_keep_three_digits_and_part_thousands() {
        for (value, expected) in [(2.414, "2.41"), (0.003_12, "0.00312"), (18_312.0, "18 312"), (1.5e-5, "1.5e-5")] {
            assert_eq!(count(value), expected);
        }
        assert_eq!(whole(20_000), "20 000");
        assert_eq!([percent(0.58), percent(0.004), percent(0.0), percent(0.0001)], ["58%", "0.4%", "0%", "<0.1%"]);
    }

    #[test]
    fn differences_carry_their_sign() {
        check(&signed(Measure::DowntimePerYear, &estimate(-3_720.0, -4_000.0, -3_400.0)), "-1h 2m [-1h 7m, -57min]");
        check(&signed(Measure::AvailabilityTime, &estimate(0.00012, 0.0001, 0.00014)), "+0.012% [+0.010, +0.014]");
        check(&signed(Measure::NinesTime, &estimate(0.0, 0.0, 0.0)), "0");
    }
}
