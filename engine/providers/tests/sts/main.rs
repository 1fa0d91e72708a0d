//! The AWS providers against a real STS on loopback, and against the faults that a real one
//! does not produce on demand.

#![allow(clippy::unwrap_used, reason = "a test may fail")]
#![allow(clippy::print_stdout, reason = "a test says what it did not do")]
#![allow(
    irrefutable_let_patterns,
    reason = "other clouds will have other material"
)]

mod emulator;
mod environment;
mod faults;
mod lifetimes;
mod rotation;
mod support;
