//! A person signs in by a code on any device: for who has no browser here, and no Azure CLI.
//!
//! Source: RFC 8628; Microsoft identity platform, "OAuth 2.0 device authorization grant".

use std::sync::Arc;
use std::time::Duration;

use dayfly_core::session::ErrorKind;
use dayfly_core::time::Timestamp;
use dayfly_vault::SecretString;
use serde::Deserialize;
use tokio::time::Instant;
use zeroize::Zeroize as _;

use super::cloud::AzureCloud;
use super::entra::{self, Said};
use super::errors::AzureError;
use super::http::{Answer, Http, one_line};
use super::integration::AzureIntegration;
use super::refresh::{Granted, Refresher};
use super::secrets::SignIn;

/// The least time between two questions.
const INTERVAL_LEAST: Duration = Duration::from_secs(1);
/// How much longer to wait when the issuer says so (RFC 8628, 3.5).
const SLOWER: Duration = Duration::from_secs(5);
/// The longest that a person may take.
const TIMEOUT: Duration = Duration::from_secs(1_800);

/// A sign-in that a person has begun.
#[derive(Debug)]
pub struct DeviceCode {
    /// What the person enters.
    pub user_code: String,
    /// Where.
    pub verification_uri: String,
    /// The same address with the code in it, where the issuer has one.
    pub verification_uri_complete: Option<String>,
    /// How long the code is good for.
    pub expires_in: Duration,
    device_code: SecretString,
    interval: Duration,
    begun: Instant,
    integration: AzureIntegration,
    http: Arc<Http>,
    refresher: Arc<Refresher>,
}

/// How far a sign-in is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// The person is not done.
    Pending,
    /// Signed in, and kept in the vault.
    Done {
        /// Who signed in, as Entra names them.
        account: Option<String>,
    },
}

#[derive(Deserialize)]
struct Begun {
    device_code: String,
    user_code: String,
    #[serde(alias = "verification_url")]
    verification_uri: String,
    verification_uri_complete: Option<String>,
    expires_in: u64,
    interval: Option<u64>,
}

impl Drop for Begun {
    fn drop(&mut self) {
        self.device_code.zeroize();
    }
}

/// Asks for a code.
pub(crate) async fn begin(
    http: &Arc<Http>,
    refresher: &Arc<Refresher>,
    integration: AzureIntegration,
) -> Result<DeviceCode, AzureError> {
    let address = integration
        .cloud
        .endpoint(&integration.tenant_id, "devicecode");
    let scope = scope(&integration.cloud);
    let fields = [
        ("client_id", integration.sign_in_client()),
        ("scope", scope.as_str()),
    ];
    let answer = post(http, &integration, &address, &fields).await?;
    if !answer.is_success() {
        return Err(entra::refused(&integration, &answer, Timestamp::ZERO, &[]));
    }
    let odd = |problem| AzureError::Odd {
        service: integration.cloud.shown(),
        problem,
        request_id: answer.request_id.clone(),
    };
    let begun: Begun = serde_json::from_slice(&answer.body)
        .map_err(|_| odd("with an invalid code for the sign-in"))?;
    // It is shown to a person, and opened in a browser.
    let is_address = |address: &str| {
        address.starts_with("https://") && !address.chars().any(|c| c.is_control() || c == ' ')
    };
    if !is_address(&begun.verification_uri) {
        return Err(odd("with an invalid address for the sign-in"));
    }
    let complete = begun.verification_uri_complete.clone();
    let interval = Duration::from_secs(begun.interval.unwrap_or(5));
    Ok(DeviceCode {
        user_code: one_line(&begun.user_code),
        verification_uri: begun.verification_uri.clone(),
        verification_uri_complete: complete.filter(|address| is_address(address)),
        expires_in: Duration::from_secs(begun.expires_in).min(TIMEOUT),
        device_code: SecretString::from(begun.device_code.clone()),
        interval: interval.max(INTERVAL_LEAST),
        begun: Instant::now(),
        integration,
        http: Arc::clone(http),
        refresher: Arc::clone(refresher),
    })
}

