//! The call itself, and what comes back.

use aws_smithy_runtime_api::client::http::HttpConnector as _;
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_types::body::SdkBody;
use dayfly_core::session::{ErrorKind, Session};
use dayfly_core::text::shell_word;
use dayfly_core::time::Timestamp;
use dayfly_net::Connector;
use dayfly_vault::SecretString;
use dayfly_x509::Algorithm;
use serde::Deserialize;
use tokio::sync::OnceCell;
use zeroize::{Zeroize, Zeroizing};

use super::request::Signed;
use crate::answer::{Answer, clean, connection, word};
use crate::aws_sts::{is_plausible_region, load};
use crate::errors::{ProviderError, Refusal};
use crate::hints::CLOCK_HINT;
use crate::http;
use crate::settings::Timeouts;
use crate::unreachable::Unreachable;

/// The longest answer, in bytes.
const ANSWER: usize = 256 << 10;
const OPERATION: &str = "CreateSession";

/// Calls IAM Roles Anywhere.
pub(super) struct Caller {
    connector: Connector,
    timeouts: Timeouts,
    /// What the environment or the config file name as the endpoint.
    configured: OnceCell<Option<String>>,
}

/// Where the service is called.
pub(super) struct Place {
    pub(super) url: String,
    /// `IAM Roles Anywhere (where it is)`.
    service: String,
}

/// What the service gave.
pub(super) struct Given {
    pub(super) access_key_id: String,
    pub(super) secret_access_key: SecretString,
    pub(super) session_token: SecretString,
    pub(super) expires_at: Timestamp,
}

impl Place {
    /// The error where it is no address.
    pub(super) fn unusable(&self, session: &Session) -> ProviderError {
        let detail = "the endpoint is not a URL".to_owned();
        self.unreachable(session, Unreachable::Request { detail })
    }

    fn unreachable(&self, session: &Session, how: Unreachable) -> ProviderError {
        ProviderError::Unreachable {
            session: session.name.clone(),
            service: self.service.clone(),
            how,
        }
    }
}

impl Caller {
    pub(super) fn new(timeouts: Timeouts) -> Self {
        Self {
            connector: http::connector(&timeouts, ANSWER),
            timeouts,
            configured: OnceCell::new(),
        }
    }

    /// Where the service of a region is: what the settings name, else where AWS has it.
    pub(super) async fn place(
        &self,
        session: &Session,
        region: &str,
    ) -> Result<Place, ProviderError> {
        // The region becomes part of a host name.
        if !is_plausible_region(region) {
            return Err(ProviderError::Field {
                session: session.name.clone(),
                field: "trustAnchorArn",
                problem: format!("is in {region:?}, which is not an AWS region"),
            });
        }
        let load = || async {
            let loaded = load("RolesAnywhere", None, &self.timeouts, region).await;
            loaded.map(|loaded| loaded.endpoint)
        };
        let configured = self.configured.get_or_try_init(load).await;
        let configured = configured.map_err(|unusable| ProviderError::Unreachable {
            session: session.name.clone(),
            service: "IAM Roles Anywhere".to_owned(),
            how: Unreachable::Settings(unusable),
        })?;
        Ok(match configured {
            Some(url) => {
                let shown = http::Place::of(url).map(|place| place.shown);
                let shown = shown.unwrap_or_else(|| "an endpoint that is not a URL".to_owned());
                Place {
                    url: url.clone(),
                    service: format!("IAM Roles Anywhere ({shown})"),
                }
            }
            None => {
                let suffix = if region.starts_with("cn-") { ".cn" } else { "" };
                Place {
                    url: format!("https://rolesanywhere.{region}.amazonaws.com{suffix}"),
                    service: format!("IAM Roles Anywhere in {region}"),
                }
            }
        })
    }

