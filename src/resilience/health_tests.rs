use rand::SeedableRng;
use rand_xoshiro::Xoshiro256PlusPlus;

use super::{Agreement, CheckConfig, CheckId, CheckSchedule, CheckStep, Health, HealthChecker, RiseFall};
use crate::resilience::Transition;
use crate::resilience::health::CheckResult::{Fail, Pass, TimedOut};
use crate::time::{Span, Time};

fn at(millis: u64) -> Time {
    Time::ZERO + Span::from_millis(millis)
}

fn rng() -> Xoshiro256PlusPlus {
    Xoshiro256PlusPlus::seed_from_u64(1)
}

fn config() -> CheckConfig {
    CheckConfig { every: Span::from_secs(10), timeout: Span::from_secs(2), ..CheckConfig::default() }
}

fn checker(config: CheckConfig) -> HealthChecker {
    HealthChecker::new(config, Health::Up, Time::ZERO).unwrap()
}

fn start(checker: &mut HealthChecker, now: Time) -> CheckId {
    match checker.poll(now, &mut rng()) {
        CheckStep::Start(id) => id,
        other => panic!("{other:?} instead of a check at {now}"),
    }
}

/// Lets every check go as `passed` after `answer_after` (or time out) until the belief changes.
fn run_until_change(checker: &mut HealthChecker, passed: bool, answer_after: Span) -> (Time, Vec<Time>) {
    let (mut rng, mut starts) = (rng(), Vec::new());
    loop {
        let now = checker.next_wake().unwrap();
        let change = match checker.poll(now, &mut rng) {
            CheckStep::Start(id) => {
                starts.push(now);
                if answer_after < checker.config().timeout {
                    checker.answer(now + answer_after, id, passed, &mut rng)
                } else {
                    None
                }
            }
            CheckStep::TimedOut(change) => change,
            CheckStep::Idle => panic!("a wake at {now} that does nothing"),
        };
        if let Some(change) = change {
            return (change.now, starts);
        }
    }
}

#[test]
fn from_unknown_the_first_result_decides() {
    for (result, health) in [(Pass, Health::Up), (Fail, Health::Down), (TimedOut, Health::Down)] {
        let mut belief = RiseFall::new(5, 5, Health::Unknown).unwrap();
        let change = belief.observe(at(1), result);
        assert_eq!(change, Some(Transition { from: Health::Unknown, to: health, cause: result, now: at(1) }));
    }
}

#[test]
fn a_result_that_agrees_resets_the_count() {
    let mut belief = RiseFall::new(2, 3, Health::Up).unwrap();
    for result in [Fail, Fail, Pass, Fail, Fail] {
        assert_eq!(belief.observe(at(0), result), None);
    }
    assert_eq!(belief.missing(), 1);
    assert_eq!(belief.observe(at(0), TimedOut).map(|change| change.to), Some(Health::Down));
}

#[test]
fn a_silent_target_is_down_after_fall_timeouts() {
    // checks at 0, 10, 20 s; the third times out at 22 s
    let (down, starts) = run_until_change(&mut checker(config()), false, Span::MAX);
    assert_eq!(down, at(22_000));
    assert_eq!(starts, [at(0), at(10_000), at(20_000)]);
}

#[test]
fn an_answer_at_the_instant_of_the_timeout_is_a_timeout() {
    let mut checker = HealthChecker::new(config(), Health::Unknown, Time::ZERO).unwrap();
    let id = start(&mut checker, at(0));
    assert_eq!(checker.next_wake(), Some(at(2_000)));
    let change = checker.answer(at(2_000), id, true, &mut rng()).unwrap();
    assert_eq!((change.to, change.cause), (Health::Down, TimedOut));
}

#[test]
fn a_late_answer_changes_nothing() {
    let mut checker = HealthChecker::new(config(), Health::Unknown, Time::ZERO).unwrap();
    let late = start(&mut checker, at(0));
    assert!(matches!(checker.poll(at(2_000), &mut rng()), CheckStep::TimedOut(Some(_))));
    let before = checker.clone();
    assert_eq!(checker.answer(at(2_000), late, true, &mut rng()), None);
    assert_eq!(checker, before);
    let next = start(&mut checker, at(10_000));
    assert_eq!(checker.answer(at(10_001), late, true, &mut rng()), None);
    assert_eq!(checker.answer(at(10_002), next, true, &mut rng()), None);
    assert_eq!(checker.belief.missing(), 1);
}

#[test]
fn the_fixed_schedule_is_a_grid_and_after_answer_is_not() {
    let answer = Span::from_millis(500);
    let (_, fixed) = run_until_change(&mut checker(config()), false, answer);
    assert_eq!(fixed, [at(0), at(10_000), at(20_000)]);
    let after_answer = CheckConfig { schedule: CheckSchedule::AfterAnswer, ..config() };
    let (_, starts) = run_until_change(&mut checker(after_answer), false, answer);
    assert_eq!(starts, [at(0), at(10_500), at(21_000)]);
}

