//! Which providers there are, and how many calls each may have in flight.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use dayfly_core::session::SessionType;
use dayfly_vault::TemporaryCredentials;
use tokio::sync::Semaphore;

use crate::aws_iam_role_chained::AwsIamRoleChained;
use crate::aws_iam_user::AwsIamUser;
use crate::aws_sts::Sts;
use crate::errors::ProviderError;
use crate::keys::LongLivedKeys;
use crate::localstack::Localstack;
use crate::mfa::{MfaCodes, NoPerson};
use crate::provider::{BoxFuture, IssueRequest, Provider};

/// How long one call may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// Until the connection stands, TLS included.
    pub connect: Duration,
    /// Until one attempt is answered.
    pub attempt: Duration,
    /// Until the call is over, with the second attempt that some failures get.
    pub whole: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            attempt: Duration::from_secs(15),
            whole: Duration::from_secs(30),
        }
    }
}

/// Settings for the access methods of AWS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AwsSettings {
    /// The region of sessions that name none.
    pub default_region: String,
    /// Where STS is, before what the SDK's own settings say; for the demo and for tests.
    pub sts_endpoint_url: Option<String>,
    /// How long one call may take.
    pub timeouts: Timeouts,
}

impl Default for AwsSettings {
    fn default() -> Self {
        Self {
            default_region: "us-east-1".to_owned(),
            sts_endpoint_url: None,
            timeouts: Timeouts::default(),
        }
    }
}

/// What all providers are made from.
#[derive(Clone)]
pub struct ProvidersConfig {
    /// Settings for the access methods of AWS.
    pub aws: AwsSettings,
    /// How many calls each access method may have in flight.
    pub calls_in_flight_max: usize,
    /// How long a call may wait for its turn.
    pub turn: Duration,
    /// Where MFA codes come from.
    pub mfa_codes: Arc<dyn MfaCodes>,
}

impl Default for ProvidersConfig {
    fn default() -> Self {
        Self {
            aws: AwsSettings::default(),
            calls_in_flight_max: 8,
            turn: Duration::from_secs(60),
            mfa_codes: Arc::new(NoPerson),
        }
    }
}

impl fmt::Debug for ProvidersConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProvidersConfig")
            .field("aws", &self.aws)
            .field("calls_in_flight_max", &self.calls_in_flight_max)
            .field("turn", &self.turn)
            .finish_non_exhaustive()
    }
}

/// The providers of this version, by access method.
///
/// The SDK's settings are read at the first call and kept; a new `Providers` reads them again.
pub struct Providers {
    by_type: BTreeMap<SessionType, Arc<dyn Provider>>,
}

impl Providers {
    /// Makes the providers. Reads nothing and calls nobody.
    #[must_use]
    pub fn new(config: ProvidersConfig, keys: Arc<dyn LongLivedKeys>) -> Self {
        let sts = Arc::new(Sts::new(config.aws.clone()));
        let providers: [Box<dyn Provider>; 3] = [
            Box::new(AwsIamUser {
                sts: Arc::clone(&sts),
                keys,
                codes: Arc::clone(&config.mfa_codes),
            }),
            Box::new(AwsIamRoleChained {
                sts,
                codes: config.mfa_codes,
            }),
            Box::new(Localstack {
                default_region: config.aws.default_region,
            }),
        ];
        let limit = config.calls_in_flight_max.clamp(1, Semaphore::MAX_PERMITS);
        let by_type = providers
            .into_iter()
            .map(|inner| {
                let limited: Arc<dyn Provider> = Arc::new(Limited {
                    permits: Semaphore::new(limit),
                    limit,
                    turn: config.turn,
                    inner,
                });
                (limited.session_type(), limited)
            })
            .collect();
        Self { by_type }
    }

    /// The provider for an access method.
    ///
    /// # Errors
    /// This version has none for it.
    pub fn get(&self, session_type: SessionType) -> Result<&Arc<dyn Provider>, ProviderError> {
        self.by_type
            .get(&session_type)
            .ok_or(ProviderError::NoProvider { session_type })
    }

    /// Obtains credentials from the provider for the session's access method.
    ///
    /// # Errors
    /// See [`ProviderError`].
    pub async fn issue(
        &self,
        request: IssueRequest<'_>,
    ) -> Result<TemporaryCredentials, ProviderError> {
        self.get(request.session.session_type())?
            .issue(request)
            .await
    }
}

impl fmt::Debug for Providers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.by_type.keys()).finish()
    }
}

/// A provider that has a bounded number of calls in flight; the others wait in order.
struct Limited {
    inner: Box<dyn Provider>,
    permits: Semaphore,
    limit: usize,
    turn: Duration,
}

impl Provider for Limited {
    fn session_type(&self) -> SessionType {
        self.inner.session_type()
    }

    fn issue<'a>(
        &'a self,
        mut request: IssueRequest<'a>,
    ) -> BoxFuture<'a, Result<TemporaryCredentials, ProviderError>> {
        Box::pin(async move {
            let asked = tokio::time::Instant::now();
            let turn = tokio::time::timeout(self.turn, self.permits.acquire()).await;
            let Ok(Ok(_permit)) = turn else {
                return Err(ProviderError::Busy {
                    session: request.session.name.clone(),
                    session_type: self.session_type(),
                    limit: self.limit,
                    waited_seconds: self.turn.as_secs(),
                });
            };
            request.now = request.now.plus(asked.elapsed());
            self.inner.issue(request).await
        })
    }
}

#[cfg(test)]
#[path = "registry_tests.rs"]
mod tests;
