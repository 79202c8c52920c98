//! Load shedding: refuse the least important work first, before any work is done for it.
//!
//! Four criticalities (Site Reliability Engineering, O'Reilly 2016, ch. 21) each have a utilisation from which they are
//! refused. The thresholds fall with importance, so shedding is monotone: what sheds a class sheds every class below.
//! The class travels with the request and can only fall on the way. Utilisation is the largest of three signals that
//! the host measures; all comparisons are integers in basis points.

use crate::resilience::Transition;
use crate::resilience::config_error::{ConfigError, require};
use crate::time::{Span, Time};

/// How much a request matters; the first is the most important.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Criticality {
    /// Users would notice at once and badly; refused last.
    CriticalPlus,
    /// The default of what a user waits for.
    Critical,
    /// Partial unavailability is expected: batch work that is retried in minutes.
    SheddablePlus,
    /// May be unavailable for long.
    Sheddable,
}

impl Criticality {
    /// All four, the most important first.
    pub const ALL: [Criticality; 4] =
        [Criticality::CriticalPlus, Criticality::Critical, Criticality::SheddablePlus, Criticality::Sheddable];

    /// 0 for the most important to 3.
    #[inline]
    pub const fn index(self) -> usize {
        self as usize
    }

    /// The class of a call made on behalf of a request of class `self` that asks for `own`: never above the parent.
    #[inline]
    pub fn child(self, own: Criticality) -> Criticality {
        self.max(own)
    }
}

/// Parameters of a shedder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SheddingConfig {
    /// Utilisation from which each class is refused, in basis points, the most important class first; never rising;
    /// default 100 %, 95 %, 85 %, 70 %.
    pub thresholds: [u32; 4],
    /// What a refused caller is told to wait; default 1 s.
    pub retry_after: Span,
}

impl Default for SheddingConfig {
    fn default() -> Self {
        SheddingConfig { thresholds: [10_000, 9_500, 8_500, 7_000], retry_after: Span::SECOND }
    }
}

impl SheddingConfig {
    /// # Errors
    /// If a less important class has a higher threshold.
    pub fn check(&self) -> Result<(), ConfigError> {
        require(self.thresholds.is_sorted_by(|a, b| a >= b), "thresholds", "must not rise with falling importance")
    }
}

/// How busy a server is, in basis points; above 10 000 it is overloaded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Utilisation(pub u32);

impl Utilisation {
    /// `part` of `whole`, rounded down; of nothing it is the largest value.
    #[inline]
    pub fn of(part: u64, whole: u64) -> Self {
        match (u128::from(part) * 10_000).checked_div(u128::from(whole)) {
            Some(basis_points) => Utilisation(u32::try_from(basis_points).unwrap_or(u32::MAX)),
            None => Utilisation(u32::MAX),
        }
    }

    /// Age of the oldest queued request against the age that is tolerable.
    #[inline]
    pub fn of_queue_age(age: Span, target: Span) -> Self {
        Utilisation::of(age.as_nanos(), target.as_nanos())
    }

    /// The larger of the two: combine in-flight against limit, queue age against target and the host's CPU.
    #[inline]
    pub fn or(self, other: Utilisation) -> Self {
        self.max(other)
    }
}

/// What a shedder decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShedDecision {
    /// Do the work.
    Admit,
    /// Refuse it now.
    Shed {
        /// What to tell the caller to wait.
        retry_after: Span,
    },
}

/// A change of the number of classes that are refused (0 to 4); the cause is the utilisation that made it.
pub type ShedTransition = Transition<u8, Utilisation>;

/// Sheds by class at one server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadShedder {
    config: SheddingConfig,
    /// Classes with an index below this one are admitted.
    admitted: u8,
    last_seen: Time,
}

impl LoadShedder {
    /// # Errors
    /// Names the first field of `config` out of its range.
    pub fn new(config: SheddingConfig) -> Result<Self, ConfigError> {
        config.check()?;
        Ok(LoadShedder { config, admitted: 4, last_seen: Time::ZERO })
    }

    /// Takes over the present utilisation.
    #[inline]
    pub fn observe(&mut self, now: Time, utilisation: Utilisation) -> Option<ShedTransition> {
        self.last_seen = self.last_seen.max(now);
        let admitted = self.config.thresholds.iter().filter(|&&threshold| utilisation.0 < threshold).count() as u8;
        let before = std::mem::replace(&mut self.admitted, admitted);
        (before != admitted).then(|| Transition {
            from: 4 - before,
            to: 4 - admitted,
            cause: utilisation,
            now: self.last_seen,
        })
    }

