//! The control socket and the credentials endpoint of a running engine: whatever is said to them,
//! they answer in their own language or hang up, give nothing away, and go on serving.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;

use dayfly_fuzz::{fuzz, repository};
use dayfly_tests::{Daemon, Home};
use serde_json::{Value, json};

/// Longer than an engine on a busy machine takes for any answer.
const TIMEOUT: Duration = Duration::from_secs(20);

fn engine() -> (Home, Daemon) {
    let home = Home::new();
    home.save_workspace(&json!({ "sessions": [
        { "sessionId": "dev", "sessionName": "dev", "type": "localstack", "profileName": "dev" },
    ]}));
    home.save_config("");
    let daemon = Daemon::start(&home);
    (home, daemon)
}

fn socket(home: &Home) -> PathBuf {
    home.path().join("state").join("engine.sock")
}

fn ask(home: &Home, request: &[u8]) -> Vec<u8> {
    let mut stream = UnixStream::connect(socket(home)).expect("the engine listens");
    stream.set_read_timeout(Some(TIMEOUT)).expect("a deadline");
    // It may have hung up already.
    let _ = stream.write_all(request);
    let _ = stream.shutdown(Shutdown::Write);
    let mut answer = Vec::new();
    match stream.read_to_end(&mut answer) {
        Err(e) if e.kind() == std::io::ErrorKind::WouldBlock => panic!("no answer"),
        _ => answer,
    }
}

#[test]
fn control() {
    let (home, mut daemon) = engine();
    let page = repository().join("engine/control/src/CONTROL.md");
    let page = std::fs::read_to_string(page).expect("the page is read");
    let seeds: Vec<Vec<u8>> = page
        .lines()
        .filter(|line| line.starts_with("{\"do\""))
        .map(|line| format!("{line}\n").into_bytes())
        .collect();
    let words = [
        "{\"do\":",
        "\"order\"",
        "\"session\":",
        "null",
        "\n",
        "\\u0000",
        "[",
        "{",
        "1e400",
        "\"dev\"",
    ];
    fuzz!(&seeds, &words, |bytes| {
        let answer = ask(&home, bytes);
        if !answer.is_empty() {
            let answer: Value = serde_json::from_slice(&answer).expect("an answer is JSON");
            assert!(
                answer.get("ok").is_some() || answer.get("error").is_some(),
                "{answer}"
            );
        }
    });
    assert!(daemon.is_alive());
    home.run(["session", "start", "dev"]).ok();
    assert_eq!(daemon.terminate(), 0);
}

#[test]
fn endpoint() {
    let (home, mut daemon) = engine();
    home.run(["session", "start", "dev"]).ok();
    let answer = ask(&home, b"{\"do\":\"endpoint\",\"session\":\"dev\"}\n");
    let answer: Value = serde_json::from_slice(&answer).expect("an answer is JSON");
    let url = answer["ok"]["url"].as_str().expect("a URL").to_owned();
    let token = answer["ok"]["token"].as_str().expect("a token").to_owned();
    let rest = url.strip_prefix("http://").expect("a URL");
    let (host, path) = rest.split_once('/').expect("a URL");
    let say = |bytes: &[u8], ends: bool| {
        let mut stream = TcpStream::connect(host).expect("the engine listens");
        stream.set_read_timeout(Some(TIMEOUT)).expect("a deadline");
        let _ = stream.write_all(bytes);
        if ends {
            // Nobody waits for the rest of what was cut short.
            let _ = stream.shutdown(Shutdown::Write);
        }
        let mut answer = Vec::new();
        match stream.read_to_end(&mut answer) {
            Err(e) if e.kind() == std::io::ErrorKind::WouldBlock => panic!("no answer"),
            _ => answer,
        }
    };
    let with = |authorization: &str| {
        format!(
            "GET /{path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: {authorization}\r\nConnection: close\r\n\r\n"
        )
    };
    let good = say(with(&token).as_bytes(), false);
    assert!(
        good.starts_with(b"HTTP/1.1 200"),
        "{}",
        String::from_utf8_lossy(&good)
    );
    let seeds = vec![
        with("wrong").into_bytes(),
        format!("HEAD / HTTP/1.1\r\nHost: {host}\r\n\r\n").into_bytes(),
        b"POST /creds/x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n".to_vec(),
    ];
    let words = [
        "GET ",
        " HTTP/1.1\r\n",
        "\r\n\r\n",
        "Host: evil\r\n",
        "Content-Length: 99999999999999\r\n",
        "Authorization: \r\n",
        "../",
        "%2e%2e/",
        "\0",
        "http://a/",
    ];
    fuzz!(&seeds, &words, |bytes| {
        let answer = say(bytes, true);
        let text = String::from_utf8_lossy(&answer);
        assert!(answer.is_empty() || text.starts_with("HTTP/1."), "{text}");
        assert!(!text.contains("SecretAccessKey"), "{text}");
        assert!(!text.contains(&token), "{text}");
    });
    assert!(daemon.is_alive());
    assert!(say(with(&token).as_bytes(), false).starts_with(b"HTTP/1.1 200"));
    assert_eq!(daemon.terminate(), 0);
}
