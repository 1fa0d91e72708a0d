//! Hands a secret address to a browser without naming it in a command line, which every user of
//! this machine can read: the browser is sent to loopback, once, and from there on.

use std::net::Ipv4Addr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::peer;
use crate::trouble::Trouble;

/// How long a browser may take to start.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long one connection may take to ask.
const ASK: Duration = Duration::from_secs(5);
/// The longest request, in bytes.
const REQUEST: usize = 16 << 10;

/// Waits for the browser on loopback and sends it on.
#[derive(Debug)]
pub(crate) struct Handover {
    listener: TcpListener,
    path: String,
    address: std::net::SocketAddr,
}

impl Handover {
    pub(crate) async fn start() -> Result<Self, Trouble> {
        let failed = |e: std::io::Error| Trouble::failed(format!("cannot listen on loopback: {e}"));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
        let listener = listener.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let path = format!("/{}", uuid::Uuid::new_v4().simple());
        Ok(Self {
            listener,
            path,
            address,
        })
    }

    /// Where the browser is to go.
    pub(crate) fn address(&self) -> String {
        format!("http://{}{}", self.address, self.path)
    }

    /// Sends the first who asks on to the secret address; whether somebody came.
    pub(crate) async fn serve(self, secret: &str) -> bool {
        let asked = async {
            loop {
                let Ok((stream, from)) = self.listener.accept().await else {
                    continue;
                };
                if peer::is_foreign(from, self.address) {
                    continue;
                }
                let answered = tokio::time::timeout(ASK, self.answer(stream, secret)).await;
                if let Ok(Ok(true)) = answered {
                    return;
                }
            }
        };
        tokio::time::timeout(PATIENCE, asked).await.is_ok()
    }

    async fn answer(&self, mut stream: TcpStream, secret: &str) -> std::io::Result<bool> {
        let mut head = Vec::new();
        while !head.windows(4).any(|w| w == b"\r\n\r\n") && head.len() < REQUEST {
            if stream.read_buf(&mut head).await? == 0 {
                return Ok(false);
            }
        }
        let head = String::from_utf8_lossy(&head);
        let mut lines = head.split("\r\n");
        let right = lines.next() == Some(&format!("GET {} HTTP/1.1", self.path));
        let host = format!("host: {}", self.address);
        let right = right && lines.any(|line| line.eq_ignore_ascii_case(&host));
        let answer = if right {
            format!(
                "HTTP/1.1 303 See Other\r\nLocation: {secret}\r\nCache-Control: no-store\r\n\
                 Referrer-Policy: no-referrer\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            )
        } else {
            "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".to_owned()
        };
        let answer = zeroize::Zeroizing::new(answer);
        stream.write_all(answer.as_bytes()).await?;
        stream.shutdown().await?;
        Ok(right)
    }
}

#[cfg(test)]
mod tests {
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
        let (at, path) = (handover.address.to_string(), handover.path.clone());
        assert!(handover.address().ends_with(&path));
        let served = tokio::spawn(handover.serve("https://example.com/?SigninToken=t"));
        assert!(ask(&at, "/", &at).await.starts_with("HTTP/1.1 404"));
        assert!(
            ask(&at, &path, "evil.example")
                .await
                .starts_with("HTTP/1.1 404")
        );
        let sent = ask(&at, &path, &at).await;
        assert!(
            sent.contains("\r\nLocation: https://example.com/?SigninToken=t\r\n"),
            "{sent}"
        );
        assert!(served.await.unwrap());
        assert!(TcpStream::connect(&at).await.is_err());
    }
}
