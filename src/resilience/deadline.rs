//! Deadlines: how long the whole call may take, and what part of that one attempt, and the callee, gets.
//!
//! A deadline is an instant of the local clock; between machines only the time left travels, so their clocks need not
//! agree. An attempt gets at most 90 % of the time left and at most 30 s, and the callee is told the attempt's share,
//! not the caller's whole budget: so it gives up before its caller does. A nested deadline can only be earlier than
//! the one around it. At `now >= deadline` the time is over (inclusive), and what waits in a queue past it is dropped.
//!
//! The two ends differ: [`DeadlineExceeded`] ends the call; an [`AttemptTimeout`] ends one attempt and may be retried.

use std::fmt;

use super::ErrorClass;
use crate::time::{Span, Time};

/// How much of the time left one attempt gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AttemptShare {
    /// Share in basis points, 1 to 10 000. Default 9000 (90 %).
    pub share: u32,
    /// Never longer than this, more than zero. Default 30 s.
    pub longest: Span,
}

impl Default for AttemptShare {
    fn default() -> Self {
        AttemptShare { share: 9_000, longest: Span::from_secs(30) }
    }
}

/// A number of an [`AttemptShare`] that cannot be meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{field}` of the attempt's share {rule}")]
pub struct AttemptShareError {
    /// The field.
    pub field: &'static str,
    /// What it must be.
    pub rule: &'static str,
}

impl AttemptShare {
    /// Checks both numbers.
    ///
    /// # Errors
    /// The first field out of range.
    pub fn check(self) -> Result<Self, AttemptShareError> {
        if self.share == 0 || self.share > 10_000 {
            Err(AttemptShareError { field: "share", rule: "must be above 0 % and at most 100 %" })
        } else if self.longest.is_zero() {
            Err(AttemptShareError { field: "longest", rule: "must be more than zero" })
        } else {
            Ok(self)
        }
    }

    /// `min(floor(share * left), longest)`.
    pub fn of(self, left: Span) -> Span {
        let part = u128::from(left.as_nanos()) * u128::from(self.share) / 10_000;
        Span::from_nanos(u64::try_from(part).unwrap_or(u64::MAX)).min(self.longest)
    }
}

/// The time of the whole call is over; nothing more may be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the deadline of the call has passed")]
pub struct DeadlineExceeded;

/// The time of one attempt was over while the call still had some.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the attempt took longer than {timeout}")]
pub struct AttemptTimeout {
    /// The time that the attempt had.
    pub timeout: Span,
}

/// The instant at which a call is given up; [`Time::NEVER`] if it has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Deadline(Time);

impl Deadline {
    /// No deadline.
    pub const NONE: Deadline = Deadline(Time::NEVER);

    /// At this instant of the local clock.
    pub const fn at(instant: Time) -> Self {
        Deadline(instant)
    }

    /// After `budget` from now, as received from a caller.
    pub fn after(now: Time, budget: Span) -> Self {
        Deadline(now + budget)
    }

    /// The deadline of a part of this call that would like `own`: the earlier of the two.
    pub fn nested(self, own: Deadline) -> Deadline {
        self.min(own)
    }

    /// The instant.
    pub const fn instant(self) -> Time {
        self.0
    }

    /// The time left, zero if none; [`Span::MAX`] without a deadline.
    pub fn remaining(self, now: Time) -> Span {
        if self == Deadline::NONE { Span::MAX } else { self.0.since(now) }
    }

    /// Whether the time is over: `now >= deadline`.
    pub fn expired(self, now: Time) -> bool {
        now >= self.0
    }

    /// When to look again, if there is a deadline.
    pub fn next_wake(self) -> Option<Time> {
        (self != Deadline::NONE).then_some(self.0)
    }

    /// The time for an attempt that starts now: its `own` timeout if it has one, at most its share of the time left.
    /// Without a deadline only `own` counts, if there is one, else the longest that the share allows.
    ///
    /// # Errors
    /// [`DeadlineExceeded`] if that is nothing: the attempt must not be sent.
    pub fn attempt(self, now: Time, share: AttemptShare, own: Option<Span>) -> Result<Attempt, DeadlineExceeded> {
        let timeout = match (self == Deadline::NONE, own) {
            (true, Some(own)) => own,
            (_, own) => share.of(self.remaining(now)).min(own.unwrap_or(Span::MAX)),
        };
        if timeout.is_zero() { Err(DeadlineExceeded) } else { Ok(Attempt { timeout, ends: now + timeout, call: self }) }
    }
}

