//! Where a browser brings the SAML assertion of an identity provider to: an assertion consumer
//! service on loopback, for one sign-in.
//!
//! Source: SAML 2.0 Bindings, 3.5 (HTTP POST): a form with `SAMLResponse`.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use dayfly_providers::{Assertion, AssertionError};
use dayfly_vault::SecretString;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HOST, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};
use zeroize::Zeroizing;

use crate::trouble::Trouble;

/// Connections at once: browsers open some that they may need.
const CONNECTIONS: usize = 16;
/// How long one may take to say what it wants.
const HEAD: Duration = Duration::from_secs(10);
/// How long one may live: what a person fills in meanwhile is on other pages.
const CONNECTION: Duration = Duration::from_secs(60);
/// The longest form, in bytes: an assertion of the length that AWS takes, as a form writes it.
const FORM: usize = 512 << 10;
/// The path that assertions are brought to.
const PATH: &str = "/saml";

/// What came: an assertion, or what the identity provider says instead of one.
type Came = Result<SecretString, AssertionError>;

/// A listening service.
#[derive(Debug)]
pub(crate) struct Acs {
    listener: TcpListener,
    address: SocketAddr,
}

impl Acs {
    /// Listens on 127.0.0.1.
    pub(crate) async fn start(port: u16) -> Result<Self, Trouble> {
        let failed = |e: io::Error| {
            let message = format!("cannot listen on 127.0.0.1:{port} for the sign-in: {e}");
            Trouble::failed(message).hint(
                "another sign-in may be under way; another port (--port, or `port` of [saml] in \
                 dayfly.toml) has to be told to the identity provider as well",
            )
        };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await;
        let listener = listener.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        Ok(Self { listener, address })
    }

    /// The address that the identity provider has to know.
    pub(crate) fn url(&self) -> String {
        format!("http://{}{PATH}", self.address)
    }

    /// Waits for the first assertion; none where none came in time.
    pub(crate) async fn wait(self, patience: Duration) -> Option<Came> {
        let (came, mut coming) = mpsc::channel(1);
        let port = self.address.port();
        let serving = async {
            let places = Arc::new(Semaphore::new(CONNECTIONS));
            loop {
                let Ok(place) = Arc::clone(&places).acquire_owned().await else {
                    return;
                };
                let Ok((stream, _)) = self.listener.accept().await else {
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                };
                let came = came.clone();
                tokio::spawn(async move {
                    // A browser that goes away is no matter.
                    let _ = tokio::time::timeout(CONNECTION, converse(stream, came, port)).await;
                    drop(place);
                });
            }
        };
        tokio::select! {
            () = serving => None,
            came = coming.recv() => {
                // The page that says so is on its way.
                tokio::time::sleep(Duration::from_millis(200)).await;
                came
            }
            () = tokio::time::sleep(patience) => None,
        }
    }
}

