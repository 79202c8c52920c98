//! Where requests come from: open groups at their rate, closed ones client by client.

use rand::RngExt;
use rand_distr::{Distribution, Exp1};

use super::Requests;
use super::event::{Event, class};
use super::rates;
use super::state::{About, Answer, Id, Owner, Request};
use crate::engine::queue::Rank;
use crate::engine::streams::{Family, Numbered, Stream, Streams};
use crate::model::traffic::{Arrivals, Pattern};
use crate::time::{Span, Time};

/// What a client waits after an answer, or a failure, that took no time.
const PATIENCE: Span = Span::from_millis(1);

/// Numbers of the draws of a request.
const CLASS: u32 = 0;
const CLIENT: u32 = 1;
const THINK: u32 = 3;

/// A group's requests so far.
#[derive(Clone, Debug)]
pub struct Source {
    count: u64,
    gaps: Stream,
    /// The draws of its requests.
    family: Family,
}

impl Source {
    /// The draws of a client of the group, whatever it asks.
    #[inline]
    pub(super) const fn of_client(&self, client: u32) -> Numbered {
        self.family.member(u32::MAX - client)
    }
}

impl Requests<'_> {
    /// The first arrivals of all groups.
    pub(super) fn start_arrivals(&mut self, streams: &Streams) {
        self.sources.clear();
        self.arrivals.clear();
        self.ranks.clear();
        for (group, plan) in self.plan.groups.iter().enumerate() {
            let (gaps, family) = (streams.stream(plan.gaps), streams.family(plan.requests));
            self.sources.push(Source { count: 0, gaps, family });
            self.ranks.push(self.counter.next(class::ARRIVAL));
            self.arrivals.place(group as u32, Time::NEVER);
        }
        self.arrivals.rebuild(outranks(&self.ranks));
        self.coming = self.arrivals.next();
        for group in 0..self.plan.groups.len() as u32 {
            match &self.plan.groups[group as usize].arrivals {
                Arrivals::Open { .. } => self.plan_arrival(self.begun, group),
                Arrivals::Closed(closed) => {
                    for client in 0..closed.clients {
                        let source = &mut self.sources[group as usize];
                        let at = self.begun + closed.think.sample(&mut source.gaps);
                        self.schedule(at, class::ARRIVAL, Event::Think { group, client });
                    }
                }
            }
        }
    }

    /// The next arrival of an open group.
    #[inline(always)]
    fn plan_arrival(&mut self, now: Time, group: u32) {
        let Arrivals::Open { rate, pattern, shape, bursts, .. } = &self.plan.groups[group as usize].arrivals else {
            return;
        };
        let amount: f64 = match pattern {
            Pattern::Poisson => Exp1.sample(&mut self.sources[group as usize].gaps),
            Pattern::Regular => 1.0,
        };
        // shapes and bursts count from the end of a dropped warm-up; before that the rate is the one of its end
        let (from, end) = (Time::ZERO + now.since(self.start), Time::ZERO + self.plan.horizon);
        let at = match rates::before(*rate, shape, self.start.since(now), amount) {
            Ok(gap) => now + gap,
            Err(left) => match rates::time_of(*rate, shape, bursts, from, left, end) {
                Time::NEVER => Time::NEVER,
                at => self.start + at.since(Time::ZERO),
            },
        };
        self.ranks[group as usize] = self.counter.next(class::ARRIVAL);
        // a single group has no rivals
        let alone = self.ranks.len() == 1;
        self.coming = if alone { (at, group) } else { self.arrivals.set(group, at, outranks(&self.ranks)) };
    }

    /// A request of an open group comes.
    #[inline(always)]
    pub(super) fn arrive(&mut self, now: Time, group: u32) {
        self.plan_arrival(now, group);
        let clients = self.plan.groups[group as usize].clients;
        let client = if clients > 1 {
            let source = &self.sources[group as usize];
            key(source.family, source.count).draw(CLIENT).random_range(0..clients)
        } else {
            0
        };
        self.begin(now, group, client);
    }

    /// A client of a closed group asks again.
    #[inline(never)]
    pub(super) fn ask_again(&mut self, now: Time, group: u32, client: u32) {
        self.begin(now, group, client);
    }

    /// A request begins.
    #[inline(always)]
    fn begin(&mut self, now: Time, group: u32, client: u32) {
        let plans = self.plan;
        let plan = &plans.groups[group as usize];
        let source = &mut self.sources[group as usize];
        let number = source.count;
        source.count += 1;
        let key = key(source.family, number);
        let class = if plan.mix.len() == 1 {
            plan.mix[0].0
        } else {
            let point: f64 = key.draw(CLASS).random();
            plan.mix.iter().find(|(_, sum)| point < *sum).map_or(0, |(class, _)| *class)
        };
        let edge = plan.edges[class as usize];
        let serial = self.flight.serial();
        let request = Request { group, client, class, arrived: now, key };
        let (id, stored) = self.flight.add_request(serial, request);
        self.tally.arrived(now, id, stored);
        self.events += 1;
        if self.turns_away(now, &request) {
            return self.turn_away(now, id, edge);
        }
        let deadline = plans.classes[class as usize].deadline.map_or(Time::NEVER, |deadline| now + deadline);
        let about = About {
            owner: Owner::Request(id),
            edge,
            slot: client,
            client: 0,
            turn: 0,
            class,
            key: key.child(0),
            request: id,
        };
        self.start_call(now, &plans.edges[edge as usize], about, deadline);
    }

    /// The user has an answer.
    #[inline(always)]
    pub(super) fn request_ended(&mut self, now: Time, id: Id, answer: Answer) {
        let Some(&request) = self.flight.requests.remove(id) else { return };
        self.comes_nowhere(id);
        self.tally.answered(now, (id, &request), answer);
        if let Arrivals::Closed(closed) = &self.plan.groups[request.group as usize].arrivals {
            let mut think = closed.think.sample(&mut request.key.draw(THINK));
            if now == request.arrived {
                think = think.max(PATIENCE);
            }
            let event = Event::Think { group: request.group, client: request.client };
            self.schedule(now + think, class::ARRIVAL, event);
        }
    }
}

/// Who of two groups comes first at equal times.
fn outranks(ranks: &[Rank]) -> impl Fn(u32, u32) -> bool {
    let rank = |group: u32| ranks.get(group as usize).copied().unwrap_or(Rank::LAST);
    move |challenger, holder| rank(challenger) < rank(holder)
}

/// The draws of request `number` of a family.
#[inline]
fn key(family: Family, number: u64) -> Numbered {
    // numbers beyond 2^32 begin another block
    let key = family.member(number as u32);
    if number >> 32 == 0 { key } else { key.child((number >> 32) as u32) }
}
