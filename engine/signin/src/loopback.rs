//! Listens on loopback for a person's browser, for as long as one thing is waited for.
//!
//! Connections are served side by side: browsers open some that they say nothing on. Each is bounded
//! in what it may say and how long it may take; those of other users of this machine, and requests
//! under a name that is not this machine's, are turned away. What the others ask comes one by one to
//! who waits, so that one answer ends it and no second one counts.

use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use dayfly_net::peer;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HOST, HeaderValue, REFERRER_POLICY};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::task::JoinHandle;
use zeroize::Zeroizing;

/// Connections at once.
const CONNECTIONS: usize = 64;
/// How long one may take to say what it wants.
const ASK: Duration = Duration::from_secs(5);
/// How long one may live: as long as it takes to redeem what the browser brought.
const CONNECTION: Duration = Duration::from_secs(120);
/// How long a page may take to get to the browser.
const PAGE: Duration = Duration::from_secs(3);
/// The longest head of a request, in bytes.
const HEAD: usize = 32 << 10;

/// What a browser is shown.
pub(crate) type Page = Response<Full<Bytes>>;

/// What a browser asked: the whole request, which may hold a secret.
pub(crate) type Asked = Request<Zeroizing<Vec<u8>>>;

/// A port of 127.0.0.1 that nobody is served on yet.
#[derive(Debug)]
pub(crate) struct Loopback {
    listener: TcpListener,
    address: SocketAddr,
}

/// The same, served.
#[derive(Debug)]
pub(crate) struct Serving {
    questions: mpsc::Receiver<(Asked, Reply)>,
    task: JoinHandle<()>,
}

/// A browser that waits for its page.
#[derive(Debug)]
pub(crate) struct Reply {
    page: oneshot::Sender<Page>,
    /// Ends with the connection.
    over: oneshot::Receiver<()>,
}

impl Loopback {
    /// Listens on a port; 0: on one that is free.
    pub(crate) async fn start(port: u16) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        let address = listener.local_addr()?;
        Ok(Self { listener, address })
    }

    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves whoever asks under one of these names with a body of at most so many bytes.
    pub(crate) fn serve(self, names: &'static [&'static str], body: usize) -> Serving {
        let (asks, questions) = mpsc::channel(CONNECTIONS);
        let task = tokio::spawn(async move {
            let places = Arc::new(Semaphore::new(CONNECTIONS));
            loop {
                let Ok((stream, from)) = self.listener.accept().await else {
                    // Too many open files, say; later there may be room again.
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                };
                if peer::is_foreign(from, self.address) {
                    continue;
                }
                let Ok(place) = Arc::clone(&places).acquire_owned().await else {
                    return;
                };
                let (asks, port) = (asks.clone(), self.address.port());
                tokio::spawn(async move {
                    let talk = converse(stream, asks, names, port, body);
                    // A browser that goes away is no matter.
                    let _ = tokio::time::timeout(CONNECTION, talk).await;
                    drop(place);
                });
            }
        });
        Serving { questions, task }
    }
}

impl Serving {
    /// The next that is asked.
    pub(crate) async fn next(&mut self) -> Option<(Asked, Reply)> {
        self.questions.recv().await
    }

    /// Listens no more.
    pub(crate) async fn close(mut self) {
        self.task.abort();
        // Its listener goes with it.
        let _ = (&mut self.task).await;
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Reply {
    /// Shows this, and waits until it is on its way. A browser that is gone is no matter.
    pub(crate) async fn show(self, page: Page) {
        if self.page.send(page).is_ok() {
            let _ = tokio::time::timeout(PAGE, self.over).await;
        }
    }

    /// Shows this, and waits for nothing.
    pub(crate) fn show_soon(self, page: Page) {
        let _ = self.page.send(page);
    }
}

async fn converse(
    stream: TcpStream,
    asks: mpsc::Sender<(Asked, Reply)>,
    names: &'static [&'static str],
    port: u16,
    body: usize,
) {
    let (ended, over) = oneshot::channel::<()>();
    let over = std::sync::Mutex::new(Some(over));
    let service = service_fn(|request: Request<Incoming>| {
        let over = over.lock().ok().and_then(|mut over| over.take());
        let asks = asks.clone();
        async move {
            let page = match (admit(&request, names, port), over) {
                (Err(status), _) => blank(status),
                (Ok(()), None) => blank(StatusCode::TOO_MANY_REQUESTS),
                (Ok(()), Some(over)) => ask(request, asks, over, body).await,
            };
            Ok::<_, Infallible>(page)
        }
    });
    let _ = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(ASK)
        .max_buf_size(HEAD)
        // One request each: who waits for nothing holds no place.
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service)
        .await;
    drop(ended);
}

/// Hands a request to who waits, and brings back the page.
async fn ask(
    request: Request<Incoming>,
    asks: mpsc::Sender<(Asked, Reply)>,
    over: oneshot::Receiver<()>,
    body: usize,
) -> Page {
    let (head, incoming) = request.into_parts();
    let read = tokio::time::timeout(ASK, Limited::new(incoming, body).collect()).await;
    let bytes = match read {
        Ok(Ok(collected)) => Zeroizing::new(collected.to_bytes().to_vec()),
        Ok(Err(error)) if error.is::<http_body_util::LengthLimitError>() => {
            return blank(StatusCode::PAYLOAD_TOO_LARGE);
        }
        _ => return blank(StatusCode::BAD_REQUEST),
    };
    let (page, shown) = oneshot::channel();
    let question = (Request::from_parts(head, bytes), Reply { page, over });
    // Who waited may have heard already.
    if asks.send(question).await.is_err() {
        return blank(StatusCode::GONE);
    }
    shown.await.unwrap_or_else(|_| blank(StatusCode::GONE))
}

/// A page of anybody can send a request to loopback under a name of its own, so the name that the
/// browser asked for has to be a name of this machine.
fn admit<B>(request: &Request<B>, names: &[&str], port: u16) -> Result<(), StatusCode> {
    let mut hosts = request.headers().get_all(HOST).iter();
    let host = match (hosts.next(), hosts.next()) {
        (Some(host), None) => host.to_str().unwrap_or_default(),
        _ => return Err(StatusCode::BAD_REQUEST),
    };
    if names.iter().any(|name| host == format!("{name}:{port}")) {
        return Ok(());
    }
    Err(StatusCode::FORBIDDEN)
}

/// A page without anything on it.
pub(crate) fn blank(status: StatusCode) -> Page {
    let mut page = Response::new(Full::default());
    *page.status_mut() = status;
    page.headers_mut()
        .insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    page
}

/// Words of others as a text of a page: no element, no attribute, and nothing that turns the
/// direction of writing.
pub(crate) fn words(text: &str) -> String {
    dayfly_core::text::visible_lines(text)
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\'', "&#39;")
}

/// A page of HTML without scripts.
pub(crate) fn html(status: StatusCode, html: String) -> Page {
    let mut page = blank(status);
    *page.body_mut() = Full::new(Bytes::from(html));
    let headers = page.headers_mut();
    for (name, value) in [
        (CONTENT_TYPE, "text/html; charset=utf-8"),
        (REFERRER_POLICY, "no-referrer"),
        (hyper::header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (
            hyper::header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; \
             base-uri 'none'; form-action 'none'",
        ),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    page
}

#[cfg(test)]
#[path = "loopback_tests.rs"]
mod tests;
