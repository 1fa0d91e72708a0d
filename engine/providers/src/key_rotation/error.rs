//! Why a long-lived key was not rotated, or not to its end, and which keys there are then.

use std::fmt;

use dayfly_core::session::{ErrorKind, Failure};
use dayfly_core::text::shell_word;
use dayfly_vault::VaultError;

use crate::errors::ProviderError;
use crate::hints::set_secret;
use crate::iam::IamError;

/// Which keys there are after a rotation that did not come to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kept {
    /// The one that there was before.
    Unchanged,
    /// It stays in force, and the vault keeps the new one beside it.
    Both {
        /// Id of the new key.
        new: String,
    },
    /// The new one is in force; the old one is still to be deleted.
    Replaced {
        /// Id of the new key.
        new: String,
        /// Id of the old key.
        old: String,
    },
    /// The one that there was before stays in force; AWS has another whose secret nobody has.
    Lost {
        /// Its id.
        new: String,
    },
}

impl fmt::Display for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unchanged => f.write_str("nothing was changed, and the key stays in force"),
            Self::Both { new } => write!(
                f,
                "the old key stays in force, and the vault keeps the new one, {new}, beside it"
            ),
            Self::Replaced { new, old } => write!(
                f,
                "the new key, {new}, is in force; the old one, {old}, is not deleted yet"
            ),
            Self::Lost { new } => write!(
                f,
                "the old key stays in force; AWS also has {new}, whose secret is lost"
            ),
        }
    }
}

/// Why a key was not rotated, or not to its end.
#[derive(Debug, thiserror::Error)]
pub enum RotationError {
    /// There is no key.
    #[error("the vault has no access key for session \"{0}\"")]
    NoKey(String),
    /// Another key was stored meanwhile.
    #[error(
        "somebody stored another access key for session \"{0}\" while Dayfly rotated it; that key stays, and \
         Dayfly deleted the one that it had made"
    )]
    Changed(String),
    /// The vault cannot be read or written.
    #[error("Dayfly did not rotate the access key of session \"{session}\": {source}; {kept}")]
    Vault {
        /// The session's name.
        session: String,
        /// Why not.
        source: Box<VaultError>,
        /// Which keys there are.
        kept: Kept,
    },
    /// IAM did not do it.
    #[error("Dayfly did not rotate the access key of session \"{session}\": {source}; {kept}")]
    Iam {
        /// The session's name.
        session: String,
        /// Why not.
        source: Box<IamError>,
        /// Which keys there are.
        kept: Kept,
    },
    /// AWS does not say whose key it is.
    #[error(
        "Dayfly did not rotate the access key of session \"{session}\": {}; {kept}",
        of_key(source)
    )]
    Whose {
        /// The session's name.
        session: String,
        /// Why not.
        source: Box<ProviderError>,
        /// Which keys there are.
        kept: Kept,
    },
    /// It is not the key of an IAM user, or AWS does not list it.
    #[error("Dayfly did not rotate the access key {id} of session \"{session}\": {problem}")]
    NotOfUser {
        /// The session's name.
        session: String,
        /// Its id.
        id: String,
        /// Why not.
        problem: &'static str,
    },
    /// The user has another key, and two is the most.
    #[error(
        "the IAM user of session \"{session}\" has a second access key, {other}, whose secret Dayfly does \
         not have, and AWS allows two; nothing was changed"
    )]
    TwoKeys {
        /// The session's name.
        session: String,
        /// Id of the other key.
        other: String,
    },
    /// The new key is not accepted.
    #[error(
        "AWS does not accept the new access key {new} of session \"{session}\" yet; the old one stays in \
         force, and the vault keeps both"
    )]
    NotAccepted {
        /// The session's name.
        session: String,
        /// Id of the new key.
        new: String,
    },
}

/// What happened, without what that would mean for the session's credentials.
fn of_key(source: &ProviderError) -> String {
    match source {
        ProviderError::Unreachable { service, how, .. } => format!("{service} {how}"),
        other => other.to_string(),
    }
}

impl RotationError {
    /// What a person can do next.
    #[must_use]
    pub fn hint(&self) -> String {
        let again = |session: &str| format!("run `dayfly secret rotate {}`", shell_word(session));
        let goes_on = |session: &str, kept: &Kept| match kept {
            Kept::Unchanged => format!("to try again, {}", again(session)),
            Kept::Both { .. } | Kept::Replaced { .. } => {
                format!("to go on where it ended, {}", again(session))
            }
            Kept::Lost { new } => format!(
                "run `dayfly secret rotate {} --discard {new}`, which deletes that key first",
                shell_word(session)
            ),
        };
        match self {
            Self::NoKey(session) => set_secret(session),
            Self::Changed(session) => format!("to rotate that one, {}", again(session)),
            Self::Iam {
                session,
                source,
                kept,
            } if source.is("AccessDenied") => format!(
                "the user's policy has to allow iam:ListAccessKeys, CreateAccessKey, UpdateAccessKey and \
                 DeleteAccessKey on itself, without MFA; {}",
                goes_on(session, kept)
            ),
            Self::Iam {
                session,
                source,
                kept,
            } if matches!(**source, IamError::NoAnswer { .. }) => format!(
                "check the network and the proxy; {}",
                goes_on(session, kept)
            ),
            Self::Vault { session, kept, .. } | Self::Iam { session, kept, .. } => {
                goes_on(session, kept)
            }
            Self::TwoKeys { session, other } => format!(
                "if nobody uses {other} (a rotation that was interrupted may have left it), run `dayfly \
                 secret rotate {} --discard {other}`, which deletes it",
                shell_word(session)
            ),
            Self::NotAccepted { session, .. } => {
                format!("to go on where it ended, {}", again(session))
            }
            Self::Whose {
                session,
                source,
                kept,
            } => match source.hint() {
                Some(hint) => format!("{hint}; {}", goes_on(session, kept)),
                None => goes_on(session, kept),
            },
            Self::NotOfUser { session, .. } => set_secret(session),
        }
    }

    /// What the engine is told about it.
    #[must_use]
    pub fn failure(&self) -> Failure {
        let kind = match self {
            Self::Iam { source, .. } => source.kind(),
            Self::Whose { source, .. } => source.kind(),
            Self::NotAccepted { .. } => ErrorKind::Unavailable,
            Self::Changed(_) => ErrorKind::Other,
            Self::NoKey(_) | Self::Vault { .. } | Self::NotOfUser { .. } | Self::TwoKeys { .. } => {
                ErrorKind::Misconfigured
            }
        };
        let mut failure = Failure::new(kind, self.to_string()).with_hint(self.hint());
        if let Self::Whose { source, .. } = self {
            failure.retry_at = source.failure().retry_at;
        }
        failure
    }
}
