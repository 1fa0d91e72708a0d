//! Sign-in by an authorization code that a browser brings back to loopback, or that a person pastes, with
//! PKCE and a key that is made for it.
//!
//! Source: AWS CLI, `SameDeviceLoginTokenFetcher` and `CrossDeviceLoginTokenFetcher`: the words of the
//! address (`SHA-256`, not `S256`), the two clients, and the code that a page shows for pasting.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use dayfly_vault::SecretString;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::access::{LoginTarget, Logins};
use super::cache::CacheError;
use super::dpop::DpopKey;
use super::error::LoginError;
use super::service::{Asked, Granted, Service};
use super::token_file::{CROSS_DEVICE, LoginToken, SAME_DEVICE};
use super::uuid::uuid;

/// How the code comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoginWay {
    /// A browser on this machine brings it to this port of 127.0.0.1.
    Loopback(u16),
    /// A page in a browser anywhere shows it, and a person pastes it.
    Pasted,
}

/// A sign-in that a browser is to bring to its end.
pub struct LoginAttempt {
    target: LoginTarget,
    service: Service,
    client_id: &'static str,
    redirect: String,
    verifier: SecretString,
    state: SecretString,
    url: SecretString,
    key: DpopKey,
}

impl fmt::Debug for LoginAttempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoginAttempt")
            .field("target", &self.target)
            .finish_non_exhaustive()
    }
}

impl LoginAttempt {
    /// Where the browser goes. Whoever knows it can bring a code of theirs back.
    #[must_use]
    pub fn url(&self) -> &SecretString {
        &self.url
    }

    /// Whether what came back belongs to this sign-in.
    #[must_use]
    pub fn is_answered_by(&self, state: &str) -> bool {
        let (a, b) = (self.state.expose().as_bytes(), state.as_bytes());
        // As long for a wrong one as for the right one.
        a.len() == b.len() && a.iter().zip(b).fold(0, |sum, (a, b)| sum | (a ^ b)) == 0
    }

    /// The code in what a page showed and a person pasted: `state` and `code` in base64.
    ///
    /// # Errors
    /// It is something else, or belongs to another sign-in.
    pub fn pasted(&self, text: &SecretString) -> Result<SecretString, LoginError> {
        let not_completed = |why| LoginError::NotCompleted {
            session: self.target.session.clone(),
            why,
        };
        let packed = text.expose().trim().trim_end_matches('=');
        if packed.is_empty() {
            return Err(not_completed("you pasted nothing"));
        }
        let padded = Zeroizing::new(format!("{packed}{}", &"==="[..(4 - packed.len() % 4) % 4]));
        let query = STANDARD.decode(padded.as_bytes()).map(Zeroizing::new);
        let query = query
            .map_err(|_| not_completed("what you pasted is not the code that the page shows"))?;
        let (mut code, mut state) = (None, None);
        for (name, value) in form_urlencoded::parse(&query) {
            match &*name {
                "code" => code = Some(SecretString::from(value.into_owned())),
                "state" => state = Some(SecretString::from(value.into_owned())),
                _ => {}
            }
        }
        match (code, state) {
            (Some(code), Some(state)) if !code.expose().is_empty() => {
                match self.is_answered_by(state.expose()) {
                    true => Ok(code),
                    false => Err(not_completed("what you pasted belongs to another sign-in")),
                }
            }
            _ => Err(not_completed(
                "what you pasted is not the whole code that the page shows",
            )),
        }
    }
}