    /// Classes refused now, 0 to 4.
    pub const fn classes_shed(&self) -> u8 {
        4 - self.admitted
    }

    /// The largest number in flight, out of `whole`, up to which one more of this class is not admitted any more; below
    /// it one is.
    pub fn admits_up_to(&self, class: Criticality, whole: u64) -> u64 {
        let threshold = u128::from(self.config.thresholds[class.index()]);
        u64::try_from((threshold * u128::from(whole)).div_ceil(10_000)).unwrap_or(u64::MAX)
    }

    /// Admit a request of this class at the last observed utilisation?
    #[inline]
    pub fn admit(&self, class: Criticality) -> ShedDecision {
        if class.index() < usize::from(self.admitted) {
            ShedDecision::Admit
        } else {
            ShedDecision::Shed { retry_after: self.config.retry_after }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{prop_assert, proptest};

    use super::{Criticality, LoadShedder, ShedDecision, SheddingConfig, Utilisation};
    use crate::resilience::Transition;
    use crate::time::{Span, Time};

    #[test]
    fn admits_up_to_is_where_admission_ends() {
        let mut shedder = LoadShedder::new(SheddingConfig::default()).expect("valid");
        for whole in [1, 3, 7, 20, 100, 1_001] {
            for class in Criticality::ALL {
                let most = shedder.admits_up_to(class, whole);
                for in_flight in 0..whole + 3 {
                    shedder.observe(Time::ZERO, Utilisation::of(in_flight, whole));
                    let admitted = shedder.admit(class) == ShedDecision::Admit;
                    assert_eq!(admitted, in_flight < most, "{in_flight} of {whole}, {class:?}: {most}");
                }
            }
        }
    }

    #[test]
    fn criticality_travels_and_can_only_fall() {
        for parent in Criticality::ALL {
            for own in Criticality::ALL {
                let child = parent.child(own);
                assert!(child >= parent && child >= own && (child == parent || child == own));
            }
        }
    }

    #[test]
    fn a_class_is_refused_from_its_threshold_on() {
        let mut shedder = LoadShedder::new(SheddingConfig::default()).unwrap();
        shedder.observe(Time::ZERO, Utilisation(6_999));
        assert_eq!(shedder.admit(Criticality::Sheddable), ShedDecision::Admit);
        let now = Time::from_nanos(5);
        let change = shedder.observe(now, Utilisation(7_000));
        assert_eq!(change, Some(Transition { from: 0, to: 1, cause: Utilisation(7_000), now }));
        assert_eq!(shedder.admit(Criticality::Sheddable), ShedDecision::Shed { retry_after: Span::SECOND });
        assert_eq!(shedder.observe(now, Utilisation(7_100)), None);
    }

    #[test]
    fn utilisation_is_the_largest_of_its_signals() {
        let in_flight = Utilisation::of(3, 4);
        let queue = Utilisation::of_queue_age(Span::from_millis(4), Span::from_millis(5));
        assert_eq!(in_flight.or(queue).or(Utilisation(100)), Utilisation(8_000));
        assert_eq!(Utilisation::of(1, 0), Utilisation(u32::MAX));
        assert_eq!(Utilisation::of(u64::MAX, 1), Utilisation(u32::MAX));
    }

    #[test]
    fn rising_thresholds_are_refused_by_name() {
        let wrong = SheddingConfig { thresholds: [9_000, 9_500, 8_500, 7_000], ..SheddingConfig::default() };
        assert_eq!(LoadShedder::new(wrong).unwrap_err().field, "thresholds");
    }

    proptest! {
        #[test]
        fn shedding_is_monotone(mut thresholds: [u32; 4], utilisation: u32) {
            thresholds.sort_unstable_by(|a, b| b.cmp(a));
            let mut shedder = LoadShedder::new(SheddingConfig { thresholds, ..SheddingConfig::default() }).unwrap();
            shedder.observe(Time::ZERO, Utilisation(utilisation));
            for (index, class) in Criticality::ALL.into_iter().enumerate() {
                let admitted = shedder.admit(class) == ShedDecision::Admit;
                prop_assert!(admitted == (utilisation < thresholds[index]));
                prop_assert!(index == 0 || !admitted || shedder.admit(Criticality::ALL[index - 1]) == ShedDecision::Admit);
            }
        }
    }
}
