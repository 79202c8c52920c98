//! Balancing: which of the eligible hosts gets the next attempt.
//!
//! The caller keeps the list of eligible hosts (healthy, not ejected; all of them in panic) and reports each send and
//! each end, from which the balancer knows the load it put on every host. Two random choices and the better of them
//! (Mitzenmacher 2001) is nearly as good as the best of all and does not herd; with peak EWMA (Finagle) the load is the
//! latency, which jumps up at once and decays, times what is outstanding. Round robin is fair to the attempts of one
//! balancer; where there are many, each [starts at](Balancer::start_at) another host.
//!
//! Invariant: the pick is one of the eligible hosts, and none of `avoid` while another is eligible. Costs: round robin,
//! random and the choices of two are O(1); least outstanding, weighted and sticky look at every eligible host.

use rand::{Rng, RngExt};

use crate::resilience::config_error::{ConfigError, require};
use crate::time::{Span, Time};

/// How to choose.
#[derive(Clone, Debug, PartialEq)]
pub enum BalancePolicy {
    /// One after the other.
    RoundRobin,
    /// Uniformly.
    Random,
    /// The host with the fewest outstanding attempts; ties go round.
    LeastOutstanding,
    /// The one of two random hosts with fewer outstanding attempts.
    TwoChoices,
    /// The one of two random hosts with the smaller peak EWMA of latency x (outstanding + 1).
    PeakEwma {
        /// Time constant of the decay; > 0; default 10 s.
        decay: Span,
    },
    /// At random in proportion to these weights, by host; at least one > 0. Hosts beyond the list have weight 0.
    Weighted(Vec<u32>),
    /// The same key goes to the same host while that is eligible; the loss of a host moves only its own keys
    /// (rendezvous hashing, Thaler and Ravishankar 1998).
    Sticky,
}

impl BalancePolicy {
    /// Peak EWMA with its default decay.
    pub const PEAK_EWMA: BalancePolicy = BalancePolicy::PeakEwma { decay: Span::from_secs(10) };
}

/// Load of a host as this client knows it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Host {
    outstanding: u32,
    /// Peak EWMA of the latency in ns, as of `stamp`; 0 while there is no sample.
    latency: f64,
    stamp: Time,
}

/// The balancer of one client (or proxy) over the hosts of one callee.
#[derive(Clone, Debug, PartialEq)]
pub struct Balancer {
    policy: BalancePolicy,
    hosts: Vec<Host>,
    turn: usize,
}

/// A host that owes its first answer costs this much more than any latency, in ns (about 3 days).
const UNPROVEN: f64 = 281_474_976_710_656.0;

impl Balancer {
    /// A balancer over hosts 0 to `hosts` - 1.
    ///
    /// # Errors
    /// If all weights or the decay are zero.
    pub fn new(policy: BalancePolicy, hosts: usize) -> Result<Self, ConfigError> {
        match &policy {
            BalancePolicy::PeakEwma { decay } => require(!decay.is_zero(), "decay", "must be longer than 0")?,
            BalancePolicy::Weighted(weights) => {
                require(weights.iter().any(|&weight| weight > 0), "weights", "must not all be 0")?;
            }
            BalancePolicy::RoundRobin
            | BalancePolicy::Random
            | BalancePolicy::LeastOutstanding
            | BalancePolicy::TwoChoices
            | BalancePolicy::Sticky => {}
        }
        Ok(Balancer { policy, hosts: vec![Host::default(); hosts], turn: 0 })
    }

    /// Round robin, and the ties of least outstanding, begin at this place of those eligible then, modulo their number.
    /// Callers that begin alike herd: many that each ask seldom, all from host 0 on, send that host all of their first
    /// attempts. So give each a turn of its own.
    pub const fn start_at(&mut self, turn: u32) {
        self.turn = turn as usize;
    }

