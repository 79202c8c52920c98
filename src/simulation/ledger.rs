//! What a trial leaves behind: time up, degraded and down of every subject, and every outage with its stages.
//!
//! The level of a subject is piecewise linear (constant but while clients drain from an old DNS answer). Time is
//! booked in whole nanoseconds, so up + degraded + down is the horizon and the stages of an outage add up to it,
//! exactly; only the integral of the level is a float. An outage of no length is none; two that touch are one.

use crate::results::raw::Stage;
use crate::time::{Span, Time};

/// Number of stages.
pub const STAGES: usize = Stage::ALL.len();

/// From this level on a subject counts as up.
const FULL: f64 = 1.0 - 1e-9;

/// The level of a subject from an instant on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Level {
    /// At the instant, 0 to 1.
    pub value: f64,
    /// Change per nanosecond.
    pub slope: f64,
    /// Which tiers answer for something that has failed, a bit each.
    pub tiers: u64,
}

impl Level {
    /// Full or nothing.
    pub const fn all_or_nothing(serves: bool) -> Level {
        Level { value: if serves { 1.0 } else { 0.0 }, slope: 0.0, tiers: 0 }
    }
}

/// One outage of one subject.
#[derive(Clone, Debug, PartialEq)]
pub struct Outage {
    /// Who was down.
    pub subject: u32,
    /// When it began.
    pub start: Time,
    /// How long it lasted.
    pub duration: Span,
    /// Index of the cause that began it.
    pub cause: u32,
    /// Time in each stage, in the order of [`Stage::ALL`].
    pub stages: [Span; STAGES],
    /// Was a failover begun in it?
    pub failover: bool,
    /// Did the horizon cut it off?
    pub cut: bool,
    /// Was it there already when counting began? Then it is no beginning of an outage.
    pub early: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Up,
    Degraded,
    Down,
}

/// The books of one subject.
#[derive(Clone, Debug)]
struct Account {
    since: Time,
    level: Level,
    state: State,
    degraded: Span,
    down: Span,
    loss_s: f64,
    stage: Stage,
    stage_since: Time,
    cause: u32,
    open: Option<Outage>,
    last_closed: Option<usize>,
}

/// Totals of one subject over a trial.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Totals {
    /// Time at full level.
    pub up: Span,
    /// Time at less, but not down.
    pub degraded: Span,
    /// Time down.
    pub down: Span,
    /// Integral of one minus the level, seconds.
    pub loss_s: f64,
}

/// Demand lost by one subject in each window of an objective.
#[derive(Clone, Debug)]
pub struct Meter {
    /// Whose.
    pub subject: u32,
    /// Length of a window.
    pub length: Span,
    /// Seconds of demand lost, by window.
    pub lost: Vec<f64>,
}

impl Meter {
    /// Book the loss of a level that begins as `level` at `from` (since counting began) and lasts until `until`.
    fn add(&mut self, from: Span, until: Span, level: Level) {
        let mut at = from;
        while at < until {
            let window = at.as_nanos() / self.length.as_nanos();
            let Some(lost) = self.lost.get_mut(window as usize) else { return };
            let end = until.min(self.length * (window + 1));
            let value = |at: Span| level.value + level.slope * (at - from).as_nanos() as f64;
            *lost += (1.0 - f64::midpoint(value(at), value(end))) * (end - at).as_secs_f64();
            at = end;
        }
    }
}

/// The books of all subjects.
#[derive(Clone, Debug)]
pub struct Ledger {
    accounts: Vec<Account>,
    /// Windows of objectives on demand.
    pub meters: Vec<Meter>,
    down_below: f64,
    opened: Time,
    /// By subject and tier: time, while not down, in which the tier answers for something. Empty without tiers.
    pub tiers: Vec<Vec<Span>>,
    /// Outages that have ended, in the order of their ends.
    pub outages: Vec<Outage>,
}