#[test]
fn a_target_that_is_down_is_checked_faster() {
    let fast = CheckConfig { every_down: Span::from_secs(3), ..config() };
    let mut checker = checker(fast);
    let (down, _) = run_until_change(&mut checker, false, Span::MAX);
    assert_eq!(down, at(22_000));
    let (up, starts) = run_until_change(&mut checker, true, Span::ZERO);
    assert_eq!(starts, [at(23_000), at(26_000)]);
    assert_eq!(up, at(26_000));
    assert_eq!(checker.next_wake(), Some(at(36_000)));
}

#[test]
fn a_check_never_starts_while_another_is_out() {
    let impatient = CheckConfig { every_down: Span::from_secs(1), ..config() };
    let mut checker = HealthChecker::new(impatient, Health::Down, Time::ZERO).unwrap();
    start(&mut checker, at(0));
    assert_eq!(checker.poll(at(1_000), &mut rng()), CheckStep::Idle);
    assert_eq!(checker.poll(at(2_000), &mut rng()), CheckStep::TimedOut(None));
    start(&mut checker, at(2_000));
}

#[test]
fn jitter_delays_within_its_bound_and_does_not_add_up() {
    let jitter = Span::from_secs(1);
    let mut checker = checker(CheckConfig { jitter, ..config() });
    let (mut rng, mut late) = (rng(), 0);
    for check in 0..1_000_u64 {
        let (now, planned) = (checker.next_wake().unwrap(), Time::ZERO + Span::from_secs(10) * check);
        assert!(now >= planned && now <= planned + jitter);
        late += u32::from(now.since(planned) > Span::from_millis(500));
        let CheckStep::Start(id) = checker.poll(now, &mut rng) else { panic!("no check") };
        checker.answer(now, id, true, &mut rng);
    }
    // binomial(999, 1/2): standard error 15.8
    assert!((late.cast_signed() - 500).abs() < 64, "{late} of 999 in the later half");
}

#[test]
fn skipping_checks_gives_the_same_instants_as_making_them() {
    for schedule in [CheckSchedule::Fixed, CheckSchedule::AfterAnswer] {
        for answer in [Span::ZERO, Span::from_millis(7), Span::from_secs(5)] {
            let config = CheckConfig { schedule, ..config() };
            let (mut made, mut rng) = (checker(config), rng());
            let fault = at(123_456);
            while made.next_wake().unwrap() < fault {
                let now = made.next_wake().unwrap();
                let CheckStep::Start(id) = made.poll(now, &mut rng) else { panic!("no check") };
                made.answer(now + Span::from_millis(7), id, true, &mut rng);
            }
            let mut skipped = checker(config);
            skipped.skip_to(fault, Span::from_millis(7));
            assert_eq!(skipped.next_wake(), made.next_wake());
            assert_eq!(skipped.started(), made.started());
            let expected = skipped.would_change_at(false, answer);
            assert_eq!(expected, Some(run_until_change(&mut made, false, answer).0));
            assert_eq!(skipped.would_change_at(true, answer), None);
        }
    }
}

#[test]
fn down_needs_as_many_checkers_as_agree() {
    let mut group = Agreement::new(3, 2).unwrap();
    let says = |from, to| Transition { from, to, cause: Fail, now: at(1) };
    assert_eq!(group.update(0, says(Health::Unknown, Health::Down)).map(|change| change.to), Some(Health::Up));
    assert_eq!(group.update(1, says(Health::Unknown, Health::Down)).map(|change| change.to), Some(Health::Down));
    assert_eq!(group.update(2, says(Health::Unknown, Health::Down)), None);
    assert_eq!(group.update(0, says(Health::Down, Health::Up)), None);
    assert_eq!(group.update(1, says(Health::Down, Health::Up)).map(|change| change.to), Some(Health::Up));
    assert_eq!(group.update(9, says(Health::Down, Health::Up)), None);
}

#[test]
fn a_clock_that_steps_back_is_held() {
    let mut checker = checker(config());
    start(&mut checker, at(5_000));
    assert_eq!(checker.poll(at(0), &mut rng()), CheckStep::Idle);
    assert_eq!(checker.next_wake(), Some(at(7_000)));
}

#[test]
fn a_wrong_config_names_its_field() {
    let wrong = |config: CheckConfig| config.check().unwrap_err().field;
    assert_eq!(wrong(CheckConfig { timeout: Span::from_secs(11), ..config() }), "timeout");
    assert_eq!(wrong(CheckConfig { every: Span::ZERO, ..config() }), "every");
    assert_eq!(wrong(CheckConfig { up_after: 0, ..config() }), "up_after");
    assert_eq!(wrong(CheckConfig { jitter: Span::from_secs(10), ..config() }), "jitter");
    assert_eq!(Agreement::new(3, 4).unwrap_err().field, "agree");
}
