//! The instance metadata service (IMDSv2), for tools that know nothing else: the credentials and
//! the region of one session, for every program of this user.
//!
//! Whoever may connect may ask, as on an EC2 instance: what keeps others out is that the other end
//! has to belong to this user, and that requests are not passed on. Some SDKs go on using what
//! they have from here beyond its end; see [`WARNING`].
//!
//! Source: EC2 user guide, "Use the Instance Metadata Service to access instance metadata" and
//! "Retrieve security credentials from instance metadata".

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use dayfly_core::session::Session;
use dayfly_core::time::Timestamp;
use dayfly_dialog::CliError;
use dayfly_runtime::clock;
use dayfly_supervisor::Sockets;
use dayfly_workspace::Workspace;
use hmac::{Hmac, KeyInit as _, Mac as _};
use hyper::body::Incoming;
use hyper::header::{HeaderName, HeaderValue};
use hyper::{HeaderMap, Method, Request, StatusCode};
use sha2::Sha256;

use crate::answer::{self, Answer};
use crate::container::AGAIN;
use crate::refusals::Told;
use crate::server::{EndpointHandler, Listening, Port};
use crate::source::{BoxFuture, Source};
use crate::{forms, tokens};

/// What a person should know before a program has credentials from here.
pub const WARNING: &str = "some clients keep using credentials from an instance metadata service \
                           for up to 25 minutes after they expired or the session was stopped; use \
                           this only for tools that support neither credential_process nor the \
                           container endpoint";

const TTL: HeaderName = HeaderName::from_static("x-aws-ec2-metadata-token-ttl-seconds");
const TOKEN: HeaderName = HeaderName::from_static("x-aws-ec2-metadata-token");
/// The longest that a token may be good for, in seconds.
const TTL_MAX: u64 = 21_600;
const ROLES: &str = "/latest/meta-data/iam/security-credentials";

/// Whose credentials are given, and what is said of the machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The id of the session.
    pub session: String,
    /// The name under which the session is listed as a role.
    pub role: String,
    /// The region; none: nothing is said of it.
    pub region: Option<String>,
}

impl Identity {
    /// A session as a metadata endpoint shows it.
    pub fn of(workspace: &Workspace, session: &Session) -> Self {
        let region = session.region.as_deref().or(workspace.default_region());
        Self {
            session: session.id.to_string(),
            role: role(&session.name),
            region: region.map(str::to_owned),
        }
    }
}

/// A metadata service that listens; gone when dropped.
#[derive(Debug)]
pub struct Metadata {
    listening: Arc<Listening>,
    shown: Shown,
}

/// Who is shown now: the Workspace may change while programs ask.
type Shown = Arc<Mutex<Arc<Identity>>>;

impl Metadata {
    /// Listens, and shows this identity.
    pub async fn start(
        port: Port,
        source: Arc<dyn Source>,
        identity: Identity,
        told: impl Told,
        sockets: Arc<Sockets>,
    ) -> Result<Self, CliError> {
        let shown = Arc::new(Mutex::new(Arc::new(identity)));
        let handler = Imds {
            source,
            shown: Arc::clone(&shown),
            passes: MetadataTokens::new(),
        };
        let listening = Listening::start(port, handler, told, sockets).await?;
        let listening = Arc::new(listening);
        Ok(Self { listening, shown })
    }

    /// What listens.
    pub(crate) fn listening(&self) -> Arc<Listening> {
        Arc::clone(&self.listening)
    }

    /// Shows this from now on.
    pub fn show(&self, identity: Identity) {
        *self.shown.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(identity);
    }

    /// For `AWS_EC2_METADATA_SERVICE_ENDPOINT`. The AWS CLI puts paths right behind it, so it
    /// needs its slash.
    pub fn url(&self) -> String {
        format!("http://{}/", self.listening.address)
    }
}

/// A role's name as it can stand in a path: what cannot becomes a dash.
pub fn role(name: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "+=,.@_-".contains(c);
    let role: String = name
        .chars()
        .map(|c| if plain(c) { c } else { '-' })
        .take(64)
        .collect();
    if role.is_empty() {
        "dayfly".to_owned()
    } else {
        role
    }
}

struct Imds {
    source: Arc<dyn Source>,
    shown: Shown,
    passes: MetadataTokens,
}

impl Imds {
    async fn serve(&self, request: &Request<Incoming>) -> Answer {
        let (method, path) = (request.method(), request.uri().path());
        let none = |status, message| Answer::none(status, message);
        if request.uri().query().is_some() {
            return none(StatusCode::BAD_REQUEST, "a query string is not supported");
        }
        if path == "/latest/api/token" {
            if method != Method::PUT {
                return none(StatusCode::METHOD_NOT_ALLOWED, "only PUT is supported");
            }
            return self.pass(request.headers());
        }
        if method != Method::GET {
            return none(StatusCode::METHOD_NOT_ALLOWED, "only GET is supported");
        }
        let mut given = request.headers().get_all(TOKEN).iter();
        let opens = match (given.next(), given.next()) {
            (Some(token), None) => self.passes.opens(token.as_bytes(), clock::now()),
            _ => false,
        };
        if !opens {
            // Version 1, which asks without a token, is not answered.
            let why = "the metadata token is missing or has expired";
            return Answer::refusal(StatusCode::UNAUTHORIZED, why);
        }
        self.read(path).await
    }