/// One attempt's share of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attempt {
    timeout: Span,
    ends: Time,
    call: Deadline,
}

impl Attempt {
    /// How long the attempt may take; also the budget to send to the callee.
    pub const fn timeout(self) -> Span {
        self.timeout
    }

    /// The attempt's own deadline, for what it does in turn.
    pub const fn deadline(self) -> Deadline {
        Deadline(self.ends)
    }

    /// Which time, if any, is over now: the call's or the attempt's.
    ///
    /// # Errors
    /// What has run out.
    pub fn check(self, now: Time) -> Result<(), OutOfTime> {
        if self.call.expired(now) {
            Err(OutOfTime::Call(DeadlineExceeded))
        } else if now >= self.ends {
            Err(OutOfTime::Attempt(AttemptTimeout { timeout: self.timeout }))
        } else {
            Ok(())
        }
    }
}

/// Which time has run out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OutOfTime {
    /// The whole call's: give up.
    #[error(transparent)]
    Call(#[from] DeadlineExceeded),
    /// One attempt's: may be retried.
    #[error(transparent)]
    Attempt(#[from] AttemptTimeout),
}

impl OutOfTime {
    /// The class of error for breaker and retry.
    pub const fn class(self) -> ErrorClass {
        match self {
            OutOfTime::Call(_) => ErrorClass::DeadlineExceeded,
            OutOfTime::Attempt(_) => ErrorClass::Timeout,
        }
    }
}

/// A budget as it travels: at most eight digits and a unit, the `grpc-timeout` header of the gRPC-over-HTTP/2
/// specification. Printed by `Display`; rounded **down**, so that the callee never gets more than it was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WireBudget(pub Span);

/// Units of the wire format, finest first.
const WIRE_UNITS: [(char, Span); 6] = [
    ('n', Span::from_nanos(1)),
    ('u', Span::MICROSECOND),
    ('m', Span::MILLISECOND),
    ('S', Span::SECOND),
    ('M', Span::MINUTE),
    ('H', Span::HOUR),
];

/// Largest number that the wire format can hold.
const WIRE_MAX: u64 = 99_999_999;

impl fmt::Display for WireBudget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanos = self.0.as_nanos();
        for (name, unit) in WIRE_UNITS {
            let count = nanos / unit.as_nanos();
            if count <= WIRE_MAX {
                return write!(f, "{count}{name}");
            }
        }
        write!(f, "{WIRE_MAX}H")
    }
}

/// Text that is no budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a budget is one to eight digits and one of n, u, m, S, M, H")]
pub struct WireBudgetError;

impl std::str::FromStr for WireBudget {
    type Err = WireBudgetError;

