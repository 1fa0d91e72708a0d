//! The managed identity endpoint of Azure App Service, for programs that use the Azure SDKs or the
//! Azure CLI.
//!
//! Source: Microsoft, "How to use managed identities for App Service and Azure Functions", REST
//! endpoint reference, version 2019-08-01; the fields that MSAL reads of an error answer.
//!
//! The identity is the session's. A program may name one of several identities that it has where
//! it runs in Azure (`client_id` and its like); here there is one, whatever it names.

use std::time::Duration;

use dayfly_control::azure_token::GivenToken;
use dayfly_dialog::Code;
use dayfly_runtime::clock;
use hyper::body::Incoming;
use hyper::{HeaderMap, Method, Request, StatusCode};
use serde::Serialize;
use zeroize::Zeroizing;

use crate::answer::Answer;
use crate::authorization;
use crate::source::Source;
use crate::tokens::Tokens;

const BEGIN: &str = "/azure/";
const END: &str = "/msi/token";
const HEADER: &str = "x-identity-header";
const VERSION: &str = "2019-08-01";
/// How long an answer may take; SDKs give up after a few seconds and ask again.
const TIMEOUT: Duration = Duration::from_secs(20);
/// The longest query, in bytes.
const QUERY: usize = 4_096;

/// Whether a request is for this endpoint.
pub(crate) fn is_asked(path: &str) -> bool {
    path.starts_with(BEGIN)
}

/// The path of a session.
pub(crate) fn path(session: &str) -> String {
    format!("{BEGIN}{}{END}", authorization::encoded(session))
}

/// What is asked for.
#[derive(Debug, PartialEq, Eq)]
struct Asked {
    session: String,
    resource: String,
}

/// Why nothing is given.
type Refusal = (StatusCode, &'static str);

/// For what, where the right token is there. Pure.
fn admit(
    method: &Method,
    path: &str,
    query: &str,
    headers: &HeaderMap,
    tokens: &Tokens,
) -> Result<Asked, Refusal> {
    // An unknown session and a wrong token look the same.
    const REFUSED: Refusal = (
        StatusCode::UNAUTHORIZED,
        "the token is missing or wrong for this address",
    );
    if method != Method::GET {
        return Err((StatusCode::METHOD_NOT_ALLOWED, "only GET is supported"));
    }
    let session = path.strip_prefix(BEGIN).and_then(|p| p.strip_suffix(END));
    let session = session.and_then(authorization::decoded).ok_or(REFUSED)?;
    let mut given = headers.get_all(HEADER).iter();
    let token = match (given.next(), given.next()) {
        (Some(token), None) => token.as_bytes(),
        _ => return Err(REFUSED),
    };
    if !tokens.opens(&session, token) {
        return Err(REFUSED);
    }
    let bad = |why| (StatusCode::BAD_REQUEST, why);
    if query.len() > QUERY {
        return Err(bad("the query is too long"));
    }
    let (mut version, mut resource) = (None, None);
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        let place = match &*name {
            "api-version" => &mut version,
            "resource" => &mut resource,
            // Which of several identities, say: here there is one.
            _ => continue,
        };
        if place.replace(value.into_owned()).is_some() {
            return Err(bad("api-version or resource is given twice"));
        }
    }
    if version.as_deref() != Some(VERSION) {
        return Err(bad("api-version is not 2019-08-01"));
    }
    let resource = resource.filter(|resource| !resource.is_empty());
    let resource = resource.ok_or(bad("resource is missing"))?;
    Ok(Asked { session, resource })
}

/// Answers who has the token of the session.
pub(crate) async fn answer(
    request: &Request<Incoming>,
    source: &dyn Source,
    tokens: &Tokens,
) -> Answer {
    let asked = admit(
        request.method(),
        request.uri().path(),
        request.uri().query().unwrap_or_default(),
        request.headers(),
        tokens,
    );
    let asked = match asked {
        Ok(asked) => asked,
        Err((status, why)) => {
            let odd = status != StatusCode::BAD_REQUEST;
            return Answer::worded(status, &words(status, why), odd.then_some(why));
        }
    };
    let none = |status, message: &str| Answer::worded(status, &words(status, message), None);
    let given = source.token(&asked.session, &asked.resource);
    let given = match tokio::time::timeout(TIMEOUT, given).await {
        Ok(Ok(given)) => given,
        Ok(Err(trouble)) => {
            // What a client retries by itself is told apart from what it need not retry: the SDKs
            // ask again on 404, 410, 429 and 5xx.
            let status = match trouble.code {
                Code::NotFound | Code::Refused | Code::NeedsPerson | Code::Usage => {
                    StatusCode::BAD_REQUEST
                }
                Code::Failed => StatusCode::SERVICE_UNAVAILABLE,
            };
            let mut message = trouble.message;
            if let Some(hint) = trouble.hint {
                message = format!("{message}; {hint}");
            }
            return none(status, &message);
        }
        Err(_) => return none(StatusCode::GATEWAY_TIMEOUT, "Entra ID does not answer"),
    };
    if given.expires_at <= clock::now() {
        return none(StatusCode::SERVICE_UNAVAILABLE, "the token has expired");
    }
    match body(&given, &asked.resource) {
        Ok(text) => Answer::json(&text),
        Err(_) => none(
            StatusCode::INTERNAL_SERVER_ERROR,
            "the endpoint could not make an answer",
        ),
    }
}

