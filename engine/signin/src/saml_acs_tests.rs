use std::net::SocketAddr;

use data_encoding::BASE64;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::*;

const RESPONSE: &str = r#"<Response xmlns="urn:oasis:names:tc:SAML:2.0:protocol"><Status>
    <StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Success"/></Status>
    <EncryptedAssertion xmlns="urn:oasis:names:tc:SAML:2.0:assertion"/></Response>"#;
const KIND: &str = "Content-Type: application/x-www-form-urlencoded";
const IDP: &str = "https://idp.example/sso?sp=aws";

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

fn form(xml: &str, state: &str) -> String {
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("RelayState", state)
        .append_pair("SAMLResponse", &BASE64.encode(xml.as_bytes()));
    form.finish()
}

/// Sends each to a sign-in that then has to go on, and `good` at last, which ends it.
async fn refused(sign_in: SignIn, wrong: &[(String, String, &str)], good: (&str, &str)) -> Came {
    let acs = Acs::start(0).await.unwrap();
    let address = acs.0.address();
    assert_eq!(acs.url(), format!("http://{address}/saml"));
    let waiting =
        tokio::spawn(async move { acs.wait(&sign_in, Duration::from_secs(60), |_| {}).await });
    let here = |head: &str| head.replace("HERE", &address.to_string());
    for (head, body, wanted) in wrong {
        let answer = send(address, &here(head), body).await;
        assert_eq!(status(&answer), *wanted, "{head}: {answer}");
        assert!(!answer.contains("canary"));
    }
    assert!(!waiting.is_finished());
    let answer = send(address, &here(good.0), good.1).await;
    assert_eq!(status(&answer), "200", "{answer}");
    let came = waiting.await.unwrap().unwrap();
    assert!(TcpStream::connect(address).await.is_err());
    came
}

fn post(lines: &[&str]) -> String {
    format!(
        "POST /saml HTTP/1.1\r\nHost: HERE\r\n{}",
        lines.join("\r\n")
    )
}

const FROM: &str = "Origin: https://idp.example";

#[tokio::test]
async fn only_a_form_for_this_machine_ends_the_sign_in() {
    let good = form(RESPONSE, "x");
    let head = post(&[KIND, FROM]);
    let wrong = [
        (head.replace("HERE", "evil.example"), good.clone(), "403"),
        (
            head.replace("Host:", "Host: evil.example\r\nHost:"),
            good.clone(),
            "400",
        ),
        (head.replace("/saml", "/"), good.clone(), "404"),
        (
            post(&["Content-Type: text/plain", FROM]),
            good.clone(),
            "415",
        ),
        (head.clone(), "a=b".to_owned(), "400"),
        (head.clone(), "SAMLResponse=canary".to_owned(), "400"),
        (head.clone(), format!("{good}&{good}"), "400"),
        (head.clone(), form("<x/>", "x"), "400"),
        (head.replace("POST", "GET"), String::new(), "405"),
    ];
    let came = refused(SignIn::at(IDP, &[]), &wrong, (&head, &good)).await;
    assert_eq!(came.unwrap().expose(), BASE64.encode(RESPONSE.as_bytes()));
}

#[tokio::test]
async fn an_answer_of_somebody_else_is_refused() {
    let good = form(RESPONSE, "x");
    let answering = RESPONSE.replace("<Response ", "<Response InResponseTo=\"_1\" ");
    let saying_no = RESPONSE.replace("status:Success", "status:AuthnFailed");
    let from = |origin: &str| post(&[KIND, &format!("Origin: {origin}")]);
    let wrong = [
        (post(&[KIND]), good.clone(), "403"),
        (from("https://evil.example"), good.clone(), "403"),
        (
            from("https://idp.example.evil.example"),
            good.clone(),
            "403",
        ),
        (from("https://idp.example:8443"), good.clone(), "403"),
        (from("http://idp.example"), good.clone(), "403"),
        (from("null"), good.clone(), "403"),
        (
            post(&[KIND, FROM, "Origin: https://evil.example"]),
            good.clone(),
            "403",
        ),
        // Nor does somebody else's word that it was refused end it.
        (from("https://evil.example"), form(&saying_no, "x"), "403"),
        (post(&[KIND, FROM]), form(&answering, "x"), "403"),
    ];
    let head = from("https://IDP.example:443");
    refused(SignIn::at(IDP, &[]), &wrong, (&head, &good))
        .await
        .unwrap();
    // One that comes from elsewhere is named.
    let others = ["https://sts.corp.example".to_owned()];
    let head = from("https://sts.corp.example");
    refused(SignIn::at(IDP, &others), &[], (&head, &good))
        .await
        .unwrap();
}

#[tokio::test]
async fn the_state_of_the_sign_in_is_asked_for_where_it_was_sent() {
    let sign_in = SignIn::at("https://idp.example/sso?RelayState={state}", &[]);
    let state = sign_in
        .address()
        .split_once("RelayState=")
        .unwrap()
        .1
        .to_owned();
    assert_eq!(state.len(), 32);
    let wrong = [
        (post(&[KIND, FROM]), form(RESPONSE, "x"), "403"),
        (post(&[KIND, FROM]), form(RESPONSE, ""), "403"),
    ];
    let good = form(RESPONSE, &state);
    // A page without an origin brings it too, as Keycloak's does.
    let head = post(&[KIND, "Origin: null"]);
    refused(sign_in, &wrong, (&head, &good)).await.unwrap();
}

#[tokio::test]
async fn a_refusal_ends_it_and_says_so() {
    let refusal = RESPONSE.replace("status:Success", "status:AuthnFailed");
    let good = form(&refusal, "x");
    let came = refused(SignIn::at(IDP, &[]), &[], (&post(&[KIND, FROM]), &good)).await;
    assert_eq!(came, Err(AssertionError::Refused("AuthnFailed".to_owned())));
}

#[tokio::test(start_paused = true)]
async fn it_ends_by_itself() {
    let acs = Acs::start(0).await.unwrap();
    let sign_in = SignIn::at(IDP, &[]);
    let came = acs.wait(&sign_in, Duration::from_secs(300), |_| {}).await;
    assert_eq!(came, None);
}
