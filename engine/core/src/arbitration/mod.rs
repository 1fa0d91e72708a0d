//! Turning all that is proposed for one session into at most one action: a pure function.

mod arbitrate;

pub use arbitrate::*;
