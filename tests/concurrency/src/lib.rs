//! The shared wrappers of `ninefold::resilience` under loom: no interleaving of threads breaks their invariants.
//!
//! The library's own sources are built here a second time, with loom's lock and atomic (`resilience/sync.rs`). Loom then
//! runs a test once for every order in which its threads can meet, and for every value that a relaxed load may see.

#![allow(dead_code, unused_imports)]

#[path = "../../../src/resilience/mod.rs"]
pub mod resilience;
#[path = "../../../src/time.rs"]
pub mod time;

