//! Outlier ejection: take a host that fails more than its peers out of the balancing for a while; and panic.
//!
//! A balancer sees the answers of every host, sooner than a health check does. A host is ejected after so many failures
//! in a row, or at a sweep when its success rate lies far below the mean of its peers; for a time that grows with the
//! number of its ejections; and returns at the first sweep at or after that time (Envoy's outlier detection).
//!
//! Invariant: ejected hosts never exceed `max_ejected` of all, save one host if `always_eject_one`. The share is over
//! *all* hosts and rounded down: **10 % of 9 hosts ejects nobody**, hence the default of 50 %.
//! [`Panic`]: with less than a threshold of hosts healthy, health is ignored and all get traffic, or none does. Over
//! regions that turns the loss of one into the overload of the rest; choose with care.

use rand::{Rng, RngExt};

use crate::resilience::config_error::{ConfigError, require};
use crate::resilience::{Outcome, Transition};
use crate::time::{Span, Time};

/// Ejection by comparison of success rates, judged at each sweep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SuccessRateLaw {
    /// Ejected below mean - this many standard deviations of the population, in thousandths; default 1900.
    pub deviations_thousandths: u32,
    /// Nothing is judged with fewer hosts that had enough requests; at least 2; default 5.
    pub min_hosts: u32,
    /// A host with fewer requests since the last sweep takes no part; at least 1; default 100.
    pub min_requests: u32,
}

impl Default for SuccessRateLaw {
    fn default() -> Self {
        SuccessRateLaw { deviations_thousandths: 1_900, min_hosts: 5, min_requests: 100 }
    }
}

/// Parameters of ejection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EjectionConfig {
    /// Failures in a row that eject; at least 1; none: never; default 5.
    pub errors: Option<u32>,
    /// Ejection by success rate; default off.
    pub success_rate: Option<SuccessRateLaw>,
    /// Interval between sweeps; > 0; default 10 s.
    pub every: Span,
    /// The n-th ejection in a row lasts n times this; default 30 s.
    pub base: Span,
    /// But at most this; at least `base`; default 5 min.
    pub max: Span,
    /// And longer by a uniform draw from 0 to this; default 0.
    pub jitter: Span,
    /// No more than this share of all hosts is out, in basis points; at most 10 000; default 5000.
    pub max_ejected: u32,
    /// Let one host be ejected whatever `max_ejected` says; default no.
    pub always_eject_one: bool,
}

impl Default for EjectionConfig {
    fn default() -> Self {
        EjectionConfig {
            errors: Some(5),
            success_rate: None,
            every: Span::from_secs(10),
            base: Span::from_secs(30),
            max: Span::from_secs(300),
            jitter: Span::ZERO,
            max_ejected: 5_000,
            always_eject_one: false,
        }
    }
}

impl EjectionConfig {
    /// # Errors
    /// Names the first field out of its range.
    pub fn check(&self) -> Result<(), ConfigError> {
        require(self.errors != Some(0), "errors", "must be at least 1")?;
        require(!self.every.is_zero(), "every", "must be longer than 0")?;
        require(self.max >= self.base, "max", "must be at least `base`")?;
        require(self.max_ejected <= 10_000, "max_ejected", "must be at most 10000 basis points")?;
        let Some(law) = self.success_rate else { return Ok(()) };
        require(law.min_hosts >= 2, "min_hosts", "must be at least 2")?;
        require(law.min_requests >= 1, "min_requests", "must be at least 1")
    }
}

/// Whether a host takes part in the balancing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HostState {
    /// It does.
    Present,
    /// It does not, at least until this instant.
    Ejected(Time),
}

/// Why a host left or came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EjectionCause {
    /// Too many failures in a row.
    Errors,
    /// Its success rate was far below the mean.
    SuccessRate,
    /// A sweep found its time served.
    TimeServed,
}

/// Host number `host` left or came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EjectionEvent {
    /// Which host.
    pub host: usize,
    /// What happened to it.
    pub change: Transition<HostState, EjectionCause>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Host {
    state: HostState,
    failures_in_row: u32,
    /// Ejections, less one per clean sweep: the factor of the next ejection time.
    ejections: u32,
    successes: u32,
    requests: u32,
}

/// The detector of one client for the hosts (or regions) of one callee.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutlierEjection {
    config: EjectionConfig,
    hosts: Vec<Host>,
    ejected: u32,
    next_sweep: Time,
    last_seen: Time,
}

