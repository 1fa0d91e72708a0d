//! What takes calls of providers as one.

use crate::model::rates::Rate;
use crate::model::settings::CallRates;

/// What takes calls as one: a kind of provider, and whom it counts them for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Lane {
    /// AWS STS, for the account of the caller, or for the session that calls where that is unknown.
    Sts(String),
    /// The portal of one IAM Identity Center.
    Sso(String),
    /// Microsoft Entra ID, for one tenant.
    Azure(String),
    /// IAM Roles Anywhere, for the account of the trust anchor.
    Anywhere(String),
    /// Nothing is called, or only what this machine has.
    Local,
}

impl Lane {
    /// How many calls it takes; none: as many as there are.
    pub(super) const fn rate(&self, rates: &CallRates) -> Option<Rate> {
        match self {
            Self::Sts(_) => Some(rates.sts),
            Self::Sso(_) => Some(rates.sso),
            Self::Azure(_) => Some(rates.azure),
            Self::Anywhere(_) => Some(rates.roles_anywhere),
            Self::Local => None,
        }
    }
}
