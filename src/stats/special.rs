//! Quantiles of the laws behind the intervals: normal, Student, beta, gamma.
//!
//! The beta functions of `statrs` stop their continued fraction after 140 terms, which a beta law of more than some
//! ten thousand cases needs more of, and its inverse need not end; here the fraction runs until it has converged and
//! the inverse is a bisection. For the rest `statrs` is used.

use statrs::distribution::{ContinuousCDF, Gamma};
use statrs::function::erf::erfc_inv;
use statrs::function::gamma::ln_gamma;

/// Beyond so many degrees of freedom five terms of the expansion of Student's quantile are exact to rounding.
const DEGREES_MANY: f64 = 1_000.0;

/// The z with P(N <= z) = p of the standard normal law, for p above 0 and below 1.
pub(crate) fn normal_quantile(p: f64) -> f64 {
    if p > 0.5 { -normal_quantile(1.0 - p) } else { -std::f64::consts::SQRT_2 * erfc_inv(2.0 * p) }
}

/// The t with P(T <= t) = p of Student's law with `degrees` > 0 degrees of freedom, for p above 0 and below 1.
///
/// Through the beta law: T^2 / (degrees + T^2) ~ Beta(1/2, degrees/2). For many degrees the Cornish-Fisher expansion
/// around the normal quantile (Abramowitz and Stegun 26.7.5).
pub(crate) fn student_quantile(degrees: f64, p: f64) -> f64 {
    if p < 0.5 {
        return -student_quantile(degrees, 1.0 - p);
    }
    if degrees > DEGREES_MANY {
        let z = normal_quantile(p);
        let squared = z * z;
        let first = (squared + 1.0) * z / 4.0;
        let second = ((5.0 * squared + 16.0) * squared + 3.0) * z / 96.0;
        let third = (((3.0 * squared + 19.0) * squared + 17.0) * squared - 15.0) * z / 384.0;
        let fourth =
            ((((79.0 * squared + 776.0) * squared + 1482.0) * squared - 1920.0) * squared - 945.0) * z / 92_160.0;
        return z + (first + (second + (third + fourth / degrees) / degrees) / degrees) / degrees;
    }
    let odds = beta_quantile_odds(0.5, degrees / 2.0, 2.0 * p - 1.0);
    (degrees * odds).sqrt()
}

/// The x with I(x; a, b) = p, for a, b > 0.
pub(crate) fn beta_quantile(a: f64, b: f64, p: f64) -> f64 {
    let odds = beta_quantile_odds(a, b, p);
    if odds.is_infinite() { 1.0 } else { odds / (1.0 + odds) }
}

/// x / (1 - x) of the beta quantile x, by bisection in its logarithm, which has digits at both ends.
fn beta_quantile_odds(a: f64, b: f64, p: f64) -> f64 {
    if p <= 0.0 {
        return 0.0;
    }
    if p >= 1.0 {
        return f64::INFINITY;
    }
    let (mut low, mut high) = (-700.0_f64, 700.0_f64);
    while high - low > 4.0 * f64::EPSILON * low.abs().max(high.abs()).max(1.0) {
        let middle = f64::midpoint(low, high);
        if beta_lower(a, b, middle.exp()) < p {
            low = middle;
        } else {
            high = middle;
        }
    }
    f64::midpoint(low, high).exp()
}

/// The regularised incomplete beta function I(x; a, b) at x = odds / (1 + odds).
pub(crate) fn beta_lower(a: f64, b: f64, odds: f64) -> f64 {
    let (x, rest) = (odds / (1.0 + odds), 1.0 / (1.0 + odds));
    if odds <= 0.0 || x == 0.0 {
        return 0.0;
    }
    if rest == 0.0 || odds.is_infinite() {
        return 1.0;
    }
    // the fraction converges fast below the mean; above it the other tail is below its own
    let share = if x <= a / (a + b) { beta_tail(a, b, x, rest) } else { 1.0 - beta_tail(b, a, rest, x) };
    share.clamp(0.0, 1.0)
}

/// I(x; a, b) by its continued fraction (NIST DLMF 8.17.22), evaluated by Lentz's method; `rest` is 1 - x.
fn beta_tail(a: f64, b: f64, x: f64, rest: f64) -> f64 {
    const TINY: f64 = 1e-300;
    // the number of terms grows with the square root of a + b: enough for 10^10 cases
    const TERMS_MAX: u32 = 1_000_000;
    let front = (a * x.ln() + b * rest.ln() + ln_gamma(a + b) - ln_gamma(a) - ln_gamma(b)).exp() / a;
    let away_from_zero = |value: f64| if value.abs() < TINY { TINY } else { value };
    let (mut c, mut d, mut fraction) = (1.0, 0.0, 1.0);
    for step in 1..TERMS_MAX {
        let m = f64::from(step / 2);
        let term = if step % 2 == 0 {
            m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m))
        } else {
            -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0))
        };
        d = 1.0 / away_from_zero(1.0 + term * d);
        c = away_from_zero(1.0 + term / c);
        fraction *= c * d;
        if (c * d - 1.0).abs() < f64::EPSILON {
            break;
        }
    }
    front / fraction
}

