//! What a write waits for: copies that must have it before it is answered.
//!
//! The cost in latency is the slowest link that is needed, there and back: to the nearest `acks` copies of a synchronous
//! database, or to the nearest nodes that make a quorum with the own one. Copies that cannot be reached do not count;
//! whether there are enough of them is the structure's business.

use super::Requests;
use super::plan::Place;
use super::route::Travel;
use super::state::Id;
use super::work::COPIES;
use crate::model::failover::Replication;
use crate::time::Span;

impl Requests<'_> {
    /// How long the answer of this attempt waits for copies.
    pub(super) fn wait_for_copies(&self, id: Id) -> Span {
        let Some(job) = self.flight.job(id) else { return Span::ZERO };
        let number = self.plan.nodes[job.node as usize].pool;
        let service = &self.plan.services[self.plan.pools[number as usize].service as usize];
        if !self.plan.classes[job.about.class as usize].writes {
            return Span::ZERO;
        }
        let wanted = match service.replication {
            Some(Replication::Sync { acks } | Replication::SemiSync { acks, .. }) => acks,
            Some(Replication::Quorum { need }) => need.saturating_sub(1),
            None | Some(Replication::Async { .. } | Replication::MultiPrimary { .. }) => return Span::ZERO,
        };
        let here = self.place_of(job.node);
        let mut trips = Vec::new();
        for (place, &pool) in service.pools.iter().enumerate() {
            let plan = &self.plan.pools[pool as usize];
            let draw = |way: u32| job.about.key.draw(COPIES + 2 + 2 * place as u32 + way);
            let there = self.place_of(plan.first_node);
            let Some(trip) = self.round_trip((here, there), draw) else { continue };
            let whole = matches!(service.replication, Some(Replication::Quorum { .. }));
            let nodes = plan.first_node..plan.first_node + plan.nodes;
            let up = nodes.filter(|&node| node != job.node && self.nodes[node as usize].condition.up).count();
            // a pool holds one copy; for a quorum each of its nodes votes
            let votes = if whole { up } else { usize::from(up > 0 && pool != number) };
            trips.extend(std::iter::repeat_n(trip, votes));
        }
        trips.sort_unstable();
        let last = (wanted as usize).min(trips.len());
        last.checked_sub(1).map_or(Span::ZERO, |last| trips[last])
    }

    fn round_trip(
        &self,
        (here, there): (Place, Place),
        draw: impl Fn(u32) -> crate::engine::streams::Draw,
    ) -> Option<Span> {
        let way = |from, to, number| match self.routes.travel(&self.plan.ways, from, to, || draw(number)) {
            Travel::Takes(latency) => Some(latency),
            Travel::Held(_) | Travel::Lost => None,
        };
        Some(way(here, there, 0)? + way(there, here, 1)?)
    }
}
