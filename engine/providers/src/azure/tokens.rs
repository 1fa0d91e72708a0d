//! Tokens, by integration, tenant and resource: obtained once for all who ask at the same time, and
//! held in memory until they end.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use dayfly_core::session::ErrorKind;
use dayfly_core::time::Timestamp;
use dayfly_vault::SecretString;
use tokio::time::Instant;

use super::credential;
use super::device::{self, DeviceCode};
use super::errors::AzureError;
use super::http::Http;
use super::integration::{AzureCredential, AzureIntegration, AzureIntegrations};
use super::refresh::{Ask, Refresher};
use super::secrets::{AZURE_CERTIFICATE, AZURE_CLIENT_SECRET, AZURE_SIGN_IN, AzureSecrets};
use super::subscriptions::{self, Subscription};
use super::token::AzureToken;
use crate::settings::Timeouts;

/// How much of a token's lifetime may have passed where it is handed to a session that wants a new
/// one: all of one integration that are started or renewed together share it, however many they are.
const SHARED: u32 = 4;
/// Tokens in memory.
const SLOTS: usize = 4_096;
/// The longest resource, in bytes.
const RESOURCE: usize = 512;

/// Which token is good enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Want {
    /// One that is new to who asks: obtained after the one with which they were handed out last.
    NewerThan(Option<Timestamp>),
    /// One that is not due for renewal; where there is no new one, any that has not ended.
    Good,
}

/// Obtains tokens for integrations, and holds them.
pub struct AzureTokens {
    http: Arc<Http>,
    integrations: Arc<dyn AzureIntegrations>,
    secrets: Arc<dyn AzureSecrets>,
    refresher: Arc<Refresher>,
    slots: Mutex<BTreeMap<Key, Arc<Slot>>>,
    /// Whose turn it is to redeem the refresh token of an integration.
    turns: Mutex<BTreeMap<String, Arc<tokio::sync::Mutex<()>>>>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    integration: String,
    tenant: String,
    resource: String,
}

#[derive(Debug, Default)]
struct Slot(tokio::sync::Mutex<Inside>);

#[derive(Debug, Default)]
struct Inside {
    /// With the integration that it was obtained for: one that was edited gets a new token.
    token: Option<(AzureIntegration, Arc<AzureToken>)>,
    failed: Option<(Instant, AzureError)>,
}

impl fmt::Debug for AzureTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AzureTokens")
    }
}

impl AzureTokens {
    /// Reads nothing and calls nobody yet.
    #[must_use]
    pub fn new(
        timeouts: Timeouts,
        integrations: Arc<dyn AzureIntegrations>,
        secrets: Arc<dyn AzureSecrets>,
    ) -> Self {
        let http = Arc::new(Http::new(timeouts));
        Self {
            refresher: Refresher::new(Arc::clone(&http), Arc::clone(&secrets)),
            http,
            integrations,
            secrets,
            slots: Mutex::default(),
            turns: Mutex::default(),
        }
    }

    /// The integration that a session names; without one, the Azure CLI's sign-in.
    ///
    /// # Errors
    /// The Workspace has none of that id, or one that cannot be used.
    pub fn integration(
        &self,
        id: Option<&str>,
        tenant: &str,
    ) -> Result<AzureIntegration, AzureError> {
        let wrong = |problem| AzureError::Misconfigured {
            integration: id.unwrap_or("the Azure CLI's sign-in").to_owned(),
            problem,
            hint: Some("fix it in the Workspace".to_owned()),
        };
        match id {
            Some(id) => {
                let found = self.integrations.integration(id).map_err(wrong)?;
                found.ok_or_else(|| AzureError::NoIntegration(id.to_owned()))
            }
            None => {
                let cloud = self.integrations.usual_cloud().map_err(wrong)?;
                Ok(AzureIntegration::of_azure_cli(tenant, cloud))
            }
        }
    }

