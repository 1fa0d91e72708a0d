//! What can go wrong, for branching and for a person.

use dayfly_core::session::{ErrorKind, Failure, Session, SessionType};
use dayfly_core::text::shell_word;
use dayfly_core::time::Timestamp;
use dayfly_vault::VaultError;

use crate::anywhere::AnywhereProblem;
use crate::azure::AzureError;
use crate::errors_handed::HandedProblem;
use crate::errors_sign_in::{SignIn, TokenProblem};
use crate::hints::{CLOCK_HINT, set_secret};
use crate::unreachable::Unreachable;

/// Why a session got no credentials. Carries no secret, in no representation.
#[derive(Debug, thiserror::Error)]
pub enum ProviderError {
    /// No provider is built in for the access method.
    #[error("this version of Dayfly does not support {session_type}")]
    NoProvider {
        /// The access method.
        session_type: SessionType,
    },
    /// A provider was handed a session of another access method.
    #[error(
        "session \"{session}\" is of type {actual}, which the provider for {expected} cannot serve"
    )]
    WrongProvider {
        /// The session's name.
        session: String,
        /// What it is.
        actual: SessionType,
        /// What the provider is for.
        expected: SessionType,
    },
    /// No long-lived key is kept for the session.
    #[error("the vault has no access key for session \"{session}\"")]
    NoAccessKey {
        /// The session's name.
        session: String,
    },
    /// The long-lived key cannot be read.
    #[error("Dayfly cannot read the access key of session \"{session}\": {source}")]
    Keys {
        /// The session's name.
        session: String,
        /// Why not.
        source: Box<VaultError>,
    },
    /// A task of this process ended before it answered.
    #[error("{task} for session \"{session}\" ended without an answer")]
    Interrupted {
        /// The session's name.
        session: String,
        /// What the task was doing.
        task: &'static str,
    },
    /// A person has to enter an MFA code.
    #[error(
        "session \"{session}\" needs a code from MFA device {device}{}",
        also(asked)
    )]
    NeedsMfa {
        /// The session's name.
        session: String,
        /// Serial number or ARN of the device.
        device: String,
        /// What came of asking the prompt command, where there is one.
        asked: Option<String>,
    },
    /// There is no SAML assertion to show.
    #[error("session \"{session}\" has no assertion of the identity provider \"{idp}\": {how}")]
    SamlSignIn {
        /// The session's name.
        session: String,
        /// Id of the IdP URL in the Workspace.
        idp: String,
        /// Why not.
        how: Box<SignIn>,
    },
    /// The assertion is for other roles.
    #[error(
        "the identity provider does not offer {role} to the user who signed in for session \
         \"{session}\"; it offers {offered}"
    )]
    NotOffered {
        /// The session's name.
        session: String,
        /// ARN of the role.
        role: String,
        /// The roles that it offers.
        offered: String,
    },
    /// There is no web identity token to show.
    #[error("session \"{session}\" got no new credentials: {problem}")]
    Token {
        /// The session's name.
        session: String,
        /// Why not.
        problem: TokenProblem,
    },
    /// A program or this machine handed over no credentials that could be used.
    #[error("session \"{session}\" got no new credentials: {problem}")]
    Handed {
        /// The session's name.
        session: String,
        /// Why not.
        problem: HandedProblem,
    },
    /// There is nothing to sign with for IAM Roles Anywhere.
    #[error("session \"{session}\" got no new credentials: {problem}")]
    Anywhere {
        /// The session's name.
        session: String,
        /// Why not.
        problem: Box<AnywhereProblem>,
    },
    /// The seed of an MFA device cannot be used.
    #[error(
        "Dayfly cannot make a code of MFA device {device} for session \"{session}\": {}",
        problem(source)
    )]
    Seed {
        /// The session's name.
        session: String,
        /// Serial number or ARN of the device.
        device: String,
        /// Why it cannot be read; none where it is not a seed.
        source: Option<Box<VaultError>>,
    },
    /// Each code is good once, and the next ones are for other sessions.
    #[error(
        "session \"{session}\" is waiting for its turn: other sessions use the current codes of \
         MFA device {device}"
    )]
    CodeSpent {
        /// The session's name.
        session: String,
        /// Serial number or ARN of the device.
        device: String,
        /// When there is a code to spare.
        retry_at: Timestamp,
    },
    /// The parent has no credentials that could be used.
    #[error(
        "session \"{session}\" needs the credentials of its parent session {parent}, {problem}"
    )]
    Parent {
        /// The session's name.
        session: String,
        /// The parent's id.
        parent: String,
        /// What is wrong with them.
        problem: &'static str,
    },
    /// A field of the session or of the settings cannot be used.
    #[error("session \"{session}\": {field} {problem}")]
    Field {
        /// The session's name.
        session: String,
        /// The field, as the Workspace calls it.
        field: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// The service answered, and said no.
    #[error("{0}")]
    Refused(Box<Refusal>),
    /// The service could not be asked.
    #[error("{service} {how}, so session \"{session}\" got no new credentials")]
    Unreachable {
        /// The session's name.
        session: String,
        /// The service and where it was looked for.
        service: String,
        /// What happened.
        how: Unreachable,
    },
    /// The service answered with something that cannot be used.
    #[error("{service} answered {operation} for session \"{session}\" {problem}")]
    Answer {
        /// The session's name.
        session: String,
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
    /// An Azure integration has no token.
    #[error("session \"{session}\" got no token: {source}")]
    Azure {
        /// The session's name.
        session: String,
        /// Why not.
        source: Box<AzureError>,
    },
    /// Too many calls of the same access method were in flight for too long.
    #[error(
        "session \"{session}\" waited {waited_seconds} s for its turn: {limit} other calls for \
         {session_type} were running all the time"
    )]
    Busy {
        /// The session's name.
        session: String,
        /// The access method.
        session_type: SessionType,
        /// How many may be in flight.
        limit: usize,
        /// How long it waited.
        waited_seconds: u64,
    },
    /// The rate at which the service may be called leaves no room soon enough.
    #[error(
        "session \"{session}\" must wait: Dayfly makes at most {per_second:.1} calls a second for \
         {session_type}, and many sessions need one"
    )]
    Paced {
        /// The session's name.
        session: String,
        /// The access method.
        session_type: SessionType,
        /// How many a second at present.
        per_second: f64,
        /// When its turn would come.
        at: Timestamp,
    },
}

