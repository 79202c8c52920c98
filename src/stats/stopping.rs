//! When enough trials have been run.
//!
//! Trials come in batches whose ends are fixed numbers, growing by half: whether to stop is asked at these ends only,
//! so the answer, and with it every digit of the result, does not depend on how many threads there are or how fast
//! they run. Few looks also keep the known bias of stopping by the interval itself small: looking after every trial
//! stops at lucky moments and covers too little (Glynn and Whitt, Annals of Applied Probability 2, 1992).

use crate::stats::Estimate;

/// Trials in the first batch.
const FIRST: u64 = 100;

/// Numbers of trials after which to look, ascending; the last is `ceiling`.
///
/// Batches of 100, 150, 225, ..: the ends are 100, 250, 475, .. A last batch shorter than its predecessor is merged
/// into that one. Without a ceiling above zero there is no batch.
pub fn batch_ends(ceiling: u64) -> Vec<u64> {
    let mut ends = Vec::new();
    let (mut end, mut size) = (0_u64, FIRST);
    while end < ceiling {
        end = if ceiling - end < size.saturating_mul(2) { ceiling } else { end + size };
        size += size / 2;
        ends.push(end);
    }
    ends
}

/// Is the interval narrow enough: half its width at most `until` times the estimate?
///
/// Never of an estimate of zero or without both bounds: that nothing was seen is no precision.
pub fn should_stop(estimate: &Estimate, until: f64) -> bool {
    estimate.relative_half_width().is_some_and(|width| width <= until)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_are_fixed_and_grow_by_half() {
        assert_eq!(batch_ends(1_500), [100, 250, 475, 812, 1_500]);
        assert_eq!(batch_ends(100), [100]);
        assert_eq!(batch_ends(3), [3]);
        assert_eq!(batch_ends(0), [0_u64; 0]);
        assert_eq!(batch_ends(u64::MAX).last(), Some(&u64::MAX));
    }

    #[test]
    fn a_higher_ceiling_keeps_the_earlier_looks() {
        let (short, long) = (batch_ends(10_000), batch_ends(1_000_000));
        assert_eq!(short[..short.len() - 2], long[..short.len() - 2]);
        assert!(long.windows(2).all(|pair| pair[0] < pair[1]));
    }

    #[test]
    fn stops_when_narrow_and_not_when_blind() {
        assert!(should_stop(&Estimate::around(2.0, 0.09, 0.95), 0.05));
        assert!(!should_stop(&Estimate::around(2.0, 0.11, 0.95), 0.05));
        assert!(should_stop(&Estimate::exact(2.0), 0.05));
        assert!(!should_stop(&Estimate::exact(0.0), 0.05));
        assert!(!should_stop(&Estimate::unknown(0.95), 0.05));
    }
}
