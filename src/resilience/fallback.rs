//! Fallback: ordered tiers of a worse answer, from full over reduced, cached and static to failure.
//!
//! Tier 0 is the call itself; tiers 1, 2, .. are tried in order when it fails. Each names the triggers that lead to it
//! and has slots of its own, so that a fallback cannot be overrun by the traffic that falls on it. A tier is tried once,
//! never retried, and cannot be declared to call the dependency that it stands in for.
//!
//! Hysteresis: a call that falls to a tier with a `dwell` takes all later calls there at once, without trying the tiers
//! above; after `dwell` the next one up is tried again. The tier is part of every answer: degraded is not up.

use crate::resilience::config_error::{ConfigError, require};
use crate::resilience::{ErrorClass, Transition};
use crate::time::{Span, Time};

/// Why a tier failed, as far as the next one cares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Trigger {
    /// The breaker refused.
    BreakerOpen,
    /// There was too much work: bulkhead, limiter or throttle here, or overload there.
    Shed,
    /// The deadline of the call has passed, or leaves no time to try.
    Deadline,
    /// It was tried and failed.
    Failed,
}

impl Trigger {
    /// What an error triggers: nothing if the request itself was wrong or is no longer wanted. A rejection counts as
    /// shedding; say [`Trigger::BreakerOpen`] yourself where the breaker refused.
    pub const fn of(class: ErrorClass) -> Option<Trigger> {
        match class {
            ErrorClass::Timeout | ErrorClass::Connect | ErrorClass::Error => Some(Trigger::Failed),
            ErrorClass::Overload | ErrorClass::Rejected => Some(Trigger::Shed),
            ErrorClass::DeadlineExceeded => Some(Trigger::Deadline),
            ErrorClass::Client | ErrorClass::Cancelled => None,
        }
    }
}

/// A set of triggers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Triggers(u8);

impl Triggers {
    /// Every trigger.
    pub const ALL: Triggers = Triggers::of(&[Trigger::BreakerOpen, Trigger::Shed, Trigger::Deadline, Trigger::Failed]);

    /// These triggers.
    pub const fn of(triggers: &[Trigger]) -> Triggers {
        let (mut bits, mut index) = (0, 0);
        while index < triggers.len() {
            bits |= 1 << triggers[index] as u8;
            index += 1;
        }
        Triggers(bits)
    }

    /// Is it one of them?
    #[inline]
    pub const fn contains(self, trigger: Trigger) -> bool {
        self.0 & (1 << trigger as u8) != 0
    }
}

/// A dependency by the caller's own numbering.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Dependency(pub u32);

/// Parameters of one tier below the full one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TierConfig {
    /// What leads here; default everything.
    pub triggers: Triggers,
    /// What this tier itself calls, if anything; never the dependency of tier 0.
    pub calls: Option<Dependency>,
    /// Answers with a stored value, at most this old; default: nothing stored is needed.
    pub max_age: Option<Span>,
    /// Once here, stay at least so long; default 0: every call tries the full tier first.
    pub dwell: Span,
    /// Calls in this tier at a time; at least 1; default unlimited.
    pub max_in_flight: u32,
}

impl Default for TierConfig {
    fn default() -> Self {
        let (triggers, max_in_flight) = (Triggers::ALL, u32::MAX);
        TierConfig { triggers, calls: None, max_age: None, dwell: Span::ZERO, max_in_flight }
    }
}

/// Why the tier at which calls begin has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FallbackCause {
    /// A call fell.
    Fell(Trigger),
    /// It has stayed long enough.
    Dwelt,
}

/// A change of the tier at which calls begin.
pub type FallbackTransition = Transition<usize, FallbackCause>;

/// Where a call goes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placement {
    /// The tier to try, 0 is full; none: the call fails with the error that it has. Give it back by
    /// [`Fallback::leave`].
    pub tier: Option<usize>,
    /// A change of the tier at which calls begin, made on the way.
    pub change: Option<FallbackTransition>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Tier {
    config: TierConfig,
    in_flight: u32,
}

/// The tiers of one dependency, shared by all calls of a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fallback {
    /// Tiers 1, 2, ..
    tiers: Vec<Tier>,
    level: usize,
    /// When the present level was reached, and why it was fallen to.
    since: Time,
    fell: Trigger,
    last_seen: Time,
}

impl Fallback {
    /// `tiers` below calls to `primary`, best first.
    ///
    /// # Errors
    /// If a tier calls `primary`, or has no room at all.
    pub fn new(primary: Option<Dependency>, tiers: &[TierConfig]) -> Result<Self, ConfigError> {
        for tier in tiers {
            let other = tier.calls.is_none() || tier.calls != primary;
            require(other, "calls", "must not be the dependency that failed")?;
            require(tier.max_in_flight >= 1, "max_in_flight", "must be at least 1")?;
        }
        let tiers = tiers.iter().map(|&config| Tier { config, in_flight: 0 }).collect();
        Ok(Fallback { tiers, level: 0, since: Time::ZERO, fell: Trigger::Failed, last_seen: Time::ZERO })
    }