impl OutlierEjection {
    /// `hosts` hosts, all present; the first sweep comes `every` after `now`.
    ///
    /// # Errors
    /// Names the first field of `config` out of its range.
    pub fn new(config: EjectionConfig, hosts: usize, now: Time) -> Result<Self, ConfigError> {
        config.check()?;
        let host = Host { state: HostState::Present, failures_in_row: 0, ejections: 0, successes: 0, requests: 0 };
        let next_sweep = now + config.every;
        Ok(OutlierEjection { config, hosts: vec![host; hosts], ejected: 0, next_sweep, last_seen: now })
    }

    /// The state of a host; a host that does not exist is present.
    #[inline]
    pub fn state(&self, host: usize) -> HostState {
        self.hosts.get(host).map_or(HostState::Present, |host| host.state)
    }

    /// Hosts that are out.
    pub const fn ejected(&self) -> u32 {
        self.ejected
    }

    /// When the next sweep is due.
    pub fn next_wake(&self) -> Option<Time> {
        (self.next_sweep < Time::NEVER).then_some(self.next_sweep)
    }

    /// A result of `host`. Run [`sweep`](Self::sweep) first when one is due. Results of a host that is out (panic, or
    /// late) change nothing.
    #[inline]
    pub fn record(&mut self, now: Time, host: usize, outcome: Outcome, rng: &mut impl Rng) -> Option<EjectionEvent> {
        self.last_seen = self.last_seen.max(now);
        let entry = self.hosts.get_mut(host)?;
        if entry.state != HostState::Present {
            return None;
        }
        match outcome {
            Outcome::Ignored => return None,
            Outcome::Success => {
                entry.successes += 1;
                entry.failures_in_row = 0;
            }
            Outcome::Failure => entry.failures_in_row += 1,
        }
        entry.requests += 1;
        let out = self.config.errors.is_some_and(|errors| entry.failures_in_row >= errors);
        if out { self.eject(self.last_seen, host, EjectionCause::Errors, rng) } else { None }
    }

    /// Runs all sweeps due by `now`, in order; each change goes to `on_event`.
    pub fn sweep(&mut self, now: Time, rng: &mut impl Rng, mut on_event: impl FnMut(EjectionEvent)) {
        self.last_seen = self.last_seen.max(now);
        while self.next_sweep <= self.last_seen && self.next_sweep < Time::NEVER {
            let at = self.next_sweep;
            self.sweep_once(at, rng, &mut on_event);
            self.next_sweep = at + self.config.every;
            if self.hosts.iter().all(|host| host.state == HostState::Present && host.ejections == 0) {
                // nothing left that a sweep could change: jump over the rest, along the grid
                let idle = self.last_seen.since(self.next_sweep).as_nanos() / self.config.every.as_nanos();
                self.next_sweep += self.config.every * idle;
            }
        }
    }

    fn sweep_once(&mut self, at: Time, rng: &mut impl Rng, on_event: &mut impl FnMut(EjectionEvent)) {
        for (index, host) in self.hosts.iter_mut().enumerate() {
            match host.state {
                HostState::Ejected(until) if at >= until => {
                    let from = std::mem::replace(&mut host.state, HostState::Present);
                    host.failures_in_row = 0;
                    self.ejected -= 1;
                    let change = Transition { from, to: HostState::Present, cause: EjectionCause::TimeServed, now: at };
                    on_event(EjectionEvent { host: index, change });
                }
                HostState::Ejected(_) => {}
                HostState::Present => host.ejections = host.ejections.saturating_sub(1),
            }
        }
        if let Some(law) = self.config.success_rate
            && let Some(judge) = Judge::over(&self.hosts, &law)
        {
            for index in 0..self.hosts.len() {
                if judge.is_outlier(&self.hosts[index], &law)
                    && let Some(event) = self.eject(at, index, EjectionCause::SuccessRate, rng)
                {
                    on_event(event);
                }
            }
        }
        for host in &mut self.hosts {
            (host.successes, host.requests) = (0, 0);
        }
    }

