//! What a checker believes of its target, and when its belief will change.
//!
//! Checks that cannot change a belief are not simulated: from the phase of the schedule follows which check will be
//! the one too many, and that instant is the event. In between, checks are only counted, when the target changes.
//! A target that breaks and mends between two checks is never noticed; a check at the instant of the fault sees it.

use crate::engine::streams::Stream;
use crate::model::failover::{Check, Detection, Schedule};
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
    /// Counts changes; an event of an older generation is stale.
    pub generation: u32,
    next_check: Time,
    run: u32,
    slow_answer: bool,
}

impl Watch {
    /// A healthy target, known to be; the phase of its checks is uniform over one period.
    pub fn new(detection: &Detection, rng: &mut Stream) -> Self {
        let next_check = match detection {
            Detection::Check(check) => {
                Time::ZERO + Span::from_nanos_f64(rng.random::<f64>() * check.every.as_nanos() as f64)
            }
            Detection::Instant | Detection::After(_) | Detection::Election(_) => Time::NEVER,
        };
        Watch {
            healthy: true,
            believed: true,
            since: Time::ZERO,
            generation: 0,
            next_check,
            run: 0,
            slow_answer: false,
        }
    }

    /// The target's health changed to `healthy` at `now`; `silent`: failed checks only end by their timeout. Answers
    /// when the belief will follow, if the health stays so.
    pub fn change(
        &mut self,
        now: Time,
        healthy: bool,
        silent: bool,
        detection: &Detection,
        rng: &mut Stream,
    ) -> Option<Time> {
        if let Detection::Check(check) = detection {
            self.count(now, check);
        }
        self.healthy = healthy;
        self.since = now;
        self.slow_answer = silent && !healthy;
        self.generation += 1;
        if self.healthy == self.believed {
            return None;
        }
        match detection {
            Detection::Instant | Detection::Election(_) => Some(now),
            Detection::After(law) => Some(now + law.sample(rng)),
            Detection::Check(check) => {
                let missing = self.threshold(check).saturating_sub(self.run).max(1);
                Some(self.next_check + self.period(check) * u64::from(missing - 1) + self.answer_time(check))
            }
        }
    }

    /// The belief follows the health at `now`.
    pub fn believe(&mut self, now: Time, detection: &Detection) {
        if let Detection::Check(check) = detection {
            let answer_time = self.answer_time(check);
            self.believed = self.healthy;
            let last = now.before(answer_time);
            let from = if check.schedule == Schedule::AfterAnswer { now } else { last };
            let every = if self.believed { check.every } else { check.every_down };
            self.next_check = from + every;
            self.run = 0;
        } else {
            self.believed = self.healthy;
        }
    }

    /// Count the checks before `now` that have seen the health as it was.
    fn count(&mut self, now: Time, check: &Check) {
        if now <= self.next_check {
            return;
        }
        let period = self.period(check);
        let seen = now.since(self.next_check).as_nanos().div_ceil(period.as_nanos().max(1));
        self.next_check += period * seen;
        self.run = if self.healthy == self.believed {
            0
        } else {
            self.run.saturating_add(u32::try_from(seen).unwrap_or(u32::MAX))
        };
    }

    fn threshold(&self, check: &Check) -> u32 {
        if self.believed { check.down_after } else { check.up_after }
    }

    fn answer_time(&self, check: &Check) -> Span {
        if self.slow_answer { check.timeout } else { Span::ZERO }
    }

    fn period(&self, check: &Check) -> Span {
        let every = if self.believed { check.every } else { check.every_down };
        match check.schedule {
            Schedule::Fixed => every,
            Schedule::AfterAnswer => every + self.answer_time(check),
        }
    }
}