    /// The tier at which calls begin, as of the last operation.
    #[inline]
    pub const fn level(&self) -> usize {
        self.level
    }

    /// When the level will rise.
    #[inline]
    pub fn next_wake(&self) -> Option<Time> {
        (self.level > 0).then(|| self.since + self.dwell(self.level)).filter(|&at| at < Time::NEVER)
    }

    /// Rises as far as the dwell times allow.
    pub fn poll(&mut self, now: Time) -> Option<FallbackTransition> {
        self.last_seen = self.last_seen.max(now);
        let from = self.level;
        while let Some(at) = self.next_wake().filter(|&at| at <= self.last_seen) {
            self.level -= 1;
            self.since = at;
        }
        let (to, cause) = (self.level, FallbackCause::Dwelt);
        (from != to).then_some(Transition { from, to, cause, now: self.since })
    }

    /// A call begins: at the full tier, or at the one that calls have fallen to. `cached_age` is the age of a stored
    /// answer to it, if there is one.
    #[inline]
    pub fn begin(&mut self, now: Time, cached_age: Option<Span>) -> Placement {
        if self.level == 0 {
            return Placement { tier: Some(0), change: None };
        }
        let change = self.poll(now);
        let tier = if self.level == 0 { Some(0) } else { self.enter(self.level, self.fell, cached_age) };
        Placement { tier, change }
    }

    /// The call failed in tier `from` (and has left it): the next tier below that answers to `trigger`, has room and,
    /// if it needs a stored answer, one that is fresh enough.
    pub fn fall(&mut self, now: Time, from: usize, trigger: Trigger, cached_age: Option<Span>) -> Placement {
        let change = self.poll(now);
        let tier = self.enter(from + 1, trigger, cached_age);
        let Some(to) = tier.filter(|&tier| tier > self.level && !self.dwell(tier).is_zero()) else {
            return Placement { tier, change };
        };
        let level = std::mem::replace(&mut self.level, to);
        // one event for both steps, if it has just risen
        let before = change.map_or(level, |rise| rise.from);
        (self.since, self.fell) = (self.last_seen, trigger);
        let change = Transition { from: before, to, cause: FallbackCause::Fell(trigger), now: self.last_seen };
        Placement { tier, change: (before != to).then_some(change) }
    }

    /// A call has ended in `tier`, well or not.
    #[inline]
    pub fn leave(&mut self, tier: usize) {
        if let Some(tier) = tier.checked_sub(1).and_then(|index| self.tiers.get_mut(index)) {
            tier.in_flight = tier.in_flight.saturating_sub(1);
        }
    }

    fn enter(&mut self, first: usize, trigger: Trigger, cached_age: Option<Span>) -> Option<usize> {
        let usable = |tier: &Tier| {
            let fresh = tier.config.max_age.is_none_or(|max| cached_age.is_some_and(|age| age <= max));
            fresh && tier.config.triggers.contains(trigger) && tier.in_flight < tier.config.max_in_flight
        };
        let index = first - 1 + self.tiers.get(first - 1..)?.iter().position(usable)?;
        self.tiers[index].in_flight += 1;
        Some(index + 1)
    }

