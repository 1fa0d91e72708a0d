//! Attacks on what a running engine listens on: refused, bounded, and it goes on serving.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use dayfly_tests::{Daemon, Home, until};
use serde_json::{Value, json};

const SECOND: Duration = Duration::from_secs(1);

struct Target {
    home: Home,
    daemon: Daemon,
    address: String,
    path: String,
    token: String,
}

fn ask_socket(home: &Home, request: &str) -> Value {
    let path = home.path().join("state/engine.sock");
    let mut stream = UnixStream::connect(path).expect("the socket is there");
    stream
        .write_all(format!("{request}\n").as_bytes())
        .expect("it is taken");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it is answered");
    serde_json::from_str(&answer).unwrap_or_else(|e| panic!("{e}: {answer}"))
}

impl Target {
    fn new() -> Self {
        let home = Home::new();
        let session = |id: &str| json!({ "sessionId": id, "sessionName": id, "type": "localstack", "profileName": id });
        home.save_workspace(&json!({ "sessions": [session("one"), session("two")] }));
        let daemon = Daemon::start(&home);
        let access = ask_socket(&home, r#"{"do":"endpoint","session":"one"}"#);
        let url = access["ok"]["url"].as_str().expect("a URL").to_owned();
        let rest = url.strip_prefix("http://").expect("plain HTTP on loopback");
        let (address, path) = rest.split_once('/').expect("a path");
        Self {
            address: address.to_owned(),
            path: format!("/{path}"),
            token: access["ok"]["token"].as_str().expect("a token").to_owned(),
            home,
            daemon,
        }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.address).expect("it listens");
        stream
            .set_read_timeout(Some(15 * SECOND))
            .expect("a timeout");
        stream
    }

