//! What a region has no room for goes to the next, if the routing says so.
//!
//! Before a user's request goes out to the region where its user is, the routing looks whether one more might be refused
//! for load there: by a node of the entry, or of any pool that requests of the region reach without leaving it. If so the
//! request goes to the first other region in the order of its group that takes users and has room; if there is none it
//! stays.
//! The routing counts what it has sent and what has not yet arrived at each pool, so that distance and work in front of a
//! pool let no more through than find room there. A region that cannot serve, as one of these pools has fewer nodes than
//! it needs, is not full, and is no help to others: its users fail until the routing knows.

use super::Requests;
use super::plan::spill::{CALL, Limited};
use super::plan::{From, RequestPlan};
use super::state::{About, Id, Owner};
use crate::resilience::load_shedding::Criticality;
use crate::time::Time;

/// Can a region take one more?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Room {
    /// Yes.
    Some,
    /// It would be refused for load.
    None,
    /// It cannot serve: fewer nodes than a pool there needs are believed to be well.
    Dead,
}

/// What is on its way to pools that can be full.
#[derive(Clone, Debug, Default)]
pub struct OnTheWay {
    /// By pool: calls that are expected there, in parts of a [`CALL`].
    calls: Vec<u64>,
    /// By place of a request: the pools that it has not yet come to.
    requests: Vec<Ahead>,
    /// By place of a request, so many words each: those of the region's limited pools that it has not yet come to, a bit
    /// each.
    ahead: Vec<u64>,
    words: usize,
}

/// The pools that a request has not yet come to.
#[derive(Clone, Copy, Debug, Default)]
struct Ahead {
    serial: u32,
    region: u32,
    /// How many they are.
    left: u32,
}

impl OnTheWay {
    /// Nothing is.
    pub fn reset(&mut self, plan: &RequestPlan) {
        self.calls.clear();
        self.calls.resize(plan.pools.len(), 0);
        self.requests.clear();
        self.ahead.clear();
        let most = plan.spill.iter().flat_map(|spill| &spill.limited).map(Vec::len).max();
        self.words = most.unwrap_or(0).div_ceil(64);
    }

    /// The request at this place is to come to the first `count` limited pools of its region.
    fn mark(&mut self, place: usize, count: usize) {
        let end = (place + 1) * self.words;
        if self.ahead.len() < end {
            self.ahead.resize(end, 0);
        }
        for (word, bits) in self.ahead[place * self.words..end].iter_mut().enumerate() {
            let here = count.saturating_sub(word * 64);
            *bits = if here >= 64 { u64::MAX } else { (1 << here) - 1 };
        }
    }
}

