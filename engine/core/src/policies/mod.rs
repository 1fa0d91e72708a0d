//! Policies are called for what happened, and their answers are applied.

mod answer;
mod ask;
mod entries;
mod event_queue;
mod faults;
mod proposals;
pub mod sign_ins;
mod triggers;
mod wakes;
