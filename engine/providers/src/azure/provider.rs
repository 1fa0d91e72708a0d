//! The provider for `azure`: a session's token for the resource manager.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use dayfly_core::session::{Access, SessionId, SessionType};
use dayfly_core::time::Timestamp;
use dayfly_vault::{Material, TemporaryCredentials};

use super::tokens::{AzureTokens, Want};
use crate::errors::ProviderError;
use crate::provider::{BoxFuture, IssueRequest, Provider};

/// Sessions whose last token is remembered.
const SESSIONS: usize = 65_536;

/// The provider for `azure`.
pub(crate) struct Azure {
    tokens: Arc<AzureTokens>,
    /// When the token was issued that a session was given last: a renewal brings another one.
    given: Mutex<BTreeMap<SessionId, Timestamp>>,
}

impl Azure {
    pub(crate) fn new(tokens: Arc<AzureTokens>) -> Self {
        Self {
            tokens,
            given: Mutex::default(),
        }
    }

    fn last(&self, session: &SessionId) -> Option<Timestamp> {
        let given = self.given.lock().unwrap_or_else(PoisonError::into_inner);
        given.get(session).copied()
    }

    fn gave(&self, session: &SessionId, issued_at: Timestamp) {
        let mut given = self.given.lock().unwrap_or_else(PoisonError::into_inner);
        if given.len() >= SESSIONS {
            given.clear();
        }
        given.insert(session.clone(), issued_at);
    }
}

impl Provider for Azure {
    fn session_type(&self) -> SessionType {
        SessionType::Azure
    }

    fn issue<'a>(
        &'a self,
        request: IssueRequest<'a>,
    ) -> BoxFuture<'a, Result<TemporaryCredentials, ProviderError>> {
        Box::pin(async move {
            let session = request.session;
            let Access::Azure {
                subscription_id,
                tenant_id,
                integration_id,
            } = &session.access
            else {
                return Err(ProviderError::wrong_provider(session, self.session_type()));
            };
            let failed = |source| ProviderError::Azure {
                session: session.name.clone(),
                source: Box::new(source),
            };
            let integration = self
                .tokens
                .integration(integration_id.as_deref(), tenant_id);
            let integration = integration.map_err(failed)?;
            let resource = integration.cloud.resource_manager.clone();
            let want = Want::NewerThan(self.last(&session.id));
            let token = self
                .tokens
                .token(&integration, tenant_id, &resource, want, request.now)
                .await
                .map_err(failed)?;
            self.gave(&session.id, token.issued_at);
            Ok(TemporaryCredentials {
                lease: token.lease(),
                material: Material::Azure {
                    access_token: token.access_token.clone(),
                    resource,
                    subscription_id: subscription_id.clone(),
                    tenant_id: tenant_id.clone(),
                    environment: integration.cloud.environment.to_owned(),
                },
            })
        })
    }
}
