//! One pending instant per entity: a winner (tournament) tree, re-timed and cancelled in place.
//!
//! Every entity owns a leaf; inner nodes hold the earlier of their two children, so the root is the next event and a
//! change replays one path of log2(n) matches, with no stale entries and no allocation. Measured against binary,
//! 4-ary and calendar queues it wins up to some 10 000 entities and ties at 100 000 (docs/architecture.md).
//! The order is total: time, then [`Rank`]; ranks are compared only where times are equal.

use super::queue::Rank;
use crate::time::Time;

#[derive(Clone, Copy, Debug)]
struct Leaf {
    time: u64,
    rank: Rank,
}

const IDLE: Leaf = Leaf { time: u64::MAX, rank: Rank::LAST };

/// The earliest of a fixed number of entities.
#[derive(Clone, Debug)]
pub struct WinnerTree {
    /// Padded to a power of two.
    leaves: Vec<Leaf>,
    /// `winners[1]` is the root; the children of `i` are `2i` and `2i + 1`; the last level stands over pairs of leaves.
    winners: Vec<u32>,
}

impl WinnerTree {
    /// A tree over `entities` leaves, all idle.
    ///
    /// # Panics
    /// If there are more than 2^32 - 1 entities.
    pub fn new(entities: usize) -> Self {
        let padded = entities.next_power_of_two().max(2);
        assert!(u32::try_from(padded).is_ok(), "too many entities");
        let mut tree = WinnerTree { leaves: vec![IDLE; padded], winners: vec![0; padded] };
        tree.rebuild();
        tree
    }

    /// Make every leaf idle.
    pub fn clear(&mut self) {
        self.leaves.fill(IDLE);
    }

    /// Give `entity` an instant without replaying its path; call [`rebuild`](Self::rebuild) after the last one.
    pub fn place(&mut self, entity: u32, time: Time, rank: Rank) {
        self.leaves[entity as usize] = Leaf { time: time.as_nanos(), rank };
    }

    /// Replay all matches.
    pub fn rebuild(&mut self) {
        let half = self.leaves.len() / 2;
        for node in (1..self.leaves.len()).rev() {
            let (left, right) = if node >= half {
                let first = 2 * (node - half) as u32;
                (first, first + 1)
            } else {
                (self.winners[2 * node], self.winners[2 * node + 1])
            };
            self.winners[node] = if self.beats(right, left) { right } else { left };
        }
    }

    #[inline]
    fn beats(&self, challenger: u32, holder: u32) -> bool {
        let (a, b) = (self.leaves[challenger as usize], self.leaves[holder as usize]);
        a.time < b.time || (a.time == b.time && a.rank < b.rank)
    }

    /// The next entity, its instant and rank; [`Time::NEVER`] if all are idle.
    #[inline]
    pub fn next(&self) -> (Time, u32) {
        let winner = self.winners[1];
        (Time::from_nanos(self.leaves[winner as usize].time), winner)
    }

    /// The rank of an entity's instant.
    #[inline]
    pub fn rank(&self, entity: u32) -> Rank {
        self.leaves[entity as usize].rank
    }

    /// The instant of an entity.
    #[inline]
    pub fn time(&self, entity: u32) -> Time {
        Time::from_nanos(self.leaves[entity as usize].time)
    }

    /// Give `entity` a new instant, earlier or later.
    #[inline]
    pub fn set(&mut self, entity: u32, time: Time, rank: Rank) {
        let own = Leaf { time: time.as_nanos(), rank };
        self.leaves[entity as usize] = own;
        let (mut best, mut best_leaf) = (entity, own);
        let mut rival = entity ^ 1;
        let mut node = (self.leaves.len() as u32 + entity) >> 1;
        loop {
            let leaf = self.leaves[rival as usize];
            let earlier = leaf.time < best_leaf.time || (leaf.time == best_leaf.time && leaf.rank < best_leaf.rank);
            best = if earlier { rival } else { best };
            best_leaf = if earlier { leaf } else { best_leaf };
            self.winners[node as usize] = best;
            if node <= 1 {
                return;
            }
            rival = self.winners[(node ^ 1) as usize];
            node >>= 1;
        }
    }

    /// Make `entity` idle.
    #[inline]
    pub fn cancel(&mut self, entity: u32) {
        self.set(entity, Time::NEVER, Rank::LAST);
    }
}

#[cfg(test)]
mod tests {
    use super::super::queue::Counter;
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
                    let (time, rank) = (Time::from_nanos(time), counter.next(class));
                    tree.set(entity, time, rank);
                    naive[entity as usize] = (time, rank);
                } else {
                    tree.cancel(entity);
                    naive[entity as usize] = (Time::NEVER, Rank::LAST);
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
            placed.place(entity, time, Rank::new(0, u64::from(entity)));
            set.set(entity, time, Rank::new(0, u64::from(entity)));
        }
        placed.rebuild();
        assert_eq!(placed.next(), set.next());
    }
}
