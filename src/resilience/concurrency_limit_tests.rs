use proptest::prelude::{prop, prop_assert, proptest};
use rand::SeedableRng;
use rand_xoshiro::Xoshiro256PlusPlus;

use super::{ConcurrencyLimit, LimitConfig, LimitLaw};
use crate::resilience::Outcome;
use crate::time::{Span, Time};

const FLAT_GRADIENT: LimitLaw =
    LimitLaw::Gradient2 { tolerance: 1.5, smoothing: 0.2, queue: 4, queue_only_when_flat: true };

/// Drives whole windows: in each, `in_flight` calls start together and all but `drops` succeed after `latency`.
struct Driver {
    limit: ConcurrencyLimit,
    now: Time,
    rng: Xoshiro256PlusPlus,
}

impl Driver {
    fn new(config: LimitConfig) -> Self {
        let limit = ConcurrencyLimit::new(config).unwrap();
        Driver { limit, now: Time::ZERO, rng: Xoshiro256PlusPlus::seed_from_u64(5) }
    }

    fn window(&mut self, in_flight: u32, latency: Span, drops: u32) -> u32 {
        let end = self.limit.window.end;
        self.now = self.now.max(end.before(latency));
        let permits: Vec<_> = (0..in_flight).map_while(|_| self.limit.acquire(self.now)).collect();
        self.now = (self.now + latency).max(end);
        // only the last release may close the window
        self.limit.window.end = Time::NEVER;
        for (index, permit) in permits.iter().enumerate() {
            let outcome = if (index as u32) < drops { Outcome::Failure } else { Outcome::Success };
            if index + 1 == permits.len() {
                self.limit.window.end = end;
            }
            self.limit.release(self.now, *permit, outcome, &mut self.rng);
        }
        self.limit.window.end = if permits.is_empty() { end } else { self.limit.window.end };
        self.limit.limit()
    }
}

fn ms(millis: u64) -> Span {
    Span::from_millis(millis)
}

#[test]
fn admits_exactly_the_limit() {
    let mut driver = Driver::new(LimitConfig::new(LimitLaw::AIMD));
    let permits: Vec<_> = (0..30).map_while(|_| driver.limit.acquire(Time::ZERO)).collect();
    assert_eq!(permits.len(), 20);
    driver.limit.release(Time::ZERO, permits[0], Outcome::Ignored, &mut driver.rng);
    assert!(driver.limit.acquire(Time::ZERO).is_some());
    assert!(driver.limit.acquire(Time::ZERO).is_none());
}

#[test]
fn aimd_adds_one_a_window_and_falls_by_a_tenth_on_a_drop() {
    let mut driver = Driver::new(LimitConfig::new(LimitLaw::AIMD));
    assert_eq!(driver.window(20, ms(10), 0), 21);
    assert_eq!(driver.window(21, ms(10), 0), 22);
    assert_eq!(driver.window(22, ms(10), 1), 19);
    assert_eq!(driver.window(19, Span::from_secs(5), 0), 17, "a latency of the timeout is a drop");
}

#[test]
fn no_law_grows_a_limit_that_is_less_than_half_used() {
    for law in [LimitLaw::AIMD, LimitLaw::VEGAS, LimitLaw::GRADIENT2, FLAT_GRADIENT] {
        let mut driver = Driver::new(LimitConfig { initial: 40, ..LimitConfig::new(law) });
        for _ in 0..50 {
            assert_eq!(driver.window(19, ms(10), 0), 40, "{law:?}");
        }
    }
}

#[test]
fn a_starved_window_is_dropped() {
    for law in [LimitLaw::AIMD, LimitLaw::VEGAS, LimitLaw::GRADIENT2] {
        let mut driver = Driver::new(LimitConfig::new(law));
        let before = driver.limit.memory;
        assert_eq!(driver.window(9, ms(10), 9), 20, "{law:?}");
        assert_eq!(driver.limit.memory, before);
        assert_eq!(driver.limit.window.successes + driver.limit.window.drops, 0);
    }
}

#[test]
fn vegas_grows_fast_without_a_queue_and_falls_with_one() {
    // limit 20: log10 = 1, alpha 3, beta 6
    let mut driver = Driver::new(LimitConfig::new(LimitLaw::VEGAS));
    assert_eq!(driver.window(20, ms(100), 0), 20, "the first sample is the least latency");
    assert_eq!(driver.window(20, ms(100), 0), 26, "queue 0: + beta");
    assert_eq!(driver.window(26, ms(108), 0), 27, "queue ceil(26 x 8/108) = 2: + 1");
    assert_eq!(driver.window(27, ms(120), 0), 27, "queue ceil(27 x 1/6) = 5: within");
    assert_eq!(driver.window(27, ms(140), 0), 26, "queue ceil(27 x 2/7) = 8: - 1");
    assert_eq!(driver.window(26, ms(101), 1), 25, "a drop: - 1");
    assert_eq!(driver.window(25, ms(100), 25), 24, "nothing but drops: - 1");
}

