//! How a call goes over to another client between two attempts.

use super::super::PARALLEL_MAX;
use super::super::client::Client;
use super::{Call, Phase};
use crate::time::Time;

impl Call {
    /// While it [backs off](Self::backs_off) the call goes over from its client to another of the same policies, such as
    /// that of the pool which has become primary meanwhile. Attempts, wait and deadline go on; breakers, limits and
    /// targets are the other's from the next attempt on. That attempt was granted, and paid for, where the last one
    /// failed; to the other's budget this is a call that begins.
    pub fn move_over(&mut self, from: &mut Client, to: &mut Client, now: Time) {
        let (Phase::BackingOff(_), Some(retry)) = (&self.phase, self.retry) else { return };
        from.retry.cancelled(retry, &mut from.budget);
        self.retry = Some(to.retry.joined(now, retry, &mut to.budget));
        // the other's targets have the same numbers and are others
        self.used = [u32::MAX; PARALLEL_MAX];
    }
}
