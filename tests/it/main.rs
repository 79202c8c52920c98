//! The one integration binary; each module is one kind of claim.

mod alarms;
mod backoff;
mod cli;
mod copies;
mod diagnostics;
mod history;
mod levels;
mod naive;
mod naive_composite;
mod partitions;
mod scenarios;
mod traces;
mod traces_admission;
