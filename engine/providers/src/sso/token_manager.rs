//! Hands out the access token of a sign-in, and renews it.
//!
//! One at a time: whoever comes while the sign-in is looked at or renewed waits for what comes of
//! it, so that any number of sessions cost one renewal, and one failure where it fails. Between
//! processes the lock on the shared file does the same: it is read again once the lock is there.
//! A renewal that has begun is brought to its end although nobody waits for it any more, since the
//! service may have taken the old refresh token by then.

use std::sync::Arc;

use dayfly_core::time::Timestamp;
use dayfly_vault::SecretString;
use tokio::time::Instant;

use super::access::Sso;
use super::cache::CacheError;
use super::error::SsoError;
use super::held::{State, WINDOW};
use super::integration::SsoIntegration;
use super::names::{Name, Names};
use super::token_file::SignIn;

/// How a sign-in stands, as the shared files have it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SignInStatus {
    /// Whether credentials can be had without a person, as far as is known here.
    pub signed_in: bool,
    /// When the access token ends.
    pub until: Option<Timestamp>,
    /// Whether it is renewed by itself.
    pub renewable: bool,
    /// When it is renewed no more, as the registration ends that renews it. The portal may end the
    /// sign-in before, which it tells nobody.
    pub ends: Option<Timestamp>,
}

impl Sso {
    /// The access token of an integration, another one than `refused`.
    pub(crate) async fn token(
        self: &Arc<Self>,
        integration: &SsoIntegration,
        refused: Option<&SecretString>,
    ) -> Result<SecretString, SsoError> {
        let keeper = self.keeper(integration);
        let came = Instant::now();
        let mut state = Arc::clone(&keeper.0).lock_owned().await;
        if let Some(token) = state.at_hand(self.now(), refused) {
            return Ok(token);
        }
        if let Some((ended, error)) = &state.failed
            && *ended >= came
        {
            return Err(error.clone());
        }
        let (sso, integration) = (Arc::clone(self), integration.clone());
        let refused = refused.cloned();
        let name = integration.name.clone();
        let look = tokio::spawn(async move {
            let result = sso.look(&integration, &mut state, refused.as_ref()).await;
            match result {
                Ok(sign_in) => {
                    let token = sign_in.access_token.clone();
                    state.held = Some(sign_in);
                    state.failed = None;
                    Ok(token)
                }
                Err(error) => {
                    state.held = None;
                    state.failed = Some((Instant::now(), error.clone()));
                    Err(error)
                }
            }
        });
        look.await.unwrap_or_else(|_| {
            Err(SsoError::Cache {
                integration: name,
                problem: "looking at it ended without an answer".to_owned(),
            })
        })
    }

    /// The best sign-in of the shared files, renewed where it ends soon.
    async fn look(
        &self,
        integration: &SsoIntegration,
        state: &mut State,
        refused: Option<&SecretString>,
    ) -> Result<SignIn, SsoError> {
        let names = Names::of(integration, &self.settings).await?;
        let found = self.found(integration, &names).await?;
        let now = self.now();
        state.postponed = None;
        let longest = |found: &[(Name, SignIn)], fits: &dyn Fn(&SignIn) -> bool| {
            let fitting = found.iter().filter(|(_, sign_in)| fits(sign_in));
            fitting.max_by_key(|(_, s)| s.expires_at).cloned()
        };
        if refused.is_some() {
            state.rejected = refused.cloned();
        }
        let rejected = state.rejected.clone();
        let serves = |s: &SignIn| s.expires_at > now && rejected.as_ref() != Some(&s.access_token);
        let old = longest(&found, &serves);
        if let Some((_, sign_in)) = &old
            && sign_in.expires_at > now.plus(WINDOW)
        {
            return Ok(sign_in.clone());
        }
        let renewable = longest(&found, &|s| {
            let renewal = s.renewal(now);
            renewal.is_some_and(|(_, token)| state.spent.as_ref() != Some(token))
        });
        if let Some((name, sign_in)) = renewable {
            let error = match self.renew(integration, &names, &name, &sign_in).await {
                Ok(renewed) => return Ok(renewed),
                Err(error) => error,
            };
            if error.is_not_accepted() {
                state.spent.clone_from(&sign_in.refresh_token);
            }
            let Some((_, old)) = old else {
                return Err(error);
            };
            tracing::warn!(
                integration = integration.name,
                "Dayfly could not renew the sign-in, which stays valid until it expires: {error}"
            );
            state.postponed = Some(Instant::now());
            return Ok(old);
        }
        if let Some((_, old)) = old {
            return Ok(old);
        }
        let integration = integration.name.clone();
        if found.is_empty() {
            return Err(SsoError::SignedOut { integration });
        }
        // What the service said of it is still so.
        let said = state.failed.take().map(|(_, error)| error);
        let said = said.filter(SsoError::is_not_accepted);
        Err(said.unwrap_or(SsoError::Ended { integration }))
    }

