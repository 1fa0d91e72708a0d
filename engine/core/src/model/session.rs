//! The session model: what the Workspace says about one way into one cloud account.

use std::collections::BTreeMap;
use std::fmt;
use std::hash::Hash;

use serde::{Deserialize, Serialize};

pub use crate::model::failure::{ErrorKind, Failure};
pub use crate::model::roles_anywhere::RolesAnywhere;
pub use crate::model::session_id::SessionId;
use crate::model::time::Timestamp;

/// Whether temporary credentials of a session are in the provider chain.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "camelCase")]
pub enum Status {
    /// None are there.
    #[default]
    Inactive,
    /// They are being obtained, substituted or removed right now.
    Pending,
    /// They are there and have not expired.
    Active,
}

impl Status {
    /// The name that the Workspace and the command line use.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Inactive => "inactive",
            Self::Pending => "pending",
            Self::Active => "active",
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The name of an access method, without its fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum SessionType {
    /// Long-lived key of an IAM user, exchanged by STS GetSessionToken.
    AwsIamUser,
    /// A role assumed with the credentials of another session.
    AwsIamRoleChained,
    /// A role assumed with a SAML assertion.
    AwsIamRoleFederated,
    /// A role assumed with the token of a workload.
    AwsIamRoleWebIdentity,
    /// A role of AWS IAM Identity Center.
    AwsSsoRole,
    /// A subscription in Microsoft Entra ID.
    Azure,
    /// The fixed test credentials of a LocalStack.
    Localstack,
    /// What a program prints, as it does for the AWS SDKs' `credential_process`.
    Process,
    /// What this machine has of itself: of its environment, its container or its instance.
    AwsInstance,
    /// A role that IAM Roles Anywhere gives to whoever signs with a certificate's key.
    AwsRolesAnywhere,
    /// The sign-in to the AWS console that `aws login` of the AWS CLI shares.
    AwsLogin,
}

impl SessionType {
    /// Every access method, in the order of this enum.
    pub const ALL: [Self; 11] = [
        Self::AwsIamUser,
        Self::AwsIamRoleChained,
        Self::AwsIamRoleFederated,
        Self::AwsIamRoleWebIdentity,
        Self::AwsSsoRole,
        Self::Azure,
        Self::Localstack,
        Self::Process,
        Self::AwsInstance,
        Self::AwsRolesAnywhere,
        Self::AwsLogin,
    ];

    /// The value that the Workspace uses for `type`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AwsIamUser => "awsIamUser",
            Self::AwsIamRoleChained => "awsIamRoleChained",
            Self::AwsIamRoleFederated => "awsIamRoleFederated",
            Self::AwsIamRoleWebIdentity => "awsIamRoleWebIdentity",
            Self::AwsSsoRole => "awsSsoRole",
            Self::Azure => "azure",
            Self::Localstack => "localstack",
            Self::Process => "process",
            Self::AwsInstance => "awsInstance",
            Self::AwsRolesAnywhere => "awsRolesAnywhere",
            Self::AwsLogin => "awsLogin",
        }
    }

    /// The cloud that takes the credentials, as policies are told.
    #[must_use]
    pub const fn cloud(self) -> &'static str {
        match self {
            Self::AwsIamUser
            | Self::AwsIamRoleChained
            | Self::AwsIamRoleFederated
            | Self::AwsIamRoleWebIdentity
            | Self::AwsSsoRole
            | Self::Process
            | Self::AwsInstance
            | Self::AwsRolesAnywhere
            | Self::AwsLogin => "aws",
            Self::Azure => "azure",
            Self::Localstack => "localstack",
        }
    }

    /// The access method that this `type` of the Workspace names.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|t| t.as_str() == word)
    }
}

