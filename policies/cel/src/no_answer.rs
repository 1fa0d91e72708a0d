//! Why an expression has no answer.

use std::fmt;

/// Why an expression has no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoAnswer {
    /// Something that it names is not there: a label that a session does not have. Rules take that for an
    /// answer.
    Absent(String),
    /// It cannot be worked out.
    Failed(String),
}

impl fmt::Display for NoAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent(name) => write!(f, "there is no `{name}`"),
            Self::Failed(why) => f.write_str(why),
        }
    }
}

impl From<String> for NoAnswer {
    fn from(why: String) -> Self {
        Self::Failed(why)
    }
}

impl From<&str> for NoAnswer {
    fn from(why: &str) -> Self {
        Self::Failed(why.to_owned())
    }
}
