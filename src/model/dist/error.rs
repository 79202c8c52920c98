//! Why a law cannot be: a closed list that names the offending key, so that whoever knows the text can point at it.
//!
//! Nothing here knows lines, columns or diagnostic codes; the variants are cut so that each belongs to one code.

use std::fmt;

use crate::model::dist::parameters::Kind;

/// What is wrong with a law as written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LawError {
    /// There is no law of this name; [`LAW_NAMES`](crate::model::dist::LAW_NAMES) lists those that exist.
    UnknownLaw {
        /// The name as written.
        name: String,
    },
    /// `fixed(..)`: a fixed law is written as the bare duration.
    FixedAsLaw,
    /// `empirical` takes its values from a file: read them and call [`Law::empirical`](crate::model::dist::Law::empirical).
    EmpiricalNeedsValues,
    /// The law has no such key.
    UnknownKey {
        /// Name of the law.
        law: &'static str,
        /// The key as written.
        key: String,
        /// The keys that the law knows; `pNN` stands for any quantile.
        known: Vec<&'static str>,
    },
    /// The key stands twice.
    RepeatedKey {
        /// Name of the law.
        law: &'static str,
        /// The key as written.
        key: String,
    },
    /// The law is complete without this key.
    ExcessKey {
        /// Name of the law.
        law: &'static str,
        /// The key that is one too many, as written.
        key: String,
    },
    /// The keys given are fine but not enough.
    MissingKey {
        /// Name of the law.
        law: &'static str,
        /// Keys any one of which would be the next to add; `pNN` stands for any quantile.
        wanted: Vec<&'static str>,
    },
    /// Two keys that no set of keys of this law has together.
    ClashingKeys {
        /// Name of the law.
        law: &'static str,
        /// The earlier key.
        first: String,
        /// The later key, which does not go with the earlier.
        second: String,
    },
    /// The value of the key is of another kind, such as a number where a duration is wanted.
    WrongKind {
        /// Name of the law.
        law: &'static str,
        /// The key as written.
        key: String,
        /// The kind that the key takes.
        wanted: Kind,
        /// The kind that was given.
        found: Kind,
    },
    /// Well formed, but no such law exists.
    Impossible {
        /// Name of the law.
        law: &'static str,
        /// The key whose value rules it out.
        key: String,
        /// Why.
        why: Impossibility,
    },
}

/// Why a well-formed law cannot exist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Impossibility {
    /// The value must be above zero and finite.
    NotPositive,
    /// The value must be a whole number from 1 to the limit.
    NotWhole {
        /// The largest number of stages.
        limit: u32,
    },
    /// The higher quantile is not above the lower one.
    QuantilesCross {
        /// The key of the lower level.
        low: String,
        /// The key of the higher level.
        high: String,
    },
    /// A quantile level must lie between `p0` and `p100`, both excluded.
    LevelOutOfRange,
    /// The coefficient of variation of a `hyperexp` is at least 1.
    VariationBelowOne,
    /// A `pareto` has a mean only with `shape > 1`.
    NoMean,
    /// `to` must be above `from`.
    EmptyRange,
    /// The two quantiles would need a law that starts below zero.
    BelowZero,
    /// An empirical law needs at least one value.
    NoValues,
    /// The parameters that follow from the keys leave the range of numbers.
    NoFit,
}

impl fmt::Display for Impossibility {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Impossibility::NotPositive => f.write_str("must be above zero and finite"),
            Impossibility::NotWhole { limit } => write!(f, "must be a whole number from 1 to {limit}"),
            Impossibility::QuantilesCross { low, high } => write!(f, "`{high}` must be above `{low}`"),
            Impossibility::LevelOutOfRange => f.write_str("a quantile lies between p0 and p100"),
            Impossibility::VariationBelowOne => f.write_str("must be at least 1"),
            Impossibility::NoMean => f.write_str("the law has a mean only if `shape` is above 1"),
            Impossibility::EmptyRange => f.write_str("`to` must be above `from`"),
            Impossibility::BelowZero => f.write_str("the law would start below zero"),
            Impossibility::NoValues => f.write_str("there are no values"),
            Impossibility::NoFit => f.write_str("no law of this family comes near these values"),
        }
    }
}

impl fmt::Display for LawError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LawError::UnknownLaw { name } => write!(f, "unknown law `{name}`"),
            LawError::FixedAsLaw => f.write_str("a fixed law is written as the bare duration"),
            LawError::EmpiricalNeedsValues => f.write_str("`empirical` takes its values from a file"),
            LawError::UnknownKey { law, key, known } => {
                write!(f, "`{law}` has no key `{key}`; it has {}", known.join(", "))
            }
            LawError::RepeatedKey { law, key } => write!(f, "`{key}` stands twice in `{law}`"),
            LawError::ExcessKey { law, key } => write!(f, "`{key}` is one key too many for `{law}`"),
            LawError::MissingKey { law, wanted } => write!(f, "`{law}` also needs {}", wanted.join(" or ")),
            LawError::ClashingKeys { law, first, second } => {
                write!(f, "`{first}` and `{second}` do not go together in `{law}`")
            }
            LawError::WrongKind { law, key, wanted, found } => {
                write!(f, "`{key}` of `{law}` is {found}, {wanted} is wanted")
            }
            LawError::Impossible { law, key, why } => write!(f, "impossible `{law}`: `{key}`: {why}"),
        }
    }
}

impl std::error::Error for LawError {}