async fn converse(stream: TcpStream, came: mpsc::Sender<Came>, port: u16) {
    let service = service_fn(move |request: Request<Incoming>| {
        let came = came.clone();
        async move { Ok::<_, std::convert::Infallible>(answer(request, &came, port).await) }
    });
    let _ = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(32 << 10)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

async fn answer(
    request: Request<Incoming>,
    came: &mpsc::Sender<Came>,
    port: u16,
) -> Response<Full<Bytes>> {
    if let Err(status) = admit(&request, port) {
        return page(status, "Nothing here", "This is not where a sign-in ends.");
    }
    let Ok(body) = Limited::new(request.into_body(), FORM).collect().await else {
        let status = StatusCode::PAYLOAD_TOO_LARGE;
        return page(status, "Too long", "That is no assertion.");
    };
    let form = Zeroizing::new(body.to_bytes().to_vec());
    let mut pairs = form_urlencoded::parse(&form);
    let text = pairs.find(|(name, _)| name == "SAMLResponse");
    let Some((_, text)) = text else {
        let what = "The form has no SAMLResponse.";
        return page(StatusCode::BAD_REQUEST, "No assertion", what);
    };
    let text = SecretString::from(text.into_owned());
    match Assertion::parse(&text) {
        Ok(_) => {
            let _ = came.try_send(Ok(text));
            let what =
                "You are signed in. This page can be closed; Dayfly goes on in the terminal.";
            page(StatusCode::OK, "Signed in", what)
        }
        Err(error @ (AssertionError::Refused(_) | AssertionError::NoRoles)) => {
            let shown = error.to_string();
            let _ = came.try_send(Err(error));
            page(StatusCode::OK, "Not signed in", &shown)
        }
        // Whoever sends this is no identity provider; the sign-in goes on.
        Err(error) => page(StatusCode::BAD_REQUEST, "No assertion", &error.to_string()),
    }
}

/// A page of anybody can send a form to loopback under a name of its own, so the name that the
/// browser asked for has to be a name of this machine.
fn admit(request: &Request<Incoming>, port: u16) -> Result<(), StatusCode> {
    let mut hosts = request.headers().get_all(HOST).iter();
    let host = match (hosts.next(), hosts.next()) {
        (Some(host), None) => host.to_str().unwrap_or_default(),
        _ => return Err(StatusCode::BAD_REQUEST),
    };
    let own = ["127.0.0.1", "localhost"];
    if !own.iter().any(|name| host == format!("{name}:{port}")) {
        return Err(StatusCode::FORBIDDEN);
    }
    if request.uri().path() != PATH {
        return Err(StatusCode::NOT_FOUND);
    }
    if request.method() != Method::POST {
        return Err(StatusCode::METHOD_NOT_ALLOWED);
    }
    let kind = request.headers().get(CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if !kind.starts_with("application/x-www-form-urlencoded") {
        return Err(StatusCode::UNSUPPORTED_MEDIA_TYPE);
    }
    Ok(())
}

fn page(status: StatusCode, title: &str, text: &str) -> Response<Full<Bytes>> {
    let html = html(title, text);
    let mut response = Response::new(Full::new(Bytes::from(html)));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    let kind = HeaderValue::from_static("text/html; charset=utf-8");
    headers.insert(CONTENT_TYPE, kind);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let policy = HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'");
    headers.insert("content-security-policy", policy);
    response
}

/// What the person sees in the browser.
pub(crate) fn html(title: &str, text: &str) -> String {
    let text = text
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;");
    format!(
        "<!doctype html><html lang=en><meta charset=utf-8><title>Dayfly: {title}</title>\
         <style>body{{font:1.1rem/1.5 system-ui,sans-serif;max-width:32rem;margin:20vh auto;\
         padding:0 1rem;color:#222;background:#fff}}h1{{font-size:1.5rem}}@media\
         (prefers-color-scheme:dark){{body{{color:#ddd;background:#1a1a1a}}}}</style>\
         <h1>{title}</h1><p>{text}</p></html>"
    )
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    const RESPONSE: &str = r#"<Response xmlns="urn:oasis:names:tc:SAML:2.0:protocol"><Status>
        <StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Success"/></Status>
        <EncryptedAssertion xmlns="urn:oasis:names:tc:SAML:2.0:assertion"/></Response>"#;

    async fn send(address: SocketAddr, head: &str, body: &str) -> String {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let length = body.len();
        let request = format!("{head}\r\nContent-Length: {length}\r\n\r\n{body}");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        let _ = stream.read_to_string(&mut answer).await;
        answer
    }

    fn status(answer: &str) -> &str {
        answer.split(' ').nth(1).unwrap_or_default()
    }

    fn form(xml: &str) -> String {
        let text = aws_base64(xml);
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("RelayState", "x")
            .append_pair("SAMLResponse", &text);
        form.finish()
    }

    fn aws_base64(text: &str) -> String {
        const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let mut out = String::new();
        for part in text.as_bytes().chunks(3) {
            let mut bytes = [0; 3];
            bytes[..part.len()].copy_from_slice(part);
            let word = u32::from_be_bytes([0, bytes[0], bytes[1], bytes[2]]);
            for n in 0..=part.len() {
                let index = (word >> (18 - 6 * n)) & 63;
                out.push(char::from(LETTERS[index as usize]));
            }
            out.push_str(&"=".repeat(3 - part.len()));
        }
        out
    }

    const KIND: &str = "Content-Type: application/x-www-form-urlencoded";

    #[tokio::test]
    async fn only_a_form_for_this_machine_ends_the_sign_in() {
        let acs = Acs::start(0).await.unwrap();
        let address = acs.address;
        assert_eq!(acs.url(), format!("http://{address}/saml"));
        let waiting = tokio::spawn(acs.wait(Duration::from_secs(60)));
        let good = form(RESPONSE);
        let post = |path: &str, host: &str, kind: &str| {
            format!("POST {path} HTTP/1.1\r\nHost: {host}\r\n{kind}")
        };
        let here = address.to_string();
        for (head, body, wanted) in [
            (post("/saml", "evil.example", KIND), good.as_str(), "403"),
            (
                post("/saml", &here, "Host: evil.example\r\nX: y"),
                &good,
                "400",
            ),
            (post("/", &here, KIND), &good, "404"),
            (
                post("/saml", &here, "Content-Type: text/plain"),
                &good,
                "415",
            ),
            (post("/saml", &here, KIND), "a=b", "400"),
            (post("/saml", &here, KIND), "SAMLResponse=canary", "400"),
            (post("/saml", &here, KIND), &form("<x/>"), "400"),
            (format!("GET /saml HTTP/1.1\r\nHost: {here}"), "", "405"),
        ] {
            let answer = send(address, &head, body).await;
            assert_eq!(status(&answer), wanted, "{head}: {answer}");
            assert!(!answer.contains("canary"));
        }
        let long = "x".repeat(FORM + 1);
        let answer = send(address, &post("/saml", &here, KIND), &long).await;
        assert!(["413", ""].contains(&status(&answer)), "{answer}");
        assert!(!waiting.is_finished());
        let answer = send(address, &post("/saml", &here, KIND), &good).await;
        assert_eq!(status(&answer), "200", "{answer}");
        let came = waiting.await.unwrap().unwrap().unwrap();
        assert_eq!(came.expose(), aws_base64(RESPONSE));
        assert!(TcpStream::connect(address).await.is_err());
    }

    #[tokio::test]
    async fn a_refusal_ends_it_and_says_so() {
        let acs = Acs::start(0).await.unwrap();
        let address = acs.address;
        let waiting = tokio::spawn(acs.wait(Duration::from_secs(60)));
        let refusal = RESPONSE
            .replace("status:Success", "status:<b>AuthnFailed")
            .replace("<b>", "");
        let head = format!("POST /saml HTTP/1.1\r\nHost: {address}\r\n{KIND}");
        let answer = send(address, &head, &form(&refusal)).await;
        assert!(answer.contains("Not signed in"), "{answer}");
        let came = waiting.await.unwrap().unwrap();
        assert_eq!(came, Err(AssertionError::Refused("AuthnFailed".to_owned())));
    }

    #[tokio::test(start_paused = true)]
    async fn it_ends_by_itself() {
        let acs = Acs::start(0).await.unwrap();
        assert_eq!(acs.wait(Duration::from_secs(300)).await, None);
    }
}
