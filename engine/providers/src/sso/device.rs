//! Sign-in by a code that a person enters in a browser anywhere.
//!
//! Source: RFC 8628: the pace of asking (3.2, 3.5) and the answers while the person is at it.

use std::fmt;
use std::time::Duration;

use aws_sdk_ssooidc::operation::create_token::CreateTokenError;
use dayfly_core::session::ErrorKind;
use dayfly_vault::SecretString;
use tokio::time::Instant;

use super::access::Sso;
use super::error::SsoError;
use super::integration::SsoIntegration;
use super::names::Names;
use super::register::Way;
use super::token_file::Client;
use super::token_manager::SignInStatus;

/// How often the service is asked where it does not say it, and how much slower it is asked each
/// time that it finds that too often.
const INTERVAL: Duration = Duration::from_secs(5);
/// The slowest and the fastest that the service may make us ask.
const INTERVALS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));
/// The longest that a person may take.
const PATIENCE_MAX: Duration = Duration::from_secs(3_600);
const GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// A sign-in that a person is to confirm elsewhere.
pub struct Device {
    integration: SsoIntegration,
    names: Names,
    client: Client,
    device_code: SecretString,
    interval: Duration,
    gives_up: Instant,
    /// What the person enters.
    pub user_code: String,
    /// Where.
    pub page: String,
    /// The same page with the code filled in already.
    pub page_with_code: String,
    /// How long the code is good.
    pub good_for: Duration,
}

impl fmt::Debug for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Device")
            .field("integration", &self.integration.name)
            .field("good_for", &self.good_for)
            .finish_non_exhaustive()
    }
}

impl Sso {
    /// Begins a sign-in by code.
    ///
    /// # Errors
    /// The service cannot be asked, or says no.
    pub async fn device(&self, integration: &SsoIntegration) -> Result<Device, SsoError> {
        let names = Names::of(integration, &self.settings).await?;
        let client = self.client(integration, &names, Way::Device, false).await?;
        match self.begin_device(integration, &names, client).await {
            // The service may have forgotten the client before its time.
            Err(error) if error.is_not_accepted() => {
                let client = self.client(integration, &names, Way::Device, true).await?;
                self.begin_device(integration, &names, client).await
            }
            begun => begun,
        }
    }

    async fn begin_device(
        &self,
        integration: &SsoIntegration,
        names: &Names,
        client: Client,
    ) -> Result<Device, SsoError> {
        let (oidc, mut asked) = self
            .clients
            .oidc(integration, "StartDeviceAuthorization")
            .await?;
        asked.secrets.push(client.secret.clone());
        let begun = Instant::now();
        let answer = oidc
            .start_device_authorization()
            .client_id(&client.id)
            .client_secret(client.secret.expose())
            .start_url(&names.home().start_url)
            .send()
            .await
            .map_err(|error| asked.refused(&error, self.now()))?;
        let good_for = Duration::from_secs(u64::try_from(answer.expires_in).unwrap_or(0));
        let interval = match u64::try_from(answer.interval).unwrap_or(0) {
            0 => INTERVAL,
            seconds => Duration::from_secs(seconds).clamp(INTERVALS.0, INTERVALS.1),
        };
        match (
            answer.device_code,
            answer.user_code,
            answer.verification_uri,
        ) {
            (Some(device_code), Some(user_code), Some(page)) if is_page(&page) => Ok(Device {
                integration: integration.clone(),
                names: names.clone(),
                client,
                device_code: SecretString::from(device_code),
                interval,
                gives_up: begun + good_for.min(PATIENCE_MAX),
                user_code,
                page_with_code: answer
                    .verification_uri_complete
                    .filter(|page| is_page(page))
                    .unwrap_or_else(|| page.clone()),
                page,
                good_for,
            }),
            _ => Err(asked.answered("without a code".to_owned(), false, None)),
        }
    }

    /// Waits until the person has confirmed the code; the sign-in is kept for all who share it.
    ///
    /// # Errors
    /// The person said no or took too long, or the sign-in cannot be kept.
    pub async fn confirmed(&self, device: Device) -> Result<SignInStatus, SsoError> {
        let Device {
            integration,
            names,
            client,
            device_code,
            mut interval,
            gives_up,
            ..
        } = device;
        loop {
            if Instant::now() + interval > gives_up {
                return Err(SsoError::NotCompleted {
                    integration: integration.name,
                    why: "you did not confirm the code in time",
                });
            }
            tokio::time::sleep(interval).await;
            let (oidc, mut asked) = self.clients.oidc(&integration, "CreateToken").await?;
            asked
                .secrets
                .extend([client.secret.clone(), device_code.clone()]);
            let answer = oidc
                .create_token()
                .client_id(&client.id)
                .client_secret(client.secret.expose())
                .grant_type(GRANT)
                .device_code(device_code.expose())
                .send()
                .await;
            let error = match answer {
                Ok(answer) => {
                    let home = &names.home().start_url;
                    let sign_in = self.signed_in(&asked, &client, home, answer)?;
                    self.keep(&integration, &names, &sign_in).await?;
                    return self.sign_in_status(&integration).await;
                }
                Err(error) => error,
            };
            let problem = error.as_service_error();
            if problem.is_some_and(CreateTokenError::is_authorization_pending_exception) {
                continue;
            }
            if problem.is_some_and(CreateTokenError::is_slow_down_exception) {
                interval = (interval + INTERVAL).min(INTERVALS.1);
                continue;
            }
            let error = asked.refused(&error, self.now());
            // RFC 8628, 3.5: after a time-out, slower.
            let passes = matches!(
                error.kind(),
                ErrorKind::Network | ErrorKind::Unavailable | ErrorKind::Throttled
            );
            if !passes {
                return Err(error);
            }
            interval = (interval * 2).min(INTERVALS.1);
        }
    }
}

/// Whether a browser may be sent there.
fn is_page(url: &str) -> bool {
    url.starts_with("https://") || url.starts_with("http://127.0.0.1")
}
