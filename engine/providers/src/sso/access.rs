//! What signs in to portals is made of; the files beside this one do it.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use dayfly_core::time::Timestamp;

use super::cache::Cache;
use super::clients::Clients;
use super::held::TokenManager;
use super::integration::{SsoIntegration, SsoSettings};
use crate::pace::Pace;

/// Signs in to portals, keeps the sign-ins, and calls what they are for.
pub struct Sso {
    pub(super) settings: SsoSettings,
    pub(super) cache: Cache,
    pub(super) clients: Clients,
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

    pub(super) fn now(&self) -> Timestamp {
        (self.settings.clock)()
    }

    /// The one who keeps the sign-in to an integration.
    pub(super) fn keeper(&self, integration: &SsoIntegration) -> Arc<TokenManager> {
        let mut keepers = self.keepers.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(keepers.entry(integration.id.clone()).or_default())
    }

    /// How fast the portal of an integration is called.
    pub(super) fn pace(&self, integration: &SsoIntegration) -> Arc<Pace> {
        self.settings.paces.of(&integration.id)
    }
}
