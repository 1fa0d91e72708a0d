//! Waits on loopback for the browser that comes back from a sign-in.
//!
//! Only one request counts: the right path, the right host, the state of this sign-in. All others
//! are turned away and change nothing, so that no page of somebody else's can end or forge it.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use dayfly_vault::SecretString;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use zeroize::Zeroizing;

use super::peer;
use crate::trouble::Trouble;

/// How long a person may take in the browser.
pub(crate) const PATIENCE: Duration = Duration::from_secs(600);
/// How long one connection may take to ask, and to be answered.
const ASK: Duration = Duration::from_secs(5);
/// The longest request, in bytes.
const REQUEST: usize = 16 << 10;
/// Where the browser comes back to.
const PATH: &str = "/oauth/callback";

/// A listener on loopback; closed once it has heard what it waits for.
#[derive(Debug)]
pub(crate) struct Callback {
    listener: TcpListener,
    address: SocketAddr,
}

/// What the browser brought.
#[derive(Debug)]
pub(crate) enum Brought {
    /// The code that a sign-in is had for.
    Code(SecretString),
    /// The service's word for why there is none.
    Refused(String),
}

/// A browser that waits to be told how it ended.
#[derive(Debug)]
pub(crate) struct Waiting(TcpStream);

impl Callback {
    pub(crate) async fn start() -> Result<Self, Trouble> {
        let failed = |e: std::io::Error| Trouble::failed(format!("cannot listen on loopback: {e}"));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
        let listener = listener.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        Ok(Self { listener, address })
    }

    pub(crate) const fn port(&self) -> u16 {
        self.address.port()
    }

    /// Waits for the browser; none where nobody came in time. `is_ours` knows the state of this
    /// sign-in.
    pub(crate) async fn wait(
        self,
        is_ours: impl Fn(&str) -> bool,
        patience: Duration,
    ) -> Option<(Brought, Waiting)> {
        let comes = async {
            loop {
                let Ok((stream, from)) = self.listener.accept().await else {
                    // Too many open files, say.
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                };
                if peer::is_foreign(from, self.address) {
                    continue;
                }
                let heard = tokio::time::timeout(ASK, self.hear(stream, &is_ours)).await;
                if let Ok(Ok(Some(heard))) = heard {
                    return heard;
                }
            }
        };
        tokio::time::timeout(patience, comes).await.ok()
    }

    async fn hear(
        &self,
        mut stream: TcpStream,
        is_ours: &impl Fn(&str) -> bool,
    ) -> std::io::Result<Option<(Brought, Waiting)>> {
        let mut head = Zeroizing::new(Vec::with_capacity(REQUEST));
        while !head.windows(4).any(|w| w == b"\r\n\r\n") {
            let mut part = Zeroizing::new([0; 1_024]);
            let read = stream.read(&mut *part).await?;
            if read == 0 || head.len() + read > REQUEST {
                return Ok(None);
            }
            head.extend_from_slice(&part[..read]);
        }
        match understand(&head, self.address.port(), is_ours) {
            Ok(brought) => Ok(Some((brought, Waiting(stream)))),
            Err(status) => {
                let answer = format!(
                    "HTTP/1.1 {status}\r\nContent-Length: 0\r\nCache-Control: no-store\r\n\
                     Connection: close\r\n\r\n"
                );
                stream.write_all(answer.as_bytes()).await?;
                stream.shutdown().await?;
                Ok(None)
            }
        }
    }
}

/// What a request brings, or the status that it gets. Pure.
fn understand(
    head: &[u8],
    port: u16,
    is_ours: impl Fn(&str) -> bool,
) -> Result<Brought, &'static str> {
    const BAD: &str = "400 Bad Request";
    let head = std::str::from_utf8(head).map_err(|_| BAD)?;
    let mut lines = head.split("\r\n");
    let mut words = lines.next().unwrap_or_default().split(' ');
    let (method, target) = (words.next(), words.next().unwrap_or_default());
    let mut hosts = lines.filter_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("host").then(|| value.trim())
    });
    let host = match (hosts.next(), hosts.next()) {
        (Some(host), None) => host,
        _ => return Err(BAD),
    };
    if host != format!("127.0.0.1:{port}") {
        return Err("403 Forbidden");
    }
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    if path != PATH {
        return Err("404 Not Found");
    }
    if method != Some("GET") {
        return Err("405 Method Not Allowed");
    }
    let (mut code, mut state, mut error) = (None, None, None);
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        let place = match &*name {
            "code" => &mut code,
            "state" => &mut state,
            "error" => &mut error,
            _ => continue,
        };
        if place.replace(value.into_owned()).is_some() {
            return Err(BAD);
        }
    }
    if !state.as_deref().is_some_and(is_ours) {
        return Err(BAD);
    }
    match (code, error) {
        (_, Some(error)) => Ok(Brought::Refused(error)),
        (Some(code), None) if !code.is_empty() => Ok(Brought::Code(SecretString::from(code))),
        _ => Err(BAD),
    }
}

impl Waiting {
    /// Tells the person in the browser how it ended. One who is gone is no matter.
    pub(crate) async fn tell(mut self, went_well: bool, text: &str) {
        let page = page(went_well, text);
        let answer = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {}\r\n\
             Cache-Control: no-store\r\nReferrer-Policy: no-referrer\r\n\
             Content-Security-Policy: default-src 'none'; style-src 'unsafe-inline'\r\n\
             X-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n{page}",
            page.len()
        );
        let told = async {
            self.0.write_all(answer.as_bytes()).await?;
            self.0.shutdown().await
        };
        let _ = tokio::time::timeout(ASK, told).await;
    }
}

