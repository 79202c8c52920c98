//! Hedging: when an answer is late, ask a second target and take whichever answers first.
//!
//! It cuts the tail that one slow replica makes (Dean and Barroso, "The Tail at Scale", 2013; gRFC A6) and costs load,
//! so it has a budget of its own, by default 5 % of the requests, and a delay that only the slowest reach. Rules: the
//! first goes out at once, the next after each delay while nothing is decided; a non-fatal failure brings the next at
//! once (or after its pushback) and restarts the delay; a success or a fatal failure ends the call and the rest is
//! cancelled; if all fail, the last failure is the result.
//!
//! Only for idempotent requests. No hedge goes out at or after the deadline. Cancelled losers are
//! [`Outcome::Ignored`](crate::resilience::Outcome) for a breaker and censored samples for the delay.
//! [`HedgeState`] is a value for one call; [`HedgeBudget`] and [`HedgeDelay`] are shared between the calls of a client.

use crate::resilience::ErrorClass;
use crate::resilience::config_error::{ConfigError, require};
use crate::resilience::latency_histogram::LatencyHistogram;
use crate::resilience::retry::Pushback;
use crate::time::{Span, Time};

/// How long to wait before the next hedge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HedgeAfter {
    /// Always so long; > 0.
    Fixed(Span),
    /// This quantile of the latencies seen, in basis points; no hedges before `min_samples` were seen.
    Quantile {
        /// 0 to 10 000, exclusive; p95 is 9500.
        basis_points: u32,
        /// At least 1; default 100.
        min_samples: u32,
    },
}

/// Parameters of hedging.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HedgeConfig {
    /// The delay; default p95 after 100 samples.
    pub after: HedgeAfter,
    /// Hedges of one call beside its first attempt; at least 1; default 1.
    pub at_most: u32,
    /// Hedges per request over all calls, in basis points; at most 10 000; default 500.
    pub budget: u32,
}

impl Default for HedgeConfig {
    fn default() -> Self {
        let after = HedgeAfter::Quantile { basis_points: 9_500, min_samples: 100 };
        HedgeConfig { after, at_most: 1, budget: 500 }
    }
}

impl HedgeConfig {
    /// # Errors
    /// Names the first field out of its range.
    pub fn check(&self) -> Result<(), ConfigError> {
        if let HedgeAfter::Fixed(after) = self.after {
            require(!after.is_zero(), "after", "must be longer than 0")?;
        }
        require(self.at_most >= 1, "at_most", "must be at least 1")?;
        require(self.budget <= 10_000, "budget", "must be at most 10000 basis points")
    }
}

/// The delay before a hedge, fixed or learned.
#[derive(Clone, Debug, PartialEq)]
pub enum HedgeDelay {
    /// Always so long.
    Fixed(Span),
    /// A quantile of what was seen.
    Learned(LatencyHistogram),
}

impl HedgeDelay {
    /// # Errors
    /// Names the field out of its range.
    pub fn new(after: HedgeAfter) -> Result<Self, ConfigError> {
        match after {
            HedgeAfter::Fixed(after) => {
                require(!after.is_zero(), "after", "must be longer than 0")?;
                Ok(HedgeDelay::Fixed(after))
            }
            HedgeAfter::Quantile { basis_points, min_samples } => {
                let capacity = min_samples.saturating_mul(2).max(10_000);
                LatencyHistogram::new(basis_points, min_samples, capacity).map(HedgeDelay::Learned)
            }
        }
    }

    /// The present delay; none while it is not yet known.
    #[inline]
    pub const fn get(&self) -> Option<Span> {
        match self {
            HedgeDelay::Fixed(after) => Some(*after),
            HedgeDelay::Learned(histogram) => histogram.quantile(),
        }
    }

    /// An attempt was answered after so long.
    #[inline]
    pub fn answered(&mut self, latency: Span) {
        match self {
            HedgeDelay::Fixed(_) => {}
            HedgeDelay::Learned(histogram) => histogram.record(latency),
        }
    }

    /// An attempt was cancelled after so long.
    #[inline]
    pub fn cancelled(&mut self, elapsed: Span) {
        match self {
            HedgeDelay::Fixed(_) => {}
            HedgeDelay::Learned(histogram) => histogram.record_censored(elapsed),
        }
    }
}

/// Keeps hedges below a share of the requests: at every moment hedges <= share x requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HedgeBudget {
    share: u32,
    /// In 1/10 000 of a hedge.
    saved: u32,
}

impl HedgeBudget {
    /// What is saved up allows at most so many hedges in a row.
    pub const BURST: u32 = 10;
    const HEDGE: u32 = 10_000;

    /// `share` hedges per request, in basis points; nothing is saved yet.
    ///
    /// # Errors
    /// If `share` is above 10 000.
    pub fn new(share: u32) -> Result<Self, ConfigError> {
        require(share <= Self::HEDGE, "budget", "must be at most 10000 basis points")?;
        Ok(HedgeBudget { share, saved: 0 })
    }

    /// A call begins.
    #[inline]
    pub fn request(&mut self) {
        self.saved = (self.saved + self.share).min(Self::BURST * Self::HEDGE);
    }

