//! How a call is stopped before its answer.

use rand::Rng;

use super::super::client::{Client, Edge, Observer};
use super::{Call, Phase, Progress};
use crate::resilience::ErrorClass;

impl Call {
    /// The caller no longer wants the answer. Step until it says finish.
    pub fn cancel<R: Rng, O: Observer>(&mut self, client: &mut Client, edge: &mut Edge<'_, R, O>) {
        self.see(edge);
        match self.phase {
            Phase::Done { .. } => return,
            Phase::Tier { tier, .. } => {
                if let Some(fallback) = &mut client.fallback {
                    fallback.leave(tier);
                }
            }
            Phase::Alone { .. } | Phase::Trying(_) | Phase::BackingOff(_) => {
                self.stop_attempts(client, edge, ErrorClass::Cancelled);
                self.give_up_retry(client);
            }
        }
        self.phase = Phase::Done { tier: 0, result: Err(ErrorClass::Cancelled) };
    }

    /// Ends all attempts: what was sent is to be aborted, the rest gives back what it holds.
    pub(super) fn stop_attempts<R: Rng, O: Observer>(
        &mut self,
        client: &mut Client,
        edge: &mut Edge<'_, R, O>,
        why: ErrorClass,
    ) {
        for entry in &mut self.attempts[..self.places] {
            let Some(attempt) = entry else { continue };
            let held = std::mem::take(&mut attempt.held);
            match attempt.progress {
                Progress::Sent(started, _) => {
                    attempt.progress = Progress::Doomed;
                    self.doomed = true;
                    client.ended(attempt.target, held, (Some(why), self.now.since(started)), edge);
                }
                Progress::At(_) | Progress::Until(..) => {
                    client.unsent(attempt.target, held, edge);
                    *entry = None;
                }
                Progress::Queued(ticket, ..) => {
                    client.leave_queue(ticket, edge);
                    client.unsent(attempt.target, held, edge);
                    *entry = None;
                }
                Progress::Doomed => {}
            }
        }
    }

    pub(super) fn give_up_retry(&mut self, client: &mut Client) {
        if let Some(retry) = self.retry.take() {
            client.retry.cancelled(retry, &mut client.budget);
        }
    }
}
