//! A seeded virtual world around the core.
//!
//! The same step and the same sandboxed policies as in the running engine; time, the cloud, the
//! provider chain and the person are made up, as a [`Scenario`] says. A week takes seconds, and
//! the same scenario with the same seed has the same outcome. [`run`] is the entry.

pub mod outcome;
pub mod scenario;
mod world;

pub use outcome::{Outcome, Track};
pub use scenario::{Scenario, Span};
pub use world::{Rule, run};
