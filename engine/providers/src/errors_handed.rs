//! Why there are no credentials from a program or from this machine.

use dayfly_core::session::ErrorKind;
use dayfly_vault::helper::HelperError;

use dayfly_core::text::shell_word;

/// Who hands credentials over that Dayfly did not ask a cloud for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Giver {
    /// The command of a session.
    Command,
    /// The variables of the engine's environment.
    Environment,
    /// The endpoint that a container has.
    Container,
    /// The metadata service of an instance.
    Metadata,
}

impl Giver {
    /// Who it is, in a sentence.
    const fn as_str(self) -> &'static str {
        match self {
            Self::Command => "its command",
            Self::Environment => "the environment of this process",
            Self::Container => "the container's credentials endpoint",
            Self::Metadata => "the EC2 metadata service",
        }
    }
}

/// Why nothing that was handed over can be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HandedProblem {
    /// The command did not bring any.
    #[error("its command gave no credentials: {error}{}", words(said))]
    Command {
        /// How it failed.
        error: HelperError,
        /// What it said about it, fit to be shown.
        said: Option<String>,
    },
    /// What came is not what credentials look like.
    #[error("{} gave no usable credentials: {problem}{}", giver.as_str(), words(said))]
    Unusable {
        /// Who gave them.
        giver: Giver,
        /// What is wrong with them.
        problem: String,
        /// What a command said about it, fit to be shown.
        said: Option<String>,
    },
    /// They have ended.
    #[error("{} gave credentials that expired {seconds} s ago by this machine's clock", giver.as_str())]
    Expired {
        /// Who gave them.
        giver: Giver,
        /// How long ago.
        seconds: u64,
    },
    /// There is nothing of the kind here.
    #[error("{} has none: {problem}", giver.as_str())]
    NotHere {
        /// Who should have them.
        giver: Giver,
        /// What is missing.
        problem: String,
    },
    /// It did not answer.
    #[error("{} did not answer: {problem}", giver.as_str())]
    NoAnswer {
        /// Who was asked.
        giver: Giver,
        /// What happened.
        problem: String,
    },
}

impl HandedProblem {
    /// What sort of failure it is. A command that fails may work again, and no edit of the session is
    /// a help with it.
    pub(crate) const fn kind(&self) -> ErrorKind {
        match self {
            Self::Command {
                error: HelperError::Failed { .. } | HelperError::Deadline { .. },
                ..
            }
            | Self::Expired { .. } => ErrorKind::Unavailable,
            Self::NoAnswer { .. } => ErrorKind::Network,
            Self::Command { .. } | Self::Unusable { .. } | Self::NotHere { .. } => {
                ErrorKind::Misconfigured
            }
        }
    }

    /// What a person can do next.
    pub(crate) fn hint(&self, session: &str) -> String {
        let session = shell_word(session);
        match self {
            Self::Command { .. }
            | Self::Unusable {
                giver: Giver::Command,
                ..
            } => format!(
                "run the command yourself to see its output, or change it with `dayfly session edit \
                 {session} --command`"
            ),
            Self::Expired { .. } => {
                "check that they are renewed where they come from, and this machine's clock".into()
            }
            Self::Unusable { .. } | Self::NotHere { .. } | Self::NoAnswer { .. } => format!(
                "run Dayfly where these credentials are, or change where they come from with \
                 `dayfly session edit {session} --credential-source`"
            ),
        }
    }
}

fn words(said: &Option<String>) -> String {
    let said = said.as_ref().filter(|said| !said.is_empty());
    said.map_or_else(String::new, |said| format!("; it said: {said}"))
}
