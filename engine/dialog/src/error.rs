//! Why a command ends without having done what it was for.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::Exit;

/// What happened, and what to do next; never holds a secret. Also what the control socket answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CliError {
    /// For programs.
    pub code: Code,
    /// A sentence without a full stop.
    pub message: String,
    /// What to do next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// What sort of trouble.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Code {
    /// The command tried and failed, or could not try.
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
    /// Trouble of this sort.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            hint: None,
        }
    }

    /// The command tried and failed, or could not try.
    pub fn failed(message: impl Into<String>) -> Self {
        Self::new(Code::Failed, message)
    }

    /// The request makes no sense.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Code::Usage, message)
    }

    /// The same, saying what to do next.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same, saying what it is about.
    pub fn about(mut self, what: &str) -> Self {
        self.message = format!("{what}: {}", self.message);
        self
    }

    /// The same, saying what to do next where that is known.
    pub fn maybe_hint(mut self, hint: Option<String>) -> Self {
        self.hint = hint;
        self
    }

    /// The exit code of a command that ends so.
    pub const fn exit(&self) -> Exit {
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
pub fn indented(text: &str) -> String {
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
