//! One call on its way: polls what is out, tells the state machine, does what it says.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::time::Sleep;
use tower::util::Oneshot;
use tower::{Service, ServiceExt};

use super::Attempt;
use super::shared::{Hub, News};
use crate::live::fallback::Answered;
use crate::live::refusal::{Classify, Refusal, RefusedBy};
use crate::resilience::ErrorClass;
use crate::resilience::pipeline::{AttemptId, Call, CallResult, Request, Step};
use crate::time::Time;

#[allow(clippy::large_enum_variant)] // it lives in the one box of the call
enum State {
    New(Request),
    Going(Call, u64),
    Over,
}

/// An attempt that is out.
type Out<S, Q> = (AttemptId, Pin<Box<Oneshot<S, Attempt<Q>>>>);

/// A call through a pipeline to service `S`.
pub(super) struct Running<S: Service<Attempt<Q>>, Q, C, T, F> {
    hub: Arc<Hub>,
    state: State,
    request: Q,
    service: S,
    classify: C,
    tiers: T,
    out: Vec<Out<S, Q>>,
    in_tier: Option<Pin<Box<F>>>,
    /// The last answer of an attempt or a tier.
    last: Option<Result<S::Response, S::Error>>,
    /// What class of error that was, if it was one.
    class: Option<ErrorClass>,
    sleep: Option<Pin<Box<Sleep>>>,
}

impl<S: Service<Attempt<Q>>, Q, C, T, F> Drop for Running<S, Q, C, T, F> {
    fn drop(&mut self) {
        if let State::Going(call, id) = &mut self.state {
            self.hub.give_up((call, *id), self.hub.clock.now());
        }
    }
}

impl<S, Q, C, T, F> Running<S, Q, C, T, F>
where
    S: Service<Attempt<Q>> + Clone,
    S::Error: From<Refusal>,
    Q: Clone,
    C: Classify<S::Response, S::Error>,
    T: Fn(usize, Q) -> F,
    F: Future<Output = Option<S::Response>>,
{
    pub(super) fn new(hub: Arc<Hub>, about: Request, request: Q, (service, classify, tiers): (S, C, T)) -> Self {
        let state = State::New(about);
        let (out, in_tier, last, class, sleep) = (Vec::new(), None, None, None, None);
        Running { hub, state, request, service, classify, tiers, out, in_tier, last, class, sleep }
    }

    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> Poll<Result<Answered<S::Response>, S::Error>> {
        let mut now = None;
        loop {
            let news = self.poll_out(context);
            let quiet = matches!(news, News::None);
            if !quiet || now.is_none() {
                now = Some(self.hub.clock.now());
            }
            let step = self.step(now.unwrap_or_default(), news, context);
            match step {
                Step::Send { attempt, target, timeout, marker } => {
                    let attempt_of = Attempt { request: self.request.clone(), target, timeout, marker };
                    self.out.push((attempt, Box::pin(self.service.clone().oneshot(attempt_of))));
                }
                Step::Abort(attempt) => self.out.retain(|(id, _)| *id != attempt),
                Step::RunTier(tier) => self.in_tier = Some(Box::pin((self.tiers)(tier, self.request.clone()))),
                // something else that is out may have ended, too
                Step::Wait(_) if !quiet => {}
                Step::Wait(until) => {
                    if self.sleep_until(until, context).is_pending() {
                        return Poll::Pending;
                    }
                    now = None;
                }
                Step::Finish(result) => return Poll::Ready(self.finish(result)),
            }
        }
    }

    /// The first thing that has ended.
    fn poll_out(&mut self, context: &mut Context<'_>) -> News {
        for index in 0..self.out.len() {
            let (id, future) = &mut self.out[index];
            if let Poll::Ready(result) = future.as_mut().poll(context) {
                let (id, end) = (*id, self.classify.classify(&result));
                drop(self.out.swap_remove(index));
                (self.last, self.class) = (Some(result), end.result.err());
                return News::Attempt(id, end);
            }
        }
        let Some(Poll::Ready(answer)) = self.in_tier.as_mut().map(|tier| tier.as_mut().poll(context)) else {
            return News::None;
        };
        self.in_tier = None;
        let ok = answer.is_some();
        if let Some(response) = answer {
            (self.last, self.class) = (Some(Ok(response)), None);
        }
        News::Tier(ok)
    }

    fn step(&mut self, now: Time, news: News, context: &Context<'_>) -> Step {
        match &mut self.state {
            State::New(about) => {
                let (call, id, step) = self.hub.start(now, *about, context.waker());
                self.state = State::Going(call, id);
                step
            }
            State::Going(call, id) => self.hub.turn((call, *id), now, news, context.waker()),
            // polled after the end, which a future need not bear
            State::Over => Step::Wait(None),
        }
    }

    fn sleep_until(&mut self, until: Option<Time>, context: &mut Context<'_>) -> Poll<()> {
        let Some(at) = until else { return Poll::Pending };
        let fresh = self.hub.clock.sleep_until(at);
        let sleep = match &mut self.sleep {
            Some(sleep) => {
                if sleep.deadline() != fresh.deadline() {
                    sleep.as_mut().reset(fresh.deadline());
                }
                sleep
            }
            None => self.sleep.insert(Box::pin(fresh)),
        };
        sleep.as_mut().poll(context)
    }

    fn finish(&mut self, CallResult { tier, result, sent }: CallResult) -> Result<Answered<S::Response>, S::Error> {
        self.state = State::Over;
        // what was answered last decides the call, unless a policy on this side has ended it since; an answer that counts
        // as an error (a 503) comes out as the answer that it is
        let answer = match self.last.take() {
            Some(answer) if self.class == result.err() => answer,
            Some(_) | None => Err(refusal(result.err().unwrap_or(ErrorClass::Rejected)).into()),
        };
        answer.map(|response| Answered { response, tier, sent })
    }
}

fn refusal(class: ErrorClass) -> Refusal {
    match class {
        ErrorClass::Timeout | ErrorClass::DeadlineExceeded => Refusal::out_of_time(class),
        ErrorClass::Connect
        | ErrorClass::Overload
        | ErrorClass::Error
        | ErrorClass::Client
        | ErrorClass::Cancelled
        | ErrorClass::Rejected => Refusal { by: RefusedBy::Pipeline, class, retry_after: None },
    }
}
