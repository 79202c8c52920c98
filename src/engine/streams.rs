//! Named random streams: each (seed, trial, entity, purpose) has draws of its own.
//!
//! With one generator for a whole trial, a region added to the model would shift every draw after it, and two designs
//! could not be compared on the same luck. So each use of chance has a name, and its stream follows from the name
//! alone: whatever else exists or happens, in whatever order or thread, the same name gives the same draws.
//!
//! The name of an entity and a purpose is hashed once, when a world is built, to an [`EntityKey`]; a trial then makes
//! a stream from its key with four multiplications. The generator is xoroshiro128++ (Blackman and Vigna, "Scrambled
//! linear pseudorandom number generators", ACM TOMS 47, 2021): 16 bytes, so that a hundred thousand entities fit a
//! cache, period 2^128 - 1, and without the weak low bits of the `+` variants, which a ziggurat would feel. Its two
//! words come from (seed, trial) and the key through the finaliser of `SplitMix64` (Steele, Lea and Flood, OOPSLA 2014).
//! Under one seed, two keys of a trial or two trials of a key never share a state. Not for cryptography.

use std::convert::Infallible;

use rand::{Rng, SeedableRng, TryRng};
use rand_xoshiro::Xoroshiro128PlusPlus;

/// 2^64 / golden ratio, odd: consecutive numbers times this lie far apart.
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// What a draw decides. The code of a purpose is part of every stream's name: never change or reuse one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Purpose {
    /// Time to the next fault.
    Life,
    /// Length of a repair or of a calendar fault.
    Repair,
    /// State and age at the start of a stationary trial.
    Start,
    /// Where in its period something regular begins.
    Phase,
    /// Time until a crew begins.
    Dispatch,
    /// Is a fault latent? How often is it looked for?
    Latent,
    /// Which parts a common cause, a blast or "N of" strikes.
    Hit,
    /// Is the failure of a node covered, and for how long does the pool stop?
    Coverage,
    /// Detection delay.
    Detect,
    /// Outcome of a health check.
    Check,
    /// Election timeouts.
    Election,
    /// Time until somebody answers the page.
    Page,
    /// Time to take over.
    Promote,
    /// Does a promotion succeed?
    Success,
    /// Time of the manual path.
    Manual,
    /// Time to start what was stopped.
    Wake,
    /// Time out of service for reconciling or failing back.
    Failback,
    /// Work not yet replicated.
    Lag,
    /// Cached answers of name resolution.
    Dns,
    /// Everything of deploys.
    Deploy,
    /// Arrival times of requests.
    Arrival,
    /// Time of work and of messages on the way.
    Service,
    /// Lost messages and failing answers.
    Loss,
    /// Choice among equals: balancing, routing, tie breaks.
    Choice,
    /// Backoff jitter and what else a policy draws.
    Policy,
}

impl Purpose {
    const fn code(self) -> u64 {
        match self {
            Purpose::Life => 1,
            Purpose::Repair => 2,
            Purpose::Start => 3,
            Purpose::Phase => 4,
            Purpose::Dispatch => 5,
            Purpose::Latent => 6,
            Purpose::Hit => 7,
            Purpose::Coverage => 8,
            Purpose::Detect => 9,
            Purpose::Check => 10,
            Purpose::Election => 11,
            Purpose::Page => 12,
            Purpose::Promote => 13,
            Purpose::Success => 14,
            Purpose::Manual => 15,
            Purpose::Wake => 16,
            Purpose::Failback => 17,
            Purpose::Lag => 18,
            Purpose::Dns => 19,
            Purpose::Deploy => 20,
            Purpose::Arrival => 21,
            Purpose::Service => 22,
            Purpose::Loss => 23,
            Purpose::Choice => 24,
            Purpose::Policy => 25,
        }
    }
}

/// The hash of an entity's path: the first 8 bytes of its BLAKE3, little end first, then mixed for members.
///
/// Ten million entities collide with chance 3e-6.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Entity(u64);

/// The hash of an entity and a purpose: the name of a stream without seed and trial.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntityKey(u64);

impl Entity {
    /// The entity at `path`, such as `api@us-east`.
    pub fn new(path: &str) -> Entity {
        let hash = blake3::hash(path.as_bytes());
        let mut word = [0; 8];
        word.copy_from_slice(&hash.as_bytes()[..8]);
        Entity(u64::from_le_bytes(word))
    }

    /// Member number `index` of this entity, such as a node of a pool, without spelling its path.
    pub const fn member(self, index: u64) -> Entity {
        Entity(mix(mix(self.0).wrapping_add(index.wrapping_mul(GOLDEN))))
    }

    /// The key of this entity's stream for `purpose`.
    #[inline]
    pub const fn key(self, purpose: Purpose) -> EntityKey {
        EntityKey(mix(self.0 ^ purpose.code().wrapping_mul(GOLDEN)))
    }
}

