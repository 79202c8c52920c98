//! Election of a primary by the nodes of its service that still serve.

use super::failovers::Failover;
use super::world::World;
use crate::model::failover::Election;
use crate::time::Time;

impl World<'_> {
    /// When the followers of the process's primary, just lost, will have elected another; remembers whose node won.
    pub(super) fn elect(&mut self, now: Time, process: usize, election: &Election) -> Option<Time> {
        let plan = &self.layout.processes[process];
        let lost = self.processes[process].primary();
        let voters = |place: usize| if place == lost { 0 } else { self.gates.count(plan.places[place].voters) };
        let counts: Vec<u32> = (0..plan.places.len()).map(voters).collect();
        let all: u32 = counts.iter().sum();
        if all == 0 {
            return None;
        }
        let state: &mut Failover = &mut self.processes[process];
        let (after, mut winner) = election.run(all, state.election_stream());
        let of_winner = counts.iter().position(|&count| {
            let found = winner < count;
            winner = winner.saturating_sub(count);
            found
        });
        state.set_elected(of_winner);
        Some(now + after)
    }
}
