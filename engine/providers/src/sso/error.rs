//! What can go wrong between a person, a portal and the sign-in that both share.

use dayfly_core::session::{ErrorKind, Session};
use dayfly_core::text::shell_word;
use dayfly_core::time::Timestamp;

use crate::errors::{ProviderError, Refusal};
use crate::hints::CLOCK_HINT;
use crate::unreachable::Unreachable;

/// Why a sign-in cannot be had or used. Carries no secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SsoError {
    /// Nobody is signed in.
    #[error("you are not signed in to integration \"{integration}\"")]
    SignedOut {
        /// What a person calls it.
        integration: String,
    },
    /// The sign-in ended, and nothing can renew it.
    #[error("the sign-in to integration \"{integration}\" has expired")]
    Ended {
        /// What a person calls it.
        integration: String,
    },
    /// The service knows better: the sign-in is good no more.
    #[error("{service} no longer accepts the sign-in to integration \"{integration}\" ({code})")]
    NotAccepted {
        /// What a person calls it.
        integration: String,
        /// The service and where it is.
        service: String,
        /// Its code.
        code: String,
        /// Its id of the request.
        request_id: Option<String>,
    },
    /// The person said no, or took too long.
    #[error("you did not complete the sign-in to integration \"{integration}\": {why}")]
    NotCompleted {
        /// What a person calls it.
        integration: String,
        /// What happened.
        why: &'static str,
    },
    /// The file that holds the sign-in cannot be used.
    #[error("Dayfly cannot read or store the sign-in to integration \"{integration}\": {problem}")]
    Cache {
        /// What a person calls it.
        integration: String,
        /// Why not.
        problem: String,
    },
    /// The AWS config file, which says under which name the sign-in stands, cannot be read.
    #[error("Dayfly cannot look for the sign-in to integration \"{integration}\": {problem}")]
    ConfigFile {
        /// What a person calls it.
        integration: String,
        /// Why not, with line and byte.
        problem: String,
        /// What to do about it.
        hint: String,
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
        hint: Option<String>,
        /// Not to be tried again before.
        retry_at: Option<Timestamp>,
        /// The service's id of the request.
        request_id: Option<String>,
    },
    /// The service answered with something that cannot be used.
    #[error("{service} answered {operation} {problem}")]
    Answer {
        /// The service and where it is.
        service: String,
        /// The call.
        operation: &'static str,
        /// What is wrong with the answer.
        problem: String,
        /// Whether this machine's clock may be the reason.
        clock: bool,
        /// The service's id of the request.
        request_id: Option<String>,
    },
    /// The next call would be too far away.
    #[error(
        "the portal of integration \"{integration}\" asked Dayfly not to call it for another \
         {seconds} s"
    )]
    Busy {
        /// What a person calls it.
        integration: String,
        /// How long.
        seconds: u64,
    },
}

impl SsoError {
    /// What sort of failure it is.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::SignedOut { .. }
            | Self::Ended { .. }
            | Self::NotAccepted { .. }
            | Self::NotCompleted { .. } => ErrorKind::NeedsSignIn,
            Self::Cache { .. } | Self::ConfigFile { .. } => ErrorKind::Misconfigured,
            Self::Unreachable { how, .. } => match how {
                Unreachable::Request { .. } | Unreachable::Settings(_) => ErrorKind::Misconfigured,
                _ => ErrorKind::Network,
            },
            Self::Refused { kind, .. } => *kind,
            Self::Answer { clock: true, .. } => ErrorKind::Other,
            Self::Answer { .. } | Self::Busy { .. } => ErrorKind::Unavailable,
        }
    }

    /// What a person can do next, where that is known.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::SignedOut { integration }
            | Self::Ended { integration }
            | Self::NotAccepted { integration, .. }
            | Self::NotCompleted { integration, .. } => Some(format!(
                "sign in with `dayfly integration login {}`",
                shell_word(integration)
            )),
            Self::Refused { hint, .. } => hint.clone(),
            Self::Unreachable { how, .. } => Some(how.hint()),
            Self::Answer { clock: true, .. } => Some(CLOCK_HINT.to_owned()),
            Self::Answer { .. } => {
                Some("check that the endpoint is the service's and not a proxy's".to_owned())
            }
            Self::Cache { .. } => {
                Some("check ~/.aws/sso/cache; you can remove a damaged file there".to_owned())
            }
            Self::ConfigFile { hint, .. } => Some(hint.clone()).filter(|hint| !hint.is_empty()),
            Self::Busy { .. } => None,
        }
    }

    /// Whether the service does not take the sign-in, so that another one may be tried.
    pub(crate) const fn is_not_accepted(&self) -> bool {
        matches!(self, Self::NotAccepted { .. })
    }

    /// What a session that needs credentials is told about it.
    pub(crate) fn of_session(self, session: &Session) -> ProviderError {
        let name = session.name.clone();
        match self {
            Self::Unreachable { service, how } => ProviderError::Unreachable {
                session: name,
                service,
                how,
            },
            Self::Answer {
                service,
                operation,
                problem,
                clock,
                request_id,
            } => ProviderError::Answer {
                session: name,
                service,
                operation,
                problem,
                clock,
                request_id,
            },
            other => {
                let (code, retry_at, request_id) = match &other {
                    Self::Refused {
                        code,
                        retry_at,
                        request_id,
                        ..
                    } => (code.clone(), *retry_at, request_id.clone()),
                    Self::NotAccepted {
                        code, request_id, ..
                    } => (code.clone(), None, request_id.clone()),
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
