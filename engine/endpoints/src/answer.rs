//! What an endpoint answers.

use std::time::Duration;

use dayfly_control::credentials::Given;
use dayfly_dialog::{CliError, Code};
use dayfly_runtime::clock;
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::{Response, StatusCode};

use crate::source::Source;

/// How long an answer may take. Clients give up after a second or a few and ask again.
const TIMEOUT: Duration = Duration::from_secs(20);

/// An answer, and why it is a refusal, where it is one that the person may want to know of.
#[derive(Debug)]
pub(crate) struct Answer {
    response: Response<Full<Bytes>>,
    refused: Option<&'static str>,
}

impl Answer {
    pub(crate) fn json(text: &[u8]) -> Self {
        Self::ok(Bytes::copy_from_slice(text), "application/json")
    }

    pub(crate) fn plain(text: String) -> Self {
        Self::ok(Bytes::from(text), "text/plain")
    }

    fn ok(body: Bytes, kind: &'static str) -> Self {
        Self {
            response: respond(StatusCode::OK, body, kind),
            refused: None,
        }
    }

    /// Somebody asked who, or for what, is not let in.
    pub(crate) fn refusal(status: StatusCode, why: &'static str) -> Self {
        Self {
            response: problem(status, why),
            refused: Some(why),
        }
    }

    /// There is no answer to this, and nothing is odd about the question.
    pub(crate) fn none(status: StatusCode, message: &str) -> Self {
        Self {
            response: problem(status, message),
            refused: None,
        }
    }

    /// The same in the words that the clients of an endpoint look for.
    pub(crate) fn worded(
        status: StatusCode,
        words: &serde_json::Value,
        refused: Option<&'static str>,
    ) -> Self {
        let body = Bytes::from(words.to_string());
        Self {
            response: respond(status, body, "application/json"),
            refused,
        }
    }

    pub(crate) fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.response.headers_mut().insert(name, value);
        self
    }

    pub(crate) fn into_parts(self) -> (Response<Full<Bytes>>, Option<&'static str>) {
        (self.response, self.refused)
    }
}

/// The credentials of a session that have not ended, or the answer that says why there are none.
/// No person is waited for.
pub(crate) async fn credentials(source: &dyn Source, session: &str) -> Result<Given, Answer> {
    let asked = tokio::time::timeout(TIMEOUT, source.credentials(session)).await;
    let given = match asked {
        Ok(Ok(given)) => given,
        Ok(Err(trouble)) => return Err(of_trouble(&trouble)),
        Err(_) => {
            let message = "the cloud does not answer";
            return Err(Answer::none(StatusCode::GATEWAY_TIMEOUT, message));
        }
    };
    if given.expires_at.is_some_and(|end| end <= clock::now()) {
        let message = "the credentials have expired";
        return Err(Answer::none(StatusCode::SERVICE_UNAVAILABLE, message));
    }
    Ok(given)
}

fn of_trouble(trouble: &CliError) -> Answer {
    // What a client retries by itself is told apart from what it need not retry.
    let status = match trouble.code {
        Code::NotFound => StatusCode::NOT_FOUND,
        Code::Refused | Code::NeedsPerson | Code::Usage => StatusCode::BAD_REQUEST,
        Code::Failed => StatusCode::SERVICE_UNAVAILABLE,
    };
    Answer::none(status, &trouble.message)
}

fn problem(status: StatusCode, message: &str) -> Response<Full<Bytes>> {
    let code = status
        .canonical_reason()
        .unwrap_or("Error")
        .replace(' ', "");
    let text = serde_json::json!({ "code": code, "message": message }).to_string();
    respond(status, Bytes::from(text), "application/json")
}

fn respond(status: StatusCode, body: Bytes, kind: &'static str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
