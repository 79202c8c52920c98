//! Calls whose next attempt goes to another pool than the last: where the call would go has changed meanwhile.
//!
//! A failover that is done between two attempts, a region that its users have left, a pool that is known to be dead: whoever
//! retries asks the routing again, and that is what makes a retry worth while. The policies are then those of the caller
//! towards the other pool; what the retry may cost was asked of the budget towards the pool where the last attempt failed.
//! Where there is nobody to go to the call stays, and a hedge goes beside the attempt that it hedges. What an own policy
//! refuses is tried again at the same instant without asking, if it is tried again without a wait.

use super::state::{About, Id};
use super::{Caller, Decided, Requests};
use crate::resilience::bulkhead;
use crate::resilience::pipeline::{Observer, Waiter};
use crate::time::Time;

/// Hears whom a client's bulkhead lets in next, for a call that is gone.
pub(super) struct Gone<'t> {
    pub(super) heard: &'t mut Vec<Decided>,
    pub(super) client: u32,
}

impl Observer for Gone<'_> {
    fn queue(&mut self, event: bulkhead::Event<Waiter>) {
        self.heard.push((self.client, event));
    }
}

impl Requests<'_> {
    /// If the call's wait before its next attempt is over, and that may go to one of several pools, it moves to the one to
    /// which it would go now.
    #[inline]
    pub(super) fn follow_routing(&mut self, now: Time, id: Id) {
        let Some(logical) = self.flight.logicals.get(id) else { return };
        let tries_again = logical.call.backs_off().is_some_and(|until| until <= now);
        if tries_again && self.plan.edges[logical.about.edge as usize].pools.len() > 1 {
            self.move_if_elsewhere(now, id);
        }
    }

    #[inline(never)]
    fn move_if_elsewhere(&mut self, now: Time, id: Id) {
        let Some(logical) = self.flight.logicals.get(id) else { return };
        let (about, pool) = (logical.about, logical.pool as usize);
        if let Some(there) = self.route_next(now, &about, pool).filter(|&there| there != pool) {
            self.move_call(now, (id, &about), there);
        }
    }

    fn move_call(&mut self, now: Time, (id, about): (Id, &About), there: usize) {
        let other = self.plan.edges[about.edge as usize].client(about.slot, there);
        let both = self.callers.get_disjoint_mut([about.client as usize, other as usize]);
        let Ok([Caller::Full(from), Caller::Full(to)]) = both else { return };
        let Some(logical) = self.flight.logical_mut(id) else { return };
        logical.call.move_over(from, to, now);
        (logical.pool, logical.about.client) = (there as u32, other);
    }
}
