//! Running mean and variance of one figure, and of two figures measured together.
//!
//! One pass, no cancellation: values are added by Welford's method and accumulators merged by Chan's (Chan, Golub and
//! Leveque, "Algorithms for computing the sample variance", American Statistician 37, 1983). Merging is not exactly
//! associative, so merge in a fixed order. What needs more values than there are is absent.

/// Count, mean and spread of the values seen.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Moments {
    count: u64,
    mean: f64,
    /// Sum of squared distances from the mean.
    squares: f64,
}

impl Moments {
    /// Adds a value.
    pub fn push(&mut self, value: f64) {
        self.count += 1;
        let before = value - self.mean;
        self.mean += before / self.count as f64;
        self.squares += before * (value - self.mean);
    }

    /// Adds the same value `times` times.
    pub fn push_many(&mut self, value: f64, times: u64) {
        self.merge(&Moments { count: times, mean: value, squares: 0.0 });
    }

    /// Adds all values of `other`.
    pub fn merge(&mut self, other: &Moments) {
        if other.count == 0 {
            return;
        }
        if self.count == 0 {
            *self = *other;
            return;
        }
        let (here, there) = (self.count as f64, other.count as f64);
        let apart = other.mean - self.mean;
        self.mean += apart * (there / (here + there));
        self.squares += other.squares + apart * apart * (here * there / (here + there));
        self.count += other.count;
    }

    /// How many values.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Their mean; absent without values.
    pub fn mean(&self) -> Option<f64> {
        (self.count > 0).then_some(self.mean)
    }

    /// Their sample variance, divisor n - 1; absent below two values.
    pub fn variance(&self) -> Option<f64> {
        (self.count > 1).then(|| self.squares.max(0.0) / (self.count - 1) as f64)
    }

    /// Their sample standard deviation; absent below two values.
    pub fn sd(&self) -> Option<f64> {
        self.variance().map(f64::sqrt)
    }

    /// The standard error of the mean of independent values; absent below two.
    pub fn standard_error(&self) -> Option<f64> {
        self.variance().map(|variance| (variance / self.count as f64).sqrt())
    }
}

impl FromIterator<f64> for Moments {
    fn from_iter<I: IntoIterator<Item = f64>>(values: I) -> Moments {
        let mut moments = Moments::default();
        values.into_iter().for_each(|value| moments.push(value));
        moments
    }
}

/// Moments of two figures of the same trials, with their covariance.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct PairMoments {
    x: Moments,
    y: Moments,
    /// Sum of products of the distances from the two means.
    products: f64,
}

impl PairMoments {
    /// Adds the two figures of one trial.
    pub fn push(&mut self, x: f64, y: f64) {
        let before = x - self.x.mean;
        self.x.push(x);
        self.y.push(y);
        self.products += before * (y - self.y.mean);
    }

    /// Adds all pairs of `other`.
    pub fn merge(&mut self, other: &PairMoments) {
        if self.x.count > 0 && other.x.count > 0 {
            let (here, there) = (self.x.count as f64, other.x.count as f64);
            let apart = (other.x.mean - self.x.mean) * (other.y.mean - self.y.mean);
            self.products += apart * (here * there / (here + there));
        }
        self.products += other.products;
        self.x.merge(&other.x);
        self.y.merge(&other.y);
    }

    /// Adds the pair (0, 0) `times` times.
    pub fn push_zeros(&mut self, times: u64) {
        let zeros = Moments { count: times, mean: 0.0, squares: 0.0 };
        self.merge(&PairMoments { x: zeros, y: zeros, products: 0.0 });
    }

    /// How many pairs.
    pub fn count(&self) -> u64 {
        self.x.count
    }

    /// The first figure.
    pub fn x(&self) -> &Moments {
        &self.x
    }

    /// The second figure.
    pub fn y(&self) -> &Moments {
        &self.y
    }

    /// Sample covariance, divisor n - 1; absent below two pairs.
    pub fn covariance(&self) -> Option<f64> {
        (self.x.count > 1).then(|| self.products / (self.x.count - 1) as f64)
    }

    /// Sample variance of y - `slope` x; absent below two pairs.
    ///
    /// The variance of the residual of a ratio (`slope` = the ratio). For a paired difference take the moments of the
    /// differences themselves: equal figures then differ by exactly nothing.
    pub fn variance_of_residual(&self, slope: f64) -> Option<f64> {
        let (x, y) = (self.x.variance()?, self.y.variance()?);
        Some((y - 2.0 * slope * self.covariance()? + slope * slope * x).max(0.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_sample() {
        let moments: Moments = [2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0].into_iter().collect();
        assert_eq!((moments.count(), moments.mean(), moments.variance()), (8, Some(5.0), Some(32.0 / 7.0)));
        assert_eq!(moments.standard_error(), Some((32.0_f64 / 7.0 / 8.0).sqrt()));
    }

    #[test]
    fn too_few_values_have_no_spread() {
        let mut moments = Moments::default();
        assert_eq!((moments.mean(), moments.variance(), moments.standard_error()), (None, None, None));
        moments.push(3.0);
        assert_eq!((moments.mean(), moments.variance(), moments.sd()), (Some(3.0), None, None));
        assert_eq!(PairMoments::default().covariance(), None);
    }

    #[test]
    fn a_large_mean_does_not_swallow_the_spread() {
        let moments: Moments = (0..1_000).map(|k| 1e9 + f64::from(k % 2)).collect();
        let exact = 0.25 * 1_000.0 / 999.0;
        assert!((moments.variance().unwrap_or(0.0) - exact).abs() < 1e-6 * exact);
    }

    #[test]
    fn zeros_are_added_at_once() {
        let mut at_once: Moments = [5.0, 7.0].into_iter().collect();
        at_once.push_many(0.0, 8);
        let one_by_one: Moments = [5.0, 7.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0].into_iter().collect();
        assert_eq!(at_once.count(), one_by_one.count());
        let (Some(one), Some(other)) = (at_once.variance(), one_by_one.variance()) else { panic!("ten values") };
        assert!((one - other).abs() < 1e-12);
    }

    fn two_pass(values: &[(f64, f64)]) -> [f64; 5] {
        let count = values.len() as f64;
        let mean = |figure: fn(&(f64, f64)) -> f64| values.iter().map(figure).sum::<f64>() / count;
        let (x, y) = (mean(|v| v.0), mean(|v| v.1));
        let sum = |f: &dyn Fn(&(f64, f64)) -> f64| values.iter().map(f).sum::<f64>() / (count - 1.0);
        [x, y, sum(&|v| (v.0 - x).powi(2)), sum(&|v| (v.1 - y).powi(2)), sum(&|v| (v.0 - x) * (v.1 - y))]
    }

    proptest! {
            #[test]
            fn merged_parts_equal_two_passes_over_the_whole(
                values in prop::collection::vec((-1e3..1e3_f64, -1e3..1e3_f64), 2..60),
                cut in 0..60_usize,
            ) {
                let cut = cut.min(values.len());
                let collect = |part: &[(f64, f64)]| {
                    let mut pairs = PairMoments::default();
                    for (x, y) in part {
     pairs.push(*x, *y);
    }
                    pairs
                };
                let mut whole = collect(&values[..cut]);
                whole.merge(&collect(&values[cut..]));
                let found = [
                    whole.x().mean(), whole.y().mean(), whole.x().variance(), whole.y().variance(), whole.covariance(),
                ];
                for (one, expected) in found.into_iter().zip(two_pass(&values)) {
                    prop_assert!((one.unwrap_or(f64::NAN) - expected).abs() < 1e-6, "{one:?} {expected}");
                }
            }
        }
}
