//! The words of the Workspace and of the contract.

use crate::ErrorKind;

/// The access methods that there were when this crate was written, by the words of the Workspace for
/// `type`. Others may come; a policy hears of them by words that are not here.
pub const METHODS: [&str; 11] = [
    "awsIamUser",
    "awsIamRoleChained",
    "awsIamRoleFederated",
    "awsIamRoleWebIdentity",
    "awsSsoRole",
    "azure",
    "localstack",
    "process",
    "awsInstance",
    "awsRolesAnywhere",
    "awsLogin",
];

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
