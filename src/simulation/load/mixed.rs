//! Spill where groups of users differ in their mix of classes: what a user costs a region depends on whose it is.
//!
//! As with one mix for all, a region moves the same part of each of its groups, as much as its tightest station is
//! over its limit, and the next region takes what its tightest station has left for the groups that ask.

use super::flow::is_short;
use super::{Loads, answering};
use crate::simulation::gates::Gates;
use crate::simulation::layout::load::LoadPlan;

impl Loads {
    /// What a request of each group costs the stations of each region, as gates now stand.
    pub(super) fn find_costs(&mut self, plan: &LoadPlan, gates: &Gates) {
        self.costs.clear();
        for region in 0..plan.regions {
            for mix in &plan.mixes {
                let enters = self.find_unit(plan, gates, region, mix);
                let cost = |station: usize| if enters { self.unit_of(plan, station) * plan.demand } else { 0.0 };
                let costs: Vec<f64> = (0..plan.stations.len()).map(cost).collect();
                self.costs.extend(costs);
            }
        }
    }

    /// Of a share of the users of a group, all of them in the region: requests per second at each station.
    fn costs_of(&self, plan: &LoadPlan, region: usize, group: usize) -> &[f64] {
        let stations = plan.stations.len();
        &self.costs[(region * plan.shares.len() + group) * stations..][..stations]
    }

    /// So many users of the group more (or fewer) in the region.
    fn settle_users(&mut self, plan: &LoadPlan, region: usize, group: usize, share: f64) {
        let stations = plan.stations.len();
        let costs = &self.costs[(region * plan.shares.len() + group) * stations..][..stations];
        self.stay.iter_mut().zip(costs).for_each(|(stay, cost)| *stay += share * cost);
    }

    /// What a region cannot carry goes to the next of each group that has room, rank by rank in fair parts.
    pub(super) fn spill_mixed(&mut self, plan: &LoadPlan, gates: &Gates, open: &impl Fn(usize) -> bool) {
        let (regions, groups) = (plan.regions, plan.shares.len());
        self.stay.clear();
        self.stay.resize(plan.stations.len(), 0.0);
        self.free.clear();
        for station in 0..plan.stations.len() {
            let limit = self.limit(plan, gates, station, self.cold[station]);
            self.free.push(limit);
        }
        for (group, region) in (0..groups).flat_map(|group| (0..regions).map(move |region| (group, region))) {
            self.settle_users(plan, region, group, plan.shares[group] * self.users[group * regions + region]);
        }
        let serves = |region: usize| plan.entries.iter().any(|entries| answering(gates, &entries[region]).is_some());
        for region in (0..regions).filter(|&region| serves(region)) {
            let carried = self.carried(plan, region);
            if carried < 1.0 {
                self.tight = true;
                self.move_users(plan, region, 1.0 - carried, &|next| open(next) && serves(next));
            }
        }
    }

    /// Share of its users that the region carries, as its tightest station does.
    fn carried(&self, plan: &LoadPlan, region: usize) -> f64 {
        let groups = 0..plan.shares.len();
        let here = groups.filter(|group| self.users[group * plan.regions + region] > 0.0);
        let used = here.flat_map(|group| self.costs_of(plan, region, group).iter().enumerate());
        let over = used.filter(|(station, cost)| **cost > 0.0 && is_short(self.stay[*station], self.free[*station]));
        over.map(|(station, _)| self.free[station] / self.stay[station]).fold(1.0, f64::min)
    }

    /// Each group moves this part of its users: first all to their best region, then the rest to their second, ..
    fn move_users(&mut self, plan: &LoadPlan, region: usize, part: f64, takes: &impl Fn(usize) -> bool) {
        let (regions, groups) = (plan.regions, plan.shares.len());
        self.over.clear();
        self.over.extend((0..groups).map(|group| part * self.users[group * regions + region]));
        for rank in 0..regions {
            for next in (0..regions).filter(|&next| next != region && takes(next)) {
                let asks = |group: &usize| plan.spill[*group].get(rank) == Some(&(next as u32));
                let asking: Vec<usize> = (0..groups).filter(asks).filter(|&group| self.over[group] > 0.0).collect();
                let asked = |station: usize| -> f64 {
                    let of = |&group: &usize| {
                        plan.shares[group] * self.over[group] * self.costs_of(plan, next, group)[station]
                    };
                    asking.iter().map(of).sum()
                };
                let parts =
                    (0..plan.stations.len()).map(|station| (self.free[station] - self.stay[station], asked(station)));
                let granted =
                    parts.filter(|(_, asked)| *asked > 0.0).map(|(free, asked)| free / asked).fold(1.0, f64::min);
                for &group in asking.iter().filter(|_| granted > 0.0) {
                    let moved = self.over[group] * granted;
                    self.over[group] -= moved;
                    self.users[group * regions + region] -= moved;
                    self.users[group * regions + next] += moved;
                    self.settle_users(plan, region, group, -plan.shares[group] * moved);
                    self.settle_users(plan, next, group, plan.shares[group] * moved);
                }
            }
        }
    }
}
