//! Pools that scale: what their scalers see of requests, look by look.
//!
//! Every `every` from the start of the trial somebody looks at what has come since the last look: slots in use on
//! average, or requests per second where a node has no slots. The structure decides by it and starts and stops nodes
//! (`World::scale_to`); here only the load is measured.

use super::event::{Event, class};
use super::{Requests, plan::Scaler};
use crate::time::{Span, Time};

/// The load of a node since the last look.
#[derive(Clone, Copy, Debug)]
pub struct Meter {
    /// Nanoseconds of slots in use, summed over slots.
    busy: u128,
    /// Until when they are counted.
    until: Time,
    /// Requests that have come.
    reached: u64,
}

impl Meter {
    /// Nothing since `now`.
    pub const fn new(now: Time) -> Meter {
        Meter { busy: 0, until: now, reached: 0 }
    }

    /// So many slots were in use until now.
    #[inline]
    pub fn count(&mut self, now: Time, busy: u32) {
        self.busy += u128::from(now.since(self.until).as_nanos()) * u128::from(busy);
        self.until = now;
    }

    /// One more request has come.
    #[inline]
    pub fn reach(&mut self) {
        self.reached += 1;
    }
}

/// What a look has found: slots in use, or requests per second.
#[derive(Clone, Copy, Debug)]
pub struct Seen {
    /// Of which pool.
    pub pool: u32,
    /// What arrives.
    pub load: f64,
    /// What one node carries of it.
    pub each: f64,
}

impl Requests<'_> {
    /// The first look at each pool that scales, at a multiple of `every` after requests begin to come.
    pub(super) fn start_looks(&mut self) {
        let plan = self.plan;
        for (pool, scaler) in (0_u32..).zip(plan.pools.iter().map(|pool| pool.scale)) {
            let Some(Scaler { every, .. }) = scaler else { continue };
            let passed = self.begun.since(Time::ZERO).as_nanos() / every.as_nanos();
            self.schedule(Time::ZERO + every * (passed + 1), class::CHECK, Event::ScaleLooks { pool });
        }
    }

    /// Somebody looks at the load of the pool.
    pub(super) fn scale_looks(&mut self, now: Time, pool: u32) {
        let plan = &self.plan.pools[pool as usize];
        let Some(Scaler { every, each, by_slots }) = plan.scale else { return };
        let (mut busy, mut reached) = (0_u128, 0_u64);
        // the first look may come sooner than `every` after the start
        let length = every.min(now.since(self.begun)).max(Span::from_nanos(1));
        for node in &mut self.nodes[plan.first_node as usize..(plan.first_node + plan.nodes) as usize] {
            node.count_busy(now);
            let Some(meter) = &mut node.meter else { continue };
            if !node.condition.off {
                busy += meter.busy;
                reached += meter.reached;
            }
            *meter = Meter::new(now);
        }
        let load =
            if by_slots { busy as f64 / length.as_nanos() as f64 } else { reached as f64 / length.as_secs_f64() };
        self.seen.push(Seen { pool, load, each });
        self.look = true;
        self.schedule(now + every, class::CHECK, Event::ScaleLooks { pool });
    }
}
