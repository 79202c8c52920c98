//! A quantile of latencies as they stream by, from finished and from censored samples.
//!
//! A cancelled attempt tells only that it would have taken longer than it ran. Leaving such samples out makes the
//! quantile too small, taking them at face value as well; so it is the estimate of Kaplan and Meier (1958): survival
//! S(t) = product over the buckets up to t of (1 - finished / at risk), and quantile q is where S falls to 1 - q.
//!
//! 16 buckets an octave from 1 us to 275 s, so an answer is at most 1/16 too large. Old samples fade: all counts are
//! halved when `capacity` is reached. The answer is computed anew at every 64th sample, which costs a walk over the
//! buckets; asking is free.

use crate::resilience::config_error::{ConfigError, require};
use crate::time::Span;

const OCTAVES: usize = 28;
const PER_OCTAVE: usize = 16;
const BUCKETS: usize = OCTAVES * PER_OCTAVE;
const LEAST_EXPONENT: u32 = 10;
const REFRESH: u32 = 64;

/// Counts of latencies with one quantile kept up to date.
#[derive(Clone, Debug, PartialEq)]
pub struct LatencyHistogram {
    finished: Vec<u32>,
    censored: Vec<u32>,
    total: u32,
    since_refresh: u32,
    quantile_basis_points: u32,
    min_samples: u32,
    capacity: u32,
    answer: Option<Span>,
}

impl LatencyHistogram {
    /// Keeps this quantile (0 to 10 000 basis points, exclusive) of about the last `capacity` samples; there is no
    /// answer before `min_samples`.
    ///
    /// # Errors
    /// Names the argument out of its range.
    pub fn new(quantile_basis_points: u32, min_samples: u32, capacity: u32) -> Result<Self, ConfigError> {
        let within = quantile_basis_points > 0 && quantile_basis_points < 10_000;
        require(within, "quantile", "must be between 0 and 10000 basis points")?;
        require(min_samples >= 1, "min_samples", "must be at least 1")?;
        require(capacity / 2 >= min_samples, "capacity", "must be at least twice `min_samples`")?;
        Ok(LatencyHistogram {
            finished: vec![0; BUCKETS],
            censored: vec![0; BUCKETS],
            total: 0,
            since_refresh: 0,
            quantile_basis_points,
            min_samples,
            capacity,
            answer: None,
        })
    }

    /// An attempt took so long.
    #[inline]
    pub fn record(&mut self, latency: Span) {
        self.finished[bucket(latency)] += 1;
        self.counted();
    }

    /// An attempt was cancelled after so long.
    #[inline]
    pub fn record_censored(&mut self, elapsed: Span) {
        self.censored[bucket(elapsed)] += 1;
        self.counted();
    }

    /// The quantile; none before `min_samples`, or when everything was cancelled.
    #[inline]
    pub const fn quantile(&self) -> Option<Span> {
        self.answer
    }

    #[inline]
    fn counted(&mut self) {
        self.total += 1;
        self.since_refresh += 1;
        if self.since_refresh >= REFRESH || self.total == self.min_samples {
            self.refresh();
        }
    }

    fn refresh(&mut self) {
        self.since_refresh = 0;
        if self.total >= self.capacity {
            self.fade();
        }
        if self.total >= self.min_samples {
            self.answer = self.kaplan_meier();
        }
    }

    fn fade(&mut self) {
        for count in self.finished.iter_mut().chain(&mut self.censored) {
            *count /= 2;
        }
        self.total = self.finished.iter().chain(&self.censored).sum();
    }

    /// The upper edge of the bucket in which survival falls to 1 - q; if censoring hides it, that of the last finish.
    fn kaplan_meier(&self) -> Option<Span> {
        let wanted = 1.0 - f64::from(self.quantile_basis_points) / 10_000.0;
        let (mut survival, mut at_risk, mut last) = (1.0, self.total, None);
        for (index, (&finished, &censored)) in self.finished.iter().zip(&self.censored).enumerate() {
            if finished > 0 {
                survival *= 1.0 - f64::from(finished) / f64::from(at_risk);
                last = Some(upper_edge(index));
                if survival <= wanted + 1e-12 {
                    return last;
                }
            }
            at_risk -= finished + censored;
        }
        last
    }
}