    /// Every sign-in to the portal that there is.
    async fn found(
        &self,
        integration: &SsoIntegration,
        names: &Names,
    ) -> Result<Vec<(Name, SignIn)>, SsoError> {
        let (cache, all) = (self.cache.clone(), names.all.clone());
        self.on_disk(integration, move || {
            let mut found = Vec::new();
            for name in all {
                if let Some(sign_in) = cache.sign_in(&name.key)? {
                    found.push((name, sign_in));
                }
            }
            Ok(found)
        })
        .await
    }

    /// Renews a sign-in where it stands, or takes what another process made of it meanwhile.
    async fn renew(
        &self,
        integration: &SsoIntegration,
        names: &Names,
        name: &Name,
        old: &SignIn,
    ) -> Result<SignIn, SsoError> {
        let signed_out = || SsoError::SignedOut {
            integration: integration.name.clone(),
        };
        let (cache, key) = (self.cache.clone(), name.key.clone());
        let (locked, present) = self
            .on_disk(integration, move || {
                let locked = cache.lock(&key)?;
                let present = locked.sign_in()?;
                Ok((locked, present))
            })
            .await?;
        let present = present.ok_or_else(signed_out)?;
        let now = self.now();
        if present.access_token != old.access_token && present.expires_at > now {
            return Ok(present);
        }
        let Some((client, refresh_token)) = present.renewal(now) else {
            return Err(SsoError::Ended {
                integration: integration.name.clone(),
            });
        };
        let (oidc, mut asked) = self.clients.oidc(integration, "the renewal").await?;
        asked.secrets.extend([
            client.secret.clone(),
            refresh_token.clone(),
            present.access_token.clone(),
        ]);
        let answer = oidc
            .create_token()
            .client_id(&client.id)
            .client_secret(client.secret.expose())
            .grant_type("refresh_token")
            .refresh_token(refresh_token.expose())
            .send()
            .await
            .map_err(|error| asked.refused(&error, self.now()))?;
        let mut new = self.signed_in(&asked, client, &present.start_url, answer)?;
        // RFC 6749, 6: where no new one comes, the old one stays good.
        new.refresh_token = new.refresh_token.or_else(|| present.refresh_token.clone());
        let (before, wanted) = (present.clone(), new.clone());
        let kept = self
            .on_disk(integration, move || locked.renewed(&before, &wanted))
            .await;
        match kept {
            Ok(Some(stands)) => new = stands,
            // Somebody signed out meanwhile.
            Ok(None) => return Err(signed_out()),
            Err(error) => tracing::warn!(integration = integration.name, "{error}"),
        }
        self.copy(integration, names, name, &new).await;
        Ok(new)
    }

    /// Keeps a new sign-in where the AWS CLI and the SDKs look for it.
    pub(crate) async fn keep(
        &self,
        integration: &SsoIntegration,
        names: &Names,
        sign_in: &SignIn,
    ) -> Result<(), SsoError> {
        let name = names.home();
        let (cache, key, bytes) = (self.cache.clone(), name.key.clone(), sign_in.write());
        self.on_disk(integration, move || cache.put(&key, &bytes))
            .await?;
        self.copy(integration, names, name, sign_in).await;
        let keeper = self.keeper(integration);
        let mut state = keeper.0.lock().await;
        *state = State {
            held: Some(sign_in.clone()),
            ..State::default()
        };
        Ok(())
    }

