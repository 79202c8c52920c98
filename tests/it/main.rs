//! The one integration binary; each module is one kind of claim.

mod naive;
mod traces;
mod traces_admission;
