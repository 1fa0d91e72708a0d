//! Why a command ends without having done what it was for.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::exit::Exit;

/// What happened, and what to do next; never holds a secret. Also what the control socket answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CliError {
    /// For programs.
    pub(crate) code: Code,
    /// A sentence without a full stop.
    pub(crate) message: String,
    /// What to do next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) hint: Option<String>,
}

/// What sort of trouble.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Code {
    /// It was tried and failed, or cannot be tried.
    Failed,
    /// The request makes no sense.
    Usage,
    /// What it is about does not exist.
    NotFound,
    /// A policy or a grant forbids it.
    Refused,
    /// A person has to do something first.
    NeedsPerson,
}

impl CliError {
    pub(crate) fn new(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            hint: None,
        }
    }

    pub(crate) fn failed(message: impl Into<String>) -> Self {
        Self::new(Code::Failed, message)
    }

    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(Code::Usage, message)
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same, saying what it is about.
    pub(crate) fn about(mut self, what: &str) -> Self {
        self.message = format!("{what}: {}", self.message);
        self
    }

    pub(crate) fn maybe_hint(mut self, hint: Option<String>) -> Self {
        self.hint = hint;
        self
    }

    pub(crate) const fn exit(&self) -> Exit {
        match self.code {
            Code::Failed => Exit::Failed,
            Code::Usage => Exit::Usage,
            Code::NotFound => Exit::NotFound,
            Code::Refused => Exit::Refused,
            Code::NeedsPerson => Exit::NeedsPerson,
        }
    }
}

/// Further lines stand below the first, so that none looks like a message of its own.
pub(crate) fn indented(text: &str) -> String {
    let mut lines = text.lines();
    let mut shown = lines.next().unwrap_or_default().to_owned();
    for line in lines {
        shown.push('\n');
        if !line.trim().is_empty() {
            shown += "  ";
            shown += line.strip_prefix("  ").unwrap_or(line);
        }
    }
    shown
}

/// `error: MESSAGE`, and below it what to do next.
impl fmt::Display for CliError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}", indented(&self.message))?;
        if let Some(hint) = &self.hint {
            write!(f, "\n  {}", indented(hint))?;
        }
        Ok(())
    }
}