    /// Lets older profiles find the access token too. They do not renew it, so they get no more.
    async fn copy(
        &self,
        integration: &SsoIntegration,
        names: &Names,
        home: &Name,
        sign_in: &SignIn,
    ) {
        for copy in names.copies.iter().filter(|copy| copy.key != home.key) {
            let only = SignIn {
                start_url: copy.start_url.clone(),
                client: None,
                refresh_token: None,
                ..sign_in.clone()
            };
            let (cache, key, bytes) = (self.cache.clone(), copy.key.clone(), only.write());
            let put = self.on_disk(integration, move || cache.put(&key, &bytes));
            if let Err(error) = put.await {
                tracing::warn!(integration = integration.name, "{error}");
            }
        }
    }

    /// Forgets what is held of a sign-in and removes it from the shared files; the access tokens
    /// that stood there.
    pub(crate) async fn forget(
        &self,
        integration: &SsoIntegration,
    ) -> Result<Vec<SecretString>, SsoError> {
        let names = Names::of(integration, &self.settings).await?;
        *self.keeper(integration).0.lock().await = State::default();
        let cache = self.cache.clone();
        self.on_disk(integration, move || {
            let mut tokens = Vec::new();
            for name in names.all.iter().chain(&names.copies) {
                if let Some(sign_in) = cache.sign_in(&name.key)? {
                    cache.remove(&name.key)?;
                    if !tokens.contains(&sign_in.access_token) {
                        tokens.push(sign_in.access_token);
                    }
                }
            }
            Ok(tokens)
        })
        .await
    }

    /// How the sign-in to an integration stands, as the shared files have it. Nobody is called.
    ///
    /// # Errors
    /// [`SsoError::Cache`], [`SsoError::ConfigFile`].
    pub async fn sign_in_status(
        &self,
        integration: &SsoIntegration,
    ) -> Result<SignInStatus, SsoError> {
        let names = Names::of(integration, &self.settings).await?;
        let found = self.found(integration, &names).await?;
        let now = self.now();
        let renewals = found.iter().filter_map(|(_, s)| s.renewal(now));
        let renewed_until = renewals.map(|(client, _)| client.expires_at).max();
        let renewable = renewed_until.is_some();
        let ends = found.iter().map(|(_, s)| s.expires_at);
        let until = ends.max().filter(|end| *end > now);
        Ok(SignInStatus {
            signed_in: until.is_some() || renewable,
            until,
            renewable,
            ends: renewed_until.max(until),
        })
    }

    /// The files in which a sign-in to an integration may stand.
    ///
    /// # Errors
    /// [`SsoError::ConfigFile`].
    pub async fn files(
        &self,
        integration: &SsoIntegration,
    ) -> Result<Vec<std::path::PathBuf>, SsoError> {
        let names = Names::of(integration, &self.settings).await?;
        let paths = names.all.iter().map(|name| self.cache.path(&name.key));
        Ok(paths.filter_map(Result::ok).collect())
    }

    /// Does something that may wait for a disk or for another process.
    pub(crate) async fn on_disk<T: Send + 'static>(
        &self,
        integration: &SsoIntegration,
        work: impl FnOnce() -> Result<T, CacheError> + Send + 'static,
    ) -> Result<T, SsoError> {
        let failed = |problem: String| SsoError::Cache {
            integration: integration.name.clone(),
            problem,
        };
        match tokio::task::spawn_blocking(work).await {
            Ok(result) => result.map_err(|error| failed(with_cause(&error))),
            Err(_) => Err(failed("it ended without an answer".to_owned())),
        }
    }
}

fn with_cause(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text += ": ";
            text += &cause_text;
        }
        source = cause.source();
    }
    text
}