impl Requests<'_> {
    /// The pool that a call goes to as it begins, by its place in the edge; none: nobody is there.
    #[inline(always)]
    pub(super) fn route_first(&mut self, now: Time, about: &About) -> Option<usize> {
        if self.plan.spill.is_none() {
            return self.route(now, about);
        }
        match (self.plan.edges[about.edge as usize].from, about.owner) {
            (From::Group(group), Owner::Request(request)) => self.route_user(now, about, group, request),
            (From::Group(_) | From::Service(_), Owner::Request(_) | Owner::Job(_) | Owner::Tier(_)) => {
                self.route(now, about)
            }
        }
    }

    /// The pool that its next attempt goes to, after one to the pool at this place: where it would go if it began now. A
    /// user's request that was sent to a region stays there while users are.
    pub(super) fn route_next(&mut self, now: Time, about: &About, pool: usize) -> Option<usize> {
        let edge = &self.plan.edges[about.edge as usize];
        let (Some(_), From::Group(group), Owner::Request(request)) = (&self.plan.spill, edge.from, about.owner) else {
            return self.route(now, about);
        };
        let takes = |region: u32| self.routes.open[region as usize] && self.pool_for(about, Some(region)) == Some(pool);
        if self.plan.pools[edge.pools[pool] as usize].region.is_some_and(takes) {
            return Some(pool);
        }
        self.home_of(now, group, about)?;
        self.comes_nowhere(request);
        self.route_user(now, about, group, request)
    }

    fn route_user(&mut self, now: Time, about: &About, group: u32, request: Id) -> Option<usize> {
        let plan = self.plan.spill.as_ref()?;
        let home = self.home_of(now, group, about)?;
        let priority = self.plan.classes[about.class as usize].priority;
        let mut region = home;
        if self.room(now, home, priority) == Room::None {
            let serves = |region: u32| {
                let pool = self.routes.pool_from(about.edge, region);
                let known = |place: usize| self.plan.edges[about.edge as usize].pools[place];
                pool.is_some_and(|place| self.routes.has_enough(self.plan, known(place)))
            };
            let takes = |&region: &u32| {
                let open = region != home && self.routes.open[region as usize] && serves(region);
                open && self.room(now, region, priority) == Room::Some
            };
            region = plan.order[group as usize].iter().copied().find(takes).unwrap_or(home);
        }
        self.expect(request, region);
        self.pool_for(about, Some(region))
    }

    /// Can the region take one more request of this priority, with all that is on its way?
    fn room(&self, now: Time, region: u32, priority: Criticality) -> Room {
        let Some(plan) = &self.plan.spill else { return Room::Some };
        let mut room = Room::Some;
        for limited in &plan.limited[region as usize] {
            if !self.routes.has_enough(self.plan, limited.pool) {
                return Room::Dead;
            }
            if room == Room::Some && self.is_full(now, limited, priority) {
                room = Room::None;
            }
        }
        room
    }

    /// Would one of the nodes that are sent to refuse one more? Which of them it will be is for the balancer to say, and
    /// whether the request comes to the pool at all is not known, so that it needs a whole place; what is on its way
    /// needs one each in the mean.
    fn is_full(&self, now: Time, limited: &Limited, priority: Criticality) -> bool {
        let pool = self.routes.pool(limited.pool);
        let members = &pool.members;
        let each = self.on_the_way.calls[limited.pool as usize].div_ceil(members.len().max(1) as u64);
        let wanted = (each + limited.calls.max(CALL)).div_ceil(CALL);
        let has_places = |&node: &u32| self.nodes[(pool.first_node + node) as usize].places(now, priority) >= wanted;
        !members.iter().all(has_places)
    }

    /// The request has been sent to the region: its pools wait for it.
    fn expect(&mut self, request: Id, region: u32) {
        let Some(plan) = &self.plan.spill else { return };
        let limited = &plan.limited[region as usize];
        for limited in limited {
            self.on_the_way.calls[limited.pool as usize] += limited.calls;
        }
        let place = request.index() as usize;
        if self.on_the_way.requests.len() <= place {
            self.on_the_way.requests.resize(place + 1, Ahead::default());
        }
        self.on_the_way.requests[place] = Ahead { serial: request.serial(), region, left: limited.len() as u32 };
        self.on_the_way.mark(place, limited.len());
    }

    /// An attempt has come to its node.
    #[inline]
    pub(super) fn has_come(&mut self, job: Id) {
        if self.plan.spill.is_some()
            && let Some(job) = self.flight.job(job)
        {
            self.expect_no_more(job.about.request, Some(self.plan.nodes[job.node as usize].pool));
        }
    }

    /// The request is over, or nothing will ever come of it.
    #[inline]
    pub(super) fn comes_nowhere(&mut self, request: Id) {
        if self.plan.spill.is_some() {
            self.expect_no_more(request, None);
        }
    }

    /// The pool, or none of them, waits for the request no more.
    fn expect_no_more(&mut self, request: Id, pool: Option<u32>) {
        let Some(plan) = &self.plan.spill else { return };
        let place = request.index() as usize;
        let OnTheWay { calls, requests, ahead: bits, words } = &mut self.on_the_way;
        let known = requests.get_mut(place);
        let Some(ahead) = known.filter(|ahead| ahead.serial == request.serial() && ahead.left > 0) else { return };
        let bits = &mut bits[place * *words..(place + 1) * *words];
        for (bit, limited) in plan.limited[ahead.region as usize].iter().enumerate() {
            let (word, mask) = (bit / 64, 1 << (bit % 64));
            if bits[word] & mask != 0 && pool.is_none_or(|pool| pool == limited.pool) {
                bits[word] &= !mask;
                ahead.left -= 1;
                calls[limited.pool as usize] -= limited.calls;
            }
        }
    }
}
