//! For tests: trials in which the levels are worked out afresh after every event, also after those that nobody felt.

use super::Loads;
use crate::engine::streams::Streams;
use crate::model::Ends;
use crate::simulation::Outcome;
use crate::simulation::layout::load::LoadPlan;
use crate::simulation::world::World;
use crate::time::Time;

impl World<'_> {
    /// As [`run`](Self::run), but see after every event whether the books hold the levels as things then stand. Answers
    /// how often they were asked beside.
    ///
    /// # Panics
    /// If they do not: somebody should have felt a change.
    pub fn run_checked(&mut self, seed: u64, trial: u64) -> (Outcome, u64) {
        assert!(self.layout.ends == Ends::Horizon, "only trials that go on to the horizon");
        self.begin(&Streams::new(seed, trial));
        let (end, mut asked) = (self.layout.end, 0);
        loop {
            let now = self.next_event().0;
            if now >= end {
                return (self.finish(end), asked);
            }
            self.happen();
            asked += u64::from(self.check_levels(now));
        }
    }

    /// Compare with levels worked out afresh. While anything is tight or moves nothing is left out, and nothing compared.
    fn check_levels(&self, now: Time) -> bool {
        let Some(plan) = self.layout.load.as_ref().filter(|_| !self.loads.tight) else { return false };
        let fresh = self.fresh_loads(plan, now);
        assert!(!fresh.tight, "something is tight at {now:?} that was not");
        let warm = self.next_warm(plan, &fresh, false);
        assert!(warm.is_none_or(|warm| warm <= now), "warmth is felt at {now:?} that was not");
        for (subject, level) in fresh.levels[0].iter().enumerate() {
            let (name, booked) = (&self.layout.subjects[subject], self.ledger.standing(subject));
            assert!(level.value.to_bits() == booked.value.to_bits(), "{name} at {now:?}: {level:?}, not {booked:?}");
            assert!(level.tiers == booked.tiers, "{name} at {now:?}: {level:?}, not {booked:?}");
        }
        let crossing = |loads: &Loads| loads.crossings[0].to_bits();
        assert!(!plan.counts_crossings || crossing(&fresh) == crossing(&self.loads), "calls cross at {now:?}");
        assert!(fresh.divergent[0] == self.loads.divergent[0], "writes diverge at {now:?}");
        true
    }

    fn fresh_loads(&self, plan: &LoadPlan, now: Time) -> Loads {
        let mut fresh = self.loads.clone();
        fresh.tight = false;
        self.find_weak(plan, &mut fresh);
        self.sample(plan, &mut fresh, 0, now);
        fresh
    }
}
