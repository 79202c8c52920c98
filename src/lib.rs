//! ninefold: a multi-region failover simulator and availability modeller.

pub mod engine;
pub mod experiment;
#[cfg(feature = "live")]
pub mod live;
pub mod model;
pub mod report;
pub mod resilience;
pub mod results;
pub mod scenario;
pub mod simulation;
pub mod stats;
pub mod time;
