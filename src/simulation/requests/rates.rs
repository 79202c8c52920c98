//! Rates over time: shape and bursts as steps, and the time by which so much more has come.
//!
//! Arrivals of an inhomogeneous Poisson process are those of a unit one on the scale of the integrated rate (Cinlar 1975,
//! section 4.7), and evenly spaced arrivals likewise; so one function serves both. The rate is constant over steps: those
//! that the scenario writes, and minutes of a diurnal wave, each at the rate of its middle.

use crate::model::traffic::{Burst, Shape};
use crate::time::{Span, Time};

/// Steps of a wave.
const STEP: Span = Span::MINUTE;

/// The factor from `at` on, and until when it holds.
fn shape_step(shape: &Shape, at: Span) -> (f64, Span) {
    let step = |steps: &[(Span, f64)], at: Span| {
        let next = steps.partition_point(|(from, _)| *from <= at);
        let level = next.checked_sub(1).map(|index| steps[index].1);
        (level, steps.get(next).map_or(Span::MAX, |(from, _)| *from))
    };
    match shape {
        Shape::Steady => (1.0, Span::MAX),
        Shape::Diurnal { swing, peak } => {
            let index = at.as_nanos() / STEP.as_nanos();
            let middle = (index as f64 + 0.5) * STEP.as_secs_f64();
            let turn = (middle - peak.as_secs_f64()) / Span::DAY.as_secs_f64();
            let factor = 1.0 + swing * libm::cos(std::f64::consts::TAU * turn);
            (factor.max(0.0), STEP * (index + 1))
        }
        Shape::Daily(steps) => {
            let days = at.as_nanos() / Span::DAY.as_nanos();
            let midnight = Span::DAY * days;
            let (level, until) = step(steps, at - midnight);
            // before the first step of the day the last of the day before still holds
            let level = level.or(steps.last().map(|(_, level)| *level)).unwrap_or(1.0);
            (level, midnight + until.min(Span::DAY))
        }
        Shape::Trace(steps) => {
            let (level, until) = step(steps, at);
            (level.unwrap_or(0.0), until)
        }
    }
}

/// The factor of a burst from `at` on, and until when it holds.
fn burst_step(burst: &Burst, at: Span) -> (f64, Span) {
    if at < burst.first {
        return (1.0, burst.first);
    }
    let since = at - burst.first;
    let (begun, next) = match burst.every.filter(|every| !every.is_zero()) {
        Some(every) => {
            let count = since.as_nanos() / every.as_nanos();
            (burst.first + every * count, burst.first + every * (count + 1))
        }
        None => (burst.first, Span::MAX),
    };
    let end = (begun + burst.lasts).min(next);
    if at < end { (burst.factor, end) } else { (1.0, next) }
}

/// After how long `amount` more of the rate has come, if in the rest of the run-in, or else how much is left at its end.
/// The shape stands as it does at the end, and no burst has begun.
#[inline]
pub fn before(rate: f64, shape: &Shape, rest: Span, amount: f64) -> Result<Span, f64> {
    if rest.is_zero() {
        return Err(amount);
    }
    let speed = rate * shape_step(shape, Span::ZERO).0;
    let coming = speed * rest.as_secs_f64();
    if amount < coming { Ok(Span::from_secs_f64(amount / speed)) } else { Err(amount - coming) }
}

/// When `amount` more of the rate (in units of `rate` seconds) has come after `now`; never if the rate stays 0.
#[inline]
pub fn time_of(rate: f64, shape: &Shape, bursts: &[Burst], now: Time, amount: f64, horizon: Time) -> Time {
    if matches!(shape, Shape::Steady) && bursts.is_empty() {
        return now + Span::from_secs_f64(amount / rate);
    }
    time_of_steps(rate, shape, bursts, now, amount, horizon)
}

fn time_of_steps(rate: f64, shape: &Shape, bursts: &[Burst], now: Time, amount: f64, horizon: Time) -> Time {
    let (mut at, mut left) = (now, amount);
    while at < horizon {
        let since = at.since(Time::ZERO);
        let (mut factor, mut until) = shape_step(shape, since);
        for burst in bursts {
            let (more, end) = burst_step(burst, since);
            factor *= more;
            until = until.min(end);
        }
        let speed = rate * factor;
        let passing = until.saturating_sub(since);
        let coming = speed * passing.as_secs_f64();
        if speed > 0.0 && coming >= left {
            return at + Span::from_secs_f64(left / speed);
        }
        left -= if speed > 0.0 { coming } else { 0.0 };
        at += passing;
        if passing == Span::ZERO {
            break;
        }
    }
    Time::NEVER
}

#[cfg(test)]
mod tests {
    use super::*;

    const HORIZON: Time = Time::from_nanos(1_000_000_000_000_000_000);

    fn secs(at: Time) -> f64 {
        at.as_secs_f64()
    }

    #[test]
    fn a_burst_multiplies_the_rate_while_it_lasts() {
        let burst = Burst { first: Span::from_secs(10), every: None, lasts: Span::from_secs(5), factor: 3.0 };
        // 10 s at 2/s give 20, 5 s at 6/s give 30 more, then 2/s again
        for (amount, expected) in [(20.0, 10.0), (50.0, 15.0), (35.0, 12.5), (60.0, 20.0)] {
            let at = time_of(2.0, &Shape::Steady, std::slice::from_ref(&burst), Time::ZERO, amount, HORIZON);
            assert!((secs(at) - expected).abs() < 1e-6, "{amount}: {at:?}");
        }
    }

    #[test]
    fn bursts_come_again() {
        let burst = Burst {
            first: Span::from_secs(1),
            every: Some(Span::from_secs(10)),
            lasts: Span::from_secs(1),
            factor: 0.0,
        };
        // one second in ten brings nothing
        let at = time_of(1.0, &Shape::Steady, std::slice::from_ref(&burst), Time::ZERO, 18.0, HORIZON);
        assert!((secs(at) - 20.0).abs() < 1e-6, "{at:?}");
    }

    #[test]
    fn a_day_of_a_wave_brings_as_much_as_a_steady_day() {
        let shape = Shape::Diurnal { swing: 0.6, peak: Span::HOUR * 14 };
        let at = time_of(1.0, &shape, &[], Time::ZERO, 86_400.0, HORIZON);
        assert!((secs(at) - 86_400.0).abs() < 1.0, "{at:?}");
        // 12 h around the peak bring 43 200 + 0.6 x 86 400 / pi
        let from = Time::ZERO + Span::HOUR * 8;
        let at = time_of(1.0, &shape, &[], from, 43_200.0 + 0.6 * 86_400.0 / std::f64::consts::PI, HORIZON);
        assert!((secs(at) - 72_000.0).abs() < 2.0, "{at:?}");
    }

    #[test]
    fn a_daily_shape_goes_on_over_midnight() {
        let shape = Shape::Daily(vec![(Span::HOUR * 8, 3.0), (Span::HOUR * 20, 1.0)]);
        let at = time_of(1.0, &shape, &[], Time::ZERO, 8.0 * 3600.0 + 3.0 * 3600.0, HORIZON);
        assert!((secs(at) - 9.0 * 3600.0).abs() < 1e-3, "{at:?}");
    }

    #[test]
    fn nothing_comes_before_a_trace_begins() {
        let shape = Shape::Trace(vec![(Span::from_secs(5), 2.0)]);
        let at = time_of(1.0, &shape, &[], Time::ZERO, 4.0, HORIZON);
        assert!((secs(at) - 7.0).abs() < 1e-6, "{at:?}");
    }
}
