//! What checkers believe of their target, and when a belief will change.
//!
//! Checks that cannot change a belief are not simulated: from the phase of the schedule follows which check will be
//! the one too many, and that instant is the event. In between, checks are only counted, when the target changes.
//! A target that breaks and mends between two checks is never noticed; a check at the instant of the fault sees it.
//! False alarms, and faults of which checks see only a part, come by the exact law of so many such results in a row, from
//! a fresh start after every change. Several checkers have a phase and a belief each, and the target counts as down
//! while enough of them agree.

use super::layout::Manner;
use crate::engine::streams::Stream;
use crate::model::failover::{Check, Detection, Schedule, trials_until_run};
use crate::time::{Span, Time};
use rand::RngExt;

/// Belief about one target.
#[derive(Clone, Debug)]
pub struct Watch {
    /// Is the target healthy?
    pub healthy: bool,
    /// Is it believed to be?
    pub believed: bool,
    /// Chance that a check fails by what is wrong with it, 0 to 1: gray is what is in between, or not 0 though it serves.
    pub fails: f64,
    /// Since when the health is what it is.
    pub since: Time,
    /// Since when what is believed is.
    believed_since: Time,
    /// Lost its role while out of reach: until it can be reached again it is not well.
    pub exiled: bool,
    /// Counts changes of health and of what is believed.
    pub changes: u32,
    /// When beliefs will change, if nothing else does; to be scheduled by whoever called.
    pub due: Vec<Due>,
    checks: Checks,
    answers: Answers,
    checkers: Vec<Checker>,
}

/// When a check ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answers {
    AtOnce,
    ByTimeout,
}

/// Where checks are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Checks {
    /// By the law of their results.
    Here,
    /// One by one by somebody else, who tells what they find.
    Elsewhere,
}

/// When the belief of a checker will change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Due {
    /// When.
    pub at: Time,
    /// Whose.
    pub checker: u32,
    /// Counts what the checker was told; an event of an older generation is stale.
    pub generation: u32,
}

/// One checker.
#[derive(Clone, Copy, Debug)]
struct Checker {
    believed: bool,
    generation: u32,
    next_check: Time,
    run: u32,
}

impl Watch {
    /// A healthy target, known to be; the phase of each checker is uniform over one period.
    pub fn new(detection: &Detection, rng: &mut Stream) -> Self {
        let (due, checkers) = (Vec::new(), Vec::new());
        let mut watch = Watch {
            healthy: true,
            believed: true,
            fails: 0.0,
            since: Time::ZERO,
            believed_since: Time::ZERO,
            exiled: false,
            changes: 0,
            checks: Checks::Here,
            answers: Answers::AtOnce,
            due,
            checkers,
        };
        watch.reset(detection, rng);
        watch
    }

    /// As new, in the same memory.
    pub fn reset(&mut self, detection: &Detection, rng: &mut Stream) {
        (self.healthy, self.believed, self.since, self.answers) = (true, true, Time::ZERO, Answers::AtOnce);
        self.believed_since = Time::ZERO;
        (self.exiled, self.changes, self.fails, self.checks) = (false, 0, 0.0, Checks::Here);
        self.due.clear();
        self.checkers.clear();
        let count = match detection {
            Detection::Check(check) => check.checkers,
            Detection::Instant | Detection::After(_) | Detection::Election(_) => 1,
        };
        for index in 0..count {
            let next_check = match detection {
                Detection::Check(check) => {
                    Time::ZERO + Span::from_nanos_f64(rng.random::<f64>() * check.every.as_nanos() as f64)
                }
                Detection::Instant | Detection::After(_) | Detection::Election(_) => Time::NEVER,
            };
            self.checkers.push(Checker { believed: true, generation: 0, next_check, run: 0 });
            self.plan(Time::ZERO, index, detection, rng);
        }
    }

    /// Is nothing wrong with it that a check could see?
    pub fn is_well(&self) -> bool {
        self.healthy && self.fails == 0.0
    }

    /// Was it declared down while it served as it does now? Whoever has come back since is only not yet believed.
    pub fn is_belied(&self) -> bool {
        self.healthy && !self.believed && self.believed_since >= self.since
    }

    /// The target is healthy now or is not, and then `gray` is the chance that a check of it fails; what broke it has
    /// this manner. Answers whether anything has changed.
    pub fn follow(
        &mut self,
        now: Time,
        healthy: bool,
        gray: f64,
        manner: Manner,
        detection: &Detection,
        rng: &mut Stream,
    ) -> bool {
        let check_fails = match (self.healthy, healthy) {
            (_, true) => gray,
            (true, false) => manner.check_fails,
            (false, false) => self.fails,
        };
        let changed = self.healthy != healthy || self.fails.to_bits() != check_fails.to_bits();
        if changed {
            self.change(now, healthy, Manner { check_fails, ..manner }, detection, rng);
        }
        changed
    }

    /// The target's health changed to `healthy` at `now`, or what checks meet there.
    pub fn change(&mut self, now: Time, healthy: bool, manner: Manner, detection: &Detection, rng: &mut Stream) {
        if let Detection::Check(check) = detection {
            for index in 0..self.checkers.len() {
                self.count(now, index, check);
            }
        }
        (self.healthy, self.fails) = (healthy, manner.check_fails);
        self.since = now;
        self.changes += 1;
        self.answers = if manner.silent && self.fails > 0.0 { Answers::ByTimeout } else { Answers::AtOnce };
        for index in 0..self.checkers.len() as u32 {
            self.checkers[index as usize].generation += 1;
            self.plan(now, index, detection, rng);
        }
    }

