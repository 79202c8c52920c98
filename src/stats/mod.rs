//! Placeholder of the branch `numbers`: the one type that `results` needs.

/// A figure and its interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// The figure; none where only a bound is known.
    pub estimate: Option<f64>,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// Confidence of the interval, 0 to 1.
    pub confidence: f64,
}
