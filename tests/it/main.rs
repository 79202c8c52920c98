//! The one integration binary; each module is one kind of claim.

mod backoff;
mod cli;
mod diagnostics;
mod gallery;
mod naive;
mod readme;
mod scenarios;
mod shell;
mod tidy;
mod traces;
mod traces_admission;
