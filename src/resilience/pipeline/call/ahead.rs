//! What a call is at, and what lies ahead of it, for hosts that need not step it before.

use super::super::client::Client;
use super::super::step::{AttemptId, CallResult};
use super::{Attempt, Call, Phase, Progress};
use crate::time::Time;

impl Call {
    /// After [`Step::Send`](crate::resilience::pipeline::Step::Send), at the same instant: until when the next [`step`](Self::step) would wait if it did nothing
    /// else, [`Time::NEVER`] without end, so that a host can spare it. None: step.
    #[inline]
    pub fn rests(&self) -> Option<Time> {
        let hedges = match &self.phase {
            Phase::Alone { .. } => false,
            Phase::Trying(hedge) => hedge.next_wake().is_some(),
            Phase::BackingOff(_) | Phase::Tier { .. } | Phase::Done { .. } => return None,
        };
        let [Some(Attempt { progress: Progress::Sent(_, ends), .. }), ..] = &self.attempts else { return None };
        let until = (*ends).min(self.deadline.instant());
        (self.places == 1 && !hedges && until > self.now).then_some(until)
    }

    /// How the call has ended, if the next [`step`](Self::step) would do nothing but say so, so that a host can spare
    /// it. None: step.
    #[inline]
    pub fn has_ended(&self, client: &Client) -> Option<CallResult> {
        match self.phase {
            Phase::Done { tier, result } if !self.doomed && !client.ticks() => {
                Some(CallResult { tier, result, sent: self.sent })
            }
            Phase::Done { .. } | Phase::Alone { .. } | Phase::Trying(_) | Phase::BackingOff(_) | Phase::Tier { .. } => {
                None
            }
        }
    }

    /// Is this attempt of the present round a hedge? All but the first of a round are: a failure brings the next at once, so
    /// that one need not go out beside another. What begins a round is the first attempt of the call, or a retry.
    pub const fn is_hedge(&self, attempt: AttemptId) -> bool {
        match &self.phase {
            // this round has begun the last `sent` attempts
            Phase::Trying(hedge) => attempt.0 + hedge.sent() > self.begun,
            Phase::Alone { .. } | Phase::BackingOff(_) | Phase::Tier { .. } | Phase::Done { .. } => false,
        }
    }

    /// Until when the call waits before its next attempt, if that is what it does.
    pub fn backs_off(&self) -> Option<Time> {
        match self.phase {
            Phase::BackingOff(until) => Some(until),
            Phase::Alone { .. } | Phase::Trying(_) | Phase::Tier { .. } | Phase::Done { .. } => None,
        }
    }

    /// When to step next, if no event comes before.
    pub fn next_wake(&self) -> Option<Time> {
        let own = match &self.phase {
            Phase::Alone { begun: false } => self.now,
            Phase::Alone { begun: true } => Time::NEVER,
            Phase::Trying(hedge) => hedge.next_wake().unwrap_or(Time::NEVER),
            Phase::BackingOff(until) => *until,
            Phase::Tier { .. } | Phase::Done { .. } => return None,
        };
        let mut first = own.min(self.deadline.instant());
        for attempt in self.attempts[..self.places].iter().flatten() {
            first = first.min(match attempt.progress {
                Progress::At(_) | Progress::Doomed => self.now,
                Progress::Until(at, _) | Progress::Queued(_, at, _) | Progress::Sent(_, at) => at,
            });
        }
        (first < Time::NEVER).then_some(first)
    }
}
