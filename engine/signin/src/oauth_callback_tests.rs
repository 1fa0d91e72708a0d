use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use zeroize::Zeroizing;

use super::*;

fn ask(method: &str, target: &str) -> Result<Brought, StatusCode> {
    let asked = hyper::Request::builder()
        .method(method)
        .uri(target)
        .body(Zeroizing::new(Vec::new()))
        .unwrap();
    understand(&asked, |state| state == "s1")
}

#[test]
fn only_the_right_request_counts() {
    match ask("GET", "/oauth/callback?code=c%2B1&state=s1") {
        Ok(Brought::Code(code)) => assert_eq!(code.expose(), "c+1"),
        other => panic!("{other:?}"),
    }
    match ask("GET", "/oauth/callback?error=access_denied&state=s1") {
        Ok(Brought::Refused(word)) => assert_eq!(word, "access_denied"),
        other => panic!("{other:?}"),
    }
    for (method, target, status) in [
        ("GET", "/favicon.ico", 404),
        ("POST", "/oauth/callback?code=c&state=s1", 405),
        ("GET", "/oauth/callback?code=c&state=s2", 400),
        ("GET", "/oauth/callback?error=x&state=s2", 400),
        ("GET", "/oauth/callback?code=c", 400),
        ("GET", "/oauth/callback?code=c&state=s1&state=s1", 400),
        ("GET", "/oauth/callback?code=&state=s1", 400),
        ("GET", "/oauth/callback", 400),
    ] {
        let got = ask(method, target).map(|_| ()).unwrap_err();
        assert_eq!(got.as_u16(), status, "{method} {target}");
    }
}

#[tokio::test]
async fn the_browser_is_told_and_the_door_is_closed() {
    let callback = Callback::start().await.unwrap();
    let at = callback.0.address();
    // A browser's connection that says nothing keeps nobody waiting.
    let _silent = TcpStream::connect(at).await.unwrap();
    let waiting = tokio::spawn(callback.wait(|state| state == "s1", TIMEOUT));
    let send = async |path: &str, host: &str| {
        let mut stream = TcpStream::connect(at).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        stream
    };
    let here = at.to_string();
    for (path, host, status) in [
        (
            "/oauth/callback?code=evil&state=guessed",
            here.as_str(),
            "400",
        ),
        ("/oauth/callback?code=evil&state=s1", "evil.example", "403"),
        ("/oauth/callback?code=evil&state=s1", "localhost:1", "403"),
    ] {
        let mut answer = String::new();
        let mut wrong = send(path, host).await;
        wrong.read_to_string(&mut answer).await.unwrap();
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status}")),
            "{answer}"
        );
    }
    let mut right = send("/oauth/callback?code=good&state=s1", &here).await;
    let (brought, browser) = waiting.await.unwrap().unwrap();
    assert!(matches!(brought, Brought::Code(code) if code.expose() == "good"));
    assert!(TcpStream::connect(at).await.is_err());
    browser.tell(true, "<b>corp</b> & co").await;
    let mut answer = String::new();
    right.read_to_string(&mut answer).await.unwrap();
    assert!(
        answer.contains("Signed in") && answer.contains("&lt;b&gt;corp"),
        "{answer}"
    );
    assert!(!answer.contains("good"));
}
