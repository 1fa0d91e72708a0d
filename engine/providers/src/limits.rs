//! How much each cloud may be called.

use dayfly_core::rates;
use dayfly_core::session::SessionType;
use dayfly_core::settings::CallRates;

use crate::pace::Rate;

/// How much a cloud is called.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limit {
    /// How fast.
    pub rate: Rate,
    /// How many calls of one access method at once; none: as many as for all.
    pub calls_in_flight: Option<usize>,
}

/// How much each cloud is called.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    /// STS.
    pub sts: Limit,
    /// The portal of each integration with IAM Identity Center.
    pub sso: Limit,
    /// Entra ID.
    pub azure: Limit,
    /// IAM Roles Anywhere.
    pub roles_anywhere: Limit,
}

impl Default for Limits {
    fn default() -> Self {
        Self::at(&CallRates::default())
    }
}

impl Limits {
    /// Each cloud at its rate; as many calls at once as for all.
    #[must_use]
    pub fn at(rates: &CallRates) -> Self {
        let limit = |rate: rates::Rate| Limit {
            rate: rate.into(),
            calls_in_flight: None,
        };
        Self {
            sts: limit(rates.sts),
            sso: limit(rates.sso),
            azure: limit(rates.azure),
            roles_anywhere: limit(rates.roles_anywhere),
        }
    }

    /// The limit for an access method; none where nothing is called.
    pub(crate) const fn of(&self, kind: SessionType) -> Option<&Limit> {
        match kind {
            SessionType::AwsIamUser
            | SessionType::AwsIamRoleChained
            | SessionType::AwsIamRoleFederated
            | SessionType::AwsIamRoleWebIdentity => Some(&self.sts),
            SessionType::AwsSsoRole => Some(&self.sso),
            SessionType::Azure => Some(&self.azure),
            SessionType::AwsRolesAnywhere => Some(&self.roles_anywhere),
            SessionType::Localstack
            | SessionType::Process
            | SessionType::AwsInstance
            | SessionType::AwsLogin => None,
        }
    }
}