impl Logins {
    /// Begins a sign-in.
    ///
    /// # Errors
    /// The settings of the SDK cannot be used.
    pub async fn authorize(
        &self,
        target: &LoginTarget,
        way: LoginWay,
    ) -> Result<LoginAttempt, LoginError> {
        let service = self.service(&target.region).await?;
        let (client_id, redirect) = match way {
            LoginWay::Loopback(port) => (
                SAME_DEVICE,
                format!("http://127.0.0.1:{port}/oauth/callback"),
            ),
            LoginWay::Pasted => (
                CROSS_DEVICE,
                format!("{}/v1/sessions/confirmation", service.base),
            ),
        };
        let no_random = || LoginError::Cache {
            who: target.login_session.clone(),
            problem: "the system provides no random numbers".to_owned(),
            mends: false,
            session: target.session.clone(),
        };
        let mut state = [0; 16];
        let mut verifier = Zeroizing::new([0; 32]);
        getrandom::fill(&mut state).map_err(|_| no_random())?;
        getrandom::fill(&mut *verifier).map_err(|_| no_random())?;
        let state = SecretString::from(uuid(state));
        let verifier = SecretString::from(URL_SAFE_NO_PAD.encode(*verifier));
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.expose().as_bytes()));
        let query = form_urlencoded::Serializer::new(String::new())
            .append_pair("response_type", "code")
            .append_pair("client_id", client_id)
            .append_pair("state", state.expose())
            .append_pair("code_challenge_method", "SHA-256")
            .append_pair("scope", "openid")
            .append_pair("redirect_uri", &redirect)
            .append_pair("code_challenge", &challenge)
            .finish();
        Ok(LoginAttempt {
            url: SecretString::from(format!("{}/v1/authorize?{query}", service.base)),
            target: target.clone(),
            service,
            client_id,
            redirect,
            verifier,
            state,
            key: DpopKey::generate().ok_or_else(no_random)?,
        })
    }

    /// Ends a sign-in with the code that came; it is kept for all who share it.
    ///
    /// # Errors
    /// The service does not take the code, somebody else signed in, or the sign-in cannot be kept.
    pub async fn redeem(
        &self,
        attempt: &LoginAttempt,
        code: &SecretString,
    ) -> Result<(), LoginError> {
        let target = &attempt.target;
        let asked = Asked {
            client_id: attempt.client_id,
            grant_type: "authorization_code",
            code: Some(code.expose()),
            code_verifier: Some(attempt.verifier.expose()),
            redirect_uri: Some(&attempt.redirect),
            refresh_token: None,
        };
        let secrets = [code.clone(), attempt.verifier.clone()];
        let granted = self.call(&attempt.service, target, &asked, &attempt.key, &secrets);
        let token = signed_in(attempt, granted.await?)?;
        let (cache, who) = (self.cache.clone(), target.login_session.clone());
        self.on_disk(target, move || cache.lock(&who)?.put(&token))
            .await
    }

    /// Does something that may wait for a disk or for another process.
    pub(super) async fn on_disk<T: Send + 'static>(
        &self,
        target: &LoginTarget,
        work: impl FnOnce() -> Result<T, CacheError> + Send + 'static,
    ) -> Result<T, LoginError> {
        let failed = |problem: String, mends| LoginError::Cache {
            who: target.login_session.clone(),
            problem,
            mends,
            session: target.session.clone(),
        };
        match tokio::task::spawn_blocking(work).await {
            Ok(result) => result.map_err(|error| failed(error.to_string(), error.mends())),
            Err(_) => Err(failed("it ended without an answer".to_owned(), false)),
        }
    }
}

/// What the answer to a code is as a sign-in, where the one signed in who was meant to.
fn signed_in(attempt: &LoginAttempt, granted: Granted) -> Result<LoginToken, LoginError> {
    let target = &attempt.target;
    let who = granted.id_token.as_ref().and_then(subject);
    let who = who.ok_or_else(|| LoginError::Answer {
        service: "the sign-in service".to_owned(),
        problem: "without saying who signed in".to_owned(),
        request_id: None,
    })?;
    if who != target.login_session {
        return Err(LoginError::Another {
            session: target.session.clone(),
            who: target.login_session.clone(),
            signed_in: dayfly_core::text::one_line(&who, 256),
        });
    }
    Ok(LoginToken {
        access_key_id: granted.access_key_id,
        secret_access_key: granted.secret_access_key,
        session_token: granted.session_token,
        account_id: who.split(':').nth(4).map(str::to_owned),
        expires_at: granted.expires_at,
        token_type: granted.token_type,
        client_id: attempt.client_id.to_owned(),
        refresh_token: granted.refresh_token,
        id_token: granted.id_token,
        dpop_key: attempt.key.to_pem(),
        sign_in_region: Some(target.region.clone()),
        others: serde_json::Map::new(),
    })
}

