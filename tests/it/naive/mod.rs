//! Second models of the policies, written from the rules alone, slow and obvious, against the real ones.
//!
//! Each keeps the whole history and answers by going through it; each test drives both with the same random script of
//! more than 100 000 steps in all and compares every answer. Shared code would share mistakes: there is none but the
//! configuration.

mod breaker;
mod budgets;
mod bulkhead;
mod limiter;

use proptest::test_runner::{Config, RngSeed};

/// Cases times steps a case: 120 000 steps.
const CASES: u32 = 240;
const STEPS: usize = 500;

fn config() -> Config {
    Config { cases: CASES, rng_seed: RngSeed::Fixed(9), failure_persistence: None, ..Config::default() }
}
