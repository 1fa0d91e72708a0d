//! Endpoints on loopback, and the environment in which programs find them: those that ask again and again
//! keep working across rotations. What is served comes from a [`source::Source`].

mod answer;
mod authorization;
pub mod azure_environment;
mod container;
pub mod endpoint;
pub mod environment;
pub mod follow;
mod forms;
pub mod hiding;
mod identity;
pub mod imds;
pub mod refusals;
pub mod server;
pub mod source;
pub mod tokens;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use dayfly_control::protocol::{Access, By};
use dayfly_dialog::{CliError, Code};

use crate::endpoint::Endpoint;
use crate::imds::{Identity, Metadata};

/// All that a running engine listens on for programs.
#[derive(Debug)]
pub struct Endpoints {
    /// Container credentials.
    pub endpoint: Endpoint,
    metadata: Mutex<Option<Opened>>,
}

/// A metadata service and the id of its session, or why there is none.
pub type Opened = Result<(String, Metadata), CliError>;

impl Endpoints {
    /// The endpoint for containers, without a metadata service yet.
    pub const fn new(endpoint: Endpoint) -> Self {
        Self {
            endpoint,
            metadata: Mutex::new(None),
        }
    }

    /// Takes no more connections, which then wait for the process after this one, and gives those that talk this long
    /// to end.
    pub async fn hand_over(&self, patience: Duration) {
        let metadata = match &*self.lock() {
            Some(Ok((_, metadata))) => Some(metadata.listening()),
            _ => None,
        };
        match metadata {
            Some(metadata) => {
                tokio::join!(
                    self.endpoint.hand_over(patience),
                    metadata.hand_over(patience)
                );
            }
            None => self.endpoint.hand_over(patience).await,
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
    pub fn metadata(&self, session: &str) -> Result<String, CliError> {
        let mend = "set [imds] session = \"NAME\" in dayfly.toml, or use `dayfly exec SESSION \
                    --imds -- CMD`";
        match &*self.lock() {
            Some(Ok((id, metadata))) if id == session => Ok(metadata.url()),
            Some(Ok(_)) => {
                let message =
                    "the metadata endpoint of the running engine belongs to another session";
                Err(CliError::new(Code::NotFound, message).hint(mend))
            }
            Some(Err(trouble)) => Err(trouble.clone()),
            None => {
                let message = "the running engine has no metadata endpoint";
                Err(CliError::new(Code::NotFound, message).hint(mend))
            }
        }
    }
}

impl dayfly_control::server::Endpoints for Endpoints {
    fn access(&self, session: &str, by: By, renew: bool) -> Result<Access, CliError> {
        let tokens = self.endpoint.tokens();
        if renew {
            tokens.renew(session)?;
        }
        let container = || self.endpoint.url(session);
        Ok(match by {
            By::Token => Access {
                url: container(),
                token: Some(tokens.token(session)?.expose().to_owned()),
                token_file: None,
            },
            By::TokenFile => Access {
                url: container(),
                token: None,
                token_file: Some(tokens.file(session)?),
            },
            By::Azure => Access {
                url: self.endpoint.identity_url(session),
                token: Some(tokens.token(session)?.expose().to_owned()),
                token_file: None,
            },
            By::Imds => Access {
                url: self.metadata(session)?,
                token: None,
                token_file: None,
            },
        })
    }
}
