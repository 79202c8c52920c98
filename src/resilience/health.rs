//! Active health checking: when to check a target, and when its state changes.
//!
//! One lost check must not move traffic, and a dead target must not keep it: so a state changes only after `down_after`
//! failures or `up_after` passes in a row ([`RiseFall`]), and a target that is down may be checked more often so that
//! it comes back sooner. [`HealthChecker`] adds the schedule, the timeout of a check and the jitter; [`Agreement`] lets
//! several checkers vote.
//!
//! Invariant: at most one check of a checker is out at a time, and each check counts exactly once, as a pass, a failure
//! or a timeout. What a check looks at is the business of who performs it; what a service answers to a check is in
//! [`health_endpoint`](crate::resilience::health_endpoint).

use rand::{Rng, RngExt};

use crate::resilience::Transition;
use crate::resilience::config_error::{ConfigError, require};
use crate::time::{Span, Time};

/// What is believed of a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Health {
    /// No check has ended yet; the first one decides.
    Unknown,
    /// Fit to serve.
    Up,
    /// Not fit to serve.
    Down,
}

/// How a check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CheckResult {
    /// The target answered that it is well, in time.
    Pass,
    /// The target answered that it is not, or refused.
    Fail,
    /// Nothing came within the timeout of the check; counts as a failure.
    TimedOut,
}

impl CheckResult {
    /// Is it a pass?
    #[inline]
    pub const fn passed(self) -> bool {
        match self {
            CheckResult::Pass => true,
            CheckResult::Fail | CheckResult::TimedOut => false,
        }
    }
}

/// A change of belief; its cause is the check that decided.
pub type HealthTransition = Transition<Health, CheckResult>;

/// Consecutive thresholds: the belief changes after so many equal results in a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RiseFall {
    rise: u32,
    fall: u32,
    health: Health,
    /// Results in a row against the present belief.
    streak: u32,
}

impl RiseFall {
    /// Up after `rise` passes in a row, down after `fall` failures in a row, beginning as `initial`.
    ///
    /// # Errors
    /// If `rise` or `fall` is zero.
    pub fn new(rise: u32, fall: u32, initial: Health) -> Result<Self, ConfigError> {
        require(rise >= 1, "up_after", "must be at least 1")?;
        require(fall >= 1, "down_after", "must be at least 1")?;
        Ok(RiseFall { rise, fall, health: initial, streak: 0 })
    }

    /// What is believed now.
    #[inline]
    pub const fn health(&self) -> Health {
        self.health
    }

    /// Further results against the present belief, in a row, until it changes; 1 or more.
    #[inline]
    pub const fn missing(&self) -> u32 {
        match self.health {
            Health::Unknown => 1,
            Health::Up => self.fall - self.streak,
            Health::Down => self.rise - self.streak,
        }
    }

    /// Counts one result that came at `now`.
    #[inline]
    pub fn observe(&mut self, now: Time, result: CheckResult) -> Option<HealthTransition> {
        let to = if result.passed() { Health::Up } else { Health::Down };
        if to == self.health {
            self.streak = 0;
            return None;
        }
        self.streak += 1;
        let needed = match self.health {
            Health::Unknown => 1,
            Health::Up => self.fall,
            Health::Down => self.rise,
        };
        if self.streak < needed {
            return None;
        }
        let from = std::mem::replace(&mut self.health, to);
        self.streak = 0;
        Some(Transition { from, to, cause: result, now })
    }
}

/// From where the interval to the next check is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CheckSchedule {
    /// From the last planned instant: a grid that neither answers nor jitter shift.
    Fixed,
    /// From the last answer (or timeout).
    AfterAnswer,
}

/// Parameters of a health checker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CheckConfig {
    /// Interval between checks while the target is up or unknown; > 0; default 10 s.
    pub every: Span,
    /// Interval while it is down; > 0; default `every`.
    pub every_down: Span,
    /// A check without an answer for so long has failed; > 0, at most `every`; default 2 s.
    pub timeout: Span,
    /// Failures in a row until down; at least 1; default 3.
    pub down_after: u32,
    /// Passes in a row until up; at least 1; default 2.
    pub up_after: u32,
    /// Whence the interval counts; default fixed.
    pub schedule: CheckSchedule,
    /// Each check starts later by a uniform draw from 0 to this; less than `every`; default 0.
    pub jitter: Span,
}