impl fmt::Display for SessionType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The fields of one access method.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Access {
    /// See [`SessionType::AwsIamUser`].
    AwsIamUser {
        /// Serial number or ARN of the user's MFA device, where one is asked for.
        mfa_device: Option<String>,
        /// Requested lifetime of the credentials in seconds.
        duration_seconds: Option<u32>,
    },
    /// See [`SessionType::AwsIamRoleChained`].
    AwsIamRoleChained {
        /// ARN of the role to assume.
        role_arn: String,
        /// The session whose credentials are used to assume it.
        parent: SessionId,
        /// What only `sts:AssumeRole` takes.
        assume: AssumeRole,
    },
    /// See [`SessionType::AwsIamRoleFederated`].
    AwsIamRoleFederated {
        /// ARN of the role to assume.
        role_arn: String,
        /// ARN of the SAML provider in IAM.
        idp_arn: String,
        /// Id of the IdP URL in the Workspace.
        idp_url_id: String,
        /// Requested lifetime of the credentials in seconds.
        duration_seconds: Option<u32>,
    },
    /// See [`SessionType::AwsIamRoleWebIdentity`].
    AwsIamRoleWebIdentity {
        /// ARN of the role to assume.
        role_arn: String,
        /// Where the token comes from, each time.
        token: TokenSource,
        /// `RoleSessionName`.
        role_session_name: Option<String>,
        /// Requested lifetime of the credentials in seconds.
        duration_seconds: Option<u32>,
    },
    /// See [`SessionType::AwsSsoRole`].
    AwsSsoRole {
        /// ARN of the role; carries the account id and the role's name.
        role_arn: String,
        /// Id of the SSO integration in the Workspace.
        integration_id: String,
    },
    /// See [`SessionType::Azure`].
    Azure {
        /// Subscription id.
        subscription_id: String,
        /// Tenant id.
        tenant_id: String,
        /// Id of the Azure integration in the Workspace.
        integration_id: Option<String>,
    },
    /// See [`SessionType::Localstack`].
    Localstack {
        /// Where the LocalStack listens.
        endpoint_url: Option<String>,
    },
    /// See [`SessionType::Process`].
    Process {
        /// The program and its arguments. No shell takes part.
        command: Vec<String>,
    },
    /// See [`SessionType::AwsInstance`].
    AwsInstance {
        /// Where it has them from; none: from its container, or else its instance.
        source: Option<InstanceSource>,
    },
    /// See [`SessionType::AwsRolesAnywhere`].
    AwsRolesAnywhere {
        /// ARN of the role.
        role_arn: String,
        /// What the service is shown and asked for.
        anywhere: Box<RolesAnywhere>,
    },
    /// See [`SessionType::AwsLogin`].
    AwsLogin {
        /// ARN of who is signed in to the console: a user, the root of an account, or a role.
        login_session: String,
    },
}

/// Where a workload's token comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenSource {
    /// A file.
    File(String),
    /// Program and arguments that print it.
    Command(Vec<String>),
    /// A variable of the engine's environment, as GitLab and others set it for a job.
    Variable(String),
    /// A service of the CI system that the engine runs in.
    Service {
        /// Which one.
        service: TokenService,
        /// Whom the token is for; none: AWS STS.
        audience: Option<String>,
    },
}

/// A CI system that gives a job a new token whenever it asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenService {
    /// GitHub Actions.
    GitHubActions,
}

impl TokenService {
    /// All of them.
    pub const ALL: [Self; 1] = [Self::GitHubActions];

    /// The word of the Workspace.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::GitHubActions => "gitHubActions",
        }
    }

    /// The service that this word names.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|service| service.as_str() == word)
    }
}

/// Where a machine has credentials of its own, by the words of the AWS config file
/// (`credential_source`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum InstanceSource {
    /// The variables of the engine's environment.
    Environment,
    /// The endpoint that ECS and EKS give a container.
    Container,
    /// The metadata service of EC2.
    Metadata,
}

impl InstanceSource {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Environment, Self::Container, Self::Metadata];

    /// The word of the AWS config file and of the Workspace.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Environment => "Environment",
            Self::Container => "EcsContainer",
            Self::Metadata => "Ec2InstanceMetadata",
        }
    }

    /// The source that this word names.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|source| source.as_str() == word)
    }
}

/// What `sts:AssumeRole` takes beside the role.
///
/// Source: AWS STS API reference, `AssumeRole`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AssumeRole {
    /// `RoleSessionName`; the engine picks one where absent.
    pub role_session_name: Option<String>,
    /// `DurationSeconds`, 900 to 43,200; what more than an hour needs is in [`crate::model::role_lifetime`].
    pub duration_seconds: Option<u32>,
    /// `ExternalId`.
    pub external_id: Option<String>,
    /// `SourceIdentity`.
    pub source_identity: Option<String>,
    /// `Policy`: an inline session policy, JSON text.
    pub session_policy: Option<String>,
    /// `Tags`.
    pub tags: BTreeMap<String, String>,
    /// `TransitiveTagKeys`.
    pub transitive_tag_keys: Vec<String>,
    /// Serial number or ARN of the MFA device that the role's trust policy asks for.
    pub mfa_device: Option<String>,
}

