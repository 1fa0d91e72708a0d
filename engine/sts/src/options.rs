//! What the emulator knows.

use std::time::Duration;

use dayfly_vault::AccessKey;

/// What the emulator knows.
#[derive(Clone, Debug, Default)]
pub struct EmulatorOptions {
    /// Long-lived keys, and the ARN of the IAM user of each.
    pub users: Vec<(AccessKey, String)>,
    /// The roles that there are.
    pub roles: Vec<EmulatedRole>,
    /// Credentials live no longer than this, whatever is asked for, and the shortest lifetime
    /// that AWS allows (15 minutes) does not count; where absent, AWS's own limits hold.
    pub max_lifetime: Option<Duration>,
}

/// A role that every user and role may assume who knows its external id.
#[derive(Clone, Debug)]
pub struct EmulatedRole {
    /// Its ARN.
    pub arn: String,
    /// The external id that has to be sent, where one has to be.
    pub external_id: Option<String>,
}
