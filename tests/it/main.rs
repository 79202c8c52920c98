//! The one integration binary; each module is one kind of claim.

mod cli;
mod diagnostics;
mod scenarios;
