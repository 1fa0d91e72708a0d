//! The trait that every access method implements.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use dayfly_core::session::{Session, SessionType};
use dayfly_core::time::Timestamp;
use dayfly_vault::TemporaryCredentials;

use crate::errors::ProviderError;

/// A future that may move between threads.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What a provider is asked for.
#[derive(Clone, Debug)]
pub struct IssueRequest<'a> {
    /// The session to obtain credentials for.
    pub session: &'a Session,
    /// The credentials of the session that this one names as its parent, where it has one.
    pub parent: Option<Arc<TemporaryCredentials>>,
    /// The session that it names as its parent, where it has one.
    pub parent_session: Option<&'a Session>,
    /// The time, by the clock that the engine goes by.
    pub now: Timestamp,
}

/// Obtains temporary credentials by one access method.
pub trait Provider: Send + Sync {
    /// The access method.
    fn session_type(&self) -> SessionType;

    /// Obtains credentials that have not expired at `request.now`.
    ///
    /// Ends within the timeouts that it was configured with. Dropping the future abandons the
    /// call.
    fn issue<'a>(
        &'a self,
        request: IssueRequest<'a>,
    ) -> BoxFuture<'a, Result<TemporaryCredentials, ProviderError>>;
}
