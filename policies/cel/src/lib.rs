//! The Common Expression Language (<https://cel.dev>), as grants and rules have it.
//!
//! Why not a library: no crate does what both need. The crate `cel` 0.15 fails a quarter of the
//! specification's cases that are run here, takes 900 kB of a guest (its parser comes from a
//! generator, with tables), knows no types before an expression runs, and overflows the stack at 200
//! brackets. Here a mistake is found when an expression is written and has a column, and an
//! expression about time tells at which moment its answer changes, so that a rule needs no polling.
//! `tests/conformance.rs` holds it against the specification's own cases.
//!
//! Left out: messages of Protocol Buffers and optional values. Added: `like`, `timeOfDay`, `min`,
//! `max`, days in spans (`2d`), and sentences with expressions in braces (see [`template`]).

mod arithmetic;
pub mod ast;
mod calendar;
mod call_types;
pub mod check;
mod convert;
pub mod eval;
mod format;
mod functions;
mod lexer;
mod names;
mod no_answer;
mod operands;
pub mod parser;
mod span;
#[path = "../../sdk/src/suggestion.rs"]
#[expect(
    unreachable_pub,
    reason = "the file is that of the SDK, which offers it to policies"
)]
mod suggestion;
pub mod template;
mod text;
mod types;
mod unexpected;
pub mod value;
#[path = "../../sdk/src/wildcard.rs"]
#[expect(
    unreachable_pub,
    reason = "the file is that of the SDK, which offers it to policies"
)]
mod wildcard;

pub use calendar::moment_text;
pub use no_answer::NoAnswer;
pub use span::{MILLI, SECOND, span_text};

/// What is wrong with an expression, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// Bytes from the beginning of the text.
    pub at: usize,
    /// A sentence without a full stop, with what to do about it.
    pub message: String,
}

impl Mistake {
    /// A mistake at a byte of the text.
    pub fn new(at: usize, message: impl Into<String>) -> Self {
        Self {
            at,
            message: message.into(),
        }
    }

    /// Where, in characters from 1.
    #[must_use]
    pub fn column(&self, text: &str) -> usize {
        let before = text.get(..self.at).unwrap_or(text);
        before.chars().count() + 1
    }
}
