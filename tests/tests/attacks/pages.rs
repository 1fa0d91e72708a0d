//! What Dayfly shows in a browser, with words of others in it.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::Stdio;
use std::time::Duration;

use dayfly_tests::federation::free_port;
use dayfly_tests::{Home, until};
use serde_json::json;

const HOSTILE: &str = "http://x\"'><script>alert(1)</script><img/src=y onerror=alert(2)>&amp;";

/// Whoever posts to a sign-in that waits gets pages in which nothing of theirs is more than text.
#[test]
fn pages_of_a_sign_in_hold_no_element_that_somebody_else_wrote() {
    let home = Home::new();
    let port = free_port();
    home.save_config(&format!("[saml]\nport = {port}\n"));
    home.save_workspace(&json!({
        "idpUrls": [{ "id": "corp", "url": "http://127.0.0.1:9/sso" }],
        "sessions": [{ "sessionId": "fed", "sessionName": "<b>fed</b>", "type": "awsIamRoleFederated",
            "region": "eu-west-1", "profileName": "fed", "roleArn": "arn:aws:iam::123456789012:role/x",
            "idpArn": "arn:aws:iam::123456789012:saml-provider/idp", "idpUrlId": "corp" }],
    }));
    let mut command = home.command(["session", "login", "fed", "--no-browser"]);
    let mut child = command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("it runs");
    until(Duration::from_secs(30), "it listens", || {
        TcpStream::connect(("127.0.0.1", port)).is_ok()
    });
    let post = |path: &str, kind: &str, body: &str| {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("it listens");
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nOrigin: {HOSTILE}\r\nReferer: {HOSTILE}\r\n\
             Content-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(request.as_bytes()).expect("it is taken");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("it is text");
        answer
    };
    let form = "application/x-www-form-urlencoded";
    let mut shown = 0;
    for (path, kind, body) in [
        ("/saml", form, "SAMLResponse=PHNjcmlwdD4%3D"),
        ("/saml", form, "RelayState=%3Cscript%3E"),
        (
            "/saml",
            form,
            "SAMLResponse=%3Cscript%3E&RelayState=%3Cscript%3E",
        ),
        ("/saml", "text/html", "<script>"),
        ("/%3Cscript%3E", form, "a=b"),
    ] {
        let answer = post(path, kind, body);
        let (head, page) = answer.split_once("\r\n\r\n").expect("an answer");
        for tag in ["<script", "<img", "<b>"] {
            assert!(!page.contains(tag), "{body}: {page}");
        }
        assert!(!head.starts_with("HTTP/1.1 200"), "{body}: {head}");
        if page.is_empty() {
            continue;
        }
        let head = head.to_ascii_lowercase();
        for part in [
            "default-src 'none'",
            "form-action 'none'",
            "base-uri 'none'",
            "frame-ancestors 'none'",
            "nosniff",
        ] {
            assert!(head.contains(part), "{part}: {head}");
        }
        shown += 1;
    }
    assert!(shown >= 2, "{shown} pages");
    assert!(
        child.try_wait().expect("it is ours").is_none(),
        "it goes on"
    );
    child.kill().expect("it is ours");
    child.wait().expect("it is ours");
}