    /// A token of this tenant for this resource.
    ///
    /// # Errors
    /// [`AzureError`].
    pub async fn token(
        &self,
        integration: &AzureIntegration,
        tenant: &str,
        resource: &str,
        want: Want,
        now: Timestamp,
    ) -> Result<Arc<AzureToken>, AzureError> {
        let refuse = |problem: String| AzureError::Misconfigured {
            integration: integration.name.clone(),
            problem,
            hint: None,
        };
        if !is_tenant(tenant) {
            return Err(refuse(format!("{tenant:?} is not a tenant id")));
        }
        if !is_resource(resource) {
            return Err(refuse(
                "the requested resource is neither an address nor a resource id".to_owned(),
            ));
        }
        let asked = Instant::now();
        let slot = self.slot(Key {
            integration: integration.id.clone(),
            tenant: tenant.to_owned(),
            resource: resource.to_owned(),
        });
        let mut inside = slot.0.lock().await;
        let now = now.plus(asked.elapsed());
        // Those who waited with the one who tried share how it ended.
        if let Some((at, error)) = &inside.failed
            && *at >= asked
        {
            return Err(error.clone());
        }
        let held = inside.token.as_ref().filter(|(of, _)| of == integration);
        let held = held.map(|(_, token)| Arc::clone(token));
        if let Some(token) = held.as_ref().filter(|token| is_enough(token, want, now)) {
            return Ok(Arc::clone(token));
        }
        match self.obtain(integration, tenant, resource, now).await {
            Ok(token) => {
                let token = Arc::new(token);
                inside.token = Some((integration.clone(), Arc::clone(&token)));
                inside.failed = None;
                Ok(token)
            }
            Err(error) => {
                inside.failed = Some((Instant::now(), error.clone()));
                // The last good one serves until it ends, unless it was taken back.
                let stands = !matches!(
                    error.kind(),
                    ErrorKind::NeedsSignIn | ErrorKind::Denied | ErrorKind::Misconfigured
                );
                match held {
                    Some(token) if want == Want::Good && stands && token.expires_at > now => {
                        Ok(token)
                    }
                    _ => Err(error),
                }
            }
        }
    }

    async fn obtain(
        &self,
        integration: &AzureIntegration,
        tenant: &str,
        resource: &str,
        now: Timestamp,
    ) -> Result<AzureToken, AzureError> {
        if integration.credential != AzureCredential::SignIn {
            return credential::obtain(
                &self.http,
                &self.secrets,
                integration,
                tenant,
                resource,
                now,
            )
            .await;
        }
        // Another resource of the same sign-in may be at it; threads need not wait for that.
        let turn = {
            let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(turns.entry(integration.id.clone()).or_default())
        };
        let waited = Instant::now();
        let _turn = turn.lock().await;
        let ask = Ask {
            integration: integration.clone(),
            tenant: tenant.to_owned(),
            resource: resource.to_owned(),
            now: now.plus(waited.elapsed()),
        };
        self.refresher.obtain(ask).await
    }

    fn slot(&self, key: Key) -> Arc<Slot> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        if slots.len() >= SLOTS && !slots.contains_key(&key) {
            // Those in use are held by who uses them.
            slots.retain(|_, slot| Arc::strong_count(slot) > 1);
        }
        Arc::clone(slots.entry(key).or_default())
    }

    /// Begins a person's sign-in by a code.
    ///
    /// # Errors
    /// [`AzureError`].
    pub async fn begin_sign_in(
        &self,
        integration: &AzureIntegration,
    ) -> Result<DeviceCode, AzureError> {
        device::begin(&self.http, &self.refresher, integration.clone()).await
    }

    /// Forgets what is held of an integration and what the vault keeps of it; whether there was
    /// anything in the vault.
    ///
    /// # Errors
    /// The vault cannot be read or written.
    pub async fn forget(&self, integration: &AzureIntegration) -> Result<bool, AzureError> {
        self.drop_held(&integration.id);
        let mut there = false;
        for kind in [AZURE_SIGN_IN, AZURE_CLIENT_SECRET, AZURE_CERTIFICATE] {
            let name = format!("{kind}{}", integration.id);
            let kept = credential::secret(&self.secrets, integration, name.clone()).await?;
            if kept.is_some() {
                there = true;
                self.write(integration, name, None).await?;
            }
        }
        Ok(there)
    }

    /// Keeps the secret or the certificate of an application.
    ///
    /// # Errors
    /// The integration takes none, or the vault cannot be written.
    pub async fn keep_secret(
        &self,
        integration: &AzureIntegration,
        secret: SecretString,
    ) -> Result<(), AzureError> {
        let kind = match integration.credential {
            AzureCredential::ClientSecret => AZURE_CLIENT_SECRET,
            AzureCredential::ClientCertificate => AZURE_CERTIFICATE,
            _ => {
                return Err(AzureError::Misconfigured {
                    integration: integration.name.clone(),
                    problem: "it does not use a secret".to_owned(),
                    hint: None,
                });
            }
        };
        self.drop_held(&integration.id);
        let name = format!("{kind}{}", integration.id);
        self.write(integration, name, Some(secret)).await
    }

    async fn write(
        &self,
        integration: &AzureIntegration,
        name: String,
        value: Option<SecretString>,
    ) -> Result<(), AzureError> {
        let secrets = Arc::clone(&self.secrets);
        let written = tokio::task::spawn_blocking(move || secrets.set(&name, value.as_ref()));
        let written = written.await;
        let written = written.map_err(|_| AzureError::Interrupted(integration.name.clone()))?;
        written.map_err(|source| AzureError::Secrets {
            integration: integration.name.clone(),
            source: Arc::new(source),
        })
    }

    /// Forgets what is held in memory of an integration.
    pub fn drop_held(&self, integration: &str) {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        slots.retain(|key, _| key.integration != integration);
    }

    /// The subscriptions that the resource manager shows to the integration, page by page; `told`
    /// hears how many there are so far.
    ///
    /// # Errors
    /// [`AzureError`].
    pub async fn subscriptions(
        &self,
        integration: &AzureIntegration,
        now: Timestamp,
        told: impl FnMut(usize),
    ) -> Result<Vec<Subscription>, AzureError> {
        let resource = integration.cloud.resource_manager.clone();
        let tenant = integration.tenant_id.clone();
        let token = self
            .token(integration, &tenant, &resource, Want::Good, now)
            .await?;
        subscriptions::list(&self.http, integration, &token.access_token, now, told).await
    }
}