    fn from_str(text: &str) -> Result<Self, WireBudgetError> {
        let mut digits = text.chars();
        let name = digits.next_back().ok_or(WireBudgetError)?;
        let (_, unit) = WIRE_UNITS.into_iter().find(|(unit, _)| *unit == name).ok_or(WireBudgetError)?;
        let digits = digits.as_str();
        if digits.is_empty() || digits.len() > 8 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(WireBudgetError);
        }
        let count: u64 = digits.parse().map_err(|_| WireBudgetError)?;
        Ok(WireBudget(unit * count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: u64) -> Time {
        Time::ZERO + Span::from_secs(secs)
    }

    fn attempt(left: Span) -> Result<Span, DeadlineExceeded> {
        let attempt = Deadline::after(at(7), left).attempt(at(7), AttemptShare::default(), None)?;
        Ok(attempt.timeout())
    }

    #[test]
    fn an_attempt_gets_ninety_percent_of_the_rest_at_most_thirty_seconds() {
        assert_eq!(attempt(Span::from_secs(10)), Ok(Span::from_secs(9)));
        assert_eq!(attempt(Span::from_secs(100)), Ok(Span::from_secs(30)));
        assert_eq!(attempt(Span::from_nanos(33_333_333_333)), Ok(Span::from_nanos(29_999_999_999)), "rounded down");
    }

    #[test]
    fn an_attempt_without_time_fails_before_sending() {
        assert_eq!(attempt(Span::ZERO), Err(DeadlineExceeded));
        assert_eq!(attempt(Span::from_nanos(1)), Err(DeadlineExceeded), "90 % of a nanosecond is none");
        assert_eq!(attempt(Span::from_nanos(2)), Ok(Span::from_nanos(1)));
    }

    #[test]
    fn the_deadline_is_inclusive() {
        let deadline = Deadline::at(at(10));
        assert!(!deadline.expired(Time::from_nanos(at(10).as_nanos() - 1)));
        assert!(deadline.expired(at(10)));
        assert_eq!(deadline.remaining(at(11)), Span::ZERO);
    }

    #[test]
    fn a_nested_deadline_is_never_later_than_its_parent() {
        let parent = Deadline::at(at(10));
        assert_eq!(parent.nested(Deadline::at(at(50))), parent);
        assert_eq!(parent.nested(Deadline::at(at(4))), Deadline::at(at(4)));
        assert_eq!(Deadline::NONE.nested(Deadline::at(at(4))), Deadline::at(at(4)));
    }

    #[test]
    fn the_callee_gets_the_share_of_the_attempt_and_gives_up_first() {
        let caller = Deadline::after(at(0), Span::from_secs(10));
        let attempt = caller.attempt(at(0), AttemptShare::default(), None).expect("time left");
        let callee = Deadline::after(at(1_000_000), attempt.timeout());
        assert_eq!(callee.remaining(at(1_000_000)), Span::from_secs(9), "whatever the callee's clock shows");
    }

    #[test]
    fn an_attempt_timeout_is_another_error_than_a_spent_deadline() {
        let call = Deadline::after(at(0), Span::from_secs(10));
        let attempt = call.attempt(at(0), AttemptShare::default(), None).expect("time left");
        assert_eq!(attempt.check(at(8)), Ok(()));
        let class = |t| attempt.check(at(t)).map_err(OutOfTime::class);
        assert_eq!(class(9), Err(ErrorClass::Timeout));
        assert_eq!(class(10), Err(ErrorClass::DeadlineExceeded));
    }

    #[test]
    fn an_own_timeout_can_only_shorten_an_attempt() {
        let share = AttemptShare::default();
        let call = Deadline::after(at(0), Span::from_secs(10));
        let timeout = |deadline: Deadline, own| deadline.attempt(at(0), share, own).map(Attempt::timeout);
        assert_eq!(timeout(call, Some(Span::SECOND)), Ok(Span::SECOND));
        assert_eq!(timeout(call, Some(Span::MINUTE)), Ok(Span::from_secs(9)));
        assert_eq!(timeout(Deadline::NONE, Some(Span::MINUTE)), Ok(Span::MINUTE));
        assert_eq!(timeout(Deadline::NONE, None), Ok(Span::from_secs(30)));
        assert_eq!(timeout(call, Some(Span::ZERO)), Err(DeadlineExceeded));
    }

    #[test]
    fn a_budget_travels_rounded_down_in_eight_digits() {
        for (nanos, text) in [
            (0, "0n"),
            (99_999_999, "99999999n"),
            (100_000_001, "100000u"),
            (29_995_000_000, "29995000u"),
            (3_600_000_000_000_000, "3600000S"),
            (u64::MAX, "5124095H"),
        ] {
            assert_eq!(WireBudget(Span::from_nanos(nanos)).to_string(), text);
            let back = text.parse::<WireBudget>().expect("a budget");
            assert!(back.0 <= Span::from_nanos(nanos));
        }
        for wrong in ["", "5", "S", "123456789n", "-1S", "1s", "+1S", "1 S", "é"] {
            assert_eq!(wrong.parse::<WireBudget>(), Err(WireBudgetError), "{wrong}");
        }
    }

    #[test]
    fn a_wrong_number_is_refused_by_name() {
        let field = |share, longest| AttemptShare { share, longest }.check().err().map(|error| error.field);
        assert_eq!(field(0, Span::SECOND), Some("share"));
        assert_eq!(field(9_000, Span::ZERO), Some("longest"));
    }
}
