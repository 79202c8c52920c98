//! How fast a node works: as a share of its full speed, which its faults divide and which rises while it is warming up.
//!
//! Service times and `capacity` go by the same share, as in the fluid of the structure clock. Work takes until the integral
//! of the speed is the work: as the node warms up, and with a change of what its faults do to it, for what is then left.
//! A node that hangs does nothing at all, and is then as fast as if it had not hung.

use super::nodes::Node;
use super::route::slowed;
use crate::model::elastic::WarmUp;
use crate::time::{Span, Time};

/// Nodes and weights of Gauss' formula of three points on [0, 1].
const GAUSS: [(f64, f64); 3] =
    [(0.112_701_665_379_258_3, 5.0 / 18.0), (0.5, 8.0 / 18.0), (0.887_298_334_620_741_7, 5.0 / 18.0)];

/// What a node's speed follows from, as long as its condition stays as it is.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// So many times as slow.
    factor: f64,
    /// Slower and slower: since when, for how long, up to which factor.
    ramp: Option<(Time, Span, f64)>,
    /// How it warms up, and when it started.
    warm_up: Option<(WarmUp, Time)>,
}

impl Pace {
    /// As a share of full speed.
    pub fn speed(&self, now: Time) -> f64 {
        let warm = self.warm_up.map_or(1.0, |(warm_up, started)| warm_up.speed(now.since(started)));
        warm / self.slowness(now)
    }

    /// How long work that takes so long at full speed takes from now on, as slow as its faults make it now.
    pub fn takes(&self, now: Time, work: Span) -> Span {
        self.until_done(now, slowed(work, self.slowness(now)))
    }

    /// How long it takes from now on for what a warm node, slow as it is, would do in this time.
    pub fn until_done(&self, now: Time, work: Span) -> Span {
        self.warm_up.map_or(work, |(warm_up, started)| warm_up.takes(now.since(started), work))
    }

    /// What will be done when so much time has passed, as the time that a warm node, slow as it is, would need for it.
    pub fn done_in(&self, now: Time, length: Span) -> Span {
        self.warm_up.map_or(length, |(warm_up, started)| warm_up.done(now.since(started), length))
    }

    /// How many times as slow its faults make it.
    pub fn slowness(&self, now: Time) -> f64 {
        let ramp = self.ramp.map_or(1.0, |(since, length, factor)| {
            let passed = now.since(since).as_secs_f64() / length.as_secs_f64().max(1e-9);
            1.0 + (factor - 1.0) * passed.min(1.0)
        });
        self.factor * ramp
    }

    /// How long it would have taken at full speed for what it has had time for: the integral of its speed, exact while
    /// it warms up and to half a percent over a whole ramp to the fivefold.
    pub fn at_full_speed(&self, since: Time, until: Time) -> Span {
        if self.is_even(since) {
            return until.since(since);
        }
        // at these instants the curve has a bend
        let warm = self.warm_up.map_or(since, |(warm_up, started)| started + warm_up.lasts);
        let ramped = self.ramp.map_or(since, |(since, length, _)| since + length);
        let (first, second) = (warm.min(ramped).clamp(since, until), warm.max(ramped).clamp(since, until));
        let pieces = [(since, first), (first, second), (second, until)];
        Span::from_nanos_f64(pieces.iter().map(|&(from, to)| self.smooth(from, to)).sum())
    }

    /// Nanoseconds at full speed between two instants without a bend.
    fn smooth(&self, from: Time, to: Time) -> f64 {
        let length = to.since(from);
        let at = |point: f64| self.speed(from + Span::from_nanos_f64(length.as_nanos() as f64 * point));
        length.as_nanos() as f64 * GAUSS.iter().map(|&(point, weight)| weight * at(point)).sum::<f64>()
    }

    /// Is it at full speed from then on?
    #[expect(clippy::float_cmp, reason = "a factor that nobody has touched is 1 to the bit")]
    fn is_even(&self, since: Time) -> bool {
        let warm = self.warm_up.is_none_or(|(warm_up, started)| since.since(started) >= warm_up.lasts);
        self.factor == 1.0 && self.ramp.is_none() && warm
    }
}

impl Node<'_> {
    /// How fast it works as things stand.
    pub fn pace(&self) -> Pace {
        let condition = &self.condition;
        Pace { factor: condition.factor, ramp: condition.ramp, warm_up: self.pool.warm_up.zip(self.started) }
    }
}

#[cfg(test)]
impl Pace {
    /// Of a node that is as fast as it should be.
    pub const FULL: Pace = Pace { factor: 1.0, ramp: None, warm_up: None };

    /// Of a node that is so many times as slow.
    pub const fn slowed_by(factor: f64) -> Pace {
        Pace { factor, ..Pace::FULL }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: u64) -> Time {
        Time::ZERO + Span::SECOND * secs
    }

    fn full_secs(pace: &Pace, from: u64, to: u64) -> f64 {
        pace.at_full_speed(at(from), at(to)).as_secs_f64()
    }

    #[test]
    fn a_node_that_warms_up_has_done_the_area_under_its_line() {
        let warm_up = WarmUp { lasts: Span::SECOND * 600, from: 0.2 };
        let pace = Pace { warm_up: Some((warm_up, at(100))), ..Pace::FULL };
        assert!((full_secs(&pace, 100, 700) - 600.0 * 0.6).abs() < 1e-6);
        assert!((full_secs(&pace, 400, 1_000) - (300.0 * 0.8 + 300.0)).abs() < 1e-6);
        assert!((full_secs(&pace, 700, 800) - 100.0).abs() < 1e-9);
        let slow = Pace { factor: 4.0, ..pace };
        assert!((full_secs(&slow, 400, 1_000) - (300.0 * 0.8 + 300.0) / 4.0).abs() < 1e-6);
    }

    /// The integral of 1 / (1 + 4 t / T) over [0, T] is T ln 5 / 4, over many small steps and nearly so in one.
    #[test]
    fn a_node_that_slows_down_has_done_a_logarithm() {
        let pace = Pace { ramp: Some((at(0), Span::SECOND * 1_200, 5.0)), ..Pace::FULL };
        let exact = 300.0 * f64::ln(5.0);
        let steps: f64 = (0..1_200).map(|second| full_secs(&pace, second, second + 1)).sum();
        assert!((steps / exact - 1.0).abs() < 1e-7, "{steps} against {exact}");
        assert!((full_secs(&pace, 0, 1_200) / exact - 1.0).abs() < 5e-3);
        assert!((full_secs(&pace, 1_200, 1_300) - 20.0).abs() < 1e-6, "and stays at a fifth");
    }
}
