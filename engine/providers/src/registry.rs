//! Which providers there are, and how many calls each may have in flight.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use dayfly_core::session::SessionType;
use dayfly_vault::TemporaryCredentials;

use crate::anywhere::AwsRolesAnywhere;
use crate::aws_iam_role_chained::AwsIamRoleChained;
use crate::aws_iam_role_federated::AwsIamRoleFederated;
use crate::aws_iam_role_web_identity::AwsIamRoleWebIdentity;
use crate::aws_iam_user::AwsIamUser;
use crate::aws_instance::AwsInstance;
use crate::aws_login::AwsLogin;
use crate::aws_sso_role::AwsSsoRole;
use crate::aws_sts::Sts;
use crate::azure::{Azure, AzureTokens};
use crate::errors::ProviderError;
use crate::keys::LongLivedKeys;
use crate::limited::Limited;
use crate::limiter::Limiter;
use crate::localstack::Localstack;
use crate::login::Logins;
use crate::mfa::{MfaCodes, NoPerson};
use crate::process::Process;
use crate::provider::{IssueRequest, Provider};
use crate::saml::{Assertions, NobodySignsIn};
use crate::settings::AwsSettings;
use crate::sso::{Sso, SsoIntegration};
use crate::token_services::TokenServices;

/// What all providers are made from.
#[derive(Clone)]
pub struct ProvidersConfig {
    /// Settings for the access methods of AWS.
    pub aws: AwsSettings,
    /// Who signs in to portals; none: sessions of such cannot be had.
    pub sso: Option<Arc<Sso>>,
    /// The portals that sessions refer to.
    pub sso_integrations: Vec<SsoIntegration>,
    /// Who signs in to the console; none: sessions of such cannot be had.
    pub logins: Option<Arc<Logins>>,
    /// How much each cloud is called; hand on the same one, so that what was called counts on.
    pub limiter: Limiter,
    /// How long a call may wait for its turn.
    pub turn: Duration,
    /// Where MFA codes come from.
    pub mfa_codes: Arc<dyn MfaCodes>,
    /// Where SAML assertions come from.
    pub assertions: Arc<dyn Assertions>,
    /// Where tokens of Entra ID come from; none: `azure` has no provider.
    pub azure: Option<Arc<AzureTokens>>,
}

impl Default for ProvidersConfig {
    fn default() -> Self {
        Self {
            aws: AwsSettings::default(),
            sso: None,
            sso_integrations: Vec::new(),
            logins: None,
            limiter: Limiter::default(),
            turn: Duration::from_secs(60),
            mfa_codes: Arc::new(NoPerson),
            assertions: Arc::new(NobodySignsIn),
            azure: None,
        }
    }
}

impl fmt::Debug for ProvidersConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProvidersConfig")
            .field("aws", &self.aws)
            .field("limiter", &self.limiter)
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
        let mut providers: Vec<Box<dyn Provider>> = vec![
            Box::new(AwsRolesAnywhere::new(&config.aws, Arc::clone(&keys))),
            Box::new(AwsIamUser {
                sts: Arc::clone(&sts),
                keys: Arc::clone(&keys),
                codes: Arc::clone(&config.mfa_codes),
            }),
            Box::new(AwsIamRoleChained {
                sts: Arc::clone(&sts),
                keys,
                codes: config.mfa_codes,
            }),
            Box::new(AwsIamRoleFederated {
                sts: Arc::clone(&sts),
                assertions: config.assertions,
            }),
            Box::new(AwsIamRoleWebIdentity {
                sts: Arc::clone(&sts),
                services: TokenServices::new(&config.aws.timeouts),
            }),
            Box::new(Process {
                sts: Arc::clone(&sts),
            }),
            Box::new(AwsInstance::new(sts, &config.aws.timeouts)),
            Box::new(Localstack {
                default_region: config.aws.default_region.clone(),
            }),
        ];
        if let Some(logins) = config.logins {
            providers.push(Box::new(AwsLogin { logins }));
        }
        if let Some(tokens) = config.azure {
            providers.push(Box::new(Azure::new(tokens)));
        }
        if let Some(sso) = config.sso {
            let by_id = |one: SsoIntegration| (one.id.clone(), one);
            providers.push(Box::new(AwsSsoRole {
                sso,
                integrations: config.sso_integrations.into_iter().map(by_id).collect(),
                default_region: config.aws.default_region,
                turn: config.turn,
            }));
        }
        let limiter = &config.limiter;
        let by_type = providers
            .into_iter()
            .map(|inner| {
                let kind = inner.session_type();
                let (places, pace) = (limiter.places(kind), limiter.pace(kind));
                let limited: Arc<dyn Provider> =
                    Arc::new(Limited::new(inner, places, config.turn, pace));
                (kind, limited)
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

#[cfg(test)]
#[path = "registry_tests.rs"]
mod tests;
