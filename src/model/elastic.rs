//! What a pool can carry changes over time: nodes that warm up after a start, and a pool that follows its load.
//!
//! Both act where nodes have a capacity. Decisions are pure functions of what is seen at one instant; when somebody
//! looks, and which nodes start or stop, is the simulation's business.

use super::dist::Law;
use crate::time::Span;

/// The capacity of a node rises linearly after each start.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WarmUp {
    /// For so long, more than 0.
    pub lasts: Span,
    /// From this share of the full capacity, 0 to 1.
    pub from: f64,
}

impl WarmUp {
    /// Share of its capacity that a node lacks so long after its start: `(1 - from)(1 - age / lasts)`, 0 once warm.
    pub fn missing(&self, age: Span) -> f64 {
        if age >= self.lasts {
            return 0.0;
        }
        (1.0 - self.from) * (1.0 - age.as_nanos() as f64 / self.lasts.as_nanos() as f64)
    }

    /// How fast it works then, as a share of its full speed: the rest of the above.
    pub fn speed(&self, age: Span) -> f64 {
        if age >= self.lasts { 1.0 } else { self.from + self.slope() * age.as_nanos() as f64 }
    }

    /// By how much its speed rises in a nanosecond.
    fn slope(&self) -> f64 {
        (1.0 - self.from) / self.lasts.as_nanos() as f64
    }

    /// How long work takes that begins at this age and would take `work` at full speed: t with v t + s t^2 / 2 = work,
    /// where v is its speed then and s the slope, in the form of 2 work / (v + sqrt(v^2 + 2 s work)), which loses no
    /// digits; once it is warm the rest takes its own time.
    pub fn takes(&self, age: Span, work: Span) -> Span {
        if age >= self.lasts || work.is_zero() {
            return work;
        }
        let (cold, slope, speed) = ((self.lasts - age).as_nanos() as f64, self.slope(), self.speed(age));
        let (work, done_cold) = (work.as_nanos() as f64, cold * f64::midpoint(speed, 1.0));
        let nanos = if work >= done_cold {
            cold + (work - done_cold)
        } else {
            2.0 * work / (speed + (speed * speed + 2.0 * slope * work).sqrt())
        };
        Span::from_nanos_f64(nanos.round())
    }

    /// The work that is done from this age on for so long, as it takes at full speed: the area under the line.
    pub fn done(&self, age: Span, length: Span) -> Span {
        if age >= self.lasts {
            return length;
        }
        let cold = length.min(self.lasts - age);
        let speed = f64::midpoint(self.speed(age), self.speed(age + cold));
        Span::from_nanos_f64((cold.as_nanos() as f64 * speed).round()) + (length - cold)
    }
}

/// A pool whose number of nodes follows its load.
#[derive(Clone, Debug, PartialEq)]
pub struct Autoscale {
    /// Never fewer nodes, at least 1.
    pub min: u32,
    /// Never more nodes, at least `min`.
    pub max: u32,
    /// Share of the capacity of its nodes that the load should use, above 0, at most 1.
    pub target: f64,
    /// Time from one look at the load to the next, more than 0.
    pub every: Span,
    /// Time until a new node serves.
    pub boot: Law,
    /// After a change no other for so long.
    pub cooldown: Span,
    /// A change is at most this share of the nodes at hand, above 0, and may always be one node.
    pub step: f64,
}

impl Autoscale {
    /// How many nodes there should be after a look that finds `current` of them (serving or booting) under `load`
    /// requests per second, each carrying `capacity`: `ceil(load / (target capacity))` within the limits, at most
    /// `step` of the nodes at hand away, rounded down, or one.
    pub fn wanted(&self, load: f64, capacity: f64, current: u32) -> u32 {
        // what rounding has added to a whole number of nodes is no node
        let needed = (load / (self.target * capacity) - 1e-9).ceil().clamp(0.0, f64::from(u32::MAX)) as u32;
        let needed = needed.clamp(self.min, self.max);
        let most = (f64::from(current) * self.step + 1e-9).floor().clamp(1.0, f64::from(u32::MAX)) as u32;
        needed.clamp(current.saturating_sub(most), current.saturating_add(most))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_load_over_the_target_is_rounded_up_within_limits_and_steps() {
        let scale = |target: f64, step: f64| Autoscale {
            min: 2,
            max: 10,
            target,
            every: Span::MINUTE,
            boot: Law::fixed(Span::ZERO),
            cooldown: Span::ZERO,
            step,
        };
        let all = scale(0.6, 1.0);
        assert_eq!(all.wanted(300.0, 100.0, 4), 5);
        assert_eq!(all.wanted(300.1, 100.0, 4), 6);
        assert_eq!(all.wanted(0.0, 100.0, 3), 2);
        assert_eq!(all.wanted(9_000.0, 100.0, 6), 10);
        assert_eq!(all.wanted(9_000.0, 100.0, 2), 4);
        assert_eq!(all.wanted(9_000.0, 100.0, 0), 1);
        let some = scale(1.0, 0.25);
        // a quarter of 5, 7 and 8 nodes, and of 3 at least one
        assert_eq!([5, 7, 8, 3].map(|nodes| some.wanted(1_000.0, 100.0, nodes)), [6, 8, 10, 4]);
        assert_eq!(some.wanted(100.0, 100.0, 4), 3);
    }

    #[test]
    fn a_node_lacks_less_and_less_until_it_is_warm() {
        let warm_up = WarmUp { lasts: Span::from_secs(100), from: 0.2 };
        let missing = |secs| warm_up.missing(Span::from_secs(secs));
        assert!((missing(0) - 0.8).abs() < 1e-15 && (missing(50) - 0.4).abs() < 1e-15);
        assert_eq!((missing(100), missing(1_000)), (0.0, 0.0));
        let speed = |secs| warm_up.speed(Span::from_secs(secs));
        assert!((speed(0) - 0.2).abs() < 1e-15 && (speed(50) - 0.6).abs() < 1e-15);
        assert_eq!((speed(100), speed(1_000)), (1.0, 1.0));
    }

    /// From nothing in 100 s: t^2 / 200 s. From a fifth: 0.2 t + 0.8 t^2 / 200 s, so that 50 s of work end after the 60 s
    /// that are worth 26.4 s, and the 40 s after them worth 33.6 s, within these; of 70 s of work 10 s are done warm.
    #[test]
    fn work_takes_until_the_area_under_the_speed_is_done() {
        let secs = Span::from_secs_f64;
        let takes = |from: f64, age: f64, work: f64| {
            let warm_up = WarmUp { lasts: Span::from_secs(100), from };
            let takes = warm_up.takes(secs(age), secs(work));
            let done = warm_up.done(secs(age), takes).as_secs_f64();
            assert!((done - work).abs() < 3e-9, "{work} s from {age} s on takes {takes:?}, in which {done} s are done");
            takes.as_secs_f64()
        };
        let near = |found: f64, expected: f64| assert!((found - expected).abs() < 2e-9, "{found} is not {expected}");
        near(takes(0.0, 0.0, 0.5), 10.0);
        near(takes(0.0, 0.0, 2e-6), 0.02);
        near(takes(0.0, 0.0, 70.0), 120.0);
        near(takes(0.2, 0.0, 26.4), 60.0);
        near(takes(0.2, 0.0, 60.0), 100.0);
        near(takes(0.2, 60.0, 33.6), 40.0);
        near(takes(0.2, 60.0, 40.0), 46.4);
        near(takes(0.2, 100.0, 7.0), 7.0);
        near(takes(1.0, 3.0, 7.0), 7.0);
        near(takes(0.0, 0.0, 0.0), 0.0);
    }
}
