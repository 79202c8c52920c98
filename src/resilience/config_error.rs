//! Why a policy refuses its parameters: the field and the rule that it breaks.
//!
//! One type for all policies, so that a caller can put the name of the field in front of its own path and report.

/// A parameter out of its range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{field}` {rule}")]
pub struct ConfigError {
    /// The field of the config struct.
    pub field: &'static str,
    /// What it must fulfil, as the rest of a sentence: "must be at least 1".
    pub rule: &'static str,
}

/// `Ok` if `holds`, else the error that names `field` and `rule`.
pub(crate) const fn require(holds: bool, field: &'static str, rule: &'static str) -> Result<(), ConfigError> {
    if holds { Ok(()) } else { Err(ConfigError { field, rule }) }
}
