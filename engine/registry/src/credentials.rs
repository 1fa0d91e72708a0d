//! The credentials that Docker keeps for a registry: in its configuration, or with one of its helpers.

use std::path::PathBuf;

use data_encoding::BASE64;
use docker_credential::{CredentialRetrievalError, DockerCredential};
use http::HeaderValue;
use zeroize::Zeroizing;

use crate::error::RegistryError;

/// Docker's name for the registry that it uses where none is named.
const DOCKER_HUB: &str = "https://index.docker.io/v1/";

/// What to show a registry, as the value of `Authorization`. Somebody without Docker, and a registry that Docker does not know, is a guest.
pub(crate) fn of(host: &str) -> Result<Option<HeaderValue>, RegistryError> {
    let server = match host {
        "docker.io" | "index.docker.io" | "registry-1.docker.io" => DOCKER_HUB,
        other => other,
    };
    let failed = |problem: &str| RegistryError::Credentials {
        host: host.to_owned(),
        problem: problem.to_owned(),
    };
    match docker_credential::get_credential(server) {
        Ok(DockerCredential::UsernamePassword(user, password)) => {
            let pair = Zeroizing::new(format!("{user}:{}", *Zeroizing::new(password)));
            let shown = Zeroizing::new(format!("Basic {}", BASE64.encode(pair.as_bytes())));
            let mut value =
                HeaderValue::from_str(&shown).map_err(|_| failed("they are malformed"))?;
            value.set_sensitive(true);
            Ok(Some(value))
        }
        Ok(DockerCredential::IdentityToken(_)) => Err(failed(
            "they are an identity token, which this version cannot use; log in with a password or an access token",
        )),
        Err(
            CredentialRetrievalError::NoCredentialConfigured
            | CredentialRetrievalError::ConfigNotFound,
        ) => Ok(None),
        // What a helper printed could be a secret, so it is not passed on.
        Err(CredentialRetrievalError::HelperFailure {
            helper,
            stdout,
            stderr,
        }) => {
            // A helper says so that it knows nothing of a registry.
            let unknown = format!("{stdout}{stderr}").contains("credentials not found");
            if unknown {
                return Ok(None);
            }
            Err(failed(&format!("{helper} failed")))
        }
        // The library does not tell a file that is not there from one that cannot be read.
        Err(CredentialRetrievalError::ConfigReadError) if !is_configured() => Ok(None),
        Err(CredentialRetrievalError::ConfigReadError) => Err(failed("config.json cannot be read")),
        Err(_) => Err(failed("they are malformed")),
    }
}

/// Whether Docker has a configuration here.
fn is_configured() -> bool {
    let named = std::env::var_os("DOCKER_CONFIG").map(PathBuf::from);
    let folder = named.or_else(|| std::env::home_dir().map(|home| home.join(".docker")));
    folder.is_some_and(|folder| folder.join("config.json").exists())
}
