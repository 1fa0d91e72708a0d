//! Registration of this program as a client of the sign-in service, kept until it ends.
//!
//! A client that was registered for one way to sign in is not good for another, so each has one,
//! and so has each portal, region and set of scopes. The AWS CLI keeps its own beside ours.

use dayfly_core::time::Timestamp;
use dayfly_vault::SecretString;
use serde_json::json;

use super::access::Sso;
use super::error::SsoError;
use super::integration::SsoIntegration;
use super::names::Names;
use super::token_file::Client;
use std::time::Duration;

/// A registration that ends within this time is not begun with: the sign-in takes a while.
const SOON: Duration = Duration::from_secs(15 * 60);
/// What the browser comes back to, without the port: loopback may have any (RFC 8252, 7.3).
pub(crate) const REDIRECT: &str = "http://127.0.0.1/oauth/callback";

/// The ways to sign in that a client is registered for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    Browser,
    Device,
}

impl Sso {
    /// A client for a sign-in: the one that is kept, or a new one.
    pub(crate) async fn client(
        &self,
        integration: &SsoIntegration,
        names: &Names,
        way: Way,
        anew: bool,
    ) -> Result<Client, SsoError> {
        let key = key(integration, names, way);
        let kept = if anew {
            None
        } else {
            let (cache, key) = (self.cache.clone(), key.clone());
            self.on_disk(integration, move || cache.client(&key))
                .await?
        };
        if let Some(client) = kept
            && client.expires_at > self.now().plus(SOON)
        {
            return Ok(client);
        }
        let client = self.register(integration, names, way).await?;
        let (cache, bytes) = (self.cache.clone(), client.write(&names.scopes));
        self.on_disk(integration, move || cache.put(&key, &bytes))
            .await?;
        Ok(client)
    }

    /// Has the next sign-in register again, where the service does not know the client any more.
    pub(crate) async fn forget_client(
        &self,
        integration: &SsoIntegration,
        names: &Names,
        way: Way,
        error: &SsoError,
    ) {
        if matches!(error, SsoError::NotAccepted { code, .. } if code == "InvalidClientException") {
            let (cache, key) = (self.cache.clone(), key(integration, names, way));
            let removed = self.on_disk(integration, move || cache.remove(&key)).await;
            if let Err(error) = removed {
                tracing::warn!(integration = integration.name, "{error}");
            }
        }
    }

    async fn register(
        &self,
        integration: &SsoIntegration,
        names: &Names,
        way: Way,
    ) -> Result<Client, SsoError> {
        let (client, asked) = self.clients.oidc(integration, "RegisterClient").await?;
        let mut call = client
            .register_client()
            .client_name("dayfly")
            .client_type("public")
            .set_scopes(Some(names.scopes.clone()));
        if way == Way::Browser {
            call = call
                .grant_types("authorization_code")
                .grant_types("refresh_token")
                .redirect_uris(REDIRECT)
                .issuer_url(&names.home().start_url);
        }
        let answer = call
            .send()
            .await
            .map_err(|error| asked.refused(&error, self.now()))?;
        let seconds = u64::try_from(answer.client_secret_expires_at).unwrap_or(0);
        match (answer.client_id, answer.client_secret) {
            (Some(id), Some(secret)) if !id.is_empty() && !secret.is_empty() => Ok(Client {
                id,
                secret: SecretString::from(secret),
                expires_at: Timestamp::from_millis(seconds.saturating_mul(1_000)),
            }),
            _ => Err(asked.answered("without a client".to_owned(), false, None)),
        }
    }
}

fn key(integration: &SsoIntegration, names: &Names, way: Way) -> String {
    json!({
        "tool": "dayfly",
        "way": match way { Way::Browser => "browser", Way::Device => "device" },
        "startUrl": names.home().start_url,
        "region": integration.region,
        "scopes": names.scopes,
    })
    .to_string()
}
