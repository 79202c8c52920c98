//! Results as bytes: text for people, JSON and csv for programs, charts for both.

pub mod number;