impl Default for CheckConfig {
    fn default() -> Self {
        CheckConfig {
            every: Span::from_secs(10),
            every_down: Span::from_secs(10),
            timeout: Span::from_secs(2),
            down_after: 3,
            up_after: 2,
            schedule: CheckSchedule::Fixed,
            jitter: Span::ZERO,
        }
    }
}

impl CheckConfig {
    /// # Errors
    /// Names the first field out of its range.
    pub fn check(&self) -> Result<(), ConfigError> {
        require(!self.every.is_zero(), "every", "must be longer than 0")?;
        require(!self.every_down.is_zero(), "every_down", "must be longer than 0")?;
        require(!self.timeout.is_zero(), "timeout", "must be longer than 0")?;
        require(self.timeout <= self.every, "timeout", "must be at most `every`")?;
        require(self.jitter < self.every, "jitter", "must be shorter than `every`")?;
        require(self.down_after >= 1, "down_after", "must be at least 1")?;
        require(self.up_after >= 1, "up_after", "must be at least 1")
    }

    /// The interval that holds in `health`.
    #[inline]
    pub const fn interval(&self, health: Health) -> Span {
        match health {
            Health::Unknown | Health::Up => self.every,
            Health::Down => self.every_down,
        }
    }
}

/// Names one check of one checker, so that an answer that comes after its timeout is told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CheckId(u64);

/// What [`HealthChecker::poll`] wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckStep {
    /// Nothing before [`HealthChecker::next_wake`].
    Idle,
    /// Send a check now and report to [`HealthChecker::answer`]. Poll again.
    Start(CheckId),
    /// The check that was out got no answer in time. Poll again.
    TimedOut(Option<HealthTransition>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// The next check starts at `start`.
    Waiting { start: Time },
    /// A check is out; without an answer it fails at `expires`.
    Out { expires: Time },
}

/// One checker of one target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HealthChecker {
    config: CheckConfig,
    belief: RiseFall,
    phase: Phase,
    /// The instant of the last or next check before jitter.
    planned: Time,
    /// Checks started.
    started: u64,
    last_seen: Time,
}

impl HealthChecker {
    /// A checker that starts its first check at `first` exactly (draw the phase uniformly from an interval) and
    /// believes `initial` until then.
    ///
    /// # Errors
    /// Names the first field of `config` out of its range.
    pub fn new(config: CheckConfig, initial: Health, first: Time) -> Result<Self, ConfigError> {
        config.check()?;
        let belief = RiseFall::new(config.up_after, config.down_after, initial)?;
        let phase = Phase::Waiting { start: first };
        Ok(HealthChecker { config, belief, phase, planned: first, started: 0, last_seen: Time::ZERO })
    }

    /// The parameters.
    pub const fn config(&self) -> &CheckConfig {
        &self.config
    }

    /// What is believed now.
    #[inline]
    pub const fn health(&self) -> Health {
        self.belief.health()
    }

    /// Checks started so far.
    pub const fn started(&self) -> u64 {
        self.started
    }

    /// When to poll next: the start of the next check, or the timeout of the one that is out.
    #[inline]
    pub const fn next_wake(&self) -> Option<Time> {
        let at = match self.phase {
            Phase::Waiting { start } => start,
            Phase::Out { expires } => expires,
        };
        if at.as_nanos() == u64::MAX { None } else { Some(at) }
    }

    /// Starts the check that is due, or fails the one whose timeout has come. A check that should have started while
    /// another was still out (`every_down` shorter than `timeout`) starts as soon as that one has ended.
    pub fn poll(&mut self, now: Time, rng: &mut impl Rng) -> CheckStep {
        let now = self.see(now);
        match self.phase {
            Phase::Waiting { start } if now >= start => {
                self.phase = Phase::Out { expires: now + self.config.timeout };
                self.started += 1;
                CheckStep::Start(CheckId(self.started))
            }
            Phase::Out { expires } if now >= expires => {
                CheckStep::TimedOut(self.finish(expires, CheckResult::TimedOut, rng))
            }
            Phase::Waiting { .. } | Phase::Out { .. } => CheckStep::Idle,
        }
    }

    /// The answer to check `id`: did it pass? An answer at or after the timeout of its check is a timeout, one to a
    /// check that has already ended changes nothing.
    pub fn answer(&mut self, now: Time, id: CheckId, passed: bool, rng: &mut impl Rng) -> Option<HealthTransition> {
        let now = self.see(now);
        match self.phase {
            Phase::Out { expires } if id.0 == self.started => {
                if now >= expires {
                    self.finish(expires, CheckResult::TimedOut, rng)
                } else {
                    self.finish(now, if passed { CheckResult::Pass } else { CheckResult::Fail }, rng)
                }
            }
            Phase::Out { .. } | Phase::Waiting { .. } => None,
        }
    }

