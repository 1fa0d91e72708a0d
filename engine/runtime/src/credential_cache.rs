//! The credentials that are in the chain, where programs that ask for them find them without a
//! turn of the engine.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use dayfly_core::session::{Session, SessionId};
use dayfly_core::time::Timestamp;
use dayfly_vault::TemporaryCredentials;
use dayfly_workspace::Workspace;

/// How often the last use of a session is told to the engine.
const USE: Duration = Duration::from_secs(60);

/// How often a renewal is asked for, however often programs ask for credentials that are due.
const REFRESH: Duration = Duration::from_secs(2);

/// Credentials for a program.
#[derive(Clone, Debug)]
pub struct Issued {
    /// Of which session.
    pub session: SessionId,
    /// The session, as the Workspace has it.
    pub definition: Option<Arc<Session>>,
    /// The region where the session names none.
    pub default_region: Option<String>,
    /// The credentials.
    pub credentials: Arc<TemporaryCredentials>,
}

/// What is held.
#[derive(Debug, Default)]
pub(crate) struct CredentialCache(RwLock<Inner>);

#[derive(Debug, Default)]
struct Inner {
    workspace: Option<Arc<Workspace>>,
    /// What the configuration has for where the Workspace names none.
    default_region: Option<String>,
    credentials: HashMap<SessionId, Arc<TemporaryCredentials>>,
    /// When uses were last told.
    told: HashMap<SessionId, Instant>,
    /// When renewals were last asked for.
    refreshed: HashMap<SessionId, Instant>,
}

impl CredentialCache {
    /// The credentials of the session that this means, where they are held and have not ended.
    pub(crate) fn get(&self, asked: &str, now: Timestamp) -> Option<Issued> {
        let inner = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let workspace = inner.workspace.as_ref()?;
        let definition = &workspace.resolve(asked).ok()?.session;
        let credentials = inner.credentials.get(&definition.id)?;
        (!credentials.lease.expired(now)).then(|| Issued {
            session: definition.id.clone(),
            definition: Some(Arc::clone(definition)),
            default_region: workspace
                .default_region()
                .map(str::to_owned)
                .or_else(|| inner.default_region.clone()),
            credentials: Arc::clone(credentials),
        })
    }

    /// The credentials of a session.
    pub(crate) fn of(&self, session: &SessionId) -> Option<Arc<TemporaryCredentials>> {
        let inner = self.0.read().unwrap_or_else(PoisonError::into_inner);
        inner.credentials.get(session).cloned()
    }

    pub(crate) fn put(&self, session: SessionId, credentials: Arc<TemporaryCredentials>) {
        self.change(|inner| {
            inner.credentials.insert(session, credentials);
        });
    }

    pub(crate) fn remove(&self, session: &SessionId) {
        self.change(|inner| {
            inner.credentials.remove(session);
            inner.told.remove(session);
            inner.refreshed.remove(session);
        });
    }

    /// The Workspace in force.
    pub(crate) fn workspace(&self) -> Option<Arc<Workspace>> {
        let inner = self.0.read().unwrap_or_else(PoisonError::into_inner);
        inner.workspace.clone()
    }

    pub(crate) fn set_workspace(&self, workspace: Arc<Workspace>) {
        self.change(|inner| inner.workspace = Some(workspace));
    }

    /// The region where neither a session nor the Workspace names one.
    pub(crate) fn set_default_region(&self, region: Option<String>) {
        self.change(|inner| inner.default_region = region);
    }

    /// Whether this use is to be told. The clock on the wall, which may be set, has no say in it.
    pub(crate) fn note_use(&self, session: &SessionId, now: Instant) -> bool {
        {
            let inner = self.0.read().unwrap_or_else(PoisonError::into_inner);
            let told = inner.told.get(session);
            if told.is_some_and(|told| now.saturating_duration_since(*told) < USE) {
                return false;
            }
        }
        self.change(|inner| {
            inner.told.insert(session.clone(), now);
        });
        true
    }

    /// Whether renewal is to be asked for.
    pub(crate) fn note_refresh(&self, session: &SessionId, now: Instant) -> bool {
        let mut wanted = false;
        self.change(|inner| {
            let last = inner.refreshed.get(session);
            wanted = last.is_none_or(|last| now.saturating_duration_since(*last) >= REFRESH);
            if wanted {
                inner.refreshed.insert(session.clone(), now);
            }
        });
        wanted
    }

    fn change(&self, change: impl FnOnce(&mut Inner)) {
        change(&mut self.0.write().unwrap_or_else(PoisonError::into_inner));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn renewals_and_uses_are_told_again_after_their_time() {
        let held = CredentialCache::default();
        let session = SessionId::new("a");
        let begin = Instant::now();
        assert!(held.note_refresh(&session, begin));
        assert!(!held.note_refresh(&session, begin + REFRESH / 2));
        assert!(held.note_refresh(&session, begin + REFRESH));
        assert!(held.note_use(&session, begin));
        assert!(!held.note_use(&session, begin + USE / 2));
        assert!(held.note_use(&session, begin + USE));
    }
}
