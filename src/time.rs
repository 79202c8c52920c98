//! The one clock of the crate: unsigned nanoseconds, as an instant ([`Time`]) and as a length ([`Span`]).
//!
//! Integers, so that equal instants are equal, sums do not depend on their order and a report of up + degraded + down
//! adds up exactly; 64 bits hold 584 years. All arithmetic saturates: the far end of the clock, [`Time::NEVER`],
//! stands for "does not happen", and no sum ever wraps. Nothing here reads a wall clock.

use std::fmt;
use std::ops::{Add, AddAssign, Mul, Sub};

/// Nanoseconds in one second.
pub const NANOS_PER_SECOND: u64 = 1_000_000_000;

/// Seconds in one Julian year, 365.25 days.
pub const YEAR_S: f64 = 31_557_600.0;

/// An instant: nanoseconds since the start of the trial (or since any epoch that a live service keeps).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(u64);

/// A length of time in nanoseconds, never negative.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span(u64);

impl Time {
    /// The start of the clock.
    pub const ZERO: Time = Time(0);
    /// Later than everything: the instant of what does not happen.
    pub const NEVER: Time = Time(u64::MAX);

    /// The instant `nanos` nanoseconds after the start.
    #[inline]
    pub const fn from_nanos(nanos: u64) -> Self {
        Time(nanos)
    }

    /// Nanoseconds since the start.
    #[inline]
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// Seconds since the start.
    #[inline]
    pub fn as_secs_f64(self) -> f64 {
        Span(self.0).as_secs_f64()
    }

    /// Time passed since `earlier`; zero if that lies in the future.
    #[inline]
    pub const fn since(self, earlier: Time) -> Span {
        Span(self.0.saturating_sub(earlier.0))
    }

    /// The instant `span` earlier, at least [`Time::ZERO`].
    #[inline]
    pub const fn before(self, span: Span) -> Time {
        Time(self.0.saturating_sub(span.0))
    }
}

impl Span {
    /// No time at all.
    pub const ZERO: Span = Span(0);
    /// Longer than everything.
    pub const MAX: Span = Span(u64::MAX);
    /// One microsecond.
    pub const MICROSECOND: Span = Span(1_000);
    /// One millisecond.
    pub const MILLISECOND: Span = Span(1_000_000);
    /// One second.
    pub const SECOND: Span = Span(NANOS_PER_SECOND);
    /// One minute.
    pub const MINUTE: Span = Span(60 * NANOS_PER_SECOND);
    /// One hour.
    pub const HOUR: Span = Span(3_600 * NANOS_PER_SECOND);
    /// One day of 24 hours.
    pub const DAY: Span = Span(86_400 * NANOS_PER_SECOND);
    /// One week.
    pub const WEEK: Span = Span(7 * 86_400 * NANOS_PER_SECOND);
    /// One Julian year, 365.25 days.
    pub const YEAR: Span = Span(31_557_600 * NANOS_PER_SECOND);

    /// `nanos` nanoseconds.
    #[inline]
    pub const fn from_nanos(nanos: u64) -> Self {
        Span(nanos)
    }

    /// `millis` milliseconds.
    #[inline]
    pub const fn from_millis(millis: u64) -> Self {
        Span(millis.saturating_mul(1_000_000))
    }

    /// `secs` seconds.
    #[inline]
    pub const fn from_secs(secs: u64) -> Self {
        Span(secs.saturating_mul(NANOS_PER_SECOND))
    }

    /// `secs` seconds, rounded down to whole nanoseconds. Negative and not-a-number give zero, what is too long
    /// gives [`Span::MAX`].
    #[inline]
    pub fn from_secs_f64(secs: f64) -> Self {
        Span::from_nanos_f64(secs * NANOS_PER_SECOND as f64)
    }

    /// `nanos` nanoseconds, rounded down. Negative and not-a-number give zero, what is too long gives [`Span::MAX`].
    #[inline]
    pub const fn from_nanos_f64(nanos: f64) -> Self {
        Span(nanos as u64)
    }

