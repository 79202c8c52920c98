//! Whose turn it is at a node: the next of its queue, in the order of the service, and what is dropped on the way.

use super::Requests;
use super::state::Id;
use crate::model::traffic::{CallerGone, QueueOrder};
use crate::resilience::codel::CoDelVerdict;
use crate::resilience::{ErrorClass, Outcome};
use crate::time::Time;

impl Requests<'_> {
    /// A slot of the node may be free: the next one starts.
    pub(super) fn next_job(&mut self, now: Time, index: u32) {
        let pool = &self.plan.pools[self.plan.nodes[index as usize].pool as usize];
        while pool.work.slots.is_none_or(|slots| self.nodes[index as usize].busy < slots) {
            let node = &self.nodes[index as usize];
            if !node.condition.up || node.condition.hung || node.queue.is_empty() {
                break;
            }
            let Some(id) = self.take_next(now, index, pool.work.order) else { break };
            let Some(job) = self.flight.job(id) else { continue };
            let service = &self.plan.services[pool.service as usize];
            let skew = self.nodes[index as usize].condition.skew;
            if !job.wanted && service.work.caller_gone != CallerGone::Ignore {
                self.release_permit(now, id, Outcome::Ignored);
                self.flight.jobs.leave(id);
            } else if service.stops() && job.deadline != Time::NEVER && now + skew >= job.deadline {
                self.release_permit(now, id, Outcome::Ignored);
                self.answer(now, id, Err(ErrorClass::Error));
            } else {
                self.start_work(now, id);
            }
        }
        let node = &mut self.nodes[index as usize];
        if node.queue.is_empty()
            && let Some(codel) = &mut node.codel
        {
            codel.emptied(now);
        }
    }

    /// Takes the next of the queue, dropping what controlled delay drops.
    fn take_next(&mut self, now: Time, index: u32, order: QueueOrder) -> Option<Id> {
        loop {
            let node = &mut self.nodes[index as usize];
            let waiting = node.queue.len();
            let oldest = *node.queue.front()?;
            let since = self.flight.job(oldest).map_or(now, |job| job.arrived);
            let drops = self.plan.pools[self.plan.nodes[index as usize].pool as usize].work.codel.is_some();
            let verdict = node.codel.as_mut().map(|codel| codel.dequeue(now, since, waiting).0);
            let newest = match verdict {
                Some(CoDelVerdict::DropOldest) if drops => {
                    node.queue.pop_front();
                    self.release_permit(now, oldest, Outcome::Failure);
                    self.shed(now, oldest);
                    continue;
                }
                Some(CoDelVerdict::DropOldest | CoDelVerdict::ServeNewest) => order == QueueOrder::AdaptiveLifo,
                Some(CoDelVerdict::ServeOldest) | None => false,
            };
            return match order {
                QueueOrder::Lifo => node.queue.pop_back(),
                QueueOrder::AdaptiveLifo if newest => node.queue.pop_back(),
                QueueOrder::Fifo | QueueOrder::AdaptiveLifo => node.queue.pop_front(),
                QueueOrder::Priority => {
                    let rank = |id: &Id| self.flight.job(*id).map_or(usize::MAX, |job| job.priority(self.plan).index());
                    let best = (0..waiting).min_by_key(|&place| rank(&node.queue[place]))?;
                    node.queue.remove(best)
                }
            };
        }
    }
}
