//! The one integration binary; each module is one kind of claim.

#![allow(clippy::format_collect, reason = "the texts that tests put together are small")]

mod alarms;
mod backoff;
mod cases;
mod cli;
mod clock_cases;
mod copies;
mod determinism;
mod diagnostics;
mod failover_cases;
mod gallery;
mod history;
mod intervals;
mod invariants;
mod lab;
mod levels;
mod naive;
mod naive_composite;
mod oracle;
mod partitions;
mod readme;
mod region_cases;
mod repair_oracle;
mod scenarios;
mod schema;
mod shell;
mod tape;
mod tidy;
mod traces;
mod traces_admission;
