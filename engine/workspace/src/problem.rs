//! What is wrong with a Workspace file, and where.

use std::fmt;
use std::path::{Path, PathBuf};

use dayfly_core::session::SessionId;

/// How much a problem hinders.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Something is not in force as it is written.
    Error,
    /// In force, but probably not what was meant.
    Warning,
}

impl Severity {
    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// One thing that is wrong with a Workspace file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// How much it hinders.
    pub severity: Severity,
    /// The file.
    pub path: PathBuf,
    /// The line, from 1; 0 where the problem is the file itself and not its text.
    pub line: u32,
    /// The character in the line, from 1; 0 where `line` is 0.
    pub column: u32,
    /// The session that has it, where it is one's own and its id can be read.
    pub session: Option<SessionId>,
    /// The name of that session, where it can be read.
    pub session_name: Option<String>,
    /// What is wrong, a sentence without a full stop.
    pub message: String,
    /// What to do about it, where that is known.
    pub hint: Option<String>,
}

impl Problem {
    /// A problem of the file itself.
    pub(crate) fn of_file(path: &Path, message: impl Into<String>, hint: Option<String>) -> Self {
        Self {
            severity: Severity::Error,
            path: path.to_owned(),
            line: 0,
            column: 0,
            session: None,
            session_name: None,
            message: message.into(),
            hint,
        }
    }
}

/// `PATH:LINE:COLUMN: SEVERITY: MESSAGE (HINT)`, the form that editors jump to.
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.without_hint())?;
        match &self.hint {
            Some(hint) => write!(f, " ({hint})"),
            None => Ok(()),
        }
    }
}

impl Problem {
    /// `PATH:LINE:COLUMN: SEVERITY: MESSAGE`; the message alone where it names the file itself.
    #[must_use]
    pub fn without_hint(&self) -> String {
        let path = self.path.display().to_string();
        if self.line == 0 && self.message.contains(&path) {
            return self.message.clone();
        }
        let place = match self.line {
            0 => path,
            line => format!("{path}:{line}:{}", self.column),
        };
        let session = match (&self.session_name, &self.session) {
            (Some(name), _) => format!("session \"{name}\": "),
            (None, Some(id)) => format!("session {id}: "),
            (None, None) => String::new(),
        };
        format!("{place}: {}: {session}{}", self.severity, self.message)
    }
}

/// A Workspace file that cannot be used as a whole. The last good state stays in force.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Dayfly cannot use the Workspace: {}", first(problems))]
pub struct Rejected {
    /// Why; never empty.
    pub problems: Vec<Problem>,
}

impl Rejected {
    /// What to do about it, where that is known.
    #[must_use]
    pub fn hint(&self) -> Option<&str> {
        self.problems.first()?.hint.as_deref()
    }
}

fn first(problems: &[Problem]) -> String {
    let first = problems.first();
    first.map(Problem::without_hint).unwrap_or_default()
}

/// A problem at a byte offset, before it is known on which line that is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Note {
    pub(crate) severity: Severity,
    pub(crate) offset: usize,
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
}

impl Note {
    pub(crate) fn error(offset: usize, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            offset,
            message: message.into(),
            hint: None,
        }
    }

    pub(crate) fn warning(offset: usize, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Warning,
            ..Self::error(offset, message)
        }
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same note for a text that the noted one begins `by` bytes into.
    pub(crate) fn shifted(&self, by: usize) -> Self {
        Self {
            offset: self.offset.saturating_add(by),
            ..self.clone()
        }
    }
}

/// A note and the session that it is about.
pub(crate) struct Noted {
    pub(crate) note: Note,
    pub(crate) session: Option<SessionId>,
    pub(crate) name: Option<String>,
}

impl Noted {
    /// A note on the file, not on a session.
    pub(crate) fn of_file(note: Note) -> Self {
        Self {
            note,
            session: None,
            name: None,
        }
    }
}