#[test]
fn vegas_measures_its_least_latency_afresh() {
    let law = LimitLaw::Vegas { probe_multiplier: 1 };
    let mut driver = Driver::new(LimitConfig { initial: 10, max: 10, min_samples: 1, ..LimitConfig::new(law) });
    driver.window(10, ms(10), 0);
    // without a probe a latency of 100 ms reads as a queue for ever, and the limit falls to its floor
    let limits: Vec<_> = (0..40).map(|_| driver.window(10, ms(100), 0)).collect();
    assert!(*limits.iter().min().unwrap() < 10);
    assert_eq!(limits.last(), Some(&10));
}

#[test]
fn gradient2_follows_its_formula() {
    let mut driver = Driver::new(LimitConfig { initial: 100, ..LimitConfig::new(LimitLaw::GRADIENT2) });
    // flat latency: gradient 1, limit + 4 x 0.2
    driver.window(100, ms(100), 0);
    assert!((driver.limit.limit - 100.8).abs() < 1e-9);
    // the mean of 100 and 300 is 200: gradient 1.5 x 200 / 300 = 1, still
    driver.window(100, ms(300), 0);
    assert!((driver.limit.limit - 101.6).abs() < 1e-9);
    // the mean of 100, 300, 800 is 400: gradient 0.75
    driver.window(101, ms(800), 0);
    assert!((driver.limit.limit - (0.8 * 101.6 + 0.2 * (0.75 * 101.6 + 4.0))).abs() < 1e-9);
}

#[test]
fn gradient2_drifts_up_under_mild_overload_unless_told_otherwise() {
    // The memory is held at one sample of 100 ms, so each window of 600 ms compares with their mean of 350 ms: gradient
    // 1.5 x 350 / 600 = 0.875. As published the limit then rises to queue / (1 - gradient) = 32 instead of falling.
    let settle = |law| {
        let mut driver = Driver::new(LimitConfig { min_samples: 1, ..LimitConfig::new(law) });
        driver.window(20, ms(100), 0);
        let held = driver.limit.memory;
        for _ in 0..1_000 {
            driver.window(driver.limit.limit(), ms(600), 0);
            driver.limit.memory = held;
        }
        driver.limit.limit
    };
    assert!((settle(LimitLaw::GRADIENT2) - 32.0).abs() < 1e-6);
    assert!((settle(FLAT_GRADIENT) - 1.0).abs() < 1e-6);
}

#[test]
fn the_long_average_recovers_from_an_overload() {
    let mut driver = Driver::new(LimitConfig { initial: 100, ..LimitConfig::new(LimitLaw::GRADIENT2) });
    for _ in 0..10 {
        driver.window(100, ms(1_000), 0);
    }
    let stored = |driver: &Driver| match driver.limit.memory {
        super::Memory::Gradient2 { long, .. } => long,
        super::Memory::Nothing | super::Memory::Vegas { .. } => f64::NAN,
    };
    assert!((stored(&driver) - 1e9).abs() < 1.0);
    for _ in 0..60 {
        driver.window(100, ms(100), 0);
    }
    assert!(stored(&driver) < 2.1e8, "{}", stored(&driver));
}

#[test]
fn a_wrong_config_names_its_field() {
    let wrong = |config: LimitConfig| ConcurrencyLimit::new(config).unwrap_err().field;
    let config = LimitConfig::new(LimitLaw::AIMD);
    assert_eq!(wrong(LimitConfig { min: 0, ..config }), "min");
    assert_eq!(wrong(LimitConfig { initial: 2_000, ..config }), "initial");
    assert_eq!(wrong(LimitConfig { law: LimitLaw::Aimd { backoff: 1.0, timeout: Span::SECOND }, ..config }), "backoff");
}

proptest! {
    #[test]
    fn the_limit_stays_within_its_bounds_and_permits_within_the_limit(
        law in prop::sample::select(vec![LimitLaw::AIMD, LimitLaw::VEGAS, LimitLaw::GRADIENT2, FLAT_GRADIENT]),
        windows in prop::collection::vec((0_u32..60, 1_u64..2_000, 0_u32..3), 1..100),
    ) {
        let mut driver = Driver::new(LimitConfig { initial: 10, min: 5, max: 40, ..LimitConfig::new(law) });
        for (in_flight, latency, drops) in windows {
            let limit = driver.window(in_flight, ms(latency), drops);
            prop_assert!((5..=40).contains(&limit));
            prop_assert!(driver.limit.in_flight() == 0);
        }
    }
}
