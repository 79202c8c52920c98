//! What a node without slots lets in by its `capacity`: what it can carry now, and a second's worth of that at once.
//!
//! A rate limiter that goes by a clock of its own, which runs as fast as the node works, so that slowness and warm-up
//! lower its rate; what it may let in at once is cut to a second of the present rate whenever somebody asks. At full
//! speed its clock is that of the trial.

use super::pace::Pace;
use crate::resilience::rate_limiter::{Gcra, GcraConfig};
use crate::time::{Span, Time};

/// The allowance of one node.
#[derive(Clone, Debug)]
pub struct Allowance {
    limiter: Gcra,
    /// A second.
    rate: f64,
    /// Until when its own clock has been followed, and how far that had run then.
    followed: (Time, Time),
}

impl Allowance {
    /// So many a second at full speed: the fluid that carries `capacity` averages over a second, too.
    pub fn new(rate: f64) -> Option<Self> {
        let period = Span::from_secs_f64(1.0 / rate).max(Span::from_nanos(1));
        let limiter = Gcra::new(GcraConfig { period, burst: burst(rate) }).ok()?;
        Some(Allowance { limiter, rate, followed: (Time::ZERO, Time::ZERO) })
    }

    /// The node is about to work at another pace than this.
    pub fn follow(&mut self, now: Time, pace: &Pace) {
        self.followed = (now, self.own_clock(now, pace));
    }

    fn own_clock(&self, now: Time, pace: &Pace) -> Time {
        let (at, own) = self.followed;
        own + pace.at_full_speed(at, now)
    }

    /// So many may come at once.
    pub fn available(&self, now: Time, pace: &Pace) -> u32 {
        self.limiter.available(self.own_clock(now, pace)).min(burst(self.rate * pace.speed(now)))
    }

    /// Lets one in, or not.
    pub fn takes(&mut self, now: Time, pace: &Pace) -> bool {
        self.follow(now, pace);
        let own = self.followed.1;
        let excess = self.limiter.available(own).saturating_sub(burst(self.rate * pace.speed(now)));
        let let_go = excess == 0 || self.limiter.acquire(own, excess).is_ok();
        let_go && self.limiter.acquire(own, 1).is_ok()
    }
}

fn burst(rate: f64) -> u32 {
    rate.ceil().clamp(1.0, 1e9) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Time {
        Time::ZERO + Span::from_millis(millis)
    }

    fn taken(allowance: &mut Allowance, pace: &Pace, millis: std::ops::Range<u64>) -> usize {
        millis.filter(|&millis| allowance.takes(at(millis), pace)).count()
    }

    #[test]
    fn a_slow_node_lets_in_a_second_of_what_it_carries_and_then_so_many_a_second() {
        let slow = Pace::slowed_by(4.0);
        let mut allowance = Allowance::new(100.0).expect("a rate");
        assert_eq!(taken(&mut allowance, &Pace::FULL, 0..1), 1);
        allowance.follow(at(1), &Pace::FULL);
        assert_eq!(allowance.available(at(1), &slow), 25);
        // 25 at once, one each 40 ms, and part of one that was left when the rest was cut
        let all = taken(&mut allowance, &slow, 1..10_001);
        assert!((25 + 250..=25 + 251).contains(&all), "{all}");
        // at full speed again it fills up within a second
        allowance.follow(at(10_001), &slow);
        assert_eq!(allowance.available(at(10_001), &Pace::FULL), 0);
        assert_eq!(allowance.available(at(10_501), &Pace::FULL), 50);
        assert_eq!(allowance.available(at(12_000), &Pace::FULL), 100);
    }
}