    /// Nanoseconds.
    #[inline]
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// Seconds.
    #[inline]
    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / NANOS_PER_SECOND as f64
    }

    /// The shorter remainder: `self` without `other`, at least zero.
    #[inline]
    pub const fn saturating_sub(self, other: Span) -> Span {
        Span(self.0.saturating_sub(other.0))
    }

    /// `self` times `factor`, saturating.
    #[inline]
    pub const fn saturating_mul(self, factor: u64) -> Span {
        Span(self.0.saturating_mul(factor))
    }

    /// Is this no time at all?
    #[inline]
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }
}

impl Add<Span> for Time {
    type Output = Time;
    #[inline]
    fn add(self, span: Span) -> Time {
        Time(self.0.saturating_add(span.0))
    }
}

impl AddAssign<Span> for Time {
    #[inline]
    fn add_assign(&mut self, span: Span) {
        *self = *self + span;
    }
}

impl Add for Span {
    type Output = Span;
    #[inline]
    fn add(self, other: Span) -> Span {
        Span(self.0.saturating_add(other.0))
    }
}

impl AddAssign for Span {
    #[inline]
    fn add_assign(&mut self, other: Span) {
        *self = *self + other;
    }
}

impl Sub for Span {
    type Output = Span;
    #[inline]
    fn sub(self, other: Span) -> Span {
        self.saturating_sub(other)
    }
}

impl Mul<u64> for Span {
    type Output = Span;
    #[inline]
    fn mul(self, factor: u64) -> Span {
        self.saturating_mul(factor)
    }
}

/// Units of the scenario language, longest first; `Display` prints a span in these.
const UNITS: [(&str, Span); 9] = [
    ("y", Span::YEAR),
    ("d", Span::DAY),
    ("h", Span::HOUR),
    ("min", Span::MINUTE),
    ("s", Span::SECOND),
    ("ms", Span::MILLISECOND),
    ("us", Span::MICROSECOND),
    ("ns", Span(1)),
    ("w", Span::WEEK),
];

impl Span {
    /// The length of the unit that the scenario language calls `name` (`ns us ms s min m h d w y`).
    pub fn unit(name: &str) -> Option<Span> {
        let name = if name == "m" { "min" } else { name };
        UNITS.iter().find(|(unit, _)| *unit == name).map(|(_, span)| *span)
    }
}

impl fmt::Display for Span {
    /// Exact, in the units of the scenario language: `1h30m` prints as `1h30min`, zero as `0s`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 {
            return f.write_str("0s");
        }
        let mut rest = self.0;
        for (name, unit) in UNITS.iter().take(8) {
            let count = rest / unit.0;
            if count > 0 {
                write!(f, "{count}{name}")?;
                rest %= unit.0;
            }
        }
        Ok(())
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Span(self.0).fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_saturate_and_never_wrap() {
        assert_eq!(Time::NEVER + Span::YEAR, Time::NEVER);
        assert_eq!(Span::MAX + Span::SECOND, Span::MAX);
        assert_eq!(Span::YEAR * 1_000, Span::MAX);
        assert_eq!(Span::SECOND - Span::MINUTE, Span::ZERO);
        assert_eq!(Time::ZERO.since(Time::NEVER), Span::ZERO);
    }

    #[test]
    fn five_hundred_years_fit_the_clock() {
        assert!(Time::ZERO + Span::YEAR * 500 < Time::NEVER);
    }

    #[test]
    fn floats_convert_without_wrapping() {
        assert_eq!(Span::from_secs_f64(1.5), Span::from_millis(1_500));
        assert_eq!(Span::from_secs_f64(-1.0), Span::ZERO);
        assert_eq!(Span::from_secs_f64(f64::NAN), Span::ZERO);
        assert_eq!(Span::from_secs_f64(1e30), Span::MAX);
    }

    #[test]
    fn a_span_prints_in_the_units_of_the_language() {
        assert_eq!(Span::from_secs(5_400).to_string(), "1h30min");
        assert_eq!(Span::ZERO.to_string(), "0s");
        assert_eq!((Span::YEAR + Span::from_millis(3)).to_string(), "1y3ms");
        assert_eq!(Span::unit("m"), Some(Span::MINUTE));
        assert_eq!(Span::unit("M"), None);
    }
}
