//! `awsSsoRole`: a role of AWS IAM Identity Center, by the sign-in to its portal.
//!
//! Source: IAM Identity Center portal API reference, `GetRoleCredentials`. How long the credentials
//! are good is the permission set's matter (1 to 12 h).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use dayfly_core::session::{Access, SessionType};
use dayfly_core::sso_role::account_and_role;
use dayfly_vault::TemporaryCredentials;

use crate::errors::ProviderError;
use crate::provider::{BoxFuture, IssueRequest, Provider};
use crate::sso::{Sso, SsoIntegration, Wanted};

/// The provider for `awsSsoRole`.
pub(crate) struct AwsSsoRole {
    pub(crate) sso: Arc<Sso>,
    /// By what sessions refer to them by.
    pub(crate) integrations: BTreeMap<String, SsoIntegration>,
    /// The region of sessions that name none.
    pub(crate) default_region: String,
    /// How long a call may wait for its turn.
    pub(crate) turn: Duration,
}

impl Provider for AwsSsoRole {
    fn session_type(&self) -> SessionType {
        SessionType::AwsSsoRole
    }

    fn issue<'a>(
        &'a self,
        request: IssueRequest<'a>,
    ) -> BoxFuture<'a, Result<TemporaryCredentials, ProviderError>> {
        Box::pin(async move {
            let session = request.session;
            let Access::AwsSsoRole {
                role_arn,
                integration_id,
            } = &session.access
            else {
                return Err(ProviderError::wrong_provider(session, self.session_type()));
            };
            let field = |field, problem: String| ProviderError::Field {
                session: session.name.clone(),
                field,
                problem,
            };
            let integration = self.integrations.get(integration_id).ok_or_else(|| {
                field(
                    "awsSsoConfigurationId",
                    format!("names \"{integration_id}\", which is not in the Workspace"),
                )
            })?;
            let (account, role) = account_and_role(role_arn).ok_or_else(|| {
                field("roleArn", format!("\"{role_arn}\" has no account and role"))
            })?;
            let wanted = Wanted {
                account,
                role,
                region: session.region.as_deref().unwrap_or(&self.default_region),
                turn: self.turn,
                now: request.now,
            };
            let issued = self.sso.role_credentials(integration, wanted).await;
            issued.map_err(|error| error.of_session(session))
        })
    }
}
