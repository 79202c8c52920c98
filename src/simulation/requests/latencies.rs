//! Many lengths of time, to about one percent: what buckets of a record keep of latencies and waits.

use std::collections::BTreeMap;

use crate::time::Span;

/// Lengths of time in classes of about one percent, with exact sum and maximum.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Latencies {
    classes: BTreeMap<u32, u64>,
    count: u64,
    sum_ns: u128,
    max_ns: u64,
}

/// Binary digits of a length that its class keeps.
const DIGITS: u32 = 7;

impl Latencies {
    /// One more.
    pub fn record(&mut self, length: Span) {
        let nanos = length.as_nanos();
        *self.classes.entry(class_of(nanos)).or_default() += 1;
        self.count += 1;
        self.sum_ns += u128::from(nanos);
        self.max_ns = self.max_ns.max(nanos);
    }

    /// Those of another bucket or trial too.
    pub fn add(&mut self, other: &Latencies) {
        for (class, count) in &other.classes {
            *self.classes.entry(*class).or_default() += count;
        }
        self.count += other.count;
        self.sum_ns += other.sum_ns;
        self.max_ns = self.max_ns.max(other.max_ns);
    }

    /// The mean in seconds, if there are any.
    pub fn mean_s(&self) -> Option<f64> {
        (self.count > 0).then(|| self.sum_ns as f64 / self.count as f64 / 1e9)
    }

    /// The longest in seconds, if there are any.
    pub fn max_s(&self) -> Option<f64> {
        (self.count > 0).then_some(self.max_ns as f64 / 1e9)
    }

    /// The quantile at `share` (above 0, at most 1) in seconds: the upper end of its class, at most the longest.
    pub fn quantile_s(&self, share: f64) -> Option<f64> {
        let rank = ((share * self.count as f64).ceil() as u64).max(1);
        let mut seen = 0;
        for (class, count) in &self.classes {
            seen += count;
            if seen >= rank {
                return Some(top_of(*class).min(self.max_ns) as f64 / 1e9);
            }
        }
        None
    }
}

/// The class of a length: exact below 2^[`DIGITS`], then that many leading digits and the power of two.
const fn class_of(nanos: u64) -> u32 {
    let bits = 64 - nanos.leading_zeros();
    if bits <= DIGITS {
        return nanos as u32;
    }
    let shift = bits - DIGITS;
    (shift << DIGITS) + (nanos >> shift) as u32
}

/// The longest length in a class.
const fn top_of(class: u32) -> u64 {
    let (shift, digits) = (class >> DIGITS, (class & ((1 << DIGITS) - 1)) as u64);
    // 128-bit, since the class of the longest length ends beyond 64
    (((digits as u128 + 1) << shift) - 1) as u64
}

#[cfg(test)]
mod tests {
    use super::{Latencies, class_of, top_of};
    use crate::time::Span;

    #[test]
    fn a_class_holds_what_it_is_the_class_of_and_is_narrower_than_two_percent() {
        for nanos in [0, 1, 127, 128, 129, 1_000, 123_456_789, u64::MAX / 2, u64::MAX] {
            let top = top_of(class_of(nanos));
            assert!(top >= nanos && top as f64 <= nanos as f64 * 1.0157 + 1.0, "{nanos} in {top}");
            assert!(top == u64::MAX || class_of(top + 1) > class_of(nanos), "{nanos}");
        }
    }

    #[test]
    fn quantiles_are_those_of_the_sorted_lengths_within_a_class() {
        let mut latencies = Latencies::default();
        (1..=1_000).for_each(|millis| latencies.record(Span::from_millis(millis)));
        for (share, exact) in [(0.5, 0.5), (0.99, 0.99), (1.0, 1.0)] {
            let found = latencies.quantile_s(share).unwrap();
            assert!((exact..=exact * 1.0157).contains(&found), "{share}: {found}");
        }
        assert_eq!(latencies.mean_s(), Some(0.5005));
        assert_eq!(latencies.max_s(), Some(1.0));
        assert_eq!(Latencies::default().quantile_s(0.5), None);
    }
}
