//! Sign-in by an authorization code that a browser brings back to loopback, with PKCE.
//!
//! Source: RFC 7636 (PKCE, S256), RFC 8252, 7.3 (loopback redirect); AWS CLI v2,
//! `SSOTokenFetcherAuth`, for the words that the service takes.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use dayfly_vault::SecretString;
use sha2::{Digest as _, Sha256};

use super::access::Sso;
use super::calls::Asked;
use super::error::SsoError;
use super::integration::SsoIntegration;
use super::names::Names;
use super::register::Way;
use super::token_file::{Client, SignIn};
use super::token_manager::SignInStatus;

/// A sign-in that a browser is to bring to its end.
pub struct Authorization {
    integration: SsoIntegration,
    names: Names,
    client: Client,
    redirect: String,
    verifier: SecretString,
    state: SecretString,
    url: SecretString,
}

impl fmt::Debug for Authorization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authorization")
            .field("integration", &self.integration.name)
            .finish_non_exhaustive()
    }
}

impl Authorization {
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
}

impl Sso {
    /// Begins a sign-in that comes back to `http://127.0.0.1:PORT/oauth/callback`.
    ///
    /// # Errors
    /// The service cannot be asked, or says no.
    pub async fn authorize(
        &self,
        integration: &SsoIntegration,
        port: u16,
    ) -> Result<Authorization, SsoError> {
        let names = Names::of(integration, &self.settings).await?;
        let client = self
            .client(integration, &names, Way::Browser, false)
            .await?;
        let at = self.clients.authorize_url(integration).await?;
        let redirect = format!("http://127.0.0.1:{port}/oauth/callback");
        let (verifier, state) = (random(integration)?, random(integration)?);
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.expose().as_bytes()));
        let query = form_urlencoded::Serializer::new(String::new())
            .append_pair("response_type", "code")
            .append_pair("client_id", &client.id)
            .append_pair("redirect_uri", &redirect)
            .append_pair("state", state.expose())
            .append_pair("code_challenge_method", "S256")
            .append_pair("scopes", &names.scopes.join(","))
            .append_pair("code_challenge", &challenge)
            .finish();
        Ok(Authorization {
            integration: integration.clone(),
            names,
            client,
            redirect,
            verifier,
            state,
            url: SecretString::from(format!("{at}?{query}")),
        })
    }

    /// Ends a sign-in with the code that the browser brought; it is kept for all who share it.
    ///
    /// # Errors
    /// The service does not take the code, or the sign-in cannot be kept.
    pub async fn redeem(
        &self,
        authorization: &Authorization,
        code: &SecretString,
    ) -> Result<SignInStatus, SsoError> {
        let Authorization {
            integration,
            names,
            client,
            redirect,
            verifier,
            ..
        } = authorization;
        let (oidc, mut asked) = self.clients.oidc(integration, "CreateToken").await?;
        asked
            .secrets
            .extend([client.secret.clone(), code.clone(), verifier.clone()]);
        let answer = oidc
            .create_token()
            .client_id(&client.id)
            .client_secret(client.secret.expose())
            .grant_type("authorization_code")
            .code(code.expose())
            .redirect_uri(redirect)
            .code_verifier(verifier.expose())
            .send()
            .await;
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) => {
                let error = asked.refused(&error, self.now());
                self.forget_client(integration, names, Way::Browser, &error)
                    .await;
                return Err(error);
            }
        };
        let sign_in = self.signed_in(&asked, client, &names.home().start_url, answer)?;
        self.keep(integration, names, &sign_in).await?;
        self.sign_in_status(integration).await
    }

    /// The sign-in that an answer of `CreateToken` is.
    pub(crate) fn signed_in(
        &self,
        asked: &Asked<'_>,
        client: &Client,
        start_url: &str,
        answer: aws_sdk_ssooidc::operation::create_token::CreateTokenOutput,
    ) -> Result<SignIn, SsoError> {
        let seconds = u64::try_from(answer.expires_in).unwrap_or(0);
        match answer.access_token {
            Some(token) if !token.is_empty() && seconds > 0 => Ok(SignIn {
                start_url: start_url.to_owned(),
                region: asked.integration.region.clone(),
                access_token: SecretString::from(token),
                expires_at: self.now().plus(std::time::Duration::from_secs(seconds)),
                client: Some(client.clone()),
                refresh_token: answer
                    .refresh_token
                    .filter(|token| !token.is_empty())
                    .map(SecretString::from),
            }),
            _ => Err(asked.answered("without a token".to_owned(), false, None)),
        }
    }
}

/// 256 random bits, as a text that fits into an address.
fn random(integration: &SsoIntegration) -> Result<SecretString, SsoError> {
    let mut bytes = zeroize::Zeroizing::new([0; 32]);
    getrandom::fill(&mut *bytes).map_err(|_| SsoError::Cache {
        integration: integration.name.clone(),
        problem: "the system provides no random numbers".to_owned(),
    })?;
    Ok(SecretString::from(URL_SAFE_NO_PAD.encode(*bytes)))
}