fn page(went_well: bool, text: &str) -> String {
    let (mark, title, colour) = if went_well {
        ("✓", "Signed in", "#1a7f37")
    } else {
        ("✗", "Not signed in", "#b42318")
    };
    format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>Dayfly: {title}</title>\
         <meta name=\"viewport\" content=\"width=device-width\"><style>\
         body{{font:1.1rem/1.5 system-ui,sans-serif;margin:0;min-height:100vh;display:grid;\
         place-items:center;background:#f6f7f9;color:#1f2430}}\
         main{{background:#fff;border-radius:12px;padding:2.5rem 3rem;max-width:32rem;\
         box-shadow:0 2px 16px #0002}}h1{{font-size:1.5rem;margin:0 0 .5rem;color:{colour}}}\
         p{{margin:.25rem 0}}@media(prefers-color-scheme:dark){{body{{background:#15181e;\
         color:#e6e8ec}}main{{background:#1f242d}}h1{{filter:brightness(1.6)}}}}\
         </style></head><body><main><h1>{mark} {title}</h1><p>{}</p>\
         <p>You can close this page.</p></main></body></html>",
        escaped(text)
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(request: &str) -> Result<Brought, &'static str> {
        let head = format!("{}\r\n\r\n", request.replace('\n', "\r\n"));
        understand(head.as_bytes(), 4000, |state| state == "s1")
    }

    #[test]
    fn only_the_right_request_counts() {
        let good = "GET /oauth/callback?code=c%2B1&state=s1 HTTP/1.1\nHost: 127.0.0.1:4000";
        match ask(good) {
            Ok(Brought::Code(code)) => assert_eq!(code.expose(), "c+1"),
            other => panic!("{other:?}"),
        }
        match ask("GET /oauth/callback?error=access_denied&state=s1 HTTP/1.1\nhost: 127.0.0.1:4000")
        {
            Ok(Brought::Refused(word)) => assert_eq!(word, "access_denied"),
            other => panic!("{other:?}"),
        }
        for (wrong, status) in [
            ("GET /oauth/callback?code=c&state=s1 HTTP/1.1", "400"),
            (
                "GET /oauth/callback?code=c&state=s1 HTTP/1.1\nHost: evil.example:4000",
                "403",
            ),
            (
                "GET /oauth/callback?code=c&state=s1 HTTP/1.1\nHost: localhost:4000",
                "403",
            ),
            (
                "GET /oauth/callback?code=c&state=s1 HTTP/1.1\nHost: 127.0.0.1:4000\nHost: 127.0.0.1:4000",
                "400",
            ),
            ("GET /favicon.ico HTTP/1.1\nHost: 127.0.0.1:4000", "404"),
            (
                "POST /oauth/callback?code=c&state=s1 HTTP/1.1\nHost: 127.0.0.1:4000",
                "405",
            ),
            (
                "GET /oauth/callback?code=c&state=s2 HTTP/1.1\nHost: 127.0.0.1:4000",
                "400",
            ),
            (
                "GET /oauth/callback?error=x&state=s2 HTTP/1.1\nHost: 127.0.0.1:4000",
                "400",
            ),
            (
                "GET /oauth/callback?code=c HTTP/1.1\nHost: 127.0.0.1:4000",
                "400",
            ),
            (
                "GET /oauth/callback?code=c&state=s1&state=s1 HTTP/1.1\nHost: 127.0.0.1:4000",
                "400",
            ),
            (
                "GET /oauth/callback?code=&state=s1 HTTP/1.1\nHost: 127.0.0.1:4000",
                "400",
            ),
            ("GET /oauth/callback HTTP/1.1\nHost: 127.0.0.1:4000", "400"),
        ] {
            let got = ask(wrong).map(|_| ()).unwrap_err();
            assert!(got.starts_with(status), "{wrong}: {got}");
        }
    }

    #[tokio::test]
    async fn the_browser_is_told_and_the_door_is_closed() {
        let callback = Callback::start().await.unwrap();
        let at = callback.address;
        let waiting = tokio::spawn(callback.wait(|state| state == "s1", PATIENCE));
        let send = async |path: &str| {
            let mut stream = TcpStream::connect(at).await.unwrap();
            let request = format!("GET {path} HTTP/1.1\r\nHost: {at}\r\n\r\n");
            stream.write_all(request.as_bytes()).await.unwrap();
            stream
        };
        let mut answer = String::new();
        let mut wrong = send("/oauth/callback?code=evil&state=guessed").await;
        wrong.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
        let mut right = send("/oauth/callback?code=good&state=s1").await;
        let (brought, browser) = waiting.await.unwrap().unwrap();
        assert!(matches!(brought, Brought::Code(code) if code.expose() == "good"));
        browser.tell(true, "<b>corp</b> & co").await;
        answer.clear();
        right.read_to_string(&mut answer).await.unwrap();
        assert!(
            answer.contains("Signed in") && answer.contains("&lt;b&gt;corp"),
            "{answer}"
        );
        assert!(!answer.contains("good"));
        assert!(TcpStream::connect(at).await.is_err());
    }
}