#[derive(Deserialize)]
struct Claims {
    sub: String,
}

/// Who an id token is about. It came from the service itself, over TLS, so its signature is not looked at,
/// as the AWS CLI does not.
fn subject(id_token: &SecretString) -> Option<String> {
    let mut parts = id_token.expose().split('.');
    let (_, claims, _, None) = (parts.next()?, parts.next()?, parts.next()?, parts.next()) else {
        return None;
    };
    let bytes = URL_SAFE_NO_PAD.decode(claims.trim_end_matches('=')).ok()?;
    let claims: Claims = serde_json::from_slice(&bytes).ok()?;
    Some(claims.sub).filter(|sub| !sub.is_empty())
}

#[cfg(test)]
mod tests {
    use dayfly_core::time::Timestamp;

    use super::*;
    use crate::login::LoginSettings;
    use crate::settings::Timeouts;

    fn target() -> LoginTarget {
        LoginTarget {
            session: "console".to_owned(),
            login_session: "arn:aws:iam::123456789012:user/me".to_owned(),
            region: "eu-west-1".to_owned(),
        }
    }

    async fn attempt(way: LoginWay) -> LoginAttempt {
        let logins = Logins::new(LoginSettings {
            cache: None,
            default_region: "eu-west-1".to_owned(),
            timeouts: Timeouts::default(),
            clock: || Timestamp::ZERO,
        });
        logins.authorize(&target(), way).await.unwrap()
    }

    fn packed(text: &str) -> SecretString {
        SecretString::from(STANDARD.encode(text))
    }

    #[tokio::test]
    async fn a_pasted_code_counts_for_its_own_sign_in_alone() {
        let one = attempt(LoginWay::Pasted).await;
        let state = one.state.expose();
        let whole = packed(&format!("state={state}&code=a%2Bb"));
        assert_eq!(one.pasted(&whole).unwrap().expose(), "a+b");
        let unpadded = SecretString::copy_of(whole.expose().trim_end_matches('='));
        assert_eq!(one.pasted(&unpadded).unwrap().expose(), "a+b");
        for (text, part) in [
            (packed("state=another&code=canary"), "another sign-in"),
            (packed(&format!("state={state}")), "not the whole code"),
            (
                packed(&format!("state={state}&code=")),
                "not the whole code",
            ),
            (SecretString::copy_of("canary!"), "not the code"),
            (SecretString::copy_of("\n"), "you pasted nothing"),
        ] {
            let told = one.pasted(&text).unwrap_err().to_string();
            assert!(told.contains(part) && !told.contains("canary"), "{told}");
        }
    }

    #[tokio::test]
    async fn every_sign_in_has_a_state_a_verifier_and_a_key_of_its_own() {
        let way = LoginWay::Loopback(5);
        let (one, two) = (attempt(way).await, attempt(way).await);
        assert!(one.is_answered_by(one.state.expose()));
        assert!(!one.is_answered_by(two.state.expose()));
        assert!(!one.is_answered_by(""));
        assert_ne!(one.verifier, two.verifier);
        assert_ne!(one.key.to_pem(), two.key.to_pem());
        assert!((43..=128).contains(&one.verifier.expose().len()));
        assert!(!one.url().expose().contains(one.verifier.expose()));
    }

    #[test]
    fn who_signed_in_is_read_and_nobody_else() {
        let token = |claims: &str| {
            let claims = URL_SAFE_NO_PAD.encode(claims);
            SecretString::from(format!("head.{claims}.signature"))
        };
        let own = subject(&token(r#"{"sub":"arn:aws:iam::1:root","aud":"x"}"#));
        assert_eq!(own.as_deref(), Some("arn:aws:iam::1:root"));
        for odd in [
            token(r#"{"aud":"x"}"#),
            token(r#"{"sub":""}"#),
            SecretString::copy_of("a.b"),
            SecretString::copy_of("a.b.c.d"),
        ] {
            assert_eq!(subject(&odd), None);
        }
    }
}
