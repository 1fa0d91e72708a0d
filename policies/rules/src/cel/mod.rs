//! Expressions: the Common Expression Language (<https://cel.dev>) as far as rules need it.
//!
//! Why not a library: an instance is fresh in each call, so that every expression is read in each
//! call, and the parser of the crate `cel` comes from a generator that brings its tables along: a
//! guest with nothing but that crate has 900 kB; the whole policy here, all time zones included,
//! has 800. Beside that, an expression here knows types, so that a mistake is found when a rule is
//! configured and has a column, and knows at which moment time alone will change its answer, so that
//! a rule about time needs no polling. `tests/library.rs` holds the answers against those of the crate.
//!
//! Left out: unsigned numbers, bytes, regular expressions, messages, optional values. Added:
//! `like`, `timeOfDay`, and texts in `because` (see [`template`]).

pub(crate) mod ast;
pub(crate) mod check;
pub(crate) mod eval;
pub(crate) mod lexer;
pub(crate) mod parser;
pub(crate) mod template;
pub(crate) mod value;
pub(crate) mod wall;

/// What is wrong with an expression, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mistake {
    /// Bytes from the beginning of the text.
    pub(crate) at: usize,
    /// A sentence without a full stop, with what to do about it.
    pub(crate) message: String,
}

impl Mistake {
    pub(crate) fn new(at: usize, message: impl Into<String>) -> Self {
        Self {
            at,
            message: message.into(),
        }
    }

    /// Where, in characters from 1.
    pub(crate) fn column(&self, text: &str) -> usize {
        let before = text.get(..self.at).unwrap_or(text);
        before.chars().count() + 1
    }
}