    pub(super) async fn send(
        &self,
        session: &Session,
        place: &Place,
        signed: &Signed,
        algorithm: Algorithm,
        signature: &[u8],
        now: Timestamp,
    ) -> Result<Given, ProviderError> {
        let request = request(signed, signed.authorization(algorithm, signature));
        let request = request.ok_or_else(|| place.unusable(session))?;
        let unreachable = |how| place.unreachable(session, how);
        let answer = tokio::time::timeout(self.timeouts.whole, self.connector.call(request)).await;
        let answer = answer.map_err(|_| unreachable(Unreachable::Timeout))?;
        let answer = answer.map_err(|error| unreachable(connection(&error, &[])))?;
        let (status, said) = (answer.status(), Said::of(&answer));
        // Room for all of it at once: a vector that grows leaves copies behind.
        let mut bytes = Zeroizing::new(Vec::with_capacity(ANSWER));
        let take = |piece: &[u8]| bytes.extend_from_slice(piece);
        let read = dayfly_net::read(answer, ANSWER, self.timeouts.attempt, take).await;
        let odd = |problem: String, clock| ProviderError::Answer {
            session: session.name.clone(),
            service: place.service.clone(),
            operation: OPERATION,
            problem,
            clock,
            request_id: said.answer.request_id.clone(),
        };
        read.map_err(|broken| odd(format!("badly: {broken}"), false))?;
        if !status.is_success() {
            return Err(said.refused(session, place, &bytes, now));
        }
        let given = Given::read(&bytes)
            .ok_or_else(|| odd("with incomplete credentials".to_owned(), false))?;
        if given.expires_at <= now {
            let late = now.since(given.expires_at).as_secs();
            let problem =
                format!("with credentials that expired {late} s ago by this machine's clock");
            return Err(odd(problem, true));
        }
        Ok(given)
    }
}

