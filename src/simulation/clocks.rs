//! Faults and repairs: the clocks of the winner tree, and calendar faults.
//!
//! The common case, a node with one fault whose age always runs, is a few counters and one draw. Everything else
//! (several faults on one part, standbys that age more slowly, masked parts that do not age) goes through
//! [`World::retime`], which stops, slows and restarts ages.

use super::event::{Event, class};
use super::layout::UnitKind;
use super::trace::TraceEvent;
use super::world::World;
use crate::engine::queue::Rank;
use crate::engine::streams::{Stream, Streams};
use crate::model::failure::{Ages, Instants};
use crate::time::{Span, Time};
use rand::RngExt;

/// A random fault on one unit, dynamically.
#[derive(Clone, Debug)]
pub struct Clock {
    life: Stream,
    repair: Stream,
    /// Since when it is broken, if it is.
    pub since: Time,
    /// Age left while the pace is not 1.
    left: Span,
    pace: f32,
    unit: u32,
    /// The shelf of a plain clock.
    shelf: u32,
    spec: u32,
    site: u32,
    broken: bool,
    plain: bool,
}

impl Clock {
    /// Is it under repair?
    pub const fn is_broken(&self) -> bool {
        self.broken
    }
}

impl World<'_> {
    /// All clocks alive, new or drawn from the long run.
    pub(super) fn start_clocks(&mut self, streams: &Streams) {
        let layout = self.layout;
        self.clocks.clear();
        self.tree.clear();
        for plan in &layout.clocks {
            let unit = layout.units[plan.unit as usize];
            let shelf = if let UnitKind::Node(shelf) = unit.kind { shelf } else { 0 };
            self.clocks.push(Clock {
                life: streams.stream(plan.life),
                repair: streams.stream(plan.repair),
                since: Time::ZERO,
                left: Span::ZERO,
                pace: 1.0,
                unit: plan.unit,
                shelf,
                spec: plan.spec,
                site: unit.site,
                broken: false,
                plain: plan.plain,
            });
        }
        if layout.stationary {
            for unit in 0..layout.units.len() {
                self.start_unit_in_long_run(unit, streams);
            }
        } else {
            for (index, clock) in self.clocks.iter_mut().enumerate() {
                let life = layout.specs[clock.spec as usize].fails.sample(&mut clock.life);
                let due = Time::ZERO + life;
                let rank = if due < Time::NEVER { self.counter.next(class::START) } else { Rank::LAST };
                self.tree.place(index as u32, due, rank);
            }
        }
        self.tree.rebuild();
    }

    /// In the long run fault i holds the unit with weight (mean repair i / mean life i), none with weight 1; ages and
    /// the running repair stand at their equilibrium (exact for competing faults whose ages stop during a repair).
    fn start_unit_in_long_run(&mut self, unit: usize, streams: &Streams) {
        let layout = self.layout;
        let plan = layout.units[unit];
        let range = plan.first_clock as usize..(plan.first_clock + plan.clocks) as usize;
        let weight = |index: usize| {
            let spec = &layout.specs[layout.clocks[index].spec as usize];
            let ratio = spec.repair.mean_s() / spec.fails.mean_s();
            if ratio.is_finite() { ratio } else { 0.0 }
        };
        let Some(first) = range.clone().next() else { return };
        let total = 1.0 + range.clone().map(weight).sum::<f64>();
        let mut point = {
            let mut stream = streams.stream(layout.clocks[first].start);
            stream.random::<f64>() * total
        };
        let mut held = None;
        for index in range.clone() {
            let share = weight(index);
            if held.is_none() && point < share {
                held = Some(index);
            }
            point -= share;
        }
        for index in range {
            let clock = &mut self.clocks[index];
            let spec = &layout.specs[clock.spec as usize];
            if held == Some(index) {
                let due = Time::ZERO + spec.repair.sample_residual(&mut clock.repair);
                clock.broken = true;
                self.tree.place(index as u32, due, self.counter.next(class::END));
            } else {
                let left = spec.fails.sample_residual(&mut clock.life);
                let due = if held.is_some() { Time::NEVER } else { Time::ZERO + left };
                (clock.left, clock.pace) = (left, if held.is_some() { 0.0 } else { 1.0 });
                self.tree.place(index as u32, due, self.counter.next(class::START));
            }
        }
    }

    /// Let what was drawn as broken be felt, once everything else stands.
    pub(super) fn start_broken(&mut self) {
        if !self.layout.stationary {
            return;
        }
        for index in 0..self.clocks.len() {
            if self.clocks[index].broken {
                let (unit, shelf, plain) =
                    (self.clocks[index].unit, self.clocks[index].shelf, self.clocks[index].plain);
                self.cause = self.layout.specs[self.clocks[index].spec as usize].cause;
                if plain {
                    self.count_node(shelf as usize, false);
                } else {
                    self.hold(Time::ZERO, unit);
                }
                self.react(Time::ZERO);
            }
        }
    }

    /// The clock at the root of the tree rings.
    #[inline]
    pub(super) fn ring(&mut self, now: Time, index: u32) {
        let layout = self.layout;
        let clock = &mut self.clocks[index as usize];
        let spec = &layout.specs[clock.spec as usize];
        self.events += 1;
        if clock.broken {
            clock.broken = false;
            let due = now + spec.fails.sample(&mut clock.life);
            self.tree.set(index, due, self.counter.next(class::START));
            let site = &mut self.sites[clock.site as usize];
            site.repairs += 1;
            if clock.plain {
                site.down_ns += u128::from(now.since(clock.since).as_nanos());
                let shelf = clock.shelf as usize;
                self.count_node(shelf, true);
            } else {
                clock.left = due.since(now);
                clock.pace = 1.0;
                let unit = clock.unit;
                self.release(now, unit);
                self.retime_unit(now, unit);
            }
        } else {
            clock.broken = true;
            clock.since = now;
            let due = now + spec.repair.sample(&mut clock.repair);
            self.tree.set(index, due, self.counter.next(class::END));
            self.cause = spec.cause;
            self.silent = spec.silent;
            self.sites[clock.site as usize].faults += 1;
            if clock.plain {
                let shelf = clock.shelf as usize;
                self.count_node(shelf, false);
            } else {
                let unit = clock.unit;
                self.hold(now, unit);
                self.retime_unit(now, unit);
            }
        }
        if self.trace.is_some() {
            self.note_clock(now, index);
        }
        if !self.gates.touched.is_empty() || self.moved {
            self.react(now);
        }
    }

    #[cold]
    fn note_clock(&mut self, now: Time, index: u32) {
        let (unit, broken) = (self.clocks[index as usize].unit, self.clocks[index as usize].broken);
        let cause = self.layout.specs[self.clocks[index as usize].spec as usize].cause;
        let event = if broken { TraceEvent::Fault { unit, cause } } else { TraceEvent::Repair { unit, cause } };
        self.note(now, event);
    }

    /// Ages of the unit's clocks run, stop or change pace as things now stand.
    pub(super) fn retime_unit(&mut self, now: Time, unit: u32) {
        let plan = self.layout.units[unit as usize];
        for index in plan.first_clock..plan.first_clock + plan.clocks {
            self.retime(now, index);
        }
    }

    fn retime(&mut self, now: Time, index: u32) {
        let clock = &self.clocks[index as usize];
        if clock.broken || clock.plain {
            return;
        }
        let pace = self.pace(clock) as f32;
        let clock = &mut self.clocks[index as usize];
        if pace.to_bits() == clock.pace.to_bits() {
            return;
        }
        if clock.pace > 0.0 {
            let due = self.tree.time(index);
            let passing = due.since(now).as_nanos() as f64 * f64::from(clock.pace);
            clock.left = if due == Time::NEVER { Span::MAX } else { Span::from_nanos_f64(passing) };
        }
        clock.pace = pace;
        let left = clock.left;
        if pace == 0.0 || left == Span::MAX {
            self.tree.cancel(index);
        } else {
            let due = now + Span::from_nanos_f64(left.as_nanos() as f64 / f64::from(pace));
            self.tree.set(index, due, self.counter.next(class::START));
        }
    }

    /// How fast the age of a live clock runs.
    fn pace(&self, clock: &Clock) -> f64 {
        let layout = self.layout;
        let plan = layout.units[clock.unit as usize];
        let siblings = plan.first_clock as usize..(plan.first_clock + plan.clocks) as usize;
        if plan.clocks > 1 && self.clocks[siblings].iter().any(|sibling| sibling.broken) {
            return 0.0;
        }
        let running_only = layout.specs[clock.spec as usize].ages == Ages::Running;
        let UnitKind::Node(shelf) = plan.kind else {
            return if running_only && self.units[clock.unit as usize].holds > 0 { 0.0 } else { 1.0 };
        };
        let state = &self.shelves[shelf as usize];
        let held = self.units[clock.unit as usize].holds > 0;
        if running_only && (state.out > 0 || state.stopped || held) {
            return 0.0;
        }
        let pool = layout.shelves[shelf as usize].pool as usize;
        if self.pools[pool].waiting { layout.pools[pool].ageing } else { 1.0 }
    }

    /// One more fault holds the unit.
    pub(super) fn hold(&mut self, now: Time, unit: u32) {
        let state = &mut self.units[unit as usize];
        state.holds += 1;
        if state.holds == 1 {
            state.since = now;
            match self.layout.units[unit as usize].kind {
                UnitKind::Node(shelf) => self.count_node(shelf as usize, false),
                UnitKind::Zone(_) | UnitKind::Region(_) | UnitKind::Service(_) => self.place_out(now, unit),
            }
        }
    }

    /// One fault less holds the unit.
    pub(super) fn release(&mut self, now: Time, unit: u32) {
        let state = &mut self.units[unit as usize];
        state.holds -= 1;
        if state.holds == 0 {
            let plan = self.layout.units[unit as usize];
            let down = now.since(state.since.max(self.counted_from));
            match plan.kind {
                UnitKind::Node(shelf) => {
                    self.sites[plan.site as usize].down_ns += u128::from(down.as_nanos());
                    self.count_node(shelf as usize, true);
                }
                UnitKind::Zone(_) | UnitKind::Region(_) | UnitKind::Service(_) => self.place_back(now, unit),
            }
        }
    }

    /// Book the time of nodes that are not working at the end.
    pub(super) fn finish_sites(&mut self, end: Time) {
        let layout = self.layout;
        for clock in self.clocks.iter().filter(|clock| clock.plain && clock.broken) {
            self.sites[clock.site as usize].down_ns += u128::from(end.since(clock.since).as_nanos());
        }
        for (state, plan) in self.units.iter().zip(&layout.units) {
            if state.holds > 0 && matches!(plan.kind, UnitKind::Node(_)) {
                let down = end.since(state.since.max(self.counted_from));
                self.sites[plan.site as usize].down_ns += u128::from(down.as_nanos());
            }
        }
    }

    /// Calendar faults count from the end of the warm-up.
    pub(super) fn start_calendars(&mut self, streams: &Streams) {
        let layout = self.layout;
        self.calendar_streams.clear();
        for (index, calendar) in layout.calendars.iter().enumerate() {
            self.calendar_streams.push(streams.stream(calendar.key));
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
        (self.cause, self.silent) = (plan.cause, plan.silent);
        let lasts = plan.lasts.sample(&mut self.calendar_streams[calendar as usize]);
        for &unit in &plan.units {
            self.sites[self.layout.units[unit as usize].site as usize].faults += 1;
            self.note(now, TraceEvent::Fault { unit, cause: plan.cause });
            self.hold(now, unit);
            self.retime_unit(now, unit);
        }
        self.schedule(now + lasts, class::END, Event::CalendarEnd { calendar });
        self.schedule_calendar(calendar, count + 1);
        true
    }

    pub(super) fn calendar_end(&mut self, now: Time, calendar: u32) -> bool {
        let plan = &self.layout.calendars[calendar as usize];
        for &unit in &plan.units {
            self.sites[self.layout.units[unit as usize].site as usize].repairs += 1;
            self.note(now, TraceEvent::Repair { unit, cause: plan.cause });
            self.release(now, unit);
            self.retime_unit(now, unit);
        }
        true
    }
}
