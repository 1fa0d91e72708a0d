//! What is to be done to a session, from what is proposed for it, and what may have to wait.

pub(crate) mod damping;
pub(crate) mod operation_approval;
mod reconcile;
pub mod session_proposals;
