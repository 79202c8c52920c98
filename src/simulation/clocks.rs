//! Faults and repairs: the clocks of the winner tree, and calendar faults.
//!
//! The common case, a node with one fault whose age always runs, is a few counters and one draw. Everything else
//! (several faults on one part, standbys that age more slowly, masked parts that do not age) stops, slows and restarts
//! ages (`ages`).

use super::ages::Age;
use super::event::class;
use super::layout::{Kind, NOT_PLAIN, UnitKind};
use super::trace::TraceEvent;
use super::world::World;
use crate::engine::queue::Rank;
use crate::engine::streams::{Numbered, Streams};
use crate::model::dist::Law;
use crate::time::{Span, Time};
use rand::RngExt;

/// Class of the end of what a fault begins, and of what a repair begins: repairs are ends, lives end in a fault.
const CLASS_OF_END: [u8; 2] = [class::END, class::START];

/// A random fault on one unit, dynamically: small, since every ring brings one from far memory.
#[derive(Clone, Copy, Debug)]
#[repr(align(32))]
pub struct Clock {
    /// How long the state that its next ring begins will last.
    lasts: Span,
    draws: Numbered,
    /// Its place among those that ring at the same instant.
    rank: Rank,
    /// The state it is in: even ones are lives, odd ones repairs; the length of state n is draw n.
    state: u32,
    /// Its kind, and [`EARLY`].
    kind: u32,
}

/// Beside the kind of a clock: its leaf in the tree stands too early, and its [`Age`] knows when it rings in truth.
///
/// Whoever stops a clock leaves its leaf where it stands, and so does who sets it later: most are set again before anybody
/// would look. When an early leaf comes it is put where it belongs, and nothing else happens.
const EARLY: u32 = 1 << 31;

impl Clock {
    /// Faults and repairs so far.
    pub(super) fn changes(&self) -> [u64; 2] {
        let state = u64::from(self.state);
        [state.div_ceil(2), state / 2]
    }

    /// Number of the state that it is in.
    pub(super) fn state(&self) -> u32 {
        self.state
    }

    pub(super) fn is_broken(&self) -> bool {
        self.state & 1 == 1
    }

    pub(super) fn rank(&self) -> Rank {
        self.rank
    }

    /// Number of its kind.
    pub(super) fn kind(&self) -> usize {
        (self.kind & !EARLY) as usize
    }
}

/// Does the first of two clocks that ring at the same instant come before the second?
#[inline]
fn outranks(clocks: &[Clock]) -> impl Fn(u32, u32) -> bool {
    let rank = |index: u32| clocks.get(index as usize).map_or(Rank::LAST, Clock::rank);
    move |challenger, holder| rank(challenger) < rank(holder)
}

/// The law of state `state` of a clock of this kind.
#[inline]
fn law(kind: &Kind, state: u32) -> &Law {
    &kind.laws[usize::from(state & 1 == 0)]
}

