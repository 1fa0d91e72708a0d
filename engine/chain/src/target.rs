//! What every chain target can do.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use dayfly_core::delivery::Place;
use dayfly_core::session::SessionId;
use dayfly_vault::TemporaryCredentials;

use crate::error::ChainError;

/// A place where cloud SDKs look for credentials.
pub trait Target: Send + Sync {
    /// Which one it is.
    fn place(&self) -> Place;

    /// The file, for messages.
    fn path(&self) -> &Path;

    /// Makes all these changes in one step, in their order; one result a change. A refused
    /// change leaves everything as it was and does not keep the others from being made.
    ///
    /// May block for seconds where another process holds the lock.
    fn apply(&self, changes: &[Change]) -> Vec<Result<(), ChainError>>;

    /// What the place holds of ours now, whole and as it should be; takes no lock.
    ///
    /// # Errors
    /// The place cannot be read.
    fn observe(&self) -> Result<Vec<Observed>, ChainError>;

    /// Whether the place could be written now, as far as that can be told without writing.
    ///
    /// # Errors
    /// Why it could not.
    fn writable(&self) -> Result<(), ChainError> {
        Ok(dayfly_vault::shared_file::writable(self.path())?)
    }

    /// Why credentials could not be published under some of these profiles: other programs' lines
    /// hold them. Takes no lock. A place that knows no profiles has nothing to say.
    ///
    /// # Errors
    /// The place cannot be read.
    fn blocked(&self, profiles: &BTreeSet<&str>) -> Result<Vec<(String, ChainError)>, ChainError> {
        let _ = profiles;
        Ok(Vec::new())
    }

    /// Whether the changes could change anything; takes no lock.
    ///
    /// # Errors
    /// The place cannot be read.
    fn holds_any_of(&self, changes: &[Change]) -> Result<bool, ChainError>;
}

/// A change to a chain target.
#[derive(Clone, Debug)]
pub enum Change {
    /// Put credentials there, in the place of earlier ones of the session and of whoever else
    /// of ours held the profile.
    Publish(Publication),
    /// Remove the credentials of a session; no error where there are none.
    Retract {
        /// The session.
        session: SessionId,
    },
}

impl Change {
    /// The session that it is about.
    #[must_use]
    pub const fn session(&self) -> &SessionId {
        match self {
            Self::Publish(publication) => &publication.session,
            Self::Retract { session } => session,
        }
    }
}

/// Credentials to publish.
#[derive(Clone, Debug)]
pub struct Publication {
    /// The session.
    pub session: SessionId,
    /// Its name, for messages.
    pub session_name: String,
    /// The named profile.
    pub profile: String,
    /// The credentials.
    pub credentials: Arc<TemporaryCredentials>,
    /// Sessions whose credentials go in the same step; they stay where this one is refused.
    pub displaced: Vec<SessionId>,
    /// The region that the profile is to name; the one inside the credentials is not asked.
    pub region: Option<String>,
}

/// What a chain target holds of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observed {
    /// The session.
    pub session: SessionId,
    /// The named profile.
    pub profile: String,
    /// The credentials, where the place holds them itself.
    pub credentials: Option<TemporaryCredentials>,
}
