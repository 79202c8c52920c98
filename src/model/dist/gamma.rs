//! The gamma law's special functions on the whole range of arguments, without the panics of the crate underneath.
//!
//! P(a, x) is the regularised lower incomplete gamma function, Q(a, x) = 1 - P(a, x) the upper one (NIST DLMF 8.2).

use statrs::function::gamma::{gamma_lr, gamma_ur};

/// P(a, x) for a > 0; 0 for x <= 0, 1 for x = infinity.
pub(crate) fn lower(a: f64, x: f64) -> f64 {
    if x <= 0.0 {
        0.0
    } else if x == f64::INFINITY {
        1.0
    } else {
        gamma_lr(a, x)
    }
}

/// Q(a, x) for a > 0, accurate where P(a, x) is near 1.
pub(crate) fn upper(a: f64, x: f64) -> f64 {
    if x <= 0.0 {
        1.0
    } else if x == f64::INFINITY {
        0.0
    } else {
        gamma_ur(a, x)
    }
}

/// The x with P(a, x) = p, for a > 0.
///
/// Newton's method in ln x, where P is close to a straight line at both ends, kept inside a bracket that halves
/// whenever a step leaves it. Above the median it solves Q(a, x) = 1 - p, which keeps the digits of the tail.
pub(crate) fn quantile(a: f64, p: f64) -> f64 {
    if p <= 0.0 {
        return 0.0;
    }
    if p >= 1.0 {
        return f64::INFINITY;
    }
    // below this x the leading term of the series, x^a / Gamma(a + 1), is exact to double precision
    let small = libm::exp((libm::log(p) + libm::lgamma(a + 1.0)) / a);
    if small < 1e-17 * (a + 1.0) {
        return small;
    }
    // P(a, x) <= x^a / Gamma(a + 1), so `small` is a lower bound
    let mut low = libm::log(small);
    let mut high = libm::log(a + 1.0).max(low);
    while excess(a, high, p) < 0.0 {
        high += 1.0;
    }
    let mut log_x = 0.5 * (low + high);
    for _ in 0..200 {
        let miss = excess(a, log_x, p);
        if miss < 0.0 {
            low = log_x;
        } else {
            high = log_x;
        }
        let slope = libm::exp(a * log_x - libm::exp(log_x) - libm::lgamma(a));
        let step = log_x - miss / slope;
        let next = if step > low && step < high { step } else { 0.5 * (low + high) };
        if (next - log_x).abs() <= 1e-16 * log_x.abs().max(1.0) || high - low <= f64::EPSILON * high.abs() {
            return libm::exp(next);
        }
        log_x = next;
    }
    libm::exp(log_x)
}

/// P(a, x) - p at x = exp(`log_x`), through the smaller of the two tails.
fn excess(a: f64, log_x: f64, p: f64) -> f64 {
    let x = libm::exp(log_x);
    if p < 0.5 { lower(a, x) - p } else { (1.0 - p) - upper(a, x) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantile_of_shape_one_is_the_exponential_one() {
        for p in [1e-12, 0.01, 0.5, 0.95, 0.999_999] {
            let exact = -libm::log1p(-p);
            assert!((quantile(1.0, p) / exact - 1.0).abs() < 1e-12, "{p}");
        }
    }

    #[test]
    fn quantile_inverts_the_law_over_the_range_of_shapes() {
        // the density is exp(a ln x - x - ln Gamma(a)): terms of size a ln a cancel, and so many ulps are lost
        for a in [0.01, 0.1, 0.5, 0.9, 1.5, 3.0, 30.0, 1e3, 1e5] {
            for p in [0.001, 0.1, 0.5, 0.9, 0.999] {
                let back = lower(a, quantile(a, p));
                let lost = 1e-13 + 4.0 * f64::EPSILON * a * libm::log(a).abs();
                assert!((back - p).abs() < lost * p, "shape {a}, p {p}: {back}");
            }
        }
    }

    #[test]
    fn chi_square_table_is_met() {
        // upper 5 % points of chi-square, NIST/SEMATECH e-Handbook 1.3.6.7.4: 2 x gamma(df / 2)
        for (degrees, point) in [(1.0, 3.841), (2.0, 5.991), (10.0, 18.307), (100.0, 124.342)] {
            assert!((2.0 * quantile(degrees / 2.0, 0.95) - point).abs() < 6e-4);
        }
    }
}
