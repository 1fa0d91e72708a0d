//! Requests to one registry, and to whom its answers lead.
//!
//! Where a registry sends one elsewhere, only the registry's own answers may name another host; a host
//! that was named so may name itself and the registry alone. No address of this machine, of a private
//! network or of the link is called unless the registry itself has one of that kind, nothing is asked
//! without TLS but on this machine, and credentials are shown to the registry and to the place of its
//! tokens alone. Every answer has a bound and a deadline.

use std::time::Duration;

use aws_smithy_runtime_api::client::http::HttpConnector as _;
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_types::body::SdkBody;
use dayfly_net::{Connector, Limits, Reach};
use http::{HeaderName, HeaderValue, Method, Request, Uri, header};
use tokio::sync::{Mutex, OnceCell};

use crate::error::RegistryError;

/// How long a connection may take to come about, and how long may pass between two pieces of an answer.
const CONNECT: Duration = Duration::from_secs(10);
pub(crate) const SILENCE: Duration = Duration::from_secs(30);
/// How long a question may take whose answer is small.
pub(crate) const SMALL: Duration = Duration::from_secs(60);
/// How long it may take to send something large.
const SENDING: Duration = Duration::from_secs(600);
/// How often one may be sent elsewhere.
const HOPS: usize = 5;
/// The longest answer that says what went wrong, in bytes.
const WORDS: usize = 64 << 10;

/// What is asked.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    pub(crate) method: Method,
    pub(crate) address: Uri,
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    pub(crate) body: Vec<u8>,
}

impl Ask {
    pub(crate) fn new(method: Method, address: Uri) -> Self {
        Self {
            method,
            address,
            headers: Vec::new(),
            body: Vec::new(),
        }
    }

    pub(crate) fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    pub(crate) fn carrying(mut self, body: Vec<u8>) -> Self {
        self.body = body;
        self
    }
}

/// A registry as requests go to it.
#[derive(Debug)]
pub(crate) struct Http {
    /// As it was named, for messages.
    host: String,
    /// `scheme://host[:port]`
    base: String,
    own: Connector,
    sending: Connector,
    elsewhere: OnceCell<Connector>,
    /// What the registry is shown.
    pub(crate) authorization: Mutex<Option<HeaderValue>>,
}

const LIMITS: Limits = Limits {
    connect: CONNECT,
    answer: SILENCE,
    // Each answer has its own.
    bytes: usize::MAX,
};

impl Http {
    pub(crate) fn new(host: &str, plain: bool) -> Self {
        let scheme = if plain { "http" } else { "https" };
        let server = match host {
            "docker.io" | "index.docker.io" => "registry-1.docker.io",
            other => other,
        };
        Self {
            host: host.to_owned(),
            base: format!("{scheme}://{server}"),
            own: Connector::new(LIMITS),
            sending: Connector::new(Limits {
                answer: SENDING,
                ..LIMITS
            }),
            elsewhere: OnceCell::new(),
            authorization: Mutex::new(None),
        }
    }

    /// An address at the registry.
    pub(crate) fn at(&self, path: &str) -> Result<Uri, RegistryError> {
        self.address(&format!("{}{path}", self.base))
    }

    /// An address that the registry named, from one of its own.
    pub(crate) fn relative(&self, from: &Uri, to: &str) -> Result<Uri, RegistryError> {
        let authority = from.authority().map_or("", |a| a.as_str());
        let scheme = from.scheme_str().unwrap_or("https");
        if to.starts_with("//") {
            self.address(&format!("{scheme}:{to}"))
        } else if to.starts_with('/') {
            self.address(&format!("{scheme}://{authority}{to}"))
        } else {
            self.address(to)
        }
    }

    fn address(&self, text: &str) -> Result<Uri, RegistryError> {
        let address: Option<Uri> = text.parse().ok();
        let address = address.filter(|a| a.scheme().is_some() && a.host().is_some());
        address.ok_or_else(|| self.other("it sent an invalid address"))
    }

    pub(crate) fn is_own(&self, address: &Uri) -> bool {
        let base: Option<Uri> = self.base.parse().ok();
        base.is_some_and(|base| {
            base.scheme() == address.scheme()
                && base.host().map(str::to_ascii_lowercase)
                    == address.host().map(str::to_ascii_lowercase)
                && port(&base) == port(address)
        })
    }

    /// Asks, and goes where the registry's answers lead; the answer that is no other place.
    pub(crate) async fn ask(
        &self,
        mut ask: Ask,
        what: &str,
    ) -> Result<HttpResponse, RegistryError> {
        let movable = [Method::GET, Method::HEAD].contains(&ask.method);
        for _ in 0..=HOPS {
            let answer = self.once(&ask, what).await?;
            let moved = matches!(answer.status().as_u16(), 301 | 302 | 303 | 307 | 308);
            let to = answer
                .headers()
                .get("location")
                .filter(|_| moved && movable);
            let Some(to) = to else {
                return Ok(answer);
            };
            let next = self.relative(&ask.address, to)?;
            if !self.is_own(&ask.address) && !self.is_own(&next) && !same(&ask.address, &next) {
                return Err(self.other(&format!(
                    "it redirects through {} to {}, where only the registry itself may redirect",
                    shown(&ask.address),
                    shown(&next)
                )));
            }
            ask.address = next;
        }
        Err(self.other(&format!("it redirects too often for {what}")))
    }

