//! `awsIamRoleWebIdentity`: a role assumed by STS `AssumeRoleWithWebIdentity` with the token that a
//! workload has from where it runs.
//!
//! The token is had anew for every call: Kubernetes renews the file, CI systems give a new one.
//!
//! Sources: AWS STS API reference, `AssumeRoleWithWebIdentity` (unsigned; tokens of 4 to 20,000
//! characters); AWS SDKs and Tools Reference Guide, "Assume role with web identity".

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use dayfly_core::session::{Access, Session, SessionType, TokenSource};
use dayfly_vault::private_file::PrivateFileError;
use dayfly_vault::{SecretString, TemporaryCredentials};
use serde_json::Value;
use tokio::time::Instant;
use zeroize::{Zeroize as _, Zeroizing};

use crate::aws_sts::Sts;
use crate::errors::ProviderError;
use crate::errors_sign_in::TokenProblem;
use crate::provider::{BoxFuture, IssueRequest, Provider};
use crate::role_session_name::role_session_name;
use crate::token_services::TokenServices;
use dayfly_vault::helper;

/// The longest file, and the longest output of a command, in bytes.
const LENGTH: usize = 64 << 10;
/// The longest token that STS takes, in characters.
const TOKEN: usize = 20_000;
/// How long a command may take.
const DEADLINE: Duration = Duration::from_secs(30);
/// Where the token is in what common programs and services print as JSON, GitHub Actions first.
const MEMBERS: [&str; 4] = ["value", "id_token", "access_token", "token"];

/// The provider for `awsIamRoleWebIdentity`.
pub(crate) struct AwsIamRoleWebIdentity {
    pub(crate) sts: Arc<Sts>,
    pub(crate) services: TokenServices,
}

impl AwsIamRoleWebIdentity {
    async fn token(
        &self,
        session: &Session,
        source: &TokenSource,
    ) -> Result<SecretString, ProviderError> {
        let refuse = |problem| ProviderError::Token {
            session: session.name.clone(),
            problem,
        };
        let text = match source {
            TokenSource::File(file) => {
                let path = path(session, file)?;
                let read = tokio::task::spawn_blocking(move || read(&path)).await;
                let read = read.map_err(|_| ProviderError::Interrupted {
                    session: session.name.clone(),
                    task: "reading the token",
                })?;
                read.map_err(refuse)?
            }
            TokenSource::Command(command) => {
                let environment = [
                    ("DAYFLY_SESSION", session.id.as_str()),
                    ("DAYFLY_SESSION_NAME", session.name.as_str()),
                    ("DAYFLY_ROLE_ARN", session.role_arn().unwrap_or_default()),
                ];
                helper::run(command, &environment, LENGTH, DEADLINE)
                    .await
                    .map_err(|error| refuse(TokenProblem::Command(error)))?
            }
            TokenSource::Variable(name) => {
                let set = std::env::var(name).ok().filter(|value| !value.is_empty());
                set.map(SecretString::from)
                    .ok_or_else(|| refuse(TokenProblem::Variable(name.clone())))?
            }
            TokenSource::Service { service, audience } => {
                let asked = self.services.token(*service, audience.as_deref()).await;
                asked.map_err(|problem| refuse(TokenProblem::Service(problem)))?
            }
        };
        extract(&text).ok_or_else(|| refuse(TokenProblem::NoToken))
    }
}

fn path(session: &Session, file: &str) -> Result<PathBuf, ProviderError> {
    let path = helper::own(file).unwrap_or_else(|| PathBuf::from(file));
    if path.is_absolute() {
        return Ok(path);
    }
    Err(ProviderError::Field {
        session: session.name.clone(),
        field: "tokenFile",
        problem: "must begin with / or ~/".to_owned(),
    })
}

fn read(path: &Path) -> Result<SecretString, TokenProblem> {
    use std::io::Read as _;
    let failed = |e: std::io::Error| TokenProblem::File {
        path: path.to_owned(),
        problem: match e.kind() {
            std::io::ErrorKind::NotFound => "does not exist".to_owned(),
            _ => format!("cannot be read: {e}"),
        },
    };
    let file = match dayfly_fs::bounded::open(path, dayfly_fs::bounded::Links::Follow) {
        Ok(Some((file, _))) => file,
        Ok(None) => return Err(failed(std::io::ErrorKind::NotFound.into())),
        Err(PrivateFileError::Io { source, .. }) => return Err(failed(source)),
        Err(other) => return Err(failed(std::io::Error::other(other.to_string()))),
    };
    // Room for all of it at once: a vector that grows leaves copies behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(LENGTH + 1));
    let bound = u64::try_from(LENGTH).unwrap_or(u64::MAX) + 1;
    file.take(bound).read_to_end(&mut bytes).map_err(failed)?;
    let odd = |problem: &str| TokenProblem::File {
        path: path.to_owned(),
        problem: problem.to_owned(),
    };
    if bytes.len() > LENGTH {
        return Err(odd("is too large for a token"));
    }
    match std::str::from_utf8(&bytes) {
        Ok(text) => Ok(SecretString::from(text.trim().to_owned())),
        Err(_) => Err(odd("is not text")),
    }
}