/// One session of the Workspace, as the person wrote it: everything but its status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// `sessionId`.
    pub id: SessionId,
    /// `sessionName`.
    pub name: String,
    /// `region`.
    pub region: Option<String>,
    /// The access method and its fields.
    pub access: Access,
    /// Name of the named profile that the credentials are published under;
    /// none for access methods that have no profile.
    pub named_profile: Option<String>,
    /// Account id, where the Workspace has it or the role ARN carries it.
    pub account: Option<String>,
    /// Labels that the person gave.
    pub labels: BTreeMap<String, String>,
    /// Why this session cannot be started as it is written, where that is so.
    pub fault: Option<String>,
}

impl Session {
    /// The name of the access method.
    #[must_use]
    pub const fn session_type(&self) -> SessionType {
        match self.access {
            Access::AwsIamUser { .. } => SessionType::AwsIamUser,
            Access::AwsIamRoleChained { .. } => SessionType::AwsIamRoleChained,
            Access::AwsIamRoleFederated { .. } => SessionType::AwsIamRoleFederated,
            Access::AwsIamRoleWebIdentity { .. } => SessionType::AwsIamRoleWebIdentity,
            Access::AwsSsoRole { .. } => SessionType::AwsSsoRole,
            Access::Azure { .. } => SessionType::Azure,
            Access::Localstack { .. } => SessionType::Localstack,
            Access::Process { .. } => SessionType::Process,
            Access::AwsInstance { .. } => SessionType::AwsInstance,
            Access::AwsRolesAnywhere { .. } => SessionType::AwsRolesAnywhere,
            Access::AwsLogin { .. } => SessionType::AwsLogin,
        }
    }

    /// The session whose credentials this one needs.
    #[must_use]
    pub const fn parent(&self) -> Option<&SessionId> {
        match &self.access {
            Access::AwsIamRoleChained { parent, .. } => Some(parent),
            _ => None,
        }
    }

    /// What a person signs in to for it, where there is such: the id of an integration or an IdP, or the ARN of
    /// who signs in to the console.
    #[must_use]
    pub fn sign_in(&self) -> Option<&str> {
        match &self.access {
            Access::AwsSsoRole { integration_id, .. } => Some(integration_id),
            Access::Azure { integration_id, .. } => integration_id.as_deref(),
            Access::AwsIamRoleFederated { idp_url_id, .. } => Some(idp_url_id),
            Access::AwsLogin { login_session } => Some(login_session),
            Access::AwsIamUser { .. }
            | Access::AwsIamRoleChained { .. }
            | Access::AwsIamRoleWebIdentity { .. }
            | Access::Localstack { .. }
            | Access::Process { .. }
            | Access::AwsInstance { .. }
            | Access::AwsRolesAnywhere { .. } => None,
        }
    }

    /// Serial number or ARN of the MFA device whose code is asked for, where one is.
    #[must_use]
    pub fn mfa_device(&self) -> Option<&str> {
        match &self.access {
            Access::AwsIamUser { mfa_device, .. } => mfa_device.as_deref(),
            Access::AwsIamRoleChained { assume, .. } => assume.mfa_device.as_deref(),
            _ => None,
        }
    }

    /// ARN of the role, for access methods that have one.
    #[must_use]
    pub fn role_arn(&self) -> Option<&str> {
        match &self.access {
            Access::AwsIamRoleChained { role_arn, .. }
            | Access::AwsIamRoleFederated { role_arn, .. }
            | Access::AwsIamRoleWebIdentity { role_arn, .. }
            | Access::AwsSsoRole { role_arn, .. }
            | Access::AwsRolesAnywhere { role_arn, .. } => Some(role_arn),
            Access::AwsIamUser { .. }
            | Access::Azure { .. }
            | Access::Localstack { .. }
            | Access::Process { .. }
            | Access::AwsInstance { .. }
            | Access::AwsLogin { .. } => None,
        }
    }
}

/// Facts about temporary credentials, without the credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Lease {
    /// When they were issued.
    pub issued_at: Timestamp,
    /// When they end; absent where they do not (LocalStack).
    pub expires_at: Option<Timestamp>,
}

impl Lease {
    /// Whether they are due for renewal: a third of their lifetime is left.
    #[must_use]
    pub fn due(&self, now: Timestamp) -> bool {
        self.expires_at
            .is_some_and(|end| end.since(now) < end.since(self.issued_at) / 3)
    }

    /// The moment from which on they are due for renewal.
    #[must_use]
    pub fn comes_to_its_end(self) -> Option<Timestamp> {
        let end = self.expires_at?;
        let left = end.since(self.issued_at) / 3;
        Some(
            self.issued_at
                .plus(end.since(self.issued_at).saturating_sub(left)),
        )
    }

    /// Whether they have ended.
    #[must_use]
    pub fn expired(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|end| end <= now)
    }
}