/// The bucket of a latency: its octave and the next four bits. What is too short or too long goes to the ends.
#[inline]
fn bucket(latency: Span) -> usize {
    let nanos = latency.as_nanos().max(1 << LEAST_EXPONENT);
    let exponent = nanos.ilog2();
    let index = (exponent - LEAST_EXPONENT) as usize * PER_OCTAVE + ((nanos >> (exponent - 4)) & 15) as usize;
    index.min(BUCKETS - 1)
}

/// The first instant after bucket `index`.
fn upper_edge(index: usize) -> Span {
    let (octave, part) = (index / PER_OCTAVE, index % PER_OCTAVE + 1);
    Span::from_nanos((16 + part as u64) << (octave as u32 + LEAST_EXPONENT - 4))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{prop_assert, proptest};
    use rand::{RngExt, SeedableRng};
    use rand_xoshiro::Xoshiro256PlusPlus;

    use super::{LatencyHistogram, bucket, upper_edge};
    use crate::time::Span;

    /// Exponential with mean 10 ms.
    fn draw(rng: &mut Xoshiro256PlusPlus) -> Span {
        let uniform: f64 = rng.random();
        Span::from_nanos_f64(-1e7 * libm::log(1.0 - uniform))
    }

    /// p95 of that law is 10 ms ln 20 = 29.957 ms. The standard error of a quantile of n samples is
    /// sqrt(q (1-q) / n) / f(x) = sqrt(0.0475 / n) x 10 ms / 0.05; buckets add up to 1/16.
    fn check(found: Option<Span>, samples: f64) {
        let (found, exact) = (found.unwrap().as_secs_f64(), 0.01 * libm::log(20.0));
        let error = 4.0 * (0.0475 / samples).sqrt() * 0.01 / 0.05;
        assert!(found >= exact - error && found <= (exact + error) * (1.0 + 1.0 / 16.0), "{found} for {exact}");
    }

    #[test]
    fn the_quantile_is_that_of_the_law() {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(11);
        let mut histogram = LatencyHistogram::new(9_500, 100, 40_000).unwrap();
        for _ in 0..32_000 {
            histogram.record(draw(&mut rng));
        }
        check(histogram.quantile(), 32_000.0);
    }

    #[test]
    fn cancelled_losers_do_not_bias_the_quantile() {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(12);
        let mut histogram = LatencyHistogram::new(9_500, 100, 80_000).unwrap();
        for _ in 0..64_000 {
            // each attempt races an equal one and is cancelled when that wins: the finished ones alone have half the mean
            let (latency, rival) = (draw(&mut rng), draw(&mut rng));
            if latency < rival { histogram.record(latency) } else { histogram.record_censored(rival) }
        }
        // censoring at the same rate as finishing leaves S(t) of the 64 000 at risk, 1/20 at p95 (Greenwood): the error
        // is that of about 64 000 / 20 samples at the end
        check(histogram.quantile(), 3_200.0);
    }

    #[test]
    fn there_is_no_answer_before_enough_samples() {
        let mut histogram = LatencyHistogram::new(9_500, 10, 100).unwrap();
        for _ in 0..9 {
            histogram.record(Span::MILLISECOND);
        }
        assert_eq!(histogram.quantile(), None);
        histogram.record(Span::MILLISECOND);
        assert!(histogram.quantile().is_some());
    }

    #[test]
    fn old_samples_fade() {
        let mut histogram = LatencyHistogram::new(5_000, 10, 1_000).unwrap();
        for _ in 0..10_000 {
            histogram.record(Span::SECOND);
        }
        for _ in 0..1_500 {
            histogram.record(Span::MILLISECOND);
        }
        assert!(histogram.quantile().unwrap() < Span::from_millis(2));
    }

    proptest! {
        #[test]
        fn a_latency_lies_below_the_edge_of_its_bucket_by_at_most_a_sixteenth(nanos in 1_024_u64..274_877_906_944) {
            let edge = upper_edge(bucket(Span::from_nanos(nanos))).as_nanos();
            prop_assert!(nanos < edge && edge - nanos <= nanos / 16 + 1);
        }
    }
}