    /// Attempts that are out at a host.
    #[inline]
    pub fn outstanding(&self, host: u32) -> u32 {
        self.hosts.get(host as usize).map_or(0, |host| host.outstanding)
    }

    /// Chooses one of `eligible`, if possible none of `avoid` (the targets that this call has already used; few). `key`
    /// matters to sticky balancing only. None if nothing is eligible.
    #[inline]
    pub fn pick(&mut self, now: Time, eligible: &[u32], avoid: &[u32], key: u64, rng: &mut impl Rng) -> Option<u32> {
        if matches!(self.policy, BalancePolicy::RoundRobin) && avoid.is_empty() && !eligible.is_empty() {
            let start = wrapped(self.turn, eligible.len());
            self.turn = wrapped(start + 1, eligible.len());
            return Some(eligible[start]);
        }
        self.pick_among(now, eligible, avoid, key, rng)
    }

    #[inline(never)]
    fn pick_among(&mut self, now: Time, eligible: &[u32], avoid: &[u32], key: u64, rng: &mut impl Rng) -> Option<u32> {
        if eligible.is_empty() {
            return None;
        }
        let free = |host: &u32| !avoid.contains(host);
        let avoid = if avoid.is_empty() || !eligible.iter().any(free) { &[] } else { avoid };
        let allowed = |host: &u32| !avoid.contains(host);
        match &self.policy {
            BalancePolicy::RoundRobin => {
                let start = wrapped(self.turn, eligible.len());
                let (host, steps) = from(eligible, start, allowed)?;
                self.turn = wrapped(start + steps, eligible.len());
                Some(host)
            }
            BalancePolicy::Random => any(eligible, allowed, rng),
            BalancePolicy::LeastOutstanding => {
                let start = self.turn % eligible.len();
                self.turn = start + 1;
                let (before, after) = eligible.split_at(start);
                after.iter().chain(before).copied().filter(allowed).min_by_key(|&host| self.outstanding(host))
            }
            BalancePolicy::TwoChoices => {
                let (first, second) = two(eligible, allowed, rng)?;
                Some(if self.outstanding(second) < self.outstanding(first) { second } else { first })
            }
            BalancePolicy::PeakEwma { decay } => {
                let (first, second) = two(eligible, allowed, rng)?;
                Some(if self.cost(now, second, *decay) < self.cost(now, first, *decay) { second } else { first })
            }
            BalancePolicy::Weighted(weights) => weighted(weights, eligible, allowed, rng),
            BalancePolicy::Sticky => {
                eligible.iter().copied().filter(allowed).max_by_key(|&host| (mix(key ^ mix(u64::from(host))), host))
            }
        }
    }

    /// An attempt goes to `host`.
    #[inline]
    pub fn sent(&mut self, host: u32) {
        if let Some(host) = self.hosts.get_mut(host as usize) {
            host.outstanding += 1;
        }
    }

    /// An attempt at `host` has ended; `latency` if that says something of the host, none for a cancelled one.
    #[inline]
    pub fn ended(&mut self, now: Time, host: u32, latency: Option<Span>) {
        let Some(host) = self.hosts.get_mut(host as usize) else { return };
        host.outstanding = host.outstanding.saturating_sub(1);
        if let (Some(latency), BalancePolicy::PeakEwma { decay }) = (latency, &self.policy) {
            let latency = (latency.as_nanos() as f64).max(1.0);
            let kept = remaining(now.since(host.stamp), *decay);
            host.latency = if latency > host.latency { latency } else { host.latency * kept + latency * (1.0 - kept) };
            host.stamp = host.stamp.max(now);
        }
    }

    /// Latency, decayed to `now`, times what would be outstanding. No sample and nothing outstanding: free, so that a
    /// new host is tried; no sample and something outstanding: penalised until it answers, so that it is not flooded.
    fn cost(&self, now: Time, host: u32, decay: Span) -> f64 {
        let Some(host) = self.hosts.get(host as usize) else { return f64::MAX };
        let outstanding = f64::from(host.outstanding);
        if host.latency == 0.0 {
            return if host.outstanding == 0 { 0.0 } else { UNPROVEN + outstanding };
        }
        host.latency * remaining(now.since(host.stamp), decay) * (outstanding + 1.0)
    }
}

