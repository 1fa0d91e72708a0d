//! The credentials that Docker keeps for a registry: in its configuration, or with one of its helpers.
//!
//! A configuration or a helper that others could have written is not used, as it decides what runs here
//! and who is told which password. Whatever a helper does is bounded, and nothing that it prints but the
//! credentials is passed on.
//!
//! Source: docker/cli, "docker login", "Credential stores" and "Credential helpers"; the protocol is that
//! of docker/docker-credential-helpers: the name of the server on the standard input of `get`, and a JSON
//! object with `Username` and `Secret` on its standard output.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::time::Duration;

use data_encoding::{BASE64, BASE64_NOPAD};
use dayfly_fs::trusted;
use dayfly_vault::SecretString;
use dayfly_vault::helper;
use http::HeaderValue;
use serde::Deserialize;
use zeroize::Zeroizing;

use crate::error::RegistryError;

/// Docker's name for the registry that it uses where none is named.
const DOCKER_HUB: &str = "https://index.docker.io/v1/";
/// The longest configuration, in bytes.
const LIMIT: u64 = 4 << 20;
/// The longest answer of a helper, in bytes. Tokens of clouds have some thousand.
const ANSWER: usize = 64 << 10;
/// How long a helper may take; it may be asking a person.
const DEADLINE: Duration = Duration::from_secs(60);
/// What a helper says that knows nothing of a registry.
const UNKNOWN: &[u8] = b"credentials not found";
/// In the place of a user name: the secret is an identity token.
const TOKEN: &str = "<token>";

/// Docker's configuration, as far as it says who one is.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Config {
    auths: BTreeMap<String, Auth>,
    creds_store: String,
    cred_helpers: BTreeMap<String, String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Auth {
    auth: Option<Hidden>,
    username: Option<String>,
    password: Option<Hidden>,
    identitytoken: Option<Hidden>,
}

/// A text that is overwritten when it is no longer needed.
#[derive(Deserialize)]
#[serde(from = "String")]
struct Hidden(SecretString);

impl From<String> for Hidden {
    fn from(text: String) -> Self {
        Self(SecretString::from(text))
    }
}

/// What a helper answers.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    username: String,
    secret: Hidden,
}

/// Where Docker's configuration and its helpers are looked for.
struct Docker {
    folder: Option<PathBuf>,
    path: OsString,
    deadline: Duration,
}

/// What to show a registry, as the value of `Authorization`. Somebody without Docker, and a registry that Docker does not know, is a guest.
pub(crate) async fn of(host: &str) -> Result<Option<HeaderValue>, RegistryError> {
    let named = std::env::var_os("DOCKER_CONFIG").filter(|named| !named.is_empty());
    let named = named.map(PathBuf::from);
    let docker = Docker {
        folder: named.or_else(|| std::env::home_dir().map(|home| home.join(".docker"))),
        path: std::env::var_os("PATH").unwrap_or_default(),
        deadline: DEADLINE,
    };
    docker
        .of(host)
        .await
        .map_err(|problem| RegistryError::Credentials {
            host: host.to_owned(),
            problem,
        })
}

impl Docker {
    async fn of(&self, host: &str) -> Result<Option<HeaderValue>, String> {
        let server = match host {
            "docker.io" | "index.docker.io" | "registry-1.docker.io" => DOCKER_HUB,
            other => other,
        };
        let Some(mut config) = self.config()? else {
            return Ok(None);
        };
        if let Some(helper) = config
            .cred_helpers
            .get(server)
            .filter(|name| !name.is_empty())
        {
            return self.ask(helper, server).await;
        }
        let auth = match config.auths.remove(server) {
            Some(auth) => Some(auth),
            None => {
                let mut all = config.auths.into_iter();
                let found = all.find(|(key, _)| registry(key) == registry(server));
                found.map(|(_, auth)| auth)
            }
        };
        if let Some(shown) = auth.map(Auth::shown).transpose()?.flatten() {
            return Ok(Some(shown));
        }
        match config.creds_store.as_str() {
            "" => Ok(None),
            helper => self.ask(helper, server).await,
        }
    }

