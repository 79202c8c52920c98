//! The one integration binary; each module is one kind of claim.

mod diagnostics;
mod scenarios;
