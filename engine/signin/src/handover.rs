//! Hands a secret address to a browser without naming it in a command line, which every user of
//! this machine can read: the browser is sent to loopback, once, and from there on.

use std::time::Duration;

use dayfly_dialog::CliError;
use hyper::header::{HeaderValue, LOCATION, REFERRER_POLICY};
use hyper::{Method, StatusCode};

use crate::loopback::{Loopback, blank};

/// How long a browser may take to start.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Waits for the browser on loopback and sends it on.
#[derive(Debug)]
pub(crate) struct Handover {
    loopback: Loopback,
    path: String,
}

impl Handover {
    pub(crate) async fn start() -> Result<Self, CliError> {
        let loopback = Loopback::start(0).await;
        let loopback =
            loopback.map_err(|e| CliError::failed(format!("cannot listen on loopback: {e}")))?;
        let path = format!("/{}", uuid::Uuid::new_v4().simple());
        Ok(Self { loopback, path })
    }

    /// Where the browser is to go.
    pub(crate) fn address(&self) -> String {
        format!("http://{}{}", self.loopback.address(), self.path)
    }

    /// Sends the first who asks on to the secret address; whether somebody came.
    pub(crate) async fn serve(self, secret: &str) -> bool {
        let Ok(mut onward) = HeaderValue::from_str(secret) else {
            return false;
        };
        onward.set_sensitive(true);
        let mut serving = self.loopback.serve(&["127.0.0.1"], 0);
        let asked = async {
            while let Some((asked, reply)) = serving.next().await {
                if asked.method() != Method::GET || asked.uri().path() != self.path {
                    reply.show_soon(blank(StatusCode::NOT_FOUND));
                    continue;
                }
                let mut page = blank(StatusCode::SEE_OTHER);
                page.headers_mut().insert(LOCATION, onward);
                let no_referrer = HeaderValue::from_static("no-referrer");
                page.headers_mut().insert(REFERRER_POLICY, no_referrer);
                reply.show(page).await;
                return true;
            }
            false
        };
        let came = tokio::time::timeout(TIMEOUT, asked).await;
        serving.close().await;
        came.unwrap_or(false)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpStream;

    use super::*;

    async fn ask(handover: &str, path: &str, host: &str) -> String {
        let mut stream = TcpStream::connect(handover).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    #[tokio::test]
    async fn only_the_right_path_is_sent_on_and_only_once() {
        let handover = Handover::start().await.unwrap();
        let at = handover.loopback.address().to_string();
        let path = handover.path.clone();
        assert!(handover.address().ends_with(&path));
        // A browser's connection that says nothing keeps nobody waiting.
        let _silent = TcpStream::connect(&at).await.unwrap();
        let served =
            tokio::spawn(async move { handover.serve("https://example.com/?SigninToken=t").await });
        assert!(ask(&at, "/", &at).await.starts_with("HTTP/1.1 404"));
        assert!(
            ask(&at, &path, "evil.example")
                .await
                .starts_with("HTTP/1.1 403")
        );
        let sent = ask(&at, &path, &at).await;
        assert!(
            sent.contains("\r\nlocation: https://example.com/?SigninToken=t\r\n"),
            "{sent}"
        );
        assert!(served.await.unwrap());
        assert!(TcpStream::connect(&at).await.is_err());
    }
}
