//! Answers programs on loopback.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use dayfly_runtime::clock;
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use super::gate;
use super::source::Source;
use super::tokens::Tokens;
use crate::trouble::{Code, Trouble};

/// Connections at once; more wait.
const CONNECTIONS: usize = 256;
/// How long a client may take to say what it wants.
const HEAD: Duration = Duration::from_secs(5);
/// How long an answer may take. Clients give up after a second or a few and ask again.
const ANSWER: Duration = Duration::from_secs(20);
/// When clients are to ask again about credentials that have no end.
const AGAIN: Duration = Duration::from_secs(3_600);

/// A listening endpoint; gone when dropped.
#[derive(Debug)]
pub(crate) struct Endpoint {
    address: SocketAddr,
    tokens: Arc<Tokens>,
    task: JoinHandle<()>,
}

impl Endpoint {
    /// Listens on 127.0.0.1, on the port of before where there was one and it is free.
    pub(crate) async fn start(source: Arc<dyn Source>, tokens: Tokens) -> Result<Self, Trouble> {
        let failed = |e: io::Error| Trouble::failed(format!("cannot listen on loopback: {e}"));
        let before = tokens.port().unwrap_or(0);
        let listener = match TcpListener::bind((Ipv4Addr::LOCALHOST, before)).await {
            Ok(listener) => listener,
            Err(_) => TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
                .await
                .map_err(failed)?,
        };
        let address = listener.local_addr().map_err(failed)?;
        tokens.set_port(address.port())?;
        let tokens = Arc::new(tokens);
        let task = tokio::spawn(serve(listener, source, Arc::clone(&tokens), address.port()));
        Ok(Self {
            address,
            tokens,
            task,
        })
    }

    /// What a program needs to ask for the credentials of this session: URL and token.
    pub(crate) fn access(
        &self,
        session: &str,
    ) -> Result<(String, dayfly_vault::SecretString), Trouble> {
        let url = format!("http://{}{}", self.address, gate::path(session));
        Ok((url, self.tokens.token(session)?))
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(listener: TcpListener, source: Arc<dyn Source>, tokens: Arc<Tokens>, port: u16) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else {
            return;
        };
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(_) => {
                // Too many open files, say; later there may be room again.
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let (source, tokens) = (Arc::clone(&source), Arc::clone(&tokens));
        tokio::spawn(async move {
            // A client that goes away is no matter.
            let _ = converse(stream, source, tokens, port).await;
            drop(place);
        });
    }
}

async fn converse(
    stream: TcpStream,
    source: Arc<dyn Source>,
    tokens: Arc<Tokens>,
    port: u16,
) -> Result<(), hyper::Error> {
    // Small answers, each waited for.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request: Request<Incoming>| {
        let (source, tokens) = (Arc::clone(&source), Arc::clone(&tokens));
        async move { Ok::<_, std::convert::Infallible>(answer(&request, &*source, &tokens, port).await) }
    });
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(16 << 10)
        .serve_connection(TokioIo::new(stream), service)
        .await
}

async fn answer(
    request: &Request<Incoming>,
    source: &dyn Source,
    tokens: &Tokens,
    port: u16,
) -> Response<Full<Bytes>> {
    let admitted = gate::admit(
        request.method(),
        request.uri().path(),
        request.headers(),
        port,
        tokens,
    );
    let session = match admitted {
        Ok(session) if request.uri().query().is_none() => session,
        Ok(_) => return refusal(StatusCode::BAD_REQUEST, "no query is understood"),
        Err(status) => return refusal(status, "refused"),
    };
    let asked = tokio::time::timeout(ANSWER, source.credentials(&session)).await;
    let given = match asked {
        Ok(Ok(given)) => given,
        Ok(Err(trouble)) => {
            // What a client retries by itself is told apart from what it need not retry.
            let status = match trouble.code {
                Code::NotFound => StatusCode::NOT_FOUND,
                Code::Refused | Code::NeedsPerson | Code::Usage => StatusCode::BAD_REQUEST,
                Code::Failed => StatusCode::SERVICE_UNAVAILABLE,
            };
            return refusal(status, &trouble.message);
        }
        Err(_) => return refusal(StatusCode::GATEWAY_TIMEOUT, "the cloud gives no answer"),
    };
    let now = clock::now();
    if given.expires_at.is_some_and(|end| end <= now) {
        return refusal(
            StatusCode::SERVICE_UNAVAILABLE,
            "the credentials have ended",
        );
    }
    match given.container(now.plus(AGAIN)) {
        Ok(text) => respond(StatusCode::OK, Bytes::copy_from_slice(&text)),
        Err(_) => refusal(StatusCode::INTERNAL_SERVER_ERROR, "no answer could be made"),
    }
}

fn refusal(status: StatusCode, message: &str) -> Response<Full<Bytes>> {
    let code = status
        .canonical_reason()
        .unwrap_or("Error")
        .replace(' ', "");
    let text = serde_json::json!({ "code": code, "message": message }).to_string();
    respond(status, Bytes::from(text))
}

fn respond(status: StatusCode, body: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
