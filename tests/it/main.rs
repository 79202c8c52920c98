//! The one integration binary; each module is one kind of claim.

mod backoff;
mod cli;
mod diagnostics;
mod failover_cases;
mod gallery;
mod lab;
mod naive;
mod oracle;
mod readme;
mod scenarios;
mod shell;
mod tidy;
mod traces;
mod traces_admission;