impl World<'_> {
    /// All clocks alive, new or drawn from the long run.
    pub(super) fn start_clocks(&mut self, streams: &Streams) {
        let layout = self.layout;
        self.clocks.clear();
        self.ages.clear();
        self.tree.clear();
        self.families.clear();
        self.families.extend(layout.kinds.iter().map(|kind| streams.family(kind.key)));
        self.down_ns.fill(0);
        for plan in &layout.clocks {
            let draws = self.families[plan.kind as usize].member(plan.member);
            self.clocks.push(Clock { lasts: Span::ZERO, draws, rank: Rank::LAST, state: 0, kind: plan.kind });
        }
        if layout.kinds.iter().any(|kind| kind.shelf == NOT_PLAIN) {
            self.ages.resize(layout.clocks.len(), Age::RUNS);
        }
        if layout.stationary {
            for unit in 0..layout.units.len() {
                self.start_unit_in_long_run(unit, streams);
            }
        }
        for (index, clock) in self.clocks.iter_mut().enumerate() {
            let kind = &layout.kinds[clock.kind()];
            if !layout.stationary {
                let due = Time::ZERO + law(kind, 0).sample(&mut clock.draws.draw(0));
                if due < Time::NEVER {
                    clock.rank = self.counter.next(class::START);
                }
                self.tree.place(index as u32, due);
            }
            let next = clock.state + 1;
            clock.lasts = law(kind, next).sample(&mut clock.draws.draw(next));
        }
        self.tree.rebuild(outranks(&self.clocks));
    }

    /// From now on the clock rings at `due`, among those of the same instant by this class.
    pub(super) fn set_clock(&mut self, index: u32, due: Time, class: u8) {
        let (clock, rank) = (&mut self.clocks[index as usize], self.counter.next(class));
        // a life is often put off once more before its time; a repair, once under way, hardly ever
        if class == class::START
            && self.tree.time(index) <= due
            && let Some(age) = self.ages.get_mut(index as usize)
        {
            (age.due, age.rank) = (due, rank);
            clock.kind |= EARLY;
            return;
        }
        clock.rank = rank;
        clock.kind &= !EARLY;
        self.tree.set(index, due, outranks(&self.clocks));
    }

    /// The clock, whose age does not always run, does not ring until it is set again.
    pub(super) fn stop_clock(&mut self, index: u32) {
        self.ages[index as usize].due = Time::NEVER;
        self.clocks[index as usize].kind |= EARLY;
    }

    /// When the clock rings next.
    pub(super) fn due(&self, index: u32) -> Time {
        let early = self.clocks[index as usize].kind & EARLY != 0;
        if early { self.ages[index as usize].due } else { self.tree.time(index) }
    }

    /// The leaf of this clock was early: it is put where it belongs.
    fn put_off(&mut self, index: u32) {
        let (clock, age) = (&mut self.clocks[index as usize], &self.ages[index as usize]);
        clock.kind &= !EARLY;
        if age.due == Time::NEVER {
            self.tree.cancel(index, outranks(&self.clocks));
        } else {
            clock.rank = age.rank;
            self.tree.set(index, age.due, outranks(&self.clocks));
        }
    }

    /// The repair of this clock, which stands in the tree as if it began now, waits for somebody.
    pub(super) fn suspend_repair(&mut self, now: Time, index: u32) {
        let due = self.due(index);
        self.ages[index as usize].left = if due == Time::NEVER { Span::MAX } else { due.since(now) };
        self.stop_clock(index);
    }

    /// A suspended repair begins now, if it ever ends.
    pub(super) fn resume_repair(&mut self, now: Time, index: u32) {
        let left = self.ages[index as usize].left;
        if left < Span::MAX {
            self.set_clock(index, now + left, class::END);
        }
    }

    /// In the long run fault i holds the unit with weight (mean repair i / mean life i), none with weight 1; ages and
    /// the running repair stand at their equilibrium (exact for competing faults whose ages stop during a repair).
    fn start_unit_in_long_run(&mut self, unit: usize, streams: &Streams) {
        let layout = self.layout;
        let plan = layout.units[unit];
        let range = plan.first_clock as usize..(plan.first_clock + plan.clocks) as usize;
        let weight = |index: usize| {
            let kind = &layout.kinds[layout.clocks[index].kind as usize];
            let ratio = law(kind, 1).mean_s() / law(kind, 0).mean_s();
            if ratio.is_finite() { ratio } else { 0.0 }
        };
        let Some(first) = range.clone().next() else { return };
        let total = 1.0 + range.clone().map(weight).sum::<f64>();
        let mut point = {
            let plan = &layout.clocks[first];
            let start = streams.family(layout.kinds[plan.kind as usize].start).member(plan.member);
            start.draw(0).random::<f64>() * total
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
            let kind = &layout.kinds[clock.kind()];
            if held == Some(index) {
                clock.state = 1;
                let left = law(kind, 1).sample_residual(&mut clock.draws.draw(1));
                clock.rank = self.counter.next(class::END);
                self.tree.place(index as u32, Time::ZERO + left);
            } else {
                let left = law(kind, 0).sample_residual(&mut clock.draws.draw(0));
                let due = if held.is_some() { Time::NEVER } else { Time::ZERO + left };
                if let Some(age) = self.ages.get_mut(index) {
                    (age.left, age.pace) = (left, if held.is_some() { 0.0 } else { 1.0 });
                }
                clock.rank = self.counter.next(class::START);
                self.tree.place(index as u32, due);
            }
        }
    }

    /// Let what was drawn as broken be felt, once everything else stands.
    pub(super) fn start_broken(&mut self) {
        if !self.layout.stationary {
            return;
        }
        for index in 0..self.clocks.len() {
            if self.clocks[index].is_broken() {
                let kind = &self.layout.kinds[self.clocks[index].kind()];
                self.cause = kind.cause;
                if kind.shelf == NOT_PLAIN || kind.shared {
                    self.start_ailing(self.layout.clocks[index].unit, kind.ailment, index as u32);
                } else {
                    self.count_node(Time::ZERO, kind.shelf as usize, false);
                }
                if self.needs_crew(index as u32) {
                    self.await_crew(Time::ZERO, index as u32);
                }
                self.react(Time::ZERO);
            }
        }
    }

    /// The clock at the root of the tree rings: a fault strikes, or is mended. So do the next ones, if that concerned
    /// nobody and they come before `until`.
    ///
    /// Whether it does one or the other cannot be predicted, so both share one path. How long the next state lasts was
    /// drawn at the ring before: the critical path is from that number through the tree to the next ring, and the
    /// draw overlaps with the events in between.
    pub(super) fn ring(&mut self, next: (Time, u32), until: Time) {
        let limited = self.layout.load.as_ref().is_some_and(|load| !load.limited.is_empty());
        match (limited, self.layout.some_share) {
            (_, true) => self.ring_as::<true, true>(next, until),
            (true, false) => self.ring_as::<true, false>(next, until),
            (false, false) => self.ring_as::<false, false>(next, until),
        }
    }

    /// `LIMITED`: can the mere number of plain nodes matter? To ask costs an event one part in fifteen. `SHARED`: may
    /// others hold plain nodes?
    fn ring_as<const LIMITED: bool, const SHARED: bool>(&mut self, (mut now, mut index): (Time, u32), until: Time) {
        let until = if self.trace.is_some() || self.is_moved() { Time::ZERO } else { until };
        let World { layout, tree, clocks, counter, gates, shelves, units, sites, down_ns, moved, .. } = self;
        let (kinds, clocks, shelves) = (&layout.kinds[..], &mut clocks[..], &mut shelves[..]);
        let counted_from = self.counted_from;
        let down_ns = &mut down_ns[..kinds.len()];
        let due = loop {
            let clock = &mut clocks[index as usize];
            let Some(kind) = kinds.get(clock.kind as usize) else { return self.put_off(index) };
            let due = now + clock.lasts;
            let broken = clock.is_broken();
            clock.rank = counter.next(CLASS_OF_END[usize::from(broken)]);
            let next = tree.set(index, due, outranks(clocks));
            let clock = &mut clocks[index as usize];
            clock.state += 1;
            let state = clock.state + 1;
            clock.lasts = law(kind, state).sample(&mut clock.draws.draw(state));
            if kind.shelf == NOT_PLAIN {
                break due;
            }
            let counts = if SHARED {
                let unit = &mut units[layout.clocks[index as usize].unit as usize];
                sites[kind.site as usize].down_ns += u128::from(unit.step(now, counted_from, broken).as_nanos());
                unit.holds == u32::from(!broken)
            } else {
                // faults and repairs are in `state`; what `due` says, not `lasts`, is the time down: a repair that never
                // ends lasts until the end of time, and no longer
                let down = (due.as_nanos() - now.as_nanos()) & u64::from(broken).wrapping_sub(1);
                down_ns[clock.kind as usize] += u128::from(down);
                true
            };
            let shelf = &mut shelves[kind.shelf as usize];
            if !SHARED || counts {
                shelf.count(broken);
            }
            let heard = (!SHARED || counts) && shelf.out == 0 && {
                let crossed = gates.step(&layout.wiring, kind.gate, broken);
                let tight = LIMITED && gates.count(kind.gate) < shelf.calm;
                *moved |= tight;
                crossed | tight
            };
            if heard || next.0 >= until {
                break due;
            }
            (now, index) = next;
        };
        self.felt(now, index, due);
    }

    /// What a ring has changed is felt by others; a clock that is not plain has changed nothing yet.
    fn felt(&mut self, now: Time, index: u32, due: Time) {
        let kind = &self.layout.kinds[self.clocks[index as usize].kind()];
        if kind.shelf == NOT_PLAIN {
            self.manner = kind.manner;
            self.ring_slowly(now, index, due);
        }
        if self.trace.is_some() {
            self.note_clock(now, index);
        }
        if self.is_moved() {
            (self.cause, self.manner) = (kind.cause, kind.manner);
            self.react(now);
        }
    }

    /// Has a change not been reacted to yet?
    fn is_moved(&self) -> bool {
        self.moved || !self.gates.touched.is_empty()
    }

    /// The part of this clock breaks or is mended now, whatever is left of its state.
    pub(super) fn turn(&mut self, now: Time, index: u32) {
        let clock = &self.clocks[index as usize];
        let due = now + clock.lasts;
        self.set_clock(index, due, CLASS_OF_END[usize::from(clock.is_broken())]);
        let clock = &mut self.clocks[index as usize];
        clock.state += 1;
        let next = clock.state + 1;
        clock.lasts = law(&self.layout.kinds[clock.kind()], next).sample(&mut clock.draws.draw(next));
        self.ring_slowly(now, index, due);
        if self.trace.is_some() {
            self.note_clock(now, index);
        }
    }

    /// The rest of a ring for a part that more than one fault can hold, or whose age does not always run.
    fn ring_slowly(&mut self, now: Time, index: u32, due: Time) {
        let broken = self.clocks[index as usize].is_broken();
        let unit = self.layout.clocks[index as usize].unit;
        let plan = &self.layout.units[unit as usize];
        self.sites[plan.site as usize].change(!broken);
        let alone = plan.steady && plan.clocks == 1;
        if !broken && !alone {
            let age = &mut self.ages[index as usize];
            (age.left, age.pace) = (due.since(now), 1.0);
        }
        let kind = &self.layout.kinds[self.clocks[index as usize].kind()];
        if let (UnitKind::Node(shelf), true) =
            (plan.kind, plan.simple && kind.ailment.is_none() && kind.latent.is_none())
        {
            if broken {
                self.hold_node(now, unit, shelf);
                self.await_crew(now, index);
            } else {
                self.release_node(now, unit, shelf);
                self.free_crew(now, index);
            }
        } else {
            self.ring_with_care(now, index, broken);
        }
        if !alone {
            self.retime_clocks(now, unit);
        }
    }

    /// What a ring does to a part that can ail or break unseen, or is no node.
    fn ring_with_care(&mut self, now: Time, index: u32, broken: bool) {
        let unit = self.layout.clocks[index as usize].unit;
        if broken && self.strikes_unseen(index) {
            self.hide(now, index);
        } else if broken {
            let ailment = self.layout.kinds[self.layout.clocks[index as usize].kind as usize].ailment;
            self.strike(now, unit, ailment, Some(index));
            if ailment.is_none() && self.units[unit as usize].holds == 1 {
                self.cover(now, unit);
            }
            if !self.gets_worse(ailment) {
                self.await_crew(now, index);
            }
        } else if self.is_hidden(index) {
            self.release_hidden(now, index);
        } else {
            let ailment = self.layout.kinds[self.layout.clocks[index as usize].kind as usize].ailment;
            self.relieve(now, unit, ailment);
            self.free_crew(now, index);
        }
    }

    #[cold]
    fn note_clock(&mut self, now: Time, index: u32) {
        let (unit, broken) = (self.layout.clocks[index as usize].unit, self.clocks[index as usize].is_broken());
        let cause = self.layout.kinds[self.clocks[index as usize].kind()].cause;
        let event = if broken { TraceEvent::Fault { unit, cause } } else { TraceEvent::Repair { unit, cause } };
        self.note(now, event);
    }
}
