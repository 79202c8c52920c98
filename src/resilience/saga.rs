//! Saga: a transaction over several services, as steps that can each be undone.
//!
//! Garcia-Molina and Salem 1987. The steps run in order; when step N fails, what was done is undone, newest first: N
//! too if nobody knows whether it happened, then N-1 down to the first. Undos are idempotent and retried; one that
//! stays impossible is left *stuck* and does not stop the older ones. After the *pivot* step there is no way back: later
//! steps are retried forward.
//!
//! Invariant: log before act. Every command and every result is given to the caller's log before it takes effect, and
//! the state is nothing but what the log says: [`Saga::resume`] reads a log and goes on with the very command that was
//! out when the process died. So each command may be carried out twice; (saga, step, do or undo) is its idempotency key.
//! A saga neither calls nor sleeps, and does not retry a step before the pivot: that is the business of its call.

use rand::Rng;

use crate::resilience::Transition;
use crate::resilience::config_error::{ConfigError, require};
use crate::resilience::retry::{Backoff, BackoffState, Retry, RetryConfig};
use crate::time::Time;

/// How often something is tried again, and when.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SagaRetry {
    /// Attempts in all; at least 1; default 10.
    pub attempts: u32,
    /// The waits between them.
    pub backoff: Backoff,
}

impl Default for SagaRetry {
    fn default() -> Self {
        SagaRetry { attempts: 10, backoff: Backoff::default() }
    }
}

/// Parameters of a saga.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SagaConfig {
    /// Number of steps; at least 1.
    pub steps: u32,
    /// The step after whose success there is only forward; default none: all can be undone.
    pub pivot: Option<u32>,
    /// Retries of a step after the pivot.
    pub retry: SagaRetry,
    /// Retries of an undo.
    pub undo: SagaRetry,
}

impl SagaConfig {
    /// So many steps, with the defaults.
    pub fn new(steps: u32) -> Self {
        SagaConfig { steps, pivot: None, retry: SagaRetry::default(), undo: SagaRetry::default() }
    }

    /// # Errors
    /// Names the first field out of its range.
    pub fn check(&self) -> Result<(), ConfigError> {
        require(self.steps >= 1, "steps", "must be at least 1")?;
        require(self.pivot.is_none_or(|pivot| pivot < self.steps), "pivot", "must be one of the steps")?;
        for SagaRetry { attempts, backoff } in [self.retry, self.undo] {
            require(attempts >= 1, "attempts", "must be at least 1")?;
            let retry = RetryConfig { backoff, ..RetryConfig::default() };
            Retry::new(retry).map_err(|error| ConfigError { field: error.field, rule: error.rule })?;
        }
        Ok(())
    }
}

/// How a step ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StepOutcome {
    /// It happened.
    Ok,
    /// It surely did not happen.
    FailedClean,
    /// It may or may not have happened (a timeout).
    Unknown,
}

/// How an undo ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum UndoOutcome {
    /// The step is undone, or never was.
    Done,
    /// Not, or nobody knows.
    Failed,
    /// The same, and it is not to be tried again, whatever attempts are left.
    GivenUp,
}

/// One attempt at a step or its undo.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Action {
    /// Which step, 0 first.
    pub step: u32,
    /// Number of the attempt, from 1.
    pub attempt: u32,
    /// Not before this instant.
    pub at: Time,
}

/// How a saga ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SagaEnd {
    /// All steps happened.
    Completed,
    /// None did, or all were undone.
    Compensated,
    /// Some undo, or some step after the pivot, stayed impossible: a person is needed.
    Stuck,
}

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Command {
    /// Perform a step and report to [`Saga::step_ended`].
    Do(Action),
    /// Undo a step and report to [`Saga::undo_ended`].
    Undo(Action),
    /// Nothing; it is over.
    Finished(SagaEnd),
}

/// An entry of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Record {
    /// This is about to be done.
    Commanded(Command),
    /// The step that was out has ended.
    StepEnded(StepOutcome),
    /// The undo that was out has ended.
    UndoEnded(UndoOutcome),
}

/// In which direction a saga goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SagaState {
    /// Doing its steps.
    Forward,
    /// Undoing them.
    Backward,
    /// Over.
    Finished(SagaEnd),
}

