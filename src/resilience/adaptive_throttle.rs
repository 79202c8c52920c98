//! Client-side throttling: a caller that sees much of its work refused stops sending a share of it.
//!
//! An overloaded callee spends its time on refusing. So each caller counts over a trailing window what it wanted to
//! send and what was accepted, and rejects by itself with probability
//! p = max(0, (requests - K x accepts) / (requests + 1))   (Site Reliability Engineering, O'Reilly 2016, ch. 21).
//! `requests` counts at the attempt and also what was rejected here; otherwise p would oscillate. p is capped, so that
//! some probes always get through and recovery is seen.
//!
//! By the formula a window with few requests is jumpy: after one request that is not yet answered p is 1/2. So a
//! throttle belongs on busy edges, not on an idle client's first two calls.
//!
//! The draw is compared in integers. A throttle has no states, hence no transitions; keep one per criticality, with
//! its own K and window (an array indexed by [`Criticality::index`](crate::resilience::load_shedding::Criticality)).

use crate::resilience::config_error::{ConfigError, require};
use crate::time::{Span, Time};

/// Parameters of a throttle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ThrottleConfig {
    /// K in thousandths; at least 1000; default 2000: half the requests may be refused before throttling begins.
    pub k_thousandths: u32,
    /// Length of the trailing window; default 2 min.
    pub window: Span,
    /// Buckets of the window, which slides by one bucket at a time; 1 to 10 000; default 60.
    pub buckets: u32,
    /// No more than this share is rejected, in basis points; 0 to 10 000; default 9000.
    pub max_rejection: u32,
}

impl Default for ThrottleConfig {
    fn default() -> Self {
        ThrottleConfig { k_thousandths: 2_000, window: Span::from_secs(120), buckets: 60, max_rejection: 9_000 }
    }
}

impl ThrottleConfig {
    /// # Errors
    /// Names the first field out of its range.
    pub fn check(&self) -> Result<(), ConfigError> {
        require(self.k_thousandths >= 1_000, "k_thousandths", "must be at least 1000")?;
        require(self.buckets >= 1 && self.buckets <= 10_000, "buckets", "must be from 1 to 10000")?;
        require(self.window.as_nanos() >= u64::from(self.buckets), "window", "must be at least 1 ns a bucket")?;
        require(self.max_rejection <= 10_000, "max_rejection", "must be at most 10000 basis points")
    }
}

/// A probability as an exact fraction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fraction {
    /// Numerator.
    pub of: u128,
    /// Denominator, > 0.
    pub whole: u128,
}

/// The probability of rejection by the formula of the book, before the cap.
#[inline]
pub fn rejection_probability(requests: u64, accepts: u64, k_thousandths: u32) -> Fraction {
    let wanted = u128::from(requests) * 1_000;
    let tolerated = u128::from(accepts) * u128::from(k_thousandths);
    Fraction { of: wanted.saturating_sub(tolerated), whole: (u128::from(requests) + 1) * 1_000 }
}

/// What a throttle decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ThrottleDecision {
    /// Send it, and report acceptance.
    Proceed,
    /// Fail it here without sending.
    Reject,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Counts {
    requests: u64,
    accepts: u64,
}

/// Counts of one caller towards one callee (and one criticality).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdaptiveThrottle {
    config: ThrottleConfig,
    width: u64,
    buckets: Vec<Counts>,
    total: Counts,
    /// Absolute number of the current bucket: floor(now / width).
    current: u64,
    /// First instant after the current bucket.
    bucket_end: Time,
}

impl AdaptiveThrottle {
    /// # Errors
    /// Names the first field of `config` out of its range.
    pub fn new(config: ThrottleConfig) -> Result<Self, ConfigError> {
        config.check()?;
        let width = config.window.as_nanos() / u64::from(config.buckets);
        let buckets = vec![Counts::default(); config.buckets as usize];
        let bucket_end = Time::from_nanos(width);
        Ok(AdaptiveThrottle { config, width, buckets, total: Counts::default(), current: 0, bucket_end })
    }

    /// A request wants out; `draw` is uniform over all of u64. Counts it, whatever the decision.
    #[inline]
    pub fn attempt(&mut self, now: Time, draw: u64) -> ThrottleDecision {
        self.advance(now);
        let decision = if self.rejects(draw) { ThrottleDecision::Reject } else { ThrottleDecision::Proceed };
        self.total.requests += 1;
        self.bucket().requests += 1;
        decision
    }

    /// The callee took a request on: any answer but "overloaded", good or bad. Timeouts and refused connections are
    /// not acceptance.
    #[inline]
    pub fn accepted(&mut self, now: Time) {
        self.advance(now);
        self.total.accepts += 1;
        self.bucket().accepts += 1;
    }

    /// (requests, accepts) within the window that ends with the bucket of `now`.
    pub fn counts(&mut self, now: Time) -> (u64, u64) {
        self.advance(now);
        (self.total.requests, self.total.accepts)
    }

    /// The probability of rejection with its cap, as of the last operation.
    pub fn probability(&self) -> Fraction {
        let raw = rejection_probability(self.total.requests, self.total.accepts, self.config.k_thousandths);
        let cap = Fraction { of: u128::from(self.config.max_rejection), whole: 10_000 };
        if raw.of * cap.whole > cap.of * raw.whole { cap } else { raw }
    }

