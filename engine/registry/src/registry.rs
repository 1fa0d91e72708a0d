//! A registry that is talked to.

use std::panic::AssertUnwindSafe;
use std::sync::Once;
use std::time::Duration;

use oci_client::client::{Client, ClientConfig, ClientProtocol};
use oci_client::secrets::RegistryAuth;
use oci_client::{Reference, RegistryOperation};

use crate::credentials;
use crate::error::RegistryError;

/// How long a connection may take to come about, and how long may pass between two pieces of an answer.
const CONNECT: Duration = Duration::from_secs(10);
const SILENCE: Duration = Duration::from_secs(30);
/// How long a question may take whose answer is small.
pub(crate) const SMALL: Duration = Duration::from_secs(60);

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
    pub(crate) fn reference(&self) -> Reference {
        match (&self.digest, &self.tag) {
            (Some(digest), _) => self.at_digest(digest),
            (None, tag) => self.at_tag(tag.as_deref().unwrap_or("latest")),
        }
    }

    pub(crate) fn at_digest(&self, digest: &str) -> Reference {
        Reference::with_digest(
            self.host.clone(),
            self.repository.clone(),
            digest.to_owned(),
        )
    }

    pub(crate) fn at_tag(&self, tag: &str) -> Reference {
        Reference::with_tag(self.host.clone(), self.repository.clone(), tag.to_owned())
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
    pub(crate) client: Client,
    pub(crate) auth: RegistryAuth,
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
    /// Docker's credentials for it cannot be used, or this machine cannot do TLS.
    pub fn at(host: &str) -> Result<Self, RegistryError> {
        static TLS: Once = Once::new();
        TLS.call_once(|| {
            // Where somebody installed one before, that is as good.
            let _ = rustls::crypto::ring::default_provider().install_default();
        });
        let protocol = if is_loopback(host) {
            ClientProtocol::HttpsExcept(vec![host.to_owned()])
        } else {
            ClientProtocol::Https
        };
        let config = ClientConfig {
            protocol,
            use_monolithic_push: true,
            connect_timeout: Some(CONNECT),
            read_timeout: Some(SILENCE),
            user_agent: concat!("dayfly/", env!("CARGO_PKG_VERSION")),
            platform_resolver: None,
            ..ClientConfig::default()
        };
        let failed = |problem: String| RegistryError::Other {
            host: host.to_owned(),
            problem,
        };
        // The client is built twice inside, once by a function that cannot fail but by a panic.
        let client = std::panic::catch_unwind(AssertUnwindSafe(|| Client::try_from(config)))
            .map_err(|_| {
                failed(
                    "this machine has no certificates to check it with; install ca-certificates"
                        .into(),
                )
            })?
            .map_err(|e| failed(e.to_string()))?;
        Ok(Self {
            host: host.to_owned(),
            client,
            auth: credentials::of(host)?,
        })
    }

    /// Has the registry know who asks, for this repository.
    pub(crate) async fn enter(
        &self,
        reference: &Reference,
        push: bool,
    ) -> Result<(), RegistryError> {
        self.client
            .store_auth_if_needed(&self.host, &self.auth)
            .await;
        let operation = if push {
            RegistryOperation::Push
        } else {
            RegistryOperation::Pull
        };
        let entering = self.client.auth(reference, &self.auth, operation);
        let entered = self.in_time(entering, reference.repository()).await?;
        entered
            .map(|_| ())
            .map_err(|e| RegistryError::of(&self.host, reference.repository(), &e))
    }

    /// Waits for a small answer, but not for ever.
    pub(crate) async fn in_time<T>(
        &self,
        answer: impl Future<Output = T>,
        what: &str,
    ) -> Result<T, RegistryError> {
        let answered = tokio::time::timeout(SMALL, answer).await;
        answered.map_err(|_| RegistryError::Unreachable {
            host: self.host.clone(),
            problem: format!("no whole answer about {what} in {} s", SMALL.as_secs()),
        })
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