    fn config(&self) -> Result<Option<Config>, String> {
        let Some(folder) = &self.folder else {
            return Ok(None);
        };
        let path = folder.join("config.json");
        let bytes = trusted::read(&path, LIMIT).map_err(|e| e.to_string())?;
        let Some(bytes) = bytes.map(Zeroizing::new) else {
            return Ok(None);
        };
        // What the parser says could quote a password.
        let read = serde_json::from_slice(&bytes);
        read.map(Some)
            .map_err(|_| format!("{} is not a Docker configuration", path.display()))
    }

    async fn ask(&self, helper: &str, server: &str) -> Result<Option<HeaderValue>, String> {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
        if !helper.bytes().all(plain) {
            return Err("config.json names a helper that is not a valid program name".to_owned());
        }
        let program = format!("docker-credential-{helper}");
        let Some(file) = self.located(&program) else {
            return Err(format!(
                "{program}, which config.json names, is not on the PATH"
            ));
        };
        let command = [file, "get".to_owned()];
        let ended = helper::ask(
            &command,
            &[],
            Some(server.as_bytes()),
            ANSWER,
            self.deadline,
        );
        let ended = ended.await.map_err(|e| e.to_string())?;
        if let Some(failure) = ended.failure {
            let known = |window: &[u8]| window == UNKNOWN;
            if ended.output.windows(UNKNOWN.len()).any(known) {
                return Ok(None);
            }
            return Err(failure.to_string());
        }
        // What it printed could be a secret, so it is not passed on.
        let malformed = |_| format!("{program} printed something else than credentials");
        let answer: Answer = serde_json::from_slice(&ended.output).map_err(malformed)?;
        if answer.username == TOKEN {
            return Err(IDENTITY.to_owned());
        }
        basic(&answer.username, &answer.secret.0).map(Some)
    }

    /// The program that a shell would run. Folders that are relative to wherever one is do not count.
    fn located(&self, program: &str) -> Option<String> {
        std::env::split_paths(&self.path)
            .filter(|folder| folder.is_absolute())
            .map(|folder| folder.join(program))
            .find(|file| {
                let meta = std::fs::metadata(file);
                meta.is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
            })
            .and_then(|file| file.into_os_string().into_string().ok())
    }
}

const IDENTITY: &str = "they are an identity token, which this version of Dayfly cannot use; log \
                        in with a password or an access token";

impl Auth {
    fn shown(self) -> Result<Option<HeaderValue>, String> {
        if self
            .identitytoken
            .is_some_and(|token| !token.0.expose().is_empty())
        {
            return Err(IDENTITY.to_owned());
        }
        let malformed = || "they are malformed".to_owned();
        if let Some(auth) = self.auth.filter(|auth| !auth.0.expose().is_empty()) {
            let bare = auth.0.expose().trim_end_matches('=').as_bytes();
            let pair = Zeroizing::new(BASE64_NOPAD.decode(bare).map_err(|_| malformed())?);
            let pair = std::str::from_utf8(&pair).map_err(|_| malformed())?;
            let (user, password) = pair.split_once(':').ok_or_else(malformed)?;
            return basic(user, &SecretString::from(password.to_owned())).map(Some);
        }
        match (self.username, self.password) {
            (Some(user), Some(password)) => basic(&user, &password.0).map(Some),
            _ => Ok(None),
        }
    }
}

/// Credentials as they are shown.
fn basic(user: &str, password: &SecretString) -> Result<HeaderValue, String> {
    let malformed = || "they are malformed".to_owned();
    // A colon would end the name, and a control character is in no name and no password.
    if user.contains(':')
        || user
            .chars()
            .chain(password.expose().chars())
            .any(char::is_control)
    {
        return Err(malformed());
    }
    let pair = Zeroizing::new(format!("{user}:{}", password.expose()));
    let shown = Zeroizing::new(format!("Basic {}", BASE64.encode(pair.as_bytes())));
    let mut value = HeaderValue::from_str(&shown).map_err(|_| malformed())?;
    value.set_sensitive(true);
    Ok(value)
}

/// The registry that a key of `auths` is of.
fn registry(key: &str) -> &str {
    let bare = key.strip_prefix("https://");
    let bare = bare.or_else(|| key.strip_prefix("http://"));
    let host = bare.map_or(key, |bare| bare.split('/').next().unwrap_or(bare));
    match host {
        "registry-1.docker.io" | "docker.io" => "index.docker.io",
        other => other,
    }
}

#[cfg(test)]
#[path = "credentials_tests.rs"]
mod tests;
