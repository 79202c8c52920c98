//! The parameters of a law from one of its sets of keys, in closed form but for the two-quantile gamma.
//!
//! Keys arrive matched, positive and finite. Whatever follows from them must be positive and finite too, with a finite
//! mean (a `pareto` excepted), else the law is refused rather than bent.

use crate::model::dist::error::{Impossibility, LawError};
use crate::model::dist::gamma;
use crate::model::dist::parameters::{Given, LawName};
use crate::model::dist::random::{Random, normal_quantile};

/// The largest number of stages of an `erlang`.
const STAGES_MAX: u32 = 1_000_000;

/// Shapes of a gamma law that a fit of two quantiles looks through: cv 100 down to 0.001. Above the upper one no law is
/// made: its functions take ever more terms, and it is a fixed law to three digits.
const GAMMA_SHAPES: (f64, f64) = (1e-4, 1e6);

/// The law `law` given by the keys of one of its sets, in the order of that set.
pub(crate) fn random(law: LawName, given: &[Given<'_>]) -> Result<Random, LawError> {
    let random = match law {
        LawName::Exp => exponential(given),
        LawName::Weibull => weibull(given)?,
        LawName::Lognormal => lognormal(given)?,
        LawName::Gamma => gamma_law(given)?,
        LawName::Erlang => erlang(given)?,
        LawName::Uniform => uniform(given)?,
        LawName::Pareto => pareto(given)?,
        LawName::Hyperexp => hyperexponential(given)?,
        LawName::Never => Random::Never,
    };
    if is_sound(&random) { Ok(random) } else { Err(refuse(law, given, Impossibility::NoFit)) }
}

fn refuse(law: LawName, given: &[Given<'_>], why: Impossibility) -> LawError {
    let key = given.last().map_or_else(String::new, |one| one.key.to_owned());
    LawError::Impossible { law: law.name(), key, why }
}

fn value(given: &[Given<'_>], key: &str) -> Option<f64> {
    given.iter().find(|one| one.key == key).map(|one| one.value)
}

/// The value of a key that the set has; a missing one would be not-a-number, which no law survives.
fn number(given: &[Given<'_>], key: &str) -> f64 {
    value(given, key).unwrap_or(f64::NAN)
}

/// The value of the median, under either of its names.
fn median(given: &[Given<'_>]) -> Option<f64> {
    given.iter().find(|one| one.level == Some(0.5)).map(|one| one.value)
}

fn is_sound(random: &Random) -> bool {
    let positive = |number: f64| number.is_finite() && number > 0.0;
    match *random {
        Random::Zero | Random::Never | Random::Empirical(_) => true,
        Random::Exponential { mean } => positive(mean),
        Random::Weibull { scale, shape } => positive(scale) && positive(shape) && positive(random.mean()),
        Random::Gamma { scale, shape } => positive(scale) && positive(shape) && shape <= GAMMA_SHAPES.1,
        Random::Lognormal { median, sigma } => positive(median) && positive(sigma) && positive(random.mean()),
        Random::Erlang { scale, stages } => positive(scale) && stages > 0,
        Random::Uniform { from, to } => from >= 0.0 && positive(to) && to > from,
        Random::Pareto { min, shape } => positive(min) && positive(shape),
        Random::HyperExponential { p1, mean1, mean2 } => {
            (0.0..=1.0).contains(&p1) && positive(mean1) && positive(mean2) && positive(random.mean())
        }
    }
}

/// Two quantiles, the lower level first.
struct Quantiles {
    p1: f64,
    x1: f64,
    p2: f64,
    x2: f64,
}

/// The quantiles if the law was given by two, checked to rise.
fn quantiles(law: LawName, given: &[Given<'_>]) -> Result<Option<Quantiles>, LawError> {
    let [first, second] = given else { return Ok(None) };
    let (Some(level1), Some(level2)) = (first.level, second.level) else { return Ok(None) };
    let (low, p1, high, p2) =
        if level1 <= level2 { (first, level1, second, level2) } else { (second, level2, first, level1) };
    if p1 >= p2 || low.value >= high.value {
        let why = Impossibility::QuantilesCross { low: low.key.to_owned(), high: high.key.to_owned() };
        return Err(second.impossible(law, why));
    }
    Ok(Some(Quantiles { p1, x1: low.value, p2, x2: high.value }))
}

/// -ln(1 - p): the quantile of the unit exponential.
fn unit(p: f64) -> f64 {
    -libm::log1p(-p)
}

fn exponential(given: &[Given<'_>]) -> Random {
    let mean = match given.first() {
        Some(Given { level: Some(level), value, .. }) => value / unit(*level),
        Some(Given { key: "rate", value, .. }) => 1e9 / value,
        Some(Given { value, .. }) => *value,
        None => f64::NAN,
    };
    Random::Exponential { mean }
}

fn weibull(given: &[Given<'_>]) -> Result<Random, LawError> {
    if let Some(Quantiles { p1, x1, p2, x2 }) = quantiles(LawName::Weibull, given)? {
        let shape = libm::log(unit(p2) / unit(p1)) / libm::log(x2 / x1);
        return Ok(Random::Weibull { scale: x1 / libm::pow(unit(p1), 1.0 / shape), shape });
    }
    let shape = number(given, "shape");
    let scale = if let Some(mean) = value(given, "mean") {
        mean / libm::tgamma(1.0 + 1.0 / shape)
    } else if let Some(median) = median(given) {
        median / libm::pow(unit(0.5), 1.0 / shape)
    } else {
        number(given, "scale")
    };
    Ok(Random::Weibull { scale, shape })
}

fn lognormal(given: &[Given<'_>]) -> Result<Random, LawError> {
    if let Some(Quantiles { p1, x1, p2, x2 }) = quantiles(LawName::Lognormal, given)? {
        let (z1, z2) = (normal_quantile(p1), normal_quantile(p2));
        let sigma = libm::log(x2 / x1) / (z2 - z1);
        return Ok(Random::Lognormal { median: x1 * libm::exp(-sigma * z1), sigma });
    }
    if let (Some(mean), Some(cv)) = (value(given, "mean"), value(given, "cv")) {
        // cv^2 = exp(sigma^2) - 1
        let variance = libm::log1p(cv * cv);
        return Ok(Random::Lognormal { median: mean * libm::exp(-0.5 * variance), sigma: variance.sqrt() });
    }
    let sigma = number(given, "sigma");
    Ok(Random::Lognormal { median: median(given).unwrap_or(f64::NAN), sigma })
}

fn gamma_law(given: &[Given<'_>]) -> Result<Random, LawError> {
    if let Some(known) = quantiles(LawName::Gamma, given)? {
        let shape = gamma_shape(&known).ok_or_else(|| refuse(LawName::Gamma, given, Impossibility::NoFit))?;
        return Ok(Random::Gamma { scale: known.x2 / gamma::quantile(shape, known.p2), shape });
    }
    let shape = match (value(given, "shape"), value(given, "cv")) {
        (Some(shape), _) => shape,
        (None, Some(cv)) => 1.0 / (cv * cv),
        (None, None) => f64::NAN,
    };
    let scale = match (value(given, "scale"), value(given, "mean")) {
        (Some(scale), _) => scale,
        (None, Some(mean)) => mean / shape,
        (None, None) => f64::NAN,
    };
    Ok(Random::Gamma { scale, shape })
}

/// The shape whose quantiles stand in the ratio x2 / x1: the ratio falls as the shape rises, so bisection in its
/// logarithm finds it.
fn gamma_shape(known: &Quantiles) -> Option<f64> {
    let wanted = known.x2 / known.x1;
    let ratio = |shape: f64| gamma::quantile(shape, known.p2) / gamma::quantile(shape, known.p1);
    let (mut low, mut high) = GAMMA_SHAPES;
    // written so that the 0 / 0 of quantiles too small for a number counts as a large ratio
    if ratio(low) < wanted || ratio(high) > wanted {
        return None;
    }
    while high / low > 1.0 + 2.0 * f64::EPSILON {
        let middle = (low * high).sqrt();
        if middle <= low || middle >= high {
            break;
        }
        if ratio(middle) <= wanted {
            high = middle;
        } else {
            low = middle;
        }
    }
    Some(high)
}

fn erlang(given: &[Given<'_>]) -> Result<Random, LawError> {
    let stages = number(given, "stages");
    if !(1.0..=f64::from(STAGES_MAX)).contains(&stages) || stages.fract() > 0.0 {
        let why = Impossibility::NotWhole { limit: STAGES_MAX };
        return Err(LawError::Impossible { law: "erlang", key: "stages".to_owned(), why });
    }
    let scale = number(given, "mean") / stages;
    Ok(Random::Erlang { scale, stages: stages as u32 })
}

fn uniform(given: &[Given<'_>]) -> Result<Random, LawError> {
    if let Some(Quantiles { p1, x1, p2, x2 }) = quantiles(LawName::Uniform, given)? {
        let width = (x2 - x1) / (p2 - p1);
        let from = x1 - p1 * width;
        // rounding alone may put a law that starts at zero a hair below it
        if from < -1e-9 * x2 {
            return Err(refuse(LawName::Uniform, given, Impossibility::BelowZero));
        }
        return Ok(Random::Uniform { from: from.max(0.0), to: x2 + (1.0 - p2) * width });
    }
    let (from, to) = (number(given, "from"), number(given, "to"));
    if from >= to {
        return Err(refuse(LawName::Uniform, given, Impossibility::EmptyRange));
    }
    Ok(Random::Uniform { from, to })
}

fn pareto(given: &[Given<'_>]) -> Result<Random, LawError> {
    if let Some(Quantiles { p1, x1, p2, x2 }) = quantiles(LawName::Pareto, given)? {
        let shape = (unit(p2) - unit(p1)) / libm::log(x2 / x1);
        return Ok(Random::Pareto { min: x1 * libm::exp(-unit(p1) / shape), shape });
    }
    let shape = number(given, "shape");
    let Some(mean) = value(given, "mean") else {
        return Ok(Random::Pareto { min: number(given, "min"), shape });
    };
    if shape <= 1.0 {
        return Err(LawError::Impossible { law: "pareto", key: "shape".to_owned(), why: Impossibility::NoMean });
    }
    Ok(Random::Pareto { min: mean * (shape - 1.0) / shape, shape })
}

/// From mean and cv: two branches that carry half of the mean each, p1 mean1 = p2 mean2 ("balanced means").
fn hyperexponential(given: &[Given<'_>]) -> Result<Random, LawError> {
    let (Some(mean), Some(cv)) = (value(given, "mean"), value(given, "cv")) else {
        let (p1, mean1, mean2) = (number(given, "p1"), number(given, "mean1"), number(given, "mean2"));
        if p1 > 1.0 {
            return Err(refuse(LawName::Hyperexp, &given[..1], Impossibility::NoFit));
        }
        return Ok(Random::HyperExponential { p1, mean1, mean2 });
    };
    if cv < 1.0 {
        return Err(refuse(LawName::Hyperexp, given, Impossibility::VariationBelowOne));
    }
    let squared = cv * cv;
    // p1 = (1 - r) / 2 with r^2 = (cv^2 - 1) / (cv^2 + 1), written without the cancellation at large cv; the first
    // branch is the rare long one, so that 1 - p1 keeps its digits
    let root = ((squared - 1.0) / (squared + 1.0)).sqrt();
    let p1 = 1.0 / ((squared + 1.0) * (1.0 + root));
    Ok(Random::HyperExponential { p1, mean1: mean / (2.0 * p1), mean2: mean / (2.0 * (1.0 - p1)) })
}