/// What a sign-in is for: the resource manager first; a refresh token is good for the others too.
pub(crate) fn scope(cloud: &AzureCloud) -> String {
    format!(
        "{} offline_access openid profile",
        AzureCloud::scope(&cloud.resource_manager)
    )
}

async fn post(
    http: &Http,
    integration: &AzureIntegration,
    address: &str,
    fields: &[(&str, &str)],
) -> Result<Answer, AzureError> {
    let unreachable = |how| AzureError::Unreachable {
        service: integration.cloud.shown(),
        how,
    };
    http.post(address, fields).await.map_err(unreachable)
}

impl DeviceCode {
    /// Waits until the person is done. Dropping the future gives up.
    ///
    /// # Errors
    /// [`AzureError`]: the person declined, or the code is not good any more, among others.
    pub async fn wait(mut self) -> Result<Option<String>, AzureError> {
        loop {
            tokio::time::sleep(self.interval).await;
            match self.ask().await {
                Ok(Progress::Done { account }) => return Ok(account),
                Ok(Progress::Pending) => {}
                // RFC 8628, 3.5: slower, where the network is to blame.
                Err(AzureError::Unreachable { .. }) if self.begun.elapsed() < self.expires_in => {
                    self.interval = (self.interval * 2).min(Duration::from_secs(60));
                }
                Err(error) => return Err(error),
            }
            if self.begun.elapsed() >= self.expires_in {
                return Err(self.ended("the code has expired", "expired_token"));
            }
        }
    }

    /// Asks once how far it is.
    ///
    /// # Errors
    /// [`AzureError`].
    pub async fn ask(&mut self) -> Result<Progress, AzureError> {
        let integration = &self.integration;
        let address = integration.cloud.endpoint(&integration.tenant_id, "token");
        let fields = [
            ("grant_type", "urn:ietf:params:oauth:grant-type:device_code"),
            ("client_id", integration.sign_in_client()),
            ("device_code", self.device_code.expose()),
        ];
        let answer = post(&self.http, integration, &address, &fields).await?;
        if answer.is_success() {
            let granted = Granted::of(integration, &answer)?;
            let account = keep(&self.refresher, integration, &granted).await?;
            return Ok(Progress::Done { account });
        }
        match Said::of(&answer).error.as_str() {
            "authorization_pending" => Ok(Progress::Pending),
            "slow_down" => {
                self.interval += SLOWER;
                Ok(Progress::Pending)
            }
            "authorization_declined" | "access_denied" => {
                Err(self.ended("it was declined", "access_denied"))
            }
            "expired_token" | "code_expired" => {
                Err(self.ended("the code has expired", "expired_token"))
            }
            _ => {
                let secrets = [&self.device_code];
                Err(entra::refused(
                    integration,
                    &answer,
                    Timestamp::ZERO,
                    &secrets,
                ))
            }
        }
    }

    fn ended(&self, words: &str, code: &str) -> AzureError {
        let name = &self.integration.name;
        AzureError::Refused {
            kind: ErrorKind::NeedsSignIn,
            code: code.to_owned(),
            sentence: format!("the sign-in to integration \"{name}\" failed: {words}"),
            hint: Some(super::errors::login(name)),
            retry_at: None,
            request_id: None,
        }
    }
}

/// Keeps a sign-in that has just been made; who signed in.
pub(crate) async fn keep(
    refresher: &Arc<Refresher>,
    integration: &AzureIntegration,
    granted: &Granted,
) -> Result<Option<String>, AzureError> {
    let refresh_token = granted.refresh_token().ok_or_else(|| AzureError::Odd {
        service: integration.cloud.shown(),
        problem: "without a refresh token, so the sign-in would end with its first token",
        request_id: None,
    })?;
    let account = granted.account();
    let sign_in = SignIn {
        refresh_token,
        client_id: integration.sign_in_client().to_owned(),
        tenant_id: integration.tenant_id.clone(),
        account: account.clone(),
    };
    refresher.keep_new(integration, sign_in).await?;
    Ok(account)
}
