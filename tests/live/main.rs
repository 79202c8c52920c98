//! The live side: layers on tokio's paused clock, the same decisions in three hosts, and a real service under load.

mod layers;
mod script;
mod service;
