//! Election of a primary among the nodes that can still hear each other.
//!
//! Each follower draws a timeout at every heartbeat of the primary. When the primary falls silent, the first timeout
//! to run out calls a vote, which takes `vote`; if a second one runs out meanwhile the vote is split, and all draw
//! again when it is over. With timeouts uniform over a width w, two followers and a vote of v, a vote is split with
//! chance 1 - (1 - v / w)^2. Who votes, and whether there is a majority, is not decided here.

use crate::model::dist::Law;
use crate::time::Span;
use rand::{Rng, RngExt};

/// How followers notice that the primary is gone, and choose.
#[derive(Clone, Debug, PartialEq)]
pub struct Election {
    /// Time between two signs of life of the primary, above 0.
    pub heartbeat: Span,
    /// A follower that hears nothing for so long calls a vote.
    pub timeout: Law,
    /// Length of a vote, in which a second candidate splits it.
    pub vote: Span,
}

/// Votes in a row that may be split: more would mean that timeouts never differ by a vote.
const ROUNDS: u32 = 1_000;

impl Election {
    /// How long after the loss of the primary a vote is won, and by which of `followers` (at least 1).
    pub fn run<R: Rng + ?Sized>(&self, followers: u32, rng: &mut R) -> (Span, u32) {
        let heard = Span::from_nanos_f64(rng.random::<f64>() * self.heartbeat.as_nanos() as f64);
        let mut elapsed = Span::ZERO;
        let mut winner = 0;
        for _ in 0..ROUNDS {
            let (mut first, mut second) = (Span::MAX, Span::MAX);
            for follower in 0..followers {
                let timeout = self.timeout.sample(rng);
                if timeout < first {
                    (first, second, winner) = (timeout, first, follower);
                } else {
                    second = second.min(timeout);
                }
            }
            elapsed = elapsed + first + self.vote;
            if second >= first + self.vote {
                break;
            }
        }
        (elapsed.saturating_sub(heard), winner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::dist::ParameterValue;
    use rand::SeedableRng;
    use rand_xoshiro::Xoshiro256PlusPlus;

    /// Two followers, timeouts uniform on [5 s, 10 s], votes of 1 s: a round takes E[min] + vote = 5 + 5/3 + 1 s, and
    /// P(split) = 1 - (4/5)^2 = 9/25, whatever the others of the round; the last heartbeat is half a second old.
    #[test]
    fn the_mean_of_an_election_is_as_computed() {
        let end = |key: &str, s| (key.to_owned(), ParameterValue::Span(Span::from_secs(s)));
        let timeout = Law::from_parameters("uniform", &[end("from", 5), end("to", 10)]).unwrap();
        let election = Election { heartbeat: Span::from_secs(1), timeout, vote: Span::from_secs(1) };
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(7);
        let draws: Vec<f64> = (0..100_000).map(|_| election.run(2, &mut rng).0.as_secs_f64()).collect();
        let mean = draws.iter().sum::<f64>() / draws.len() as f64;
        let variance = draws.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / draws.len() as f64;
        let error = (variance / draws.len() as f64).sqrt();
        // rounds are independent and so is whether one is split of none of their sums: Wald's equation
        let expected = (5.0 + 5.0 / 3.0 + 1.0) / (1.0 - 9.0 / 25.0) - 0.5;
        assert!((mean - expected).abs() < 4.0 * error, "{mean} against {expected}, error {error}");
    }

    #[test]
    fn a_lone_follower_is_never_split() {
        let timeout = Law::fixed(Span::from_secs(3));
        let election = Election { heartbeat: Span::from_nanos(1), timeout, vote: Span::from_secs(2) };
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(7);
        assert_eq!(election.run(1, &mut rng), (Span::from_secs(5), 0));
    }
}
