//! What checkers believe of their target, and when a belief will change.
//!
//! Checks that cannot change a belief are not simulated: from the phase of the schedule follows which check will be
//! the one too many, and that instant is the event. In between, checks are only counted, when the target changes.
//! A target that breaks and mends between two checks is never noticed; a check at the instant of the fault sees it.
//! False alarms come by the exact law of so many false results in a row, from a fresh start after every change. Several
//! checkers have a phase and a belief each, and the target counts as down while enough of them agree.

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
    /// Since when the health is what it is.
    pub since: Time,
    /// Lost its role while out of reach: until it can be reached again it is not well.
    pub exiled: bool,
    /// Counts changes of health and of what is believed.
    pub changes: u32,
    /// When beliefs will change, if nothing else does; to be scheduled by whoever called.
    pub due: Vec<Due>,
    answers: Answers,
    checkers: Vec<Checker>,
}

/// When a check ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answers {
    AtOnce,
    ByTimeout,
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
            since: Time::ZERO,
            exiled: false,
            changes: 0,
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
        (self.exiled, self.changes) = (false, 0);
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

    /// The target's health changed to `healthy` at `now`; `silent`: failed checks only end by their timeout.
    pub fn change(&mut self, now: Time, healthy: bool, silent: bool, detection: &Detection, rng: &mut Stream) {
        if let Detection::Check(check) = detection {
            for index in 0..self.checkers.len() {
                self.count(now, index, check);
            }
        }
        self.healthy = healthy;
        self.since = now;
        self.changes += 1;
        self.answers = if silent && !healthy { Answers::ByTimeout } else { Answers::AtOnce };
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
        let answer_time = if let Detection::Check(check) = detection { self.answer_time(check) } else { Span::ZERO };
        let checker = &mut self.checkers[index as usize];
        checker.believed = !checker.believed;
        checker.generation += 1;
        checker.run = 0;
        let mut agree = 1;
        if let Detection::Check(check) = detection {
            let last = now.before(answer_time);
            let from = if check.schedule == Schedule::AfterAnswer { now } else { last };
            let every = if checker.believed { check.every } else { check.every_down };
            checker.next_check = from + every;
            agree = check.agree as usize;
        }
        self.plan(now, index, detection, rng);
        let down = self.checkers.iter().filter(|checker| !checker.believed).count() >= agree;
        let changed = self.believed == down;
        self.believed = !down;
        self.changes += u32::from(changed);
        changed
    }

    /// When the belief of a checker will change as things now stand.
    fn plan(&mut self, now: Time, index: u32, detection: &Detection, rng: &mut Stream) {
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
        let checks = match (self.healthy, checker.believed) {
            (false, false) => return None,
            (false, true) => u64::from(check.down_after.saturating_sub(checker.run).max(1)),
            (true, true) if check.false_fail <= 0.0 => return None,
            (true, true) => trials_until_run(check.down_after, check.false_fail, rng)?,
            (true, false) if check.false_fail <= 0.0 => u64::from(check.up_after.saturating_sub(checker.run).max(1)),
            (true, false) => trials_until_run(check.up_after, 1.0 - check.false_fail, rng)?,
        };
        Some(checker.next_check + self.period(checker, check) * (checks - 1) + self.answer_time(check))
    }

    /// Count the checks before `now` that have seen the health as it was.
    fn count(&mut self, now: Time, index: usize, check: &Check) {
        let period = self.period(&self.checkers[index], check);
        let checker = &mut self.checkers[index];
        if now <= checker.next_check {
            return;
        }
        let seen = now.since(checker.next_check).as_nanos().div_ceil(period.as_nanos().max(1));
        checker.next_check += period * seen;
        checker.run = if self.healthy == checker.believed {
            0
        } else {
            checker.run.saturating_add(u32::try_from(seen).unwrap_or(u32::MAX))
        };
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
            Schedule::AfterAnswer => every + self.answer_time(check),
        }
    }
}
