//! ninefold: a multi-region failover simulator and availability modeller.

pub mod resilience;
pub mod time;
