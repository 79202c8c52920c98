//! Latent faults: what breaks and is seen by nobody, until an inspection or a promotion lands on it.
//!
//! Checks of the part pass and no repair begins; the part does not serve all the same.

use crate::model::dist::Law;
use crate::time::Span;

/// How much of a fault stays unseen, and who looks for it.
#[derive(Clone, Debug, PartialEq)]
pub struct Latent {
    /// Share of the faults that nobody sees, 0 to 1.
    pub share: f64,
    /// Looks for them, part by part.
    pub inspect: Option<Inspection>,
}

/// Looking for latent faults.
#[derive(Clone, Debug, PartialEq)]
pub struct Inspection {
    /// From the start of one to the start of the next.
    pub every: Law,
    /// The first; none: as from one to the next.
    pub first: Option<Span>,
    /// The part is out of use for so long; what is found is known after it.
    pub takes: Law,
}
