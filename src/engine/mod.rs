//! The domain-free kernel of the simulation: what it needs of time and chance, with no region in sight.

pub mod streams;
