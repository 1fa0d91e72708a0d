//! The words of the Workspace and of the contract for its enums.

use core::fmt;

use crate::{ErrorKind, SessionType};

impl SessionType {
    /// Every access method, in the order of the contract.
    pub const ALL: [Self; 7] = [
        Self::AwsIamUser,
        Self::AwsIamRoleChained,
        Self::AwsIamRoleFederated,
        Self::AwsIamRoleWebIdentity,
        Self::AwsSsoRole,
        Self::Azure,
        Self::Localstack,
    ];

    /// The word that the Workspace uses for `type`.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::AwsIamUser => "awsIamUser",
            Self::AwsIamRoleChained => "awsIamRoleChained",
            Self::AwsIamRoleFederated => "awsIamRoleFederated",
            Self::AwsIamRoleWebIdentity => "awsIamRoleWebIdentity",
            Self::AwsSsoRole => "awsSsoRole",
            Self::Azure => "azure",
            Self::Localstack => "localstack",
        }
    }

    /// The access method that this word of the Workspace names.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|t| t.word() == word)
    }
}

impl ErrorKind {
    /// Every kind, in the order of the contract.
    pub const ALL: [Self; 10] = [
        Self::NeedsSignIn,
        Self::NeedsMfa,
        Self::Denied,
        Self::Throttled,
        Self::Network,
        Self::Unavailable,
        Self::Misconfigured,
        Self::Parent,
        Self::Delivery,
        Self::Other,
    ];

    /// The word of the contract.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::NeedsSignIn => "needs-sign-in",
            Self::NeedsMfa => "needs-mfa",
            Self::Denied => "denied",
            Self::Throttled => "throttled",
            Self::Network => "network",
            Self::Unavailable => "unavailable",
            Self::Misconfigured => "misconfigured",
            Self::Parent => "parent",
            Self::Delivery => "delivery",
            Self::Other => "other",
        }
    }
}

impl fmt::Display for SessionType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}
