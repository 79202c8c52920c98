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
    /// The instants of the entities, nanoseconds, padded with idle ones to a power of two.
    blocks: Vec<Block>,
    /// The earliest instant below each node: node 1 is the root, the children of `i` are `2i` and `2i + 1`, the second half
    /// are the winners of pairs, in a large tree of blocks. Rivals lie side by side, and neither a match nor the root needs a look elsewhere
    /// to know its time.
    nanos: Vec<u64>,
    /// Whose that is.
    winners: Vec<u32>,
}

/// Eight neighbours in one line of cache. In a large tree their matches are played again rather than remembered: that is
/// more work, but the nodes would take twice the memory of the leaves, and no longer fit the cache.
#[derive(Clone, Debug)]
#[repr(align(64))]
struct Block([u64; BLOCK as usize]);

const BLOCK: u32 = 8;
/// Blocks from which a tree is large: below, all of it and the clocks beside it fit a second-level cache of 2 MB.
const LARGE: usize = 4096;
const IDLE: u64 = u64::MAX;

/// An instant and whose it is.
type Entry = (u64, u32);

/// The winner of a match. It cannot be predicted, so it is two conditional moves; only equal instants, which are rare,
/// branch.
#[inline(always)]
#[expect(clippy::inline_always, reason = "as `set`")]
fn earlier(holder: Entry, challenger: Entry, outranks: &impl Fn(u32, u32) -> bool) -> Entry {
    let mut best = holder.1;
    if challenger.0 == holder.0 && outranks(challenger.1, best) {
        best = challenger.1;
    }
    best = if challenger.0 < holder.0 { challenger.1 } else { best };
    (holder.0.min(challenger.0), best)
}

impl Block {
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "as `set`")]
    fn entry(&self, entity: u32) -> Entry {
        (self.0[(entity % BLOCK) as usize], entity)
    }

    /// The winner of the two from `first`.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "as `set`")]
    fn pair(&self, first: u32, outranks: &impl Fn(u32, u32) -> bool) -> Entry {
        earlier(self.entry(first), self.entry(first | 1), outranks)
    }

    /// The winner of the four from `first`.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "as `set`")]
    fn four(&self, first: u32, outranks: &impl Fn(u32, u32) -> bool) -> Entry {
        earlier(self.pair(first, outranks), self.pair(first | 2, outranks), outranks)
    }
}

impl WinnerTree {
    /// A tree over `entities` leaves, all idle.
    ///
    /// # Panics
    /// If there are more than 2^31 entities.
    pub fn new(entities: usize) -> Self {
        let padded = entities.next_power_of_two().max(2);
        assert!(u32::try_from(2 * padded - 1).is_ok(), "too many entities");
        let blocks = padded.div_ceil(BLOCK as usize);
        let nodes = if blocks < LARGE { padded } else { 2 * blocks };
        let idle = Block([IDLE; BLOCK as usize]);
        WinnerTree { blocks: vec![idle; blocks], nanos: vec![IDLE; nodes], winners: vec![0; nodes] }
    }

    fn is_large(&self) -> bool {
        self.blocks.len() >= LARGE
    }

    /// Make every entity idle.
    pub fn clear(&mut self) {
        self.blocks.fill(Block([IDLE; BLOCK as usize]));
        self.nanos.fill(IDLE);
    }

    /// Give `entity` an instant without replaying its path; call [`rebuild`](Self::rebuild) after the last one.
    pub fn place(&mut self, entity: u32, time: Time) {
        self.blocks[(entity / BLOCK) as usize].0[(entity % BLOCK) as usize] = time.as_nanos();
    }

    /// Replay all matches.
    pub fn rebuild(&mut self, outranks: impl Fn(u32, u32) -> bool) {
        let (half, large) = (self.nanos.len() / 2, self.is_large());
        for number in 0..half {
            let first = number as u32 * if large { BLOCK } else { 2 };
            let block = &self.blocks[(first / BLOCK) as usize];
            let best = if large {
                earlier(block.four(first, &outranks), block.four(first + 4, &outranks), &outranks)
            } else {
                block.pair(first, &outranks)
            };
            (self.nanos[half + number], self.winners[half + number]) = best;
        }
        for node in (1..half).rev() {
            let entry = |node: usize| (self.nanos[node], self.winners[node]);
            (self.nanos[node], self.winners[node]) = earlier(entry(2 * node), entry(2 * node + 1), &outranks);
        }
    }

    /// The next entity and its instant; [`Time::NEVER`] if all are idle.
    #[inline]
    pub fn next(&self) -> (Time, u32) {
        (Time::from_nanos(self.nanos[1]), self.winners[1])
    }

    /// The instant of an entity.
    #[inline]
    pub fn time(&self, entity: u32) -> Time {
        Time::from_nanos(self.blocks[(entity / BLOCK) as usize].0[(entity % BLOCK) as usize])
    }

    /// Give `entity` a new instant, earlier or later; answers what is [`next`](Self::next) then.
    ///
    /// Sizes are powers of two: the masks change no index, they spare its check.
    ///
    /// # Panics
    /// Never: a tree has a block at least, and the compiler is told so once.
    #[expect(clippy::inline_always, reason = "once an event: a call is 1 of its 15 ns (benches/trial.rs)")]
    #[inline(always)]
    pub fn set(&mut self, entity: u32, time: Time, outranks: impl Fn(u32, u32) -> bool) -> (Time, u32) {
        let (size, large) = (self.nanos.len(), self.is_large());
        assert!(size > 0, "a tree without nodes");
        let (nanos, winners) = (&mut self.nanos[..size], &mut self.winners[..size]);
        let last = size - 1;
        let block = &mut self.blocks[(entity / BLOCK) as usize];
        let mut best = (time.as_nanos(), entity);
        block.0[(entity % BLOCK) as usize] = best.0;
        best = earlier(best, block.entry(entity ^ 1), &outranks);
        let mut node = size / 2 + (entity / 2) as usize;
        if large {
            best = earlier(best, block.pair((entity ^ 2) & !1, &outranks), &outranks);
            best = earlier(best, block.four((entity ^ 4) & !3, &outranks), &outranks);
            node = size / 2 + (entity / BLOCK) as usize;
        }
        loop {
            (nanos[node & last], winners[node & last]) = best;
            if node <= 1 {
                return (Time::from_nanos(best.0), best.1);
            }
            best = earlier(best, (nanos[(node ^ 1) & last], winners[(node ^ 1) & last]), &outranks);
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
            large in any::<bool>(),
            steps in prop::collection::vec((0u32..40, prop::option::of(0u64..15), 0u8..3), 1..200),
        ) {
            let mut tree = WinnerTree::new(if large { BLOCK as usize * LARGE - 1 } else { entities });
            prop_assert_eq!(tree.is_large(), large);
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
