//! The AWS Query protocol: form parameters in, XML out.
//!
//! Source: AWS STS API reference (version 2011-06-15), "Making query requests" and each
//! action's request and response syntax.

use std::collections::BTreeMap;
use std::time::SystemTime;

use chrono::{DateTime, SecondsFormat, Utc};
use dayfly_vault::SecretString;
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::http::request::Parts;
use hyper::{Method, Response, StatusCode, header};

/// The version of the API, and its namespace.
const VERSION: &str = "2011-06-15";
/// The namespace of every answer.
const NAMESPACE: &str = "https://sts.amazonaws.com/doc/2011-06-15/";

/// A request that has wholly arrived.
pub(crate) struct Incoming {
    pub head: Parts,
    pub body: Bytes,
}

impl Incoming {
    /// A header, where it is text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.headers.get(name)?.to_str().ok()
    }
}

/// What is asked for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Action {
    GetSessionToken { seconds: Option<u64> },
    AssumeRole(AssumeRole),
    GetCallerIdentity,
}

/// What is asked for a role.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct AssumeRole {
    pub role_arn: String,
    pub session_name: String,
    pub seconds: Option<u64>,
    pub external_id: Option<String>,
    pub source_identity: Option<String>,
}

/// What is given.
pub(crate) enum Answer {
    SessionToken(Issued),
    Role {
        issued: Issued,
        /// `AROA…:session-name`.
        id: String,
        /// `arn:aws:sts::…:assumed-role/…`.
        arn: String,
        source_identity: Option<String>,
    },
    Caller {
        arn: String,
        id: String,
        account: String,
    },
}

/// Temporary credentials that the emulator made.
#[derive(Clone, Debug)]
pub(crate) struct Issued {
    pub access_key_id: String,
    pub secret_access_key: SecretString,
    pub session_token: SecretString,
    pub expires_at: SystemTime,
}

/// Why nothing is given.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub status: StatusCode,
    pub code: &'static str,
    pub message: String,
    pub(crate) retry_after: Option<u32>,
}

impl Refusal {
    pub(crate) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
            retry_after: None,
        }
    }

    /// A parameter that cannot be used.
    pub(crate) fn validation(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "ValidationError", message)
    }

    /// The caller may not.
    pub(crate) fn forbidden(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, code, message)
    }

    /// The fault of an outage.
    pub(crate) fn unavailable() -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "ServiceUnavailable",
            "The request has failed due to a temporary failure of the server.",
        )
    }

    /// The fault of too many calls.
    pub(crate) fn throttled(retry_after: u32) -> Self {
        Self {
            retry_after: Some(retry_after),
            ..Self::new(StatusCode::BAD_REQUEST, "Throttling", "Rate exceeded")
        }
    }
}

/// What a request asks for.
pub(crate) fn action(request: &Incoming) -> Result<Action, Refusal> {
    let form: &[u8] = match request.head.method {
        Method::POST => &request.body,
        Method::GET => request.head.uri.query().unwrap_or_default().as_bytes(),
        _ => {
            return Err(Refusal::new(
                StatusCode::METHOD_NOT_ALLOWED,
                "InvalidAction",
                "Requests are POST or GET.",
            ));
        }
    };
    let parameters: BTreeMap<_, _> = form_urlencoded::parse(form).into_owned().collect();
    let text = |name: &str| parameters.get(name).filter(|v| !v.is_empty()).cloned();
    let needed = |name: &str| {
        text(name).ok_or_else(|| {
            Refusal::validation(format!(
                "1 validation error detected: Value null at '{name}' failed to satisfy \
                 constraint: Member must not be null"
            ))
        })
    };
    let seconds = || {
        text("DurationSeconds")
            .map(|value| {
                value.parse().map_err(|_| {
                    Refusal::validation("DurationSeconds must be a whole number of seconds")
                })
            })
            .transpose()
    };
    let name = text("Action").unwrap_or_default();
    let version = text("Version").unwrap_or_default();
    match name.as_str() {
        "GetSessionToken" if version == VERSION => Ok(Action::GetSessionToken {
            seconds: seconds()?,
        }),
        "AssumeRole" if version == VERSION => Ok(Action::AssumeRole(AssumeRole {
            role_arn: needed("RoleArn")?,
            session_name: needed("RoleSessionName")?,
            seconds: seconds()?,
            external_id: text("ExternalId"),
            source_identity: text("SourceIdentity"),
        })),
        "GetCallerIdentity" if version == VERSION => Ok(Action::GetCallerIdentity),
        _ => Err(Refusal::new(
            StatusCode::BAD_REQUEST,
            "InvalidAction",
            format!("Could not find operation {name} for version {version}"),
        )),
    }
}

