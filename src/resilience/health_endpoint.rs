//! What a service answers to health checks: alive, ready, and the deep report.
//!
//! Three questions with three audiences. *Liveness* ("restart me?") is a [`Watchdog`] over the service's own progress
//! and cannot even be told of a dependency. *Readiness* ("send me traffic?") looks at what this replica alone can lose:
//! warm-up, draining and dependencies of its own. A dependency that all replicas share is reported and never makes a
//! replica unready: it would empty every region at one blip of one database. The *deep* report names everything, costs
//! something and is therefore rate-limited ([`DeepCheck`]); it is for dashboards, never for balancers.

use crate::resilience::config_error::{ConfigError, require};
use crate::time::{Span, Time};

/// Liveness: alive while the service's own loop beats at least every `limit`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watchdog {
    limit: Span,
    last_beat: Time,
}

impl Watchdog {
    /// A watchdog last fed at `now`; at `now >= last beat + limit` the service counts as stuck.
    ///
    /// # Errors
    /// If `limit` is zero.
    pub fn new(limit: Span, now: Time) -> Result<Self, ConfigError> {
        require(!limit.is_zero(), "limit", "must be longer than 0")?;
        Ok(Watchdog { limit, last_beat: now })
    }

    /// The loop has come round.
    #[inline]
    pub fn beat(&mut self, now: Time) {
        self.last_beat = self.last_beat.max(now);
    }

    /// Should the process be left running?
    #[inline]
    pub fn alive(&self, now: Time) -> bool {
        now < self.last_beat + self.limit
    }

    /// When the service is stuck unless it beats before.
    pub fn next_wake(&self) -> Option<Time> {
        let stuck = self.last_beat + self.limit;
        (stuck < Time::NEVER).then_some(stuck)
    }
}

/// Who else loses a dependency when this replica does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reach {
    /// Only this replica: its disk, its sidecar. A failure makes it unready.
    Own,
    /// All replicas: the database, another service. A failure is reported only.
    Shared,
}

/// Why a replica does not want traffic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NotReady {
    /// Caches and connections are not yet warm.
    WarmingUp,
    /// It is about to stop.
    Draining,
    /// The dependency of its own with this number is down.
    Dependency(usize),
}

/// Readiness of one replica.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Readiness {
    warm: bool,
    draining: bool,
    dependencies: Vec<(Reach, bool)>,
}

impl Readiness {
    /// A cold replica with these dependencies, all taken as well until somebody says otherwise.
    pub fn new(dependencies: &[Reach]) -> Self {
        let dependencies = dependencies.iter().map(|&reach| (reach, true)).collect();
        Readiness { warm: false, draining: false, dependencies }
    }

    /// Warm-up is complete.
    pub fn warmed_up(&mut self) {
        self.warm = true;
    }

    /// Traffic is to stop; there is no way back.
    pub fn drain(&mut self) {
        self.draining = true;
    }

    /// Dependency number `dependency` is well or not. An unknown number changes nothing.
    pub fn dependency(&mut self, dependency: usize, well: bool) {
        if let Some(entry) = self.dependencies.get_mut(dependency) {
            entry.1 = well;
        }
    }

    /// May traffic be sent here?
    ///
    /// # Errors
    /// The first reason why not.
    pub fn ready(&self) -> Result<(), NotReady> {
        if self.draining {
            return Err(NotReady::Draining);
        }
        if !self.warm {
            return Err(NotReady::WarmingUp);
        }
        match self.dependencies.iter().position(|&(reach, well)| reach == Reach::Own && !well) {
            Some(own) => Err(NotReady::Dependency(own)),
            None => Ok(()),
        }
    }

    /// Everything that is known, shared dependencies too: (reach, well) by number.
    pub fn report(&self) -> &[(Reach, bool)] {
        &self.dependencies
    }
}

/// What to do with a request for the deep report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeepStep {
    /// Do the work now and call [`DeepCheck::finished`].
    Run,
    /// Answer with the last report, which is this old.
    Cached(Span),
    /// The first report is still being made: answer "try again".
    Busy,
}

/// Lets a costly check run at most once per interval, and only one at a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeepCheck {
    every: Span,
    started: Option<Time>,
    finished: Option<Time>,
    running: bool,
}

impl DeepCheck {
    /// At most one run per `every`, counted from start to start.
    pub const fn new(every: Span) -> Self {
        DeepCheck { every, started: None, finished: None, running: false }
    }

    /// Somebody asks for the report.
    pub fn request(&mut self, now: Time) -> DeepStep {
        let due = self.started.is_none_or(|started| now >= started + self.every);
        if due && !self.running {
            self.started = Some(now);
            self.running = true;
            return DeepStep::Run;
        }
        self.finished.map_or(DeepStep::Busy, |finished| DeepStep::Cached(now.since(finished)))
    }

    /// The run has ended and its report is kept by the caller.
    pub fn finished(&mut self, now: Time) {
        self.running = false;
        self.finished = Some(now);
    }

    /// The run was abandoned: the last report, if any, stays.
    pub fn abandoned(&mut self) {
        self.running = false;
    }
}

#[cfg(test)]
mod tests {
    use super::{DeepCheck, DeepStep, NotReady, Reach, Readiness, Watchdog};
    use crate::time::{Span, Time};

    fn at(secs: u64) -> Time {
        Time::ZERO + Span::from_secs(secs)
    }

    #[test]
    fn liveness_knows_only_its_own_progress() {
        let mut watchdog = Watchdog::new(Span::from_secs(5), at(0)).unwrap();
        assert!(watchdog.alive(at(4)));
        assert!(!watchdog.alive(at(5)));
        watchdog.beat(at(4));
        assert!(watchdog.alive(at(8)));
        assert_eq!(watchdog.next_wake(), Some(at(9)));
    }

    #[test]
    fn a_shared_dependency_never_makes_a_replica_unready() {
        let mut readiness = Readiness::new(&[Reach::Own, Reach::Shared]);
        assert_eq!(readiness.ready(), Err(NotReady::WarmingUp));
        readiness.warmed_up();
        readiness.dependency(1, false);
        assert_eq!(readiness.ready(), Ok(()));
        assert_eq!(readiness.report(), [(Reach::Own, true), (Reach::Shared, false)]);
        readiness.dependency(0, false);
        assert_eq!(readiness.ready(), Err(NotReady::Dependency(0)));
        readiness.dependency(0, true);
        readiness.drain();
        assert_eq!(readiness.ready(), Err(NotReady::Draining));
    }

    #[test]
    fn the_deep_check_runs_once_per_interval_and_never_twice_at_a_time() {
        let mut deep = DeepCheck::new(Span::from_secs(10));
        assert_eq!(deep.request(at(0)), DeepStep::Run);
        assert_eq!(deep.request(at(1)), DeepStep::Busy);
        deep.finished(at(2));
        assert_eq!(deep.request(at(9)), DeepStep::Cached(Span::from_secs(7)));
        assert_eq!(deep.request(at(10)), DeepStep::Run);
        assert_eq!(deep.request(at(30)), DeepStep::Cached(Span::from_secs(28)));
        deep.abandoned();
        assert_eq!(deep.request(at(30)), DeepStep::Run);
    }
}
