//! `localstack`: the fixed test credentials of a LocalStack. No call is made.
//!
//! Source: LocalStack's documentation, "Credentials": any access key works, `test` and `test`
//! are the ones that its examples and its tools use.

use dayfly_core::session::{Access, Lease, SessionType};
use dayfly_vault::{Material, SecretString, TemporaryCredentials};

use crate::errors::ProviderError;
use crate::provider::{BoxFuture, IssueRequest, Provider};

/// Both halves of the key.
const TEST: &str = "test";

/// The provider for `localstack`.
#[derive(Debug)]
pub(crate) struct Localstack {
    /// The region of sessions that name none.
    pub(crate) default_region: String,
}

impl Provider for Localstack {
    fn session_type(&self) -> SessionType {
        SessionType::Localstack
    }

    fn issue<'a>(
        &'a self,
        request: IssueRequest<'a>,
    ) -> BoxFuture<'a, Result<TemporaryCredentials, ProviderError>> {
        let session = request.session;
        let answer = if matches!(session.access, Access::Localstack { .. }) {
            Ok(TemporaryCredentials {
                lease: Lease {
                    issued_at: request.now,
                    expires_at: None,
                },
                material: Material::Aws {
                    access_key_id: TEST.to_owned(),
                    secret_access_key: SecretString::from(TEST.to_owned()),
                    session_token: None,
                    region: Some(
                        session
                            .region
                            .clone()
                            .unwrap_or_else(|| self.default_region.clone()),
                    ),
                },
            })
        } else {
            Err(ProviderError::wrong_provider(session, self.session_type()))
        };
        Box::pin(std::future::ready(answer))
    }
}
