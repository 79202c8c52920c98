//! What the world is: pure data and pure state machines, without a clock, a queue, a file or a thread.

pub mod dist;
