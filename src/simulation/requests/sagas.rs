//! Transactions: one call a step, undone by a second call when a later step fails.
//!
//! The machine is [`Saga`]; it runs in the attempt at the entry service, whose calls its steps are. It begins when the
//! other calls of that service are over, and goes on to its end though nobody may wait for it any more. A step that
//! failed without an answer may have happened, and is undone too. What an undo may cost beyond its first attempt is paid
//! from a budget that all transactions of a class share at a node; one that it refuses is given up.

use super::Requests;
use super::event::{Event, class};
use super::plan::budget;
use super::state::{About, Answer, Id, Owner, Quality};
use crate::engine::streams::Numbered;
use crate::resilience::ErrorClass;
use crate::resilience::retry::{Call, Decision, Retry, RetryState};
use crate::resilience::retry_budget::RetryBudget;
use crate::resilience::saga::{
    Command, Record, Saga, SagaConfig, SagaEnd, SagaRetry, SagaState, StepOutcome, UndoOutcome,
};
use crate::time::Time;
use std::convert::Infallible;

/// Children of the key of an attempt: the calls of its transaction.
const SAGA: u32 = 1 << 22;

/// A transaction in progress.
#[derive(Clone, Debug)]
pub struct Transaction {
    saga: Saga,
    /// How far the undo of a step has come, if one is under way.
    undo: Option<RetryState>,
}

