//! SAML assertions: what they say, and where they come from.

pub(crate) mod assertion;
pub(crate) mod broker;

use dayfly_core::session::Session;
use dayfly_core::time::Timestamp;

use crate::provider::BoxFuture;
use assertion::{Assertion, AssertionError};
use dayfly_vault::helper::HelperError;
use std::sync::Arc;

/// Which assertion is asked for.
#[derive(Clone, Copy, Debug)]
pub struct AssertionRequest<'a> {
    /// The session that needs it.
    pub session: &'a Session,
    /// Id of the IdP URL in the Workspace.
    pub idp_url_id: &'a str,
    /// The time, by the clock that the engine goes by.
    pub now: Timestamp,
}

/// Why there is no assertion.
#[derive(Debug)]
pub enum NoAssertion {
    /// Nobody has signed in.
    Nobody,
    /// The sign-in command was asked and is still at it.
    Asking,
    /// It brought none.
    Command(HelperError),
    /// What it printed is none.
    Unusable(AssertionError),
}

/// Gets assertions, from a person who signs in or from a program in the person's place.
///
/// Nobody is waited for inside a request, as with [`crate::MfaCodes`].
pub trait Assertions: Send + Sync {
    /// An assertion of the IdP that is good at `request.now`, if one is at hand.
    ///
    /// # Errors
    /// [`NoAssertion`].
    fn assertion<'a>(
        &'a self,
        request: AssertionRequest<'a>,
    ) -> BoxFuture<'a, Result<Arc<Assertion>, NoAssertion>>;

    /// Forgets what STS did not take, however long it may be good yet.
    fn forget(&self, idp_url_id: &str);
}

/// No assertions: nobody signs in.
#[derive(Clone, Copy, Debug, Default)]
pub struct NobodySignsIn;

impl Assertions for NobodySignsIn {
    fn assertion<'a>(
        &'a self,
        _request: AssertionRequest<'a>,
    ) -> BoxFuture<'a, Result<Arc<Assertion>, NoAssertion>> {
        Box::pin(std::future::ready(Err(NoAssertion::Nobody)))
    }

    fn forget(&self, _idp_url_id: &str) {}
}
