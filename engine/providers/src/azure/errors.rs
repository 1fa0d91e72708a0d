//! Why there is no token.

use std::sync::Arc;

use dayfly_core::session::{ErrorKind, Failure};
use dayfly_core::text::shell_word;
use dayfly_core::time::Timestamp;
use dayfly_vault::VaultError;

use crate::unreachable::Unreachable;

/// Why an integration has no token. Carries no secret, in no representation.
#[derive(Clone, Debug, thiserror::Error)]
pub enum AzureError {
    /// The session names an integration that the Workspace has not.
    #[error("the Workspace has no Azure integration \"{0}\"")]
    NoIntegration(String),
    /// Nobody has signed in yet.
    #[error("you are not signed in to integration \"{0}\"")]
    NotSignedIn(String),
    /// A secret that the integration needs is not kept.
    #[error("the vault does not have {what} of integration \"{integration}\"")]
    NoSecret {
        /// The integration's name.
        integration: String,
        /// Which secret.
        what: &'static str,
    },
    /// A field of the integration cannot be used.
    #[error("integration \"{integration}\": {problem}")]
    Misconfigured {
        /// The integration's name.
        integration: String,
        /// What is wrong.
        problem: String,
        /// What to do.
        hint: Option<String>,
    },
    /// The service answered, and said no.
    #[error("{sentence}")]
    Refused {
        /// What sort of failure it is.
        kind: ErrorKind,
        /// Entra's code (`AADSTS…`, or OAuth's word), or `HTTP` and the status.
        code: String,
        /// What happened.
        sentence: String,
        /// What to do next.
        hint: Option<String>,
        /// Not to be tried again before.
        retry_at: Option<Timestamp>,
        /// Entra's trace and correlation ids.
        request_id: Option<String>,
    },
    /// The service could not be asked.
    #[error("{service} {how}")]
    Unreachable {
        /// The service and where it was looked for.
        service: String,
        /// What happened.
        how: Unreachable,
    },
    /// The service answered with something that cannot be used.
    #[error("{service} answered {problem}")]
    Odd {
        /// The service and where it is.
        service: String,
        /// What is wrong with the answer.
        problem: &'static str,
        /// The service's id of the request.
        request_id: Option<String>,
    },
    /// The vault cannot be used.
    #[error("Dayfly cannot use the secrets of integration \"{integration}\": {source}")]
    Secrets {
        /// The integration's name.
        integration: String,
        /// Why not.
        source: Arc<VaultError>,
    },
    /// The Azure CLI gave no token.
    #[error("the Azure CLI gave no token: {problem}")]
    AzureCli {
        /// What it said.
        problem: String,
        /// Whether somebody has to sign in there.
        needs_sign_in: bool,
    },
    /// A task of this process ended before it answered.
    #[error("the call for integration \"{0}\" ended without an answer")]
    Interrupted(String),
}

impl AzureError {
    /// What sort of failure it is.
    #[must_use]
    pub const fn kind(&self) -> ErrorKind {
        match self {
            Self::NotSignedIn(_) => ErrorKind::NeedsSignIn,
            Self::NoIntegration(_)
            | Self::NoSecret { .. }
            | Self::Misconfigured { .. }
            | Self::Secrets { .. }
            | Self::Unreachable {
                how: Unreachable::Request { .. } | Unreachable::Settings(_),
                ..
            } => ErrorKind::Misconfigured,
            Self::Refused { kind, .. } => *kind,
            Self::Unreachable { .. } => ErrorKind::Network,
            Self::Odd { .. } => ErrorKind::Unavailable,
            Self::AzureCli { needs_sign_in, .. } => match needs_sign_in {
                true => ErrorKind::NeedsSignIn,
                false => ErrorKind::Other,
            },
            Self::Interrupted(_) => ErrorKind::Other,
        }
    }

    /// What a person can do next, where that is known.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NoIntegration(_) => Some(
                "add it with `dayfly integration add`, or correct azureIntegrationId".to_owned(),
            ),
            Self::NotSignedIn(integration) => Some(login(integration)),
            Self::NoSecret { integration, .. } => Some(format!(
                "store it with `dayfly integration login {}`",
                shell_word(integration)
            )),
            Self::Misconfigured { hint, .. } | Self::Refused { hint, .. } => hint.clone(),
            Self::Unreachable { how, .. } => Some(reach(how)),
            Self::Odd { .. } => {
                Some("check that the address is the service's and not a proxy's".to_owned())
            }
            Self::Secrets { .. } => {
                Some("unlock the keyring, or check it with `dayfly doctor`".to_owned())
            }
            Self::AzureCli {
                needs_sign_in: true,
                ..
            } => Some("sign in with `az login`".to_owned()),
            Self::AzureCli { .. } => {
                Some("check if `az account get-access-token` works".to_owned())
            }
            Self::Interrupted(_) => None,
        }
    }

    /// The service's id of the request.
    #[must_use]
    pub fn request_id(&self) -> Option<&str> {
        match self {
            Self::Refused { request_id, .. } | Self::Odd { request_id, .. } => {
                request_id.as_deref()
            }
            _ => None,
        }
    }

    /// When the service wants to be asked again.
    #[must_use]
    pub const fn retry_at(&self) -> Option<Timestamp> {
        match self {
            Self::Refused { retry_at, .. } => *retry_at,
            _ => None,
        }
    }

    /// What the engine is told about it.
    #[must_use]
    pub fn failure(&self, message: String) -> Failure {
        let mut failure = Failure::new(self.kind(), message);
        failure.hint = self.hint();
        failure.retry_at = self.retry_at();
        failure.request_id = self.request_id().map(str::to_owned);
        failure
    }
}

/// The command that signs in.
pub(crate) fn login(integration: &str) -> String {
    format!(
        "sign in with `dayfly integration login {}`",
        shell_word(integration)
    )
}

fn reach(how: &Unreachable) -> String {
    let hint = match how {
        Unreachable::Name => "check the network, and the integration's cloud and authorityHost",
        Unreachable::ConnectionRefused | Unreachable::Request { .. } => {
            "check the network and the addresses (authorityHost, resourceManagerUrl, \
             AZURE_AUTHORITY_HOST)"
        }
        Unreachable::Connection { .. }
        | Unreachable::Timeout
        | Unreachable::Tls { .. }
        | Unreachable::Settings(_) => return how.hint(),
    };
    hint.to_owned()
}
