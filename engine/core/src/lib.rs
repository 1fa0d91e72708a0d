//! The pure core of Dayfly.
//!
//! It decides what is to be done: [`step`](step::step) takes the state and one input, changes the
//! state and answers with effects. It holds no clock, no randomness, no file, no socket and no
//! task, and it cannot fail: time, random seeds and the results of effects come in as inputs.
//! The daemon, the simulator and the tests all run this same code.
//!
//! Start reading at [`session`] (the nouns), then [`policy`] (what a policy hears and
//! says), then `step`.

pub mod policy;
pub mod session;
pub mod time;