    /// Is draw / 2^64 < p? Exact for up to 2^53 requests.
    #[inline]
    fn rejects(&self, draw: u64) -> bool {
        if self.total.requests * 1_000 <= self.total.accepts * u64::from(self.config.k_thousandths) {
            return false;
        }
        let p = self.probability();
        u128::from(draw) * p.whole < p.of << 64
    }

    #[inline]
    fn bucket(&mut self) -> &mut Counts {
        let slot = (self.current % self.buckets.len() as u64) as usize;
        &mut self.buckets[slot]
    }

    #[inline]
    fn advance(&mut self, now: Time) {
        if now >= self.bucket_end {
            self.slide(now.as_nanos() / self.width);
        }
    }

    /// Empties the buckets that have left the window; a gap of a window or more empties all.
    fn slide(&mut self, to: u64) {
        let gone = (to - self.current).min(self.buckets.len() as u64);
        for bucket in (to - gone + 1)..=to {
            let slot = (bucket % self.buckets.len() as u64) as usize;
            let old = std::mem::take(&mut self.buckets[slot]);
            self.total.requests -= old.requests;
            self.total.accepts -= old.accepts;
        }
        self.current = to;
        self.bucket_end = Time::from_nanos(self.width.saturating_mul(to.saturating_add(1)));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop, proptest};
    use rand::{Rng, SeedableRng};
    use rand_xoshiro::Xoshiro256PlusPlus;

    use super::{AdaptiveThrottle, Fraction, ThrottleConfig, ThrottleDecision, rejection_probability};
    use crate::time::{Span, Time};

    fn at(secs: u64) -> Time {
        Time::ZERO + Span::from_secs(secs)
    }

    fn throttle() -> AdaptiveThrottle {
        AdaptiveThrottle::new(ThrottleConfig::default()).unwrap()
    }

    #[test]
    fn requests_count_when_attempted_also_when_rejected_here() {
        let mut throttle = throttle();
        assert_eq!(throttle.attempt(at(0), u64::MAX), ThrottleDecision::Proceed);
        // now p = 1/2: the draw 0 is rejected, and counted all the same
        assert_eq!(throttle.attempt(at(0), 0), ThrottleDecision::Reject);
        assert_eq!(throttle.counts(at(0)), (2, 0));
        assert_eq!(throttle.probability(), Fraction { of: 2_000, whole: 3_000 });
    }

    #[test]
    fn half_refused_is_still_tolerated_with_k_two() {
        assert_eq!(rejection_probability(20, 10, 2_000).of, 0);
        assert_eq!(rejection_probability(21, 10, 2_000), Fraction { of: 1_000, whole: 22_000 });
    }

    #[test]
    fn the_draw_is_compared_exactly() {
        let mut one = throttle();
        one.attempt(at(0), u64::MAX);
        // p = 1/2 exactly: the draws below 2^63 are rejected
        assert_eq!(one.clone().attempt(at(0), (1 << 63) - 1), ThrottleDecision::Reject);
        assert_eq!(one.attempt(at(0), 1 << 63), ThrottleDecision::Proceed);
    }

    #[test]
    fn the_window_slides_and_a_gap_clears_it() {
        let mut throttle = throttle();
        throttle.attempt(at(1), 0);
        throttle.attempt(at(3), u64::MAX);
        assert_eq!(throttle.counts(at(119)), (2, 0));
        assert_eq!(throttle.counts(at(120)), (1, 0));
        assert_eq!(throttle.counts(at(100)), (1, 0), "time does not run back");
        assert_eq!(throttle.counts(at(122)), (0, 0));
        throttle.attempt(at(123), 0);
        assert_eq!(throttle.counts(Time::NEVER), (0, 0));
    }

    #[test]
    fn probes_pass_for_ever_so_that_it_recovers() {
        let mut throttle = throttle();
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(3);
        let mut sent = 0_u64;
        for _ in 0..100_000 {
            sent += u64::from(throttle.attempt(at(0), rng.next_u64()) == ThrottleDecision::Proceed);
        }
        // at the cap 10 % pass: binomial with standard error 95; the start, before the cap, adds about 10
        assert!(sent.abs_diff(10_000) < 4 * 95 + 20, "{sent} of 100000 sent");
        for _ in 0..50_000 {
            throttle.accepted(at(60));
        }
        assert_eq!(throttle.attempt(at(60), 0), ThrottleDecision::Proceed);
    }

    proptest! {
        #[test]
        fn the_ring_agrees_with_a_list_of_all_events(
            events in prop::collection::vec((0_u64..40, any::<bool>()), 1..200),
        ) {
            let config = ThrottleConfig { window: Span::from_secs(50), buckets: 5, ..ThrottleConfig::default() };
            let mut throttle = AdaptiveThrottle::new(config).unwrap();
            let (mut now, mut all) = (0, Vec::new());
            for (gap, accept) in events {
                now += gap;
                if accept { throttle.accepted(at(now)) } else { throttle.attempt(at(now), u64::MAX); }
                all.push((now, accept));
                let within = |&&(then, _): &&(u64, bool)| now / 10 - then / 10 < 5;
                let accepts = all.iter().filter(within).filter(|event| event.1).count() as u64;
                let requests = all.iter().filter(within).count() as u64 - accepts;
                assert_eq!(throttle.counts(at(now)), (requests, accepts));
            }
        }
    }
}