impl EntityKey {
    /// The key of the stream of the entity at `path` for `purpose`.
    pub fn new(path: &str, purpose: Purpose) -> EntityKey {
        Entity::new(path).key(purpose)
    }
}

/// All streams of one trial.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Streams {
    low: u64,
    high: u64,
}

impl Streams {
    /// The streams of trial number `trial` under `seed`.
    pub const fn new(seed: u64, trial: u64) -> Streams {
        let low = mix(mix(seed).wrapping_add(trial.wrapping_mul(GOLDEN)));
        let high = mix(mix(!seed) ^ trial.rotate_left(32));
        Streams { low, high }
    }

    /// The stream of `key`, at its first draw.
    #[inline]
    pub fn stream(&self, key: EntityKey) -> Stream {
        let words = [mix(self.low.wrapping_add(key.0)), mix(self.high ^ key.0)];
        let mut seed = [0; 16];
        seed[..8].copy_from_slice(&words[0].to_le_bytes());
        seed[8..].copy_from_slice(&words[1].to_le_bytes());
        Stream(Xoroshiro128PlusPlus::from_seed(seed))
    }
}

/// The draws of one entity for one purpose in one trial; implements [`rand::Rng`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stream(Xoroshiro128PlusPlus);

impl TryRng for Stream {
    type Error = Infallible;

    #[inline]
    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        // the upper half: the better bits
        Ok((self.0.next_u64() >> 32) as u32)
    }

    #[inline]
    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(self.0.next_u64())
    }

    #[inline]
    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        self.0.try_fill_bytes(bytes)
    }
}

