//! Settings that several providers share.

use std::time::Duration;

/// How long one call may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// Until the connection stands, TLS included.
    pub connect: Duration,
    /// Until one attempt is answered.
    pub attempt: Duration,
    /// Until the call is over, with the second attempt that some failures get.
    pub whole: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            attempt: Duration::from_secs(15),
            whole: Duration::from_secs(30),
        }
    }
}

/// Settings for the access methods of AWS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AwsSettings {
    /// The region of sessions that name none.
    pub default_region: String,
    /// Where STS is, before what the SDK's own settings say; for the demo and for tests.
    pub sts_endpoint_url: Option<String>,
    /// How long one call may take.
    pub timeouts: Timeouts,
}

impl Default for AwsSettings {
    fn default() -> Self {
        Self {
            default_region: "us-east-1".to_owned(),
            sts_endpoint_url: None,
            timeouts: Timeouts::default(),
        }
    }
}
