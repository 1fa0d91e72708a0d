//! How long a role may have that is assumed by another session, and with what it is assumed then.
//!
//! AWS gives an hour at most where `AssumeRole` is called with temporary credentials, of a role or of
//! `GetSessionToken`; the long-lived key of an IAM user may ask for what the role's own maximum
//! allows, twelve hours at most. So a role for more than an hour is assumed with the key of its
//! parent where that is an IAM user, and cannot be had where it is anything else.
//!
//! Sources: AWS STS API reference, `AssumeRole`, `DurationSeconds`; IAM User Guide, "Methods to assume
//! a role", role chaining.

use crate::model::session::{Access, Session, SessionType};

/// The longest that temporary credentials can give a role, in seconds.
pub const CHAINED_SECONDS_MAX: u32 = 3_600;

/// With what a role is assumed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AssumedWith {
    /// The temporary credentials of its parent.
    ParentsCredentials,
    /// The long-lived key of its parent, an IAM user. What the parent showed a code for does not
    /// count then: a device's code goes into this call.
    ParentsKey,
}

/// With what a session's role is assumed whose parent is of this type.
///
/// # Errors
/// The lifetime in seconds that no way gives.
pub const fn assumed_with(session: &Session, parent: SessionType) -> Result<AssumedWith, u32> {
    let requested = match &session.access {
        Access::AwsIamRoleChained { assume, .. } => assume.duration_seconds,
        _ => None,
    };
    let seconds = match requested {
        Some(seconds) if seconds > CHAINED_SECONDS_MAX => seconds,
        _ => return Ok(AssumedWith::ParentsCredentials),
    };
    match parent {
        SessionType::AwsIamUser => Ok(AssumedWith::ParentsKey),
        SessionType::AwsIamRoleChained
        | SessionType::AwsIamRoleFederated
        | SessionType::AwsIamRoleWebIdentity
        | SessionType::AwsSsoRole
        | SessionType::Process
        | SessionType::AwsInstance
        | SessionType::AwsRolesAnywhere
        | SessionType::AwsLogin => Err(seconds),
        // An emulator may have no such rule; the other is no parent.
        SessionType::Localstack | SessionType::Azure => Ok(AssumedWith::ParentsCredentials),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::model::session::{AssumeRole, SessionId};

    fn role(seconds: Option<u32>) -> Session {
        Session {
            id: SessionId::new("role"),
            name: "role".to_owned(),
            region: None,
            access: Access::AwsIamRoleChained {
                role_arn: "arn:aws:iam::123456789012:role/r".to_owned(),
                parent: SessionId::new("parent"),
                assume: AssumeRole {
                    duration_seconds: seconds,
                    ..AssumeRole::default()
                },
            },
            named_profile: None,
            account: None,
            labels: BTreeMap::new(),
            fault: None,
        }
    }

    #[test]
    fn the_way_gives_what_was_asked_or_there_is_none() {
        use AssumedWith::{ParentsCredentials, ParentsKey};
        use SessionType as T;
        let chained = [
            T::AwsIamRoleChained,
            T::AwsIamRoleFederated,
            T::AwsIamRoleWebIdentity,
            T::AwsSsoRole,
            T::Process,
            T::AwsInstance,
            T::AwsRolesAnywhere,
            T::AwsLogin,
        ];
        for seconds in [None, Some(900), Some(3_600)] {
            for parent in chained.into_iter().chain([T::AwsIamUser, T::Localstack]) {
                let way = assumed_with(&role(seconds), parent);
                assert_eq!(way, Ok(ParentsCredentials), "{seconds:?} {parent}");
            }
        }
        for seconds in [3_601, 7_200, 43_200] {
            let session = role(Some(seconds));
            assert_eq!(assumed_with(&session, T::AwsIamUser), Ok(ParentsKey));
            // An emulator that has no such rule.
            assert_eq!(
                assumed_with(&session, T::Localstack),
                Ok(ParentsCredentials)
            );
            for parent in chained {
                assert_eq!(assumed_with(&session, parent), Err(seconds), "{parent}");
            }
        }
    }
}