    fn pass(&self, headers: &HeaderMap) -> Answer {
        let mut asked = headers.get_all(TTL).iter();
        let seconds = match (asked.next(), asked.next()) {
            (Some(text), None) => text.to_str().ok().and_then(|text| text.parse().ok()),
            _ => None,
        };
        let Some(seconds) = seconds.filter(|seconds| (1..=TTL_MAX).contains(seconds)) else {
            let message = "the token's lifetime must be 1 to 21600 seconds";
            return Answer::none(StatusCode::BAD_REQUEST, message);
        };
        let end = clock::now().plus(Duration::from_secs(seconds));
        Answer::plain(self.passes.make(end)).with_header(TTL, HeaderValue::from(seconds))
    }

    async fn read(&self, path: &str) -> Answer {
        let identity = Arc::clone(&self.shown.lock().unwrap_or_else(PoisonError::into_inner));
        let Identity {
            session,
            role,
            region,
        } = &*identity;
        if let Some(rest) = path.strip_prefix(ROLES) {
            return match rest.strip_prefix('/').unwrap_or(rest) {
                "" => Answer::plain(role.clone()),
                asked if asked == role && rest.starts_with('/') => self.credentials(session).await,
                _ => Answer::none(StatusCode::NOT_FOUND, "there is no such role"),
            };
        }
        let nothing = || Answer::none(StatusCode::NOT_FOUND, "the endpoint does not provide this");
        let Some(region) = region else {
            return nothing();
        };
        match path.strip_suffix('/').unwrap_or(path) {
            "/latest/meta-data/placement/region" => Answer::plain(region.clone()),
            // SDKs that look for the region here take the letter off again.
            "/latest/meta-data/placement/availability-zone" => Answer::plain(format!("{region}a")),
            "/latest/dynamic/instance-identity/document" => {
                let text = serde_json::json!({ "region": region, "version": "2017-09-30" });
                Answer::json(text.to_string().as_bytes())
            }
            _ => nothing(),
        }
    }

    async fn credentials(&self, session: &str) -> Answer {
        let given = match answer::credentials(&*self.source, session).await {
            Ok(given) => given,
            Err(answer) => return answer,
        };
        let now = clock::now();
        match forms::metadata(&given, now, now.plus(AGAIN)) {
            Ok(text) => Answer::json(&text),
            Err(_) => Answer::none(
                StatusCode::INTERNAL_SERVER_ERROR,
                "the endpoint could not make an answer",
            ),
        }
    }
}

impl EndpointHandler for Imds {
    fn name(&self) -> &'static str {
        "metadata endpoint"
    }

    fn answer<'a>(&'a self, request: &'a Request<Incoming>) -> BoxFuture<'a, Answer> {
        Box::pin(self.serve(request))
    }

    /// As on an instance: no router passes an answer on.
    fn hops(&self) -> Option<u32> {
        Some(1)
    }
}

/// Metadata tokens. Each says when it ends and is signed, so none has to be remembered, and
/// nobody can fill the memory with them.
struct MetadataTokens(dayfly_vault::SecretString);

impl MetadataTokens {
    fn new() -> Self {
        Self(tokens::random())
    }

    fn sum(&self, end: &str) -> Option<Hmac<Sha256>> {
        let mut sum = Hmac::<Sha256>::new_from_slice(self.0.expose().as_bytes()).ok()?;
        sum.update(end.as_bytes());
        Some(sum)
    }

    fn make(&self, end: Timestamp) -> String {
        let end = format!("{:x}", end.as_millis());
        let sum = self.sum(&end).map(|sum| sum.finalize().into_bytes());
        let sum: String = sum
            .iter()
            .flatten()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        format!("{end}.{sum}")
    }

    fn opens(&self, token: &[u8], now: Timestamp) -> bool {
        let parts = std::str::from_utf8(token)
            .ok()
            .and_then(|token| token.split_once('.'));
        let Some((end, sum)) = parts else {
            return false;
        };
        let digits = sum.as_bytes().chunks(2);
        let given: Option<Vec<u8>> = digits
            .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
            .collect();
        // Compared in the same time whatever is wrong.
        let right = given
            .zip(self.sum(end))
            .is_some_and(|(given, sum)| sum.verify_slice(&given).is_ok());
        let ends = u64::from_str_radix(end, 16).map(Timestamp::from_millis);
        right && ends.is_ok_and(|ends| ends > now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metadata_token_is_good_until_its_end_and_cannot_be_made_up() {
        let passes = MetadataTokens::new();
        let at = |seconds: u64| Timestamp::from_millis(seconds * 1_000);
        let token = passes.make(at(100));
        assert!(passes.opens(token.as_bytes(), at(99)));
        assert!(!passes.opens(token.as_bytes(), at(100)));
        // Another end under the same signature.
        let (_, sum) = token.split_once('.').unwrap();
        let forged = format!("{:x}.{sum}", 1_000_000_000);
        assert!(!passes.opens(forged.as_bytes(), at(99)));
        assert!(!MetadataTokens::new().opens(token.as_bytes(), at(99)));
        for odd in ["", ".", "zz", "1f.", "1f.zz", &token[..token.len() - 1]] {
            assert!(!passes.opens(odd.as_bytes(), at(99)), "{odd}");
        }
    }

    #[test]
    fn any_name_is_a_role_that_a_path_can_have() {
        assert_eq!(role("deploy"), "deploy");
        assert_eq!(role("a/b ü?"), "a-b---");
        assert_eq!(role(""), "dayfly");
        assert_eq!(role(&"x".repeat(100)).len(), 64);
    }
}
