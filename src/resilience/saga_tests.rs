use std::convert::Infallible;

use proptest::prelude::{prop, prop_assert, prop_assert_eq, proptest};
use rand::SeedableRng;
use rand_xoshiro::Xoshiro256PlusPlus;

use super::StepOutcome::{FailedClean, Ok as Done, Unknown};
use super::{
    BrokenLog, Command, Record, ResumeError, Saga, SagaConfig, SagaEnd, SagaRetry, SagaState, StepOutcome, UndoOutcome,
};
use crate::resilience::retry::{Backoff, Jitter, Strategy};
use crate::time::{Span, Time};

/// What the world does: how each step ends, and how often the undo of each fails.
#[derive(Clone, Debug)]
struct World {
    steps: Vec<StepOutcome>,
    /// Steps after the pivot fail so often before they end as `steps` says.
    undo_failures: Vec<u32>,
}

fn config(steps: u32, pivot: Option<u32>) -> SagaConfig {
    let backoff = Backoff { strategy: Strategy::Linear, jitter: Jitter::None, ..Backoff::default() };
    let retry = SagaRetry { attempts: 3, backoff };
    SagaConfig { steps, pivot, retry, undo: retry }
}

/// Something that was really done, with its attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Act {
    Do(u32, u32),
    Undo(u32, u32),
}

/// Runs to the end, or until the log has `crash_at` records; a command is acted on after its record is written.
fn run(saga: &mut Saga, world: &World, log: &mut Vec<Record>, crash_at: usize) -> (Vec<Act>, Option<SagaEnd>) {
    let (mut acts, mut now, mut rng) = (Vec::new(), Time::ZERO, Xoshiro256PlusPlus::seed_from_u64(0));
    loop {
        let (command, _) = saga
            .next(now, &mut rng, |record| -> Result<(), Infallible> {
                log.push(record);
                Ok(())
            })
            .unwrap();
        if log.len() >= crash_at {
            return (acts, None);
        }
        match command {
            Command::Do(action) => {
                now = now.max(action.at);
                acts.push(Act::Do(action.step, action.attempt));
                let outcome = world.steps[action.step as usize];
                saga.step_ended(now, outcome, |record| -> Result<(), Infallible> {
                    log.push(record);
                    Ok(())
                })
                .unwrap();
            }
            Command::Undo(action) => {
                now = now.max(action.at);
                acts.push(Act::Undo(action.step, action.attempt));
                let fails = action.attempt <= world.undo_failures[action.step as usize];
                let outcome = if fails { UndoOutcome::Failed } else { UndoOutcome::Done };
                saga.undo_ended(now, outcome, |record| -> Result<(), Infallible> {
                    log.push(record);
                    Ok(())
                })
                .unwrap();
            }
            Command::Finished(end) => return (acts, Some(end)),
        }
        if log.len() >= crash_at {
            return (acts, None);
        }
    }
}

fn check(pivot: Option<u32>, steps: &[StepOutcome], undo_failures: &[u32], acts: &[Act], end: SagaEnd) {
    let mut saga = Saga::new(config(steps.len() as u32, pivot)).unwrap();
    let world = World { steps: steps.to_vec(), undo_failures: undo_failures.to_vec() };
    assert_eq!(run(&mut saga, &world, &mut Vec::new(), usize::MAX), (acts.to_vec(), Some(end)));
}

#[test]
fn all_steps_in_order_complete_it() {
    check(None, &[Done, Done], &[0, 0], &[Act::Do(0, 1), Act::Do(1, 1)], SagaEnd::Completed);
}

#[test]
fn a_clean_failure_undoes_only_the_older_steps() {
    let acts = [Act::Do(0, 1), Act::Do(1, 1), Act::Do(2, 1), Act::Undo(1, 1), Act::Undo(0, 1)];
    check(None, &[Done, Done, FailedClean], &[0; 3], &acts, SagaEnd::Compensated);
    check(None, &[FailedClean, Done], &[0; 2], &[Act::Do(0, 1)], SagaEnd::Compensated);
}

#[test]
fn an_unknown_failure_undoes_that_step_too() {
    let acts = [Act::Do(0, 1), Act::Do(1, 1), Act::Undo(1, 1), Act::Undo(0, 1)];
    check(None, &[Done, Unknown], &[0; 2], &acts, SagaEnd::Compensated);
}

#[test]
fn an_undo_is_retried() {
    let acts = [Act::Do(0, 1), Act::Do(1, 1), Act::Undo(0, 1), Act::Undo(0, 2), Act::Undo(0, 3)];
    check(None, &[Done, FailedClean], &[2, 0], &acts, SagaEnd::Compensated);
}

#[test]
fn a_stuck_undo_does_not_stop_the_older_ones() {
    let acts = [
        Act::Do(0, 1),
        Act::Do(1, 1),
        Act::Do(2, 1),
        Act::Undo(1, 1),
        Act::Undo(1, 2),
        Act::Undo(1, 3),
        Act::Undo(0, 1),
    ];
    check(None, &[Done, Done, FailedClean], &[0, 9, 0], &acts, SagaEnd::Stuck);
}

#[test]
fn after_the_pivot_there_is_only_forward() {
    let acts = [Act::Do(0, 1), Act::Do(1, 1), Act::Do(2, 1), Act::Do(2, 2), Act::Do(2, 3)];
    check(Some(1), &[Done, Done, FailedClean], &[0; 3], &acts, SagaEnd::Stuck);
    check(Some(1), &[Done, Done, Unknown], &[0; 3], &acts, SagaEnd::Stuck);
}

