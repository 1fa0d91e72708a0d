//! Policies are told what happened, and their answers are taken up.

mod proposals;
pub mod sign_ins;
mod triggers;
