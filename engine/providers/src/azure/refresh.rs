//! Tokens from a person's sign-in: a refresh token is redeemed, and the one that comes in its place
//! is kept before anything else is done.
//!
//! Source: RFC 6749, 6; Microsoft identity platform, "Refresh tokens": one is good for every
//! resource, and in every tenant that the account is in.
//!
//! An issuer may take a second use of the same refresh token for a theft and end the sign-in, so
//! only one process has the turn at a time, reads what is kept once it has it, and finishes what it
//! began even when nobody waits for it any more.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use dayfly_core::time::Timestamp;
use dayfly_vault::{SecretString, VaultError};
use serde::Deserialize;
use serde::de::IgnoredAny;
use tokio::time::Instant;
use zeroize::Zeroize as _;

use super::cloud::AzureCloud;
use super::entra;
use super::errors::AzureError;
use super::http::{Answer, Http};
use super::integration::AzureIntegration;
use super::secrets::{AZURE_SIGN_IN, AzureSecrets, SignIn};
use super::token::AzureToken;

/// How long another process may have the turn.
const TURN: Duration = Duration::from_secs(40);

/// Redeems refresh tokens.
pub(crate) struct Refresher {
    http: Arc<Http>,
    secrets: Arc<dyn AzureSecrets>,
    /// Sign-ins that could not be kept, beside what the vault still has in their place.
    unkept: Mutex<BTreeMap<String, Unkept>>,
}

impl fmt::Debug for Refresher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Refresher")
    }
}

struct Unkept {
    before: Option<SecretString>,
    now: SignIn,
}

/// What is asked for.
#[derive(Clone)]
pub(crate) struct Ask {
    pub(crate) integration: AzureIntegration,
    pub(crate) tenant: String,
    pub(crate) resource: String,
    pub(crate) now: Timestamp,
}

/// An answer of the token endpoint.
#[derive(Deserialize)]
pub(crate) struct Granted {
    access_token: String,
    #[serde(default)]
    refresh_token: Option<String>,
    #[serde(default)]
    id_token: Option<String>,
    #[serde(deserialize_with = "seconds")]
    expires_in: u64,
    #[serde(default, rename = "token_type")]
    _token_type: IgnoredAny,
}

impl Drop for Granted {
    fn drop(&mut self) {
        self.access_token.zeroize();
        self.refresh_token.zeroize();
        self.id_token.zeroize();
    }
}

/// A number, which some issuers write as a text.
fn seconds<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    struct Seconds;
    impl serde::de::Visitor<'_> for Seconds {
        type Value = u64;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("seconds")
        }

        fn visit_u64<E: serde::de::Error>(self, seconds: u64) -> Result<u64, E> {
            Ok(seconds)
        }

        fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<u64, E> {
            text.parse().map_err(|_| E::custom("not a number"))
        }
    }
    deserializer.deserialize_any(Seconds)
}

impl Granted {
    /// Reads a successful answer.
    pub(crate) fn of(integration: &AzureIntegration, answer: &Answer) -> Result<Self, AzureError> {
        let odd = || AzureError::Odd {
            service: integration.cloud.shown(),
            problem: "with an invalid token",
            request_id: answer.request_id.clone(),
        };
        let granted: Self = serde_json::from_slice(&answer.body).map_err(|_| odd())?;
        if granted.access_token.is_empty() {
            return Err(odd());
        }
        Ok(granted)
    }

    /// The refresh token that came along.
    pub(crate) fn refresh_token(&self) -> Option<SecretString> {
        let token = self.refresh_token.clone().filter(|token| !token.is_empty());
        token.map(SecretString::from)
    }

    /// Who signed in, as the id token names them. It came from the issuer itself, so nothing is
    /// proved by its signature (OpenID Connect Core, 3.1.3.7).
    pub(crate) fn account(&self) -> Option<String> {
        #[derive(Deserialize)]
        struct Claims {
            preferred_username: Option<String>,
            upn: Option<String>,
        }
        let claims = self.id_token.as_deref()?.split('.').nth(1)?;
        let claims = URL_SAFE_NO_PAD.decode(claims.trim_end_matches('=')).ok()?;
        let claims: Claims = serde_json::from_slice(&claims).ok()?;
        let name = claims.preferred_username.or(claims.upn)?;
        let plain = !name.is_empty() && !name.chars().any(char::is_control);
        (plain && name.len() <= 320).then_some(name)
    }

    /// The access token.
    pub(crate) fn token(&self, ask: &Ask, begun: Instant) -> AzureToken {
        let end = ask.now.plus(Duration::from_secs(self.expires_in));
        AzureToken {
            access_token: SecretString::from(self.access_token.clone()),
            resource: ask.resource.clone(),
            tenant_id: ask.tenant.clone(),
            // By the time of the call: the issuer counts from somewhere after its beginning.
            issued_at: ask.now,
            expires_at: end.max(ask.now.plus(begun.elapsed())),
        }
    }
}

impl Refresher {
    pub(crate) fn new(http: Arc<Http>, secrets: Arc<dyn AzureSecrets>) -> Arc<Self> {
        Arc::new(Self {
            http,
            secrets,
            unkept: Mutex::default(),
        })
    }

