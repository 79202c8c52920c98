use proptest::prelude::{prop, prop_assert, proptest};
use rand::SeedableRng;
use rand_xoshiro::Xoshiro256PlusPlus;

use super::{
    EjectionCause, EjectionConfig, EjectionEvent, HostState, OutlierEjection, Panic, PanicAction, Spread,
    SuccessRateLaw,
};
use crate::resilience::{Outcome, Transition};
use crate::time::{Span, Time};

fn at(secs: u64) -> Time {
    Time::ZERO + Span::from_secs(secs)
}

fn rng() -> Xoshiro256PlusPlus {
    Xoshiro256PlusPlus::seed_from_u64(2)
}

fn detector(config: EjectionConfig, hosts: usize) -> OutlierEjection {
    OutlierEjection::new(config, hosts, at(0)).unwrap()
}

fn fail(detector: &mut OutlierEjection, now: Time, host: usize, times: u32) -> Option<EjectionEvent> {
    (0..times).filter_map(|_| detector.record(now, host, Outcome::Failure, &mut rng())).last()
}

fn sweep(detector: &mut OutlierEjection, now: Time) -> Vec<EjectionEvent> {
    let mut events = Vec::new();
    detector.sweep(now, &mut rng(), |event| events.push(event));
    events
}

#[test]
fn the_fifth_failure_in_a_row_ejects() {
    let mut detector = detector(EjectionConfig::default(), 4);
    assert_eq!(fail(&mut detector, at(1), 0, 4), None);
    detector.record(at(1), 0, Outcome::Success, &mut rng());
    assert_eq!(fail(&mut detector, at(1), 0, 4), None);
    detector.record(at(1), 0, Outcome::Ignored, &mut rng());
    let (from, to) = (HostState::Present, HostState::Ejected(at(31)));
    let change = Transition { from, to, cause: EjectionCause::Errors, now: at(1) };
    assert_eq!(fail(&mut detector, at(1), 0, 1), Some(EjectionEvent { host: 0, change }));
}

#[test]
fn ten_percent_of_nine_hosts_ejects_nobody_and_of_ten_one() {
    for (hosts, always_eject_one, ejected) in
        [(9, false, 0), (10, false, 1), (9, true, 1), (19, false, 1), (20, false, 2)]
    {
        let config = EjectionConfig { max_ejected: 1_000, always_eject_one, ..EjectionConfig::default() };
        let mut detector = detector(config, hosts);
        for host in 0..hosts {
            fail(&mut detector, at(1), host, 5);
        }
        assert_eq!(detector.ejected(), ejected, "{hosts} hosts");
    }
}

#[test]
fn a_host_returns_at_the_sweep_at_or_after_its_end() {
    let mut detector = detector(EjectionConfig::default(), 4);
    fail(&mut detector, at(3), 0, 5);
    assert_eq!(sweep(&mut detector, at(39)), []);
    assert_eq!(detector.next_wake(), Some(at(40)));
    let events = sweep(&mut detector, at(40));
    assert_eq!(events.len(), 1);
    assert_eq!((events[0].change.now, events[0].change.cause), (at(40), EjectionCause::TimeServed));
    // an end on a sweep is inclusive
    fail(&mut detector, at(40), 1, 5);
    assert_eq!(sweep(&mut detector, at(70)).len(), 1);
}

#[test]
fn ejection_time_grows_with_each_ejection_and_falls_with_clean_sweeps() {
    let mut detector = detector(EjectionConfig { max: Span::from_secs(80), ..EjectionConfig::default() }, 4);
    let until = |detector: &OutlierEjection| match detector.state(0) {
        HostState::Ejected(until) => until,
        HostState::Present => panic!("not ejected"),
    };
    fail(&mut detector, at(0), 0, 5);
    assert_eq!(until(&detector), at(30));
    sweep(&mut detector, at(30));
    fail(&mut detector, at(31), 0, 5);
    assert_eq!(until(&detector), at(91));
    sweep(&mut detector, at(100));
    fail(&mut detector, at(101), 0, 5);
    assert_eq!(until(&detector), at(181), "base x 3 is cut to max");
    sweep(&mut detector, at(190));
    // two clean sweeps: 3 - 2 + 1 = 2
    sweep(&mut detector, at(210));
    fail(&mut detector, at(211), 0, 5);
    assert_eq!(until(&detector), at(271));
}

#[test]
fn jitter_only_lengthens_an_ejection() {
    let config = EjectionConfig { jitter: Span::from_secs(5), ..EjectionConfig::default() };
    let (mut rng, mut detector) = (rng(), detector(config, 1_000));
    for host in 0..400 {
        for _ in 0..5 {
            detector.record(at(0), host, Outcome::Failure, &mut rng);
        }
        let HostState::Ejected(until) = detector.state(host) else { panic!("not ejected") };
        assert!(until >= at(30) && until <= at(35));
    }
}

#[test]
fn results_of_an_ejected_host_change_nothing() {
    let mut detector = detector(EjectionConfig::default(), 4);
    fail(&mut detector, at(1), 0, 5);
    let before = detector.clone();
    assert_eq!(fail(&mut detector, at(1), 0, 20), None);
    assert_eq!(detector, before);
}