impl Ledger {
    /// Books for `subjects` subjects that are down below this level.
    pub fn new(subjects: usize, down_below: f64, meters: Vec<Meter>) -> Self {
        let account = Account {
            since: Time::ZERO,
            level: Level::all_or_nothing(true),
            state: State::Up,
            degraded: Span::ZERO,
            down: Span::ZERO,
            loss_s: 0.0,
            stage: Stage::Repairing,
            stage_since: Time::ZERO,
            cause: 0,
            open: None,
            last_closed: None,
        };
        let (opened, tiers, outages) = (Time::ZERO, Vec::new(), Vec::new());
        Ledger { accounts: vec![account; subjects], meters, down_below, opened, tiers, outages }
    }

    /// The same, with a book for each of so many tiers.
    pub fn with_tiers(mut self, tiers: usize) -> Self {
        if tiers > 0 {
            self.tiers = vec![vec![Span::ZERO; tiers]; self.accounts.len()];
        }
        self
    }

    /// Everybody up at 0, nothing booked.
    pub fn reset(&mut self) {
        let fresh = Ledger::new(1, self.down_below, Vec::new()).accounts[0].clone();
        self.accounts.fill(fresh);
        self.meters.iter_mut().for_each(|meter| meter.lost.fill(0.0));
        self.tiers.iter_mut().for_each(|tiers| tiers.fill(Span::ZERO));
        self.opened = Time::ZERO;
        self.outages.clear();
    }

    /// Forget what has been booked up to `now`; who is down stays down and is down from `now` on.
    pub fn open(&mut self, now: Time) {
        for subject in 0..self.accounts.len() {
            self.settle(subject, now);
            let account = &mut self.accounts[subject];
            (account.degraded, account.down, account.loss_s) = (Span::ZERO, Span::ZERO, 0.0);
            account.stage_since = now;
            account.last_closed = None;
            if let Some(outage) = &mut account.open {
                outage.start = now;
                outage.early = true;
                outage.stages = [Span::ZERO; STAGES];
            }
        }
        self.meters.iter_mut().for_each(|meter| meter.lost.fill(0.0));
        self.tiers.iter_mut().for_each(|tiers| tiers.fill(Span::ZERO));
        self.opened = now;
        self.outages.clear();
    }

    /// Is the subject down?
    pub fn is_down(&self, subject: usize) -> bool {
        self.accounts[subject].state == State::Down
    }

    /// Is the subject down, or may it be before the next change?
    pub fn is_down_or_falling(&self, subject: usize) -> bool {
        self.is_down(subject) || self.accounts[subject].level.slope < 0.0
    }

    /// Settle at `now`: has the subject been down for more than an instant since the books were opened?
    pub fn was_down(&mut self, subject: usize, now: Time) -> bool {
        self.settle(subject, now);
        self.accounts[subject].down > Span::ZERO
    }

    /// Is any subject's level below full?
    pub fn level(&self, subject: usize) -> f64 {
        self.accounts[subject].level.value
    }

    /// The subject's level as it was booked last.
    pub fn standing(&self, subject: usize) -> Level {
        self.accounts[subject].level
    }

    /// From `now` on the subject has this level; `cause` is blamed if an outage begins now or along the slope.
    pub fn set_level(&mut self, subject: usize, now: Time, level: Level, cause: u32) {
        self.settle(subject, now);
        let down_below = self.down_below;
        let account = &mut self.accounts[subject];
        account.level = level;
        account.cause = cause;
        let state = if level.value < down_below {
            State::Down
        } else if level.value >= FULL && level.slope == 0.0 && level.tiers == 0 {
            State::Up
        } else {
            State::Degraded
        };
        self.turn(subject, now, state);
    }

    /// From `now` on this stage holds the subject back, if it is down.
    pub fn set_stage(&mut self, subject: usize, now: Time, stage: Stage) {
        if self.accounts[subject].stage != stage {
            self.settle(subject, now);
            let account = &mut self.accounts[subject];
            account.book_stage(now);
            account.stage = stage;
        }
    }

