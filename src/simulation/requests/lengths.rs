//! Lengths of time: latencies of requests, waits for a slot.
//!
//! A histogram of three significant digits (Tene's HDR histogram) beside an exact sum. Lengths of zero are only counted
//! until [`Lengths::settle`], since most waits are none.

use hdrhistogram::Histogram;

use crate::time::Span;

/// Longest latency that the histograms tell apart.
const LONGEST: Span = Span::from_secs(3_600);

/// Lengths of time, with quantiles to three digits and an exact sum.
#[derive(Clone, Debug, PartialEq)]
pub struct Lengths {
    /// The histogram, in nanoseconds.
    pub histogram: Histogram<u64>,
    /// Their sum in nanoseconds.
    pub sum_ns: u128,
    /// The longest.
    pub max: Span,
    /// Lengths of zero that are not in the histogram yet.
    zeros: u64,
}

impl Lengths {
    /// None.
    ///
    /// # Panics
    /// Never: the bounds are constants in their range.
    #[expect(clippy::new_without_default, reason = "a histogram is no small thing to come by default")]
    pub fn new() -> Self {
        let histogram = Histogram::new_with_bounds(1, LONGEST.as_nanos(), 3).expect("bounds of an hour are in range");
        Lengths { histogram, sum_ns: 0, max: Span::ZERO, zeros: 0 }
    }

    #[inline]
    pub(super) fn record(&mut self, length: Span) {
        if length.is_zero() {
            self.zeros += 1;
            return;
        }
        self.histogram.saturating_record(length.as_nanos());
        self.sum_ns += u128::from(length.as_nanos());
        self.max = self.max.max(length);
    }

    pub(super) fn reset(&mut self) {
        if !self.histogram.is_empty() {
            self.histogram.reset();
        }
        (self.sum_ns, self.max, self.zeros) = (0, Span::ZERO, 0);
    }

    /// All lengths are in the histogram.
    pub(super) fn settle(&mut self) {
        let zeros = std::mem::take(&mut self.zeros);
        if zeros > 0 {
            self.histogram.saturating_record_n(1, zeros);
        }
    }

    /// The lengths of another trial too.
    pub fn add(&mut self, other: &Lengths) {
        // the bounds are the same everywhere
        let _ = self.histogram.add(&other.histogram);
        self.sum_ns += other.sum_ns;
        self.max = self.max.max(other.max);
        self.zeros += other.zeros;
    }

    /// The quantile at `p`, in seconds.
    pub fn quantile_s(&self, p: f64) -> f64 {
        self.histogram.value_at_quantile(p) as f64 / 1e9
    }

    /// How many.
    pub fn count(&self) -> u64 {
        self.histogram.len()
    }
}