fn request(signed: &Signed, authorization: String) -> Option<HttpRequest> {
    let mut request = HttpRequest::new(SdkBody::from(signed.body.as_str()));
    request.set_method("POST").ok()?;
    request.set_uri(signed.url.as_str()).ok()?;
    let headers = request.headers_mut();
    for (name, value) in &signed.headers {
        headers.try_insert(*name, value.clone()).ok()?;
    }
    headers.try_insert("authorization", authorization).ok()?;
    let agent = concat!("dayfly-", env!("CARGO_PKG_VERSION"));
    headers.try_insert("user-agent", agent).ok()?;
    headers.try_insert("accept", "application/json").ok()?;
    Some(request)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Created {
    credential_set: Vec<CredentialSet>,
}

#[derive(Deserialize)]
struct CredentialSet {
    credentials: Keys,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Keys {
    access_key_id: String,
    secret_access_key: String,
    session_token: String,
    expiration: String,
}

impl Drop for Keys {
    fn drop(&mut self) {
        self.secret_access_key.zeroize();
        self.session_token.zeroize();
    }
}

impl Given {
    /// None where one of the parts is missing or empty: nothing is half a set of credentials.
    fn read(bytes: &[u8]) -> Option<Self> {
        let created: Created = serde_json::from_slice(bytes).ok()?;
        let [set] = created.credential_set.as_slice() else {
            return None;
        };
        let keys = &set.credentials;
        let parts = [
            &keys.access_key_id,
            &keys.secret_access_key,
            &keys.session_token,
        ];
        if parts.iter().any(|part| part.trim().is_empty()) {
            return None;
        }
        Some(Self {
            access_key_id: keys.access_key_id.clone(),
            secret_access_key: SecretString::copy_of(&keys.secret_access_key),
            session_token: SecretString::copy_of(&keys.session_token),
            expires_at: crate::handed::moment(&keys.expiration)?,
        })
    }
}

/// What is said beside the body.
struct Said {
    answer: Answer,
    kind: Option<String>,
}

#[derive(Deserialize)]
struct Refused {
    #[serde(alias = "Message")]
    message: Option<String>,
    #[serde(rename = "__type")]
    kind: Option<String>,
}

impl Said {
    fn of(response: &HttpResponse) -> Self {
        let kind = response.headers().get("x-amzn-errortype");
        Self {
            answer: Answer::without_code(response),
            kind: kind.map(str::to_owned),
        }
    }

    /// What an answer that says no means.
    fn refused(
        &self,
        session: &Session,
        place: &Place,
        bytes: &[u8],
        now: Timestamp,
    ) -> ProviderError {
        let body: Option<Refused> = serde_json::from_slice(bytes).ok();
        let message = body.as_ref().and_then(|body| body.message.clone());
        let message = clean(&message.unwrap_or_default(), &[]);
        let coded = self
            .kind
            .as_deref()
            .or(body.as_ref().and_then(|body| body.kind.as_deref()));
        // `com.amazonaws…#AccessDeniedException:http://…`
        let code = coded.map(|code| word(code.rsplit('#').next().unwrap_or(code)));
        let code = code.map(|code| code.split(':').next().unwrap_or(code));
        let code = code
            .filter(|code| !code.is_empty())
            .unwrap_or(&self.answer.code)
            .to_owned();
        let clock = message.contains("not yet current") || message.contains("Signature expired");
        let kind = match self.answer.status {
            _ if clock => ErrorKind::ClockSkew,
            429 => ErrorKind::Throttled,
            403 => ErrorKind::Denied,
            400 | 404 => ErrorKind::Misconfigured,
            _ if code.starts_with("Throttling") => ErrorKind::Throttled,
            500.. => ErrorKind::Unavailable,
            _ => ErrorKind::Other,
        };
        let name = &session.name;
        let words = match message.is_empty() {
            true => String::new(),
            false => format!(": {message}"),
        };
        ProviderError::Refused(Box::new(Refusal {
            kind,
            sentence: format!(
                "{} refused {OPERATION} for session \"{name}\"{words} ({code})",
                place.service
            ),
            hint: hint(kind, name),
            retry_at: self.answer.retry_at(now),
            request_id: self.answer.request_id.clone(),
            code,
        }))
    }
}

fn hint(kind: ErrorKind, session: &str) -> Option<String> {
    match kind {
        ErrorKind::ClockSkew => Some(CLOCK_HINT.to_owned()),
        ErrorKind::Denied => Some(
            "look whether the trust anchor's authority issued the certificate, whether trust anchor \
             and profile are enabled, whether the profile lists the role, and whether the role trusts \
             rolesanywhere.amazonaws.com for this certificate"
                .to_owned(),
        ),
        ErrorKind::Misconfigured => Some(format!(
            "correct the ARNs or the duration with `dayfly session edit {}`",
            shell_word(session)
        )),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(key: &str, secret: &str, token: &str, end: &str) -> String {
        format!(
            r#"{{"credentialSet":[{{"credentials":{{"accessKeyId":"{key}","secretAccessKey":"{secret}","sessionToken":"{token}","expiration":"{end}"}}}}],"subjectArn":"arn"}}"#
        )
    }

    #[test]
    fn nothing_is_half_a_set_of_credentials() {
        let end = "2026-07-27T04:36:55Z";
        let whole = Given::read(answer("ASIA", "s", "t", end).as_bytes()).unwrap();
        assert_eq!(whole.access_key_id, "ASIA");
        assert_eq!(whole.expires_at, Timestamp::from_millis(1_785_127_015_000));
        for (key, secret, token, end) in [
            ("", "s", "t", end),
            ("ASIA", "", "t", end),
            ("ASIA", "s", " ", end),
            ("ASIA", "s", "t", ""),
            ("ASIA", "s", "t", "soon"),
        ] {
            assert!(Given::read(answer(key, secret, token, end).as_bytes()).is_none());
        }
        let twice = r#"{"credentialSet":[]}"#;
        for other in ["", "{}", "[]", twice, "null"] {
            assert!(Given::read(other.as_bytes()).is_none(), "{other}");
        }
    }
}