    /// A failover was begun; if the subject is down, it belongs to that outage.
    pub fn failover_begun(&mut self, subject: usize) {
        if let Some(outage) = &mut self.accounts[subject].open {
            outage.failover = true;
        }
    }

    /// Close the books at `end`.
    pub fn finish(&mut self, end: Time) {
        for subject in 0..self.accounts.len() {
            self.settle(subject, end);
            if let Some(open) = &mut self.accounts[subject].open {
                open.cut = true;
                self.close(subject, end);
            }
        }
    }

    /// Totals of a subject; call after [`finish`](Self::finish).
    pub fn totals(&self, subject: usize) -> Totals {
        let account = &self.accounts[subject];
        let booked = account.since.since(self.opened);
        Totals {
            up: booked - account.degraded - account.down,
            degraded: account.degraded,
            down: account.down,
            loss_s: account.loss_s,
        }
    }

    /// Book the time since the last change.
    fn settle(&mut self, subject: usize, now: Time) {
        let account = &self.accounts[subject];
        let span = now.since(account.since);
        if span.is_zero() {
            return;
        }
        let Level { value, slope, .. } = account.level;
        if value < 1.0 || slope != 0.0 {
            let (from, until) = (account.since.since(self.opened), now.since(self.opened));
            let level = account.level;
            let of_subject = self.meters.iter_mut().filter(|meter| meter.subject as usize == subject);
            of_subject.for_each(|meter| meter.add(from, until, level));
        }
        if slope == 0.0 {
            self.book(subject, now, (1.0 - value) * span.as_secs_f64());
            return;
        }
        let end = value + slope * span.as_nanos() as f64;
        let loss_s = (1.0 - f64::midpoint(value, end)) * span.as_secs_f64();
        let down_now = account.state == State::Down;
        if down_now != (end < self.down_below) {
            let until = Span::from_nanos_f64(((self.down_below - value) / slope).max(0.0).ceil());
            let crossing = (account.since + until).min(now);
            self.book(subject, crossing, 0.0);
            self.turn(subject, crossing, if down_now { State::Degraded } else { State::Down });
        }
        self.book(subject, now, loss_s);
        self.accounts[subject].level.value = end;
    }

    /// Book the time since the last change to the state that holds.
    fn book(&mut self, subject: usize, now: Time, loss_s: f64) {
        let account = &mut self.accounts[subject];
        let span = now.since(account.since);
        match account.state {
            State::Up => {}
            State::Degraded => account.degraded += span,
            State::Down => account.down += span,
        }
        account.loss_s += loss_s;
        account.since = now;
        let used = if account.state == State::Down { 0 } else { account.level.tiers };
        if used != 0 {
            let books = self.tiers.get_mut(subject).into_iter().flatten();
            books.enumerate().filter(|(tier, _)| used >> tier & 1 == 1).for_each(|(_, book)| *book += span);
        }
    }

    fn turn(&mut self, subject: usize, now: Time, state: State) {
        let before = std::mem::replace(&mut self.accounts[subject].state, state);
        match (before == State::Down, state == State::Down) {
            (false, true) => self.begin(subject, now),
            (true, false) => self.close(subject, now),
            (true, true) | (false, false) => {}
        }
    }

    fn begin(&mut self, subject: usize, now: Time) {
        let account = &mut self.accounts[subject];
        account.stage_since = now;
        let touching =
            account.last_closed.filter(|&last| self.outages[last].start + self.outages[last].duration == now);
        let outage = if let Some(last) = touching {
            let outage = self.outages[last].clone();
            self.outages[last].duration = Span::ZERO;
            account.last_closed = None;
            outage
        } else {
            Outage {
                subject: subject as u32,
                start: now,
                duration: Span::ZERO,
                cause: account.cause,
                stages: [Span::ZERO; STAGES],
                failover: false,
                cut: false,
                early: false,
            }
        };
        account.open = Some(outage);
    }