    /// The only checker that there is learns of the change at `at` instead.
    pub fn postpone(&mut self, at: Time) {
        self.due.iter_mut().for_each(|due| due.at = at);
    }

    /// Is an event of this checker still to be heard?
    pub fn expects(&self, checker: u32, generation: u32) -> bool {
        self.checkers[checker as usize].generation == generation
    }

    /// The belief of a checker changes at `now`; answers whether that of all of them does.
    pub fn believe(&mut self, now: Time, index: u32, detection: &Detection, rng: &mut Stream) -> bool {
        let failed = self.checkers[index as usize].believed;
        let answer_time = match detection {
            Detection::Check(check) if failed => self.answer_time(check),
            Detection::Check(_) | Detection::Instant | Detection::After(_) | Detection::Election(_) => Span::ZERO,
        };
        let checker = &mut self.checkers[index as usize];
        checker.believed = !checker.believed;
        checker.generation += 1;
        checker.run = 0;
        let mut agree = 1;
        if let Detection::Check(check) = detection {
            checker.next_check = check.next(!checker.believed, now.before(answer_time), now);
            agree = check.agree as usize;
        }
        self.plan(now, index, detection, rng);
        self.agree_on(now, agree)
    }

    /// From `now` on its checks are made by somebody else; answers when each checker is next due, and what it believes.
    pub fn hand_over(&mut self, now: Time, check: &Check) -> Vec<(Time, bool)> {
        self.checks = Checks::Elsewhere;
        self.due.clear();
        for index in 0..self.checkers.len() {
            self.count(now, index, check);
            self.checkers[index].generation += 1;
        }
        self.checkers.iter().map(|checker| (checker.next_check, checker.believed)).collect()
    }

    /// Are its checks made by somebody else?
    pub fn is_told(&self) -> bool {
        self.checks == Checks::Elsewhere
    }

    /// A checker believes this from now on; answers whether all of them change their mind by that, if down is what so
    /// many of them say.
    pub fn hear(&mut self, now: Time, checker: u32, healthy: bool, agree: u32) -> bool {
        self.checkers[checker as usize].believed = healthy;
        self.agree_on(now, agree as usize)
    }

    /// What a check meets: the chance that it fails by what is wrong, and whether nothing comes back then.
    pub fn meets(&self) -> (f64, bool) {
        (self.fails, self.answers == Answers::ByTimeout)
    }

    /// What is believed follows the checkers; answers whether that changes it.
    fn agree_on(&mut self, now: Time, agree: usize) -> bool {
        let down = self.checkers.iter().filter(|checker| !checker.believed).count() >= agree;
        let changed = self.believed == down;
        self.believed = !down;
        if changed {
            self.believed_since = now;
        }
        self.changes += u32::from(changed);
        changed
    }

    /// When the belief of a checker will change as things now stand.
    fn plan(&mut self, now: Time, index: u32, detection: &Detection, rng: &mut Stream) {
        if self.is_told() {
            return;
        }
        let checker = self.checkers[index as usize];
        let at = match detection {
            Detection::Check(check) => self.next_change(&checker, check, rng),
            Detection::Instant | Detection::After(_) | Detection::Election(_) if self.healthy == checker.believed => {
                None
            }
            Detection::Instant | Detection::Election(_) => Some(now),
            Detection::After(law) => Some(now + law.sample(rng)),
        };
        if let Some(at) = at {
            self.due.push(Due { at, checker: index, generation: checker.generation });
        }
    }

    fn next_change(&self, checker: &Checker, check: &Check, rng: &mut Stream) -> Option<Time> {
        let fails = self.check_fails(check);
        let (wanted, chance) = if checker.believed { (check.down_after, fails) } else { (check.up_after, 1.0 - fails) };
        let checks = if chance <= 0.0 {
            return None;
        } else if chance >= 1.0 {
            u64::from(wanted.saturating_sub(checker.run).max(1))
        } else {
            trials_until_run(wanted, chance, rng)?
        };
        let answer_time = if checker.believed { self.answer_time(check) } else { Span::ZERO };
        Some(checker.next_check + self.period(checker, check) * (checks - 1) + answer_time)
    }

    /// Chance that one check fails, rightly or not.
    fn check_fails(&self, check: &Check) -> f64 {
        let passes = (1.0 - self.fails) * (1.0 - check.false_fail);
        // either alone is what it says, to the last bit
        if self.fails == 0.0 { check.false_fail } else { 1.0 - passes }
    }

    /// Count the checks before `now` that have seen the health as it was.
    fn count(&mut self, now: Time, index: usize, check: &Check) {
        let (period, fails) = (self.period(&self.checkers[index], check), self.check_fails(check));
        let checker = &mut self.checkers[index];
        if now <= checker.next_check {
            return;
        }
        let seen = now.since(checker.next_check).as_nanos().div_ceil(period.as_nanos().max(1));
        checker.next_check += period * seen;
        let all_against = if checker.believed { fails >= 1.0 } else { fails <= 0.0 };
        checker.run = if all_against { checker.run.saturating_add(u32::try_from(seen).unwrap_or(u32::MAX)) } else { 0 };
    }

    fn answer_time(&self, check: &Check) -> Span {
        match self.answers {
            Answers::AtOnce => Span::ZERO,
            Answers::ByTimeout => check.timeout,
        }
    }

    fn period(&self, checker: &Checker, check: &Check) -> Span {
        let every = if checker.believed { check.every } else { check.every_down };
        match check.schedule {
            Schedule::Fixed => every,
            // on average, where some fail and some do not
            Schedule::AfterAnswer => {
                every + Span::from_nanos_f64(self.answer_time(check).as_nanos() as f64 * self.fails)
            }
        }
    }
}
