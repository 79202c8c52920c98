//! People who act on what requests go through: they look each second, are paged, and act.
//!
//! A second is judged as a bucket of an experiment would be; one without a value changes nothing. What has shown in every
//! second for long enough pages somebody, who looks again on answering and does nothing if the last second was well.
//! Nobody is paged while the act goes on, and after it the wait begins anew. *Stuck* is a second that nothing was broken
//! in, at its begin, its end or in between, and of whose requests a smaller share was answered than `down_below`.
//!
//! Draws are numbered by operator and by act, so that whoever acts moves nobody else's luck.

mod acts;

use super::Requests;
use super::event::{Event, class};
use super::plan::operators::{OperatorPlan, Sight};
use crate::engine::streams::{Family, Streams};
use crate::simulation::event::class::END;
use crate::simulation::trace::{OperatorStep, TraceEvent};
use crate::time::{Span, Time};
use acts::Shedding;

/// What comes next of people who act.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// All of them look.
    Look,
    /// A page is answered.
    Answered {
        /// Whose.
        operator: u32,
    },
    /// A node that was restarted works again.
    Restarted {
        /// By whom.
        operator: u32,
    },
    /// An act is over.
    Over {
        /// Whose.
        operator: u32,
    },
}

/// Where somebody stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Watching,
    Paged,
    Acting,
}

/// Somebody who acts.
#[derive(Clone, Debug)]
struct State {
    stage: Stage,
    /// Since when what calls for the act has shown.
    since: Option<Time>,
    /// Seconds that began before count for nothing.
    anew: Time,
    /// Pages so far.
    pages: u32,
    /// Nodes restarted in this act.
    restarted: u32,
    shedding: Option<Shedding>,
    draws: Family,
}

/// Numbers of the draws of an act; those of restarts come after them.
const PAGE: u32 = 0;
const LASTS: u32 = 1;
const RESTART: u32 = 2;

/// All who act.
#[derive(Clone, Debug, Default)]
pub struct Operators {
    states: Vec<State>,
    /// Is something broken?
    broken: bool,
    /// Has something been in this second?
    was_broken: bool,
    /// Does somebody shed?
    sheds: bool,
    /// Failovers that were ordered.
    pub(super) ordered: Vec<u32>,
    /// What was done, for traces.
    pub(super) notes: Vec<(u32, OperatorStep)>,
}

impl Operators {
    /// Is there nobody?
    #[inline]
    pub const fn is_empty(&self) -> bool {
        self.states.is_empty()
    }

    /// The structure is broken now, or whole.
    pub const fn follow(&mut self, broken: bool) {
        self.broken = broken;
        self.was_broken |= broken;
    }
}

impl Requests<'_> {
    /// Nobody has seen anything.
    pub(super) fn start_operators(&mut self, streams: &Streams) {
        let plan = self.plan;
        let state = |operator: &OperatorPlan| State {
            stage: Stage::Watching,
            since: None,
            anew: Time::ZERO,
            pages: 0,
            restarted: 0,
            shedding: None,
            draws: streams.family(operator.draws),
        };
        self.operators = Operators { states: plan.operators.iter().map(state).collect(), ..Operators::default() };
        if !self.operators.is_empty() {
            self.schedule(self.start + Span::SECOND, class::CHECK, Event::Operator(Step::Look));
        }
    }

    /// What was due of people who act.
    pub(super) fn operator_steps(&mut self, now: Time, step: Step) {
        match step {
            Step::Look => self.operators_look(now),
            Step::Answered { operator } => self.page_answered(now, operator),
            Step::Restarted { operator } => self.restart_next(now, operator),
            Step::Over { operator } => self.act_over(now, operator),
        }
    }

    /// A second is over: what does everybody see in it?
    fn operators_look(&mut self, now: Time) {
        let begun = now.before(Span::SECOND);
        let well = !self.operators.was_broken;
        for (number, plan) in (0_u32..).zip(&self.plan.operators) {
            let value = self.seen_last(plan);
            let state = &mut self.operators.states[number as usize];
            let shows = match plan.sight {
                Sight::Stuck if !well => Some(false),
                Sight::Stuck => value.map(|value| value < self.plan.down_below),
                Sight::Shows(symptom) => value.map(|value| symptom.shows(value)),
            };
            match shows {
                Some(true) if state.stage != Stage::Acting && begun >= state.anew => {
                    _ = state.since.get_or_insert(begun);
                }
                Some(true) | None => {}
                Some(false) => state.since = None,
            }
            if state.stage == Stage::Watching && state.since.is_some_and(|since| now.since(since) >= plan.after) {
                state.stage = Stage::Paged;
                state.pages += 1;
                let answered = now + plan.page.sample(&mut state.draws.member(state.pages).draw(PAGE));
                self.schedule(answered, END, Event::Operator(Step::Answered { operator: number }));
                self.note_step(number, OperatorStep::Paged);
            }
        }
        let operators = &mut self.operators;
        operators.was_broken = operators.broken;
        self.schedule(now + Span::SECOND, class::CHECK, Event::Operator(Step::Look));
    }

    /// What somebody sees in the second that is over, if there is anything to be seen.
    fn seen_last(&self, plan: &OperatorPlan) -> Option<f64> {
        let seconds = self.tally.recorder.as_ref()?.seconds.as_ref()?;
        plan.gauge.value(seconds, seconds.last_over()?)
    }

    /// Somebody has come, and acts if there is still need to.
    fn page_answered(&mut self, now: Time, operator: u32) {
        let state = &mut self.operators.states[operator as usize];
        if state.since.take().is_none() {
            state.stage = Stage::Watching;
            return self.note_step(operator, OperatorStep::SeesNothing);
        }
        state.stage = Stage::Acting;
        self.note_step(operator, OperatorStep::Acts);
        self.act(now, operator);
    }

    fn note_step(&mut self, operator: u32, step: OperatorStep) {
        self.operators.notes.push((operator, step));
        self.look = true;
    }

    /// What was done since this was last asked, for traces.
    pub(super) fn take_operator_steps(&mut self) -> impl Iterator<Item = TraceEvent> + use<> {
        let notes = std::mem::take(&mut self.operators.notes);
        notes.into_iter().map(|(operator, step)| TraceEvent::Operator { operator, step })
    }

    /// Failovers that were ordered since this was last asked.
    pub(super) fn take_ordered(&mut self) -> Vec<u32> {
        std::mem::take(&mut self.operators.ordered)
    }
}