    fn dwell(&self, tier: usize) -> Span {
        tier.checked_sub(1).and_then(|index| self.tiers.get(index)).map_or(Span::ZERO, |tier| tier.config.dwell)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{prop, prop_assert, proptest};

    use super::{Dependency, Fallback, FallbackCause, Placement, TierConfig, Trigger, Triggers};
    use crate::resilience::{ErrorClass, Transition};
    use crate::time::{Span, Time};

    fn at(secs: u64) -> Time {
        Time::ZERO + Span::from_secs(secs)
    }

    fn tier() -> TierConfig {
        TierConfig::default()
    }

    fn fallback(tiers: &[TierConfig]) -> Fallback {
        Fallback::new(Some(Dependency(0)), tiers).unwrap()
    }

    #[test]
    fn tiers_are_tried_in_order_and_the_last_failure_fails_the_call() {
        let mut fallback = fallback(&[tier(), tier()]);
        assert_eq!(fallback.begin(at(0), None).tier, Some(0));
        assert_eq!(fallback.fall(at(0), 0, Trigger::Failed, None).tier, Some(1));
        fallback.leave(1);
        assert_eq!(fallback.fall(at(0), 1, Trigger::Failed, None).tier, Some(2));
        fallback.leave(2);
        assert_eq!(fallback.fall(at(0), 2, Trigger::Failed, None).tier, None);
    }

    #[test]
    fn a_tier_answers_only_to_its_triggers() {
        let shed_only = TierConfig { triggers: Triggers::of(&[Trigger::Shed]), ..tier() };
        let mut fallback = fallback(&[shed_only, tier()]);
        assert_eq!(fallback.fall(at(0), 0, Trigger::BreakerOpen, None).tier, Some(2));
        assert_eq!(fallback.fall(at(0), 0, Trigger::Shed, None).tier, Some(1));
    }

    #[test]
    fn plain_errors_fall_back_and_wrong_or_unwanted_requests_do_not() {
        assert_eq!(Trigger::of(ErrorClass::Error), Some(Trigger::Failed));
        assert_eq!(Trigger::of(ErrorClass::Overload), Some(Trigger::Shed));
        assert_eq!(Trigger::of(ErrorClass::Client), None);
        assert_eq!(Trigger::of(ErrorClass::Cancelled), None);
    }

    #[test]
    fn a_stored_answer_is_used_up_to_its_age_and_not_beyond() {
        let mut fallback = fallback(&[TierConfig { max_age: Some(Span::MINUTE), ..tier() }, tier()]);
        assert_eq!(fallback.fall(at(0), 0, Trigger::Failed, Some(Span::MINUTE)).tier, Some(1));
        assert_eq!(fallback.fall(at(0), 0, Trigger::Failed, Some(Span::from_secs(61))).tier, Some(2));
        assert_eq!(fallback.fall(at(0), 0, Trigger::Failed, None).tier, Some(2));
    }

    #[test]
    fn a_full_tier_is_passed_over() {
        let mut fallback = fallback(&[TierConfig { max_in_flight: 1, ..tier() }, tier()]);
        assert_eq!(fallback.fall(at(0), 0, Trigger::Failed, None).tier, Some(1));
        assert_eq!(fallback.fall(at(0), 0, Trigger::Failed, None).tier, Some(2));
        fallback.leave(1);
        assert_eq!(fallback.fall(at(0), 0, Trigger::Failed, None).tier, Some(1));
    }

    #[test]
    fn a_fallback_never_calls_the_dependency_that_failed() {
        let same = TierConfig { calls: Some(Dependency(7)), ..tier() };
        assert_eq!(Fallback::new(Some(Dependency(7)), &[tier(), same]).unwrap_err().field, "calls");
        assert!(Fallback::new(Some(Dependency(8)), &[same]).is_ok());
    }

    #[test]
    fn down_at_once_and_up_only_after_dwell() {
        let mut fallback = fallback(&[TierConfig { dwell: Span::from_secs(10), ..tier() }]);
        let placement = fallback.fall(at(5), 0, Trigger::BreakerOpen, None);
        let cause = FallbackCause::Fell(Trigger::BreakerOpen);
        assert_eq!(placement.change, Some(Transition { from: 0, to: 1, cause, now: at(5) }));
        fallback.leave(1);
        assert_eq!(fallback.begin(at(14), None), Placement { tier: Some(1), change: None });
        assert_eq!(fallback.next_wake(), Some(at(15)));
        let change = Transition { from: 1, to: 0, cause: FallbackCause::Dwelt, now: at(15) };
        assert_eq!(fallback.begin(at(15), None), Placement { tier: Some(0), change: Some(change) });
    }

    #[test]
    fn a_straggler_does_not_prolong_the_dwell() {
        let mut fallback = fallback(&[TierConfig { dwell: Span::from_secs(10), ..tier() }]);
        fallback.fall(at(0), 0, Trigger::Failed, None);
        assert_eq!(fallback.fall(at(9), 0, Trigger::Failed, None).change, None);
        assert_eq!(fallback.next_wake(), Some(at(10)));
    }

    #[test]
    fn a_tier_rises_step_by_step() {
        let dwells = |secs| TierConfig { dwell: Span::from_secs(secs), ..tier() };
        let mut fallback = fallback(&[dwells(10), dwells(5)]);
        fallback.fall(at(0), 1, Trigger::Failed, None);
        assert_eq!(fallback.level(), 2);
        assert_eq!(fallback.poll(at(5)).map(|change| change.to), Some(1));
        assert_eq!(fallback.poll(at(14)), None);
        assert_eq!(fallback.poll(at(30)).map(|change| (change.to, change.now)), Some((0, at(15))));
    }

    proptest! {
        #[test]
        fn slots_are_respected_and_given_back(
            steps in prop::collection::vec((0_u64..4, 0_usize..3, prop::bool::ANY), 1..200),
            dwell in 0_u64..6,
        ) {
            let slots = TierConfig { max_in_flight: 2, dwell: Span::from_secs(dwell), ..tier() };
            let (mut fallback, mut now, mut held) = (fallback(&[slots, slots]), 0, Vec::new());
            for (gap, from, leave) in steps {
                now += gap;
                let placed = if from == 2 { fallback.begin(at(now), None) } else { fallback.fall(at(now), from, Trigger::Failed, None) };
                prop_assert!(from == 2 || placed.tier.is_none_or(|tier| tier > from));
                held.extend(placed.tier.filter(|&tier| tier > 0));
                for tier in [1, 2] {
                    let count = held.iter().filter(|&&other| other == tier).count();
                    prop_assert!(count <= 2 && fallback.tiers[tier - 1].in_flight as usize == count);
                }
                if leave && let Some(tier) = held.pop() {
                    fallback.leave(tier);
                }
                prop_assert!(fallback.level() <= 2 && fallback.next_wake().is_none_or(|at| at >= fallback.last_seen));
            }
        }
    }
}