    /// Takes a hedge out of the budget, if there is one.
    #[inline]
    pub fn withdraw(&mut self) -> bool {
        let granted = self.saved >= Self::HEDGE;
        self.saved -= if granted { Self::HEDGE } else { 0 };
        granted
    }
}

/// How an attempt of a hedged call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HedgeResult {
    /// It decides the call.
    Success,
    /// It decides the call, too: another attempt would fail alike.
    Fatal(ErrorClass),
    /// Another attempt may do better.
    NonFatal(ErrorClass, Option<Pushback>),
}

impl HedgeResult {
    /// How a call with no other attempt has ended then.
    #[inline]
    pub(super) const fn of_the_only(self) -> Result<(), ErrorClass> {
        match self {
            HedgeResult::Success => Ok(()),
            HedgeResult::Fatal(class) | HedgeResult::NonFatal(class, _) => Err(class),
        }
    }
}

/// What a hedged call does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HedgeStep {
    /// Nothing before [`HedgeState::next_wake`] or the end of an attempt.
    Wait,
    /// Send attempt number `.0`, 0 first, to a target not yet used if there is one. Poll again.
    Send(u32),
    /// The call is over; cancel what is still out.
    Done(Result<(), ErrorClass>),
}

/// One hedged call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HedgeState {
    delay: Option<Span>,
    deadline: Time,
    sends_max: u32,
    sent: u32,
    outstanding: u32,
    /// When the next attempt goes out; none if there is none.
    next_at: Option<Time>,
    result: Option<Result<(), ErrorClass>>,
    last_failure: ErrorClass,
    last_seen: Time,
}

impl HedgeState {
    /// A call that begins at `now` and counts in the budget. Without a delay, or if it is not idempotent, it stays with
    /// one attempt.
    #[inline]
    pub fn start(
        config: &HedgeConfig,
        now: Time,
        delay: Option<Span>,
        deadline: Time,
        idempotent: bool,
        budget: &mut HedgeBudget,
    ) -> Self {
        budget.request();
        let hedges = if idempotent && delay.is_some() { config.at_most } else { 0 };
        HedgeState {
            delay,
            deadline,
            sends_max: hedges.saturating_add(1),
            sent: 0,
            outstanding: 0,
            next_at: Some(now),
            result: None,
            last_failure: ErrorClass::DeadlineExceeded,
            last_seen: now,
        }
    }

    /// Attempts sent and not yet ended.
    #[inline]
    pub const fn outstanding(&self) -> u32 {
        self.outstanding
    }

    /// Attempts sent so far, the first counted in.
    #[inline]
    pub const fn sent(&self) -> u32 {
        self.sent
    }

    /// When the next attempt would go out.
    #[inline]
    pub const fn next_wake(&self) -> Option<Time> {
        self.next_at
    }

    /// Sends what is due.
    #[inline]
    pub fn poll(&mut self, now: Time, budget: &mut HedgeBudget) -> HedgeStep {
        self.last_seen = self.last_seen.max(now);
        let now = self.last_seen;
        if let Some(result) = self.result {
            return HedgeStep::Done(result);
        }
        match self.next_at {
            Some(at) if now >= at => {
                self.next_at = None;
                // a denied hedge ends the hedging of this call: asking again would only add load later
                if now < self.deadline && (self.sent == 0 || budget.withdraw()) {
                    return self.send(now);
                }
                self.sends_max = self.sent;
                self.settle()
            }
            Some(_) | None => HedgeStep::Wait,
        }
    }

    /// An attempt has ended.
    #[inline]
    pub fn ended(&mut self, now: Time, result: HedgeResult) -> HedgeStep {
        self.last_seen = self.last_seen.max(now);
        let now = self.last_seen;
        if let Some(result) = self.result {
            return HedgeStep::Done(result);
        }
        self.outstanding = self.outstanding.saturating_sub(1);
        match result {
            HedgeResult::Success => self.decide(Ok(())),
            HedgeResult::Fatal(class) => self.decide(Err(class)),
            HedgeResult::NonFatal(class, pushback) => {
                self.last_failure = class;
                self.next_at = match pushback {
                    Some(Pushback::Never) => {
                        self.sends_max = self.sent;
                        None
                    }
                    Some(Pushback::After(wait)) => self.before_deadline(now + wait),
                    None => self.before_deadline(now),
                };
                self.settle()
            }
        }
    }

    fn send(&mut self, now: Time) -> HedgeStep {
        let number = self.sent;
        self.sent += 1;
        self.outstanding += 1;
        self.next_at = self.delay.and_then(|delay| self.before_deadline(now + delay));
        HedgeStep::Send(number)
    }

    /// `at`, if another attempt may go out then.
    fn before_deadline(&self, at: Time) -> Option<Time> {
        (self.sent < self.sends_max && at < self.deadline).then_some(at)
    }

    /// Over if nothing is out and nothing is to come.
    fn settle(&mut self) -> HedgeStep {
        if self.outstanding == 0 && self.next_at.is_none() {
            return self.decide(Err(self.last_failure));
        }
        HedgeStep::Wait
    }

    fn decide(&mut self, result: Result<(), ErrorClass>) -> HedgeStep {
        self.result = Some(result);
        self.next_at = None;
        HedgeStep::Done(result)
    }
}

#[cfg(test)]
#[path = "hedge_tests.rs"]
mod tests;
