//! Policies are told what happened, and their answers are taken up.

mod answer;
mod ask;
mod entries;
mod event_queue;
mod faults;
mod proposals;
pub mod sign_ins;
mod triggers;
mod wakes;