/// A change of direction; the cause is the record that made it.
pub type SagaTransition = Transition<SagaState, Record>;

/// What the log says comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    Do { step: u32, attempt: u32 },
    Undo { step: u32, attempt: u32 },
    Finish(SagaEnd),
}

/// A log that no saga of this configuration can have written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("record {index} of the saga log does not follow from those before it")]
pub struct BrokenLog {
    /// Its position, 0 first.
    pub index: usize,
}

/// One saga.
#[derive(Clone, Debug, PartialEq)]
pub struct Saga {
    config: SagaConfig,
    next: Next,
    /// The command that was logged and has not ended.
    out: Option<Command>,
    stuck: Vec<bool>,
}

impl Saga {
    /// A saga before its first step.
    ///
    /// # Errors
    /// Names the first field of `config` out of its range.
    pub fn new(config: SagaConfig) -> Result<Self, ConfigError> {
        config.check()?;
        let stuck = vec![false; config.steps as usize];
        Ok(Saga { config, next: Next::Do { step: 0, attempt: 1 }, out: None, stuck })
    }

    /// The saga that wrote `log`, ready to go on.
    ///
    /// # Errors
    /// If `config` is out of range, or such a saga cannot have written the log.
    pub fn resume(config: SagaConfig, log: impl IntoIterator<Item = Record>) -> Result<Self, ResumeError> {
        let mut saga = Saga::new(config)?;
        for (index, record) in log.into_iter().enumerate() {
            if !saga.follows(record) {
                return Err(BrokenLog { index }.into());
            }
            saga.apply(record);
        }
        Ok(saga)
    }

    /// The direction.
    pub const fn state(&self) -> SagaState {
        match (self.out, self.next) {
            (Some(Command::Finished(end)), _) => SagaState::Finished(end),
            (_, Next::Do { .. } | Next::Finish(SagaEnd::Completed)) => SagaState::Forward,
            (_, Next::Undo { .. } | Next::Finish(SagaEnd::Compensated | SagaEnd::Stuck)) => SagaState::Backward,
        }
    }

    /// Steps whose undo (or, after the pivot, which themselves) stayed impossible.
    pub fn stuck(&self) -> impl Iterator<Item = u32> {
        (0_u32..).zip(&self.stuck).filter(|&(_, &stuck)| stuck).map(|(step, _)| step)
    }

    /// The next command, which is logged first; the same one again while it is out. Retries wait from `now`.
    ///
    /// # Errors
    /// What `log` returns; then nothing has changed and nothing must be done.
    pub fn next<E>(
        &mut self,
        now: Time,
        rng: &mut impl Rng,
        log: impl FnOnce(Record) -> Result<(), E>,
    ) -> Result<(Command, Option<SagaTransition>), E> {
        if let Some(command) = self.out {
            return Ok((command, None));
        }
        let command = match self.next {
            Next::Do { step, attempt } => {
                Command::Do(Action { step, attempt, at: when(&self.config.retry, now, attempt, rng) })
            }
            Next::Undo { step, attempt } => {
                Command::Undo(Action { step, attempt, at: when(&self.config.undo, now, attempt, rng) })
            }
            Next::Finish(end) => Command::Finished(end),
        };
        let change = self.write(now, Record::Commanded(command), log)?;
        Ok((command, change))
    }

    /// The step that was out has ended. Without such a step nothing changes and nothing is logged.
    ///
    /// # Errors
    /// What `log` returns; then nothing has changed: report again.
    pub fn step_ended<E>(
        &mut self,
        now: Time,
        outcome: StepOutcome,
        log: impl FnOnce(Record) -> Result<(), E>,
    ) -> Result<Option<SagaTransition>, E> {
        self.write(now, Record::StepEnded(outcome), log)
    }

    /// The undo that was out has ended. Without such an undo nothing changes and nothing is logged.
    ///
    /// # Errors
    /// What `log` returns; then nothing has changed: report again.
    pub fn undo_ended<E>(
        &mut self,
        now: Time,
        outcome: UndoOutcome,
        log: impl FnOnce(Record) -> Result<(), E>,
    ) -> Result<Option<SagaTransition>, E> {
        self.write(now, Record::UndoEnded(outcome), log)
    }

