//! One pending instant per entity: a winner (tournament) tree, re-timed and cancelled in place.
//!
//! Every entity owns a leaf; inner nodes hold the earlier of their two children, so the root is the next event and a
//! change replays one path of log2(n) matches, with no stale entries and no allocation. Measured against binary,
//! 4-ary and calendar queues it wins up to some 10 000 entities and ties at 100 000 (docs/architecture.md).
//! The order is total: time, then what the caller says of two entities with equal times. He keeps their ranks, beside what
//! else he knows of them, and is asked rarely: `outranks(challenger, holder)`, also of idle ones that there are not.

use crate::time::Time;

/// The earliest of a fixed number of entities.
#[derive(Clone, Debug)]
pub struct WinnerTree {
    /// The earliest instant below each node, nanoseconds: node 1 is the root, the children of `i` are `2i` and
    /// `2i + 1`, the second half are the leaves, by entity, padded to a power of two with idle ones. Rivals lie side by
    /// side, and neither a match nor the root needs a look elsewhere to know its time.
    nanos: Vec<u64>,
    /// Whose that is; of the leaves it goes without saying.
    winners: Vec<u32>,
}

const IDLE: u64 = u64::MAX;

impl WinnerTree {
    /// A tree over `entities` leaves, all idle.
    ///
    /// # Panics
    /// If there are more than 2^31 entities.
    pub fn new(entities: usize) -> Self {
        let padded = entities.next_power_of_two().max(2);
        assert!(u32::try_from(2 * padded - 1).is_ok(), "too many entities");
        let mut tree = WinnerTree { nanos: vec![IDLE; 2 * padded], winners: vec![0; 2 * padded] };
        tree.rebuild(|_, _| false);
        tree
    }

    /// Make every entity idle.
    pub fn clear(&mut self) {
        self.nanos.fill(IDLE);
    }

    /// Give `entity` an instant without replaying its path; call [`rebuild`](Self::rebuild) after the last one.
    pub fn place(&mut self, entity: u32, time: Time) {
        let leaf = self.leaf(entity);
        self.nanos[leaf] = time.as_nanos();
    }

    /// Replay all matches.
    pub fn rebuild(&mut self, outranks: impl Fn(u32, u32) -> bool) {
        for node in (1..self.leaves()).rev() {
            let (left, right) = (2 * node, 2 * node + 1);
            let (a, b) = (self.nanos[right], self.nanos[left]);
            let earlier = a < b || (a == b && outranks(self.winner(right), self.winner(left)));
            self.nanos[node] = a.min(b);
            self.winners[node] = self.winner(if earlier { right } else { left });
        }
    }

    fn leaves(&self) -> usize {
        self.nanos.len() / 2
    }

    fn leaf(&self, entity: u32) -> usize {
        self.leaves() + entity as usize
    }

    fn winner(&self, node: usize) -> u32 {
        let leaves = self.leaves();
        if node < leaves { self.winners[node] } else { (node - leaves) as u32 }
    }

    /// The next entity and its instant; [`Time::NEVER`] if all are idle.
    #[inline]
    pub fn next(&self) -> (Time, u32) {
        (Time::from_nanos(self.nanos[1]), self.winners[1])
    }

    /// The instant of an entity.
    #[inline]
    pub fn time(&self, entity: u32) -> Time {
        Time::from_nanos(self.nanos[self.leaf(entity)])
    }

    /// Give `entity` a new instant, earlier or later; answers what is [`next`](Self::next) then.
    ///
    /// A match cannot be predicted, so it is two conditional moves; only equal instants, which are rare, branch. Sizes
    /// are powers of two: the masks change no index, they spare its check.
    ///
    /// # Panics
    /// Never: a tree has two leaves at least, and the compiler is told so once.
    #[expect(clippy::inline_always, reason = "once an event: a call is 1 of its 15 ns (benches/trial.rs)")]
    #[inline(always)]
    pub fn set(&mut self, entity: u32, time: Time, outranks: impl Fn(u32, u32) -> bool) -> (Time, u32) {
        let size = self.nanos.len();
        assert!(size > 0, "a tree without nodes");
        let (nanos, winners) = (&mut self.nanos[..size], &mut self.winners[..size]);
        let last = size - 1;
        let (mut best, mut best_time) = (entity, time.as_nanos());
        let leaf = size / 2 + entity as usize;
        nanos[leaf & last] = best_time;
        let (mut rival, mut rival_time) = (entity ^ 1, nanos[(leaf ^ 1) & last]);
        let mut node = leaf >> 1;
        loop {
            if rival_time == best_time && outranks(rival, best) {
                best = rival;
            }
            best = if rival_time < best_time { rival } else { best };
            best_time = best_time.min(rival_time);
            (nanos[node & last], winners[node & last]) = (best_time, best);
            if node <= 1 {
                return (Time::from_nanos(best_time), best);
            }
            (rival, rival_time) = (winners[(node ^ 1) & last], nanos[(node ^ 1) & last]);
            node >>= 1;
        }
    }

    /// Make `entity` idle.
    pub fn cancel(&mut self, entity: u32, outranks: impl Fn(u32, u32) -> bool) {
        self.set(entity, Time::NEVER, outranks);
    }
}

#[cfg(test)]
mod tests {
    use super::super::queue::{Counter, Rank};
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_root_is_always_the_least(
            entities in 1usize..40,
            steps in prop::collection::vec((0u32..40, prop::option::of(0u64..15), 0u8..3), 1..200),
        ) {
            let mut tree = WinnerTree::new(entities);
            let mut naive = vec![(Time::NEVER, Rank::LAST); entities];
            let mut counter = Counter::default();
            for (entity, time, class) in steps {
                let entity = entity % entities as u32;
                if let Some(time) = time {
                    let time = Time::from_nanos(time);
                    naive[entity as usize] = (time, counter.next(class));
                    let next = tree.set(entity, time, |a, b| naive.get(a as usize).map(|a| a.1) < naive.get(b as usize).map(|b| b.1));
                    prop_assert_eq!(next, tree.next());
                } else {
                    naive[entity as usize] = (Time::NEVER, Rank::LAST);
                    tree.cancel(entity, |a, b| naive.get(a as usize).map(|a| a.1) < naive.get(b as usize).map(|b| b.1));
                }
                let least = *naive.iter().min().unwrap();
                let (time, winner) = tree.next();
                prop_assert_eq!(time, least.0);
                if time < Time::NEVER {
                    prop_assert_eq!(naive[winner as usize], least);
                }
            }
        }
    }

    #[test]
    fn placing_all_and_rebuilding_is_the_same_as_setting_each() {
        let mut placed = WinnerTree::new(11);
        let mut set = WinnerTree::new(11);
        for entity in 0..11u32 {
            let time = Time::from_nanos(u64::from((entity * 7 + 3) % 11));
            placed.place(entity, time);
            set.set(entity, time, |a, b| a < b);
        }
        placed.rebuild(|a, b| a < b);
        assert_eq!(placed.next(), set.next());
    }
}
