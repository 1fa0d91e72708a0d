//! Hands out the credentials of a sign-in, and renews them.
//!
//! One at a time: whoever comes while the sign-in is renewed waits and finds the new credentials. Between
//! processes of ours the lock on the shared file does the same. The AWS CLI and the SDKs take no lock, so
//! where the service does not accept the refresh token, the file is looked at again: one of them may have
//! used it a moment before. A renewal that has begun is brought to its end although nobody waits for it
//! any more, since the service may have taken the old refresh token by then.

use std::sync::Arc;
use std::time::Duration;

use dayfly_core::session::Lease;
use dayfly_core::time::Timestamp;
use dayfly_vault::{Material, TemporaryCredentials};

use super::access::{LoginTarget, Logins};
use super::cache::Locked;
use super::dpop::DpopKey;
use super::error::LoginError;
use super::service::Asked;
use super::token_file::LoginToken;

/// Credentials that somebody else got are used where they are good for longer than this; others are
/// renewed. They have 15 minutes from the beginning, and an engine renews its own when a third is left.
const FRESH: Duration = Duration::from_secs(10 * 60);

impl Logins {
    /// Credentials of a sign-in, renewed where they end soon.
    pub(crate) async fn credentials(
        self: &Arc<Self>,
        target: LoginTarget,
        now: Timestamp,
    ) -> Result<TemporaryCredentials, LoginError> {
        let turn = self.turn(&target.login_session).lock_owned().await;
        let (logins, wanted) = (Arc::clone(self), target.clone());
        let look = tokio::spawn(async move {
            let token = logins.fresh(&wanted, now).await;
            drop(turn);
            token
        });
        let ended = |_| LoginError::Cache {
            who: target.login_session.clone(),
            problem: "looking at it ended without an answer".to_owned(),
            mends: false,
            session: target.session.clone(),
        };
        let token = look.await.map_err(ended)??;
        Ok(TemporaryCredentials {
            lease: Lease {
                issued_at: now,
                expires_at: Some(token.expires_at),
            },
            material: Material::Aws {
                access_key_id: token.access_key_id,
                secret_access_key: token.secret_access_key,
                session_token: Some(token.session_token),
                region: Some(target.region),
            },
        })
    }

    async fn fresh(&self, target: &LoginTarget, now: Timestamp) -> Result<LoginToken, LoginError> {
        let (cache, who) = (self.cache.clone(), target.login_session.clone());
        let signed_out = || LoginError::SignedOut {
            session: target.session.clone(),
            who: target.login_session.clone(),
        };
        let found = self.on_disk(target, move || {
            // Where there is none, no folder is made for it.
            if cache.peek(&who)?.is_none() {
                return Ok(None);
            }
            let locked = cache.lock(&who)?;
            Ok(locked.token()?.map(|token| (locked, token)))
        });
        let (locked, token) = found.await?.ok_or_else(signed_out)?;
        if token.expires_at > now.plus(FRESH) {
            return Ok(token);
        }
        match self.renew(target, locked, &token).await {
            Err(error) if error.is_ended() => {
                let (cache, who) = (self.cache.clone(), target.login_session.clone());
                let again = self.on_disk(target, move || cache.peek(&who)).await?;
                let another = again.filter(|other| {
                    other.refresh_token != token.refresh_token && other.expires_at > now
                });
                another.ok_or(error)
            }
            other => other,
        }
    }

    async fn renew(
        &self,
        target: &LoginTarget,
        locked: Locked,
        old: &LoginToken,
    ) -> Result<LoginToken, LoginError> {
        let key = DpopKey::from_pem(&old.dpop_key).ok_or_else(|| LoginError::Cache {
            who: target.login_session.clone(),
            problem: "its `dpopKey` is not a key on P-256".to_owned(),
            mends: true,
            session: target.session.clone(),
        })?;
        let region = old.sign_in_region.as_ref().unwrap_or(&target.region);
        let service = self.service(region).await?;
        let asked = Asked {
            client_id: &old.client_id,
            grant_type: "refresh_token",
            code: None,
            code_verifier: None,
            redirect_uri: None,
            refresh_token: Some(old.refresh_token.expose()),
        };
        let granted = self
            .call(&service, target, &asked, &key, &old.secrets())
            .await?;
        let new = LoginToken {
            access_key_id: granted.access_key_id,
            secret_access_key: granted.secret_access_key,
            session_token: granted.session_token,
            expires_at: granted.expires_at,
            refresh_token: granted.refresh_token,
            ..old.clone()
        };
        let (before, wanted) = (old.clone(), new.clone());
        let kept = self.on_disk(target, move || locked.renewed(&before, &wanted));
        match kept.await {
            // Whoever wrote meanwhile has a sign-in of its own; these credentials are good too.
            Ok(Some(_)) => Ok(new),
            // Somebody signed out meanwhile.
            Ok(None) => Err(LoginError::SignedOut {
                session: target.session.clone(),
                who: target.login_session.clone(),
            }),
            Err(error) => {
                tracing::warn!(session = target.session, "{error}");
                Ok(new)
            }
        }
    }
}
