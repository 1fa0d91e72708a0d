//! `awsLogin`: the sign-in to the AWS console that `aws login` of the AWS CLI shares.
//!
//! Source: AWS CLI user guide, "Login for AWS local development using console credentials": credentials
//! of 15 minutes, renewed for 12 hours at most, with the rights of who signed in.

use std::sync::Arc;

use dayfly_core::session::SessionType;
use dayfly_vault::TemporaryCredentials;

use crate::errors::ProviderError;
use crate::login::Logins;
use crate::provider::{BoxFuture, IssueRequest, Provider};

/// The provider for `awsLogin`.
pub(crate) struct AwsLogin {
    pub(crate) logins: Arc<Logins>,
}

impl Provider for AwsLogin {
    fn session_type(&self) -> SessionType {
        SessionType::AwsLogin
    }

    fn issue<'a>(
        &'a self,
        request: IssueRequest<'a>,
    ) -> BoxFuture<'a, Result<TemporaryCredentials, ProviderError>> {
        Box::pin(async move {
            let session = request.session;
            let Some(target) = self.logins.target(session) else {
                return Err(ProviderError::wrong_provider(session, self.session_type()));
            };
            let issued = self.logins.credentials(target, request.now).await;
            issued.map_err(|error| error.of_session(&session.name))
        })
    }
}