    /// Asks at one place and nowhere else: what shows who one is, is for that place.
    pub(crate) async fn ask_there(
        &self,
        ask: Ask,
        what: &str,
    ) -> Result<HttpResponse, RegistryError> {
        self.once(&ask, what).await
    }

    async fn once(&self, ask: &Ask, what: &str) -> Result<HttpResponse, RegistryError> {
        let own = self.is_own(&ask.address);
        let mut request = Request::builder()
            .method(ask.method.clone())
            .uri(ask.address.clone())
            .header(
                header::USER_AGENT,
                concat!("dayfly/", env!("CARGO_PKG_VERSION")),
            );
        for (name, value) in &ask.headers {
            request = request.header(name, value);
        }
        let has_own = ask
            .headers
            .iter()
            .any(|(name, _)| *name == header::AUTHORIZATION);
        if own
            && !has_own
            && let Some(authorization) = &*self.authorization.lock().await
        {
            request = request.header(header::AUTHORIZATION, authorization);
        }
        let request = request
            .header(header::CONTENT_LENGTH, ask.body.len())
            .body(SdkBody::from(ask.body.clone()))
            .ok()
            .and_then(|request| HttpRequest::try_from(request).ok());
        let request = request.ok_or_else(|| self.other("Dayfly cannot build the request"))?;
        let (connector, limit) = match (own, ask.body.is_empty()) {
            (true, true) => (&self.own, CONNECT + SILENCE),
            (true, false) => (&self.sending, CONNECT + SENDING),
            (false, _) => (self.elsewhere(&ask.address).await?, CONNECT + SILENCE),
        };
        let answer = tokio::time::timeout(limit, connector.call(request)).await;
        let answer = answer.map_err(|_| RegistryError::Unreachable {
            host: self.host.clone(),
            problem: format!(
                "it did not answer about {what} within {} s",
                limit.as_secs()
            ),
        })?;
        answer.map_err(|error| RegistryError::of(&self.host, &error))
    }

    /// The connections to other places.
    async fn elsewhere(&self, address: &Uri) -> Result<&Connector, RegistryError> {
        let base: Uri = self.base.parse().unwrap_or_default();
        if address.scheme_str() != Some("https") && base.scheme_str() != address.scheme_str() {
            let to = shown(address);
            return Err(self.other(&format!(
                "it redirects to {to}, where Dayfly sends nothing without TLS"
            )));
        }
        let made = self.elsewhere.get_or_init(|| async {
            let host = base.host().unwrap_or_default();
            Connector::within(LIMITS, Reach::of(host).await)
        });
        Ok(made.await)
    }

    /// A whole answer of at most so many bytes.
    pub(crate) async fn whole(
        &self,
        answer: HttpResponse,
        limit: usize,
        what: &str,
    ) -> Result<Vec<u8>, RegistryError> {
        let mut bytes = Vec::new();
        let read = dayfly_net::read(answer, limit, SILENCE, |piece| {
            bytes.extend_from_slice(piece);
        });
        let read = tokio::time::timeout(SMALL, read).await;
        match read {
            Ok(Ok(())) => Ok(bytes),
            Ok(Err(dayfly_net::BrokenOff::TooLong)) => Err(RegistryError::TooLarge {
                what: what.to_owned(),
                bytes: None,
                limit: limit as u64,
            }),
            Ok(Err(why)) => Err(RegistryError::Unreachable {
                host: self.host.clone(),
                problem: format!("{why} ({what})"),
            }),
            Err(_) => Err(RegistryError::Unreachable {
                host: self.host.clone(),
                problem: format!(
                    "it did not finish its answer about {what} within {} s",
                    SMALL.as_secs()
                ),
            }),
        }
    }

    /// What an answer that says no means.
    pub(crate) async fn refused(&self, answer: HttpResponse, what: &str) -> RegistryError {
        let status = answer.status().as_u16();
        let (host, what) = (self.host.clone(), what.to_owned());
        match status {
            401 | 403 => return RegistryError::Denied { host },
            404 => return RegistryError::NotFound { host, what },
            _ => {}
        }
        let text = self.whole(answer, WORDS, &what).await.unwrap_or_default();
        let words = serde_json::from_slice::<serde_json::Value>(&text).ok();
        let words = words.as_ref().and_then(|answer| {
            let first = answer.get("errors")?.get(0)?;
            Some(format!(
                ": {} {}",
                first.get("code")?.as_str()?,
                first
                    .get("message")
                    .and_then(|m| m.as_str())
                    .unwrap_or_default()
            ))
        });
        let words: String = words.unwrap_or_default().chars().take(300).collect();
        self.other(&format!("it answered {status} about {what}{words}"))
    }

    pub(crate) fn other(&self, problem: &str) -> RegistryError {
        RegistryError::Other {
            host: self.host.clone(),
            problem: problem.to_owned(),
        }
    }
}

fn port(address: &Uri) -> Option<u16> {
    let usual = match address.scheme_str() {
        Some("https") => Some(443),
        Some("http") => Some(80),
        _ => None,
    };
    address.port_u16().or(usual)
}

fn same(one: &Uri, other: &Uri) -> bool {
    one.scheme() == other.scheme()
        && one.host().map(str::to_ascii_lowercase) == other.host().map(str::to_ascii_lowercase)
        && port(one) == port(other)
}

/// An address without what may let one in.
fn shown(address: &Uri) -> String {
    let port = address.port_u16().map(|p| format!(":{p}"));
    format!(
        "{}://{}{}",
        address.scheme_str().unwrap_or_default(),
        address.host().unwrap_or_default(),
        port.unwrap_or_default()
    )
}
