//! Requests that wait at the end of a trial for what will never come: they have failed.
//!
//! An attempt is lost with a message that never arrives, or at a node that does not even refuse. Where nobody on the way
//! up has a timer the user would wait for ever.

use super::Requests;
use super::state::{Id, Origin, Owner, Stage};
use crate::time::Time;

impl Requests<'_> {
    /// They count as failed in the second in which they came.
    pub(super) fn give_up_on_the_forsaken(&mut self) {
        let lost = self.flight.jobs.iter().filter(|(_, job)| job.stage == Stage::Lost && job.wanted);
        let mut forsaken: Vec<Id> = lost.filter_map(|(id, _)| self.waits_for_ever(id)).collect();
        forsaken.sort_unstable_by_key(|id| id.number());
        forsaken.dedup();
        for id in forsaken {
            if let Some(request) = self.flight.requests.get(id) {
                self.tally.forsaken(request);
            }
        }
    }

    /// The request that waits for this attempt, if nobody in between ever gives up.
    fn waits_for_ever(&self, attempt: Id) -> Option<Id> {
        let mut at = attempt;
        loop {
            let job = self.flight.jobs.get(at).filter(|job| job.wanted && job.deadline == Time::NEVER)?;
            let mut owner = match job.origin {
                Origin::Plain => job.about.owner,
                Origin::Attempt(call, _) => Owner::Tier(call),
                Origin::Check(_) | Origin::Outside(_) => return None,
            };
            // a call under policies, and calls of which it is a tier
            while let Owner::Tier(call) = owner {
                let logical = self.flight.logicals.get(call)?;
                if logical.wake < Time::NEVER {
                    return None;
                }
                owner = logical.about.owner;
            }
            match owner {
                Owner::Request(request) => return Some(request),
                Owner::Job(above) => at = above,
                Owner::Tier(_) => return None,
            }
        }
    }
}
