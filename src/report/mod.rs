//! Results as bytes: text for people, JSON and csv for programs, charts for both.
//!
//! Every format is a pure function of [`crate::results::Results`] (or of the raw records, for csv), so that the same
//! run gives the same bytes anywhere. Formats compute no statistic, touch no file and know no terminal; text from a
//! scenario is escaped in each of them.

pub mod chrome;
pub mod csv;
pub mod json;
pub mod number;
pub mod plot;
#[cfg(test)]
mod sample;
pub mod text;
