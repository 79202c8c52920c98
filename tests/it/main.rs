//! The one integration binary; each module is one kind of claim.

mod backoff;
mod cli;
mod diagnostics;
mod naive;
mod oracle;
mod scenarios;
mod traces;
mod traces_admission;
