//! What is wrong with a part beyond its being down, compiled: weakness, errors, a clock that is off, checks that pass.
//!
//! A fault that just stops a part, and fails every check of it, is no ailment: parts are counted, not named. Everything
//! else is one, and the parts that have it are listed while they do.

use super::Layout;
use crate::engine::streams::{Entity, EntityKey, Purpose};
use crate::model::Model;
use crate::model::dist::Law;
use crate::model::failure::{Fault, Mode};
use crate::time::Span;

/// What the checks of a struck part meet.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Manner {
    /// Do failing checks only fail by their timeout?
    pub silent: bool,
    /// Chance that one fails, 0 to 1.
    pub check_fails: f64,
    /// Does the part hold its work and go on with it afterwards?
    pub hangs: bool,
}

impl Manner {
    /// Of what stops openly.
    pub const OPEN: Manner = Manner { silent: false, check_fails: 1.0, hangs: false };

    /// Of a fault.
    pub fn of(fault: &Fault) -> Manner {
        let hangs = matches!(fault.mode, Mode::Slow { factor, .. } if factor.is_infinite());
        Manner { silent: fault.mode.silent(), check_fails: fault.check_fails, hangs }
    }
}

/// What is wrong with a part.
#[derive(Clone, Debug)]
pub struct Ailment {
    /// Its work takes so many times as long, at least 1.
    pub factor: f64,
    /// Share of its requests that fail, 0 to 1.
    pub errors: f64,
    /// Do writes fail?
    pub full: bool,
    /// Its clock is off by so much.
    pub skew: Span,
    /// What checks meet.
    pub manner: Manner,
    /// It gets worse for so long, from nothing to `factor`, and then stops the part; stream of that time.
    pub ramp: Option<(Law, EntityKey)>,
    /// Label that downtime is blamed on.
    pub cause: u32,
}

/// The ailment of the model's fault number `number`, if it is one; `entity` names its streams.
pub fn of_fault(model: &Model, layout: &mut Layout, number: usize, entity: Entity) -> Option<u32> {
    let fault = &model.faults[number];
    if fault.is_slowness_of_a_place() {
        return None;
    }
    let (errors, skew, ramp) = (0.0, Span::ZERO, None);
    let plain = Ailment { factor: 1.0, errors, full: false, skew, manner: Manner::of(fault), ramp, cause: 0 };
    let mut ailment = match &fault.mode {
        Mode::Slow { factor, errors } if factor.is_finite() => Ailment { factor: *factor, errors: *errors, ..plain },
        Mode::MemoryExhaustion { ramp, factor } => {
            let ramp = Some((ramp.clone(), entity.key(Purpose::Life)));
            Ailment { factor: *factor, ramp, ..plain }
        }
        Mode::DiskFull => Ailment { full: true, ..plain },
        Mode::ClockSkew { skew, errors } => Ailment { errors: *errors, skew: *skew, ..plain },
        Mode::Crash { .. } | Mode::Outage { .. } | Mode::Partition { .. } | Mode::Slow { .. } | Mode::Maintenance => {
            return None;
        }
    };
    ailment.cause = layout.cause(&fault.cause);
    Some(add(layout, ailment))
}

/// The ailment of what a bad deploy has touched, if it serves on.
pub fn of_deploy(layout: &mut Layout, errors: f64, cause: u32) -> Option<u32> {
    let manner = Manner { silent: false, check_fails: 0.0, hangs: false };
    let ailment = Ailment { factor: 1.0, errors, full: false, skew: Span::ZERO, manner, ramp: None, cause };
    (errors < 1.0).then(|| add(layout, ailment))
}

fn add(layout: &mut Layout, ailment: Ailment) -> u32 {
    layout.ailments.push(ailment);
    layout.ailments.len() as u32 - 1
}

/// Can a level of this model lie between nothing and all because nodes are weak?
pub fn weaken(model: &Model) -> bool {
    let weakens = |fault: &Fault| match &fault.mode {
        Mode::Slow { factor, .. } => factor.is_finite(),
        Mode::MemoryExhaustion { .. } | Mode::ClockSkew { .. } | Mode::DiskFull => true,
        Mode::Crash { .. } | Mode::Outage { .. } | Mode::Partition { .. } | Mode::Maintenance => false,
    };
    let weakens = |fault: &Fault| weakens(fault) && !fault.is_slowness_of_a_place();
    model.faults.iter().any(weakens) || model.deploys.iter().any(|deploys| deploys.errors < 1.0)
}