/// The finaliser of `SplitMix64`: a bijection in which every input bit moves every output bit with chance near one half.
#[inline]
const fn mix(word: u64) -> u64 {
    let word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

/// Draws of one entity and purpose that are addressed by their number: no state but a key, for the many clocks whose
/// generators would not fit the cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Numbered(u64);

/// The numbered draws of many alike: one key for all, one more mixing step for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Family(u64);

impl Streams {
    /// The family of `key`.
    #[inline]
    pub const fn family(&self, key: EntityKey) -> Family {
        Family(mix(mix(self.low.wrapping_add(key.0)) ^ self.high))
    }
}

impl Family {
    /// The draws of member `index`.
    #[inline]
    pub const fn member(self, index: u32) -> Numbered {
        Numbered(mix(self.0.wrapping_add((index as u64).wrapping_mul(GOLDEN))))
    }
}

/// Odd, and no small multiple of the golden step, so that the sequences of different numbers do not meet.
const NUMBER_STEP: u64 = 0xd134_2543_de82_ef95;

impl Numbered {
    /// The draws of nobody.
    pub const NONE: Numbered = Numbered(0);

    /// The draws of something that belongs to this entity, such as an attempt of a request.
    #[inline]
    pub const fn child(self, index: u32) -> Numbered {
        Numbered(mix(self.0 ^ (index as u64 + 1).wrapping_mul(GOLDEN)))
    }

    /// The generator of draw `number`: a short `SplitMix64` sequence of its own.
    #[inline]
    pub const fn draw(self, number: u32) -> Draw {
        Draw(self.0.wrapping_add((number as u64).wrapping_mul(NUMBER_STEP)))
    }
}

/// The generator of one numbered draw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draw(u64);

impl TryRng for Draw {
    type Error = Infallible;

    #[inline]
    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        self.try_next_u64().map(|word| (word >> 32) as u32)
    }

    #[inline]
    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        self.0 = self.0.wrapping_add(GOLDEN);
        Ok(mix(self.0))
    }

    #[inline]
    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        for chunk in bytes.chunks_mut(8) {
            let word = self.try_next_u64()?.to_le_bytes();
            chunk.copy_from_slice(&word[..chunk.len()]);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::RngExt;

    const COUNT: u64 = 100_000;

    fn first(streams: Streams, key: EntityKey) -> f64 {
        streams.stream(key).random()
    }

    /// The uniform first draws are paired with their neighbours'. For independent ones the product of two centred
    /// draws has mean 0 and standard deviation 1/12, neighbouring products are uncorrelated, so the correlation of n
    /// pairs has standard error 1 / sqrt(n). The top six bits fill 64 cells, chi-square with 63 degrees of freedom:
    /// mean 63, standard deviation sqrt(126).
    fn check_independent(what: &str, draws: &[f64]) {
        let pairs = draws.windows(2).map(|pair| (pair[0] - 0.5) * (pair[1] - 0.5) * 12.0);
        let count = draws.len() as f64;
        let correlation = pairs.sum::<f64>() / (count - 1.0);
        assert!(correlation.abs() < 4.0 / count.sqrt(), "{what}: correlation {correlation}");
        let mut cells = [0_u32; 64];
        for draw in draws {
            cells[(draw * 64.0) as usize] += 1;
        }
        let expected = count / 64.0;
        let square: f64 = cells.iter().map(|cell| (f64::from(*cell) - expected).powi(2) / expected).sum();
        assert!((square - 63.0).abs() < 4.0 * 126.0_f64.sqrt(), "{what}: chi-square {square}");
    }

    #[test]
    fn the_draws_of_a_name_stay_what_they_are() {
        let mut stream = Streams::new(1, 0).stream(EntityKey::new("api@us-east", Purpose::Life));
        let draws: [u64; 3] = std::array::from_fn(|_| stream.next_u64());
        assert_eq!(draws, [10_552_409_503_509_773_754, 15_270_979_610_239_146_672, 10_979_532_686_536_870_857]);
        let member = Entity::new("api@us-east").member(3).key(Purpose::Repair);
        assert_eq!(Streams::new(2, 7).stream(member).next_u64(), 7_585_579_246_232_793_875);
    }

    #[test]
    fn same_name_same_draws() {
        let key = EntityKey::new("db@eu", Purpose::Promote);
        let mut one = Streams::new(5, 9).stream(key);
        let mut other = Streams::new(5, 9).stream(Entity::new("db@eu").key(Purpose::Promote));
        assert!((0..100).all(|_| one.next_u64() == other.next_u64()));
    }

    #[test]
    fn any_change_of_the_name_changes_the_draws() {
        let draw = |seed, trial, path: &str, purpose| {
            Streams::new(seed, trial).stream(EntityKey::new(path, purpose)).next_u64()
        };
        let draws = [
            draw(1, 2, "a", Purpose::Life),
            draw(2, 2, "a", Purpose::Life),
            draw(1, 1, "a", Purpose::Life),
            draw(2, 1, "a", Purpose::Life),
            draw(1, 2, "b", Purpose::Life),
            draw(1, 2, "a", Purpose::Repair),
        ];
        for (at, one) in draws.iter().enumerate() {
            assert!(!draws[..at].contains(one), "{at}");
        }
    }

    #[test]
    fn purposes_have_codes_of_their_own() {
        let mut codes = [
            Purpose::Life,
            Purpose::Repair,
            Purpose::Start,
            Purpose::Phase,
            Purpose::Dispatch,
            Purpose::Latent,
            Purpose::Hit,
            Purpose::Coverage,
            Purpose::Detect,
            Purpose::Check,
            Purpose::Election,
            Purpose::Page,
            Purpose::Promote,
            Purpose::Success,
            Purpose::Manual,
            Purpose::Wake,
            Purpose::Failback,
            Purpose::Lag,
            Purpose::Dns,
            Purpose::Deploy,
            Purpose::Arrival,
            Purpose::Service,
            Purpose::Loss,
            Purpose::Choice,
            Purpose::Policy,
        ]
        .map(Purpose::code);
        codes.sort_unstable();
        assert!(codes.windows(2).all(|pair| pair[0] < pair[1]));
    }

    #[test]
    fn first_draws_of_neighbouring_entities_are_independent() {
        let streams = Streams::new(1, 0);
        let pool = Entity::new("api@us-east");
        let members: Vec<f64> = (0..COUNT).map(|node| first(streams, pool.member(node).key(Purpose::Life))).collect();
        check_independent("members", &members);
        let paths: Vec<f64> =
            (0..COUNT).map(|node| first(streams, EntityKey::new(&format!("api/{node}"), Purpose::Life))).collect();
        check_independent("paths", &paths);
        let raw: Vec<f64> = (0..COUNT).map(|key| first(streams, EntityKey(key))).collect();
        check_independent("consecutive keys", &raw);
    }

    #[test]
    fn first_draws_of_neighbouring_trials_and_seeds_are_independent() {
        let key = EntityKey::new("api@us-east", Purpose::Life);
        let trials: Vec<f64> = (0..COUNT).map(|trial| first(Streams::new(1, trial), key)).collect();
        check_independent("trials", &trials);
        let seeds: Vec<f64> = (0..COUNT).map(|seed| first(Streams::new(seed, 1), key)).collect();
        check_independent("seeds", &seeds);
        let diagonal: Vec<f64> = (0..COUNT).map(|both| first(Streams::new(both, both), EntityKey(both))).collect();
        check_independent("seed, trial and key together", &diagonal);
    }

    #[test]
    fn purposes_of_one_entity_are_independent() {
        let streams = Streams::new(1, 0);
        let pool = Entity::new("api@us-east");
        let draws: Vec<f64> = (0..COUNT / 2)
            .flat_map(|node| [Purpose::Life, Purpose::Repair].map(|p| first(streams, pool.member(node).key(p))))
            .collect();
        check_independent("purposes", &draws);
    }

    #[test]
    fn second_draws_do_not_follow_first_draws() {
        let draws: Vec<f64> = (0..COUNT / 2)
            .flat_map(|trial| {
                let mut stream = Streams::new(3, trial).stream(EntityKey(17));
                [stream.random::<f64>(), stream.random::<f64>()]
            })
            .collect();
        check_independent("within a stream", &draws);
    }
}
