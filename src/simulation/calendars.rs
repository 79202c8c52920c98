//! Faults by the calendar: all of the target at once, or its nodes one after another.
//!
//! They lie over the random ones and take no crew. A round of rolling maintenance that is not over when the next is
//! due swallows it. A region or a whole pool can be announced before: checks see it as down from then on, so that its
//! users and its role move away while it goes on. What is struck by role is chosen at the start and comes back at the end, whatever it is then.

use super::event::{Event, class};
use super::layout::{Calendar, UnitKind};
use super::trace::TraceEvent;
use super::world::World;
use crate::engine::streams::{Stream, Streams};
use crate::model::failure::{Instants, Role};
use crate::time::Time;
use std::collections::VecDeque;

/// A calendar fault, dynamically.
#[derive(Clone, Debug)]
pub struct CalendarState {
    lasts: Stream,
    /// Which unit's turn it is, of a rolling one.
    turn: Option<u32>,
    /// How many rounds are announced or out.
    announced: u32,
    /// Who is out, by start, where that depends on the role.
    out: VecDeque<Vec<u32>>,
    /// Units that it has struck, as often as it has, where a restart would mend them.
    struck: Vec<u32>,
    /// Of those that it is still to put back: who was mended before.
    mended: Vec<u32>,
}

impl World<'_> {
    /// Calendar faults count from the end of the warm-up.
    pub(super) fn start_calendars(&mut self, streams: &Streams) {
        let layout = self.layout;
        self.calendars.clear();
        for (index, calendar) in layout.calendars.iter().enumerate() {
            let lasts = streams.stream(calendar.key);
            self.calendars.push(CalendarState {
                lasts,
                turn: None,
                announced: 0,
                out: VecDeque::new(),
                struck: Vec::new(),
                mended: Vec::new(),
            });
            self.schedule_calendar(index as u32, 0);
        }
    }

    fn schedule_calendar(&mut self, calendar: u32, count: u32) {
        let plan = &self.layout.calendars[calendar as usize];
        let at = match &plan.at {
            Instants::Every { first, every } => Some(*first + *every * u64::from(count)),
            Instants::At(instants) => instants.get(count as usize).copied(),
        };
        if let Some(at) = at {
            let at = Time::ZERO + self.layout.warm_up + at;
            self.schedule(at, class::START, Event::CalendarStart { calendar, count });
        }
    }

    pub(super) fn calendar_start(&mut self, now: Time, calendar: u32, count: u32) -> bool {
        let plan = &self.layout.calendars[calendar as usize];
        self.schedule_calendar(calendar, count + 1);
        if plan.rolling {
            return self.calendars[calendar as usize].turn.is_none() && self.next_turn(now, calendar, 0);
        }
        if let Some((drain, flag)) = plan.drain {
            (self.cause, self.manner) = (plan.cause, plan.manner);
            self.calendars[calendar as usize].announced += 1;
            self.set_flag(flag, false);
            self.schedule(now + drain, class::START, Event::CalendarDrained { calendar });
            return true;
        }
        self.calendar_drained(now, calendar)
    }

    /// What was announced goes out.
    pub(super) fn calendar_drained(&mut self, now: Time, calendar: u32) -> bool {
        let plan = &self.layout.calendars[calendar as usize];
        if plan.role == Role::Any {
            self.take_out(now, calendar, &plan.units);
        } else {
            let in_role = |&&unit: &&u32| self.is_to_strike(unit, plan.role);
            let units: Vec<u32> = plan.units.iter().filter(in_role).copied().collect();
            self.take_out(now, calendar, &units);
            self.calendars[calendar as usize].out.push_back(units);
        }
        true
    }

    pub(super) fn calendar_end(&mut self, now: Time, calendar: u32) -> bool {
        let plan = &self.layout.calendars[calendar as usize];
        let state = &mut self.calendars[calendar as usize];
        if let Some(turn) = state.turn.take() {
            self.put_back(now, calendar, &plan.units[turn as usize..=turn as usize]);
            self.next_turn(now, calendar, turn + 1);
        } else if let Some(units) = state.out.pop_front() {
            self.put_back(now, calendar, &units);
        } else {
            self.put_back(now, calendar, &plan.units);
        }
        if let Some((_, flag)) = plan.drain {
            let state = &mut self.calendars[calendar as usize];
            state.announced -= 1;
            if state.announced == 0 {
                self.set_flag(flag, true);
            }
        }
        true
    }

    /// Take out the next unit in the role, from number `turn` on.
    fn next_turn(&mut self, now: Time, calendar: u32, turn: u32) -> bool {
        let plan = &self.layout.calendars[calendar as usize];
        let later = plan.units.iter().enumerate().skip(turn as usize);
        let next = later.into_iter().find(|&(_, &unit)| self.is_to_strike(unit, plan.role)).map(|(turn, _)| turn);
        if let Some(turn) = next {
            self.calendars[calendar as usize].turn = Some(turn as u32);
            self.take_out(now, calendar, &plan.units[turn..=turn]);
        }
        next.is_some()
    }

    fn is_to_strike(&self, unit: u32, role: Role) -> bool {
        let off = matches!(self.layout.units[unit as usize].kind, UnitKind::Node(_)) && self.is_off(unit);
        !off && self.is_in_role(unit, role)
    }

    fn take_out(&mut self, now: Time, calendar: u32, units: &[u32]) {
        let plan = &self.layout.calendars[calendar as usize];
        (self.cause, self.manner) = (plan.cause, plan.manner);
        let lasts = plan.lasts.sample(&mut self.calendars[calendar as usize].lasts);
        for &unit in units {
            self.sites[self.layout.units[unit as usize].site as usize].change(false);
            self.note(now, TraceEvent::Fault { unit, cause: plan.cause });
            self.strike(now, unit, plan.ailment, None);
            if !plan.planned && plan.ailment.is_none() && self.units[unit as usize].holds == 1 {
                self.cover(now, unit);
            }
            self.retime_unit(now, unit);
        }
        if self.layout.for_requests {
            self.calendars[calendar as usize].struck.extend(units);
        }
        self.schedule(now + lasts, class::END, Event::CalendarEnd { calendar });
    }

    /// The node, if the fault holds it, is rid of it before its time.
    pub(super) fn mend_struck(&mut self, now: Time, calendar: u32, node: u32) {
        let plan = &self.layout.calendars[calendar as usize];
        while take(&mut self.calendars[calendar as usize].struck, node) {
            self.cause = plan.cause;
            self.give_back(now, plan, node);
            self.calendars[calendar as usize].mended.push(node);
        }
    }

    fn put_back(&mut self, now: Time, calendar: u32, units: &[u32]) {
        let plan = &self.layout.calendars[calendar as usize];
        for &unit in units {
            let state = &mut self.calendars[calendar as usize];
            if take(&mut state.mended, unit) {
                continue;
            }
            take(&mut state.struck, unit);
            self.give_back(now, plan, unit);
        }
    }

    fn give_back(&mut self, now: Time, plan: &Calendar, unit: u32) {
        self.sites[self.layout.units[unit as usize].site as usize].change(true);
        self.note(now, TraceEvent::Repair { unit, cause: plan.cause });
        self.relieve(now, unit, plan.ailment);
        self.retime_unit(now, unit);
    }
}

/// Takes the unit out of the list; was it there?
fn take(list: &mut Vec<u32>, unit: u32) -> bool {
    let found = list.iter().position(|&listed| listed == unit);
    found.map(|found| list.swap_remove(found)).is_some()
}
