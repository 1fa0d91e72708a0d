//! The pure core of Dayfly.
//!
//! It decides what is to be done: [`step`](step::step) takes the state and one input, changes the
//! state and answers with effects. It holds no clock, no randomness, no file, no socket and no
//! task, and it cannot fail: time, random seeds and the results of effects come in as inputs.
//! The daemon, the simulator and the tests all run this same code.
//!
//! Start reading at [`session`] (the nouns), then [`policy`] (what a policy hears and
//! says), then `step`.

pub mod arbitration;
pub mod audit;
pub mod backoff;
mod clock_set;
mod damping;
pub mod delivery;
pub mod effect;
pub mod event;
mod facts;
mod failures;
pub mod grant;
mod index;
pub mod input;
mod lifecycle;
mod operation_approval;
mod orphans;
mod outages;
mod overdue;
mod parents;
pub mod policy;
mod profile_owners;
mod proposals;
mod queue;
pub mod random;
pub mod rates;
mod reconcile;
pub mod role_lifetime;
pub mod schedule;
pub mod session;
mod session_changes;
pub mod session_proposals;
pub mod settings;
pub mod sign_ins;
pub mod sso_role;
pub mod state;
pub mod step;
pub mod text;
pub mod time;
mod timers;
mod triggers;
mod user_input;
mod visibility;
