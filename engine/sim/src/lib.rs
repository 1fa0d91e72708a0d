//! A seeded virtual world around the core.
//!
//! The same step and the same sandboxed policies as in the running engine; time, the cloud, the
//! provider chain and the person are made up, as a [`Scenario`] says. A week takes seconds, and
//! the same scenario with the same seed has the same outcome. [`run`] is the entry.

mod disk;
pub mod outcome;
mod rule;
pub mod scenario;
mod world;

pub use outcome::{Decision, Outcome, Refused, Track};
pub use rule::Rule;
pub use scenario::{Refusal, Scenario, Span};
pub use world::run;