/// The x with P(a, x) = p of the gamma law with scale 1, for a > 0; 0 for a = 0.
pub(crate) fn gamma_quantile(a: f64, p: f64) -> f64 {
    match Gamma::new(a, 1.0) {
        Ok(law) => law.inverse_cdf(p.clamp(0.0, 1.0)),
        Err(_) => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assert_close(found: f64, expected: f64, relative: f64) {
        assert!((found - expected).abs() <= relative * expected.abs(), "{found}, expected {expected}");
    }

    #[test]
    fn student_of_one_and_two_degrees_has_closed_forms() {
        for p in [0.6, 0.9, 0.975, 0.9995] {
            assert_close(student_quantile(1.0, p), (std::f64::consts::PI * (p - 0.5)).tan(), 1e-12);
            let centred = 2.0 * p - 1.0;
            assert_close(student_quantile(2.0, p), centred * (2.0 / (1.0 - centred * centred)).sqrt(), 1e-12);
            assert_close(student_quantile(2.0, 1.0 - p), -student_quantile(2.0, p), 1e-12);
        }
    }

    #[test]
    fn student_table_is_met() {
        // two-sided 5 %, NIST/SEMATECH e-Handbook 1.3.6.7.2
        for (degrees, t) in [(5.0, 2.571), (10.0, 2.228), (30.0, 2.042), (100.0, 1.984), (1e9, 1.960)] {
            assert!((student_quantile(degrees, 0.975) - t).abs() < 5.1e-4, "{degrees}");
        }
    }

    #[test]
    fn the_two_ways_to_student_meet() {
        for p in [0.9, 0.975, 0.9995] {
            let next = DEGREES_MANY * (1.0 + 1e-12);
            // t itself moves by 1e-17 between the two; the beta way loses the digits of ln Gamma, a million ulps
            assert_close(student_quantile(DEGREES_MANY, p), student_quantile(next, p), 1e-9);
        }
    }

    #[test]
    fn beta_with_one_parameter_one_has_closed_forms() {
        for n in [1.0, 20.0, 1e6] {
            for p in [0.025, 0.5, 0.975_f64] {
                assert_close(beta_quantile(n, 1.0, p), (p.ln() / n).exp(), 1e-8);
                assert_close(beta_quantile(1.0, n, p), -((-p).ln_1p() / n).exp_m1(), 1e-8);
            }
        }
    }

    #[test]
    fn beta_is_symmetric_for_many_cases() {
        for a in [1.0, 30.0, 1e4, 1e6, 1e8_f64] {
            // the density loses the digits of ln Gamma(2a), about 2a ln 2a ulps
            let lost = 1e-14 + 4.0 * f64::EPSILON * a * (2.0 * a).ln();
            assert_close(beta_lower(a, a, 1.0), 0.5, lost);
            let odds = 1.0 + 2.0 / a.sqrt();
            assert_close(beta_lower(a, a, 1.0 / odds), 1.0 - beta_lower(a, a, odds), 100.0 * lost);
        }
    }

    /// Independent values: mpmath 1.3 at 30 digits, its incomplete beta and gamma functions inverted by bisection.
    #[test]
    fn beta_and_gamma_quantiles_agree_with_mpmath() {
        let beta = [
            (4.0, 97.0, 0.025, 0.011_004_493_986_188_202),
            (10.0, 91.0, 0.025, 0.049_004_689_221_485_96),
            (11.0, 90.0, 0.975, 0.176_222_597_740_022_7),
            (0.5, 9.5, 0.95, 0.187_365_664_060_316_97),
            (3.0, 1e6, 0.975, 7.224_654_345_109_373_4e-6),
            (500.0, 1500.0, 0.025, 0.231_267_362_993_033_9),
        ];
        for (a, b, p, x) in beta {
            assert_close(beta_quantile(a, b, p), x, 1e-8);
        }
        let gamma = [
            (1.0, 0.975, 3.688_879_454_113_936_3),
            (2.0, 0.975, 5.571_643_390_938_899),
            (10.0, 0.025, 4.795_388_696_132_433_6),
            (11.0, 0.975, 18.390_356_042_017_78),
            (1000.0, 0.025, 938.973_018_407_695_2),
        ];
        for (a, p, x) in gamma {
            assert_close(gamma_quantile(a, p), x, 1e-10);
        }
    }
}
