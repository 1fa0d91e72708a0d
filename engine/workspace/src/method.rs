//! Which fields each access method needs and takes.

use dayfly_core::session::SessionType;

/// The fields of one access method, beside [`SEED`], `labels` and, where it has a named profile,
/// `delivery`.
pub(crate) struct Method {
    pub(crate) kind: SessionType,
    pub(crate) required: &'static [&'static str],
    pub(crate) optional: &'static [&'static str],
    /// The least and the most of `durationSeconds`; none where the method has no such wish.
    pub(crate) duration: Option<(u32, u32)>,
}

/// The fields that every session may have, in the order that they are written in.
pub(crate) const SEED: [&str; 7] = [
    "sessionId",
    "sessionName",
    "status",
    "startDateTime",
    "region",
    "type",
    "sessionTokenExpiration",
];

/// The fields that every session must have.
pub(crate) const SEED_REQUIRED: [&str; 3] = ["sessionId", "sessionName", "type"];

/// Bounds of `DurationSeconds` (AWS STS API reference): GetSessionToken.
const SESSION_TOKEN_SECONDS: (u32, u32) = (900, 129_600);
/// AssumeRole, AssumeRoleWithSAML and AssumeRoleWithWebIdentity: as much as the role allows. Where a
/// role assumes a role it is an hour at most, which STS says itself: a user's session is none.
const ROLE_SECONDS: (u32, u32) = (900, 43_200);

const METHODS: [Method; 11] = [
    Method {
        kind: SessionType::AwsIamUser,
        required: &[],
        optional: &[
            "profileId",
            "profileName",
            "mfaDevice",
            "awsAccount",
            "durationSeconds",
            "rotateKeyDays",
        ],
        duration: Some(SESSION_TOKEN_SECONDS),
    },
    Method {
        kind: SessionType::AwsIamRoleChained,
        required: &["roleArn", "parentSessionId"],
        optional: &[
            "profileId",
            "profileName",
            "roleSessionName",
            "mfaDevice",
            "awsAccount",
            "durationSeconds",
            "externalId",
            "sourceIdentity",
            "sessionPolicy",
            "tags",
            "transitiveTagKeys",
        ],
        duration: Some(ROLE_SECONDS),
    },
    Method {
        kind: SessionType::AwsIamRoleFederated,
        required: &["roleArn", "idpArn", "idpUrlId"],
        optional: &["profileId", "profileName", "awsAccount", "durationSeconds"],
        duration: Some(ROLE_SECONDS),
    },
    Method {
        kind: SessionType::AwsIamRoleWebIdentity,
        required: &["roleArn"],
        optional: &[
            "profileId",
            "profileName",
            "roleSessionName",
            "tokenFile",
            "tokenCommand",
            "tokenVariable",
            "tokenService",
            "tokenAudience",
            "awsAccount",
            "durationSeconds",
        ],
        duration: Some(ROLE_SECONDS),
    },
    Method {
        kind: SessionType::AwsSsoRole,
        required: &["roleArn", "awsSsoConfigurationId"],
        optional: &["profileId", "profileName", "email", "awsAccount"],
        duration: None,
    },
    Method {
        kind: SessionType::Azure,
        required: &["subscriptionId", "tenantId"],
        optional: &["azureIntegrationId"],
        duration: None,
    },
    Method {
        kind: SessionType::Localstack,
        required: &[],
        optional: &["profileId", "profileName", "endPointUrl"],
        duration: None,
    },
    Method {
        kind: SessionType::Process,
        required: &["command"],
        optional: &["profileId", "profileName", "awsAccount"],
        duration: None,
    },
    Method {
        kind: SessionType::AwsInstance,
        required: &[],
        optional: &["profileId", "profileName", "credentialSource", "awsAccount"],
        duration: None,
    },
    Method {
        kind: SessionType::AwsRolesAnywhere,
        required: &["roleArn", "profileArn", "trustAnchorArn", "certificate"],
        optional: &[
            "profileId",
            "profileName",
            "privateKey",
            "certificateChain",
            "pkcs11Module",
            "roleSessionName",
            "awsAccount",
            "durationSeconds",
        ],
        duration: Some(ROLE_SECONDS),
    },
    Method {
        kind: SessionType::AwsLogin,
        required: &["loginSession"],
        optional: &["profileId", "profileName", "awsAccount"],
        duration: None,
    },
];

impl Method {
    pub(crate) fn all() -> impl Iterator<Item = &'static Self> {
        METHODS.iter()
    }

    pub(crate) fn of(kind: SessionType) -> Option<&'static Self> {
        METHODS.iter().find(|m| m.kind == kind)
    }

    /// Whether credentials of this method go anywhere by themselves.
    fn is_delivered(&self) -> bool {
        self.optional.contains(&"profileName") || self.kind == SessionType::Azure
    }

    /// Whether sessions of this method have a use for the field.
    pub(crate) fn takes(&self, field: &str) -> bool {
        SEED.contains(&field)
            || field == "labels"
            || (field == "delivery" && self.is_delivered())
            || self.required.contains(&field)
            || self.optional.contains(&field)
    }
}

/// Whether sessions of this access method have a use for this field of the Workspace file.
#[must_use]
pub fn takes(kind: SessionType, field: &str) -> bool {
    Method::of(kind).is_some_and(|method| method.takes(field))
}

/// The fields that a session of this access method cannot do without.
#[must_use]
pub fn requires(kind: SessionType) -> &'static [&'static str] {
    Method::of(kind).map_or(&[], |method| method.required)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_access_method_has_its_fields() {
        for kind in SessionType::ALL {
            assert!(Method::of(kind).is_some(), "{kind}");
        }
    }
}
