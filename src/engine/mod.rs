//! The domain-free kernel of a simulation: pending events in a total order, and named random streams.
//!
//! Three stores share one order (time, class, scheduling number): [`queue`] for sporadic events, [`winner`] for
//! entities with exactly one pending instant, [`ring`] for timers of one constant length. Nothing here knows of
//! regions, faults or requests.

pub mod arena;
pub mod queue;
pub mod ring;
pub mod streams;
pub mod winner;
