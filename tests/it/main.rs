//! The one integration binary; each module is one kind of claim.

#![allow(clippy::format_collect, reason = "the texts that tests put together are small")]

mod backoff;
mod cases;
mod cli;
mod clock_cases;
mod determinism;
mod diagnostics;
mod failover_cases;
mod gallery;
mod intervals;
mod invariants;
mod lab;
mod naive;
mod oracle;
mod readme;
mod region_cases;
mod scenarios;
mod shell;
mod tape;
mod tidy;
mod traces;
mod traces_admission;