    fn write<E>(
        &mut self,
        now: Time,
        record: Record,
        log: impl FnOnce(Record) -> Result<(), E>,
    ) -> Result<Option<SagaTransition>, E> {
        if !self.follows(record) {
            return Ok(None);
        }
        log(record)?;
        let from = self.state();
        self.apply(record);
        let to = self.state();
        Ok((from != to).then_some(Transition { from, to, cause: record, now }))
    }

    /// Can this record come next?
    fn follows(&self, record: Record) -> bool {
        match (record, self.out, self.next) {
            (Record::Commanded(Command::Do(action)), None, Next::Do { step, attempt })
            | (Record::Commanded(Command::Undo(action)), None, Next::Undo { step, attempt }) => {
                (action.step, action.attempt) == (step, attempt)
            }
            (Record::Commanded(Command::Finished(end)), None, Next::Finish(expected)) => end == expected,
            (Record::StepEnded(_), Some(Command::Do(_)), _) | (Record::UndoEnded(_), Some(Command::Undo(_)), _) => true,
            (Record::Commanded(_) | Record::StepEnded(_) | Record::UndoEnded(_), _, _) => false,
        }
    }

    /// Takes a record that follows.
    fn apply(&mut self, record: Record) {
        match (record, self.out) {
            (Record::Commanded(command), _) => self.out = Some(command),
            (Record::StepEnded(outcome), Some(Command::Do(action))) => {
                self.out = None;
                self.next = self.after_step(action, outcome);
            }
            (Record::UndoEnded(outcome), Some(Command::Undo(action))) => {
                self.out = None;
                self.next = self.after_undo(action, outcome);
            }
            (Record::StepEnded(_) | Record::UndoEnded(_), _) => {}
        }
    }

    fn after_step(&mut self, Action { step, attempt, .. }: Action, outcome: StepOutcome) -> Next {
        let no_way_back = self.config.pivot.is_some_and(|pivot| step > pivot);
        match (outcome, no_way_back) {
            (StepOutcome::Ok, _) if step + 1 == self.config.steps => Next::Finish(SagaEnd::Completed),
            (StepOutcome::Ok, _) => Next::Do { step: step + 1, attempt: 1 },
            (StepOutcome::FailedClean, false) => self.undo_below(step),
            (StepOutcome::Unknown, false) => Next::Undo { step, attempt: 1 },
            (StepOutcome::FailedClean | StepOutcome::Unknown, true) if attempt < self.config.retry.attempts => {
                Next::Do { step, attempt: attempt + 1 }
            }
            (StepOutcome::FailedClean | StepOutcome::Unknown, true) => {
                self.stuck[step as usize] = true;
                Next::Finish(SagaEnd::Stuck)
            }
        }
    }

    fn after_undo(&mut self, Action { step, attempt, .. }: Action, outcome: UndoOutcome) -> Next {
        match outcome {
            UndoOutcome::Done => self.undo_below(step),
            UndoOutcome::Failed if attempt < self.config.undo.attempts => Next::Undo { step, attempt: attempt + 1 },
            UndoOutcome::Failed | UndoOutcome::GivenUp => {
                self.stuck[step as usize] = true;
                self.undo_below(step)
            }
        }
    }

    fn undo_below(&self, step: u32) -> Next {
        match step.checked_sub(1) {
            Some(step) => Next::Undo { step, attempt: 1 },
            None if self.stuck.contains(&true) => Next::Finish(SagaEnd::Stuck),
            None => Next::Finish(SagaEnd::Compensated),
        }
    }
}

/// The first attempt is due at once. The wait before a later one is drawn afresh from the start of the schedule, so that
/// a resumed saga needs no memory of earlier draws.
fn when(retry: &SagaRetry, now: Time, attempt: u32, rng: &mut impl Rng) -> Time {
    let mut waits = BackoffState::new(&retry.backoff);
    (1..attempt).map(|_| waits.next_wait(&retry.backoff, rng)).last().map_or(now, |wait| now + wait)
}

/// Why a saga cannot be resumed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ResumeError {
    /// The configuration is out of range.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The log belongs to another saga, or is damaged.
    #[error(transparent)]
    Log(#[from] BrokenLog),
}

#[cfg(test)]
#[path = "saga_tests.rs"]
mod tests;