/// An answer of the service that says no.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{sentence}")]
pub struct Refusal {
    /// What sort of failure it is.
    pub kind: ErrorKind,
    /// The service's code for it, or `HTTP` and the status where it gave none.
    pub code: String,
    /// What happened, for a person.
    pub sentence: String,
    /// What to do next.
    pub hint: Option<String>,
    /// Not to be tried again before.
    pub retry_at: Option<Timestamp>,
    /// The service's id of the request.
    pub request_id: Option<String>,
}

impl Refusal {
    /// Whether the lifetime that was asked for is what is refused.
    ///
    /// Source: AWS STS API reference, `AssumeRoleWithSAML`: `ValidationError`, in words that name
    /// `DurationSeconds`.
    pub(crate) fn is_of_lifetime(&self) -> bool {
        self.code.starts_with("Validation")
            && self
                .sentence
                .to_ascii_lowercase()
                .contains("durationseconds")
    }
}

impl ProviderError {
    /// Whether the cloud does not know the key that the call was signed with.
    ///
    /// Source: IAM User Guide, "Troubleshooting", `InvalidClientTokenId`.
    pub(crate) fn is_unknown_key(&self) -> bool {
        matches!(self, Self::Refused(refusal) if refusal.code == "InvalidClientTokenId")
    }

    /// The error of a provider that is asked for a session that it is not for.
    pub(crate) fn wrong_provider(session: &Session, expected: SessionType) -> Self {
        Self::WrongProvider {
            session: session.name.clone(),
            actual: session.session_type(),
            expected,
        }
    }

