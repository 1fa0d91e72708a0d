//! Why an attempt failed.

use std::fmt;
use std::hash::Hash;

use serde::{Deserialize, Serialize};

use crate::model::time::Timestamp;

/// Why an attempt failed: small and closed, for branching. The text for a person
/// is in [`Failure`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ErrorKind {
    /// The integration wants a person to sign in.
    NeedsSignIn,
    /// A person has to enter an MFA code.
    NeedsMfa,
    /// The cloud said no.
    Denied,
    /// The cloud asked for fewer calls.
    Throttled,
    /// No connection, no answer, or no valid TLS.
    Network,
    /// The cloud answered that something on its side is broken.
    Unavailable,
    /// A field of the session, a missing secret, a wrong endpoint.
    Misconfigured,
    /// The parent session has no valid credentials.
    Parent,
    /// This machine's clock is too far from the cloud's.
    ClockSkew,
    /// The credentials could not be put into, or removed from, the provider chain.
    Delivery,
    /// Anything else.
    Other,
}

impl ErrorKind {
    /// Its name, as policies, the journal and `--json` have it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NeedsSignIn => "needs-sign-in",
            Self::NeedsMfa => "needs-mfa",
            Self::Denied => "denied",
            Self::Throttled => "throttled",
            Self::Network => "network",
            Self::Unavailable => "unavailable",
            Self::Misconfigured => "misconfigured",
            Self::Parent => "parent",
            Self::ClockSkew => "clock-skew",
            Self::Delivery => "delivery",
            Self::Other => "other",
        }
    }

    /// Whether only a person can help, so that trying again by itself is pointless.
    #[must_use]
    pub const fn needs_person(self) -> bool {
        matches!(self, Self::NeedsSignIn | Self::NeedsMfa)
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A failed attempt, for branching (`kind`) and for a person (the texts). Never
/// carries a secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Failure {
    /// What sort of failure it is.
    pub kind: ErrorKind,
    /// What happened, a sentence without a full stop.
    pub message: String,
    /// What to do next, where the reporter knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// Not to be tried again before, where the cloud said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_at: Option<Timestamp>,
    /// The cloud's id of the request, for its support.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
}

impl Failure {
    /// A failure with a kind and a sentence.
    #[must_use]
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            hint: None,
            retry_at: None,
            request_id: None,
        }
    }

    /// The same with advice on what to do next.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}