#[derive(Serialize)]
struct Printed<'a> {
    access_token: &'a str,
    /// Seconds of the Unix epoch, as a text: the SDK for Rust takes nothing else.
    expires_on: String,
    resource: &'a str,
    token_type: &'a str,
}

fn body(given: &GivenToken, resource: &str) -> std::io::Result<Zeroizing<Vec<u8>>> {
    let answer = Printed {
        access_token: given.access_token.expose(),
        expires_on: (given.expires_at.as_millis() / 1_000).to_string(),
        resource,
        token_type: "Bearer",
    };
    let mut text = Zeroizing::new(Vec::with_capacity(16_384));
    serde_json::to_writer(&mut *text, &answer)?;
    Ok(text)
}

/// MSAL for Python reads `statusCode` and `message`, those for other languages `error` and
/// `error_description` too.
fn words(status: StatusCode, message: &str) -> serde_json::Value {
    let error = match status {
        StatusCode::BAD_REQUEST => "invalid_request",
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => "unauthorized_client",
        _ => "temporarily_unavailable",
    };
    serde_json::json!({
        "statusCode": status.as_u16(),
        "message": message,
        "error": error,
        "error_description": message,
    })
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;

    const GOOD: &str = "resource=https%3A%2F%2Fmanagement.azure.com&api-version=2019-08-01";

    #[test]
    fn only_the_right_request_gets_in() {
        let folder = tempfile::tempdir().unwrap();
        let tokens = Tokens::fleeting(folder.path());
        let token = |id| tokens.token(id).unwrap().expose().to_owned();
        let (a, b) = (token("a"), token("b"));
        let ask = |path: &str, query: &str, pairs: &[(&'static str, &str)]| {
            let mut headers = HeaderMap::new();
            for (name, value) in pairs {
                headers.append(*name, HeaderValue::from_str(value).unwrap());
            }
            let asked = admit(&Method::GET, path, query, &headers, &tokens);
            asked.map_err(|refusal| refusal.0.as_u16())
        };
        let (here, path) = (("host", "127.0.0.1:80"), path("a"));
        let asked = ask(&path, GOOD, &[here, (HEADER, &a)]).unwrap();
        assert_eq!(
            (asked.session.as_str(), asked.resource.as_str()),
            ("a", "https://management.azure.com")
        );
        let named = format!("{GOOD}&client_id=anything");
        assert!(ask(&path, &named, &[here, (HEADER, &a)]).is_ok());
        for (path, query, pairs, status) in [
            (path.as_str(), GOOD, vec![here], 401),
            (&path, GOOD, vec![here, (HEADER, &b)], 401),
            (&path, GOOD, vec![here, (HEADER, &a), (HEADER, &a)], 401),
            (&path, GOOD, vec![here, ("authorization", a.as_str())], 401),
            ("/azure/none/msi/token", GOOD, vec![here, (HEADER, &a)], 401),
            ("/azure/a", GOOD, vec![here, (HEADER, &a)], 401),
            ("/azure/a/b/msi/token", GOOD, vec![here, (HEADER, &a)], 401),
            (&path, "", vec![here, (HEADER, &a)], 400),
            (&path, "resource=r", vec![here, (HEADER, &a)], 400),
            (
                &path,
                "resource=r&api-version=2017-09-01",
                vec![here, (HEADER, &a)],
                400,
            ),
            (
                &path,
                "resource=r&resource=s&api-version=2019-08-01",
                vec![here, (HEADER, &a)],
                400,
            ),
        ] {
            assert_eq!(ask(path, query, &pairs), Err(status), "{path} {query}");
        }
        let long = format!("{GOOD}&x={}", "y".repeat(QUERY));
        assert_eq!(ask(&path, &long, &[here, (HEADER, &a)]), Err(400));
        let post = admit(&Method::POST, &path, GOOD, &HeaderMap::new(), &tokens);
        assert!(post.is_err());
    }

    #[test]
    fn an_answer_is_what_every_sdk_reads() {
        let given = GivenToken {
            access_token: "t".to_owned().into(),
            expires_at: dayfly_core::time::Timestamp::from_millis(1_800_000_000_999),
            subscription_id: "s".into(),
            tenant_id: "t".into(),
        };
        let text = body(&given, "https://vault.azure.net").unwrap();
        assert_eq!(
            std::str::from_utf8(&text).unwrap(),
            r#"{"access_token":"t","expires_on":"1800000000","resource":"https://vault.azure.net","token_type":"Bearer"}"#
        );
    }
}