    /// What sort of failure it is.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::NoProvider { .. }
            | Self::NoAccessKey { .. }
            | Self::Keys { .. }
            | Self::Seed { .. }
            | Self::Field { .. } => ErrorKind::Misconfigured,
            Self::CodeSpent { .. } => ErrorKind::Throttled,
            Self::SamlSignIn { how, .. } => how.kind(),
            Self::NotOffered { .. } => ErrorKind::Denied,
            Self::Token { problem, .. } => problem.kind(),
            Self::Handed { problem, .. } => problem.kind(),
            Self::Anywhere { problem, .. } => problem.kind(),
            Self::WrongProvider { .. } | Self::Interrupted { .. } => ErrorKind::Other,
            Self::NeedsMfa { .. } => ErrorKind::NeedsMfa,
            Self::Parent { .. } => ErrorKind::Parent,
            Self::Refused(refusal) => refusal.kind,
            Self::Unreachable { how, .. } => match how {
                Unreachable::Request { .. } | Unreachable::Settings(_) => ErrorKind::Misconfigured,
                _ => ErrorKind::Network,
            },
            Self::Answer { clock, .. } => {
                if *clock {
                    ErrorKind::ClockSkew
                } else {
                    ErrorKind::Unavailable
                }
            }
            Self::Azure { source, .. } => source.kind(),
            Self::Busy { .. } => ErrorKind::Unavailable,
            Self::Paced { .. } => ErrorKind::Throttled,
        }
    }

    /// What a person can do next, where that is known.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NoAccessKey { session } => Some(set_secret(session)),
            Self::Keys { .. }
            | Self::Seed {
                source: Some(_), ..
            } => Some("unlock the keyring, or check it with `dayfly doctor`".into()),
            Self::Seed {
                session,
                source: None,
                ..
            } => Some(format!(
                "store the seed again with `dayfly secret set {} --totp`",
                shell_word(session)
            )),
            Self::NeedsMfa { session, .. } => Some(format!(
                "enter it with `dayfly respond {}`",
                shell_word(session)
            )),
            Self::SamlSignIn { session, how, .. } => Some(how.hint(session)),
            Self::NotOffered { session, .. } => Some(format!(
                "ask the operator of the identity provider for the role, sign in as another user, \
                 or change the role with `dayfly session edit {}`",
                shell_word(session)
            )),
            Self::Token { session, problem } => Some(problem.hint(session)),
            Self::Handed { session, problem } => Some(problem.hint(session)),
            Self::Anywhere { session, problem } => problem.hint(session),
            Self::CodeSpent { .. } => Some(
                "set the MFA device on the IAM user session instead of on its roles; then one code \
                 serves all"
                    .into(),
            ),
            Self::Parent { parent, .. } => Some(format!(
                "start it with `dayfly session start {}`",
                shell_word(parent)
            )),
            Self::Field { session, .. } => Some(format!(
                "fix it with `dayfly session edit {}`",
                shell_word(session)
            )),
            Self::Refused(refusal) => refusal.hint.clone(),
            Self::Unreachable { how, .. } => Some(how.hint()),
            Self::Answer { clock: true, .. } => Some(CLOCK_HINT.to_owned()),
            Self::Answer { .. } => {
                Some("check that the endpoint is the service's and not a proxy's".to_owned())
            }
            Self::Azure { source, .. } => source.hint(),
            Self::NoProvider { .. }
            | Self::WrongProvider { .. }
            | Self::Interrupted { .. }
            | Self::Busy { .. }
            | Self::Paced { .. } => None,
        }
    }

    /// What the engine is told about it.
    #[must_use]
    pub fn failure(&self) -> Failure {
        if let Self::Azure { source, .. } = self {
            return source.failure(self.to_string());
        }
        let mut failure = Failure::new(self.kind(), self.to_string());
        failure.hint = self.hint();
        match self {
            Self::Refused(refusal) => {
                failure.retry_at = refusal.retry_at;
                failure.request_id.clone_from(&refusal.request_id);
            }
            Self::Answer { request_id, .. } => failure.request_id.clone_from(request_id),
            Self::Paced { at, .. } => failure.retry_at = Some(*at),
            Self::CodeSpent { retry_at, .. } => failure.retry_at = Some(*retry_at),
            _ => {}
        }
        failure
    }
}

impl From<&ProviderError> for Failure {
    fn from(error: &ProviderError) -> Self {
        error.failure()
    }
}

fn also(asked: &Option<String>) -> String {
    asked
        .as_ref()
        .map(|asked| format!("; {asked}"))
        .unwrap_or_default()
}

fn problem(source: &Option<Box<VaultError>>) -> String {
    source.as_ref().map_or_else(
        || "the stored seed is not valid".to_owned(),
        ToString::to_string,
    )
}
