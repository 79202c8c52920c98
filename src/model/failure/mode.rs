//! Modes: the ways in which a part breaks, with the parameters of each.
//!
//! The list is closed, and both clocks read it. On the structure clock a mode stops what it strikes, cuts what crosses
//! it, or weakens it (it still serves, but less or with errors); the request clock feels every parameter.

use crate::model::dist::Law;
use crate::time::Span;

/// A way to break.
#[derive(Clone, Debug, PartialEq)]
pub enum Mode {
    /// A node stops; `silent`: it does not even refuse.
    Crash {
        /// Packets vanish, so that a check fails only by its timeout.
        silent: bool,
    },
    /// Nothing crosses a link or the border of a place, or nothing one way; inside all goes on.
    Partition {
        /// Nothing gets in, or back along a link.
        inbound: bool,
        /// Nothing gets out, or along a link.
        outbound: bool,
    },
    /// A place, a service or a dependency stops with all that stands in it.
    Outage {
        /// As for a crash.
        silent: bool,
    },
    /// Gray: it serves, but slowly or with errors.
    Slow {
        /// Service times or latencies are so many times as long, above 0; infinite: it hangs.
        factor: f64,
        /// Share of the answers that fail, 0 to 1.
        errors: f64,
    },
    /// A node slows down until it is killed.
    MemoryExhaustion {
        /// Time from the fault to the kill.
        ramp: Law,
        /// Service times rise linearly to so many times, at least 1.
        factor: f64,
    },
    /// The clock of a node is off.
    ClockSkew {
        /// By so much: for so long a primary believes in a lease that it has lost.
        skew: Span,
        /// Share of the requests that fail, 0 to 1.
        errors: f64,
    },
    /// The disk of a node is full: writes fail, reads are served.
    DiskFull,
    /// Taken out on purpose.
    Maintenance,
}

impl Mode {
    /// Does a check of the struck part only fail by its timeout?
    pub fn silent(&self) -> bool {
        match self {
            Mode::Crash { silent } | Mode::Outage { silent } => *silent,
            Mode::Partition { .. } | Mode::Slow { .. } => true,
            Mode::MemoryExhaustion { .. } | Mode::ClockSkew { .. } | Mode::DiskFull | Mode::Maintenance => false,
        }
    }

    /// Does the struck part serve on, if only badly or for a while?
    pub fn is_gray(&self) -> bool {
        match self {
            Mode::Slow { factor, .. } => factor.is_finite(),
            Mode::MemoryExhaustion { .. } | Mode::ClockSkew { .. } | Mode::DiskFull => true,
            Mode::Crash { .. } | Mode::Partition { .. } | Mode::Outage { .. } | Mode::Maintenance => false,
        }
    }

    /// Does the struck part stop serving, if only in the end?
    pub fn stops(&self) -> bool {
        match self {
            Mode::Slow { factor, .. } => factor.is_infinite(),
            Mode::ClockSkew { .. } | Mode::DiskFull => false,
            Mode::Crash { .. }
            | Mode::Partition { .. }
            | Mode::Outage { .. }
            | Mode::MemoryExhaustion { .. }
            | Mode::Maintenance => true,
        }
    }

    /// Mean time from the fault to the stop, in seconds.
    pub fn mean_ramp_s(&self) -> f64 {
        match self {
            Mode::MemoryExhaustion { ramp, .. } => ramp.mean_s(),
            Mode::Crash { .. }
            | Mode::Partition { .. }
            | Mode::Outage { .. }
            | Mode::Slow { .. }
            | Mode::ClockSkew { .. }
            | Mode::DiskFull
            | Mode::Maintenance => 0.0,
        }
    }
}
