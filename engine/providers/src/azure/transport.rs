//! Carries the requests of `azure_identity` over this program's own connections, and remembers how
//! the last one ended, so that what failed is told by what happened and not by a library's words.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use aws_smithy_types::body::SdkBody;
use azure_core::error::{Error, ErrorKind};
use azure_core::http::headers::Headers;
use azure_core::http::{AsyncRawResponse, Body, HttpClient, Request};

use super::http::{Answer, Http};
use crate::unreachable::Unreachable;

/// The requests of one credential.
pub(crate) struct Carrier {
    http: Arc<Http>,
    ended: Mutex<Option<Ended>>,
}

/// How a request ended that brought nothing.
#[derive(Debug)]
pub(crate) enum Ended {
    /// The service said no.
    Refused(Answer),
    /// There was no answer.
    Unreachable(Unreachable),
}

impl fmt::Debug for Carrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Carrier")
    }
}

impl Carrier {
    pub(crate) fn new(http: Arc<Http>) -> Arc<Self> {
        Arc::new(Self {
            http,
            ended: Mutex::new(None),
        })
    }

    /// How the last request ended, where it brought nothing.
    pub(crate) fn ended(&self) -> Option<Ended> {
        self.ended
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }

    /// Remembers it, and gives the library an error that it does not try again for.
    fn fail(&self, ended: Ended) -> Error {
        *self.ended.lock().unwrap_or_else(PoisonError::into_inner) = Some(ended);
        Error::with_message(ErrorKind::Other, "the request has no answer")
    }
}

#[async_trait::async_trait]
impl HttpClient for Carrier {
    async fn execute_request(&self, request: &Request) -> azure_core::Result<AsyncRawResponse> {
        let unusable = |detail: &str| {
            self.fail(Ended::Unreachable(Unreachable::Request {
                detail: detail.to_owned(),
            }))
        };
        let Body::Bytes(body) = request.body() else {
            return Err(unusable("its request is a stream"));
        };
        let address = request.url().as_str();
        let mut made = ::http::Request::builder()
            .method(request.method().as_str())
            .uri(address);
        for (name, value) in request.headers().iter() {
            made = made.header(name.as_str(), value.as_str());
        }
        let made = made.body(SdkBody::from(body.clone()));
        let answer = match self.http.send(address, made, true).await {
            Ok(answer) => answer,
            Err(how) => return Err(self.fail(Ended::Unreachable(how))),
        };
        let status = answer.status;
        let code = azure_core::http::StatusCode::from(status);
        if !answer.is_success() {
            return Err(self.fail(Ended::Refused(answer)));
        }
        let mut headers = Headers::new();
        for (name, value) in answer.headers {
            headers.insert(name, value);
        }
        Ok(AsyncRawResponse::from_bytes(
            code,
            headers,
            answer.body.to_vec(),
        ))
    }
}