impl Requests<'_> {
    /// Is the attempt the one that makes the transaction of its request: at the service that users reach?
    pub(super) fn makes_saga(&self, id: Id) -> bool {
        if !self.plan.sagas {
            return false;
        }
        let Some(about) = self.flight.job(id).map(|job| &job.about) else { return false };
        self.plan.classes[about.class as usize].saga.is_some() && self.plan.edges[about.edge as usize].is_of_users()
    }

    /// The transaction begins.
    pub(super) fn start_saga(&mut self, now: Time, id: Id) {
        let Some(job) = self.flight.job_mut(id) else { return };
        let Some((saga, _)) = &self.plan.classes[job.about.class as usize].saga else { return };
        job.calls = 0;
        let backoff = saga.undo.backoff;
        let config = SagaConfig {
            pivot: saga.pivot.map(|pivot| pivot as u32),
            retry: SagaRetry { attempts: saga.attempts, backoff },
            undo: SagaRetry { attempts: saga.undo.max_attempts, backoff },
            ..SagaConfig::new(saga.steps.len() as u32)
        };
        match Saga::new(config) {
            Ok(saga) => job.saga = Some(Box::new(Transaction { saga, undo: None })),
            Err(_) => return self.finish_job(now, id, Err(ErrorClass::Error)),
        }
        self.saga_goes_on(now, id);
    }

    /// The next command of the transaction.
    pub(super) fn saga_goes_on(&mut self, now: Time, id: Id) {
        let deadline = self.deadline_below(id);
        let Some(job) = self.flight.job_mut(id) else { return };
        let (about, node) = (job.about, job.node);
        let mut rng = about.key.draw(SAGA + job.calls);
        job.calls += 1;
        let Some(Transaction { saga, .. }) = job.saga.as_deref_mut() else { return };
        let command = match saga.next(now, &mut rng, keep) {
            Ok((command, _)) => command,
            Err(never) => match never {},
        };
        let action = match command {
            Command::Do(action) | Command::Undo(action) => action,
            Command::Finished(end) => return self.saga_over(now, id, end),
        };
        if action.at > now {
            return self.schedule(action.at, class::TIMER, Event::Saga(id));
        }
        job.out = 1;
        let undo = matches!(command, Command::Undo(_));
        if undo {
            self.begin_undo(now, id);
        }
        let number = (action.step << 9) + (u32::from(undo) << 8) + action.attempt;
        let Some((_, edges)) = &self.plan.classes[about.class as usize].saga else { return };
        let service = self.service_of(node);
        let slot = node - self.plan.services[service as usize].first_node;
        let key = about.key.child(SAGA + number);
        let call = About { owner: Owner::Job(id), edge: edges[action.step as usize], slot, turn: 0, key, ..about };
        // an undo is not bound by the patience of who asked
        let deadline = if undo { Time::NEVER } else { deadline };
        self.start_other_call(now, &self.plan.edges[call.edge as usize], call, deadline);
    }

    /// A step or its undo has ended.
    pub(super) fn saga_call_ended(&mut self, now: Time, id: Id, answer: Answer) {
        let Some(job) = self.flight.job_mut(id) else { return };
        job.out = 0;
        let Some(Transaction { saga, .. }) = job.saga.as_deref() else { return };
        let backward = saga.state() == SagaState::Backward;
        let undone = if backward { Some(self.undo_ended(now, id, answer)) } else { None };
        let Some(Transaction { saga, .. }) = self.flight.job_mut(id).and_then(|job| job.saga.as_deref_mut()) else {
            return;
        };
        let written = match undone {
            Some(outcome) => saga.undo_ended(now, outcome, keep),
            None => saga.step_ended(now, step_outcome(answer), keep),
        };
        match written {
            Ok(_) => self.saga_goes_on(now, id),
            Err(never) => match never {},
        }
    }

    /// The retries of undoing at this attempt's node, and what they are paid from.
    fn undo_policy(&mut self, id: Id) -> Option<(Retry, &mut RetryBudget)> {
        let job = self.flight.job(id)?;
        let (class, node) = (job.about.class, job.node);
        let (saga, _) = self.plan.classes[class as usize].saga.as_ref()?;
        let retry = Retry::new(saga.undo).ok()?;
        Some((retry, self.undo_budgets.entry((class, node)).or_insert_with(|| budget(saga.budget))))
    }

    /// An attempt to undo a step begins, perhaps the first.
    fn begin_undo(&mut self, now: Time, id: Id) {
        let begun = |saga: &Transaction| saga.undo.is_some();
        if self.flight.job(id).and_then(|job| job.saga.as_deref()).is_none_or(begun) {
            return;
        }
        let state = self.undo_policy(id).map(|(retry, budget)| retry.start(now, Call::default(), budget));
        if let Some(saga) = self.saga_of(id) {
            saga.undo = state;
        }
    }

    fn saga_of(&mut self, id: Id) -> Option<&mut Transaction> {
        self.flight.job_mut(id)?.saga.as_deref_mut()
    }

    /// An attempt to undo a step has ended: is it tried again, if it failed?
    fn undo_ended(&mut self, now: Time, id: Id, answer: Answer) -> UndoOutcome {
        let outcome = if answer.is_ok() { UndoOutcome::Done } else { UndoOutcome::GivenUp };
        let Some(mut state) = self.saga_of(id).and_then(|saga| saga.undo.take()) else { return outcome };
        let Some((retry, budget)) = self.undo_policy(id) else { return outcome };
        let Err(class) = answer else {
            retry.succeeded(&state, budget);
            return outcome;
        };
        // the wait is the saga's to draw
        let mut rng = Numbered::NONE.draw(0);
        match retry.failed(&mut state, now, class.into(), budget, &mut rng) {
            Decision::Stop(_) => outcome,
            Decision::Retry(_) => {
                if let Some(saga) = self.saga_of(id) {
                    saga.undo = Some(state);
                }
                UndoOutcome::Failed
            }
        }
    }

    /// Nobody goes on with the transaction of this attempt.
    pub(super) fn forget_undo(&mut self, id: Id) {
        let Some(state) = self.saga_of(id).and_then(|saga| saga.undo.take()) else { return };
        if let Some((retry, budget)) = self.undo_policy(id) {
            retry.cancelled(state, budget);
        }
    }

    fn saga_over(&mut self, now: Time, id: Id, end: SagaEnd) {
        let Some(job) = self.flight.job(id) else { return };
        self.tally.saga(job.about.class, end);
        let answer = match end {
            SagaEnd::Completed => Ok(Quality::Full),
            SagaEnd::Compensated | SagaEnd::Stuck => Err(ErrorClass::Error),
        };
        self.finish_job(now, id, answer);
    }
}

/// A log that is never full: a simulated node that crashes loses its transaction, it does not resume it.
#[expect(clippy::unnecessary_wraps, reason = "a log may fail elsewhere")]
const fn keep(_record: Record) -> Result<(), Infallible> {
    Ok(())
}

/// A step that ended without an answer may have happened.
const fn step_outcome(answer: Answer) -> StepOutcome {
    match answer {
        Ok(_) => StepOutcome::Ok,
        Err(ErrorClass::Timeout | ErrorClass::DeadlineExceeded | ErrorClass::Cancelled) => StepOutcome::Unknown,
        Err(
            ErrorClass::Connect | ErrorClass::Overload | ErrorClass::Error | ErrorClass::Client | ErrorClass::Rejected,
        ) => StepOutcome::FailedClean,
    }
}
