//! What other tools read in profiles of the AWS files that the AWS CLI does not.

use super::access::{Access, No};
use super::profile::Profile;

/// The profiles as one tool reads them.
pub(crate) trait Dialect {
    /// Whether the tool keeps a long-lived key of a profile.
    fn has_key(&self, _profile: &str) -> bool {
        false
    }

    /// The profile's own way to credentials, where only the tool knows one.
    fn own(&self, _profile: &Profile<'_>) -> Option<Result<Access, No>> {
        None
    }

    /// What the tool adds to a role that another's credentials assume; whether it did.
    ///
    /// # Errors
    /// What it adds is of no use.
    fn role(&self, _profile: &Profile<'_>, _access: &mut Access) -> Result<bool, No> {
        Ok(false)
    }

    /// The profile whose keys stand in for those that a profile has not.
    fn stands_in<'a>(&self, _profile: &Profile<'a>) -> Option<&'a str> {
        None
    }
}

/// The profiles as the AWS CLI reads them.
pub(crate) struct Plain;

impl Dialect for Plain {}