/// exp(-elapsed / decay).
#[inline]
fn remaining(elapsed: Span, decay: Span) -> f64 {
    libm::exp(-(elapsed.as_nanos() as f64 / decay.as_nanos() as f64))
}

/// Uniform below `len` >= 1.
#[inline]
fn below(len: usize, rng: &mut impl Rng) -> usize {
    rng.random_range(0..len)
}

/// `turn` modulo `len` >= 1, without a division where there is nothing to divide.
#[inline]
const fn wrapped(turn: usize, len: usize) -> usize {
    if turn < len { turn } else { turn % len }
}

/// The first allowed host from position `start` on, round the list, and the steps past it.
#[inline]
fn from(eligible: &[u32], start: usize, allowed: impl Fn(&u32) -> bool) -> Option<(u32, usize)> {
    let start = start % eligible.len();
    let (before, after) = eligible.split_at(start);
    after.iter().chain(before).position(&allowed).map(|step| (eligible[(start + step) % eligible.len()], step + 1))
}

/// One of the allowed hosts, all equally likely. An attempt that avoids nothing needs one draw; one that draws a host which
/// it avoids draws again among the rest, since the host after it in the list would get a double share.
fn any(eligible: &[u32], allowed: impl Fn(&u32) -> bool, rng: &mut impl Rng) -> Option<u32> {
    let first = eligible[below(eligible.len(), rng)];
    if allowed(&first) {
        return Some(first);
    }
    let rest = eligible.iter().filter(|host| allowed(host)).count();
    eligible.iter().copied().filter(&allowed).nth(below(rest, rng))
}

/// Two different hosts, both orders equally likely; the same host twice if only one is allowed.
#[inline]
fn two(eligible: &[u32], allowed: impl Fn(&u32) -> bool, rng: &mut impl Rng) -> Option<(u32, u32)> {
    let len = eligible.len();
    let first = below(len, rng);
    let second = if len == 1 { first } else { (first + 1 + below(len - 1, rng)) % len };
    let (first, second) = (eligible[first], eligible[second]);
    match (allowed(&first), allowed(&second)) {
        (true, true) => Some((first, second)),
        (true, false) => Some((first, first)),
        (false, true) => Some((second, second)),
        (false, false) => any(eligible, allowed, rng).map(|host| (host, host)),
    }
}

/// In proportion to the weights. Weight 0 gets nothing while another eligible host has a weight, allowed or not.
fn weighted(weights: &[u32], eligible: &[u32], allowed: impl Fn(&u32) -> bool, rng: &mut impl Rng) -> Option<u32> {
    let weight = |host: u32| u64::from(weights.get(host as usize).copied().unwrap_or(0));
    let total = |wanted: &dyn Fn(&u32) -> bool| -> u64 {
        eligible.iter().filter(|host| wanted(host)).map(|&host| weight(host)).sum()
    };
    let find = |mut point: u64, wanted: &dyn Fn(&u32) -> bool| {
        eligible.iter().copied().filter(|host| wanted(host)).find(|&host| {
            let hit = point < weight(host);
            point = point.saturating_sub(weight(host));
            hit
        })
    };
    let (free, all) = (total(&allowed), total(&|_| true));
    if free > 0 {
        find(rng.random_range(0..free), &allowed)
    } else if all > 0 {
        find(rng.random_range(0..all), &|_| true)
    } else {
        any(eligible, allowed, rng)
    }
}

/// A bijection of u64 that spreads every bit over all (the finaliser of `SplitMix64`, Steele, Lea and Flood 2014).
#[inline]
const fn mix(mut z: u64) -> u64 {
    z = z.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
#[path = "balancing_tests.rs"]
mod tests;