#[test]
fn the_pivot_itself_can_still_fail_backward() {
    check(
        Some(1),
        &[Done, FailedClean, Done],
        &[0; 3],
        &[Act::Do(0, 1), Act::Do(1, 1), Act::Undo(0, 1)],
        SagaEnd::Compensated,
    );
}

#[test]
fn nothing_is_done_that_was_not_logged() {
    let mut saga = Saga::new(config(2, None)).unwrap();
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(0);
    let before = saga.clone();
    assert_eq!(saga.next(Time::ZERO, &mut rng, |_| Err("disk full")), Err("disk full"));
    assert_eq!(saga, before);
    saga.next(Time::ZERO, &mut rng, |_| Ok::<(), ()>(())).unwrap();
    let before = saga.clone();
    assert_eq!(saga.step_ended(Time::ZERO, Unknown, |_| Err("disk full")), Err("disk full"));
    assert_eq!(saga, before);
}

#[test]
fn retries_wait_by_their_schedule() {
    let mut saga = Saga::new(config(2, None)).unwrap();
    let (mut rng, now) = (Xoshiro256PlusPlus::seed_from_u64(0), Time::from_nanos(5));
    let log = |_| Ok::<(), ()>(());
    saga.next(now, &mut rng, log).unwrap();
    let change = saga.step_ended(now, Unknown, log).unwrap().unwrap();
    assert_eq!((change.from, change.to), (SagaState::Forward, SagaState::Backward));
    for wait in [0, 100, 200] {
        let Command::Undo(action) = saga.next(now, &mut rng, log).unwrap().0 else { panic!("no undo") };
        assert_eq!(action.at, now + Span::from_millis(wait));
        saga.undo_ended(now, UndoOutcome::Failed, log).unwrap();
    }
    let (command, change) = saga.next(now, &mut rng, log).unwrap();
    assert_eq!(command, Command::Finished(SagaEnd::Stuck));
    assert_eq!(change.map(|change| change.to), Some(SagaState::Finished(SagaEnd::Stuck)));
    assert_eq!(saga.stuck().collect::<Vec<_>>(), [0]);
}

#[test]
fn a_log_of_another_saga_is_refused() {
    let broken = |log: &[Record]| Saga::resume(config(2, None), log.iter().copied()).unwrap_err();
    assert_eq!(broken(&[Record::StepEnded(Done)]), ResumeError::Log(BrokenLog { index: 0 }));
    let completed = Record::Commanded(Command::Finished(SagaEnd::Completed));
    assert_eq!(broken(&[completed]), ResumeError::Log(BrokenLog { index: 0 }));
    let mut capless = config(1, None);
    capless.retry.backoff.cap = Span::ZERO;
    assert_eq!(capless.check().unwrap_err().field, "cap");
    assert!(matches!(Saga::resume(config(0, None), []), Err(ResumeError::Config(error)) if error.field == "steps"));
}

fn outcome() -> impl prop::strategy::Strategy<Value = StepOutcome> {
    prop::sample::select(vec![Done, Done, Done, FailedClean, Unknown])
}

proptest! {
    #[test]
    fn a_crash_at_any_point_changes_no_action(
        steps in prop::collection::vec(outcome(), 1..6),
        undo_failures in prop::collection::vec(0_u32..5, 6),
        pivot in prop::option::of(0_u32..6),
    ) {
        let config = config(steps.len() as u32, pivot.filter(|&pivot| (pivot as usize) < steps.len()));
        let world = World { steps, undo_failures };
        let mut whole_log = Vec::new();
        let (whole, end) = run(&mut Saga::new(config).unwrap(), &world, &mut whole_log, usize::MAX);
        prop_assert!(end.is_some());
        for crash_at in 1..=whole_log.len() {
            let mut log = Vec::new();
            let (before, _) = run(&mut Saga::new(config).unwrap(), &world, &mut log, crash_at);
            prop_assert_eq!(log.len(), crash_at);
            let mut resumed = Saga::resume(config, log.iter().copied()).unwrap();
            let (after, resumed_end) = run(&mut resumed, &world, &mut log, usize::MAX);
            prop_assert_eq!([before, after].concat(), whole.clone());
            prop_assert_eq!(resumed_end, end);
        }
    }
}

#[test]
fn an_undo_has_attempts_of_its_own_and_can_be_given_up_before() {
    let log = |_: Record| Result::<(), Infallible>::Ok(());
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(1);
    let attempts = |outcome: UndoOutcome, rng: &mut Xoshiro256PlusPlus| {
        let backoff = config(2, None).retry.backoff;
        let config = SagaConfig { undo: SagaRetry { attempts: 5, backoff }, ..config(2, None) };
        let mut saga = Saga::new(config).unwrap();
        let mut undos = 0;
        loop {
            match saga.next(Time::ZERO, rng, log).unwrap().0 {
                Command::Do(action) => {
                    let outcome = if action.step == 0 { StepOutcome::Ok } else { StepOutcome::FailedClean };
                    saga.step_ended(Time::ZERO, outcome, log).unwrap();
                }
                Command::Undo(_) => {
                    undos += 1;
                    saga.undo_ended(Time::ZERO, outcome, log).unwrap();
                }
                Command::Finished(end) => return (undos, end),
            }
        }
    };
    assert_eq!(attempts(UndoOutcome::Failed, &mut rng), (5, SagaEnd::Stuck));
    assert_eq!(attempts(UndoOutcome::GivenUp, &mut rng), (1, SagaEnd::Stuck));
    assert_eq!(attempts(UndoOutcome::Done, &mut rng), (1, SagaEnd::Compensated));
}
