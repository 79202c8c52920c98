//! One GCRA per key (client, tenant, address) in memory that is fixed at construction.
//!
//! A table of sets of eight entries each, like a processor's cache: a key can only live in its own set. A full set
//! first drops an entry whose bucket is full again, which loses nothing, since a new entry starts with a full bucket;
//! only if all eight are still being charged does the one nearest to full go, which gives its key at most that part
//! of a burst back. So a flood of new keys costs precision, never memory. `counts` shows how often that happened:
//! choose the capacity at least twice the number of keys active within `burst * period`.

use std::hash::{DefaultHasher, Hash, Hasher};

use super::{GcraConfig, GcraConfigError, Refused, Rule};
use crate::time::{Span, Time};

const WAYS: usize = 8;

/// What a keyed limiter has seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeyedCounts {
    /// Keys held now, at most the capacity.
    pub keys: usize,
    /// Entries dropped although their bucket was not full again: the key got credit that it had used.
    pub evicted_early: u64,
}

/// A bounded table of limiters with the same numbers.
#[derive(Clone, Debug)]
pub struct KeyedGcra<K> {
    rule: Rule,
    seed: u64,
    entries: Box<[Option<(K, u64)>]>,
    last_seen: u64,
    counts: KeyedCounts,
}

impl<K: Hash + Eq + Clone> KeyedGcra<K> {
    /// An empty table for `capacity` keys, rounded up to a multiple of eight; `seed` (any random bits) keeps outsiders
    /// from choosing keys that meet in one set.
    ///
    /// # Errors
    /// As [`Gcra::new`](super::Gcra::new), or if `capacity` is zero.
    pub fn new(config: GcraConfig, capacity: usize, seed: u64) -> Result<Self, GcraConfigError> {
        if capacity == 0 {
            return Err(GcraConfigError { field: "capacity", rule: "must be more than zero" });
        }
        let rule = config.check()?;
        let entries = vec![None; capacity.div_ceil(WAYS).saturating_mul(WAYS)].into_boxed_slice();
        Ok(KeyedGcra { rule, seed, entries, last_seen: 0, counts: KeyedCounts::default() })
    }

    /// Lets `cells` of `key` pass now or not at all.
    ///
    /// # Errors
    /// [`Refused`], with the time to wait.
    pub fn acquire(&mut self, now: Time, key: &K, cells: u32) -> Result<(), Refused> {
        self.reserve(now, key, cells, Span::ZERO).map(|_| ())
    }

    /// Books `cells` of `key`, now or up to `wait` in the future.
    ///
    /// # Errors
    /// [`Refused`] if the wait would be longer; then nothing is booked.
    pub fn reserve(&mut self, now: Time, key: &K, cells: u32, wait: Span) -> Result<Span, Refused> {
        self.last_seen = self.last_seen.max(now.as_nanos());
        let (rule, now) = (self.rule, self.last_seen);
        let first = self.set_of(key);
        let Some(set) = self.entries.get_mut(first..first + WAYS) else { return Err(Refused::ExceedsBurst) };
        let known = set.iter_mut().flatten().find(|(held, _)| held == key);
        if let Some((_, tat)) = known {
            let (next, waits) = rule.book(*tat, now, cells, wait.as_nanos())?;
            *tat = next;
            return Ok(Span::from_nanos(waits));
        }
        let (next, waits) = rule.book(0, now, cells, wait.as_nanos())?;
        // an empty place, else the bucket nearest to full
        let place = set.iter_mut().min_by_key(|entry| entry.as_ref().map(|(_, tat)| *tat));
        if let Some(place) = place {
            match place {
                None => self.counts.keys += 1,
                Some((_, tat)) => self.counts.evicted_early += u64::from(*tat > now),
            }
            *place = Some((key.clone(), next));
        }
        Ok(Span::from_nanos(waits))
    }

    /// How many keys are held and how many were dropped too early.
    pub fn counts(&self) -> KeyedCounts {
        self.counts
    }

    /// Index of the first entry of the key's set.
    fn set_of(&self, key: &K) -> usize {
        // the default hasher has fixed keys, so runs repeat
        let mut hasher = DefaultHasher::new();
        self.seed.hash(&mut hasher);
        key.hash(&mut hasher);
        let sets = (self.entries.len() / WAYS) as u64;
        (hasher.finish() % sets) as usize * WAYS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(capacity: usize) -> KeyedGcra<u64> {
        KeyedGcra::new(GcraConfig { period: Span::SECOND, burst: 2 }, capacity, 7).expect("valid")
    }

    #[test]
    fn each_key_has_its_own_bucket() {
        let mut table = table(64);
        for key in 0..3 {
            assert_eq!(table.acquire(Time::ZERO, &key, 2), Ok(()));
            assert_eq!(table.acquire(Time::ZERO, &key, 1), Err(Refused::Wait(Span::SECOND)));
        }
    }

    #[test]
    fn a_flood_of_keys_keeps_to_the_capacity() {
        let mut table = table(64);
        for key in 0..100_000 {
            assert_eq!(table.acquire(Time::ZERO, &key, 1), Ok(()));
        }
        assert_eq!(table.counts(), KeyedCounts { keys: 64, evicted_early: 100_000 - 64 });
    }

    #[test]
    fn a_key_whose_bucket_is_full_again_is_dropped_first_and_loses_nothing() {
        let mut table = table(8);
        assert_eq!(table.acquire(Time::ZERO, &0, 1), Ok(()));
        let later = Time::ZERO + Span::SECOND;
        for key in 1..=8 {
            assert_eq!(table.acquire(later, &key, 1), Ok(()));
        }
        assert_eq!(table.counts(), KeyedCounts { keys: 8, evicted_early: 0 });
        for key in 1..=8 {
            assert_eq!(table.acquire(later, &key, 2), Err(Refused::Wait(Span::SECOND)), "all eight are still held");
        }
    }
}
