//! The one integration binary; each module is one kind of claim.

mod backoff;
mod naive;
mod traces;
mod traces_admission;
mod diagnostics;
mod scenarios;
