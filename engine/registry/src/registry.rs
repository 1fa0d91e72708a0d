//! A registry that is talked to.

use http::{HeaderValue, Method, header};
use serde::Deserialize;
use zeroize::Zeroizing;

use crate::challenge::Challenge;
use crate::credentials;
use crate::error::RegistryError;
use crate::http::{Ask, Http};

/// The longest answer with a token, in bytes.
const TOKEN: usize = 256 << 10;

/// A repository of a registry, and what is meant in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Host and port.
    pub host: String,
    /// Repository.
    pub repository: String,
    /// A tag.
    pub tag: Option<String>,
    /// The digest of a manifest, `sha256:…`; counts more than the tag.
    pub digest: Option<String>,
}

impl Place {
    /// What is meant: a digest, or a tag.
    pub(crate) fn reference(&self) -> &str {
        match (&self.digest, &self.tag) {
            (Some(digest), _) => digest,
            (None, Some(tag)) => tag,
            (None, None) => "latest",
        }
    }

    /// `REPOSITORY:TAG` or `REPOSITORY@DIGEST`, for messages.
    pub(crate) fn name(&self) -> String {
        match (&self.digest, &self.tag) {
            (Some(digest), _) => format!("{}@{digest}", self.repository),
            (None, tag) => format!("{}:{}", self.repository, tag.as_deref().unwrap_or("latest")),
        }
    }
}

/// A registry, with the credentials that Docker keeps for it.
pub struct Registry {
    pub(crate) host: String,
    pub(crate) http: Http,
    /// What Docker knows.
    credentials: Option<HeaderValue>,
}

/// What a place of tokens answers.
#[derive(Deserialize)]
struct Token {
    #[serde(default, alias = "access_token")]
    token: String,
}

impl std::fmt::Debug for Registry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Registry")
            .field("host", &self.host)
            .finish_non_exhaustive()
    }
}

impl Registry {
    /// Prepares to talk to a registry: over TLS, but for one on loopback. Nothing is sent yet.
    ///
    /// # Errors
    /// Docker's credentials for it cannot be used.
    pub async fn at(host: &str) -> Result<Self, RegistryError> {
        Ok(Self {
            host: host.to_owned(),
            http: Http::new(host, is_loopback(host)),
            credentials: credentials::of(host).await?,
        })
    }

    /// Has the registry know who asks, for this repository.
    pub(crate) async fn enter(&self, place: &Place, push: bool) -> Result<(), RegistryError> {
        let what = &place.repository;
        let base = Ask::new(Method::GET, self.http.at("/v2/")?);
        let answer = self.http.ask(base, what).await?;
        let headers = answer.headers();
        let challenges = headers
            .get_all("www-authenticate")
            .filter_map(Challenge::parse);
        let challenges: Vec<Challenge> = challenges.collect();
        let bearer = challenges.iter().find_map(|challenge| match challenge {
            Challenge::Bearer { realm, service } => Some((realm, service)),
            Challenge::Basic => None,
        });
        let shown = match bearer {
            Some((realm, service)) => {
                let action = if push { "pull,push" } else { "pull" };
                let scope = format!("repository:{what}:{action}");
                Some(self.token(realm, service.as_deref(), &scope).await?)
            }
            None if challenges.is_empty() => None,
            None => self.credentials.clone(),
        };
        *self.http.authorization.lock().await = shown;
        Ok(())
    }

    /// A token, from where the registry says.
    async fn token(
        &self,
        realm: &str,
        service: Option<&str>,
        scope: &str,
    ) -> Result<HeaderValue, RegistryError> {
        let what = "a token";
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair("scope", scope);
        if let Some(service) = service {
            query.append_pair("service", service);
        }
        let joint = if realm.contains('?') { '&' } else { '?' };
        let address = format!("{realm}{joint}{}", query.finish());
        let address = self.http.relative(&self.http.at("/")?, &address)?;
        let mut ask = Ask::new(Method::GET, address);
        if let Some(credentials) = &self.credentials {
            ask = ask.with(header::AUTHORIZATION, credentials.clone());
        }
        let answer = self.http.ask_there(ask, what).await?;
        if !answer.status().is_success() {
            return Err(self.http.refused(answer, what).await);
        }
        let text = Zeroizing::new(self.http.whole(answer, TOKEN, what).await?);
        let odd = || self.http.other("it sent an invalid token");
        let token: Token = serde_json::from_slice(&text).map_err(|_| odd())?;
        let token = Zeroizing::new(token.token);
        if token.is_empty() {
            return Err(odd());
        }
        let shown = Zeroizing::new(format!("Bearer {}", *token));
        let mut shown = HeaderValue::from_str(&shown).map_err(|_| odd())?;
        shown.set_sensitive(true);
        Ok(shown)
    }
}

/// Whether a host is this machine: Docker, too, then does without TLS.
fn is_loopback(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    };
    let name = name.trim_start_matches('[').trim_end_matches(']');
    name == "localhost"
        || name
            .parse()
            .is_ok_and(|ip: std::net::IpAddr| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::is_loopback;

    #[test]
    fn only_this_machine_is_talked_to_without_tls() {
        for host in [
            "localhost",
            "localhost:5000",
            "127.0.0.1:5000",
            "127.8.8.8",
            "[::1]:5000",
        ] {
            assert!(is_loopback(host), "{host}");
        }
        for host in [
            "example.org",
            "localhost.example.org:80",
            "10.0.0.1:5000",
            "127.0.0.1.example.org",
        ] {
            assert!(!is_loopback(host), "{host}");
        }
    }
}
