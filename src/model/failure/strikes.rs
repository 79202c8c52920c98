//! Whom a fault strikes within its target, when that is more or less than each part by itself.
//!
//! A shared clock is the model of common cause: a shock that each working node survives with some chance (the binomial
//! failure rate model, Vesely 1977), or a human error that takes out one piece of the target.

/// How a fault picks its victims.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Strikes {
    /// Each part of the target has its own clock.
    Each,
    /// One clock for the target; each working node in it is struck with this chance, 0 to 1.
    Share(f64),
    /// One clock for the target; so many of the working nodes in it, drawn at random.
    Nodes(u32),
    /// One clock for the target; one piece of it, drawn at random, goes out as a whole.
    Blast(Blast),
}

/// The pieces into which a target falls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blast {
    /// It is one piece.
    Whole,
    /// A node.
    Node,
    /// What stands in one zone.
    Zone,
    /// What stands in one region.
    Region,
    /// What belongs to one service.
    Service,
}