/// Gives host h `rates[h]` successes of 100.
fn with_rates(law: SuccessRateLaw, rates: &[u32]) -> Vec<usize> {
    let config = EjectionConfig { errors: None, success_rate: Some(law), ..EjectionConfig::default() };
    let mut detector = detector(config, rates.len());
    for (host, &rate) in rates.iter().enumerate() {
        for request in 0..100 {
            let outcome = if request < rate { Outcome::Success } else { Outcome::Failure };
            detector.record(at(1), host, outcome, &mut rng());
        }
    }
    sweep(&mut detector, at(10)).iter().map(|event| event.host).collect()
}

#[test]
fn a_success_rate_below_mean_minus_1_9_deviations_ejects() {
    // 99 x 9 and 50: mean 94.1, population deviation 14.7, limit 66.2
    assert_eq!(with_rates(SuccessRateLaw::default(), &[99, 99, 99, 99, 99, 50, 99, 99, 99, 99]), [5]);
    // of five hosts the worst can lie 2 deviations below the mean: sqrt(n - 1)
    assert_eq!(with_rates(SuccessRateLaw::default(), &[99, 99, 99, 99, 50]), [4]);
    assert_eq!(with_rates(SuccessRateLaw::default(), &[99, 99, 99, 50]), [0_usize; 0], "four hosts are too few");
    assert_eq!(with_rates(SuccessRateLaw::default(), &[90; 8]), [0_usize; 0], "equal hosts have no outlier");
    let many = SuccessRateLaw { min_requests: 101, ..SuccessRateLaw::default() };
    assert_eq!(with_rates(many, &[99, 99, 99, 99, 50]), [0_usize; 0]);
}

#[test]
fn a_long_idle_time_is_swept_at_once() {
    let mut detector = detector(EjectionConfig::default(), 4);
    fail(&mut detector, at(1), 0, 5);
    let century = Time::ZERO + Span::YEAR * 100 + Span::from_secs(7);
    assert_eq!(sweep(&mut detector, century).len(), 1);
    let next = detector.next_wake().unwrap();
    assert!(next > century && next <= century + Span::from_secs(10));
    assert_eq!(next.as_nanos() % Span::from_secs(10).as_nanos(), 0, "still on the grid");
}

#[test]
fn panic_is_an_integer_test() {
    for (healthy, total, panics) in [(1, 3, true), (1, 2, false), (0, 0, false), (499, 999, true), (500, 999, false)] {
        let mut all = Panic::new(5_000, PanicAction::SendToAll).unwrap();
        let mut none = Panic::new(5_000, PanicAction::Fail).unwrap();
        assert_eq!(all.update(at(0), healthy, total).map(|change| change.to), panics.then_some(Spread::All));
        assert_eq!(none.update(at(0), healthy, total).map(|change| change.to), panics.then_some(Spread::Nowhere));
        assert_eq!(all.update(at(0), total, total).is_some(), panics);
        assert_eq!(all.spread(), Spread::Healthy);
    }
}

#[test]
fn a_wrong_config_names_its_field() {
    let wrong = |config: EjectionConfig| config.check().unwrap_err().field;
    assert_eq!(wrong(EjectionConfig { errors: Some(0), ..EjectionConfig::default() }), "errors");
    assert_eq!(wrong(EjectionConfig { max: Span::SECOND, ..EjectionConfig::default() }), "max");
    assert_eq!(wrong(EjectionConfig { max_ejected: 10_001, ..EjectionConfig::default() }), "max_ejected");
    assert_eq!(Panic::new(10_001, PanicAction::Fail).unwrap_err().field, "panic");
}

proptest! {
    #[test]
    fn ejection_never_passes_its_share(
        hosts in 1_usize..30,
        max_ejected in 0_u32..=10_000,
        always_eject_one: bool,
        results in prop::collection::vec((0_usize..30, 0_u64..20, prop::bool::weighted(0.7)), 1..400),
    ) {
        let success_rate = Some(SuccessRateLaw { min_requests: 3, ..SuccessRateLaw::default() });
        let config =
            EjectionConfig { errors: Some(2), success_rate, max_ejected, always_eject_one, ..EjectionConfig::default() };
        let (mut detector, mut now, mut rng) = (detector(config, hosts), 0, rng());
        for (host, gap, failed) in results {
            now += gap;
            let mut balance = i64::from(detector.ejected());
            let mut count = |event: EjectionEvent| balance += if event.change.to == HostState::Present { -1 } else { 1 };
            detector.sweep(at(now), &mut rng, &mut count);
            let outcome = if failed { Outcome::Failure } else { Outcome::Success };
            if let Some(event) = detector.record(at(now), host, outcome, &mut rng) {
                count(event);
            }
            let out = (0..hosts).filter(|&host| detector.state(host) != HostState::Present).count() as u64;
            prop_assert!(out == u64::from(detector.ejected()));
            prop_assert!(balance == i64::from(detector.ejected()), "each change is an event");
            let within = 10_000 * out <= u64::from(max_ejected) * hosts as u64;
            prop_assert!(within || (always_eject_one && out == 1));
        }
    }
}