    /// When the belief would change if from the next check on all results were `passed`, each `answer_after` its
    /// start; `None` if they agree with the belief. Exact without jitter and while no check is out: with it a
    /// simulator skips the checks that cannot matter.
    pub fn would_change_at(&self, passed: bool, answer_after: Span) -> Option<Time> {
        let agrees = match self.health() {
            Health::Unknown => false,
            Health::Up => passed,
            Health::Down => !passed,
        };
        if agrees {
            return None;
        }
        let further = u64::from(self.belief.missing() - 1);
        Some(self.planned + self.stride(answer_after) * further + answer_after.min(self.config.timeout))
    }

    /// Skips the checks before `now` that all agreed with the belief, each answered `answer_after` its start, as if
    /// they had been made; the next check is then the first at or after `now`. Exact under the conditions of
    /// [`would_change_at`](Self::would_change_at).
    pub fn skip_to(&mut self, now: Time, answer_after: Span) {
        let now = self.see(now);
        if now <= self.planned || !matches!(self.phase, Phase::Waiting { .. }) {
            return;
        }
        let stride = self.stride(answer_after);
        let checks = now.since(self.planned).as_nanos().div_ceil(stride.as_nanos());
        self.planned += stride * checks;
        self.started += checks;
        self.belief.streak = 0;
        self.phase = Phase::Waiting { start: self.planned };
    }

    /// From one start to the next when answers take `answer_after`.
    fn stride(&self, answer_after: Span) -> Span {
        let (interval, answer) = (self.config.interval(self.health()), answer_after.min(self.config.timeout));
        match self.config.schedule {
            CheckSchedule::Fixed => interval.max(answer),
            CheckSchedule::AfterAnswer => interval + answer,
        }
    }

    fn finish(&mut self, now: Time, result: CheckResult, rng: &mut impl Rng) -> Option<HealthTransition> {
        let change = self.belief.observe(now, result);
        let interval = self.config.interval(self.belief.health());
        self.planned = match self.config.schedule {
            CheckSchedule::Fixed => (self.planned + interval).max(now),
            CheckSchedule::AfterAnswer => now + interval,
        };
        let mut start = self.planned;
        if !self.config.jitter.is_zero() {
            start += Span::from_nanos(rng.random_range(0..=self.config.jitter.as_nanos()));
        }
        self.phase = Phase::Waiting { start };
        change
    }

    fn see(&mut self, now: Time) -> Time {
        self.last_seen = self.last_seen.max(now);
        self.last_seen
    }
}

/// Several checkers of one target: it is down when at least `agree` of them say so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Agreement {
    views: Vec<Health>,
    down: u32,
    agree: u32,
}

impl Agreement {
    /// `checkers` views, all unknown; a majority is `checkers / 2 + 1`.
    ///
    /// # Errors
    /// Unless 1 <= `agree` <= `checkers`.
    pub fn new(checkers: u32, agree: u32) -> Result<Self, ConfigError> {
        require(checkers >= 1, "checkers", "must be at least 1")?;
        require(agree >= 1 && agree <= checkers, "agree", "must be from 1 to `checkers`")?;
        Ok(Agreement { views: vec![Health::Unknown; checkers as usize], down: 0, agree })
    }

    /// The common belief: down by enough votes, else up once any checker has an opinion.
    pub fn health(&self) -> Health {
        if self.down >= self.agree {
            Health::Down
        } else if self.views.iter().any(|&view| view != Health::Unknown) {
            Health::Up
        } else {
            Health::Unknown
        }
    }

    /// Takes over what checker number `checker` has decided. An unknown number changes nothing.
    pub fn update(&mut self, checker: usize, change: HealthTransition) -> Option<HealthTransition> {
        let from = self.health();
        let view = self.views.get_mut(checker)?;
        self.down -= u32::from(*view == Health::Down);
        self.down += u32::from(change.to == Health::Down);
        *view = change.to;
        let to = self.health();
        (from != to).then_some(Transition { from, to, cause: change.cause, now: change.now })
    }
}

#[cfg(test)]
#[path = "health_tests.rs"]
mod tests;
