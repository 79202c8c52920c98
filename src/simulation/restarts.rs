//! Restarts of single nodes: by a liveness check that fails, or by people.
//!
//! From its begin to its end a restart holds the node like a fault that stops it, so that the structure knows; what made
//! the node slow, hang or leak is over with it, whether that came at random or by the calendar. What a restart does not
//! cure (a full disk, a clock that is off) stays, and so does what has stopped the node outright.

use super::layout::{Ailment, Manner, UnitKind};
use super::trace::TraceEvent;
use super::world::World;
use crate::time::{Span, Time};

/// Is that over when the node is restarted?
fn is_cured(ailment: Option<&Ailment>, manner: Manner) -> bool {
    ailment.map_or(manner.hangs, |ailment| !ailment.full && ailment.skew == Span::ZERO)
}

impl World<'_> {
    /// The node is restarted, and does not run until [`is_restarted`](Self::is_restarted).
    pub(super) fn restart(&mut self, now: Time, node: u32) {
        self.note(now, TraceEvent::RestartBegun { unit: node });
        (self.cause, self.manner) = (self.layout.request_cause, Manner::OPEN);
        self.hold(now, node);
        self.retime_unit(now, node);
        self.mend_random(now, node);
        self.mend_calendar(now, node);
        self.react(now);
    }

    /// The restarted node runs again, if nothing else holds it.
    pub(super) fn is_restarted(&mut self, now: Time, node: u32) {
        self.note(now, TraceEvent::RestartOver { unit: node });
        self.release(now, node);
        self.retime_unit(now, node);
        self.react(now);
    }

    fn mend_random(&mut self, now: Time, node: u32) {
        let layout = self.layout;
        let plan = layout.units[node as usize];
        for clock in plan.first_clock..plan.first_clock + plan.clocks {
            let kind = &layout.kinds[layout.clocks[clock as usize].kind as usize];
            let ailment = kind.ailment.map(|ailment| &layout.ailments[ailment as usize]);
            if self.clocks[clock as usize].is_broken() && is_cured(ailment, kind.manner) {
                self.cause = kind.cause;
                self.turn(now, clock);
            }
        }
    }

    fn mend_calendar(&mut self, now: Time, node: u32) {
        let layout = self.layout;
        for (index, plan) in layout.calendars.iter().enumerate() {
            let ailment = |ailment: Option<u32>| ailment.map(|ailment| &layout.ailments[ailment as usize]);
            if is_cured(ailment(plan.ailment), plan.manner) {
                self.mend_struck(now, index as u32, node);
            }
            for &unit in &plan.units {
                let UnitKind::Group(group) = layout.units[unit as usize].kind else { continue };
                let of_group = layout.groups[group as usize].ailment;
                if is_cured(ailment(of_group), plan.manner) && self.leaves_group(group, node) {
                    self.cause = plan.cause;
                    self.relieve(now, node, of_group);
                    self.retime_unit(now, node);
                }
            }
        }
    }
}
