//! What is to be done to a session, from what is proposed for it, and what may have to wait.

mod active_proposals;
mod carry_out;
mod commands;
mod damping;
mod dry_run;
mod reconcile;
mod replies;
pub mod session_proposals;
