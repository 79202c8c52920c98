//! Lengths of time, many of them: how long requests took, how long they waited.
//!
//! Quantiles come from a histogram of three significant digits (Tene's HDR histogram), the mean from an exact sum. A trial
//! counts by place of the histogram, aside, and puts the counts into it once: that is a third of the work.

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
    /// Lengths that are not in the histogram yet, by their place there; of no length, whoever does not count.
    counts: Vec<u32>,
    /// Lengths of zero that are not in the histogram yet.
    zeros: u64,
}

/// Binary digits of a length that its place in a histogram of three decimal ones keeps, but for the first.
const DIGITS: u32 = 10;

/// The place of a length, which is not zero: all lengths below 2^11 have their own, then there are 2^10 to a power of two.
#[inline]
const fn place_of(nanos: u64) -> usize {
    let shift = (nanos | ((2 << DIGITS) - 1)).ilog2() - DIGITS;
    ((shift as usize) << DIGITS) + (nanos >> shift) as usize
}

/// The shortest length with this place.
const fn length_at(place: usize) -> u64 {
    let shift = (place >> DIGITS).saturating_sub(1);
    ((place - (shift << DIGITS)) as u64) << shift
}

impl Lengths {
    /// None.
    ///
    /// # Panics
    /// Never: the bounds are constants in their range.
    #[expect(clippy::new_without_default, reason = "a histogram is no small thing to come by default")]
    pub fn new() -> Self {
        let histogram = Histogram::new_with_bounds(1, LONGEST.as_nanos(), 3).expect("bounds of an hour are in range");
        Lengths { histogram, sum_ns: 0, max: Span::ZERO, counts: Vec::new(), zeros: 0 }
    }

    /// None, of a trial that will count many.
    pub(super) fn counting() -> Self {
        Lengths { counts: vec![0; place_of(LONGEST.as_nanos()) + 1], ..Lengths::new() }
    }

    /// One more.
    #[inline]
    pub(super) fn record(&mut self, length: Span) {
        if length.is_zero() {
            self.zeros += 1;
            return;
        }
        match self.counts.get_mut(place_of(length.as_nanos())) {
            Some(count) if *count < u32::MAX => *count += 1,
            Some(_) | None => self.histogram.saturating_record(length.as_nanos()),
        }
        self.sum_ns += u128::from(length.as_nanos());
        self.max = self.max.max(length);
    }

    /// None again; keeps the memory.
    pub(super) fn reset(&mut self) {
        if !self.histogram.is_empty() {
            self.histogram.reset();
        }
        self.counts.fill(0);
        (self.sum_ns, self.max, self.zeros) = (0, Span::ZERO, 0);
    }

    /// All lengths are in the histogram.
    pub(super) fn settle(&mut self) {
        for (place, count) in self.counts.iter_mut().enumerate().filter(|(_, count)| **count > 0) {
            self.histogram.saturating_record_n(length_at(place), u64::from(std::mem::take(count)));
        }
        let zeros = std::mem::take(&mut self.zeros);
        if zeros > 0 {
            self.histogram.saturating_record_n(1, zeros);
        }
    }

    /// A copy to keep, without the room for counts; all must be [settled](Self::settle).
    pub(super) fn told(&mut self) -> Lengths {
        let counts = std::mem::take(&mut self.counts);
        let told = self.clone();
        self.counts = counts;
        told
    }

    /// The lengths of another trial too, which has put all that it counted into its histogram.
    pub fn add(&mut self, other: &Lengths) {
        // the bounds are the same everywhere
        let _ = self.histogram.add(&other.histogram);
        self.sum_ns += other.sum_ns;
        self.max = self.max.max(other.max);
        self.zeros += other.zeros;
    }

    /// The quantile at `p`, in seconds; lengths of nothing stand in the lowest bucket.
    pub fn quantile_s(&self, p: f64) -> f64 {
        match self.histogram.value_at_quantile(p) {
            0 | 1 => 0.0,
            length => length as f64 / 1e9,
        }
    }

    /// How many.
    pub fn count(&self) -> u64 {
        self.histogram.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn who_counts_has_the_histogram_of_who_records(
            lengths in prop::collection::vec((0_u32..43, any::<u64>()), 0..200),
            p in 0.0_f64..=1.0,
        ) {
            let (mut counting, mut recording) = (Lengths::counting(), Lengths::new());
            for (bits, random) in lengths {
                let length = Span::from_nanos(random & ((1 << bits) - 1));
                counting.record(length);
                recording.record(length);
            }
            counting.settle();
            recording.settle();
            let told = counting.told();
            prop_assert_eq!(told.quantile_s(p).to_bits(), recording.quantile_s(p).to_bits());
            prop_assert_eq!((told.count(), told.sum_ns, told.max), (recording.count(), recording.sum_ns, recording.max));
            let counts = |lengths: &Lengths| -> Vec<(u64, u64)> {
                lengths.histogram.iter_recorded().map(|entry| (entry.value_iterated_to(), entry.count_at_value())).collect()
            };
            prop_assert_eq!(counts(&told), counts(&recording));
            counting.reset();
            prop_assert_eq!(counting.told().count(), 0);
        }

        #[test]
        fn a_place_begins_at_its_shortest_length(nanos in 1_u64..=LONGEST.as_nanos()) {
            let place = place_of(nanos);
            prop_assert!(length_at(place) <= nanos && nanos < length_at(place + 1));
            prop_assert_eq!(place_of(length_at(place)), place);
        }
    }
}