    fn close(&mut self, subject: usize, now: Time) {
        let account = &mut self.accounts[subject];
        account.book_stage(now);
        if let Some(mut outage) = account.open.take() {
            outage.duration = now.since(outage.start);
            if !outage.duration.is_zero() {
                account.last_closed = Some(self.outages.len());
                self.outages.push(outage);
            }
        }
    }
}

impl Account {
    fn book_stage(&mut self, now: Time) {
        if let Some(outage) = &mut self.open {
            outage.stages[self.stage as usize] += now.since(self.stage_since);
        }
        self.stage_since = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(nanos: u64) -> Time {
        Time::from_nanos(nanos)
    }

    #[test]
    fn a_drain_is_down_until_the_level_crosses_the_threshold() {
        let mut ledger = Ledger::new(1, 0.9, Vec::new());
        ledger.set_level(0, at(100), Level { value: 0.0, slope: 0.001, tiers: 0 }, 7);
        ledger.set_level(0, at(1_100), Level::all_or_nothing(true), 7);
        ledger.finish(at(2_000));
        let outage = &ledger.outages[0];
        assert_eq!((outage.start, outage.duration, outage.cause), (at(100), Span::from_nanos(900), 7));
        let totals = ledger.totals(0);
        assert_eq!((totals.up.as_nanos(), totals.degraded.as_nanos(), totals.down.as_nanos()), (1_000, 100, 900));
        assert!((totals.loss_s - 500e-9).abs() < 1e-18);
    }

    #[test]
    fn outages_that_touch_are_one_and_an_instant_is_none() {
        let mut ledger = Ledger::new(1, 0.9, Vec::new());
        ledger.set_level(0, at(10), Level::all_or_nothing(false), 1);
        ledger.set_level(0, at(10), Level::all_or_nothing(true), 1);
        assert!(ledger.outages.is_empty());
        ledger.set_level(0, at(20), Level::all_or_nothing(false), 1);
        ledger.set_level(0, at(30), Level::all_or_nothing(true), 1);
        ledger.set_level(0, at(30), Level::all_or_nothing(false), 2);
        ledger.finish(at(40));
        let real: Vec<_> = ledger.outages.iter().filter(|outage| !outage.duration.is_zero()).collect();
        assert_eq!(real.len(), 1);
        assert_eq!(
            (real[0].start, real[0].duration, real[0].cause, real[0].cut),
            (at(20), Span::from_nanos(20), 1, true)
        );
    }

    proptest! {
        #[test]
        fn time_adds_up_in_integers(
            steps in prop::collection::vec((0u64..50, 0.0f64..=1.0, -0.02f64..0.02, 0usize..STAGES), 0..60),
        ) {
            let mut ledger = Ledger::new(1, 0.9, Vec::new());
            let mut now = 0;
            for (gap, value, slope, stage) in steps {
                now += gap;
                let slope = if slope.abs() < 0.005 { 0.0 } else { slope };
                ledger.set_level(0, at(now), Level { value, slope, tiers: 0 }, 0);
                ledger.set_stage(0, at(now), Stage::ALL[stage]);
            }
            ledger.finish(at(now + 5));
            let totals = ledger.totals(0);
            prop_assert_eq!((totals.up + totals.degraded + totals.down).as_nanos(), now + 5);
            let outages: u64 = ledger.outages.iter().map(|outage| outage.duration.as_nanos()).sum();
            prop_assert_eq!(outages, totals.down.as_nanos());
            for outage in ledger.outages.iter().filter(|outage| !outage.duration.is_zero()) {
                let stages: u64 = outage.stages.iter().map(|stage| stage.as_nanos()).sum();
                prop_assert_eq!(stages, outage.duration.as_nanos());
            }
        }
    }
}
