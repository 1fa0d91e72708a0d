//! Where an endpoint has credentials from.

use std::future::Future;
use std::pin::Pin;

use dayfly_control::azure_token::{self, GivenToken};
use dayfly_control::credentials::Given;
use dayfly_control::protocol;
use dayfly_dialog::CliError;
use dayfly_runtime::Handle;

/// A future that may move between threads.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Gives credentials for sessions, by id.
pub trait Source: Send + Sync + 'static {
    /// The credentials of a session of AWS.
    fn credentials<'a>(&'a self, session: &'a str) -> BoxFuture<'a, Result<Given, CliError>>;

    /// A token of an Azure session for this resource.
    fn token<'a>(
        &'a self,
        session: &'a str,
        resource: &'a str,
    ) -> BoxFuture<'a, Result<GivenToken, CliError>>;
}

impl Source for Handle {
    fn credentials<'a>(&'a self, session: &'a str) -> BoxFuture<'a, Result<Given, CliError>> {
        Box::pin(async move {
            let issued = Handle::credentials(self, session).await;
            let issued = issued.map_err(|why| protocol::unobtained(session, why))?;
            Given::of(&issued.credentials)
        })
    }

    fn token<'a>(
        &'a self,
        session: &'a str,
        resource: &'a str,
    ) -> BoxFuture<'a, Result<GivenToken, CliError>> {
        Box::pin(azure_token::of_engine(self, session, resource))
    }
}
