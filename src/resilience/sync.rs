//! The shared memory that wrappers use: the standard library's, or a model checker's in place of it.
//!
//! `cfg(loom)` is set by `tests/concurrency` alone, which builds these sources a second time to try all interleavings.

#[cfg(loom)]
pub(super) use loom::sync::{Mutex, atomic::AtomicU64};
#[cfg(not(loom))]
pub(super) use std::sync::{Mutex, atomic::AtomicU64};
