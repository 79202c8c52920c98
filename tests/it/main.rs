//! The one integration binary; each module is one kind of claim.

mod traces;
mod traces_admission;
