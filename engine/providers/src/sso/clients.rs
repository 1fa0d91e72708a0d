//! Clients of the two services: the sign-in service (SSO OIDC) and the portal (SSO).
//!
//! Both are called without credentials of AWS: what opens them is in the request. The SDK's own
//! settings say where they are: `AWS_ENDPOINT_URL_SSO`, `AWS_ENDPOINT_URL_SSO_OIDC`,
//! `AWS_ENDPOINT_URL` and their like in the AWS config file.

use aws_config::Region;
use aws_sdk_sso as portal;
use aws_sdk_ssooidc as oidc;
use tokio::sync::OnceCell;
use tokio::time::Instant;

use super::calls::Asked;
use super::error::SsoError;
use super::integration::{SsoIntegration, SsoSettings};
use crate::aws_sts::{self, Loaded};
use crate::http::Place;
use crate::retry::RetryTransient;
use crate::settings::Timeouts;
use crate::unreachable::Unreachable;

/// Makes clients. Connections are kept for the next call.
pub(crate) struct Clients {
    portal: Service,
    oidc: Service,
    timeouts: Timeouts,
}

struct Service {
    /// As the SDK's settings name it.
    id: &'static str,
    /// As messages name it.
    shown: &'static str,
    endpoint: Option<String>,
    loaded: OnceCell<Loaded>,
}

impl Clients {
    pub(crate) fn new(settings: &SsoSettings) -> Self {
        Self {
            portal: Service {
                id: "SSO",
                shown: "the SSO portal",
                endpoint: settings.portal_endpoint_url.clone(),
                loaded: OnceCell::new(),
            },
            oidc: Service {
                id: "SSO OIDC",
                shown: "the SSO sign-in service",
                endpoint: settings.oidc_endpoint_url.clone(),
                loaded: OnceCell::new(),
            },
            timeouts: settings.timeouts,
        }
    }

    /// A client of the portal, and what its errors say.
    pub(crate) async fn portal<'a>(
        &self,
        integration: &'a SsoIntegration,
        operation: &'static str,
    ) -> Result<(portal::Client, Asked<'a>), SsoError> {
        let loaded = self.portal.load(&self.timeouts, integration).await?;
        let config = portal::config::Builder::from(&loaded.config)
            .region(Region::new(integration.region.clone()))
            .retry_classifier(RetryTransient)
            .build();
        let asked = self.portal.asked(loaded, integration, operation);
        Ok((portal::Client::from_conf(config), asked))
    }

    /// A client of the sign-in service, and what its errors say. Nothing is tried twice: codes and
    /// refresh tokens are good for one call.
    pub(crate) async fn oidc<'a>(
        &self,
        integration: &'a SsoIntegration,
        operation: &'static str,
    ) -> Result<(oidc::Client, Asked<'a>), SsoError> {
        let loaded = self.oidc.load(&self.timeouts, integration).await?;
        let config = oidc::config::Builder::from(&loaded.config)
            .region(Region::new(integration.region.clone()))
            .retry_config(oidc::config::retry::RetryConfig::disabled())
            .build();
        let asked = self.oidc.asked(loaded, integration, operation);
        Ok((oidc::Client::from_conf(config), asked))
    }

    /// Where a browser signs in.
    ///
    /// Source: AWS CLI v2, `SSOTokenFetcherAuth`: `/authorize` at the endpoint of SSO OIDC.
    pub(crate) async fn authorize_url(
        &self,
        integration: &SsoIntegration,
    ) -> Result<String, SsoError> {
        let loaded = self.oidc.load(&self.timeouts, integration).await?;
        let endpoint = match &loaded.endpoint {
            Some(endpoint) => endpoint.trim_end_matches('/').to_owned(),
            None => {
                let region = &integration.region;
                let suffix = if region.starts_with("cn-") {
                    "amazonaws.com.cn"
                } else {
                    "amazonaws.com"
                };
                format!("https://oidc.{region}.{suffix}")
            }
        };
        Ok(format!("{endpoint}/authorize"))
    }
}

impl Service {
    async fn load(
        &self,
        timeouts: &Timeouts,
        integration: &SsoIntegration,
    ) -> Result<&Loaded, SsoError> {
        let region = &integration.region;
        // The region becomes part of a host name.
        if !aws_sts::is_plausible_region(region) {
            return Err(SsoError::Unreachable {
                service: self.shown.to_owned(),
                how: Unreachable::Request {
                    detail: format!("{region:?} is not an AWS region"),
                },
            });
        }
        let endpoint = self.endpoint.as_deref();
        let loaded = self
            .loaded
            .get_or_try_init(|| aws_sts::load(self.id, endpoint, timeouts, region));
        loaded.await.map_err(|unusable| SsoError::Unreachable {
            service: self.shown.to_owned(),
            how: Unreachable::Settings(unusable),
        })
    }

    fn asked<'a>(
        &self,
        loaded: &Loaded,
        integration: &'a SsoIntegration,
        operation: &'static str,
    ) -> Asked<'a> {
        let place = match &loaded.endpoint {
            Some(url) => Place::of(url).map_or_else(
                || "(an endpoint that is not a URL)".to_owned(),
                |place| format!("({})", place.shown),
            ),
            None => format!("in {}", integration.region),
        };
        Asked {
            integration,
            service: format!("{} {place}", self.shown),
            operation,
            started: Instant::now(),
            secrets: Vec::new(),
        }
    }
}