    fn eject(&mut self, now: Time, host: usize, cause: EjectionCause, rng: &mut impl Rng) -> Option<EjectionEvent> {
        let allowed = u64::from(self.config.max_ejected) * self.hosts.len() as u64;
        let within = 10_000 * (u64::from(self.ejected) + 1) <= allowed;
        let first = self.config.always_eject_one && self.ejected == 0;
        if !(within || first) {
            return None;
        }
        let entry = &mut self.hosts[host];
        entry.ejections += 1;
        let mut time = (self.config.base * u64::from(entry.ejections)).min(self.config.max);
        if !self.config.jitter.is_zero() {
            time += Span::from_nanos(rng.random_range(0..=self.config.jitter.as_nanos()));
        }
        let to = HostState::Ejected(now + time);
        let from = std::mem::replace(&mut entry.state, to);
        entry.failures_in_row = 0;
        self.ejected += 1;
        Some(EjectionEvent { host, change: Transition { from, to, cause, now } })
    }
}

/// Sums over the hosts that take part, of success rates in parts per million: integers, so the verdict is exact.
struct Judge {
    hosts: u128,
    sum: u128,
    squares: u128,
}

impl Judge {
    fn over(hosts: &[Host], law: &SuccessRateLaw) -> Option<Judge> {
        let mut judge = Judge { hosts: 0, sum: 0, squares: 0 };
        for rate in hosts.iter().filter_map(|host| rate(host, law)) {
            judge.hosts += 1;
            judge.sum += rate;
            judge.squares += rate * rate;
        }
        (judge.hosts >= u128::from(law.min_hosts)).then_some(judge)
    }

    /// rate < mean - d sd, with both sides times the number of hosts n, squared:
    /// (sum - n rate)^2 > d^2 (n squares - sum^2).
    fn is_outlier(&self, host: &Host, law: &SuccessRateLaw) -> bool {
        let Some(rate) = rate(host, law) else { return false };
        let below = self.sum.saturating_sub(self.hosts * rate);
        let spread = self.hosts * self.squares - self.sum * self.sum;
        let deviations = u128::from(law.deviations_thousandths);
        below > 0 && below * below * 1_000_000 > deviations * deviations * spread
    }
}

/// Success rate in parts per million, if the host is present and had enough requests.
fn rate(host: &Host, law: &SuccessRateLaw) -> Option<u128> {
    let counts = host.state == HostState::Present && host.requests >= law.min_requests;
    counts.then(|| u128::from(host.successes) * 1_000_000 / u128::from(host.requests))
}

/// What to do when too few hosts are healthy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PanicAction {
    /// Balance over all hosts as if all were healthy.
    SendToAll,
    /// Send nothing.
    Fail,
}

/// Where traffic may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Spread {
    /// To the healthy hosts.
    Healthy,
    /// To all hosts: panic.
    All,
    /// Nowhere: panic.
    Nowhere,
}

/// A change of the spread; the cause is the number of healthy hosts that made it.
pub type PanicTransition = Transition<Spread, u32>;

/// The panic threshold of one balancer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Panic {
    threshold: u32,
    action: PanicAction,
    spread: Spread,
}

impl Panic {
    /// Panics while less than `threshold` (basis points, 0: never; default elsewhere 5000) of all hosts are healthy.
    ///
    /// # Errors
    /// If `threshold` is above 10 000.
    pub fn new(threshold: u32, action: PanicAction) -> Result<Self, ConfigError> {
        require(threshold <= 10_000, "panic", "must be at most 10000 basis points")?;
        Ok(Panic { threshold, action, spread: Spread::Healthy })
    }

    /// Where traffic may go now.
    #[inline]
    pub const fn spread(&self) -> Spread {
        self.spread
    }

    /// `healthy` of `total` hosts are healthy and present: 10 000 healthy < threshold x total is panic.
    pub fn update(&mut self, now: Time, healthy: u32, total: u32) -> Option<PanicTransition> {
        let panics = 10_000 * u64::from(healthy) < u64::from(self.threshold) * u64::from(total);
        let to = match (panics, self.action) {
            (false, PanicAction::SendToAll | PanicAction::Fail) => Spread::Healthy,
            (true, PanicAction::SendToAll) => Spread::All,
            (true, PanicAction::Fail) => Spread::Nowhere,
        };
        let from = std::mem::replace(&mut self.spread, to);
        (from != to).then_some(Transition { from, to, cause: healthy, now })
    }
}

#[cfg(test)]
#[path = "outlier_ejection_tests.rs"]
mod tests;