/// The token: the whole text, or the member of a JSON object that is known to hold it.
fn extract(text: &SecretString) -> Option<SecretString> {
    let whole = text.expose();
    let token = if whole.starts_with('{') {
        let mut object: Value = serde_json::from_str(whole).ok()?;
        let member = MEMBERS.iter().find(|name| object[**name].is_string())?;
        let Value::String(token) = object[*member].take() else {
            return None;
        };
        if let Value::Object(rest) = &mut object {
            for value in rest.values_mut() {
                if let Value::String(text) = value {
                    text.zeroize();
                }
            }
        }
        SecretString::from(token)
    } else {
        text.clone()
    };
    let plain = |c: char| c.is_ascii_graphic();
    let token_text = token.expose();
    let fits = (4..=TOKEN).contains(&token_text.len()) && token_text.chars().all(plain);
    fits.then_some(token)
}

impl Provider for AwsIamRoleWebIdentity {
    fn session_type(&self) -> SessionType {
        SessionType::AwsIamRoleWebIdentity
    }

    fn issue<'a>(
        &'a self,
        request: IssueRequest<'a>,
    ) -> BoxFuture<'a, Result<TemporaryCredentials, ProviderError>> {
        Box::pin(async move {
            let session = request.session;
            let Access::AwsIamRoleWebIdentity {
                role_arn,
                token: source,
                role_session_name: name,
                duration_seconds,
            } = &session.access
            else {
                return Err(ProviderError::wrong_provider(session, self.session_type()));
            };
            let name = role_session_name(session, name.as_deref())?;
            let begin = Instant::now();
            let token = self.token(session, source).await?;
            let now = request.now.plus(begin.elapsed());
            let seconds = duration_seconds.and_then(|seconds| i32::try_from(seconds).ok());
            let operation = "AssumeRoleWithWebIdentity";
            let mut call = self.sts.call(session, operation, now).await?;
            call.secrets.push(token.clone());
            let answer = call
                .client
                .assume_role_with_web_identity()
                .role_arn(role_arn)
                .role_session_name(name)
                .web_identity_token(token.expose())
                .set_duration_seconds(seconds)
                .send()
                .await;
            match answer {
                Ok(mut answer) => {
                    let credentials = answer.credentials.take();
                    call.accept(credentials, &answer)
                }
                Err(error) => Err(call.refused(error)),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn extracted(text: &str) -> Option<String> {
        let token = extract(&SecretString::from(text.to_owned()));
        token.map(|token| token.expose().to_owned())
    }

    #[test]
    fn a_token_is_found_alone_and_in_what_services_answer() {
        for text in [
            "eyJ.eyJ.sig",
            r#"{"count":1437,"value":"eyJ.eyJ.sig"}"#,
            r#"{"id_token":"eyJ.eyJ.sig","refresh_token":"other"}"#,
        ] {
            assert_eq!(extracted(text).as_deref(), Some("eyJ.eyJ.sig"), "{text}");
        }
        for text in ["", "abc", "two words", "{}", r#"{"value":7}"#, "{\"value\""] {
            assert_eq!(extracted(text), None, "{text}");
        }
        assert_eq!(extracted(&"x".repeat(TOKEN + 1)), None);
    }

    #[test]
    fn a_file_that_holds_no_token_is_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str, content: &[u8]| {
            let path = folder.path().join(name);
            std::fs::write(&path, content).unwrap();
            read(&path)
                .map(|t| t.expose().to_owned())
                .map_err(|e| e.to_string())
        };
        assert_eq!(at("good", b" eyJ.eyJ.sig\n"), Ok("eyJ.eyJ.sig".to_owned()));
        assert!(
            at("long", &vec![b'x'; LENGTH + 1])
                .unwrap_err()
                .contains("too large")
        );
        assert!(at("odd", b"\xff").unwrap_err().contains("is not text"));
        let none = read(&folder.path().join("none")).unwrap_err().to_string();
        assert!(none.ends_with("none does not exist"), "{none}");
    }
}
