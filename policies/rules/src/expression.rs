//! The expressions and sentences of a rule. Each is read when it is first needed: one call of a policy
//! needs few of them.

use core::cell::OnceCell;

use dayfly_cel::ast::Expr;
use dayfly_cel::parser::parse;
use dayfly_cel::template::{Part, sentence};

/// An expression that is read when it is first asked.
#[derive(Debug)]
pub(crate) struct Expression {
    text: String,
    read: OnceCell<Option<Expr>>,
}

impl Expression {
    pub(crate) fn new(text: &str) -> Self {
        Self {
            text: text.into(),
            read: OnceCell::new(),
        }
    }

    /// The expression; none where the text is none, which `configure` refuses.
    pub(crate) fn expr(&self) -> Option<&Expr> {
        self.read.get_or_init(|| parse(&self.text).ok()).as_ref()
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }
}

/// A sentence that is read when it is first said.
#[derive(Debug)]
pub(crate) struct Because {
    text: String,
    read: OnceCell<Option<Vec<Part>>>,
}

impl Because {
    pub(crate) fn new(text: &str) -> Self {
        Self {
            text: text.into(),
            read: OnceCell::new(),
        }
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    pub(crate) fn parts(&self) -> Option<&[Part]> {
        let read = self.read.get_or_init(|| sentence(&self.text).ok());
        read.as_deref()
    }
}
