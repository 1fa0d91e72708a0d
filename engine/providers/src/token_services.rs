//! CI systems that give a job a new token whenever it asks, so that jobs outlive the hour of a role.
//!
//! Source: GitHub Docs, "OpenID Connect reference": `ACTIONS_ID_TOKEN_REQUEST_URL` with `&audience=`,
//! asked with `ACTIONS_ID_TOKEN_REQUEST_TOKEN` as bearer; the token is the member `value`.

use aws_smithy_runtime_api::client::http::HttpConnector as _;
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use dayfly_core::session::{ErrorKind, TokenService};
use dayfly_net::{Connector, Unusable};
use dayfly_vault::SecretString;
use zeroize::Zeroizing;

use crate::http::{self, Place};
use crate::settings::Timeouts;

/// The longest answer, in bytes.
const ANSWER: usize = 64 << 10;
/// Whom a token is for where nobody says it.
const AUDIENCE: &str = "sts.amazonaws.com";
const URL: &str = "ACTIONS_ID_TOKEN_REQUEST_URL";
const BEARER: &str = "ACTIONS_ID_TOKEN_REQUEST_TOKEN";

/// Why a CI system gave no token.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ServiceProblem {
    /// This is no job that may ask.
    #[error("GitHub Actions gives this job no tokens: {0} is not set")]
    NotHere(&'static str),
    /// The address is not one that a secret is sent to.
    #[error("GitHub Actions is not asked for a token: {0} {1}")]
    Address(&'static str, String),
    /// It did not answer.
    #[error("{place} did not answer: {problem}")]
    NoAnswer {
        /// Where it was asked.
        place: String,
        /// What happened.
        problem: String,
    },
    /// It said no.
    #[error("{place} gave no token: it answered with status {status}")]
    Refused {
        /// Where it was asked.
        place: String,
        /// Its status.
        status: u16,
    },
}

impl ServiceProblem {
    /// What sort of failure it is.
    pub(crate) const fn kind(&self) -> ErrorKind {
        match self {
            Self::NotHere(_) | Self::Address(..) => ErrorKind::Misconfigured,
            Self::NoAnswer { .. } => ErrorKind::Network,
            Self::Refused { status, .. } if *status >= 500 => ErrorKind::Unavailable,
            Self::Refused { status: 429, .. } => ErrorKind::Throttled,
            Self::Refused { .. } => ErrorKind::Denied,
        }
    }

    /// What a person can do next.
    pub(crate) const fn hint(&self) -> &'static str {
        match self {
            Self::NotHere(_) | Self::Refused { .. } => {
                "give the job `permissions: id-token: write`, and start Dayfly in the job"
            }
            Self::Address(..) => "start Dayfly in the job, with the variable as the runner set it",
            Self::NoAnswer { .. } => "check the network and the proxy of the runner",
        }
    }
}

/// Asks CI systems for tokens.
pub(crate) struct TokenServices {
    connector: Connector,
    timeouts: Timeouts,
}

impl TokenServices {
    pub(crate) fn new(timeouts: &Timeouts) -> Self {
        Self {
            connector: http::connector(timeouts, ANSWER),
            timeouts: *timeouts,
        }
    }

    /// What the CI system answers: JSON with the token in it.
    pub(crate) async fn token(
        &self,
        service: TokenService,
        audience: Option<&str>,
    ) -> Result<SecretString, ServiceProblem> {
        let TokenService::GitHubActions = service;
        let set = |name| {
            let value = std::env::var(name).ok().filter(|value| !value.is_empty());
            value.ok_or(ServiceProblem::NotHere(name))
        };
        let (url, bearer) = (set(URL)?, Zeroizing::new(set(BEARER)?));
        let place = safe(&url).map_err(|why| ServiceProblem::Address(URL, why))?;
        let audience: String =
            form_urlencoded::byte_serialize(audience.unwrap_or(AUDIENCE).as_bytes()).collect();
        let sign = if url.contains('?') { '&' } else { '?' };
        let no_answer = |problem: &str| ServiceProblem::NoAnswer {
            place: place.shown.clone(),
            problem: problem.to_owned(),
        };
        let mut request = HttpRequest::get(format!("{url}{sign}audience={audience}"))
            .map_err(|_| ServiceProblem::Address(URL, "is not a URL".to_owned()))?;
        let headers = request.headers_mut();
        headers.insert("accept", "application/json");
        let authorization = Zeroizing::new(format!("Bearer {}", *bearer));
        headers
            .try_insert("authorization", authorization.to_string())
            .map_err(|_| ServiceProblem::Address(BEARER, "is not a token".to_owned()))?;
        let answer = tokio::time::timeout(self.timeouts.whole, self.connector.call(request)).await;
        let answer = answer.map_err(|_| no_answer("it took too long"))?;
        let answer = answer.map_err(|error| match Unusable::of(&error) {
            Some(unusable) => no_answer(&unusable.to_string()),
            None => no_answer("the connection failed"),
        })?;
        let status = answer.status();
        if !status.is_success() {
            return Err(ServiceProblem::Refused {
                place: place.shown,
                status: status.as_u16(),
            });
        }
        // Room for all of it at once: a vector that grows leaves copies behind.
        let mut bytes = Zeroizing::new(Vec::with_capacity(ANSWER));
        let take = |piece: &[u8]| bytes.extend_from_slice(piece);
        let read = dayfly_net::read(answer, ANSWER, self.timeouts.attempt, take).await;
        read.map_err(|broken| no_answer(&broken.to_string()))?;
        let text = std::str::from_utf8(&bytes).map_err(|_| no_answer("its answer is no text"))?;
        Ok(SecretString::copy_of(text.trim()))
    }
}

/// The place of an address that a secret may be sent to: over TLS, or on this machine.
fn safe(url: &str) -> Result<Place, String> {
    let place = Place::of(url).ok_or("is not a URL")?;
    if place.plain && !place.loopback {
        return Err(format!("is {}, which is not encrypted", place.shown));
    }
    Ok(place)
}

#[cfg(test)]
mod tests {
    use super::safe;

    #[test]
    fn a_secret_is_sent_over_tls_or_within_this_machine() {
        for url in [
            "https://pipelines.example.com/id?x=1",
            "http://127.0.0.1:9/id",
        ] {
            assert!(safe(url).is_ok(), "{url}");
        }
        for url in ["http://pipelines.example.com/id", "pipelines", ""] {
            assert!(safe(url).is_err(), "{url}");
        }
    }
}
