//! What people do: shed load, restart nodes, hold breakers open, fail over.

use rand::RngExt;

use super::super::breakers::BreakerEar;
use super::super::event::Event;
use super::super::plan::operators::ActPlan;
use super::super::state::{Id, Request};
use super::super::{Caller, Requests};
use super::{LASTS, RESTART, Stage, Step};
use crate::resilience::ErrorClass;
use crate::resilience::bulkhead;
use crate::resilience::circuit_breaker::{Change, Order};
use crate::resilience::pipeline::{Observer, Waiter};
use crate::simulation::event::class::END;
use crate::simulation::trace::OperatorStep;
use crate::time::{Span, Time};

/// Number of the first draw of a request that decides whether it is admitted; each who sheds has one.
const ADMIT: u32 = 1 << 8;

/// A share of the requests is turned away.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shedding {
    share: f64,
    until: Time,
    ramp: Span,
}

impl Shedding {
    /// The share that is admitted.
    fn admits(&self, now: Time) -> f64 {
        if now < self.until {
            return self.share;
        }
        let passed = now.since(self.until).as_nanos() as f64 / self.ramp.as_nanos().max(1) as f64;
        self.share + (1.0 - self.share) * passed.min(1.0)
    }
}

/// Hears breakers, which decide about no waiter.
struct Ear<'t>(BreakerEar<'t>);

impl Observer for Ear<'_> {
    fn queue(&mut self, _event: bulkhead::Event<Waiter>) {}

    fn breaker(&mut self, target: u32, change: Change) {
        self.0.changed(target, change);
    }
}

impl Requests<'_> {
    /// The act begins.
    pub(super) fn act(&mut self, now: Time, operator: u32) {
        let plan = &self.plan.operators[operator as usize];
        let state = &mut self.operators.states[operator as usize];
        let mut draw = state.draws.member(state.pages).draw(LASTS);
        match &plan.act {
            ActPlan::Shed { share, lasts, ramp } => {
                let until = now + lasts.sample(&mut draw);
                state.shedding = Some(Shedding { share: *share, until, ramp: *ramp });
                self.operators.sheds = true;
                self.schedule(until + *ramp, END, Event::Operator(Step::Over { operator }));
            }
            ActPlan::Restart(_) => {
                state.restarted = 0;
                self.restart_next(now, operator);
            }
            ActPlan::OpenBreakers { edges, lasts } => {
                let until = now + lasts.sample(&mut draw);
                self.order_breakers(now, edges, Order::ForcedOpen);
                self.schedule(until, END, Event::Operator(Step::Over { operator }));
            }
            ActPlan::FailOver { process } => {
                self.operators.ordered.push(*process);
                self.act_over(now, operator);
            }
        }
    }

    /// The act is over: whoever did it looks on as before.
    pub(super) fn act_over(&mut self, now: Time, operator: u32) {
        let plan = &self.plan.operators[operator as usize];
        let state = &mut self.operators.states[operator as usize];
        (state.stage, state.anew, state.shedding) = (Stage::Watching, now, None);
        self.operators.sheds = self.operators.states.iter().any(|state| state.shedding.is_some());
        if let ActPlan::OpenBreakers { edges, .. } = &plan.act {
            self.order_breakers(now, edges, Order::HalfOpen);
        }
        self.note_step(operator, OperatorStep::Over);
    }

    /// Is a request that comes now turned away by somebody who sheds?
    #[inline]
    pub(in super::super) fn turns_away(&self, now: Time, request: &Request) -> bool {
        self.operators.sheds && self.is_shed(now, request)
    }

    #[cold]
    fn is_shed(&self, now: Time, request: &Request) -> bool {
        (0_u32..).zip(&self.operators.states).any(|(number, state)| {
            let admits = state.shedding.map_or(1.0, |shedding| shedding.admits(now));
            admits < 1.0 && request.key.draw(ADMIT + number).random::<f64>() >= admits
        })
    }

    /// A request is turned away at the service that it would enter.
    #[cold]
    pub(in super::super) fn turn_away(&mut self, now: Time, id: Id, edge: u32) {
        self.tally.turned_away(self.plan.edges[edge as usize].to);
        self.request_ended(now, id, Err(ErrorClass::Overload));
    }

    /// The next node that runs is restarted; what is down already is left to whoever mends it.
    pub(super) fn restart_next(&mut self, now: Time, operator: u32) {
        let ActPlan::Restart(nodes) = &self.plan.operators[operator as usize].act else { return };
        loop {
            let state = &mut self.operators.states[operator as usize];
            let number = state.restarted;
            let Some((node, law)) = nodes.get(number as usize) else { break };
            state.restarted += 1;
            let condition = self.nodes[*node as usize].condition;
            if condition.up && !condition.off {
                let takes = law.sample(&mut state.draws.member(state.pages).draw(RESTART + number));
                self.restart(now, *node, takes);
                return self.schedule(now + takes, END, Event::Operator(Step::Restarted { operator }));
            }
        }
        self.act_over(now, operator);
    }

    /// All breakers of these edges are put into a state.
    fn order_breakers(&mut self, now: Time, edges: &[u32], order: Order) {
        for &number in edges {
            let edge = &self.plan.edges[number as usize];
            for client in edge.first_client..edge.first_client + edge.slots * edge.pools.len() as u32 {
                if let Caller::Full(caller) = &mut self.callers[client as usize] {
                    caller.order_breakers(now, order, &mut Ear(self.tally.breakers(number, client)));
                }
            }
        }
    }
}
