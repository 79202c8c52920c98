//! How a call falls from tier to tier.

use rand::Rng;

use super::super::client::{Client, Edge, Observer};
use super::{Call, Phase};
use crate::resilience::ErrorClass;
use crate::resilience::fallback::Trigger;

impl Call {
    /// The tier that was to run has answered (`ok`) or failed.
    pub fn tier_ended<R: Rng, O: Observer>(&mut self, client: &mut Client, ok: bool, edge: &mut Edge<'_, R, O>) {
        self.see(edge);
        let Phase::Tier { tier, .. } = self.phase else { return };
        if let Some(fallback) = &mut client.fallback {
            fallback.leave(tier);
        }
        if ok {
            self.phase = Phase::Done { tier, result: Ok(()) };
        } else {
            self.fall(client, edge, tier, Trigger::Failed);
        }
    }

    pub(super) fn full_tier_failed<R: Rng, O: Observer>(
        &mut self,
        client: &mut Client,
        edge: &mut Edge<'_, R, O>,
        class: ErrorClass,
    ) {
        self.error = class;
        let by = self.refused_by.filter(|_| class == ErrorClass::Rejected);
        match by.or(Trigger::of(class)) {
            Some(trigger) => self.fall(client, edge, 0, trigger),
            None => self.phase = Phase::Done { tier: 0, result: Err(class) },
        }
    }

    fn fall<R, O: Observer>(&mut self, client: &mut Client, edge: &mut Edge<'_, R, O>, from: usize, trigger: Trigger) {
        let fallen = client.fallback.as_mut().map(|tiers| tiers.fall(self.now, from, trigger, self.request.cached_age));
        if let Some(change) = fallen.and_then(|placed| placed.change) {
            edge.observer.fallback(change);
        }
        self.phase = match fallen.and_then(|placed| placed.tier) {
            Some(tier) => Phase::Tier { tier, announced: false },
            None => Phase::Done { tier: from, result: Err(self.error) },
        };
    }
}
