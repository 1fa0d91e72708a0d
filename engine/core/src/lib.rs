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
mod attend;
pub mod audit;
pub mod backoff;
mod claims;
mod clock_set;
mod consider;
mod damping;
pub mod delivery;
pub mod effect;
pub mod event;
mod facts;
mod failing;
pub mod grant;
mod index;
pub mod input;
mod life;
mod opinions;
mod orphans;
mod overdue;
mod parents;
pub mod policy;
mod queue;
pub mod random;
pub mod rates;
mod reach;
pub mod role_lifetime;
mod roster;
mod ruled;
pub mod schedule;
pub mod session;
pub mod settings;
mod sight;
pub mod sign_ins;
pub mod sso_role;
pub mod stands;
pub mod state;
pub mod step;
pub mod text;
pub mod time;
mod timers;
mod triggers;
