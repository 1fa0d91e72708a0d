//! Operations from their beginning to their end: START, STOP and ROTATE.

mod failures;
mod operations;
mod orphans;
pub(crate) mod outages;
pub(crate) mod overdue;
mod parents;
