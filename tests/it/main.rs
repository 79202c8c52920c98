//! The one integration binary; each module is one kind of claim.

mod backoff;
mod cli;
mod diagnostics;
mod gallery;
mod naive;
mod scenarios;
mod shell;
mod traces;
mod traces_admission;
