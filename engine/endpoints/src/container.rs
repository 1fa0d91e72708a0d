//! Container credentials: one address and token a session.
//!
//! Source: AWS SDKs and Tools Reference Guide, "Container credential provider".

use std::sync::Arc;
use std::time::Duration;

use dayfly_runtime::clock;
use hyper::body::Incoming;
use hyper::{Request, StatusCode};

use crate::answer::{self, Answer};
use crate::server::EndpointHandler;
use crate::source::{BoxFuture, Source};
use crate::tokens::Tokens;
use crate::{authorization, forms, identity};

/// When clients are to ask again about credentials that have no end.
pub(crate) const AGAIN: Duration = Duration::from_secs(3_600);

/// Answers who has the token of the session.
pub(crate) struct Container {
    source: Arc<dyn Source>,
    tokens: Arc<Tokens>,
}

impl Container {
    pub(crate) fn new(source: Arc<dyn Source>, tokens: Arc<Tokens>) -> Self {
        Self { source, tokens }
    }

    async fn serve(&self, request: &Request<Incoming>) -> Answer {
        let uri = request.uri();
        if identity::is_asked(uri.path()) {
            return identity::answer(request, &*self.source, &self.tokens).await;
        }
        let session = authorization::admit(
            request.method(),
            uri.path(),
            request.headers(),
            &self.tokens,
        );
        let session = match session {
            Ok(_) if uri.query().is_some() => {
                return Answer::none(StatusCode::BAD_REQUEST, "a query string is not supported");
            }
            Ok(session) => session,
            Err((status, why)) => return Answer::refusal(status, why),
        };
        let given = match answer::credentials(&*self.source, &session).await {
            Ok(given) => given,
            Err(answer) => return answer,
        };
        match forms::container(&given, clock::now().plus(AGAIN)) {
            Ok(text) => Answer::json(&text),
            Err(_) => Answer::none(
                StatusCode::INTERNAL_SERVER_ERROR,
                "the endpoint could not make an answer",
            ),
        }
    }
}

impl EndpointHandler for Container {
    fn name(&self) -> &'static str {
        "container endpoint"
    }

    fn answer<'a>(&'a self, request: &'a Request<Incoming>) -> BoxFuture<'a, Answer> {
        Box::pin(self.serve(request))
    }
}
