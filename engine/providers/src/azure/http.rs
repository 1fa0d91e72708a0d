//! Calls to Entra and to the resource manager, over the connections that all providers share.

use ::http::{Request, header};
use aws_smithy_runtime_api::client::http::HttpConnector as _;
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::date_time::{DateTime, Format};
use dayfly_core::time::Timestamp;
use dayfly_net::Connector;
use dayfly_vault::SecretString;
use form_urlencoded::Serializer;
use std::time::Duration;
use zeroize::Zeroizing;

use crate::answer::connection;
use crate::http::{self, Place};
use crate::settings::Timeouts;
use crate::unreachable::Unreachable;

/// The longest that a service may tell the engine to stay away.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(3_600);
/// The most characters of somebody else's words.
const WORDS: usize = 400;

/// Makes calls.
#[derive(Debug)]
pub(crate) struct Http {
    timeouts: Timeouts,
    connector: Connector,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    /// The status.
    pub(crate) status: u16,
    /// `Retry-After`, as it stands.
    pub(crate) retry_after: Option<String>,
    /// The service's id of the request.
    pub(crate) request_id: Option<String>,
    /// All headers, for who needs others.
    pub(crate) headers: Vec<(String, String)>,
    /// The body.
    pub(crate) body: Zeroizing<Vec<u8>>,
}

impl Http {
    pub(crate) fn new(timeouts: Timeouts) -> Self {
        Self {
            timeouts,
            connector: http::connector(&timeouts, http::ANSWER),
        }
    }

    /// Posts a form, once: what a form carries may be good for one call.
    pub(crate) async fn post(
        &self,
        address: &str,
        fields: &[(&str, &str)],
    ) -> Result<Answer, Unreachable> {
        let form = {
            let mut form = Serializer::new(String::with_capacity(8_192));
            form.extend_pairs(fields);
            Zeroizing::new(form.finish())
        };
        let request = Request::post(address)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(header::ACCEPT, "application/json")
            .body(SdkBody::from(form.as_bytes()));
        self.send(address, request, false).await
    }

    /// Gets, as the owner of a token.
    pub(crate) async fn get(
        &self,
        address: &str,
        token: &SecretString,
    ) -> Result<Answer, Unreachable> {
        let bearer = Zeroizing::new(format!("Bearer {}", token.expose()));
        let request = Request::get(address)
            .header(header::AUTHORIZATION, bearer.as_str())
            .header(header::ACCEPT, "application/json")
            .body(SdkBody::empty());
        self.send(address, request, true).await
    }

    /// Makes a call. A repeatable one whose kept connection the other side had closed is made
    /// again, once.
    pub(crate) async fn send(
        &self,
        address: &str,
        request: ::http::Result<Request<SdkBody>>,
        repeatable: bool,
    ) -> Result<Answer, Unreachable> {
        let unusable = |detail: String| Unreachable::Request { detail };
        let request = request.map_err(|e| unusable(e.to_string()))?;
        let mut request = HttpRequest::try_from(request).map_err(|e| unusable(e.to_string()))?;
        request.headers_mut().insert(
            header::USER_AGENT.as_str(),
            concat!("dayfly/", env!("CARGO_PKG_VERSION")),
        );
        if Place::of(address).is_none() {
            return Err(unusable("it is not a valid address".to_owned()));
        }
        let answered = tokio::time::timeout(self.timeouts.whole, async {
            let again = request.try_clone().filter(|_| repeatable);
            let response = match (self.connector.call(request).await, again) {
                (Err(error), Some(again)) if crate::retry::broke_off(&error) => {
                    self.connector.call(again).await
                }
                (response, _) => response,
            };
            let response = response.map_err(|e| connection(&e, &[]))?;
            read(response, self.timeouts.attempt).await
        });
        answered.await.unwrap_or(Err(Unreachable::Timeout))
    }
}

async fn read(response: HttpResponse, silence: Duration) -> Result<Answer, Unreachable> {
    let broken = |detail: &str| Unreachable::Connection {
        detail: detail.to_owned(),
    };
    let header = |name| response.headers().get(name).map(str::to_owned);
    let mut answer = Answer {
        status: response.status().as_u16(),
        retry_after: header("retry-after"),
        request_id: header("x-ms-request-id").map(|id| word(&id)),
        headers: response
            .headers()
            .iter()
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect(),
        body: Zeroizing::new(Vec::with_capacity(8_192)),
    };
    let body = &mut answer.body;
    let take = |piece: &[u8]| body.extend_from_slice(piece);
    let read = dayfly_net::read(response, http::ANSWER, silence, take).await;
    read.map_err(|why| broken(&why.to_string()))?;
    Ok(answer)
}

impl Answer {
    pub(crate) const fn is_success(&self) -> bool {
        self.status >= 200 && self.status < 300
    }

    /// When the service wants to be asked again.
    ///
    /// Source: RFC 9110, 10.2.3: seconds or a date.
    pub(crate) fn retry_at(&self, now: Timestamp) -> Option<Timestamp> {
        let value = self.retry_after.as_deref()?.trim();
        let at = match value.parse() {
            Ok(seconds) => now.plus(Duration::from_secs(seconds)),
            Err(_) => {
                let date = DateTime::from_str(value, Format::HttpDate).ok()?;
                Timestamp::from_millis(u64::try_from(date.to_millis().ok()?).ok()?)
            }
        };
        Some(at.clamp(now, now.plus(RETRY_AFTER_MAX)))
    }
}

/// Somebody else's words in one line, not too long.
pub(crate) fn one_line(words: &str) -> String {
    let mut line = dayfly_core::text::one_line(words, WORDS);
    line.truncate(line.trim_end_matches('.').len());
    line
}

/// A code or an id of a service, as far as it looks like one.
pub(crate) fn word(word: &str) -> String {
    word.chars()
        .take(128)
        .take_while(|c| c.is_ascii_alphanumeric() || "._:-".contains(*c))
        .collect()
}