    /// The status and body of a request with these header lines.
    fn send(&self, line: &str, headers: &[String]) -> (u16, String) {
        let mut stream = self.connect();
        let head = headers.concat();
        let request = format!("{line} HTTP/1.1\r\n{head}Connection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).expect("it is taken");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("it is answered");
        let status = answer.split(' ').nth(1).and_then(|s| s.parse().ok());
        (status.unwrap_or(0), answer)
    }

    fn host(&self) -> String {
        format!("Host: {}\r\n", self.address)
    }

    fn auth(&self) -> String {
        format!("Authorization: {}\r\n", self.token)
    }

    fn serves(&self) {
        let (status, answer) =
            self.send(&format!("GET {}", self.path), &[self.host(), self.auth()]);
        assert_eq!(status, 200, "{answer}");
        assert!(answer.contains("AccessKeyId"), "{answer}");
    }
}

#[test]
fn whoever_does_not_have_the_right_token_and_host_gets_nothing() {
    let target = Target::new();
    target.serves();
    let other = ask_socket(&target.home, r#"{"do":"endpoint","session":"two"}"#);
    let other = other["ok"]["token"].as_str().unwrap().to_owned();
    let (host, auth) = (target.host(), target.auth());
    let path = &target.path;
    let header = |name: &str, value: &str| format!("{name}: {value}\r\n");
    for (line, headers, wanted) in [
        (format!("GET {path}"), vec![host.clone()], 401),
        (
            format!("GET {path}"),
            vec![host.clone(), header("Authorization", &other)],
            401,
        ),
        (
            format!("GET {path}"),
            vec![
                host.clone(),
                header("Authorization", &format!("Bearer {}", target.token)),
            ],
            401,
        ),
        (
            format!("GET {path}"),
            vec![host.clone(), header("Authorization", "")],
            401,
        ),
        (
            "GET /creds/two".to_owned(),
            vec![host.clone(), auth.clone()],
            401,
        ),
        (
            "GET /creds/".to_owned(),
            vec![host.clone(), auth.clone()],
            401,
        ),
        (
            "GET /creds/../creds/one".to_owned(),
            vec![host.clone(), auth.clone()],
            401,
        ),
        (
            "GET /creds/%2e%2e/one".to_owned(),
            vec![host.clone(), auth.clone()],
            401,
        ),
        (
            "GET //creds/one".to_owned(),
            vec![host.clone(), auth.clone()],
            401,
        ),
        ("GET /".to_owned(), vec![host.clone(), auth.clone()], 401),
        (
            format!("GET {path}?x=1"),
            vec![host.clone(), auth.clone()],
            400,
        ),
        (
            format!("POST {path}"),
            vec![host.clone(), auth.clone()],
            405,
        ),
        (
            format!("GET {path}"),
            vec![header("Host", "attacker.example"), auth.clone()],
            403,
        ),
        (
            format!("GET {path}"),
            vec![header("Host", "127.0.0.1.attacker.example"), auth.clone()],
            403,
        ),
        (
            format!("GET {path}"),
            vec![
                host.clone(),
                auth.clone(),
                header("Origin", "https://attacker.example"),
            ],
            403,
        ),
    ] {
        let (status, answer) = target.send(&line, &headers);
        assert_eq!(status, wanted, "{line} {headers:?}: {answer}");
        assert!(!answer.contains("AccessKeyId"), "{answer}");
    }
    target.serves();
    // A request that is no request, and one whose head has no end.
    let mut stream = target.connect();
    stream
        .write_all(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
        .unwrap();
    let mut rest = Vec::new();
    let _ = stream.read_to_end(&mut rest);
    let mut stream = target.connect();
    let _ =
        stream.write_all(format!("GET {path} HTTP/1.1\r\nX: {}", "x".repeat(1 << 20)).as_bytes());
    let _ = stream.read_to_end(&mut rest);
    assert!(!String::from_utf8_lossy(&rest).contains("AccessKeyId"));
    target.serves();
    assert_eq!(target.daemon.terminate(), 0);
}

#[test]
fn many_and_slow_connections_do_not_keep_it_from_serving() {
    let target = Target::new();
    let descriptors = || {
        let folder = format!("/proc/{}/fd", target.daemon.pid());
        std::fs::read_dir(folder).map_or(0, Iterator::count)
    };
    let before = descriptors();
    // Some that say nothing, or a letter now and then.
    let mut slow: Vec<TcpStream> = (0..200).map(|_| target.connect()).collect();
    for stream in &mut slow {
        let _ = stream.write_all(b"GET / HT");
    }
    target.serves();
    // Ten thousand that come and go.
    for _ in 0..10_000 {
        drop(target.connect());
    }
    let begun = Instant::now();
    target.serves();
    assert!(begun.elapsed() < 15 * SECOND, "{:?}", begun.elapsed());
    // The slow ones were cut off by the deadline, and everything is given back.
    until(15 * SECOND, "descriptors are given back", || {
        descriptors() <= before + 8
    });
    drop(slow);
    target.serves();
    assert_eq!(target.daemon.terminate(), 0);
}

#[test]
fn the_control_socket_is_for_its_owner_and_takes_only_what_it_knows() {
    let target = Target::new();
    let state = target.home.path().join("state");
    let mode =
        |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&state.join("engine.sock")), 0o600);
    assert_eq!(mode(&state), 0o700);
    assert_eq!(mode(&state.join("endpoint.json")), 0o600);
    for request in [
        "",
        "{",
        "[]",
        r#"{"do":"shutdown"}"#,
        r#"{"do":"report","more":1}"#,
        r#"{"do":"order","session":"one","action":"explode"}"#,
        &format!(
            r#"{{"do":"order","session":"{}","action":"start"}}"#,
            "x".repeat(100_000)
        ),
    ] {
        let answer = ask_socket(&target.home, request);
        assert!(
            answer["error"]["message"].is_string(),
            "{request:.40}: {answer}"
        );
    }
    // One that never ends is cut off at the bound.
    let mut stream = UnixStream::connect(state.join("engine.sock")).unwrap();
    let _ = stream.write_all(&vec![b'x'; 2 << 20]);
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer);
    assert!(
        answer.is_empty() || answer.contains("error"),
        "{answer:.100}"
    );
    target.serves();
    // Nothing of a token is in what was written.
    let printed = target.daemon.output();
    assert!(!printed.contains(&target.token));
    assert_eq!(target.daemon.terminate(), 0);
}
