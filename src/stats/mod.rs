//! A small library of statistics on plain numbers: moments, intervals, quantiles, when to stop.
//!
//! Everything here is a pure function or a plain accumulator; nothing knows trials of what, nothing draws, nothing
//! prints. Every answer is an [`Estimate`]: never not-a-number, and honest where the data say nothing, by a missing
//! bound instead of a large one. All intervals are two-sided with equal tails unless their name says otherwise.

pub mod interval;
pub mod moments;
pub mod quantile;
mod special;
pub mod stopping;

/// A figure with its interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// The best single value; absent if the data give none.
    pub estimate: Option<f64>,
    /// Lower end of the interval; absent if the data bound it by nothing.
    pub low: Option<f64>,
    /// Upper end of the interval; absent if the data bound it by nothing.
    pub high: Option<f64>,
    /// Chance that an interval made this way covers the true value, above 0 and below 1; 1 of an exact value.
    pub confidence: f64,
}

impl Estimate {
    /// A value that is known, not estimated.
    pub fn exact(value: f64) -> Estimate {
        Estimate { estimate: finite(value), low: finite(value), high: finite(value), confidence: 1.0 }
    }

    /// Nothing is known.
    pub fn unknown(confidence: f64) -> Estimate {
        Estimate { estimate: None, low: None, high: None, confidence }
    }

    /// `estimate` -+ `half_width`; without bounds if that is not finite.
    pub fn around(estimate: f64, half_width: f64, confidence: f64) -> Estimate {
        Estimate::between(estimate, estimate - half_width, estimate + half_width, confidence)
    }

    /// `estimate` between `low` and `high`, each absent unless finite.
    pub fn between(estimate: f64, low: f64, high: f64, confidence: f64) -> Estimate {
        Estimate { estimate: finite(estimate), low: finite(low), high: finite(high), confidence }
    }

    /// The same cut to where the figure can lie, such as 0 to 1.
    pub fn clamped(self, least: f64, most: f64) -> Estimate {
        let cut = |value: f64| value.max(least).min(most);
        Estimate { estimate: self.estimate.map(cut), low: self.low.map(cut), high: self.high.map(cut), ..self }
    }

    /// The same in another unit: all values times `factor`; below zero the bounds change sides.
    pub fn scaled(self, factor: f64) -> Estimate {
        let scale = |value: f64| value * factor;
        let (low, high) = if factor < 0.0 { (self.high, self.low) } else { (self.low, self.high) };
        Estimate { estimate: self.estimate.map(scale), low: low.map(scale), high: high.map(scale), ..self }
    }

    /// Half the length of the interval.
    pub fn half_width(&self) -> Option<f64> {
        Some((self.high? - self.low?) / 2.0)
    }

    /// Half the length of the interval over the size of the estimate; absent for an estimate of zero.
    pub fn relative_half_width(&self) -> Option<f64> {
        finite(self.half_width()? / self.estimate?.abs())
    }

    /// Does the interval hold `value`? A missing bound excludes nothing.
    pub fn covers(&self, value: f64) -> bool {
        self.low.is_none_or(|low| low <= value) && self.high.is_none_or(|high| value <= high)
    }
}

fn finite(value: f64) -> Option<f64> {
    value.is_finite().then_some(value)
}

/// The confidence as a number that the formulas survive: above 0, below 1.
fn sane(confidence: f64) -> f64 {
    if confidence.is_nan() { 0.95 } else { confidence.clamp(1e-12, 1.0 - 1e-12) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_finite_is_absent() {
        let estimate = Estimate::around(1.0, f64::NAN, 0.95);
        assert_eq!(estimate, Estimate { estimate: Some(1.0), low: None, high: None, confidence: 0.95 });
        assert_eq!(Estimate::exact(f64::INFINITY).estimate, None);
        assert!(Estimate::unknown(0.9).covers(7.0));
    }

    #[test]
    fn width_is_relative_to_the_estimate() {
        let estimate = Estimate::around(-4.0, 1.0, 0.95);
        assert_eq!(estimate.half_width(), Some(1.0));
        assert_eq!(estimate.relative_half_width(), Some(0.25));
        assert_eq!(Estimate::around(0.0, 1.0, 0.95).relative_half_width(), None);
        assert_eq!(Estimate::exact(0.0).relative_half_width(), None);
        assert_eq!(Estimate::exact(3.0).relative_half_width(), Some(0.0));
    }

    #[test]
    fn cutting_and_scaling_act_on_all_values() {
        let estimate = Estimate::around(0.5, 1.0, 0.95).clamped(0.0, 1.0).scaled(100.0);
        assert_eq!(estimate, Estimate { estimate: Some(50.0), low: Some(0.0), high: Some(100.0), confidence: 0.95 });
        let turned = Estimate::between(2.0, 1.0, 4.0, 0.95).scaled(-1.0);
        assert_eq!(turned, Estimate::between(-2.0, -4.0, -1.0, 0.95));
    }
}
