//! What is set for portals.

use std::path::PathBuf;

use dayfly_core::settings::CallRates;
use dayfly_core::time::Timestamp;

use crate::limiter::PortalPaces;
use crate::settings::Timeouts;

/// A portal that a person signs in to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SsoIntegration {
    /// What sessions refer to it by.
    pub id: String,
    /// What a person calls it.
    pub name: String,
    /// The portal's start address.
    pub portal_url: String,
    /// The region that Identity Center runs in.
    pub region: String,
    /// Name of the `[sso-session]` whose sign-in is shared, where the person names one.
    pub sso_session: Option<String>,
}

/// How the portals are called, and where sign-ins are kept.
#[derive(Clone, Debug)]
pub struct SsoSettings {
    /// Where the portal's API is, before what the SDK's own settings say.
    pub portal_endpoint_url: Option<String>,
    /// Where the sign-in service (SSO OIDC) is, likewise.
    pub oidc_endpoint_url: Option<String>,
    /// The folder of the shared sign-ins; without it `~/.aws/sso/cache`, as for the AWS CLI.
    pub cache: Option<PathBuf>,
    /// The AWS config file, before `AWS_CONFIG_FILE` and `~/.aws/config`.
    pub config_file: Option<PathBuf>,
    /// How fast the portal of each integration is called.
    pub paces: PortalPaces,
    /// How long one call may take.
    pub timeouts: Timeouts,
    /// What tells the time.
    pub clock: fn() -> Timestamp,
}

impl SsoSettings {
    /// The usual settings with this clock.
    #[must_use]
    pub fn new(clock: fn() -> Timestamp) -> Self {
        Self {
            portal_endpoint_url: None,
            oidc_endpoint_url: None,
            cache: None,
            config_file: None,
            paces: PortalPaces::new(CallRates::default().sso.into()),
            timeouts: Timeouts::default(),
            clock,
        }
    }
}
