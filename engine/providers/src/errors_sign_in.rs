//! Why there is no assertion and no token to show to STS.

use std::path::PathBuf;

use dayfly_core::session::ErrorKind;

use crate::hints::CLOCK_HINT;
use crate::saml::assertion::AssertionError;
use crate::token_services::ServiceProblem;
use dayfly_core::text::shell_word;
use dayfly_vault::helper::HelperError;

/// Why a session has no SAML assertion that could be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignIn {
    /// Nobody has signed in.
    #[error("you are not signed in")]
    Nobody,
    /// The sign-in command is still at it.
    #[error("the sign-in command has not answered yet")]
    Asking,
    /// The sign-in command brought none.
    #[error("the sign-in command gave no assertion: {0}")]
    Command(HelperError),
    /// What the sign-in command printed is none.
    #[error("Dayfly cannot use the output of the sign-in command: {0}")]
    Unusable(AssertionError),
    /// The assertion has ended.
    #[error("the assertion expired {seconds} s ago by this machine's clock")]
    Ended {
        /// How long ago.
        seconds: u64,
    },
    /// The assertion is not good yet.
    #[error("the assertion becomes valid in {seconds} s by this machine's clock")]
    Early {
        /// How long it will take.
        seconds: u64,
    },
}

impl SignIn {
    /// What sort of failure it is.
    pub(crate) const fn kind(&self) -> ErrorKind {
        match self {
            // A program that fails may work again; a person is no help with it.
            Self::Command(HelperError::Deadline { .. }) => ErrorKind::NeedsSignIn,
            Self::Command(_) | Self::Unusable(_) => ErrorKind::Misconfigured,
            Self::Nobody | Self::Asking => ErrorKind::NeedsSignIn,
            Self::Ended { seconds } if *seconds < OFF => ErrorKind::NeedsSignIn,
            Self::Ended { .. } | Self::Early { .. } => ErrorKind::ClockSkew,
        }
    }

    /// What a person can do next.
    pub(crate) fn hint(&self, session: &str) -> String {
        let session = shell_word(session);
        match self {
            Self::Command(HelperError::Deadline { .. }) | Self::Nobody | Self::Asking => {
                format!("sign in with `dayfly session login {session}`")
            }
            Self::Command(_) | Self::Unusable(_) => format!(
                "run the command of [saml] in dayfly.toml yourself to see its output, then run \
                 `dayfly session start {session}`"
            ),
            Self::Ended { seconds } if *seconds < OFF => {
                format!("sign in again with `dayfly session login {session}`")
            }
            Self::Ended { .. } | Self::Early { .. } => CLOCK_HINT.to_owned(),
        }
    }
}

/// An assertion that ended longer ago than this when it came is not old: a clock is wrong. They
/// are good for minutes, and are used at once.
const OFF: u64 = 120;

/// Why a session has no web identity token.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenProblem {
    /// The file does not have it.
    #[error("the token file {} {problem}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// The command did not bring it.
    #[error("its token command gave no token: {0}")]
    Command(HelperError),
    /// The variable does not have it.
    #[error("the variable {0} is not set in the environment of this process")]
    Variable(String),
    /// The CI system did not give it.
    #[error("{0}")]
    Service(ServiceProblem),
    /// What was found is no token.
    #[error("its web identity token is not valid")]
    NoToken,
}

impl TokenProblem {
    /// What kind of failure it is. A command that fails asks a service that may be back later, and no
    /// edit of the session is a help with it.
    pub(crate) const fn kind(&self) -> ErrorKind {
        match self {
            Self::Command(HelperError::Failed { .. } | HelperError::Deadline { .. }) => {
                ErrorKind::Unavailable
            }
            Self::Service(problem) => problem.kind(),
            _ => ErrorKind::Misconfigured,
        }
    }

    /// What a person can do next.
    pub(crate) fn hint(&self, session: &str) -> String {
        let session = shell_word(session);
        match self {
            Self::File { .. } | Self::NoToken => format!(
                "check that the workload has its token, or change the path with `dayfly session \
                 edit {session}`"
            ),
            Self::Command(_) => "run the command yourself to see its output".to_owned(),
            Self::Variable(_) => format!(
                "start Dayfly where the CI system sets it, or change its name with `dayfly session \
                 edit {session} --token-variable`"
            ),
            Self::Service(problem) => problem.hint().to_owned(),
        }
    }
}
