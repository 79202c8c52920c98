//! The one integration binary; each module is one kind of claim.

#![allow(clippy::format_collect, reason = "the texts that tests put together are small")]

mod alarms;
mod backoff;
mod cases;
mod class_cases;
mod cli;
mod clock_cases;
mod composition;
mod copies;
mod costs;
mod determinism;
mod diagnostics;
mod drains;
mod elastic_cases;
mod failover_cases;
mod gallery;
mod gray;
mod history;
mod intervals;
mod invariants;
mod lab;
mod lessons;
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
mod traffic_cases;
