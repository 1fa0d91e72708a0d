//! Exit codes that scripts rely on.

use std::process::ExitCode;

/// How a command ended. Wrong usage (2) is mostly answered by the parser of the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Done.
    Done,
    /// Failed; the reason was printed.
    Failed,
    /// The command line makes no sense.
    Usage,
    /// What it is about does not exist.
    NotFound,
    /// A policy or a grant forbids it.
    Refused,
    /// A person has to do something first: sign in, enter an MFA code.
    NeedsPerson,
    /// As the command ended that was run.
    Command(u8),
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        match exit {
            Exit::Done => Self::from(0),
            Exit::Failed => Self::from(1),
            Exit::Usage => Self::from(2),
            Exit::NotFound => Self::from(3),
            Exit::Refused => Self::from(4),
            Exit::NeedsPerson => Self::from(5),
            Exit::Command(code) => Self::from(code),
        }
    }
}