/// The answer to an action.
pub(crate) fn answer(answer: &Answer, request_id: &str) -> Response<Full<Bytes>> {
    let (name, result) = match answer {
        Answer::SessionToken(issued) => ("GetSessionToken", credentials(issued)),
        Answer::Role {
            issued,
            id,
            arn,
            source_identity,
        } => {
            let user = element("AssumedRoleId", id) + &element("Arn", arn);
            let identity = source_identity
                .as_ref()
                .map(|identity| element("SourceIdentity", identity))
                .unwrap_or_default();
            (
                "AssumeRole",
                format!(
                    "{}<AssumedRoleUser>{user}</AssumedRoleUser>\
                     <PackedPolicySize>0</PackedPolicySize>{identity}",
                    credentials(issued)
                ),
            )
        }
        Answer::Caller { arn, id, account } => (
            "GetCallerIdentity",
            element("Arn", arn) + &element("UserId", id) + &element("Account", account),
        ),
    };
    respond(
        StatusCode::OK,
        request_id,
        None,
        format!(
            "<{name}Response xmlns=\"{NAMESPACE}\"><{name}Result>{result}</{name}Result>\
             <ResponseMetadata>{}</ResponseMetadata></{name}Response>",
            element("RequestId", request_id)
        ),
    )
}

/// The answer that says no.
pub(crate) fn refuse(refusal: &Refusal, request_id: &str) -> Response<Full<Bytes>> {
    let sender = if refusal.status.is_client_error() {
        "Sender"
    } else {
        "Receiver"
    };
    respond(
        refusal.status,
        request_id,
        refusal.retry_after,
        format!(
            "<ErrorResponse xmlns=\"{NAMESPACE}\"><Error>{}{}{}</Error>{}</ErrorResponse>",
            element("Type", sender),
            element("Code", refusal.code),
            element("Message", &refusal.message),
            element("RequestId", request_id)
        ),
    )
}

fn respond(
    status: StatusCode,
    request_id: &str,
    retry_after: Option<u32>,
    xml: String,
) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(xml)));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        header::HeaderValue::from_static("text/xml"),
    );
    if let Ok(id) = request_id.parse() {
        headers.insert("x-amzn-requestid", id);
    }
    if let Some(seconds) = retry_after {
        headers.insert(header::RETRY_AFTER, seconds.into());
    }
    response
}

fn credentials(issued: &Issued) -> String {
    let expiration = DateTime::<Utc>::from(issued.expires_at);
    // To the millisecond: a lifetime of a few seconds must not be rounded.
    let expiration = expiration.to_rfc3339_opts(SecondsFormat::Millis, true);
    format!(
        "<Credentials>{}{}{}{}</Credentials>",
        element("AccessKeyId", &issued.access_key_id),
        element("SecretAccessKey", issued.secret_access_key.expose()),
        element("SessionToken", issued.session_token.expose()),
        element("Expiration", &expiration)
    )
}

/// An element with text in it.
fn element(name: &str, text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            // XML 1.0 has no way to write the others.
            c if c.is_control() && !"\t\n\r".contains(c) => escaped.push('?'),
            c => escaped.push(c),
        }
    }
    format!("<{name}>{escaped}</{name}>")
}
