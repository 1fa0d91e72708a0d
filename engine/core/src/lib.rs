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
mod context;
mod decisions;
pub mod delivery;
mod events;
mod lifecycle;
mod model;
mod policies;
mod scheduling;
mod sessions;
pub mod state;
pub mod step;

// The folders are for whoever works in the core; whoever uses it names what it is about.
pub use decisions::session_proposals;
pub use events::{effect, input};
pub use model::{
    backoff, grant, policy, random, rates, role_lifetime, schedule, session, settings, sso_role,
    text, time,
};
pub use policies::sign_ins;
