//! A registry that leads elsewhere, or does not end.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use dayfly_registry::{Place, Registry, RegistryError};

type Answer = dyn Fn(&str) -> String + Send + Sync;

/// A server that answers each path with what the function says; what it was asked, with headers.
struct Server {
    host: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// Where an answer ends with `…`, it goes on for ever.
    fn start(answer: impl Fn(&str) -> String + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (seen, answer): (_, Arc<Answer>) = (Arc::clone(&asked), Arc::new(answer));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (seen, answer) = (Arc::clone(&seen), Arc::clone(&answer));
                std::thread::spawn(move || {
                    let mut reader = BufReader::new(stream.try_clone().unwrap());
                    let mut head = String::new();
                    while !head.ends_with("\r\n\r\n") {
                        if reader.read_line(&mut head).unwrap_or(0) == 0 {
                            return;
                        }
                    }
                    let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
                    seen.lock().unwrap().push(head);
                    let mut stream = stream;
                    let text = answer(&path);
                    let endless = text.strip_suffix('…');
                    let _ = stream.write_all(endless.unwrap_or(&text).as_bytes());
                    while endless.is_some() && stream.write_all(&[b' '; 65_536]).is_ok() {}
                });
            }
        });
        Self { host, asked }
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

fn ok(body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}")
}

fn to(address: &str) -> String {
    format!(
        "HTTP/1.1 307 Elsewhere\r\nConnection: close\r\nContent-Length: 0\r\nLocation: {address}\r\n\r\n"
    )
}

async fn resolve(host: &str) -> Result<String, RegistryError> {
    let place = Place {
        host: host.to_owned(),
        repository: "team/x".to_owned(),
        tag: Some("1".to_owned()),
        digest: None,
    };
    Registry::at(host).await.unwrap().resolve(&place).await
}

const MANIFEST: &str =
    r#"{"schemaVersion":2,"config":{"mediaType":"a/b","digest":"sha256:0","size":2},"layers":[]}"#;

#[tokio::test]
async fn a_manifest_is_not_read_without_end() {
    let endless = "HTTP/1.1 200 OK\r\nContent-Length: 3000000000\r\n\r\n{…";
    let server = Server::start(move |path| match path {
        "/v2/" => ok("{}"),
        _ => endless.to_owned(),
    });
    let error = resolve(&server.host).await.unwrap_err();
    assert!(matches!(error, RegistryError::TooLarge { .. }), "{error}");
    // Nor is what comes in place of a token, or says what went wrong.
    let server = Server::start(move |path| match path {
        "/v2/" => "HTTP/1.1 401 No\r\nConnection: close\r\nContent-Length: 0\r\n\
                   WWW-Authenticate: Bearer realm=\"/token\"\r\n\r\n"
            .to_owned(),
        _ => endless.to_owned(),
    });
    let error = resolve(&server.host).await.unwrap_err();
    assert!(matches!(error, RegistryError::TooLarge { .. }), "{error}");
    let server = Server::start(move |path| match path {
        "/v2/" => ok("{}"),
        _ => endless.replace("200", "500"),
    });
    let error = resolve(&server.host).await.unwrap_err();
    assert!(error.to_string().contains("it answered 500"), "{error}");
}

#[tokio::test]
async fn nobody_is_led_to_the_metadata_of_a_cloud_or_into_a_private_network() {
    for address in [
        "http://169.254.169.254/latest/meta-data/",
        "http://[::ffff:169.254.169.254]/latest/",
        "http://10.0.0.1/",
        "https://192.168.0.1/",
    ] {
        let server = Server::start(move |path| match path {
            "/v2/" => ok("{}"),
            _ => to(address),
        });
        let error = resolve(&server.host).await.unwrap_err();
        let told = error.to_string();
        assert!(
            told.contains("an address of this machine or of a private network"),
            "{told}"
        );
    }
    // The place of tokens is judged as well.
    let server = Server::start(|_| {
        "HTTP/1.1 401 No\r\nConnection: close\r\nContent-Length: 0\r\n\
         WWW-Authenticate: Bearer realm=\"http://169.254.169.254/token\"\r\n\r\n"
            .to_owned()
    });
    let told = resolve(&server.host).await.unwrap_err().to_string();
    assert!(told.contains("169.254.169.254 is an address"), "{told}");
}

#[tokio::test]
async fn only_the_registry_itself_names_another_host() {
    let third = Server::start(|_| ok(MANIFEST));
    let named = format!("http://{}/third", third.host);
    let second = Server::start(move |path| match path {
        "/here" => to("/there"),
        "/there" => ok(MANIFEST),
        _ => to(&named),
    });
    let serve = |path: &str| {
        let address = format!("http://{}{path}", second.host);
        Server::start(move |path| match path {
            "/v2/" => ok("{}"),
            _ => to(&address),
        })
    };
    // To another place of the same host it may.
    let good = serve("/here");
    assert!(resolve(&good.host).await.unwrap().starts_with("sha256:"));
    let bad = serve("/on");
    let told = resolve(&bad.host).await.unwrap_err().to_string();
    assert!(
        told.contains("where only the registry itself may redirect"),
        "{told}"
    );
    assert!(third.asked().is_empty());
    // Round in a circle.
    let circle = Server::start(|path| match path {
        "/v2/" => ok("{}"),
        _ => to("/v2/again"),
    });
    let told = resolve(&circle.host).await.unwrap_err().to_string();
    assert!(told.contains("redirects too often"), "{told}");
}

#[tokio::test]
async fn a_token_is_shown_to_the_registry_alone() {
    let second = Server::start(|_| ok(MANIFEST));
    let address = format!("http://{}/blob", second.host);
    let first = Server::start(move |path| match path {
        "/v2/" => "HTTP/1.1 401 No\r\nConnection: close\r\nContent-Length: 0\r\n\
                   WWW-Authenticate: Bearer realm=\"/token\",service=\"s\"\r\n\r\n"
            .to_owned(),
        path if path.starts_with("/token?") => ok(r#"{"token":"canary"}"#),
        _ => to(&address),
    });
    resolve(&first.host).await.unwrap();
    let asked = first.asked();
    assert!(
        asked
            .iter()
            .any(|head| head.contains("scope=repository%3Ateam%2Fx%3Apull"))
    );
    assert!(
        asked.iter().any(|head| head.contains("Bearer canary")),
        "{asked:?}"
    );
    assert_eq!(second.asked().len(), 1);
    assert!(!second.asked()[0].contains("canary"));
}
