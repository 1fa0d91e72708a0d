//! Why there is nothing to sign with, said before any call.

use dayfly_core::session::{ErrorKind, RolesAnywhere};
use dayfly_core::text::shell_word;
use dayfly_pkcs11::{Problem as TokenProblem, Trouble};
use dayfly_x509::Problem as Content;

use crate::hints::CLOCK_HINT;

/// A field of the Workspace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Field {
    Certificate,
    PrivateKey,
    Chain,
}

impl Field {
    /// What it is, in a sentence.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Certificate => "certificate",
            Self::PrivateKey => "private key",
            Self::Chain => "certificate chain",
        }
    }

    pub(crate) fn of_token(self, trouble: Trouble) -> AnywhereProblem {
        AnywhereProblem::Token {
            what: self.as_str(),
            trouble,
        }
    }

    pub(crate) fn of_content(self, anywhere: &RolesAnywhere, problem: Content) -> AnywhereProblem {
        let path = match self {
            Self::Certificate => Some(&anywhere.certificate),
            Self::PrivateKey => anywhere
                .private_key
                .as_ref()
                .or(Some(&anywhere.certificate)),
            Self::Chain => anywhere.certificate_chain.as_ref(),
        };
        AnywhereProblem::Content {
            what: self.as_str(),
            path: path.cloned().unwrap_or_default(),
            problem,
        }
    }
}

/// Why there is nothing to sign with.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AnywhereProblem {
    /// A file cannot be read, or is open to others.
    #[error("Dayfly does not use the {what} in {path}: {problem}")]
    File {
        /// What is in it.
        what: &'static str,
        /// The file.
        path: String,
        /// Why not.
        problem: String,
    },
    /// A file has not in it what it should have.
    #[error("Dayfly cannot use the {what} in {path}: {problem}")]
    Content {
        /// What should be in it.
        what: &'static str,
        /// The file.
        path: String,
        /// What is wrong.
        problem: Content,
    },
    /// The token gave nothing.
    #[error("Dayfly got no {what} from the token: {trouble}", what = used(what))]
    Token {
        /// What it was asked for.
        what: &'static str,
        /// Why not.
        trouble: Trouble,
    },
    /// The token refused the PIN before, and is not shown it again.
    #[error("the token refused the PIN that the vault has, and Dayfly does not try it again")]
    PinRefused,
    /// The key is another certificate's.
    #[error("the private key does not belong to the certificate of {subject}")]
    Foreign {
        /// Whose certificate it is.
        subject: String,
    },
    /// The certificate does not count yet.
    #[error("the certificate of {subject} is valid only from {from} on")]
    NotYet {
        /// Whose certificate it is.
        subject: String,
        /// From when on it is.
        from: String,
    },
    /// The certificate counts no more.
    #[error("the certificate of {subject} ended at {end}")]
    Ended {
        /// Whose certificate it is.
        subject: String,
        /// When it did.
        end: String,
    },
    /// It is a certificate that the service takes from nobody.
    #[error("the certificate of {subject} {why}, and IAM Roles Anywhere accepts none that does")]
    NoEntity {
        /// Whose certificate it is.
        subject: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A task of this process ended.
    #[error("reading the certificate ended without an answer")]
    Interrupted,
}

/// What a token was asked for: the key stays in it.
fn used(what: &str) -> &str {
    match what {
        "private key" => "signature",
        other => other,
    }
}

impl AnywhereProblem {
    /// What sort of failure it is.
    pub(crate) const fn kind(&self) -> ErrorKind {
        match self {
            Self::NotYet { .. } => ErrorKind::ClockSkew,
            Self::Token {
                trouble:
                    Trouble::Token(TokenProblem::NoToken | TokenProblem::Failed(_))
                    | Trouble::Deadline(_)
                    | Trouble::Ended,
                ..
            } => ErrorKind::Unavailable,
            Self::Interrupted => ErrorKind::Other,
            _ => ErrorKind::Misconfigured,
        }
    }

    /// What a person can do next.
    pub(crate) fn hint(&self, session: &str) -> Option<String> {
        let named = session;
        let session = shell_word(named);
        let store = || format!("store it with `dayfly secret set {session}`");
        Some(match self {
            Self::File { .. } => {
                format!("correct that, or name another file with `dayfly session edit {session}`")
            }
            Self::Content { problem, .. } => match problem {
                Content::NeedsPassphrase | Content::WrongPassphrase => store(),
                _ => format!("name another file with `dayfly session edit {session}`"),
            },
            Self::PinRefused => format!("store the right PIN with `dayfly secret set {session}`"),
            Self::Token { trouble, .. } => match trouble {
                Trouble::Token(TokenProblem::NeedsPin | TokenProblem::WrongPin) => store(),
                Trouble::Token(TokenProblem::Locked | TokenProblem::LastTry) => {
                    "unlock it with the tool of its maker".to_owned()
                }
                Trouble::Token(TokenProblem::NoToken) | Trouble::Deadline(_) => {
                    "put the token in, and touch it where it waits for that".to_owned()
                }
                Trouble::Token(TokenProblem::Several(_) | TokenProblem::NoObject(_)) => format!(
                    "say which one with `token=`, `id=` and `object=` in `dayfly session edit \
                     {session} --certificate` or `--private-key`; `pkcs11-tool -O` lists the objects"
                ),
                _ => "check `pkcs11Module`, and look at the token with `pkcs11-tool -O`".to_owned(),
            },
            Self::Foreign { .. } | Self::NoEntity { .. } => own_pair(named),
            Self::NotYet { .. } => CLOCK_HINT.to_owned(),
            Self::Ended { .. } => {
                "have it renewed; Dayfly reads the file anew with the next attempt".to_owned()
            }
            Self::Interrupted => return None,
        })
    }
}

/// What to do where a certificate and a key do not belong together.
fn own_pair(session: &str) -> String {
    format!(
        "name the certificate and its own key with `dayfly session edit {} --certificate … \
         --private-key …`",
        shell_word(session)
    )
}
