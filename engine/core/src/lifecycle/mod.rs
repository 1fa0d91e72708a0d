//! Operations from their beginning to their end: START, STOP and ROTATE.

mod begin;
mod ending;
mod expiry;
mod failures;
mod issue;
mod keys;
mod operation_approval;
mod orphans;
mod outages;
pub(crate) mod overdue;
mod parents;
mod profiles;
mod publish;
mod stop;
mod wait_for_parent;
