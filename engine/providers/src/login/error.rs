//! What can go wrong between a person, the sign-in service and the sign-in that all share.

use dayfly_core::session::ErrorKind;
use dayfly_core::time::Timestamp;

use crate::errors::{ProviderError, Refusal};
use crate::unreachable::Unreachable;
use dayfly_core::text::shell_word;

/// Why a sign-in to the console cannot be had or used. Carries no secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LoginError {
    /// Nobody is signed in.
    #[error("nobody is signed in to the AWS console as {who}")]
    SignedOut {
        /// The session's name.
        session: String,
        /// ARN of who should be.
        who: String,
    },
    /// The service does not take the sign-in any more.
    #[error("the sign-in to the AWS console as {who} {how} ({code})")]
    Ended {
        /// The session's name.
        session: String,
        /// ARN of who had signed in.
        who: String,
        /// What happened to it.
        how: &'static str,
        /// The service's code.
        code: String,
        /// Its id of the request.
        request_id: Option<String>,
    },
    /// Somebody else signed in.
    #[error(
        "the browser signed in as {signed_in}, but session \"{session}\" is for {who}; Dayfly kept \
         nothing of this sign-in"
    )]
    Another {
        /// The session's name.
        session: String,
        /// ARN of who should be.
        who: String,
        /// ARN of who did.
        signed_in: String,
    },
    /// The person said no, took too long, or pasted something else.
    #[error("you did not complete the sign-in for session \"{session}\": {why}")]
    NotCompleted {
        /// The session's name.
        session: String,
        /// What happened.
        why: &'static str,
    },
    /// The file that holds the sign-in cannot be used.
    #[error("Dayfly cannot read or store the sign-in to the AWS console as {who}: {problem}")]
    Cache {
        /// ARN of who is or should be signed in.
        who: String,
        /// Why not.
        problem: String,
        /// Whether a new sign-in mends it.
        mends: bool,
        /// The session's name.
        session: String,
    },
    /// The service could not be asked.
    #[error("{service} {how}")]
    Unreachable {
        /// The service and where it was looked for.
        service: String,
        /// What happened.
        how: Unreachable,
    },
    /// The service answered, and said no.
    #[error("{sentence}")]
    Refused {
        /// What sort of failure it is.
        kind: ErrorKind,
        /// The service's code.
        code: String,
        /// What happened, for a person.
        sentence: String,
        /// What to do next.
        hint: Option<&'static str>,
        /// Not to be tried again before.
        retry_at: Option<Timestamp>,
        /// The service's id of the request.
        request_id: Option<String>,
    },
    /// The service answered with something that cannot be used.
    #[error("{service} answered {problem}")]
    Answer {
        /// The service and where it is.
        service: String,
        /// What is wrong with the answer.
        problem: String,
        /// Its id of the request.
        request_id: Option<String>,
    },
}

impl LoginError {
    /// What sort of failure it is.
    #[must_use]
    pub const fn kind(&self) -> ErrorKind {
        match self {
            Self::SignedOut { .. }
            | Self::Ended { .. }
            | Self::Another { .. }
            | Self::NotCompleted { .. }
            | Self::Cache { mends: true, .. } => ErrorKind::NeedsSignIn,
            Self::Cache { mends: false, .. } => ErrorKind::Misconfigured,
            Self::Unreachable { how, .. } => match how {
                Unreachable::Request { .. } | Unreachable::Settings(_) => ErrorKind::Misconfigured,
                _ => ErrorKind::Network,
            },
            Self::Refused { kind, .. } => *kind,
            Self::Answer { .. } => ErrorKind::Unavailable,
        }
    }

    /// What a person can do next, where that is known.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::SignedOut { session, .. }
            | Self::Ended { session, .. }
            | Self::NotCompleted { session, .. }
            | Self::Cache {
                session,
                mends: true,
                ..
            } => Some(format!(
                "sign in with `dayfly session login {}`, or with `aws login`",
                shell_word(session)
            )),
            Self::Another {
                session, signed_in, ..
            } => Some(format!(
                "choose the other one in the browser, or change the session with `dayfly session edit \
                 {} --login-session {}`",
                shell_word(session),
                shell_word(signed_in)
            )),
            Self::Cache { mends: false, .. } => Some(
                "check ~/.aws/login/cache, or the folder in AWS_LOGIN_CACHE_DIRECTORY".to_owned(),
            ),
            Self::Refused { hint, .. } => hint.map(str::to_owned),
            Self::Unreachable { how, .. } => Some(how.hint()),
            Self::Answer { .. } => {
                Some("check that the endpoint is the service's and not a proxy's".to_owned())
            }
        }
    }

    /// Whether the service does not take what the sign-in was renewed with, so that another one may be
    /// there by now.
    pub(super) const fn is_ended(&self) -> bool {
        matches!(self, Self::Ended { .. })
    }

    /// What a session that needs credentials is told about it.
    pub(crate) fn of_session(self, session: &str) -> ProviderError {
        let name = session.to_owned();
        match self {
            Self::Unreachable { service, how } => ProviderError::Unreachable {
                session: name,
                service,
                how,
            },
            other => {
                let (code, retry_at, request_id) = match &other {
                    Self::Refused {
                        code,
                        retry_at,
                        request_id,
                        ..
                    } => (code.clone(), *retry_at, request_id.clone()),
                    Self::Ended {
                        code, request_id, ..
                    } => (code.clone(), None, request_id.clone()),
                    Self::Answer { request_id, .. } => {
                        (other.kind().as_str().to_owned(), None, request_id.clone())
                    }
                    _ => (other.kind().as_str().to_owned(), None, None),
                };
                ProviderError::Refused(Box::new(Refusal {
                    kind: other.kind(),
                    code,
                    sentence: format!("{other}, so session \"{name}\" got no new credentials"),
                    hint: other.hint(),
                    retry_at,
                    request_id,
                }))
            }
        }
    }
}
