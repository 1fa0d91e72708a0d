//! Endpoints on loopback: programs that ask again and again keep working across rotations.

mod answer;
mod authorization;
mod container;
pub(crate) mod follow;
mod identity;
pub(crate) mod imds;
pub(crate) mod peer;
pub(crate) mod refusals;
pub(crate) mod server;
pub(crate) mod source;
pub(crate) mod tokens;

use std::sync::{Mutex, MutexGuard, PoisonError};

use dayfly_dialog::{CliError, Code};

use self::imds::{Identity, Metadata};
use self::server::Endpoint;

/// All that a running engine listens on for programs.
#[derive(Debug)]
pub(crate) struct Endpoints {
    /// Container credentials.
    pub(crate) endpoint: Endpoint,
    metadata: Mutex<Option<Opened>>,
}

/// A metadata service and the id of its session, or why there is none.
pub(crate) type Opened = Result<(String, Metadata), CliError>;

impl Endpoints {
    pub(crate) const fn new(endpoint: Endpoint) -> Self {
        Self {
            endpoint,
            metadata: Mutex::new(None),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Opened>> {
        self.metadata.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on this is the metadata service; the one before is closed.
    pub(crate) fn set_metadata(&self, opened: Option<Opened>) {
        *self.lock() = opened;
    }

    /// The metadata service that is open shows this from now on.
    pub(crate) fn show_metadata(&self, identity: &Identity) {
        if let Some(Ok((id, metadata))) = &mut *self.lock() {
            id.clone_from(&identity.session);
            metadata.show(identity.clone());
        }
    }

    /// The address of the metadata service, where it is this session's.
    pub(crate) fn metadata(&self, session: &str) -> Result<String, CliError> {
        let mend = "say [imds] session = \"NAME\" in dayfly.toml, or use \
                    `dayfly exec SESSION --imds -- CMD`";
        match &*self.lock() {
            Some(Ok((id, metadata))) if id == session => Ok(metadata.url()),
            Some(Ok(_)) => {
                let message = "the metadata endpoint of the running Dayfly is another session's";
                Err(CliError::new(Code::NotFound, message).hint(mend))
            }
            Some(Err(trouble)) => Err(trouble.clone()),
            None => {
                let message = "the running Dayfly has no metadata endpoint";
                Err(CliError::new(Code::NotFound, message).hint(mend))
            }
        }
    }
}
