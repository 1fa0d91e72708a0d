//! Sign-in to AWS IAM Identity Center, shared with the AWS CLI.
//!
//! A person signs in by an authorization code that a browser brings to loopback (`browser`) or
//! by a code that is entered elsewhere (`device`). What comes of it stands in the AWS CLI's own
//! cache (`cache`, `token_file`), under the names that the AWS config file gives rise to
//! (`names`), so that one sign-in serves both. `keeper` hands the access token out and renews
//! it, once for any number of sessions; `portal` calls what the token is for.
//!
//! Nobody is asked for anything here, but by the two functions that begin a sign-in.

mod browser;
mod cache;
mod calls;
mod clients;
mod device;
mod error;
mod names;
mod portal;
mod register;
mod token_file;
mod token_manager;

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use dayfly_core::settings::CallRates;
use dayfly_core::time::Timestamp;

use crate::limiter::PortalPaces;
use crate::pace::Pace;
use crate::settings::Timeouts;

pub use browser::Authorization;
pub use device::Device;
pub use error::SsoError;
pub(crate) use portal::Wanted;
pub use portal::{Account, Role};
pub use token_manager::SignInStatus;

use cache::Cache;
use clients::Clients;
use token_manager::TokenManager;

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

/// Signs in to portals, keeps the sign-ins, and calls what they are for.
pub struct Sso {
    settings: SsoSettings,
    cache: Cache,
    clients: Clients,
    keepers: Mutex<BTreeMap<String, Arc<TokenManager>>>,
}

impl fmt::Debug for Sso {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sso")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

impl Sso {
    /// Reads nothing and calls nobody yet.
    #[must_use]
    pub fn new(settings: SsoSettings) -> Self {
        Self {
            cache: Cache::at(settings.cache.clone()),
            clients: Clients::new(&settings),
            keepers: Mutex::default(),
            settings,
        }
    }

    fn now(&self) -> Timestamp {
        (self.settings.clock)()
    }

    /// The one who keeps the sign-in to an integration.
    fn keeper(&self, integration: &SsoIntegration) -> Arc<TokenManager> {
        let mut keepers = self.keepers.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(keepers.entry(integration.id.clone()).or_default())
    }

    /// How fast the portal of an integration is called.
    fn pace(&self, integration: &SsoIntegration) -> Arc<Pace> {
        self.settings.paces.of(&integration.id)
    }
}