    /// Obtains a token again. What was begun is finished, also when nobody waits for it any more.
    pub(crate) async fn obtain(self: &Arc<Self>, ask: Ask) -> Result<AzureToken, AzureError> {
        let name = ask.integration.name.clone();
        let this = Arc::clone(self);
        let task = tokio::spawn(async move { this.redeem(&ask).await });
        task.await.map_err(|_| AzureError::Interrupted(name))?
    }

    async fn redeem(self: &Arc<Self>, ask: &Ask) -> Result<AzureToken, AzureError> {
        let integration = &ask.integration;
        let turn = self.blocking(integration, |this, name| this.secrets.turn(name, TURN));
        let _turn = turn.await?;
        let kept = self.blocking(integration, Self::kept).await?;
        let (before, sign_in) =
            kept.ok_or_else(|| AzureError::NotSignedIn(integration.name.clone()))?;
        let scope = format!(
            "{} offline_access openid profile",
            AzureCloud::scope(&ask.resource)
        );
        let address = integration.cloud.endpoint(&ask.tenant, "token");
        let begun = Instant::now();
        let answer = self
            .http
            .post(
                &address,
                &[
                    ("grant_type", "refresh_token"),
                    ("client_id", &sign_in.client_id),
                    ("refresh_token", sign_in.refresh_token.expose()),
                    ("scope", &scope),
                ],
            )
            .await
            .map_err(|how| AzureError::Unreachable {
                service: integration.cloud.shown(),
                how,
            })?;
        if !answer.is_success() {
            let now = ask.now.plus(begun.elapsed());
            let secrets = [&sign_in.refresh_token];
            return Err(entra::refused(integration, &answer, now, &secrets));
        }
        let granted = Granted::of(integration, &answer)?;
        if let Some(refresh_token) = granted.refresh_token()
            && refresh_token != sign_in.refresh_token
        {
            let account = granted.account().or(sign_in.account);
            let now = SignIn {
                refresh_token,
                account,
                ..sign_in
            };
            self.keep(integration, before, now).await;
        }
        let token = granted.token(ask, begun);
        if token.expires_at <= ask.now.plus(begun.elapsed()) {
            return Err(AzureError::Odd {
                service: integration.cloud.shown(),
                problem: "with a token that has already expired",
                request_id: answer.request_id,
            });
        }
        Ok(token)
    }

    /// Keeps a new sign-in in the place of an earlier one, when its turn comes.
    pub(crate) async fn keep_new(
        self: &Arc<Self>,
        integration: &AzureIntegration,
        sign_in: SignIn,
    ) -> Result<(), AzureError> {
        let turn = self.blocking(integration, |this, name| this.secrets.turn(name, TURN));
        let _turn = turn.await?;
        self.blocking(integration, move |this, name| {
            this.unkept().remove(name);
            this.secrets.set(name, sign_in.text().as_ref())
        })
        .await
    }

    /// Keeps what came in the place of what was redeemed; what cannot be kept is held in memory.
    async fn keep(
        self: &Arc<Self>,
        integration: &AzureIntegration,
        before: Option<SecretString>,
        now: SignIn,
    ) {
        let held = now.clone();
        let kept = self.blocking(integration, move |this, name| {
            this.secrets.set(name, now.text().as_ref())
        });
        let name = sign_in_name(integration);
        match kept.await {
            Ok(()) => {
                self.unkept().remove(&name);
            }
            Err(error) => {
                tracing::warn!(
                    integration = integration.name,
                    "Dayfly cannot store the renewed sign-in, so it is lost when this program \
                     ends: {error}"
                );
                let unkept = Unkept { before, now: held };
                self.unkept().insert(name, unkept);
            }
        }
    }

    /// The sign-in to redeem, and the text that the vault has.
    fn kept(&self, name: &str) -> Result<Option<(Option<SecretString>, SignIn)>, VaultError> {
        let text = self.secrets.get(name)?;
        if let Some(unkept) = self.unkept().get(name)
            && unkept.before == text
        {
            return Ok(Some((text, unkept.now.clone())));
        }
        let sign_in = text.as_ref().and_then(SignIn::read);
        Ok(sign_in.map(|sign_in| (text, sign_in)))
    }

    fn unkept(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Unkept>> {
        self.unkept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does something with the vault on a thread that may wait.
    async fn blocking<T: Send + 'static>(
        self: &Arc<Self>,
        integration: &AzureIntegration,
        work: impl FnOnce(&Self, &str) -> Result<T, VaultError> + Send + 'static,
    ) -> Result<T, AzureError> {
        let (this, name) = (Arc::clone(self), sign_in_name(integration));
        let done = tokio::task::spawn_blocking(move || work(&this, &name)).await;
        let done = done.map_err(|_| AzureError::Interrupted(integration.name.clone()))?;
        done.map_err(|source| AzureError::Secrets {
            integration: integration.name.clone(),
            source: Arc::new(source),
        })
    }
}

fn sign_in_name(integration: &AzureIntegration) -> String {
    format!("{AZURE_SIGN_IN}{}", integration.id)
}