/// Whether a token serves who wants one like this.
fn is_enough(token: &AzureToken, want: Want, now: Timestamp) -> bool {
    if token.expires_at <= now {
        return false;
    }
    match want {
        Want::Good => !token.lease().due(now),
        Want::NewerThan(last) => {
            let lifetime = token.expires_at.since(token.issued_at);
            last.is_none_or(|last| last < token.issued_at)
                && now.since(token.issued_at) <= lifetime / SHARED
        }
    }
}

/// A tenant's id or one of its domains; it becomes part of an address.
fn is_tenant(tenant: &str) -> bool {
    (1..=255).contains(&tenant.len())
        && !tenant.starts_with('.')
        && tenant
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'.' || b == b'-')
}

/// An address or an id of an application, as programs name what a token is to be for.
fn is_resource(resource: &str) -> bool {
    (1..=RESOURCE).contains(&resource.len())
        && resource
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"._:/-".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_becomes_part_of_an_address_is_looked_at() {
        for (tenant, good) in [
            ("11111111-1111-1111-1111-111111111111", true),
            ("contoso.onmicrosoft.com", true),
            ("../x", false),
            ("a/b", false),
            ("", false),
        ] {
            assert_eq!(is_tenant(tenant), good, "{tenant}");
        }
        for (resource, good) in [
            ("https://management.core.windows.net/", true),
            ("api://11111111-1111", true),
            ("https://vault.azure.net", true),
            ("https://x y", false),
            ("a&b=c", false),
            ("", false),
        ] {
            assert_eq!(is_resource(resource), good, "{resource}");
        }
    }

    #[test]
    fn a_token_is_shared_only_while_it_is_new() {
        let token = |lifetime: u64| AzureToken {
            access_token: SecretString::from("t".to_owned()),
            resource: "r".into(),
            tenant_id: "t".into(),
            issued_at: Timestamp::from_millis(0),
            expires_at: Timestamp::from_millis(lifetime * 1_000),
        };
        let at = |seconds: u64| Timestamp::from_millis(seconds * 1_000);
        let hour = token(3_600);
        let newer = |last: Option<u64>| Want::NewerThan(last.map(Timestamp::from_millis));
        assert!(is_enough(&hour, newer(None), at(900)));
        assert!(!is_enough(&hour, newer(None), at(901)));
        // Who has this very one wants another.
        let second = AzureToken {
            issued_at: Timestamp::from_millis(5_000),
            ..token(3_605)
        };
        assert!(!is_enough(&second, newer(Some(5_000)), at(5)));
        assert!(!is_enough(&second, newer(Some(6_000)), at(7)));
        assert!(is_enough(&second, newer(Some(4_999)), at(5)));
        assert!(is_enough(&hour, Want::Good, at(2_400)));
        assert!(!is_enough(&hour, Want::Good, at(2_401)));
        assert!(!is_enough(&token(20), newer(None), at(6)));
        assert!(!is_enough(&hour, Want::Good, at(3_600)));
    }
}
