//! Transactions: one call a step, undone by a second call when a later step fails.
//!
//! The machine is [`Saga`]; it runs in the attempt at the entry service, whose calls its steps are. A step that failed
//! without an answer may have happened, and is undone too.

use super::Requests;
use super::event::{Event, class};
use super::state::{About, Answer, Id, Owner, Quality};
use crate::resilience::ErrorClass;
use crate::resilience::saga::{
    Command, Record, Saga, SagaConfig, SagaEnd, SagaRetry, SagaState, StepOutcome, UndoOutcome,
};
use crate::time::Time;
use std::convert::Infallible;

/// Children of the key of an attempt: the calls of its transaction.
const SAGA: u32 = 1 << 22;

impl Requests<'_> {
    /// Is the attempt the one that makes the transaction of its request: at the service that users reach?
    pub(super) fn makes_saga(&self, id: Id) -> bool {
        let Some(about) = self.flight.job(id).map(|job| &job.about) else { return false };
        self.plan.classes[about.class as usize].saga.is_some() && self.plan.edges[about.edge as usize].is_of_users()
    }

    /// The transaction begins.
    pub(super) fn start_saga(&mut self, now: Time, id: Id) {
        let Some(job) = self.flight.job_mut(id) else { return };
        let Some((saga, _)) = &self.plan.classes[job.about.class as usize].saga else { return };
        let retry = SagaRetry { attempts: saga.attempts, backoff: saga.undo.backoff };
        let config = SagaConfig {
            pivot: saga.pivot.map(|pivot| pivot as u32),
            retry,
            ..SagaConfig::new(saga.steps.len() as u32)
        };
        match Saga::new(config) {
            Ok(saga) => job.saga = Some(Box::new(saga)),
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
        let Some(saga) = &mut job.saga else { return };
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
        let Some((_, edges)) = &self.plan.classes[about.class as usize].saga else { return };
        let undo = matches!(command, Command::Undo(_));
        let number = (action.step << 9) + (u32::from(undo) << 8) + action.attempt;
        let service = self.service_of(node);
        let slot = node - self.plan.services[service as usize].first_node;
        let key = about.key.child(SAGA + number);
        let call = About { owner: Owner::Job(id), edge: edges[action.step as usize], slot, turn: 0, key, ..about };
        // an undo is not bound by the patience of who asked
        self.start_call(now, &self.plan.edges[call.edge as usize], &call, if undo { Time::NEVER } else { deadline });
    }

    /// A step or its undo has ended.
    pub(super) fn saga_call_ended(&mut self, now: Time, id: Id, answer: Answer) {
        let Some(job) = self.flight.job_mut(id) else { return };
        job.out = 0;
        let Some(saga) = &mut job.saga else { return };
        let written = if saga.state() == SagaState::Backward {
            let outcome = if answer.is_ok() { UndoOutcome::Done } else { UndoOutcome::Failed };
            saga.undo_ended(now, outcome, keep)
        } else {
            saga.step_ended(now, step_outcome(answer), keep)
        };
        match written {
            Ok(_) => self.saga_goes_on(now, id),
            Err(never) => match never {},
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
